//! For every supported key: which change of it a file watch may take. A key that can be ordered has an edit that loosens,
//! which waits, and one that tightens, which is taken; any other has one that waits, or decides about nothing.

use std::collections::HashSet;

mod rows;

use super::{Desk, GOOD, HOUSE, State, compile, desk, now, source, tables, text, written};
use crate::tests::{APP, OTHER};
use crate::{Compiled, PolicyChange, changes as changes_of};
use rows::{EXCHANGED, NEUTRAL, ORDERED, Row};
use stagedoor_core::policy::compare::Direction;

/// Keys that no line of a row can show, with the reason.
const ELSEWHERE: &[(&str, &str)] = &[
    // One value alone is accepted.
    ("", "version"),
    // One value alone goes with the other keys; shown by `a_provider_of_another_kind_is_another_provider`.
    ("auth.*", "kind"),
    ("app.*", "mode"),
    ("app.*.route[]", "mode"),
    // What stands in the files counts, not how they are called.
    ("", "include"),
    // Shown by `a_key_is_compared_by_what_it_is`.
    ("auth.*.keys[].public", "file"),
    ("secret", "file"),
    ("secret", "env"),
    ("secret", "generate"),
    ("secret", "dangerous_open_file"),
    ("secret", "dangerous_weak"),
];

fn with((table, key, at, line, ..): &Row, value: &str) -> Compiled {
    let text = written(*at, key, &format!("{}\n", line.replace('@', value)));
    let desk = desk().file("t", &OTHER.repeat(2)).file("weak", GOOD);
    match compile(&[source("f", &text)], &desk, None, now()) {
        Ok(compiled) => compiled,
        Err(problems) => panic!("[{table}] {key} = {value}: {problems:#?}\n{text}"),
    }
}

fn compare(before: &Compiled, after: &Compiled) -> Vec<PolicyChange> {
    changes_of((&before.policy, &before.source), (&after.policy, &after.source))
}

fn told(changes: &[PolicyChange]) -> String {
    changes.iter().map(|change| format!("{:?} {change}\n", change.direction)).collect()
}

#[test]
fn every_supported_key_has_a_direction() {
    let rows = [ORDERED, EXCHANGED, NEUTRAL].into_iter().flatten().map(|(table, key, ..)| (*table, *key));
    let mut rows: HashSet<(&str, &str)> = rows.chain(ELSEWHERE.iter().copied()).collect();
    for table in tables() {
        for key in table.keys.iter().filter(|key| key.state == State::Supported) {
            let a_table = key.kind.table().is_some();
            let here = rows.remove(&(table.path, key.name));
            assert!(
                here || a_table,
                "nobody has said which direction is safe: `{}` of [{}]",
                key.name,
                table.path
            );
        }
    }
    assert!(rows.is_empty(), "rows of keys that are none: {rows:?}");
}

#[test]
fn what_loosens_waits_and_what_tightens_is_taken() {
    let mut wrong = Vec::new();
    for row in ORDERED {
        let (table, key, .., tight, loose) = row;
        let (tight, loose) = (with(row, tight), with(row, loose));
        let (opened, shut) = (compare(&tight, &loose), compare(&loose, &tight));
        let opens = opened.iter().any(|change| change.direction == Direction::Looser);
        let shuts = shut.iter().any(|change| change.direction == Direction::Tighter);
        if !opens || !opened.iter().any(PolicyChange::waits) {
            wrong.push(format!("[{table}] {key}: loosened, and does not wait\n{}", told(&opened)));
        }
        if !shuts || shut.iter().any(PolicyChange::waits) {
            wrong.push(format!("[{table}] {key}: tightened, and waits\n{}", told(&shut)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_exchanged_waits_both_ways() {
    let mut wrong = Vec::new();
    for row in EXCHANGED {
        let (table, key, .., a, b) = row;
        let (a, b) = (with(row, a), with(row, b));
        for changes in [compare(&a, &b), compare(&b, &a)] {
            if !changes.iter().any(PolicyChange::waits) {
                wrong.push(format!("[{table}] {key}: exchanged, and does not wait\n{}", told(&changes)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_decides_nothing_is_taken() {
    let mut wrong = Vec::new();
    for row in NEUTRAL {
        let (table, key, .., a, b) = row;
        let (a, b) = (with(row, a), with(row, b));
        for changes in [compare(&a, &b), compare(&b, &a)] {
            if !changes.is_empty() {
                wrong.push(format!("[{table}] {key}: decides nothing, and is told\n{}", told(&changes)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_same_text_is_no_change() {
    for row in [ORDERED, EXCHANGED, NEUTRAL].into_iter().flatten() {
        let (table, key, .., a, b) = row;
        for value in [a, b] {
            assert_eq!(told(&compare(&with(row, value), &with(row, value))), "", "[{table}] {key} = {value}");
        }
    }
}

/// A change says where it stands: the line of the key in the new file, or that of the table it was taken from.
#[test]
fn a_change_names_its_line() {
    let before = text(&[HOUSE, APP, "origin.check = \"always\"\n"]);
    for (after, expected) in [
        (text(&[HOUSE, APP, "# a word\norigin.check = \"off\"\n"]), "f:11 (app.media.origin.check): "),
        (text(&[HOUSE, APP]), "f:6 (app.media.origin.check): "),
        (
            text(&[HOUSE, APP, "origin.check = \"always\"\n[server.limits]\nuri_bytes = \"9KiB\"\n"]),
            "f:12 (server.limits.uri_bytes): allows more than `8192`: `9216`",
        ),
    ] {
        let changes = compare(&of(&before, &Desk::default()), &of(&after, &Desk::default()));
        assert!(told(&changes).contains(expected), "{expected}: {}", told(&changes));
    }
}

fn of(text: &str, desk: &Desk) -> Compiled {
    compile(&[source("f", text)], desk, None, now()).unwrap()
}

#[test]
fn a_key_is_compared_by_what_it_is() {
    let with =
        |secret: &str| text(&[&HOUSE.replace("{ file = \"jwt_secret\", generate = true }", secret), APP]);
    let long = GOOD.repeat(2);
    let desk = || Desk::default().file("same", &long).var("SAME", &long);
    let (one, other) = (desk().file("s", &long), desk().file("s", &OTHER.repeat(2)));
    let before = of(&with("{ file = \"s\" }"), &one);
    let after = |secret: &str, desk: &Desk| told(&compare(&before, &of(&with(secret), desk)));
    assert!(after("{ file = \"s\" }", &other).contains("Incomparable f:3 (auth.house.keys)"));
    for same in [
        "{ file = \"same\" }",
        "{ env = \"SAME\" }",
        "{ file = \"s\", generate = true, dangerous_weak = true }",
    ] {
        assert_eq!(after(same, &one), "", "{same}");
    }
    assert!(!after("{ file = \"s\" }", &other).contains(OTHER), "a secret in a message");
}
