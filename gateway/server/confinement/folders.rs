//! Whose a folder is.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::system;

/// What would keep a folder writable that is not its own.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Misplaced {
    #[error("the state lies in a folder that is not its own: `{}`", .0.display())]
    State(PathBuf),
    #[error("the access log lies in a folder that is not its own: `{}`", .0.display())]
    AccessLog(PathBuf),
    #[error("the access log is no file, but a folder: `{}`", .0.display())]
    Folder(PathBuf),
}

impl Misplaced {
    /// The key that says so.
    pub(crate) fn key(&self) -> [&'static str; 2] {
        match self {
            Self::State(_) => ["state", "dir"],
            Self::AccessLog(_) | Self::Folder(_) => ["log", "access"],
        }
    }

    /// The mend.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::State(_) => {
                "all of it would stay writable: name another, such as /var/lib/stagedoor, or a folder below it"
            }
            Self::Folder(_) => "name a file in it, such as access.jsonl",
            Self::AccessLog(folder) if ["/dev", "/proc"].iter().any(|above| folder.starts_with(above)) => {
                "`log.access = \"stdout\"` writes to standard output, a file too; or name one in a folder of its own, \
                 such as /var/log/stagedoor"
            }
            Self::AccessLog(_) => {
                "rotation makes and removes files there: name another, such as /var/log/stagedoor, or \"stdout\""
            }
        }
    }
}

/// Whether a folder is one of the whole system, of a person or of everybody: too many would suffer from what is written
/// and removed there.
pub(super) fn is_shared(folder: &Path) -> bool {
    let Ok(real) = folder.canonicalize() else { return false };
    is_of_others(&real) || is_open_to_all(&real).unwrap_or(true)
}

/// Whether a folder is one of the whole system, of a person or of many persons: too much that is none of ours would be
/// read there. That everybody may write to a folder, as on a network drive, does not make it one.
pub(super) fn is_of_others(folder: &Path) -> bool {
    let Ok(real) = folder.canonicalize() else { return false };
    let home = std::env::var_os("HOME").and_then(|home| Path::new(&home).canonicalize().ok());
    is_one_of(&real, SHARED)
        || real.starts_with("/proc")
        || is_one_of(&real, COMMON)
        || is_home(&real, home.as_deref())
        || has_bit(&real, STICKY).unwrap_or(true)
}

pub(super) fn is_one_of(real: &Path, folders: &[&str]) -> bool {
    folders.iter().any(|folder| real == Path::new(folder))
}

/// A service may be at home in the folder of its data, which is its own.
pub(super) fn is_home(real: &Path, home: Option<&Path>) -> bool {
    let of_a_service = || ["/opt", "/srv", "/var"].iter().any(|above| real.starts_with(above));
    real.parent() == Some(Path::new("/home")) || (home == Some(real) && !of_a_service())
}

/// Whether everybody makes files there; `None` if nobody knows.
pub(crate) fn is_open_to_all(real: &Path) -> Option<bool> {
    has_bit(real, STICKY | OTHERS_WRITE)
}

/// Whether one of these bits says who makes files there. In what is mounted to be read, as container runtimes do with
/// configurations, nobody does, whatever its mode.
fn has_bit(real: &Path, bits: u32) -> Option<bool> {
    let mode = std::fs::metadata(real).ok()?.permissions().mode();
    Some(mode & bits != 0 && !system::is_mounted_to_be_read(real))
}

/// Of a folder: nobody removes what others made there, as in `/tmp`.
const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o002;

/// Folders of the whole system: a file in one of them does not make it ours.
const SHARED: &[&str] = &[
    "/",
    "/dev",
    "/dev/shm",
    "/etc",
    "/etc/ssl",
    "/etc/ssl/certs",
    "/etc/ssl/private",
    "/home",
    "/root",
    "/run",
    "/tmp",
    "/usr",
    "/usr/local",
    "/usr/local/etc",
    "/usr/local/share",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/spool",
    "/var/tmp",
];

/// Folders where programs have files or folders of their own: they are not ours either, but a log or the state may be put
/// there.
pub(super) const COMMON: &[&str] = &["/media", "/mnt", "/opt", "/srv", "/var/lib", "/var/log"];
