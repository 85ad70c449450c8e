//! The list of readings of a path: every path that an app may see in the one that it is sent.
//!
//! Every guard that compares paths uses this list and no other. Servers differ in three points before they compare a
//! path. The start: RFC 3986 §3.3 reads what follows a leading `//` as an authority, and so do parsers that are given
//! the target of a request. The end: a server that decodes before it looks for the query ends the path at an encoded `?`,
//! and one that looks for a fragment at an encoded `#`. The segments: some servers also split at an encoded slash or at
//! a backslash. A reading is one combination of these. It is compared as it is written and in its folded form;
//! a reading in which a segment begins with `;` has one more folded form.
//!
//! Bounds: at most [`MAX`] readings, each a part of the same bytes. A path without any of these marks has one.

use std::borrow::Cow;

use super::{KEPT, SLASH, decode, is_unreserved, lower_case, rewrite};

/// One reading of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading<'p> {
    /// Still encoded. Starts with a slash, or with what this reading takes for one.
    path: &'p [u8],
    separators: Separators,
    cause: Cause,
}

/// What ends a segment, besides the slash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Separators {
    /// `%2F`
    encoded_slash: bool,
    /// `\` and `%5C`
    backslash: bool,
}

/// Why a reading differs from the path as it is written, apart from folding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It does not differ.
    Written,
    /// Segments end at an encoded slash, and nothing else is read in another way.
    EncodedSlash,
    /// Segments end at a backslash.
    Backslash,
    /// It ends at an encoded `?` or `#`.
    Cut,
    /// What follows a leading `//` is an authority.
    Authority,
}

/// All readings of a path, the one as written first. The path starts with `/`, has no raw `?` or `#`, and every `%`
/// in it has two hexadecimal digits.
pub(crate) fn readings(path: &[u8]) -> Vec<Reading<'_>> {
    let mut all = Vec::with_capacity(1);
    for separators in Separators::of(path) {
        let mut add = |path, cause| {
            if !all.iter().any(|known: &Reading<'_>| known.path == path && known.separators == separators) {
                all.push(Reading { path, separators, cause });
            }
        };
        let apart = match (separators.backslash, separators.encoded_slash) {
            (true, _) => Cause::Backslash,
            (false, true) => Cause::EncodedSlash,
            (false, false) => Cause::Written,
        };
        add(path, apart);
        for cut in cuts(path) {
            add(cut, Cause::Cut);
            for rest in after_authority(cut, separators) {
                add(rest, Cause::Authority);
            }
        }
        for rest in after_authority(path, separators) {
            add(rest, Cause::Authority);
            for cut in cuts(rest) {
                add(cut, Cause::Authority);
            }
        }
    }
    all
}

impl<'p> Reading<'p> {
    /// The path as it is written.
    pub(crate) fn written(path: &'p [u8]) -> Self {
        Self { path, separators: Separators::WRITTEN, cause: Cause::Written }
    }

    /// Why it differs from the path as written.
    pub(crate) fn cause(self) -> Cause {
        self.cause
    }

    /// Whether it ends segments at an encoded slash, and at no backslash.
    pub(crate) fn parts_at_encoded_slash_alone(self) -> bool {
        self.separators.encoded_slash && !self.separators.backslash
    }

