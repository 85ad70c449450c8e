#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;

/// A short form of what was read: `20/1s burst 40`, `5000/3600s`, or the message and the hint.
fn read(text: &str) -> String {
    match Rule::parse(text) {
        Ok(Rule::Rate { count, period, burst }) => format!("{count}/{}s burst {burst}", period.as_secs()),
        Ok(Rule::Quota { count, window }) => format!("{count}/{}s", window.as_secs()),
        Err((message, hint)) => format!("{message} | {hint}"),
    }
}

#[test]
fn rates_and_quotas_are_read() {
    for (text, expected) in [
        ("20/s burst 40", "20/1s burst 40"),
        ("10/s burst 20", "10/1s burst 20"),
        ("10/min burst 3", "10/60s burst 3"),
        ("5000/hour", "5000/3600s"),
        ("5/2h", "5/7200s"),
        ("100/15m", "100/900s"),
        ("100/15minutes burst 1", "100/900s burst 1"),
        ("  1 / d  ", "1/86400s"),
        ("1/s\tburst   2", "1/1s burst 2"),
        ("1/31d", "1/2678400s"),
        ("1000000000/s burst 1000000000", "1000000000/1s burst 1000000000"),
        ("1/day burst 366", "1/86400s burst 366"),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
}

#[test]
fn a_rule_is_shown_in_the_largest_whole_unit() {
    for text in ["20/s burst 40", "5/90s", "5/min", "5/90min", "10/h", "5/25h", "1/d", "1/31d burst 2"] {
        assert_eq!(Rule::parse(text).unwrap().to_string(), text);
    }
    assert_eq!(Rule::parse("5/3600s").unwrap().to_string(), "5/h");
}

#[test]
fn every_name_of_a_unit_is_read() {
    for (names, seconds) in [
        ("s sec second seconds", 1),
        ("m min minute minutes", 60),
        ("h hour hours", 3600),
        ("d day days", 86_400),
    ] {
        for name in names.split(' ') {
            assert_eq!(read(&format!("7/{name}")), format!("7/{seconds}s"));
            assert_eq!(read(&format!("7/2{name}")), format!("7/{}s", 2 * seconds));
        }
    }
}

#[test]
fn what_cannot_be_read_comes_with_a_mend() {
    for (text, expected) in [
        ("10/minite", "unknown unit of time `minite` | did you mean `minute`"),
        ("10/Hours", "unknown unit of time `Hours` | did you mean `hours`"),
        ("10/mins", "unknown unit of time `mins` | did you mean `min`"),
        ("10/secs", "unknown unit of time `secs` | did you mean `sec`"),
        ("10/hr", "unknown unit of time `hr` | one of"),
        ("10/ms", "unknown unit of time `ms` | one of"),
        ("10/fortnight", "unknown unit of time `fortnight` | one of"),
        ("10/é", "unknown unit of time `é` | one of"),
        ("10", "a limit without a unit of time `10` | write a quota as"),
        ("10/", "a limit without a unit of time `10/` |"),
        ("10/5", "a limit without a unit of time `10/5` |"),
        ("", "a limit without a unit of time `` |"),
        ("0/s", "a number of requests of zero `0` | at least 1"),
        ("5/0s", "a number of units of zero `0` | at least 1"),
        ("5/s burst 0", "a burst of zero `0` | at least 1"),
        ("-1/s", "not a number of requests `-1` |"),
        ("+1/s", "not a number of requests `+1` |"),
        ("1.5/s", "not a number of requests `1.5` |"),
        ("/s", "not a number of requests `` |"),
        ("a/s", "not a number of requests `a` |"),
        ("1000000001/s", "too large a number of requests `1000000001` | at most"),
        ("99999999999999999999/s", "too large a number of requests `99999999999999999999` |"),
        ("1/s burst 1000000001", "too large a burst `1000000001` |"),
        ("1/32d", "a window of more than 31 days `32d` | at most `31d`"),
        ("1/999999999d", "a window of more than 31 days `999999999d` |"),
        ("1/day burst 367", "a burst that takes more than 366 days to refill `1/day burst 367` |"),
        ("1/s burst", "a burst without a number `1/s burst` |"),
        ("1/s burst x", "not a burst `x` |"),
        ("1/s bust 3", "not a limit `1/s bust 3` |"),
        ("1/s burst 3 4", "not a limit `1/s burst 3 4` |"),
        ("1/s 3", "not a limit `1/s 3` |"),
        ("1/s/m", "unknown unit of time `s/m` |"),
    ] {
        let got = read(text);
        assert!(got.starts_with(expected), "{text:?}: {got}");
    }
}

#[test]
fn the_window_of_a_rate_is_the_time_in_which_its_burst_refills() {
    for (text, allowance, seconds) in [
        ("20/s burst 40", 40, 2),
        ("10/min burst 3", 3, 18),
        ("3/s burst 1", 1, 1),
        ("3/s burst 4", 4, 2),
        ("20/hour", 20, 3600),
        ("5/2s", 5, 2),
    ] {
        let rule = Rule::parse(text).unwrap();
        assert_eq!((rule.allowance(), rule.seconds()), (allowance, seconds), "{text}");
    }
}

#[test]
fn rules_are_compared_by_what_they_let_through() {
    let within = |a: &str, b: &str| Rule::parse(a).unwrap().within(Rule::parse(b).unwrap());
    for (strict, wide) in [
        ("5/hour", "6/hour"),
        ("5/2h", "5/hour"),
        ("5/hour", "10/2h"),
        ("1/s burst 5", "2/s burst 5"),
        ("60/min burst 5", "1/s burst 6"),
        ("5/hour", "1/s burst 5"),
        ("1/hour burst 5", "30/d"),
    ] {
        assert!(within(strict, wide), "{strict} within {wide}");
        assert!(!within(wide, strict), "{wide} within {strict}");
        assert!(within(strict, strict) && within(wide, wide));
    }
    // Neither lets through all that the other does.
    for (a, b) in [("5/hour", "20/d"), ("1/s burst 9", "2/s burst 3"), ("4/s", "1/s burst 4")] {
        assert!(!within(a, b) && !within(b, a), "{a} and {b}");
    }
}
