//! Keys and tables as plain data: what messages, the reference and the schema are written from.

use std::fmt::Display;
use std::time::Duration;

use stagedoor_core::units::{show_duration, show_size};

/// One table of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its path: `*` stands for a name of the operator's choice, `[]` for an entry of a list.
    pub path: &'static str,
    /// What it is about: a sentence.
    pub doc: &'static str,
    /// Its keys, in the order of the reference.
    pub keys: &'static [Key],
}

/// One key of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// What holds where the key is left out.
    pub default: DefaultValue,
    /// What is accepted beyond its kind, in words; empty where the kind says it all.
    pub accepts: &'static str,
    /// A regular expression (ECMA 262) that every string of the value matches; empty where any may do.
    /// It is for editors: what it lets through may still be refused.
    pub pattern: &'static str,
    /// The least number of items of a list.
    pub min_items: usize,
    /// The largest number of items of a list; `None` where any number may be.
    pub max_items: Option<usize>,
    /// What it means: a sentence.
    pub doc: &'static str,
    /// When a change takes effect.
    pub reload: Reload,
    /// The security note, without a full stop; empty where there is none.
    pub security: &'static str,
    /// Who honours it.
    pub honoured: Honoured,
    /// A profile may set it.
    pub in_profiles: bool,
    /// An included file may not set it.
    pub main_file_only: bool,
    /// Whether it is built.
    pub state: State,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// One of these strings.
    Choice(&'static [&'static str]),
    /// The name of a profile, with or without its version.
    ProfileName,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Count(Range<u64>),
    /// This word, or a whole number.
    WordOrCount(&'static str, Range<u64>),
    /// The code of a refusal, `forward`, or a status.
    CodeOrStatus(Range<u64>),
    /// A time with its unit.
    Duration(Range<Duration>),
    /// Bytes with their unit.
    Size(Range<u64>),
    /// Bytes a second with their unit.
    Rate(Range<u64>),
    /// A list of strings.
    Texts,
    /// A string or a list of strings.
    TextOrTexts,
    /// A table with keys of the operator's choice, each with a string.
    MapOfTexts,
    /// A table with keys of the operator's choice, each with a string or a list of strings.
    MapOfLists,
    /// A table.
    Table(&'static Table),
    /// A list of tables.
    Tables(&'static Table),
    /// Tables, each under a name of the operator's choice.
    Named(&'static Table),
    /// A string, or a table.
    TextOrTable(&'static Table),
}

/// The least and the largest value that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range<T> {
    /// The least.
    pub from: T,
    /// The largest.
    pub to: T,
}

/// What holds where a key is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultValue {
    /// The key has to be written.
    Required,
    /// The key has to be written where the one of this name is not.
    RequiredUnless(&'static str),
    /// This string.
    Text(&'static str),
    /// These strings.
    Texts(&'static [&'static str]),
    /// `true` or `false`.
    Flag(bool),
    /// This number.
    Count(u64),
    /// Something else, in words.
    Words(&'static str),
    /// The defaults of the keys of its table.
    OfEachKey,
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reload {
    /// With the next reload.
    Live,
    /// With the next start.
    Restart,
}

/// Who honours a key, and thus where a test has to look for its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honoured {
    /// The core: it changes what is decided about a request, or what client and app are sent.
    ByCore,
    /// The process: sockets, deadlines, logs, the operator's listener.
    ByServer,
}

/// Whether a key is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It works.
    Supported,
    /// It is planned, and refused with a message that says so.
    NotYet,
}

impl Table {
    /// The key called `name`.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The keys that work.
    pub fn supported(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().filter(|key| key.state == State::Supported)
    }
}

impl Key {
    /// A key that works and has no property yet but its kind.
    pub(super) const fn new(kind: Kind) -> Self {
        Self {
            name: "",
            kind,
            default: DefaultValue::OfEachKey,
            accepts: "",
            pattern: "",
            min_items: 0,
            max_items: None,
            doc: "",
            reload: Reload::Live,
            security: "",
            honoured: Honoured::ByCore,
            in_profiles: false,
            main_file_only: false,
            state: State::Supported,
        }
    }

    /// A key that is planned: its name is known and refused.
    pub(super) const fn not_yet(name: &'static str, doc: &'static str) -> Self {
        Self { name, doc, state: State::NotYet, ..Self::new(Kind::Text) }
    }

    /// What is accepted beyond the kind of value, such as `10ms to 1d`; empty where the kind says it all.
    #[must_use]
    pub fn accepted(&self) -> String {
        match self.kind {
            Kind::Count(range) if range.from == range.to => format!("{} alone", range.from),
            Kind::Count(range) | Kind::WordOrCount(_, range) => range.shown(|number| *number),
            Kind::CodeOrStatus(range) => format!("`forward`, {}, or a code", range.shown(|status| *status)),
            Kind::Duration(range) => range.shown(|duration| show_duration(*duration)),
            Kind::Size(range) => range.shown(|size| show_size(*size)),
            Kind::Rate(range) => range.shown(|rate| format!("{}/s", show_size(*rate))),
            Kind::Text
            | Kind::Choice(_)
            | Kind::ProfileName
            | Kind::Flag
            | Kind::Texts
            | Kind::TextOrTexts
            | Kind::MapOfTexts
            | Kind::MapOfLists
            | Kind::Table(_)
            | Kind::Tables(_)
            | Kind::Named(_)
            | Kind::TextOrTable(_) => match self.max_items {
                Some(most) => format!("at most {}", number_word(most)),
                None => self.accepts.to_owned(),
            },
        }
    }
}

impl Kind {
    /// The table that may stand in the value.
    #[must_use]
    pub fn table(self) -> Option<&'static Table> {
        match self {
            Self::Table(table) | Self::Tables(table) | Self::Named(table) | Self::TextOrTable(table) => {
                Some(table)
            }
            Self::Text
            | Self::Choice(_)
            | Self::ProfileName
            | Self::Flag
            | Self::Count(_)
            | Self::WordOrCount(..)
            | Self::CodeOrStatus(_)
            | Self::Duration(_)
            | Self::Size(_)
            | Self::Rate(_)
            | Self::Texts
            | Self::TextOrTexts
            | Self::MapOfTexts
            | Self::MapOfLists => None,
        }
    }

    /// The bounds of a number.
    #[must_use]
    pub fn bounds(self) -> Option<Range<u64>> {
        match self {
            Self::Count(range) | Self::WordOrCount(_, range) | Self::CodeOrStatus(range) => Some(range),
            Self::Text
            | Self::Choice(_)
            | Self::ProfileName
            | Self::Flag
            | Self::Duration(_)
            | Self::Size(_)
            | Self::Rate(_)
            | Self::Texts
            | Self::TextOrTexts
            | Self::MapOfTexts
            | Self::MapOfLists
            | Self::Table(_)
            | Self::Tables(_)
            | Self::Named(_)
            | Self::TextOrTable(_) => None,
        }
    }
}

impl<T: PartialOrd> Range<T> {
    pub(super) fn contains(&self, value: &T) -> bool {
        self.from <= *value && *value <= self.to
    }

    /// In words, such as `1 to 1024`.
    pub(super) fn shown<S: Display>(&self, show: impl Fn(&T) -> S) -> String {
        format!("{} to {}", show(&self.from), show(&self.to))
    }
}

impl DefaultValue {
    /// The default as it would be written in a file; `None` where it is described in words, or not at all.
    #[must_use]
    pub fn written(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(quoted(text)),
            Self::Texts(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
                Some(format!("[{}]", texts.join(", ")))
            }
            Self::Flag(flag) => Some(flag.to_string()),
            Self::Count(count) => Some(count.to_string()),
            Self::Required | Self::RequiredUnless(_) | Self::Words(_) | Self::OfEachKey => None,
        }
    }

    /// In words, or as it would be written in a file.
    #[must_use]
    pub fn shown(self) -> String {
        match self {
            Self::Required => "required".to_owned(),
            Self::RequiredUnless(other) => format!("required, unless `{other}`"),
            Self::Text(_) | Self::Texts(_) | Self::Flag(_) | Self::Count(_) => {
                self.written().unwrap_or_default()
            }
            Self::Words(text) => text.to_owned(),
            Self::OfEachKey => "that of each key".to_owned(),
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// A small number as a word; a larger one in digits.
fn number_word(number: usize) -> String {
    const WORDS: [&str; 10] =
        ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    WORDS.get(number).map_or_else(|| number.to_string(), |word| (*word).to_owned())
}
