//! The kinds of values of a key that are no table: strings, numbers, quantities with units, choices, lists.
//!
//! Each has a function that begins a row, and a type that reads the value.

use std::time::Duration;

use toml::de::DeValue;

use super::key::{Kind, Range};
use super::reader::Reader;
use super::reader::invalid::InvalidValue;
use super::row::{Row, Value};
use crate::location::{Setting, Spanned, Texts};
use crate::problem::{did_you_mean, listed};
use stagedoor_core::units;

/// A string.
pub(super) const fn text() -> Row<Text> {
    Row::new(Kind::Text, Text)
}

/// One of these strings; the compiler judges which, with a message of its own.
pub(super) const fn word(words: &'static [&'static str]) -> Row<Text> {
    Row::new(Kind::Choice(words), Text)
}

/// The name of a profile.
pub(super) const fn profile_name() -> Row<Text> {
    Row::new(Kind::ProfileName, Text)
}

#[derive(Clone, Copy)]
pub(crate) struct Text;

impl Value for Text {
    type Read = Setting<String>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        table.value(key, |value| {
            let text = value.as_str().map(str::to_owned);
            text.ok_or_else(|| InvalidValue::new("not a string", value, "a string in quotes"))
        })
    }
}

/// `true` or `false`.
pub(super) const fn flag() -> Row<Flag> {
    Row::new(Kind::Flag, Flag)
}

#[derive(Clone, Copy)]
pub(crate) struct Flag;

impl Value for Flag {
    type Read = Setting<bool>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        table.value(key, |value| {
            let accepted = "true or false, without quotes";
            value.as_bool().ok_or_else(|| InvalidValue::new("neither true nor false", value, accepted))
        })
    }
}

/// A whole number.
pub(super) const fn count(from: u64, to: u64) -> Row<Count> {
    let range = Range { from, to };
    Row::new(Kind::Count(range), Count(range))
}

#[derive(Clone, Copy)]
pub(crate) struct Count(Range<u64>);

impl Value for Count {
    type Read = Setting<u64>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        table.value(key, |value| whole(value, self.0))
    }
}

/// A whole number, or `word`, which is read as `None`.
pub(super) const fn word_or_count(word: &'static str, from: u64, to: u64) -> Row<WordOrCount> {
    let range = Range { from, to };
    Row::new(Kind::WordOrCount(word, range), WordOrCount { word, range })
}

#[derive(Clone, Copy)]
pub(crate) struct WordOrCount {
    word: &'static str,
    range: Range<u64>,
}

impl Value for WordOrCount {
    type Read = Setting<Option<u64>>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        let Self { word, range } = self;
        table.value(key, |value| match value.as_str() {
            Some(text) if text == word => Ok(None),
            Some(_) | None => whole(value, range).map(Some).map_err(|invalid| InvalidValue {
                accepted: format!("\"{word}\", or {}", invalid.accepted),
                ..invalid
            }),
        })
    }
}

/// The code of a refusal, `forward`, or a status within these.
pub(super) const fn code_or_status(from: u64, to: u64) -> Row<CodeOrStatus> {
    let range = Range { from, to };
    Row::new(Kind::CodeOrStatus(range), CodeOrStatus(range))
}

#[derive(Clone, Copy)]
pub(crate) struct CodeOrStatus(Range<u64>);

/// What a promise expects of its request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16),
    /// A code, or `forward`.
    Word(String),
}

impl Value for CodeOrStatus {
    type Read = Setting<Answer>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        table.value(key, |value| {
            if let Some(word) = value.as_str() {
                return Ok(Answer::Word(word.to_owned()));
            }
            let status = whole(value, self.0)?;
            // The range is that of statuses.
            Ok(Answer::Status(u16::try_from(status).unwrap_or(u16::MAX)))
        })
    }
}

/// A time with its unit.
pub(super) const fn duration(from: Duration, to: Duration) -> Row<DurationValue> {
    let range = Range { from, to };
    Row::new(Kind::Duration(range), DurationValue(range))
}

#[derive(Clone, Copy)]
pub(crate) struct DurationValue(Range<Duration>);

impl Value for DurationValue {
    type Read = Setting<Duration>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        table.value(key, |value| {
            let found = value.as_str().and_then(units::duration);
            let found = found.ok_or_else(|| InvalidValue::new("not a duration", value, units::DURATIONS))?;
            within(found, self.0, value, units::show_duration)
        })
    }
}

/// Bytes with their unit.
pub(super) const fn size(from: u64, to: u64) -> Row<SizeValue> {
    let range = Range { from, to };
    Row::new(Kind::Size(range), SizeValue(range))
}

#[derive(Clone, Copy)]
pub(crate) struct SizeValue(Range<u64>);

impl Value for SizeValue {
    type Read = Setting<u64>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        table.value(key, |value| {
            let found = value.as_str().and_then(units::size);
            let found = found.ok_or_else(|| InvalidValue::new("not a size", value, units::SIZES))?;
            within(found, self.0, value, units::show_size)
        })
    }
}

/// Bytes a second with their unit.
pub(super) const fn rate(from: u64, to: u64) -> Row<RateValue> {
    let range = Range { from, to };
    Row::new(Kind::Rate(range), RateValue(range))
}

#[derive(Clone, Copy)]
pub(crate) struct RateValue(Range<u64>);

