//! Connections to apps: opened by pingora's connector, kept idle for the next exchange.
//!
//! pingora-core's connector makes the streams: TCP today, Unix sockets and TLS later by another peer, so no type here names one.
//! Its own pool is not used: it spawns a task for each connection that is given back. Its streams have no buffers where a connector
//! makes them, and write several parts in one system call.
//!
//! Each upstream has its own list, and the connection that was used last is used first: the others get old and end. A connection
//! is noticed as stale before it is used where that can be: if anything can be read from it, the app closed it or sent what nobody
//! asked for.
//!
//! Bounds: [`IDLE_MAX`] idle connections in all, of which the app that has most gives one up for another; each for at most [`IDLE_TIME`]; one entry for each upstream of the configuration
//! of the last [`FORGOTTEN`]. Every connection attempt has the app's `upstream.connect` for its name and for all addresses of it
//! together.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{BufMut as _, BytesMut};
use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::protocols::Stream;
use pingora::upstreams::peer::BasicPeer;
use stagedoor_core::denial::UpstreamFault;
use stagedoor_core::policy::UpstreamPolicy;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::task::unconstrained;
use tokio::time::timeout_at;

use super::names::{Name, Resolver, SystemResolver};
use super::upstream_fault;

/// The most idle connections of all upstreams together.
const IDLE_MAX: usize = 1024;
/// How long a connection may be idle.
const IDLE_TIME: Duration = Duration::from_secs(60);
/// How often connections that have been idle for too long are closed.
const SWEEP: Duration = Duration::from_secs(10);
/// How long an upstream that nobody asks for is remembered.
const FORGOTTEN: Duration = Duration::from_secs(10 * 60);

/// The connections to all apps.
#[derive(Debug)]
pub(crate) struct AppPool {
    upstreams: RwLock<HashMap<String, Arc<Upstream>>>,
    resolver: Arc<dyn Resolver>,
    connector: Connector,
    /// Idle connections of all upstreams.
    idle: Arc<AtomicUsize>,
}

/// pingora's connector, which has no `Debug`.
struct Connector(TransportConnector);

/// One address of the configuration, and its idle connections.
#[derive(Debug)]
struct Upstream {
    name: Arc<Name>,
    /// The connection that was used last stands at the end.
    idle: Mutex<Vec<Idle>>,
    /// Those of all upstreams.
    count: Arc<AtomicUsize>,
    /// When it was last asked for, for the sweep.
    asked: Mutex<Instant>,
}

#[derive(Debug)]
struct Idle {
    stream: Stream,
    address: SocketAddr,
    since: Instant,
}

/// A connection to an app.
#[derive(Debug)]
pub(crate) struct AppStream {
    stream: Stream,
    address: SocketAddr,
    upstream: Arc<Upstream>,
}

/// Whether a connection served another exchange before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reused {
    /// It did.
    Yes,
    /// It is new.
    No,
}

impl AppPool {
    /// An empty pool. Its sweep runs on the present runtime, and ends with the pool.
    pub(crate) fn start() -> Arc<Self> {
        let pool = Arc::new(Self::with(Arc::new(SystemResolver)));
        tokio::spawn(sweep(Arc::downgrade(&pool)));
        pool
    }

    fn with(resolver: Arc<dyn Resolver>) -> Self {
        // Its own pool stays empty.
        let connector = TransportConnector::new(Some(ConnectorOptions::new(1)));
        Self { upstreams: RwLock::default(), resolver, connector: Connector(connector), idle: Arc::default() }
    }

    /// A connection to the app: an idle one, unless it has to be `fresh`, or a new one.
    pub(crate) async fn get(
        &self,
        policy: &UpstreamPolicy,
        fresh: bool,
    ) -> Result<(AppStream, Reused), UpstreamFault> {
        let upstream = self.upstream(&policy.authority);
        if !fresh && let Some(idle) = upstream.take(Instant::now()) {
            let Idle { stream, address, .. } = idle;
            return Ok((AppStream { stream, address, upstream }, Reused::Yes));
        }
        // Boxed: it is large and rare.
        let connected = Box::pin(self.connect(upstream, policy.connect)).await?;
        Ok((connected, Reused::No))
    }

