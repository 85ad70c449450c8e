//! The accept loop of a public listener. A connection needs a permit before a byte of it is read.
//!
//! Where no file descriptor is left for one, the idle connections to apps give theirs up.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stagedoor_core::denial::UpstreamFault;
use stagedoor_core::request::{Peer, PeerAddress};

use crate::edge::accept::{self, NewConnection};
use crate::edge::client_socket::ClientSocket;
use crate::edge::front::Front;
use crate::edge::upstream_fault;
use crate::listening_socket::{ListenerKind, ListeningAt, ListeningSocket};
use crate::refused_connection;
use crate::stage::Stage;

/// Pause after a failed accept, such as for want of file descriptors, so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The time between two warnings of one listener, and how long after a failure it is over.
const WARNING_PAUSE: Duration = Duration::from_secs(10);

/// The failures of one listener, as the log tells of them.
#[derive(Debug, Default)]
struct AcceptFailures {
    /// The last one.
    failed: Option<Instant>,
    warned: Option<Instant>,
}

/// Accepts connections until the gateway drains; then the socket is closed.
pub(crate) async fn accept(listener: ListeningSocket, front: Arc<Front>) {
    let mut stage = front.gateway.watch_stage();
    let mut failures = AcceptFailures::default();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stage.wait_for(|stage| *stage != Stage::Serving) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, address)) => {
                if failures.are_over(Instant::now()) {
                    tracing::info!("connections are accepted again");
                }
                admit(&front, socket, address, &listener.at);
            }
            Err(error) if is_client_abort(&error) => {}
            Err(error) => {
                let no_descriptor =
                    upstream_fault::of_system(&error) == Some(UpstreamFault::OutOfDescriptors);
                let made_room = no_descriptor && front.gateway.close_idle_app_connections() > 0;
                if failures.is_to_be_told(Instant::now()) {
                    tracing::warn!(
                        %error,
                        "cannot accept connections; hint: raise the limit of open files"
                    );
                }
                if !made_room {
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl AcceptFailures {
    /// Notes a failure. Whether to warn of it: of the first one, and then of one in a while.
    fn is_to_be_told(&mut self, now: Instant) -> bool {
        self.failed = Some(now);
        let told = self.warned.is_some_and(|at| now.saturating_duration_since(at) < WARNING_PAUSE);
        if !told {
            self.warned = Some(now);
        }
        !told
    }

    /// Notes that a connection was accepted. Whether that is the first one for which failures are over: where some connections
    /// can be accepted and others cannot, they are not.
    fn are_over(&mut self, now: Instant) -> bool {
        let over = self.failed.is_some_and(|at| now.saturating_duration_since(at) >= WARNING_PAUSE);
        if over {
            *self = Self::default();
        }
        over
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
            accept::serve(Arc::clone(front), connection);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_once_in_a_while_and_when_they_are_over() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut failures = AcceptFailures::default();
        assert!(!failures.are_over(at(0)), "there was none");
        let told = (0..25).filter(|second| failures.is_to_be_told(at(*second)));
        assert_eq!(told.collect::<Vec<_>>(), [0, 10, 20]);
        assert!(!failures.are_over(at(33)), "the last one is nine seconds ago");
        assert!(failures.are_over(at(34)));
        assert!(!failures.are_over(at(35)));
        assert!(failures.is_to_be_told(at(35)));
    }
}
