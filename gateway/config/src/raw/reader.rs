//! Reads one table: known keys, their types, and where each stood.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use crate::keys::{self, State, profiles};
use crate::location::{Location, Setting, Spanned};
use crate::problem::{Report, did_you_mean, shown};
use crate::text::Text;
use stagedoor_core::units;

use invalid::InvalidValue;
use unknown::unknown_hint;

mod invalid;
mod unknown;

/// In place of a table's path: its keys are not looked at, because the table as a whole was refused.
pub(super) const UNREAD: &str = "(unread)";

/// Whose file is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConfigLayer {
    /// The operator's.
    Operator,
    /// A profile's, which may say less.
    Profile,
}

/// One table that is being read.
pub(super) struct Reader<'a> {
    text: &'a Text<'a>,
    table: &'a DeTable<'a>,
    report: &'a Report,
    pub(super) voice: ConfigLayer,
    /// Where the table starts.
    pub(super) at: Location,
}

impl<'a> Reader<'a> {
    /// The root of a file.
    pub(super) fn root(text: &'a Text<'a>, report: &'a Report) -> Self {
        let at = Location::whole(&text.name);
        Self::open(text, text.root.get_ref(), at, "", ConfigLayer::Operator, report)
    }

    /// The root of a profile.
    pub(super) fn profile(text: &'a Text<'a>, report: &'a Report) -> Self {
        let at = Location::whole(&text.name);
        Self::open(text, text.root.get_ref(), at, profiles::ROOT, ConfigLayer::Profile, report)
    }

    /// Opens a table and tells every key that is not one, or not yet.
    fn open(
        text: &'a Text<'a>,
        table: &'a DeTable<'a>,
        at: Location,
        path: &str,
        voice: ConfigLayer,
        report: &'a Report,
    ) -> Self {
        let reader = Self { text, table, report, voice, at };
        if path == UNREAD {
            return reader;
        }
        let def = keys::table(path);
        for key in table.keys() {
            let name: &str = key.get_ref();
            let place = reader.at.key(&bare(name)).on(text.line(key.span().start));
            match def.key(name).map(|known| known.state) {
                Some(State::Supported)
                    if voice == ConfigLayer::Profile && !profiles::settable(path, name) =>
                {
                    reader.not_for_profiles(&place, name);
                }
                Some(State::Supported) => {}
                Some(State::NotYet | State::Later) => {
                    report.problem(&place, format!("not yet supported: `{name}`"), "leave it out for now");
                }
                None => {
                    report.problem(&place, format!("unknown key `{}`", shown(name)), unknown_hint(name, def));
                }
            }
        }
        reader
    }

    /// Tells that a key is the operator's alone.
    pub(super) fn not_for_profiles(&self, at: &Location, key: &str) {
        let hint = "leave it to the app's own table";
        self.report.problem(at, format!("not for a profile to say: `{key}`"), hint);
    }

    pub(super) fn report(&self) -> &'a Report {
        self.report
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where `key` stands, or the table where it does not.
    pub(super) fn place(&self, key: &str) -> Location {
        let line =
            self.table.get_key_value(key).map_or(self.at.line, |(k, _)| self.text.line(k.span().start));
        self.at.key(&bare(key)).on(line)
    }

    /// Tells that a key has to be there, if it is not.
    pub(super) fn require(&self, key: &str, hint: &str) {
        if !self.has(key) {
            self.report.absent(&self.at, key, hint);
        }
    }

    /// The number of `key`, within `range`.
    pub(super) fn count(&self, key: &str, range: RangeInclusive<u64>) -> Setting<u64> {
        self.read(key, |value| whole(value, &range))
    }

    /// The number of `key`, or `None` where it says `word`.
    pub(super) fn count_or(&self, key: &str, word: &str, range: RangeInclusive<u64>) -> Setting<Option<u64>> {
        self.read(key, |value| match value.as_str() {
            Some(text) if text == word => Ok(None),
            Some(_) | None => whole(value, &range).map(Some).map_err(|invalid| InvalidValue {
                accepted: format!("\"{word}\", or {}", invalid.accepted),
                ..invalid
            }),
        })
    }

