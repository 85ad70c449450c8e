//! The admin address file: a running gateway writes the address of its admin listener into its state folder, for the commands.
//!
//! The commands send the admin token to that address, so they check the file first. The gateway holds a lock on it while it
//! runs, and removes it at its end. A file without a lock, one that other users can write, and one that names another machine
//! are ignored. A second lock, on the folder itself, shows a gateway that another one uses the same state folder.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, ErrorKind, Read as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::folders::create_private;
use crate::materials;

/// The name of the file. Its text is the address of the admin listener as bound, or `off`.
const FILE: &str = "admin_address";

/// The lock on a state folder. It is released when the value is dropped, or by the kernel at the end of the process.
#[derive(Debug)]
pub(super) struct StateFolderLock {
    folder: PathBuf,
    _locked: File,
}

/// Why a state folder could not be locked.
#[derive(Debug)]
pub(super) enum LockError {
    /// Another gateway holds the lock.
    Taken,
    /// The folder cannot be created, opened or locked.
    Failed(io::Error),
}

/// The file as this process wrote it.
#[derive(Debug)]
pub(super) struct AddressFile {
    path: PathBuf,
    text: String,
    /// Locked. The kernel releases the lock at the end of the process, however it ends.
    _held: File,
}

/// Locks a state folder, and creates it if it is missing. The lock is on the folder itself, so that no lock file is left behind.
pub(super) fn lock_folder(folder: &Path) -> Result<StateFolderLock, LockError> {
    let open = || create_private(folder).and_then(|()| File::open(folder));
    let locked = open().map_err(LockError::Failed)?;
    match locked.try_lock() {
        Ok(()) => Ok(StateFolderLock { folder: folder.to_owned(), _locked: locked }),
        Err(TryLockError::WouldBlock) => Err(LockError::Taken),
        Err(TryLockError::Error(error)) => Err(LockError::Failed(error)),
    }
}

/// The path of the file in a state folder.
pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

impl StateFolderLock {
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes the file, in the place of one that an earlier gateway has left.
    pub(super) fn write(&self, address: Option<SocketAddr>) -> io::Result<AddressFile> {
        let path = file(&self.folder);
        let text = address.map_or_else(|| OFF.to_owned(), |address| address.to_string());
        materials::replace(&path, format!("{text}\n").as_bytes())?;
        let held = File::open(&path)?;
        held.lock()?;
        Ok(AddressFile { path, text, _held: held })
    }
}

impl AddressFile {
    /// Removes the file, unless another gateway has written another address since.
    pub(super) fn remove(self) -> io::Result<()> {
        let removed = match fs::read_to_string(&self.path) {
            Ok(text) if text.trim() == self.text => fs::remove_file(&self.path),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }
}

/// The address in the file, in the form of `admin.listen`; `None` if there is no file, or if it is ignored, which is printed
/// with the reason.
pub(super) fn read(folder: &Path) -> Option<String> {
    let path = file(folder);
    match read_checked(&path) {
        Ok(address) => Some(address),
        Err(AddressFileError::Missing) => None,
        Err(error) => {
            eprintln!("note: `{}` is ignored: {error}", path.display());
            None
        }
    }
}

/// As [`read`], but prints nothing.
pub(super) fn read_quietly(folder: &Path) -> Option<String> {
    read_checked(&file(folder)).ok()
}

fn read_checked(path: &Path) -> Result<String, AddressFileError> {
    // Opening a pipe blocks until its other end is open, so the kind of the file is checked first.
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
    if is_local(address) { Ok(address.to_string()) } else { Err(AddressFileError::Elsewhere(address)) }
}

fn is_ours(file: &Metadata) -> Result<(), AddressFileError> {
    check_owner(file.mode(), file.uid(), rustix::process::geteuid().as_raw())
}

/// Whether a gateway holds the lock. A gateway that was killed leaves the file: another process may use its port by now.
fn is_held(file: &File) -> Result<(), AddressFileError> {
    match file.try_lock_shared() {
        Ok(()) => Err(AddressFileError::Ended),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(AddressFileError::Unreadable(error)),
    }
}

/// Whether only this user can have written the file. Root may have: it could read the token anyway.
fn check_owner(mode: u32, owner: u32, own: u32) -> Result<(), AddressFileError> {
    if mode & 0o022 != 0 {
        return Err(AddressFileError::Writable);
    }
    if materials::is_foreign(owner, own) {
        return Err(AddressFileError::Owner);
    }
    Ok(())
}

/// Whether the address belongs to this machine: an address of another one cannot be bound.
fn is_local(mut address: SocketAddr) -> bool {
    address.set_port(0);
    TcpListener::bind(address).is_ok()
}

/// Why the file is ignored.
#[derive(Debug, thiserror::Error)]
enum AddressFileError {
    /// There is no file.
    #[error("it is missing")]
    Missing,
    #[error("it is not a regular file")]
    Kind,
    #[error("group or others can write it; hint: check its text, and `chmod 600` it")]
    Writable,
    #[error("it belongs to another user; hint: run the command as that user")]
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

/// The text in the place of an address if the admin listener is off.
pub(super) const OFF: &str = "off";
/// The most bytes that are read: more than any address has.
const TEXT_MAX: u64 = 128;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_note_is_the_owners_or_roots_and_nobody_elses_to_write() {
        fn check(mode: u32, owner: u32, expected: &str) {
            let told =
                check_owner(mode, owner, 1000).err().map(|error| error.to_string()).unwrap_or_default();
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
        let first = lock_folder(&folder).unwrap();
        assert!(matches!(lock_folder(&folder), Err(LockError::Taken)));
        first.write(None).unwrap().remove().unwrap();
        drop(first);
        lock_folder(&folder).unwrap();
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
            assert_eq!(is_local(address.parse().unwrap()), expected, "{address}");
        }
    }
}
