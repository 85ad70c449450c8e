#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use http::HeaderMap;

use super::*;
use crate::request::{Protocol, heads};

fn head<'a>(fields: &[(&'a str, &'a str)]) -> Head<'a> {
    heads::get(b"/ws", "app.localhost", fields.iter().map(|(name, value)| (*name, value.as_bytes())))
}

const KEY: (&str, &str) = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
const VERSION: (&str, &str) = ("Sec-WebSocket-Version", "13");
const HANDSHAKE: [(&str, &str); 4] = [("Connection", "Upgrade"), ("Upgrade", "websocket"), KEY, VERSION];

/// What the guard says of a head, in a word.
fn said(policy: UpgradePolicy, head: &Head<'_>) -> &'static str {
    match policy.check(head) {
        Ok(Upgrade::None) => "plain",
        Ok(Upgrade::Websocket(_)) => "websocket",
        Err(Denial::UpgradeRefused) => "refused",
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn an_offer_is_a_websocket_or_dropped() {
    for (connection, upgrades, expected) in [
        (Some("Upgrade"), &["websocket"][..], "websocket"),
        (Some("keep-alive, UPGRADE"), &["WebSocket"], "websocket"),
        // RFC 6455 §4.1: the value includes the keyword. What stands beside it is not passed on.
        (Some("Upgrade"), &["websocket, h2c"], "websocket"),
        (Some("Upgrade"), &["h2c", "websocket"], "websocket"),
        (Some("Upgrade"), &["websocket", "websocket"], "websocket"),
        (Some("Upgrade"), &["websocket/13"], "refused"),
        (Some("Upgrade"), &["h2c, websocket/13"], "refused"),
        (Some("Upgrade"), &["h2c"], "plain"),
        (Some("Upgrade, HTTP2-Settings"), &["h2c"], "plain"),
        (Some("Upgrade"), &["TLS/1.2"], "plain"),
        (Some("Upgrade"), &["TLS/1.0, HTTP/1.1"], "plain"),
        (Some("Upgrade"), &[""], "plain"),
        (Some("Upgrade"), &[",,"], "plain"),
        (Some("Upgrade"), &["websockets"], "plain"),
        (Some("Upgrade"), &["\"websocket\""], "plain"),
        // What `Connection` does not name is no offer, and no field of the message.
        (Some("keep-alive"), &["websocket"], "plain"),
        (None, &["websocket"], "plain"),
        (Some("upgrade"), &[], "plain"),
    ] {
        let mut fields = vec![KEY, VERSION];
        fields.extend(connection.map(|value| ("Connection", value)));
        fields.extend(upgrades.iter().map(|value| ("Upgrade", *value)));
        let head = head(&fields);
        assert_eq!(said(UpgradePolicy::Websocket, &head), expected, "{connection:?} {upgrades:?}");
        let forbidden = if expected == "plain" { "plain" } else { "refused" };
        assert_eq!(said(UpgradePolicy::Forbidden, &head), forbidden, "{connection:?} {upgrades:?}");
    }
    assert_eq!(said(UpgradePolicy::Websocket, &head(&[])), "plain");
}

#[test]
fn a_handshake_is_a_get_without_a_body_on_http_1_1() {
    let check = |method, protocol, body: Option<(&'static str, &'static str)>, expected: &str| {
        let fields = HANDSHAKE.into_iter().chain(body).map(|(name, value)| (name, value.as_bytes()));
        let head = heads::build((method, b"/ws", protocol), "app.localhost", fields).unwrap();
        assert_eq!(said(UpgradePolicy::Websocket, &head), expected, "{head:?}");
    };
    check("GET", Protocol::Http11, None, "websocket");
    check("POST", Protocol::Http11, None, "refused");
    check("HEAD", Protocol::Http11, None, "refused");
    check("GET", Protocol::Http10, None, "refused");
    check("GET", Protocol::Http11, Some(("Content-Length", "1")), "refused");
    check("GET", Protocol::Http11, Some(("Transfer-Encoding", "chunked")), "refused");
}

#[test]
fn a_handshake_has_one_key_and_version_13() {
    for (lines, expected) in [
        (&[KEY, VERSION][..], "websocket"),
        (&[("Sec-WebSocket-Key", "+/+/+/+/+/+/+/+/+/+/+w=="), VERSION], "websocket"),
        (&[VERSION], "refused"),
        (&[KEY, KEY, VERSION], "refused"),
        (&[KEY, ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="), VERSION], "refused"),
        (&[("Sec-WebSocket-Key", ""), VERSION], "refused"),
        (&[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"), VERSION], "refused"),
        (&[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZT0="), VERSION], "refused"),
        (&[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub2==ZQ=="), VERSION], "refused"),
        (&[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25-ZQ=="), VERSION], "refused"),
        (&[("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==, AAAA"), VERSION], "refused"),
        (&[KEY], "refused"),
        (&[KEY, ("Sec-WebSocket-Version", "8")], "refused"),
        (&[KEY, ("Sec-WebSocket-Version", "013")], "refused"),
        (&[KEY, ("Sec-WebSocket-Version", "13, 8")], "refused"),
        (&[KEY, VERSION, VERSION], "refused"),
        (&[KEY, VERSION, ("Sec-WebSocket-Version", "8")], "refused"),
    ] {
        let mut fields = HANDSHAKE[..2].to_vec();
        fields.extend(lines);
        assert_eq!(said(UpgradePolicy::Websocket, &head(&fields)), expected, "{lines:?}");
    }
}

#[test]
fn a_101_has_to_answer_the_handshake() {
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let right = [("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", ACCEPT)];
    let without = |name: &str| right.into_iter().filter(|(n, _)| *n != name).collect::<Vec<_>>();
    let with = |more: &[(&'static str, &'static str)]| [&right[..], more].concat();
    let instead = |name, value| [without(name), vec![(name, value)]].concat();
    let offers =
        [("Sec-WebSocket-Protocol", "chat, v2.chat"), ("Sec-WebSocket-Extensions", "permessage-deflate; x")];
    let nothing: &[(&str, &str)] = &[];
    for (offers, answer, right) in [
        (nothing, right.to_vec(), true),
        (nothing, instead("upgrade", "WebSocket"), true),
        // Twice the same is still the same.
        (nothing, with(&[("upgrade", "websocket")]), true),
        (nothing, instead("connection", "keep-alive, upgrade"), true),
        (nothing, without("upgrade"), false),
        (nothing, instead("upgrade", ""), false),
        (nothing, instead("upgrade", "h2c"), false),
        (nothing, instead("upgrade", "websocket, h2c"), false),
        (nothing, with(&[("upgrade", "h2c")]), false),
        (nothing, without("connection"), false),
        (nothing, instead("connection", "close"), false),
        (nothing, without("sec-websocket-accept"), false),
        (nothing, instead("sec-websocket-accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="), false),
        (nothing, instead("sec-websocket-accept", "s3pplmbitxaq9kygzzhzrbk+xoo="), false),
        (nothing, with(&[("sec-websocket-accept", ACCEPT)]), false),
        (nothing, with(&[("sec-websocket-protocol", "chat")]), false),
        (nothing, with(&[("sec-websocket-protocol", "")]), false),
        (nothing, with(&[("sec-websocket-extensions", "permessage-deflate")]), false),
        (&offers, right.to_vec(), true),
        (&offers, with(&[("sec-websocket-protocol", "v2.chat")]), true),
        (&offers, with(&[("sec-websocket-protocol", "V2.chat")]), false),
        (&offers, with(&[("sec-websocket-protocol", "chat, v2.chat")]), false),
        (&offers, with(&[("sec-websocket-protocol", "chat"), ("sec-websocket-protocol", "chat")]), false),
        (
            &offers,
            with(&[("sec-websocket-extensions", "permessage-deflate; server_max_window_bits=9")]),
            true,
        ),
        (&offers, with(&[("sec-websocket-extensions", "permessage-deflate, mux")]), false),
    ] {
        let fields = [&HANDSHAKE[..], offers].concat();
        let Ok(Upgrade::Websocket(handshake)) = UpgradePolicy::Websocket.check(&head(&fields)) else {
            panic!("{fields:?}")
        };
        let mut map = HeaderMap::new();
        for (name, value) in &answer {
            map.append(*name, HeaderValue::from_static(value));
        }
        assert_eq!(handshake.confirm(&map).is_ok(), right, "{offers:?}: {answer:?}");
    }
}
