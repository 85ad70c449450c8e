//! What one limit stores for one client, and the result of a charge.

use std::time::Duration;

/// The result of charging one limit for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// It was charged; otherwise nothing was.
    pub(super) passed: bool,
    /// Requests that would pass right after it.
    pub(super) remaining: u32,
    /// Nanoseconds: of a request that passed until the allowance is whole, else until there is room.
    pub(super) wait: u64,
}

/// What one client has used up, in terms that every kind of limit understands.
#[derive(Clone, Debug, Default)]
pub(super) struct Usage {
    /// Moment and number of requests, oldest first; a number of zero is nothing.
    pub(super) charges: [(u64, u32); BUCKETS],
    /// There is no room before this moment.
    pub(super) until: Option<u64>,
}

/// The state that one limit stores for one client.
pub(super) trait ClientState: Sized {
    /// The rule, prepared.
    type Params: Copy + std::fmt::Debug;

    /// A client that was never seen.
    fn fresh() -> Self;

    /// Whether the client differs in nothing from a fresh one.
    fn is_whole(&self, params: &Self::Params, now: u64) -> bool;

    /// Checks and charges one request.
    fn charge(&mut self, params: &Self::Params, now: u64) -> Verdict;

    /// What is used up now.
    fn usage(&self, params: &Self::Params, now: u64) -> Usage;

    /// A client that has used up that much.
    fn resume(usage: &Usage, params: &Self::Params, now: u64) -> Self;
}

/// Parts of a window.
pub(super) const PARTS: u64 = 12;

/// Buckets that can hold requests of the last window: its parts, and the one now being filled.
pub(super) const BUCKETS: usize = PARTS as usize + 1;

/// 146 years: keeps every sum of moments and spans within 64 bits.
pub(super) const FOREVER: u64 = 1 << 62;

/// The nanoseconds of a span, at most [`FOREVER`].
pub(super) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(FOREVER).min(FOREVER)
}
