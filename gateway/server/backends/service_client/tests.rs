#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Mutex;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use stagedoor_core::policy::{CertificateTrust, PlainHttp};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

const LIMITS: Bounds = Bounds { deadline: Duration::from_secs(10), body: 1000 };

/// A service that answers every connection with these bytes, and keeps what it was asked.
struct Service {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn start(answer: impl Into<Vec<u8>>) -> Self {
        Self::over(answer.into(), None, true).await
    }

    /// `ends`: it closes the connection behind its answer.
    async fn over(answer: Vec<u8>, tls: Option<TlsAcceptor>, ends: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, tls, seen) = (answer.clone(), tls.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &answer, &seen, ends).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &answer, &seen, ends).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, asked }
    }

    fn at(&self, scheme: &str, trust: CertificateTrust) -> ServiceAddress {
        let url = format!("{scheme}://{}/keys?a=b", self.address);
        ServiceAddress::parse(&url, &trust, PlainHttp::PrivateNetwork).unwrap()
    }

    async fn told(&self) -> String {
        told(&self.at("http", CertificateTrust::WebAuthorities), LIMITS).await
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &[u8],
    seen: &Mutex<Vec<String>>,
    ends: bool,
) {
    let mut head = Vec::new();
    let mut byte = [0; 1];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte).await, Ok(1)) {
        head.push(byte[0]);
    }
    seen.lock().unwrap().push(String::from_utf8(head).unwrap());
    let _ = stream.write_all(answer).await;
    let _ = stream.flush().await;
    if ends {
        let _ = stream.shutdown().await;
    } else {
        let _ = stream.read(&mut byte).await;
    }
}

async fn told(at: &ServiceAddress, bounds: Bounds) -> String {
    let question = Question { method: Method::GET, fields: &[], body: Bytes::new() };
    match ask(at, question, bounds).await {
        Ok(answer) => format!("{} {}", answer.status.as_u16(), String::from_utf8_lossy(&answer.body)),
        Err(fault) => {
            let fault = format!("{fault:?}");
            fault.split(['(', ' ']).next().unwrap().to_owned()
        }
    }
}

#[tokio::test]
async fn a_question_is_asked_as_it_is_meant() {
    let service = Service::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\n\r\nok").await;
    let at = service.at("http", CertificateTrust::WebAuthorities);
    let fields = [(http::header::ACCEPT, HeaderValue::from_static("application/json"))];
    let question = Question { method: Method::POST, fields: &fields, body: Bytes::from_static(b"token=x") };
    let answer = ask(&at, question, LIMITS).await.unwrap();
    assert_eq!(
        (answer.status, &*answer.body, &answer.fields["x-a"]),
        (StatusCode::OK, &b"ok"[..], &HeaderValue::from_static("1"))
    );
    let asked = service.asked.lock().unwrap()[0].to_ascii_lowercase();
    assert!(asked.starts_with("post /keys?a=b http/1.1\r\n"), "{asked}");
    for field in [
        &format!("\r\nhost: {}\r\n", service.address),
        "\r\naccept: application/json\r\n",
        "\r\nconnection: close\r\n",
        "\r\naccept-encoding: identity\r\n",
        "\r\ncontent-length: 7\r\n",
    ] {
        assert_eq!(asked.matches(field).count(), 1, "{field:?} in {asked}");
    }
}

#[tokio::test]
async fn answers_are_bounded_and_no_redirect_is_followed() {
    let head =
        |bytes: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: {}\r\n\r\n", "x".repeat(bytes));
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    let chunked = |bytes: usize| {
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{bytes:x}\r\n{}\r\n0\r\n\r\n",
            "y".repeat(bytes)
        )
    };
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\nto the end".to_owned(), "200 to the end"),
        (chunked(2), "200 yy"),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "302 ",
        ),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(), "200 ok"),
        (format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1u64 << 30), "TooLarge"),
        (format!("HTTP/1.1 200 OK\r\n\r\n{}", "y".repeat(1001)), "TooLarge"),
        (chunked(1001), "TooLarge"),
        (head(100), "200 "),
        (head(40 << 10), "Http"),
        (format!("HTTP/1.1 200 OK\r\n{many}\r\n"), "Http"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\ncut".to_owned(), "Body"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab".to_owned(), "Body"),
        ("SSH-2.0-x\r\n".to_owned(), "Http"),
        (String::new(), "Http"),
    ] {
        let service = Service::start(answer.clone()).await;
        assert_eq!(service.told().await, expected, "{}", answer.chars().take(100).collect::<String>());
        assert_eq!(service.asked.lock().unwrap().len(), 1, "nothing is asked twice");
    }
}

#[tokio::test]
async fn a_service_that_says_nothing_is_not_waited_for() {
    let bounds = Bounds { deadline: Duration::from_millis(200), body: 1000 };
    for answer in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"] {
        let service = Service::over(answer.into(), None, false).await;
        assert_eq!(told(&service.at("http", CertificateTrust::WebAuthorities), bounds).await, "Timeout");
    }
    let service = Service::over(Vec::new(), None, false).await;
    // It waits for a request, and the client for its side of TLS.
    assert_eq!(told(&service.at("https", CertificateTrust::WebAuthorities), bounds).await, "Timeout");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let at = |url: &str| {
        ServiceAddress::parse(url, &CertificateTrust::WebAuthorities, PlainHttp::PrivateNetwork).unwrap()
    };
    assert_eq!(told(&at(&format!("http://{gone}/")), LIMITS).await, "Connect");
    assert_eq!(told(&at("http://no-such-name.localhost.invalid.local/"), LIMITS).await, "Name");
    // A name of the private network that leads out of it.
    let public = ServiceAddress { authority: "192.0.2.1:80".to_owned(), ..at("http://idp.lan/") };
    assert_eq!(told(&public, LIMITS).await, "NotPrivate");
}

#[tokio::test]
async fn the_certificate_of_a_service_is_verified() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["other.lan".to_owned()]).unwrap();
    let listed = |der: &CertificateDer<'static>| CertificateTrust::Listed([der.clone()].into());
    let acceptor = |made: &rcgen::CertifiedKey<rcgen::KeyPair>| {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let config = ServerConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    };
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec();
    let service = Service::over(answer.clone(), Some(acceptor(&made)), true).await;
    let misnamed = Service::over(answer, Some(acceptor(&other)), true).await;
    for (service, trust, expected) in [
        (&service, listed(made.cert.der()), "200 ok"),
        (&service, CertificateTrust::WebAuthorities, "Tls"),
        (&service, listed(other.cert.der()), "Tls"),
        (&misnamed, listed(other.cert.der()), "Tls"),
    ] {
        assert_eq!(told(&service.at("https", trust.clone()), LIMITS).await, expected, "{trust:?}");
    }
}
