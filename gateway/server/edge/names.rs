//! The addresses of the apps' names, resolved off the path of requests.
//!
//! A name that was resolved less than [`FRESH`] ago is used as it is. An older one is used too, and resolved again in the
//! background; the pool asks for that with each sweep where idle connections serve all requests. A result is never used for
//! longer than [`KEPT`], even while the name cannot be resolved. After a failed connection the addresses are forgotten, so that
//! the next try waits for new ones: a container that was started again may have another address. Where the resolver then fails, and
//! does not say that there is no such name, the addresses are used again: the app may be back at one of them. Of several addresses
//! the one that was reached last is tried first. A name is resolved by one task at a time, for which all requests wait that need its
//! result, and no lookup begins within [`PAUSE`] of the last one: what was found, or was not, holds until then. A lookup that failed
//! for want of descriptors is the exception: it asked no resolver, and there may be some again at any time.
//!
//! Bounds: one [`Name`] for each upstream of a policy, which lives as long as that; [`ADDRESSES_MAX`] addresses
//! of a name. A request waits no longer than its own deadline. A lookup may take longer: the next request has its result.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stagedoor_core::denial::UpstreamFault;
use tokio::sync::watch;

use super::upstream_fault::of_system;

/// How long addresses are used without asking again.
pub(super) const FRESH: Duration = Duration::from_secs(10);
/// How long addresses are used while the name cannot be resolved again.
const KEPT: Duration = Duration::from_secs(5 * 60);
/// The time between two lookups of old addresses, which matters when they fail.
const AGAIN: Duration = Duration::from_secs(1);
/// The time between two lookups for which requests wait: however many fail, the resolver is asked no more often.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a lookup may take before another one is made.
const LOOKUP: Duration = Duration::from_secs(30);
/// The most addresses of one name that are used.
const ADDRESSES_MAX: usize = 16;
/// Of a lookup that was given up, or whose task is gone.
const UNENDED: LookupFault = LookupFault::Unknown(UpstreamFault::Timeout);
/// How glibc and musl say that a resolver cannot be reached or fails itself (`EAI_AGAIN`, `EAI_FAIL`; RFC 3493 §6.1).
const FAILURES: [&str; 4] = [
    "Temporary failure in name resolution",
    "Non-recoverable failure in name resolution",
    "Try again",
    "Non-recoverable error",
];

/// What resolves names: the system, or a table in tests.
pub(crate) trait Resolver: fmt::Debug + Send + Sync {
    /// The addresses of `authority`, a `host:port`.
    fn resolve(&self, authority: &str) -> Lookup;
}

/// A name that is being resolved.
pub(crate) type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Resolves names as the system does (`/etc/hosts`, DNS), on a thread for blocking calls.
#[derive(Debug)]
pub(crate) struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, authority: &str) -> Lookup {
        let authority = authority.to_owned();
        Box::pin(async move { Ok(tokio::net::lookup_host(authority).await?.collect()) })
    }
}

/// The name or the address of an upstream, with the addresses that it was last found to have.
#[derive(Debug)]
pub(crate) struct Name {
    /// `host:port`, as in the configuration.
    authority: String,
    resolver: Arc<dyn Resolver>,
    state: watch::Sender<State>,
    /// How often its addresses have changed.
    version: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
    /// When the last lookup began.
    asked: Option<Instant>,
    /// Whether a lookup is under way.
    asking: bool,
    /// Why the last lookup found nothing.
    fault: Option<UpstreamFault>,
}

/// Why a lookup found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LookupFault {
    /// The resolver says that the name has no address.
    NoSuchName,
    /// Nobody says whether the name has other addresses than before.
    Unknown(UpstreamFault),
    /// No descriptor was left to ask with.
    OutOfDescriptors,
}

#[derive(Debug)]
struct Known {
    addresses: Arc<Addresses>,
    /// When the lookup began that found them; `None` for an address in the configuration, which does not change.
    at: Option<Instant>,
    /// Whether a connection failed since and no lookup did: they may not be used, but the order of the next ones goes on from theirs.
    forgotten: bool,
}

/// The addresses of a name, in the order in which they are tried. There is at least one.
#[derive(Debug)]
pub(crate) struct Addresses {
    first: SocketAddr,
    others: Box<[SocketAddr]>,
    /// The place of the address that is tried first: the one that was reached last.
    start: AtomicUsize,
}

