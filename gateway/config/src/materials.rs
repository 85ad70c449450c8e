//! What the compiler asks of the machine: files, variables, random bytes.

use std::borrow::Cow;

use stagedoor_core::secret::Secret;

/// What the compiler may ask of the outside world.
pub trait Materials {
    /// Reads a file named in the configuration: the path as written, resolved by the implementor.
    ///
    /// # Errors
    /// The file is missing or cannot be read.
    fn file(&self, path: &str) -> Result<Material, FileFault>;

    /// An environment variable. Where [`Materials::stand_in`] holds, none that may hold a secret is asked for.
    fn env(&self, name: &str) -> Option<Secret<Vec<u8>>>;

    /// Makes a 256-bit secret and saves it at `path` (0600, atomically, in a folder of 0700);
    /// `None` where nothing may be made (`check`).
    ///
    /// # Errors
    /// The file cannot be written.
    fn generate(&self, path: &str) -> Result<Option<Secret<Vec<u8>>>, FileFault>;

    /// 32 random bytes.
    fn random(&self) -> [u8; 32];

    /// No secret and no key is looked at, in files or variables: stand-ins are used.
    fn stand_in(&self) -> bool;
}

/// A file's content.
#[derive(Debug)]
pub struct Material {
    /// Its bytes.
    pub bytes: Secret<Vec<u8>>,
    /// Group or others can read it, and it is not where a container runtime or systemd mounts secrets.
    pub open: bool,
}

/// Why a file could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFault {
    /// There is no such file.
    Missing,
    /// It is there and cannot be read or written; the text says why.
    Unreadable(String),
    /// It lies in a folder that the process gave up when it started; another process of the same kind could have it.
    GivenUp(GivenUp),
}

/// What becomes of a folder that was given up once the process is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// It is kept, since the configuration names a file in it.
    UntilRestart,
    /// It is given up again but for the files that are there, since it is shared with others.
    ButForFiles,
}

impl GivenUp {
    /// Why the file cannot be had.
    pub const WHY: &'static str = "the gateway confined itself at its start and gave up this folder";

    /// The mend.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::UntilRestart => {
                "restart it: then it keeps the folders of all files that its configuration names"
            }
            Self::ButForFiles => {
                "restart it, and again for every file that is new or replaced there: of a home folder, one of the system \
                 or one of everybody it keeps single files; a folder of its own, or `server.confine = \"off\"`, saves that"
            }
        }
    }
}

impl FileFault {
    /// Why, and the mend: `otherwise`, unless the fault has one of its own.
    pub(crate) fn explain<'a>(&'a self, missing: &'a str, otherwise: &'a str) -> (Cow<'a, str>, &'a str) {
        match self {
            Self::Missing => (missing.into(), otherwise),
            Self::Unreadable(why) => (why.into(), otherwise),
            Self::GivenUp(folder) => (GivenUp::WHY.into(), folder.hint()),
        }
    }
}
