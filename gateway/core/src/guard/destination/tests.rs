#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn references_are_paths_or_urls() {
    fn check(value: &str, expected: Option<(Option<&str>, &str)>) {
        let read = Reference::read(value.as_bytes()).ok();
        let read = read
            .map(|Reference { start: _, authority, path }| (authority, std::str::from_utf8(path).unwrap()));
        assert_eq!(read, expected, "{value}");
    }
    check("/dav/b", Some((None, "/dav/b")));
    check("/", Some((None, "/")));
    check("/b%3Fx", Some((None, "/b%3Fx")));
    check("/m\u{fc}ller", Some((None, "/m\u{fc}ller")));
    check("http://m.example/b", Some((Some("m.example"), "/b")));
    check("HTTPS://M.example:8443//b/", Some((Some("M.example:8443"), "//b/")));
    for bad in [
        "",
        "b",
        "//m.example/b",
        "/\\m.example/b#x",
        "http://m.example",
        "http:/m.example/b",
        "http:m.example/b",
        "ftp://m.example/b",
        "httpx://m.example/b",
        "http://m.example/a b",
        "http://m.example/b, /c",
        "<http://m.example/b>",
        "/b#c",
        "/b?x=//y",
        "http://m.example?x=/b",
        "*",
    ] {
        check(bad, None);
    }
}
