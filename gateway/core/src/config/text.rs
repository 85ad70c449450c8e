//! Text → TOML with places.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, Error};

use super::Source;
use super::place::Place;
use super::problem::{Report, shown};

/// One file, parsed as far as it is TOML.
#[derive(Debug)]
pub(crate) struct Text<'s> {
    pub(crate) name: Arc<str>,
    /// It is the main file, not an include.
    pub(crate) main: bool,
    pub(crate) root: Spanned<DeTable<'s>>,
    /// Where each line starts.
    starts: Vec<usize>,
}

impl Text<'_> {
    /// The line of a byte, counted from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1)
    }
}

/// Parses every source; what is not TOML is reported, and the rest of its file is still read.
pub(crate) fn parse<'s>(sources: &'s [Source], report: &Report) -> Vec<Text<'s>> {
    sources.iter().enumerate().map(|(index, source)| parse_one(source, index == 0, report)).collect()
}

fn parse_one<'s>(source: &'s Source, main: bool, report: &Report) -> Text<'s> {
    let (root, errors) = DeTable::parse_recoverable(&source.text);
    let breaks = source.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
    let starts = std::iter::once(0).chain(breaks).collect();
    let text = Text { name: Arc::clone(&source.name), main, root, starts };
    for error in &errors {
        tell(&text, source, error, report);
    }
    text
}

fn tell(text: &Text<'_>, source: &Source, error: &Error, report: &Report) {
    let span = error.span();
    let line = span.as_ref().map_or(0, |span| text.line(span.start));
    let at = Place::whole(&text.name).on(line);
    let lost = lines_lost(&source.text, line);
    // The words at the fault are told only where they are a key: elsewhere they may be a secret.
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
