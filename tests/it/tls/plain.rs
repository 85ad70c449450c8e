//! What the plain listeners serve beside https.

use super::{Wish, gateway};
use crate::harness::{Gateway, HOST, Request, Upstream};

fn redirecting(app: &Upstream, server: &str, tls: &str) -> Gateway {
    gateway(app, &Wish { server, tls: &format!("redirect_http = true\n{tls}"), ..Wish::default() }).0
}

#[test]
fn get_and_head_lead_to_the_same_address_over_https() {
    let app = Upstream::start();
    let gateway = redirecting(&app, "", "");
    for method in ["GET", "HEAD"] {
        for (target, host, location) in [
            ("/", HOST, "https://media.localhost/"),
            ("/a%20b?c=%2F&d", "media.localhost:8080", "https://media.localhost/a%20b?c=%2F&d"),
            ("/x", "MEDIA.localhost.", "https://MEDIA.localhost/x"),
            ("//evil.example/x", HOST, "https://media.localhost//evil.example/x"),
            ("/x", "127.0.0.1:80", "https://127.0.0.1/x"),
        ] {
            let answer = gateway.ask(&Request::new(method, target).host(host));
            assert_eq!(
                (answer.status, answer.field("location")),
                (308, location),
                "{method} {target} {host}"
            );
            assert_eq!(answer.field("strict-transport-security"), "");
        }
    }
    assert_eq!(app.seen().len(), 0);
}

#[test]
fn other_methods_are_refused_with_a_word() {
    let app = Upstream::start();
    let gateway = redirecting(&app, "", "");
    for request in [
        Request::post("/x", "secret"),
        Request::new("DELETE", "/x"),
        Request::new("OPTIONS", "/x")
            .field("Origin", "https://a")
            .field("Access-Control-Request-Method", "PUT"),
    ] {
        let answer = gateway.ask(&request);
        assert_eq!((answer.status, answer.field("x-stagedoor-code")), (403, "https_required"), "{request:?}");
        assert!(answer.text().contains("use https"), "{answer:?}");
    }
    assert_eq!(app.seen().len(), 0);
}

#[test]
fn hosts_of_no_app_and_malformed_requests_are_not_redirected() {
    let app = Upstream::start();
    let gateway = redirecting(&app, "", "");
    let answer = gateway.ask(&Request::get("/x").host("evil.example"));
    assert_eq!((answer.status, answer.field("location")), (421, ""));
    let answer = gateway.raw(format!("GET /a/../b HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    assert_eq!((answer.status, answer.field("location")), (400, ""));
    // A page of the gateway's own takes credentials, so it is not served either.
    let answer = gateway.ask(&Request::get("/.stagedoor/"));
    assert_eq!((answer.status, answer.field("location")), (308, "https://media.localhost/.stagedoor/"));
}

#[test]
fn the_port_is_the_one_that_browsers_use() {
    let app = Upstream::start();
    let gateway = redirecting(&app, "", "public_port = 8443");
    let answer = gateway.ask(&Request::get("/x"));
    assert_eq!(answer.field("location"), "https://media.localhost:8443/x");
}

/// A proxy that ends TLS for its clients says so; sending them to https would send them in a circle.
#[test]
fn clients_whose_proxy_tells_https_are_served() {
    let app = Upstream::start();
    let gateway = redirecting(&app, "trusted_proxies = [\"127.0.0.1\"]", "");
    let told = |scheme: &str| gateway.ask(&Request::get("/x").field("X-Forwarded-Proto", scheme));
    assert_eq!(told("https").status, 200);
    assert_eq!(told("http").status, 308);
    // Nobody else can say so.
    let gateway = redirecting(&app, "", "");
    assert_eq!(gateway.ask(&Request::get("/x").field("X-Forwarded-Proto", "https")).status, 308);
}

#[test]
fn without_the_key_plain_http_is_redirected() {
    let app = Upstream::start();
    let (gateway, _) = gateway(&app, &Wish { tls: "# redirect_http is left out", ..Wish::default() });
    assert_eq!(gateway.ask(&Request::get("/x")).status, 308);
}
