//! How strong a secret has to be, estimated from its text.
//!
//! No estimate proves randomness. This one is made to pass whatever a random generator gives
//! (32 raw bytes, 32 or more hex digits, 43 base64url characters) and to stop what people type.

use super::known::{MARKERS, WORDS, fold};
use zeroize::Zeroizing;

/// Shorter secrets are refused: an HMAC key should be as long as its hash (RFC 7518 §3.2).
const MIN_BYTES: usize = 32;
/// Fewer estimated bits are refused.
const MIN_BITS: u32 = 128;
/// So many characters of chance repeats are forgiven, since random text has some.
const FORGIVEN: usize = 4;

/// Why a secret is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// It has so many bytes, fewer than 32.
    TooShort(usize),
    /// It is worth about so many bits, fewer than 128.
    TooFewBits(u32),
    /// It is nothing but texts that are printed in documents, tutorials or source code.
    WellKnown,
    /// It is the text of a key or certificate file. A public one is known to everybody, and a
    /// token signed with it as an HMAC secret would be taken for genuine.
    KeyFile,
}

impl Weakness {
    /// What is wrong and how to mend it, for operators. Never tells the secret.
    #[must_use]
    pub fn explain(&self) -> (String, String) {
        let make = "make one with `stagedoor secret new`";
        let (message, hint) = match self {
            Self::TooShort(bytes) => (
                format!("the secret is too short: at least {MIN_BYTES} bytes are needed, it has `{bytes}`"),
                make,
            ),
            Self::TooFewBits(bits) => (
                format!(
                    "the secret is too easy to guess: at least {MIN_BITS} bits are needed, it has about `{bits}`"
                ),
                make,
            ),
            Self::WellKnown => {
                ("the secret is printed in documents or source code, so everybody has it".to_owned(), make)
            }
            Self::KeyFile => (
                "the secret is the text of a key or certificate file, which is not a secret to share"
                    .to_owned(),
                "for a public key use `alg` and `public`; for a secret make one with `stagedoor secret new`",
            ),
        };
        (message, hint.to_owned())
    }
}

/// Judges a secret: at least 32 bytes and 128 estimated bits, no key file and not well known.
///
/// Bits are length × log2(alphabet), where repeats and sequences hardly count.
///
/// # Errors
/// The most telling [`Weakness`].
pub fn judge(secret: &[u8]) -> Result<(), Weakness> {
    if is_key_file(secret) {
        return Err(Weakness::KeyFile);
    }
    let Unknown { rest, known } = Unknown::of(secret);
    if known && is_padding(&rest) || has_marker(secret) {
        return Err(Weakness::WellKnown);
    }
    if secret.len() < MIN_BYTES {
        return Err(Weakness::TooShort(secret.len()));
    }
    // What everybody knows adds nothing: the rest alone has to do.
    let bits = estimated_bits(&rest);
    if bits < MIN_BITS { Err(Weakness::TooFewBits(bits)) } else { Ok(()) }
}

/// PEM, an OpenSSH public key, a JWK or a DER public key or certificate.
pub(crate) fn is_key_file(secret: &[u8]) -> bool {
    let text = secret.trim_ascii();
    let holds = |part: &[u8]| text.windows(part.len()).any(|w| w == part);
    let starts = |head: &str| text.starts_with(head.as_bytes());
    let ssh = starts("ssh-rsa ") || starts("ssh-ed25519 ") || starts("ecdsa-sha2-");
    let jwk = starts("{") && (holds(b"\"kty\"") || holds(b"\"keys\""));
    // A DER SEQUENCE that says its own length, as public keys and certificates do.
    let der = match *secret {
        [0x30, 0x82, high, low, ..] => secret.len() == 4 + usize::from(u16::from_be_bytes([high, low])),
        [0x30, 0x81, length, ..] => secret.len() == 3 + usize::from(length),
        [0x30, length, ..] => length < 0x80 && secret.len() == 2 + usize::from(length),
        _ => false,
    };
    holds(b"-----BEGIN ") || ssh || jwk || der
}

/// What is left of a secret without the texts that everybody knows.
struct Unknown {
    rest: Zeroizing<Vec<u8>>,
    /// There was such a text.
    known: bool,
}

