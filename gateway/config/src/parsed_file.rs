//! Files parsed as TOML, with the line of each key.

use std::cell::OnceCell;
use std::sync::Arc;

use toml::de::{DeTable, Error};

use super::location::Location;
use super::problem::{Report, shown};
use super::source::{Line, SourceFile};

/// One file, parsed as far as it is TOML.
#[derive(Debug)]
pub(crate) struct ParsedFile<'s> {
    pub(crate) name: Arc<str>,
    /// It is the main file, not an include.
    pub(crate) main: bool,
    pub(crate) root: toml::Spanned<DeTable<'s>>,
    /// Where each line starts.
    starts: Vec<usize>,
}

impl ParsedFile<'_> {
    /// The line of a byte, counted from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1)
    }
}

/// Finds the lines of keys in files that compile. The files are parsed when the first line is asked for.
pub(crate) struct LineLookup<'s> {
    sources: &'s [SourceFile],
    parsed: OnceCell<Vec<ParsedFile<'s>>>,
}

impl<'s> LineLookup<'s> {
    pub(crate) fn over(sources: &'s [SourceFile]) -> Self {
        Self { sources, parsed: OnceCell::new() }
    }

    /// The line of the key at this path, else of the nearest table above it; of a table of the root that is not there the
    /// main file as a whole.
    pub(crate) fn nearest(&self, path: &[&str]) -> Line {
        let main = self.sources.first().map_or_else(|| "".into(), |source| Arc::clone(&source.name));
        let found = self.parsed().iter().map(|file| (reached(file, path), file));
        // The first of those that lead furthest.
        let best = found.rev().max_by_key(|(reached, _)| reached.map_or(0, |(depth, _)| depth));
        match best {
            // `app` and `auth` hold many tables: the line of the first of them would be that of another.
            Some((Some((depth, offset)), file)) if depth > 1 || path.len() == 1 => {
                Line { file: Arc::clone(&file.name), line: file.line(offset) }
            }
            Some((Some((_, offset)), file)) if !matches!(path.first(), Some(&("app" | "auth"))) => {
                Line { file: Arc::clone(&file.name), line: file.line(offset) }
            }
            Some(_) | None => Line { file: main, line: 0 },
        }
    }

    /// Whether the key at this path is written.
    pub(crate) fn holds(&self, path: &[&str]) -> bool {
        self.parsed().iter().any(|file| reached(file, path).is_some_and(|(depth, _)| depth == path.len()))
    }

    /// Whether this is one of the files, and not a profile.
    pub(crate) fn is_a_file(&self, name: &str) -> bool {
        self.sources.iter().any(|source| *source.name == *name)
    }

    fn parsed(&self) -> &[ParsedFile<'s>] {
        self.parsed.get_or_init(|| parse(self.sources, &Report::default()))
    }
}

/// How many steps of a path are keys that are written, and the offset of the last of these.
fn reached(file: &ParsedFile<'_>, path: &[&str]) -> Option<(usize, usize)> {
    let mut table = Some(file.root.get_ref());
    let mut reached = None;
    for (depth, step) in path.iter().enumerate() {
        let Some((key, value)) = table.and_then(|table| table.get_key_value(*step)) else { break };
        reached = Some((depth + 1, key.span().start));
        table = value.get_ref().as_table();
    }
    reached
}

/// Parses every file; what is not TOML is reported, and the rest of its file is still read.
pub(crate) fn parse<'s>(sources: &'s [SourceFile], report: &Report) -> Vec<ParsedFile<'s>> {
    sources.iter().enumerate().map(|(index, source)| parse_one(source, index == 0, report)).collect()
}

fn parse_one<'s>(source: &'s SourceFile, main: bool, report: &Report) -> ParsedFile<'s> {
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    let breaks = source.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
    let starts = std::iter::once(0).chain(breaks).collect();
    let file = ParsedFile { name: Arc::clone(&source.name), main, root, starts };
    for error in &errors {
        tell(&file, source, error, report);
    }
    file
}

fn tell(file: &ParsedFile<'_>, source: &SourceFile, error: &Error, report: &Report) {
    let span = error.span();
    let line = span.as_ref().map_or(0, |span| file.line(span.start));
    let at = Location::whole(&file.name).on(line);
    let lost = lines_lost(&source.text, line);
    // The text at the fault is shown only where it is a key: elsewhere it may be a secret.
    let word = span.and_then(|span| source.text.get(span)).map(shown).unwrap_or_default();
    if error.message().contains("duplicate key") {
        report.garbled(
            &at,
            lost,
            format!("written twice: `{word}`"),
            "a key or table may stand once: join the two, or remove one",
        );
        return;
    }
    report.garbled(
        &at,
        lost,
        format!("not TOML: {}", error.message()),
        "strings stand in quotes, a list in [ ], a table of its own under [name]",
    );
}

/// How many lines a line that is not TOML takes with it: where it begins a table, all up to the next header.
fn lines_lost(text: &str, line: usize) -> usize {
    let header = |line: &&str| line.trim_start().starts_with('[');
    let mut rest = text.lines().skip(line.saturating_sub(1));
    match rest.next() {
        Some(first) if header(&first) => 1 + rest.take_while(|line| !header(line)).count(),
        Some(_) | None => 1,
    }
}
