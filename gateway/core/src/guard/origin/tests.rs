use super::*;
use crate::guard::credential::tests::head_of;

/// Whether a request of this method and these fields passes at `host`, with
/// `https://listed.example` in `cors.origins`.
fn passes(policy: OriginPolicy, method: &str, host: &str, fields: &str, by_header: bool) -> bool {
    let head = head_of(method, "/", fields);
    !policy.applies(&head, by_header)
        || is_welcome(&head, &PublicAddress::new(false, host, None), |origin| {
            origin == "https://listed.example"
        })
}

#[test]
fn cookie_borne_requests_are_asked_where_they_come_from() {
    for (fields, expected) in [
        ("Cookie: s=1", true),
        ("Cookie: s=1\nSec-Fetch-Site: same-origin", true),
        ("Cookie: s=1\nSec-Fetch-Site: none", true),
        ("Cookie: s=1\nSec-Fetch-Site: same-origin\nOrigin: https://evil.example", true),
        ("Cookie: s=1\nSec-Fetch-Site: same-site", false),
        ("Cookie: s=1\nSec-Fetch-Site: cross-site", false),
        ("Cookie: s=1\nSec-Fetch-Site: Same-Origin", false),
        ("Cookie: s=1\nSec-Fetch-Site:", false),
        ("Cookie: s=1\nSec-Fetch-Site: same-origin\nSec-Fetch-Site: cross-site", false),
        ("Cookie: s=1\nSec-Fetch-Site: cross-site\nOrigin: https://listed.example", true),
        ("Cookie: s=1\nSec-Fetch-Site: same-site\nOrigin: https://a.example", true),
        ("Cookie: s=1\nOrigin: https://a.example", true),
        ("Cookie: s=1\nOrigin: http://A.example:80", true),
        ("Cookie: s=1\nOrigin: https://a.example:8443", false),
        ("Cookie: s=1\nOrigin: https://listed.example", true),
        ("Cookie: s=1\nOrigin: https://evil.example", false),
        ("Cookie: s=1\nOrigin: https://a.example.evil.example", false),
        ("Cookie: s=1\nOrigin: https://evil.example/a.example", false),
        ("Cookie: s=1\nOrigin: https://a.example@evil.example", false),
        ("Cookie: s=1\nOrigin: null", false),
        ("Cookie: s=1\nOrigin:", false),
        ("Cookie: s=1\nOrigin: a.example", false),
        ("Cookie: s=1\nOrigin: file://a.example", false),
        ("Cookie: s=1\nOrigin: https://a.example\nOrigin: https://a.example", false),
        ("Cookie:\nOrigin: https://evil.example", false),
        ("Origin: https://evil.example", true),
    ] {
        assert_eq!(passes(OriginPolicy::Cookies, "POST", "a.example", fields, false), expected, "{fields}");
    }
}

#[test]
fn who_is_asked_depends_on_the_policy() {
    let evil = "Cookie: s=1\nOrigin: https://evil.example";
    let bare = "Origin: https://evil.example";
    let socket =
        "Cookie: s=1\nOrigin: https://evil.example\nConnection: keep-alive, Upgrade\nUpgrade: websocket";
    let said = "Cookie: s=1\nOrigin: https://evil.example\nUpgrade: websocket";
    for (method, fields, by_header, cookies, always) in [
        ("POST", evil, false, false, false),
        ("DELETE", evil, false, false, false),
        ("PROPFIND", evil, false, false, false),
        ("GET", evil, false, true, true),
        ("HEAD", evil, false, true, true),
        ("OPTIONS", evil, false, true, true),
        ("GET", socket, false, false, false),
        ("GET", said, false, true, true),
        ("GET", socket, true, true, false),
        ("POST", evil, true, true, false),
        ("POST", bare, false, true, false),
        ("POST", "", false, true, true),
    ] {
        let passes = |policy| passes(policy, method, "a.example", fields, by_header);
        assert_eq!(passes(OriginPolicy::Cookies), cookies, "cookies: {method} {fields}");
        assert_eq!(passes(OriginPolicy::Always), always, "always: {method} {fields}");
        assert!(passes(OriginPolicy::Off), "off: {method} {fields}");
    }
}

#[test]
fn origins_and_hosts_are_compared() {
    for (origin, host, expected) in [
        ("https://a.example", "a.example", true),
        ("http://a.example", "A.EXAMPLE:80", true),
        ("https://a.example", "a.example:443", true),
        ("https://a.example:8443", "a.example:8443", true),
        ("http://a.example:8080", "a.example", false),
        ("http://a.example", "a.example:8080", false),
        ("http://[::1]:8080", "[::1]:8080", true),
        ("http://[::1]", "[::1]", true),
        ("http://[::1]", "[::1]:80", true),
        ("http://[::1]:81", "[::1]", false),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", true),
        ("http://", "", false),
        ("http://:80", ":80", false),
        ("ws://a.example", "a.example", false),
        ("https://a.example/", "a.example", false),
        ("https://sub.a.example", "a.example", false),
    ] {
        assert_eq!(is_same(origin, &PublicAddress::new(false, host, None)), expected, "{origin} at {host}");
    }
    // The port that a trusted proxy tells is the one that browsers know.
    for (origin, expected) in
        [("https://a.example:8443", true), ("https://a.example", false), ("https://a.example:9443", false)]
    {
        assert_eq!(is_same(origin, &PublicAddress::new(true, "a.example", Some(8443))), expected, "{origin}");
    }
}