    /// The form in which it is compared with the literals of patterns: see [`super::literal`].
    pub(crate) fn literal(self) -> Cow<'p, [u8]> {
        let separators = self.separators;
        let form = rewrite(self.path, |byte, out| match byte {
            b'/' => out.push(if separators.encoded_slash { b'/' } else { SLASH }),
            byte if is_unreserved(byte) => out.extend([KEPT, byte]),
            byte => out.push(byte),
        });
        if separators.backslash && form.contains(&b'\\') {
            return Cow::Owned(form.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect());
        }
        form
    }

    /// The widest reading of each segment: decoded, lower case unless `exact_case`, cut at its first `;`; empty
    /// segments dropped. The result has no leading slash.
    pub(crate) fn folded(self, exact_case: bool) -> Vec<u8> {
        self.fold(exact_case, InvalidBytes::Kept, ParametersOnly::Dropped)
    }

    /// The same for an app to which `/;//a` has a segment `;` and no empty one; `None` where no segment begins with `;`.
    pub(crate) fn folded_with_bare_parameters(self, exact_case: bool) -> Option<Vec<u8>> {
        let bare = |segment: &[u8]| segment.first() == Some(&b';');
        self.segments(&self.decoded())
            .any(bare)
            .then(|| self.fold(exact_case, InvalidBytes::Kept, ParametersOnly::Kept))
    }

    /// The same for an app that drops what is not UTF-8; `None` where there is nothing to drop.
    pub(crate) fn folded_without_strays(self, exact_case: bool) -> Option<Vec<u8>> {
        if std::str::from_utf8(&decode(self.path)).is_ok() {
            return None;
        }
        Some(self.fold(exact_case, InvalidBytes::Dropped, ParametersOnly::Dropped))
    }

    /// Whether the first segment that names anything is `name` once folded without regard to case, for an app that
    /// keeps what is not UTF-8 or for one that drops it. Looks no further than that segment.
    pub(crate) fn begins_with(self, name: &[u8]) -> bool {
        [InvalidBytes::Kept, InvalidBytes::Dropped].into_iter().any(|invalid_bytes| {
            let mut rest = self.path;
            while let Some((segment, after)) = next_segment(rest, self.separators) {
                let decoded = decode(segment);
                let named = invalid_bytes.of(without_parameters(&decoded));
                if !named.is_empty() {
                    let mut lower = Vec::with_capacity(named.len());
                    lower_case(&named, &mut lower);
                    return lower == name;
                }
                rest = after;
            }
            false
        })
    }

    /// The segment at this position, decoded; segments that name nothing are not counted.
    pub(crate) fn segment(self, index: usize) -> Option<Vec<u8>> {
        let decoded = self.decoded();
        let mut named = self.segments(&decoded).filter(|segment| !names_nothing(segment));
        named.nth(index).map(<[u8]>::to_vec)
    }

    fn fold(self, exact_case: bool, invalid_bytes: InvalidBytes, bare: ParametersOnly) -> Vec<u8> {
        let decoded = self.decoded();
        let mut folded = Vec::with_capacity(decoded.len());
        for segment in self.segments(&decoded) {
            let mut name = invalid_bytes.of(without_parameters(segment));
            if name.is_empty() {
                match bare {
                    ParametersOnly::Kept if !segment.is_empty() => name = Cow::Borrowed(segment),
                    ParametersOnly::Kept | ParametersOnly::Dropped => continue,
                }
            }
            if !folded.is_empty() {
                folded.push(b'/');
            }
            if exact_case {
                folded.extend_from_slice(&name);
            } else {
                lower_case(&name, &mut folded);
            }
        }
        folded
    }

    /// Decoded once; an encoded slash that ends no segment is [`SLASH`].
    fn decoded(self) -> Cow<'p, [u8]> {
        let separators = self.separators;
        rewrite(self.path, |byte, out| match byte {
            b'/' if !separators.encoded_slash => out.push(SLASH),
            byte => out.push(byte),
        })
    }

    /// The segments of what [`Self::decoded`] made.
    fn segments(self, decoded: &[u8]) -> impl Iterator<Item = &[u8]> {
        decoded.split(move |byte| *byte == b'/' || (self.separators.backslash && *byte == b'\\'))
    }
}

impl Separators {
    const WRITTEN: Self = Self { encoded_slash: false, backslash: false };

    /// Every combination for which the path holds something, none first.
    fn of(path: &[u8]) -> impl Iterator<Item = Self> {
        let slash = triplet_at(path, b'/').is_some();
        let backslash = path.contains(&b'\\') || triplet_at(path, b'\\').is_some();
        [(false, false), (true, false), (false, true), (true, true)]
            .into_iter()
            .filter(move |(s, b)| (slash || !s) && (backslash || !b))
            .map(|(encoded_slash, backslash)| Self { encoded_slash, backslash })
    }