    /// Whether the app accepts a connection.
    pub(crate) async fn reachable(&self, policy: &UpstreamPolicy) -> bool {
        self.get(policy, true).await.is_ok()
    }

    /// Keeps a connection for the next exchange.
    pub(crate) fn put(&self, stream: AppStream) {
        let AppStream { stream, address, upstream } = stream;
        upstream.put(Idle { stream, address, since: Instant::now() });
        if self.idle.load(Ordering::Relaxed) > IDLE_MAX {
            self.make_room();
        }
    }

    /// Closes the oldest connection of the upstream that has most: no app keeps another one from having some.
    fn make_room(&self) {
        let longest = self.all().values().max_by_key(|upstream| upstream.lock().len()).cloned();
        if let Some(longest) = longest {
            longest.drop_oldest();
        }
    }

    fn upstream(&self, authority: &str) -> Arc<Upstream> {
        let known =
            self.upstreams.read().unwrap_or_else(PoisonError::into_inner).get(authority).map(Arc::clone);
        known.unwrap_or_else(|| {
            let mut all = self.upstreams.write().unwrap_or_else(PoisonError::into_inner);
            let made = || Arc::new(Upstream::new(authority, &self.resolver, &self.idle));
            Arc::clone(all.entry(authority.to_owned()).or_insert_with(made))
        })
    }

    /// Tries the addresses of the name one after the other, each for an equal share of the time that is left.
    async fn connect(&self, upstream: Arc<Upstream>, within: Duration) -> Result<AppStream, UpstreamFault> {
        upstream.asked_at(Instant::now());
        let deadline = tokio::time::Instant::now() + within;
        let known = timeout_at(deadline, upstream.name.addresses(Instant::now())).await;
        let addresses = known.map_err(|_| UpstreamFault::Timeout)??;
        let mut failed = None;
        for (place, left) in addresses.places() {
            let address = addresses.at(place);
            let now = tokio::time::Instant::now();
            let share = deadline.saturating_duration_since(now).checked_div(left).unwrap_or_default();
            let opened = timeout_at(now + share, self.open_making_room(address)).await;
            match opened.unwrap_or(Err(UpstreamFault::Timeout)) {
                Ok(stream) => {
                    addresses.reached(place);
                    return Ok(AppStream { stream, address, upstream });
                }
                // No other address would do.
                Err(UpstreamFault::OutOfDescriptors) => return Err(UpstreamFault::OutOfDescriptors),
                Err(fault) => failed = Some(upstream_fault::more_telling(failed, fault)),
            }
        }
        let failed = failed.unwrap_or(UpstreamFault::NoSuchName);
        if upstream_fault::is_of_the_address(failed) {
            upstream.name.forget(&addresses);
        }
        Err(failed)
    }

    /// Opens a connection; where no descriptor is left for it, idle ones make room.
    async fn open_making_room(&self, address: SocketAddr) -> Result<Stream, UpstreamFault> {
        let opened = self.open(address).await;
        if opened.as_ref().err() == Some(&UpstreamFault::OutOfDescriptors) && self.close_idle() > 0 {
            return self.open(address).await;
        }
        opened
    }

    async fn open(&self, address: SocketAddr) -> Result<Stream, UpstreamFault> {
        let peer = BasicPeer::new(&address.to_string());
        self.connector.0.new_stream(&peer).await.map_err(|error| upstream_fault::of_connecting(&error))
    }

    /// Closes all idle connections, to have descriptors again. Returns how many there were.
    fn close_idle(&self) -> usize {
        let all: Vec<Arc<Upstream>> = self.all().values().cloned().collect();
        all.iter().map(|upstream| upstream.drop_where(|_| true)).sum()
    }

