//! The output of the access log: standard output, or a file that is rotated by size.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// An output for lines.
#[derive(Debug)]
pub(super) enum Sink {
    /// Standard output, or a pipe in tests.
    Stream(Stream),
    /// A file that is rotated.
    Rotating(RotatingFile),
}

/// The result of writing one batch.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Lines that were lost, wholly or in part.
    pub(super) lost: u64,
    /// The last error.
    pub(super) error: Option<io::Error>,
}

/// An open file or pipe, and whether its last line is incomplete.
#[derive(Debug)]
pub(super) struct Stream {
    file: File,
    torn: bool,
}

/// A file of at most `max_size` bytes, and `keep` older ones: `PATH.1` is the newest of them.
#[derive(Debug)]
pub(super) struct RotatingFile {
    path: PathBuf,
    max_size: u64,
    keep: usize,
    open: Option<OpenFile>,
    /// The file was closed after an incomplete line.
    torn: bool,
}

#[derive(Debug)]
struct OpenFile {
    stream: Stream,
    size: u64,
    /// `false` for a device or a pipe, which does not grow and is not rotated.
    regular: bool,
    /// Device and inode: another program may move the file away.
    identity: (u64, u64),
    looked: Instant,
}

impl Sink {
    /// Standard output, without the buffer of the standard library, which keeps bytes that it failed to write.
    pub(super) fn stdout() -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self::Stream(Stream { file, torn: false }))
    }

    /// Any pipe.
    #[cfg(test)]
    pub(super) fn stream(pipe: impl Into<std::os::fd::OwnedFd>) -> Self {
        Self::Stream(Stream { file: File::from(pipe.into()), torn: false })
    }

    /// A file.
    pub(super) fn rotating(path: PathBuf, max_size: u64, keep: usize) -> Self {
        Self::Rotating(RotatingFile { path, max_size, keep, open: None, torn: false })
    }

    /// Opens the file again, and creates it if it is missing. A stream is not changed.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        match self {
            Self::Stream(_) => Ok(()),
            Self::Rotating(rotating) => rotating.reopen(),
        }
    }

    /// Writes whole lines.
    pub(super) fn write(&mut self, lines: &[u8]) -> Written {
        match self {
            Self::Stream(stream) => stream.write(lines).1,
            Self::Rotating(rotating) => rotating.write(lines),
        }
    }
}

impl Stream {
    /// Writes `lines`. Returns the number of bytes written, too.
    fn write(&mut self, lines: &[u8]) -> (u64, Written) {
        let mut size = 0;
        if self.torn && self.write_all(b"\n").1.is_none() {
            self.torn = false;
            size += 1;
        }
        let (done, error) = self.write_all(lines);
        let (out, rest) = lines.split_at(done.min(lines.len()));
        if let Some(last) = out.last() {
            self.torn = *last != b'\n';
        }
        let lost = rest.iter().filter(|b| **b == b'\n').count() as u64;
        (size + done as u64, Written { lost, error })
    }

    /// Like `Write::write_all`, but returns how many bytes were written. A pipe that another process made non-blocking gets
    /// [`PIPE_WAIT`] to accept more.
    fn write_all(&mut self, bytes: &[u8]) -> (usize, Option<io::Error>) {
        let mut done = 0;
        let mut stuck: Option<Instant> = None;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match self.file.write(rest) {
                Ok(0) => return (done, Some(ErrorKind::WriteZero.into())),
                Ok(written) => (done, stuck) = (done + written, None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if stuck.get_or_insert_with(Instant::now).elapsed() > PIPE_WAIT {
                        return (done, Some(error));
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return (done, Some(error)),
            }
        }
        (done, None)
    }
}

impl RotatingFile {
    fn write(&mut self, lines: &[u8]) -> Written {
        let mut rest = lines;
        let mut total = Written::default();
        while !rest.is_empty() {
            let max_size = self.max_size;
            let open = match self.ready() {
                Ok(open) => open,
                Err(error) => {
                    total.lost += rest.iter().filter(|b| **b == b'\n').count() as u64;
                    total.error = Some(error);
                    return total;
                }
            };
            let room = if open.regular { max_size.saturating_sub(open.size) } else { u64::MAX };
            let size = open.size;
            let Some((now, next)) = fitting(rest, size, room) else {
                total.error = self.rotate().err().or(total.error);
                continue;
            };
            let (size, written) = open.stream.write(now);
            open.size += size;
            total.lost += written.lost;
            rest = next;
            if written.error.is_some() {
                // The file is opened again for the rest: another file system may be mounted there by now.
                self.torn = open.stream.torn;
                self.open = None;
                total.error = written.error;
            }
        }
        total
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Some(open) = self.open.take() {
            // The incomplete line stays in the file that was moved away.
            self.torn = false;
            drop(open);
        }
        self.ready().map(|_| ())
    }

