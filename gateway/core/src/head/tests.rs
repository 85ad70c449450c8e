#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::{IncrementalParser, Parsed, Progress, has_too_many_fields};
use crate::denial::Denial;
use crate::head::HeadLimits;
use crate::request::{Framing, Head, Http1Meta, Http1Version, Scheme, judge_method};
use crate::work;

const LIMITS: HeadLimits = HeadLimits { bytes: 1024, count: 8, uri: 128 };

/// One verdict as a line: `METHOD target host version framing keep|close[ continue]`, `partial`,
/// `400 fault`, `405`, `414` or `431`.
fn verdict(bytes: &[u8], limits: &HeadLimits) -> String {
    match parse(bytes, limits) {
        Ok(Parsed::Partial) => "partial".into(),
        Ok(Parsed::Complete(head, meta)) => line(&head, &meta),
        Err(Denial::BadRequest(fault)) => format!("400 {fault}"),
        Err(Denial::MethodNeverAllowed) => "405".into(),
        Err(Denial::UriTooLong) => "414".into(),
        Err(Denial::HeadersTooLarge) => "431".into(),
        Err(other) => panic!("{other:?}"),
    }
}

/// As [`super::parse`], on a plain connection.
fn parse<'a>(bytes: &'a [u8], limits: &HeadLimits) -> Result<Parsed<'a>, Denial> {
    super::parse(bytes, limits, Scheme::Http)
}

fn line(head: &Head<'_>, meta: &Http1Meta) -> String {
    let version = match meta.version {
        Http1Version::Http10 => "1.0",
        Http1Version::Http11 => "1.1",
    };
    let framing = match meta.framing {
        Framing::None => "none".to_owned(),
        Framing::Length(length) => length.to_string(),
        Framing::Chunked => "chunked".to_owned(),
    };
    let keep = if meta.keep_alive { "keep" } else { "close" };
    let expects = if meta.expects_continue { " continue" } else { "" };
    let target = head.target().escape_ascii();
    format!("{} {target} {} {version} {framing} {keep}{expects}", head.method(), head.host())
}

/// The verdict must not depend on how the bytes are cut: also fed byte by byte.
fn check(bytes: &[u8], expected: &str) {
    let shown = bytes.escape_ascii();
    assert_eq!(verdict(bytes, &LIMITS), expected, "{shown}");
    assert_eq!(by_bytes(bytes, &LIMITS), expected, "byte by byte: {shown}");
    for step in [1, 2, 7, 64] {
        assert_eq!(arriving(bytes, &LIMITS, step), expected, "arriving {step} by {step}: {shown}");
    }
}

/// The verdict of a reader that keeps its place, which sees `step` bytes more at a time.
fn arriving(bytes: &[u8], limits: &HeadLimits, step: usize) -> String {
    let mut reader = IncrementalParser::new(Scheme::Http);
    for end in (0..bytes.len()).step_by(step).chain([bytes.len()]) {
        let so_far = &bytes[..end];
        match reader.look(so_far, limits) {
            Ok(Progress::Partial) => assert_eq!(verdict(so_far, limits), "partial"),
            Ok(Progress::Whole) => return verdict(so_far, limits),
            Err(denial) => {
                let verdict = verdict(so_far, limits);
                assert_eq!(Err(denial), parse(so_far, limits).map(|_| ()));
                return verdict;
            }
        }
    }
    "partial".into()
}

fn by_bytes(bytes: &[u8], limits: &HeadLimits) -> String {
    (0..=bytes.len())
        .map(|end| verdict(&bytes[..end], limits))
        .find(|v| v != "partial")
        .unwrap_or("partial".into())
}

