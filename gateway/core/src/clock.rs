//! Time as a parameter.

use std::time::Duration;

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
