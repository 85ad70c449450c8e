//! The clocks of the system, read for the core.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use stagedoor_core::clock::Now;

/// Both clocks, read together: the time since `started`, and the time since the epoch.
pub(crate) fn now(started: Instant) -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now::new(started.elapsed(), unix)
}
