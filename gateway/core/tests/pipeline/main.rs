//! The order of the checks, from the configuration's text and the bytes of a request.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod destinations;
mod gateway_pages;
mod one_secret;
mod pairs;
mod preflights;
mod readings;

use std::net::IpAddr;
use std::time::Duration;

use bytes::BytesMut;

use one_secret::OneSecret;
use stagedoor_config::{SourceFile, compile};
use stagedoor_core::clock::Now;
use stagedoor_core::denial::Denial;
use stagedoor_core::guard::jwt::TokenClaims;
use stagedoor_core::head::{Parsed, parse};
use stagedoor_core::pipeline::{Admission, Arrival, Trail, admit};
use stagedoor_core::policy::Policy;
use stagedoor_core::request::{Peer, PeerAddress, Scheme};
use stagedoor_core::request_out::write_preflight;
use stagedoor_core::tls::Transport;

fn now() -> Now {
    Now::new(Duration::from_secs(10_000), Duration::from_secs(1_790_000_000))
}

fn policy(text: &str) -> Policy {
    match compile(&[SourceFile { name: "t.toml".into(), text: text.to_owned() }], &OneSecret, None, now()) {
        Ok(compiled) => compiled.policy,
        Err(problems) => panic!("{problems:#?}\n{text}"),
    }
}

/// A token of the first provider; it ends after an hour.
fn token(policy: &Policy, user: &str, roles: &[&str], at: Now) -> String {
    let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    policy.providers[0]
        .jwt()
        .unwrap()
        .sign(user, &roles, &["read".to_owned()], Duration::from_secs(3600), "1", at)
        .unwrap()
}

/// A token of `bob`, who used a second factor.
fn token_with_second_factor(policy: &Policy) -> String {
    let claims = TokenClaims { user: "bob", roles: &["user".to_owned()], scopes: &[], second_factor: true };
    let house = policy.providers[0].jwt().unwrap();
    house.sign_claims(claims, Duration::from_secs(3600), "1", now()).unwrap()
}

/// A request with `{bob}`, `{mfa}` (bob with a second factor), `{eve}`, `{admin}` (of that role), `{old}` and `{bad}` in place of
/// tokens.
fn filled(policy: &Policy, request: &str) -> String {
    let long_ago = Now::new(Duration::ZERO, now().unix() - Duration::from_secs(7200));
    let bob = token(policy, "bob", &["user"], now());
    let bad = format!("{}AAAA", &bob[..bob.len() - 4]);
    request
        .replace("{bob}", &bob)
        .replace("{bad}", &bad)
        .replace("{mfa}", &token_with_second_factor(policy))
        .replace("{eve}", &token(policy, "eve", &["user"], now()))
        .replace("{admin}", &token(policy, "root", &["admin"], now()))
        .replace("{old}", &token(policy, "bob", &["user"], long_ago))
}

/// What becomes of a request, in few words.
fn outcome(policy: &Policy, from: &str, request: &str) -> String {
    let bytes = filled(policy, request);
    let denied = |denial: &Denial| format!("deny {} {}", denial.status().as_u16(), denial.code());
    let head = match parse(bytes.as_bytes(), &policy.server.limits.head, Scheme::Http) {
        Err(denial) => return denied(&denial),
        Ok(Parsed::Partial) => panic!("not a whole head: {bytes}"),
        Ok(Parsed::Complete(head, _)) => head,
    };
    let ip: IpAddr = from.parse().unwrap();
    let arrival = Arrival {
        peer: Peer { address: PeerAddress::Ip(ip), port: 8080, tls: false },
        transport: &Transport::Plain,
        now: now(),
    };
    match admit(policy, &head, &arrival, &mut Trail::default()) {
        Ok(Admission::Forward(permit)) => format!("forward {}", permit.route().label),
        Ok(Admission::Preflight(preflight)) => {
            let allowed = preflight.headers.iter().any(|(name, _)| *name == "access-control-allow-origin");
            format!("preflight {}", if allowed { "allowed" } else { "silent" })
        }
        Ok(Admission::AppPreflight(permit)) => {
            let mut to_app = BytesMut::new();
            write_preflight(&permit, &head, "1", &mut to_app);
            format!("ask the app {}", String::from_utf8(to_app.to_vec()).unwrap())
        }
        Ok(Admission::GatewayPage(own)) => format!("own {own:?}"),
        Ok(Admission::Redirect(redirect)) => format!("redirect {:?}", redirect.location()),
        Err(denial) => denied(&denial),
    }
}

