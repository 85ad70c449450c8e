//! What counts over https counts alike over HTTP/1.1 and HTTP/2: each row is asked over both.

use std::sync::Arc;

use rustls::ClientConfig;
use serde_json::json;

use super::{Wish, folder};
use crate::harness::{
    Authority, Gateway, HOST, Protocol, Request, Response, TlsConnection, Upstream, client_config, token,
};

/// An app whose cookie is for https alone, and one for the names that HSTS is and is not for.
const APPS: &str = r#"
[app.own]
hosts    = ["own.localhost"]
upstream = "UPSTREAM"
auth     = "required"
sources  = ["bearer", "cookie:__Host-door"]
[app.own.cors]
origins     = ["https://other.localhost"]
methods     = ["GET", "DELETE"]
credentials = true
[app.named]
hosts    = ["media.example.com", "nas.local", "nas.lan", "nas.home.arpa", "nas.internal", "localhost"]
upstream = "UPSTREAM"
auth     = "public"
"#;

const OWN: &str = "own.localhost";

/// A gateway before `app`, whose first certificate is for all hosts but two, and a client that trusts it.
fn gateway(app: &Upstream, server: &str) -> (Gateway, Arc<ClientConfig>) {
    let authority = Authority::new("house");
    let first = [
        HOST,
        OWN,
        "*.wild.localhost",
        "media.example.com",
        "nas.local",
        "nas.lan",
        "nas.home.arpa",
        "nas.internal",
        "localhost",
        "127.0.0.1",
    ];
    let pairs = [authority.issue(&first), authority.issue(&["films.localhost"])];
    let wish = Wish { server, rest: APPS, ..Wish::default() };
    (Gateway::start_in(folder(app, &pairs.each_ref(), &wish)), Arc::new(client_config(&authority)))
}

/// One request on a connection of its own.
fn ask(gateway: &Gateway, config: &Arc<ClientConfig>, protocol: Protocol, request: &Request) -> Response {
    TlsConnection::open(protocol, gateway.https(), HOST, config).ask(request)
}

fn cookie_of(user: &str) -> String {
    format!("__Host-door={}", token(user))
}

#[test]
fn a_connection_carries_requests_for_the_hosts_of_its_certificate_alone() {
    let app = Upstream::start();
    let (gateway, named) = gateway(&app, "");
    let mut nameless = (*named).clone();
    nameless.enable_sni = false;
    let nameless = Arc::new(nameless);
    for protocol in Protocol::BOTH {
        for (name, config, host, status, code) in [
            (HOST, &named, HOST, 200, ""),
            (HOST, &named, "a.wild.localhost", 200, ""),
            (HOST, &named, "media.example.com", 200, ""),
            (HOST, &named, "127.0.0.1", 200, ""),
            (HOST, &named, "films.localhost", 421, "misdirected"),
            ("films.localhost", &named, "films.localhost:8443", 200, ""),
            ("films.localhost", &named, HOST, 421, "misdirected"),
            ("films.localhost", &named, "127.0.0.1", 421, "misdirected"),
            // A client that names no server may ask for any host; for an address none is named (RFC 6066 §3).
            (HOST, &nameless, "films.localhost", 200, ""),
            ("127.0.0.1", &named, "127.0.0.1", 200, ""),
            ("127.0.0.1", &named, "films.localhost", 200, ""),
            // The host is judged first.
            (HOST, &named, "nobody.localhost", 421, "unknown_host"),
            ("127.0.0.1", &named, "127.0.0.2", 421, "unknown_host"),
        ] {
            app.forget();
            let row = format!("{protocol:?} {name} {host}");
            let mut client = TlsConnection::open(protocol, gateway.https(), name, config);
            let answer = client.ask(&Request::get("/x").host(host));
            assert_eq!((answer.status, answer.field("x-stagedoor-code")), (status, code), "{row}");
            assert_eq!(app.seen().len(), usize::from(status == 200), "{row}");
            // The connection goes on: only this host was wrong on it.
            assert_eq!(client.ask(&Request::get("/y").host(name)).status, 200, "{row}");
        }
    }
}

#[test]
fn the_app_is_told_the_scheme_of_the_connection() {
    let app = Upstream::start();
    let (gateway, config) = gateway(&app, "");
    let port = gateway.https().port().to_string();
    for protocol in Protocol::BOTH {
        app.forget();
        let request = Request::get("/film?part=1")
            .host(&format!("{HOST}:{port}"))
            .field("X-Forwarded-Proto", "http")
            .field("X-Forwarded-Port", "80");
        let answer = ask(&gateway, &config, protocol, &request);
        assert_eq!(answer.status, 200, "{protocol:?}: {answer:?}");
        let seen = app.sole();
        assert_eq!(seen.target, "/film?part=1");
        assert_eq!(seen.fields.sole("x-forwarded-proto"), Some("https"), "{protocol:?}");
        assert_eq!(seen.fields.sole("x-forwarded-port"), Some(&*port), "{protocol:?}");
        let event = gateway.event(&answer);
        let spoken = if protocol == Protocol::Http2 { "HTTP/2" } else { "HTTP/1.1" };
        assert_eq!((event["protocol"].as_str(), event["scheme"].as_str()), (Some(spoken), Some("https")));
        assert_eq!(event["tls"], true);
    }
}

