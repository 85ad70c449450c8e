//! Connections to apps: opened by a connector, kept idle for the next exchange.
//!
//! `connector` makes the streams, so no type here names what carries them. The pool of pingora-core's connector is not used: it
//! spawns a task for each connection that is given back.
//!
//! Each upstream has its own list, and the connection that was used last is used first: the others get old and end. A connection
//! is noticed as stale before it is used where that can be: if anything can be read from it, the app closed it or sent what nobody
//! asked for.
//!
//! A policy in force holds the upstreams of its apps, so that a request has its own without a look-up. The next policy gets the
//! same ones where the address is the same, with their connections; an upstream that no policy has any more ends. The age of a
//! connection is counted in sweeps: using one again reads no clock.
//!
//! A connection after a login on it has an [`Owner`], the client connection that logged in, and serves no other one. It waits
//! in a list of its own, within the same bounds: to end it costs its client another login.
//!
//! Bounds: [`IDLE_MAX`] idle connections in all, of which the app that has most gives one up for another; each is idle for
//! [`IDLE_SWEEPS`] sweeps and ends with the next. Every connection attempt has the app's `upstream.connect` for its name and for all
//! addresses of it together.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

use bytes::BytesMut;
use stagedoor_core::denial::UpstreamFault;
use stagedoor_core::policy::{AppAddress, UpstreamPolicy};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};

use super::app_transport::AppTransport;
use super::connector::{ConnectTo, Connector, Security};
use super::names::{Addresses, Name, Resolver, SystemResolver};
use super::upstream_fault;

/// The most idle connections of all upstreams together.
const IDLE_MAX: usize = 1024;
/// How often connections that have been idle for too long are closed.
const SWEEP: Duration = Duration::from_secs(10);
/// How many sweeps a connection may be idle: a minute.
const IDLE_SWEEPS: u32 = 6;

/// The connections to all apps.
#[derive(Debug)]
pub(crate) struct AppPool {
    /// By their addresses; some may have ended.
    upstreams: Mutex<HashMap<AppAddress, Weak<Upstream>>>,
    resolver: Arc<dyn Resolver>,
    connector: Connector,
    /// Idle connections of all upstreams.
    idle: AtomicUsize,
    /// How many sweeps there were.
    sweeps: AtomicU32,
}

/// One address of the configuration, and its idle connections.
#[derive(Debug)]
pub(crate) struct Upstream {
    location: Location,
    security: Security,
    idle: Mutex<IdleList>,
    pool: Arc<AppPool>,
}

/// Where the connections of an upstream lead.
#[derive(Debug)]
enum Location {
    Name(Arc<Name>),
    /// The path of a Unix socket.
    Socket(PathBuf),
}

#[derive(Debug, Default)]
struct IdleList {
    /// The connection that was used last stands at the end.
    connections: Vec<Idle>,
    /// Those that have an owner, in the same order.
    owned: Vec<Idle>,
    /// The number of sweeps when a connection was last opened or given back.
    used: u32,
}

#[derive(Debug)]
struct Idle {
    opened: Opened,
    /// The number of sweeps when it was given back.
    since: u32,
    owner: Option<Owner>,
}

/// The client connection that alone may use a connection to an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner(u64);

impl Owner {
    /// One that there never was.
    pub(crate) fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// An open connection.
#[derive(Debug)]
struct Opened {
    stream: AppTransport,
    far_end: FarEnd,
}

/// Where an open connection leads.
#[derive(Clone, Copy, Debug)]
enum FarEnd {
    Address {
        address: SocketAddr,
        /// The version of the name's addresses among which `address` was last found.
        version: u64,
    },
    /// The Unix socket of the upstream.
    Socket,
}

/// A connection to an app.
#[derive(Debug)]
pub(crate) struct AppStream {
    opened: Opened,
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
        let pool = Self::with(Arc::new(SystemResolver));
        tokio::spawn(sweep(Arc::downgrade(&pool)));
        pool
    }

    fn with(resolver: Arc<dyn Resolver>) -> Arc<Self> {
        Arc::new(Self {
            upstreams: Mutex::default(),
            resolver,
            connector: Connector::new(),
            idle: AtomicUsize::new(0),
            sweeps: AtomicU32::new(0),
        })
    }

