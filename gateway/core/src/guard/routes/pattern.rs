//! The `match` of a route: a method and a path with parameters.

mod fault;
mod foreign;

use std::fmt::Write as _;

pub use fault::PatternFault;

use super::trie::PatternStep;
use crate::path;
use crate::path::readings::fold;

/// `METHOD /path` of a `match`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    /// `None` is `*`.
    method: Option<String>,
    segments: Vec<Segment>,
}

/// What stands between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// As written.
    Literal(String),
    /// `{name}`
    Param(String),
    /// `{*name}`
    Rest(String),
}

impl Pattern {
    /// Parses `GET /api/{id}/x` or `* /admin/{*rest}`.
    ///
    /// `{name}` stands for one whole segment that is not empty; `{*name}` comes last and stands for
    /// whatever follows, or nothing. Other segments are literal: `%XX` of a byte that needs encoding is
    /// the same as the byte.
    ///
    /// # Errors
    /// What is wrong, and how to mend it.
    pub fn parse(text: &str) -> Result<Self, PatternFault> {
        let text = text.trim();
        let Some((method, path)) = text.split_once(' ').filter(|(method, _)| !method.starts_with('/')) else {
            let path = if text.starts_with('/') { text } else { "/path" };
            return fault(
                format!("a method and a path are expected, not `{text}`"),
                format!("write `GET {path}`, or `* {path}` for every method"),
            );
        };
        let path = path.trim_start();
        let named = method;
        let method = parse_method(method, path)?;
        let parses = |path: &str| Self::parse(&format!("GET {path}")).is_ok();
        if let Some(fault) = foreign::fault(named, path, parses) {
            return Err(fault);
        }
        let Some(tail) = path.strip_prefix('/') else {
            return fault(
                format!("the path does not start with a slash: `{path}`"),
                format!("write `/{path}`"),
            );
        };
        if let Some(mark) = path.chars().find(|c| matches!(c, '?' | '#' | '\\') || c.is_control()) {
            return fault(
                format!("a path holds no `{}`", mark.escape_default()),
                "a match is a method and a path; the query does not choose the route".to_owned(),
            );
        }
        let mut segments = Vec::new();
        for part in tail.split('/') {
            if let Some(Segment::Rest(name)) = segments.last() {
                return fault(format!("something follows `{{*{name}}}`"), "put it last".to_owned());
            }
            let segment = Segment::parse(part)?;
            if let Some(name) = segment.name()
                && segments.iter().any(|other: &Segment| other.name() == Some(name))
            {
                return fault(format!("two parameters have the name `{name}`"), "rename one".to_owned());
            }
            segments.push(segment);
        }
        Ok(Self { text: text.to_owned(), method, segments })
    }

    /// The names of its parameters with the segment each stands at, counted from 0; `{*name}` last.
    #[must_use]
    pub fn params(&self) -> Vec<(String, usize)> {
        let named = self.segments.iter().enumerate();
        named.filter_map(|(at, segment)| Some((segment.name()?.to_owned(), at))).collect()
    }

    /// The pattern as written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The path as written, parameters included.
    #[must_use]
    pub fn path(&self) -> &str {
        self.text.split_once(' ').map_or("", |(_, path)| path.trim_start())
    }

    /// Whether the method is one that servers know: the registry of HTTP methods, and what WebDAV, UPnP and caches add.
    #[must_use]
    pub fn method_is_known(&self) -> bool {
        self.method.as_deref().is_none_or(|method| METHODS.contains(&method))
    }

    /// The method; `None` for `*`.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        self.method.as_deref()
    }

    /// The steps of the path as written.
    pub(super) fn literal_steps(&self) -> impl Iterator<Item = PatternStep> {
        self.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => PatternStep::Literal(path::literal(text.as_bytes()).into()),
            Segment::Param(_) => PatternStep::Param,
            Segment::Rest(_) => PatternStep::Rest,
        })
    }

    /// The steps of the folded path.
    pub(super) fn folded_steps(&self, exact_case: bool) -> impl Iterator<Item = PatternStep> {
        self.segments.iter().filter_map(move |segment| match segment {
            Segment::Literal(text) => {
                let folded = fold(text.as_bytes(), exact_case);
                (!folded.is_empty()).then(|| PatternStep::Literal(folded.into()))
            }
            Segment::Param(_) => Some(PatternStep::Param),
            Segment::Rest(_) => Some(PatternStep::Rest),
        })
    }

    /// Raw paths that match it.
    pub(super) fn examples(&self, sample: &Sample) -> Vec<Vec<u8>> {
        let mut path = String::new();
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => {
                    path.push('/');
                    encode(text, &mut path);
                }
                Segment::Param(_) => {
                    let _ = write!(path, "/{}", sample.segment);
                }
                Segment::Rest(_) => {
                    let deeper = format!("{path}/{0}/{0}", sample.segment);
                    let bare = if path.is_empty() { "/".to_owned() } else { path };
                    return vec![deeper.into_bytes(), bare.into_bytes()];
                }
            }
        }
        vec![path.into_bytes()]
    }
}