impl Name {
    /// A `host:port` of the configuration. It is not resolved before it is needed.
    pub(crate) fn new(authority: &str, resolver: Arc<dyn Resolver>) -> Arc<Self> {
        let literal = authority.parse().ok().map(|address| Known {
            addresses: Arc::new(Addresses {
                first: address,
                others: Box::default(),
                start: AtomicUsize::new(0),
            }),
            at: None,
            forgotten: false,
        });
        let state = State { known: literal, ..State::default() };
        Arc::new(Self {
            authority: authority.to_owned(),
            resolver,
            state: watch::Sender::new(state),
            version: AtomicU64::new(0),
        })
    }

    /// Its addresses. This waits only where none are known that may still be used.
    pub(crate) async fn addresses(self: &Arc<Self>, now: Instant) -> Result<Arc<Addresses>, UpstreamFault> {
        let usable = |state: &State| {
            let known = state.known.as_ref().filter(|known| !known.forgotten && known.age(now) < KEPT);
            known.map(|known| Arc::clone(&known.addresses))
        };
        let (known, failed) = {
            let state = self.state.borrow();
            (usable(&state), state.fault.filter(|fault| fault_holds(*fault, &state, now)))
        };
        if let Some(known) = known {
            self.refresh_if_old(now);
            return Ok(known);
        }
        if let Some(fault) = failed {
            return Err(fault);
        }
        let mut changes = self.state.subscribe();
        self.start_lookup(now, |_| true);
        // The sender lives as long as `self`.
        let state = changes.wait_for(|state| !state.asking).await.map_err(|_| UpstreamFault::NoSuchName)?;
        // What this lookup found was asked for, even if another request has found it useless in the meantime.
        let found =
            state.known.as_ref().filter(|_| state.fault.is_none()).map(|known| Arc::clone(&known.addresses));
        found.or_else(|| usable(&state)).ok_or(state.fault.unwrap_or(UpstreamFault::NoSuchName))
    }

    /// Resolves the name again in the background, whose connections are used again and again: nothing else would show that it
    /// has other addresses.
    pub(crate) fn refresh(self: &Arc<Self>, now: Instant) {
        self.start_lookup(now, |state| {
            let may_change = state.known.as_ref().is_some_and(|known| known.at.is_some());
            may_change && !state.was_asked_within(AGAIN, now)
        });
    }

    /// Resolves the name again in the background if its addresses are old.
    fn refresh_if_old(self: &Arc<Self>, now: Instant) {
        self.start_lookup(now, |state| {
            let old = state.known.as_ref().is_some_and(|known| known.age(now) >= FRESH);
            old && !state.was_asked_within(AGAIN, now)
        });
    }

    /// Forgets these addresses after a failed connection, unless newer ones are known or the name was looked up just now.
    pub(crate) fn forget(&self, failed: &Arc<Addresses>, now: Instant) {
        self.state.send_if_modified(|state| {
            let asked = state.was_asked_within(PAUSE, now);
            let same =
                |known: &&mut Known| known.at.is_some() && !asked && Arc::ptr_eq(&known.addresses, failed);
            let known = state.known.as_mut().filter(same);
            known.is_some_and(|known| !std::mem::replace(&mut known.forgotten, true))
        });
    }

    /// Which addresses it has: while the number is the same, they are.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Whether a connection to this address still leads to the app, as far as is known.
    pub(crate) fn may_have(&self, address: SocketAddr) -> bool {
        let state = self.state.borrow();
        let known = state.known.as_ref().filter(|known| !known.forgotten);
        known.is_none_or(|known| known.addresses.all().any(|known| known == address))
    }

    /// Starts a lookup if none is under way and the state `wants` one.
    fn start_lookup(self: &Arc<Self>, now: Instant, wants: impl FnOnce(&State) -> bool) {
        let starts = self.state.send_if_modified(|state| {
            let starts = !state.asking && wants(state);
            if starts {
                state.asking = true;
                state.asked = Some(now);
            }
            starts
        });
        if starts {
            let ending = LookupEnd { name: Arc::clone(self), at: now, found: Err(UNENDED) };
            let lookup = self.resolver.resolve(&self.authority);
            tokio::spawn(async move {
                // All of it, and not the one field: its end is noted even if the lookup never is.
                let mut ending = ending;
                if let Ok(found) = tokio::time::timeout(LOOKUP, lookup).await {
                    ending.found = found
                        .map_err(|error| LookupFault::of(&error))
                        .and_then(|list| Addresses::new(list).ok_or(LookupFault::NoSuchName));
                }
            });
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.authority)
    }
}

