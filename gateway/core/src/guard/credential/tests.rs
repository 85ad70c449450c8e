#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::request::{Protocol, heads};

/// A head of `GET target` at `a.example` with the fields of `text`, one a line.
pub(crate) fn head<'a>(target: &'a str, text: &'a str) -> Head<'a> {
    head_of("GET", target, text)
}

/// As [`head`], of another method.
pub(crate) fn head_of<'a>(method: &'a str, target: &'a str, text: &'a str) -> Head<'a> {
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    let fields = fields.map(|(name, value)| (name, value.trim().as_bytes()));
    heads::build((method, target.as_bytes(), Protocol::Http11), "a.example", fields).unwrap()
}

fn sources() -> Vec<TokenSource> {
    ["bearer", "header:x-stagedoor-token", "cookie:access_token", "query:sd_token"]
        .iter()
        .map(|text| TokenSource::parse(text).unwrap())
        .collect()
}

#[test]
fn the_one_token_is_found() {
    #[track_caller]
    fn check(target: &str, fields: &str, expected: &str) {
        let told = match find(&sources(), &head(target, fields)) {
            Ok(None) => "-".to_owned(),
            Ok(Some(c)) => format!("{}@{}", String::from_utf8_lossy(&c.token), c.source),
            Err(denial) => format!("{denial:?}"),
        };
        assert_eq!(told, expected, "{target} {fields}");
    }
    for (target, fields, expected) in [
        ("/", "", "-"),
        ("/", "Authorization: Bearer abc", "abc@0"),
        ("/", "authorization: bEARER   abc", "abc@0"),
        ("/", "Authorization: Bearer", "-"),
        ("/", "Authorization: Bearer a b", "a b@0"),
        ("/", "Authorization: Basic dXNlcjpwdw==", "-"),
        ("/", "Authorization: BearerX abc", "-"),
        ("/", "Authorization: Basic dXNlcjpwdw==\nAuthorization: Bearer abc", "AmbiguousCredentials"),
        ("/", "Authorization: Bearer abc\nAuthorization: Basic dXNlcjpwdw==", "AmbiguousCredentials"),
        ("/", "Authorization: Basic dXNlcjpwdw==\nAuthorization: Basic eDp5", "-"),
        ("/", "Authorization: Bearer abc\nAuthorization: Bearer abc", "abc@0"),
        ("/", "Authorization: Bearer abc\nAuthorization: Bearer abd", "AmbiguousCredentials"),
        ("/", "X-Stagedoor-Token: abc", "abc@1"),
        ("/", "X-Stagedoor-Token: Bearer abc", "abc@1"),
        ("/", "X_Stagedoor_Token: abc", "-"),
        ("/", "X-Stagedoor-Token:", "-"),
        ("/", "X-Stagedoor-Token: abc\nx-stagedoor-token: x", "AmbiguousCredentials"),
        ("/", "Cookie: a=1; access_token=abc; b=2", "abc@2"),
        ("/", "Cookie: access_token=abc;access_token=abc", "abc@2"),
        ("/", "Cookie: access_token=abc; access_token=x", "AmbiguousCredentials"),
        ("/", "Cookie: access_token=abc\nCookie: access_token=x", "AmbiguousCredentials"),
        ("/", "Cookie: access_token=; access_token=abc", "abc@2"),
        ("/", "Cookie: Access_Token=abc", "-"),
        ("/", "Cookie: xaccess_token=abc", "-"),
        ("/", "Cookie: access_token", "-"),
        ("/", "Cookie: access_token=a=b", "a=b@2"),
        ("/?sd_token=abc", "", "abc@3"),
        ("/?a=1&sd_token=a%2eb+c", "", "a.b+c@3"),
        ("/?%73d_token=abc", "", "abc@3"),
        ("/?SD_TOKEN=abc", "", "-"),
        ("/?sd_token", "", "-"),
        ("/?sd_token=&x=sd_token=9", "", "-"),
        ("/?sd_token=abc&sd%5ftoken=abd", "", "AmbiguousCredentials"),
        ("/?sd_token=abc", "Authorization: Bearer abc", "abc@0"),
        ("/?sd_token=ab%63", "Cookie: access_token=abc", "abc@2"),
        ("/?sd_token=abc", "Authorization: Bearer abd", "AmbiguousCredentials"),
        ("/", "Authorization: Bearer abc\nX-Stagedoor-Token: abd", "AmbiguousCredentials"),
        ("/", "Authorization: Bearer abc\nCookie: access_token=abd", "AmbiguousCredentials"),
    ] {
        check(target, fields, expected);
    }
}

