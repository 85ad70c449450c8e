//! The syntax of a request: which bytes a method, a target, a field's name and its value are made of.
//!
//! The HTTP/1.1 parser and the constructor of heads ask the same functions, so that no protocol brings a byte that
//! another one would refuse. RFC 9112 §3.2 (request target), RFC 9110 §5.5, §5.6.2 and §9.1.

use super::message::Scheme;
use crate::denial::Denial;

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
    if !target.iter().copied().all(&mut fits) {
        return Err(Denial::BadRequest("an illegal byte in the request target"));
    }
    let target_form = if target.first() == Some(&b'/') {
        TargetForm { authority: None, target }
    } else {
        absolute(method, target, scheme)?
    };
    // Browsers send a raw grave accent in queries alone, and a URI parser behind us would rewrite it.
    let path = target_form.target.split(|b| *b == b'?').next().unwrap_or_default();
    if path.contains(&b'`') {
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
    byte > b' ' && byte != 0x7F && !matches!(byte, b'"' | b'<' | b'>' | b'#')
}

/// Bytes that may be sent raw in a query, and nowhere else.
pub(crate) const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>')
}

/// `tchar` of RFC 9110 §5.6.2.
pub(crate) const fn is_token_byte(byte: u8) -> bool {
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
    !name.is_empty() && name.iter().copied().all(is_token_byte)
}

/// `field-value` of RFC 9110 §5.5: no control byte but tab, and no white space around it. Reads every byte, so that
/// the compiler can look at many of them at once.
pub(crate) fn is_value(value: &[u8]) -> bool {
    let sound = value.iter().fold(true, |sound, byte| sound & is_value_byte(*byte));
    sound && !matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t'])
}

/// `field-content` of RFC 9110 §5.5 with `obs-text`.
pub(crate) const fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7F)
}

/// Bytes of the longest method.
pub(crate) const METHOD_MAX: usize = 32;
