#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;

use super::{Kind, State, table, tables};

#[test]
fn every_table_that_is_supported_is_there_and_no_other() {
    let mut named: HashSet<&str> = HashSet::from([""]);
    for key in tables().flat_map(|table| table.keys) {
        let path = match key.kind {
            Kind::Table(path) | Kind::Tables(path) | Kind::Named(path) | Kind::TextOrTable(path) => path,
            Kind::Text
            | Kind::Choice(_)
            | Kind::Flag
            | Kind::Count
            | Kind::Duration
            | Kind::Size
            | Kind::Rate
            | Kind::Texts
            | Kind::TextOrTexts
            | Kind::Map
            | Kind::TextOrCount => continue,
        };
        if key.state == State::Supported {
            assert!(!table(path).keys.is_empty(), "no table `{path}`");
            named.insert(path);
        }
    }
    for table in tables() {
        assert!(named.contains(table.path), "`{}` is reached by no key", table.path);
    }
}

#[test]
fn keys_are_said_once_and_explained_in_a_sentence() {
    let mut paths = HashSet::new();
    for table in tables() {
        assert!(paths.insert(table.path), "two tables `{}`", table.path);
        let mut names = HashSet::new();
        for key in table.keys {
            assert!(names.insert(key.name), "two keys `{}` in `{}`", key.name, table.path);
            assert!(!key.doc.is_empty() && !key.doc.ends_with('.'), "{}: {}", key.name, key.doc);
        }
    }
}

#[test]
fn what_weakens_says_so() {
    for key in tables().flat_map(|table| table.keys).filter(|key| key.name.starts_with("dangerous_")) {
        assert!(!key.security.is_empty(), "{}", key.name);
    }
}
