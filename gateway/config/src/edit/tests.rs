#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::*;
use crate::tests::source;

fn keys<'p>(path: &'p str) -> Vec<Step<'p>> {
    let step = |part: &'p str| part.parse().map_or(Step::Key(part), Step::Item);
    path.split('.').map(step).collect()
}

/// The text after a change that has to be possible.
fn changed(text: &str, change: impl Fn(&Page<'_>) -> Option<Change>) -> String {
    let source = source("a.toml", text);
    let page = Page::open(&source).unwrap_or_else(|| panic!("not TOML: {text}"));
    let change = change(&page).unwrap_or_else(|| panic!("no change to: {text}"));
    assert_eq!(&*change.file, "a.toml");
    change.apply(text)
}

#[test]
fn a_key_is_set_where_it_stands_or_where_it_may() {
    fn check(text: &str, path: &str, value: &str, expected: &str) {
        assert_eq!(changed(text, |page| page.set(&keys(path), value)), expected, "{path} in {text}");
    }
    // Where it stands, whatever is around it.
    check("[a]\nx = 1 # one\ny = 2\n", "a.x", "9", "[a]\nx = 9 # one\ny = 2\n");
    check("[a]\nt = { x = 1, y = 2 } # t\n", "a.t.x", "9", "[a]\nt = { x = 9, y = 2 } # t\n");
    check("a.t.x = 1\n[b]\n", "a.t.x", "9", "a.t.x = 9\n[b]\n");
    check("[a]\nx = [\n 1,\n 2,\n]\ny = 1\n", "a.x", "[9]", "[a]\nx = [9]\ny = 1\n");
    check("[a]\nx = [\n 1, # one\n 2,\n]\n", "a.x.0", "9", "[a]\nx = [\n 9, # one\n 2,\n]\n");
    check("[a]\nx = 1", "a.x", "9", "[a]\nx = 9\n");
    // Behind the heading of its table.
    check("[a] # a\ny = 1\n[b]\n", "a.x", "9", "[a] # a\nx = 9\ny = 1\n[b]\n");
    check("[a]\ny = 1\n[b]\n", "a.t.x", "9", "[a]\nt.x = 9\ny = 1\n[b]\n");
    check("[a]\n[a.t]\ny = 1\n", "a.t.x", "9", "[a]\n[a.t]\nx = 9\ny = 1\n");
    check("[a]\nt.y = 1\n", "a.t.x", "9", "[a]\nt.x = 9\nt.y = 1\n");
    check("[[a.r]]\ny = 1\n[[a.r]]\ny = 2\n", "a.r.1.x", "9", "[[a.r]]\ny = 1\n[[a.r]]\nx = 9\ny = 2\n");
    check("[[a.r]]\ny = 1\n[[a.r]]\ny = 2\n", "a.r.0.t.x", "9", "[[a.r]]\nt.x = 9\ny = 1\n[[a.r]]\ny = 2\n");
    check("[[r]]\n[r.t]\ny = 1\n", "r.0.t.x", "9", "[[r]]\n[r.t]\nx = 9\ny = 1\n");
    // Into a table on one line.
    check("[a]\nt = { y = 1 }\n", "a.t.x", "9", "[a]\nt = { x = 9, y = 1 }\n");
    check("[a]\nt = {}\n", "a.t.x", "9", "[a]\nt = { x = 9 }\n");
    check("[a]\nt = { y = 1 }\n", "a.t.u.x", "9", "[a]\nt = { u.x = 9, y = 1 }\n");
    check("[a]\nr = [{ y = 1 }, { y = 2 }]\n", "a.r.1.x", "9", "[a]\nr = [{ y = 1 }, { x = 9, y = 2 }]\n");
    check("[a]\nm = { y.z = 1 }\n", "a.m.y.x", "9", "[a]\nm = { y.x = 9, y.z = 1 }\n");
    // A table that is not there yet, or only by name.
    check("[b]\ny = 1\n", "a.t.x", "9", "[b]\ny = 1\n\n[a.t]\nx = 9\n");
    check("[a.u]\ny = 1\n", "a.x", "9", "[a.u]\ny = 1\n\n[a]\nx = 9\n");
    check("[a.u]\ny = 1\n", "a.t.x", "9", "[a.u]\ny = 1\n\n[a.t]\nx = 9\n");
    // With dots at the top of the file, where no heading may follow.
    check("a.y = 1\n[b]\n", "a.x", "9", "a.x = 9\na.y = 1\n[b]\n");
    check("[a]\n\"b c\".y = 1\n", "a.b c.x", "9", "[a]\n\"b c\".x = 9\n\"b c\".y = 1\n");
}

#[test]
fn what_is_in_the_way_is_not_overrun() {
    let source = source("a.toml", "[a]\nx = 1\n");
    let page = Page::open(&source).unwrap();
    assert_eq!(page.set(&keys("a.x.y"), "9"), None);
    assert_eq!(page.append(&keys("a.x"), "9"), None);
    assert_eq!(page.set(&keys("a.y"), "not toml"), None);
}

#[test]
fn lists_grow_and_shrink() {
    fn append(text: &str, expected: &str) {
        assert_eq!(changed(text, |page| page.append(&keys("a.x"), "\"z\"")), expected, "{text}");
    }
    append("[a]\nx = [\"y\"] # c\n", "[a]\nx = [\"y\", \"z\"] # c\n");
    append("[a]\nx = []\n", "[a]\nx = [\"z\"]\n");
    append("[a]\nx = \"y\"\n", "[a]\nx = [\"y\", \"z\"]\n");
    append("[a]\ny = 1\n", "[a]\nx = [\"z\"]\ny = 1\n");
    append("[a]\nx = [\n  \"y\", # c\n]\n", "[a]\nx = [\n  \"y\", \"z\", # c\n]\n");
    append("a = { x = [\"y\"] }\n", "a = { x = [\"y\", \"z\"] }\n");
    let without = |text: &str, gone: &[usize]| changed(text, |page| page.without(&keys("a.x"), gone));
    assert_eq!(without("[a]\nx = [\"y\", \"z\", \"u\"] # c\n", &[0, 2]), "[a]\nx = [\"z\"] # c\n");
    assert_eq!(without("[a]\nx = [\n \"y\",\n]\ny = 1\n", &[0]), "[a]\nx = []\ny = 1\n");
}

#[test]
fn tables_are_added_in_the_style_of_the_list() {
    fn check(text: &str, expected: &str) {
        let pairs = [("m", "\"GET /\"".to_owned()), ("t.x", "1".to_owned())];
        assert_eq!(changed(text, |page| page.add_table(&keys("a.r"), &pairs)), expected, "{text}");
    }
    check("[a]\ny = 1\n", "[a]\ny = 1\n\n[[a.r]]\nm = \"GET /\"\nt.x = 1\n");
    check("[[a.r]]\n[b]\n", "[[a.r]]\n[b]\n\n[[a.r]]\nm = \"GET /\"\nt.x = 1\n");
    check("[a]\nr = [{ m = 1 }]\n", "[a]\nr = [{ m = 1 }, { m = \"GET /\", t.x = 1 }]\n");
    check("a = { y = 1 }\n", "a = { r = [{ m = \"GET /\", t.x = 1 }], y = 1 }\n");
}

#[test]
fn strings_are_quoted() {
    assert_eq!(quoted("a\"b\\c"), r#""a\"b\\c""#);
    assert_eq!(quoted("a\u{7}\n\u{202E}"), r#""a\u0007\u000A\u202E""#);
}

#[test]
fn windows_line_ends_do_no_harm() {
    let text = "[a]\r\nx = 1\r\ny = 2\r\n";
    assert_eq!(changed(text, |page| page.set(&keys("a.x"), "9")), "[a]\nx = 9\ny = 2\n");
}
