//! What a connection goes through between its permit and its first request.

use std::sync::Arc;

use stagedoor_core::request::Peer;
use tokio::net::TcpStream;

use super::front::Front;
use crate::connection_permits::ConnectionPermit;

/// Serves a connection that was accepted, to its end.
pub(crate) async fn serve(front: Arc<Front>, tcp: TcpStream, peer: Peer, permit: ConnectionPermit) {
    front.serve_http1(tcp, peer, permit).await;
}
