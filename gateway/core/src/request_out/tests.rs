#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use http::HeaderName;

use super::*;
use crate::request::{Protocol, heads};

mod names_told;

/// Carriers as an app with a token in `Authorization`, the cookie `t` and the parameter `t` would have them.
struct Token;

impl Carriers for Token {
    fn drops(&self, name: &str, value: &[u8]) -> bool {
        name.eq_ignore_ascii_case("authorization") && value.starts_with(b"Bearer ")
    }

    fn strip_cookie(&self, value: &[u8]) -> Option<Vec<u8>> {
        strip(value, "; ")
    }

    fn strip_query(&self, query: &[u8]) -> Option<Vec<u8>> {
        strip(query, "&")
    }
}

fn strip(list: &[u8], separator: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(list).ok()?;
    let kept: Vec<&str> = text.split(separator).filter(|part| !part.starts_with("t=")).collect();
    let kept = kept.join(separator).into_bytes();
    if kept == list { None } else { Some(kept) }
}

struct Case {
    policy: ForwardPolicy,
    method: &'static str,
    target: &'static [u8],
    host: &'static str,
    protocol: Protocol,
    client: &'static str,
    scheme: Scheme,
    port: Option<u16>,
    user: Option<&'static str>,
    roles: Vec<Arc<str>>,
    websocket: bool,
    upstream_scheme: Scheme,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            policy: ForwardPolicy {
                user: Some(HeaderName::from_static("x-auth-user")),
                roles: Some(HeaderName::from_static("x-auth-roles")),
                pass: Vec::new(),
                strip: Vec::new(),
                host: UpstreamHost::Keep,
            },
            method: "GET",
            target: b"/",
            host: "media.example",
            protocol: Protocol::Http11,
            client: "192.0.2.1",
            scheme: Scheme::Http,
            port: None,
            user: None,
            roles: Vec::new(),
            websocket: false,
            upstream_scheme: Scheme::Http,
        }
    }
}

impl Case {
    fn write(&self, fields: &[(&str, &[u8])]) -> Vec<u8> {
        let fields = fields.iter().copied();
        let head = heads::build((self.method, self.target, self.protocol), self.host, fields).unwrap();
        let outgoing = Outgoing {
            policy: &self.policy,
            carriers: &Token,
            head: &head,
            target: self.target,
            host: self.host,
            client: self.client.parse().unwrap(),
            public: PublicAddress::new(self.scheme, self.host, self.port),
            user: self.user,
            roles: &self.roles,
            websocket: self.websocket,
            destination: None,
            upstream_scheme: self.upstream_scheme,
            request_id: "id-1",
        };
        let mut out = BytesMut::new();
        outgoing.write(&mut out);
        OutgoingHead(out).finish(outgoing.head.body()).to_vec()
    }

    /// What is written beyond the head of an empty request, one line each.
    fn lines(&self, fields: &[(&str, &str)]) -> Vec<String> {
        let fields: Vec<(&str, &[u8])> = fields.iter().map(|(n, v)| (*n, v.as_bytes())).collect();
        let text = String::from_utf8(self.write(&fields)).unwrap();
        let head = text.strip_suffix("\r\n\r\n").expect("one empty line at the end");
        assert!(!head.contains("\r\n\r\n"));
        head.split("\r\n").map(str::to_owned).collect()
    }

    /// The values of one field, compared folded.
    fn values(&self, name: &str, fields: &[(&str, &str)]) -> Vec<String> {
        let lines = self.lines(fields);
        let fields = lines[1..].iter().map(|line| line.split_once(": ").unwrap());
        fields.filter(|(n, _)| field_names::same(n, name)).map(|(_, value)| value.to_owned()).collect()
    }
}

