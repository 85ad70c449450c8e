//! Searches that look at eight bytes at a time.

/// Where the first colon is.
pub(crate) fn colon(bytes: &[u8]) -> Option<usize> {
    first(bytes, |word| zeros(word ^ (ONES * b':' as u64)), |byte| byte == b':')
}

/// Where the first control byte is, a tab included.
pub(crate) fn control(bytes: &[u8]) -> Option<usize> {
    first(bytes, controls, |byte| byte.is_ascii_control())
}

/// The place of the first byte that `is_mark`; `marks` sets the high bit of the first such byte in a word, and may set
/// bits of later ones.
fn first(bytes: &[u8], marks: impl Fn(u64) -> u64, is_mark: impl Fn(u8) -> bool) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let found = marks(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(place * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|byte| is_mark(*byte)).map(|place| words.len() * 8 + place)
}

/// Marks bytes below 0x20 and 0x7F.
fn controls(word: u64) -> u64 {
    (word.wrapping_sub(ONES * 0x20) & !word & HIGH) | zeros(word ^ (ONES * 0x7F))
}

/// Marks bytes that are zero.
fn zeros(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = ONES << 7;
