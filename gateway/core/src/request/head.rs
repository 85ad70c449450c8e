//! The head of a request, after its syntax was checked.

use std::borrow::Cow;

use super::message::{Field, Protocol, RequestBody, Scheme};

/// The head of one request, with checked syntax, whatever protocol brought it.
///
/// Names and values borrow the connection's buffer. Only `HeadBuilder` makes one, and it checks every part.
/// Trust: syntax only. Nothing in it is authenticated, and every value is the client's choice.
#[derive(Clone, Debug)]
pub struct Head<'a> {
    pub(super) method: &'a str,
    pub(super) target: Cow<'a, [u8]>,
    pub(super) host: &'a str,
    pub(super) scheme: Scheme,
    pub(super) protocol: Protocol,
    pub(super) fields: Vec<Field<'a>>,
    pub(super) body: RequestBody,
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

    /// The authority, with its port where one was sent: the one `Host`, or what the target names, which must equal it. Not
    /// empty.
    #[must_use]
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The scheme of the connection; a target that names a scheme names this one.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The protocol that brought the request.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// All fields in their order, hop-by-hop ones included.
    #[must_use]
    pub fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// The body that is announced.
    #[must_use]
    pub fn body(&self) -> RequestBody {
        self.body
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
