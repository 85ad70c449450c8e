use super::*;
use crate::guard::credential::tests::head_of;

/// Whether a request of this method and these fields passes at `host`, with
/// `https://listed.example` in `cors.origins`.
fn passes(policy: OriginPolicy, method: &str, host: &str, fields: &str, by_header: bool) -> bool {
    let head = head_of(method, "/", fields);
    let at = PublicAddress::new(Scheme::Http, host, None);
    let carried = CarriedBy { header: by_header, connection: false };
    !policy.asks(&head, carried) || is_welcome(&head, &at, |origin| origin == "https://listed.example")
}

#[test]
fn what_another_site_loads_is_asked_and_a_link_is_followed() {
    let cross = "Cookie: s=1\nSec-Fetch-Site: cross-site";
    for (more, cookies, strict) in [
        // Pictures, films, scripts, fetch() without CORS.
        ("Sec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image", false, false),
        ("Sec-Fetch-Mode: no-cors\nSec-Fetch-Dest: video", false, false),
        ("Sec-Fetch-Mode: no-cors\nSec-Fetch-Dest: script", false, false),
        ("Sec-Fetch-Mode: no-cors\nSec-Fetch-Dest: empty", false, false),
        ("Sec-Fetch-Mode: cors\nSec-Fetch-Dest: empty", false, false),
        ("Sec-Fetch-Mode: cors\nOrigin: https://evil.example", false, false),
        ("Sec-Fetch-Mode: cors\nOrigin: null", false, false),
        ("Sec-Fetch-Mode: cors\nOrigin: https://listed.example", true, true),
        // Loaded by the page, though called a navigation.
        ("Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: object", false, false),
        ("Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: embed", false, false),
        ("Sec-Fetch-Dest: document", false, false),
        ("Sec-Fetch-Mode: Navigate\nSec-Fetch-Dest: document", false, false),
        ("Sec-Fetch-Mode: navigate\nSec-Fetch-Mode: no-cors", false, false),
        ("", false, false),
        // A person follows a link, or a page shows the app in a frame.
        ("Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: document", true, false),
        ("Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: iframe", true, false),
        ("Sec-Fetch-Mode: navigate", true, false),
    ] {
        for method in ["GET", "HEAD", "OPTIONS"] {
            let fields = format!("{cross}\n{more}");
            let passes = |policy| passes(policy, method, "a.example", &fields, false);
            assert_eq!(passes(OriginPolicy::Cookies), cookies, "cookies: {method} {fields}");
            assert_eq!(passes(OriginPolicy::Always), cookies, "always: {method} {fields}");
            assert_eq!(passes(OriginPolicy::Strict), strict, "strict: {method} {fields}");
            assert!(passes(OriginPolicy::Off), "off: {method} {fields}");
        }
    }
}

#[test]
fn who_is_no_stranger_is_not_asked() {
    let image = "Sec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image";
    for (fields, by_header, cookies, strict) in [
        ("Cookie: s=1\nSec-Fetch-Site: same-origin", false, true, true),
        ("Cookie: s=1\nSec-Fetch-Site: none", false, true, true),
        ("Cookie: s=1\nSec-Fetch-Site: same-site", false, true, false),
        ("Cookie: s=1\nSec-Fetch-Site: sideways", false, false, false),
        ("Cookie: s=1\nSec-Fetch-Site:", false, false, false),
        ("Cookie: s=1\nSec-Fetch-Site: none\nSec-Fetch-Site: cross-site", false, false, false),
        ("Cookie: s=1", false, true, true),
        // Over plain http browsers name no more than the origin.
        ("Cookie: s=1\nOrigin: http://evil.example", false, true, false),
        ("Cookie: s=1\nOrigin: null", false, true, false),
        ("Cookie: s=1\nOrigin: http://a.example", false, true, true),
        ("Cookie: s=1\nOrigin: https://listed.example", false, true, true),
        ("Origin: http://evil.example", false, true, true),
        // Without a cookie, or with a credential that no page can add, there is nothing to abuse.
        ("Sec-Fetch-Site: cross-site", false, true, true),
        ("Cookie: s=1\nSec-Fetch-Site: cross-site", true, true, true),
    ] {
        let fields = format!("{fields}\n{image}");
        let passes = |policy| passes(policy, "GET", "a.example", &fields, by_header);
        assert_eq!(passes(OriginPolicy::Cookies), cookies, "cookies: {fields}");
        assert_eq!(passes(OriginPolicy::Strict), strict, "strict: {fields}");
    }
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
        ("http://a.example", "a.example", true),
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
        let at = PublicAddress::new(Scheme::Http, host, None);
        assert_eq!(is_same(origin, &at), expected, "{origin} at {host}");
    }
}

#[test]
fn over_https_a_page_of_plain_http_is_foreign() {
    for (origin, host, expected) in [
        ("https://a.example", "a.example", true),
        ("https://a.example", "A.example:443", true),
        ("https://a.example:443", "a.example", true),
        ("https://a.example:8443", "a.example:8443", true),
        ("https://[::1]:8443", "[::1]:8443", true),
        ("http://a.example", "a.example", false),
        ("http://a.example:443", "a.example", false),
        ("http://a.example:80", "a.example", false),
        ("https://a.example:80", "a.example", false),
        ("https://a.example", "a.example:80", false),
        ("https://a.example", "a.example:8443", false),
    ] {
        let at = PublicAddress::new(Scheme::Https, host, None);
        assert_eq!(is_same(origin, &at), expected, "{origin} at {host}");
    }
}

#[test]
fn the_port_that_a_trusted_proxy_tells_is_the_one_that_browsers_know() {
    for (origin, expected) in
        [("https://a.example:8443", true), ("https://a.example", false), ("https://a.example:9443", false)]
    {
        assert_eq!(
            is_same(origin, &PublicAddress::new(Scheme::Https, "a.example", Some(8443))),
            expected,
            "{origin}"
        );
    }
}
