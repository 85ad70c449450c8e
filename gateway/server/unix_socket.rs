//! Unix sockets to listen on, and the files that stand for them.
//!
//! The mode of the file decides who may connect: it is right from the first moment on, because the file is made under a
//! umask. A file that a gateway left behind, to which nobody listens any more, is replaced; any other file stays. Gateways that start at
//! the same time take turns at that: a lock of the folder is held meanwhile.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::umask;

use crate::folders::folder_of;

/// How long the lock of a folder is waited for. A gateway holds it for milliseconds.
const LOCK_WAIT: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The file of a socket that is listened on. It is removed with the value, unless another file has taken its place.
///
/// It has to be dropped before its socket: until that is closed, no other file has the same inode, and no other gateway replaces it.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: FileIdentity,
}

/// Device and inode.
type FileIdentity = (u64, u64);

/// Binds a socket at `path` with this mode. The process must have one thread: the umask is the whole process's.
pub(crate) fn bind(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    let _lock = lock(&folder_of(path));
    let listener = match bind_with_mode(path, mode) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            remove_stale(path)?;
            bind_with_mode(path, mode)
        }
        other => other,
    }?;
    listener.set_nonblocking(true)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(&fs::symlink_metadata(path)?) };
    Ok((listener, file))
}

/// Locks a folder against other gateways, which would take a file for left behind that is new. `None` where it cannot be locked: another
/// program holds the lock, or the file system has none.
fn lock(folder: &Path) -> Option<File> {
    let (file, until) = (File::open(folder).ok()?, Instant::now() + LOCK_WAIT);
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Some(file),
            Err(Errno::WOULDBLOCK) if Instant::now() < until => std::thread::sleep(LOCK_PAUSE),
            Err(_) => return None,
        }
    }
}

fn bind_with_mode(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let before = umask(Mode::from_bits_truncate(!mode & 0o777));
    let bound = UnixListener::bind(path);
    umask(before);
    bound
}

/// Removes the file of a socket to which nobody listens.
fn remove_stale(path: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(path)?.file_type().is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "a file that is no socket is there"));
    }
    // Without waiting: the queue of a process that listens may be full.
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let asking = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match connect(&asking, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path),
        Ok(()) | Err(_) => Err(ErrorKind::AddrInUse.into()),
    }
}

fn identity(there: &Metadata) -> FileIdentity {
    (there.dev(), there.ino())
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|there| identity(&there) == self.identity) {
            // Where it cannot be removed, the next gateway replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;
