//! Host and path: a path that can be read in two ways is refused, not repaired.
//!
//! Protects the app from requests that it reads in another way than the gateway: dot segments, encoded slashes,
//! backslashes, broken or doubled percent-encoding, host names with user information. Every byte of host and path is the
//! client's choice, and none is trusted. A path that passes is forwarded byte for byte as it was checked: nothing is
//! decoded, cut or lower-cased. Three things are rewritten before the check: bytes that are not ASCII are
//! percent-encoded ([`crate::request`]), empty segments are merged for an app with `slashes = "merge"`, and the dot at the
//! end of a host is removed.
//!
//! Work is linear in the bytes, which the head's caps bound. A path without `%` is judged without
//! allocating; one with `%` is decoded into one buffer of its own length, and only a path that is
//! still encoded after that into a second. Merging `//`, and a dot between a host and its port, cost one more.
//!
//! RFC 3986 §2.1 (percent-encoding), §3.2.2 (host), §3.3 and §5.2.4 (path, dot segments),
//! RFC 9110 §7.2 (Host), RFC 6943 §3.3 (false equality of paths).

mod host;

use std::borrow::Cow;

use crate::denial::{Denial, PathFault};
use crate::path;
use crate::request::Head;

pub use host::{Host, HostFault, HostTable};

/// How one app's paths are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathPolicy {
    /// `case = "exact"`: paths that differ in case are different paths to the app.
    pub exact_case: bool,
    /// `slashes`
    pub slashes: Slashes,
    /// `backslash`
    pub backslash: Backslash,
}

/// `slashes`: how empty segments are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Slashes {
    /// They are matched and forwarded unchanged.
    #[default]
    Keep,
    /// `//` is matched and forwarded as `/`.
    Merge,
}

/// `backslash`: how a backslash in a path is treated, encoded or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backslash {
    /// The path is refused.
    #[default]
    Refuse,
    /// It is a character of its segment. The path is still refused where an app that reads it as a slash would meet
    /// another route.
    Name,
}

/// Evidence: host and path passed the checks of this module.
///
/// Whether every reading of the path meets the same route is decided by [`crate::guard::routes::RoutesPolicy::find`].
#[derive(Clone, Debug)]
pub struct Target<'h> {
    raw: Cow<'h, [u8]>,
    host: Host<'h>,
    judged: PathFindings,
    folded: bool,
}

/// What was found in a path while it was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathFindings {
    /// It holds an encoded slash.
    pub(crate) encoded_slash: bool,
    /// It is UTF-8 when decoded.
    pub(crate) text: bool,
}

impl PathPolicy {
    /// Checks the path, and refuses one that gateway and app could read differently.
    ///
    /// An encoded slash passes here: a route may allow it, so it is checked when the route is found.
    ///
    /// # Errors
    /// [`Denial::AmbiguousPath`] with the fault.
    pub fn normalise<'h>(self, head: &'h Head<'h>, host: Host<'h>) -> Result<Target<'h>, Denial> {
        self.read(Cow::Borrowed(head.target()), host)
    }

    pub(crate) fn read<'h>(self, raw: Cow<'h, [u8]>, host: Host<'h>) -> Result<Target<'h>, Denial> {
        let raw = match self.slashes {
            Slashes::Keep => raw,
            Slashes::Merge => match path::merged(&raw) {
                Cow::Owned(merged) => Cow::Owned(merged),
                Cow::Borrowed(_) => raw,
            },
        };
        let path = without_query(&raw);
        if path.first() != Some(&b'/') {
            return Err(Denial::AmbiguousPath(PathFault::NoLeadingSlash));
        }
        let judged = self.judge(path).map_err(Denial::AmbiguousPath)?;
        let folded = path::is_folded(path, self.exact_case);
        Ok(Target { raw, host, judged, folded })
    }

    /// Checks a path that starts with `/`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn judge(self, path: &[u8]) -> Result<PathFindings, PathFault> {
        if !path::triplets_are_whole(path) {
            return Err(PathFault::PercentEncoding);
        }
        let once = path::decode(path);
        if once.iter().any(u8::is_ascii_control) {
            return Err(PathFault::ControlByte);
        }
        match self.backslash {
            Backslash::Refuse if once.contains(&b'\\') => {
                return Err(PathFault::Backslash);
            }
            // A browser reads the raw one as a slash and the encoded one as a character.
            Backslash::Name if path.contains(&b'\\') && backslashes(&once) != backslashes(path) => {
                return Err(PathFault::MixedBackslashes);
            }
            Backslash::Refuse | Backslash::Name => {}
        }
        let twice = path::decode_leniently(&once);
        if path::has_overlong_form(&once) || path::has_overlong_form(&twice) {
            return Err(PathFault::OverlongForm);
        }
        // Splitting at decoded slashes too: `a%2F..%2Fb` holds a dot segment wherever `%2F` is let through.
        if has_dot_segment(&once) || has_dot_segment(&twice) {
            return Err(PathFault::DotSegment);
        }
        let slashes = |bytes: &[u8]| bytes.iter().filter(|b| **b == b'/').count();
        Ok(PathFindings {
            encoded_slash: matches!(&once, Cow::Owned(decoded) if slashes(decoded) != slashes(path)),
            text: std::str::from_utf8(&once).is_ok(),
        })
    }
}