    pub(super) fn flag(&self, key: &str) -> Setting<bool> {
        self.read(key, |value| {
            value.as_bool().ok_or_else(|| {
                InvalidValue::new("neither true nor false", value, "true or false, without quotes")
            })
        })
    }

    pub(super) fn text(&self, key: &str) -> Setting<String> {
        self.read(key, text)
    }

    /// The string of `key`; silent where it is something else.
    pub(super) fn word(&self, key: &str) -> Setting<String> {
        let value = self.table.get(key)?.get_ref().as_str()?.to_owned();
        Some(Spanned { value, at: self.place(key) })
    }

    pub(super) fn duration(&self, key: &str, range: RangeInclusive<Duration>) -> Setting<Duration> {
        self.read(key, |value| {
            let found = value
                .as_str()
                .and_then(units::duration)
                .ok_or_else(|| InvalidValue::new("not a duration", value, units::DURATIONS))?;
            within(found, &range, value, units::show_duration)
        })
    }

    pub(super) fn size(&self, key: &str, range: RangeInclusive<u64>) -> Setting<u64> {
        self.read(key, |value| {
            let found = value
                .as_str()
                .and_then(units::size)
                .ok_or_else(|| InvalidValue::new("not a size", value, units::SIZES))?;
            within(found, &range, value, units::show_size)
        })
    }

    pub(super) fn rate(&self, key: &str, range: RangeInclusive<u64>) -> Setting<u64> {
        self.read(key, |value| {
            let found = value
                .as_str()
                .and_then(units::rate)
                .ok_or_else(|| InvalidValue::new("not a rate", value, units::RATES))?;
            within(found, &range, value, |rate| format!("{}/s", units::show_size(rate)))
        })
    }

    /// One of the words of `choices`.
    pub(super) fn choice<T: Copy>(&self, key: &str, choices: &[(&'static str, T)]) -> Setting<T> {
        let words = || choices.iter().map(|(word, _)| *word);
        self.read(key, |value| {
            let accepted = || format!("one of {}", listed(words()));
            let Some(found) = value.as_str() else {
                return Err(InvalidValue::new("not a string", value, accepted()));
            };
            choices.iter().find(|(word, _)| *word == found).map(|(_, meant)| *meant).ok_or_else(|| {
                let hint = did_you_mean(found, words()).map_or_else(String::new, |hint| format!("{hint}: "));
                InvalidValue::new("not a choice here", value, format!("{hint}{}", accepted()))
            })
        })
    }

    /// A list of strings; where `or_one`, a lone string is a list of one.
    fn list(&self, key: &str, or_one: bool) -> Setting<Vec<Spanned<String>>> {
        let (_, value) = self.table.get_key_value(key)?;
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

    pub(super) fn texts(&self, key: &str) -> Setting<Vec<Spanned<String>>> {
        self.list(key, false)
    }

    pub(super) fn text_or_texts(&self, key: &str) -> Setting<Vec<Spanned<String>>> {
        self.list(key, true)
    }

    /// Every key of a table of the operator's choice, with its value as `read` finds it.
    pub(super) fn map<T>(
        &self,
        key: &str,
        read: impl Fn(&Reader<'a>, &str) -> Setting<T>,
    ) -> Option<Vec<(Spanned<String>, Spanned<T>)>> {
        let (table, at) = self.subtable(key, TABLE)?;
        let inner = Reader { text: self.text, table, report: self.report, voice: self.voice, at };
        let entries = table.keys().filter_map(|name| {
            let name: &str = name.get_ref();
            let value = read(&inner, name)?;
            Some((Spanned { value: name.to_owned(), at: inner.place(name) }, value))
        });
        Some(entries.collect())
    }

    /// The table `key`, known as `path` in the table of keys.
    pub(super) fn child(&self, key: &str, path: &str) -> Option<Reader<'a>> {
        let accepted = if path == "secret" { SECRET } else { TABLE };
        let (table, at) = self.subtable(key, accepted)?;
        Some(Self::open(self.text, table, at, path, self.voice, self.report))
    }

    /// The table `key` unless it is a string, which is then the answer.
    pub(super) fn text_or_child(&self, key: &str, path: &str) -> Option<Result<Spanned<String>, Reader<'a>>> {
        let (_, value) = self.table.get_key_value(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(Ok(Spanned { value: text.to_owned(), at: self.place(key) })),
            None => self.child(key, path).map(Err),
        }
    }

    /// Every table of the list `key`, in order.
    pub(super) fn children(&self, key: &str, path: &str) -> Vec<Reader<'a>> {
        let Some((_, value)) = self.table.get_key_value(key) else { return Vec::new() };
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
            Some(Self::open(self.text, table, place, path, self.voice, self.report))
        };
        items.iter().enumerate().filter_map(open).collect()
    }

