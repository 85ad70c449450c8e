#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl";

fn redaction() -> Redaction {
    Redaction::new(["token", "X-Plex-Token", "sd_token"])
}

#[test]
fn targets_lose_their_secrets() {
    fn check(target: &str, expected: &str) {
        let redacted = redaction().target(target.as_bytes()).into_owned();
        assert_eq!(String::from_utf8(redacted).unwrap(), expected, "{target}");
    }
    check("/", "/");
    check("/a/b?c=d&e", "/a/b?c=d&e");
    check("/a?token=s3cret", "/a?token=[redacted]");
    check("/a?TOKEN=s3cret&b=1", "/a?TOKEN=[redacted]&b=1");
    check("/a?b=1&x-plex-token=s3cret", "/a?b=1&x-plex-token=[redacted]");
    check("/a?t%6fken=s3cret", "/a?t%6fken=[redacted]");
    check("/a?token[]=s3cret", "/a?token[]=[redacted]");
    check("/a?b=1&+%20token=s3cret", "/a?b=1&+%20token=[redacted]");
    check("/a?token%5B%5D=s3cret", "/a?token%5B%5D=[redacted]");
    check("/a?token=s3;cret&b=1", "/a?token=[redacted]&b=1");
    check("/a?b=1;token=s3cret", "/a?b=1;token=[redacted]");
    check("/a?next=/b?token=s3cret", "/a?next=/b?token=[redacted]");
    check("/a?next=%2Fb%3Ftoken%3Ds3cret&c=%7C", "/a?next=[redacted]&c=%7C");
    check("/a?tokens=many&stoken=b", "/a?tokens=many&stoken=b");
    check("/a?token", "/a?token");
    check("/a?token=", "/a?token=[redacted]");
    check("/a;sd_token=s3cret/b", "/a;sd_token=[redacted]/b");
    check("/a%3Bsd_token=s3cret/b", "/[redacted]/b");
    check("/a/b%3Fc=1&token%3Ds3cret", "/a/[redacted]");
    check("/a%3Fb=1/c", "/a%3Fb=1/c");
    check(&format!("/x/{JWT}/y"), "/x/[redacted]/y");
    check(&format!("/x?a={JWT}&b=1"), "/x?a=[redacted]&b=1");
    check(&format!("/x?{JWT}"), "/x?[redacted]");
    check(&format!("/x?a={}", JWT.replace('.', "%2e")), "/x?a=[redacted]");
    check(&format!("/x?a={}", JWT.replace("ey", "%65y")), "/x?a=[redacted]");
    check(&format!("/{}", JWT.replace("ey", "%65y")), "/[redacted]");
    check("/eyJ.a/eyJ.b", "/eyJ.a/eyJ.b");
    check("/eyJa..sig", "/[redacted]");
    check("/100%/x?%=%", "/100%/x?%=%");
    // A code of an enter link, in the wrong place.
    check("/.stagedoor/enter", "/.stagedoor/enter");
    check("/.stagedoor/leave", "/.stagedoor/leave");
    check("/.stagedoor/else", "/.stagedoor/else");
    check("/.stagedoor/enter?c0de", "/.stagedoor/enter[redacted]");
    check("/.stagedoor/enter%23c0de", "/.stagedoor/enter[redacted]");
    check("/.stagedoor/enter/c0de", "/.stagedoor/enter[redacted]");
    check("/.stagedoor/enterc0de", "/.stagedoor/enter[redacted]");
    check("/%2estagedoor/enter#c0de", "/%2estagedoor/ent[redacted]");
    check("/.Stagedoor/Enter/c0de?x=1", "/.Stagedoor/Enter[redacted]");
    check("/stagedoor/enter/film", "/stagedoor/enter/film");
    check("/films/100%25/stagedoor?page=1", "/films/100%25/stagedoor?page=1");
}

#[test]
fn a_plain_target_is_not_copied() {
    assert!(matches!(redaction().target(b"/api/downloads/1"), Cow::Borrowed(_)));
}

#[test]
fn lines_lose_their_secrets() {
    fn check(line: &str, expected: &str) {
        assert_eq!(String::from_utf8(redaction().line(line.as_bytes()).into_owned()).unwrap(), expected);
    }
    check("plain & simple", "plain & simple");
    check("GET /a?token=s3cret, Host: x", "GET /a?token=[redacted], Host: x");
    check(r#"{"m":"GET /a?b=1&token=s3cret"}"#, r#"{"m":"GET /a?b=1&token=[redacted]"}"#);
    check(&format!("bearer {JWT} end"), "bearer [redacted] end");
}

#[test]
fn referers_lose_their_secrets() {
    fn check(referer: &str, expected: &str) {
        let redaction = redaction();
        let redacted = redaction.referer(referer.as_bytes()).into_owned();
        assert_eq!(String::from_utf8(redacted).unwrap(), expected, "{referer}");
    }
    check("https://media.lan/", "https://media.lan/");
    check("https://media.lan:8443/a/b?c=d&e", "https://media.lan:8443/a/b?c=d&e");
    check("https://media.lan/a?token=s3cret&b=1", "https://media.lan/a?token=[redacted]&b=1");
    check("https://media.lan?token=s3cret", "https://media.lan?token=[redacted]");
    check("https://alice:s3cret@media.lan/a", "https://media.lan/a");
    check("https://alice@s3cret@media.lan/a@b", "https://media.lan/a@b");
    check("https://media.lan/a#token=s3cret", "https://media.lan/a");
    check("https://media.lan/.stagedoor/enter?code", "https://media.lan/.stagedoor/enter[redacted]");
    check("alice:s3cret@media.lan", "media.lan");
    check("//alice:s3cret@media.lan/a", "//media.lan/a");
    check("https:/alice:s3cret@media.lan/a", "https:/media.lan/a");
    check("https:\\\\alice:s3cret@media.lan\\a", "https:\\\\media.lan\\a");
    // What stands in a query or a path is no scheme.
    check("/a?token=s3cret&to=http://b/", "/a?token=[redacted]&to=http://b/");
    check("https:?token=s3cret&to=http://b/", "https:?token=[redacted]&to=http://b/");
    check("/.stagedoor/enter/s3cret?to=http://b/", "/.stagedoor/enter[redacted]");
    check("about:blank", "about:blank");
    check("", "");
    check(&format!("https://media.lan/{JWT}"), "https://media.lan/[redacted]");
    check(&format!("https://{JWT}/"), "https://[redacted]/");
}
