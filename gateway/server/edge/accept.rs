//! What a connection goes through between its permit and its first request.

use std::sync::Arc;

use bytes::BytesMut;
use stagedoor_core::request::Peer;
use tokio::net::TcpStream;

use super::front::Front;
use super::preface::{self, FirstBytes};
use crate::connection_permits::ConnectionPermit;

/// Serves a connection that was accepted, to its end. `h2c`: its client may begin with HTTP/2.
pub(crate) async fn serve(
    front: Arc<Front>,
    mut tcp: TcpStream,
    peer: Peer,
    h2c: bool,
    permit: ConnectionPermit,
) {
    if !h2c {
        return front.serve_http1(tcp, BytesMut::new(), peer, permit).await;
    }
    let waits = {
        let timeouts = front.gateway.live().policy.server.timeouts;
        (timeouts.idle, timeouts.header)
    };
    match preface::read(&mut tcp, waits, &mut front.gateway.watch_stage()).await {
        Some(FirstBytes::Http2(early)) => Box::pin(front.serve_http2(tcp, early, peer, permit)).await,
        Some(FirstBytes::Other(early)) => front.serve_http1(tcp, early, peer, permit).await,
        None => {}
    }
}
