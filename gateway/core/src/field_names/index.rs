//! Where a name may stand in the list of whole names: two or three of its bytes and its length say so.
//!
//! Most names of a request are compared with one listed name or with none. The tables are computed when the gateway is
//! compiled.

use super::known::{STARTS, WHOLE};

/// Buckets: a power of two, so that a bucket holds one name on average.
const BUCKETS: usize = 128;

/// The places of the whole names, bucket after bucket.
static ORDER: [u8; WHOLE.len()] = order();

/// Where each bucket begins in [`ORDER`], and where the last one ends.
static BEGINS: [u8; BUCKETS + 1] = begins();

/// For each letter where the starts with it begin in [`STARTS`], and where those with `z` end.
static LETTERS: [u8; 27] = letters();

/// Lower case, and everything that is no letter or digit as `-`.
static FOLDED: [u8; 256] = folded();

/// The byte as names are compared.
pub(super) fn fold(byte: u8) -> u8 {
    FOLDED.get(usize::from(byte)).copied().unwrap_or(b'-')
}

/// Places in [`WHOLE`] of the names that `name` may be.
pub(super) fn whole(name: &[u8]) -> &'static [u8] {
    let (Some(first), Some(middle), Some(last)) = (name.first(), name.get(name.len() / 2), name.last())
    else {
        return &[];
    };
    let bucket = bucket(name.len(), fold(*first), fold(*middle), fold(*last));
    let (Some(from), Some(to)) = (BEGINS.get(bucket), BEGINS.get(bucket + 1)) else { return &[] };
    ORDER.get(usize::from(*from)..usize::from(*to)).unwrap_or_default()
}

/// The first and the last place in [`STARTS`] of what `name` may begin with, the last one excluded.
pub(super) fn starts(name: &[u8]) -> (usize, usize) {
    let first = name.first().map_or(b'-', |byte| fold(*byte));
    let Some(letter) = first.checked_sub(b'a').map(usize::from) else { return (0, 0) };
    match (LETTERS.get(letter), LETTERS.get(letter + 1)) {
        (Some(from), Some(to)) => (usize::from(*from), usize::from(*to)),
        (Some(_) | None, _) => (0, 0),
    }
}

/// The factors spread the listed names well: no bucket has more than three.
const fn bucket(length: usize, first: u8, middle: u8, last: u8) -> usize {
    (length * 17 + first as usize * 17 + middle as usize * 31 + last as usize * 7) % BUCKETS
}

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler alone")]
const fn bucket_of(place: usize) -> usize {
    let name = WHOLE[place].0.as_bytes();
    bucket(name.len(), name[0], name[name.len() / 2], name[name.len() - 1])
}

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler alone")]
const fn order() -> [u8; WHOLE.len()] {
    let mut all = [0; WHOLE.len()];
    let (mut filled, mut bucket) = (0, 0);
    while bucket < BUCKETS {
        let mut place = 0;
        while place < WHOLE.len() {
            if bucket_of(place) == bucket {
                all[filled] = place as u8;
                filled += 1;
            }
            place += 1;
        }
        bucket += 1;
    }
    all
}

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler alone")]
const fn begins() -> [u8; BUCKETS + 1] {
    let mut all = [0; BUCKETS + 1];
    let mut place = 0;
    while place < WHOLE.len() {
        all[bucket_of(place) + 1] += 1;
        place += 1;
    }
    let mut bucket = 0;
    while bucket < BUCKETS {
        all[bucket + 1] += all[bucket];
        bucket += 1;
    }
    all
}

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler alone")]
const fn letters() -> [u8; 27] {
    let mut all = [0; 27];
    let mut place = 0;
    while place < STARTS.len() {
        all[(STARTS[place].0.as_bytes()[0] - b'a') as usize + 1] += 1;
        place += 1;
    }
    let mut letter = 0;
    while letter < 26 {
        all[letter + 1] += all[letter];
        letter += 1;
    }
    all
}

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler alone")]
const fn folded() -> [u8; 256] {
    let mut all = [b'-'; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            all[byte as usize] = byte.to_ascii_lowercase();
        }
        byte += 1;
    }
    all
}
