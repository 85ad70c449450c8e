//! What a connection goes through between its permit and its first request.

use std::sync::Arc;

use bytes::BytesMut;
use stagedoor_core::request::Peer;

use super::client_socket::ClientSocket;
use super::front::Front;
use super::preface::{self, FirstBytes};
use crate::connection_permits::ConnectionPermit;
use crate::listening_socket::ListenerKind;

/// A connection that was accepted and has its permit.
pub(crate) struct NewConnection {
    pub(crate) socket: ClientSocket,
    /// The kind of the listener that it came in on.
    pub(crate) kind: ListenerKind,
    pub(crate) peer: Peer,
    pub(crate) permit: ConnectionPermit,
}

/// Serves a connection to its end.
pub(crate) async fn serve(front: Arc<Front>, connection: NewConnection) {
    let NewConnection { socket, kind, peer, permit } = connection;
    match kind {
        ListenerKind::Plain => front.serve_http1(socket, BytesMut::new(), peer, permit).await,
        ListenerKind::PlainH2c => serve_h2c(front, socket, peer, permit).await,
    }
}

/// Serves a connection that may begin with HTTP/2: its first bytes decide.
async fn serve_h2c(front: Arc<Front>, mut socket: ClientSocket, peer: Peer, permit: ConnectionPermit) {
    let waits = {
        let timeouts = front.gateway.live().policy.server.timeouts;
        (timeouts.idle, timeouts.header)
    };
    match preface::read(&mut socket, waits, &mut front.gateway.watch_stage()).await {
        Some(FirstBytes::Http2(early)) => Box::pin(front.serve_http2(socket, early, peer, permit)).await,
        Some(FirstBytes::Other(early)) => front.serve_http1(socket, early, peer, permit).await,
        None => {}
    }
}
