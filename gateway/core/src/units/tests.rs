#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use super::{duration, rate, show_duration, show_size, show_span, size};

#[test]
fn durations_have_units() {
    for (text, expected) in [
        ("10ms", Some(10)),
        ("10s", Some(10_000)),
        ("5m", Some(300_000)),
        ("1h", Some(3_600_000)),
        ("24 h", Some(86_400_000)),
        ("365d", Some(31_536_000_000)),
        ("0s", Some(0)),
        ("10", None),
        ("", None),
        ("s", None),
        ("-1s", None),
        ("1.5s", None),
        ("1w", None),
        ("10S", None),
        ("99999999999999999999d", None),
        ("9999999999999999d", None),
    ] {
        assert_eq!(duration(text), expected.map(Duration::from_millis), "{text}");
    }
}

#[test]
fn sizes_have_units() {
    for (text, expected) in [
        ("0B", Some(0)),
        ("1B", Some(1)),
        ("16KiB", Some(16_384)),
        ("1 MiB", Some(1 << 20)),
        ("2GiB", Some(2 << 30)),
        ("1KB", Some(1000)),
        ("3MB", Some(3_000_000)),
        ("10", None),
        ("10k", None),
        ("10kb", None),
        ("1.5MiB", None),
        ("99999999999GiB", None),
    ] {
        assert_eq!(size(text), expected, "{text}");
    }
}

#[test]
fn rates_are_sizes_a_second() {
    for (text, expected) in
        [("1KiB/s", Some(1024)), ("512B/s", Some(512)), ("1KiB", None), ("1/s", None), ("1KiB/m", None)]
    {
        assert_eq!(rate(text), expected, "{text}");
    }
}

#[test]
fn what_is_shown_reads_back() {
    for text in ["10ms", "10s", "5m", "1h", "365d", "1500ms", "0ms"] {
        assert_eq!(show_duration(duration(text).unwrap()), text);
    }
    for text in ["0B", "1B", "1500B", "16KiB", "1MiB", "2GiB"] {
        assert_eq!(show_size(size(text).unwrap()), text);
    }
}

#[test]
fn spans_are_told_in_two_units() {
    for (seconds, expected) in [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3_725, "1h 2m"),
        (90_000, "1d 1h"),
        (86_405, "1d"),
        (7_776_000, "90d"),
    ] {
        assert_eq!(show_span(Duration::from_secs(seconds)), expected);
    }
}