/// A request of these lines; `\n` ends each.
fn wire(lines: &str) -> String {
    format!("{}\r\n\r\n", lines.trim_end().replace('\n', "\r\n"))
}

/// Checks rows of requests, one after the other, against one policy from one address.
fn check(policy_toml: &str, rows: &[(&str, &str)]) {
    let policy = policy(policy_toml);
    for (number, (request, expected)) in rows.iter().enumerate() {
        assert_eq!(outcome(&policy, "192.0.2.1", &wire(request)), *expected, "row {number}: {request}");
    }
}

const HOUSE: &str = r#"
[auth.house]
kind = "jwt"
keys = [{ secret = { file = "s", generate = true } }]
issuer = "stagedoor"
audience = ["media"]
sources = ["bearer", "header:x-door", "cookie:door", "query:door"]
"#;

const MEDIA: &str = r#"
[app.media]
hosts = ["m.example"]
upstream = "http://127.0.0.1:3000"
auth = "required"
unlisted = "deny"
body.max = "1KiB"
[app.media.cors]
origins = ["https://pages.example"]
methods = ["GET", "POST"]
[[app.media.route]]
match = ["GET /items/{id}", "POST /items"]
name = "items"
[[app.media.route]]
match = "GET /health"
name = "health"
auth = "public"
[[app.media.route]]
match = "POST /hook"
name = "hook"
auth = "public"
[[app.media.route]]
match = "GET /gallery"
name = "gallery"
auth = "optional"
[[app.media.route]]
match = "* /admin/{*rest}"
name = "admin"
roles = ["admin"]
[[app.media.route]]
match = "* /users/{user}/jobs"
name = "jobs"
owner = { param = "user", or_role = "admin" }
[[app.media.route]]
match = "GET /scoped"
name = "scoped"
scopes = ["write"]
[[app.media.route]]
match = "GET /ws"
name = "ws"
[[app.media.route]]
match = "GET /quiet"
name = "quiet"
websocket = false
[[app.media.route]]
match = "POST /upload"
name = "upload"
body.max = "2KiB"
"#;

fn media() -> String {
    format!("{HOUSE}{MEDIA}")
}

