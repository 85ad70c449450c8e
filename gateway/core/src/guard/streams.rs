//! Streams: how many WebSockets and event streams a caller may have open, and when they end because its credential does (`streams`).
//!
//! Protects the app from a caller that holds its connections. A WebSocket is counted before the app is asked, an event stream once its
//! answer shows that it is one. Callers are told apart as by limits: by user, an anonymous one by address.
//!
//! A request is judged once, when it arrives. A stream may stay open for days after that, so it ends when a request with the
//! same credential would be refused: with the `exp` of a token and the leeway of its provider, or with the end of a certificate. An
//! anonymous caller has no credential that could end.
//!
//! Trust: callers and times are those of credentials that were verified. Bounds: a caller has an entry only while one of its streams is
//! open, so there are no more entries than streams.

use std::sync::Arc;
use std::time::Duration;

use dashmap::{DashMap, Entry};

use crate::clock::Now;
use crate::denial::Denial;
use crate::guard::caller::Caller;
use crate::guard::limit::LimitKey;

/// The streams of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamsPolicy {
    /// How many a caller may have open.
    pub per_user: StreamCap,
    /// What becomes of a stream whose credential has ended.
    pub on_expiry: OnExpiry,
}

/// How many streams a caller may have open, and which are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamCap {
    /// As many as there may be connections.
    Unlimited,
    /// So many in all routes of the app without a cap of their own.
    OfApp(usize),
    /// So many in this route.
    OfRoute(usize),
}

/// What becomes of a stream when the credential of its caller has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExpiry {
    /// It ends, so long after.
    End {
        /// Zero for `close`.
        grace: Duration,
    },
    /// It goes on until one of its sides ends it.
    Finish,
}

/// The streams that are open, of all callers. The process has one, so that they are counted on when a policy is replaced.
#[derive(Debug, Default)]
pub struct OpenStreams {
    by_caller: DashMap<StreamKey, usize>,
}

/// Evidence: one stream of a caller is counted, until this is dropped.
#[derive(Debug)]
pub struct StreamPlace {
    open: Arc<OpenStreams>,
    key: StreamKey,
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct StreamKey {
    app: Arc<str>,
    /// Of a route with a cap of its own, its label.
    route: Option<Arc<str>>,
    caller: u64,
}

impl StreamsPolicy {
    /// Counts one more stream of a caller, in this route of this app.
    ///
    /// # Errors
    /// [`Denial::TooManyStreams`]: the caller has as many open as it may have.
    pub fn open(
        &self,
        open: &Arc<OpenStreams>,
        (app, route): (&Arc<str>, &Arc<str>),
        caller: &LimitKey,
    ) -> Result<StreamPlace, Denial> {
        let (most, route) = match self.per_user {
            // Counted too: there may be a cap after a reload.
            StreamCap::Unlimited => (usize::MAX, None),
            StreamCap::OfApp(most) => (most, None),
            StreamCap::OfRoute(most) => (most, Some(Arc::clone(route))),
        };
        let key = StreamKey { app: Arc::clone(app), route, caller: caller.value() };
        match open.by_caller.entry(key.clone()) {
            Entry::Occupied(count) if *count.get() >= most => return Err(Denial::TooManyStreams),
            Entry::Occupied(mut count) => *count.get_mut() += 1,
            Entry::Vacant(place) => {
                place.insert(1);
            }
        }
        Ok(StreamPlace { open: Arc::clone(open), key })
    }

    /// When a stream of this caller ends, as a time since the process started; `None` if it does not end with a credential.
    ///
    /// Credentials end by the wall clock and waits by the other one. What is between `now` and the end is the same on both, until
    /// the wall clock is set: then this is to be asked again.
    #[must_use]
    pub fn end(&self, caller: &Caller, now: Now) -> Option<Duration> {
        let OnExpiry::End { grace } = self.on_expiry else { return None };
        let end = caller.accepted_until()?.saturating_add(grace);
        // One that has passed stays where it was, however late this is asked.
        let passed = now.unix().saturating_sub(end);
        Some(now.mono().saturating_add(end.saturating_sub(now.unix())).saturating_sub(passed))
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        match self.open.by_caller.entry(self.key.clone()) {
            Entry::Occupied(count) if *count.get() <= 1 => drop(count.remove()),
            Entry::Occupied(mut count) => *count.get_mut() -= 1,
            Entry::Vacant(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;
