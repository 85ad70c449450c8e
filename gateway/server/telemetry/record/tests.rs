#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use std::net::Ipv4Addr;

use serde_json::Value;

pub(crate) fn record<'a>() -> Record<'a> {
    Record {
        time: Duration::from_millis(1_795_239_697_042),
        request_id: "0193-id",
        app: Some(Label { text: "media", index: 0 }),
        route: Some(Label { text: "GET /api/{id}", index: 1 }),
        method: "GET",
        target: b"/api/1?token=s3cret",
        status: 200,
        refusal: None,
        user: Some("bob"),
        ip: Ipv4Addr::LOCALHOST.into(),
        bytes_in: 0,
        bytes_out: 1_234,
        gateway: Duration::from_micros(57),
        upstream: Some(Duration::from_micros(2_048)),
        upstream_fault: None,
        ended_by: None,
        detail: None,
        retries: 0,
        total: Duration::from_micros(3_000),
        tls: false,
        user_agent: Some(b"curl/8"),
        host: Some("media.localhost"),
        https: true,
        protocol: Some("HTTP/1.1"),
        upstream_url: Some("http://127.0.0.1:8000"),
        referer: Some(b"https://me:pw@media.localhost/a?token=s3cret#part"),
    }
}

fn written(record: &Record<'_>, form: LineFormat) -> String {
    let mut out = Vec::new();
    record.write(form, &Redaction::new(["token"]), &mut out);
    String::from_utf8(out).unwrap()
}

fn read_back(record: &Record<'_>) -> Value {
    let line = written(record, LineFormat::Json);
    assert!(line.ends_with('\n') && line.matches('\n').count() == 1);
    serde_json::from_str(&line).unwrap()
}

#[test]
fn json_has_every_field_in_order() {
    assert_eq!(
        written(&record(), LineFormat::Json),
        concat!(
            r#"{"time":"2026-11-21T05:41:37.042Z","request_id":"0193-id","app":"media","route":"GET /api/{id}","#,
            r#""method":"GET","path":"/api/1?token=[redacted]","status":200,"code":null,"user":"bob","ip":"127.0.0.1","#,
            r#""bytes_in":0,"bytes_out":1234,"gateway_us":57,"upstream_us":2048,"total_us":3000,"tls":false,"#,
            r#""user_agent":"curl/8","host":"media.localhost","scheme":"https","protocol":"HTTP/1.1","#,
            r#""upstream":"http://127.0.0.1:8000","referer":"https://media.localhost/a?token=[redacted]""#,
            "}\n"
        )
    );
}

#[test]
fn a_refusal_before_any_app_is_told() {
    let refusal = EventRefusal { code: "unknown_host", limit: None, reason: Some("add `x` to `hosts`") };
    let value = read_back(&Record {
        app: None,
        route: None,
        status: 421,
        refusal: Some(refusal),
        user: None,
        upstream: None,
        user_agent: None,
        host: None,
        protocol: None,
        upstream_url: None,
        referer: None,
        ..record()
    });
    for (field, expected) in [
        ("app", "\"-\""),
        ("route", "\"-\""),
        ("code", "\"unknown_host\""),
        ("user", "null"),
        ("upstream_us", "null"),
        ("user_agent", "null"),
        ("host", "null"),
        ("protocol", "null"),
        ("upstream", "null"),
        ("referer", "null"),
        ("reason", "\"add `x` to `hosts`\""),
    ] {
        assert_eq!(value[field].to_string(), expected, "{field}");
    }
}

#[test]
fn what_a_client_sends_stays_one_sound_line() {
    fn check(target: &[u8], expected: &str) {
        let value = read_back(&Record { target, ..record() });
        assert_eq!(value["path"], expected, "{target:?}");
    }
    check(b"/a\"b\\c", "/a\"b\\c");
    check(b"/a\n{\"x\":1}\r\0\x1b[31m\x7f", "/a\n{\"x\":1}\r\0\u{1b}[31m\u{7f}");
    check("/ä/…".as_bytes(), "/ä/…");
    check(b"/\xff\xc3(", "/%FF%C3(");
    check("/\u{9b}31m\u{202e}\u{e0041}".as_bytes(), "/\u{9b}31m\u{202e}\u{e0041}");
    check(b"", "");

    let line = written(
        &Record { target: "/\u{9b}\u{202e}\u{2028}\x1b\x7f\u{e0041}".as_bytes(), ..record() },
        LineFormat::Json,
    );
    assert!(line.contains(r"/\u009B\u202E\u2028\u001B\u007F\uDB40\uDC41"), "{line}");
}