    /// The open file. It is opened again if it was closed, or if another file is at its path.
    fn ready(&mut self) -> io::Result<&mut OpenFile> {
        if self.open.as_ref().is_some_and(|o| o.looked.elapsed() > PATH_CHECK) {
            let there = std::fs::metadata(&self.path).map(|m| (m.dev(), m.ino())).ok();
            match &mut self.open {
                Some(open) if there == Some(open.identity) => open.looked = Instant::now(),
                Some(_) | None => self.open = None,
            }
        }
        let open = match self.open.take() {
            Some(open) => open,
            None => open(&self.path, std::mem::take(&mut self.torn))?,
        };
        Ok(self.open.insert(open))
    }

    /// Renames every file to the next number and starts a new one; the oldest is removed. If that fails, the file is truncated
    /// instead, so that the disk does not fill.
    fn rotate(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let moved = if self.keep == 0 {
            std::fs::remove_file(&self.path)
        } else {
            for n in (1..self.keep).rev() {
                match std::fs::rename(numbered(&self.path, n), numbered(&self.path, n + 1)) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return self.empty(open, error),
                    Ok(()) | Err(_) => {}
                }
            }
            std::fs::rename(&self.path, numbered(&self.path, 1))
        };
        match moved {
            Err(error) if error.kind() != ErrorKind::NotFound => self.empty(open, error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn empty(&mut self, mut open: OpenFile, error: io::Error) -> io::Result<()> {
        // Even if that fails the size starts at 0, so that the next batch does not try again at once.
        let _ = open.stream.file.set_len(0);
        open.size = 0;
        self.open = Some(open);
        Err(error)
    }
}

fn open(path: &Path, torn: bool) -> io::Result<OpenFile> {
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty() && !p.exists()) {
        DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let metadata = file.metadata()?;
    let (size, identity) = (metadata.len(), (metadata.dev(), metadata.ino()));
    let regular = metadata.is_file();
    Ok(OpenFile { stream: Stream { file, torn }, size, regular, identity, looked: Instant::now() })
}

/// The complete lines that fit into `room`, and the rest; `None` if the file has to be rotated first. A line larger than a
/// file may be is written to an empty file.
fn fitting(lines: &[u8], size: u64, room: u64) -> Option<(&[u8], &[u8])> {
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if lines.len() <= room {
        return Some((lines, &[]));
    }
    let newline = |b: &u8| *b == b'\n';
    let end = match lines.get(..room).and_then(|head| head.iter().rposition(newline)) {
        Some(last) => last + 1,
        None if size > 0 => return None,
        None => lines.iter().position(newline).map_or(lines.len(), |first| first + 1),
    };
    lines.split_at_checked(end)
}

/// `PATH.n`
fn numbered(path: &Path, n: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{n}"));
    name.into()
}

/// How long a full pipe may stay full before its events are dropped.
const PIPE_WAIT: Duration = Duration::from_secs(1);
/// How often the path is checked for another file.
const PATH_CHECK: Duration = Duration::from_secs(1);
