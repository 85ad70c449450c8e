//! Request ids: UUIDs of version 7 (RFC 9562 §5.7), sorted by time.
//!
//! They name a request in answers and logs and are no secret. So the random part does not come from the operating system,
//! which would cost a system call for each request, but from a small generator for each thread, which the operating system
//! seeded. The crate `uuid` has none without `getrandom` or `rand`; its layout and its text are used.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use uuid::Builder;
use uuid::fmt::Hyphenated;

thread_local! {
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0u8) | 1);
}

/// A fresh id for a request that arrived `unix` after the epoch.
pub(crate) fn fresh(unix: Duration) -> String {
    let millis = u64::try_from(unix.as_millis()).unwrap_or(u64::MAX);
    let mut random = [0; 10];
    let bytes = next().to_ne_bytes().into_iter().chain(next().to_ne_bytes());
    random.iter_mut().zip(bytes).for_each(|(slot, byte)| *slot = byte);
    let id = Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    id.hyphenated().encode_lower(&mut [0; Hyphenated::LENGTH]).to_owned()
}

/// splitmix64 (Steele, Lea, Flood 2014).
fn next() -> u64 {
    STATE.with(|state| {
        let seed = state.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        state.set(seed);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_variant_1_and_differ() {
        let unix = Duration::from_millis(0x0123_4567_89AB);
        let (a, b) = (fresh(unix), fresh(unix));
        assert_ne!(a, b);
        assert!(a.starts_with("01234567-89ab-7"), "{a}");
        assert_eq!(a.len(), 36);
        assert!(matches!(a.as_bytes().get(19), Some(b'8' | b'9' | b'a' | b'b')), "{a}");
    }
}