#[test]
fn a_whole_head() {
    let case = Case {
        method: "POST",
        target: b"/api?q=%7C|%23&t=secret",
        host: "Media.Example:8080",
        user: Some("bob"),
        roles: vec![Arc::from("admin"), Arc::from("user")],
        ..Case::default()
    };
    let fields = [
        ("HOST", "Media.Example:8080"),
        ("User-Agent", "x/1"),
        ("x-auth-user", "root"),
        ("Content-Length", "12"),
        ("Authorization", "Bearer abc"),
        ("Cookie", "a=1; t=abc; b=2"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("Expect", "100-continue"),
        ("X-Request-Id", "mine"),
        ("Accept", "*/*"),
        ("accept", "text/html"),
    ];
    let expected = [
        "POST /api?q=%7C|%23 HTTP/1.1",
        "Host: Media.Example:8080",
        "User-Agent: x/1",
        "Cookie: a=1; b=2",
        "Accept: */*",
        "accept: text/html",
        "x-forwarded-for: 192.0.2.1",
        "x-forwarded-proto: http",
        "x-forwarded-host: Media.Example:8080",
        "x-forwarded-port: 8080",
        "x-request-id: id-1",
        "x-auth-user: bob",
        "x-auth-roles: admin,user",
        "content-length: 12",
        "Connection: close",
    ];
    assert_eq!(case.lines(&fields), expected);
    let upstream = Case {
        policy: ForwardPolicy {
            host: UpstreamHost::Upstream("127.0.0.1:8330".to_owned()),
            ..Case::default().policy
        },
        protocol: Protocol::Http10,
        ..Case::default()
    };
    assert_eq!(upstream.lines(&[("Host", "media.example")])[..2], ["GET / HTTP/1.1", "Host: 127.0.0.1:8330"]);
    assert_eq!(upstream.values("x-forwarded-host", &[]), ["media.example"]);
}

#[test]
fn what_connection_nominates_ends_here() {
    let case = Case::default();
    let fields =
        [("X-A", "1"), ("Connection", "keep-alive, x-a"), ("connection", "X-B"), ("x-b", "2"), ("x-c", "3")];
    let lines = case.lines(&fields);
    assert_eq!(lines[2], "x-c: 3");
    let nominated = [("Connection", "x-forwarded-for, x-request-id"), ("Content-Length", "0")];
    for name in ["x-forwarded-for", "x-request-id", "content-length"] {
        assert_eq!(case.values(name, &nominated).len(), 1, "{name}");
    }
    assert!(case.values("connection", &nominated).is_empty());
}

#[test]
fn the_body_is_delimited_in_exactly_one_way() {
    let check = |fields: &[(&str, &str)], expected: &str| {
        let lines = Case::default().lines(fields);
        let seen: Vec<&String> = lines
            .iter()
            .filter(|l| l.starts_with("content-length") || l.starts_with("transfer-encoding"))
            .collect();
        assert_eq!(seen, if expected.is_empty() { vec![] } else { vec![expected] });
    };
    check(&[], "");
    check(&[("Content-Length", "0")], "content-length: 0");
    check(&[("Content-Length", "18446744073709551615")], "content-length: 18446744073709551615");
    check(&[("Transfer-Encoding", "Chunked")], "transfer-encoding: chunked");
}

#[test]
fn the_target_goes_byte_for_byte() {
    let check = |target: &'static [u8], expected: &[u8]| {
        let out = Case { target, ..Case::default() }.write(&[]);
        let line = out.split(|b| *b == b'\r').next().unwrap();
        assert_eq!(line, [b"GET ", expected, b" HTTP/1.1"].concat());
    };
    for same in [
        &b"/a%7Cb|c?x=%23&y=%26|%2F"[..],
        b"/\xc3\xa9/\xff?\xfe",
        b"/?",
        b"/a?",
        b"/a?b?c",
        b"/a?&&x",
        b"/t=1",
    ] {
        check(same, same);
    }
    check(b"/a?t=1", b"/a");
    check(b"/a?x=%7C&t=1&y=?", b"/a?x=%7C&y=?");
}

