//! The accept loop of a public listener. A connection needs a permit before a byte of it is read.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use stagedoor_core::denial::Denial;
use stagedoor_core::pipeline::Trail;
use stagedoor_core::reply::Reply;
use stagedoor_core::request::{Peer, PeerAddress};

use crate::edge::accept::{self, NewConnection};
use crate::edge::adapt;
use crate::edge::client_socket::ClientSocket;
use crate::edge::front::Front;
use crate::edge::request_id;
use crate::gateway::Gateway;
use crate::listening_socket::{ListenerKind, ListeningAt, ListeningSocket};
use crate::recent_refusals::RefusalContext;
use crate::stage::Stage;
use crate::telemetry::metrics::ConnectionRefusal;

/// Pause after a failed accept, such as for want of file descriptors, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until the gateway drains; then the socket is closed.
pub(crate) async fn accept(listener: ListeningSocket, front: Arc<Front>) {
    let mut stage = front.gateway.watch_stage();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stage.wait_for(|stage| *stage != Stage::Serving) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, address)) => admit(&front, socket, address, &listener.at),
            Err(error) if is_client_abort(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections; hint: raise the limit of open files");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Takes a permit and serves the connection, or refuses it.
fn admit(front: &Arc<Front>, socket: ClientSocket, address: PeerAddress, listener: &ListeningAt) {
    let gateway = &front.gateway;
    let (connections, per_address) = {
        let live = gateway.live();
        let limits = &live.policy.server.limits;
        let counted = !live.policy.client.trusted.names(address);
        (limits.connections, counted.then_some(limits.connections_per_ip))
    };
    let (kind, ip) = (listener.kind, address.ip());
    match gateway.permits.take(ip, connections.unwrap_or_else(|| gateway.auto_connections()), per_address) {
        Ok(permit) => {
            let port = listener.address.tcp().map_or(0, |at| at.port());
            let peer = Peer { address, port, tls: false };
            let connection = NewConnection { socket, kind, peer, permit };
            tokio::spawn(accept::serve(Arc::clone(front), connection));
        }
        Err(reason) => refuse(gateway, &socket, kind, ip, reason),
    }
}

/// Sends a 503 and closes. It is one write that does not wait: a flood of connections must not start tasks.
fn refuse(
    gateway: &Gateway,
    socket: &ClientSocket,
    kind: ListenerKind,
    ip: IpAddr,
    reason: ConnectionRefusal,
) {
    gateway.metrics.connection_refused(reason);
    match kind {
        ListenerKind::Plain | ListenerKind::PlainH2c => {
            let _ = socket.try_write(&refusal(gateway, &Denial::Overloaded, ip));
        }
    }
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
