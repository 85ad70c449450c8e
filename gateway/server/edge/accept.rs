//! What a connection goes through between its permit and its first request.

use std::sync::Arc;

use bytes::BytesMut;
use stagedoor_core::proxy_protocol::ToldClient;
use stagedoor_core::request::{Peer, PeerAddress};
use stagedoor_core::tls::Transport;

use super::client_socket::ClientSocket;
use super::front::{ClientLink, Front};
use super::preface::{self, FirstBytes};
use super::proxy_protocol::{self, NoHeader};
use super::tls::{self, FailedHandshake, NoHandshake};
use crate::connection_permits::ConnectionPermit;
use crate::gateway::Gateway;
use crate::listening_socket::ListenerKind;
use crate::refused_connection;
use crate::stage::Stage;
use crate::telemetry::metrics::ConnectionRefusal;

/// A connection that was accepted and has its permit.
pub(crate) struct NewConnection {
    pub(crate) socket: ClientSocket,
    /// The kind of the listener that it came in on.
    pub(crate) kind: ListenerKind,
    pub(crate) peer: Peer,
    pub(crate) permit: ConnectionPermit,
    /// It has to begin with a header of the PROXY protocol, and is counted against no address yet.
    pub(crate) expects_proxy_header: bool,
}

/// Serves a connection to its end: each part of it in a task of its own, so that none holds the memory of those before.
pub(crate) fn serve(front: Arc<Front>, mut connection: NewConnection) {
    if connection.expects_proxy_header {
        tokio::spawn(async move {
            if read_proxy_header(&front.gateway, &mut connection).await.is_some() {
                serve_client(front, connection);
            }
        });
    } else {
        serve_client(front, connection);
    }
}

/// Serves a connection of which the client is known.
fn serve_client(front: Arc<Front>, connection: NewConnection) {
    let NewConnection { socket, kind, peer, permit, expects_proxy_header: _ } = connection;
    match kind {
        ListenerKind::Plain => tokio::spawn(front.serve_http1(socket, BytesMut::new(), plain(peer), permit)),
        ListenerKind::PlainH2c => tokio::spawn(serve_h2c(front, socket, peer, permit)),
        ListenerKind::Tls => tokio::spawn(serve_tls(front, socket, peer, permit)),
    };
}

/// A client without TLS.
fn plain(peer: Peer) -> ClientLink {
    ClientLink { peer, transport: Transport::Plain }
}

/// Serves a connection over TLS. The protocol is the one that the handshake has settled on (RFC 7301), and HTTP/1 where the client
/// named none.
async fn serve_tls(front: Arc<Front>, socket: ClientSocket, peer: Peer, permit: ConnectionPermit) {
    match tls::handshake(&front.gateway, socket).await {
        Ok((stream, session)) => {
            let link = ClientLink { peer, transport: Transport::Tls(Arc::new(session)) };
            match stream.speaks_http2() {
                true => tokio::spawn(front.serve_http2(stream, BytesMut::new(), link, permit)),
                false => tokio::spawn(front.serve_http1(stream, BytesMut::new(), link, permit)),
            };
        }
        Err(NoHandshake::Refused(FailedHandshake { reason, error, socket })) => {
            front.gateway.metrics.connection_refused(reason);
            let fault = error.map_or_else(|| reason.label().to_owned(), |error| error.to_string());
            tracing::debug!(peer = %peer.ip(), %fault, "a TLS handshake failed");
            if let Some(socket) = socket {
                tls::let_alert_be_read(socket).await;
            }
        }
        Err(NoHandshake::ProxyHeader) => unexpected_proxy_header(&front.gateway, peer),
        Err(NoHandshake::Draining) => {}
    }
}

/// Counts a connection that began with a header instead of TLS, and warns the operator of the first one.
fn unexpected_proxy_header(gateway: &Gateway, peer: Peer) {
    gateway.metrics.connection_refused(ConnectionRefusal::Tls);
    let peer = peer.ip();
    if gateway.warns_of_unexpected_proxy_header() {
        tracing::warn!(
            %peer,
            "a connection to an https listener began with a PROXY header, which is not expected from this peer, and was closed; hint: \
             if it is a proxy of yours, name it in `server.proxy_protocol`"
        );
    } else {
        tracing::debug!(%peer, "a PROXY header that is not expected");
    }
}

/// Serves a connection that may begin with HTTP/2: its first bytes decide.
async fn serve_h2c(front: Arc<Front>, mut socket: ClientSocket, peer: Peer, permit: ConnectionPermit) {
    let waits = {
        let timeouts = front.gateway.live().policy.server.timeouts;
        (timeouts.idle, timeouts.header)
    };
    match preface::read(&mut socket, waits, &mut front.gateway.watch_stage()).await {
        Some(FirstBytes::Http2(early)) => {
            tokio::spawn(front.serve_http2(socket, early, plain(peer), permit));
        }
        Some(FirstBytes::Other(early)) => {
            tokio::spawn(front.serve_http1(socket, early, plain(peer), permit));
        }
        None => {}
    }
}

/// Reads the header of a proxy, and counts the connection against the address that it tells. `None` where the connection
/// ends here.
async fn read_proxy_header(gateway: &Gateway, connection: &mut NewConnection) -> Option<()> {
    let within = gateway.live().policy.server.timeouts.proxy_protocol;
    let mut stage = gateway.watch_stage();
    let read = tokio::select! {
        biased;
        // No request is on its way yet.
        _ = stage.wait_for(|stage| *stage != Stage::Serving) => return None,
        read = proxy_protocol::read(&mut connection.socket, within) => read,
    };
    match read {
        Ok(ToldClient::Address(ip)) => connection.peer.address = PeerAddress::Ip(ip),
        Ok(ToldClient::NotTold) => {}
        Err(fault) => {
            without_proxy_header(gateway, connection.peer, &fault);
            return None;
        }
    }
    let address = connection.peer.address;
    let counted = gateway.count_connection(&mut connection.permit, address);
    let refuse = |reason| {
        refused_connection::refuse(gateway, &connection.socket, connection.kind, address.ip(), reason);
    };
    counted.map_err(refuse).ok()
}

/// Counts a connection that ends for want of a header, and warns the operator of the first one.
fn without_proxy_header(gateway: &Gateway, peer: Peer, fault: &NoHeader) {
    let (reason, what) = match fault {
        NoHeader::Unused => return,
        NoHeader::Broken(error) => (ConnectionRefusal::ProxyHeader, error.to_string()),
        NoHeader::Malformed(fault) => (ConnectionRefusal::ProxyHeader, fault.0.to_owned()),
        NoHeader::Late => (ConnectionRefusal::ProxyHeaderTimeout, "nothing within its deadline".to_owned()),
    };
    gateway.metrics.connection_refused(reason);
    let peer = peer.ip();
    if gateway.warns_of_proxy_header() {
        tracing::warn!(
            %peer, fault = %what,
            "a connection of a peer in `server.proxy_protocol` did not begin with a PROXY header and was closed; hint: let that \
             proxy send one in each connection, or take it out of the list"
        );
    } else {
        tracing::debug!(%peer, fault = %what, "no PROXY header");
    }
}
