#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use super::*;
use crate::denial::TokenFault;
use crate::request::{Version, heads};

const ID: &str = "01900000-0000-7000-8000-000000000001";

fn manner(shape: ErrorShape) -> Manner<'static> {
    Manner { shape, navigation: false, realm: "anime" }
}

fn field(reply: &Reply, name: &str) -> String {
    let lines: Vec<&str> = reply.fields.get_all(name).iter().map(|v| v.to_str().unwrap()).collect();
    if lines.is_empty() { "-".to_owned() } else { lines.join(" || ") }
}

fn limited(millis: u64) -> Denial {
    Denial::RateLimited(Exhausted {
        limit: Arc::from("app.ip-1"),
        retry_after: Duration::from_millis(millis),
    })
}

#[test]
fn bodies_have_the_shape_that_is_asked_for() {
    let check = |denial: &Denial, shape, kind: &str, expected: Value| {
        let reply = Reply::of(denial, manner(shape), ID);
        assert_eq!(field(&reply, "content-type"), kind);
        assert_eq!(serde_json::from_slice::<Value>(&reply.body).unwrap(), expected);
        assert_eq!(reply.status, denial.status());
    };
    let missing = Denial::TokenMissing;
    check(&missing, ErrorShape::Fastapi, "application/json", json!({"detail": "Not authenticated"}));
    check(&missing, ErrorShape::Error, "application/json", json!({"error": "Not authenticated"}));
    check(
        &missing,
        ErrorShape::Problem,
        "application/problem+json",
        json!({
            "type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "Not authenticated",
            "instance": format!("urn:uuid:{ID}"), "code": "token_missing",
        }),
    );
    check(
        &limited(1500),
        ErrorShape::Problem,
        "application/problem+json",
        json!({
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Too Many Requests", "status": 429,
            "detail": "Too many requests; try again in 2 seconds",
            "instance": format!("urn:uuid:{ID}"), "code": "rate_limited", "violated-policies": ["app.ip-1"],
        }),
    );
    let problem = Reply::of(&missing, manner(ErrorShape::Problem), ID);
    assert!(problem.body.starts_with(b"{\"type\":\"about:blank\",\"title\":"));
}

#[test]
fn each_status_brings_its_fields() {
    let check = |denial: Denial, name: &str, expected: &str| {
        for shape in [ErrorShape::Problem, ErrorShape::Fastapi, ErrorShape::Error] {
            for navigation in [false, true] {
                let reply = Reply::of(&denial, Manner { navigation, ..manner(shape) }, ID);
                assert_eq!(field(&reply, name), expected, "{denial:?}");
                assert_eq!(field(&reply, "location"), "-");
            }
        }
    };
    let challenge = "www-authenticate";
    check(Denial::TokenMissing, challenge, "Bearer realm=\"anime\"");
    check(Denial::TokenExpired, challenge, "Bearer realm=\"anime\", error=\"invalid_token\"");
    check(
        Denial::TokenInvalid(TokenFault::Issuer),
        challenge,
        "Bearer realm=\"anime\", error=\"invalid_token\"",
    );
    check(Denial::ScopeMissing, challenge, "Bearer realm=\"anime\", error=\"insufficient_scope\"");
    check(Denial::RoleMissing, challenge, "-");
    check(Denial::NotFound, challenge, "-");
    check(limited(0), "retry-after", "1");
    check(limited(59_001), "retry-after", "60");
    check(Denial::Draining, "retry-after", "5");
    check(Denial::IdentityUnavailable, "retry-after", "5");
    check(Denial::UpstreamTimeout, "retry-after", "-");
    check(Denial::MethodNotAllowed { allow: Arc::from("GET, HEAD") }, "allow", "GET, HEAD");
    check(Denial::MethodNotAllowed { allow: Arc::from("") }, "allow", "");
    check(Denial::NotFound, "allow", "-");
}

#[test]
fn a_realm_cannot_leave_its_quotes() {
    let check = |realm, expected: &str| {
        assert_eq!(challenge(&Denial::TokenMissing, realm).unwrap(), expected);
    };
    check("a b", "Bearer realm=\"a b\"");
    check("a\", error=\"x\\", "Bearer realm=\"a\\\", error=\\\"x\\\\\"");
    check("a\r\nset-cookie: x\u{e9}", "Bearer realm=\"aset-cookie: x\"");
}

