//! Apps that are reached over TLS: whose certificate is accepted, and what TLS changes about an exchange.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, date_time_ymd};
use rustls::ServerConfig;
use rustls::version::TLS12;
use tokio_tungstenite::tungstenite::Message;

use super::assert_failed;
use super::unix_sockets::film;
use crate::harness::{
    Authority, Client, Command, DEADLINE, Ending, Folder, Gateway, Pair, Request, TlsCarrier, Upstream,
    default_answer, poll_until, self_signed, settings, websocket,
};

/// The address of every app here, which its certificate is for.
const ADDRESS: &str = "127.0.0.1";

/// A folder with `ca.pem`, and a configuration with an app at `url`; `more` are further keys of `upstream`.
fn folder(url: &str, more: &str, ca: &str) -> Folder {
    let folder = Folder::new(&format!(
        "[app.media]\nhosts = [\"media.localhost\"]\nauth = \"public\"\nbody.max = \"1GiB\"\n\
         upstream = {{ urls = [\"{url}\"], {more} }}\n"
    ));
    folder.write("ca.pem", ca);
    folder
}

/// A gateway before an app at `url` whose certificate is by one of the authorities in `ca`.
fn gateway(url: &str, more: &str, ca: &str) -> Gateway {
    Gateway::start_in(folder(url, &format!("ca = \"ca.pem\", {more}"), ca))
}

#[test]
fn an_app_over_tls_is_an_app_like_any_other() {
    let authority = Authority::new("home");
    let app = Upstream::with(|exchange| match exchange.path().as_str() {
        "/ws" => exchange.echo_websocket(),
        "/requests-before" => {
            let before = exchange.before.to_string();
            exchange.reply("200 OK", &[], before)
        }
        "/film" => exchange.reply("200 OK", &[], film()),
        _ => default_answer(exchange),
    });
    let tls = TlsCarrier::to(app.address, &authority.issue(&[ADDRESS]));
    let gateway = gateway(&tls.url(), "host = \"upstream\"", &authority.pem);
    let mut client = gateway.client();
    let answer = client.ask(&Request::get("/a?b=c"));
    assert_eq!((answer.status, &*answer.body), (200, b"GET /a?b=c\n".as_slice()), "{answer:?}");
    let seen = app.last();
    assert_eq!(seen.fields.sole("host"), Some(&*tls.address.to_string()));
    // It says how the client came, not how the gateway goes on.
    assert_eq!(seen.fields.sole("x-forwarded-proto"), Some("http"));
    assert_eq!(gateway.event(&answer)["upstream"], tls.url());
    assert_eq!(client.ask(&Request::get("/requests-before")).text(), "1", "the connection is used again");
    let film = film();
    let answer = client.ask(&Request::post("/upload", &film));
    let seen = app.last();
    assert_eq!((answer.status, seen.body_length), (200, film.len() as u64), "{answer:?}");
    assert!(film.starts_with(&seen.body), "other bytes have arrived");
    let answer = client.ask(&Request::get("/film"));
    assert_eq!((answer.status, answer.complete), (200, true));
    assert!(answer.body == film, "{} bytes came", answer.body.len());
    let mut tunnel = websocket(gateway.address, "/ws", &[]).unwrap();
    for message in [Message::text("hello"), Message::binary(film)] {
        tunnel.send(message.clone()).unwrap();
        assert!(tunnel.read().unwrap() == message, "another message came back");
    }
    // An address is not told as a name, and HTTP/2 was not offered.
    assert!(tls.names().iter().all(Option::is_none), "{:?}", tls.names());
    assert!(tls.protocols().iter().all(|one| one.as_deref() == Some("http/1.1")), "{:?}", tls.protocols());
    let (_, resumed) = tls.handshakes();
    assert!(resumed > 0, "no later connection has resumed a session");
}

