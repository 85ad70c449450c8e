//! A counter of the steps that loops take for a client's bytes, for tests; it does nothing in other builds.
//!
//! A test that measured time would depend on the machine; the number of steps does not.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
thread_local! {
    static SPENT: Cell<usize> = const { Cell::new(0) };
}

/// Counts `steps` bytes or elements that were read.
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
