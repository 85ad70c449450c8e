use super::*;

#[test]
fn what_goes_on_encoded() {
    fn check(target: &[u8], expected: &str) {
        let told = encoded(target);
        assert_eq!(told.escape_ascii().to_string(), expected);
        assert_eq!(matches!(told, Cow::Borrowed(_)), *told == *target);
        assert_eq!(*encoded(&told), *told);
    }
    check(b"/a|{}^[]`%zz?b=|{}`\\", "/a|{}^[]`%zz?b=|{}`\\\\");
    check(b"/caf\xe9?\xa0", "/caf%E9?%A0");
    check("/gr\u{f6}\u{df}e".as_bytes(), "/gr%C3%B6%C3%9Fe");
    check(b"/x?q=\"a\"&r=<b>?\"", "/x?q=%22a%22&r=%3Cb%3E?%22");
    check(b"/\"<>", "/\\\"<>");
    check(b"/%E4?%22", "/%E4?%22");
}

#[test]
fn merging() {
    fn check(target: &str, expected: &str) {
        let told = merged(target.as_bytes());
        assert_eq!(*told, *expected.as_bytes());
        assert_eq!(matches!(told, Cow::Borrowed(_)), target == expected);
    }
    check("/", "/");
    check("/a/b/", "/a/b/");
    check("//", "/");
    check("///a//b//", "/a/b/");
    check("//a?//b", "/a?//b");
    check("/a?//b", "/a?//b");
    check("/%2F/%2F", "/%2F/%2F");
    check("/;//a", "/;/a");
}

#[test]
fn overlong_forms() {
    for bad in [
        &b"\xc0"[..],
        b"a\xc1b",
        b"\xc0\xae",
        b"\xe0\x80\xaf",
        b"\xe0\x9f\xbf",
        b"\xf0\x80\x80\xaf",
        b"\xf0\x8f",
        b"\xf8\x80\x80\x80\xaf",
        b"\xfc\x83",
    ] {
        assert!(has_overlong_form(bad), "{}", bad.escape_ascii());
    }
    for good in
        [&b"a"[..], b"\xc3\xa4", b"\xe4", b"\xe0\xa0\x80", b"\xe0", b"\xf0\x90\x80\x80", b"\xf8", b"\xff"]
    {
        assert!(!has_overlong_form(good), "{}", good.escape_ascii());
    }
}
