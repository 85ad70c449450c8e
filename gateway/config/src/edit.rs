//! Edits of single keys in the text of a configuration file.
//!
//! An edit is made of whole lines, so that a person can paste it; all other lines keep their comments and their
//! spelling. It is located by the spans of the parsed text, never by a search in it, and is offered only if the text
//! after it is TOML.
//!
//! `toml_edit` was weighed for this. After an edit it has no spans, so the lines that changed would have to be found by
//! comparing two texts; it ends every line of a file with LF, drops the comment behind a value that it replaces, and
//! brings a second version of its parser. The spans are needed here anyway, to name the line of a key that refused.

use std::ops::Range;
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::SourceFile;
use stagedoor_core::text::{escaped, is_odd};

/// Whole lines for one place of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The file, as named to the reader.
    pub file: Arc<str>,
    /// The table that is changed, such as `app.media`.
    pub table: String,
    /// The first line that `text` replaces, counted from 1; where it replaces none, the line it goes behind,
    /// 0 being the top.
    pub line: usize,
    /// The last line that it replaces.
    pub last: usize,
    /// One line or more, without the last line break.
    pub text: String,
    /// Whether lines are replaced.
    pub replaces: bool,
}

/// One step of a path into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'p> {
    Key(&'p str),
    Item(usize),
}

/// A file that is TOML.
#[derive(Debug)]
pub(super) struct Page<'s> {
    source: &'s SourceFile,
    root: toml::Spanned<DeTable<'s>>,
}

type Node<'n, 's> = &'n toml::Spanned<DeValue<'s>>;

impl Change {
    /// The text of a file after it.
    #[must_use]
    pub fn apply(&self, text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        let (before, after) = match self.replaces {
            true => (self.line.saturating_sub(1), self.last),
            false => (self.line, self.line),
        };
        let kept = lines.iter().take(before).copied();
        let all = kept.chain(std::iter::once(&*self.text)).chain(lines.iter().skip(after).copied());
        let mut out = all.collect::<Vec<_>>().join("\n");
        out.push('\n');
        out
    }
}

impl<'s> Page<'s> {
    /// Reads a file; `None` if it is not TOML.
    pub(super) fn open(source: &'s SourceFile) -> Option<Self> {
        let (root, errors) = DeTable::parse_recoverable(&source.text);
        errors.is_empty().then_some(Self { source, root })
    }

