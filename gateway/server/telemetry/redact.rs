//! Redaction: it removes secrets from text before it is logged.
//!
//! Input: bytes that the client chose. A secret is the value of a query or matrix parameter whose name is listed, and
//! anything that looks like a JSON Web Token, anywhere in the text. In doubt the value is redacted: to the operator a missing
//! value does less harm than a leaked one.

use std::borrow::Cow;

use stagedoor_core::guard::gateway_pages;
use stagedoor_core::policy::{App, Policy};

/// The names of parameters whose values are redacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redaction {
    names: Vec<String>,
}

impl Redaction {
    /// For requests of one app: the common names, its own and those of its profile.
    #[must_use]
    pub fn of_app(policy: &Policy, app: &App) -> Self {
        Self::new(policy.log.redact_query.iter().chain(&app.redact_query).map(String::as_str))
    }

    /// For log lines, and for requests without an app: the names of all apps, because the text may come from any.
    #[must_use]
    pub fn of_all(policy: &Policy) -> Self {
        let of_apps = policy.apps.iter().flat_map(|app| &app.redact_query);
        Self::new(policy.log.redact_query.iter().chain(of_apps).map(String::as_str))
    }

    /// For these names, compared without case.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut names: Vec<String> = names.into_iter().map(str::to_ascii_lowercase).collect();
        names.sort_unstable();
        names.dedup();
        Self { names }
    }

    /// A request target without its secrets; borrowed if there were none.
    #[must_use]
    pub fn target<'t>(&self, target: &'t [u8]) -> Cow<'t, [u8]> {
        let (path, query) = split_at_first(target, b'?');
        if self.is_plain(path, query) && !has_token(target) {
            return Cow::Borrowed(target);
        }
        if let Some(start) = loggable_part(path, query) {
            return Cow::Owned([start, REDACTED].concat());
        }
        let mut out = Vec::with_capacity(target.len());
        for (n, segment) in path.split(|b| *b == b'/').enumerate() {
            if n > 0 {
                out.push(b'/');
            }
            let (name, parameters) = split_at_first(segment, b';');
            // A server that decodes first and splits after finds a parameter in `%3Fname=value`.
            if self.hides(name) {
                out.extend_from_slice(REDACTED);
            } else {
                push_without_tokens(name, &mut out);
            }
            if let Some(parameters) = parameters {
                out.push(b';');
                self.push_piece(parameters, &mut out);
            }
        }
        if let Some(query) = query {
            out.push(b'?');
            for (n, piece) in query.split(|b| *b == b'&').enumerate() {
                if n > 0 {
                    out.push(b'&');
                }
                self.push_piece(piece, &mut out);
            }
        }
        Cow::Owned(out)
    }

    /// Whether a target has neither an escape nor a parameter that is listed, and is none of the gateway's own pages.
    fn is_plain(&self, path: &[u8], query: Option<&[u8]>) -> bool {
        let unmarked = |part| memchr::memchr3(b'?', b';', b'%', part).is_none();
        let listed = |pair: &[u8]| matches!(split_at_first(pair, b'='), (name, Some(_)) if self.lists(name));
        unmarked(path)
            && !may_be_own(path)
            && query.is_none_or(|query| unmarked(query) && !query.split(|b| *b == b'&').any(listed))
    }

    /// A `Referer` without its secrets: without user information and fragment, its path and query redacted as in a target.
    /// Borrowed if there were none.
    #[must_use]
    pub fn referer<'t>(&self, referer: &'t [u8]) -> Cow<'t, [u8]> {
        let (address, fragment) = split_at_first(referer, b'#');
        let (scheme, rest) = address.split_at(authority_at(address));
        let (authority, target) =
            rest.split_at(rest.iter().position(is_slash_or_query).unwrap_or(rest.len()));
        let host = authority.rsplit(|b| *b == b'@').next().unwrap_or_default();
        let shown = self.target(target);
        if let (None, true, Cow::Borrowed(_)) = (fragment, host.len() == authority.len(), &shown)
            && !has_token(referer)
        {
            return Cow::Borrowed(referer);
        }
        let mut out = Vec::with_capacity(referer.len());
        push_without_tokens(scheme, &mut out);
        push_without_tokens(host, &mut out);
        out.extend_from_slice(&shown);
        Cow::Owned(out)
    }

    /// A line of free text without the tokens and listed parameters that can be recognised in it.
    #[must_use]
    pub fn line<'t>(&self, text: &'t [u8]) -> Cow<'t, [u8]> {
        if memchr::memchr2(b'?', b'&', text).is_none() && !has_token(text) {
            return Cow::Borrowed(text);
        }
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.iter().position(|b| matches!(b, b'?' | b'&')) {
            let (before, after) = rest.split_at(at + 1);
            push_without_tokens(before, &mut out);
            let end = after.iter().position(|b| ends_parameter(*b)).unwrap_or(after.len());
            let (piece, next) = after.split_at(end);
            self.push_piece(piece, &mut out);
            rest = next;
        }
        push_without_tokens(rest, &mut out);
        Cow::Owned(out)
    }

    /// Appends one `name=value` between two `&`. Some apps split it again at `;` or `?`.
    fn push_piece(&self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        loop {
            let end = rest.iter().position(|b| matches!(b, b';' | b'?')).unwrap_or(rest.len());
            let (pair, next) = rest.split_at(end);
            let (name, value) = split_at_first(pair, b'=');
            if value.is_some() && self.lists(name) {
                // The value may contain these separators: everything up to the next `&` is redacted.
                out.extend_from_slice(name);
                out.push(b'=');
                out.extend_from_slice(REDACTED);
                return;
            }
            if value.is_some_and(|v| self.hides(v)) {
                out.extend_from_slice(name);
                out.push(b'=');
                out.extend_from_slice(REDACTED);
            } else {
                push_without_tokens(pair, out);
            }
            let Some((separator, next)) = next.split_first() else { return };
            out.push(*separator);
            rest = next;
        }
    }

    /// Whether the value is an encoded URL with a secret in its own query.
    fn hides(&self, value: &[u8]) -> bool {
        if !value.contains(&b'%') {
            return false;
        }
        let decoded = decode(value);
        has_token(&decoded)
            || decoded
                .split(|b| matches!(b, b'?' | b'&' | b';' | b'#'))
                .any(|pair| matches!(split_at_first(pair, b'='), (name, Some(_)) if self.lists(name)))
    }

    /// Whether `name`, percent-decoded and without a `[…]` behind it, is listed.
    fn lists(&self, name: &[u8]) -> bool {
        let decoded: Cow<'_, [u8]> =
            if name.contains(&b'%') { Cow::Owned(decode(name)) } else { Cow::Borrowed(name) };
        let (name, _) = split_at_first(&decoded, b'[');
        // PHP drops spaces in front of a name, and decodes `+` to one.
        let start = name.iter().take_while(|b| b.is_ascii_whitespace() || **b == b'+').count();
        let name = name.get(start..).unwrap_or_default().trim_ascii_end();
        self.names.iter().any(|listed| listed.as_bytes().eq_ignore_ascii_case(name))
    }
}

