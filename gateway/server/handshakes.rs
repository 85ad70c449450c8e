//! How many TLS handshakes are in progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The handshakes in progress; the process has one.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    in_progress: AtomicUsize,
}

/// One handshake in progress.
#[derive(Debug)]
pub(crate) struct HandshakePlace(Arc<Handshakes>);

impl Handshakes {
    /// Counts one more; `None` where there are `most` already.
    pub(crate) fn enter(self: &Arc<Self>, most: usize) -> Option<HandshakePlace> {
        // Dropping the place gives it back, on every return.
        let place = HandshakePlace(Arc::clone(self));
        (self.in_progress.fetch_add(1, Ordering::AcqRel) < most).then_some(place)
    }
}

impl Drop for HandshakePlace {
    fn drop(&mut self) {
        self.0.in_progress.fetch_sub(1, Ordering::AcqRel);
    }
}
