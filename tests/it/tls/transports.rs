//! The transports below TLS: a PROXY header before the handshake, and Unix sockets.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::{Wish, connect, gateway};
use crate::harness::{Client, DEADLINE, Gateway, HOST, Request, TlsClient, Upstream, poll_until};

const PROXY: &str = "proxy_protocol = [\"127.0.0.2\"]";

/// A connection of the proxy, to the https listener.
fn proxy(gateway: &Gateway) -> TcpStream {
    Client::connect_from("127.0.0.2".parse().unwrap(), gateway.https()).reader.stream
}

/// A handshake behind the header.
fn told(gateway: &Gateway, config: &Arc<ClientConfig>, header: &[u8]) -> std::io::Result<TlsClient> {
    let mut tcp = proxy(gateway);
    tcp.write_all(header)?;
    TlsClient::over_tcp(tcp, HOST, config)
}

#[test]
fn a_proxy_header_comes_before_the_handshake() {
    let app = Upstream::start();
    let (gateway, config) = gateway(&app, &Wish { server: PROXY, ..Wish::default() });
    let host = format!("{HOST}:{}", gateway.https().port());
    let mut client = told(&gateway, &config, b"PROXY TCP6 2001:db8::7 2001:db8::1 51000 443\r\n").unwrap();
    let answer = client.ask(&Request::get("/x").host(&host).field("X-Forwarded-For", "203.0.113.66"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = app.sole();
    assert_eq!(seen.fields.sole("x-forwarded-for"), Some("2001:db8::7"));
    assert_eq!(seen.fields.sole("x-forwarded-proto"), Some("https"));
    assert_eq!(gateway.event(&answer)["ip"], "2001:db8::7");

    // Without a header, or with one of a peer that is not listed, there is no handshake.
    assert!(told(&gateway, &config, b"").is_err());
    let mut other = TcpStream::connect(gateway.https()).unwrap();
    other.write_all(b"PROXY UNKNOWN\r\n").unwrap();
    assert!(TlsClient::over_tcp(other, HOST, &config).is_err());
    assert_eq!(app.seen().len(), 1);
    let refused = || gateway.metric("stagedoor_connections_refused_total", &["\"proxy_header\""]);
    poll_until("the connection without a header to be counted", || (refused() == 1.0).then_some(()));
}

/// An operator who has put a proxy before an https listener and forgot to name it learns so; other failures are told at `debug`.
#[test]
fn handshakes_that_fail_leave_a_trace() {
    let app = Upstream::start();
    let rest = "[log]\nlevel = \"debug\"\n";
    let (gateway, config) = gateway(&app, &Wish { server: PROXY, rest, ..Wish::default() });
    let send = |bytes: &[u8]| TcpStream::connect(gateway.https()).unwrap().write_all(bytes).unwrap();
    let signature = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc6\x33\x64\x07\xc0\0\x02\x01\0\x01\0\x02";
    send(signature);
    gateway.wait_for_log("began with a PROXY header, which is not expected from this peer");
    send(b"PROXY TCP4 198.51.100.7 192.0.2.1 51000 443\r\n");
    gateway.wait_for_log("a PROXY header that is not expected");
    send(b"GET / HTTP/1.1\r\n\r\n");
    gateway.wait_for_log("a TLS handshake failed");
    let log = gateway.log();
    assert_eq!(log.matches("began with a PROXY header").count(), 1, "{log}");
    let line = log.lines().find(|line| line.contains("a TLS handshake failed")).unwrap();
    assert!(line.contains("127.0.0.1") && line.contains("InvalidContentType"), "{line}");
    let refused = || gateway.metric("stagedoor_connections_refused_total", &["\"tls\""]);
    poll_until("all three to be counted", || (refused() == 3.0).then_some(()));
    assert_eq!(connect(&gateway, HOST, &config).ask(&Request::get("/x")).status, 200);
}

/// A client that has too many connections gets no handshake, whatever proxy they come through.
#[test]
fn the_cap_of_an_address_comes_before_the_handshake() {
    let app = Upstream::start();
    let rest = "[server.limits]\nconnections_per_ip = 1\n";
    let (gateway, config) = gateway(&app, &Wish { server: PROXY, rest, ..Wish::default() });
    let line = |client: &str| format!("PROXY TCP4 {client} 192.0.2.1 51000 443\r\n").into_bytes();
    let held = told(&gateway, &config, &line("198.51.100.7")).unwrap();
    assert!(told(&gateway, &config, &line("198.51.100.7")).is_err());
    assert!(told(&gateway, &config, &line("198.51.100.8")).is_ok());
    assert!(gateway.metric("stagedoor_connections_refused_total", &["\"per_address\""]) >= 1.0);
    drop(held);
    poll_until("a place", || told(&gateway, &config, &line("198.51.100.7")).ok());
}

#[test]
fn https_is_spoken_on_a_unix_socket_too() {
    let app = Upstream::start();
    let listen = "listen = [\"127.0.0.1:0\", \"unix:https.sock\"]";
    let authority = crate::harness::Authority::new("house");
    let folder = super::folder(&app, &[&authority.issue(&[HOST])], &Wish::default());
    let text = folder.read("stagedoor.toml");
    let text = text.replace("listen       = [\"127.0.0.1:0\"]", listen);
    assert!(text.contains("https.sock"), "{text}");
    folder.write("stagedoor.toml", &text);
    let mut gateway = Gateway::start_in(folder);
    let path = gateway.folder.path().join("https.sock");
    let unix = UnixStream::connect(&path).unwrap();
    unix.set_read_timeout(Some(DEADLINE)).unwrap();
    let config = Arc::new(crate::harness::client_config(&authority));
    let session = ClientConnection::new(config, ServerName::try_from(HOST).unwrap()).unwrap();
    let mut stream = StreamOwned::new(session, unix);
    stream.write_all(&Request::get("/x").field("Connection", "close").bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let seen = app.sole();
    assert_eq!(seen.fields.sole("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.fields.sole("x-forwarded-for"), Some("127.0.0.1"));
    gateway.signal("TERM");
    assert!(gateway.wait().0.success());
    assert!(!path.exists(), "its file goes with the gateway");
}
