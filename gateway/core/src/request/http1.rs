//! What belongs to a request of HTTP/1 alone, beside its head.

use super::message::Protocol;

/// A version of HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http1Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

impl From<Http1Version> for Protocol {
    fn from(version: Http1Version) -> Self {
        match version {
            Http1Version::Http10 => Self::Http10,
            Http1Version::Http11 => Self::Http11,
        }
    }
}

/// How a request body is delimited (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// `Content-Length`, in bytes; never zero, which is [`Framing::None`].
    Length(u64),
    /// `Transfer-Encoding: chunked` alone.
    Chunked,
}

/// What a head of HTTP/1 says about its connection and the bytes on it. Guards and writers do not see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http1Meta {
    /// The version of the request line.
    pub version: Http1Version,
    /// How the body is delimited.
    pub framing: Framing,
    /// Whether the client wants to reuse the connection (RFC 9112 §9.3).
    pub keep_alive: bool,
    /// Whether the client sent `Expect: 100-continue`; never of HTTP/1.0 (RFC 9110 §10.1.1).
    pub expects_continue: bool,
    /// Bytes of the buffer that the head took, its last CRLF included.
    pub length: usize,
}
