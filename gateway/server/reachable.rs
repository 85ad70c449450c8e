//! Which paths the confined process can still reach.
//!
//! A path outside of the folders that [`crate::confinement`] kept is out of reach until the next start, whatever its
//! permissions are. Code that fails to open a file asks here whether that is the cause.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use stagedoor_config::GivenUp;

use crate::folders::{folder_of, is_of_others, is_shared};

/// The folders that the process kept; unset before it is confined, and where nothing confines it.
static KEPT: OnceLock<KeptFolders> = OnceLock::new();

/// Folders by real path.
#[derive(Debug)]
struct KeptFolders {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
}

/// Notes which folders the process can read and write from now on. The first call of a process counts.
pub(crate) fn note_kept(read: Vec<PathBuf>, write: Vec<PathBuf>) {
    let _ = KEPT.set(KeptFolders { read, write });
}

/// Whether `path` cannot be read because the process gave it up, rather than for want of a permission.
pub(crate) fn gave_up(path: &Path) -> Option<GivenUp> {
    is_outside(&KEPT.get()?.read, path).then(|| after_restart(path, is_of_others))
}

/// Whether nothing can be created at `path` because the process gave that up, as in the folder of the configuration.
pub(crate) fn gave_up_making(path: &Path) -> Option<GivenUp> {
    is_outside(&KEPT.get()?.write, path).then(|| after_restart(path, is_shared))
}

/// What a restart would keep of the folder of `path`, links followed; of `path` itself if it is a folder.
fn after_restart(path: &Path, is_given_up: fn(&Path) -> bool) -> GivenUp {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = if real.is_dir() { real } else { folder_of(&real) };
    if is_given_up(&folder) { GivenUp::ButForFiles } else { GivenUp::UntilRestart }
}

/// Whether `path`, or the folder in which it would be created, lies in none of `kept`.
fn is_outside(kept: &[PathBuf], path: &Path) -> bool {
    let there = path.ancestors().find_map(|part| {
        let part = if part.as_os_str().is_empty() { Path::new(".") } else { part };
        part.canonicalize().ok()
    });
    there.is_some_and(|real| !kept.iter().any(|folder| real.starts_with(folder)))
}

#[cfg(test)]
mod tests;