    /// The upstream at this address: the one that is there, as long as anybody holds it.
    pub(crate) fn upstream(self: &Arc<Self>, policy: &UpstreamPolicy) -> Arc<Upstream> {
        let mut all = self.lock();
        let known = all.get(&policy.address).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let location = match &policy.address {
                AppAddress::Tcp(authority) | AppAddress::Tls { authority, tls: _ } => {
                    Location::Name(Name::new(authority, Arc::clone(&self.resolver)))
                }
                AppAddress::Unix(path) => Location::Socket(path.clone()),
            };
            let security = Security::of(&policy.address);
            let made = Upstream { location, security, idle: Mutex::default(), pool: Arc::clone(self) };
            let made = Arc::new(made);
            all.insert(policy.address.clone(), Arc::downgrade(&made));
            made
        })
    }

    /// Closes the oldest connection of the upstream that has most: no app keeps another one from having some.
    fn make_room(&self) {
        let longest = self.all().into_iter().max_by_key(|upstream| upstream.lock().len());
        if let Some(longest) = longest {
            longest.drop_oldest();
        }
    }

    /// Closes all idle connections, to have descriptors again. Returns how many there were.
    pub(crate) fn close_idle(&self) -> usize {
        self.all().iter().map(|upstream| upstream.drop_where(|_| true)).sum()
    }

    /// Closes connections that have been idle for too long or lead to addresses of the past. The names of those that
    /// were used of late are resolved again.
    fn sweep(&self, now: StdInstant) {
        let sweeps = self.sweeps.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let old = |since: u32| sweeps.saturating_sub(since) > IDLE_SWEEPS;
        for upstream in self.all() {
            let gone = |idle: &Idle| old(idle.since) || !upstream.location.may_have(idle.opened.far_end);
            upstream.drop_where(gone);
            let used = upstream.lock().used;
            match &upstream.location {
                Location::Name(name) if !old(used) => name.refresh(now),
                Location::Name(_) | Location::Socket(_) => {}
            }
        }
        self.lock().retain(|_, upstream| upstream.strong_count() > 0);
    }

    /// The upstreams that somebody holds.
    fn all(&self) -> Vec<Arc<Upstream>> {
        self.lock().values().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AppAddress, Weak<Upstream>>> {
        self.upstreams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sweeps until the pool is gone.
async fn sweep(pool: Weak<AppPool>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.sweep(StdInstant::now());
    }
}

impl Upstream {
    /// A connection to the app: an idle one, unless it has to be `fresh`, or a new one, opened `within` this time.
    pub(crate) async fn get(
        self: Arc<Self>,
        within: Duration,
        fresh: bool,
    ) -> Result<(AppStream, Reused), UpstreamFault> {
        if !fresh && let Some(opened) = self.take() {
            return Ok((AppStream { opened, upstream: self }, Reused::Yes));
        }
        // Boxed: it is large and rare.
        let opened = Box::pin(self.connect(within)).await?;
        Ok((AppStream { opened, upstream: self }, Reused::No))
    }

    /// Whether the app accepts a connection, and if not, why.
    pub(crate) async fn reachable(self: Arc<Self>, within: Duration) -> Result<(), UpstreamFault> {
        self.get(within, true).await.map(|_| ())
    }

    /// The idle connection that was used last and is still good. Stale ones are closed.
    fn take(&self) -> Option<Opened> {
        loop {
            let mut opened = self.lock().connections.pop()?.opened;
            self.pool.idle.fetch_sub(1, Ordering::Relaxed);
            if !self.location.still_has(&mut opened.far_end) {
                continue;
            }
            if opened.stream.is_silent() {
                return Some(opened);
            }
            tracing::debug!(app = %self.location, "an idle connection was stale: closed by the app, or with bytes that nobody asked for");
        }
    }

    /// The idle connection of this owner, if it is still good. Stale ones are closed.
    pub(crate) fn take_owned(self: &Arc<Self>, owner: Owner) -> Option<AppStream> {
        loop {
            let mut list = self.lock();
            let place = list.owned.iter().rposition(|idle| idle.owner == Some(owner))?;
            let mut opened = list.owned.remove(place).opened;
            drop(list);
            self.pool.idle.fetch_sub(1, Ordering::Relaxed);
            if self.location.still_has(&mut opened.far_end) && opened.stream.is_silent() {
                return Some(AppStream { opened, upstream: Arc::clone(self) });
            }
        }
    }

    /// Closes the idle connections of this owner.
    pub(crate) fn end_owned(&self, owner: Owner) {
        self.drop_where(|idle| idle.owner == Some(owner));
    }

    /// Keeps a connection for the next exchange, of its owner alone where it has one.
    fn put(&self, opened: Opened, owner: Option<Owner>) {
        let since = self.sweeps();
        // Counted before it can be taken: the number never falls below zero.
        let full = self.pool.idle.fetch_add(1, Ordering::Relaxed) >= IDLE_MAX;
        let mut list = self.lock();
        list.used = since;
        let idle = Idle { opened, since, owner };
        match owner {
            None => list.connections.push(idle),
            Some(_) => list.owned.push(idle),
        }
        drop(list);
        if full {
            self.pool.make_room();
        }
    }

    async fn connect(&self, within: Duration) -> Result<Opened, UpstreamFault> {
        self.lock().used = self.sweeps();
        let deadline = Instant::now() + within;
        match &self.location {
            Location::Name(name) => self.connect_to_name(name, deadline).await,
            Location::Socket(path) => {
                let opened = timeout_at(deadline, self.open_making_room(ConnectTo::Unix(path))).await;
                let stream = opened.unwrap_or(Err(UpstreamFault::Timeout))?;
                Ok(Opened { stream, far_end: FarEnd::Socket })
            }
        }
    }

    /// Tries the addresses of the name one after the other, each for an equal share of the time that is left.
    async fn connect_to_name(&self, name: &Arc<Name>, deadline: Instant) -> Result<Opened, UpstreamFault> {
        // Read before the addresses: what changes after it is looked at later.
        let version = name.version();
        let known = timeout_at(deadline, self.addresses_making_room(name)).await;
        let addresses = known.map_err(|_| UpstreamFault::Timeout)??;
        let mut failed = None;
        for (place, left) in addresses.places() {
            let address = addresses.at(place);
            let now = Instant::now();
            let share = deadline.saturating_duration_since(now).checked_div(left).unwrap_or_default();
            let opened = timeout_at(now + share, self.open_making_room(ConnectTo::Tcp(address))).await;
            match opened.unwrap_or(Err(UpstreamFault::Timeout)) {
                Ok(stream) => {
                    addresses.reached(place);
                    return Ok(Opened { stream, far_end: FarEnd::Address { address, version } });
                }
                // No other address would do.
                Err(UpstreamFault::OutOfDescriptors) => return Err(UpstreamFault::OutOfDescriptors),
                Err(fault) => failed = Some(upstream_fault::more_telling(failed, fault)),
            }
        }
        let failed = failed.unwrap_or(UpstreamFault::NoSuchName);
        if upstream_fault::is_of_the_address(failed) {
            name.forget(&addresses, StdInstant::now());
        }
        Err(failed)
    }

    /// Opens a connection; where no descriptor is left for it, idle ones make room.
    async fn open_making_room(&self, to: ConnectTo<'_>) -> Result<AppTransport, UpstreamFault> {
        let connector = &self.pool.connector;
        let opened = connector.open(to, &self.security).await;
        if opened.as_ref().err() == Some(&UpstreamFault::OutOfDescriptors) && self.pool.close_idle() > 0 {
            return connector.open(to, &self.security).await;
        }
        opened
    }

    /// The addresses of the name; where no descriptor is left to look them up, idle connections make room.
    async fn addresses_making_room(&self, name: &Arc<Name>) -> Result<Arc<Addresses>, UpstreamFault> {
        let known = name.addresses(StdInstant::now()).await;
        if known.as_ref().err() == Some(&UpstreamFault::OutOfDescriptors) && self.pool.close_idle() > 0 {
            return name.addresses(StdInstant::now()).await;
        }
        known
    }

    fn drop_oldest(&self) {
        let mut list = self.lock();
        let oldest = list.take_oldest();
        drop(list);
        self.close(oldest);
    }

    /// Closes connections. Returns how many.
    fn drop_where(&self, goes: impl Fn(&Idle) -> bool) -> usize {
        let mut list = self.lock();
        let mut gone: Vec<Idle> = list.connections.extract_if(.., |idle| goes(idle)).collect();
        gone.extend(list.owned.extract_if(.., |idle| goes(idle)));
        drop(list);
        self.close(gone)
    }

    /// Closes connections that were taken out of the list, whose lock nobody waits for meanwhile. Returns how many.
    fn close(&self, gone: impl IntoIterator<Item = Idle>) -> usize {
        let mut closed = 0;
        for mut idle in gone {
            idle.opened.stream.say_end();
            closed += 1;
        }
        self.pool.idle.fetch_sub(closed, Ordering::Relaxed);
        closed
    }

    fn sweeps(&self) -> u32 {
        self.pool.sweeps.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, IdleList> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl IdleList {
    fn len(&self) -> usize {
        self.connections.len() + self.owned.len()
    }

    /// The connection that has been idle for longest; one with an owner, where both have been idle for as long.
    fn take_oldest(&mut self) -> Option<Idle> {
        let since = |of: &[Idle]| of.first().map(|idle| idle.since);
        let owned_goes = match (since(&self.connections), since(&self.owned)) {
            (Some(shared), Some(owned)) => owned <= shared,
            (shared, _) => shared.is_none(),
        };
        let of = if owned_goes { &mut self.owned } else { &mut self.connections };
        (!of.is_empty()).then(|| of.remove(0))
    }
}

impl Location {
    /// Whether a connection still leads to the app, as far as is known; notes the version of the addresses it was found among.
    fn still_has(&self, far_end: &mut FarEnd) -> bool {
        match (self, &mut *far_end) {
            (Self::Name(name), FarEnd::Address { version, .. }) => {
                let latest = name.version();
                std::mem::replace(version, latest) == latest || self.may_have(*far_end)
            }
            (Self::Socket(_), FarEnd::Socket) => true,
            (Self::Name(_), FarEnd::Socket) | (Self::Socket(_), FarEnd::Address { .. }) => false,
        }
    }

    /// Whether a connection still leads to the app, as far as is known.
    fn may_have(&self, far_end: FarEnd) -> bool {
        match (self, far_end) {
            (Self::Name(name), FarEnd::Address { address, version: _ }) => name.may_have(address),
            (Self::Socket(_), FarEnd::Socket) => true,
            (Self::Name(_), FarEnd::Socket) | (Self::Socket(_), FarEnd::Address { .. }) => false,
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        // Its idle connections end with it.
        self.drop_where(|_| true);
    }
}

impl Reused {
    /// Whether it served another exchange before.
    pub(crate) fn is_reused(self) -> bool {
        self == Self::Yes
    }
}

impl AppStream {
    /// Keeps the connection for the next exchange, unless it still holds bytes of the last one.
    pub(crate) fn give_back(self) {
        if !self.opened.stream.holds_bytes() {
            self.upstream.put(self.opened, None);
        }
    }

    /// Keeps the connection for the next exchange of `owner`, unless it still holds bytes of the last one.
    pub(crate) fn keep_for(self, owner: Owner) {
        if !self.opened.stream.holds_bytes() {
            self.upstream.put(self.opened, Some(owner));
        }
    }

    /// Where it leads.
    pub(crate) fn upstream(&self) -> &Arc<Upstream> {
        &self.upstream
    }

    /// Reads at most `most` bytes and appends them to `buffer`; ready with 0 at the end of what the app sends.
    pub(crate) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        self.opened.stream.poll_read_into(cx, buffer, most)
    }

    /// Sends the written bytes that still lie in the stream; ready at once where there are none.
    pub(crate) fn poll_send_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.opened.stream.poll_send_rest(cx)
    }
}

impl AsyncRead for AppStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().opened.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for AppStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().opened.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().opened.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.opened.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().opened.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().opened.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
