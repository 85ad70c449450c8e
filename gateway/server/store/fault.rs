//! Why the store cannot be used.

use std::path::Path;

use rusqlite::ErrorCode;
use stagedoor_core::guard::revocation::RevocationListFull;

/// Why the store cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreFault {
    /// What it holds is not what was written.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It is a database of another program, or none at all.
    #[error("it is not a store of this program")]
    Foreign,
    /// A later version of this program has written it.
    #[error("a later version of this program has written it: version `{found}`, known is `{known}`")]
    Newer {
        /// The version of the file.
        found: usize,
        /// The version of this program.
        known: usize,
    },
    /// It has as many entries as it may have.
    #[error("{}", RevocationListFull)]
    Full,
    /// Another process has kept it locked for too long.
    #[error("another process keeps it locked")]
    Busy,
    /// There is no space for it.
    #[error("the disk is full")]
    NoSpace,
    /// It cannot be read or written.
    #[error("{0}")]
    Unusable(String),
}

impl StoreFault {
    /// How to mend it.
    pub(crate) fn hint(&self, store: &Path) -> String {
        let store = store.display();
        match self {
            Self::Damaged(_) | Self::Foreign => format!(
                "move `{store}` away, import a copy (`stagedoor state import`) or revoke everything (`stagedoor revoke --all`), and \
                 start again: without it, what was revoked would be accepted"
            ),
            Self::Newer { .. } => "run that version, or a later one".to_owned(),
            Self::Full => "wait until entries end by themselves, or revoke a whole provider".to_owned(),
            Self::Busy => "see which program has it open: `fuser` names it".to_owned(),
            Self::NoSpace => "free some space on its disk".to_owned(),
            Self::Unusable(_) => format!(
                "let the user of the gateway read and write `{store}` and its folder, and see whether the disk is full"
            ),
        }
    }
}

impl From<rusqlite::Error> for StoreFault {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign,
            Some(ErrorCode::DiskFull) => Self::NoSpace,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            // A table or a column that is missing is told as an error of the statement, which is right.
            None
            | Some(
                ErrorCode::DatabaseCorrupt
                | ErrorCode::Unknown
                | ErrorCode::TypeMismatch
                | ErrorCode::ConstraintViolation,
            ) => Self::Damaged(text),
            Some(_) => Self::Unusable(text),
        }
    }
}
