//! From the texts of a configuration to a policy, or to every problem in them.

use stagedoor_core::clock::Now;
use stagedoor_core::policy::Policy;

use crate::certificate::Certificate;
use crate::expect::check_expects;
use crate::materials::Materials;
use crate::problem::{self, Problem};
use crate::source::{Source, SourceFile};
use crate::{parsed_file, raw};

/// The result of a compilation.
#[derive(Debug)]
pub struct Compiled {
    /// The policy.
    pub policy: Policy,
    /// What it was compiled from.
    pub source: Source,
    /// The certificates of `[server.tls]`, in the order of the policy; none where files are not looked at.
    pub certificates: Vec<Certificate>,
    /// Warnings: dangerous keys, and settings that are hardly intended.
    pub warnings: Vec<Problem>,
    /// Keys that differ from what the process started with and take effect at a restart only.
    pub restart: Vec<String>,
}

/// Compiles `sources`, the main file first and its includes after it.
///
/// The new policy takes over from `previous` its limiter stores, the values that only a restart changes and, if no key of a
/// provider changed, its verified tokens. The promises of the file (`[[expect]]`) are tried against a policy with fresh
/// limiter stores.
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
    let files = parsed_file::parse(sources, &report);
    let mut file = raw::read(&files, &report);
    crate::compile::name_variables(&mut file.apps, materials);
    let compiled = crate::compile::policy(&file, sources, materials, previous, now, &report);
    let rank = |name: &str| sources.iter().position(|source| &*source.name == name).or(Some(sources.len()));
    let (problems, warnings) = report.finish(rank);
    let Some((policy, source, certificates)) = compiled.filter(|_| problems.is_empty()) else {
        return Err(problems);
    };
    if !source.expects.is_empty() {
        // Fresh stores: a promise must neither depend on earlier requests nor use up an allowance.
        let unreported = problem::Report::default();
        let fresh = crate::compile::policy(&file, sources, materials, None, now, &unreported);
        let broken =
            fresh.map(|(policy, source, _)| check_expects(&policy, &source, now)).unwrap_or_default();
        if !broken.is_empty() {
            return Err(broken);
        }
    }
    let restart = crate::compile::restart(&policy);
    Ok(Compiled { policy, source, certificates, warnings, restart })
}

/// The environment variable that overrides `key`, such as `server.listen`; `None` where it is not set.
#[must_use]
pub fn variable_over(key: &str, materials: &dyn Materials) -> Option<&'static str> {
    crate::compile::variable_over(key, materials)
}

/// The environment variable that can override `key`, whether it is set or not.
#[must_use]
pub fn variable_for(key: &str) -> Option<&'static str> {
    crate::compile::variable_for(key)
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
/// [`compile`] then reports.
#[must_use]
pub fn includes(main: &SourceFile) -> Vec<Include> {
    let report = problem::Report::default();
    let files = parsed_file::parse(std::slice::from_ref(main), &report);
    let file = raw::read(&files, &report);
    file.include.into_iter().map(|glob| Include { pattern: glob.value, line: glob.at.line }).collect()
}