/// What a full socket did not take lies in the gateway, encrypted: it is sent before the answer is waited for.
///
/// How much a socket takes depends on the machine, so the end of the body comes to lie at many places.
#[test]
fn the_end_of_an_upload_does_not_stay_in_the_gateway() {
    let authority = Authority::new("home");
    let app = SlowReader::start(&authority.issue(&[ADDRESS]));
    let url = format!("https://{}", app.address);
    let gateway = gateway(&url, "read = \"1h\", retries = 0", &authority.pem);
    let capacity = capacity();
    for length in (0..12).map(|step| capacity - 160_000 + step * 40_000) {
        app.reads.store(false, Ordering::SeqCst);
        let mut client = gateway.client();
        client.send(super::post_of("/upload", length));
        let mut sender = client.reader.stream.try_clone().unwrap();
        // Sent beside it: where the gateway cannot take it all, this waits until the app reads.
        std::thread::scope(|scope| {
            let sent = scope.spawn(move || sender.write_all(&vec![b'x'; length]));
            // Then the end does not come to lie in the gateway.
            for _ in 0..100 {
                if sent.is_finished() && unread(&client, &gateway) == Some(0) {
                    break;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
            app.reads.store(true, Ordering::SeqCst);
            sent.join().unwrap().unwrap();
        });
        assert_eq!(client.answer().status, 200, "{length}");
    }
}

/// A listener whose connections take little that is not read.
fn small_listener() -> TcpListener {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(16).unwrap().into_std().unwrap()
    });
    listener.set_nonblocking(false).unwrap();
    listener
}

/// About how much the system takes of what is written to such a connection.
fn capacity() -> usize {
    let listener = small_listener();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let _other_end = listener.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let (mut taken, mut refusals) = (0, 0);
    while refusals < 10 {
        match stream.write(&[0; 16 << 10]) {
            Ok(bytes) => taken += bytes,
            Err(_) => {
                refusals += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
    taken
}

/// How many bytes of a client lie in the system, not yet read by the gateway.
fn unread(client: &Client, gateway: &Gateway) -> Option<u64> {
    let [from, to] = [client.reader.stream.local_addr().unwrap(), gateway.address].map(|end| end.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    table.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (near, far, queues) = (words.next()?, words.next()?, words.nth(1)?);
        let is = |address: &str, port: u16| address.ends_with(&format!(":{port:04X}"));
        let (_, unread) = queues.split_once(':')?;
        (is(near, to) && is(far, from)).then(|| u64::from_str_radix(unread, 16).ok()).flatten()
    })
}

/// An app over TLS that takes little into its socket, and reads requests only when it is told to.
struct SlowReader {
    address: SocketAddr,
    reads: Arc<AtomicBool>,
}

impl SlowReader {
    fn start(pair: &Pair) -> Self {
        let listener = small_listener();
        let (address, reads) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let (settings, may_read) = (Arc::new(settings(pair)), Arc::clone(&reads));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (settings, may_read) = (Arc::clone(&settings), Arc::clone(&may_read));
                std::thread::spawn(move || read_late(stream, settings, &may_read));
            }
        });
        Self { address, reads }
    }
}

/// Makes the handshake, and answers one request after having read all of it.
fn read_late(mut stream: TcpStream, settings: Arc<ServerConfig>, may_read: &AtomicBool) -> io::Result<()> {
    stream.set_read_timeout(Some(DEADLINE))?;
    let mut session = rustls::ServerConnection::new(settings).map_err(io::Error::other)?;
    while session.is_handshaking() {
        session.complete_io(&mut stream)?;
    }
    poll_until("the word to read", || may_read.load(Ordering::SeqCst).then_some(()));
    let mut reader = BufReader::new(rustls::StreamOwned::new(session, stream));
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
    reader.get_mut().flush()
}

#[test]
pub(crate) fn the_name_of_the_certificate_is_told_to_the_app() {
    let authority = Authority::new("home");
    let app = Upstream::start();
    let tls = TlsCarrier::to(app.address, &authority.issue(&["app.lan"]));
    let gateway = gateway(&tls.url(), "server_name = \"App.LAN\"", &authority.pem);
    let answer = gateway.ask(&Request::get("/x"));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(tls.names().last().unwrap().as_deref(), Some("app.lan"));
    // The name of the certificate is not the name of the site.
    assert_eq!(app.last().fields.sole("host"), Some("media.localhost"));
}

