//! What a handshake settles, what it refuses, and how much of it there may be at once.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpStream};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, NamedGroup, ProtocolVersion, SupportedProtocolVersion};

use super::{Wish, connect, folder, gateway};
use crate::harness::{
    Authority, Client, Gateway, HOST, Request, TlsClient, Upstream, client_config, config_with, poll_until,
};

/// A ClientHello of TLS 1.3 that is complete, after which its sender falls silent.
fn hello(name: &str) -> Vec<u8> {
    hello_of(name, &TLS13)
}

/// As [`hello`], of this version.
fn hello_of(name: &str, version: &'static SupportedProtocolVersion) -> Vec<u8> {
    let config = Arc::new(config_with(&Authority::new("any"), &[version], None));
    let name = rustls::pki_types::ServerName::try_from(name.to_owned()).unwrap();
    let mut session = rustls::ClientConnection::new(config, name).unwrap();
    let mut bytes = Vec::new();
    session.write_tls(&mut bytes).unwrap();
    bytes
}

fn refused(gateway: &Gateway, reason: &str) -> f64 {
    gateway.metric("stagedoor_connections_refused_total", &[&format!("reason=\"{reason}\"")])
}

#[test]
fn both_versions_are_spoken_with_strong_ciphers_alone() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let gateway = Gateway::start_in(folder(&app, &[&authority.issue(&[HOST])], &Wish::default()));
    for (version, expected) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let config = Arc::new(config_with(&authority, &[version], None));
        let mut client = connect(&gateway, HOST, &config);
        assert_eq!(client.session().protocol_version(), Some(expected));
        assert_eq!(client.ask(&Request::get("/x")).status, 200);
    }
    // The hybrid exchange stays secret also from who will have a quantum computer.
    let client = connect(&gateway, HOST, &Arc::new(client_config(&authority)));
    let group = client.session().negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
}

#[test]
pub(crate) fn oldest_version() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let wish = Wish { tls: "min_version = \"1.3\"", ..Wish::default() };
    let gateway = Gateway::start_in(folder(&app, &[&authority.issue(&[HOST])], &wish));
    let older = Arc::new(config_with(&authority, &[&TLS12], None));
    assert!(TlsClient::over_tls(gateway.https(), HOST, &older).is_err());
    poll_until("a refusal", || (refused(&gateway, "tls") == 1.0).then_some(()));
    connect(&gateway, HOST, &Arc::new(client_config(&authority)));
}

/// RFC 7301 §3.2: a client that offers other protocols alone is told so, and one that offers none speaks HTTP/1.1.
#[test]
fn protocols_are_agreed_upon_or_refused() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let gateway = Gateway::start_in(folder(&app, &[&authority.issue(&[HOST])], &Wish::default()));
    let offering = |protocols: &[&str]| {
        let mut config = client_config(&authority);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsClient::over_tls(gateway.https(), HOST, &Arc::new(config))
    };
    for (protocols, agreed) in
        [(&[][..], None), (&["http/1.1"], Some("http/1.1")), (&["x", "http/1.1"], Some("http/1.1"))]
    {
        let mut client = offering(protocols).unwrap();
        let agreed: Option<&[u8]> = agreed.map(str::as_bytes);
        assert_eq!(client.session().alpn_protocol(), agreed, "{protocols:?}");
        assert_eq!(client.ask(&Request::get("/x")).status, 200);
    }
    for protocols in [&["h2"][..], &["http/1.1", "h2"]] {
        let client = offering(protocols).unwrap();
        assert_eq!(client.session().alpn_protocol(), Some(&b"h2"[..]), "{protocols:?}");
    }
    let error = offering(&["imap"]).unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    assert_eq!(app.seen().len(), 3);
}

#[test]
fn plain_http_on_the_port_of_https_reaches_no_app() {
    let app = Upstream::start();
    let (gateway, _) = gateway(&app, &Wish::default());
    let mut client = Client::connect(gateway.https());
    client.send(Request::get("/x").bytes());
    assert!(client.is_closed());
    assert!(!client.reader.all.starts_with(b"HTTP/"), "{:?}", client.reader.all);
    poll_until("a refusal", || (refused(&gateway, "tls") == 1.0).then_some(()));
    assert_eq!(app.seen().len(), 0);
}

