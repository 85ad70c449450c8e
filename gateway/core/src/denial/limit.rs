//! The limit and the size that a refusal names.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Which limit refused, and when to come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// Name of the limit, such as `app.ip-1`.
    pub limit: Arc<str>,
    /// Until a request may pass again; clients are told at least one second.
    pub retry_after: Duration,
}

impl LimitExceeded {
    /// Seconds until a request may pass again, rounded up, at least one.
    #[must_use]
    pub fn retry_seconds(&self) -> u64 {
        let whole = self.retry_after.as_secs();
        let rest = u64::from(self.retry_after.subsec_nanos() > 0);
        whole.saturating_add(rest).max(1)
    }
}

/// A size as the configuration writes it: `1MiB`, else in bytes.
pub(super) struct Size(pub(super) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(f, "{}{name}", self.0 / unit);
            }
        }
        write!(f, "{} bytes", self.0)
    }
}