#[test]
fn what_is_no_source_is_not_looked_at() {
    let cookie_only = [TokenSource::parse("cookie:access_token").unwrap()];
    let head = head("/?sd_token=x", "Authorization: Bearer app\nCookie: access_token=abc");
    assert_eq!(&*find(&cookie_only, &head).unwrap().unwrap().token, b"abc");
}

/// A provider that reads no bearer token leaves `Authorization` to the app, which may want two of it.
#[test]
fn two_kinds_of_authorization_are_ambiguous_where_one_is_read() {
    let head = head("/", "Authorization: Basic dXNlcjpwdw==\nAuthorization: Bearer abc");
    let read =
        |source: &str| find(&[TokenSource::parse(source).unwrap()], &head).map(|found| found.is_some());
    assert_eq!(read("bearer"), Err(Denial::AmbiguousCredentials));
    assert_eq!(read("cookie:access_token"), Ok(false));
    assert_eq!(read("header:x-stagedoor-token"), Ok(false));
}

#[test]
fn a_source_is_shown_as_it_is_read() {
    for text in ["bearer", "header:x-stagedoor-token", "cookie:access_token", "query:sd_token"] {
        assert_eq!(TokenSource::parse(text).unwrap().to_string(), text);
    }
    for (text, fault) in [
        ("Bearer", "not a source of tokens: `Bearer`"),
        ("body:token", "not a source of tokens: `body:token`"),
        ("header:", "not a header name: `header:`"),
        ("header:host", "this header cannot carry a token: `header:host`"),
        ("cookie:a b", "not a cookie name: `cookie:a b`"),
        ("query:", "not a parameter name: `query:`"),
        ("query:a&b", "not a parameter name: `query:a&b`"),
    ] {
        assert_eq!(TokenSource::parse(text).unwrap_err().0, fault);
    }
}

#[test]
fn carriers_are_dropped() {
    #[track_caller]
    fn check(keep: bool, name: &str, value: &str, expected: bool) {
        let policy = CarrierPolicy { sources: sources(), keep };
        assert_eq!(policy.drops(name, value.as_bytes()), expected, "{name}: {value}, keep {keep}");
    }
    for (name, value, dropped, dropped_though_kept) in [
        ("Authorization", "Bearer abc", true, false),
        ("AUTHORIZATION", "bearer\tabc", true, false),
        ("authorization", "Bearer", true, false),
        ("authorization", "Basic dXNlcjpwdw==", false, false),
        ("X-Stagedoor-Token", "abc", true, true),
        ("x_stagedoor_token", "abc", true, true),
        ("X-stagedoor_TOKEN", "", true, true),
        ("X.Stagedoor.Token", "abc", true, true),
        ("x~stagedoor'token", "abc", true, true),
        ("X-Stagedoor-Tokens", "abc", false, false),
        ("X-Auth-Token", "abc", false, false),
        ("Cookie", "access_token=abc", false, false),
    ] {
        check(false, name, value, dropped);
        check(true, name, value, dropped_though_kept);
    }
}

#[test]
fn an_authorization_that_no_provider_reads_passes() {
    let policy = CarrierPolicy { sources: vec![TokenSource::Cookie("t".to_owned())], keep: false };
    assert!(!policy.drops("authorization", b"Bearer the-app's-own"));
}

