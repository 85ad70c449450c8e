#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::head::{HeadLimits, Parsed, parse};
use crate::request::{Http2Request, SchemeRule, http2_head};

/// The head of a request with these fields, without a body unless they say so; one for `host` is put in front where they
/// name none.
pub(crate) fn build<'a>(
    (method, target, protocol): (&'a str, &'a [u8], Protocol),
    host: &'a str,
    fields: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Head<'a>, Denial> {
    let fields: Vec<_> = fields.into_iter().map(|(name, value)| Field { name, value }).collect();
    if protocol == Protocol::Http2 {
        let request = Http2Request {
            method,
            scheme: "http",
            authority: Some(host),
            path: target,
            end_stream: true,
            protocol: None,
            websocket_key: "",
        };
        let limits = HeadLimits { bytes: 1 << 16, count: 100, uri: 8192 };
        return http2_head(&request, fields, &limits, Scheme::Http, SchemeRule::OfConnection);
    }
    finished(HeadBuilder::new(RequestLine::new(method, target, Scheme::Http)?, protocol), host, fields)
}

fn finished<'a>(
    mut head: HeadBuilder<'a>,
    host: &'a str,
    fields: Vec<Field<'a>>,
) -> Result<Head<'a>, Denial> {
    if !fields.iter().any(|field| field.name.eq_ignore_ascii_case("host")) {
        head.field(Field { name: "Host", value: host.as_bytes() })?;
    }
    for field in fields {
        head.field(field)?;
    }
    let body = head.framing().body();
    head.finish(body)
}

/// As [`get`] for `/`, on a connection of this scheme.
pub(crate) fn get_over<'a>(
    scheme: Scheme,
    host: &'a str,
    fields: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Head<'a> {
    let fields = fields.into_iter().map(|(name, value)| Field { name, value }).collect();
    let line = RequestLine::new("GET", b"/", scheme).unwrap();
    finished(HeadBuilder::new(line, Protocol::Http11), host, fields).unwrap()
}

/// As [`build`], for a GET over HTTP/1.1 that has to be sound.
pub(crate) fn get<'a>(
    target: &'a [u8],
    host: &'a str,
    fields: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Head<'a> {
    build(("GET", target, Protocol::Http11), host, fields).unwrap()
}

/// What the builder says of one method, target, name and value, beside what the parser says of the same bytes.
fn both(method: &str, target: &[u8], name: &str, value: &[u8]) -> (bool, bool) {
    let built = build((method, target, Protocol::Http11), "a.example", [(name, value)]).is_ok();
    let host: &[u8] = if name.eq_ignore_ascii_case("host") { b"" } else { b"Host: a.example\r\n" };
    let line = [method.as_bytes(), b" ", target, b" HTTP/1.1\r\n"].concat();
    let text = [&*line, host, name.as_bytes(), b": ", value, b"\r\n\r\n"].concat();
    let limits = HeadLimits { bytes: 1 << 16, count: 100, uri: 8192 };
    let parsed = parse(&text, &limits, Scheme::Http);
    (built, matches!(parsed, Ok(Parsed::Complete(_, meta)) if meta.length == text.len()))
}

