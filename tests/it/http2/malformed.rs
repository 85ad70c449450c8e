//! Requests that are none: nothing of them reaches the app, which writes down every byte that it gets.

use std::net::SocketAddr;

use super::gateway;
use crate::harness::{Frame, HOST, RawHttp2, Upstream, frame, header_block, poll_until, request_block};

/// What became of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Answered(u16),
    Reset(u32),
    /// The connection ended, with this reason.
    Ended(Option<u32>),
}

/// Sends frames of stream 1, and says what became of it.
fn outcome(to: SocketAddr, frames: &[u8]) -> Outcome {
    let mut client = RawHttp2::connect(to, &[]);
    client.send(frames);
    let mut reason = None;
    while let Some(next) = client.next() {
        match next.kind {
            Frame::HEADERS if next.stream == 1 => return Outcome::Answered(next.status()),
            Frame::RESET if next.stream == 1 => return Outcome::Reset(next.code()),
            Frame::GOAWAY => reason = Some(next.code()),
            _ => {}
        }
    }
    Outcome::Ended(reason)
}

/// The pseudo-header fields of a request.
const PSEUDO: [(&[u8], &[u8]); 4] =
    [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", HOST.as_bytes()), (b":path", b"/x")];

/// The head of a request that ends with it.
fn head(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    frame(Frame::HEADERS, Frame::END_HEADERS | Frame::END_STREAM, 1, header_block(fields))
}

/// The head of a request with another value of a pseudo-header field, or without it.
fn with_pseudo(name: &[u8], value: Option<&[u8]>) -> Vec<u8> {
    let fields: Vec<_> = PSEUDO
        .into_iter()
        .filter_map(|(known, usual)| if known == name { Some((known, value?)) } else { Some((known, usual)) })
        .collect();
    head(&fields)
}

/// The head of a request with these further fields.
fn with(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    head(&[&PSEUDO[..], fields].concat())
}

const NAMES: [&[u8]; 22] = [
    b"",
    b"A",
    b"x-A",
    b"a b",
    b" a",
    b"a ",
    b"a:",
    b"a\r\nb",
    b"a\nb",
    b"a\rb",
    b"a\0",
    b"a\x7f",
    b"\xc3\xa4",
    b"a(",
    b"a@",
    b"a/",
    b"a\"",
    b"a{",
    b":foo",
    b":status",
    b"content_length",
    b"transfer_encoding",
];

const VALUES: [&[u8]; 10] = [
    b"a\r\nb: c",
    b"a\nb",
    b"a\rb",
    b"a\0b",
    b" a",
    b"a ",
    b"\ta",
    b"a\t",
    b"a\x7f",
    b"a\r\n\r\nGET /y HTTP/1.1",
];

const FIELDS: [&[(&[u8], &[u8])]; 24] = [
    &[(b"connection", b"close")],
    &[(b"connection", b"x-a")],
    &[(b"keep-alive", b"timeout=5")],
    &[(b"proxy-connection", b"keep-alive")],
    &[(b"transfer-encoding", b"chunked")],
    &[(b"transfer-encoding", b"identity")],
    &[(b"upgrade", b"h2c")],
    &[(b"upgrade", b"websocket")],
    &[(b"te", b"gzip")],
    &[(b"te", b"trailers, gzip")],
    &[(b"host", b"media.localhost"), (b"host", b"media.localhost")],
    &[(b"host", b"other.localhost")],
    &[(b"host", b"")],
    &[(b"host", b"media.localhost\r\nx: y")],
    &[(b"content-length", b"1")],
    &[(b"content-length", b"0"), (b"content-length", b"0")],
    &[(b"content-length", b"0, 0")],
    &[(b"content-length", b"+0")],
    &[(b"content-length", b"-1")],
    &[(b"content-length", b"0x0")],
    &[(b"content-length", b"")],
    &[(b"content-length", b"99999999999999999999")],
    &[(b"expect", b"100-continue"), (b"expect", b"100-continue")],
    &[(b"expect", b"a miracle")],
];

/// Values of pseudo-header fields that they may not have.
const PSEUDO_VALUES: [(&[u8], &[&[u8]]); 4] = [
    (b":method", &[b"", b"get", b"G T", b"GET\r\n", b"GET /y", b"G\0T", b"TRACE", b"CONNECT", b"G/T"]),
    (
        b":path",
        &[
            b"",
            b"*",
            b"x",
            b"?x",
            b"#",
            b"/a b",
            b"/a\tb",
            b"/a\r\nx: y",
            b"/a\nb",
            b"/\0",
            b"/\x7f",
            b"http://media.localhost/",
            b"/a HTTP/1.1\r\nHost: b\r\n\r\nGET /y",
            b"/%",
            b"/%2e%2e/y",
            b"/a\\b",
            b"/`",
        ],
    ),
    (b":scheme", &[b"https", b"ftp", b"", b"http\r\n", b"http://", b"h t"]),
    (
        b":authority",
        &[
            b"",
            b"a b",
            b"media.localhost\r\nx: y",
            b"media.localhost\0",
            b"media.localhost/x",
            b"user@media.localhost",
            b"media.localhost:99999",
            b"media.localhost:x",
            b"media.localhost,b",
            b"other.localhost",
            b"\xc3\xa4",
            b"media.localhost?x",
            b"media.localhost#x",
            b"[::1",
        ],
    ),
];

#[test]
fn nothing_of_a_malformed_request_reaches_the_app() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "");
    let mut requests: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |what: &str, shown: &[u8], bytes| {
        requests.push((format!("{what} {:?}", shown.escape_ascii().to_string()), bytes));
    };
    for name in NAMES {
        add("name", name, with(&[(name, b"1")]));
    }
    for value in VALUES {
        add("value", value, with(&[(b"x-a", value)]));
    }
    for fields in FIELDS {
        add(
            "fields",
            &fields.iter().map(|(n, v)| [*n, b": ", *v, b"; "].concat()).collect::<Vec<_>>().concat(),
            with(fields),
        );
    }
    for (name, values) in PSEUDO_VALUES {
        add("without", name, with_pseudo(name, None));
        add("twice", name, with_twice(name));
        add("after a field:", name, after_a_field(name));
        for value in values {
            add(&String::from_utf8_lossy(name), value, with_pseudo(name, Some(value)));
        }
    }
    assert!(requests.len() >= 100, "{}", requests.len());
    // The gateway looks once whether the app is there.
    poll_until("the probe", || (app.connections() == 1).then_some(()));
    for (what, bytes) in &requests {
        let outcome = outcome(gateway.address, bytes);
        let refused = match outcome {
            Outcome::Answered(status) => (400..500).contains(&status),
            Outcome::Reset(_) | Outcome::Ended(Some(_)) => true,
            Outcome::Ended(None) => false,
        };
        assert!(refused, "{what}: {outcome:?}");
        assert_eq!(app.connections(), 1, "{what}: the app saw {:?}", app.seen());
    }
    // What is refused is not what every request has.
    assert_eq!(outcome(gateway.address, &with(&[])), Outcome::Answered(200));
}

