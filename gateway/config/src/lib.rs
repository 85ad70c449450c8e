//! The configuration language: text → [`raw`] → [`Policy`].
//!
//! [`raw`] mirrors the TOML, table by table, and knows no unknown key; [`compile`](self::compile())
//! gives it meaning. Every mistake is told at once, with its file, line, TOML path and a hint, and a
//! configuration that has one yields no policy at all. What stands in a secret never shows in a message.
//!
//! Files and the environment are reached through [`Materials`] alone.

use std::borrow::Cow;

use stagedoor_core::clock::Now;
use stagedoor_core::policy::Policy;
use stagedoor_core::secret::Secret;

mod built_in;
mod changes;
mod compile;
mod edit;
mod expect;
pub mod keys;
mod location;
mod problem;
mod profile;
mod raw;
pub mod reference;
mod remedy;
mod schema;
mod source;
mod strict;
mod text;

pub use changes::{PolicyChange, changes};
pub use edit::Change;
pub use expect::{check_expects, decided_by, dry_run};
pub use problem::Problem;
pub use profile::{Profile, profiles, profiles_json, profiles_markdown};
pub use remedy::{Refused, Remedy, decided, remedy, shell_word};
pub use schema::schema;
pub use source::{Expect, Expected, KeyLines, Line, NamedFile, Source, SourceFile, UNFILED};
pub use strict::closeable;

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

/// What came of a compilation.
#[derive(Debug)]
pub struct Compiled {
    /// The policy.
    pub policy: Policy,
    /// What it was compiled from.
    pub source: Source,
    /// What is told at start: dangerous keys, and what is surely not meant.
    pub warnings: Vec<Problem>,
    /// Keys that differ from what the process started with and take effect at a restart only.
    pub restart: Vec<String>,
}

/// Compiles `sources`, the main file first and its includes after it.
///
/// `previous` lends its limiter stores, what the process started with and, while no key changed, its verified tokens. The file's
/// promises (`[[expect]]`) are tried against a policy with fresh limiter stores.
///
/// # Errors
/// Every problem found: at least one for each table that has any, in the order of the files.
pub fn compile(
    sources: &[SourceFile],
    materials: &dyn Materials,
    previous: Option<&Policy>,
    now: Now,
) -> Result<Compiled, Vec<Problem>> {
    let report = problem::Report::default();
    let texts = text::parse(sources, &report);
    let mut file = raw::read(&texts, &report);
    compile::name_variables(&mut file.apps, materials);
    let compiled = compile::policy(&file, sources, materials, previous, now, &report);
    let rank = |name: &str| sources.iter().position(|source| &*source.name == name).or(Some(sources.len()));
    let (problems, warnings) = report.finish(rank);
    let Some((policy, source)) = compiled.filter(|_| problems.is_empty()) else {
        return Err(problems);
    };
    if !source.expects.is_empty() {
        // Fresh stores: a promise must not depend on who came before the reload, nor use up anything.
        let unheard = problem::Report::default();
        let fresh = compile::policy(&file, sources, materials, None, now, &unheard);
        let broken = fresh.map(|(policy, source)| check_expects(&policy, &source, now)).unwrap_or_default();
        if !broken.is_empty() {
            return Err(broken);
        }
    }
    let restart = compile::restart(&policy);
    Ok(Compiled { policy, source, warnings, restart })
}

/// The environment variable that goes before `key`, such as `server.listen`; `None` where it is not set.
#[must_use]
pub fn variable_over(key: &str, materials: &dyn Materials) -> Option<&'static str> {
    compile::variable_over(key, materials)
}

/// The environment variable that may go before `key`, whether it is set or not.
#[must_use]
pub fn variable_for(key: &str) -> Option<&'static str> {
    compile::variable_for(key)
}

/// One entry of `include`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The pattern, as written.
    pub pattern: String,
    /// Counted from 1.
    pub line: usize,
}

/// The entries of `include` in the text of a main file; empty where it cannot be read, which
/// [`compile`](self::compile()) then tells.
#[must_use]
pub fn includes(main: &SourceFile) -> Vec<Include> {
    let report = problem::Report::default();
    let texts = text::parse(std::slice::from_ref(main), &report);
    let file = raw::read(&texts, &report);
    file.include.into_iter().map(|glob| Include { pattern: glob.value, line: glob.at.line }).collect()
}

#[cfg(test)]
pub(crate) mod tests;
