//! Why a command failed, and its exit code.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::problems::{self, Problems};
use crate::store::{Store, StoreFault};
use crate::terminal::is_coloured;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// Wrong usage: exit 2.
    Usage {
        /// What is wrong.
        message: String,
        /// How to mend it.
        hint: String,
    },
    /// The configuration has mistakes: exit 2.
    Problems(Problems),
    /// Everything has been printed already: exit with this code.
    Printed(u8),
    /// The command failed: exit 1.
    Runtime(anyhow::Error),
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    /// The store of this state folder cannot be used.
    pub(super) fn store(fault: &StoreFault, folder: &Path) -> Self {
        let path = Store::path(folder);
        let hint = fault.hint(&path);
        anyhow::anyhow!("the store `{}` cannot be used: {fault}\n  hint: {hint}", path.display()).into()
    }

    pub(super) fn report(self) -> ExitCode {
        let colour = is_coloured(&std::io::stderr());
        let (text, code) = match self {
            Self::Usage { message, hint } => {
                (format!("{}\n  hint: {hint}\n", problems::error(&message, colour)), 2)
            }
            Self::Problems(problems) => (problems.text(colour), 2),
            Self::Printed(code) => (String::new(), code),
            Self::Runtime(error) => (format!("{}\n", problems::error(&format!("{error:#}"), colour)), 1),
        };
        let _ = std::io::stderr().write_all(text.as_bytes());
        ExitCode::from(code)
    }
}

impl From<anyhow::Error> for Failure {
    /// Mistakes of the configuration exit with 2, however deep in the call chain they were found.
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Problems>() {
            Ok(problems) => Self::Problems(problems),
            Err(error) => Self::Runtime(error),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Runtime(error.into())
    }
}