#[test]
fn a_navigation_gets_a_page() {
    let manner = Manner { navigation: true, ..manner(ErrorShape::Fastapi) };
    let reply = Reply::of(&Denial::AmbiguousPath("<b>&\"'"), manner, "<script>");
    assert_eq!(field(&reply, "content-type"), "text/html; charset=utf-8");
    let page = String::from_utf8(reply.body).unwrap();
    for part in [
        "<title>400 Bad Request</title>",
        "&lt;b&gt;&amp;&quot;&#39;",
        "<code>&lt;script&gt;</code>",
        "width=device-width",
        "prefers-color-scheme",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    for absent in ["<b>", "<script", "http://", "https://", "url(", " style=", "onclick"] {
        assert!(!page.contains(absent), "{absent}\n{page}");
    }
    let page = String::from_utf8(Reply::of(&Denial::TokenMissing, manner, ID).body).unwrap();
    assert!(page.contains("Not authenticated") && page.contains("Open your enter link") && page.contains(ID));
}

#[test]
fn the_page_allows_its_one_style_block_alone() {
    let style = hash(page::STYLE);
    let expected = format!(
        "default-src 'none'; form-action 'none'; style-src '{style}'; base-uri 'none'; frame-ancestors 'none'"
    );
    assert_eq!(page::POLICY, expected);
    let manner = Manner { navigation: true, ..manner(ErrorShape::Problem) };
    assert_eq!(field(&Reply::of(&Denial::NotFound, manner, ID), "content-security-policy"), expected);
}

/// As a policy names a block.
fn hash(block: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, block.as_bytes());
    format!("sha256-{}", base64::engine::general_purpose::STANDARD.encode(digest))
}

/// What stands between two marks of a page, where there is one such block alone.
fn block<'p>(page: &'p str, from: &str, to: &str) -> &'p str {
    let (_, rest) = page.split_once(from).unwrap();
    let (block, rest) = rest.split_once(to).unwrap();
    assert!(!rest.contains(from), "a second {from}");
    block
}

#[test]
fn own_pages_allow_what_they_hold_and_nothing_else() {
    let pages = [
        (OwnPage::Enter { occupied: false }, "form-action 'self'"),
        (OwnPage::Enter { occupied: true }, "form-action 'self'"),
        (OwnPage::Entered, "form-action 'none'"),
        (OwnPage::Leave, "form-action 'self'"),
        (OwnPage::Left, "form-action 'none'"),
    ];
    for (page, form) in pages {
        let reply = Reply::of_own(page);
        let html = String::from_utf8(reply.body.clone()).unwrap();
        let scripts = if html.contains("<script") {
            format!("script-src '{}'; ", hash(block(&html, "<script>", "</script>")))
        } else {
            String::new()
        };
        let style = hash(block(&html, "<style>", "</style>"));
        let expected = format!(
            "default-src 'none'; {scripts}{form}; style-src '{style}'; base-uri 'none'; frame-ancestors 'none'"
        );
        assert_eq!(field(&reply, "content-security-policy"), expected, "{page:?}");
        assert_eq!(html.contains("<script"), matches!(page, OwnPage::Enter { .. }), "{page:?}");
        for absent in ["http://", "https://", "url(", " style=", "onclick", "onload", "<img", "<link"] {
            assert!(!html.contains(absent), "{page:?}: {absent}\n{html}");
        }
        // Without a referrer a browser would send our own forms with `Origin: null`.
        let referrer = if html.contains("<form") { "same-origin" } else { "-" };
        assert_eq!(field(&reply, "referrer-policy"), referrer, "{page:?}");
    }
    let waits = |occupied| {
        let page = Reply::of_own(OwnPage::Enter { occupied });
        String::from_utf8(page.body).unwrap().contains("action=\"/.stagedoor/enter\" data-waits>")
    };
    assert!(waits(true) && !waits(false));
    let nothing = Reply::of_own(OwnPage::Nothing);
    assert_eq!((nothing.status, nothing.body.len()), (StatusCode::NO_CONTENT, 0));
}

