#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::answer::{AnswerBody, AnswerVersion};
use AnswerFraming as F;

fn head(status: u16, fields: &[(&'static str, &'static str)]) -> AnswerHead {
    AnswerHead {
        status: StatusCode::from_u16(status).unwrap(),
        version: AnswerVersion::Http11,
        fields: fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect(),
        body: AnswerBody::None,
        keeps_connection: true,
    }
}

#[test]
fn the_head_of_an_answer() {
    let check = |status, framing, fields: &[(&'static str, &'static str)], expected: &str| {
        let response = http2_answer(&head(status, fields), framing, &HeaderValue::from_static("now"));
        let mut text = response.status().as_str().to_owned();
        for (name, value) in response.headers() {
            text.push_str(&format!("|{name}: {}", value.to_str().unwrap()));
        }
        assert_eq!(text, expected, "{status} {framing:?} {fields:?}");
    };
    check(200, F::Length(5), &[("a", "1"), ("a", "2")], "200|a: 1|a: 2|content-length: 5|date: now");
    check(200, F::Length(5), &[("content-length", "7"), ("date", "D")], "200|date: D|content-length: 5");
    check(200, F::Chunked, &[("content-length", "7"), ("date", "D")], "200|date: D");
    // Of an answer without a body the length is what another one would have had.
    check(304, F::None, &[("content-length", "7"), ("date", "D")], "304|content-length: 7|date: D");
    check(204, F::None, &[("content-length", "7"), ("date", "D")], "204|date: D");
    check(103, F::None, &[("link", "</a>"), ("content-length", "7")], "103|link: </a>");
    // Fields of the connection.
    let hop = [
        ("connection", "keep-alive"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "trailers"),
        ("date", "D"),
    ];
    check(426, F::Length(0), &hop, "426|date: D|content-length: 0");
    // A WebSocket.
    let accepted = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-accept", "proof"),
        ("sec-websocket-protocol", "chat"),
        ("date", "D"),
    ];
    check(101, F::Tunnel, &accepted, "200|sec-websocket-protocol: chat|date: D");
}