#[test]
pub(crate) fn no_request_reaches_an_app_whose_certificate_is_not_accepted() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let is_authority =
        |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let expired = |params: &mut CertificateParams| params.not_after = date_time_ymd(2001, 1, 1);
    for (pair, more, word) in [
        (ours.issue(&["app.lan"]), "ca = \"ca.pem\"", "for another name"),
        (ours.issue(&[ADDRESS]), "ca = \"ca.pem\", server_name = \"app.lan\"", "for another name"),
        (ours.issue_with(&[ADDRESS], expired), "ca = \"ca.pem\"", "has expired"),
        (theirs.issue(&[ADDRESS]), "ca = \"ca.pem\"", "by an issuer"),
        (self_signed(&[ADDRESS], |_| {}), "ca = \"ca.pem\"", "by an issuer"),
        (self_signed(&[ADDRESS], is_authority), "ca = \"ca.pem\"", "by an issuer"),
        (ours.issue(&[ADDRESS]), "", "by an issuer"),
    ] {
        let app = Upstream::start();
        let tls = TlsCarrier::to(app.address, &pair);
        let gateway = Gateway::start_in(folder(&tls.url(), &format!("retries = 0, {more}"), &ours.pem));
        gateway.wait_for_log("cannot be reached");
        let answer = gateway.ask(&Request::get("/x"));
        assert_failed(&gateway, &answer, 502, "tls");
        let event = gateway.event(&answer);
        assert!(event["reason"].as_str().unwrap().contains(word), "{word}: {event}");
        let text = format!("{}{}", String::from_utf8_lossy(&answer.head), answer.text());
        assert!(
            !["certificate", "TLS", "app.lan"].iter().any(|word| text.contains(word)),
            "the client is told: {text}"
        );
        let id = answer.field("x-request-id").to_owned();
        let why = gateway.ask_admin_as_operator(Request::get(&format!("/api/v1/why?id={id}"))).json();
        assert!(why["reason"].as_str().unwrap().contains(word), "{why:#}");
        assert!(why["remedy"]["advice"].as_str().unwrap().contains(&tls.url()), "{why:#}");
        let labels = ["app=\"media\"", "reason=\"tls\""];
        assert!(gateway.metric("stagedoor_upstream_failures_total", &labels) == 1.0);
        assert_eq!(app.seen().len(), 0, "{word}");
        assert_eq!(app.connections(), 0, "{word}");
    }
}

#[test]
pub(crate) fn a_certificate_may_be_listed_itself_or_not_be_looked_at() {
    let is_authority =
        |params: &mut CertificateParams| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let app = Upstream::start();
    let own = self_signed(&[ADDRESS], is_authority);
    let tls = TlsCarrier::to(app.address, &own);
    let listing = gateway(&tls.url(), "", &own.cert);
    assert_eq!(listing.ask(&Request::get("/x")).status, 200);
    let nameless = TlsCarrier::to(app.address, &self_signed(&[], is_authority));
    let trusting = Gateway::start_in(folder(&nameless.url(), "dangerous_any_certificate = true", ""));
    assert_eq!(trusting.ask(&Request::get("/x")).status, 200);
    trusting.wait_for_log("dangerous_any_certificate");
}

#[test]
fn what_does_not_speak_tls_is_no_app() {
    let authority = Authority::new("home");
    let ask = |address: SocketAddr| {
        let url = format!("https://{address}");
        let gateway = gateway(&url, "connect = \"300ms\", retries = 0", &authority.pem);
        let answer = gateway.ask(&Request::get("/x"));
        (gateway, answer)
    };
    let word = |gateway: &Gateway, answer: &crate::harness::Response, word: &str| {
        let event = gateway.event(answer);
        assert!(event["reason"].as_str().unwrap().contains(word), "{event}");
    };
    // Plain HTTP where TLS is expected.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let plain = std::thread::spawn(move || {
        // The gateway looks once at its start, and once for the request.
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let (gateway, answer) = ask(address);
    assert_failed(&gateway, &answer, 502, "tls");
    word(&gateway, &answer, "does not speak TLS");
    plain.join().unwrap();
    // A connection that is closed in the handshake.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let closing = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().unwrap();
            // What was sent is read first: closing would reset the connection otherwise.
            let _ = stream.read(&mut [0; 16 << 10]);
        }
    });
    let (gateway, answer) = ask(address);
    assert_failed(&gateway, &answer, 502, "tls");
    word(&gateway, &answer, "ended the TLS handshake");
    closing.join().unwrap();
    // The handshake has the deadline of the connection.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let (gateway, answer) = ask(silent.local_addr().unwrap());
    assert_failed(&gateway, &answer, 504, "timeout");
}

