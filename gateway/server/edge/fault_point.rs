//! Points in the code of an exchange where a test lets it panic, to see that a panic ends one request and nothing else.
//!
//! In a debug build that runs with `STAGEDOOR_FAULT_POINTS=on` in its environment, a request may name one point in its field
//! `X-Stagedoor-Fault-Point`. The next exchange that comes to this point panics. A release build holds none of this: both
//! functions are empty there.

#[cfg(debug_assertions)]
pub(crate) use enabled::{arm, hit};

/// The request field that names a point.
pub(crate) const FIELD: &str = "x-stagedoor-fault-point";

#[cfg(debug_assertions)]
mod enabled {
    use std::sync::{LazyLock, Mutex, PoisonError};

    /// Whether the environment allows fault points.
    static ALLOWED: LazyLock<bool> =
        LazyLock::new(|| std::env::var_os("STAGEDOOR_FAULT_POINTS").is_some_and(|value| value == "on"));

    /// The point that panics next.
    static ARMED: Mutex<Option<String>> = Mutex::new(None);

    /// Lets the next exchange that comes to `point` panic there.
    pub(crate) fn arm(point: Option<&[u8]>) {
        let Some(point) = point.filter(|_| *ALLOWED) else { return };
        *ARMED.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(String::from_utf8_lossy(point).into_owned());
    }

    /// Panics if `point` is armed, and disarms it.
    #[expect(clippy::panic, reason = "this is what a fault point is for")]
    pub(crate) fn hit(point: &'static str) {
        if *ALLOWED
            && ARMED.lock().unwrap_or_else(PoisonError::into_inner).take_if(|armed| armed == point).is_some()
        {
            panic!("a fault point");
        }
    }
}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
pub(crate) fn arm(_point: Option<&[u8]>) {}

/// Does nothing in a release build.
#[cfg(not(debug_assertions))]
pub(crate) fn hit(_point: &'static str) {}
