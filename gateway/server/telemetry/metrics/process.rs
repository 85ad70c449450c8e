//! Metrics of this process that the kernel reports.
//!
//! The files below `/proc` are opened once, before the process is confined: an open file stays readable. A value that cannot
//! be read, such as in a container without `/proc`, stays at zero.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{Counter, IntGauge, Registry};
use rustix::fs::Dir;
use rustix::process::{Resource, getrlimit};

use super::catalogue;
use super::series::gauge;

/// The gauges, and what they are read from.
#[derive(Debug)]
pub(super) struct Process {
    cpu: Counter,
    threads: IntGauge,
    resident: IntGauge,
    virtual_memory: IntGauge,
    open_fds: IntGauge,
    stat: Option<File>,
    status: Option<File>,
    /// Read from its beginning each time, by one thread at a time.
    fds: Option<Mutex<Dir>>,
}

impl Process {
    pub(super) fn new(r: &Registry) -> prometheus::Result<Self> {
        let cpu = Counter::new(catalogue::PROCESS_CPU.name, catalogue::PROCESS_CPU.help)?;
        r.register(Box::new(cpu.clone()))?;
        let most = gauge(r, &catalogue::PROCESS_MAX_FDS)?;
        most.set(getrlimit(Resource::Nofile).current.map_or(i64::MAX, whole));
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        gauge(r, &catalogue::PROCESS_START)?.set(whole(started.as_secs()));
        let process = Self {
            cpu,
            threads: gauge(r, &catalogue::PROCESS_THREADS)?,
            resident: gauge(r, &catalogue::PROCESS_RESIDENT)?,
            virtual_memory: gauge(r, &catalogue::PROCESS_VIRTUAL)?,
            open_fds: gauge(r, &catalogue::PROCESS_OPEN_FDS)?,
            stat: File::open("/proc/self/stat").ok(),
            status: File::open("/proc/self/status").ok(),
            fds: File::open("/proc/self/fd").ok().and_then(|folder| Dir::new(folder).ok()).map(Mutex::new),
        };
        Ok(process)
    }

    /// Reads all values.
    pub(super) fn sample(&self) {
        // User and system time are the 14th and 15th field of the line, the second is a name in brackets.
        let line = text_of(self.stat.as_ref());
        let times = line.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
        let ticks: u64 = times.filter_map(|ticks| ticks.parse::<u64>().ok()).fold(0, u64::saturating_add);
        self.cpu.inc_by((ticks as f64 / TICKS - self.cpu.get()).max(0.0));
        let text = text_of(self.status.as_ref());
        for (name, gauge, unit) in [
            ("Threads:", &self.threads, 1),
            ("VmRSS:", &self.resident, 1024),
            ("VmSize:", &self.virtual_memory, 1024),
        ] {
            if let Some(count) = number(&text, name) {
                gauge.set(whole(count.saturating_mul(unit)));
            }
        }
        if let Some(fds) = &self.fds {
            let mut fds = fds.lock().unwrap_or_else(PoisonError::into_inner);
            fds.rewind();
            // `.` and `..` are no file descriptors.
            let count = fds.by_ref().filter(Result::is_ok).count().saturating_sub(2);
            self.open_fds.set(whole(count as u64));
        }
    }
}

/// The text of a file of `/proc` now; empty if it cannot be read.
fn text_of(file: Option<&File>) -> String {
    let mut text = [0; 4096];
    let read = file.and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or_default();
    String::from_utf8_lossy(text.get(..read).unwrap_or_default()).into_owned()
}

/// `USER_HZ`: ticks per second in `/proc`.
const TICKS: f64 = 100.0;

/// The number in the line that begins with `name`.
fn number(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_kernel() {
        let status = "Name:\tstagedoor\nVmSize:\t  71392 kB\nVmRSS:\t   9876 kB\nThreads:\t4\n";
        for (name, expected) in [("VmSize:", Some(71_392)), ("Threads:", Some(4)), ("VmSwap:", None)] {
            assert_eq!(number(status, name), expected, "{name}");
        }
    }
}
