#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_key_stands_in_it_with_a_default_and_a_sentence() {
    let text = reference();
    for table in tables() {
        let (_, from) = text.split_once(&format!("\n## {}\n", title(table.path))).unwrap();
        let section = from.split("\n## ").next().unwrap();
        let rows = section.lines().filter(|line| line.starts_with("| `")).count();
        let supported: Vec<&Key> = table.keys.iter().filter(|key| key.state == State::Supported).collect();
        assert_eq!(rows, supported.len(), "[{}]", table.path);
        for key in supported {
            let plain = !matches!(key.kind, Kind::Table(_) | Kind::Tables(_) | Kind::Named(_));
            assert!(
                !plain || table.path.is_empty() || !key.default.is_empty(),
                "`{}` of [{}]",
                key.name,
                table.path
            );
            assert!(section.contains(&format!("| `{}` |", key.name)), "`{}` of [{}]", key.name, table.path);
        }
    }
    for line in text.lines().filter(|line| line.starts_with('|')) {
        assert!(!line.contains("|  |") || line.contains(" closed |") || line.contains(" kept |"), "{line}");
    }
}

#[test]
fn what_is_to_come_is_named_and_no_more() {
    let text = reference();
    let (_, later) = text.split_once("## Not yet supported").unwrap();
    for key in tables().flat_map(|table| table.keys).filter(|key| key.state != State::Supported) {
        assert!(later.contains(&format!("`{}`", key.name)), "{}", key.name);
        assert!(!text.contains(key.doc) || key.doc.len() < 20, "{}", key.doc);
    }
}

#[test]
fn every_refusal_stands_in_it() {
    let source = include_str!("../../denial.rs");
    let (_, codes) = source.split_once("fn code(").unwrap();
    let codes = codes.split("fn status(").next().unwrap();
    let written: BTreeSet<&str> =
        codes.lines().filter_map(|line| line.split_once("=> \"")?.1.strip_suffix("\",")).collect();
    let listed: BTreeSet<&str> = every_denial().iter().map(Denial::code).collect();
    assert_eq!(written, listed);
    assert!(listed.len() > 20);
    let text = reference();
    for denial in every_denial() {
        let row = format!("| {} | `{}` |", denial.status().as_u16(), denial.code());
        assert!(text.contains(&row), "{row}");
    }
}
