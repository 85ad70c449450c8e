//! How many TLS handshakes wait for the processor.
//!
//! Each is counted from its complete ClientHello on until the answer is computed, and never while its client is waited for, so
//! that no client can hold a place. Beyond the cap, the answer is not computed at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The handshakes that wait for the processor; the process has one count.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    waiting: AtomicUsize,
}

/// One handshake that waits for the processor.
#[derive(Debug)]
pub(crate) struct HandshakePlace(Arc<Handshakes>);

impl Handshakes {
    /// Counts one more; `None` where there are `most` already.
    pub(crate) fn enter(self: &Arc<Self>, most: usize) -> Option<HandshakePlace> {
        // Dropping the place gives it back, on every return.
        let place = HandshakePlace(Arc::clone(self));
        (self.waiting.fetch_add(1, Ordering::AcqRel) < most).then_some(place)
    }
}

impl Drop for HandshakePlace {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
