//! Which route a request meets, and that the app gets the very bytes that were matched.

use crate::harness::{Gateway, HOST, Request, Response, Upstream};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost", "*.wild.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
unlisted = "deny"

[[app.media.route]]
match = "GET /"
name  = "root"
[[app.media.route]]
match = "GET /api/health"
name  = "health"
[[app.media.route]]
match = "GET /api/users/me"
name  = "me"
[[app.media.route]]
match = "GET /api/users/{id}"
name  = "user"
[[app.media.route]]
match = "* /api/users/{id}"
name  = "user-any"
[[app.media.route]]
match = "GET /api/users/{id}/jobs"
name  = "jobs"
[[app.media.route]]
match = "GET /files/{*rest}"
name  = "files"
[[app.media.route]]
match = "GET /files/special/{name}"
name  = "special"
[[app.media.route]]
match = "GET /files/special/deep"
name  = "deep"
[[app.media.route]]
match = "POST /api/upload"
name  = "upload"
[[app.media.route]]
match = ["GET /m1", "PUT /m2"]
name  = "multi"
[[app.media.route]]
match = "* /any"
name  = "any"
[[app.media.route]]
match = "GET /any"
name  = "any-get"
[[app.media.route]]
match = "GET /unnamed/{x}"

[app.inherit]
hosts    = ["inherit.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
unlisted = "inherit"
[[app.inherit.route]]
match = "GET /a"
name  = "a"

[app.exact]
hosts    = ["exact.localhost", "one.wild.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
case     = "exact"
[[app.exact.route]]
match = "GET /a"
name  = "a"
"#;

/// Host (`-` is the usual one), method and target, and what becomes of it.
const TABLE: &[(&str, &str, &str)] = &[
    ("-", "GET /", "media root"),
    ("-", "HEAD /", "media root"),
    ("-", "POST /", "405 GET, HEAD"),
    ("-", "GET /?", "media root"),
    ("-", "GET /api/health", "media health"),
    ("-", "HEAD /api/health", "media health"),
    ("-", "POST /api/health", "405 GET, HEAD"),
    ("-", "OPTIONS /api/health", "405 GET, HEAD"),
    ("-", "GET /api/health?x=/api/users/me", "media health"),
    ("-", "GET /api/health?a=../..;b", "media health"),
    ("-", "GET /api/healthy", "404"),
    ("-", "GET /api/heal", "404"),
    ("-", "GET /api/health/x", "404"),
    ("-", "GET /api", "404"),
    ("-", "GET /nothing", "404"),
    ("-", "GET /api/health/", "400"),
    ("-", "GET /API/health", "400"),
    ("-", "GET /api/HEALTH", "400"),
    ("-", "GET //api/health", "400"),
    ("-", "GET /api//health", "400"),
    ("-", "GET /api/health;", "400"),
    ("-", "GET /api/health;a=b", "400"),
    ("-", "GET /api;v=1/health", "400"),
    ("-", "GET /api/health//", "400"),
    ("-", "GET /api/users/me", "media me"),
    ("-", "HEAD /api/users/me", "media me"),
    ("-", "GET /api/users/bob", "media user"),
    ("-", "HEAD /api/users/bob", "media user"),
    ("-", "PUT /api/users/bob", "media user-any"),
    ("-", "DELETE /api/users/bob", "media user-any"),
    ("-", "PROPFIND /api/users/bob", "media user-any"),
    ("-", "GET /api/users/", "404"),
    ("-", "GET /api/users", "404"),
    ("-", "GET /api/users/bob/", "400"),
    ("-", "GET /api/users/ME", "400"),
    ("-", "GET /api/users/%6de", "400"),
    ("-", "GET /api/users/m%65", "400"),
    ("-", "GET /api/users/me;x", "400"),
    ("-", "GET /api/users/b%20b", "media user"),
    ("-", "GET /api/users/b%7Cb", "media user"),
    ("-", "GET /api/users/b|b", "media user"),
    ("-", "GET /api/users/m%C3%BCller", "media user"),
    ("-", "GET /api/users/a%23b%26c%3Fd", "media user"),
    ("-", "GET /api/users/a%2Fb", "400"),
    ("-", "GET /api/users/..", "400"),
    ("-", "GET /api/users/%2e%2e", "400"),
    ("-", "GET /api/users/a\\b", "400"),
    ("-", "GET /api/users/bob/jobs", "media jobs"),
    ("-", "POST /api/users/bob/jobs", "405 GET, HEAD"),
    ("-", "GET /files", "media files"),
    ("-", "GET /files/", "media files"),
    ("-", "GET /files/a", "media files"),
    ("-", "GET /files/a/b/c.mp4", "media files"),
    ("-", "HEAD /files/a/b/c.mp4", "media files"),
    ("-", "GET /files/a/", "media files"),
    ("-", "GET /files/a//b", "media files"),
    ("-", "GET /files/A;v=1", "media files"),
    ("-", "POST /files/a", "405 GET, HEAD"),
    ("-", "GET /filesx", "404"),
    ("-", "GET /FILES/a", "400"),
    ("-", "GET /files/special", "media files"),
    ("-", "GET /files/special/x", "media special"),
    ("-", "GET /files/special/x/y", "media files"),
    ("-", "GET /files/special/deep", "media deep"),
    ("-", "GET /files/special/deep/er", "media files"),
    ("-", "GET /files/special/DEEP", "400"),
    ("-", "GET /files/Special/x", "400"),
    ("-", "GET /files/./x", "400"),
    ("-", "POST /api/upload", "media upload"),
    ("-", "GET /api/upload", "405 POST"),
    ("-", "HEAD /api/upload", "405 POST"),
    ("-", "GET /m1", "media multi"),
    ("-", "PUT /m2", "media multi"),
    ("-", "PUT /m1", "405 GET, HEAD"),
    ("-", "GET /m2", "405 PUT"),
    ("-", "GET /any", "media any-get"),
    ("-", "HEAD /any", "media any-get"),
    ("-", "POST /any", "media any"),
    ("-", "MKCOL /any", "media any"),
    ("-", "TRACE /any", "405"),
    ("-", "TRACK /any", "405"),
    ("-", "GET /unnamed/1", "media GET /unnamed/{x}"),
    ("media.localhost:8080", "GET /m1", "media multi"),
    ("MEDIA.LOCALHOST", "GET /m1", "media multi"),
    ("a.wild.localhost", "GET /m1", "media multi"),
    ("a.b.wild.localhost", "GET /m1", "media multi"),
    ("wild.localhost", "GET /m1", "421"),
    ("xwild.localhost", "GET /m1", "421"),
    ("media.localhost.evil.example", "GET /m1", "421"),
    ("localhost", "GET /m1", "421"),
    ("127.0.0.1", "GET /m1", "421"),
    ("[::1]", "GET /m1", "421"),
    ("inherit.localhost", "GET /a", "inherit a"),
    ("inherit.localhost", "HEAD /a", "inherit a"),
    ("inherit.localhost", "POST /a", "inherit -"),
    ("inherit.localhost", "GET /b", "inherit -"),
    ("inherit.localhost", "GET //b//c", "inherit -"),
    ("inherit.localhost", "GET /B;x=%3B", "inherit -"),
    ("inherit.localhost", "GET /A", "400"),
    ("inherit.localhost", "GET /a/", "400"),
    ("inherit.localhost", "GET /%61", "400"),
    ("inherit.localhost", "GET /a;b", "400"),
    ("exact.localhost", "GET /a", "exact a"),
    ("exact.localhost", "GET /A", "exact -"),
    ("exact.localhost", "GET /a/", "400"),
    ("one.wild.localhost", "GET /a", "exact a"),
];

#[test]
fn every_request_meets_its_route_and_arrives_unchanged() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let mut forwarded = Vec::new();
    let mut faults = Vec::new();
    for &(host, line, expected) in TABLE {
        app.forget();
        let (method, target) = line.split_once(' ').unwrap();
        let host = if host == "-" { HOST } else { host };
        let answer = gateway.ask(&Request::new(method, target).host(host));
        let what = outcome(&answer);
        if expected.starts_with(|c: char| c.is_ascii_digit()) {
            if what != expected || !app.seen().is_empty() {
                faults.push(format!("{host} {line}: {what}, expected {expected}"));
            }
            continue;
        }
        if what != "200" {
            faults.push(format!("{host} {line}: {what} {}, expected {expected}", answer.code()));
            continue;
        }
        let seen = app.sole();
        let sent: String = target.bytes().map(char::from).collect();
        if (seen.method.as_str(), &seen.target) != (method, &sent) {
            faults.push(format!("{host} {line}: the app saw {} {}", seen.method, seen.target));
        }
        forwarded.push((host, line, expected, answer));
    }
    for (host, line, expected, answer) in forwarded {
        let event = gateway.event(&answer);
        let met = format!("{} {}", event["app"].as_str().unwrap(), event["route"].as_str().unwrap());
        if met != expected {
            faults.push(format!("{host} {line}: met {met}, expected {expected}"));
        }
    }
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), TABLE.len(), faults.join("\n"));
}

/// The status, and what else the refusal says of routes.
fn outcome(answer: &Response) -> String {
    match answer.field("allow") {
        "" => answer.status.to_string(),
        allow => format!("{} {allow}", answer.status),
    }
}
