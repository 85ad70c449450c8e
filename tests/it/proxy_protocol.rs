//! The PROXY protocol: who may tell a client's address, who has to, and what such an address counts for.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::net::UnixStream;

use crate::harness::{Client, DEADLINE, Frame, Gateway, Request, Upstream, frame, poll_until, request_block};

const APP: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

/// 127.0.0.2 and Unix sockets have to send a header; 127.0.0.3 and two networks behind them are trusted proxies.
const SERVER: &str = r#"
[server]
listen          = ["127.0.0.1:0", "unix:http.sock"]
proxy_protocol  = ["127.0.0.2", "unix"]
trusted_proxies = ["127.0.0.3", "192.0.2.0/24", "2001:db8:f::/48"]
"#;

/// How a connection comes in.
#[derive(Clone, Copy, Debug)]
enum PeerKind {
    /// A peer of which the configuration says nothing.
    Client,
    /// One in `trusted_proxies`.
    Trusted,
    /// One in `proxy_protocol`.
    Proxy,
    /// The Unix socket.
    Unix,
}

/// A line of version 1 about a client of IPv4 or IPv6.
fn v1(client: &str) -> Vec<u8> {
    let (family, gateway) =
        if client.contains(':') { ("TCP6", "2001:db8::1") } else { ("TCP4", "192.0.2.1") };
    format!("PROXY {family} {client} {gateway} 51000 443\r\n").into_bytes()
}

fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
    let length = u16::try_from(block.len()).unwrap().to_be_bytes();
    [b"\r\n\r\n\0\r\nQUIT\n".as_slice(), &[command, family], &length, block].concat()
}

/// A header of version 2 about a client, with extensions behind the addresses.
fn v2_of(client: &str, extensions: &[u8]) -> Vec<u8> {
    let ports = [0xc7, 0x38, 0x01, 0xbb];
    match client.parse().unwrap() {
        IpAddr::V4(ip) => v2(0x21, 0x11, &[&ip.octets(), &[192, 0, 2, 1], &ports, extensions].concat()),
        IpAddr::V6(ip) => {
            let gateway = Ipv6Addr::LOCALHOST.octets();
            v2(0x21, 0x21, &[ip.octets().as_slice(), &gateway, &ports, extensions].concat())
        }
    }
}