    fn all(&self) -> std::sync::RwLockReadGuard<'_, HashMap<String, Arc<Upstream>>> {
        self.upstreams.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes connections that have been idle for too long or lead to addresses of the past, and forgets upstreams that nobody
    /// asks for. A name whose connections are used again and again is resolved here: nothing else would show that it moved.
    fn sweep(&self, now: Instant) {
        let all: Vec<Arc<Upstream>> = self.all().values().cloned().collect();
        for upstream in &all {
            let old = |idle: &Idle| now.saturating_duration_since(idle.since) >= IDLE_TIME;
            upstream.drop_where(|idle| old(idle) || !upstream.name.may_have(idle.address));
            if upstream.was_asked_since(now, IDLE_TIME) {
                upstream.name.refresh_if_old(now);
            }
        }
        drop(all);
        let mut upstreams = self.upstreams.write().unwrap_or_else(PoisonError::into_inner);
        upstreams.retain(|_, upstream| {
            // Whoever uses a connection of it keeps it.
            Arc::strong_count(upstream) > 1 || !upstream.is_forgotten(now)
        });
    }
}

/// Sweeps until the pool is gone.
async fn sweep(pool: Weak<AppPool>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.sweep(Instant::now());
    }
}

impl Upstream {
    fn new(authority: &str, resolver: &Arc<dyn Resolver>, count: &Arc<AtomicUsize>) -> Self {
        Self {
            name: Name::new(authority, Arc::clone(resolver)),
            idle: Mutex::default(),
            count: Arc::clone(count),
            asked: Mutex::new(Instant::now()),
        }
    }

    /// The idle connection that was used last and is still good. Stale ones are closed.
    fn take(&self, now: Instant) -> Option<Idle> {
        loop {
            let mut idle = self.pop()?;
            let young = now.saturating_duration_since(idle.since) < IDLE_TIME;
            if young && self.name.may_have(idle.address) && is_silent(&mut idle.stream) {
                return Some(idle);
            }
        }
    }

    fn pop(&self) -> Option<Idle> {
        let idle = self.lock().pop()?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(idle)
    }

    fn put(&self, idle: Idle) {
        let since = idle.since;
        self.lock().push(idle);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.asked_at(since);
    }

    fn drop_oldest(&self) {
        let mut all = self.lock();
        if !all.is_empty() {
            drop(all.remove(0));
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn asked_at(&self, now: Instant) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Closes connections. Returns how many.
    fn drop_where(&self, goes: impl Fn(&Idle) -> bool) -> usize {
        let mut all = self.lock();
        let before = all.len();
        all.retain(|idle| !goes(idle));
        let gone = before - all.len();
        self.count.fetch_sub(gone, Ordering::Relaxed);
        gone
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        self.lock().is_empty() && !self.was_asked_since(now, FORGOTTEN)
    }

    fn was_asked_since(&self, now: Instant, time: Duration) -> bool {
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        now.saturating_duration_since(asked) < time
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reused {
    /// Whether it served another exchange before.
    pub(crate) fn is_reused(self) -> bool {
        self == Self::Yes
    }
}

impl AppStream {
    /// Whether the connection is open and nothing has come that nobody asked for.
    pub(crate) fn is_silent(&mut self) -> bool {
        is_silent(&mut self.stream)
    }

    /// Reads at most `most` bytes and appends them to `buffer`; ready with 0 at the end of what the app sends.
    pub(crate) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        buffer.reserve(most);
        std::pin::pin!(self.stream.read_buf(&mut buffer.limit(most))).poll(cx)
    }
}

fn is_silent(stream: &mut Stream) -> bool {
    let mut byte = [0; 1];
    let mut read = ReadBuf::new(&mut byte);
    let looks = poll_fn(|cx| Pin::new(&mut *stream).poll_read(cx, &mut read));
    // Without tokio's budget: a task that has used it up is told of every socket that it has nothing.
    let looks = std::pin::pin!(unconstrained(looks));
    looks.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

impl AsyncRead for AppStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, into)
    }
}

impl AsyncWrite for AppStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

#[cfg(test)]
mod tests;
