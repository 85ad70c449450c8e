//! A row: one key, with the type of its value, its range, default, unit, notes and how it is read.
//!
//! A row begins with the kind of its value (`duration(millis(10), days(1))`, see `value.rs` and `nested.rs`); each
//! property is a method. [`table!`](super::table) turns a list of rows into a struct and a [`Table`](super::Table).

use std::borrow::Cow;

use super::key::{DefaultValue, Honoured, Key, Kind, Reload};
use super::reader::{ConfigLayer, Reader};
use crate::location::{Entries, Location, Spanned};

/// A key, how its value is read, and when it has to be there.
#[derive(Clone, Copy)]
pub(crate) struct Row<V> {
    value: V,
    key: Key,
    required: Option<Required>,
}

/// A key that has to be written.
#[derive(Clone, Copy)]
struct Required {
    hint: &'static str,
    /// A profile may leave it out.
    of_operator: bool,
    /// It may be left out beside this key.
    beside: &'static str,
}

/// How the value of a key is read, and what becomes of two values in two layers.
pub(crate) trait Value: Copy {
    /// What is read.
    type Read: Layered;

    /// Reads `key` of `table`; what is wrong is reported.
    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read;

    /// The value of an app over that of its profile.
    fn over(self, own: Self::Read, below: Self::Read) -> Self::Read {
        own.over(below)
    }
}

/// What was read of a key: it can be laid over what a profile says, and has locations.
pub(crate) trait Layered: Sized {
    /// This, or `below` where nothing was written here.
    fn over(self, below: Self) -> Self;

    /// Calls `put` with each key that was written and its location: with `key` itself, or with the keys of a group that is
    /// read under it, such as `limit.ip`.
    fn locations(&self, key: Cow<'static, str>, put: &mut dyn FnMut(Cow<'static, str>, &Location));
}

/// A value or a table with its location.
pub(crate) trait Located {
    /// Its location.
    fn at(&self) -> &Location;
}

impl<V: Copy> Row<V> {
    pub(super) const fn new(kind: Kind, value: V) -> Self {
        Self { value, key: Key::new(kind), required: None }
    }

    /// How the value is read.
    pub(super) const fn value(&self) -> V {
        self.value
    }

    /// The same key with another way to read its value.
    pub(super) const fn read_as(self, value: V) -> Self {
        Self { value, ..self }
    }

    /// The name of the key, where that of the field differs: a keyword of Rust, or a word that says too little.
    pub(super) const fn called(self, name: &'static str) -> Self {
        Self { key: Key { name, ..self.key }, ..self }
    }

    /// The sentence, where several rows share it.
    pub(super) const fn meaning(self, doc: &'static str) -> Self {
        Self { key: Key { doc, ..self.key }, ..self }
    }

    /// The default, a string.
    pub(super) const fn default(self, text: &'static str) -> Self {
        Self { key: Key { default: DefaultValue::Text(text), ..self.key }, ..self }
    }

