//! The app behind every proxy of the benchmark: it answers at once, and never gets in the way.
//!
//! `upstream [PORT]` listens on loopback and prints its address. `GET /file/N` gives N bytes, `GET /seen` the head that
//! came; a body of any length is read and counted; everything else gets one kilobyte of JSON. A thread for each
//! connection, the standard library alone: built by `rustc -O`, so that no other server is needed.

use std::io::{BufRead, BufReader, IoSlice, Read, Result, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> Result<()> {
    let port = std::env::args().nth(1).map_or(0, |port| port.parse().expect("a port"));
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("{}", listener.local_addr()?);
    let pad = "x".repeat(1000);
    let body = format!("{{\"ok\":true,\"pad\":\"{pad}\"}}");
    let answer: &[u8] = Vec::leak(
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: bench/1\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
    );
    for stream in listener.incoming().flatten() {
        std::thread::Builder::new().stack_size(256 * 1024).spawn(move || serve(stream, answer))?;
    }
    Ok(())
}

fn serve(stream: TcpStream, answer: &[u8]) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut out = stream.try_clone()?;
    let mut input = BufReader::with_capacity(64 * 1024, stream);
    let mut line = Vec::with_capacity(1024);
    loop {
        let Some(head) = Head::read(&mut input, &mut line)? else { return Ok(()) };
        let received = match head.body {
            Body::None => 0,
            Body::Length(length) => skip(&mut input, length)?,
            Body::Chunked => skip_chunked(&mut input, &mut line)?,
        };
        if let Some(length) = head.file {
            send_file(&mut out, length)?;
        } else if let Some(seen) = head.seen {
            write!(out, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", seen.len())?;
            out.write_all(&seen)?;
        } else if received > 0 {
            let body = format!("{{\"received\":{received}}}");
            write!(
                out,
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )?;
        } else {
            out.write_all(answer)?;
        }
        if head.close {
            return Ok(());
        }
    }
}

struct Head {
    file: Option<u64>,
    /// All of it, if it is to be given back.
    seen: Option<Vec<u8>>,
    body: Body,
    close: bool,
}

enum Body {
    None,
    Length(u64),
    Chunked,
}

impl Head {
    fn read(input: &mut BufReader<TcpStream>, line: &mut Vec<u8>) -> Result<Option<Self>> {
        line.clear();
        if input.read_until(b'\n', line)? == 0 {
            return Ok(None);
        }
        let path = line.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        let file = path.strip_prefix(b"/file/").map(number);
        let seen = (path == b"/seen").then(|| line.clone());
        let mut head = Self { file, seen, body: Body::None, close: false };
        loop {
            line.clear();
            if input.read_until(b'\n', line)? <= 2 {
                return Ok(Some(head));
            }
            if let Some(seen) = &mut head.seen {
                seen.extend_from_slice(line);
            }
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
            if name.eq_ignore_ascii_case(b"content-length") && number(value) > 0 {
                head.body = Body::Length(number(value));
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                head.body = Body::Chunked;
            } else if name.eq_ignore_ascii_case(b"connection") {
                head.close = value.eq_ignore_ascii_case(b"close");
            }
        }
    }
}

fn number(text: &[u8]) -> u64 {
    text.iter().take_while(|byte| byte.is_ascii_digit()).fold(0, |n, digit| n * 10 + u64::from(digit - b'0'))
}

fn skip(input: &mut BufReader<TcpStream>, length: u64) -> Result<u64> {
    std::io::copy(&mut input.take(length), &mut std::io::sink())
}

fn skip_chunked(input: &mut BufReader<TcpStream>, line: &mut Vec<u8>) -> Result<u64> {
    let mut received = 0;
    loop {
        line.clear();
        input.read_until(b'\n', line)?;
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let size = u64::from_str_radix(&String::from_utf8_lossy(&line[..digits]), 16).unwrap_or(0);
        received += skip(input, size)?;
        line.clear();
        input.read_until(b'\n', line)?;
        if size == 0 {
            return Ok(received);
        }
    }
}

fn send_file(out: &mut TcpStream, length: u64) -> Result<()> {
    static BLOCK: [u8; 256 * 1024] = [0; 256 * 1024];
    let head =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n");
    let (mut head, mut left) = (head.as_bytes(), length);
    while !head.is_empty() || left > 0 {
        let part = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK.len());
        let sent = out.write_vectored(&[IoSlice::new(head), IoSlice::new(&BLOCK[..part])])?;
        let of_head = sent.min(head.len());
        head = &head[of_head..];
        left -= (sent - of_head) as u64;
    }
    Ok(())
}
