#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::public_address::PublicAddress;
use crate::request::{PeerAddress, PeerNetworks, heads};

fn head(fields: &[(String, String)]) -> Head<'_> {
    heads::get(b"/", "asked.example", fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
}

fn fields(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| line.trim().split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

fn policy(trusted_fields: TrustedFields) -> ClientPolicy {
    let networks = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:f::/48".parse().unwrap()];
    ClientPolicy { trusted: PeerNetworks { networks, unix_sockets: false }, trusted_fields }
}

/// Every field of the family, and RFC 7239.
const ALL: TrustedFields =
    TrustedFields { address: true, scheme: true, host: true, port: true, forwarded: true };
const X: TrustedFields = TrustedFields { forwarded: false, ..ALL };
const RFC7239: TrustedFields =
    TrustedFields { address: false, scheme: false, host: false, port: false, forwarded: true };

/// `peer` sends `lines`; trusted are 10.0.0.0/8 and 2001:db8:f::/48. Answers `ip scheme host`, or the refusal's code.
fn seen_by(trusted_fields: TrustedFields, peer: &str, tls: bool, lines: &str) -> String {
    let fields = fields(lines);
    let peer = Peer { address: PeerAddress::Ip(peer.parse().unwrap()), port: 8080, tls };
    let lines = fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let head = heads::get_over(peer.scheme(), "asked.example", lines);
    let identified = policy(trusted_fields).identify(peer, &head);
    let client = identified.client();
    assert_eq!(client.peer(), peer.ip());
    let scheme = client.scheme().as_str();
    assert_eq!(client.https(), scheme == "https");
    let port = client.port().map(|port| format!(" {port}")).unwrap_or_default();
    match identified.host() {
        Ok(host) => format!("{} {scheme} {host}{port}", client.ip()),
        Err(denial) => denial.code().to_owned(),
    }
}

fn seen(peer: &str, tls: bool, lines: &str) -> String {
    seen_by(ALL, peer, tls, lines)
}

fn check(peer: &str, lines: &str, expected: &str) {
    assert_eq!(seen(peer, false, lines), expected, "from {peer}:\n{lines}");
}

/// The address alone, as a trusted peer tells it.
fn check_ip(lines: &str, expected: &str) {
    let seen = seen("10.0.0.1", false, lines);
    assert_eq!(seen.split(' ').next().unwrap(), expected, "{lines}");
}

#[test]
fn an_untrusted_peer_speaks_for_itself_alone() {
    let lines = "X-Forwarded-For: 198.51.100.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: evil.example\n\
                 Forwarded: for=198.51.100.2;proto=https;host=evil.example";
    check("203.0.113.7", lines, "203.0.113.7 http asked.example");
    check("2001:db8::7", lines, "2001:db8::7 http asked.example");
    assert_eq!(seen("203.0.113.7", true, "X-Forwarded-Proto: http"), "203.0.113.7 https asked.example");
}

#[test]
fn one_connection_of_a_trusted_peer_may_serve_many_clients() {
    let proxied = |peer: &str| {
        let fields = fields("X-Forwarded-For: 198.51.100.1");
        let peer = Peer { address: PeerAddress::Ip(peer.parse().unwrap()), port: 8080, tls: false };
        policy(ALL).identify(peer, &head(&fields)).client().is_proxied()
    };
    assert!(proxied("10.0.0.1") && !proxied("203.0.113.7"));
}

/// A client of a Unix socket counts as this machine, and is a trusted proxy by `unix` alone.
#[test]
fn a_client_of_a_unix_socket_is_trusted_by_name_alone() {
    let loopback = PeerNetworks { networks: vec!["127.0.0.0/8".parse().unwrap()], unix_sockets: false };
    let named = PeerNetworks { networks: Vec::new(), unix_sockets: true };
    let fields = fields("X-Forwarded-For: 198.51.100.1, 127.0.0.1");
    for (trusted, expected) in [
        (&PeerNetworks::default(), "127.0.0.1 false"),
        (&loopback, "127.0.0.1 false"),
        // The hop beside it is no client of a Unix socket.
        (&named, "127.0.0.1 true"),
        (&PeerNetworks { unix_sockets: true, ..loopback.clone() }, "198.51.100.1 true"),
    ] {
        let policy = ClientPolicy { trusted: trusted.clone(), trusted_fields: ALL };
        let peer = Peer { address: PeerAddress::UnixSocket, port: 0, tls: false };
        let identified = policy.identify(peer, &head(&fields));
        let client = identified.client();
        assert_eq!(format!("{} {}", client.ip(), client.is_proxied()), expected, "{trusted:?}");
        assert_eq!(client.ignored_address(), !client.is_proxied(), "{trusted:?}");
    }
}

#[test]
fn the_fields_are_named_as_in_the_configuration() {
    let named = |fields: TrustedFields| fields.names().collect::<Vec<_>>().join(" ");
    assert_eq!(named(ALL), "for proto host port forwarded");
    assert_eq!(named(TrustedFields::default()), "for proto");
    assert_eq!(named(RFC7239), "forwarded");
}

#[test]
fn a_trusted_peer_is_believed() {
    check("10.0.0.1", "", "10.0.0.1 http asked.example");
    check(
        "10.0.0.1",
        "x-forwarded-for: 198.51.100.1\nX-FORWARDED-PROTO: https\nX-Forwarded-Host: media.example:8443",
        "198.51.100.1 https media.example:8443",
    );
    check("::ffff:10.0.0.1", "X-Forwarded-For: 198.51.100.1", "198.51.100.1 http asked.example");
    check("2001:db8:f::1", "X-Forwarded-For: 198.51.100.1", "198.51.100.1 http asked.example");
}

#[test]
fn what_is_not_named_is_not_believed() {
    let lines = "X-Forwarded-For: 198.51.100.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: other.example\n\
                 X-Forwarded-Port: 8443\nForwarded: for=198.51.100.2;proto=http;host=third.example";
    let none = TrustedFields { forwarded: false, ..RFC7239 };
    for (trusted_fields, expected) in [
        (TrustedFields::default(), "198.51.100.1 https asked.example"),
        (none, "10.0.0.1 http asked.example"),
        (TrustedFields { address: true, ..none }, "198.51.100.1 http asked.example"),
        (TrustedFields { scheme: true, ..none }, "10.0.0.1 https asked.example"),
        (TrustedFields { host: true, ..none }, "10.0.0.1 http other.example"),
        (TrustedFields { port: true, ..none }, "10.0.0.1 http asked.example 8443"),
        (X, "198.51.100.1 https other.example 8443"),
        (RFC7239, "198.51.100.2 http third.example"),
        (ALL, "bad_request"),
    ] {
        assert_eq!(seen_by(trusted_fields, "10.0.0.1", false, lines), expected, "{trusted_fields:?}");
        // A peer that is not trusted is believed in nothing.
        assert_eq!(seen_by(trusted_fields, "203.0.113.7", false, lines), "203.0.113.7 http asked.example");
    }
}

#[test]
fn a_host_that_is_not_heeded_is_noticed() {
    for (trusted_fields, peer, lines, expected) in [
        (TrustedFields::default(), "10.0.0.1", "X-Forwarded-Host: other.example", true),
        (TrustedFields::default(), "10.0.0.1", "X-Forwarded-Host: asked.example", false),
        (TrustedFields::default(), "10.0.0.1", "", false),
        (TrustedFields::default(), "203.0.113.7", "X-Forwarded-Host: other.example", false),
        (X, "10.0.0.1", "X-Forwarded-Host: other.example", false),
    ] {
        let fields = fields(lines);
        let peer = Peer { address: PeerAddress::Ip(peer.parse().unwrap()), port: 8080, tls: false };
        let identified = policy(trusted_fields).identify(peer, &head(&fields));
        assert_eq!(identified.client().ignored_host(), expected, "{peer:?} {lines}");
    }
}

#[test]
fn schemes_of_websockets_are_those_of_http() {
    for (said, scheme) in [
        ("wss", "https"),
        ("WSS", "https"),
        ("ws", "http"),
        ("Ws", "http"),
        ("HTTPS", "https"),
        ("Http", "http"),
    ] {
        for tls in [false, true] {
            let line = format!("X-Forwarded-Proto: {said}");
            assert_eq!(seen("10.0.0.1", tls, &line), format!("10.0.0.1 {scheme} asked.example"), "{said}");
            let line = format!("Forwarded: proto={said}");
            assert_eq!(seen("10.0.0.1", tls, &line), format!("10.0.0.1 {scheme} asked.example"), "{said}");
        }
    }
}

#[test]
fn ports_are_believed_and_those_of_the_scheme_are_cut() {
    for (lines, expected) in [
        ("X-Forwarded-Port: 8443", "http asked.example 8443"),
        ("X-Forwarded-Port: 80, 8443", "http asked.example 8443"),
        ("X-Forwarded-Port: 80\nX-Forwarded-Port: 8443", "http asked.example 8443"),
        ("X-Forwarded-Port: 65535", "http asked.example 65535"),
        ("X-Forwarded-Port: 80", "http asked.example 80"),
        // Of another hop: no browser finds https there.
        ("X-Forwarded-Port: 443", "http asked.example"),
        ("X-Forwarded-Proto: https\nX-Forwarded-Port: 80", "https asked.example"),
        ("X-Forwarded-Proto: https\nX-Forwarded-Port: 443", "https asked.example 443"),
        ("X-Forwarded-Port: 0", "http asked.example"),
        ("X-Forwarded-Port: 65536", "http asked.example"),
        ("X-Forwarded-Port: -1", "http asked.example"),
        ("X-Forwarded-Port: +81", "http asked.example"),
        ("X-Forwarded-Port: 0x51", "http asked.example"),
        ("X-Forwarded-Port: 8443x", "http asked.example"),
        ("X-Forwarded-Port: 84 43", "http asked.example"),
        ("X-Forwarded-Port:", "http asked.example"),
        ("X-Forwarded-Port: 8443,", "http asked.example"),
        ("X-Forwarded-Host: m.example:80", "http m.example"),
        ("X-Forwarded-Host: m.example:443", "http m.example:443"),
        ("X-Forwarded-Host: m.example:443\nX-Forwarded-Proto: https", "https m.example"),
        ("X-Forwarded-Host: m.example:443\nX-Forwarded-Proto: wss", "https m.example"),
        ("X-Forwarded-Host: m.example:80\nX-Forwarded-Proto: https", "https m.example:80"),
        ("X-Forwarded-Host: m.example:8443\nX-Forwarded-Proto: https", "https m.example:8443"),
        ("X-Forwarded-Host: [2001:db8::1]:443\nX-Forwarded-Proto: https", "https [2001:db8::1]"),
        ("X-Forwarded-Host: [2001:db8::443]\nX-Forwarded-Proto: https", "https [2001:db8::443]"),
        ("Forwarded: proto=https;host=\"[2001:db8::1]:443\"", "https [2001:db8::1]"),
        ("Forwarded: proto=https;host=\"m.example:443\"", "https m.example"),
        ("Forwarded: proto=https;host=m.example:8443", "https m.example:8443"),
        // What is no host stays so, and is refused where hosts are looked up.
        ("X-Forwarded-Host: 2001:db8::80", "http 2001:db8::80"),
        ("X-Forwarded-Host: m.example:", "http m.example:"),
        ("X-Forwarded-Host: m.example:99999", "http m.example:99999"),
        ("X-Forwarded-Host: u@m.example", "http u@m.example"),
        ("X-Forwarded-Host: é", "http é"),
    ] {
        let told = seen("10.0.0.1", false, lines);
        assert_eq!(told.strip_prefix("10.0.0.1 ").unwrap_or(&told), expected, "{lines}");
    }
}

#[test]
fn a_host_that_is_no_text_is_refused() {
    let head = heads::get(b"/", "asked.example", [("X-Forwarded-Host", &b"m\xff.example"[..])]);
    let peer = Peer { address: PeerAddress::Ip("10.0.0.1".parse().unwrap()), port: 8080, tls: false };
    let code =
        |trusted_fields| policy(trusted_fields).identify(peer, &head).host().map_err(|denial| denial.code());
    assert_eq!(code(X), Err("ambiguous_path"));
    assert_eq!(code(TrustedFields::default()), Ok("asked.example"));
}

#[test]
fn two_families_that_disagree_are_refused() {
    for (lines, expected) in [
        (
            "X-Forwarded-For: 198.51.100.1\nX-Forwarded-Proto: https\nForwarded: for=198.51.100.1;proto=https",
            "198.51.100.1 https asked.example",
        ),
        (
            "X-Forwarded-For: 198.51.100.1\nForwarded: for=\"198.51.100.1:4711\"",
            "198.51.100.1 http asked.example",
        ),
        ("X-Forwarded-For: 198.51.100.1\nForwarded: for=198.51.100.2", "bad_request"),
        ("X-Forwarded-For: 198.51.100.1\nForwarded: for=unknown", "bad_request"),
        ("X-Forwarded-For: 198.51.100.1\nForwarded: for=9.9.9.9;x=\", for=198.51.100.2", "bad_request"),
        ("X-Forwarded-Proto: wss\nForwarded: proto=https", "10.0.0.1 https asked.example"),
        ("X-Forwarded-Proto: http\nForwarded: proto=https", "bad_request"),
        (
            "X-Forwarded-Proto: https\nX-Forwarded-Host: M.example:443\nForwarded: proto=https;host=m.example",
            "10.0.0.1 https M.example",
        ),
        ("X-Forwarded-Host: m.example\nForwarded: host=evil.example", "bad_request"),
        ("X-Forwarded-Host: m.example\nForwarded: host=\"m.example:8443\"", "bad_request"),
        // What one does not say is not taken from the other: a proxy of one family passes the other on.
        (
            "X-Forwarded-For: 198.51.100.1\nForwarded: host=evil.example;proto=https",
            "198.51.100.1 http asked.example",
        ),
        ("X-Forwarded-Port: 8443\nForwarded: host=evil.example", "10.0.0.1 http asked.example 8443"),
    ] {
        assert_eq!(seen("10.0.0.1", false, lines), expected, "{lines}");
    }
    // Where one is not named, it is not even looked at.
    let lines = "X-Forwarded-For: 198.51.100.1\nForwarded: for=198.51.100.2";
    assert_eq!(seen_by(X, "10.0.0.1", false, lines), "198.51.100.1 http asked.example");
    assert_eq!(seen_by(RFC7239, "10.0.0.1", false, lines), "198.51.100.2 http asked.example");
}

#[test]
fn public_addresses_are_written_as_browsers_do() {
    for (scheme, host, told, expected, port) in [
        (Scheme::Http, "a.example", None, "http://a.example", 80),
        (Scheme::Https, "a.example", None, "https://a.example", 443),
        (Scheme::Http, "a.example:8080", None, "http://a.example:8080", 8080),
        (Scheme::Https, "a.example", Some(8443), "https://a.example:8443", 8443),
        (Scheme::Https, "a.example:9443", Some(8443), "https://a.example:9443", 9443),
        (Scheme::Https, "a.example:443", None, "https://a.example", 443),
        (Scheme::Http, "[::1]:81", None, "http://[::1]:81", 81),
        (Scheme::Http, "[::1]", None, "http://[::1]", 80),
        (Scheme::Http, "a.example:", None, "http://a.example:", 80),
    ] {
        let public = PublicAddress::new(scheme, host, told);
        assert_eq!((public.to_string().as_str(), public.port()), (expected, port), "{host}");
    }
}

#[test]
fn the_walk_goes_from_the_right_over_trusted_proxies() {
    check_ip("X-Forwarded-For: 1.1.1.1, 198.51.100.1", "198.51.100.1");
    check_ip("X-Forwarded-For: 1.1.1.1, 198.51.100.1, 10.1.1.1,10.2.2.2", "198.51.100.1");
    check_ip("X-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 198.51.100.1, 10.1.1.1", "198.51.100.1");
    check_ip("X-Forwarded-For: 198.51.100.1\nAccept: */*\nX-Forwarded-For: 10.1.1.1", "198.51.100.1");
    // Proxies all the way: the left-most of them.
    check_ip("X-Forwarded-For: 10.3.3.3, 10.2.2.2", "10.3.3.3");
    check_ip("X-Forwarded-For: 2001:db8::1, 2001:db8:f::9", "2001:db8::1");
}

#[test]
fn elements_may_have_ports_and_brackets() {
    let check_element = |element: &str, expected: &str| {
        check_ip(&format!("X-Forwarded-For: {element}"), expected);
    };
    check_element("198.51.100.1:4711", "198.51.100.1");
    check_element("[2001:db8::1]", "2001:db8::1");
    check_element("[2001:db8::1]:4711", "2001:db8::1");
    check_element("2001:DB8::1", "2001:db8::1");
    check_element("::ffff:198.51.100.1", "198.51.100.1");
    check_element("[::ffff:198.51.100.1]:80", "198.51.100.1");
}

#[test]
fn a_malformed_element_ends_the_walk_at_the_proxy_that_sent_it() {
    let malformed = [
        "",
        "unknown",
        "_hidden",
        "localhost",
        "198.51.100",
        "198.51.100.256",
        "0198.51.100.1",
        "198.51.100.1:",
        "198.51.100.1:x",
        "198.51.100.1:+8",
        "198.51.100.1:99999",
        "[2001:db8::1",
        "2001:db8::1]",
        "[198.51.100.1]",
        "[2001:db8::1]80",
        "[2001:db8::1]:",
        "fe80::1%eth0",
        "\"198.51.100.1\"",
        "198.51.100.1 10.0.0.1",
        "http://198.51.100.1",
        "198.51.100.0/24",
        "é",
    ];
    for element in malformed {
        check_ip(&format!("X-Forwarded-For: 198.51.100.9, {element}"), "10.0.0.1");
        check_ip(&format!("X-Forwarded-For: 198.51.100.9, {element}, 10.4.4.4"), "10.4.4.4");
        // What stands left of an honest client is never reached.
        check_ip(&format!("X-Forwarded-For: {element}, 198.51.100.9"), "198.51.100.9");
    }
}

#[test]
fn no_more_than_64_hops_are_walked() {
    let chain = |proxies: usize| {
        let hops: Vec<String> = (0..proxies).map(|i| format!("10.9.0.{i}")).collect();
        hops.join(", ")
    };
    check_ip(&format!("X-Forwarded-For: 198.51.100.1, {}", chain(63)), "198.51.100.1");
    check_ip(&format!("X-Forwarded-For: 198.51.100.1, {}", chain(64)), "10.9.0.0");
    let elements = |proxies: usize| chain(proxies).replace("10.", "for=10.");
    check_ip(&format!("Forwarded: for=198.51.100.1, {}", elements(63)), "198.51.100.1");
    check_ip(&format!("Forwarded: for=198.51.100.1, {}", elements(64)), "10.9.0.0");
    check_ip(&format!("Forwarded: for=198.51.100.1, {}", elements(200)), "10.9.0.136");
}

#[test]
fn scheme_and_host_are_the_nearest_proxys() {
    check("10.0.0.1", "X-Forwarded-Proto: http, HTTPS", "10.0.0.1 https asked.example");
    check("10.0.0.1", "X-Forwarded-Proto: https\nX-Forwarded-Proto: http", "10.0.0.1 http asked.example");
    check("10.0.0.1", "X-Forwarded-Host: evil.example, media.example", "10.0.0.1 http media.example");
    check("10.0.0.1", "X-Forwarded-Host: a.example\nX-Forwarded-Host: b.example", "10.0.0.1 http b.example");
    check("10.0.0.1", "X-Forwarded-Host:", "10.0.0.1 http asked.example");
    check("10.0.0.1", "X-Forwarded-Host: evil.example,", "10.0.0.1 http asked.example");
    for odd in ["gopher", "", "https,", "https http", "httpss", "\"https\""] {
        let line = format!("X-Forwarded-Proto: {odd}");
        assert_eq!(seen("10.0.0.1", true, &line), "10.0.0.1 https asked.example", "{odd}");
        assert_eq!(seen("10.0.0.1", false, &line), "10.0.0.1 http asked.example", "{odd}");
    }
    assert_eq!(seen("10.0.0.1", true, "X-Forwarded-Proto: http"), "10.0.0.1 http asked.example");
}

#[test]
fn forwarded_is_read_where_x_forwarded_for_is_absent() {
    check(
        "10.0.0.1",
        "Forwarded: for=198.51.100.1;proto=https;by=10.0.0.1;host=media.example",
        "198.51.100.1 https media.example",
    );
    check(
        "10.0.0.1",
        "Forwarded: For=\"[2001:db8::1]:4711\" ; Proto=\"https\" ; HOST=\"media.example:8443\"",
        "2001:db8::1 https media.example:8443",
    );
    check(
        "10.0.0.1",
        "Forwarded: for=1.1.1.1;host=evil.example, for=198.51.100.1:80\nForwarded: for=10.2.2.2;host=b.example",
        "198.51.100.1 http b.example",
    );
}

#[test]
fn forwarded_that_cannot_be_read_ends_the_walk() {
    for element in [
        "for=unknown",
        "for=_hidden",
        "for=\"_hidden:80\"",
        "proto=https",
        "",
        "for=",
        "for",
        "for=\"\"",
        "for=1.1.1.1;for=2.2.2.2",
        "for=\"1.1.1.1",
        "for=\"1.1.1.1\"x",
        "for=\"1.1.\\1.1\"",
        "=1.1.1.1",
        "=x;for=1.1.1.1",
        "f(x=1;for=1.1.1.1",
        "for =1.1.1.1",
        "for= 1.1.1.1",
        "for=1.1.1.1 for=2.2.2.2",
        "for=2001:db8::1:99999",
    ] {
        let line = format!("Forwarded: for=198.51.100.9\nForwarded: {element}");
        check_ip(&line, "10.0.0.1");
        check_ip(&format!("{line}\nForwarded: for=10.4.4.4"), "10.4.4.4");
    }
    // A quoted string that the client left open swallows what the proxy appended: nothing of the line counts.
    check("10.0.0.1", "Forwarded: for=9.9.9.9;x=\", for=198.51.100.1", "10.0.0.1 http asked.example");
    check(
        "10.0.0.1",
        "Forwarded: for=9.9.9.9;proto=https;host=evil.example;x=\", for=\"198.51.100.1:80\"",
        "10.0.0.1 http asked.example",
    );
}

#[test]
fn forwarding_that_is_not_heeded_is_noticed_on_private_networks() {
    let check = |peer: &str, lines: &str, expected: bool| {
        let fields = fields(lines);
        let head = head(&fields);
        let peer = Peer { address: PeerAddress::Ip(peer.parse().unwrap()), port: 8080, tls: false };
        let identified = policy(TrustedFields::default()).identify(peer, &head);
        assert_eq!(identified.client().ignored_address(), expected, "{peer:?} {lines}");
    };
    let line = "X-Forwarded-For: 198.51.100.1";
    for private in [
        "172.17.0.1",
        "192.168.1.1",
        "127.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "::1",
        "fd00::1",
        "fe80::1",
    ] {
        check(private, line, true);
        check(private, "Accept: */*", false);
    }
    for other in ["10.0.0.1", "203.0.113.7", "100.63.0.1", "100.128.0.1", "172.32.0.1", "2001:db8::1"] {
        check(other, line, false);
    }
    check("::ffff:172.17.0.1", line, true);
}
