#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::guard::upgrade::{Upgrade, UpgradePolicy};
use crate::head::{Parsed, parse};

const GET: Http2Request<'_> = Http2Request {
    method: "GET",
    scheme: "https",
    authority: Some("media.example"),
    path: b"/a?b",
    end_stream: true,
    protocol: None,
    websocket_key: "dGhlIHNhbXBsZSBub25jZQ==",
};

/// The CONNECT of a WebSocket.
const WEBSOCKET: Http2Request<'_> =
    Http2Request { method: "CONNECT", protocol: Some("websocket"), end_stream: false, ..GET };

const LIMITS: HeadLimits = HeadLimits { bytes: 256, count: 5, uri: 64 };

fn read<'a>(request: &Http2Request<'a>, fields: &[(&'a str, &'a [u8])]) -> Result<Head<'a>, Denial> {
    let fields = fields.iter().map(|(name, value)| Field { name, value });
    http2_head(request, fields, &LIMITS, Scheme::Https, SchemeRule::OfConnection)
}

#[test]
fn a_head_of_pseudo_fields_and_fields() {
    let head = read(&GET, &[("accept", b"*/*"), ("te", b"trailers"), ("cookie", b"a=1"), ("cookie", b"b=2")]);
    let head = head.unwrap();
    assert_eq!((head.method(), head.target(), head.host()), ("GET", &b"/a?b"[..], "media.example"));
    assert_eq!(
        (head.scheme(), head.protocol(), head.body()),
        (Scheme::Https, Protocol::Http2, RequestBody::None)
    );
    assert_eq!(head.fields().len(), 4);
    assert!(!head.asks_websocket());
}

#[test]
fn pseudo_fields_are_as_strict_as_a_request_line() {
    let check = |request: Http2Request<'_>, sound: bool| {
        assert_eq!(read(&request, &[]).is_ok(), sound, "{request:?}");
    };
    check(GET, true);
    for method in ["", "get", "G T", "GET\r\n", "GET\0"] {
        check(Http2Request { method, ..GET }, false);
    }
    for method in ["CONNECT", "TRACE", "TRACK"] {
        let refused = read(&Http2Request { method, ..GET }, &[]).map(drop);
        assert_eq!(refused, Err(Denial::MethodNeverAllowed));
    }
    for scheme in ["", "http", "https:", "ftp"] {
        check(Http2Request { scheme, ..GET }, false);
    }
    check(Http2Request { scheme: "HTTPS", ..GET }, true);
    let paths: [&[u8]; 11] = [
        b"",
        b"*",
        b"a",
        b"?a",
        b"https://media.example/",
        b"/a b",
        b"/a#b",
        b"/\r\nhost: b",
        b"/\0",
        b"/\x7f",
        b"/`",
    ];
    for path in paths {
        check(Http2Request { path, ..GET }, false);
    }
    for authority in ["", "a b", "a\r\nb", "a\0", "a/b", "\u{e4}"] {
        check(Http2Request { authority: Some(authority), ..GET }, false);
    }
    check(Http2Request { authority: Some("[::1]:443"), ..GET }, true);
}

#[test]
fn authority_and_host_name_one_host() {
    let check = |authority: Option<&'static str>, hosts: &[&'static str], expected: Option<&str>| {
        let fields: Vec<_> = hosts.iter().map(|host| ("host", host.as_bytes())).collect();
        let host = read(&Http2Request { authority, ..GET }, &fields).map(|head| head.host()).ok();
        assert_eq!(host, expected, "{authority:?} {hosts:?}");
    };
    check(Some("a.example"), &[], Some("a.example"));
    check(None, &["a.example"], Some("a.example"));
    check(None, &[], None);
    check(Some("a.example"), &["a.example"], Some("a.example"));
    check(Some("A.example:443"), &["a.example"], Some("a.example"));
    check(Some("a.example:80"), &["a.example"], None);
    check(Some("a.example"), &["b.example"], None);
    check(Some("a.example"), &[""], None);
    check(None, &["a.example", "a.example"], None);
}