/// RFC 9112 §9.8: without `close_notify` anybody on the way may have cut the answer off.
#[test]
fn an_answer_that_was_cut_off_below_tls_does_not_look_whole() {
    let authority = Authority::new("home");
    let app = || {
        Upstream::with(|exchange| {
            exchange.body()?;
            match exchange.path().as_str() {
                "/length" => exchange.reply("200 OK", &[], "all of it")?,
                _ => exchange.write("HTTP/1.1 200 OK\r\n\r\nall of it")?,
            }
            exchange.hang_up();
            Ok(())
        })
    };
    for version in [settings(&authority.issue(&[ADDRESS])), old_settings(&authority.issue(&[ADDRESS]))] {
        let polite_app = app();
        let polite = TlsCarrier::with(polite_app.address, version.clone(), Ending::Polite);
        let gateway_before = gateway(&polite.url(), "", &authority.pem);
        for path in ["/length", "/close"] {
            let answer = gateway_before.ask(&Request::get(path));
            assert_eq!(
                (answer.complete, &*answer.body),
                (true, b"all of it".as_slice()),
                "{path}: {answer:?}"
            );
        }
        let abrupt_app = app();
        let abrupt = TlsCarrier::with(abrupt_app.address, version, Ending::Abrupt);
        let gateway_before = gateway(&abrupt.url(), "", &authority.pem);
        // A length says where the answer ends.
        for path in ["/length", "/length"] {
            let answer = gateway_before.ask(&Request::get(path));
            assert_eq!(
                (answer.complete, &*answer.body),
                (true, b"all of it".as_slice()),
                "{path}: {answer:?}"
            );
        }
        let answer = gateway_before.ask(&Request::get("/close"));
        super::assert_cut(&gateway_before, &answer, &["closed"]);
    }
}

/// TLS 1.2 alone.
fn old_settings(pair: &Pair) -> ServerConfig {
    use rustls::pki_types::pem::PemObject as _;
    let chain =
        rustls::pki_types::CertificateDer::pem_slice_iter(pair.cert.as_bytes()).map(Result::unwrap).collect();
    let key = rustls::pki_types::PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_protocol_versions(&[&TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

/// Connections of before were verified under other rules.
#[test]
fn another_authority_ends_the_connections_of_before() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
    let app = Upstream::start();
    let tls = TlsCarrier::to(app.address, &ours.issue(&[ADDRESS]));
    let gateway = gateway(&tls.url(), "retries = 0", &ours.pem);
    assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
    gateway.folder.write("ca.pem", &theirs.pem);
    assert_eq!(gateway.reload(), "ok");
    assert_failed(&gateway, &gateway.ask(&Request::get("/x")), 502, "tls");
    gateway.folder.write("ca.pem", &format!("{}{}", theirs.pem, ours.pem));
    assert_eq!(gateway.reload(), "ok");
    assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
}

#[test]
fn authorities_that_cannot_be_read_stop_the_start() {
    let authority = Authority::new("home");
    let cut = &authority.pem[..authority.pem.len() / 2];
    for (text, expected) in [("", "there is none in the file"), (cut, "not PEM")] {
        let folder = folder("https://127.0.0.1:1", "ca = \"ca.pem\"", text);
        let (folder, output) = Gateway::try_start_in(folder).expect_err("it started");
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(expected), "{output:?}");
        let check = Command::new(&folder, &["check", "stagedoor.toml"]).run();
        assert_eq!(check.code, Some(2), "{check:?}");
        assert!(check.stderr.contains(expected) && check.stderr.contains("ca.pem"), "{check:?}");
    }
}
