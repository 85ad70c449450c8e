//! The gateway's own pages: what is theirs, how they are asked, and that nothing of it is ever forwarded.

use std::time::Duration;

use super::{HOUSE, check, now, outcome, policy, wire};
use stagedoor_core::clock::Now;
use stagedoor_core::head::{self, Parsed};
use stagedoor_core::request::Scheme;
use stagedoor_core::sign_in::{self, SignInState};

/// An app that lets everything through that it is asked.
const OPEN: &str = r#"
[app.media]
hosts = ["m.example"]
upstream = "http://127.0.0.1:3000"
auth = "public"
encoded_slash = true
EXTRA
[[app.media.route]]
match = "* /{*rest}"
name = "all"
limit.app = false
[[app.media.route]]
match = "GET /closed"
name = "closed"
auth = "required"
[app.media.cors]
origins = ["https://pages.example"]
"#;

fn open(extra: &str) -> String {
    format!("{HOUSE}{}", OPEN.replace("EXTRA", extra))
}

#[test]
fn paths_of_the_area_in_every_spelling() {
    let rows = [
        ("/.stagedoor/enter", "own EnterPage { direct: false }"),
        ("/.stagedoor/enter?next=/x", "own EnterPage { direct: false }"),
        ("/.stagedoor/leave", "own LeavePage"),
        ("/.stagedoor", "own Home"),
        ("/.stagedoor/", "own Home"),
        ("/.stagedoor?x=/y", "own Home"),
        ("/.stagedoor/else", "deny 404 not_found"),
        ("/.stagedoor/enter/", "deny 404 not_found"),
        ("/.stagedoor/enter/x", "deny 404 not_found"),
        ("/.stagedoor//enter", "deny 404 not_found"),
        ("/.stagedoor/ENTER", "deny 404 not_found"),
        ("/.stagedoor/enter;x", "deny 404 not_found"),
        ("/.stagedoor/%65nter", "deny 404 not_found"),
        ("/.stagedoor/x/../enter", "deny 400 ambiguous_path"),
        ("/.Stagedoor/enter", "deny 400 ambiguous_path"),
        ("/.STAGEDOOR", "deny 400 ambiguous_path"),
        ("//.stagedoor/enter", "deny 400 ambiguous_path"),
        ("///.stagedoor", "deny 400 ambiguous_path"),
        ("/;/.stagedoor/enter", "deny 400 ambiguous_path"),
        ("/;a%2Fb/.stagedoor/enter", "deny 400 ambiguous_path"),
        ("/.stagedoor;a=b/enter", "deny 400 ambiguous_path"),
        ("/.stagedoor;", "deny 400 ambiguous_path"),
        ("/%2estagedoor/enter", "deny 400 ambiguous_path"),
        ("/.stagedoo%72/enter", "deny 400 ambiguous_path"),
        ("/.stagedoor%2Fenter", "deny 400 ambiguous_path"),
        ("/%2F.stagedoor/enter", "deny 400 ambiguous_path"),
        ("/%2F%2f.%53tagedoor", "deny 400 ambiguous_path"),
        ("/.stagedoor%3B/enter", "deny 400 ambiguous_path"),
        ("/./.stagedoor/enter", "deny 400 ambiguous_path"),
        ("/x/../.stagedoor/enter", "deny 400 ambiguous_path"),
        // What is the app's in every reading.
        ("/.stagedoors", "forward all"),
        ("/.stagedoor-x/enter", "forward all"),
        ("/stagedoor/enter", "forward all"),
        ("/x/.stagedoor/enter", "forward all"),
        ("/%252estagedoor/enter", "forward all"),
        ("/?/.stagedoor/enter", "forward all"),
    ];
    for extra in ["", "case = \"exact\"", "unlisted = \"deny\""] {
        let policy = policy(&open(extra));
        for (path, expected) in rows {
            let request = wire(&format!("GET {path} HTTP/1.1\nHost: m.example"));
            assert_eq!(outcome(&policy, "192.0.2.1", &request), expected, "{extra} {path}");
        }
    }
}

