//! Requests over TLS.

use std::io::Write as _;

use tokio_tungstenite::tungstenite;

use super::{Wish, connect, gateway};
use crate::harness::{Gateway, HOST, Request, Upstream, poll_until};

#[test]
pub(crate) fn over_tls() {
    let app = Upstream::start();
    let (gateway, config) = gateway(&app, &Wish::default());
    let host = format!("{HOST}:{}", gateway.https().port());
    let answer = connect(&gateway, HOST, &config).ask(&Request::get("/film?part=1").host(&host));
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = app.sole();
    assert_eq!(seen.target, "/film?part=1");
    assert_eq!(seen.fields.sole("x-forwarded-proto"), Some("https"));
    let port = gateway.https().port().to_string();
    assert_eq!(seen.fields.sole("x-forwarded-port"), Some(&*port));
    assert_eq!(gateway.event(&answer)["tls"], true);
}

/// One record may carry more than one request: what lies decrypted in the session is read without waiting for the socket.
#[test]
fn requests_in_one_record_are_all_answered() {
    let app = Upstream::start();
    let (gateway, config) = gateway(&app, &Wish::default());
    let mut client = connect(&gateway, HOST, &config);
    let all: Vec<u8> = (0..20).flat_map(|n| Request::get(&format!("/{n}")).bytes()).collect();
    client.send(&all);
    for n in 0..20 {
        let answer = client.answer();
        assert_eq!(answer.status, 200, "{n}: {answer:?}");
    }
    assert_eq!(app.seen().len(), 20);
}

#[test]
fn a_head_in_many_records_is_one_request() {
    let app = Upstream::start();
    let (gateway, config) = gateway(&app, &Wish::default());
    let mut client = connect(&gateway, HOST, &config);
    for byte in Request::get("/slow").bytes() {
        client.send([byte]);
        client.reader.stream.flush().unwrap();
    }
    assert_eq!(client.answer().status, 200);
    assert_eq!(app.sole().target, "/slow");
}

#[test]
fn large_bodies_pass_unchanged_in_both_directions() {
    let app = Upstream::with(|exchange| {
        let body = exchange.body()?;
        exchange.reply("200 OK", &[], body)
    });
    let (gateway, config) = gateway(&app, &Wish::default());
    let body: Vec<u8> = (0..900_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let mut client = connect(&gateway, HOST, &config);
    for _ in 0..3 {
        let answer = client.ask(&Request::post("/echo", &body));
        assert_eq!(answer.status, 200);
        assert!(answer.body == body, "{} bytes of {}", answer.body.len(), body.len());
    }
}

/// A client has to tell an answer that broke off from a whole one (RFC 9112 §9.8): where nothing else tells the end of the body, no
/// orderly end of TLS may follow it.
#[test]
fn an_answer_that_breaks_off_is_not_closed_in_order() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        exchange.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")?;
        exchange.reset();
        Ok(())
    });
    let (gateway, config) = gateway(&app, &Wish::default());
    let mut client = connect(&gateway, HOST, &config);
    client.send(format!("GET /x HTTP/1.0\r\nHost: {HOST}\r\n\r\n"));
    let mut closed = client.reader.fill();
    while matches!(closed, Ok(1..)) {
        closed = client.reader.fill();
    }
    assert!(closed.is_err(), "the session was closed in order");
}

#[test]
fn an_end_of_the_connection_is_told_in_order() {
    let app = Upstream::start();
    let (gateway, config) = gateway(&app, &Wish::default());
    let mut client = connect(&gateway, HOST, &config);
    let answer = client.ask(&Request::get("/x").field("Connection", "close"));
    assert_eq!(answer.status, 200);
    // rustls reports a connection that ends without `close_notify` as an error.
    assert_eq!(client.reader.fill().unwrap(), 0);
}

#[test]
fn a_draining_gateway_ends_idle_connections_and_handshakes() {
    let app = Upstream::start();
    let (mut gateway, config) = gateway(&app, &Wish::default());
    let mut idle = connect(&gateway, HOST, &config);
    assert_eq!(idle.ask(&Request::get("/x")).status, 200);
    let silent = std::net::TcpStream::connect(gateway.https()).unwrap();
    poll_until("both connections", || (connections(&gateway) == 2.0).then_some(()));
    gateway.signal("TERM");
    let (status, took) = gateway.wait();
    assert!(status.success() && took.as_secs() < 5, "{status} after {took:?}");
    drop(silent);
}

fn connections(gateway: &Gateway) -> f64 {
    gateway.metric("stagedoor_connections", &[])
}

#[test]
fn a_websocket_over_tls_echoes_and_ends() {
    let app = Upstream::with(|exchange| exchange.echo_websocket());
    let (gateway, config) = gateway(&app, &Wish::default());
    let stream = connect(&gateway, HOST, &config).reader.stream;
    let request = http::Request::builder()
        .uri(format!("wss://{HOST}/ws"))
        .header("Host", HOST)
        .header("Connection", "Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", tungstenite::handshake::client::generate_key());
    let (mut socket, _) = tungstenite::client::client(request.body(()).unwrap(), stream).unwrap();
    for length in [1, 125, 70_000] {
        let message = tungstenite::Message::text("x".repeat(length));
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    poll_until("the app's connection to end", || (app.open_connections() == 0).then_some(()));
}
