//! How many requests of an app are being served at the same time (`limit.in_flight`).
//!
//! A request that was permitted has a slot until its exchange is over, whatever protocol brought it: so a slow app cannot
//! make the gateway hold more requests than it may, however many streams a connection carries. The count of an app outlives
//! a reload. Bounds: a counter is kept while a policy or a request holds it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The counters of all apps, by name.
#[derive(Debug, Default)]
pub(crate) struct InFlightCounters {
    apps: Mutex<HashMap<Arc<str>, Weak<InFlightCounter>>>,
}

/// The requests in flight of one app.
#[derive(Debug, Default)]
pub(crate) struct InFlightCounter {
    requests: AtomicUsize,
}

/// One request in flight.
#[derive(Debug)]
pub(crate) struct InFlightSlot {
    counter: Arc<InFlightCounter>,
}

impl InFlightCounters {
    /// The counter of the app of this name: the one that is there, as long as anybody holds it.
    pub(crate) fn of(&self, app: &Arc<str>) -> Arc<InFlightCounter> {
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = apps.get(app).and_then(Weak::upgrade) {
            return counter;
        }
        apps.retain(|_, counter| counter.strong_count() > 0);
        let counter = Arc::default();
        apps.insert(Arc::clone(app), Arc::downgrade(&counter));
        counter
    }
}

impl InFlightCounter {
    /// A slot of `most`; `None` where all are taken.
    pub(crate) fn take(self: &Arc<Self>, most: usize) -> Option<InFlightSlot> {
        // Dropping `slot` gives the count back, on every return.
        let slot = InFlightSlot { counter: Arc::clone(self) };
        (self.requests.fetch_add(1, Ordering::AcqRel) < most).then_some(slot)
    }
}

impl Drop for InFlightSlot {
    fn drop(&mut self) {
        self.counter.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
