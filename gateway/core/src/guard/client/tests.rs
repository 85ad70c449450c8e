#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::request::heads;

fn head(fields: &[(String, String)]) -> Head<'_> {
    heads::get(b"/", "asked.example", fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
}

fn fields(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| line.trim().split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

/// `peer` sends `lines`; trusted are 10.0.0.0/8 and 2001:db8:f::/48. Answers `ip scheme host`.
fn seen(peer: &str, tls: bool, lines: &str) -> String {
    let fields = fields(lines);
    let head = head(&fields);
    let policy =
        ClientPolicy { trusted: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:f::/48".parse().unwrap()] };
    let peer = Peer { ip: peer.parse().unwrap(), port: 8080, tls };
    let source = policy.trust(peer, &head);
    let client = policy.identify(peer, &head, &source);
    assert_eq!(client.peer(), peer.ip.to_canonical());
    let scheme = if client.https() { "https" } else { "http" };
    format!("{} {scheme} {}", client.ip(), source.host(&head))
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
    for odd in ["wss", "", "https,", "https http"] {
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
    check(
        "10.0.0.1",
        "X-Forwarded-For: 198.51.100.1\nForwarded: for=1.1.1.1;proto=https;host=evil.example",
        "198.51.100.1 http asked.example",
    );
    check(
        "10.0.0.1",
        "X-Forwarded-Host: media.example\nForwarded: for=198.51.100.1;host=evil.example",
        "198.51.100.1 http media.example",
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
        let policy = ClientPolicy { trusted: vec!["10.0.0.0/8".parse().unwrap()] };
        let peer = Peer { ip: peer.parse().unwrap(), port: 8080, tls: false };
        let client = policy.identify(peer, &head, &policy.trust(peer, &head));
        assert_eq!(client.unheeded_forwarding(), expected, "{peer:?} {lines}");
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
