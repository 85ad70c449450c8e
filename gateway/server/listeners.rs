//! The accept loop of a public listener. A connection needs a permit before a byte of it is read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use stagedoor_core::request::{Peer, PeerAddress};

use crate::edge::accept::{self, NewConnection};
use crate::edge::client_socket::ClientSocket;
use crate::edge::front::Front;
use crate::listening_socket::{ListenerKind, ListeningAt, ListeningSocket};
use crate::refused_connection;
use crate::stage::Stage;

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
    let kind = listener.kind;
    let expects_proxy_header = gateway.live().policy.server.proxy_protocol.applies_to(address);
    let permitted = gateway.permit_connection().and_then(|mut permit| {
        // Else it is counted when the proxy has told its address.
        if !expects_proxy_header {
            gateway.count_connection(&mut permit, address)?;
        }
        Ok(permit)
    });
    match permitted {
        Ok(permit) => {
            let port = listener.address.tcp().map_or(0, |at| at.port());
            let peer = Peer { address, port, tls: kind == ListenerKind::Tls };
            let connection = NewConnection { socket, kind, peer, permit, expects_proxy_header };
            tokio::spawn(accept::serve(Arc::clone(front), connection));
        }
        Err(reason) => refused_connection::refuse(gateway, &socket, kind, address.ip(), reason),
    }
}

fn is_client_abort(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
