//! The forms of a path: as it is forwarded, decoded, and literal (the form that patterns are compared with). The readings
//! that an app may have of a path are in `path/readings.rs`.
//!
//! The functions expect that every `%` has two hexadecimal digits after it; they copy any other `%` unchanged.

pub(crate) mod readings;

use std::borrow::Cow;

/// The byte that replaces an encoded slash that ends no segment. No accepted path decodes to it.
pub(crate) const SLASH: u8 = 0;

/// A request target as it is judged and forwarded: raw bytes from 0x80 are percent-encoded, and in the query also
/// `"`, `<` and `>`, which clients send as they are and servers read in more than one way, or refuse.
pub(crate) fn encoded(target: &[u8]) -> Cow<'_, [u8]> {
    let may_need = |byte: u8| (byte >= 0x80) | (byte == b'"') | (byte == b'<') | (byte == b'>');
    // It reads every byte, so that the compiler can look at many of them at once.
    if !target.iter().fold(false, |found, byte| found | may_need(*byte)) {
        return Cow::Borrowed(target);
    }
    let query = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    let needs = |at: usize, byte: u8| byte >= 0x80 || (at > query && matches!(byte, b'"' | b'<' | b'>'));
    let count = target.iter().enumerate().filter(|(at, byte)| needs(*at, **byte)).count();
    if count == 0 {
        return Cow::Borrowed(target);
    }
    let mut out = Vec::with_capacity(target.len() + 2 * count);
    for (at, byte) in target.iter().copied().enumerate() {
        if needs(at, byte) {
            out.extend([b'%', hex(byte >> 4), hex(byte & 0xF)]);
        } else {
            out.push(byte);
        }
    }
    Cow::Owned(out)
}

/// A request target whose path has no empty segment, but for its last; the query stays as it is.
pub(crate) fn merged(target: &[u8]) -> Cow<'_, [u8]> {
    let query = target.iter().position(|byte| *byte == b'?').unwrap_or(target.len());
    let (path, query) = target.split_at(query);
    if !path.windows(2).any(|pair| pair == b"//") {
        return Cow::Borrowed(target);
    }
    let mut out = Vec::with_capacity(target.len());
    for byte in path {
        if *byte != b'/' || out.last() != Some(&b'/') {
            out.push(*byte);
        }
    }
    out.extend_from_slice(query);
    Cow::Owned(out)
}

/// The form in which a path or segment is compared with the literals of patterns.
///
/// An encoded byte counts as the byte itself, unless it is unreserved (RFC 3986 §2.3): no honest
/// client encodes those, so they stay marked and match nothing. `%2F` becomes [`SLASH`].
pub fn literal(raw: &[u8]) -> Cow<'_, [u8]> {
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

/// Whether a path equals its folded form apart from the leading slash, and has no other reading. May be `false` for such
/// a path, never `true` for another one.
pub(crate) fn is_folded(path: &[u8], exact_case: bool) -> bool {
    let plain = |byte: u8| match byte {
        b'%' | b';' | b'\\' => false,
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
pub(crate) fn is_unreserved(byte: u8) -> bool {
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

/// Whether bytes hold a character in an overlong form, which UTF-8 forbids: lenient decoders read a dot or a slash there
/// (RFC 3629 §10). Forms of five and six bytes are those of RFC 2279.
pub(crate) fn has_overlong_form(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err()
        && (bytes.iter().any(|byte| matches!(byte, 0xC0 | 0xC1))
            || bytes.windows(2).any(|pair| {
                matches!(
                    pair,
                    [0xE0, 0x80..=0x9F] | [0xF0, 0x80..=0x8F] | [0xF8, 0x80..=0x87] | [0xFC, 0x80..=0x83]
                )
            }))
}

/// Writes a name in lower case, character by character: no neighbour changes the result, and folding twice is folding
/// once. Bytes that are not UTF-8 are copied.
fn lower_case(name: &[u8], out: &mut Vec<u8>) {
    let mut utf8 = [0; 4];
    for chunk in name.utf8_chunks() {
        for lower in chunk.valid().chars().flat_map(char::to_lowercase) {
            out.extend_from_slice(lower.encode_utf8(&mut utf8).as_bytes());
        }
        out.extend_from_slice(chunk.invalid());
    }
}

/// The mark that [`literal`] puts before an unreserved byte that was encoded. No accepted path decodes to it.
pub(crate) const KEPT: u8 = 1;

/// The digit of a number below 16.
fn hex(nibble: u8) -> u8 {
    match nibble {
        0..10 => b'0' + nibble,
        _ => b'A' + (nibble % 16 - 10),
    }
}

#[cfg(test)]
mod tests;
