//! Time as a parameter.

use std::time::Duration;

use time::UtcDateTime;

/// One moment, on both clocks, read once by the edge and passed to everything that asks for time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    mono: Duration,
    unix: Duration,
}

impl Now {
    /// `mono`: since the process started, never going back; `unix`: since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn new(mono: Duration, unix: Duration) -> Self {
        Self { mono, unix }
    }

    /// Time since the process started. Limits count on this clock.
    #[must_use]
    pub const fn mono(self) -> Duration {
        self.mono
    }

    /// Time since the epoch. Tokens are judged by this clock.
    #[must_use]
    pub const fn unix(self) -> Duration {
        self.unix
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub const fn unix_secs(self) -> u64 {
        self.unix.as_secs()
    }

    /// The moment `later` after this one, on both clocks.
    #[must_use]
    pub fn after(self, later: Duration) -> Self {
        Self { mono: self.mono.saturating_add(later), unix: self.unix.saturating_add(later) }
    }
}

/// The date and the time of day of a moment since the epoch, in UTC; the end of the year 9999 for any later moment.
///
/// The crate `time` can read the clock as well. Nothing in this crate asks it to.
#[must_use]
pub fn utc(since_epoch: Duration) -> UtcDateTime {
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
    UtcDateTime::from_unix_timestamp(seconds).unwrap_or(UtcDateTime::MAX)
}