#[test]
fn long_values_are_cut() {
    let target = vec![b'a'; 10_000];
    let agent = "ä".repeat(1_000);
    let value = read_back(&Record { target: &target, user_agent: Some(agent.as_bytes()), ..record() });
    assert_eq!(value["path"], format!("{}…", "a".repeat(2_048)));
    assert_eq!(value["user_agent"], format!("{}…", "ä".repeat(128)));

    let value = read_back(&Record { user_agent: Some(&agent.as_bytes()[1..]), ..record() });
    assert_eq!(value["user_agent"], format!("%A4{}…", "ä".repeat(127)));
}

#[test]
fn a_secret_behind_the_cut_is_redacted_first() {
    let target = format!("/{}?token={}", "a".repeat(2_030), "s".repeat(100));
    assert!(!written(&Record { target: target.as_bytes(), ..record() }, LineFormat::Json).contains("sss"));
}

#[test]
fn text_is_for_people() {
    let refusal = EventRefusal { code: "rate_limited", limit: Some("app.ip-1"), reason: Some("wait") };
    let refused =
        Record { status: 429, refusal: Some(refusal), user: Some("a b"), upstream: None, ..record() };
    assert_eq!(
        written(&refused, LineFormat::Text),
        "2026-11-21T05:41:37.042Z 429 GET /api/1?token=[redacted] host=media.localhost app=media route=\"GET /api/{id}\" user=\"a b\" \
         ip=127.0.0.1 in=0 out=1234 gateway=0.057ms code=rate_limited reason=\"wait\" id=0193-id\n"
    );
    assert!(written(&record(), LineFormat::Colour).contains(" \x1b[32m200\x1b[0m GET"));
    let unread = written(&Record { method: "", target: b"", host: None, ..record() }, LineFormat::Text);
    assert!(unread.contains(" 200 - - app="), "{unread}");
}

#[test]
fn time_is_utc() {
    fn check(seconds: u64, expected: &str) {
        let mut out = Vec::new();
        push_time(Duration::from_secs(seconds), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
    check(0, "1970-01-01T00:00:00.000Z");
    check(951_782_399, "2000-02-28T23:59:59.000Z");
    check(951_782_400, "2000-02-29T00:00:00.000Z");
    check(4_107_542_399, "2100-02-28T23:59:59.000Z");
    check(4_107_542_400, "2100-03-01T00:00:00.000Z");
    check(1_798_761_599, "2026-12-31T23:59:59.000Z");
}

#[test]
fn numbers_have_no_leading_zeros() {
    for value in [0, 9, 10, 99, 100, u64::MAX] {
        let mut out = Vec::new();
        push_number(value, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
    }
}

#[test]
fn how_an_exchange_ended_is_told_where_its_answer_does_not_tell_it() {
    let whole = read_back(&record());
    assert!(["ended_by", "detail", "retries"].iter().all(|field| whole.get(field).is_none()), "{whole}");
    let cut = Record { ended_by: Some("app"), detail: Some("a \"bad\" chunk"), retries: 1, ..record() };
    let event = read_back(&cut);
    assert_eq!((&event["ended_by"], &event["detail"]), (&"app".into(), &"a \"bad\" chunk".into()));
    assert_eq!(event["retries"], 1);
    let text = written(&cut, LineFormat::Text);
    assert!(text.contains(r#" ended_by=app detail="a \"bad\" chunk" retries=1 "#), "{text}");
}

#[test]
fn what_was_wrong_with_the_app_is_told_where_something_was() {
    assert_eq!(read_back(&record())["upstream_error"], Value::Null);
    let failed = Record { upstream_fault: Some(UpstreamFault::NoSuchName), ..record() };
    assert_eq!(read_back(&failed)["upstream_error"], "no_such_name");
    let mut out = Vec::new();
    failed.write(LineFormat::Text, &Redaction::default(), &mut out);
    assert!(String::from_utf8(out).unwrap().contains(" upstream_error=no_such_name "));
}