#[test]
fn a_trusted_proxy_tells_scheme_and_host_over_https_too() {
    let app = Upstream::start();
    let server = "trusted_proxies = [\"127.0.0.1\"]\nforwarded = [\"for\", \"proto\", \"host\"]";
    let (gateway, config) = gateway(&app, server);
    for protocol in Protocol::BOTH {
        // A proxy reaches the gateway under a name of its own and tells the host of its client.
        let request = Request::get("/x").field("X-Forwarded-Host", "films.localhost");
        assert_eq!(ask(&gateway, &config, protocol, &request).status, 200, "{protocol:?}");
        assert_eq!(app.last().fields.sole("x-forwarded-host"), Some("films.localhost"), "{protocol:?}");
        for (told, hsts) in [("http", ""), ("https", "max-age=31536000")] {
            let request = Request::get("/x").host("media.example.com").field("X-Forwarded-Proto", told);
            let answer = ask(&gateway, &config, protocol, &request);
            assert_eq!(answer.field("strict-transport-security"), hsts, "{protocol:?} {told}");
            assert_eq!(app.last().fields.sole("x-forwarded-proto"), Some(told), "{protocol:?}");
        }
    }
}

#[test]
fn hsts_is_said_over_https_alone_and_not_of_local_names() {
    const YEAR: &str = "max-age=31536000";
    let app = Upstream::start();
    let (gateway, config) = gateway(&app, "");
    for (host, path, status, value) in [
        ("media.example.com", "/", 200, YEAR),
        ("media.example.com:8443", "/", 200, YEAR),
        // Answers of the gateway's own say it too.
        (OWN, "/", 401, YEAR),
        ("media.example.com", "/.stagedoor/enter", 200, YEAR),
        ("nas.local", "/", 200, ""),
        ("nas.lan", "/", 200, ""),
        ("nas.home.arpa", "/", 200, ""),
        ("nas.internal", "/", 200, ""),
        ("localhost", "/", 200, ""),
        ("127.0.0.1", "/", 200, ""),
    ] {
        let request = Request::get(path).host(host);
        for protocol in Protocol::BOTH {
            let answer = ask(&gateway, &config, protocol, &request);
            let said = answer.field("strict-transport-security");
            assert_eq!((answer.status, said), (status, value), "{protocol:?} {host}{path}");
        }
        let plain = gateway.ask(&request);
        assert_eq!((plain.status, plain.field("strict-transport-security")), (status, ""), "{host}{path}");
    }
}

