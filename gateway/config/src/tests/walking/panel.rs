//! What a policy does, seen from the client and from the app: the same requests, written out with all that comes of them.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::super::{GOOD, OTHER, now};
use stagedoor_core::clock::Now;
use stagedoor_core::head::{Parsed, parse};
use stagedoor_core::pipeline::{Admission, Arrival, Trail, admit};
use stagedoor_core::policy::Policy;
use stagedoor_core::reply::{RefusalFormat, Reply};
use stagedoor_core::request::{Head, Peer, PeerAddress, Scheme};
use stagedoor_core::request_out::{write_head, write_preflight};
use stagedoor_core::response_out::ResponseContext;
use stagedoor_core::tls::Transport;

const HOST: &str = "media.example.com";
/// What the claims of `bob` are unless a row says otherwise; `NOW` and numbers after it are reckoned.
const BOB: &str = r#""iss":"stagedoor","aud":"media","sub":"bob","name":"robert","roles":["a","x"],"a":{"b":["deep"]},"scope":"a","scp":"write","iat":NOW-60,"exp":NOW+1800"#;
const ORIGIN: &str = "Origin: https://a";

/// Everything that `policy` does with the requests below, one after the other.
pub(super) fn behaviour(policy: &Policy) -> String {
    let mut out = String::new();
    let bob = format!("Authorization: Bearer {}", token("HS256", "", BOB));
    for (method, path, fields) in requests(&bob) {
        one(policy, "10.0.0.1", &wire(method, path, HOST, &fields), now(), &mut out);
    }
    for host in ["a", "b"] {
        one(policy, "10.0.0.2", &wire("GET", "/", host, &[&bob]), now(), &mut out);
    }
    for token in tokens() {
        let bearer = format!("Authorization: Bearer {token}");
        one(policy, "10.0.0.2", &wire("GET", "/scoped", HOST, &[&bearer]), now(), &mut out);
    }
    for fields in signatures() {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        one(policy, "10.0.0.2", &wire("GET", "/signed", HOST, &fields), now(), &mut out);
    }
    over_plain_http(policy, &mut out);
    crowd(policy, &mut out);
    let _ = writeln!(out, "{} tokens remembered", policy.tokens.len());
    out
}