#[test]
fn what_is_no_handshake_ends_the_connection() {
    let app = Upstream::start();
    let (gateway, config) = gateway(&app, &Wish::default());
    let good = hello(HOST);
    let mut broken = good.clone();
    broken[5] = 2;
    let too_long = [&[0x16, 3, 1, 0xff, 0xff][..], &[0; 70_000]].concat();
    let half = &good[..good.len() / 2];
    let cases: [(&str, &[u8]); 5] = [
        ("not a ClientHello", &broken),
        ("a record that is too long", &too_long),
        ("half a ClientHello", half),
        ("nothing", b""),
        ("an alert", &[0x15, 3, 3, 0, 2, 2, 40]),
    ];
    for (what, bytes) in cases {
        let mut tcp = TcpStream::connect(gateway.https()).unwrap();
        let _ = tcp.write_all(bytes);
        let _ = tcp.shutdown(Shutdown::Write);
        tcp.set_read_timeout(Some(crate::harness::DEADLINE)).unwrap();
        let mut came = Vec::new();
        let end = tcp.read_to_end(&mut came);
        let timed_out = end.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!timed_out, "{what}: {end:?}");
    }
    poll_until("the refusals", || (refused(&gateway, "tls") == 5.0).then_some(()));
    assert_eq!(connect(&gateway, HOST, &config).ask(&Request::get("/x")).status, 200);
}

#[test]
pub(crate) fn deadline() {
    let app = Upstream::start();
    let rest = "[server.timeouts]\nhandshake = \"500ms\"";
    let (gateway, config) = gateway(&app, &Wish { rest, ..Wish::default() });
    let mut silent = TcpStream::connect(gateway.https()).unwrap();
    let mut stalled = TcpStream::connect(gateway.https()).unwrap();
    stalled.write_all(&hello(HOST)).unwrap();
    let mut dripping = TcpStream::connect(gateway.https()).unwrap();
    let bytes = hello(HOST);
    let mut dripped = bytes.iter();
    poll_until("three refusals", || {
        if let Some(byte) = dripped.next() {
            let _ = dripping.write_all(&[*byte]);
        }
        (refused(&gateway, "tls_timeout") == 3.0).then_some(())
    });
    for tcp in [&mut silent, &mut stalled, &mut dripping] {
        tcp.set_read_timeout(Some(crate::harness::DEADLINE)).unwrap();
        let mut came = Vec::new();
        let _ = tcp.read_to_end(&mut came);
    }
    // A handshake that was in time leaves the connection as long as any other.
    let mut client = connect(&gateway, HOST, &config);
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert_eq!(client.ask(&Request::get("/x")).status, 200);
}

/// How a handshake of a flood is left half open.
#[derive(Clone, Copy)]
enum Stop<'h> {
    /// After connecting.
    Silent,
    /// In the middle of the ClientHello.
    InHello,
    /// After the gateway's answer, of this version.
    AfterAnswer(&'h [u8]),
}

/// A handshake that waits for its client holds no place, in whichever state it is.
#[test]
fn half_open_handshakes_leave_an_honest_client_served() {
    let app = Upstream::start();
    let rest = "[server.limits]\nhandshakes = 2";
    let (gateway, config) = gateway(&app, &Wish { rest, ..Wish::default() });
    let hellos = [&TLS12, &TLS13].map(|version| hello_of(HOST, version));
    let stops = [Stop::Silent, Stop::InHello, Stop::AfterAnswer(&hellos[0]), Stop::AfterAnswer(&hellos[1])];
    let crowd: Vec<Client> = (0..200)
        .map(|n| {
            let from = IpAddr::V4(Ipv4Addr::new(127, 0, 1 + n / 50, 1));
            let mut client = Client::connect_from(from, gateway.https());
            match stops[usize::from(n) % stops.len()] {
                Stop::Silent => {}
                Stop::InHello => {
                    client.send(&hellos[1][..100]);
                }
                Stop::AfterAnswer(hello) => {
                    client.send(hello);
                    assert!(client.reader.fill().unwrap() > 0, "an answer");
                }
            }
            client
        })
        .collect();
    for n in 0..20 {
        let answer = connect(&gateway, HOST, &config).ask(&Request::get("/x"));
        assert_eq!(answer.status, 200, "{n}");
    }
    assert!(gateway.metric("stagedoor_connections", &[]) >= crowd.len() as f64, "they are all open");
    assert_eq!(refused(&gateway, "handshakes"), 0.0);
}