#[test]
fn fields_are_as_strict_as_in_http_1() {
    let check = |name: &str, value: &[u8], sound: bool| {
        let shown = value.escape_ascii().to_string();
        assert_eq!(read(&GET, &[(name, value)]).is_ok(), sound, "{name:?}: {shown:?}");
    };
    check("x-a", b"1", true);
    for name in
        ["", ":method", "X-A", "a b", "a\r\nb", "a\0", "\u{e4}", "content_length", "transfer_encoding"]
    {
        check(name, b"1", false);
    }
    for value in [&b"a\r\nb: c"[..], b"a\nb", b"a\rb", b"a\0b", b" a", b"a\t", b"a\x7f"] {
        check("x-a", value, false);
    }
    for (name, value) in [
        ("connection", "close"),
        ("connection", ""),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "trailers"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
    ] {
        check(name, value.as_bytes(), false);
    }
    check("expect", b"100-continue", true);
    check("expect", b"a miracle", false);
}

#[test]
fn a_websocket_is_the_get_that_its_connect_stands_for() {
    let fields: [(&str, &[u8]); 3] = [
        ("sec-websocket-version", b"13"),
        ("sec-websocket-key", b"mine"),
        ("origin", b"https://media.example"),
    ];
    let limits = HeadLimits { count: 10, ..LIMITS };
    let head = |request: &Http2Request<'static>, fields: &[(&'static str, &'static [u8])]| {
        let fields = fields.iter().map(|(name, value)| Field { name, value });
        http2_head(request, fields, &limits, Scheme::Https, SchemeRule::OfConnection)
    };
    let read = head(&WEBSOCKET, &fields).unwrap();
    assert_eq!((read.method(), read.target(), read.body()), ("GET", &b"/a?b"[..], RequestBody::None));
    assert!(read.asks_websocket());
    assert_eq!(read.sole_text("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_eq!(read.sole_text("upgrade"), Some("websocket"));
    // It is judged like the handshake of HTTP/1.1.
    let version = |request, fields: &[_]| {
        let head = head(&request, fields).unwrap();
        UpgradePolicy::Websocket.check(&head).map(|upgrade| upgrade != Upgrade::None)
    };
    assert_eq!(version(WEBSOCKET, &fields), Ok(true));
    assert_eq!(version(WEBSOCKET, &fields[1..]), Err(Denial::UpgradeRefused));
    assert_eq!(version(GET, &fields), Ok(false));
    let refused = head(&Http2Request { end_stream: true, ..WEBSOCKET }, &fields).map(drop);
    assert_eq!(refused, Err(Denial::BadRequest("a WebSocket that has a body or ends at once")));
    let refused = head(&WEBSOCKET, &[("content-length", b"0")]).map(drop);
    assert_eq!(refused, Err(Denial::BadRequest("a WebSocket that has a body or ends at once")));
    for protocol in [None, Some("connect-udp"), Some(""), Some("websocket/13")] {
        let refused = head(&Http2Request { protocol, ..WEBSOCKET }, &[]).map(drop);
        assert_eq!(refused, Err(Denial::MethodNeverAllowed), "{protocol:?}");
    }
    // Only the gateway writes the fields of the handshake.
    for name in ["connection", "upgrade"] {
        assert!(head(&WEBSOCKET, &[(name, b"websocket")]).is_err(), "{name}");
    }
}

#[test]
fn every_byte_is_judged_as_in_http_1() {
    let parsed = |text: &[&[u8]]| {
        let text = text.concat();
        let parsed = parse(&text, &LIMITS, Scheme::Https);
        matches!(parsed, Ok(Parsed::Complete(_, meta)) if meta.length == text.len())
    };
    for byte in u8::MIN..=u8::MAX {
        let path = [b'/', b'x', byte, b'y'];
        let line = parsed(&[b"GET ", &path, b" HTTP/1.1\r\nHost: a\r\n\r\n"]);
        assert_eq!(read(&Http2Request { path: &path, ..GET }, &[]).is_ok(), line, "path {byte:#x}");
        let value = [b'x', byte, b'y'];
        let line = parsed(&[b"GET / HTTP/1.1\r\nHost: a\r\nx: ", &value, b"\r\n\r\n"]);
        assert_eq!(read(&GET, &[("x", &value)]).is_ok(), line, "value {byte:#x}");
        // A name of HTTP/1 ends at its colon, and has upper-case letters.
        if byte.is_ascii() && byte != b':' && !byte.is_ascii_uppercase() {
            let name = format!("x{}y", char::from(byte));
            let line = parsed(&[b"GET / HTTP/1.1\r\nHost: a\r\n", name.as_bytes(), b": 1\r\n\r\n"]);
            assert_eq!(read(&GET, &[(&name, b"1")]).is_ok(), line, "name {byte:#x}");
        }
    }
}

#[test]
fn caps_are_those_of_http_1() {
    let path = |length: usize| "/".repeat(length).into_bytes();
    let (fits, long) = (path(64), path(65));
    assert!(read(&Http2Request { path: &fits, ..GET }, &[]).is_ok());
    assert_eq!(read(&Http2Request { path: &long, ..GET }, &[]).map(drop), Err(Denial::UriTooLong));
    let fields = [("x", &b"1"[..]); 6];
    assert!(read(&GET, &fields[..5]).is_ok());
    assert_eq!(read(&GET, &fields).map(drop), Err(Denial::HeadersTooLarge));
    let taken = "GET/a?bmedia.examplex".len();
    let value = vec![b'v'; 257 - taken];
    assert!(read(&GET, &[("x", &value[1..])]).is_ok());
    assert_eq!(read(&GET, &[("x", &value)]).map(drop), Err(Denial::HeadersTooLarge));
}

#[test]
fn a_body_has_the_length_that_it_declares() {
    let check = |lengths: &[&'static str], end_stream: bool, expected: Option<RequestBody>| {
        let fields: Vec<_> = lengths.iter().map(|length| ("content-length", length.as_bytes())).collect();
        let body = read(&Http2Request { end_stream, ..GET }, &fields).map(|head| head.body()).ok();
        assert_eq!(body, expected, "{lengths:?} {end_stream}");
    };
    check(&[], true, Some(RequestBody::None));
    check(&[], false, Some(RequestBody::Unknown));
    check(&["0"], true, Some(RequestBody::Known(0)));
    check(&["0"], false, Some(RequestBody::Known(0)));
    check(&["7"], false, Some(RequestBody::Known(7)));
    check(&["7"], true, None);
    check(&["7", "7"], false, None);
    check(&["+7"], false, None);
}

/// Whatever `:scheme` is taken, what guards see is the scheme of the connection.
#[test]
fn the_scheme_that_a_proxy_passes_on_is_taken_and_decides_nothing() {
    for connection in [Scheme::Http, Scheme::Https] {
        for (scheme, named) in [
            ("http", Some(Scheme::Http)),
            ("https", Some(Scheme::Https)),
            ("HTTPS", Some(Scheme::Https)),
            ("", None),
            ("ws", None),
            ("ftp", None),
            ("https:", None),
        ] {
            let request = Http2Request { scheme, ..GET };
            let seen =
                |rule| http2_head(&request, [], &LIMITS, connection, rule).ok().map(|head| head.scheme());
            let expected = Some(connection);
            let row = format!("{scheme} over {connection:?}");
            assert_eq!(seen(SchemeRule::OfEitherKind), named.and(expected), "{row}");
            let own = named.filter(|named| *named == connection);
            assert_eq!(seen(SchemeRule::OfConnection), own.and(expected), "{row}");
        }
    }
}
