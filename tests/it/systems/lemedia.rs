//! LeMedia: 552 routes, and a cap on bodies that looked at `Content-Length` alone.

use super::stage::{Slot, Stage, System, Who};
use super::walk;
use crate::harness::{Request, Response};

pub(super) static SYSTEM: System = System {
    name: "lemedia",
    host: "lemedia.localhost",
    port: 3010,
    slot: Slot::Own,
    user_claim: "sub",
    refusal: "error",
};

const CAP: usize = 1 << 20;

#[test]
fn every_endpoint_of_lemedia() {
    walk::every_endpoint(&Stage::set(&SYSTEM));
}

/// A body in chunks of 64 KiB, as far as the gateway takes it.
fn chunked(stage: &Stage, path: &str, bytes: usize) -> Response {
    let token = SYSTEM.credential(Who::User, "alice").unwrap();
    let mut client = stage.gateway.client();
    client.send(format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nX-Stagedoor-Token: {token}\r\nTransfer-Encoding: chunked\r\n\r\n",
        SYSTEM.host
    ));
    for start in (0..bytes).step_by(1 << 16) {
        let part = vec![b'x'; (bytes - start).min(1 << 16)];
        let chunk = [format!("{:x}\r\n", part.len()).into_bytes(), part, b"\r\n".to_vec()].concat();
        if client.try_send(chunk).is_err() {
            break;
        }
    }
    let _ = client.try_send("0\r\n\r\n");
    client.answer_to("POST")
}

#[test]
fn a_body_has_one_mebibyte_by_length_and_in_chunks() {
    let stage = Stage::set(&SYSTEM);
    let declared = |bytes| stage.ask_as(Who::User, Request::post("/api/issues/report", vec![b'x'; bytes]));
    for answer in [declared(CAP), chunked(&stage, "/api/issues/report", CAP)] {
        assert_eq!((answer.status, answer.json()["body"].as_u64()), (200, Some(CAP as u64)));
    }
    let whole = stage.app.served().len();
    for answer in [declared(CAP + 1), chunked(&stage, "/api/issues/report", CAP + 1)] {
        assert_eq!(answer.status, 413, "{answer:?}");
        assert_eq!(answer.text(), SYSTEM.says("The body is larger than the 1MiB allowed here"));
    }
    assert_eq!(declared(1).status, 200);
    let served = stage.app.served();
    let complete: Vec<usize> = served.iter().filter(|one| one.status == 200).map(|one| one.bytes).collect();
    assert_eq!(
        (whole, complete),
        (2, vec![CAP, CAP, 1]),
        "the app never sees a complete request that is larger"
    );
}

/// The audit's matcher leaves the app's code and what browsers look for by themselves to a cap of their own.
#[test]
fn what_the_audits_matcher_leaves_out_has_another_cap() {
    let stage = Stage::set(&SYSTEM);
    for path in [
        "/_next/image",
        "/_next/static/chunk.js",
        "/favicon.ico",
        "/manifest.json",
        "/robots.txt",
        "/sitemap.xml",
    ] {
        // The stand-in has none of these: 404 is its answer, and it read the body first.
        assert_eq!(stage.ask_as(Who::User, Request::post(path, vec![b'x'; 2 * CAP])).status, 404, "{path}");
        assert_eq!(chunked(&stage, path, 2 * CAP).status, 404, "{path}");
    }
    assert!(stage.app.served().iter().all(|one| one.bytes == 2 * CAP));
    // What a browser asks for without cookies has to be there before anybody is known, and what shared pages are made of.
    for (path, status) in [
        ("/favicon.ico", 404),
        ("/manifest.json", 404),
        ("/_next/static/chunk.js", 404),
        ("/_next/data/build/admin.json", 401),
    ] {
        for method in ["GET", "HEAD"] {
            assert_eq!(
                stage.ask_as(Who::Nobody, Request::new(method, path)).status,
                status,
                "{method} {path}"
            );
        }
    }
    for path in ["/favicon.ico", "/manifest.json", "/robots.txt", "/sitemap.xml"] {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let answer = stage.ask_as(Who::Nobody, Request::new(method, path));
            assert_eq!(answer.status, 401, "{method} {path}: to read is all that is open");
        }
    }
    for path in ["/_nextdoor", "/icon-192.png", "/favicon.ico/x", "/api/_next/x"] {
        assert_eq!(stage.ask_as(Who::User, Request::post(path, vec![b'x'; 2 * CAP])).status, 413, "{path}");
    }
}

