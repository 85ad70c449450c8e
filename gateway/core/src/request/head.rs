//! The head of a request, after its syntax was checked.

use std::borrow::Cow;

use super::message::{Field, Framing, Version};

/// The head of one request, with checked syntax.
///
/// Names and values borrow the connection's buffer. Only [`super::HeadBuilder`] makes one, and it checks every part.
/// Trust: syntax only. Nothing in it is authenticated, and every value is the client's choice.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    pub(super) method: &'a str,
    pub(super) target: Cow<'a, [u8]>,
    pub(super) host: &'a str,
    pub(super) version: Version,
    pub(super) fields: Vec<Field<'a>>,
    pub(super) framing: Framing,
    pub(super) keep_alive: bool,
    pub(super) expects_continue: bool,
    pub(super) length: usize,
}

impl<'a> Head<'a> {
    /// The method: `[A-Z-]{1,32}`, never CONNECT, TRACE or TRACK; see [`super::syntax::judge_method`].
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// Path and query in origin form; an absolute form loses its scheme and authority. Bytes that a client sent raw and
    /// that servers read in several ways are percent-encoded. Starts with `/`; visible ASCII, no `#`.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        &self.target
    }

    /// The one `Host` (or the authority of an absolute form, which must equal it), not empty.
    #[must_use]
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The protocol version.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// All fields in their order, hop-by-hop ones included.
    #[must_use]
    pub fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// How the body is delimited.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether the client wants to reuse the connection.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        self.keep_alive
    }

    /// Whether the client sent `Expect: 100-continue`.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Bytes of the buffer that the head took, its last CRLF included.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// All values of the field `name` (compared without case), in order.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |f| f.name.eq_ignore_ascii_case(name)).map(|f| f.value)
    }

    /// The first value of the field `name`.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The only value of the field `name`, as visible text; `None` if absent, repeated or not UTF-8.
    #[must_use]
    pub fn sole_text(&self, name: &str) -> Option<&'a str> {
        let mut all = self.all(name);
        let value = all.next()?;
        if all.next().is_some() {
            return None;
        }
        std::str::from_utf8(value).ok()
    }

    /// Whether the field `name` is there at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// Whether a comma-separated list field holds `token` (compared without case).
    #[must_use]
    pub fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name).any(|value| {
            value.split(|b| *b == b',').any(|t| t.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
        })
    }

    /// Path without the query, still encoded.
    #[must_use]
    pub fn raw_path(&self) -> &[u8] {
        self.target.split(|b| *b == b'?').next().unwrap_or_default()
    }

    /// Query without its `?`, still encoded.
    #[must_use]
    pub fn raw_query(&self) -> Option<&[u8]> {
        let at = self.target.iter().position(|b| *b == b'?')?;
        self.target.get(at + 1..)
    }

    /// Whether the client asks for a WebSocket: `Connection` names `upgrade`, and `Upgrade` lists the protocol
    /// `websocket`, alone or among others (RFC 9110 §7.8). Any other offer is dropped, and the request is plain HTTP.
    #[must_use]
    pub fn asks_websocket(&self) -> bool {
        let is_it = |protocol: &[u8]| {
            let name = protocol.split(|b| *b == b'/').next().unwrap_or_default();
            name.trim_ascii().eq_ignore_ascii_case(b"websocket")
        };
        self.all("upgrade").any(|value| value.split(|b| *b == b',').any(is_it))
            && self.lists("connection", "upgrade")
    }
}
