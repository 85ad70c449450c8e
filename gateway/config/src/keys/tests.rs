#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;

use super::{State, table, tables};

#[test]
fn every_table_that_is_supported_is_there_and_no_other() {
    let mut named: HashSet<&str> = HashSet::from([""]);
    for key in tables().flat_map(|table| table.keys) {
        let Some(below) = key.kind.table() else { continue };
        if key.state == State::Supported {
            assert_eq!(table(below.path), below);
            named.insert(below.path);
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
        assert!(is_a_sentence(table.doc), "[{}]: {}", table.path, table.doc);
        let mut names = HashSet::new();
        for key in table.keys {
            assert!(names.insert(key.name), "two keys `{}` in `{}`", key.name, table.path);
            assert!(is_a_sentence(key.doc), "{}: {}", key.name, key.doc);
        }
    }
}

#[test]
fn what_weakens_says_so() {
    for key in tables().flat_map(|table| table.keys).filter(|key| key.name.starts_with("dangerous_")) {
        assert!(!key.security.is_empty(), "{}", key.name);
    }
}

fn is_a_sentence(text: &str) -> bool {
    let begins = |letter: char| letter.is_uppercase() || letter == '`';
    text.starts_with(begins) && text.ends_with('.') && !text.ends_with("..") && !text.contains("  ")
}

/// A profile knows the app, not where it runs: a key that is not on this list is the operator's alone.
#[test]
fn profiles_may_set_these_keys_and_no_other() {
    let of_profiles = ["(profile)", "profile"].map(table);
    let settable = tables()
        .chain(of_profiles)
        .flat_map(|table| table.keys.iter().filter(|key| key.in_profiles).map(|key| (table.path, key)));
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for (path, key) in settable {
        assert_eq!(key.state, State::Supported, "`{}` of [{path}]", key.name);
        match found.last_mut() {
            Some((last, names)) if *last == path => names.push(key.name),
            Some(_) | None => found.push((path, vec![key.name])),
        }
    }
    for (_, names) in &mut found {
        names.sort_unstable();
    }
    found.sort_unstable();
    let mut expected = SETTABLE.map(|(path, names)| (path, names.to_vec()));
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// What a profile may set, table by table.
const SETTABLE: [(&str, &[&str]); 11] = [
    ("(profile)", &["app", "profile"]),
    ("profile", &["about", "facts", "for", "polls", "version"]),
    (
        "app.*",
        &[
            "backslash",
            "base",
            "body",
            "case",
            "cors",
            "encoded_slash",
            "headers",
            "identity",
            "log",
            "route",
            "slashes",
            "sources",
            "unlisted",
            "upstream",
            "websocket",
        ],
    ),
    ("app.*.body", &["get", "max"]),
    ("app.*.headers", &["csp", "frame", "preset", "remove"]),
    ("app.*.headers.csp", &["app", "mode", "policy"]),
    ("app.*.identity", &["strip"]),
    ("app.*.log", &["redact_query"]),
    ("app.*.upstream", &["connect", "host", "read", "retries"]),
    ("app.*.route[]", &["auth", "body", "encoded_slash", "match", "name", "websocket"]),
    ("app.*.route[].body", &["max"]),
];
