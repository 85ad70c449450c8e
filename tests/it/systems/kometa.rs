//! Kometa Web Interface: a login of its own, and a log that anybody could read.

use super::stage::{Slot, Stage, System, Who, moved};
use super::walk;
use crate::harness::{Command, Request, unix_now};

pub(super) static SYSTEM: System = System {
    name: "kometa",
    host: "localhost",
    port: 8000,
    slot: Slot::Own,
    user_claim: "sub",
    refusal: "detail",
};

const ORIGIN: &str = "https://kometa.example.com";

#[test]
fn every_endpoint_of_kometa() {
    walk::every_endpoint(&Stage::set(&SYSTEM));
}

#[test]
fn only_trusted_hosts_are_served() {
    let stage = Stage::set(&SYSTEM);
    for (host, status) in [
        ("kometa.example.com", 200),
        ("KOMETA.example.com:8080", 200),
        ("localhost", 200),
        ("localhost:8080", 200),
        ("other.example.com", 421),
        ("sub.kometa.example.com", 421),
        ("kometa.example.com.evil.example", 421),
        ("127.0.0.1", 421),
    ] {
        assert_eq!(stage.gateway.ask(&Request::get("/").host(host)).status, status, "{host}");
    }
    assert_eq!(stage.app.served().len(), 4);
}

#[test]
fn one_origin_may_read_with_credentials_and_no_other() {
    let stage = Stage::set(&SYSTEM);
    let announce = |origin: &str, method: &str, headers: &str| {
        let request = Request::new("OPTIONS", "/api/v1/scheduler/jobs/7")
            .field("Origin", origin)
            .field("Access-Control-Request-Method", method)
            .field("Access-Control-Request-Headers", headers);
        stage.ask_as(Who::Nobody, request)
    };
    let preflight = |origin: &str| announce(origin, "DELETE", "authorization, x-stagedoor-token");
    // The audit allows this origin every method and every header.
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        for headers in ["authorization, x-stagedoor-token", "x-requested-with", "content-type, x-any-other"] {
            let granted = announce(ORIGIN, method, headers);
            assert_eq!(granted.status, 204);
            assert_eq!(granted.field("access-control-allow-origin"), ORIGIN);
            assert_eq!(granted.field("access-control-allow-credentials"), "true");
            assert_eq!(granted.field("access-control-allow-methods"), method);
            assert_eq!(granted.field("access-control-allow-headers"), headers);
        }
    }
    assert!(stage.app.served().is_empty(), "a preflight is answered here");

    let read = |origin: &str, who| stage.ask_as(who, Request::get("/api/v1/config").field("Origin", origin));
    for who in [Who::User, Who::Nobody] {
        let answer = read(ORIGIN, who);
        assert_eq!(answer.field("access-control-allow-origin"), ORIGIN, "{who:?}");
        assert_eq!(answer.field("access-control-allow-credentials"), "true", "{who:?}");
    }
    // The app itself says `*` to everybody.
    for origin in [
        "http://kometa.example.com",
        "https://evil.example",
        "https://kometa.example.com.evil.example",
        "null",
    ] {
        for answer in [preflight(origin), read(origin, Who::User), read(origin, Who::Nobody)] {
            let granted = answer
                .fields
                .0
                .iter()
                .any(|(name, _)| name.to_ascii_lowercase().starts_with("access-control-"));
            assert!(!granted, "{origin}: {answer:?}");
        }
    }
}

#[test]
fn a_token_lives_thirty_minutes_at_most() {
    let stage = Stage::set(&SYSTEM);
    let lasting = |minutes: u64| {
        let now = unix_now();
        let token = SYSTEM.token("alice").claim("iat", now).claim("exp", now + minutes * 60).sign();
        stage.ask_as(Who::Nobody, Request::get("/api/v1/config").field("X-Stagedoor-Token", token)).status
    };
    assert_eq!((lasting(30), lasting(31), lasting(24 * 60)), (200, 401, 401));

    let made = |minutes: &str| {
        let arguments = ["token", "--config", "stagedoor.toml", "--sub", "alice", "--for", minutes];
        Command::new(&stage.gateway.folder, &arguments).run()
    };
    assert_eq!(made("31m").code, Some(2));
    let token = made("30m").stdout.trim().to_owned();
    let request = Request::get("/api/v1/config").field("X-Stagedoor-Token", token);
    assert_eq!(stage.ask_as(Who::Nobody, request).status, 200);
}

