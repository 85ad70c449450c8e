//! The syntax of a request: which bytes a method, a target, a field's name and its value are made of.
//!
//! The HTTP/1.1 parser and the constructor of heads ask the same functions, so that no protocol brings a byte that
//! another one would refuse. RFC 9112 §3.2 (request target), RFC 9110 §5.5, §5.6.2 and §9.1.

use super::message::Scheme;
use crate::denial::Denial;
use crate::words;

/// Checks a method.
///
/// # Errors
/// [`Denial::BadRequest`] unless it is `[A-Z-]{1,32}`; [`Denial::MethodNeverAllowed`] for CONNECT, TRACE
/// and TRACK.
pub fn judge_method(method: &str) -> Result<(), Denial> {
    if method.is_empty() || method.len() > METHOD_MAX || !method.bytes().all(is_method_byte) {
        return Err(Denial::BadRequest("the method is not one to 32 upper-case letters or hyphens"));
    }
    match method {
        // RFC 9110 §9.3.6 and §9.3.8: a tunnel, and an echo of what the client may not see.
        "CONNECT" | "TRACE" | "TRACK" => Err(Denial::MethodNeverAllowed),
        _ => Ok(()),
    }
}

/// A request target, taken apart.
pub(crate) struct TargetForm<'a> {
    /// Of an absolute form; it has to equal `Host`.
    pub(crate) authority: Option<&'a [u8]>,
    /// Path and query.
    pub(crate) target: &'a [u8],
}

/// Reads the origin form and the absolute form (RFC 9112 §3.2.1, §3.2.2) on a connection of this scheme.
pub(crate) fn target_form<'a>(
    method: &str,
    target: &'a [u8],
    scheme: Scheme,
) -> Result<TargetForm<'a>, Denial> {
    let mut query = false;
    let mut fits = |byte: u8| {
        query |= byte == b'?';
        is_target_byte(byte) || (query && is_quote(byte))
    };
    if !all(target, is_target_byte) && !target.iter().copied().all(&mut fits) {
        return Err(Denial::BadRequest("an illegal byte in the request target"));
    }
    let target_form = if target.first() == Some(&b'/') {
        TargetForm { authority: None, target }
    } else {
        absolute(method, target, scheme)?
    };
    // Browsers send a raw grave accent in queries alone, and a URI parser behind us would rewrite it.
    let path = || target_form.target.split(|b| *b == b'?').next().unwrap_or_default();
    if target.contains(&b'`') && path().contains(&b'`') {
        return Err(Denial::BadRequest("an illegal byte in the request target"));
    }
    Ok(target_form)
}

fn absolute<'a>(method: &str, target: &'a [u8], scheme: Scheme) -> Result<TargetForm<'a>, Denial> {
    let Some(rest) = scheme.strip(target) else {
        return Err(Denial::BadRequest("the request target is neither a path nor an http URL"));
    };
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, b""));
    if authority.contains(&b'@') {
        return Err(Denial::BadRequest("user information in the request target"));
    }
    match target.first() {
        Some(b'/') => Ok(TargetForm { authority: Some(authority), target }),
        // RFC 9112 §3.2.4: for OPTIONS an empty path would mean the asterisk form.
        None if method != "OPTIONS" => Ok(TargetForm { authority: Some(authority), target: b"/" }),
        Some(_) | None => Err(Denial::BadRequest("the request target has no path")),
    }
}

/// Checks the bytes of an `authority` (RFC 3986 §3.2). [`crate::host`] judges whether they make a host.
pub(crate) fn judge_authority(authority: &[u8]) -> Result<(), Denial> {
    if authority.is_empty() {
        return Err(Denial::BadRequest("an empty Host"));
    }
    if !authority.iter().copied().all(is_authority_byte) {
        return Err(Denial::BadRequest("an illegal byte in Host"));
    }
    Ok(())
}

const fn is_authority_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b':' | b'[' | b']' | b'@')
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

pub(crate) const fn is_method_byte(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'-')
}

/// Visible ASCII and anything above it, but for what no client sends unescaped in a path. Raw `|`, `{`, `}`,
/// `^`, `[`, `]` and non-ASCII names do come from browsers, curl and media apps; the last go on
/// percent-encoded ([`crate::path::encoded`]). The target guard judges a `\` in the path.
pub(crate) const fn is_target_byte(byte: u8) -> bool {
    // Without a branch, so that the compiler can look at many bytes at once.
    (byte > b' ') & (byte != 0x7F) & (byte != b'"') & (byte != b'<') & (byte != b'>') & (byte != b'#')
}

/// A byte of a target that is nothing but a part of it, wherever it stands.
pub(crate) fn is_plain_target_byte(byte: u8) -> bool {
    PLAIN_TARGET.get(usize::from(byte)).copied().unwrap_or(false)
}

/// Bytes that may be sent raw in a query, and nowhere else.
pub(crate) const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>')
}

/// `tchar` of RFC 9110 §5.6.2.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).copied().unwrap_or(false)
}

/// How many bytes at the start are part of a token.
pub(crate) fn token_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(bytes.len())
}

const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// A token of RFC 9110 §5.6.2, as a field's name has to be.
pub(crate) fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && token_length(name) == name.len()
}

/// `field-value` of RFC 9110 §5.5: no control byte but tab, and no white space around it.
pub(crate) fn is_value(value: &[u8]) -> bool {
    value_length(value) == value.len() && !matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t'])
}

/// How many bytes at the start are part of a value.
pub(crate) fn value_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(found) = bytes.get(length..).and_then(words::control) {
        length += found;
        // It may be a tab.
        if !bytes.get(length).copied().is_some_and(is_value_byte) {
            return length;
        }
        length += 1;
    }
    bytes.len()
}

/// Whether all bytes are sound. It reads every byte, so that the compiler can look at many of them at once.
fn all(bytes: &[u8], is_sound: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(true, |sound, byte| sound & is_sound(*byte))
}

/// `field-content` of RFC 9110 §5.5 with `obs-text`.
pub(crate) const fn is_value_byte(byte: u8) -> bool {
    (byte == b'\t') | ((byte >= b' ') & (byte != 0x7F))
}

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler alone")]
static TOKEN: [bool; 256] = {
    let mut all = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        all[byte as usize] = is_tchar(byte);
        byte += 1;
    }
    all
};

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler alone")]
static PLAIN_TARGET: [bool; 256] = {
    let mut all = [false; 256];
    let mut byte = 0;
    while byte < all.len() {
        all[byte] = is_target_byte(byte as u8) && byte != b'?' as usize;
        byte += 1;
    }
    all
};

/// Bytes of the longest method.
pub(crate) const METHOD_MAX: usize = 32;

#[cfg(test)]
mod tests;