/// Of the re-exports that were read as an admin's, one is; the others are a user's own, under either spelling.
#[test]
fn monitoring_a_series_is_an_admins_and_ones_own_lists_are_not() {
    let stage = Stage::set(&SYSTEM);
    let status = |who, method: &str, path: &str| stage.ask_as(who, walk::request(method, path)).status;
    for prefix in ["/api", "/api/v1"] {
        let monitor = format!("{prefix}/sonarr/series/monitor");
        assert_eq!((status(Who::User, "POST", &monitor), status(Who::Admin, "POST", &monitor)), (403, 200));
        for (method, path) in [
            ("GET", "issues"),
            ("GET", "issues/count"),
            ("GET", "requests/count"),
            ("PUT", "my/notification-subscriptions"),
            ("POST", "profile/weekly-digest/test"),
        ] {
            let path = format!("{prefix}/{path}");
            assert_eq!(
                (status(Who::Nobody, method, &path), status(Who::User, method, &path)),
                (401, 200),
                "{path}"
            );
        }
    }
}

/// The session and the CSRF cookie of the app pass, whatever the gateway's own credential.
#[test]
fn the_apps_login_keeps_its_cookies_and_its_one_address() {
    let stage = Stage::set(&SYSTEM);
    let token = SYSTEM.credential(Who::User, "alice").unwrap();
    let request = Request::post("/api/login", "username=alice&password=x&csrf_token=c")
        .field("Cookie", format!("lemedia_csrf=c; stagedoor={token}; lemedia_session=s"))
        .field("Origin", "https://lemedia.localhost")
        .field("X-Forwarded-Proto", "https")
        .field("X-Forwarded-Host", "lemedia.localhost");
    let answer = stage.ask_as(Who::Nobody, request);
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = &answer.json()["headers"];
    assert_eq!(seen["cookie"], "lemedia_csrf=c; lemedia_session=s");
    assert_eq!(seen["x-forwarded-for"], "10.250.0.1");
    assert_eq!(
        (seen["x-forwarded-proto"].as_str(), seen["x-forwarded-host"].as_str()),
        (Some("https"), Some("lemedia.localhost"))
    );
}

#[test]
fn another_site_cannot_use_the_cookie() {
    let stage = Stage::set(&SYSTEM);
    let token = SYSTEM.credential(Who::Admin, "alice").unwrap();
    let request = Request::post("/api/v1/admin/settings/rotate-secrets", "{}")
        .field("Cookie", format!("stagedoor={token}"))
        .field("Origin", "https://evil.example");
    assert_eq!(stage.ask_as(Who::Nobody, request).status, 403);
    assert!(stage.app.served().is_empty());
}

#[test]
fn answers_carry_the_headers_of_the_audit() {
    let stage = Stage::set(&SYSTEM);
    let plain = stage.ask_as(Who::User, Request::get("/api/user"));
    let policy: Vec<&str> = plain.field("content-security-policy").split("; ").collect();
    for directive in [
        "default-src 'self'",
        "script-src 'self' 'unsafe-eval' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: https://image.tmdb.org https://artworks.thetvdb.com https://gravatar.com https://plex.tv",
        "font-src 'self' data:",
        "connect-src 'self' https://api.themoviedb.org https://www.omdbapi.com",
        "frame-ancestors 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(&directive), "{directive}: {policy:?}");
    }
    assert_eq!(plain.field("x-frame-options"), "DENY");
    assert_eq!(plain.field("x-content-type-options"), "nosniff");
    assert_eq!(plain.field("x-xss-protection"), "1; mode=block");
    assert_eq!(plain.field("referrer-policy"), "strict-origin-when-cross-origin");
    for closed in ["geolocation=()", "microphone=()", "camera=()"] {
        assert!(plain.field("permissions-policy").contains(closed), "{closed}");
    }
    for told in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"] {
        assert!(!plain.field(told).is_empty(), "{told}");
    }
    assert!(!plain.fields.has("strict-transport-security"), "never on plain http");
    let host = "lemedia.example.com";
    let over_tls = Request::get("/api/health").host(host).field("X-Forwarded-Proto", "https");
    let over_tls = stage.gateway.ask(&over_tls.field("X-Forwarded-For", "10.1.2.3"));
    assert_eq!(over_tls.field("strict-transport-security"), "max-age=31536000; includeSubDomains; preload");
}

/// A request of a stranger's browser that shows a shared page, with what browsers say of themselves.
fn shared(request: Request, mode: &str, dest: &str) -> Request {
    let site = if mode == "navigate" { "none" } else { "same-origin" };
    request.field("Sec-Fetch-Site", site).field("Sec-Fetch-Mode", mode).field("Sec-Fetch-Dest", dest)
}

