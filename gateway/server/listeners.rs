//! Listening sockets: bound before anything is promised, accepted with a permit in hand.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use stagedoor_core::denial::Denial;
use stagedoor_core::request::Peer;
use tokio::net::{TcpListener, TcpStream};

use crate::edge::front::Front;
use crate::edge::permits::Refused;
use crate::gateway::{Gateway, Stage};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// After an accept that failed for want of descriptors, so that the loop does not spin.
const BREATH: Duration = Duration::from_millis(50);
/// Memory of one connection in the reckoning of `connections = "auto"`.
const PER_CONNECTION: u64 = 64 * 1024;
const AUTO_MOST: usize = 10_000;
/// Descriptors kept for everything that is no client connection.
const SPARE_DESCRIPTORS: u64 = 128;

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`: {source}")]
pub(crate) struct ListenError {
    /// The address, as configured.
    pub(crate) address: SocketAddr,
    /// What the system said.
    pub(crate) source: io::Error,
}

/// What this machine has, looked up once: later the process may not be able to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    /// What `connections = "auto"` means.
    pub(crate) connections: usize,
    /// What `threads = "auto"` means.
    pub(crate) threads: usize,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { connections: auto_connections(), threads }
    }
}

/// Binds one address, outside of any runtime: for [`TcpListener::from_std`].
pub(crate) fn bind(address: SocketAddr) -> Result<std::net::TcpListener, ListenError> {
    let bound = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        runtime.block_on(async {
            let socket = match address {
                SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4(),
                SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6(),
            }?;
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)?.into_std()
        })
    };
    bound().map_err(|source| ListenError { address, source })
}

/// Accepts until the gateway leaves the serving stage; then the socket is closed.
pub(crate) async fn accept(listener: TcpListener, front: Arc<Front>) {
    let mut stage = front.gateway.watch_stage();
    let port = listener.local_addr().map_or(0, |address| address.port());
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stage.wait_for(|stage| *stage != Stage::Serving) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, from)) => admit(&front, tcp, from, port),
            Err(error) if lost_by_the_client(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections; hint: raise the limit of open files");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}

/// Takes the permit, or tells the client that there is none.
fn admit(front: &Arc<Front>, tcp: TcpStream, from: SocketAddr, port: u16) {
    let gateway = &front.gateway;
    let ip = from.ip().to_canonical();
    let (connections, per_address) = {
        let live = gateway.live();
        let limits = &live.policy.server.limits;
        let counted = !live.policy.client.trusted.iter().any(|network| network.contains(&ip));
        (limits.connections, counted.then_some(limits.connections_per_ip))
    };
    let _ = tcp.set_nodelay(true);
    match gateway.permits.take(ip, connections.unwrap_or_else(|| gateway.auto_connections()), per_address) {
        Ok(permit) => {
            let front = Arc::clone(front);
            let peer = Peer { ip, port, tls: false };
            tokio::spawn(async move { front.serve(tcp, peer, permit).await });
        }
        Err(refused) => refuse(gateway, &tcp, ip, refused),
    }
}

/// 503 and close. One write that does not wait: a flood must not buy tasks here.
fn refuse(gateway: &Gateway, tcp: &TcpStream, ip: IpAddr, refused: Refused) {
    gateway.metrics.connection_refused(refused.reason());
    let _ = tcp.try_write(&gateway.bare_refusal(&Denial::Overloaded, ip));
}

fn lost_by_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// What `connections = "auto"` means on this machine: an eighth of the memory at 64 KiB each, at
/// most 10,000, and never more than the process may open files for: one for the client, two for the app (a connection
/// and its handle).
fn auto_connections() -> usize {
    let by_memory = memory_bytes()
        .map_or(AUTO_MOST, |bytes| usize::try_from(bytes / 8 / PER_CONNECTION).unwrap_or(usize::MAX));
    let by_files = open_files().map_or(AUTO_MOST, |files| {
        usize::try_from(files.saturating_sub(SPARE_DESCRIPTORS) / 3).unwrap_or(usize::MAX)
    });
    by_memory.min(by_files).clamp(16, AUTO_MOST)
}

/// Memory of the machine or of the control group, whichever is less.
fn memory_bytes() -> Option<u64> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    });
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    match (machine, group) {
        (Some(machine), Some(group)) => Some(machine.min(group)),
        (either, other) => either.or(other),
    }
}

/// The soft limit of open files.
fn open_files() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}
