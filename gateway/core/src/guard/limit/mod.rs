//! Rate limiting: rates and quotas for each client address or each caller.
//!
//! Protects the app from floods and from slow abuse. A rate is GCRA, computed by `governor`: a burst at once, refilled
//! evenly. A quota is never exceeded in any rolling window. A quota of at most twelve requests stores the moment of each
//! one. A larger one counts them in twelfths of the window, so that room may return up to a twelfth late, never early.
//!
//! Trust: keys are addresses that the client guard found, or users whose credential was verified;
//! names and numbers are the operator's. Time is [`Now`]'s clock since the process started, so what is
//! remembered keeps its meaning through a reload. Which limit of the policy before a limit continues is decided by its
//! place in the configuration, where the policy is compiled.
//!
//! Bounds: a limit remembers at most its number of clients, in 64 bytes each for a rate and 128 for a
//! quota. Only a client whose allowance is whole is forgotten; a few are looked at for each newcomer,
//! never all. When none can be forgotten, newcomers share one allowance per /24 or /48, in a table of
//! fixed size; one who gets a place of its own later begins with what is left of that. Check and charge are one step under the lock of the client's entry.
//!
//! Allocation: none for a client that is known; for a new one where a table has to grow, and one block
//! of 56 bytes where a quota counts it. More than six charged limits for one request are the other case.

mod charged_limits;
mod client_state;
mod counter;
mod exact;
mod key;
mod limit_text;
mod rate;
mod rule;
mod store;
mod windows;

use std::sync::Arc;
use std::time::Duration;

pub use self::charged_limits::ChargedLimits;
pub use self::key::LimitKey;
pub use self::rule::Rule;

use self::charged_limits::ChargedLimit;
use self::client_state::nanos;
use self::counter::Counter;
use self::limit_text::LimitText;
use crate::clock::Now;
use crate::denial::{Denial, LimitExceeded};

/// The limits of one place.
#[derive(Clone, Debug, Default)]
pub enum LimitPolicy {
    /// None.
    #[default]
    Unlimited,
    /// All of them, charged in order.
    Limits(Box<[Arc<Limit>]>),
}

/// One rate or quota, with the clients it remembers.
#[derive(Debug)]
pub struct Limit {
    name: Arc<str>,
    rule: Rule,
    text: Arc<LimitText>,
    counter: Counter,
}

/// Evidence that the limits of one place were charged, or that they do not apply there.
#[derive(Debug)]
pub struct Budget(());

impl LimitPolicy {
    /// Charges every limit in order and adds the result of each to `charged`, that of one that refuses included.
    ///
    /// # Errors
    /// [`Denial::RateLimited`] by the first limit without room; those before it stay charged.
    pub fn take(&self, key: &LimitKey, now: Now, charged: &mut ChargedLimits) -> Result<Budget, Denial> {
        for limit in self.limits() {
            let verdict = limit.counter.charge(key, instant(now));
            charged.push(ChargedLimit::new(&limit.text, verdict));
            if !verdict.passed {
                let retry_after = Duration::from_nanos(verdict.wait);
                return Err(Denial::RateLimited(LimitExceeded {
                    limit: Arc::clone(&limit.name),
                    retry_after,
                }));
            }
        }
        Ok(Budget(()))
    }

    /// The limits, in order.
    #[must_use]
    pub fn limits(&self) -> &[Arc<Limit>] {
        match self {
            Self::Unlimited => &[],
            Self::Limits(limits) => limits,
        }
    }
}

impl Limit {
    /// A limit named `name` that remembers at most `keys` clients and takes over the memory of
    /// `previous`, the limit that it was in the policy before.
    ///
    /// Under an equal rule both count in the same memory, so requests that still hold the old policy
    /// and those of the new one share their allowance. Under another rule what was charged is carried
    /// over in requests: a rate that was used up stays so until the moment clients were told, or for
    /// one interval of the new rule if that is shorter; a quota gains or loses the difference. With
    /// fewer `keys` no client is removed early: new ones share an allowance until there is room. `previous`
    /// itself is left as it was, so a policy that is thrown away again has changed nothing.
    #[must_use]
    pub fn new(name: &str, rule: Rule, keys: usize, now: Now, previous: Option<&Self>) -> Self {
        let counter = match previous {
            Some(previous) if previous.rule == rule => previous.counter.share(keys),
            Some(previous) => previous.counter.carry_over(rule, keys, instant(now)),
            None => Counter::new(rule, keys),
        };
        Self { name: Arc::from(name), rule, text: Arc::new(LimitText::new(name, rule)), counter }
    }

    /// Its name, as in headers, logs and metrics.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Its rule.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Clients remembered now.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.counter.keys()
    }

    /// Requests that had to share an allowance, since the memory was made.
    #[must_use]
    pub fn overflows(&self) -> u64 {
        self.counter.overflows()
    }
}

impl Budget {
    /// `limit.app = false`: the app's limits do not apply.
    pub(crate) fn exempt() -> Self {
        Self(())
    }
}

/// Nanoseconds since the process started.
fn instant(now: Now) -> u64 {
    nanos(now.mono())
}

#[cfg(test)]
mod tests;
