//! The three ways to count, and how one takes over from another.

use std::sync::Arc;

use super::exact::{self, Exact};
use super::rate::{Arrival, Rate};
use super::store::{Bounds, Store};
use super::windows::{self, Windows};
use super::{LimitKey, Rule, State, Verdict};

/// How a limit counts.
#[derive(Debug)]
pub(super) enum Counter {
    /// A rate.
    Rate(Meter<Arrival>),
    /// A small quota.
    Exact(Meter<Exact>),
    /// A large quota.
    Windows(Meter<Windows>),
}

/// One way to count, with the memory that it may share with the same limit of another policy.
#[derive(Debug)]
pub(super) struct Meter<S: State> {
    bounds: Bounds<S>,
    store: Arc<Store<S>>,
}

/// A rule, prepared for the way that counts it.
enum Terms {
    Rate(Rate),
    Exact(exact::Quota),
    Windows(windows::Quota),
}

impl Terms {
    fn of(rule: Rule) -> Self {
        match rule {
            Rule::Rate { count, period, burst } => Self::Rate(Rate::new(count, period, burst)),
            Rule::Quota { count, window } if count.get() <= Exact::MAX => {
                Self::Exact(exact::Quota::new(count, window))
            }
            Rule::Quota { count, window } => Self::Windows(windows::Quota::new(count, window)),
        }
    }
}

impl Counter {
    pub(super) fn new(rule: Rule, keys: usize) -> Self {
        match Terms::of(rule) {
            Terms::Rate(terms) => Self::Rate(Meter::new(terms, keys)),
            Terms::Exact(terms) => Self::Exact(Meter::new(terms, keys)),
            Terms::Windows(terms) => Self::Windows(Meter::new(terms, keys)),
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
            Self::Rate(meter) => meter.carry_over(Terms::of(rule), keys, now),
            Self::Exact(meter) => meter.carry_over(Terms::of(rule), keys, now),
            Self::Windows(meter) => meter.carry_over(Terms::of(rule), keys, now),
        }
    }

    /// Takes in what was charged at another, while nobody else uses this one: of a client that both know, what the one
    /// says that lets less pass.
    pub(super) fn absorb(&self, other: &Self, now: u64) {
        match self {
            Self::Rate(meter) => meter.absorb(other, now),
            Self::Exact(meter) => meter.absorb(other, now),
            Self::Windows(meter) => meter.absorb(other, now),
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

impl<S: State> Meter<S> {
    fn new(terms: S::Terms, keys: usize) -> Self {
        Self { bounds: Bounds { terms, keys }, store: Arc::new(Store::new()) }
    }

    fn charge(&self, key: &LimitKey, now: u64) -> Verdict {
        self.store.visit(key, &self.bounds, now, |state| state.charge(&self.bounds.terms, now))
    }

    fn share(&self, keys: usize) -> Self {
        Self { bounds: Bounds { terms: self.bounds.terms, keys }, store: Arc::clone(&self.store) }
    }

    fn carry_over(&self, terms: Terms, keys: usize, now: u64) -> Counter {
        match terms {
            Terms::Rate(terms) => Counter::Rate(self.converted(terms, keys, now)),
            Terms::Exact(terms) => Counter::Exact(self.converted(terms, keys, now)),
            Terms::Windows(terms) => Counter::Windows(self.converted(terms, keys, now)),
        }
    }

    fn absorb(&self, other: &Counter, now: u64) {
        match other {
            Counter::Rate(other) => self.take_in(other, now),
            Counter::Exact(other) => self.take_in(other, now),
            Counter::Windows(other) => self.take_in(other, now),
        }
    }

    fn take_in<N: State>(&self, other: &Meter<N>, now: u64) {
        let (ours, theirs) = (&self.bounds.terms, &other.bounds.terms);
        self.store.absorb(
            &other.store,
            |state| state.is_whole(theirs, now),
            |known, state| {
                let spent = state.spent(theirs, now);
                let spent = match known {
                    Some(known) => known.spent(ours, now).stricter(&spent),
                    None => spent,
                };
                S::resume(&spent, ours, now)
            },
        );
    }

    fn converted<N: State>(&self, terms: N::Terms, keys: usize, now: u64) -> Meter<N> {
        let before = &self.bounds.terms;
        let store = self.store.convert(
            |state| state.is_whole(before, now),
            |state| N::resume(&state.spent(before, now), &terms, now),
        );
        Meter { bounds: Bounds { terms, keys }, store: Arc::new(store) }
    }
}
