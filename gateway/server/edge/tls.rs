//! TLS of clients: the handshake. Its stream is in `edge/tls_stream.rs`.
//!
//! The handshake runs after the permit of the connection and before anything of a request is known, so its cost is bounded here:
//! one deadline for all of it, and a cap on how many wait for the processor. A connection takes a place once its first message
//! (ClientHello) is complete, which is before any cryptography, and gives it back once the answer is computed, whose signature is the
//! dearest part. No place is held while a client is waited for: half-open handshakes, in whichever state, are bounded by the permits
//! of their connections, in all and of one address, and by the deadline.
//!
//! Bounds: rustls takes messages of at most 64 KiB before the handshake is complete; what it holds of an answer that the client does
//! not read is at most [`UNSENT_MAX`].

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::server::Acceptor;
use stagedoor_config::certificate::clients;
use stagedoor_core::proxy_protocol::{START_MAX, begins_header};
use stagedoor_core::tls::TlsSession;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;
use tokio_rustls::LazyConfigAcceptor;

use super::client_socket::ClientSocket;
use super::tls_stream::ClientTls;
use crate::gateway::Gateway;
use crate::stage::last_moments;
use crate::telemetry::metrics::ConnectionRefusal;

/// Bytes of records that wait for the socket of a client.
const UNSENT_MAX: usize = 32 * 1024;

/// How long, and how many bytes of, a client is read that was sent an alert.
const ALERT_TIME: Duration = Duration::from_secs(1);
const ALERT_BYTES: usize = 64 * 1024;

/// Why a connection has no TLS stream.
#[derive(Debug)]
pub(crate) enum NoHandshake {
    /// It is refused.
    Refused(FailedHandshake),
    /// It began with a header of the PROXY protocol, which is not expected.
    ProxyHeader,
    /// The gateway ends.
    Draining,
}

/// A handshake that failed.
#[derive(Debug)]
pub(crate) struct FailedHandshake {
    /// As it is counted.
    pub(crate) reason: ConnectionRefusal,
    /// What was wrong, for the log; `None` where the reason says all.
    pub(crate) error: Option<io::Error>,
    /// The socket of a client that was sent an alert, and may have sent more than was read.
    pub(crate) socket: Option<ClientSocket>,
}

impl From<ConnectionRefusal> for FailedHandshake {
    fn from(reason: ConnectionRefusal) -> Self {
        Self { reason, error: None, socket: None }
    }
}

/// Makes a TLS stream of a connection.
///
/// # Errors
/// Why there is none. Where the protocol asks for it, the client has been sent an alert.
pub(crate) async fn handshake(
    gateway: &Gateway,
    socket: ClientSocket,
) -> Result<(ClientTls, TlsSession), NoHandshake> {
    let deadline = Instant::now() + gateway.live().policy.server.timeouts.handshake;
    let mut stage = gateway.watch_stage();
    let shaken = async {
        match begins_proxy_header(&socket).await {
            true => Err(NoHandshake::ProxyHeader),
            false => shake_hands(gateway, socket).await.map_err(NoHandshake::Refused),
        }
    };
    tokio::select! {
        biased;
        shaken = shaken => shaken,
        () = tokio::time::sleep_until(deadline) => Err(NoHandshake::Refused(ConnectionRefusal::TlsTimeout.into())),
        () = last_moments(&mut stage) => Err(NoHandshake::Draining),
    }
}

/// Whether the first bytes of a connection are those of a PROXY header. They are looked at and stay in the socket: an error of TLS would
/// not say what they were.
async fn begins_proxy_header(socket: &ClientSocket) -> bool {
    let mut first = [0; START_MAX];
    // What is wrong with the socket is met by the handshake.
    let seen = socket.peek(&mut first).await.unwrap_or(0);
    begins_header(first.get(..seen).unwrap_or_default())
}

async fn shake_hands(
    gateway: &Gateway,
    socket: ClientSocket,
) -> Result<(ClientTls, TlsSession), FailedHandshake> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), socket).await.map_err(failed)?;
    let place = gateway.handshakes.enter(gateway.most_handshakes()).ok_or(ConnectionRefusal::Handshakes)?;
    // Whatever else is ready comes first: requests, and the ClientHellos of others, which are counted before this one costs anything.
    tokio::task::yield_now().await;
    let hello = start.client_hello();
    let certificate =
        gateway.certificates.choose(hello.server_name(), hello.signature_schemes(), hello.cipher_suites());
    let certificate = certificate.ok_or(ConnectionRefusal::Tls)?;
    let authority = hello.server_name().and_then(|name| {
        let live = gateway.live();
        live.policy.client_authority(name).map(|authority| authority.id())
    });
    // There is none for an authority that came into force this moment.
    let config = certificate.config(authority).ok_or(ConnectionRefusal::Tls)?;
    let server_name = hello.server_name().map(|name| name.to_ascii_lowercase().into());
    let configure = |connection: &mut rustls::ServerConnection| connection.set_buffer_limit(Some(UNSENT_MAX));
    let mut step = pin!(start.into_stream_with(Arc::clone(config), configure).into_fallible());
    let mut place = Some(place);
    let stream = poll_fn(|cx| {
        let polled = step.as_mut().poll(cx);
        // The answer is computed, and the socket has taken it as far as it does. From here on the client is waited for; what it sends
        // then is computed in one go, in as many connections at once as there are threads.
        place = None;
        polled
    });
    let stream = stream.await;
    let stream =
        stream.map_err(|(error, socket)| FailedHandshake { socket: Some(socket), ..failed(error) })?;
    let client = match authority {
        Some(authority) => {
            // The handshake does not end without one.
            let chain = stream.get_ref().1.peer_certificates();
            let der = chain.and_then(<[_]>::first).ok_or(ConnectionRefusal::ClientCertificate)?;
            Some(clients::shown(der, authority))
        }
        None => None,
    };
    let session = TlsSession { server_name, certificate: Arc::clone(&certificate.certificate.names), client };
    Ok((ClientTls::new(stream), session))
}

/// Closes a connection so that the client can read the alert that it was sent: our side is closed, theirs is read for a while. A client
/// of TLS 1.3 sends its request with the end of its handshake, and what nobody reads makes a reset of the end.
pub(crate) async fn let_alert_be_read(mut io: ClientSocket) {
    let until = Instant::now() + ALERT_TIME;
    if !matches!(tokio::time::timeout_at(until, io.shutdown()).await, Ok(Ok(()))) {
        return;
    }
    let (mut unread, mut left) = ([0; 512], ALERT_BYTES);
    while let Ok(Ok(came @ 1..)) = tokio::time::timeout_at(until, io.read(&mut unread)).await {
        match left.checked_sub(came) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// Why a handshake failed: peers that are judged by a certificate are clients that an app asks for one.
fn failed(error: io::Error) -> FailedHandshake {
    let fault = error.get_ref().and_then(|fault| fault.downcast_ref::<rustls::Error>());
    let reason = match fault {
        Some(rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_)) => {
            ConnectionRefusal::ClientCertificate
        }
        Some(_) | None => ConnectionRefusal::Tls,
    };
    FailedHandshake { reason, error: Some(error), socket: None }
}