impl Value for RateValue {
    type Read = Setting<u64>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        table.value(key, |value| {
            let found = value.as_str().and_then(units::rate);
            let found = found.ok_or_else(|| InvalidValue::new("not a rate", value, units::RATES))?;
            within(found, self.0, value, |rate| format!("{}/s", units::show_size(rate)))
        })
    }
}

/// One of several words, each with the value that it means: `choice!("web" => Preset::Web, "off" => Preset::Off)`.
macro_rules! choice {
    ($($word:literal => $value:expr),+ $(,)?) => {
        $crate::keys::value::choices(&[$($word),+], &[$($value),+])
    };
}
pub(super) use choice;

pub(super) const fn choices<T: Copy>(words: &'static [&'static str], values: &'static [T]) -> Row<Choice<T>> {
    let planned = Planned { words: &[], message: "", hint: "" };
    Row::new(Kind::Choice(words), Choice { words, values, planned })
}

#[derive(Clone, Copy)]
pub(crate) struct Choice<T: 'static> {
    words: &'static [&'static str],
    /// What each of the words means.
    values: &'static [T],
    planned: Planned,
}

/// Words that are known and refused.
#[derive(Clone, Copy)]
struct Planned {
    words: &'static [&'static str],
    message: &'static str,
    hint: &'static str,
}

impl<T: Copy> Row<Choice<T>> {
    /// Further words, which are known and refused.
    pub(super) const fn planned(
        self,
        words: &'static [&'static str],
        message: &'static str,
        hint: &'static str,
    ) -> Self {
        self.read_as(Choice { planned: Planned { words, message, hint }, ..self.value() })
    }
}

impl<T: Copy> Value for Choice<T> {
    type Read = Setting<T>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        let known = || self.words.iter().chain(self.planned.words).copied();
        let found = table.value(key, |value| {
            let accepted = || format!("one of {}", listed(known()));
            let Some(found) = value.as_str() else {
                return Err(InvalidValue::new("not a string", value, accepted()));
            };
            known().find(|word| *word == found).ok_or_else(|| {
                let hint = did_you_mean(found, known()).map_or_else(String::new, |hint| format!("{hint}: "));
                InvalidValue::new("not a choice here", value, format!("{hint}{}", accepted()))
            })
        })?;
        let Spanned { value: word, at } = found;
        let meant = self.words.iter().zip(self.values).find(|(known, _)| **known == word);
        let Some((_, value)) = meant else {
            let Planned { words: _, message, hint } = self.planned;
            table.report().problem(&at, format!("{message}: `{word}`"), hint);
            return None;
        };
        Some(Spanned { value: *value, at })
    }
}

/// A list of strings.
pub(super) const fn texts() -> Row<List> {
    Row::new(Kind::Texts, List { or_one: false, ..List::OR_ONE })
}

/// A list of strings, or one string.
pub(super) const fn text_or_texts() -> Row<List> {
    Row::new(Kind::TextOrTexts, List::OR_ONE)
}

#[derive(Clone, Copy)]
pub(crate) struct List {
    /// A lone string is a list of one.
    or_one: bool,
    /// The list of an app adds to that of its profile.
    adds_up: bool,
}

impl List {
    /// A list of strings, or one string.
    pub(super) const OR_ONE: Self = Self { or_one: true, adds_up: false };
}

impl Row<List> {
    /// The list of an app adds to that of its profile, and does not replace it.
    pub(super) const fn adds_up(self) -> Self {
        self.read_as(List { adds_up: true, ..self.value() })
    }
}

impl Value for List {
    type Read = Texts;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        table.list(key, self.or_one)
    }

    fn over(self, own: Self::Read, below: Self::Read) -> Self::Read {
        match (own, below) {
            (Some(own), Some(below)) if self.adds_up => Some(both(own, below)),
            (own, below) => own.or(below),
        }
    }
}

/// Both lists, each string once, in any case.
fn both(
    mut own: Spanned<Vec<Spanned<String>>>,
    below: Spanned<Vec<Spanned<String>>>,
) -> Spanned<Vec<Spanned<String>>> {
    for item in below.value {
        if !own.value.iter().any(|known| known.value.eq_ignore_ascii_case(&item.value)) {
            own.value.push(item);
        }
    }
    own
}

fn whole(value: &DeValue<'_>, range: Range<u64>) -> Result<u64, InvalidValue> {
    let quotes =
        if value.as_str().is_some_and(|text| text.parse::<u64>().is_ok()) { ", without quotes" } else { "" };
    let accepted = || format!("a whole number from {}{quotes}", range.shown(|number| *number));
    value
        .as_integer()
        .and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok())
        .filter(|number| range.contains(number))
        .ok_or_else(|| InvalidValue::new("not a number that fits", value, accepted()))
}

fn within<T: PartialOrd + Copy>(
    found: T,
    range: Range<T>,
    value: &DeValue<'_>,
    show: impl Fn(T) -> String,
) -> Result<T, InvalidValue> {
    if range.contains(&found) {
        return Ok(found);
    }
    Err(InvalidValue::new("out of range", value, format!("from {}", range.shown(|bound| show(*bound)))))
}

/// Units of the ranges in rows.
pub(super) const KIB: u64 = 1 << 10;
pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;

pub(super) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(super) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(super) const fn minutes(minutes: u64) -> Duration {
    secs(minutes * 60)
}

pub(super) const fn days(days: u64) -> Duration {
    secs(days * 86_400)
}