/// Kometa's pages send Kometa's own bearer with every request, beside the gateway's cookie.
#[test]
fn kometas_own_bearer_is_none_of_the_gateways_business() {
    let stage = Stage::set(&SYSTEM);
    let theirs = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmVkIGJ5IGtvbWV0YQ";
    let own = || Request::get("/api/v1/config").field("Authorization", theirs);
    assert_eq!(stage.ask_as(Who::Nobody, own()).status, 401, "it opens no door");
    let token = SYSTEM.credential(Who::User, "alice").unwrap();
    let answer = stage.ask_as(Who::Nobody, own().field("Cookie", format!("stagedoor={token}; lang=de")));
    let seen = answer.json();
    assert_eq!((answer.status, seen["headers"]["authorization"].as_str()), (200, Some(theirs)));
    assert_eq!(seen["headers"]["cookie"], "lang=de");
}

/// As the file's comment says: with "bearer" in `sources` a script may send its token there, and whoever has Kometa's
/// bearer beside the cookie is refused.
#[test]
fn bearer_as_well_is_for_those_who_have_one_token() {
    let sources = "[\"header:x-stagedoor-token\", \"cookie:stagedoor\"]";
    let more = "[\"bearer\", \"header:x-stagedoor-token\", \"cookie:stagedoor\"]";
    let stage = Stage::set_with(&SYSTEM, moved(&SYSTEM.config(), sources, more));
    let token = SYSTEM.credential(Who::User, "alice").unwrap();
    let ask = |request: Request| stage.ask_as(Who::Nobody, request).status;
    let own = || Request::get("/api/v1/config");
    assert_eq!(ask(own().bearer(&token)), 200);
    let cookie = format!("stagedoor={token}");
    assert_eq!(
        (ask(own().field("Cookie", &*cookie)), ask(own().field("Cookie", &*cookie).bearer("x.y.z"))),
        (200, 400)
    );
}

/// A browser cannot put a header into a handshake: the cookie opens the log, to pages of this host.
#[test]
fn the_log_is_streamed_to_whoever_has_the_cookie() {
    let stage = Stage::set(&SYSTEM);
    let token = SYSTEM.credential(Who::User, "alice").unwrap();
    let open = |origin: &str| {
        let request = walk::request("WEBSOCKET", "/ws/logs").field("Origin", origin);
        stage.ask_as(Who::Nobody, request.field("Cookie", format!("stagedoor={token}"))).status
    };
    assert_eq!((open("http://localhost"), open("https://evil.example")), (101, 403));
}

/// The pages are open to everybody, and a socket is no page, wherever it is.
#[test]
fn no_socket_is_opened_among_the_public_pages() {
    let stage = Stage::set(&SYSTEM);
    for path in ["/", "/operations-live", "/operations/7/live"] {
        for who in [Who::Nobody, Who::User] {
            let answer =
                stage.ask_as(who, walk::request("WEBSOCKET", path).field("Origin", "http://localhost"));
            assert_eq!(answer.status, 403, "{path} by {who:?}");
        }
    }
    assert!(stage.app.served().is_empty());
    assert_eq!(stage.ask_as(Who::Nobody, Request::get("/operations-live")).status, 200);
}