#[test]
fn who_may_go_where() {
    check(
        &media(),
        &[
            ("GET /health HTTP/1.1\nHost: m.example", "forward health"),
            ("HEAD /health HTTP/1.1\nHost: m.example", "forward health"),
            ("GET /HEALTH HTTP/1.1\nHost: M.example:8080", "deny 400 ambiguous_path"),
            ("GET /items/1 HTTP/1.1\nHost: m.example", "deny 401 token_missing"),
            ("GET /items/1 HTTP/1.1\nHost: m.example\nAuthorization: Bearer {bob}", "forward items"),
            ("GET /items/1 HTTP/1.1\nHost: m.example\nX-Door: {bob}", "forward items"),
            ("GET /items/1 HTTP/1.1\nHost: m.example\nCookie: a=b; door={bob}", "forward items"),
            ("GET /items/1?door={bob} HTTP/1.1\nHost: m.example", "forward items"),
            ("GET /items/1 HTTP/1.1\nHost: m.example\nAuthorization: Bearer {bad}", "deny 401 token_invalid"),
            ("GET /items/1 HTTP/1.1\nHost: m.example\nAuthorization: Bearer {old}", "deny 401 token_expired"),
            (
                "GET /items/1 HTTP/1.1\nHost: m.example\nAuthorization: Bearer {bob}\nX-Door: {eve}",
                "deny 400 ambiguous_credentials",
            ),
            ("GET /items/1 HTTP/1.1\nHost: m.example\nAuthorization: Basic dTpw", "deny 401 token_missing"),
            ("GET /gallery HTTP/1.1\nHost: m.example", "forward gallery"),
            ("GET /gallery HTTP/1.1\nHost: m.example\nAuthorization: Bearer {bob}", "forward gallery"),
            ("GET /gallery HTTP/1.1\nHost: m.example\nAuthorization: Bearer {bad}", "deny 401 token_invalid"),
            ("GET /health HTTP/1.1\nHost: m.example\nAuthorization: Bearer {bad}", "forward health"),
            ("GET /admin/x HTTP/1.1\nHost: m.example\nX-Door: {bob}", "deny 403 forbidden"),
            ("GET /admin/x HTTP/1.1\nHost: m.example\nX-Door: {admin}", "forward admin"),
            ("DELETE /admin HTTP/1.1\nHost: m.example\nX-Door: {bob}", "deny 403 forbidden"),
            ("GET /users/bob/jobs HTTP/1.1\nHost: m.example\nX-Door: {bob}", "forward jobs"),
            ("GET /users/b%6Fb/jobs HTTP/1.1\nHost: m.example\nX-Door: {bob}", "forward jobs"),
            ("GET /users/bob/jobs HTTP/1.1\nHost: m.example\nX-Door: {eve}", "deny 403 not_owner"),
            ("GET /users/bob/jobs HTTP/1.1\nHost: m.example\nX-Door: {admin}", "forward jobs"),
            ("GET /scoped HTTP/1.1\nHost: m.example\nX-Door: {bob}", "deny 403 forbidden"),
        ],
    );
}

/// A route says it, or its app for every route that asks who the caller is.
#[test]
fn a_second_factor_is_asked_for_where_the_file_says_so() {
    let get = |path: &str, who: &str| {
        let token = if who.is_empty() { String::new() } else { format!("\nX-Door: {{{who}}}") };
        format!("GET {path} HTTP/1.1\nHost: m.example{token}")
    };
    let route = "[[app.media.route]]\nmatch = \"GET /safe\"\nmfa = true\n\
                 [[app.media.route]]\nmatch = \"GET /some\"\nauth = \"optional\"\nmfa = true\n";
    check(
        &format!("{HOUSE}{MEDIA}{route}"),
        &[
            (&get("/safe", "mfa"), "forward GET /safe"),
            (&get("/safe", "bob"), "deny 403 mfa_required"),
            (&get("/safe", "admin"), "deny 403 mfa_required"),
            (&get("/safe", ""), "deny 401 token_missing"),
            (&get("/safe", "old"), "deny 401 token_expired"),
            (&get("/some", "mfa"), "forward GET /some"),
            (&get("/some", "bob"), "deny 403 mfa_required"),
            (&get("/some", ""), "deny 401 token_missing"),
            (&get("/items/1", "bob"), "forward items"),
        ],
    );
    let app = MEDIA.replace("unlisted = \"deny\"", "mfa = true");
    let route = "[[app.media.route]]\nmatch = \"GET /easy\"\nmfa = false\n";
    check(
        &format!("{HOUSE}{app}{route}"),
        &[
            (&get("/items/1", "mfa"), "forward items"),
            (&get("/items/1", "bob"), "deny 403 mfa_required"),
            (&get("/nowhere", "mfa"), "forward -"),
            (&get("/nowhere", "bob"), "deny 403 mfa_required"),
            (&get("/easy", "bob"), "forward GET /easy"),
            (&get("/health", ""), "forward health"),
            (&get("/gallery", ""), "deny 401 token_missing"),
            (&get("/gallery", "bob"), "deny 403 mfa_required"),
        ],
    );
}

