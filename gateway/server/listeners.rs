//! Listening sockets and the accept loop. A connection needs a permit before a byte of it is read.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use stagedoor_core::denial::Denial;
use stagedoor_core::pipeline::Trail;
use stagedoor_core::reply::Reply;
use stagedoor_core::request::Peer;
use tokio::net::{TcpListener, TcpStream};

use crate::edge;
use crate::edge::adapt;
use crate::edge::front::Front;
use crate::edge::request_id;
use crate::gateway::Gateway;
use crate::recent_refusals::RefusalContext;
use crate::stage::Stage;
use crate::telemetry::metrics::ConnectionRefusal;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// Pause after a failed accept, such as for want of file descriptors, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`: {source}")]
pub(crate) struct ListenError {
    /// The address, as configured.
    pub(crate) address: SocketAddr,
    /// The error of the system.
    pub(crate) source: io::Error,
}

/// Binds one address outside of any runtime, for [`TcpListener::from_std`].
pub(crate) fn bind(address: SocketAddr) -> Result<std::net::TcpListener, ListenError> {
    let bound = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(async {
            let socket = match address {
                SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4(),
                SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6(),
            }?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)?.into_std()
        })
    };
    bound().map_err(|source| ListenError { address, source })
}

/// Accepts connections until the gateway drains; then the socket is closed.
///
/// `h2c`: its clients may begin with HTTP/2.
pub(crate) async fn accept(listener: TcpListener, front: Arc<Front>, h2c: bool) {
    let mut stage = front.gateway.watch_stage();
    let port = listener.local_addr().map_or(0, |address| address.port());
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stage.wait_for(|stage| *stage != Stage::Serving) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, from)) => admit(&front, tcp, from, port, h2c),
            Err(error) if is_client_abort(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections; hint: raise the limit of open files");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Takes a permit and serves the connection, or refuses it.
fn admit(front: &Arc<Front>, tcp: TcpStream, from: SocketAddr, port: u16, h2c: bool) {
    let gateway = &front.gateway;
    let ip = from.ip().to_canonical();
    let (connections, per_address) = {
        let live = gateway.live();
        let limits = &live.policy.server.limits;
        let counted = !live.policy.client.trusted.iter().any(|network| network.contains(&ip));
        (limits.connections, counted.then_some(limits.connections_per_ip))
    };
    let _ = tcp.set_nodelay(true);
    match gateway.permits.take(ip, connections.unwrap_or_else(|| gateway.auto_connections()), per_address) {
        Ok(permit) => {
            let front = Arc::clone(front);
            let peer = Peer { ip, port, tls: false };
            tokio::spawn(edge::accept::serve(front, tcp, peer, h2c, permit));
        }
        Err(reason) => refuse(gateway, &tcp, ip, reason),
    }
}

/// Sends a 503 and closes. It is one write that does not wait: a flood of connections must not start tasks.
fn refuse(gateway: &Gateway, tcp: &TcpStream, ip: IpAddr, reason: ConnectionRefusal) {
    gateway.metrics.connection_refused(reason);
    let _ = tcp.try_write(&refusal(gateway, &Denial::Overloaded, ip));
}

/// The bytes of a refusal that answers no request. It is remembered like any other.
fn refusal(gateway: &Gateway, denial: &Denial, peer: IpAddr) -> Vec<u8> {
    let time = gateway.now().unix();
    let request_id = request_id::fresh(time);
    let live = gateway.live();
    let at = RefusalContext {
        request_id: &request_id,
        time,
        generation: live.generation,
        peer,
        host: None,
        too_many_fields: false,
        redaction: live.redaction(None),
    };
    gateway.remember(&at, None, &Trail::default(), denial);
    adapt::to_h1(Reply::early(denial, &request_id), gateway.now(), false, true)
}

fn is_client_abort(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
