//! What the compiler of the configuration asks of the machine: secrets, key files, environment variables, random bytes.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stagedoor_config::{FileFault, Material, Materials};
use stagedoor_core::secret::Secret;

use crate::folders::{create_private, folder_of, is_open_to_all};
use crate::reachable;

/// The disk and the environment of this process.
#[derive(Clone, Debug)]
pub struct DiskMaterials {
    /// What paths are relative to: the folder of the main file.
    pub base: PathBuf,
    /// Missing secrets with `generate` are created. `check` never does that.
    pub may_generate: bool,
    /// No file is read: stand-ins take the place of secrets and keys, including those in variables.
    pub no_files: bool,
    /// Environment variables are not read.
    pub no_environment: bool,
}

impl DiskMaterials {
    /// For start and reload of the file `main`.
    #[must_use]
    pub fn beside(main: &Path) -> Self {
        Self::within(main.parent().unwrap_or(Path::new("")))
    }

    /// For start and reload of a text whose paths are relative to `base`.
    #[must_use]
    pub fn within(base: &Path) -> Self {
        Self { base: base.to_owned(), may_generate: true, no_files: false, no_environment: false }
    }
}

impl Materials for DiskMaterials {
    fn file(&self, path: &str) -> Result<Material, FileFault> {
        if self.no_files {
            return Err(FileFault::Missing);
        }
        read(&self.base.join(path))
    }

    /// An empty variable counts as unset: compose files pass on unset variables as `NAME=`.
    fn env(&self, name: &str) -> Option<Secret<Vec<u8>>> {
        if self.no_environment {
            return None;
        }
        std::env::var_os(name).map(OsString::into_vec).filter(|value| !value.is_empty()).map(Secret::new)
    }

    fn generate(&self, path: &str) -> Result<Option<Secret<Vec<u8>>>, FileFault> {
        if self.no_files || !self.may_generate {
            return Ok(None);
        }
        let path = self.base.join(path);
        let secret = fresh_secret();
        match save(&path, secret.expose()) {
            Ok(()) => Ok(Some(secret)),
            // Another process was faster: its secret counts.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => read(&path).map(|m| Some(m.bytes)),
            Err(error) => Err(fault(&path, &error, "cannot be made: ")),
        }
    }

    fn random(&self) -> [u8; 32] {
        random()
    }

    fn stand_in(&self) -> bool {
        self.no_files
    }
}

/// A fresh 256-bit secret as base64url text: 43 bytes.
#[must_use]
pub fn fresh_secret() -> Secret<Vec<u8>> {
    let raw = Secret::new(random::<32>());
    Secret::new(URL_SAFE_NO_PAD.encode(raw.expose()).into_bytes())
}

/// Random bytes for secrets, from the generator of `aws-lc-rs`.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[allow(clippy::expect_used, reason = "without random bytes no secret is safe: the process has to stop")]
    aws_lc_rs::rand::fill(&mut bytes).expect("the generator of random numbers does not work");
    bytes
}

fn read(path: &Path) -> Result<Material, FileFault> {
    let fault = |error: io::Error| fault(path, &error, "");
    let refused = |text: &str| Err(FileFault::Unreadable(text.into()));
    // Opening a pipe blocks until its other end is open, so the kind of the file is checked first.
    if !std::fs::metadata(path).map_err(fault)?.is_file() {
        return refused("not a regular file");
    }
    let file = File::open(path).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    if metadata.len() > FILE_MAX {
        return refused("larger than 1 MiB");
    }
    let own = rustix::process::geteuid().as_raw();
    if is_foreign(metadata.uid(), own) && is_in_shared_folder(path) {
        return refused(
            "it belongs to another user, in a folder where any user may create files: chown it, or move it",
        );
    }
    // One allocation of the right size: a buffer that grows leaves copies of the secret in freed memory.
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    let read = file.take(FILE_MAX + 1).read_to_end(&mut bytes);
    let bytes = Secret::new(bytes);
    if read.map_err(fault)? as u64 > FILE_MAX {
        return refused("larger than 1 MiB");
    }
    Ok(Material { bytes, open: is_open(metadata.permissions().mode(), path, &MOUNTED) })
}

/// Whether a file belongs to a user other than this one or root.
pub(crate) fn is_foreign(owner: u32, own: u32) -> bool {
    owner != own && owner != 0
}

/// Whether any user may create files in the folder of the file, or in that of its link: another user may have put it there.
fn is_in_shared_folder(path: &Path) -> bool {
    let real = path.canonicalize().ok();
    let folders = [Some(path), real.as_deref()].into_iter().flatten().map(folder_of);
    folders.into_iter().any(|folder| is_open_to_all(&folder) != Some(false))
}

fn fault(path: &Path, error: &io::Error, what: &str) -> FileFault {
    let gave_up = if what.is_empty() { reachable::gave_up } else { reachable::gave_up_making };
    if error.kind() == ErrorKind::NotFound && what.is_empty() {
        FileFault::Missing
    } else if error.kind() == ErrorKind::PermissionDenied
        && let Some(folder) = gave_up(path)
    {
        FileFault::GivenUp(folder)
    } else {
        FileFault::Unreadable(format!("{what}{error}"))
    }
}

/// Whether other users than the owner can read the file. Below `mounted` the mode means nothing: the container runtime, or
/// systemd, keeps other users out in its own way.
fn is_open(mode: u32, path: &Path, mounted: &[impl AsRef<Path>]) -> bool {
    let is_mounted = |real: &Path| mounted.iter().any(|folder| real.starts_with(folder));
    mode & 0o077 != 0 && !path.canonicalize().is_ok_and(|real| is_mounted(&real))
}

/// Creates a file that other users cannot read, whole or not at all; `AlreadyExists` if it exists.
fn save(path: &Path, secret: &[u8]) -> io::Result<()> {
    // Unlike `rename`, a hard link never replaces a file that another process has created meanwhile.
    put(path, secret, |from, to| std::fs::hard_link(from, to).or_else(|error| rename_new(from, to, error)))
}

/// As [`save`], but replaces a file that exists.
pub(crate) fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    put(path, text, |from, to| std::fs::rename(from, to))
}

fn put(path: &Path, bytes: &[u8], into_place: fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_private(parent)?;
    let mark: [u8; 8] = random();
    let temporary = parent.join(format!(".stagedoor-{}", URL_SAFE_NO_PAD.encode(mark)));
    let written = write_new(&temporary, bytes).and_then(|()| into_place(&temporary, path));
    let _ = std::fs::remove_file(&temporary);
    written?;
    File::open(parent)?.sync_all()
}

/// For file systems without hard links (some mounted volumes): a rename, if no file exists there.
fn rename_new(from: &Path, to: &Path, error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::AlreadyExists || to.symlink_metadata().is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from, to)
}

fn write_new(path: &Path, secret: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(secret)?;
    file.sync_all()
}

/// The most bytes of one file: a secret, a key, certificates. The list of authorities of a system has some 250 KiB.
const FILE_MAX: u64 = 1 << 20;
/// Container runtimes mount secrets at the first, with mode 0444 in a file system that only the container sees. systemd puts
/// the credentials of a service at the second, readable by that service alone.
const MOUNTED: [&str; 2] = ["/run/secrets", "/run/credentials"];

#[cfg(test)]
mod tests;
