//! The forms of a path: decoded, literal (what patterns are compared with) and folded (the widest
//! reading that an app may have of it).
//!
//! All take a path in which every `%` has two hexadecimal digits, and pass others through unharmed.

use std::borrow::Cow;

/// Stands for an encoded slash in [`literal`] and [`fold`]: no accepted path decodes to it.
pub(crate) const SLASH: u8 = 0;

/// The form in which a path or segment is compared with the literals of patterns.
///
/// An encoded byte counts as the byte itself, unless it is unreserved (RFC 3986 §2.3): no honest
/// client encodes those, so they stay marked and match nothing. `%2F` becomes [`SLASH`].
pub(crate) fn literal(raw: &[u8]) -> Cow<'_, [u8]> {
    rewrite(raw, |byte, out| match byte {
        b'/' => out.push(SLASH),
        byte if is_unreserved(byte) => out.extend([KEPT, byte]),
        byte => out.push(byte),
    })
}

/// Decodes every `%` and its two digits once.
pub(crate) fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    rewrite(raw, |byte, out| out.push(byte))
}

/// Decodes like [`decode`], also `%uXXXX` (as a byte if it is one), and leaves the rest as it is.
pub(crate) fn decode_leniently(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'%') {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [byte, tail @ ..] = rest {
        let wide = wide_triplet(rest);
        let (byte, tail) = wide.or_else(|| triplet(rest)).unwrap_or((*byte, tail));
        out.push(byte);
        rest = tail;
    }
    Cow::Owned(out)
}

/// How an encoded slash is read when a path is folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EncodedSlash {
    /// As a character of its segment.
    Keeps,
    /// As the end of its segment.
    Splits,
}

/// Folds a path: decoded, lower case unless `exact_case`, each segment cut at its first `;`, empty
/// segments dropped. The result has no leading slash.
pub(crate) fn fold(path: &[u8], exact_case: bool, slash: EncodedSlash) -> Vec<u8> {
    let decoded = rewrite(path, |byte, out| match (byte, slash) {
        (b'/', EncodedSlash::Keeps) => out.push(SLASH),
        (byte, EncodedSlash::Keeps | EncodedSlash::Splits) => out.push(byte),
    });
    let mut folded = Vec::with_capacity(decoded.len());
    for segment in decoded.split(|b| *b == b'/') {
        let name = segment.split(|b| *b == b';').next().unwrap_or_default();
        if name.is_empty() {
            continue;
        }
        if !folded.is_empty() {
            folded.push(b'/');
        }
        if exact_case {
            folded.extend_from_slice(name);
        } else {
            lower_case(name, &mut folded);
        }
    }
    folded
}

/// Whether a path equals its folded form but for the leading slash. May say no where it is so.
pub(crate) fn is_folded(path: &[u8], exact_case: bool) -> bool {
    let plain = |byte: u8| match byte {
        b'%' | b';' => false,
        b'A'..=b'Z' | 0x80.. => exact_case,
        _ => true,
    };
    let empty_segment = path.windows(2).any(|pair| pair == b"//") || (path.len() > 1 && path.ends_with(b"/"));
    !empty_segment && path.iter().copied().all(plain)
}

/// Whether every `%` is followed by two hexadecimal digits.
pub(crate) fn triplets_are_whole(raw: &[u8]) -> bool {
    let mut parts = raw.split(|b| *b == b'%');
    parts.next();
    parts.all(|part| matches!(part, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

/// `ALPHA / DIGIT / "-" / "." / "_" / "~"` (RFC 3986 §2.3).
pub(crate) const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Copies `raw` with each percent-encoded byte handed to `put`; borrows where there is none.
fn rewrite(raw: &[u8], put: impl Fn(u8, &mut Vec<u8>)) -> Cow<'_, [u8]> {
    if !raw.contains(&b'%') {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [byte, tail @ ..] = rest {
        rest = match triplet(rest) {
            Some((decoded, tail)) => {
                put(decoded, &mut out);
                tail
            }
            None => {
                out.push(*byte);
                tail
            }
        };
    }
    Cow::Owned(out)
}

/// The byte that a `%XX` in front stands for, and what follows.
fn triplet(raw: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, tail @ ..] = raw else { return None };
    Some((digit(*high)? << 4 | digit(*low)?, tail))
}

/// The byte that a `%uXXXX` in front stands for, and what follows; `None` above U+00FF.
fn wide_triplet(raw: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', b'u' | b'U', b'0', b'0', high, low, tail @ ..] = raw else { return None };
    Some((digit(*high)? << 4 | digit(*low)?, tail))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Character by character, so that no neighbour changes the outcome and folding twice is folding once.
fn lower_case(name: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(name) {
        Ok(name) => {
            let mut utf8 = [0; 4];
            for lower in name.chars().flat_map(char::to_lowercase) {
                out.extend_from_slice(lower.encode_utf8(&mut utf8).as_bytes());
            }
        }
        Err(_) => out.extend(name.iter().map(u8::to_ascii_lowercase)),
    }
}

/// Goes before an unreserved byte that stood encoded, in [`literal`]: no accepted path decodes to it.
pub(crate) const KEPT: u8 = 1;