#[test]
fn what_is_not_listed_is_refused_before_anybody_is_asked() {
    check(
        &media(),
        &[
            ("GET /nowhere HTTP/1.1\nHost: m.example", "deny 404 not_found"),
            ("PUT /items/1 HTTP/1.1\nHost: m.example", "deny 405 method_not_allowed"),
            ("POST /health HTTP/1.1\nHost: m.example\nContent-Length: 9999", "deny 405 method_not_allowed"),
            ("GET /health HTTP/1.1\nHost: other.example", "deny 421 unknown_host"),
            ("GET /../health HTTP/1.1\nHost: other.example", "deny 421 unknown_host"),
            ("GET /../health HTTP/1.1\nHost: m.example", "deny 400 ambiguous_path"),
            ("GET /%2e%2e/health HTTP/1.1\nHost: m.example", "deny 400 ambiguous_path"),
            ("GET /items%2F1 HTTP/1.1\nHost: m.example", "deny 400 ambiguous_path"),
            ("GET //health HTTP/1.1\nHost: m.example", "deny 400 ambiguous_path"),
            ("GET /health HTTP/1.1", "deny 400 bad_request"),
            ("TRACE /health HTTP/1.1\nHost: m.example", "deny 405 method_not_allowed"),
            (
                "POST /items HTTP/1.1\nHost: m.example\nContent-Length: 1\nTransfer-Encoding: chunked",
                "deny 400 bad_request",
            ),
        ],
    );
}

#[test]
fn a_preflight_needs_no_credential() {
    let preflight = |path: &str, origin: &str, method: &str| {
        format!(
            "OPTIONS {path} HTTP/1.1\nHost: m.example\nOrigin: {origin}\nAccess-Control-Request-Method: {method}"
        )
    };
    let pages = "https://pages.example";
    check(
        &media(),
        &[
            (&preflight("/items/1", pages, "GET"), "preflight allowed"),
            // The route is the one of the method it announces, and needs no route for OPTIONS.
            (&preflight("/items", pages, "POST"), "preflight allowed"),
            (&preflight("/upload", pages, "POST"), "preflight allowed"),
            (&preflight("/items", "https://evil.example", "POST"), "preflight silent"),
            (&preflight("/items", pages, "PUT"), "deny 405 method_not_allowed"),
            (&preflight("/nowhere", pages, "GET"), "deny 404 not_found"),
            (&preflight("/admin/x", pages, "DELETE"), "preflight allowed"),
            (&preflight("/x/../items", pages, "GET"), "deny 400 ambiguous_path"),
            // What only looks like one is a request like any other.
            (
                "OPTIONS /items HTTP/1.1\nHost: m.example\nOrigin: https://pages.example",
                "deny 405 method_not_allowed",
            ),
            (
                "OPTIONS /admin/x HTTP/1.1\nHost: m.example\nOrigin: https://pages.example",
                "deny 401 token_missing",
            ),
            (
                "OPTIONS /admin/x HTTP/1.1\nHost: m.example\nAccess-Control-Request-Method: GET",
                "deny 401 token_missing",
            ),
            (
                "GET /admin/x HTTP/1.1\nHost: m.example\nOrigin: https://pages.example\nAccess-Control-Request-Method: GET",
                "deny 401 token_missing",
            ),
        ],
    );
    let to_the_app = media().replace(
        "[app.media.cors]\norigins = [\"https://pages.example\"]\nmethods = [\"GET\", \"POST\"]\n",
        "cors = \"app\"\n",
    );
    check(&to_the_app, &[(&preflight("/admin/x", pages, "GET"), "deny 401 token_missing")]);
}

