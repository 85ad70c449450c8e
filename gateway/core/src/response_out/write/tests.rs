#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::answer::{AnswerBody, AnswerVersion};

fn head(status: u16, fields: &[(&str, &str)]) -> AnswerHead {
    AnswerHead {
        status: StatusCode::from_u16(status).unwrap(),
        version: AnswerVersion::Http11,
        fields: fields
            .iter()
            .map(|(name, value)| {
                (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
            })
            .collect(),
        body: AnswerBody::None,
        keeps_connection: true,
    }
}

/// The lines of the head, joined by `|`.
fn written(head: &AnswerHead, framing: AnswerFraming, connection: ConnectionLine) -> String {
    let mut out = BytesMut::from(&b"before"[..]);
    let date = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
    write_head(&mut out, head, framing, connection, &date);
    let text = std::str::from_utf8(&out).unwrap().strip_prefix("before").unwrap();
    let lines = text.strip_suffix("\r\n\r\n").unwrap();
    assert!(!lines.contains("\r\n\r\n"));
    lines.replace("date: Sun, 06 Nov 1994 08:49:37 GMT", "DATE").replace("\r\n", "|")
}

#[test]
fn framing_and_connection_are_the_gateways_own() {
    use AnswerFraming as F;
    use ConnectionLine as C;
    let app: &[(&str, &str)] = &[
        ("Content-Length", "7"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close, x-hop"),
        ("X-A", "1"),
    ];
    for (status, framing, connection, expected) in [
        (200, F::Length(5), C::Absent, "HTTP/1.1 200 OK|x-a: 1|DATE|content-length: 5"),
        (200, F::Length(0), C::Absent, "HTTP/1.1 200 OK|x-a: 1|DATE|content-length: 0"),
        (
            200,
            F::Length(u64::MAX),
            C::KeepAlive,
            "HTTP/1.1 200 OK|x-a: 1|DATE|content-length: 18446744073709551615|connection: keep-alive",
        ),
        (404, F::Chunked, C::Absent, "HTTP/1.1 404 Not Found|x-a: 1|DATE|transfer-encoding: chunked"),
        (
            404,
            F::Chunked,
            C::Close,
            "HTTP/1.1 404 Not Found|x-a: 1|DATE|transfer-encoding: chunked|connection: close",
        ),
        (200, F::UntilClose, C::Close, "HTTP/1.1 200 OK|x-a: 1|DATE|connection: close"),
        (200, F::None, C::Absent, "HTTP/1.1 200 OK|content-length: 7|x-a: 1|DATE"),
        (304, F::None, C::Close, "HTTP/1.1 304 Not Modified|content-length: 7|x-a: 1|DATE|connection: close"),
        (204, F::None, C::Absent, "HTTP/1.1 204 No Content|x-a: 1|DATE"),
        (103, F::None, C::Absent, "HTTP/1.1 103 Early Hints|x-a: 1"),
    ] {
        assert_eq!(written(&head(status, app), framing, connection), expected);
    }
}

#[test]
fn a_switch_has_one_line_of_each() {
    let app = head(
        101,
        &[
            ("Upgrade", "WebSocket"),
            ("Connection", "upgrade"),
            ("Sec-WebSocket-Accept", "abc="),
            ("upgrade", "x"),
        ],
    );
    assert_eq!(
        written(&app, AnswerFraming::Tunnel, ConnectionLine::Upgrade),
        "HTTP/1.1 101 Switching Protocols|sec-websocket-accept: abc=|connection: Upgrade|upgrade: websocket"
    );
}

#[test]
fn the_protocol_that_a_426_wants_is_named() {
    assert_eq!(
        written(&head(426, &[("Upgrade", "h2c")]), AnswerFraming::Length(0), ConnectionLine::Absent),
        "HTTP/1.1 426 Upgrade Required|upgrade: h2c|DATE|content-length: 0|connection: upgrade"
    );
}

#[test]
fn the_apps_own_date_is_kept() {
    assert_eq!(
        written(&head(200, &[("Date", "yesterday")]), AnswerFraming::Length(0), ConnectionLine::Absent),
        "HTTP/1.1 200 OK|date: yesterday|content-length: 0"
    );
}

#[test]
fn a_status_without_a_reason_keeps_its_space() {
    assert_eq!(
        written(&head(799, &[]), AnswerFraming::Chunked, ConnectionLine::Absent),
        "HTTP/1.1 799 |DATE|transfer-encoding: chunked"
    );
}

#[test]
fn lines_keep_their_order_and_their_bytes() {
    let app = head(200, &[("Set-Cookie", "a=1"), ("X-Long", &"v".repeat(9000)), ("Set-Cookie", "b=2")]);
    let text = written(&app, AnswerFraming::None, ConnectionLine::Absent);
    assert!(text.starts_with("HTTP/1.1 200 OK|set-cookie: a=1|x-long: vvv"));
    assert!(text.ends_with("v|set-cookie: b=2|DATE"));
}