/// Whether a lookup that failed need not be made again yet. Descriptors may be there again at any time.
fn fault_holds(fault: UpstreamFault, state: &State, now: Instant) -> bool {
    fault != UpstreamFault::OutOfDescriptors && !state.asking && state.was_asked_within(PAUSE, now)
}

impl LookupFault {
    /// The system reports all faults of DNS alike, but for their texts.
    fn of(error: &io::Error) -> Self {
        if of_system(error) == Some(UpstreamFault::OutOfDescriptors) {
            return Self::OutOfDescriptors;
        }
        let text = error.to_string();
        let failed = error.raw_os_error().is_some() || FAILURES.iter().any(|failure| text.contains(failure));
        if failed { Self::Unknown(UpstreamFault::NoSuchName) } else { Self::NoSuchName }
    }

    fn told(self) -> UpstreamFault {
        match self {
            Self::NoSuchName => UpstreamFault::NoSuchName,
            Self::Unknown(fault) => fault,
            Self::OutOfDescriptors => UpstreamFault::OutOfDescriptors,
        }
    }
}

/// Notes the result of a lookup when it is dropped: also when its task is cancelled or panics, so that another can start.
struct LookupEnd {
    name: Arc<Name>,
    at: Instant,
    found: Result<Addresses, LookupFault>,
}

impl Drop for LookupEnd {
    fn drop(&mut self) {
        let found = std::mem::replace(&mut self.found, Err(UNENDED));
        self.name.state.send_modify(|state| {
            state.asking = false;
            state.fault = found.as_ref().err().map(|fault| fault.told());
            match found {
                Ok(found) => {
                    let before = state.known.take().map(|known| known.addresses);
                    let same = before.as_ref().filter(|before| before.all().eq(found.all())).map(Arc::clone);
                    let changed = same.is_none();
                    let addresses = same.unwrap_or_else(|| {
                        if let Some(before) = &before {
                            found.start_as(before);
                        }
                        Arc::new(found)
                    });
                    state.known = Some(Known { addresses, at: Some(self.at), forgotten: false });
                    if changed {
                        self.name.version.fetch_add(1, Ordering::Release);
                    }
                }
                // The app may be back where it was, or have been there all the time.
                Err(LookupFault::Unknown(_)) => {
                    if let Some(known) = &mut state.known {
                        known.forgotten = false;
                    }
                }
                Err(LookupFault::NoSuchName | LookupFault::OutOfDescriptors) => {}
            }
        });
    }
}

impl State {
    fn was_asked_within(&self, time: Duration, now: Instant) -> bool {
        self.asked.is_some_and(|asked| now.saturating_duration_since(asked) < time)
    }
}

impl Known {
    fn age(&self, now: Instant) -> Duration {
        self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at))
    }
}

impl Addresses {
    fn new(list: Vec<SocketAddr>) -> Option<Self> {
        let mut list = list.into_iter().take(ADDRESSES_MAX);
        let first = list.next()?;
        Some(Self { first, others: list.collect(), start: AtomicUsize::new(0) })
    }

    /// Begins with the address that others begin with, if it is among these: names are often resolved in changing order.
    fn start_as(&self, others: &Self) {
        let first = others.at(others.start.load(Ordering::Relaxed));
        if let Some(place) = self.all().position(|address| address == first) {
            self.reached(place);
        }
    }

    fn all(&self) -> impl Iterator<Item = SocketAddr> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// The places of all addresses in the order in which they are tried, each with the number of those that are left with it.
    pub(crate) fn places(&self) -> impl Iterator<Item = (usize, u32)> + use<> {
        let count = self.others.len().saturating_add(1);
        let start = self.start.load(Ordering::Relaxed).min(self.others.len());
        let left = (1..=u32::try_from(count).unwrap_or(u32::MAX)).rev();
        (start..count).chain(0..start).zip(left)
    }

    pub(crate) fn at(&self, place: usize) -> SocketAddr {
        place.checked_sub(1).and_then(|place| self.others.get(place)).copied().unwrap_or(self.first)
    }

    /// Notes that the address at this place was reached: it is the first to be tried from now on.
    pub(crate) fn reached(&self, place: usize) {
        self.start.store(place, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
