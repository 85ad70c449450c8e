//! A large quota: requests are counted in twelfths of the window.

use std::num::NonZeroU32;
use std::time::Duration;

use super::client_state::{BUCKETS, ClientState, FOREVER, PARTS, Usage, Verdict, nanos};

/// The requests of one client in the last window, behind one pointer so that the table stays small.
#[derive(Debug)]
pub(super) struct Windows(Box<Counts>);

/// 56 bytes.
#[derive(Debug)]
struct Counts {
    /// Which twelfth of a window since the process started is the newest, in its low 32 bits: a client
    /// that comes back after exactly 11 years, under a window of a second, finds its old counts.
    newest: u32,
    /// Newest first.
    counts: [u32; BUCKETS],
}

/// A large quota, prepared.
#[derive(Clone, Copy, Debug)]
pub(super) struct WindowQuota {
    count: u32,
    window: u64,
}

impl WindowQuota {
    pub(super) fn new(count: NonZeroU32, window: Duration) -> Self {
        Self { count: count.get(), window: nanos(window).clamp(1, FOREVER / 2) }
    }

    /// The twelfth that holds a moment.
    fn index(&self, at: u64) -> u64 {
        let index = u128::from(at) * u128::from(PARTS) / u128::from(self.window);
        u64::try_from(index).unwrap_or(u64::MAX)
    }

    /// The moment at which a twelfth begins.
    fn begin(&self, index: u64) -> u64 {
        let begin = (u128::from(index) * u128::from(self.window)).div_ceil(u128::from(PARTS));
        u64::try_from(begin).unwrap_or(u64::MAX)
    }

    /// The moment at which every request of a twelfth has left the window.
    fn leaves(&self, index: u64) -> u64 {
        self.begin(index.saturating_add(PARTS + 1))
    }
}

impl Counts {
    /// How many twelfths the newest bucket lies back. A clock that went back is taken to stand still.
    fn age(&self, index: u64) -> usize {
        match self.ahead(index) {
            Some(_) => 0,
            None => (index as u32).wrapping_sub(self.newest) as usize,
        }
    }

    /// How many twelfths the newest bucket lies ahead, because the clock went back.
    fn ahead(&self, index: u64) -> Option<u64> {
        let ahead = self.newest.wrapping_sub(index as u32);
        (ahead != 0 && ahead < 1 << 16).then_some(u64::from(ahead))
    }

    /// The twelfth of the newest bucket, in full.
    fn newest(&self, index: u64) -> u64 {
        match self.ahead(index) {
            Some(ahead) => index.saturating_add(ahead),
            None => index.saturating_sub(self.age(index) as u64),
        }
    }

    fn used(&self) -> u64 {
        self.counts.iter().map(|count| u64::from(*count)).sum()
    }

    /// Drops the twelfths that have left the window.
    fn expire(&mut self, index: u64) {
        let age = self.age(index);
        if self.used() == 0 || age >= BUCKETS {
            self.counts = [0; BUCKETS];
            self.newest = index as u32;
        } else if age > 0 {
            self.counts.rotate_right(age);
            self.counts.iter_mut().take(age).for_each(|count| *count = 0);
            self.newest = index as u32;
        }
    }
}

impl ClientState for Windows {
    type Params = WindowQuota;

    fn fresh() -> Self {
        Self(Box::new(Counts { newest: 0, counts: [0; BUCKETS] }))
    }

    fn is_whole(&self, quota: &WindowQuota, now: u64) -> bool {
        let age = self.0.age(quota.index(now));
        self.0.counts.iter().take(BUCKETS.saturating_sub(age)).all(|count| *count == 0)
    }

    fn charge(&mut self, quota: &WindowQuota, now: u64) -> Verdict {
        self.0.expire(quota.index(now));
        let room = u64::from(quota.count).saturating_sub(self.0.used());
        let [newest, ..] = &mut self.0.counts;
        if let Some(remaining) = room.checked_sub(1) {
            *newest = newest.saturating_add(1);
            let remaining = u32::try_from(remaining).unwrap_or(u32::MAX);
            return Verdict { passed: true, remaining, wait: quota.window };
        }
        let leaves = self.usage(quota, now).until.unwrap_or(now);
        Verdict { passed: false, remaining: 0, wait: leaves.saturating_sub(now) }
    }

    fn usage(&self, quota: &WindowQuota, now: u64) -> Usage {
        let mut usage = Usage::default();
        let newest = self.0.newest(quota.index(now));
        let mut blocked = u64::from(quota.count) <= self.0.used();
        let mut left = self.0.used();
        let oldest_first = self.0.counts.iter().rev().zip((0..=PARTS).rev());
        for ((count, back), charge) in oldest_first.zip(&mut usage.charges) {
            let Some(index) = newest.checked_sub(back) else { continue };
            let leaves = quota.leaves(index);
            if leaves > now {
                let last = quota.begin(index.saturating_add(1)).saturating_sub(1);
                *charge = (last.min(now), *count);
            }
            left = left.saturating_sub(u64::from(*count));
            if blocked && left < u64::from(quota.count) {
                blocked = false;
                usage.until = Some(leaves).filter(|room| *room > now);
            }
        }
        usage
    }

    /// The newest requests count, as many as the quota can hold.
    fn resume(usage: &Usage, quota: &WindowQuota, now: u64) -> Self {
        let mut state = Self::fresh();
        let newest = quota.index(now);
        state.0.newest = newest as u32;
        let mut room = quota.count;
        for (at, count) in usage.charges.iter().rev() {
            let back = usize::try_from(newest.saturating_sub(quota.index(*at))).unwrap_or(usize::MAX);
            if let Some(bucket) = state.0.counts.get_mut(back) {
                let kept = room.min(*count);
                *bucket += kept;
                room -= kept;
            }
        }
        state
    }
}