#[test]
fn a_preflight_counts() {
    let limited = media().replace("body.max = \"1KiB\"\n", "body.max = \"1KiB\"\nlimit.ip = [\"2/hour\"]\n");
    let preflight = "OPTIONS /items HTTP/1.1\nHost: m.example\nOrigin: https://pages.example\nAccess-Control-Request-Method: POST";
    check(
        &limited,
        &[
            (preflight, "preflight allowed"),
            (preflight, "preflight allowed"),
            (preflight, "deny 429 rate_limited"),
        ],
    );
    // Also where the route leaves the app's limits out; but never against the route's own.
    let exempt = limited
        .replace("name = \"items\"\n", "name = \"items\"\nlimit.app = false\nlimit.ip = [\"1/hour\"]\n");
    let request = "POST /items HTTP/1.1\nHost: m.example\nX-Door: {bob}";
    check(
        &exempt,
        &[
            (preflight, "preflight allowed"),
            (preflight, "preflight allowed"),
            (preflight, "deny 429 rate_limited"),
            (request, "forward items"),
            (request, "deny 429 rate_limited"),
        ],
    );
}

#[test]
fn a_flood_is_cheap_whatever_it_asks() {
    let limited = media().replace("body.max = \"1KiB\"\n", "body.max = \"1KiB\"\nlimit.ip = [\"3/hour\"]\n");
    check(
        &limited,
        &[
            ("GET /nowhere HTTP/1.1\nHost: m.example", "deny 404 not_found"),
            ("GET /items/1 HTTP/1.1\nHost: m.example\nX-Door: {bad}", "deny 401 token_invalid"),
            (
                "POST /upload HTTP/1.1\nHost: m.example\nContent-Length: 10000000000",
                "deny 413 body_too_large",
            ),
            ("GET /nowhere HTTP/1.1\nHost: m.example", "deny 429 rate_limited"),
            ("PUT /items/1 HTTP/1.1\nHost: m.example", "deny 429 rate_limited"),
            ("GET /health HTTP/1.1\nHost: m.example", "deny 429 rate_limited"),
            ("GET /users/eve/jobs HTTP/1.1\nHost: m.example\nX-Door: {bob}", "deny 429 rate_limited"),
            ("GET /x/../y HTTP/1.1\nHost: m.example", "deny 400 ambiguous_path"),
        ],
    );
    let exempt = limited.replace("name = \"health\"\n", "name = \"health\"\nlimit.app = false\n");
    let health = ("GET /health HTTP/1.1\nHost: m.example", "forward health");
    check(&exempt, &[health; 5]);
}

#[test]
fn size_is_judged_by_the_route_and_before_identity() {
    check(
        &media(),
        &[
            ("POST /items HTTP/1.1\nHost: m.example\nContent-Length: 1025", "deny 413 body_too_large"),
            ("POST /items HTTP/1.1\nHost: m.example\nContent-Length: 1024", "deny 401 token_missing"),
            ("POST /upload HTTP/1.1\nHost: m.example\nContent-Length: 2048\nX-Door: {bob}", "forward upload"),
            (
                "POST /upload HTTP/1.1\nHost: m.example\nContent-Length: 2049\nX-Door: {bob}",
                "deny 413 body_too_large",
            ),
            (
                "POST /items HTTP/1.1\nHost: m.example\nTransfer-Encoding: chunked\nX-Door: {bob}",
                "forward items",
            ),
        ],
    );
}