/// The part that may be logged of a target below the gateway's own pages, if something follows it: a code in the wrong place
/// is still valid.
fn loggable_part<'t>(path: &'t [u8], query: Option<&[u8]>) -> Option<&'t [u8]> {
    let start = path.get(..gateway_pages::ENTER.len()).unwrap_or(path);
    let more = query.is_some() || start.len() < path.len();
    (more && may_be_own(path) && gateway_pages::covers(path)).then_some(start)
}

/// Whether a path may be one of the gateway's own pages: a cheap check before the full one.
fn may_be_own(path: &[u8]) -> bool {
    // `g` is the rarest of its letters in either case.
    path.contains(&b'%')
        || memchr::memchr2_iter(b'g', b'G', path).any(|at| {
            let start = at.checked_sub(3);
            let name = start.and_then(|start| path.get(start..start + PAGES.len()));
            name.is_some_and(|name| name.eq_ignore_ascii_case(PAGES))
        })
}

/// Where the authority of a URL begins, as browsers parse it: after a scheme (RFC 3986 §3.1) and any number of slashes, or
/// after two slashes without a scheme. Any other text is taken to begin with its authority.
fn authority_at(address: &[u8]) -> usize {
    let of_scheme = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
    let scheme = match address.iter().position(|b| !of_scheme(b)) {
        Some(end) if end > 0 && address.get(end) == Some(&b':') => end + 1,
        Some(_) | None => 0,
    };
    let rest = address.get(scheme..).unwrap_or_default();
    let slashes = rest.iter().take_while(|b| matches!(b, b'/' | b'\\')).count();
    if slashes > usize::from(scheme == 0) { scheme + slashes } else { 0 }
}

