//! Proxies that begin with HTTP/2 and pass on the `:scheme` of their client. Nothing follows from it: the scheme of the client is what
//! `X-Forwarded-Proto` tells, else that of the connection.

use std::sync::Arc;

use crate::harness::{
    Authority, Folder, Gateway, HOST, Http2, Request, Response, Upstream, client_config, token,
};

const CONFIG: &str = r#"
[server]
h2c = ["127.0.0.1:0"]
TRUST
[server.tls]
listen        = ["127.0.0.1:0"]
redirect_http = REDIRECT
certificates  = [{ cert = "tls/0.pem", key = "tls/0.key" }]

[app.media]
hosts    = ["media.localhost", "media.example.com"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"

[app.own]
hosts    = ["own.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"
sources  = ["cookie:door"]
"#;

const TRUST: &str = "trusted_proxies = [\"127.0.0.1\"]";
const YEAR: &str = "max-age=31536000";

/// A gateway, and the certificate of its https listener's authority.
fn gateway(app: &Upstream, trust: &str, redirect: &str) -> (Gateway, Authority) {
    let authority = Authority::new("house");
    let pair = authority.issue(&[HOST, "media.example.com"]);
    let config = CONFIG.replace("TRUST", trust).replace("REDIRECT", redirect);
    let folder = Folder::new(&config.replace("UPSTREAM", &app.url()));
    folder.write("tls/0.pem", &pair.cert);
    folder.write_private("tls/0.key", &pair.key);
    (Gateway::start_in(folder), authority)
}

/// A request of a proxy whose client has named `scheme`, and which tells `told`.
fn ask(client: &mut Http2, request: Request, scheme: &str, told: &str) -> Response {
    let request = if told.is_empty() { request } else { request.field("X-Forwarded-Proto", told) };
    let (head, body) = request.http2(scheme);
    assert_eq!(body.unwrap_or_default(), b"");
    let pending = client.begin(head, true).unwrap();
    client.answer(pending.answer).unwrap()
}

#[test]
fn a_trusted_proxy_may_pass_on_the_scheme_of_its_client() {
    let app = Upstream::start();
    let (gateway, authority) = gateway(&app, TRUST, "false");
    let config = Arc::new(client_config(&authority));
    for (carrier, connect) in [
        ("http", &(|| Http2::connect(gateway.address)) as &dyn Fn() -> Http2),
        ("https", &|| Http2::connect_over_tls(gateway.https(), HOST, (*config).clone())),
    ] {
        let mut client = connect();
        for scheme in ["http", "https"] {
            for (told, seen) in [("http", "http"), ("https", "https"), ("wss", "https"), ("", carrier)] {
                app.forget();
                let row = format!("{scheme} over {carrier}, {told} told");
                let request = Request::get("/x").host("media.example.com");
                let answer = ask(&mut client, request, scheme, told);
                assert_eq!(answer.status, 200, "{row}: {answer:?}");
                assert_eq!(app.sole().fields.sole("x-forwarded-proto"), Some(seen), "{row}");
                let hsts = if seen == "https" { YEAR } else { "" };
                assert_eq!(answer.field("strict-transport-security"), hsts, "{row}");
                assert_eq!(gateway.event(&answer)["scheme"], seen, "{row}");
            }
        }
    }
}

#[test]
fn nobody_else_may_name_another_scheme_than_the_connections() {
    let app = Upstream::start();
    // 127.0.0.1 is not meant.
    let (gateway, authority) = gateway(&app, "trusted_proxies = [\"127.0.0.2\", \"unix\"]", "false");
    let over_tls = || Http2::connect_over_tls(gateway.https(), HOST, client_config(&authority));
    for (mut client, own, other) in
        [(Http2::connect(gateway.address), "http", "https"), (over_tls(), "https", "http")]
    {
        for told in ["", "http", "https"] {
            let answer = ask(&mut client, Request::get("/x"), other, told);
            assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{other} over {own}");
        }
        assert!(app.seen().is_empty());
        assert_eq!(ask(&mut client, Request::get("/x"), own, other).status, 200);
        assert_eq!(app.sole().fields.sole("x-forwarded-proto"), Some(own));
        app.forget();
    }
}

/// `:scheme` opens nothing that is kept for https: neither what plain HTTP does not serve, nor another origin, nor a `Secure` cookie.
#[test]
fn what_a_proxy_passes_on_as_scheme_is_not_believed() {
    let app = Upstream::start();
    let (redirecting, _) = gateway(&app, TRUST, "true");
    let mut client = Http2::connect(redirecting.address);
    for scheme in ["http", "https"] {
        for told in ["", "http"] {
            let answer = ask(&mut client, Request::get("/x"), scheme, told);
            let location = answer.field("location");
            assert_eq!((answer.status, location), (308, "https://media.localhost/x"), "{scheme} {told}");
            let answer = ask(&mut client, Request::new("POST", "/x"), scheme, told);
            assert_eq!((answer.status, answer.code().as_str()), (403, "https_required"), "{scheme} {told}");
        }
        assert!(app.seen().is_empty());
        assert_eq!(ask(&mut client, Request::get("/x"), scheme, "https").status, 200, "{scheme}");
        app.forget();
    }

    let (serving, _) = gateway(&app, TRUST, "false");
    let mut client = Http2::connect(serving.address);
    let cookie = format!("door={}", token("bob"));
    for (told, origin, status) in [
        ("https", "https://own.localhost", 200),
        ("https", "http://own.localhost", 403),
        ("https", "https://evil.example", 403),
        ("http", "http://own.localhost", 200),
        ("http", "http://evil.example", 403),
        ("", "http://own.localhost", 200),
        ("", "https://evil.example", 403),
    ] {
        for scheme in ["http", "https"] {
            let request = Request::new("POST", "/x").host("own.localhost");
            let request = request.field("Cookie", &*cookie).field("Origin", origin);
            let answer = ask(&mut client, request, scheme, told);
            assert_eq!(answer.status, status, "{scheme} {told} {origin}");

            let leaving = Request::new("POST", "/.stagedoor/leave").host("own.localhost");
            let leaving = leaving.field("Cookie", &*cookie).field("Origin", origin);
            let answer = ask(&mut client, leaving, scheme, told);
            let set = answer.fields.sole("set-cookie");
            assert_eq!(set.is_some(), status == 200, "{scheme} {told} {origin}: {answer:?}");
            let secure = set.map(|cookie| cookie.ends_with("; Secure"));
            assert_eq!(secure.unwrap_or(told == "https"), told == "https", "{scheme} {told} {origin}");
        }
    }
}
