//! Reads one table: known keys, their values, and the location of each.

use toml::de::{DeTable, DeValue};

use super::key::{State, Table};
use crate::location::{Entries, Location, Setting, Spanned, Texts};
use crate::parsed_file::ParsedFile;
use crate::problem::{Report, shown};

use invalid::InvalidValue;
use unknown::unknown_hint;

pub(super) mod invalid;
mod unknown;

/// The layer of a file that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConfigLayer {
    /// The operator's.
    Operator,
    /// A profile's, which may set less.
    Profile,
}

/// One table that is being read.
pub(crate) struct Reader<'a> {
    file: &'a ParsedFile<'a>,
    table: &'a DeTable<'a>,
    report: &'a Report,
    /// Every table of the language, for hints.
    language: &'static [&'static Table],
    /// The root table, at the root of an included file: its keys of the main file are refused and not read.
    included: Option<&'static Table>,
    pub(crate) layer: ConfigLayer,
    /// Where the table starts.
    pub(crate) at: Location,
    /// The name that the operator gave the table: that of an app or of a provider.
    pub(crate) name: Option<Spanned<String>>,
}

impl<'a> Reader<'a> {
    /// The root of a file, which is the table `root` of `language`.
    pub(crate) fn root(
        file: &'a ParsedFile<'a>,
        root: &'static Table,
        language: &'static [&'static Table],
        layer: ConfigLayer,
        report: &'a Report,
    ) -> Self {
        let (table, at) = (file.root.get_ref(), Location::whole(&file.name));
        let included = (!file.main).then_some(root);
        let reader = Self { file, table, report, language, included, layer, at, name: None };
        reader.judge_keys(root);
        reader
    }

    /// A table within this one; its keys are not judged.
    fn within(&self, table: &'a DeTable<'a>, at: Location) -> Self {
        Self { table, at, included: None, name: None, ..*self }
    }

    /// Opens a table within this one, and reports every key that it does not know.
    fn open(&self, table: &'a DeTable<'a>, at: Location, known: &'static Table) -> Self {
        let reader = self.within(table, at);
        reader.judge_keys(known);
        reader
    }

    /// Reports every key that is none of `known`, is not built yet, or may not be set in this file.
    fn judge_keys(&self, known: &'static Table) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            let place = self.at.key(&bare(name)).on(self.file.line(key.span().start));
            let Some(key) = known.key(name) else {
                let hint = unknown_hint(name, known, self.language);
                self.report.problem(&place, format!("unknown key `{}`", shown(name)), hint);
                continue;
            };
            match key.state {
                State::Supported if self.layer == ConfigLayer::Profile && !key.in_profiles => {
                    self.not_for_profiles(&place, name);
                }
                // An include holds apps, providers and promises: the rest would make it matter which file comes last.
                State::Supported if self.included.is_some() && key.main_file_only => {
                    let message = format!("not in an included file: `{name}`");
                    self.report.problem(&place, message, "move it to the main file");
                }
                State::Supported => {}
                State::NotYet => {
                    let message = format!("not yet supported: `{name}`");
                    self.report.problem(&place, message, "leave it out for now");
                }
            }
        }
    }

    /// Reports that a key is the operator's alone.
    pub(super) fn not_for_profiles(&self, at: &Location, key: &str) {
        let hint = "set it in the table of the app";
        self.report.problem(at, format!("a profile cannot set this key: `{key}`"), hint);
    }

    pub(crate) fn report(&self) -> &'a Report {
        self.report
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn get(
        &self,
        key: &str,
    ) -> Option<(&'a toml::Spanned<toml::de::DeString<'a>>, &'a toml::Spanned<DeValue<'a>>)> {
        let refused = self.included.and_then(|root| root.key(key)).is_some_and(|key| key.main_file_only);
        if refused { None } else { self.table.get_key_value(key) }
    }

    /// The location of `key`, or of the table where it is not written.
    pub(crate) fn place(&self, key: &str) -> Location {
        let line = self.get(key).map_or(self.at.line, |(key, _)| self.file.line(key.span().start));
        self.at.key(&bare(key)).on(line)
    }

    /// Reports that a key is missing, if it is.
    pub(super) fn require(&self, key: &str, hint: &str) {
        if !self.has(key) {
            self.report.absent(&self.at, key, hint);
        }
    }

    /// The value of `key` as `read` finds it; what is wrong with it is reported.
    pub(super) fn value<T>(
        &self,
        key: &str,
        read: impl Fn(&DeValue<'_>) -> Result<T, InvalidValue>,
    ) -> Setting<T> {
        let (_, value) = self.get(key)?;
        let at = self.place(key);
        match read(value.get_ref()) {
            Ok(value) => Some(Spanned { value, at }),
            Err(invalid) => {
                invalid.tell(&at, self.report);
                None
            }
        }
    }

    /// The string of `key`; nothing is reported where it is something else.
    pub(crate) fn text(&self, key: &str) -> Setting<String> {
        let value = self.get(key)?.1.get_ref().as_str()?.to_owned();
        Some(Spanned { value, at: self.place(key) })
    }

    /// A list of strings; where `or_one`, a lone string is a list of one.
    pub(super) fn list(&self, key: &str, or_one: bool) -> Texts {
        let (_, value) = self.get(key)?;
        let at = self.place(key);
        let invalid = |value: &DeValue<'_>| {
            let accepted =
                if or_one { "a string, or a list of strings in [ ]" } else { "a list of strings in [ ]" };
            InvalidValue::new("not a list of strings", value, accepted)
        };
        if let Some(one) = value.get_ref().as_str().filter(|_| or_one) {
            return Some(Spanned { value: vec![Spanned { value: one.to_owned(), at: at.clone() }], at });
        }
        let Some(items) = value.get_ref().as_array() else {
            invalid(value.get_ref()).tell(&at, self.report);
            return None;
        };
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let place = self.item(&at, index, item);
            match item.get_ref().as_str() {
                Some(text) => list.push(Spanned { value: text.to_owned(), at: place }),
                None => invalid(item.get_ref()).tell(&place, self.report),
            }
        }
        Some(Spanned { value: list, at })
    }

    /// Every key of a table of the operator's choice, with its value as `read` finds it.
    pub(super) fn map<T>(&self, key: &str, read: impl Fn(&Self, &str) -> Setting<T>) -> Option<Entries<T>> {
        let (table, at) = self.subtable(key, TABLE)?;
        let inner = self.within(table, at.clone());
        let entries = table.keys().filter_map(|name| {
            let name: &str = name.get_ref();
            let value = read(&inner, name)?;
            Some((Spanned { value: name.to_owned(), at: inner.place(name) }, value))
        });
        Some(Entries { at, list: entries.collect() })
    }

    /// The table `key`, whose keys are those of `known`.
    pub(crate) fn child(&self, key: &str, known: &'static Table) -> Option<Self> {
        let accepted = if known.path == "secret" { SECRET } else { TABLE };
        let (table, at) = self.subtable(key, accepted)?;
        Some(self.open(table, at, known))
    }

    /// Every table of the list `key`, in order.
    pub(super) fn children(&self, key: &str, known: &'static Table) -> Vec<Self> {
        let Some((_, value)) = self.get(key) else { return Vec::new() };
        let at = self.place(key);
        let invalid = |value: &DeValue<'_>| {
            InvalidValue::shape(value, &format!("a list of tables, each under [[{}]]", at.path))
        };
        let Some(items) = value.get_ref().as_array() else {
            invalid(value.get_ref()).tell(&at, self.report);
            return Vec::new();
        };
        let open = |(index, item): (usize, &'a toml::Spanned<DeValue<'a>>)| {
            let place = self.item(&at, index, item);
            let Some(table) = item.get_ref().as_table() else {
                invalid(item.get_ref()).tell(&place, self.report);
                return None;
            };
            Some(self.open(table, place, known))
        };
        items.iter().enumerate().filter_map(open).collect()
    }

    /// Every table under `key` with its name, such as `[app.NAME]`. The keys of one that is not `judged` are not looked at.
    pub(crate) fn named(
        &self,
        key: &str,
        known: &'static Table,
        judged: impl Fn(&DeTable<'_>) -> bool,
    ) -> Vec<Self> {
        let Some((table, at)) = self.subtable(key, TABLE) else { return Vec::new() };
        let inner = self.within(table, at);
        let open = |name: &'a toml::Spanned<toml::de::DeString<'a>>| {
            let name: &str = name.get_ref();
            let (table, at) = inner.subtable(name, TABLE)?;
            let reader = if judged(table) { self.open(table, at, known) } else { self.within(table, at) };
            let name = Spanned { value: name.to_owned(), at: inner.place(name) };
            Some(Self { name: Some(name), ..reader })
        };
        table.keys().filter_map(open).collect()
    }

    fn subtable(&self, key: &str, accepted: &str) -> Option<(&'a DeTable<'a>, Location)> {
        let (_, value) = self.get(key)?;
        let at = self.place(key);
        let table = value.get_ref().as_table();
        if table.is_none() {
            InvalidValue::shape(value.get_ref(), accepted).tell(&at, self.report);
        }
        Some((table?, at))
    }

    fn item(&self, list: &Location, index: usize, item: &toml::Spanned<DeValue<'_>>) -> Location {
        let line = self.file.line(item.span().start);
        Location { path: format!("{}[{index}]", list.path), line, ..list.clone() }
    }
}

const TABLE: &str = "a table: { … }, or keys under a [header]";
const SECRET: &str = "a table that says where the secret is, such as { file = \"data/secret\", generate = true } or \
                      { env = \"NAME\" }: the secret itself is never part of this file";

/// A key as it is written in a path.
fn bare(name: &str) -> String {
    let plain =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if plain { name.to_owned() } else { format!("\"{}\"", shown(name)) }
}
