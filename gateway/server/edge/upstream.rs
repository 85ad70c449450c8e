//! The upstream of an app: names to addresses, and the connection for one try.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use pingora::upstreams::peer::HttpPeer;
use stagedoor_core::denial::{Denial, UpstreamFault};
use stagedoor_core::policy::UpstreamPolicy;
use tokio::net::TcpStream;

use super::connection::Connector;
use super::exchange::Exchange;
use super::failure;
use super::login::fresh_group;
use super::tunnel::Tunnel;

/// How long a resolved name is used before it is resolved again.
const FRESH: Duration = Duration::from_secs(10);
/// How long a pooled connection may be idle.
const POOLED: Duration = Duration::from_secs(60);

const NO_SUCH_NAME: Denial = Denial::UpstreamUnreachable(UpstreamFault::NoSuchName);

/// Resolved names, one entry for each configured upstream.
#[derive(Debug, Default)]
pub(crate) struct Upstreams {
    resolved: DashMap<String, Resolved>,
}

#[derive(Clone, Debug)]
struct Resolved {
    at: Instant,
    addresses: Arc<[SocketAddr]>,
}

impl Upstreams {
    /// The peer for the next try of an exchange.
    pub(crate) async fn peer(&self, exchange: &Exchange) -> Result<HttpPeer, Denial> {
        let policy = &exchange.app.upstream;
        let address = self.address(&policy.authority, policy.connect, exchange.failed_tries()).await?;
        let mut peer = HttpPeer::new(address, false, String::new());
        peer.options.connection_timeout = Some(policy.connect);
        peer.options.total_connection_timeout = Some(policy.connect);
        peer.options.write_timeout = Some(policy.read);
        // The wire enforces the app's deadline, which differs for streams. This one is the last resort.
        peer.options.read_timeout = Some(policy.read.max(exchange.timeouts.stream_idle) * 2);
        peer.options.idle_timeout = Some(POOLED);
        peer.group_key = exchange.group;
        let websocket = exchange.handshake.is_some();
        if websocket || (exchange.goes_alone() && exchange.group == 0) {
            // The app may be closing a pooled connection just now. A request that cannot be repeated, or not again, gets a
            // connection of its own, which no other exchange can find. The exception is a client connection with a login,
            // which needs the connection that it logged in on.
            peer.group_key = fresh_group();
            peer.options.idle_timeout = Some(Duration::ZERO);
        }
        let (within, group) = (policy.connect, peer.group_key);
        peer.options.custom_l4 =
            Some(if websocket { Arc::new(Tunnel { within }) } else { Arc::new(Connector { within, group }) });
        Ok(peer)
    }

    /// Opens a connection that no other exchange shares. It has as many tries as any other, each at the next address.
    pub(crate) async fn connect(&self, policy: &UpstreamPolicy) -> Result<TcpStream, Denial> {
        let mut tries = 0;
        loop {
            let address = self.address(&policy.authority, policy.connect, tries).await?;
            let connected = tokio::time::timeout(policy.connect, TcpStream::connect(address)).await;
            match connected
                .map_err(|_| Denial::UpstreamTimeout)
                .and_then(|tcp| tcp.map_err(|e| failure::broken(&e)))
            {
                Err(_) if tries < policy.retries => tries += 1,
                done => return done,
            }
        }
    }

    /// Whether the upstream accepts a connection, for the warning at start.
    pub(crate) async fn reachable(&self, authority: &str, within: Duration) -> bool {
        let Ok(address) = self.address(authority, within, 0).await else { return false };
        matches!(tokio::time::timeout(within, TcpStream::connect(address)).await, Ok(Ok(_)))
    }

    /// An address of `authority`; each further try takes the next one.
    async fn address(&self, authority: &str, within: Duration, tries: usize) -> Result<SocketAddr, Denial> {
        if let Ok(address) = authority.parse() {
            return Ok(address);
        }
        let known = self.resolved.get(authority).map(|entry| entry.value().clone());
        let addresses = match known {
            Some(known) if known.at.elapsed() < FRESH => known.addresses,
            Some(_) | None => self.resolve(authority, within).await?,
        };
        let turn = tries.checked_rem(addresses.len()).unwrap_or(0);
        addresses.get(turn).copied().ok_or(NO_SUCH_NAME)
    }

    async fn resolve(&self, authority: &str, within: Duration) -> Result<Arc<[SocketAddr]>, Denial> {
        let found = tokio::time::timeout(within, tokio::net::lookup_host(authority))
            .await
            .map_err(|_| Denial::UpstreamTimeout)?
            .map_err(|_| NO_SUCH_NAME)?;
        let addresses: Arc<[SocketAddr]> = found.collect();
        if addresses.is_empty() {
            return Err(NO_SUCH_NAME);
        }
        let resolved = Resolved { at: Instant::now(), addresses: Arc::clone(&addresses) };
        self.resolved.insert(authority.to_owned(), resolved);
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests;