    /// Every table under `key` with its name, such as `[app.NAME]`.
    pub(super) fn named(&self, key: &str, path: &'static str) -> Vec<(Spanned<String>, Reader<'a>)> {
        self.named_by(key, |_| path)
    }

    /// As [`Self::named`], where the table itself decides which path of the table of keys it is.
    pub(super) fn named_by(
        &self,
        key: &str,
        path: impl Fn(&DeTable<'_>) -> &'static str,
    ) -> Vec<(Spanned<String>, Reader<'a>)> {
        let Some((table, at)) = self.subtable(key, TABLE) else { return Vec::new() };
        let inner = Reader { text: self.text, table, report: self.report, voice: self.voice, at };
        let open = |name: &'a toml::Spanned<toml::de::DeString<'a>>| {
            let name: &str = name.get_ref();
            let (table, at) = inner.subtable(name, TABLE)?;
            let reader = Self::open(self.text, table, at, path(table), self.voice, self.report);
            Some((Spanned { value: name.to_owned(), at: inner.place(name) }, reader))
        };
        table.keys().filter_map(open).collect()
    }

    fn subtable(&self, key: &str, accepted: &str) -> Option<(&'a DeTable<'a>, Location)> {
        let (name, value) = self.table.get_key_value(key)?;
        let at = self.at.key(&bare(key)).on(self.text.line(name.span().start));
        let table = value.get_ref().as_table();
        if table.is_none() {
            InvalidValue::shape(value.get_ref(), accepted).tell(&at, self.report);
        }
        Some((table?, at))
    }

    fn item(&self, list: &Location, index: usize, item: &toml::Spanned<DeValue<'_>>) -> Location {
        let line = self.text.line(item.span().start);
        Location { path: format!("{}[{index}]", list.path), line, ..list.clone() }
    }

    fn read<T>(&self, key: &str, read: impl Fn(&DeValue<'_>) -> Result<T, InvalidValue>) -> Setting<T> {
        let (_, value) = self.table.get_key_value(key)?;
        let at = self.place(key);
        match read(value.get_ref()) {
            Ok(value) => Some(Spanned { value, at }),
            Err(invalid) => {
                invalid.tell(&at, self.report);
                None
            }
        }
    }
}

const TABLE: &str = "a table: { … }, or keys under a [header]";
const SECRET: &str = "a table that says where the secret is, such as { file = \"data/secret\", generate = true } or \
                      { env = \"NAME\" }: it never stands in a file like this one";

fn text(value: &DeValue<'_>) -> Result<String, InvalidValue> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| InvalidValue::new("not a string", value, "a string in quotes"))
}

fn whole(value: &DeValue<'_>, range: &RangeInclusive<u64>) -> Result<u64, InvalidValue> {
    let quotes =
        if value.as_str().is_some_and(|text| text.parse::<u64>().is_ok()) { ", without quotes" } else { "" };
    let accepted = || format!("a whole number from {} to {}{quotes}", range.start(), range.end());
    value
        .as_integer()
        .and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok())
        .filter(|number| range.contains(number))
        .ok_or_else(|| InvalidValue::new("not a number that fits", value, accepted()))
}

fn within<T: PartialOrd + Copy>(
    found: T,
    range: &RangeInclusive<T>,
    value: &DeValue<'_>,
    show: impl Fn(T) -> String,
) -> Result<T, InvalidValue> {
    if range.contains(&found) {
        return Ok(found);
    }
    Err(InvalidValue::new(
        "out of range",
        value,
        format!("from {} to {}", show(*range.start()), show(*range.end())),
    ))
}

/// A key as it is written in a path.
fn bare(name: &str) -> String {
    let plain =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if plain { name.to_owned() } else { format!("\"{}\"", shown(name)) }
}

fn listed<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
