//! Names of fields: how spellings of one name are compared, and which names the gateway treats specially.
//!
//! This module holds every list of field names, and no other module compares spellings: the writer of requests to the
//! app, the carriers of tokens, `identity.*` and `headers.*` use it. CGI, WSGI, PHP and Rack turn every byte of a name
//! that is no letter or digit into `_`. `X_Auth_User`, `x-auth-user` and `X.Auth.User` are one variable there, so they
//! are one name here.
//!
//! Trust: a name is the client's choice. Bounds: [`meaning`] compares a name with the listed ones that
//! its length and three of its bytes leave, and allocates nothing. RFC 3875 §4.1.18 (CGI), RFC 9110 §5.1 and §7.6.1.

mod index;
mod known;
mod meaning;

pub use meaning::Meaning;

use index::fold;
use known::{STARTS, WHOLE};

/// What the request field `name` means, in any case and spelling.
#[must_use]
pub fn meaning(name: &str) -> Meaning {
    let candidates = index::whole(name.as_bytes()).iter().filter_map(|place| WHOLE.get(usize::from(*place)));
    for (known, meaning) in candidates {
        if known.len() == name.len() && begins_folded(name, known) {
            return *meaning;
        }
    }
    let (from, to) = index::starts(name.as_bytes());
    let candidates = STARTS.get(from..to).unwrap_or_default();
    let found = candidates.iter().find(|(start, _)| begins_folded(name, start));
    found.map_or(Meaning::Plain, |(_, meaning)| *meaning)
}

/// Whether only the gateway may write the response field `name`.
#[must_use]
pub fn is_of_our_answers(name: &str) -> bool {
    match meaning(name) {
        Meaning::HopByHop | Meaning::Framing => true,
        Meaning::Written => same(name, "x-request-id"),
        // It marks an answer as a refusal of the gateway.
        Meaning::Plain => same(name, "x-stagedoor-code"),
        Meaning::Message | Meaning::Httpoxy | Meaning::Identity | Meaning::Routing => false,
    }
}

/// Whether the field `name`, in lower case, describes a connection of HTTP/1, so that HTTP/2 has none (RFC 9113 §8.2.2). A
/// gateway that wrote them to an app would let a client choose how the next message is read. `TE` is not among them: a
/// request of HTTP/2 may have it.
#[must_use]
pub fn is_of_http1(name: &str) -> bool {
    matches!(name, "connection" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade")
}

/// Whether two names are the same to an app that folds them.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && begins(a, b)
}

/// Whether `name`, folded, begins with `start`, folded.
fn begins(name: &str, start: &str) -> bool {
    name.len() >= start.len() && name.bytes().zip(start.bytes()).all(|(a, b)| fold(a) == fold(b))
}

/// As [`begins`], for a `start` that is folded already.
fn begins_folded(name: &str, start: &str) -> bool {
    name.len() >= start.len() && name.bytes().zip(start.bytes()).all(|(a, b)| fold(a) == b)
}

/// A name, or all names that begin in one way: `x-told`, `x-told-*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NamePattern {
    /// This one name.
    Whole(Box<str>),
    /// Every name that begins so; the names that have nothing behind it too.
    Start(Box<str>),
}

impl NamePattern {
    /// Reads `NAME` or `START*`; the folded form is kept. `None` where it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, is_start) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (text, false),
        };
        let sound = name.bytes().any(|b| b.is_ascii_alphanumeric()) && name.bytes().all(is_name_byte);
        let folded: Box<str> = name.bytes().map(|byte| char::from(fold(byte))).collect::<String>().into();
        sound.then_some(if is_start { Self::Start(folded) } else { Self::Whole(folded) })
    }

    /// Whether `name` is meant, in any case and spelling.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self {
            Self::Whole(whole) => same(name, whole),
            Self::Start(start) => begins(name, start),
        }
    }
}

impl std::fmt::Display for NamePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(name) => f.write_str(name),
            Self::Start(start) => write!(f, "{start}*"),
        }
    }
}

/// A byte of a token (RFC 9110 §5.6.2) other than `*`, which stands for more here.
fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&byte)
}

#[cfg(test)]
pub(crate) mod tests;