#[test]
fn cookies_of_other_origins_do_nothing() {
    let post = |more: &str| format!("POST /items HTTP/1.1\nHost: m.example\nCookie: door={{bob}}\n{more}");
    check(
        &media(),
        &[
            (&post("Origin: http://m.example"), "forward items"),
            (&post("Sec-Fetch-Site: same-origin"), "forward items"),
            (&post("Origin: https://pages.example"), "forward items"),
            (&post("Origin: https://evil.example"), "deny 403 cross_origin"),
            (&post("Origin: null"), "deny 403 cross_origin"),
            (&post("Sec-Fetch-Site: cross-site"), "deny 403 cross_origin"),
            (&post(""), "forward items"),
            (
                "POST /items HTTP/1.1\nHost: m.example\nX-Door: {bob}\nOrigin: https://evil.example",
                "forward items",
            ),
            (
                "POST /items HTTP/1.1\nHost: m.example\nCookie: door={bad}\nOrigin: https://evil.example",
                "deny 401 token_invalid",
            ),
            (
                "DELETE /admin/x HTTP/1.1\nHost: m.example\nCookie: door={bob}\nOrigin: https://evil.example",
                "deny 403 cross_origin",
            ),
            (
                "GET /items/1 HTTP/1.1\nHost: m.example\nCookie: door={bob}\nOrigin: https://evil.example",
                "forward items",
            ),
            // On a public route nobody is asked, and a header of ours still shows that no page sent it.
            (
                "POST /hook HTTP/1.1\nHost: m.example\nCookie: app=1\nOrigin: https://evil.example",
                "deny 403 cross_origin",
            ),
            (
                "POST /hook HTTP/1.1\nHost: m.example\nCookie: app=1\nX-Door: {bob}\nOrigin: https://evil.example",
                "forward hook",
            ),
            (
                "GET /ws HTTP/1.1\nHost: m.example\nCookie: door={bob}\nOrigin: https://evil.example\nConnection: Upgrade\nUpgrade: websocket",
                "deny 403 cross_origin",
            ),
        ],
    );
}

#[test]
fn a_get_that_another_site_lets_a_browser_send_is_refused() {
    let get = |path: &str, more: &str| {
        format!(
            "GET {path} HTTP/1.1\nHost: m.example\nCookie: door={{bob}}\nSec-Fetch-Site: cross-site\n{more}"
        )
    };
    let (image, link) = (
        "Sec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image",
        "Sec-Fetch-Mode: navigate\nSec-Fetch-Dest: document",
    );
    let refused = "deny 403 cross_origin";
    check(
        &media(),
        &[
            (&get("/items/1", image), refused),
            (&get("/items/1", "Sec-Fetch-Mode: no-cors\nSec-Fetch-Dest: video\nRange: bytes=0-1"), refused),
            (&get("/items/1", link), "forward items"),
            (&get("/items/1", &format!("{image}\nX-Door: {{bob}}")), "forward items"),
            (&get("/items/1", "Sec-Fetch-Mode: cors\nOrigin: https://pages.example"), "forward items"),
            (&get("/.stagedoor/enter", image), refused),
            (&get("/.stagedoor/leave", image), refused),
            // Without a cookie nobody is abused.
            (
                "GET /health HTTP/1.1\nHost: m.example\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors",
                "forward health",
            ),
        ],
    );
    let strict = media().replace("name = \"items\"\n", "name = \"items\"\norigin.check = \"strict\"\n");
    check(
        &strict,
        &[
            (&get("/items/1", link), refused),
            (&get("/items/1", link).replace("cross-site", "same-site"), refused),
            (&get("/items/1", link).replace("cross-site", "none"), "forward items"),
            (&get("/items/1", image).replace("cross-site", "same-origin"), "forward items"),
            // The app's other routes are as they were.
            (&get("/quiet", link), "forward quiet"),
        ],
    );
}

#[test]
fn over_https_a_page_of_plain_http_is_another_origin() {
    let policy = policy(&format!("[server]\ntrusted_proxies = [\"10.0.0.1\"]\n{}", media()));
    for (proto, origin, expected) in [
        ("https", "https://m.example", "forward items"),
        ("https", "http://m.example", "deny 403 cross_origin"),
        ("http", "http://m.example", "forward items"),
        // TLS may end where nobody tells us.
        ("http", "https://m.example", "forward items"),
    ] {
        let asked = wire(&format!(
            "POST /items HTTP/1.1\nHost: m.example\nCookie: door={{bob}}\nX-Forwarded-Proto: {proto}\nOrigin: {origin}"
        ));
        assert_eq!(outcome(&policy, "10.0.0.1", &asked), expected, "{proto} {origin}");
    }
}