#[test]
fn how_the_own_pages_are_asked() {
    let form = "Content-Type: application/x-www-form-urlencoded";
    let post = |fields: &str| {
        format!("POST /.stagedoor/enter HTTP/1.1\nHost: m.example:8080\nContent-Length: 48\n{fields}")
    };
    let leave = |method: &str, fields: &str| {
        format!("{method} /.stagedoor/leave HTTP/1.1\nHost: m.example\n{fields}")
    };
    let rows = [
        ("HEAD /.stagedoor/enter HTTP/1.1\nHost: m.example".to_owned(), "own EnterPage { direct: false }"),
        // Only a browser that says that no page led to it was led by none.
        ("GET /.stagedoor/enter HTTP/1.1\nHost: m.example\nSec-Fetch-Site: none".into(), "own EnterPage { direct: true }"),
        ("GET /.stagedoor/enter HTTP/1.1\nHost: m.example\nSec-Fetch-Site: same-origin".into(), "own EnterPage { direct: false }"),
        ("GET /.stagedoor/enter HTTP/1.1\nHost: m.example\nSec-Fetch-Site: none\nSec-Fetch-Site: none".into(), "own EnterPage { direct: false }"),
        ("HEAD /.stagedoor/ HTTP/1.1\nHost: m.example".into(), "own Home"),
        ("POST /.stagedoor/ HTTP/1.1\nHost: m.example".into(), "deny 405 method_not_allowed"),
        ("PUT /.stagedoor/enter HTTP/1.1\nHost: m.example".into(), "deny 405 method_not_allowed"),
        ("OPTIONS /.stagedoor/enter HTTP/1.1\nHost: m.example".into(), "deny 405 method_not_allowed"),
        (
            "OPTIONS /.stagedoor/enter HTTP/1.1\nHost: m.example\nOrigin: https://pages.example\nAccess-Control-Request-Method: POST".into(),
            "deny 405 method_not_allowed",
        ),
        (post(form), "own Enter { length: 48 }"),
        (post(&format!("{form}; charset=UTF-8\nOrigin: http://m.example:8080")), "own Enter { length: 48 }"),
        (post(&format!("{form}\nSec-Fetch-Site: same-origin\nOrigin: null")), "own Enter { length: 48 }"),
        (post(&format!("{form}\nSec-Fetch-Site: none")), "own Enter { length: 48 }"),
        (post(&format!("{form}\nSec-Fetch-Site: cross-site")), "deny 403 cross_origin"),
        (post(&format!("{form}\nSec-Fetch-Site: same-site\nOrigin: http://x.m.example")), "deny 403 cross_origin"),
        (post(&format!("{form}\nOrigin: http://evil.example")), "deny 403 cross_origin"),
        (post(&format!("{form}\nOrigin: null")), "deny 403 cross_origin"),
        (post(&format!("{form}\nOrigin: http://m.example:9")), "deny 403 cross_origin"),
        // Other origins that may use the app are no more welcome here, and a bearer token vouches for nothing.
        (post(&format!("{form}\nOrigin: https://pages.example")), "deny 403 cross_origin"),
        (post(&format!("{form}\nOrigin: http://evil.example\nAuthorization: Bearer {{bob}}")), "deny 403 cross_origin"),
        (post("Content-Type: application/json"), "deny 415 media_type"),
        (post("Content-Type: multipart/form-data; boundary=x"), "deny 415 media_type"),
        (post("Content-Type: application/x-www-form-urlencoded\nContent-Type: text/plain"), "deny 415 media_type"),
        (post("X: y"), "deny 415 media_type"),
        (format!("POST /.stagedoor/enter HTTP/1.1\nHost: m.example\n{form}"), "own Enter { length: 0 }"),
        (
            format!("POST /.stagedoor/enter HTTP/1.1\nHost: m.example\n{form}\nContent-Length: 4096"),
            "own Enter { length: 4096 }",
        ),
        (
            format!("POST /.stagedoor/enter HTTP/1.1\nHost: m.example\n{form}\nContent-Length: 4097"),
            "deny 413 body_too_large",
        ),
        (
            format!("POST /.stagedoor/enter HTTP/1.1\nHost: m.example\n{form}\nTransfer-Encoding: chunked"),
            "deny 400 bad_request",
        ),
        // Over plain HTTP a browser does not say where a link or a picture stood that led to it.
        (leave("GET", ""), "own LeavePage"),
        (leave("GET", "Accept: */*"), "own LeavePage"),
        (leave("GET", "Accept: image/avif,image/webp,*/*;q=0.8"), "own LeavePage"),
        (leave("GET", "Accept: text/html,application/xhtml+xml,*/*;q=0.8"), "own LeavePage"),
        (leave("HEAD", "Accept: text/html"), "own LeavePage"),
        (leave("GET", "Sec-Fetch-Site: none"), "own Leave"),
        (leave("GET", "Sec-Fetch-Site: same-origin"), "own Leave"),
        (leave("GET", "Sec-Fetch-Site: same-site"), "own LeavePage"),
        (leave("GET", "Sec-Fetch-Site: cross-site"), "own LeavePage"),
        (leave("GET", "Sec-Fetch-Site: none\nSec-Fetch-Site: none"), "own LeavePage"),
        (leave("GET", "Sec-Fetch-Site: none\nSec-Fetch-Mode: navigate"), "own Leave"),
        // A picture of this very site, and a browser that looks ahead.
        (leave("GET", "Sec-Fetch-Site: same-origin\nSec-Fetch-Mode: no-cors"), "own LeavePage"),
        (leave("GET", "Sec-Fetch-Site: same-origin\nSec-Fetch-Mode: navigate\nSec-Purpose: prefetch"), "own LeavePage"),
        (leave("GET", "Purpose: prefetch"), "own LeavePage"),
        (leave("POST", ""), "own Leave"),
        (leave("POST", "Origin: http://m.example"), "own Leave"),
        (leave("POST", "Origin: http://evil.example"), "deny 403 cross_origin"),
        (leave("POST", "Sec-Fetch-Site: cross-site"), "deny 403 cross_origin"),
        (leave("DELETE", ""), "deny 405 method_not_allowed"),
    ];
    let rows: Vec<(&str, &str)> = rows.iter().map(|(request, expected)| (&**request, *expected)).collect();
    check(&open(""), &rows);
}

