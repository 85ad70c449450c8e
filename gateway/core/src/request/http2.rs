//! The head of an HTTP/2 request, from its pseudo-header fields and its fields.
//!
//! It is checked as strictly as that of HTTP/1.1, by the same constructor, and has the same caps; whatever reads the frames
//! has to stop before it has stored more. Bounds: one pass over the fields, and none after a cap is passed. RFC 9113 §8.2
//! (fields), §8.3.1 (pseudo-header fields).
//!
//! An extended CONNECT for a WebSocket (RFC 8441) becomes the GET of the handshake that it stands for, with a key of the
//! gateway's, so that guards and writers know one kind of handshake.

use super::head::Head;
use super::head_builder::{HeadBuilder, RequestLine};
use super::message::{Field, Protocol, RequestBody, Scheme};
use super::syntax;
use crate::denial::Denial;
use crate::field_names;
use crate::head::HeadLimits;

/// The pseudo-header fields of a request, and whether it has a body.
#[derive(Clone, Copy, Debug)]
pub struct Http2Request<'a> {
    /// `:method`
    pub method: &'a str,
    /// `:scheme`
    pub scheme: &'a str,
    /// `:authority`
    pub authority: Option<&'a str>,
    /// `:path`
    pub path: &'a [u8],
    /// Whether the stream ends with the fields.
    pub end_stream: bool,
    /// `:protocol` of an extended CONNECT (RFC 8441 §4).
    pub protocol: Option<&'a str>,
    /// The `Sec-WebSocket-Key` of the handshake that an extended CONNECT becomes; the client sends none.
    pub websocket_key: &'a str,
}

/// Which `:scheme` the requests of a connection may have. It decides nothing: the scheme of a request is that of its connection,
/// or the one that the forwarding fields of a trusted proxy tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemeRule {
    /// That of the connection.
    OfConnection,
    /// `http` or `https`: a trusted proxy passes on what its client has named, whatever carries it (RFC 9110 §7.4).
    OfEitherKind,
}

/// The head of a request on a connection of the scheme `connection`.
///
/// # Errors
/// As the parser of HTTP/1.1 (`head::parse`), caps included; [`Denial::BadRequest`] for a scheme that `rule` does not allow, a
/// path that is not in origin form, a name with an upper-case letter, a field of the connection (RFC 9113 §8.2.2), a
/// stream that ends before the body that it declares, and a WebSocket that has a body or ends at once. A CONNECT that is no
/// WebSocket is refused like any other method that is never allowed.
pub fn http2_head<'a>(
    request: &Http2Request<'a>,
    fields: impl IntoIterator<Item = Field<'a>>,
    limits: &HeadLimits,
    connection: Scheme,
    rule: SchemeRule,
) -> Result<Head<'a>, Denial> {
    let Http2Request { method, scheme, authority, path, end_stream, protocol, websocket_key } = *request;
    let websocket = method == "CONNECT" && protocol.is_some_and(|it| it.eq_ignore_ascii_case("websocket"));
    let method = if websocket { "GET" } else { method };
    syntax::judge_method(method)?;
    if !rule.allows(scheme, connection) {
        return Err(Denial::BadRequest("a scheme that is not the connection's"));
    }
    if path.first() != Some(&b'/') {
        return Err(Denial::BadRequest("a :path that does not begin with a slash"));
    }
    if path.len() > limits.uri {
        return Err(Denial::UriTooLong);
    }
    let mut line = RequestLine::new(method, path, connection)?;
    if let Some(authority) = authority {
        line = line.with_authority(authority)?;
    }
    let mut head = HeadBuilder::new(line, Protocol::Http2);
    let mut bytes = method.len() + path.len() + authority.map_or(0, str::len);
    for field in fields {
        let Field { name, value } = field;
        bytes += name.len() + value.len();
        if head.count() == limits.count || bytes > limits.bytes {
            return Err(Denial::HeadersTooLarge);
        }
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Denial::BadRequest("an upper-case letter in a header name"));
        }
        let of_connection = field_names::is_of_http1(name) || (name == "te" && value != b"trailers");
        if of_connection {
            return Err(Denial::BadRequest("a header of the connection"));
        }
        // It proves nothing in HTTP/2 (RFC 8441 §5); the handshake has the gateway's.
        if websocket && name == "sec-websocket-key" {
            continue;
        }
        head.field(field)?;
    }
    if websocket {
        if end_stream || head.framing().declared_length().is_some() {
            return Err(Denial::BadRequest("a WebSocket that has a body or ends at once"));
        }
        for (name, value) in
            [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", websocket_key)]
        {
            head.field(Field { name, value: value.as_bytes() })?;
        }
        return head.finish(RequestBody::None);
    }
    let body = match head.framing().declared_length() {
        Some(1..) if end_stream => {
            return Err(Denial::BadRequest("the body that Content-Length declares is missing"));
        }
        Some(length) => RequestBody::Known(length),
        None if end_stream => RequestBody::None,
        None => RequestBody::Unknown,
    };
    head.finish(body)
}

impl SchemeRule {
    fn allows(self, scheme: &str, connection: Scheme) -> bool {
        let is = |known: Scheme| scheme.eq_ignore_ascii_case(known.as_str());
        match self {
            Self::OfConnection => is(connection),
            Self::OfEitherKind => is(Scheme::Http) || is(Scheme::Https),
        }
    }
}

#[cfg(test)]
mod tests;
