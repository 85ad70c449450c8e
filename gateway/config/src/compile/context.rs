//! What every part of the compilation needs.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::location::Location;
use crate::materials::Materials;
use crate::problem::Report;
use crate::source::NamedFile;
use stagedoor_core::clock::Now;
use stagedoor_core::policy::Policy;

/// What every part of the compilation needs.
pub(super) struct Context<'a> {
    pub(super) materials: &'a dyn Materials,
    pub(super) previous: Option<&'a Policy>,
    pub(super) now: Now,
    pub(super) report: &'a Report,
    /// Clients that each limit remembers.
    pub(super) limit_keys: usize,
    /// The main file as a whole.
    pub(super) main: Location,
    /// The files that were asked for so far.
    pub(super) files: RefCell<Vec<NamedFile>>,
}

impl Context<'_> {
    /// Notes a file that the configuration names; `made` where it is missing.
    pub(super) fn names(&self, path: &str, made: bool) {
        self.files.borrow_mut().push(NamedFile { path: path.to_owned(), made });
    }
}

/// A path of the file, seen from the folder of the main file.
pub(super) fn resolve(main: &str, path: &str) -> PathBuf {
    Path::new(main).parent().unwrap_or(Path::new("")).join(path)
}