#[test]
fn what_the_parser_refuses_cannot_be_built() {
    let check = |method: &str, target: &[u8], name: &str, value: &[u8], sound: bool| {
        let (built, parsed) = both(method, target, name, value);
        let shown = (target.escape_ascii().to_string(), value.escape_ascii().to_string());
        assert_eq!((built, parsed), (sound, sound), "{method} {name} {shown:?}");
    };
    check("GET", b"/", "Accept", b"*/*", true);
    check("GET", b"http://a.example/x?y", "Accept", b"", true);
    check("PROPFIND", b"/a b", "Accept", b"*/*", false);
    for method in
        ["", "get", "G T", "GET\r\n", "CONNECT", "TRACE", "TRACK", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG"]
    {
        check(method, b"/", "Accept", b"*/*", false);
    }
    let targets: [&[u8]; 12] = [
        b"",
        b"*",
        b"x",
        b"/x#y",
        b"/\r\nHost: b",
        b"/\0",
        b"/\x7f",
        b"/`",
        b"https://a.example/",
        b"http://a.example",
        b"http://u@a.example/",
        b"http://b.example/",
    ];
    for target in targets {
        check("GET", target, "Accept", b"*/*", target == b"http://a.example");
    }
    for name in ["", "a b", "a\r", "a\n", "a\0", "\u{e4}", "content_length", "transfer_encoding"] {
        check("GET", b"/", name, b"1", false);
    }
    for value in [&b"a\nb"[..], b"a\rb", b"a\0b", b"a\x7fb", b"a\x01b"] {
        check("GET", b"/", "Accept", value, false);
    }
    // On the wire these would be two fields.
    assert!(build(("GET", b"/", Protocol::Http11), "a", [("Accept", &b"a\r\nb: c"[..])]).is_err());
    check("GET", b"/", "Accept", b"a\tb \xe4", true);
    check("GET", b"/", "Host", b"", false);
    check("GET", b"/", "Host", b"a/b", false);
    check("GET", b"/", "Content-Length", b"+1", false);
    check("POST", b"/", "Content-Length", b"1", true);
    check("POST", b"/", "Transfer-Encoding", b"gzip", false);
    check("GET", b"/", "Connection", b"host", false);
    check("GET", b"/", "Expect", b"a miracle", false);
}

#[test]
fn every_byte_is_judged_as_the_parser_judges_it() {
    for byte in u8::MIN..=u8::MAX {
        let (built, parsed) = both("GET", &[b'/', b'x', byte, b'y'], "Accept", b"*/*");
        assert_eq!(built, parsed, "target {byte:#x}");
        let (built, parsed) = both("GET", b"/", "Accept", &[b'x', byte, b'y']);
        assert_eq!(built, parsed, "value {byte:#x}");
        if byte.is_ascii() {
            let name = format!("x{}y", char::from(byte));
            // The parser reads on after a colon.
            if byte != b':' {
                let (built, parsed) = both("GET", b"/", &name, b"1");
                assert_eq!(built, parsed, "name {byte:#x}");
            }
        }
    }
}

#[test]
fn a_value_stands_without_the_white_space_around_it() {
    for value in [&b" a"[..], b"a ", b"\ta", b"a\t", b" "] {
        let built = build(("GET", b"/", Protocol::Http11), "a.example", [("Accept", value)]);
        assert!(built.is_err(), "{:?}", value.escape_ascii().to_string());
    }
}

#[test]
fn without_one_host_there_is_no_head() {
    let line = RequestLine::new("GET", b"/", Scheme::Http).unwrap();
    assert!(HeadBuilder::new(line, Protocol::Http11).finish(RequestBody::None).is_err());
    let two = [("Host", &b"a"[..]), ("host", b"a")];
    assert!(build(("GET", b"/", Protocol::Http11), "a", two).is_err());
}

#[test]
fn an_absolute_form_names_the_scheme_of_the_connection() {
    for (scheme, target, sound) in [
        (Scheme::Http, "http://a/x", true),
        (Scheme::Http, "HTTP://a:80/x", true),
        (Scheme::Http, "http://a:443/x", false),
        (Scheme::Http, "https://a/x", false),
        (Scheme::Https, "https://a/x", true),
        (Scheme::Https, "HttpS://a:443/x", true),
        (Scheme::Https, "https://a:80/x", false),
        (Scheme::Https, "http://a/x", false),
        (Scheme::Https, "https:/a/x", false),
    ] {
        let head = RequestLine::new("GET", target.as_bytes(), scheme).and_then(|line| {
            let mut head = HeadBuilder::new(line, Protocol::Http11);
            head.field(Field { name: "Host", value: b"a" })?;
            head.finish(RequestBody::None)
        });
        let found = head.map(|head| (head.scheme(), head.target().to_vec())).ok();
        assert_eq!(found, sound.then(|| (scheme, b"/x".to_vec())), "{scheme:?} {target}");
    }
}