#[test]
fn an_own_page_is_dressed_and_sets_its_cookies() {
    let (cors, tickets) = (CorsGrant::default(), Tickets::default());
    let at = Circumstances {
        https: true,
        host: "media.example",
        request_id: ID,
        cors: &cors,
        tickets: &tickets,
        server_timing: None,
    };
    let cookies = vec![HeaderValue::from_static("a=1"), HeaderValue::from_static("b=2")];
    let reply = Reply::own(OwnPage::Enter { occupied: false }, cookies, ResponsePolicy::bare(), &at);
    for (name, value) in [
        ("set-cookie", "a=1 || b=2"),
        ("cache-control", "no-store"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("x-request-id", ID),
        ("access-control-allow-origin", "-"),
        ("location", "-"),
    ] {
        assert_eq!(field(&reply, name), value, "{name}");
    }
}

#[test]
fn bytes_on_the_wire() {
    let check = |reply: &Reply, head_only, close, expected: &str| {
        assert_eq!(String::from_utf8(reply.to_h1(head_only, close)).unwrap(), expected.replace('\n', "\r\n"));
    };
    let reply = Reply::plain(StatusCode::FORBIDDEN, "text/plain", b"no".to_vec());
    let head = "HTTP/1.1 403 Forbidden\ncontent-type: text/plain\ncontent-length: 2\n";
    check(&reply, false, false, &format!("{head}connection: keep-alive\n\nno"));
    check(&reply, true, false, &format!("{head}connection: keep-alive\n\n"));
    check(&reply, false, true, &format!("{head}connection: close\n\nno"));
    let closing = Reply { close: true, ..reply };
    check(&closing, false, false, &format!("{head}connection: close\n\nno"));

    let allow = ("access-control-allow-origin", HeaderValue::from_static("https://a.example"));
    let preflight = Reply::of_preflight(&Preflight { headers: vec![allow] });
    check(
        &preflight,
        false,
        false,
        "HTTP/1.1 204 No Content\naccess-control-allow-origin: https://a.example\nconnection: keep-alive\n\n",
    );
    assert!(Reply::of(&Denial::BadRequest("x"), manner(ErrorShape::Problem), ID).close);
    assert!(!Reply::of(&Denial::TokenMissing, manner(ErrorShape::Problem), ID).close);
}

#[test]
fn navigations() {
    let check = |method: &str, fields: &[(&str, &str)], expected: bool| {
        let with = |method| {
            let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
            heads::build((method, b"/", Version::Http11), "media.example", fields).unwrap()
        };
        let head = with(method);
        assert_eq!(is_navigation(&head), expected, "{method} {:?}", head.fields());
        assert_eq!(shows_page(&head), is_navigation(&with("GET")), "{method} {:?}", head.fields());
    };
    check("GET", &[("Sec-Fetch-Mode", "navigate"), ("Accept", "*/*")], true);
    check("POST", &[("sec-fetch-mode", "navigate")], true);
    check("GET", &[("Sec-Fetch-Mode", "cors"), ("Accept", "text/html")], false);
    check("GET", &[("Sec-Fetch-Mode", "websocket")], false);
    check("GET", &[("Accept", "application/xhtml+xml, Text/HTML;q=0.9")], true);
    check("HEAD", &[("Accept", "text/html")], true);
    check("POST", &[("Accept", "text/html")], false);
    check("GET", &[("Accept", "*/*")], false);
    check("GET", &[("Accept", "application/json, text/plain, */*")], false);
    check("GET", &[("Accept", "text/html5, x/text/html")], false);
    check("GET", &[], false);
}

#[test]
fn a_whole_refusal_carries_what_every_answer_carries() {
    let cors = CorsGrant {
        headers: vec![("access-control-allow-origin", HeaderValue::from_static("https://a.example"))],
        vary: true,
    };
    let tickets = Tickets::default();
    let at = Circumstances {
        https: true,
        host: "media.example",
        request_id: ID,
        cors: &cors,
        tickets: &tickets,
        server_timing: None,
    };
    let allowed = Preflight { headers: vec![("access-control-max-age", HeaderValue::from_static("600"))] };
    let page = Manner { navigation: true, ..manner(ErrorShape::Problem) };
    let bare = ResponsePolicy::bare();
    let api = "default-src 'none'; frame-ancestors 'none'";
    let policy = page::POLICY;
    let hash = policy.to_str().unwrap();
    let check = |reply: Reply, cors: &str, csp: &str| {
        for (name, value) in [
            ("x-request-id", ID),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("content-security-policy", csp),
            ("access-control-allow-origin", cors),
            ("ratelimit", "-"),
        ] {
            assert_eq!(field(&reply, name), value, "{name}");
        }
    };
    check(Reply::refusal(&Denial::NotFound, manner(ErrorShape::Error), bare, &at), "https://a.example", api);
    check(Reply::refusal(&Denial::NotFound, page, bare, &at), "https://a.example", hash);
    check(Reply::preflight(&allowed, bare, &at), "-", api);
    check(Reply::text(StatusCode::OK, "text/plain", Vec::new(), bare, &at), "https://a.example", api);
    check(Reply::early(&Denial::BadRequest("no Host"), ID), "-", api);
}
