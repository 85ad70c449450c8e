//! The clocks of the system, read for the core.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stagedoor_core::clock::Now;

/// Both clocks, read together: the time since `started`, and the time since the epoch.
pub(crate) fn now(started: Instant) -> Now {
    Now::new(started.elapsed(), unix())
}

/// The time since the epoch.
pub(crate) fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