#[test]
fn the_own_pages_come_after_address_and_limit_and_before_all_else() {
    let page = "GET /.stagedoor/enter HTTP/1.1\nHost: m.example";
    // The route that leaves the app's limit out does not leave it out here.
    let limited = open("limit.ip = [\"2/hour\"]");
    let spelled = "GET /.Stagedoor/enter HTTP/1.1\nHost: m.example";
    check(
        &limited,
        &[
            (page, "own EnterPage { direct: false }"),
            (spelled, "deny 400 ambiguous_path"),
            (page, "deny 429 rate_limited"),
            (spelled, "deny 429 rate_limited"),
        ],
    );
    check(&open("access.deny = [\"192.0.2.0/24\"]"), &[(page, "deny 403 address_refused")]);
    check(&open(""), &[("GET /.stagedoor/enter HTTP/1.1\nHost: other.example", "deny 421 unknown_host")]);
    // No credential, genuine or not, is looked at.
    let closed = open("").replace("auth = \"public\"", "auth = \"required\"");
    check(
        &closed,
        &[
            (page, "own EnterPage { direct: false }"),
            (
                "GET /.stagedoor/enter HTTP/1.1\nHost: m.example\nX-Door: {bad}",
                "own EnterPage { direct: false }",
            ),
            ("GET /x HTTP/1.1\nHost: m.example", "deny 401 token_missing"),
        ],
    );
}

