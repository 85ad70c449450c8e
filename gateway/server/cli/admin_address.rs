//! Where a running gateway is asked, as it noted it for the commands in its state folder.
//!
//! They send it the admin token, so that a note has to be its own: it goes with the process, which holds a lock on it while it
//! lives; one that nobody holds, that others may have written or that leads to another machine is not believed.
//! A second lock, on the folder itself, tells a gateway that another one already keeps its state there.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, ErrorKind, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::folders::create_private;
use crate::materials;

/// The file in the state folder: the operator's address as bound, or `off`.
const FILE: &str = "admin_address";

/// A state folder that is this process' alone, as long as the value lives: the kernel gives the lock up with the process.
#[derive(Debug)]
pub(super) struct StateFolderLock {
    folder: PathBuf,
    _locked: File,
}

/// Why a state folder could not be claimed.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another gateway runs with it.
    Taken,
    /// It cannot be made, opened or locked.
    Failed(io::Error),
}

/// What this process noted.
#[derive(Debug)]
pub(super) struct AddressFile {
    path: PathBuf,
    text: String,
    /// Locked: the kernel lets go of it with the process, however that ends.
    _held: File,
}

/// Locks a state folder, which is made if it is missing. A lock file would be left behind; the folder's own lock is not.
pub(super) fn claim(folder: &Path) -> Result<StateFolderLock, LockError> {
    let open = || create_private(folder).and_then(|()| File::open(folder));
    let locked = open().map_err(LockError::Failed)?;
    match locked.try_lock() {
        Ok(()) => Ok(StateFolderLock { folder: folder.to_owned(), _locked: locked }),
        Err(TryLockError::WouldBlock) => Err(LockError::Taken),
        Err(TryLockError::Error(error)) => Err(LockError::Failed(error)),
    }
}

/// Where the note of this state folder stands.
pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

impl StateFolderLock {
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes where this gateway is asked. What an earlier one noted would lead to another process by now.
    pub(super) fn note(&self, address: Option<SocketAddr>) -> io::Result<AddressFile> {
        let path = file(&self.folder);
        let text = address.map_or_else(|| OFF.to_owned(), |address| address.to_string());
        materials::replace(&path, format!("{text}\n").as_bytes())?;
        let held = File::open(&path)?;
        held.lock()?;
        Ok(AddressFile { path, text, _held: held })
    }
}

impl AddressFile {
    /// Takes it away, unless another has noted something else since.
    pub(super) fn remove(self) -> io::Result<()> {
        let removed = match fs::read_to_string(&self.path) {
            Ok(text) if text.trim() == self.text => fs::remove_file(&self.path),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }
}

/// What is noted in this state folder, as `admin.listen` has it; `None` where that is nothing, or nothing to believe, which
/// is told.
pub(super) fn read(folder: &Path) -> Option<String> {
    let path = file(folder);
    match believed(&path) {
        Ok(noted) => Some(noted),
        Err(AddressFileError::Missing) => None,
        Err(doubt) => {
            eprintln!("note: `{}` is not believed: {doubt}", path.display());
            None
        }
    }
}

/// As [`read`], in silence.
pub(super) fn read_quietly(folder: &Path) -> Option<String> {
    believed(&file(folder)).ok()
}

fn believed(path: &Path) -> Result<String, AddressFileError> {
    // Opening a pipe waits for its other end, so the kind of file is asked first.
    if !fs::metadata(path)?.is_file() {
        return Err(AddressFileError::Kind);
    }
    let file = File::open(path)?;
    is_ours(&file.metadata()?)?;
    is_held(&file)?;
    let mut text = String::new();
    file.take(TEXT_MAX).read_to_string(&mut text)?;
    let text = text.trim();
    if text == OFF {
        return Ok(OFF.to_owned());
    }
    let address: SocketAddr = text.parse().map_err(|_| AddressFileError::Text)?;
    if is_of_this_machine(address) {
        Ok(address.to_string())
    } else {
        Err(AddressFileError::Elsewhere(address))
    }
}

fn is_ours(file: &Metadata) -> Result<(), AddressFileError> {
    judge(file.mode(), file.uid(), rustix::process::geteuid().as_raw())
}

/// Nobody holds what a gateway left that was killed: somebody else may listen there by now.
fn is_held(file: &File) -> Result<(), AddressFileError> {
    match file.try_lock_shared() {
        Ok(()) => Err(AddressFileError::Ended),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(AddressFileError::Unreadable(error)),
    }
}

/// Root could read the token anyway.
fn judge(mode: u32, owner: u32, own: u32) -> Result<(), AddressFileError> {
    if mode & 0o022 != 0 {
        return Err(AddressFileError::Writable);
    }
    if materials::is_foreign(owner, own) {
        return Err(AddressFileError::Owner);
    }
    Ok(())
}

/// Loopback, any address, or one of its interfaces: others cannot be bound.
fn is_of_this_machine(mut address: SocketAddr) -> bool {
    address.set_port(0);
    TcpListener::bind(address).is_ok()
}

/// Why a note is not believed.
#[derive(Debug, thiserror::Error)]
enum AddressFileError {
    /// There is none.
    #[error("it is missing")]
    Missing,
    #[error("it is not a regular file")]
    Kind,
    #[error("group or others can write it; hint: see what it says, and `chmod 600` it")]
    Writable,
    #[error("it belongs to another user; hint: ask as that one")]
    Owner,
    #[error("the gateway that wrote it has ended")]
    Ended,
    #[error("it is not an address with a port")]
    Text,
    #[error("it is not an address of this machine: `{0}`")]
    Elsewhere(SocketAddr),
    #[error("{0}")]
    Unreadable(io::Error),
}

impl From<io::Error> for AddressFileError {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::NotFound { Self::Missing } else { Self::Unreadable(error) }
    }
}

/// What stands in the place of an address where nobody listens.
pub(super) const OFF: &str = "off";
/// Longer than any address.
const TEXT_MAX: u64 = 128;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_note_is_the_owners_or_roots_and_nobody_elses_to_write() {
        fn check(mode: u32, owner: u32, expected: &str) {
            let told = judge(mode, owner, 1000).err().map(|doubt| doubt.to_string()).unwrap_or_default();
            assert_eq!(told.split(';').next().unwrap(), expected, "{mode:o} {owner}");
        }
        check(0o100_600, 1000, "");
        check(0o100_644, 0, "");
        check(0o100_600, 1001, "it belongs to another user");
        for mode in [0o100_620, 0o100_602, 0o100_666] {
            check(mode, 1000, "group or others can write it");
            check(mode, 0, "group or others can write it");
        }
    }

    #[test]
    fn a_folder_is_claimed_once() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("data");
        let first = claim(&folder).unwrap();
        assert!(matches!(claim(&folder), Err(LockError::Taken)));
        first.note(None).unwrap().remove().unwrap();
        drop(first);
        claim(&folder).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn addresses_of_this_machine() {
        for (address, expected) in [
            ("127.0.0.1:9901", true),
            ("0.0.0.0:9901", true),
            ("192.0.2.1:9901", false),
            ("[2001:db8::1]:1", false),
        ] {
            assert_eq!(is_of_this_machine(address.parse().unwrap()), expected, "{address}");
        }
    }
}