#[test]
fn cookies_are_stripped_and_the_rest_stays() {
    #[track_caller]
    fn check(value: &str, expected: Option<&str>) {
        let policy = CarrierPolicy { sources: sources(), keep: false };
        let stripped = policy.strip_cookie(value.as_bytes());
        assert_eq!(stripped.as_deref().map(|s| std::str::from_utf8(s).unwrap()), expected, "{value}");
    }
    for (value, expected) in [
        ("a=1; b=2", None),
        ("Access_Token=1", None),
        ("access_token=x", Some("")),
        ("access_token=x; access_token=y", Some("")),
        ("access_token=x; a=1", Some("a=1")),
        ("a=1; access_token=x", Some("a=1")),
        ("a=1; access_token=x; b=\"2 3\";c=4", Some("a=1; b=\"2 3\";c=4")),
        ("a=1;access_token=x;b=2", Some("a=1;b=2")),
        ("a=access_token=x; access_token =z", Some("a=access_token=x")),
    ] {
        check(value, expected);
    }
    let keep = CarrierPolicy { sources: sources(), keep: true };
    assert_eq!(keep.strip_cookie(b"access_token=x"), None);
}

#[test]
fn queries_are_stripped_and_the_rest_stays() {
    #[track_caller]
    fn check(query: &str, expected: Option<&str>) {
        let policy = CarrierPolicy { sources: sources(), keep: true };
        let stripped = policy.strip_query(query.as_bytes());
        assert_eq!(stripped.as_deref().map(|s| std::str::from_utf8(s).unwrap()), expected, "{query}");
    }
    for (query, expected) in [
        ("", None),
        ("a=1&b=%7C|&c", None),
        ("x=sd_token=1", None),
        ("sd_token=x", Some("")),
        ("sd_token", Some("")),
        ("%73d_token=x&a=%2F+%20", Some("a=%2F+%20")),
        ("a=1&sd_token=x&b=2", Some("a=1&b=2")),
        ("a&&sd_token=x&=&sd%5Ftoken=y&", Some("a&&=&")),
    ] {
        check(query, expected);
    }
}

#[test]
fn what_is_stripped_is_not_found_again() {
    let policy = CarrierPolicy { sources: sources(), keep: false };
    for query in ["sd_token=a&b=1", "%73%64_token=a", "b=1&&sd_token=a&sd_token=a"] {
        let left = String::from_utf8(policy.strip_query(query.as_bytes()).unwrap()).unwrap();
        let target = format!("/?{left}");
        assert!(find(&policy.sources, &head(&target, "")).unwrap().is_none(), "{query}");
    }
}

#[test]
fn sources_are_read_and_mistakes_told() {
    assert_eq!(
        TokenSource::parse("header:X-Api-Key").unwrap(),
        TokenSource::Header(HeaderName::from_static("x-api-key"))
    );
    assert_eq!(TokenSource::parse("cookie:Sid").unwrap(), TokenSource::Cookie("Sid".to_owned()));
    assert!(TokenSource::parse("bearer").unwrap().is_header());
    assert!(!TokenSource::parse("query:t").unwrap().is_header());
    for text in [
        "",
        "Bearer",
        "body",
        "bearer:",
        "header:",
        "header:a b",
        "header:authorization",
        "header:Cookie",
        "header:x_forwarded_for",
        "header:X-Real-IP",
        "header:proxy",
        "header:range",
        "header:sec-fetch-site",
        "cookie:",
        "cookie:a=b",
        "cookie:a;b",
        "query:",
        "query:a&b",
        "query:a b",
        "query:%61",
        "form:token",
    ] {
        let (message, hint) = TokenSource::parse(text).unwrap_err();
        assert!(message.ends_with(&format!(": `{text}`")), "{message}");
        assert!(hint.starts_with("write `bearer`"), "{hint}");
    }
}