/// Requests of one client, each with a credential of its own or none.
fn requests(bob: &str) -> Vec<(&'static str, &'static str, Vec<&str>)> {
    let upgrade = vec![
        bob,
        "Connection: upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    let preflight = vec![ORIGIN, "Access-Control-Request-Method: GET"];
    vec![
        ("GET", "/", vec![]),
        ("GET", "/", vec![bob, "Remote-User: mallory", "X-Told: mallory", "X-Forwarded-For: 192.0.2.7"]),
        ("GET", "/", vec!["Cookie: x=COOKIE"]),
        ("GET", "/a", vec!["Authorization: Bearer nonsense"]),
        ("GET", "/a", vec![bob]),
        ("GET", "/A", vec![bob]),
        ("GET", "/b", vec![bob]),
        ("GET", "/c", vec![bob]),
        ("GET", "/a/b%2Fc", vec![bob]),
        ("GET", "/bob/eve", vec![bob]),
        ("GET", "/x%2Fy", vec![bob]),
        ("GET", "/tv/ping", vec![]),
        ("GET", "//x//y", vec![bob]),
        ("GET", "/x%5Cy", vec![bob]),
        ("GET", "/", vec![bob, ORIGIN]),
        ("POST", "/", vec![bob, "Origin: https://evil.example"]),
        ("POST", "/a", vec![bob, "Origin: https://evil.example"]),
        ("POST", "/", vec![bob, "Content-Length: 2"]),
        ("POST", "/a", vec![bob, "Content-Length: 2"]),
        ("GET", "/", vec![bob, "Content-Length: 2"]),
        ("OPTIONS", "/", preflight.clone()),
        ("OPTIONS", "/a", preflight),
        ("GET", "/", upgrade.clone()),
        ("GET", "/a", upgrade),
    ]
}

/// Tokens that differ in what the keys of a provider judge.
fn tokens() -> Vec<String> {
    let changed = |from: &str, to: &str| {
        assert!(BOB.contains(from), "{from}");
        token("HS256", "", &BOB.replace(from, to))
    };
    let padding = format!("\"x\":\"{}\",\"iss\"", "x".repeat(900));
    let mut all = vec![
        changed("\"iss\":\"stagedoor\"", "\"iss\":\"a\""),
        changed("\"aud\":\"media\"", "\"aud\":\"a\""),
        changed("\"aud\":\"media\"", "\"aud\":\"b\""),
        changed("NOW+1800", "NOW-1"),
        changed("NOW+1800", "NOW+5400"),
        changed("\"iss\"", &padding),
        changed("\"name\"", "\"amr\":[\"mfa\"],\"name\""),
        changed("\"name\"", "\"amr\":[\"pwd\",\"otp\"],\"name\""),
        changed("\"name\"", "\"acr\":\"gold\",\"name\""),
        token("HS256", "a", BOB),
        token("HS256", "s", BOB),
        token("HS384", "s", BOB),
    ];
    all.extend((0..30).map(|n| changed("\"name\"", &format!("\"n\":{n},\"name\""))));
    all
}

/// A token of these claims: signed with the secret that is made for the provider, or, with a `kid`, with the one in
/// the file `s`. The `kid` `s` is left out again.
fn token(alg: &str, kid: &str, claims: &str) -> String {
    let mut claims = claims.to_owned();
    for shift in [-60_i64, -1, 1800, 5400] {
        let at = i64::try_from(now().unix_secs()).unwrap() + shift;
        claims = claims.replace(&format!("NOW{shift:+}"), &at.to_string());
    }
    let named = if matches!(kid, "" | "s") { String::new() } else { format!(",\"kid\":\"{kid}\"") };
    let head = format!("{{\"alg\":\"{alg}\"{named}}}");
    let input =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(format!("{{{claims}}}")));
    let secret = if kid.is_empty() { format!("jwt_secret-{OTHER}") } else { GOOD.repeat(2) };
    let hash = if alg == "HS256" { hmac::HMAC_SHA256 } else { hmac::HMAC_SHA384 };
    let tag = hmac::sign(&hmac::Key::new(hash, secret.as_bytes()), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

/// Fields of requests that are signed with the secret that is made for the file `sign`: under other names, and ahead of time.
fn signatures() -> [[String; 2]; 4] {
    let of = |header: &str, timestamp: &str, ahead: u64| {
        let time = now().unix_secs() + ahead;
        // The SHA-256 of nothing.
        let text =
            format!("GET\n/signed\n{time}\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let key = hmac::Key::new(hmac::HMAC_SHA256, format!("sign-{OTHER}").as_bytes());
        let mac: String =
            hmac::sign(&key, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        [format!("{header}: {mac}"), format!("{timestamp}: {time}")]
    };
    [
        of("X-Signature", "X-Timestamp", 0),
        of("X-A", "X-Timestamp", 1),
        of("X-Signature", "X-A", 2),
        of("X-Signature", "X-Timestamp", 3),
    ]
}

fn wire(method: &str, path: &str, host: &str, fields: &[&str]) -> String {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
    for field in fields {
        let cookie = token("HS256", "", BOB);
        let _ = write!(text, "{}\r\n", field.replace("COOKIE", &cookie));
    }
    text + "\r\n"
}

/// What becomes of a request without TLS.
fn over_plain_http(policy: &Policy, out: &mut String) {
    let text = wire("GET", "/", HOST, &[]);
    let Ok(Parsed::Complete(head, _)) = parse(text.as_bytes(), &policy.server.limits.head, Scheme::Http)
    else {
        panic!("not a whole head: {text}");
    };
    let peer = Peer { address: PeerAddress::Ip([10, 0, 0, 4].into()), port: 8080, tls: false };
    let arrival = Arrival { peer, transport: &Transport::Plain, now: now() };
    if let Ok(Admission::Redirect(redirect)) = admit(policy, &head, &arrival, &mut Trail::default()) {
        let _ = writeln!(out, "redirected to {:?}", redirect.location());
    }
}

/// Three hundred clients, twice each: how many of them a limit refuses.
fn crowd(policy: &Policy, out: &mut String) {
    let later = now().after(Duration::from_secs(86_400));
    let text = wire("GET", "/", HOST, &[]);
    let mut refused = 0;
    for n in (0..300).chain(0..300) {
        let from: IpAddr = [10, 1, u8::try_from(n / 256).unwrap(), u8::try_from(n % 256).unwrap()].into();
        let mut trail = Trail::default();
        let head = head_of(policy, &text).unwrap();
        let limited = admit(policy, &head, &arrival(from, later), &mut trail)
            .is_err_and(|denial| denial.code() == "rate_limited");
        refused += usize::from(limited);
    }
    let _ = writeln!(out, "{refused} of a crowd are limited");
}

fn head_of<'t>(policy: &Policy, text: &'t str) -> Result<Head<'t>, stagedoor_core::denial::Denial> {
    match parse(text.as_bytes(), &policy.server.limits.head, Scheme::Https)? {
        Parsed::Complete(head, _) => Ok(head),
        Parsed::Partial => panic!("not a whole head: {text}"),
    }
}

fn arrival(ip: IpAddr, now: Now) -> Arrival<'static> {
    Arrival {
        peer: Peer { address: PeerAddress::Ip(ip), port: 8080, tls: true },
        transport: &Transport::Plain,
        now,
    }
}

fn one(policy: &Policy, from: &str, text: &str, now: Now, out: &mut String) {
    let _ = writeln!(out, "--- {} from {from}", text.lines().next().unwrap_or_default());
    let head = match head_of(policy, text) {
        Ok(head) => head,
        Err(denial) => return out.push_str(denial.code()),
    };
    let mut trail = Trail::default();
    let outcome = admit(policy, &head, &arrival(from.parse().unwrap(), now), &mut trail);
    let at = ResponseContext {
        https: true,
        host: head.host(),
        port: None,
        request_id: "1",
        cors: &trail.cors,
        limits: &trail.limits,
        server_timing: None,
    };
    let (shape, response) = match &trail.app {
        Some(app) => (app.errors, &app.response),
        None => (
            stagedoor_core::policy::ErrorShape::Problem,
            stagedoor_core::response_out::ResponsePolicy::bare(),
        ),
    };
    let written = |reply: &Reply| String::from_utf8(reply.to_h1(false, false)).unwrap();
    match outcome {
        Err(denial) => {
            let manner = RefusalFormat { shape, page: None, realm: "media" };
            out.push_str(&written(&Reply::refusal(&denial, manner, response, &at)));
        }
        Ok(Admission::Preflight(preflight)) => {
            out.push_str(&written(&Reply::preflight(&preflight, response, &at)));
        }
        Ok(Admission::AppPreflight(permit)) => {
            let mut to_app = BytesMut::new();
            write_preflight(&permit, &head, "1", &mut to_app);
            out.push_str(std::str::from_utf8(&to_app).unwrap());
        }
        Ok(Admission::Redirect(redirect)) => {
            let _ = writeln!(out, "redirected: {:?}", redirect.location());
        }
        Ok(Admission::GatewayPage(own)) => {
            let _ = writeln!(out, "a page of ours: {own:?}");
        }
        Ok(Admission::Forward(mut permit)) => {
            let to_app = write_head(&permit, &head, "1", BytesMut::new()).finish(head.body());
            out.push_str(std::str::from_utf8(&to_app).unwrap());
            for own in ["", "default-src 'none'"] {
                let mut fields = answer(own);
                response.apply(&mut fields, &at);
                let _ = writeln!(out, "{fields:?}");
            }
            let mut gate = permit.take_gate();
            let _ = writeln!(out, "a body of 2: {:?}", gate.pass(2).map_err(|denial| denial.code()));
        }
    }
    let _ = writeln!(out, "streams: {:?}", trail.route.as_ref().map(|route| route.streams));
    let label = trail.route.as_ref().map_or("none", |route| &route.label);
    let _ = writeln!(out, "counted for {label}");
}

/// What the app answers, with a content policy of its own or without.
fn answer(csp: &str) -> HeaderMap {
    let mut fields = HeaderMap::new();
    let lines = [("content-type", "text/html"), ("x-a", "1"), ("x-b", "1"), ("content-security-policy", csp)];
    for (name, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
        fields.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    fields
}