#[test]
fn request_lines() {
    const PLAIN: &str = "GET /x a 1.1 none keep";
    const FORM: &str = "400 the request target is neither a path nor an http URL";
    const BYTE: &str = "400 an illegal byte in the request target";
    const METHOD: &str = "400 the request line does not begin with an upper-case method";
    const LINE: &str = "400 the request line does not end in HTTP/1.1 or HTTP/1.0";
    let rows: &[(&str, &str)] = &[
        ("GET /x HTTP/1.1", PLAIN),
        ("GET /x HTTP/1.0", "GET /x a 1.0 none close"),
        ("\r\nGET /x HTTP/1.1", PLAIN),
        ("\r\n\r\nGET /x HTTP/1.1", PLAIN),
        ("\r\n\r\n\r\nGET /x HTTP/1.1", "400 too many empty lines before the request line"),
        ("\nGET /x HTTP/1.1", "400 a bare line feed"),
        ("\rGET /x HTTP/1.1", "400 a bare carriage return"),
        (" GET /x HTTP/1.1", METHOD),
        ("\u{feff}GET /x HTTP/1.1", METHOD),
        ("PROPFIND /x HTTP/1.1", "PROPFIND /x a 1.1 none keep"),
        ("M-SEARCH /x HTTP/1.1", "M-SEARCH /x a 1.1 none keep"),
        ("get /x HTTP/1.1", METHOD),
        ("Get /x HTTP/1.1", METHOD),
        ("GE\tT /x HTTP/1.1", METHOD),
        ("GET\t/x HTTP/1.1", METHOD),
        ("GET\r\n", METHOD),
        ("G3T /x HTTP/1.1", METHOD),
        ("GET_ /x HTTP/1.1", METHOD),
        (
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA /x HTTP/1.1",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA /x a 1.1 none keep",
        ),
        ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA /x HTTP/1.1", "400 the method is too long"),
        ("CONNECT a:443 HTTP/1.1", "405"),
        ("CONNECT ", "405"),
        ("TRACE /x HTTP/1.1", "405"),
        ("TRACE * HTTP/9.9", "405"),
        ("TRACK /x HTTP/1.1", "405"),
        ("TRACER /x HTTP/1.1", "TRACER /x a 1.1 none keep"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 an HTTP/2 preface on a plain connection"),
        ("\u{16}\u{3}\u{1}", "400 TLS on a plain listener"),
        ("GET  /x HTTP/1.1", "400 two spaces in the request line"),
        ("GET /x  HTTP/1.1", LINE),
        ("GET /x HTTP/1.1 ", LINE),
        ("GET /a b HTTP/1.1", LINE),
        ("GET /x\r\n", "400 the request line has no HTTP version"),
        ("GET /x\n", "400 the request line has no HTTP version"),
        ("GET /x HTTP/1.1\nHost: a\n\n", "400 a bare line feed"),
        ("GET /x HTTP/1.1\rHost: a", "400 a bare carriage return"),
        ("GET /x HTTP/1.2", "400 the HTTP version is neither 1.1 nor 1.0"),
        ("GET /x HTTP/1.10", LINE),
        ("GET /x HTTP/1.", "400 the HTTP version is neither 1.1 nor 1.0"),
        ("GET /x HTTP/2.0", LINE),
        ("GET /x HTTP/0.9", LINE),
        ("GET /x HTTP/01.1", LINE),
        ("GET /x http/1.1", LINE),
        ("GET /x HTTP/1,1", LINE),
        ("GET /x ICE/1.0", LINE),
        ("GET /x RTSP/1.0", LINE),
        ("GET * HTTP/1.1", "400 the asterisk form of the request target"),
        ("OPTIONS * HTTP/1.1", "400 the asterisk form of the request target"),
        ("GET x HTTP/1.1", FORM),
        ("GET ?x HTTP/1.1", FORM),
        ("GET a.example:80 HTTP/1.1", FORM),
        ("GET ftp://a/x HTTP/1.1", FORM),
        ("GET https://a/x HTTP/1.1", FORM),
        ("GET http:/a/x HTTP/1.1", FORM),
        ("GET http HTTP/1.1", FORM),
        ("GET http://a/x HTTP/1.1", PLAIN),
        ("GET HTTP://A/x HTTP/1.1", PLAIN),
        ("GET http://a/x?http://b/ HTTP/1.1", "GET /x?http://b/ a 1.1 none keep"),
        ("GET http://a HTTP/1.1", "GET / a 1.1 none keep"),
        ("OPTIONS http://a HTTP/1.1", "400 the request target has no path"),
        ("GET http://a?q HTTP/1.1", "400 the request target has no path"),
        ("GET http://b/x HTTP/1.1", "400 the request target names another host than Host"),
        ("GET http:///x HTTP/1.1", "400 the request target names another host than Host"),
        ("GET http://u@a/x HTTP/1.1", "400 user information in the request target"),
        ("GET //x//y HTTP/1.1", "GET //x//y a 1.1 none keep"),
        ("GET /x#f HTTP/1.1", "400 a fragment in the request target"),
        ("GET /x?q#f HTTP/1.1", "400 a fragment in the request target"),
        ("GET /\" HTTP/1.1", BYTE),
        ("GET /?\"<>? HTTP/1.1", "GET /?%22%3C%3E? a 1.1 none keep"),
        ("GET /\"?\" HTTP/1.1", BYTE),
        ("GET http://a\"/?x HTTP/1.1", BYTE),
        ("GET /< HTTP/1.1", BYTE),
        ("GET /> HTTP/1.1", BYTE),
        ("GET /\0 HTTP/1.1", BYTE),
        ("GET /\t HTTP/1.1", BYTE),
        ("GET /\u{7f} HTTP/1.1", BYTE),
        ("GET /` HTTP/1.1", BYTE),
        ("GET /?` HTTP/1.1", "GET /?` a 1.1 none keep"),
        ("GET /a|b HTTP/1.1", "GET /a|b a 1.1 none keep"),
        ("GET /{}^[]'? HTTP/1.1", "GET /{}^[]\\'? a 1.1 none keep"),
        ("GET /a\\b HTTP/1.1", "GET /a\\\\b a 1.1 none keep"),
        ("GET /\u{e9} HTTP/1.1", "GET /%C3%A9 a 1.1 none keep"),
        ("GET /%zz?%zz HTTP/1.1", "GET /%zz?%zz a 1.1 none keep"),
        ("GET /a?b?c=/../ HTTP/1.1", "GET /a?b?c=/../ a 1.1 none keep"),
    ];
    for (first, expected) in rows {
        check(format!("{first}\r\nHost: a\r\n\r\n").as_bytes(), expected);
    }
}

/// A connection that speaks something else is not held until it has sent a whole line.
#[test]
fn a_wrong_byte_is_refused_when_it_comes() {
    const FORM: &str = "400 the request target is neither a path nor an http URL";
    const BYTE: &str = "400 an illegal byte in the request target";
    const METHOD: &str = "400 the request line does not begin with an upper-case method";
    for (bytes, expected) in [
        ("\u{16}", "400 TLS on a plain listener"),
        ("G\u{16}", METHOD),
        ("g", METHOD),
        ("GET  ", "400 two spaces in the request line"),
        ("GET *", "400 the asterisk form of the request target"),
        ("GET x", FORM),
        ("GET ?", FORM),
        ("GET /#", "400 a fragment in the request target"),
        ("GET /<", BYTE),
        ("GET /\t", BYTE),
        ("GET /?\t", BYTE),
        ("GET /?\0", BYTE),
        ("GET /\r", "400 the request line has no HTTP version"),
        ("GET / h", "400 the request line does not end in HTTP/1.1 or HTTP/1.0"),
        ("GET / HTTP/1.2", "400 the HTTP version is neither 1.1 nor 1.0"),
    ] {
        assert_eq!(
            verdict(&bytes.as_bytes()[..bytes.len() - 1], &LIMITS),
            "partial",
            "before the last of {bytes:?}"
        );
        check(bytes.as_bytes(), expected);
    }
}

#[test]
fn a_head_that_is_too_large_has_too_many_fields_or_too_many_bytes() {
    let fields = |count: usize| format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(count));
    let many = |bytes: &str| has_too_many_fields(bytes.as_bytes(), &LIMITS);
    assert!(!many(&fields(LIMITS.count - 1)));
    assert!(many(&fields(LIMITS.count)));
    // What lies beyond the bytes that are allowed was never judged.
    let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(LIMITS.bytes));
    assert!(!many(&format!("{long}{}", fields(LIMITS.count))));
}

