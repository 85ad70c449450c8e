#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::guard::limit::rule::Rule;

/// `name rule remaining wait-in-milliseconds [refused]`, one a line.
fn lines(text: &str) -> Vec<String> {
    let mut tickets = ChargedLimits::default();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split('|').map(str::trim).collect();
        let verdict = Verdict {
            passed: words.get(4) != Some(&"refused"),
            remaining: words[2].parse().unwrap(),
            wait: words[3].parse::<u64>().unwrap() * 1_000_000,
        };
        let text = LimitText::new(words[0], Rule::parse(words[1]).unwrap());
        tickets.push(ChargedLimit::new(&Arc::new(text), verdict));
    }
    let mut lines = Vec::new();
    tickets.headers(|name, value| lines.push(format!("{name}: {}", value.to_str().unwrap())));
    assert_eq!(tickets.is_empty(), lines.is_empty());
    lines
}

#[test]
fn nothing_is_said_where_nothing_was_charged() {
    assert_eq!(lines(""), Vec::<String>::new());
}

#[test]
fn all_limits_are_listed_and_the_tightest_is_told() {
    let got = lines(
        "app.ip-1 | 20/s burst 40 | 39 | 50
         route.ip-1 | 20/hour | 19 | 3600000",
    );
    assert_eq!(
        got,
        [
            r#"ratelimit-policy: "app.ip-1";q=40;w=2, "route.ip-1";q=20;w=3600"#,
            r#"ratelimit: "route.ip-1";r=19;t=3600"#,
            "x-ratelimit-limit: 20",
            "x-ratelimit-remaining: 19",
            "x-ratelimit-reset: 3600",
        ]
    );
}

#[test]
fn the_tightest_is_the_one_that_refused_else_the_least_and_longest() {
    let check = |text: &str, expected: &str| assert_eq!(lines(text)[1], format!("ratelimit: {expected}"));
    check("a | 5/s burst 5 | 4 | 200", r#""a";r=4;t=1"#);
    check("a | 5/min | 3 | 60000\n b | 5/hour | 3 | 3600000", r#""b";r=3;t=3600"#);
    check("a | 5/min | 2 | 60000\n b | 5/hour | 3 | 3600000", r#""a";r=2;t=60"#);
    check("a | 5/hour | 0 | 3600000\n b | 9/min | 0 | 1 | refused", r#""b";r=0;t=1"#);
    check("a | 5/s burst 5 | 0 | 2001 | refused", r#""a";r=0;t=3"#);
}

#[test]
fn names_become_strings_that_cannot_be_broken_out_of() {
    let got = lines(r#"a"b\c;ü | 5/s | 4 | 1000"#);
    assert_eq!(got[1], r#"ratelimit: "a\"b\\c;?";r=4;t=1"#);
}

#[test]
fn many_tickets_keep_their_order() {
    let text: Vec<String> = (0..INLINE + 3).map(|i| format!("l{i} | 5/s | 4 | 1000")).collect();
    let want: Vec<String> = (0..INLINE + 3).map(|i| format!("\"l{i}\";q=5;w=1")).collect();
    assert_eq!(lines(&text.join("\n"))[0], format!("ratelimit-policy: {}", want.join(", ")));
}
