//! Opens connections to apps: TCP and Unix sockets by pingora's connector, TLS on top of TCP.
//!
//! The connector's own pool of connections is not used, see `pool`. Its streams have no buffers where a connector makes them,
//! and write several parts in one system call.
//!
//! Bounds: none of its own; the caller limits the time, of the TLS handshake too.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::protocols::Stream;
use pingora::upstreams::peer::BasicPeer;
use stagedoor_core::denial::UpstreamFault;
use stagedoor_core::policy::AppAddress;

use super::app_tls::AppTls;
use super::app_transport::AppTransport;
use super::upstream_fault;

/// The time between two tries to connect to a Unix socket whose queue is full.
const QUEUE_PAUSE: Duration = Duration::from_millis(5);

/// Opens connections to apps.
pub(super) struct Connector(TransportConnector);

/// Where a connection leads.
#[derive(Clone, Copy, Debug)]
pub(super) enum ConnectTo<'a> {
    /// An address.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(&'a Path),
}

/// Whether the connections to an app are encrypted.
#[derive(Debug)]
pub(super) enum Security {
    /// They are not.
    Plain,
    /// By TLS.
    Tls(AppTls),
}

impl Security {
    pub(super) fn of(address: &AppAddress) -> Self {
        match address {
            AppAddress::Tcp(_) | AppAddress::Unix(_) => Self::Plain,
            AppAddress::Tls { authority: _, tls } => Self::Tls(AppTls::new(tls)),
        }
    }
}

impl Connector {
    pub(super) fn new() -> Self {
        // Its own pool stays empty.
        Self(TransportConnector::new(Some(ConnectorOptions::new(1))))
    }

    /// Opens a connection.
    pub(super) async fn open(
        &self,
        to: ConnectTo<'_>,
        security: &Security,
    ) -> Result<AppTransport, UpstreamFault> {
        let stream = self.open_plain(to).await?;
        match security {
            Security::Plain => Ok(AppTransport::Plain(stream)),
            Security::Tls(tls) => match tls.handshake(stream).await {
                Ok(stream) => Ok(AppTransport::Tls(stream)),
                Err(error) => {
                    tracing::info!(app = %to, server_name = %tls.server_name(), "TLS with an app failed: {error}");
                    Err(upstream_fault::of_handshake(&error))
                }
            },
        }
    }

    async fn open_plain(&self, to: ConnectTo<'_>) -> Result<Stream, UpstreamFault> {
        let peer = match to {
            ConnectTo::Tcp(address) => BasicPeer::new(&address.to_string()),
            ConnectTo::Unix(path) => {
                BasicPeer::new_uds(path).map_err(|error| upstream_fault::of_connecting(&error))?
            }
        };
        loop {
            match self.0.new_stream(&peer).await {
                Ok(stream) => return Ok(stream),
                // The system does not wait for room in the queue of a Unix socket, as it does for TCP.
                Err(error) if upstream_fault::is_full_queue(&error) => {
                    tokio::time::sleep(QUEUE_PAUSE).await;
                }
                Err(error) => return Err(upstream_fault::of_connecting(&error)),
            }
        }
    }
}

impl std::fmt::Display for ConnectTo<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}