impl<'h> Target<'h> {
    /// Path and query as they are matched, and byte for byte as they are forwarded.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Whether it differs from what the client sent, because empty segments were merged.
    #[must_use]
    pub fn is_rewritten(&self) -> bool {
        matches!(self.raw, Cow::Owned(_))
    }

    /// Path without the query, as it is matched.
    #[must_use]
    pub fn raw_path(&self) -> &[u8] {
        without_query(&self.raw)
    }

    /// Another path and query of the same host, checked as this one was. `raw` must be visible ASCII.
    ///
    /// # Errors
    /// [`Denial::AmbiguousPath`] with the fault.
    pub(crate) fn beside(&self, raw: Cow<'h, [u8]>, paths: PathPolicy) -> Result<Self, Denial> {
        paths.read(raw, self.host.clone())
    }

    /// Whether `host` belongs to the same app.
    pub(crate) fn shares_app(&self, host: &Host<'_>) -> bool {
        self.host.app() == host.app()
    }

    /// Query without its `?`.
    #[must_use]
    pub fn raw_query(&self) -> Option<&[u8]> {
        let at = self.raw.iter().position(|b| *b == b'?')?;
        self.raw.get(at + 1..)
    }

    /// The host as the client (or its trusted proxy) wrote it, port included, without a dot at its end.
    #[must_use]
    pub fn host(&self) -> &str {
        self.host.name()
    }

    /// The segment at this position, percent-decoded once; `None` if there is none.
    ///
    /// Segments are counted from 0 after the leading slash: `//` holds an empty one.
    /// An app may read another value; see [`Target::segment_is_plain`].
    #[must_use]
    pub fn param(&self, segment: usize) -> Option<Cow<'_, str>> {
        match path::decode(self.segment(segment)?) {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }

    /// Whether every app reads the segment at this position as [`Target::param`] returns it.
    ///
    /// Not so if it is empty, or holds a `;` (some apps cut it there), an encoded slash (some split there) or an encoded
    /// byte that needs no encoding (no honest client sends one). An encoded byte that needs it, such as `%40` or `%20`,
    /// is plain.
    #[must_use]
    pub fn segment_is_plain(&self, segment: usize) -> bool {
        let Some(raw) = self.segment(segment) else { return false };
        let decoded = path::decode(raw);
        !raw.is_empty() && !decoded.contains(&b';') && path::literal(raw) == decoded
    }

    /// What was found while the path was checked.
    pub(crate) fn judged(&self) -> PathFindings {
        self.judged
    }

    /// Whether the path equals its folded form and has no other reading.
    pub(crate) fn is_folded(&self) -> bool {
        self.folded
    }

    fn segment(&self, index: usize) -> Option<&[u8]> {
        self.raw_path().split(|b| *b == b'/').nth(index.checked_add(1)?)
    }
}

fn backslashes(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\\').count()
}

fn without_query(raw: &[u8]) -> &[u8] {
    raw.split(|b| *b == b'?').next().unwrap_or_default()
}

/// Whether a segment, cut at its first `;`, is `.` or `..`.
fn has_dot_segment(path: &[u8]) -> bool {
    path.split(|b| matches!(b, b'/' | b'\\'))
        .filter_map(|segment| segment.split(|b| *b == b';').next())
        .any(|name| matches!(name, b"." | b".."))
}

#[cfg(test)]
pub(crate) mod tests;
