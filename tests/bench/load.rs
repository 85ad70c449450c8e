//! Requests at a constant rate, and how long each took.
//!
//! `load PORT FILE CONNECTIONS RATE SECONDS` sends the requests of FILE, one after the other and again from the start,
//! over so many keep-alive connections: RATE a second in all, evenly spread, whether or not earlier ones are answered.
//! With a RATE of 0 each connection sends its next request as soon as it has its answer; with 0 SECONDS each request is
//! sent once. FILE holds request heads, each with the empty line at its end.
//!
//! A request that has to wait because its connection is still busy is late, and its time counts from when it was due: a
//! proxy that stalls makes all of them slow, not one. Where the connection is free, the time counts from the write, so
//! that a late wake-up of this program is not the proxy's.
//!
//! Prints JSON: how many answers had which status, how long it took, and percentiles in microseconds. A broken answer
//! ends it with an error. A thread for each connection, the standard library alone: built by `rustc -O`.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

type Fault = Box<dyn Error + Send + Sync>;

struct Plan {
    port: u16,
    requests: Vec<Vec<u8>>,
    connections: usize,
    /// Between two requests of one connection; nothing of it where they follow at once.
    pace: Option<Duration>,
    /// When to stop; never where each request is sent once.
    until: Option<Duration>,
    began: Instant,
}

#[derive(Default)]
struct Seen {
    statuses: BTreeMap<u16, u64>,
    /// Nanoseconds.
    times: Vec<u64>,
}

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, file, connections, rate, seconds] = arguments.as_slice() else {
        return Err("usage: load PORT FILE CONNECTIONS RATE SECONDS".into());
    };
    let (connections, rate, seconds): (usize, f64, f64) = (connections.parse()?, rate.parse()?, seconds.parse()?);
    // Sleeps end when they should, not 50 µs later. Only a favour: without it the write is what counts.
    let _ = std::fs::write("/proc/self/timerslack_ns", "1000");
    let plan = Arc::new(Plan {
        port: port.parse()?,
        requests: split(&std::fs::read(file)?),
        connections,
        pace: (rate > 0.0).then(|| Duration::from_secs_f64(connections as f64 / rate)),
        until: (seconds > 0.0).then(|| Duration::from_secs_f64(seconds)),
        began: Instant::now() + Duration::from_millis(50),
    });
    let threads: Vec<_> = (0..connections)
        .map(|number| {
            let plan = Arc::clone(&plan);
            thread::Builder::new().stack_size(256 * 1024).spawn(move || one(&plan, number))
        })
        .collect::<Result<_, _>>()?;
    let mut all = Seen::default();
    for thread in threads {
        let seen = thread.join().map_err(|_| "a thread ended early")??;
        all.times.extend(seen.times);
        for (status, count) in seen.statuses {
            *all.statuses.entry(status).or_default() += count;
        }
    }
    let took = plan.began.elapsed().as_secs_f64();
    all.times.sort_unstable();
    let statuses: Vec<String> = all.statuses.iter().map(|(status, count)| format!("\"{status}\": {count}")).collect();
    let at = |share: f64| {
        let last = all.times.len().saturating_sub(1);
        all.times.get((last as f64 * share).round() as usize).map_or(0.0, |nanoseconds| *nanoseconds as f64 / 1e3)
    };
    println!(
        "{{\"requests\": {}, \"seconds\": {took:.3}, \"statuses\": {{{}}}, \
         \"p50_us\": {:.1}, \"p99_us\": {:.1}, \"p999_us\": {:.1}, \"highest_us\": {:.1}}}",
        all.times.len(),
        statuses.join(", "),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0),
    );
    Ok(())
}

fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let mut requests = Vec::new();
    let mut rest = text;
    while let Some(end) = find(rest, b"\r\n\r\n") {
        requests.push(rest[..end + 4].to_vec());
        rest = &rest[end + 4..];
    }
    requests
}

/// What connection `number` does: every request whose place in the order is its own.
fn one(plan: &Plan, number: usize) -> Result<Seen, Fault> {
    let mut seen = Seen::default();
    let mut connection = Connection::open(plan.port)?;
    let mut free = plan.began;
    let mut due = plan.began + plan.pace.unwrap_or_default().mul_f64(number as f64 / plan.connections as f64);
    let mut place = number;
    loop {
        if plan.until.is_some_and(|until| due >= plan.began + until || free >= plan.began + until)
            || plan.until.is_none() && place >= plan.requests.len()
        {
            return Ok(seen);
        }
        let start = match plan.pace {
            Some(_) if free > due => due,
            Some(_) => {
                thread::sleep(due.saturating_duration_since(Instant::now()));
                Instant::now()
            }
            None => Instant::now(),
        };
        let request = plan.requests.get(place % plan.requests.len()).ok_or("no requests")?;
        let status = connection.exchange(request)?;
        free = Instant::now();
        seen.times.push(u64::try_from((free - start).as_nanos())?);
        *seen.statuses.entry(status).or_default() += 1;
        if connection.closes {
            connection = Connection::open(plan.port)?;
        }
        place += plan.connections;
        due = plan.pace.map_or(free, |pace| due + pace);
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    closes: bool,
}

impl Connection {
    fn open(port: u16) -> Result<Self, Fault> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { stream, buffer: vec![0; 64 * 1024], closes: false })
    }

    /// Sends one request and reads its whole answer; the status.
    fn exchange(&mut self, request: &[u8]) -> Result<u16, Fault> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let end = loop {
            let came = self.stream.read(&mut self.buffer[filled..])?;
            if came == 0 {
                return Err("the connection ended without an answer".into());
            }
            filled += came;
            if let Some(end) = find(&self.buffer[..filled], b"\r\n\r\n") {
                break end;
            }
        };
        let head = std::str::from_utf8(&self.buffer[..end])?;
        let status = head.get(9..12).ok_or("no status")?.parse()?;
        let mut length = None;
        for line in head.lines().skip(1) {
            let (name, value) = line.split_once(':').ok_or("a line without a colon")?;
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse::<usize>()?);
            } else if name.eq_ignore_ascii_case("connection") {
                self.closes = value.trim().eq_ignore_ascii_case("close");
            }
        }
        let mut left = (end + 4 + length.ok_or("an answer without Content-Length")?)
            .checked_sub(filled)
            .ok_or("more than one answer")?;
        while left > 0 {
            let room = left.min(self.buffer.len());
            let came = self.stream.read(&mut self.buffer[..room])?;
            if came == 0 {
                return Err("the connection ended in an answer".into());
            }
            left -= came;
        }
        Ok(status)
    }
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|part| part == what)
}
