//! The keys of the language: one row each, from which the reader, the layering of profiles, the map of lines, "did you
//! mean", the reference and the schema come.
//!
//! [`tables`] holds the rows; `table!` in [`table`] makes a struct of them; [`value`] and [`nested`] are the kinds of values,
//! [`row`] their properties; [`reader`] reads; [`key`] is what is left of a row for documents.
//!
//! A key that is [`State::Supported`] has a row in the walking test that shows that changing it
//! changes what is compiled. Any other key is refused: nothing is parsed and ignored.

mod key;
mod nested;
mod patterns;
pub(crate) mod reader;
mod row;
mod table;
pub(crate) mod tables;
mod value;

pub use key::{DefaultValue, Honoured, Key, Kind, Range, Reload, State, Table};
pub(crate) use nested::ConfigTable;
pub(crate) use row::{Layered, Located};
pub(crate) use value::Answer;

/// Every table that the reference describes, in its order.
pub fn tables() -> impl Iterator<Item = &'static Table> {
    tables::LANGUAGE.iter().copied()
}

/// The root of a file.
#[must_use]
pub fn root() -> &'static Table {
    tables::Root::TABLE
}

/// The table of `path`, one of a profile's file too.
#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
pub(crate) fn table(path: &str) -> &'static Table {
    let of_profiles = [tables::ProfileFile::TABLE, tables::ProfileHeader::TABLE];
    tables().chain(of_profiles).find(|table| table.path == path).expect("a table of this path")
}

#[cfg(test)]
mod tests;
