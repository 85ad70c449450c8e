//! Canonical host and path: what can be read in two ways is refused, not repaired.
//!
//! Protects the app from requests that mean one thing to the gateway and another to it: dot
//! segments, encoded slashes, backslashes, broken or doubled percent-encoding, host names with user
//! information. Every byte of host and path is the client's choice and none is trusted. What passes
//! is forwarded byte for byte: nothing is decoded, cut or lower-cased on the way.
//!
//! Work is linear in the bytes, which the head's caps bound. A path without `%` is judged without
//! allocating; one with `%` is decoded into one buffer of its own length, and only a path that is
//! still encoded after that into a second. A host is found without allocating.
//!
//! RFC 3986 §2.1 (percent-encoding), §3.2.2 (host), §3.3 and §5.2.4 (path, dot segments),
//! RFC 9110 §7.2 (Host), RFC 6943 §3.3 (false equality of paths).

mod host;

use std::borrow::Cow;

use crate::denial::Denial;
use crate::path;
use crate::request::Head;

pub use host::{Host, HostFault, HostTable};

/// How one app's paths are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathPolicy {
    /// `case = "exact"`: paths that differ in case are different paths to the app.
    pub exact_case: bool,
}

/// Evidence: the path can be read in one way only.
///
/// It is not yet known to meet the same route in its folded form; only
/// [`crate::guard::routes::RoutesPolicy::find`] can tell.
#[derive(Clone, Debug)]
pub struct Target<'h> {
    raw: &'h [u8],
    host: Host<'h>,
    encoded_slash: bool,
    folded: bool,
}

impl PathPolicy {
    /// Reads the path once and refuses what gateway and app could read differently.
    ///
    /// An encoded slash passes here, because a route may allow it, and is judged when the route is
    /// found.
    ///
    /// # Errors
    /// [`Denial::AmbiguousPath`] with the fault.
    pub fn normalise<'h>(self, head: &'h Head<'h>, host: Host<'h>) -> Result<Target<'h>, Denial> {
        self.read(head.target(), host)
    }

    pub(crate) fn read<'h>(self, raw: &'h [u8], host: Host<'h>) -> Result<Target<'h>, Denial> {
        let path = without_query(raw);
        if path.first() != Some(&b'/') {
            return Err(Denial::AmbiguousPath("the path does not start with a slash"));
        }
        let encoded_slash = judge(path)?;
        let folded = path::is_folded(path, self.exact_case);
        Ok(Target { raw, host, encoded_slash, folded })
    }
}

impl<'h> Target<'h> {
    /// Path and query byte for byte as received, and as forwarded.
    #[must_use]
    pub fn raw(&self) -> &'h [u8] {
        self.raw
    }

    /// Path without the query, as received.
    #[must_use]
    pub fn raw_path(&self) -> &'h [u8] {
        without_query(self.raw)
    }

    /// Another path and query of the same host, which must be visible ASCII or bytes above 0x7F, read as this one was.
    ///
    /// # Errors
    /// [`Denial::AmbiguousPath`] with the fault.
    pub(crate) fn beside(&self, raw: &'h [u8], paths: PathPolicy) -> Result<Self, Denial> {
        paths.read(raw, self.host.clone())
    }

    /// Whether this is the host's app.
    pub(crate) fn shares_app(&self, host: &Host<'_>) -> bool {
        self.host.app() == host.app()
    }

    /// Query without its `?`, as received.
    #[must_use]
    pub fn raw_query(&self) -> Option<&'h [u8]> {
        let at = self.raw.iter().position(|b| *b == b'?')?;
        self.raw.get(at + 1..)
    }

    /// The host as the client (or its trusted proxy) wrote it, port included.
    #[must_use]
    pub fn host(&self) -> &'h str {
        self.host.name()
    }

    /// The segment at this position, percent-decoded once; `None` if there is none.
    ///
    /// Segments are counted from 0 after the leading slash, as received: `//` holds an empty one.
    /// The app may read less of it than stands there; see [`Target::segment_is_plain`].
    #[must_use]
    pub fn param(&self, segment: usize) -> Option<Cow<'h, str>> {
        match path::decode(self.segment(segment)?) {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }

    /// Whether every app reads the segment at this position as [`Target::param`] tells it.
    ///
    /// Not so if it is empty, holds a `;` (some apps cut it there), an encoded slash (some split
    /// there), or an encoded byte that needs no encoding (no honest client sends it). An encoded byte
    /// that does, such as `%40` or `%20`, is plain; case does not matter.
    #[must_use]
    pub fn segment_is_plain(&self, segment: usize) -> bool {
        let Some(raw) = self.segment(segment) else { return false };
        let decoded = path::decode(raw);
        !raw.is_empty() && !decoded.contains(&b';') && path::literal(raw) == decoded
    }

    /// An encoded slash stands in the path.
    pub(crate) fn has_encoded_slash(&self) -> bool {
        self.encoded_slash
    }

    /// The path equals its folded form under the policy that normalised it.
    pub(crate) fn is_folded(&self) -> bool {
        self.folded
    }

    fn segment(&self, index: usize) -> Option<&'h [u8]> {
        self.raw_path().split(|b| *b == b'/').nth(index.checked_add(1)?)
    }
}

fn without_query(raw: &[u8]) -> &[u8] {
    raw.split(|b| *b == b'?').next().unwrap_or_default()
}

/// Judges a path that starts with `/`; tells whether an encoded slash stands in it.
///
/// # Errors
/// [`Denial::AmbiguousPath`] with the fault.
pub(crate) fn judge(path: &[u8]) -> Result<bool, Denial> {
    if !path::triplets_are_whole(path) {
        return Err(Denial::AmbiguousPath("a `%` without two hexadecimal digits"));
    }
    let once = path::decode(path);
    if once.iter().any(u8::is_ascii_control) {
        return Err(Denial::AmbiguousPath("a control byte in the path"));
    }
    if once.contains(&b'\\') {
        return Err(Denial::AmbiguousPath("a backslash in the path"));
    }
    if std::str::from_utf8(&once).is_err() {
        return Err(Denial::AmbiguousPath("the path is not UTF-8"));
    }
    // Splitting at decoded slashes too: `a%2F..%2Fb` holds a dot segment wherever `%2F` is let through.
    if has_dot_segment(&once) || has_dot_segment(&path::decode_leniently(&once)) {
        return Err(Denial::AmbiguousPath("a dot segment in the path"));
    }
    let slashes = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'/').count();
    Ok(matches!(&once, Cow::Owned(decoded) if slashes(decoded) != slashes(path)))
}

/// Whether a segment, cut at its first `;`, is `.` or `..`.
fn has_dot_segment(path: &[u8]) -> bool {
    path.split(|b| matches!(b, b'/' | b'\\'))
        .filter_map(|segment| segment.split(|b| *b == b';').next())
        .any(|name| matches!(name, b"." | b".."))
}

#[cfg(test)]
pub(crate) mod tests;
