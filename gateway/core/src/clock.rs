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

/// Year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian calendar.
///
/// Counted in eras of 400 years that begin on 1 March, so that the leap day is an era's last.
#[must_use]
pub const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + (month <= 2) as u64, month, day)
}
