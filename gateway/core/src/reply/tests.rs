#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};

use super::*;
use crate::denial::{LimitExceeded, TokenFault};
use crate::request::{Protocol, heads};
use crate::response_out::{HeaderSettings, Preset};

const ID: &str = "01900000-0000-7000-8000-000000000001";

fn format_of(shape: ErrorShape) -> RefusalFormat<'static> {
    RefusalFormat { shape, page: None, realm: "anime" }
}

/// A browser asks for a page of an app that takes codes.
const BROWSER: PageContext<'static> =
    PageContext { app: Some("anime"), repeatable: true, return_path: Some("/films?page=2&q=<"), user: None };

fn page_of(denial: &Denial, context: PageContext<'_>) -> (Reply, String) {
    let format = RefusalFormat { page: Some(context), ..format_of(ErrorShape::Problem) };
    let reply = Reply::from_denial(denial, format, ID);
    let html = String::from_utf8(reply.body.clone()).unwrap();
    (reply, html)
}

fn field(reply: &Reply, name: &str) -> String {
    let lines: Vec<&str> = reply.fields.get_all(name).iter().map(|v| v.to_str().unwrap()).collect();
    if lines.is_empty() { "-".to_owned() } else { lines.join(" || ") }
}

fn limited(millis: u64) -> Denial {
    Denial::RateLimited(LimitExceeded {
        limit: Arc::from("app.ip-1"),
        retry_after: Duration::from_millis(millis),
    })
}