/// More ClientHellos at once than may wait for the processor: those beyond the cap get no answer, and cost no cryptography.
#[test]
pub(crate) fn cap() {
    let app = Upstream::start();
    let (gateway, config) =
        gateway(&app, &Wish { rest: "[server.limits]\nhandshakes = 1", ..Wish::default() });
    let hello = hello(HOST);
    let (mut answered, mut closed) = (0, 0);
    poll_until("more at once than the cap", || {
        let mut burst: Vec<Client> = (0..60).map(|_| Client::connect(gateway.https())).collect();
        for client in &mut burst {
            client.send(&hello);
        }
        for client in &mut burst {
            match client.reader.fill() {
                Ok(1..) => answered += 1,
                // What was sent may be unread.
                Ok(0) => closed += 1,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => closed += 1,
                Err(error) => panic!("{error}"),
            }
        }
        (closed > 0).then_some(())
    });
    assert!(answered > 0);
    assert_eq!(refused(&gateway, "handshakes"), f64::from(closed));
    // Their places are free again, the last one a moment after its answer.
    let mut client = poll_until("a place", || TlsClient::over_tls(gateway.https(), HOST, &config).ok());
    assert_eq!(client.ask(&Request::get("/x")).status, 200);
}

#[test]
fn a_session_is_resumed_under_its_own_server_name_alone() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let pair = authority.issue(&[HOST, "films.localhost"]);
    let gateway = Gateway::start_in(folder(&app, &[&pair], &Wish::default()));
    for version in [&TLS12, &TLS13] {
        let mut config = config_with(&authority, &[version], None);
        config.resumption = Resumption::in_memory_sessions(8);
        let config = Arc::new(config);
        let ask = |name: &str| {
            let mut client = connect(&gateway, name, &config);
            assert_eq!(client.ask(&Request::get("/x").host(name)).status, 200);
            client.session().handshake_kind().unwrap()
        };
        assert_eq!(ask(HOST), HandshakeKind::Full);
        assert_eq!(ask(HOST), HandshakeKind::Resumed);
        assert_eq!(ask("films.localhost"), HandshakeKind::Full);
    }
}

/// A client that offers the ticket of one server name under another one has to make a full handshake.
#[test]
fn a_ticket_is_worth_nothing_under_another_server_name() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let pair = authority.issue(&[HOST, "films.localhost"]);
    let gateway = Gateway::start_in(folder(&app, &[&pair], &Wish::default()));
    for version in [&TLS12, &TLS13] {
        let mut config = config_with(&authority, &[version], None);
        config.resumption = Resumption::store(Arc::new(stolen::OneStore::default()));
        let config = Arc::new(config);
        let kind = |name: &str| {
            let mut client = connect(&gateway, name, &config);
            assert_eq!(client.ask(&Request::get("/x").host(name)).status, 200);
            client.session().handshake_kind().unwrap()
        };
        assert_eq!(kind(HOST), HandshakeKind::Full);
        assert_eq!(kind(HOST), HandshakeKind::Resumed, "the store works");
        assert_eq!(kind("films.localhost"), HandshakeKind::Full);
    }
}

#[test]
fn nothing_is_taken_before_the_handshake_is_complete() {
    let app = Upstream::start();
    let authority = Authority::new("house");
    let gateway = Gateway::start_in(folder(&app, &[&authority.issue(&[HOST])], &Wish::default()));
    let mut config = client_config(&authority);
    config.enable_early_data = true;
    config.resumption = Resumption::in_memory_sessions(8);
    let config = Arc::new(config);
    assert_eq!(connect(&gateway, HOST, &config).ask(&Request::get("/x")).status, 200);
    let name = rustls::pki_types::ServerName::try_from(HOST).unwrap();
    let mut session = rustls::ClientConnection::new(Arc::clone(&config), name).unwrap();
    // The ticket allows none.
    assert!(session.early_data().is_none());
}

/// A store of sessions that gives what it has for one server name under every other.
mod stolen {
    use std::sync::Mutex;

    use rustls::NamedGroup;
    use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
    use rustls::pki_types::ServerName;

    #[derive(Debug, Default)]
    pub(super) struct OneStore {
        tls12: Mutex<Option<Tls12ClientSessionValue>>,
        tls13: Mutex<Vec<Tls13ClientSessionValue>>,
    }

    impl ClientSessionStore for OneStore {
        fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

        fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
            None
        }

        fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
            *self.tls12.lock().unwrap() = Some(value);
        }

        fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
            self.tls12.lock().unwrap().clone()
        }

        fn remove_tls12_session(&self, _: &ServerName<'static>) {
            *self.tls12.lock().unwrap() = None;
        }

        fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
            self.tls13.lock().unwrap().push(value);
        }

        fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
            self.tls13.lock().unwrap().pop()
        }
    }
}
