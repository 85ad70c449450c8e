//! Request ids: UUIDs of version 7 (RFC 9562 §5.7), sorted by time.
//!
//! They name a request in answers and logs and are no secret. So the random part does not come from the operating system,
//! which would cost a system call for each request, but from a small generator for each thread, which the operating system
//! seeded. The text is written by a table of the 256 pairs of digits.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

thread_local! {
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0u8) | 1);
}

/// A fresh id for a request that arrived `unix` after the epoch.
pub(crate) fn fresh(unix: Duration) -> String {
    let millis = unix.as_secs().wrapping_mul(1000).wrapping_add(u64::from(unix.subsec_millis()));
    // 48 bits of time, the version, 12 random bits; the variant, 62 random bits.
    let upper = millis << 16 | VERSION << 12 | next() >> 52;
    let lower = VARIANT << 62 | next() >> 2;
    let mut text = [b'-'; LENGTH];
    let bytes = upper.to_be_bytes().into_iter().chain(lower.to_be_bytes());
    for (byte, place) in bytes.zip(PLACES) {
        [text[place], text[place + 1]] = PAIRS[usize::from(byte)];
    }
    str::from_utf8(&text).unwrap_or_default().to_owned()
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

/// Characters of the text.
const LENGTH: usize = 36;
/// Where the two digits of each byte stand, between the hyphens.
const PLACES: [usize; 16] = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];
/// RFC 9562 §4.2 and §4.1.
const VERSION: u64 = 7;
const VARIANT: u64 = 0b10;

/// The two digits of each byte.
static PAIRS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut all = [[0; 2]; 256];
    let mut byte = 0;
    while byte < all.len() {
        all[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    all
};

#[cfg(test)]
mod tests {
    use uuid::{Uuid, Variant};

    use super::*;

    #[test]
    fn ids_are_version_7_variant_1_and_differ() {
        let unix = Duration::from_millis(0x0123_4567_89AB);
        let (a, b) = (fresh(unix), fresh(unix));
        assert_ne!(a, b);
        assert!(a.starts_with("01234567-89ab-7"), "{a}");
        for id in [a, b] {
            let read: Option<Uuid> = id.parse().ok();
            let kind = read.map(|read| (read.get_version_num(), read.get_variant()));
            assert_eq!(kind, Some((7, Variant::RFC4122)), "{id}");
            assert_eq!(read.map(|read| read.to_string()), Some(id), "as the crate writes it");
        }
    }
}