/// Whether a byte ends an authority. Browsers treat a backslash as a slash.
fn is_slash_or_query(byte: &u8) -> bool {
    matches!(byte, b'/' | b'?' | b'\\')
}

fn split_at_first(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(separator, bytes).and_then(|at| bytes.split_at_checked(at)) {
        Some((before, after)) => (before, after.get(1..)),
        None => (bytes, None),
    }
}

fn decode(bytes: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(bytes).collect()
}

fn ends_parameter(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || matches!(byte, b'&' | b'"' | b'\'' | b'`' | b'\\' | b'<' | b'>' | b')' | b',')
}

/// Copies `bytes`, with [`REDACTED`] for everything that looks like a token.
fn push_without_tokens(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while let Some((before, after)) = next_token(rest) {
        out.extend_from_slice(before);
        out.extend_from_slice(REDACTED);
        rest = after;
    }
    if rest.contains(&b'%') && has_token(&decode(rest)) {
        out.extend_from_slice(REDACTED);
    } else {
        out.extend_from_slice(rest);
    }
}

fn has_token(bytes: &[u8]) -> bool {
    next_token(bytes).is_some()
}

/// The bytes before and after the first token: `eyJ` (the base64url of `{"`) and at least two
/// dots (RFC 7515 §3.1, RFC 7516 §3.1), the dots perhaps percent-encoded.
fn next_token(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut from = 0;
    while let Some(at) = token_start(bytes.get(from..)?) {
        let start = from + at;
        let (length, dots) = token_length(bytes.get(start..)?);
        if dots >= 2 {
            return Some((bytes.get(..start)?, bytes.get(start + length..)?));
        }
        from = start + length;
    }
    None
}

/// Where [`START`] is. Its last letter is rare in other text.
fn token_start(bytes: &[u8]) -> Option<usize> {
    let mut ends = memchr::memchr_iter(START[2], bytes);
    ends.find(|end| bytes[..*end].ends_with(&START[..2])).map(|end| end - 2)
}

/// The length of the run of base64url and dots at the start, and the number of its dots.
fn token_length(bytes: &[u8]) -> (usize, usize) {
    let (mut length, mut dots) = (0, 0);
    while let Some(rest) = bytes.get(length..) {
        match rest {
            [b'.', ..] => (length, dots) = (length + 1, dots + 1),
            [b'%', b'2', b'e' | b'E', ..] => (length, dots) = (length + 3, dots + 1),
            [b, ..] if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_') => length += 1,
            _ => break,
        }
    }
    (length, dots)
}

const START: &[u8; 3] = b"eyJ";
/// How the paths of the gateway's own pages begin, behind their slash.
const PAGES: &[u8] = b"stagedoor";
const REDACTED: &[u8] = b"[redacted]";

#[cfg(test)]
mod tests;