    /// The node at `path`.
    pub(super) fn find(&self, path: &[Step<'_>]) -> Option<Node<'_, 's>> {
        self.walk(path).filter(|nodes| nodes.len() == path.len())?.pop()
    }

    /// The line on which something starts, counted from 1.
    pub(super) fn line_of(&self, node: Node<'_, 's>) -> usize {
        self.line(node.span().start)
    }

    /// Gives the key at `path` this value: in its place where it is written, else as a new line in the
    /// nearest table that is.
    pub(super) fn set(&self, path: &[Step<'_>], value: &str) -> Option<Change> {
        let nodes = self.walk(path)?;
        let table = table_of(path);
        if nodes.len() == path.len() {
            return self.splice(nodes.last()?.span(), value, table);
        }
        self.places(path, &nodes, value, &table).into_iter().flatten().find(|change| self.stays_toml(change))
    }

    /// Adds an item at the end of the list at `path`, which is begun where it is not written.
    pub(super) fn append(&self, path: &[Step<'_>], item: &str) -> Option<Change> {
        let Some(node) = self.find(path) else { return self.set(path, &format!("[{item}]")) };
        let table = table_of(path);
        match node.get_ref() {
            DeValue::Array(items) => match items.last() {
                Some(last) => {
                    let end = last.span().end;
                    self.splice(end..end, &format!(", {item}"), table)
                }
                None => self.splice(node.span(), &format!("[{item}]"), table),
            },
            DeValue::String(_) => {
                let written = self.source.text.get(node.span())?;
                self.splice(node.span(), &format!("[{written}, {item}]"), table)
            }
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => None,
        }
    }

    /// The list at `path` without the items at these positions.
    pub(super) fn without(&self, path: &[Step<'_>], gone: &[usize]) -> Option<Change> {
        let node = self.find(path)?;
        let items = node.get_ref().as_array()?.iter().enumerate();
        let kept = items.filter(|(index, _)| !gone.contains(index));
        let texts: Option<Vec<&str>> = kept.map(|(_, item)| self.source.text.get(item.span())).collect();
        self.splice(node.span(), &format!("[{}]", texts?.join(", ")), table_of(path))
    }

    /// Adds a table to the list of tables at `path`, with these keys.
    pub(super) fn add_table(&self, path: &[Step<'_>], keys: &[(&str, String)]) -> Option<Change> {
        let name = dotted(path);
        let inline = || {
            let pairs: Vec<String> = keys.iter().map(|(key, value)| format!("{key} = {value}")).collect();
            format!("{{ {} }}", pairs.join(", "))
        };
        let nodes = self.walk(path)?;
        if let Some(list) = nodes.get(path.len().checked_sub(1)?) {
            if self.text_at(list) == Some('[') && !self.is_header(list) {
                return self.append(path, &inline());
            }
        } else if nodes.iter().any(|node| self.text_at(node) == Some('{')) {
            return self.set(path, &format!("[{}]", inline()));
        }
        let pairs: Vec<String> = keys.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        let change = self.at_the_end(format!("[[{name}]]\n{}", pairs.join("\n")), name);
        self.stays_toml(&change).then_some(change)
    }

    /// Where a key that is not written may go, best first.
    fn places(
        &self,
        path: &[Step<'_>],
        nodes: &[Node<'_, 's>],
        value: &str,
        table: &str,
    ) -> [Option<Change>; 3] {
        let holder = nodes
            .iter()
            .enumerate()
            .rev()
            .find(|(_, node)| matches!(self.text_at(node), Some('{')) || self.is_header(node));
        let (kept, nearest) = match holder {
            Some((depth, node)) => (depth + 1, Some(*node)),
            None => (0, None),
        };
        let line = format!("{} = {value}", dotted(path.get(kept..).unwrap_or_default()));
        let beside = match nearest {
            Some(node) if self.is_header(node) => {
                Some(self.behind(self.line(node.span().start), line.clone(), table))
            }
            Some(node) => self.within_braces(node, &line, table),
            // At the top of the file only what is written with dots there already.
            None if !nodes.is_empty() => Some(self.behind(0, line, table)),
            None => None,
        };
        let last = path.last().and_then(|step| if let Step::Key(key) = step { Some(*key) } else { None });
        let has_items = path.iter().any(|step| matches!(step, Step::Item(_)));
        let block = last
            .filter(|_| !has_items)
            .map(|key| self.at_the_end(format!("[{table}]\n{} = {value}", bare(key)), table.to_owned()));
        let header_first = nearest.is_none() && nodes.iter().all(|node| self.is_implied(node));
        if header_first { [block, beside, None] } else { [beside, block, None] }
    }

    fn within_braces(&self, node: Node<'_, 's>, pair: &str, table: &str) -> Option<Change> {
        let at = node.span().start + 1;
        let empty = node.get_ref().as_table()?.is_empty();
        if empty {
            return self.splice(node.span(), &format!("{{ {pair} }}"), table.to_owned());
        }
        self.splice(at..at, &format!(" {pair},"), table.to_owned())
    }

    fn behind(&self, line: usize, text: String, table: &str) -> Change {
        Change {
            file: Arc::clone(&self.source.name),
            table: table.to_owned(),
            line,
            last: line,
            text,
            replaces: false,
        }
    }

    fn at_the_end(&self, text: String, table: String) -> Change {
        let line = self.source.text.lines().count();
        self.behind(line, format!("\n{text}"), &table)
    }

    /// Other text for a span, as the whole lines it stands on; `None` if it is the same.
    fn splice(&self, span: Range<usize>, with: &str, table: String) -> Option<Change> {
        let text = &self.source.text;
        if text.get(span.clone())? == with {
            return None;
        }
        let start = text.get(..span.start)?.rfind('\n').map_or(0, |at| at + 1);
        let end = text.get(span.end..)?.find('\n').map_or(text.len(), |at| span.end + at);
        let lines = format!("{}{with}{}", text.get(start..span.start)?, text.get(span.end..end)?);
        let change = Change {
            file: Arc::clone(&self.source.name),
            table,
            line: self.line(span.start),
            last: self.line(span.end),
            text: lines.trim_end_matches('\r').to_owned(),
            replaces: true,
        };
        self.stays_toml(&change).then_some(change)
    }

    fn stays_toml(&self, change: &Change) -> bool {
        DeTable::parse(&change.apply(&self.source.text)).is_ok()
    }

    /// The nodes along `path`, as far as they are written; `None` where one of them is not a table.
    fn walk(&self, path: &[Step<'_>]) -> Option<Vec<Node<'_, 's>>> {
        let mut nodes: Vec<Node<'_, 's>> = Vec::with_capacity(path.len());
        for step in path {
            let next = match (step, nodes.last().map(|node| node.get_ref())) {
                (Step::Key(key), None) => self.root.get_ref().get(*key),
                (Step::Key(key), Some(DeValue::Table(table))) => table.get(*key),
                (Step::Item(index), Some(DeValue::Array(items))) => items.get(*index),
                (Step::Key(_) | Step::Item(_), _) => return None,
            };
            let Some(next) = next else { break };
            nodes.push(next);
        }
        Some(nodes)
    }

    fn text_at(&self, node: Node<'_, 's>) -> Option<char> {
        self.source.text.get(node.span().start..)?.chars().next()
    }

    /// It is the table of a `[header]`, or of one `[[header]]` of a list.
    fn is_header(&self, node: Node<'_, 's>) -> bool {
        let start = node.span().start;
        let table = node.get_ref().as_table().is_some();
        let listed = || node.get_ref().as_array().is_some() && self.starts_line(start);
        self.text_at(node) == Some('[') && (table || listed())
    }

    /// It was never written by itself: only a `[header.below]` names it.
    fn is_implied(&self, node: Node<'_, 's>) -> bool {
        let line = self.line(node.span().start);
        self.source.text.lines().nth(line.saturating_sub(1)).is_some_and(|l| l.trim_start().starts_with('['))
    }

    /// Nothing but blanks stands before it on its line.
    fn starts_line(&self, offset: usize) -> bool {
        let before = self.source.text.get(..offset).unwrap_or_default();
        before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty())
    }

    fn line(&self, offset: usize) -> usize {
        let before = self.source.text.get(..offset).unwrap_or(&self.source.text);
        before.bytes().filter(|byte| *byte == b'\n').count() + 1
    }
}

/// A TOML basic string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if is_odd(c) => out.push_str(&escaped(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A key as it is written: bare where it can be.
fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if plain { key.to_owned() } else { quoted(key) }
}

/// The table that holds the key of a path.
fn table_of(path: &[Step<'_>]) -> String {
    let key = path.iter().rposition(|step| matches!(step, Step::Key(_)));
    dotted(path.get(..key.unwrap_or_default()).unwrap_or_default())
}

fn dotted(path: &[Step<'_>]) -> String {
    let keys = path.iter().filter_map(|step| match step {
        Step::Key(key) => Some(bare(key)),
        Step::Item(_) => None,
    });
    keys.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests;
