//! An address that speaks TLS and leads to an app.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use super::certificates::Pair;

/// An address that speaks TLS and leads to an app; it ends with the value.
pub(crate) struct TlsCarrier {
    pub(crate) address: SocketAddr,
    seen: Arc<Seen>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Seen {
    full: AtomicUsize,
    resumed: AtomicUsize,
    names: Mutex<Vec<Option<String>>>,
    alpn: Mutex<Vec<Option<String>>>,
}

/// How a connection ends once the app has closed its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// With `close_notify`.
    Polite,
    /// The connection below TLS closes without a word.
    Abrupt,
}

impl TlsCarrier {
    /// Leads to `app`, with this certificate.
    pub(crate) fn to(app: SocketAddr, pair: &Pair) -> Self {
        Self::with(app, settings(pair), Ending::Polite)
    }

    pub(crate) fn with(app: SocketAddr, settings: ServerConfig, ending: Ending) -> Self {
        let seen = Arc::new(Seen::default());
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let accepting =
            accept(listener, TlsAcceptor::from(Arc::new(settings)), app, ending, Arc::clone(&seen));
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accepting => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, seen, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// How many full handshakes there were, and how many that resumed a session.
    pub(crate) fn handshakes(&self) -> (usize, usize) {
        (self.seen.full.load(Ordering::SeqCst), self.seen.resumed.load(Ordering::SeqCst))
    }

    /// The names that clients asked for (SNI).
    pub(crate) fn names(&self) -> Vec<Option<String>> {
        self.seen.names.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The protocols that were agreed on (ALPN).
    pub(crate) fn protocols(&self) -> Vec<Option<String>> {
        self.seen.alpn.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for TlsCarrier {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A server with this certificate that offers HTTP/2 too, as many apps do.
pub(crate) fn settings(pair: &Pair) -> ServerConfig {
    let chain = CertificateDer::pem_slice_iter(pair.cert.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut settings = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    settings
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    app: SocketAddr,
    ending: Ending,
    seen: Arc<Seen>,
) {
    while let Ok((tcp, _)) = listener.accept().await {
        let _ = tcp.set_nodelay(true);
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(&seen));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(tcp).await else { return };
            let session = stream.get_ref().1;
            match session.handshake_kind() {
                Some(HandshakeKind::Resumed) => seen.resumed.fetch_add(1, Ordering::SeqCst),
                _ => seen.full.fetch_add(1, Ordering::SeqCst),
            };
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let (name, protocol) =
                (session.server_name().map(str::to_owned), session.alpn_protocol().map(text));
            seen.names.lock().unwrap_or_else(PoisonError::into_inner).push(name);
            seen.alpn.lock().unwrap_or_else(PoisonError::into_inner).push(protocol);
            let _ = carry(stream, app, ending).await;
        });
    }
}

/// Both directions, each to its end.
async fn carry(stream: impl AsyncRead + AsyncWrite, app: SocketAddr, ending: Ending) -> io::Result<()> {
    let app = TcpStream::connect(app).await?;
    app.set_nodelay(true)?;
    let (mut from_app, mut to_app) = app.into_split();
    let (mut from_gateway, mut to_gateway) = tokio::io::split(stream);
    let up = async {
        let _ = tokio::io::copy(&mut from_gateway, &mut to_app).await;
        let _ = to_app.shutdown().await;
    };
    let down = async {
        let _ = tokio::io::copy(&mut from_app, &mut to_gateway).await;
        if ending == Ending::Polite {
            let _ = to_gateway.shutdown().await;
        }
    };
    match ending {
        Ending::Polite => {
            tokio::join!(up, down);
        }
        Ending::Abrupt => {
            tokio::select! {
                () = down => {}
                () = up => {}
            }
        }
    }
    Ok(())
}
