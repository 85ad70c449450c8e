//! How much work a client's bytes cost: counted in tests, and nothing at all elsewhere.
//!
//! A test that times the work would depend on the machine; the steps of a loop are the same everywhere.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static SPENT: Cell<usize> = const { Cell::new(0) };
}

/// Counts so many bytes or elements that were looked at.
#[cfg(test)]
pub(crate) fn spend(steps: usize) {
    SPENT.with(|spent| spent.set(spent.get() + steps));
}

/// Counts nothing.
#[cfg(not(test))]
#[inline(always)]
pub(crate) fn spend(_steps: usize) {}

/// What `work` cost this thread.
#[cfg(test)]
pub(crate) fn of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = SPENT.with(Cell::get);
    let result = work();
    (result, SPENT.with(Cell::get) - before)
}