/// Everything that comes back for some bytes.
fn answer(mut stream: impl Read + Write, bytes: &[u8]) -> String {
    // A connection that is refused may end before all of it is read.
    let _ = stream.write_all(bytes);
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => answer.extend_from_slice(&piece[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("it stays open: {}", String::from_utf8_lossy(&answer))
            }
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn ask(gateway: &Gateway, from: PeerKind, bytes: &[u8]) -> String {
    let over_tcp = |from: &str| {
        let client = Client::connect_from(from.parse().unwrap(), gateway.address);
        answer(client.reader.stream, bytes)
    };
    match from {
        PeerKind::Client => over_tcp("127.0.0.1"),
        PeerKind::Trusted => over_tcp("127.0.0.3"),
        PeerKind::Proxy => over_tcp("127.0.0.2"),
        PeerKind::Unix => {
            let stream = UnixStream::connect(gateway.folder.path().join("http.sock")).unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            answer(stream, bytes)
        }
    }
}

/// Every row: how the connection comes in, its header, its forwarding fields, and the client that the app and the log are
/// told, or the status, or `closed`.
#[test]
pub(crate) fn the_address_of_the_client() {
    use PeerKind::{Client, Proxy, Trusted, Unix};
    let none = Vec::new;
    let rows: Vec<(PeerKind, Vec<u8>, &str, &str)> = vec![
        // Nobody is believed who is not listed.
        (Client, none(), "", "127.0.0.1"),
        (Client, none(), "X-Forwarded-For: 198.51.100.9", "127.0.0.1"),
        (Client, none(), "Forwarded: for=198.51.100.9", "127.0.0.1"),
        (Client, v1("198.51.100.7"), "", "400"),
        (Client, v2_of("198.51.100.7", b""), "", "400"),
        (Client, b"PROXY UNKNOWN\r\n".to_vec(), "", "400"),
        // A trusted proxy tells by fields, and by nothing else.
        (Trusted, none(), "", "127.0.0.3"),
        (Trusted, none(), "X-Forwarded-For: 198.51.100.9", "198.51.100.9"),
        (Trusted, none(), "X-Forwarded-For: 203.0.113.66, 198.51.100.9", "198.51.100.9"),
        (Trusted, none(), "X-Forwarded-For: 203.0.113.66\nX-Forwarded-For: 198.51.100.9", "198.51.100.9"),
        (Trusted, none(), "X-Forwarded-For: 203.0.113.66, 198.51.100.9, 192.0.2.8", "198.51.100.9"),
        (Trusted, none(), "X-Forwarded-For: 2001:db8::9", "2001:db8::9"),
        (Trusted, none(), "X-Forwarded-For: ::ffff:198.51.100.9", "198.51.100.9"),
        (Trusted, none(), "X-Forwarded-For: 198.51.100.9, unknown", "127.0.0.3"),
        (Trusted, v1("198.51.100.7"), "X-Forwarded-For: 198.51.100.9", "400"),
        // A proxy that speaks PROXY tells by its header.
        (Proxy, v1("198.51.100.7"), "", "198.51.100.7"),
        (Proxy, v1("2001:db8::7"), "", "2001:db8::7"),
        (Proxy, v1("::ffff:198.51.100.7"), "", "198.51.100.7"),
        (Proxy, v2_of("198.51.100.7", b""), "", "198.51.100.7"),
        (Proxy, v2_of("2001:db8::7", b""), "", "2001:db8::7"),
        (Proxy, v2_of("::ffff:198.51.100.7", b""), "", "198.51.100.7"),
        (Proxy, v2_of("198.51.100.7", b"\x02\x00\x05media\x20\x00\x01x"), "", "198.51.100.7"),
        (Proxy, v2_of("198.51.100.7", &[0; 4000]), "", "198.51.100.7"),
        // Fields of the client that it tells are the client's own.
        (Proxy, v1("198.51.100.7"), "X-Forwarded-For: 203.0.113.66", "198.51.100.7"),
        (Proxy, v2_of("2001:db8::7", b""), "X-Forwarded-For: 127.0.0.1\nX-Real-IP: 127.0.0.1", "2001:db8::7"),
        // The client that it tells may be a trusted proxy.
        (Proxy, v1("192.0.2.7"), "", "192.0.2.7"),
        (Proxy, v1("192.0.2.7"), "X-Forwarded-For: 198.51.100.9", "198.51.100.9"),
        (Proxy, v1("192.0.2.7"), "X-Forwarded-For: 203.0.113.66, 198.51.100.9, 192.0.2.8", "198.51.100.9"),
        (Proxy, v2_of("2001:db8:f::1", b""), "X-Forwarded-For: 2001:db8::9", "2001:db8::9"),
        (Proxy, v2_of("::ffff:192.0.2.7", b""), "X-Forwarded-For: 198.51.100.9", "198.51.100.9"),
        // What has no address keeps that of its socket.
        (Proxy, b"PROXY UNKNOWN\r\n".to_vec(), "X-Forwarded-For: 203.0.113.66", "127.0.0.2"),
        (Proxy, b"PROXY UNKNOWN 198.51.100.7 192.0.2.1 1 2\r\n".to_vec(), "", "127.0.0.2"),
        (Proxy, v2(0x20, 0x00, b""), "", "127.0.0.2"),
        (Proxy, v2(0x20, 0x11, &[198, 51, 100, 7, 192, 0, 2, 1, 0, 1, 0, 2]), "", "127.0.0.2"),
        (Proxy, v2(0x21, 0x31, &[b'/'; 216]), "", "127.0.0.2"),
        // There is one header, and it has to be there.
        (Proxy, none(), "", "closed"),
        (Proxy, none(), "X-Forwarded-For: 198.51.100.9", "closed"),
        (Proxy, [v1("198.51.100.7"), v1("203.0.113.66")].concat(), "", "400"),
        (Proxy, [v1("127.0.0.2"), v1("203.0.113.66")].concat(), "", "400"),
        (Proxy, [v2_of("198.51.100.7", b""), v2_of("203.0.113.66", b"")].concat(), "", "400"),
        (Proxy, b"PROXY TCP4 198.51.100.7 192.0.2.1 51000 443\n".to_vec(), "", "closed"),
        (Proxy, b"PROXY TCP4 198.51.100.7\r\n".to_vec(), "", "closed"),
        (Proxy, [b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200], b"\r\n"].concat(), "", "closed"),
        (Proxy, v2(0x21, 0x11, &[198, 51, 100, 7]), "", "closed"),
        (Proxy, v2(0x21, 0x12, &[198, 51, 100, 7, 192, 0, 2, 1, 0, 1, 0, 2]), "", "closed"),
        (Proxy, v2_of("198.51.100.7", &[0; 4100]), "", "closed"),
        (Proxy, v1("0.0.0.0"), "", "closed"),
        // A Unix socket is one more way in.
        (Unix, v1("198.51.100.7"), "X-Forwarded-For: 203.0.113.66", "198.51.100.7"),
        (Unix, v1("192.0.2.7"), "X-Forwarded-For: 198.51.100.9", "198.51.100.9"),
        (Unix, b"PROXY UNKNOWN\r\n".to_vec(), "", "127.0.0.1"),
        (Unix, none(), "", "closed"),
    ];
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &format!("{SERVER}{APP}"));
    let mut closed = 0.0;
    for (row, (from, header, fields, expected)) in rows.into_iter().enumerate() {
        let shown = format!("row {row}: {from:?} {} {fields}", String::from_utf8_lossy(&header));
        let mut request = Request::get(&format!("/row-{row}")).field("Connection", "close");
        for (name, value) in fields.lines().filter_map(|line| line.split_once(": ")) {
            request = request.field(name, value);
        }
        let answer = ask(&gateway, from, &[header, request.bytes()].concat());
        match expected {
            "closed" => {
                closed += 1.0;
                assert_eq!(answer, "", "{shown}");
            }
            "400" => assert!(answer.starts_with("HTTP/1.1 400 "), "{shown}: {answer}"),
            address => {
                assert!(answer.starts_with("HTTP/1.1 200 "), "{shown}: {answer}");
                let seen = app.seen().pop().unwrap();
                assert_eq!(seen.fields.sole("x-forwarded-for"), Some(address), "{shown}");
                let path = format!("/row-{row}");
                let event = gateway.event_where(&shown, |event| event["path"] == path.as_str());
                assert_eq!(event["ip"], address, "{shown}");
            }
        }
    }
    let refused = || gateway.metric("stagedoor_connections_refused_total", &["\"proxy_header\""]);
    poll_until("every closed connection to be counted", || (refused() == closed).then_some(()));
    let told = gateway.log().matches("did not begin with a PROXY header").count();
    assert_eq!(told, 1, "the operator is told once");
}