const TWO: &str = r#"
[auth.first]
kind = "jwt"
keys = [{ secret = { file = "s", generate = true } }]
issuer = "stagedoor"
audience = ["media"]
sources = ["bearer", "cookie:one"]
[auth.second]
kind = "jwt"
keys = [{ secret = { file = "s", generate = true } }]
issuer = "stagedoor"
audience = ["films"]
sources = ["bearer", "cookie:two"]
[app.media]
hosts = ["m.example"]
upstream = "http://127.0.0.1:3000"
auth = "optional"
by = ["first"]
[[app.media.route]]
match = "GET /films"
auth = "required"
by = ["second"]
[app.open]
hosts = ["o.example"]
upstream = "http://127.0.0.1:3000"
auth = "public"
[app.bare]
hosts = ["b.example"]
upstream = "http://127.0.0.1:3000"
auth = "required"
by = ["second"]
"#;

#[test]
fn the_cookie_is_the_one_in_which_the_app_takes_the_token() {
    let policy = policy(TWO);
    let signed = |provider: usize, lifetime: u64| {
        let lifetime = Duration::from_secs(lifetime);
        policy.providers[provider].jwt().unwrap().sign("bob", &[], &[], lifetime, "1", now()).unwrap()
    };
    let fits = |app: &str, token: &str, at: Now| {
        let app = policy.apps.iter().find(|candidate| &*candidate.name == app).unwrap();
        match sign_in::token_cookie(app, token.as_bytes(), at, &policy.tokens) {
            Ok(fit) => format!("{} for {} until {}", fit.cookie, fit.user, fit.expires.as_secs()),
            Err(misfit) => format!("{misfit:?}"),
        }
    };
    let until = now().unix_secs() + 60;
    let (first, second) = (signed(0, 60), signed(1, 60));
    assert_eq!(fits("media", &first, now()), format!("one for bob until {until}"));
    assert_eq!(fits("media", &second, now()), format!("two for bob until {until}"));
    assert_eq!(fits("bare", &second, now()), format!("two for bob until {until}"));
    assert_eq!(fits("bare", &first, now()), "Refused(TokenInvalid(Audience))");
    assert_eq!(fits("bare", "nonsense", now()), "Refused(TokenInvalid(Malformed))");
    for spoilt in [String::new(), format!("{second}\n"), format!(" {second}"), format!("{second};")] {
        assert_eq!(fits("bare", &spoilt, now()), "Refused(TokenInvalid(Malformed))", "{spoilt:?}");
    }
    let late = now().after(Duration::from_secs(600));
    assert_eq!(fits("bare", &second, late), "Refused(TokenExpired)");
    assert_eq!(fits("open", &first, now()), "NotRequired");
}

#[test]
fn who_is_in_by_any_provider_of_the_app_is_in() {
    let policy = policy(TWO);
    let signed = |provider: usize| {
        policy.providers[provider]
            .jwt()
            .unwrap()
            .sign("bob", &[], &[], Duration::from_secs(60), "1", now())
            .unwrap()
    };
    let (first, second) = (signed(0), signed(1));
    let app = policy.apps.iter().find(|app| &*app.name == "media").unwrap();
    let of = |cookie: &str| {
        let request = wire(&format!("GET /.stagedoor/ HTTP/1.1\nHost: m.example\nCookie: {cookie}"));
        let Ok(Parsed::Complete(head, _)) =
            head::parse(request.as_bytes(), &policy.server.limits.head, Scheme::Http)
        else {
            panic!("{cookie}")
        };
        let visit = match sign_in::sign_in_state(app, &head, None, now(), &policy.tokens) {
            SignInState::SignedIn { user, expires } => {
                format!("{user} {}", expires.as_secs() - now().unix_secs())
            }
            SignInState::SignedOut(denial) => denial.code().to_owned(),
            SignInState::NotRequired => "asks nobody".to_owned(),
        };
        (sign_in::is_signed_in_by_cookie(app, &head, now(), &policy.tokens), visit)
    };
    for (cookie, occupied, visit) in [
        (format!("one={first}"), true, "bob 60"),
        (format!("two={second}"), true, "bob 60"),
        (format!("one=x; two={second}"), true, "bob 60"),
        // Whatever stands beside it.
        (format!("one=x; one={first}"), true, "ambiguous_credentials"),
        (format!("one={first}; two=x"), true, "bob 60"),
        (format!("one={first}; one={second}"), true, "ambiguous_credentials"),
        (format!("one={first}\nAuthorization: Bearer x"), true, "ambiguous_credentials"),
        (format!("one={first}\nAuthorization: Bearer {second}"), true, "bob 60"),
        // More of them than are looked at.
        ("one=x;".repeat(8), false, "token_invalid"),
        ("one=x;".repeat(9), true, "token_invalid"),
        (format!("one={second}"), false, "token_invalid"),
        (format!("two={first}"), false, "token_invalid"),
        ("one=x; two=y".to_owned(), false, "token_invalid"),
        ("other=x".to_owned(), false, "token_missing"),
    ] {
        assert_eq!(of(&cookie), (occupied, visit.to_owned()), "{cookie}");
    }
    let open = policy.apps.iter().find(|app| &*app.name == "open").unwrap();
    let request = wire(&format!("GET / HTTP/1.1\nHost: o.example\nCookie: one={first}"));
    let Ok(Parsed::Complete(head, _)) =
        head::parse(request.as_bytes(), &policy.server.limits.head, Scheme::Http)
    else {
        panic!()
    };
    assert_eq!(sign_in::sign_in_state(open, &head, None, now(), &policy.tokens), SignInState::NotRequired);
}