#[test]
fn cookies_lose_what_carried_our_token() {
    let case = Case::default();
    let check = |case: &Case, fields: &[(&str, &str)], expected: &[&str]| {
        assert_eq!(case.values("cookie", fields), expected);
    };
    check(&case, &[("Cookie", "a=1;b=2")], &["a=1;b=2"]);
    check(&case, &[("Cookie", "t=1")], &[]);
    check(&case, &[("Cookie", "a=1"), ("cookie", "t=1"), ("COOKIE", "t=1; b=2")], &["a=1", "b=2"]);
    let h2 = Case { protocol: Protocol::Http2, ..Case::default() };
    check(&h2, &[("cookie", "a=1"), ("x", "y"), ("cookie", "t=1"), ("cookie", "b=2")], &["a=1; b=2"]);
    check(&h2, &[("cookie", "t=1")], &[]);
    check(&h2, &[], &[]);
}

#[test]
fn the_apps_own_authorization_passes() {
    let case = Case::default();
    assert_eq!(case.values("authorization", &[("Authorization", "Basic YTpi")]), ["Basic YTpi"]);
    assert!(case.values("authorization", &[("authorization", "Bearer x")]).is_empty());
}

#[test]
fn where_the_client_came_in_is_told_once() {
    let check = |host, client, scheme, expected: [&str; 4]| {
        let case = Case { host, client, scheme, ..Case::default() };
        let spoof =
            [("X-Forwarded-For", "8.8.8.8"), ("x_forwarded_proto", "gopher"), ("X-Forwarded-Port", "1")];
        for (name, value) in ["for", "host", "proto", "port"].iter().zip(expected) {
            assert_eq!(case.values(&format!("x-forwarded-{name}"), &spoof), [value]);
        }
    };
    check("a.example", "192.0.2.1", Scheme::Http, ["192.0.2.1", "a.example", "http", "80"]);
    check("a.example", "2001:db8::1", Scheme::Https, ["2001:db8::1", "a.example", "https", "443"]);
    check(
        "a.example:8443",
        "::ffff:192.0.2.1",
        Scheme::Https,
        ["192.0.2.1", "a.example:8443", "https", "8443"],
    );
    check("[::1]", "::1", Scheme::Http, ["::1", "[::1]", "http", "80"]);
    check("[::1]:81", "::1", Scheme::Http, ["::1", "[::1]:81", "http", "81"]);
    check("a.example:", "::1", Scheme::Http, ["::1", "a.example:", "http", "80"]);
    // A port that a trusted proxy tells counts where the host names none.
    for (host, port) in [("a.example", "8443"), ("a.example:9443", "9443"), ("[::1]", "8443")] {
        let case = Case { host, scheme: Scheme::Https, port: Some(8443), ..Case::default() };
        assert_eq!(case.values("x-forwarded-port", &[]), [port], "{host}");
        assert_eq!(case.values("x-forwarded-host", &[]), [host]);
    }
}

/// As its answers name the public address again, so does it hear of its own.
#[test]
fn a_destination_names_the_host_that_the_app_is_asked_by() {
    let own = ForwardPolicy { host: UpstreamHost::Upstream("app:8080".to_owned()), ..Case::default().policy };
    let keep = Case { scheme: Scheme::Https, ..Case::default() };
    let upstream = Case { policy: own, scheme: Scheme::Https, ..Case::default() };
    for (said, told) in [
        ("https://media.example/dav/b%20c", "http://app:8080/dav/b%20c"),
        ("HTTPS://Media.Example:443/dav/b", "http://app:8080/dav/b"),
        ("/dav/b", "/dav/b"),
        ("https://other.example/dav/b", "https://other.example/dav/b"),
        ("https://media.example:8443/dav/b", "https://media.example:8443/dav/b"),
        ("https://u@media.example/dav/b", "https://u@media.example/dav/b"),
        ("//media.example/dav/b", "//media.example/dav/b"),
    ] {
        assert_eq!(upstream.values("destination", &[("Destination", said)]), [told], "{said}");
        assert_eq!(keep.values("destination", &[("Destination", said)]), [said], "{said}");
    }
    let over_tls = Case { upstream_scheme: Scheme::Https, ..upstream };
    let said = [("Destination", "https://media.example/dav/b")];
    assert_eq!(over_tls.values("destination", &said), ["https://app:8080/dav/b"]);
}