#[test]
fn an_upgrade_of_any_value_skips_nothing() {
    for (upgrade, websocket) in [
        ("websocket", true),
        ("WebSocket", true),
        ("websocket, h2c", true),
        ("h2c", false),
        ("TLS/1.2", false),
        ("", false),
        ("x", false),
    ] {
        let asked = |path: &str, more: &str| {
            format!(
                "GET {path} HTTP/1.1\nHost: m.example\nConnection: Upgrade\nUpgrade: {upgrade}\n\
                 Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n{more}"
            )
        };
        // What is no WebSocket goes on as the plain request that it is.
        let quiet = if websocket { "deny 403 upgrade_refused" } else { "forward quiet" };
        let evil = if websocket { "deny 403 cross_origin" } else { "forward ws" };
        check(
            &media(),
            &[
                (&asked("/ws", ""), "deny 401 token_missing"),
                (&asked("/ws", "X-Door: {bad}"), "deny 401 token_invalid"),
                (&asked("/nowhere", "X-Door: {bob}"), "deny 404 not_found"),
                (&asked("/a/../ws", "X-Door: {bob}"), "deny 400 ambiguous_path"),
                (&asked("/admin/x", "X-Door: {bob}"), "deny 403 forbidden"),
                (&asked("/users/eve/jobs", "X-Door: {bob}"), "deny 403 not_owner"),
                (&asked("/quiet", "X-Door: {bob}"), quiet),
                (&asked("/ws", "X-Door: {bob}"), "forward ws"),
                (&asked("/ws", "Cookie: door={bob}\nOrigin: https://evil.example"), evil),
            ],
        );
    }
    // An option that `Connection` does not name is no request to upgrade, and is not forwarded.
    check(
        &media(),
        &[("GET /quiet HTTP/1.1\nHost: m.example\nX-Door: {bob}\nUpgrade: websocket", "forward quiet")],
    );
}

#[test]
fn a_trusted_proxy_speaks_for_its_clients_and_nobody_else_does() {
    let given = format!(
        "[server]\ntrusted_proxies = [\"10.0.0.1\"]\n{}",
        media().replace("unlisted", "access.deny = [\"198.51.100.0/24\"]\nunlisted")
    );
    let policy = policy(&given);
    let health = |more: &str| wire(&format!("GET /health HTTP/1.1\nHost: m.example\n{more}"));
    for (from, more, expected) in [
        ("192.0.2.1", "", "forward health"),
        ("198.51.100.7", "", "deny 403 address_refused"),
        ("198.51.100.7", "X-Forwarded-For: 192.0.2.1", "deny 403 address_refused"),
        ("192.0.2.1", "X-Forwarded-For: 198.51.100.7", "forward health"),
        ("10.0.0.1", "X-Forwarded-For: 198.51.100.7", "deny 403 address_refused"),
        ("10.0.0.1", "X-Forwarded-For: 198.51.100.7, 192.0.2.1", "forward health"),
        ("10.0.0.1", "X-Forwarded-Host: other.example", "forward health"),
        ("192.0.2.1", "X-Forwarded-Host: other.example", "forward health"),
    ] {
        assert_eq!(outcome(&policy, from, &health(more)), expected, "{from} {more}");
    }
    let policy =
        self::policy(&given.replace("[server]\n", "[server]\nforwarded = [\"host\", \"forwarded\"]\n"));
    for (from, more, expected) in [
        ("10.0.0.1", "X-Forwarded-Host: other.example", "deny 421 unknown_host"),
        ("10.0.0.1", "X-Forwarded-Host: m.example", "forward health"),
        ("10.0.0.1", "X-Forwarded-Host: m.example\nForwarded: host=other.example", "deny 400 bad_request"),
        ("10.0.0.1", "X-Forwarded-Host: a b", "deny 400 ambiguous_path"),
        ("10.0.0.1", "Forwarded: for=198.51.100.7", "deny 403 address_refused"),
        ("192.0.2.1", "X-Forwarded-Host: other.example", "forward health"),
    ] {
        assert_eq!(outcome(&policy, from, &health(more)), expected, "{from} {more}");
    }
}
