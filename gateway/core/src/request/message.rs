//! The parts of a message that every HTTP version has: fields, the version itself, how a body is delimited.

/// One header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// A token of RFC 9110 §5.6.2, in the client's spelling.
    pub name: &'a str,
    /// The value without surrounding white space; no CR, LF, NUL or other control but tab.
    pub value: &'a [u8],
}

/// HTTP versions that reach the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

/// How a request body is delimited (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// `Content-Length`, in bytes; never zero (zero is [`Framing::None`] with the field kept).
    Length(u64),
    /// `Transfer-Encoding: chunked` alone.
    Chunked,
}
