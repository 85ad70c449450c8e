//! What a connection is told that gets no permit.

use std::net::IpAddr;

use stagedoor_core::denial::Denial;
use stagedoor_core::pipeline::Trail;
use stagedoor_core::reply::Reply;

use crate::edge::adapt;
use crate::edge::client_socket::ClientSocket;
use crate::edge::request_id;
use crate::gateway::Gateway;
use crate::listening_socket::ListenerKind;
use crate::recent_refusals::RefusalContext;
use crate::telemetry::metrics::ConnectionRefusal;

/// Sends a 503 and closes. It is one write that does not wait: a flood of connections must not start tasks.
pub(crate) fn refuse(
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
        // An answer would cost a handshake.
        ListenerKind::Tls => {}
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