#[test]
fn a_browser_is_led_back_into_the_app_and_nowhere_else() {
    let config = TWO.replacen("\"cookie:one\"", "\"cookie:one\", \"query:sd\"", 1);
    let policy = policy(&config);
    let app = policy.apps.iter().find(|app| &*app.name == "media").unwrap();
    let request = wire("GET /films HTTP/1.1\nHost: m.example:8080");
    let Ok(Parsed::Complete(head, _)) =
        head::parse(request.as_bytes(), &policy.server.limits.head, Scheme::Http)
    else {
        panic!()
    };
    let back = |raw: &str| {
        let way = sign_in::return_path(app, &policy.hosts, "m.example:8080", &head, raw.as_bytes());
        way.map_or_else(|| "-".to_owned(), |way| way.as_str().to_owned())
    };
    for kept in [
        "/",
        "/films",
        "/films?page=2&q=a%20b",
        "/films/Am%C3%A9lie",
        "/a//b",
        "/?next=//evil.example",
        "/?next=https://evil.example/",
        "/javascript:alert(1)",
        "/stagedoor/enter",
        "/login/help",
        "/logins",
        &format!("/{}", "x".repeat(1_990)),
    ] {
        assert_eq!(back(kept), kept);
    }
    for refused in [
        // A person who is in has no use for the app's door.
        "/login",
        "/web/Login.html?next=/films",
        "/sign-in/",
        "/api/logout",
        "",
        "films",
        "?x",
        "//evil.example",
        "//evil.example/films",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%5Cevil.example",
        "https:evil.example",
        "https://evil.example/",
        "http://m.example:8080/films",
        "javascript:alert(1)",
        "data:text/html,x",
        " /films",
        "/films x",
        "/\t/evil.example",
        "/\n/evil.example",
        "\u{0}/films",
        "/films\r\nset-cookie: a=b",
        "/films#x",
        "/./films",
        "/x/../.stagedoor/leave",
        "/..//evil.example",
        "/films%00",
        "/films%zz",
        "/f\u{ef}lms",
        // Nothing of the gateway's own happens by itself.
        "/.stagedoor/leave",
        "/.stagedoor",
        "/.Stagedoor/leave",
        "/%2estagedoor/leave",
        // A form has to have room for it.
        &format!("/{}", "x".repeat(2_000)),
        &format!("/{}", "=".repeat(700)),
    ] {
        assert_eq!(back(refused), "-", "{refused:?}");
    }
    // The old token is not taken along.
    assert_eq!(back("/films?sd=old&page=2"), "/films?page=2");
    assert_eq!(back("/films?s%64=old"), "/films");
    assert!(sign_in::accepts_codes(app));
    let open = policy.apps.iter().find(|app| &*app.name == "open").unwrap();
    assert!(!sign_in::accepts_codes(open));
}