    /// The default, a list of strings.
    pub(super) const fn default_texts(self, texts: &'static [&'static str]) -> Self {
        Self { key: Key { default: DefaultValue::Texts(texts), ..self.key }, ..self }
    }

    /// The default, `true` or `false`.
    pub(super) const fn default_flag(self, flag: bool) -> Self {
        Self { key: Key { default: DefaultValue::Flag(flag), ..self.key }, ..self }
    }

    /// The default, a number.
    pub(super) const fn default_count(self, count: u64) -> Self {
        Self { key: Key { default: DefaultValue::Count(count), ..self.key }, ..self }
    }

    /// What holds where the key is left out, in words.
    pub(super) const fn otherwise(self, words: &'static str) -> Self {
        Self { key: Key { default: DefaultValue::Words(words), ..self.key }, ..self }
    }

    /// The key has to be written in its table; `hint` says what to write.
    pub(super) const fn required(self, hint: &'static str) -> Self {
        let required = Some(Required { hint, of_operator: false, beside: "" });
        Self { required, ..self.required_in_compile() }
    }

    /// As [`Self::required`], but a profile may leave it out.
    pub(super) const fn required_of_operator(self, hint: &'static str) -> Self {
        let required = Some(Required { hint, of_operator: true, beside: "" });
        Self { required, ..self.required_in_compile() }
    }

    /// As [`Self::required`], unless the key `other` is written, which is not supported yet and reported itself.
    pub(super) const fn required_beside(self, other: &'static str, hint: &'static str) -> Self {
        let required = Some(Required { hint, of_operator: false, beside: other });
        Self { required, ..self.required_in_compile() }
    }

    /// The key has to be written, in the app's table or in its profile: the compiler reports where it is missing.
    pub(super) const fn required_in_compile(self) -> Self {
        Self { key: Key { default: DefaultValue::Required, ..self.key }, ..self }
    }

    /// The key has to be written where `other` is not: the compiler reports where both are missing.
    pub(super) const fn required_unless(self, other: &'static str) -> Self {
        Self { key: Key { default: DefaultValue::RequiredUnless(other), ..self.key }, ..self }
    }

    /// What is accepted beyond the kind of the value, in words. Ranges and numbers of items write their own.
    pub(super) const fn accepts(self, accepts: &'static str) -> Self {
        Self { key: Key { accepts, ..self.key }, ..self }
    }

    /// The regular expression (ECMA 262) of every string of the value, for editors.
    pub(super) const fn like(self, pattern: &'static str) -> Self {
        Self { key: Key { pattern, ..self.key }, ..self }
    }

    /// The list may not be empty.
    pub(super) const fn filled(self) -> Self {
        Self { key: Key { min_items: 1, ..self.key }, ..self }
    }

    /// The largest number of items.
    pub(super) const fn at_most(self, items: usize) -> Self {
        Self { key: Key { max_items: Some(items), ..self.key }, ..self }
    }

    /// A change takes effect with the next start.
    pub(super) const fn restart(self) -> Self {
        Self { key: Key { reload: Reload::Restart, ..self.key }, ..self }
    }

    /// The process honours it, not the core.
    pub(super) const fn by_server(self) -> Self {
        Self { key: Key { honoured: Honoured::ByServer, ..self.key }, ..self }
    }

    /// A profile may set it.
    pub(super) const fn in_profiles(self) -> Self {
        Self { key: Key { in_profiles: true, ..self.key }, ..self }
    }

    /// An included file may not set it.
    pub(super) const fn main_file_only(self) -> Self {
        Self { key: Key { main_file_only: true, ..self.key }, ..self }
    }

    /// The security note, without a full stop.
    pub(super) const fn mind(self, security: &'static str) -> Self {
        Self { key: Key { security, ..self.key }, ..self }
    }

    /// The row as data. `field` and `doc` are the name and the doc comment of its field.
    pub(super) const fn key(self, field: &'static str, doc: &'static str) -> Key {
        let name = if self.key.name.is_empty() { field } else { self.key.name };
        let doc = if self.key.doc.is_empty() { unpadded(doc) } else { self.key.doc };
        Key { name, doc, ..self.key }
    }

    /// Reports a required key that is missing.
    pub(super) fn require(self, table: &Reader<'_>, field: &'static str) {
        let Some(Required { hint, of_operator, beside }) = self.required else { return };
        let excused = of_operator && table.layer == ConfigLayer::Profile;
        if !excused && !table.has(beside) {
            table.require(self.name(field), hint);
        }
    }

    /// The name of the key, where its field is called `field`.
    pub(super) fn name(self, field: &'static str) -> &'static str {
        if self.key.name.is_empty() { field } else { self.key.name }
    }
}

impl<V: Value> Row<V> {
    /// Reads the key from its table.
    pub(crate) fn read(self, table: &Reader<'_>, field: &'static str) -> V::Read {
        self.value.read(table, self.name(field))
    }

    /// What an app says of the key, over what its profile says.
    pub(super) fn over(self, own: V::Read, below: V::Read) -> V::Read {
        self.value.over(own, below)
    }
}

impl<T> Located for Spanned<T> {
    fn at(&self) -> &Location {
        &self.at
    }
}

impl<T> Located for Entries<T> {
    fn at(&self) -> &Location {
        &self.at
    }
}

impl<T: Located> Layered for Option<T> {
    fn over(self, below: Self) -> Self {
        self.or(below)
    }

    fn locations(&self, key: Cow<'static, str>, put: &mut dyn FnMut(Cow<'static, str>, &Location)) {
        if let Some(found) = self {
            put(key, found.at());
        }
    }
}

/// The same row. That its kind of value reads a `T` is checked here, so that a field of another type is an error in the row.
pub(super) const fn of_type<T, V: Value<Read = T>>(row: Row<V>) -> Row<V> {
    row
}

/// A doc comment without the blank that it begins with.
pub(super) const fn unpadded(doc: &'static str) -> &'static str {
    match doc.as_bytes() {
        [b' ', rest @ ..] => match std::str::from_utf8(rest) {
            Ok(doc) => doc,
            Err(_) => doc,
        },
        _ => doc,
    }
}