impl Segment {
    fn parse(part: &str) -> Result<Self, PatternFault> {
        if let Some(inner) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            let (name, rest) = inner.strip_prefix('*').map_or((inner, false), |name| (name, true));
            let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if name.is_empty() || !name.chars().all(legal) {
                return fault(
                    format!("a parameter needs a name of letters, digits, `_` and `-`: `{part}`"),
                    "write `{id}`, or `{*rest}` for all that follows".to_owned(),
                );
            }
            return Ok(if rest { Self::Rest(name.to_owned()) } else { Self::Param(name.to_owned()) });
        }
        if part.contains(['{', '}']) {
            return fault(
                format!("a parameter is a whole segment: `{part}`"),
                "put slashes around it, or write a literal brace as `%7B` or `%7D`".to_owned(),
            );
        }
        if !path::triplets_are_whole(part.as_bytes()) {
            return fault(
                format!("a `%` without two hexadecimal digits: `{part}`"),
                "write a literal percent sign as `%25`".to_owned(),
            );
        }
        let decoded = path::decode(part.as_bytes());
        let Ok(decoded_text) = std::str::from_utf8(&decoded) else {
            return fault(
                format!("the path is not UTF-8 when decoded: `{part}`"),
                "encode it as UTF-8".to_owned(),
            );
        };
        if decoded_text.contains(|c: char| c.is_ascii_control() || c == '\\') {
            return fault(
                format!("an encoded control character or backslash: `{part}`"),
                "such requests are always refused; leave it out".to_owned(),
            );
        }
        if has_needless_encoding(part.as_bytes()) {
            return fault(
                format!("an encoded character that needs no encoding: `{part}`"),
                format!("write `{decoded_text}`"),
            );
        }
        Ok(Self::Literal(part.to_owned()))
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Param(name) | Self::Rest(name) => Some(name),
        }
    }
}

fn parse_method(method: &str, path: &str) -> Result<Option<String>, PatternFault> {
    if method == "*" {
        return Ok(None);
    }
    if is_method(method) {
        return Ok(Some(method.to_owned()));
    }
    let upper = method.to_ascii_uppercase();
    let meant: Vec<&str> = upper.split([',', '|', '+', '/']).filter(|one| !one.is_empty()).collect();
    let hint = match meant.as_slice() {
        several if several.is_empty() || !several.iter().all(|one| is_method(one)) => {
            "write `*` for every method, or one, such as `GET`; several are several entries".to_owned()
        }
        [one] => format!("write `{one}`, or `*` for every method"),
        several => {
            let entries: Vec<String> = several.iter().map(|one| format!("\"{one} {path}\"")).collect();
            format!("write match = [{}], or `*` for every method", entries.join(", "))
        }
    };
    fault(format!("a method is one to 32 upper-case letters or hyphens, not `{method}`"), hint)
}

/// Methods that servers are known to have: the IANA registry, Exchange's WebDAV, UPnP, Icecast and caches.
pub const METHODS: &[&str] = &[
    "ACL",
    "BASELINE-CONTROL",
    "BCOPY",
    "BDELETE",
    "BIND",
    "BMOVE",
    "BPROPFIND",
    "BPROPPATCH",
    "CHECKIN",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LABEL",
    "LINK",
    "LOCK",
    "M-SEARCH",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "NOTIFY",
    "OPTIONS",
    "ORDERPATCH",
    "PATCH",
    "POLL",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "TRACE",
    "TRACK",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];

fn is_method(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
}

/// An encoded unreserved character matches no literal, so a pattern with one would never be met.
fn has_needless_encoding(part: &[u8]) -> bool {
    path::literal(part).contains(&path::KEPT)
}

/// Writes a literal as a client sends it: encoded where a request line could not hold it.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'`') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn fault<T>(message: String, hint: String) -> Result<T, PatternFault> {
    Err(PatternFault { message, hint })
}

/// A segment and a method that no pattern names, to make requests of.
pub(super) struct Sample {
    segment: String,
    method: String,
}

impl Sample {
    pub(super) fn beside<'p>(patterns: impl Iterator<Item = &'p Pattern> + Clone) -> Self {
        let mut sample = Self { segment: "sample".to_owned(), method: "SAMPLE".to_owned() };
        while patterns.clone().any(|pattern| pattern.text.to_lowercase().contains(&sample.segment)) {
            sample.segment.push('~');
        }
        while sample.method.len() < 32
            && patterns.clone().any(|pattern| pattern.method() == Some(&sample.method))
        {
            sample.method.push('X');
        }
        sample
    }

    pub(super) fn method(&self) -> &str {
        &self.method
    }
}
