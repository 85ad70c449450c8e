//! A state folder or an access log in a place that the gateway must not keep writable.

use std::path::PathBuf;

/// Why the folder of the state or of the access log cannot be kept writable.
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
    /// The key that names it.
    pub(crate) fn key(&self) -> [&'static str; 2] {
        match self {
            Self::State(_) => ["state", "dir"],
            Self::AccessLog(_) | Self::Folder(_) => ["log", "access"],
        }
    }

    /// How to mend it.
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