/// Over https the origin of the app is https: `http://` with the same host is another one.
#[test]
fn a_cookie_is_believed_from_the_same_origin_alone() {
    let app = Upstream::start();
    let (gateway, config) = gateway(&app, "");
    let cookie = cookie_of("bob");
    type Row<'r> = (&'r str, &'r [(&'r str, &'r str)], u16);
    let rows: &[Row<'_>] = &[
        ("GET", &[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")], 403),
        ("GET", &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")], 200),
        ("GET", &[("Origin", "https://evil.example")], 200),
        ("POST", &[], 200),
        ("POST", &[("Sec-Fetch-Site", "same-origin")], 200),
        ("POST", &[("Sec-Fetch-Site", "none")], 200),
        ("POST", &[("Sec-Fetch-Site", "same-site")], 403),
        ("POST", &[("Sec-Fetch-Site", "cross-site")], 403),
        ("POST", &[("Origin", "https://own.localhost")], 200),
        ("POST", &[("Origin", "https://own.localhost:443")], 200),
        ("POST", &[("Origin", "https://own.localhost:8443")], 403),
        ("POST", &[("Origin", "http://own.localhost")], 403),
        ("POST", &[("Origin", "https://other.localhost")], 200),
        ("POST", &[("Origin", "http://other.localhost")], 403),
        ("POST", &[("Origin", "https://evil.example")], 403),
        ("POST", &[("Origin", "null")], 403),
        ("DELETE", &[("Origin", "https://own.localhost.evil.example")], 403),
        ("PUT", &[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://own.localhost")], 200),
        // What a client says of its scheme changes nothing.
        ("POST", &[("Origin", "http://own.localhost"), ("X-Forwarded-Proto", "http")], 403),
    ];
    for (method, fields, status) in rows {
        let request = Request::new(method, "/x").host(OWN).field("Cookie", &*cookie).body("");
        let request = fields.iter().fold(request, |request, (name, value)| request.field(name, *value));
        for protocol in Protocol::BOTH {
            app.forget();
            let answer = ask(&gateway, &config, protocol, &request);
            assert_eq!(answer.status, *status, "{protocol:?} {method} {fields:?}");
            assert_eq!(app.seen().len(), usize::from(*status == 200), "{protocol:?} {method} {fields:?}");
        }
    }
}

#[test]
fn pages_of_listed_origins_alone_may_read_and_ask_first() {
    let app = Upstream::start();
    let (gateway, config) = gateway(&app, "");
    let allowed = |answer: &Response| {
        let names = ["access-control-allow-origin", "access-control-allow-credentials"];
        names.map(|name| answer.field(name).to_owned())
    };
    for protocol in Protocol::BOTH {
        for (origin, listed) in [
            ("https://other.localhost", true),
            ("http://other.localhost", false),
            ("https://other.localhost:8443", false),
            ("https://own.localhost", false),
            ("https://evil.example", false),
        ] {
            let row = format!("{protocol:?} {origin}");
            let fields = if listed { [origin, "true"] } else { ["", ""] };
            app.forget();
            let preflight = Request::new("OPTIONS", "/x")
                .host(OWN)
                .field("Origin", origin)
                .field("Access-Control-Request-Method", "DELETE");
            let answer = ask(&gateway, &config, protocol, &preflight);
            assert_eq!((answer.status, allowed(&answer)), (204, fields.map(str::to_owned)), "{row}");
            let methods = if listed { "GET, DELETE" } else { "" };
            assert_eq!(answer.field("access-control-allow-methods"), methods, "{row}");
            assert!(answer.field("vary").contains("Origin"), "{row}");
            assert!(app.seen().is_empty(), "{row}");

            let actual = Request::get("/x").host(OWN).field("Origin", origin);
            let bearer = actual.clone().bearer(&token("bob"));
            // A page that is listed may read a refusal too.
            for (request, status) in [(bearer, 200), (actual, 401)] {
                let answer = ask(&gateway, &config, protocol, &request);
                assert_eq!((answer.status, allowed(&answer)), (status, fields.map(str::to_owned)), "{row}");
                assert!(answer.field("vary").contains("Origin"), "{row}");
            }
        }
    }
}

#[test]
fn an_enter_link_sets_a_cookie_for_https_alone() {
    let app = Upstream::start();
    let (gateway, config) = gateway(&app, "");
    for protocol in Protocol::BOTH {
        app.forget();
        let token = token("alice");
        let wish = Request::post("/api/v1/enter", json!({ "token": token, "app": "own" }).to_string())
            .field("Content-Type", "application/json");
        let code = gateway.ask_admin_as_operator(wish).json()["code"].as_str().unwrap().to_owned();
        let form = |origin: &str| {
            Request::post("/.stagedoor/enter", format!("code={code}"))
                .host(OWN)
                .field("Content-Type", "application/x-www-form-urlencoded")
                .field("Accept", "text/html")
                .field("Origin", origin)
        };
        // A form of another origin uses nothing up.
        for origin in ["https://evil.example", "http://own.localhost", "null"] {
            let answer = ask(&gateway, &config, protocol, &form(origin));
            assert_eq!(
                (answer.status, answer.fields.has("set-cookie")),
                (403, false),
                "{protocol:?} {origin}"
            );
        }
        let entered = ask(&gateway, &config, protocol, &form("https://own.localhost"));
        assert_eq!(entered.status, 200, "{protocol:?}: {entered:?}");
        let cookie = entered.field("set-cookie");
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        assert_eq!(pair, format!("__Host-door={token}"), "{protocol:?}");
        let (before, rest) = attributes.split_once("Max-Age=").unwrap();
        assert_eq!(before, "Path=/; HttpOnly; SameSite=Lax; ", "{protocol:?}");
        assert_eq!(rest.trim_start_matches(|c: char| c.is_ascii_digit()), "; Secure", "{protocol:?}");

        let inside = Request::get("/films").host(OWN).field("Cookie", format!("mine=1; {pair}"));
        assert_eq!(ask(&gateway, &config, protocol, &inside).status, 200, "{protocol:?}");
        assert_eq!(app.sole().fields.sole("cookie"), Some("mine=1"), "{protocol:?}");
        let again = ask(&gateway, &config, protocol, &form("https://own.localhost"));
        assert_eq!((again.status, again.fields.has("set-cookie")), (403, false), "{protocol:?}");

        let leaving = Request::post("/.stagedoor/leave", "")
            .host(OWN)
            .field("Origin", "https://own.localhost")
            .field("Cookie", pair);
        let left = ask(&gateway, &config, protocol, &leaving);
        let cleared = left.field("set-cookie");
        assert!(cleared.starts_with("__Host-door=; Path=/; ") && cleared.ends_with("; Secure"), "{left:?}");
    }
}

#[test]
fn the_cookies_of_an_app_arrive_as_they_are() {
    let lines = ["__Host-sid=1; Path=/; Secure", "lang=de; Path=/; SameSite=Lax"];
    let app = Upstream::with(move |exchange| {
        let fields = lines.map(|line| format!("Set-Cookie: {line}"));
        exchange.reply("200 OK", &fields.each_ref().map(|field| &**field), "")
    });
    let (gateway, config) = gateway(&app, "");
    for protocol in Protocol::BOTH {
        let answer = ask(&gateway, &config, protocol, &Request::get("/x"));
        assert_eq!(answer.fields.all("set-cookie").collect::<Vec<_>>(), lines, "{protocol:?}");
    }
}