impl Unknown {
    /// Spelling, case and separators within a known text do not hide it; what is left keeps its own.
    fn of(secret: &[u8]) -> Self {
        let folded = Zeroizing::new(fold(secret));
        let places: Vec<usize> =
            (0..secret.len()).filter(|at| secret.get(*at).is_some_and(u8::is_ascii_alphanumeric)).collect();
        let mut taken = vec![false; secret.len()];
        for word in WORDS {
            for (start, _) in folded.match_indices(word) {
                let here = places.get(start..start + word.len()).unwrap_or_default();
                // An earlier word has this place already: `secret` in `supersecret`.
                if here.iter().any(|at| taken.get(*at).copied().unwrap_or(true)) {
                    continue;
                }
                let (Some(first), Some(last)) = (here.first(), here.last()) else { continue };
                taken.iter_mut().skip(*first).take(last - first + 1).for_each(|taken| *taken = true);
            }
        }
        let left = secret.iter().zip(&taken).filter(|(_, taken)| !**taken).map(|(byte, _)| *byte);
        Self { rest: Zeroizing::new(left.collect()), known: taken.contains(&true) }
    }
}

/// Whether a rest only makes a known text longer: separators, a few characters, one character again and again.
fn is_padding(rest: &[u8]) -> bool {
    let text: Vec<u8> = rest.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let one = text.first().is_none_or(|first| text.iter().all(|byte| byte == first));
    one || text.len() <= FORGIVEN
}

/// Whether the text says itself that it is a sample, as those do that Django puts into new projects.
fn has_marker(secret: &[u8]) -> bool {
    let folded = Zeroizing::new(fold(secret));
    MARKERS.iter().any(|marker| folded.starts_with(marker))
}

/// Length without repeats × what one character can be worth.
fn estimated_bits(secret: &[u8]) -> u32 {
    let mut seen = [false; 256];
    for byte in secret {
        if let Some(slot) = seen.get_mut(usize::from(*byte)) {
            *slot = true;
        }
    }
    let distinct = seen.iter().filter(|s| **s).count() as f64;
    // A text that uses few of the characters it might use was not drawn from all of them.
    let per_character = alphabet(secret).log2().min(distinct.max(1.0).log2() * 4.0 / 3.0);
    (effective_length(secret) as f64 * per_character) as u32
}

/// How many characters the text seems to choose from.
fn alphabet(secret: &[u8]) -> f64 {
    let all = |is: fn(&u8) -> bool| secret.iter().all(is);
    let any = |is: fn(&u8) -> bool| secret.iter().any(is);
    if any(|b| !matches!(b, b' '..=b'~')) {
        return 256.0;
    }
    if any(u8::is_ascii_digit)
        && (all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            || all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')))
    {
        return if all(u8::is_ascii_digit) { 10.0 } else { 16.0 };
    }
    let mut size = 0.0;
    for (present, letters) in [
        (any(u8::is_ascii_digit), 10.0),
        (any(u8::is_ascii_lowercase), 26.0),
        (any(u8::is_ascii_uppercase), 26.0),
    ] {
        size += if present { letters } else { 0.0 };
    }
    if any(|b| !b.is_ascii_alphanumeric() && !b"-_+/=".contains(b)) {
        return size + 32.0;
    }
    if any(|b| !b.is_ascii_alphanumeric()) { size + 2.0 } else { size }
}

/// The length, where a run (`aaa`), a sequence (`1234`) and a block that stood before (`abcabc`)
/// count as one character each. Quadratic in the length, which a configuration bounds.
fn effective_length(secret: &[u8]) -> usize {
    // Longer secrets are no stronger for this purpose, and the search stays cheap.
    let secret = secret.get(..512).unwrap_or(secret);
    let mut at = 0;
    let mut effective: usize = 0;
    while let Some(rest) = secret.get(at..).filter(|r| !r.is_empty()) {
        let known = sequence(rest).max(repeat(secret, at));
        at += known.max(1);
        effective += 1;
    }
    let lost = secret.len().saturating_sub(effective);
    secret.len().saturating_sub(lost.saturating_sub(FORGIVEN))
}

/// Length of a run of at least three, or of a sequence up or down of at least four; else zero.
fn sequence(rest: &[u8]) -> usize {
    let steps = |step: u8| {
        1 + rest.windows(2).take_while(|w| matches!(w, [a, b] if a.wrapping_add(step) == *b)).count()
    };
    let run = steps(0);
    let climb = steps(1).max(steps(u8::MAX));
    if climb >= 4 {
        climb.max(run)
    } else if run >= 3 {
        run
    } else {
        0
    }
}

/// Length of the longest block at `at` that also begins earlier, if at least four; else zero.
fn repeat(secret: &[u8], at: usize) -> usize {
    let rest = secret.iter().skip(at);
    let longest = (0..at)
        .map(|from| secret.iter().skip(from).zip(rest.clone()).take_while(|(a, b)| a == b).count())
        .max()
        .unwrap_or(0);
    if longest >= 4 { longest } else { 0 }
}
