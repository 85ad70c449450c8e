#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn levels() {
    fn check(level: &str, expected: Option<&str>) {
        assert_eq!(filter(level).ok().map(|f| f.to_string()).as_deref(), expected, "{level}");
    }
    check("info", Some("pingora=off,info"));
    check("error", Some("pingora=off,error"));
    check("trace", Some("pingora=warn,trace"));
    check("loud", None);
    check("info,stagedoor=trace", None);
}

#[test]
fn lines_are_redacted_on_their_way_out() {
    let redaction = ArcSwap::from_pointee(Redaction::new(["token"]));
    let mut out = Vec::new();
    let mut writer = Redacting { redaction: &redaction, to: &mut out };
    writer.write_all(b"GET /a?token=s3cret HTTP/1.1\n").unwrap();
    assert_eq!(out, b"GET /a?token=[redacted] HTTP/1.1\n");
}