fn with_twice(name: &[u8]) -> Vec<u8> {
    let again = PSEUDO.into_iter().filter(|(known, _)| *known == name);
    head(&PSEUDO.into_iter().chain(again).collect::<Vec<_>>())
}

fn after_a_field(name: &[u8]) -> Vec<u8> {
    let (late, early): (Vec<_>, Vec<_>) = PSEUDO.into_iter().partition(|(known, _)| *known == name);
    head(&[early, vec![(&b"x-a"[..], &b"1"[..])], late].concat())
}

/// A body that is longer or shorter than its length says: the app never has a whole request.
#[test]
fn a_body_that_is_not_as_its_length_says_never_looks_whole() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "");
    let post = |length: &str| {
        frame(
            Frame::HEADERS,
            Frame::END_HEADERS,
            1,
            request_block("POST", "/x", &[("content-length", length)]),
        )
    };
    let data = |flags, bytes: &str| frame(Frame::DATA, flags, 1, bytes);
    let trailers =
        frame(Frame::HEADERS, Frame::END_HEADERS | Frame::END_STREAM, 1, header_block(&[("x-a", "1")]));
    for (what, bytes) in [
        ("shorter", [post("5"), data(Frame::END_STREAM, "four")].concat()),
        ("empty", [post("5"), data(Frame::END_STREAM, "")].concat()),
        ("longer", [post("5"), data(Frame::END_STREAM, "longer")].concat()),
        ("longer, in pieces", [post("5"), data(0, "five!"), data(Frame::END_STREAM, "+")].concat()),
        ("shorter, with trailers", [post("5"), data(0, "four"), trailers.clone()].concat()),
        (
            "a request behind it",
            [post("5"), data(0, "five!GET /y HTTP/1.1\r\nHost: media.localhost\r\n\r\n")].concat(),
        ),
    ] {
        let outcome = outcome(gateway.address, &bytes);
        assert!(matches!(outcome, Outcome::Reset(1) | Outcome::Answered(400)), "{what}: {outcome:?}");
        assert!(
            app.seen().iter().all(|seen| !seen.complete && seen.target == "/x"),
            "{what}: {:?}",
            app.seen()
        );
    }
    app.forget();
    // Trailers are dropped, and end the body.
    let bytes = [post("5"), data(0, "five!"), trailers].concat();
    assert_eq!(outcome(gateway.address, &bytes), Outcome::Answered(200));
    // What came of the others may be written down later.
    let seen = app.seen().into_iter().find(|seen| seen.complete).unwrap();
    assert_eq!((seen.body.as_slice(), seen.fields.has("x-a")), (&b"five!"[..], false));
}

/// The library that reads the frames cuts a fragment off. Checks, records and app have the path without it.
#[test]
fn a_fragment_is_nowhere() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "");
    assert_eq!(outcome(gateway.address, &with_pseudo(b":path", Some(b"/x#/../y"))), Outcome::Answered(200));
    assert_eq!(app.sole().target, "/x");
    gateway.event_where("the path", |event| event["path"] == "/x");
}