/// The operator who forgot to list the proxy is told so.
#[test]
fn an_unlisted_header_is_told_to_the_operator() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &format!("{SERVER}{APP}"));
    for header in [v1("198.51.100.7"), v2_of("198.51.100.7", b"")] {
        let answer = gateway.raw([header, Request::get("/x").bytes()].concat());
        assert_eq!(answer.status, 400);
        let why = Request::get(&format!("/api/v1/why?id={}", answer.field("x-request-id")));
        let told = gateway.ask_admin_as_operator(why).text();
        assert!(told.contains("a header of the PROXY protocol, which is not expected here"), "{told}");
    }
}

/// The header comes before HTTP/2 as it does before HTTP/1.
#[test]
fn a_header_comes_before_http2() {
    let app = Upstream::start();
    let server = SERVER.replace("[server]", "[server]\nh2c = [\"127.0.0.1:0\"]");
    let gateway = Gateway::before(&app, &format!("{server}{APP}"));
    let mut proxy = Client::connect_from("127.0.0.2".parse().unwrap(), gateway.address);
    let request = frame(
        Frame::HEADERS,
        Frame::END_HEADERS | Frame::END_STREAM,
        1,
        request_block("GET", "/x", &[("x-forwarded-for", "203.0.113.66")]),
    );
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    proxy.send([v1("198.51.100.7"), preface, frame(Frame::SETTINGS, 0, 0, []), request].concat());
    let seen = poll_until("the app to have the request", || app.seen().pop());
    assert_eq!(seen.fields.sole("x-forwarded-for"), Some("198.51.100.7"));
}

