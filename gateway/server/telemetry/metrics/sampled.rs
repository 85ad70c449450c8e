//! Metrics that are read from the policy when `/metrics` is asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use prometheus::{IntCounter, IntGauge, Registry};
use stagedoor_core::guard::jwt::TokenCache;
use stagedoor_core::guard::limit::Limit;
use stagedoor_core::policy::Policy;

use super::catalogue;
use super::series::{Series, counter};

/// The counts that limits and the token cache keep themselves.
#[derive(Debug)]
pub(super) struct Sampled {
    limit_keys: IntGauge,
    token_keys: IntGauge,
    revocation_keys: IntGauge,
    overflows: IntCounter,
    hits: IntCounter,
    misses: IntCounter,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    limits: LastReadings<Limit, 1>,
    caches: LastReadings<TokenCache, 2>,
}

impl Sampled {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let keys = Series::gauges(registry, &catalogue::STATE_KEYS)?;
        let uses = Series::counters(registry, &catalogue::JWT_CACHE)?;
        Ok(Self {
            limit_keys: keys.of(&["limit"]),
            token_keys: keys.of(&["token"]),
            revocation_keys: keys.of(&["revocation"]),
            overflows: counter(registry, &catalogue::LIMIT_OVERFLOWS)?,
            hits: uses.of(&["hit"]),
            misses: uses.of(&["miss"]),
            seen: Mutex::default(),
        })
    }

    /// Adds what was counted since the last call.
    pub(super) fn sample(&self, policy: &Policy) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = limits(policy);
        let keys = limits.values().map(|limit| limit.keys()).sum();
        self.limit_keys.set(whole(keys));
        self.token_keys.set(whole(policy.tokens.len()));
        self.revocation_keys.set(whole(policy.tokens.revocations().len()));
        for limit in limits.values() {
            let [overflows] = seen.limits.since(limit, overflows(limit));
            self.overflows.inc_by(overflows);
        }
        self.add_uses(seen.caches.since(&policy.tokens, uses(&policy.tokens)));
    }

    /// Prepares for `policy`, which is about to come into force: reads the counters that it replaces for the last time, and
    /// does not count again what its limits have carried over from them.
    pub(super) fn adopt(&self, policy: &Policy) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for limit in seen.limits.living() {
            let [overflows] = seen.limits.since(&limit, overflows(&limit));
            self.overflows.inc_by(overflows);
        }
        for cache in seen.caches.living() {
            self.add_uses(seen.caches.since(&cache, uses(&cache)));
        }
        seen.limits.replace(limits(policy).into_values(), overflows);
        seen.caches.replace([&policy.tokens], uses);
    }

    fn add_uses(&self, [hits, misses]: [u64; 2]) {
        self.hits.inc_by(hits);
        self.misses.inc_by(misses);
    }
}

/// The last reading of each counter. A counter is identified by its address, which no other can have while the `Weak` is
/// held.
#[derive(Debug)]
struct LastReadings<T, const N: usize>(HashMap<usize, (Weak<T>, [u64; N])>);

impl<T, const N: usize> LastReadings<T, N> {
    /// The increase of `counter` since its last reading; since zero if there is none.
    fn since(&mut self, counter: &Arc<T>, now: [u64; N]) -> [u64; N] {
        let (_, last) =
            self.0.entry(Arc::as_ptr(counter).addr()).or_insert_with(|| (Arc::downgrade(counter), [0; N]));
        let last = std::mem::replace(last, now);
        std::array::from_fn(|n| match (now.get(n), last.get(n)) {
            // Less than before: the counter has started again.
            (Some(now), Some(last)) => now.checked_sub(*last).unwrap_or(*now),
            (None, _) | (_, None) => 0,
        })
    }

    /// The counters that are still in use.
    fn living(&self) -> Vec<Arc<T>> {
        self.0.values().filter_map(|(counter, _)| counter.upgrade()).collect()
    }

    /// Keeps `counters` alone. A new one starts with the reading `now`.
    fn replace<'c>(&mut self, counters: impl IntoIterator<Item = &'c Arc<T>>, now: impl Fn(&T) -> [u64; N])
    where
        T: 'c,
    {
        let mut before = std::mem::take(&mut self.0);
        for counter in counters {
            let place = Arc::as_ptr(counter).addr();
            let entry = before.remove(&place).unwrap_or_else(|| (Arc::downgrade(counter), now(counter)));
            self.0.insert(place, entry);
        }
    }
}

impl<T, const N: usize> Default for LastReadings<T, N> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// Every limit of the policy once. Routes share the limits of their app and of a bucket.
fn limits(policy: &Policy) -> HashMap<usize, &Arc<Limit>> {
    let mut all = HashMap::new();
    for app in &policy.apps {
        let of_routes = app.routes.all().flat_map(|route| [&route.ip_limit, &route.caller_limit]);
        for limit in std::iter::once(&app.limit).chain(of_routes).flat_map(|place| place.limits()) {
            all.insert(Arc::as_ptr(limit).addr(), limit);
        }
    }
    all
}

fn overflows(limit: &Limit) -> [u64; 1] {
    [limit.overflows()]
}

fn uses(cache: &TokenCache) -> [u64; 2] {
    let (hits, misses) = cache.uses();
    [hits, misses]
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