#[test]
fn identity_is_written_so_that_it_can_be_read_back() {
    let check = |user, roles: &[&str], expected: [&[&str]; 2]| {
        let roles = roles.iter().map(|role| Arc::from(*role)).collect();
        let case = Case { user, roles, ..Case::default() };
        assert_eq!(case.values("x-auth-user", &[]), expected[0]);
        assert_eq!(case.values("x-auth-roles", &[]), expected[1]);
    };
    check(None, &["admin"], [&[], &[]]);
    check(Some("bob"), &[], [&["bob"], &[]]);
    check(
        Some("a b%,é\r\nx: y"),
        &["a,b", "c%", "d e"],
        [&["a%20b%25,%C3%A9%0D%0Ax:%20y"], &["a%2Cb,c%25,d%20e"]],
    );
    check(Some("~!\"\u{7f}"), &["~"], [&["~!\"%7F"], &["~"]]);
}

#[test]
fn roles_end_with_the_last_that_fits() {
    let list = |roles: &[String]| {
        let roles: Vec<Arc<str>> = roles.iter().map(|role| Arc::from(role.as_str())).collect();
        let mut out = BytesMut::new();
        identity::put_list(&mut out, &roles);
        String::from_utf8(out.to_vec()).unwrap()
    };
    let many: Vec<String> = (0..100).map(|n| format!("r{n}")).collect();
    assert_eq!(list(&many), many[..64].join(","));
    let long = |bytes: usize| "x".repeat(bytes);
    assert_eq!(list(&[long(4095), "y".to_owned()]), long(4095));
    assert_eq!(list(&[long(4094), "y".to_owned()]), format!("{},y", long(4094)));
    assert_eq!(list(&[long(4097), "y".to_owned()]), "");
    assert_eq!(list(&["é".repeat(682), "é".to_owned()]), "%C3%A9".repeat(682));
    assert_eq!(list(&[long(10), long(4090), "y".to_owned()]), long(10));
}

#[test]
fn a_permitted_websocket_and_nothing_else_asks_to_upgrade() {
    let fields = [
        ("Connection", "keep-alive, Upgrade"),
        ("Upgrade", "WebSocket"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];
    let check = |websocket, connection: &[&str], upgrades: &[&str]| {
        let case = Case { websocket, ..Case::default() };
        assert_eq!(case.values("connection", &fields), connection);
        assert_eq!(case.values("upgrade", &fields), upgrades);
        assert_eq!(case.values("sec-websocket-key", &fields), ["dGhlIHNhbXBsZSBub25jZQ=="]);
    };
    check(true, &["upgrade"], &["websocket"]);
    check(false, &[], &[]);
}

#[test]
fn options_of_the_connection_are_read_once() {
    let options: Vec<String> =
        (0..CONNECTION_OPTIONS_MAX).map(|n| format!("x-{n}-{}", "a".repeat(500))).collect();
    let options = options.join(",");
    let names: Vec<String> = (0..98).map(|n| format!("x-field-{n}")).collect();
    let mut fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    fields.push(("Connection", &options));
    let (lines, steps) = work::of(|| Case::default().lines(&fields));
    assert!(names.iter().all(|name| lines.contains(&format!("{name}: 1"))), "{lines:?}");
    // Once while the head is made, and once here.
    assert!(steps < 2 * options.len() + fields.len() * 2 * CONNECTION_OPTIONS_MAX, "{steps} steps");
}