/// A probe of the port and a client that changes its mind are no fault of the proxy's.
#[test]
fn a_connection_that_ends_before_its_first_byte_is_not_counted() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &format!("{SERVER}{APP}"));
    for _ in 0..3 {
        Client::connect_from("127.0.0.2".parse().unwrap(), gateway.address).finish();
    }
    assert!(ask(&gateway, PeerKind::Proxy, b"GET").is_empty());
    let refused = || gateway.metric("stagedoor_connections_refused_total", &["\"proxy_header\""]);
    poll_until("the one with a byte to be counted", || (refused() >= 1.0).then_some(()));
    poll_until("all to have ended", || (gateway.metric("stagedoor_connections", &[]) == 0.0).then_some(()));
    assert_eq!(refused(), 1.0);
}

#[test]
pub(crate) fn a_header_has_a_deadline() {
    let app = Upstream::start();
    let config = |wait: &str| format!("{SERVER}[server.timeouts]\nproxy_protocol = \"{wait}\"\n{APP}");
    let (short, long) = (Gateway::before(&app, &config("100ms")), Gateway::before(&app, &config("1h")));
    let [mut cut, mut held] =
        [&short, &long].map(|gateway| Client::connect_from("127.0.0.2".parse().unwrap(), gateway.address));
    let line = v1("198.51.100.7");
    let (begin, rest) = line.split_at(12);
    cut.send(begin);
    held.send(begin);
    assert!(cut.is_closed());
    let late = || short.metric("stagedoor_connections_refused_total", &["\"proxy_header_timeout\""]);
    poll_until("the late header to be counted", || (late() == 1.0).then_some(()));
    held.send(rest);
    assert_eq!(held.ask(&Request::get("/x")).status, 200);
}

/// No request is on its way yet: the end of the process does not wait for the header.
#[test]
fn the_drain_does_not_wait_for_a_header() {
    let app = Upstream::start();
    let server = SERVER.replace("[server]", "[server]\ndrain = \"1h\"");
    let config = format!("{server}[server.timeouts]\nproxy_protocol = \"1h\"\n{APP}");
    let mut gateway = Gateway::before(&app, &config);
    let mut silent = Client::connect_from("127.0.0.2".parse().unwrap(), gateway.address);
    poll_until("it to be open", || (gateway.metric("stagedoor_connections", &[]) >= 1.0).then_some(()));
    gateway.signal("TERM");
    assert!(gateway.wait().0.success());
    assert!(silent.is_closed());
}

/// The cap of one address counts the clients that a proxy tells, each by itself, and not the proxy.
#[test]
fn connections_are_counted_by_the_address_that_is_told() {
    let app = Upstream::start();
    let config = format!("{SERVER}[server.limits]\nconnections_per_ip = 2\n{APP}");
    let gateway = Gateway::before(&app, &config);
    let open = |client: &str| {
        let mut connection = Client::connect_from("127.0.0.2".parse().unwrap(), gateway.address);
        connection.send(v1(client));
        let status = connection.ask(&Request::get("/x")).status;
        (connection, status)
    };
    let held: Vec<_> = [
        ("198.51.100.7", 200),
        ("198.51.100.7", 200),
        ("198.51.100.7", 503),
        ("::ffff:198.51.100.7", 503),
        ("198.51.100.8", 200),
        ("2001:db8::7", 200),
        ("2001:db8::8", 200),
        // One /64 is one client.
        ("2001:db8::9", 503),
        ("192.0.2.7", 200),
        ("192.0.2.7", 200),
        // A trusted proxy is not counted.
        ("192.0.2.7", 200),
    ]
    .map(|(client, expected)| {
        let (connection, status) = open(client);
        assert_eq!(status, expected, "{client}");
        connection
    })
    .into();
    drop(held);
    poll_until("a place of 198.51.100.7", || (open("198.51.100.7").1 == 200).then_some(()));
}

/// A reload lists and unlists proxies for the connections that come after it.
#[test]
fn a_reload_lists_and_unlists_proxies() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &format!("{SERVER}{APP}"));
    let asked = |header: &[u8]| {
        let request = Request::get("/x").field("Connection", "close").bytes();
        ask(&gateway, PeerKind::Proxy, &[header, &request].concat())
    };
    assert!(asked(&v1("198.51.100.7")).starts_with("HTTP/1.1 200 "));
    let without = SERVER.replace("\"127.0.0.2\", ", "");
    gateway.folder.configure(&format!("{without}{APP}").replace("UPSTREAM", &app.url()));
    assert_eq!(gateway.reload(), "ok");
    assert!(asked(&v1("198.51.100.7")).starts_with("HTTP/1.1 400 "));
    assert!(asked(b"").starts_with("HTTP/1.1 200 "));
}