#[test]
fn pages_and_refusals_carry_the_headers_of_the_audit() {
    let stage = Stage::set(&SYSTEM);
    let page = stage.ask_as(Who::Nobody, Request::get("/"));
    for (name, value) in [
        ("x-frame-options", "SAMEORIGIN"),
        ("x-content-type-options", "nosniff"),
        ("x-xss-protection", "1; mode=block"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
    ] {
        assert_eq!(page.field(name), value, "{name}");
    }
    assert!(
        page.field("content-security-policy").split("; ").any(|one| one == "default-src 'self'"),
        "{page:?}"
    );
    assert!(!page.fields.has("server"));
}

/// Whether a policy lets a page load this address for this purpose; `'self'` is not asked for here.
fn lets(policy: &str, purpose: &str, address: &str) -> bool {
    let sources = |name: &str| {
        policy.split(';').find_map(|one| one.trim().strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned)
    };
    let listed = sources(purpose).or_else(|| sources("default-src")).unwrap_or_default();
    listed.split(' ').any(|source| match source.strip_suffix(':') {
        Some(scheme) => address.split(':').next() == Some(scheme),
        None => address.strip_prefix(source).is_some_and(|rest| rest.starts_with('/')),
    })
}

/// What the editor, the styles and the log view load, and what nobody does.
#[test]
fn the_policy_lets_the_pages_load_what_they_need_and_no_more() {
    let stage = Stage::set(&SYSTEM);
    let page = stage.ask_as(Who::Nobody, Request::get("/"));
    let policy = page.field("content-security-policy");
    let monaco = "https://cdn.jsdelivr.net/npm/monaco-editor@0.55.1/min/vs";
    for (purpose, address) in [
        ("script-src", format!("{monaco}/loader.js")),
        ("style-src", format!("{monaco}/editor/editor.main.css")),
        ("font-src", format!("{monaco}/base/browser/ui/codicons/codicon/codicon.ttf")),
        ("worker-src", "blob:http://localhost/7".to_owned()),
        ("style-src", "https://fonts.googleapis.com/css2?family=Roboto".to_owned()),
        ("font-src", "https://fonts.gstatic.com/s/roboto/v47/a.woff2".to_owned()),
        ("img-src", "https://image.tmdb.org/t/p/w500/a.jpg".to_owned()),
        ("connect-src", "ws://kometa.example.com:8000/ws/logs".to_owned()),
        ("connect-src", "wss://kometa.example.com:8000/ws/logs".to_owned()),
        ("connect-src", "ws://localhost:8000/ws/logs".to_owned()),
    ] {
        assert!(lets(policy, purpose, &address), "{purpose} {address}: {policy}");
    }
    for (purpose, address) in [
        ("script-src", "https://fonts.googleapis.com/a.js"),
        ("script-src", "https://evil.example/a.js"),
        ("script-src", "blob:http://localhost/7"),
        ("connect-src", "https://cdn.jsdelivr.net/a"),
        ("connect-src", "ws://evil.example:8000/ws/logs"),
        ("frame-src", "https://evil.example/"),
        ("object-src", "https://cdn.jsdelivr.net/a.swf"),
    ] {
        assert!(!lets(policy, purpose, address), "{purpose} {address}: {policy}");
    }
    let scripts = policy.split("; ").find(|one| one.starts_with("script-src ")).unwrap();
    assert!(!scripts.contains("unsafe"), "{scripts}");
    for own in ["default-src 'self'", "worker-src 'self' blob:", "connect-src 'self' "] {
        assert!(policy.contains(own), "{own}: {policy}");
    }
}

/// A visit as the pages make it: the page, its login, the editor, the log on port 8000, and what happens once the token has
/// expired: the script goes to /login, a page that the app has not.
#[test]
fn a_visit_of_kometas_pages_from_the_first_to_the_last_minute() {
    const HOST: &str = "kometa.example.com:8000";
    const PAGE: &str = "http://kometa.example.com:8000";
    let stage = Stage::set(&SYSTEM);
    let ask = |request: Request, who| {
        let request = match SYSTEM.credential(who, "alice") {
            Some(token) => request.field("Cookie", format!("stagedoor={token}")),
            None => request,
        };
        stage.gateway.ask(&request.host(HOST).field("X-Forwarded-For", "10.250.0.9"))
    };
    let navigate = |path: &str| {
        Request::get(path)
            .field("Sec-Fetch-Site", "same-origin")
            .field("Sec-Fetch-Mode", "navigate")
            .field("Sec-Fetch-Dest", "document")
            .field("Accept", "text/html,application/xhtml+xml")
    };
    let script = |request: Request| {
        request
            .field("Authorization", "Bearer kometas.own.token")
            .field("Content-Type", "application/json")
            .field("Accept", "application/json, text/plain, */*")
            .field("Sec-Fetch-Site", "same-origin")
            .field("Sec-Fetch-Mode", "cors")
            .field("Sec-Fetch-Dest", "empty")
    };
    assert_eq!(ask(navigate("/"), Who::User).status, 200);
    let login = Request::post("/api/v1/auth/token", "username=a&password=b").field("Origin", PAGE);
    assert_eq!(ask(login, Who::User).status, 200);
    assert_eq!(ask(script(Request::get("/api/v1/auth/users/me/")), Who::User).status, 200);
    for path in ["/api/v1/config/files", "/api/v1/config/schema", "/api/v1/config"] {
        assert_eq!(ask(script(Request::get(path)), Who::User).status, 200, "{path}");
    }
    let save = script(Request::post("/api/v1/config", "{}")).field("Origin", PAGE);
    assert_eq!(ask(save, Who::User).status, 200);
    let log = |origin: &str| walk::request("WEBSOCKET", "/ws/logs").field("Origin", origin);
    assert_eq!(ask(log(PAGE), Who::User).status, 101);
    assert_eq!(ask(log("https://kometa.example.com"), Who::User).status, 101, "one of the listed origins");
    assert_eq!(ask(log("http://evil.example"), Who::User).status, 403);

    let heard = stage.app.served().len();
    let refused = ask(script(Request::get("/api/v1/config")), Who::Expired);
    assert_eq!((refused.status, refused.text()), (401, SYSTEM.says("The credential has expired")));
    for who in [Who::Expired, Who::Nobody] {
        let page = ask(navigate("/login"), who);
        assert_eq!(page.status, 401, "{who:?}: {page:?}");
        assert!(page.field("content-type").starts_with("text/html"), "{page:?}");
        assert!(page.text().contains(page.field("x-request-id")), "the gateway's own page: {page:?}");
        assert!(!page.text().contains("/login"), "a code leads to the front page, not back: {page:?}");
        assert_eq!(ask(log(PAGE), who).status, 401);
    }
    assert_eq!(stage.app.served().len(), heard, "the app hears nothing of it");
    assert_eq!(ask(navigate("/"), Who::Nobody).status, 200, "the pages themselves are open");
}
