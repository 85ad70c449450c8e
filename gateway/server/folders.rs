//! Folders: which of them others use too, and how a private one is made.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// The folder of a file; `.` for a name without a folder.
#[must_use]
pub(crate) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// Creates the folder and its parents with mode 0700, whatever the umask. A folder that exists is not changed.
pub(crate) fn create_private(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
        create_private(above)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => std::fs::set_permissions(folder, Permissions::from_mode(0o700)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the system, a person or several programs use the folder: none that the gateway may write to as a whole.
pub(crate) fn is_shared(folder: &Path) -> bool {
    let Ok(real) = folder.canonicalize() else { return false };
    is_of_others(&real) || is_open_to_all(&real).unwrap_or(true)
}

/// Whether the folder belongs to the system, to a person or to several persons: none that the gateway may read as a whole.
/// A folder that is only writable by everybody, as on a network drive, does not count.
pub(crate) fn is_of_others(folder: &Path) -> bool {
    let Ok(real) = folder.canonicalize() else { return false };
    let home = std::env::var_os("HOME").and_then(|home| Path::new(&home).canonicalize().ok());
    is_one_of(&real, SHARED)
        || real.starts_with("/proc")
        || is_one_of(&real, COMMON)
        || is_home(&real, home.as_deref())
        || has_bit(&real, STICKY).unwrap_or(true)
}

/// Whether `real` is one of `folders`; folders below them do not count.
pub(crate) fn is_one_of(real: &Path, folders: &[&str]) -> bool {
    folders.iter().any(|folder| real == Path::new(folder))
}

/// Whether `real` is the home folder of a person. The home of a service is the folder of its data, and does not count.
pub(crate) fn is_home(real: &Path, home: Option<&Path>) -> bool {
    let of_a_service = || ["/opt", "/srv", "/var"].iter().any(|above| real.starts_with(above));
    real.parent() == Some(Path::new("/home")) || (home == Some(real) && !of_a_service())
}

/// Whether every user may create files in the folder; `None` if its mode cannot be read.
pub(crate) fn is_open_to_all(real: &Path) -> Option<bool> {
    has_bit(real, STICKY | OTHERS_WRITE)
}

/// Whether the mode of the folder has one of `bits`. On a read-only mount, such as a configuration in a container, the
/// mode means nothing: no user can create files there.
fn has_bit(real: &Path, bits: u32) -> Option<bool> {
    let mode = std::fs::metadata(real).ok()?.permissions().mode();
    Some(mode & bits != 0 && !is_on_read_only_mount(real))
}

#[cfg(target_os = "linux")]
fn is_on_read_only_mount(folder: &Path) -> bool {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    statvfs(folder).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
}

#[cfg(not(target_os = "linux"))]
fn is_on_read_only_mount(_: &Path) -> bool {
    false
}

/// The sticky bit of a folder: users cannot remove each other's files there, as in `/tmp`.
const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o002;

/// Folders of the system. A file of the configuration in one of them does not make the folder the gateway's.
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

/// Folders in which programs keep their own files and folders. They are not the gateway's either, but its log or its state
/// may be put there.
pub(crate) const COMMON: &[&str] = &["/media", "/mnt", "/opt", "/srv", "/var/lib", "/var/log"];
