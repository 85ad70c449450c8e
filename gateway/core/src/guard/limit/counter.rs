//! The three ways to count: a rate, a small quota, a large quota; and how one continues another after a reload.

use std::sync::Arc;

use super::client_state::{ClientState, Verdict};
use super::exact::{self, Exact};
use super::key::LimitKey;
use super::rate::{ArrivalTime, Rate};
use super::rule::Rule;
use super::store::{Bounds, ClientStore};
use super::windows::{self, Windows};

/// How a limit counts.
#[derive(Debug)]
pub(super) enum Counter {
    /// A rate.
    Rate(Meter<ArrivalTime>),
    /// A small quota.
    Exact(Meter<Exact>),
    /// A large quota.
    Windows(Meter<Windows>),
}

/// One way to count, with its memory, which the same limit of another policy may share.
#[derive(Debug)]
pub(super) struct Meter<S: ClientState> {
    bounds: Bounds<S>,
    store: Arc<ClientStore<S>>,
}

/// A rule, prepared for the way that counts it.
enum AnyParams {
    Rate(Rate),
    Exact(exact::ExactQuota),
    Windows(windows::WindowQuota),
}

impl AnyParams {
    fn of(rule: Rule) -> Self {
        match rule {
            Rule::Rate { count, period, burst } => Self::Rate(Rate::new(count, period, burst)),
            Rule::Quota { count, window } if count.get() <= Exact::MAX => {
                Self::Exact(exact::ExactQuota::new(count, window))
            }
            Rule::Quota { count, window } => Self::Windows(windows::WindowQuota::new(count, window)),
        }
    }
}

impl Counter {
    pub(super) fn new(rule: Rule, keys: usize) -> Self {
        match AnyParams::of(rule) {
            AnyParams::Rate(params) => Self::Rate(Meter::new(params, keys)),
            AnyParams::Exact(params) => Self::Exact(Meter::new(params, keys)),
            AnyParams::Windows(params) => Self::Windows(Meter::new(params, keys)),
        }
    }

    pub(super) fn charge(&self, key: &LimitKey, now: u64) -> Verdict {
        match self {
            Self::Rate(meter) => meter.charge(key, now),
            Self::Exact(meter) => meter.charge(key, now),
            Self::Windows(meter) => meter.charge(key, now),
        }
    }

    /// The same counter for the same rule in another policy.
    pub(super) fn share(&self, keys: usize) -> Self {
        match self {
            Self::Rate(meter) => Self::Rate(meter.share(keys)),
            Self::Exact(meter) => Self::Exact(meter.share(keys)),
            Self::Windows(meter) => Self::Windows(meter.share(keys)),
        }
    }

    /// A counter for another rule that remembers what was charged here.
    pub(super) fn carry_over(&self, rule: Rule, keys: usize, now: u64) -> Self {
        match self {
            Self::Rate(meter) => meter.carry_over(AnyParams::of(rule), keys, now),
            Self::Exact(meter) => meter.carry_over(AnyParams::of(rule), keys, now),
            Self::Windows(meter) => meter.carry_over(AnyParams::of(rule), keys, now),
        }
    }

    pub(super) fn keys(&self) -> usize {
        match self {
            Self::Rate(meter) => meter.store.len(),
            Self::Exact(meter) => meter.store.len(),
            Self::Windows(meter) => meter.store.len(),
        }
    }

    pub(super) fn overflows(&self) -> u64 {
        match self {
            Self::Rate(meter) => meter.store.overflows(),
            Self::Exact(meter) => meter.store.overflows(),
            Self::Windows(meter) => meter.store.overflows(),
        }
    }
}

impl<S: ClientState> Meter<S> {
    fn new(params: S::Params, keys: usize) -> Self {
        Self { bounds: Bounds { params, keys }, store: Arc::new(ClientStore::new()) }
    }

    fn charge(&self, key: &LimitKey, now: u64) -> Verdict {
        self.store.visit(key, &self.bounds, now, |state| state.charge(&self.bounds.params, now))
    }

    fn share(&self, keys: usize) -> Self {
        Self { bounds: Bounds { params: self.bounds.params, keys }, store: Arc::clone(&self.store) }
    }

    fn carry_over(&self, params: AnyParams, keys: usize, now: u64) -> Counter {
        match params {
            AnyParams::Rate(params) => Counter::Rate(self.converted(params, keys, now)),
            AnyParams::Exact(params) => Counter::Exact(self.converted(params, keys, now)),
            AnyParams::Windows(params) => Counter::Windows(self.converted(params, keys, now)),
        }
    }

    fn converted<N: ClientState>(&self, params: N::Params, keys: usize, now: u64) -> Meter<N> {
        let before = &self.bounds.params;
        let store = self.store.convert(
            |state| state.is_whole(before, now),
            |state| N::resume(&state.usage(before, now), &params, now),
        );
        Meter { bounds: Bounds { params, keys }, store: Arc::new(store) }
    }
}
