//! Clients that speak TLS.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, SignatureScheme, StreamOwned, SupportedProtocolVersion,
};

use super::certificates::{Authority, Pair};
use super::client::HalfClose;
use super::message::Reader;
use super::{Client, DEADLINE, Http2, Request, Response};

/// What a client speaks over TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Protocol {
    pub(crate) const BOTH: [Self; 2] = [Self::Http1, Self::Http2];
}

/// A connection over TLS that speaks either protocol.
pub(crate) enum TlsConnection {
    Http1(Box<TlsClient>),
    Http2(Http2),
}

/// A client over TLS that speaks HTTP/1.1.
pub(crate) type TlsClient = Client<StreamOwned<ClientConnection, TcpStream>>;

/// A client that trusts this authority alone.
pub(crate) fn client_config(authority: &Authority) -> ClientConfig {
    config_with(authority, &[&TLS13, &TLS12], None)
}

/// A client that speaks these versions, and has a certificate of its own or none.
pub(crate) fn config_with(
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    own: Option<&Pair>,
) -> ClientConfig {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    config_over(authority, provider, versions, own)
}

/// A client that cannot verify Ed25519, as browsers cannot.
pub(crate) fn config_without_ed25519(authority: &Authority) -> ClientConfig {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    let all = provider.signature_verification_algorithms;
    let mapping: Vec<_> =
        all.mapping.iter().filter(|(scheme, _)| *scheme != SignatureScheme::ED25519).copied().collect();
    provider.signature_verification_algorithms =
        WebPkiSupportedAlgorithms { mapping: Vec::leak(mapping), ..all };
    config_over(authority, provider, &[&TLS13, &TLS12], None)
}

fn config_over(
    authority: &Authority,
    provider: CryptoProvider,
    versions: &[&'static SupportedProtocolVersion],
    own: Option<&Pair>,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(provider);
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    match own {
        None => builder.with_no_client_auth(),
        Some(Pair { cert, key }) => {
            let chain = CertificateDer::pem_slice_iter(cert.as_bytes()).collect::<Result<_, _>>().unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

impl TlsConnection {
    /// Connects and completes the handshake with `name`.
    pub(crate) fn open(protocol: Protocol, to: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> Self {
        match protocol {
            Protocol::Http1 => {
                Self::Http1(Box::new(TlsClient::over_tls(to, name, config).expect("a handshake")))
            }
            Protocol::Http2 => Self::Http2(Http2::connect_over_tls(to, name, (**config).clone())),
        }
    }

    /// Sends a request and reads the answer.
    pub(crate) fn ask(&mut self, request: &Request) -> Response {
        match self {
            Self::Http1(client) => client.ask(request),
            Self::Http2(client) => client.ask(request),
        }
    }
}

impl HalfClose for StreamOwned<ClientConnection, TcpStream> {
    fn end_sending(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush();
    }
}

impl TlsClient {
    /// Connects and completes the handshake.
    pub(crate) fn over_tls(to: SocketAddr, name: &str, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let tcp = TcpStream::connect_timeout(&to, DEADLINE)?;
        Self::over_tcp(tcp, name, config)
    }

    /// Completes the handshake on a connection.
    pub(crate) fn over_tcp(mut tcp: TcpStream, name: &str, config: &Arc<ClientConfig>) -> io::Result<Self> {
        tcp.set_read_timeout(Some(DEADLINE))?;
        tcp.set_write_timeout(Some(DEADLINE))?;
        tcp.set_nodelay(true)?;
        let name = ServerName::try_from(name.to_owned()).expect("a server name");
        let mut session = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        while session.is_handshaking() {
            session.complete_io(&mut tcp)?;
        }
        tcp.flush()?;
        Ok(Self { reader: Reader::new(StreamOwned::new(session, tcp)) })
    }

    /// The session.
    pub(crate) fn session(&self) -> &ClientConnection {
        &self.reader.stream.conn
    }
}
