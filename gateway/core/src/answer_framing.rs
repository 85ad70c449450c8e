//! How an answer goes to its client over HTTP/1: how the body is delimited, and what becomes of the connection.

/// How the body of an answer is delimited for the client (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerFraming {
    /// No body follows, whatever the fields say: an answer to HEAD, a 1xx, a 204, a 304.
    None,
    /// This many bytes; may be zero.
    Length(u64),
    /// The chunked coding; not understood by HTTP/1.0.
    Chunked,
    /// All bytes until the connection is closed.
    UntilClose,
    /// A 101: the bytes of another protocol, in both directions.
    Tunnel,
}

/// What the head of an answer says about the client's connection (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionLine {
    /// Nothing: HTTP/1.1 keeps the connection by default.
    Absent,
    /// It is closed after this answer.
    Close,
    /// It is kept: said to HTTP/1.0, which closes it by default.
    KeepAlive,
    /// It becomes a WebSocket: the head is a 101.
    Upgrade,
}
