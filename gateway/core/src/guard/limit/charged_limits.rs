//! The results of the limits that were charged, for the header fields of the answer.
//!
//! `RateLimit-Policy` and `RateLimit` are structured fields (RFC 9651) as in
//! draft-ietf-httpapi-ratelimit-headers-10: a list of strings with parameters.

use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use http::{HeaderName, HeaderValue};

use super::client_state::Verdict;
use super::limit_text::LimitText;

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
    text: Arc<LimitText>,
    /// Requests that would pass now.
    remaining: u32,
    /// Seconds until the allowance is whole; of a limit that refused, until there is room.
    reset: u64,
    refused: bool,
}

impl ChargedLimit {
    pub(super) fn new(text: &Arc<LimitText>, verdict: Verdict) -> Self {
        Self {
            text: Arc::clone(text),
            remaining: verdict.remaining,
            reset: verdict.wait.div_ceil(1_000_000_000).max(1),
            refused: !verdict.passed,
        }
    }
}

impl ChargedLimits {
    /// Nothing was charged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self.inline, [None, ..])
    }

    /// Calls `put` with the name and value of `ratelimit-policy`, `ratelimit`, `x-ratelimit-limit`,
    /// `x-ratelimit-remaining` and `x-ratelimit-reset`, in this order; nothing if nothing was charged.
    ///
    /// The first lists all limits; the others are about the tightest: the one that refused, else the one with the fewest
    /// requests left, of several the one that takes longest to refill. Times are seconds, at
    /// least one.
    pub fn headers(&self, mut put: impl FnMut(HeaderName, HeaderValue)) {
        let Some(tightest) = self.tightest() else { return };
        // One buffer for all values: each becomes a part of it.
        let length: usize = self.iter().map(|charged| charged.text.policy.len() + SEPARATOR.len()).sum();
        let mut buffer = BytesMut::with_capacity(length + tightest.text.name.len() + NUMBERS);
        let mut number = itoa::Buffer::new();
        for charged in self.iter() {
            if !buffer.is_empty() {
                buffer.put_slice(SEPARATOR);
            }
            buffer.put_slice(charged.text.policy.as_bytes());
        }
        put_value(&mut put, POLICY, &mut buffer);
        buffer.put_slice(tightest.text.name.as_bytes());
        buffer.put_slice(b";r=");
        buffer.put_slice(number.format(tightest.remaining).as_bytes());
        buffer.put_slice(b";t=");
        buffer.put_slice(number.format(tightest.reset).as_bytes());
        put_value(&mut put, STATE, &mut buffer);
        put(LIMIT, tightest.text.quota.clone());
        buffer.put_slice(number.format(tightest.remaining).as_bytes());
        put_value(&mut put, REMAINING, &mut buffer);
        buffer.put_slice(number.format(tightest.reset).as_bytes());
        put_value(&mut put, RESET, &mut buffer);
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

/// Calls `put` with what the buffer holds; nothing of it is left there.
fn put_value(put: &mut impl FnMut(HeaderName, HeaderValue), name: HeaderName, buffer: &mut BytesMut) {
    // The name of a limit holds printable ASCII alone.
    if let Ok(value) = HeaderValue::from_maybe_shared(buffer.split().freeze()) {
        put(name, value);
    }
}

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

const SEPARATOR: &[u8] = b", ";

/// Room for the parameters of `ratelimit` and for two numbers.
const NUMBERS: usize = 6 + 2 * (10 + 20);

#[cfg(test)]
mod tests;