/// What the page of a share asks for, in its order, by somebody who has the link alone.
#[test]
fn a_shared_link_opens_to_those_who_have_nothing_else() {
    let stage = Stage::set(&SYSTEM);
    let ask = |request| stage.ask_as(Who::Nobody, request);
    let page = || shared(Request::get("/share/7"), "navigate", "document");
    assert_eq!(ask(page()).status, 200);
    // The stand-in has no files: 404 is its answer. What scales posters would fetch any path, and stays shut.
    for (path, mode, dest, status) in [
        ("/_next/static/chunks/main-app.js", "no-cors", "script", 404),
        ("/_next/static/css/a.css", "no-cors", "style", 404),
        (
            "/_next/image?url=https%3A%2F%2Fimage.tmdb.org%2Ft%2Fp%2Fw500%2Fa.jpg&w=640&q=75",
            "no-cors",
            "image",
            401,
        ),
        ("/imageproxy/tmdb/t/p/w1280/a.jpg", "no-cors", "image", 200),
        ("/manifest.json", "cors", "manifest", 404),
    ] {
        assert_eq!(ask(shared(Request::get(path), mode, dest)).status, status, "{path}");
    }
    let password = Request::post("/api/share/auth", r#"{"id":7,"password":"open"}"#)
        .field("Content-Type", "application/json")
        .field("Origin", "http://lemedia.localhost");
    assert_eq!(ask(shared(password, "cors", "empty")).status, 200);
    let again = ask(page().field("Cookie", "lemedia_share_7=signed"));
    assert_eq!(
        (again.status, again.json()["headers"]["cookie"].as_str()),
        (200, Some("lemedia_share_7=signed"))
    );
    let list = shared(Request::get("/share/list/9"), "navigate", "document");
    assert_eq!(ask(list).status, 200);
    assert_eq!(stage.app.served().len(), 8);
}

/// A calendar asks by a token of the app's own, and knows nothing of the gateway.
#[test]
fn a_calendar_is_fetched_by_its_own_token() {
    let stage = Stage::set(&SYSTEM);
    let export = || {
        Request::get("/api/calendar/export?token=0123456789abcdef&days=30")
            .field("User-Agent", "iOS/18.0 dataaccessd/1.0")
    };
    let answer = stage.ask_as(Who::Nobody, export());
    assert_eq!(
        (answer.status, answer.json()["query"].as_str()),
        (200, Some("token=0123456789abcdef&days=30"))
    );
    let many: Vec<Request> = std::iter::repeat_with(export).take(61).collect();
    assert_eq!(stage.ask_each_from(2, &many), [vec![200; 60], vec![429]].concat());
}

#[test]
fn what_is_near_the_shared_pages_stays_shut() {
    let stage = Stage::set(&SYSTEM);
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/share"),
        ("GET", "/share/"),
        ("GET", "/share/7/edit"),
        ("GET", "/share/list"),
        ("POST", "/share/7"),
        ("GET", "/api/share/auth"),
        ("POST", "/api/share/create"),
        ("POST", "/api/v1/share/create"),
        ("GET", "/api/admin/shares"),
        ("DELETE", "/api/admin/shares/7"),
        ("GET", "/api/calendar?token=0123456789abcdef"),
        ("GET", "/api/calendar/feed"),
        ("POST", "/api/calendar/export"),
        ("GET", "/_next/data/build/share.json"),
        ("POST", "/_next/image"),
        // It would fetch the path for whoever asks.
        ("GET", "/_next/image?url=%2Favatarproxy%2F7&w=64&q=75"),
        ("GET", "/_next/image?url=%2Fapi%2Fadmin%2Fsettings&w=64&q=75"),
        ("GET", "/imageproxy/jellyfin/Items/7/Images/Primary"),
        ("GET", "/avatarproxy/7"),
    ] {
        let answer = stage.ask_as(Who::Nobody, walk::request(method, path));
        assert_eq!(answer.status, if path == "/share/list" { 200 } else { 401 }, "{method} {path}");
    }
    // `list` is no number, and the app says so; it reaches it as any other id would.
    assert_eq!(stage.app.served().len(), 1);
    let guesses = vec![Request::post("/api/share/auth", r#"{"id":7,"password":"guess"}"#); 11];
    assert_eq!(stage.ask_each_from(2, &guesses), [vec![200; 10], vec![429]].concat());
    assert_eq!(stage.ask_as(Who::Nobody, Request::post("/api/share/auth", vec![b'x'; 4097])).status, 413);
}
