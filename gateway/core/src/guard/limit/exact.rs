//! A small quota: the moment of every request is stored.

use std::num::NonZeroU32;
use std::time::Duration;

use super::client_state::{ClientState, FOREVER, Usage, Verdict, nanos};

/// The requests of one client that are still in the window, behind one pointer so that the table
/// stays small.
#[derive(Debug)]
pub(super) struct Exact(Box<Moments>);

/// 56 bytes.
#[derive(Debug)]
struct Moments {
    /// Nanoseconds since the process started; the oldest moment, or anything if there is none.
    base: u64,
    /// What lies between the base and each moment, in [`ExactQuota::unit`]s, oldest first; then [`VACANT`].
    offsets: [u32; Exact::MAX as usize],
}

const VACANT: u32 = u32::MAX;

/// A small quota, prepared.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExactQuota {
    count: u32,
    window: u64,
    /// A power of ten of nanoseconds. A window is at most 2³¹ units, so an offset always fits; a moment
    /// is rounded up to the next, and room returns late by less than one: 10 µs in an hour, 10 ms in a
    /// month.
    unit: u64,
}

impl ExactQuota {
    /// At most [`Exact::MAX`] requests can be told apart; a larger `count` is cut.
    pub(super) fn new(count: NonZeroU32, window: Duration) -> Self {
        let window = nanos(window).clamp(1, FOREVER / 2);
        let finest = window.div_ceil(1 << 31);
        let unit = (0..).map(|power| 10u64.saturating_pow(power)).find(|unit| *unit >= finest);
        Self { count: count.get().min(Exact::MAX), window, unit: unit.unwrap_or(finest) }
    }
}

impl Exact {
    /// The largest quota that is counted one by one.
    pub(super) const MAX: u32 = 12;
}

impl Moments {
    fn len(&self) -> usize {
        self.offsets.iter().take_while(|offset| **offset != VACANT).count()
    }

    fn at(&self, index: usize, quota: &ExactQuota) -> Option<u64> {
        let offset = self.offsets.get(index).copied().filter(|offset| *offset != VACANT)?;
        Some(self.base.saturating_add(u64::from(offset).saturating_mul(quota.unit)))
    }

    /// Drops what has left the window, and makes the oldest moment the base.
    fn expire(&mut self, quota: &ExactQuota, now: u64) {
        let gone = (0..self.len())
            .take_while(|index| {
                self.at(*index, quota).is_some_and(|at| at.saturating_add(quota.window) <= now)
            })
            .count();
        if let Some(dropped) = self.offsets.get_mut(..gone) {
            dropped.fill(VACANT);
        }
        self.offsets.rotate_left(gone);
        let [first, ..] = self.offsets;
        if first != VACANT && first != 0 {
            self.base = self.base.saturating_add(u64::from(first).saturating_mul(quota.unit));
            for offset in self.offsets.iter_mut().filter(|offset| **offset != VACANT) {
                *offset -= first;
            }
        }
    }

    /// Notes a request. Where the clock went back, the last moment is taken.
    fn push(&mut self, quota: &ExactQuota, now: u64) {
        let len = self.len();
        let last = len.checked_sub(1).and_then(|last| self.offsets.get(last)).copied();
        let offset = match last {
            None => {
                self.base = now;
                0
            }
            Some(last) => {
                let offset = now.saturating_sub(self.base).div_ceil(quota.unit);
                u32::try_from(offset).unwrap_or(VACANT).min(VACANT - 1).max(last)
            }
        };
        if let Some(slot) = self.offsets.get_mut(len) {
            *slot = offset;
        }
    }
}

impl ClientState for Exact {
    type Params = ExactQuota;

    fn fresh() -> Self {
        Self(Box::new(Moments { base: 0, offsets: [VACANT; Self::MAX as usize] }))
    }

    fn is_whole(&self, quota: &ExactQuota, now: u64) -> bool {
        let last = self.0.len().checked_sub(1).and_then(|last| self.0.at(last, quota));
        last.is_none_or(|at| at.saturating_add(quota.window) <= now)
    }

    fn charge(&mut self, quota: &ExactQuota, now: u64) -> Verdict {
        self.0.expire(quota, now);
        let used = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let Some(remaining) = quota.count.checked_sub(used).and_then(|left| left.checked_sub(1)) else {
            let leaves = self.usage(quota, now).until.unwrap_or(now);
            return Verdict { passed: false, remaining: 0, wait: leaves.saturating_sub(now) };
        };
        self.0.push(quota, now);
        Verdict { passed: true, remaining, wait: quota.window }
    }

    fn usage(&self, quota: &ExactQuota, now: u64) -> Usage {
        let mut usage = Usage::default();
        let len = self.0.len();
        for (index, charge) in (0..len).zip(&mut usage.charges) {
            if let Some(at) = self.0.at(index, quota).filter(|at| at.saturating_add(quota.window) > now) {
                *charge = (at.min(now), 1);
            }
        }
        // Room returns when all but `count - 1` have left.
        let blocking = len.checked_sub(quota.count as usize);
        usage.until = blocking
            .and_then(|index| self.0.at(index, quota))
            .map(|at| at.saturating_add(quota.window))
            .filter(|room| *room > now);
        usage
    }

    /// The newest requests count, as many as the quota can hold.
    fn resume(usage: &Usage, quota: &ExactQuota, now: u64) -> Self {
        let live = || usage.charges.iter().filter(|(at, _)| at.saturating_add(quota.window) > now);
        let total: u64 = live().map(|(_, count)| u64::from(*count)).sum();
        let mut surplus = total.saturating_sub(u64::from(quota.count));
        let mut state = Self::fresh();
        for (at, count) in live() {
            let kept = u64::from(*count).saturating_sub(surplus);
            surplus = surplus.saturating_sub(u64::from(*count));
            for _ in 0..kept {
                state.0.push(quota, *at);
            }
        }
        state
    }
}
