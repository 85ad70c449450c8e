//! The results of the limits that were charged, for the header fields of the answer.
//!
//! `RateLimit-Policy` and `RateLimit` are structured fields (RFC 9651) as in
//! draft-ietf-httpapi-ratelimit-headers-10: a list of strings with parameters.

use std::fmt::Write as _;
use std::sync::Arc;

use super::client_state::Verdict;
use super::rule::Rule;

/// Results that are stored without allocating; more are rare, and go to the heap.
pub(super) const INLINE: usize = 6;

/// The results of the limits that were charged, in their order.
#[derive(Clone, Debug, Default)]
pub struct ChargedLimits {
    inline: [Option<ChargedLimit>; INLINE],
    further: Vec<ChargedLimit>,
}

/// The result of charging one limit.
#[derive(Clone, Debug)]
pub(super) struct ChargedLimit {
    limit: Arc<str>,
    /// Requests that a client who was never seen may send at once.
    quota: u32,
    /// Requests that would pass now.
    remaining: u32,
    /// Seconds: the window, or the time in which a burst is refilled.
    window: u64,
    /// Seconds until the allowance is whole; of a limit that refused, until there is room.
    reset: u64,
    refused: bool,
}

impl ChargedLimit {
    pub(super) fn new(limit: &Arc<str>, rule: Rule, verdict: Verdict) -> Self {
        Self {
            limit: Arc::clone(limit),
            quota: rule.allowance(),
            remaining: verdict.remaining,
            window: rule.seconds(),
            reset: verdict.wait.div_ceil(1_000_000_000).max(1),
            refused: !verdict.passed,
        }
    }
}

impl ChargedLimits {
    /// Nothing was charged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Calls `put` with the name and value of `ratelimit-policy`, `ratelimit`, `x-ratelimit-limit`,
    /// `x-ratelimit-remaining` and `x-ratelimit-reset`, in this order; nothing if nothing was charged.
    ///
    /// The first lists all limits; the others are about the tightest: the one that refused, else the one with the fewest
    /// requests left, of several the one that takes longest to refill. Times are seconds, at
    /// least one.
    pub fn headers(&self, mut put: impl FnMut(&'static str, String)) {
        let Some(tightest) = self.tightest() else { return };
        let mut policy = String::new();
        for ChargedLimit { limit, quota, window, .. } in self.iter() {
            if !policy.is_empty() {
                policy.push_str(", ");
            }
            quote(&mut policy, limit);
            parameters(&mut policy, ("q", u64::from(*quota)), ("w", *window));
        }
        let mut state = String::new();
        quote(&mut state, &tightest.limit);
        parameters(&mut state, ("r", u64::from(tightest.remaining)), ("t", tightest.reset));
        put("ratelimit-policy", policy);
        put("ratelimit", state);
        put("x-ratelimit-limit", tightest.quota.to_string());
        put("x-ratelimit-remaining", tightest.remaining.to_string());
        put("x-ratelimit-reset", tightest.reset.to_string());
    }

    pub(super) fn push(&mut self, ticket: ChargedLimit) {
        match self.inline.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => *slot = Some(ticket),
            None => self.further.push(ticket),
        }
    }

    fn iter(&self) -> impl Iterator<Item = &ChargedLimit> {
        self.inline.iter().flatten().chain(&self.further)
    }

    fn tightest(&self) -> Option<&ChargedLimit> {
        self.iter().min_by_key(|ticket| (!ticket.refused, ticket.remaining, std::cmp::Reverse(ticket.reset)))
    }
}

/// An sf-string (RFC 9651 §3.3.3), which is printable ASCII: anything else in a name becomes `?`.
fn quote(text: &mut String, name: &str) {
    text.push('"');
    for c in name.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            ' '..='~' => text.push(c),
            _ => text.push('?'),
        }
    }
    text.push('"');
}

fn parameters(text: &mut String, first: (&str, u64), second: (&str, u64)) {
    // Writing to a string cannot fail.
    let _ = write!(text, ";{}={};{}={}", first.0, first.1, second.0, second.1);
}

#[cfg(test)]
mod tests;