#[test]
fn bodies_have_the_shape_that_is_asked_for() {
    let check = |denial: &Denial, shape, kind: &str, expected: Value| {
        let reply = Reply::from_denial(denial, format_of(shape), ID);
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
    check(
        &Denial::TooManyStreams,
        ErrorShape::Problem,
        "application/problem+json",
        json!({
            "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
            "title": "Too Many Requests", "status": 429, "detail": "Too many streams are open already",
            "instance": format!("urn:uuid:{ID}"), "code": "too_many_streams",
            "violated-policies": ["streams.per_user"],
        }),
    );
    let problem = Reply::from_denial(&missing, format_of(ErrorShape::Problem), ID);
    assert!(problem.body.starts_with(b"{\"type\":\"about:blank\",\"title\":"));
}

#[test]
fn each_status_brings_its_fields() {
    let check = |denial: Denial, name: &str, expected: &str| {
        for shape in [ErrorShape::Problem, ErrorShape::Fastapi, ErrorShape::Error] {
            for page in [None, Some(BROWSER)] {
                let reply = Reply::from_denial(&denial, RefusalFormat { page, ..format_of(shape) }, ID);
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
    check(
        Denial::MfaRequired(Arc::default()),
        challenge,
        "Bearer realm=\"anime\", error=\"insufficient_user_authentication\"",
    );
    check(
        Denial::MfaRequired("gold \"odd\"".into()),
        challenge,
        "Bearer realm=\"anime\", error=\"insufficient_user_authentication\", acr_values=\"gold \\\"odd\\\"\"",
    );
    check(Denial::RoleMissing, challenge, "-");
    check(Denial::NotFound, challenge, "-");
    check(limited(0), "retry-after", "1");
    check(limited(59_001), "retry-after", "60");
    check(Denial::Draining, "retry-after", "5");
    check(Denial::IdentityUnavailable, "retry-after", "5");
    check(Denial::UpstreamTimeout, "retry-after", "-");
    check(Denial::MethodNotAllowed { allow: Arc::from("GET, HEAD") }, "allow", "GET, HEAD");
    check(Denial::MethodNeverAllowed, "allow", "");
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
    let context = PageContext { app: Some("<i>"), repeatable: true, return_path: None, user: None };
    let format = RefusalFormat { page: Some(context), ..format_of(ErrorShape::Fastapi) };
    let reply = Reply::from_denial(&Denial::BadRequest("<b>&\"'"), format, "<script>");
    assert_eq!(field(&reply, "content-type"), "text/html; charset=utf-8");
    let page = String::from_utf8(reply.body).unwrap();
    for part in [
        "<title>400 Bad Request · &lt;i&gt;</title>",
        "<span>&lt;i&gt;</span>",
        "&lt;b&gt;&amp;&quot;&#39;",
        "<code>&lt;script&gt;</code>",
        "width=device-width",
        "prefers-color-scheme",
        "<html lang=\"en\">",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    for absent in ["<b>", "<i>", "<script", "http://", "https://", "url(", " style=", "onclick"] {
        assert!(!page.contains(absent), "{absent}\n{page}");
    }
    // Before an app is known there is no name to tell.
    let (_, page) = page_of(&Denial::UnknownHost, PageContext { app: None, return_path: None, ..BROWSER });
    assert!(page.contains("<title>421 Misdirected Request</title>"), "{page}");
}

#[test]
fn a_page_that_asks_who_comes_takes_a_code_and_remembers_the_way() {
    for denial in [Denial::TokenMissing, Denial::TokenExpired, Denial::TokenInvalid(TokenFault::Issuer)] {
        let (reply, page) = page_of(&denial, BROWSER);
        for part in [
            "<form method=\"post\" action=\"/.stagedoor/enter\">",
            "<label for=\"code\">",
            "<input id=\"code\" name=\"code\" required",
            "<input type=\"hidden\" name=\"to\" value=\"/films?page=2&amp;q=&lt;\">",
            "enter link",
            ID,
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert_eq!(field(&reply, "content-security-policy"), expected_policy(&page), "{denial:?}");
        // Without a referrer a browser would send the form with `Origin: null`.
        assert_eq!(field(&reply, "referrer-policy"), "same-origin");
        // The front page needs no reminder; an app that keeps no token in a browser takes no code.
        let (_, page) = page_of(&denial, PageContext { return_path: Some("/"), ..BROWSER });
        assert!(page.contains("<form") && !page.contains("name=\"to\""), "{page}");
        let (reply, page) = page_of(&denial, PageContext { return_path: None, ..BROWSER });
        assert!(!page.contains("<form") && !page.contains("enter link"), "{page}");
        assert_eq!(field(&reply, "content-security-policy"), expected_policy(&page));
    }
}

#[test]
fn a_link_that_no_longer_works_is_told_in_a_guests_words() {
    let (_, page) = page_of(&Denial::LinkInvalid, PageContext { repeatable: false, ..BROWSER });
    assert!(page.contains("Ask the person who gave it to you") && page.contains("<form"), "{page}");
    assert!(!page.contains("stagedoor token"), "{page}");
    assert!(Denial::LinkInvalid.reason().contains("stagedoor token --link"), "the operator is told");
    // Who is in already may simply go on.
    let (_, page) = page_of(&Denial::LinkInvalid, PageContext { user: Some("<eve>"), ..BROWSER });
    assert!(page.contains("as <strong>&lt;eve&gt;</strong>") && page.contains("href=\"/\""), "{page}");
    assert!(!page.contains("<form"), "{page}");
}

#[test]
fn a_page_says_how_long_to_wait_and_loads_nothing_by_itself() {
    for (millis, words) in [
        (400, "1 second"),
        (39_001, "40 seconds"),
        (90_000, "90 seconds"),
        (91_000, "2 minutes"),
        (3_600_000, "60 minutes"),
        (5_401_000, "2 hours"),
        (172_800_000, "48 hours"),
        (172_801_000, "3 days"),
    ] {
        let (reply, page) = page_of(&limited(millis), BROWSER);
        let seconds = millis.div_ceil(1000);
        assert!(page.contains(&format!("data-seconds=\"{seconds}\">{words}</strong>")), "{page}");
        assert!(page.contains("<a class=\"button\" id=\"again\" href=\"\">Try again</a>"), "{page}");
        assert!(page.contains("role=\"status\""), "{page}");
        assert!(!page.contains("http-equiv") && !page.contains("reload"), "{page}");
        assert_eq!(field(&reply, "content-security-policy"), expected_policy(&page));
        assert_eq!(field(&reply, "refresh"), "-");
    }
    // What was sent by a form is not sent again by a link.
    let (_, page) = page_of(&limited(1000), PageContext { repeatable: false, ..BROWSER });
    assert!(!page.contains("id=\"again\"") && page.contains("go back and send it again"), "{page}");
    let (_, page) = page_of(&Denial::UpstreamTimeout, BROWSER);
    assert!(page.contains("id=\"again\"") && !page.contains("<script"), "{page}");
    let (_, page) = page_of(&Denial::UpstreamTimeout, PageContext { repeatable: false, ..BROWSER });
    assert!(!page.contains("id=\"again\""), "{page}");
    let (_, page) = page_of(&Denial::RoleMissing, BROWSER);
    assert!(page.contains("href=\"/.stagedoor/\""), "{page}");
    for (return_path, offered) in [(BROWSER.return_path, true), (None, false)] {
        let (_, page) = page_of(&Denial::AmbiguousCredentials, PageContext { return_path, ..BROWSER });
        assert_eq!(page.contains("href=\"/.stagedoor/leave\""), offered, "{page}");
    }
    let (_, page) = page_of(&Denial::RoleMissing, PageContext { return_path: None, ..BROWSER });
    assert!(!page.contains("href=\"/.stagedoor/\""), "{page}");
}

/// The policy that allows exactly what stands in a page.
fn expected_policy(page: &str) -> String {
    let scripts = match page.contains("<script") {
        true => format!("script-src '{}'; ", hash(block(page, "<script>", "</script>"))),
        false => String::new(),
    };
    let form = if page.contains("<form") { "'self'" } else { "'none'" };
    let style = hash(block(page, "<style>", "</style>"));
    format!(
        "default-src 'none'; {scripts}form-action {form}; style-src '{style}'; base-uri 'none'; frame-ancestors 'none'"
    )
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

const BOB: TokenSummary<'static> =
    TokenSummary { user: "bob <b>", expires: 1_794_519_600, seconds_left: 43_195 };

fn confirm(replaces: Option<&'static str>, submits_itself: bool) -> GatewayPage<'static> {
    let replaces = replaces.map(Cow::Borrowed);
    GatewayPage::ConfirmCode { token: BOB, code: "\"><b>", return_path: "/a?b&c", replaces, submits_itself }
}

fn own_page(page: GatewayPage<'_>) -> (Reply, String) {
    let reply = Reply::from_page(&PageReply::Html(page), "anime<");
    let html = String::from_utf8(reply.body.clone()).unwrap();
    (reply, html)
}

#[test]
fn own_pages_allow_what_they_hold_and_nothing_else() {
    let pages = [
        (GatewayPage::SignedIn(BOB), true, true),
        (GatewayPage::NotSignedIn { denial: &Denial::TokenMissing, return_path: Some("/") }, true, false),
        (GatewayPage::NotSignedIn { denial: &Denial::TokenExpired, return_path: None }, false, false),
        (GatewayPage::NotRequired, false, false),
        (GatewayPage::EnterCode { direct: false }, true, true),
        (GatewayPage::EnterCode { direct: true }, true, true),
        (GatewayPage::NoCodes, false, false),
        (confirm(None, true), true, true),
        (confirm(Some("eve"), false), true, true),
        (GatewayPage::CodeRedeemed { return_path: "/a?b&c" }, false, false),
        (GatewayPage::ConfirmSignOut, true, false),
        (GatewayPage::SignedOut, false, false),
    ];
    for (page, form, script) in pages {
        let name = format!("{page:?}");
        let (reply, html) = own_page(page);
        assert_eq!((html.contains("<form"), html.contains("<script")), (form, script), "{name}");
        assert_eq!(field(&reply, "content-security-policy"), expected_policy(&html), "{name}");
        assert!(html.contains(" · anime&lt;</title>") && html.contains("<span>anime&lt;</span>"), "{name}");
        assert_eq!(html.matches("<h1>").count(), 1, "{name}");
        for absent in
            ["http://", "https://", "url(", " style=", "onclick", "onload", "<img", "<link", "<b>", "anime<"]
        {
            assert!(!html.contains(absent), "{name}: {absent}\n{html}");
        }
        // Without a referrer a browser would send our own forms with `Origin: null`.
        let referrer = if form { "same-origin" } else { "-" };
        assert_eq!(field(&reply, "referrer-policy"), referrer, "{name}");
    }
    let nothing = Reply::from_page(&PageReply::Empty, "anime");
    assert_eq!((nothing.status, nothing.body.len()), (StatusCode::NO_CONTENT, 0));
    let told = |token| Reply::from_page(&PageReply::Json(token), "anime").body;
    assert_eq!(told(None), br#"{"app":"anime","user":null,"expires_in":null}"#);
    assert_eq!(told(Some(BOB)), br#"{"app":"anime","user":"bob <b>","expires_in":43195}"#);
}

#[test]
fn what_a_code_is_worth_is_said_before_it_is_used_up() {
    let facts = [
        "<dd>anime&lt;</dd>",
        "<strong>bob &lt;b&gt;</strong>",
        "<dd>12 hours</dd>",
        "<time datetime=\"2026-11-12T21:40:00Z\">12 November 2026, 21:40 UTC</time>",
    ];
    let (_, page) = own_page(confirm(None, true));
    for part in facts.into_iter().chain([
        "name=\"code\" value=\"&quot;&gt;&lt;b&gt;\"",
        "name=\"to\" value=\"/a?b&amp;c\"",
        "<input type=\"hidden\" name=\"auto\" value=\"\">",
        "id=\"goes\" hidden",
    ]) {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(!page.contains("in already"), "{page}");
    // Somebody is in: a person decides who gives way.
    let (_, page) = own_page(confirm(Some("eve"), false));
    assert!(page.contains("in already as <strong>eve</strong>"), "{page}");
    assert!(!page.contains("name=\"auto\"") && !page.contains("id=\"goes\""), "{page}");
    let (_, page) = own_page(confirm(Some(""), false));
    assert!(page.contains("in already. If you go on"), "{page}");
    // The same of who is in, with the way out.
    let (_, page) = own_page(GatewayPage::SignedIn(BOB));
    for part in facts.into_iter().chain(["action=\"/.stagedoor/leave\""]) {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let look = |direct| own_page(GatewayPage::EnterCode { direct }).1;
    assert!(look(true).contains("name=\"look\" value=\"go\"") && look(false).contains("value=\"ask\""));
    let (_, page) = own_page(GatewayPage::CodeRedeemed { return_path: "/a?b&c" });
    assert!(page.contains("content=\"0; url=/a?b&amp;c\"") && page.contains("href=\"/a?b&amp;c\""), "{page}");
}

/// The answer to a request over HTTPS.
fn over_https<'a>(cors: &'a CorsGrant, limits: &'a ChargedLimits) -> ResponseContext<'a> {
    let (port, server_timing) = (None, None);
    ResponseContext { https: true, host: "media.example", port, request_id: ID, cors, limits, server_timing }
}

#[test]
fn an_own_page_is_dressed_and_sets_its_cookies() {
    let (cors, tickets) = (CorsGrant::default(), ChargedLimits::default());
    let at = over_https(&cors, &tickets);
    let cookies = vec![HeaderValue::from_static("a=1"), HeaderValue::from_static("b=2")];
    let page = PageReply::Html(GatewayPage::EnterCode { direct: false });
    let reply = Reply::gateway_page(&page, "anime", cookies, ResponsePolicy::bare(), &at);
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
fn every_refusal_carries_its_code_in_a_field_of_its_own() {
    let denials = [
        Denial::BadRequest("x"),
        Denial::TokenMissing,
        Denial::TokenInvalid(TokenFault::Signature),
        Denial::RoleMissing,
        Denial::NotFound,
        Denial::MethodNotAllowed { allow: "GET".into() },
        Denial::BodyTooLarge { max: 1 },
        limited(10),
        Denial::Overloaded,
        Denial::AppBusy,
        Denial::TooManyStreams,
        Denial::UpstreamUnreachable(crate::denial::UpstreamFault::Refused),
        Denial::UpstreamTimeout,
        Denial::Internal("x"),
    ];
    for denial in denials {
        for shape in [ErrorShape::Problem, ErrorShape::Fastapi, ErrorShape::Error] {
            for page in [None, Some(BROWSER)] {
                let format = RefusalFormat { page, ..format_of(shape) };
                assert_eq!(
                    field(&Reply::from_denial(&denial, format, ID), "x-stagedoor-code"),
                    denial.code()
                );
            }
        }
        assert_eq!(field(&Reply::early(&denial, ID), "x-stagedoor-code"), denial.code());
    }
}

#[test]
fn scripts_of_allowed_origins_may_read_the_code() {
    let refused = |expose: &[&'static str], allowed: bool| {
        let mut headers =
            vec![(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://a.example"))];
        headers.extend(
            expose
                .iter()
                .map(|names| (header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(names))),
        );
        let cors = CorsGrant { headers: if allowed { headers } else { Vec::new() }, vary: true };
        let tickets = ChargedLimits::default();
        let at = ResponseContext { https: false, host: "m", ..over_https(&cors, &tickets) };
        let refusal = Reply::refusal(
            &Denial::TokenMissing,
            format_of(ErrorShape::Problem),
            ResponsePolicy::bare(),
            &at,
        );
        field(&refusal, "access-control-expose-headers")
    };
    assert_eq!(refused(&[], true), "x-stagedoor-code");
    assert_eq!(refused(&["ratelimit, x-request-id"], true), "ratelimit, x-request-id, x-stagedoor-code");
    assert_eq!(refused(&["*"], true), "*");
    assert_eq!(refused(&["ratelimit"], false), "-");
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

    let allow = (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://a.example"));
    let preflight = Reply::from_preflight(&Preflight { headers: vec![allow] });
    check(
        &preflight,
        false,
        false,
        "HTTP/1.1 204 No Content\naccess-control-allow-origin: https://a.example\nconnection: keep-alive\n\n",
    );
    assert!(Reply::from_denial(&Denial::BadRequest("x"), format_of(ErrorShape::Problem), ID).close);
    assert!(!Reply::from_denial(&Denial::TokenMissing, format_of(ErrorShape::Problem), ID).close);
}

#[test]
fn navigations() {
    let check = |method: &str, fields: &[(&str, &str)], expected: bool| {
        let with = |method| {
            let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
            heads::build((method, b"/", Protocol::Http11), "media.example", fields).unwrap()
        };
        let head = with(method);
        assert_eq!(is_navigation(&head), expected, "{method} {:?}", head.fields());
        assert_eq!(accepts_page(&head), is_navigation(&with("GET")), "{method} {:?}", head.fields());
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
fn of_an_apps_answer_to_a_preflight_its_cors_fields_are_kept() {
    let cors = CorsGrant {
        headers: vec![(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://b.example"))],
        vary: true,
    };
    let limits = ChargedLimits::default();
    let of_app = [
        ("access-control-allow-origin", "https://a.example"),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
        ("access-contro", "x"),
        ("accept", "x"),
        ("set-cookie", "a=1"),
        ("server", "x"),
    ];
    let of_app: FieldList = of_app
        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
        .into_iter()
        .collect();
    let policy =
        ResponsePolicy::compile(&HeaderSettings { cors_app: true, ..HeaderSettings::of(Preset::Api) });
    let reply = Reply::app_preflight(StatusCode::NO_CONTENT, &of_app, &policy, &over_https(&cors, &limits));
    assert_eq!((reply.status, reply.body.is_empty(), reply.close), (StatusCode::NO_CONTENT, true, false));
    for (name, value) in [
        ("access-control-allow-origin", "https://a.example"),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
        ("access-contro", "-"),
        ("accept", "-"),
        ("set-cookie", "-"),
        ("server", "-"),
        ("x-request-id", ID),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(field(&reply, name), value, "{name}");
    }
}

#[test]
fn a_whole_refusal_carries_what_every_answer_carries() {
    let cors = CorsGrant {
        headers: vec![(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://a.example"))],
        vary: true,
    };
    let tickets = ChargedLimits::default();
    let at = over_https(&cors, &tickets);
    let allowed =
        Preflight { headers: vec![(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"))] };
    let page = RefusalFormat { page: Some(BROWSER), ..format_of(ErrorShape::Problem) };
    let bare = ResponsePolicy::bare();
    let api = "default-src 'none'; frame-ancestors 'none'";
    let policy = expected_policy(&page_of(&Denial::NotFound, BROWSER).1);
    let hash = &*policy;
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
    check(
        Reply::refusal(&Denial::NotFound, format_of(ErrorShape::Error), bare, &at),
        "https://a.example",
        api,
    );
    check(Reply::refusal(&Denial::NotFound, page, bare, &at), "https://a.example", hash);
    check(Reply::preflight(&allowed, bare, &at), "-", api);
    check(Reply::text(StatusCode::OK, "text/plain", Vec::new(), bare, &at), "https://a.example", api);
    check(Reply::early(&Denial::BadRequest("no Host"), ID), "-", api);
}
