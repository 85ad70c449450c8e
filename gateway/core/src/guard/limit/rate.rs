//! A rate: GCRA, computed by `governor` over one number for each client.
//!
//! `governor` offers limiters that own a clock and the memory of all clients. Neither fits: the core has no clock, since
//! each request brings its [`crate::clock::Now`], and the memory of a limit is bounded, is shared with the quotas and
//! goes on after a reload ([`super::store`]). Its arithmetic is not public by itself. So a limiter is built on the stack
//! for each charge, around the number of one client and the moment of the request. It allocates nothing and takes no
//! lock. A charge costs about 110 instructions, of some 13,000 of `admit()`; the same arithmetic by hand costs
//! about 40, and would be one more implementation of GCRA to prove.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

use super::client_state::{ClientState, FOREVER, Usage, Verdict, nanos};

/// The theoretical arrival time: the moment at which the allowance is whole, in nanoseconds since
/// the process started.
#[derive(Debug)]
pub(super) struct ArrivalTime(u64);

/// A rate, prepared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    quota: Quota,
    burst: u32,
    /// Nanoseconds in which one request is refilled.
    interval: u64,
    /// Nanoseconds that an arrival time may lie ahead for a request to pass.
    tolerance: u64,
}

impl Rate {
    /// Rounded up, so that no more than `count` come in a period. Beyond 73 years the burst is cut.
    pub(super) fn new(count: NonZeroU32, period: Duration, burst: NonZeroU32) -> Self {
        let interval = nanos(period).div_ceil(u64::from(count.get())).clamp(1, FOREVER / 4);
        let fitting = u32::try_from(FOREVER / 2 / interval).unwrap_or(u32::MAX);
        let burst = burst.min(NonZeroU32::new(fitting).unwrap_or(NonZeroU32::MIN));
        let quota = Quota::with_period(Duration::from_nanos(interval))
            .unwrap_or(Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst);
        let burst = burst.get();
        Self { quota, burst, interval, tolerance: interval * u64::from(burst - 1) }
    }
}

impl ClientState for ArrivalTime {
    type Params = Rate;

    /// Zero is long ago, which to GCRA is the same as never.
    fn fresh() -> Self {
        Self(0)
    }

    fn is_whole(&self, _: &Rate, now: u64) -> bool {
        self.0 <= now
    }

    fn charge(&mut self, rate: &Rate, now: u64) -> Verdict {
        // The limiter lives for one request: its clock starts at zero, the start of the process, and
        // is then set to this request's own moment. What lasts is the arrival time.
        let entry = LockedState(Cell::new(self.0));
        let limiter: Limiter = RateLimiter::new(rate.quota, entry, FixedClock(Cell::new(0)));
        limiter.clock().0.set(now);
        let checked = limiter.check();
        self.0 = limiter.into_state_store().0.get();
        match checked {
            Ok(snapshot) => Verdict {
                passed: true,
                remaining: snapshot.remaining_burst_capacity(),
                wait: self.0.saturating_sub(now),
            },
            Err(not_until) => Verdict {
                passed: false,
                remaining: 0,
                wait: nanos(not_until.wait_time_from(Nanos::new(now))),
            },
        }
    }

    fn usage(&self, rate: &Rate, now: u64) -> Usage {
        let mut usage = Usage::default();
        let used = self.0.saturating_sub(now).div_ceil(rate.interval);
        if let Some(charge) = usage.charges.first_mut() {
            *charge = (now, u32::try_from(used).unwrap_or(u32::MAX));
        }
        usage.until = Some(self.0.saturating_sub(rate.tolerance)).filter(|room| *room > now);
        usage
    }

    fn resume(usage: &Usage, rate: &Rate, now: u64) -> Self {
        match usage.until {
            Some(until) => Self(until.min(now.saturating_add(rate.interval)).saturating_add(rate.tolerance)),
            None => {
                let used: u64 = usage.charges.iter().map(|(_, count)| u64::from(*count)).sum();
                Self(now.saturating_add(used.min(u64::from(rate.burst)) * rate.interval))
            }
        }
    }
}

type Limiter = RateLimiter<NotKeyed, LockedState, FixedClock, StateInformationMiddleware>;

/// One client's entry, locked, as `governor` wants to see it.
struct LockedState(Cell<u64>);

impl StateStore for LockedState {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, arrival) = decide(Some(Nanos::new(self.0.get())))?;
        self.0.set(arrival.as_u64());
        Ok(outcome)
    }
}

/// A clock that is set to the moment of one request.
struct FixedClock(Cell<u64>);

impl Clock for FixedClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.get())
    }
}
