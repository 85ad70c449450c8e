//! Mistakes and warnings of a configuration, collected so that all are reported at once.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::location::Location;
use crate::source::UNFILED;

/// One mistake, or one warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as named to the reader.
    pub file: Arc<str>,
    /// Counted from 1; 0 is the file as a whole.
    pub line: usize,
    /// TOML path such as `app.anime.route[2].limit.ip`; positions count from 0.
    pub path: String,
    /// What is wrong: lower case, no full stop, the value last in backticks.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)?;
        if !self.hint.is_empty() {
            write!(f, "\n  hint: {}", self.hint)?;
        }
        Ok(())
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    /// Lines that are not TOML: other reports of them would only follow from that.
    garbled: RefCell<Vec<Garbled>>,
    /// Some file is not TOML, so what seems to be missing may stand in the lines that were lost.
    torn: Cell<bool>,
}

/// Lines that cannot be read as what they were meant to be.
#[derive(Debug)]
struct Garbled {
    file: Arc<str>,
    /// The first is the one that is not TOML; after a broken header its whole table is lost.
    lines: std::ops::Range<usize>,
}

impl Garbled {
    fn holds(&self, problem: &Problem) -> bool {
        problem.line > 0 && self.lines.contains(&problem.line) && self.file == problem.file
    }
}

impl Report {
    pub(crate) fn problem(&self, at: &Location, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.borrow_mut().push(problem(at, message.into(), hint.into()));
    }

    pub(crate) fn warn(&self, at: &Location, message: impl Into<String>, hint: impl Into<String>) {
        self.warnings.borrow_mut().push(problem(at, message.into(), hint.into()));
    }

    /// Something is not there. Says nothing where a file is torn: it may stand in what was lost.
    pub(crate) fn missing(&self, at: &Location, message: impl Into<String>, hint: impl Into<String>) {
        if !self.torn.get() {
            self.problem(at, message, hint);
        }
    }

    /// A key is not there; silent where it is, and was refused.
    pub(crate) fn absent(&self, table: &Location, key: &str, hint: impl Into<String>) {
        if !self.refused(&table.key(key)) {
            self.missing(table, format!("missing key `{key}`"), hint);
        }
    }

    /// A list or table has nothing in it; silent where something was, and was refused.
    pub(crate) fn vacant(&self, at: &Location, message: impl Into<String>, hint: impl Into<String>) {
        if !self.refused(at) {
            self.missing(at, message, hint);
        }
    }

    /// Whether this key, or a key within it, was reported.
    fn refused(&self, at: &Location) -> bool {
        let of = |problem: &Problem| {
            problem
                .path
                .strip_prefix(&at.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.problems.borrow().iter().any(|problem| problem.file == at.file && of(problem))
    }

    /// Lines that are not TOML, from that of `at` on.
    pub(crate) fn garbled(
        &self,
        at: &Location,
        lines: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.torn.set(true);
        let problem = problem(at, message.into(), hint.into());
        if self.garbled.borrow().iter().any(|garbled| garbled.holds(&problem)) {
            return;
        }
        self.problems.borrow_mut().push(problem);
        let lines = at.line..at.line.saturating_add(lines);
        self.garbled.borrow_mut().push(Garbled { file: Arc::clone(&at.file), lines });
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    /// Problems and warnings, each once, in the order of the files and lines.
    pub(crate) fn finish(self, rank: impl Fn(&str) -> Option<usize>) -> (Vec<Problem>, Vec<Problem>) {
        let garbled = self.garbled.into_inner();
        // The parser comes first: other reports of the same lines follow from its own.
        let mut told = vec![false; garbled.len()];
        let problems = self.problems.into_inner().into_iter().filter(|problem| {
            let known = garbled.iter().zip(&mut told).find(|(garbled, _)| garbled.holds(problem));
            known.is_none_or(|(_, told)| !std::mem::replace(told, true))
        });
        (sorted(problems.collect(), &rank), sorted(self.warnings.into_inner(), &rank))
    }
}

fn problem(at: &Location, message: String, hint: String) -> Problem {
    Problem { file: Arc::clone(&at.file), line: at.line, path: at.path.clone(), message, hint }
}

fn sorted(mut all: Vec<Problem>, rank: impl Fn(&str) -> Option<usize>) -> Vec<Problem> {
    all.sort_by_cached_key(|problem| (rank(&problem.file), problem.line));
    let mut once: Vec<Problem> = Vec::with_capacity(all.len());
    for mut problem in all {
        // There is no file in which that line could be looked up.
        if *problem.file == *UNFILED {
            problem.line = 0;
        }
        if !once.contains(&problem) {
            once.push(problem);
        }
    }
    once
}

/// The hint `did you mean`, where one of `known` is near enough to `word`.
pub(crate) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let folded = fold(word);
    let bound = (word.len() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&folded, &fold(candidate)), candidate))
        .filter(|(distance, _)| *distance <= bound)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| format!("did you mean `{candidate}`"))
}

fn fold(word: &str) -> String {
    word.to_ascii_lowercase().replace(['-', '.'], "_")
}

/// A value as it is shown in a message: at most 80 characters, without control characters.
pub(crate) fn shown(value: &str) -> String {
    const MOST: usize = 80;
    let mut text: String = value.chars().take(MOST).flat_map(char::escape_debug).collect();
    if value.chars().count() > MOST {
        text.push('…');
    }
    text.replace("\\\"", "\"").replace("\\'", "'")
}

/// Words in backticks, divided by commas.
pub(crate) fn listed<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
