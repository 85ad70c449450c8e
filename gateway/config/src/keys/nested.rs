//! The kinds of values that are tables themselves, and how tables are read.

use std::borrow::Cow;
use std::marker::PhantomData;

use toml::de::DeTable;

use super::key::{Kind, Table};
use super::reader::Reader;
use super::row::{Layered, Located, Row, Value};
use super::value::{List, Text};
use crate::location::{Entries, Location, Setting, Spanned};

/// A table of the language, and the struct of what was read of one.
pub(crate) trait ConfigTable: Sized {
    /// Its path, its sentence and its keys.
    const TABLE: &'static Table;

    /// Reads one; what is wrong is reported.
    fn read(reader: &Reader<'_>) -> Self;

    /// Whether its keys are judged; not where the table as a whole is refused.
    fn is_judged(_table: &DeTable<'_>) -> bool {
        true
    }
}

/// A table; `None` where it is left out.
pub(super) const fn table<T: ConfigTable>() -> Row<OneTable<T>> {
    Row::new(Kind::Table(T::TABLE), OneTable { joined: true, of: PhantomData })
}

pub(crate) struct OneTable<T> {
    /// What an app says is joined key by key with what its profile says.
    joined: bool,
    of: PhantomData<fn() -> T>,
}

impl<T> Row<OneTable<T>> {
    /// The table of an app replaces that of its profile as a whole.
    pub(super) const fn replaces(self) -> Self {
        self.read_as(OneTable { joined: false, of: PhantomData })
    }
}

impl<T: ConfigTable + Layered + Located> Value for OneTable<T> {
    type Read = Option<T>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        table.child(key, T::TABLE).map(|table| T::read(&table))
    }

    fn over(self, own: Self::Read, below: Self::Read) -> Self::Read {
        if self.joined { joined(own, below, T::over) } else { own.or(below) }
    }
}

/// A table, read as if it were there and empty where it is left out.
pub(super) const fn group<T: ConfigTable>() -> Row<Group<T>> {
    Row::new(Kind::Table(T::TABLE), Group(PhantomData))
}

pub(crate) struct Group<T>(PhantomData<fn() -> T>);

impl<T: ConfigTable + Layered + Default> Value for Group<T> {
    type Read = T;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        table.child(key, T::TABLE).map(|table| T::read(&table)).unwrap_or_default()
    }
}

/// A string, or a table that can say more.
pub(super) const fn text_or_table<T: TextOrTable>() -> Row<Either<T>> {
    Row::new(Kind::TextOrTable(<T::Table as ConfigTable>::TABLE), Either(PhantomData))
}

pub(crate) struct Either<T>(PhantomData<fn() -> T>);

/// What a string or a table says.
pub(crate) trait TextOrTable: Located + Sized {
    /// The table.
    type Table: ConfigTable;

    /// What the string of `key` in `table` says.
    fn from_text(text: Spanned<String>, table: &Reader<'_>, key: &str) -> Option<Self>;

    /// What the table says.
    fn from_table(table: Self::Table) -> Self;

    /// This, which an app says, over what its profile says.
    fn over(self, below: Self) -> Self;
}

impl<T: TextOrTable> Value for Either<T> {
    type Read = Option<T>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        match table.text(key) {
            Some(text) => T::from_text(text, table, key),
            None => {
                let inner = table.child(key, T::Table::TABLE)?;
                Some(T::from_table(T::Table::read(&inner)))
            }
        }
    }

    fn over(self, own: Self::Read, below: Self::Read) -> Self::Read {
        joined(own, below, T::over)
    }
}

/// A list of tables.
pub(super) const fn tables<T: ConfigTable>() -> Row<TableList<T>> {
    Row::new(Kind::Tables(T::TABLE), TableList { empty: None, of: PhantomData })
}

pub(crate) struct TableList<T> {
    /// The message and the hint for a list with nothing in it.
    empty: Option<(&'static str, &'static str)>,
    of: PhantomData<fn() -> T>,
}

impl<T> Row<TableList<T>> {
    /// The list may not be empty; if it is, `message` and `hint` are reported.
    pub(super) const fn filled_or(self, message: &'static str, hint: &'static str) -> Self {
        self.read_as(TableList { empty: Some((message, hint)), of: PhantomData }).filled()
    }
}

impl<T: ConfigTable> Value for TableList<T> {
    type Read = Vec<T>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        let list: Vec<T> = table.children(key, T::TABLE).iter().map(T::read).collect();
        if let Some((message, hint)) = self.empty
            && list.is_empty()
            && table.has(key)
        {
            table.report().vacant(&table.place(key), message, hint);
        }
        list
    }
}

/// Tables, each under a name of the operator's choice.
pub(super) const fn named<T: ConfigTable>() -> Row<NamedTables<T>> {
    Row::new(Kind::Named(T::TABLE), NamedTables(PhantomData))
}

pub(crate) struct NamedTables<T>(PhantomData<fn() -> T>);

impl<T: ConfigTable> Value for NamedTables<T> {
    type Read = Vec<T>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        table.named(key, T::TABLE, T::is_judged).iter().map(T::read).collect()
    }
}

/// Keys of the operator's choice, each with a string.
pub(super) const fn map_of_texts() -> Row<Map<String>> {
    Row::new(Kind::MapOfTexts, Map(|table, key| Text.read(table, key)))
}

/// Keys of the operator's choice, each with a string or a list of strings.
pub(super) const fn map_of_lists() -> Row<Map<Vec<Spanned<String>>>> {
    Row::new(Kind::MapOfLists, Map(|table, key| List::OR_ONE.read(table, key)))
}

/// How each value is read.
pub(crate) struct Map<T>(fn(&Reader<'_>, &str) -> Setting<T>);

impl<T> Value for Map<T> {
    type Read = Option<Entries<T>>;

    fn read(self, table: &Reader<'_>, key: &str) -> Self::Read {
        table.map(key, self.0)
    }

    /// Both, less those of `below` that `own` names too. Headers and directives have no case.
    fn over(self, own: Self::Read, below: Self::Read) -> Self::Read {
        match (own, below) {
            (Some(mut own), Some(below)) => {
                for (name, value) in below.list {
                    if !own.list.iter().any(|(known, _)| known.value.eq_ignore_ascii_case(&name.value)) {
                        own.list.push((name, value));
                    }
                }
                Some(own)
            }
            (own, below) => own.or(below),
        }
    }
}

fn joined<T>(own: Option<T>, below: Option<T>, over: fn(T, T) -> T) -> Option<T> {
    match (own, below) {
        (Some(own), Some(below)) => Some(over(own, below)),
        (own, below) => own.or(below),
    }
}

/// Lists of tables are not joined: those of an app come first.
impl<T> Layered for Vec<T> {
    fn over(mut self, below: Self) -> Self {
        self.extend(below);
        self
    }

    fn locations(&self, _: Cow<'static, str>, _: &mut dyn FnMut(Cow<'static, str>, &Location)) {}
}

/// `Clone` and `Copy` for kinds that hold no table; a derive would require them of the tables too.
macro_rules! copy {
    ($($kind:ident),+) => { $(
        impl<T> Clone for $kind<T> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T> Copy for $kind<T> {}
    )+ };
}
copy!(OneTable, Group, Either, TableList, NamedTables, Map);