    /// How many bytes of the separator stand in front; none if no separator does.
    fn separator(self, path: &[u8]) -> Option<usize> {
        match path {
            [b'/', ..] => Some(1),
            [b'\\', ..] if self.backslash => Some(1),
            [b'%', b'2', b'f' | b'F', ..] if self.encoded_slash => Some(3),
            [b'%', b'5', b'c' | b'C', ..] if self.backslash => Some(3),
            _ => None,
        }
    }
}

/// Whether bytes that are not UTF-8 are kept.
#[derive(Clone, Copy)]
enum InvalidBytes {
    Kept,
    Dropped,
}

impl InvalidBytes {
    fn of(self, name: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Kept => Cow::Borrowed(name),
            Self::Dropped => Cow::Owned(name.utf8_chunks().flat_map(|chunk| chunk.valid().bytes()).collect()),
        }
    }
}

/// Whether a segment is kept that is empty without its parameters.
#[derive(Clone, Copy)]
enum ParametersOnly {
    Kept,
    Dropped,
}

/// A decoded segment up to its first `;`.
fn without_parameters(segment: &[u8]) -> &[u8] {
    segment.split(|byte| *byte == b';').next().unwrap_or_default()
}

/// The path up to its first encoded `?`, and up to its first encoded `#`. One that ends at either is one of these.
fn cuts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    [b'?', b'#'].into_iter().filter_map(|mark| path.get(..triplet_at(path, mark)?))
}

/// What follows the authority of a path that starts with two slashes: by RFC 3986, where it may be empty, and by the
/// WHATWG's URL standard, where further slashes are skipped; also where parameters of an empty segment hide a slash.
fn after_authority(path: &[u8], separators: Separators) -> impl Iterator<Item = &[u8]> {
    let first = next_segment(path, separators).filter(|(name, _)| names_nothing(name)).map(|(_, rest)| rest);
    let strict = first.map(|rest| next_segment(rest, separators).map_or(ROOT, |(_, rest)| rest));
    let lenient = HIDDEN.into_iter().filter_map(move |skips| {
        let mut rest = first?;
        loop {
            match next_segment(rest, separators) {
                Some((name, after)) if skips(name) => rest = after,
                Some((_, after)) => break Some(after),
                None => break Some(ROOT),
            }
        }
    });
    strict.into_iter().chain(lenient).map(|rest| if rest.is_empty() { ROOT } else { rest })
}

/// The segment behind the separator in front, and what follows it; `None` at the end.
fn next_segment(path: &[u8], separators: Separators) -> Option<(&[u8], &[u8])> {
    let tail = path.get(separators.separator(path)?..)?;
    let end =
        (0..tail.len()).find(|at| tail.get(*at..).is_some_and(|rest| separators.separator(rest).is_some()));
    Some(tail.split_at(end.unwrap_or(tail.len())))
}

/// A segment that is empty once its parameters are cut off.
fn names_nothing(segment: &[u8]) -> bool {
    matches!(segment, [] | [b';', ..] | [b'%', b'3', b'b' | b'B', ..])
}

/// Where the first `%XX` of this byte stands.
fn triplet_at(path: &[u8], byte: u8) -> Option<usize> {
    path.windows(3).position(|three| super::triplet(three).is_some_and(|(decoded, _)| decoded == byte))
}

const ROOT: &[u8] = b"/";

/// Which segments count as empty between two slashes.
const HIDDEN: [fn(&[u8]) -> bool; 2] = [names_nothing, <[u8]>::is_empty];

/// The most readings that a path can have: four combinations of what separates its segments, in each the path itself, two
/// cuts, the three authorities of these three, and two cuts of each of the path's own three.
#[cfg(test)]
const MAX: usize = 4 * (3 + 9 + 6);

/// Folds a path as it is written: see [`Reading::folded`].
pub(crate) fn fold(path: &[u8], exact_case: bool) -> Vec<u8> {
    Reading::written(path).folded(exact_case)
}

#[cfg(test)]
mod tests;