/// RFC 9110 §4.2.3: a dot at the end of the name, and the port that is the scheme's.
#[test]
fn an_absolute_form_may_spell_the_host_in_another_way() {
    for (authority, same) in [
        ("a:80", true),
        ("A.:80", true),
        ("a.", true),
        ("a:8080", false),
        ("a:443", false),
        ("a..", false),
        ("a:", false),
    ] {
        let expected = if same {
            "GET /x a 1.1 none keep"
        } else {
            "400 the request target names another host than Host"
        };
        check(format!("GET http://{authority}/x HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes(), expected);
    }
}

/// Each row stands behind a request line and a `Host`.
fn check_fields(rows: &[(&str, &str)]) {
    for (lines, expected) in rows {
        check(format!("POST /x HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes(), expected);
    }
}

const PLAIN: &str = "POST /x a 1.1 none keep";
const CONTROL: &str = "400 a control byte in a header value";

#[test]
fn fields_that_frame() {
    const NUMBER: &str = "400 the Content-Length is not a number";
    const CODING: &str = "400 a Transfer-Encoding other than chunked";
    check_fields(&[
        ("", PLAIN),
        ("Content-Length: 3\r\n", "POST /x a 1.1 3 keep"),
        ("content-length:3\r\n", "POST /x a 1.1 3 keep"),
        ("Content-Length: \t3 \t\r\n", "POST /x a 1.1 3 keep"),
        ("Content-Length: 0\r\n", PLAIN),
        ("Content-Length: 003\r\n", "POST /x a 1.1 3 keep"),
        ("Content-Length: 18446744073709551615\r\n", "POST /x a 1.1 18446744073709551615 keep"),
        ("Content-Length: 18446744073709551616\r\n", "400 the Content-Length is too large"),
        ("Content-Length: 3\r\nContent-Length: 3\r\n", "400 more than one Content-Length"),
        ("Content-Length: 3\r\nX: y\r\ncontent-length: 4\r\n", "400 more than one Content-Length"),
        ("Content-Length: 3, 3\r\n", NUMBER),
        ("Content-Length: +3\r\n", NUMBER),
        ("Content-Length: -3\r\n", NUMBER),
        ("Content-Length: 0x3\r\n", NUMBER),
        ("Content-Length: 3.0\r\n", NUMBER),
        ("Content-Length: 1e3\r\n", NUMBER),
        ("Content-Length: 3_0\r\n", NUMBER),
        ("Content-Length: 3 0\r\n", NUMBER),
        ("Content-Length: \u{663}\r\n", NUMBER),
        ("Content-Length:\r\n", NUMBER),
        ("Content-Length: \r\n", NUMBER),
        ("Content_Length: 3\r\n", "400 a framing header spelt with an underscore"),
        ("Transfer_Encoding: chunked\r\n", "400 a framing header spelt with an underscore"),
        ("Transfer-Encoding: chunked\r\n", "POST /x a 1.1 chunked keep"),
        ("Transfer-Encoding: CHUNKED\r\n", "POST /x a 1.1 chunked keep"),
        ("Transfer-Encoding:\tchunked\r\n", "POST /x a 1.1 chunked keep"),
        ("Transfer-Encoding: gzip, chunked\r\n", CODING),
        ("Transfer-Encoding: chunked, chunked\r\n", CODING),
        ("Transfer-Encoding: chunked, identity\r\n", CODING),
        ("Transfer-Encoding: chunked;q=1\r\n", CODING),
        ("Transfer-Encoding: xchunked\r\n", CODING),
        ("Transfer-Encoding: \"chunked\"\r\n", CODING),
        ("Transfer-Encoding: identity\r\n", CODING),
        ("Transfer-Encoding: ,chunked\r\n", CODING),
        ("Transfer-Encoding:\r\n", CODING),
        ("Transfer-Encoding: \u{b}chunked\r\n", CONTROL),
        ("Transfer-Encoding : chunked\r\n", "400 white space before the colon of a header"),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "400 more than one Transfer-Encoding",
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "400 more than one Transfer-Encoding",
        ),
        (
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            "400 both Content-Length and Transfer-Encoding",
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
            "400 both Content-Length and Transfer-Encoding",
        ),
        ("Host: a\r\n", "400 more than one Host"),
        ("HOST: b\r\n", "400 more than one Host"),
    ]);
}

#[test]
fn fields_of_the_connection() {
    const HOP: &str = "400 Connection names a header that is not hop-by-hop";
    const EXPECT: &str = "400 an expectation other than 100-continue";
    check_fields(&[
        ("Connection: close\r\n", "POST /x a 1.1 none close"),
        ("Connection: X-Hop, Close\r\n", "POST /x a 1.1 none close"),
        ("Connection: keep-alive\r\nConnection: close\r\n", "POST /x a 1.1 none close"),
        ("Connection: closed\r\n", PLAIN),
        ("Connection: Upgrade, ,\r\nUpgrade: websocket\r\n", PLAIN),
        ("Connection: host\r\n", HOP),
        ("Connection: close, HOST\r\n", HOP),
        ("Connection: content-length\r\n", HOP),
        ("Connection: x,Transfer-Encoding\r\n", HOP),
        ("Connection: close, authorization\r\n", "POST /x a 1.1 none close"),
        ("Expect: 100-continue\r\n", "POST /x a 1.1 none keep continue"),
        ("Expect: 100-Continue\r\n", "POST /x a 1.1 none keep continue"),
        ("Expect: 200-ok\r\n", EXPECT),
        ("Expect: 100-continue, x\r\n", EXPECT),
        ("Expect:\r\n", EXPECT),
        ("Expect: 100-continue\r\nExpect: 100-continue\r\n", "400 more than one Expect"),
    ]);
}

#[test]
fn field_lines() {
    const NAME: &str = "400 an illegal byte in a header name";
    check_fields(&[
        ("X-A: 1\nX-B: 2\r\n", "400 a bare line feed"),
        ("X-A: 1\rX-B: 2\r\n", "400 a bare carriage return"),
        ("X-A: 1\r\r\n", "400 a bare carriage return"),
        ("X-A:\r X-B: 2\r\n", "400 a bare carriage return"),
        ("\n", "400 a bare line feed"),
        ("X-A: 1\r\n folded\r\n", "400 white space at the start of a header line"),
        ("X-A: 1\r\n\tfolded\r\n", "400 white space at the start of a header line"),
        (" X-A: 1\r\n", "400 white space at the start of a header line"),
        (" \r\n", "400 white space at the start of a header line"),
        ("X-A : 1\r\n", "400 white space before the colon of a header"),
        ("X-A\t: 1\r\n", "400 white space before the colon of a header"),
        ("X A: 1\r\n", "400 white space before the colon of a header"),
        ("X-A\r\n", "400 a header line without a colon"),
        ("X-A\n: 1\r\n", "400 a header line without a colon"),
        (": 1\r\n", "400 a header line without a name"),
        ("X@A: 1\r\n", NAME),
        ("X\u{1}A: 1\r\n", NAME),
        ("X\u{e9}: 1\r\n", NAME),
        ("X(A): 1\r\n", NAME),
        ("\0: 1\r\n", NAME),
        ("X-A: a\0b\r\n", CONTROL),
        ("X-A: a\u{1}b\r\n", CONTROL),
        ("X-A: a\u{1b}[0m\r\n", CONTROL),
        ("X-A: a\u{7f}b\r\n", CONTROL),
        ("X-A: a\tb\r\n", PLAIN),
        ("X-A: \u{e9}\u{ff}\r\n", PLAIN),
        ("X-A:\r\n", PLAIN),
        ("X_A: 1\r\n", PLAIN),
        ("!#$%&'*+-.^_`|~09aZ: :\r\n", PLAIN),
        ("A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: 7\r\n", PLAIN),
        ("A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: 7\r\nH: 8\r\n", "431"),
    ]);
}

#[test]
fn hosts_and_old_versions() {
    let rows: &[(&str, &str)] = &[
        ("GET /x HTTP/1.1\r\n\r\n", "400 no Host"),
        ("GET /x HTTP/1.0\r\n\r\n", "400 no Host"),
        ("GET http://a/x HTTP/1.1\r\n\r\n", "400 no Host"),
        ("GET /x HTTP/1.1\r\nHost:\r\n\r\n", "400 an empty Host"),
        ("GET /x HTTP/1.1\r\nHost: \t \r\n\r\n", "400 an empty Host"),
        ("GET http:///x HTTP/1.1\r\nHost:\r\n\r\n", "400 an empty Host"),
        ("GET /x HTTP/1.1\r\nHost: a/b?c@d\r\n\r\n", "400 an illegal byte in Host"),
        ("GET /x HTTP/1.1\r\nHost: a b\r\n\r\n", "400 an illegal byte in Host"),
        ("GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n", "400 an illegal byte in Host"),
        ("GET /x HTTP/1.1\r\nHost: http://a\r\n\r\n", "400 an illegal byte in Host"),
        ("GET /x HTTP/1.1\r\nHost: a#b\r\n\r\n", "400 an illegal byte in Host"),
        ("GET /x HTTP/1.1\r\nHost: a\\b\r\n\r\n", "400 an illegal byte in Host"),
        ("GET /x HTTP/1.1\r\nHost: \u{e9}\r\n\r\n", "400 an illegal byte in Host"),
        ("GET /x HTTP/1.1\r\nHost: A.Example:8080\r\n\r\n", "GET /x A.Example:8080 1.1 none keep"),
        ("GET /x HTTP/1.1\r\nhOST:[::1]:80\r\n\r\n", "GET /x [::1]:80 1.1 none keep"),
        ("GET http://[::1]:80/x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET /x [::1]:80 1.1 none keep"),
        ("GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", "GET /x a 1.0 none keep"),
        ("GET /x HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", "GET /x a 1.0 none close"),
        ("GET /x HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\n\r\n", "GET /x a 1.0 3 close"),
        (
            "GET /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "400 Transfer-Encoding on HTTP/1.0",
        ),
        ("POST /x HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\n\r\n", "POST /x a 1.0 none close"),
        ("", "partial"),
        ("\r", "partial"),
        ("\r\n", "partial"),
        ("GET /x HTTP/1.1\r\nHost: a\r\n", "partial"),
        ("GET /x HTTP/1.1\r\nHost: a\r\n\r", "partial"),
        ("GET /x HTTP/1.1\r\nHost: a\r\n\rX", "400 a bare carriage return"),
    ];
    for (bytes, expected) in rows {
        check(bytes.as_bytes(), expected);
    }
}

#[test]
fn caps_are_judged_on_unfinished_heads() {
    let a = |count| "a".repeat(count);
    let line = |uri: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", a(uri - 1));
    check(line(128).as_bytes(), &format!("GET /{} a 1.1 none keep", a(127)));
    check(line(129).as_bytes(), "414");
    check(format!("GET /{}", a(127)).as_bytes(), "partial");
    check(format!("GET /{}", a(128)).as_bytes(), "414");
    check(format!("GET http://{}", a(200)).as_bytes(), "414");

    let head = |total: usize| {
        let fixed = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n";
        fixed.replace("X: ", &format!("X: {}", a(total - fixed.len())))
    };
    assert_eq!(head(1024).len(), 1024);
    check(head(1024).as_bytes(), "GET / a 1.1 none keep");
    check(head(1025).as_bytes(), "431");
    check(&head(1025).as_bytes()[..1023], "partial");
    check(&head(1025).as_bytes()[..1024], "431");
    check(format!("GET / HTTP/1.1\r\nHost: a\r\n{}", a(2000)).as_bytes(), "431");
    check(format!("{}Host: a\r\n\r\n", "GET / HTTP/1.1\r\n").repeat(100).as_bytes(), "GET / a 1.1 none keep");
}

#[test]
fn a_head_keeps_spelling_and_length() {
    let bytes = b"\r\nGET /p?q=1 HTTP/1.1\r\nHoSt:  a \r\nX-A: \t b\tc \r\nx-a: \xff\r\n\r\nbody";
    let Parsed::Complete(head, meta) = parse(bytes, &LIMITS).unwrap() else { panic!("partial") };
    assert_eq!(&bytes[meta.length..], b"body");
    let fields: Vec<_> = head.fields().iter().map(|f| (f.name, f.value)).collect();
    assert_eq!(fields, [("HoSt", &b"a"[..]), ("X-A", b"b\tc"), ("x-a", b"\xff")]);
    assert_eq!((head.raw_path(), head.raw_query()), (&b"/p"[..], Some(&b"q=1"[..])));
}

#[test]
fn methods() {
    for method in ["GET", "M-SEARCH", "A"] {
        assert_eq!(judge_method(method), Ok(()));
    }
    for method in ["CONNECT", "TRACE", "TRACK"] {
        assert_eq!(judge_method(method), Err(Denial::MethodNeverAllowed));
    }
    for method in ["", "get", "GET ", "G1", &"A".repeat(33)] {
        assert!(matches!(judge_method(method), Err(Denial::BadRequest(_))), "{method}");
    }
}

#[test]
fn a_head_that_drips_costs_each_byte_once() {
    const ROOMY: HeadLimits = HeadLimits { bytes: 32 * 1024, count: 100, uri: 8 * 1024 };
    let long = |count: usize| "a".repeat(count);
    let fields: String = (0..98).map(|n| format!("X-{n}: {}\r\n", long(300))).collect();
    for head in [
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", long(32_000)),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{}", long(32_000)),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}"),
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n{fields}", long(1_000)),
        format!("GET /{}", long(8_000)),
    ] {
        let bytes = head.as_bytes();
        let mut reader = IncrementalParser::new(Scheme::Http);
        let (outcome, steps) = work::of(|| {
            (1..=bytes.len())
                .map(|end| reader.look(&bytes[..end], &ROOMY))
                .find(|o| *o != Ok(Progress::Partial))
        });
        assert_eq!(outcome, None);
        assert!(steps <= 2 * bytes.len(), "{steps} steps for {} bytes", bytes.len());
    }
}

#[test]
fn options_of_the_connection_are_few() {
    let options = |count: usize| vec!["x-a"; count].join(", ");
    let many = "400 more than 32 options in Connection";
    let limits = HeadLimits { bytes: 64 * 1024, count: 8, uri: 128 };
    for (lines, expected) in [
        (format!("Connection: {}\r\n", options(32)), PLAIN),
        (format!("Connection: {}\r\n", options(33)), many),
        (format!("Connection: {}\r\nConnection: {}\r\n", options(16), options(16)), PLAIN),
        (format!("Connection: {}\r\nConnection: {}\r\n", options(16), options(17)), many),
        (format!("Connection: {}\r\n", ",".repeat(40)), many),
    ] {
        let bytes = format!("POST /x HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        assert_eq!(verdict(bytes.as_bytes(), &limits), expected, "{lines}");
    }
    // The rest of a list that is too long is not looked at.
    let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: {}\r\n\r\n", options(6_000));
    let (outcome, steps) = work::of(|| verdict(bytes.as_bytes(), &limits));
    assert_eq!(outcome, many);
    assert!(steps < 2 * bytes.len(), "{steps} steps for {} bytes", bytes.len());
}

mod properties;
