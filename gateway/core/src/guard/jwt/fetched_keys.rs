//! The keys of a provider that publishes them, between two refreshes.
//!
//! Somebody outside of the core fetches them: [`KeyStore::put`] puts other keys in force, and from the next request on a withdrawn key
//! verifies nothing, also no token that is remembered. A refresh that fails changes nothing; the keys are used for `stale` after they
//! were due, and then none. A request never waits for a refresh: one with a key that is not known is refused, and asks for a refresh
//! with [`KeyStore::poll_wanted`]. Only a token that names the issuer of the provider asks, and one of its algorithms.
//!
//! Bounds: one set of keys for each provider, of at most [`KeySet::MAX_KEYS`], and one waker.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest;

use super::alg::Alg;
use super::jwks::KeySet;
use crate::clock::Now;
use crate::policy::ServiceAddress;

/// The keys of a provider that publishes them: `jwks`.
#[derive(Debug)]
pub struct FetchedKeys {
    /// What decides which keys they are.
    pub source: KeySource,
    /// How long keys are used without being fetched again; what the provider says may shorten it.
    pub refresh: Duration,
    /// The shortest time between the beginnings of two fetches.
    pub cooldown: Duration,
    /// How long keys are used after they were due, while they cannot be fetched.
    pub stale: Duration,
    /// The keys themselves, which a reload keeps while their source is the same.
    pub store: Arc<KeyStore>,
}

/// Where keys are, and which of them are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    /// The document that is fetched first.
    pub document: KeyDocument,
    /// The algorithms that keys may be used with. A key that names none is used with the first of these that needs one of its kind.
    pub algorithms: Vec<Alg>,
}

/// A document from which keys are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyDocument {
    /// The key set itself: `jwks.url`.
    KeySet(ServiceAddress),
    /// The provider's description of itself, which names the key set: `jwks.discovery`.
    Discovery {
        /// Where it is.
        at: ServiceAddress,
        /// The issuer that it has to be of.
        issuer: String,
    },
}

/// The keys that are known of a provider.
#[derive(Default)]
pub struct KeyStore {
    known: ArcSwapOption<KnownKeys>,
    /// A token came whose key is not among them.
    wanted: AtomicBool,
    /// Whom to wake then.
    waker: Mutex<Option<Waker>>,
}

/// Keys, and when they were fetched.
#[derive(Debug)]
pub struct KnownKeys {
    /// The keys.
    pub set: KeySet,
    /// When their provider was last heard of, since the process started.
    fetched: Duration,
}

impl FetchedKeys {
    /// The keys in force at `now`; `None` where none are known, or only ones that are too old.
    #[must_use]
    pub fn in_force(&self, now: Now) -> Option<Arc<KnownKeys>> {
        let known = self.store.known.load_full()?;
        (now.mono() <= self.end_of(&known)).then_some(known)
    }

    /// Until when the known keys are used if they cannot be fetched again, since the process started; `None` where none are known.
    #[must_use]
    pub fn end(&self) -> Option<Duration> {
        let known = self.store.known.load_full()?;
        Some(self.end_of(&known))
    }

    /// When the known keys are due to be fetched again, since the process started, unless the provider says otherwise.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        Some(self.store.known.load_full()?.fetched.saturating_add(self.refresh))
    }

    fn end_of(&self, known: &KnownKeys) -> Duration {
        known.fetched.saturating_add(self.refresh).saturating_add(self.stale)
    }
}

impl KeySource {
    /// Gives `hash` what decides which keys are taken.
    pub(super) fn describe(&self, mut hash: impl FnMut(&[u8])) {
        let Self { document, algorithms } = self;
        let (kind, url) = match document {
            KeyDocument::KeySet(at) => (b"url", &at.url),
            KeyDocument::Discovery { at, issuer: _ } => (b"oid", &at.url),
        };
        hash(kind);
        hash(digest::digest(&digest::SHA256, url.as_bytes()).as_ref());
        hash(&(algorithms.len() as u64).to_be_bytes());
        for alg in algorithms {
            hash(alg.name().as_bytes());
        }
    }
}

impl KeyStore {
    /// Puts `set` in force, which was fetched at `now`. Says whether its keys are others than before.
    pub fn put(&self, set: KeySet, now: Now) -> bool {
        let changed = self.known.load().as_ref().is_none_or(|known| !known.set.is_same(&set));
        self.known.store(Some(Arc::new(KnownKeys { set, fetched: now.mono() })));
        changed
    }

    /// Ready where a token has come whose key is not known, since it was ready last. One task may wait.
    pub fn poll_wanted(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Before the flag is read: who sets it afterwards finds the waker.
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        if self.wanted.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Forgets that keys were asked for: they have been fetched since.
    pub fn satisfied(&self) {
        self.wanted.store(false, Ordering::Release);
    }

    /// Asks for the keys to be fetched again. It costs one load while that was asked for already.
    pub(super) fn want(&self) {
        if self.wanted.load(Ordering::Acquire) || self.wanted.swap(true, Ordering::AcqRel) {
            return;
        }
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What it holds changes while a policy is in force, and is no part of that.
impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyStore")
    }
}
