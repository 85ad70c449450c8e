//! HTTP/2 over TLS: the handshake settles on it, and the rest is as on plain connections.

use h2::Reason;

use crate::harness::{
    Authority, Folder, Gateway, HOST, Http2, RawHttp2, Request, Upstream, client_config, default_answer,
};

const CONFIG: &str = r#"
[server]
timeouts.header = "1s"
[server.tls]
listen       = ["127.0.0.1:0"]
certificates = [{ cert = "tls/0.pem", key = "tls/0.key" }]
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

fn gateway(app: &Upstream) -> (Gateway, Authority) {
    let authority = Authority::new("house");
    let pair = authority.issue(&[HOST]);
    let folder = Folder::new(&CONFIG.replace("UPSTREAM", &app.url()));
    folder.write("tls/0.pem", &pair.cert);
    folder.write_private("tls/0.key", &pair.key);
    (Gateway::start_in(folder), authority)
}

#[test]
fn a_client_that_offers_http_2_speaks_it() {
    let app = Upstream::start();
    let (gateway, authority) = gateway(&app);
    let mut client = Http2::connect_over_tls(gateway.https(), HOST, client_config(&authority));
    for size in [0, 1000, 1_000_000] {
        let answer = client.ask(&Request::post("/echo", vec![b'x'; size]));
        assert_eq!((answer.status, answer.body.len()), (200, size));
    }
}

#[test]
fn a_request_names_the_scheme_of_its_connection() {
    let app = Upstream::start();
    let (gateway, authority) = gateway(&app);
    let mut client = Http2::connect_over_tls(gateway.https(), HOST, client_config(&authority));
    let (head, _) = Request::get("/x").http2("http");
    let pending = client.begin(head, true).unwrap();
    assert_eq!(client.answer(pending.answer).unwrap().status, 400);
    assert!(app.seen().is_empty());
}

#[test]
fn silence_after_the_handshake_is_not_waited_for() {
    let app = Upstream::start();
    let (gateway, authority) = gateway(&app);
    let mut config = client_config(&authority);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut client = crate::harness::TlsClient::over_tls(gateway.https(), HOST, &config.into()).unwrap();
    assert!(client.is_closed());
    assert_eq!(gateway.metric("stagedoor_http2_limited_total", &["header"]), 1.0);
}

/// A login of a connection cannot be one of HTTP/2: the client is told to ask over HTTP/1.1.
#[test]
fn a_login_of_the_connection_is_asked_for_over_http_1_1() {
    let app = Upstream::with(|exchange| match exchange.path().as_str() {
        "/ntlm" => exchange.reply("401 Unauthorized", &["WWW-Authenticate: NTLM"], "who"),
        "/basic" => exchange.reply("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"a\""], "who"),
        _ => default_answer(exchange),
    });
    let (gateway, authority) = gateway(&app);
    let mut client = Http2::connect_over_tls(gateway.https(), HOST, client_config(&authority));
    let error = client.try_ask(&Request::get("/ntlm")).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::HTTP_1_1_REQUIRED));
    assert_eq!(client.ask(&Request::get("/basic")).status, 401);
    // With prior knowledge there is no other protocol.
    let plain = super::gateway(&app, "", "");
    let mut raw = RawHttp2::connect(plain.address, &[]);
    raw.get(1, "/ntlm");
    assert_eq!(raw.status(1), 401);
}
