//! What the machine has: the values behind `connections = "auto"` and `threads = "auto"`.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Memory that `connections = "auto"` allows for one connection.
const PER_CONNECTION: u64 = 64 * 1024;
const AUTO_MOST: usize = 10_000;
/// File descriptors kept for what is not a client connection.
const SPARE_DESCRIPTORS: u64 = 128;

/// What this machine has, looked up before the process is confined: `/proc` may be out of reach afterwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// What `connections = "auto"` means.
    pub(crate) connections: usize,
    /// What `threads = "auto"` means.
    pub(crate) threads: usize,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { connections: auto_connections(), threads }
    }
}

/// Lets the process open as many files as its hard limit allows. The soft limit is 1,024 on most systems, for programs that use
/// `select(2)`; this one does not, and each connection is a file.
pub(crate) fn raise_open_files() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return Ok(());
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// What `connections = "auto"` means on this machine: an eighth of the memory at 64 KiB each, at most 10,000, and no more
/// than the limit of open files allows. A request holds three: the client's connection, the app's, and a handle of that.
fn auto_connections() -> usize {
    let by_memory = memory_bytes()
        .map_or(AUTO_MOST, |bytes| usize::try_from(bytes / 8 / PER_CONNECTION).unwrap_or(usize::MAX));
    let by_files = open_files().map_or(AUTO_MOST, |files| {
        usize::try_from(files.saturating_sub(SPARE_DESCRIPTORS) / 3).unwrap_or(usize::MAX)
    });
    by_memory.min(by_files).clamp(16, AUTO_MOST)
}

/// Memory of the machine or of its control group, whichever is less.
fn memory_bytes() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    });
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    match (machine, group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (either, other) => either.or(other),
    }
}

/// The soft limit of open files.
fn open_files() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn as_many_files_may_be_open_as_the_hard_limit_allows() {
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: Some(256), maximum }).unwrap();
        raise_open_files().unwrap();
        assert_eq!(getrlimit(Resource::Nofile), Rlimit { current: maximum, maximum });
        assert!(open_files().is_none_or(|files| Some(files) == maximum), "what `auto` is computed of");
    }
}
