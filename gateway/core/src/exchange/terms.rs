//! What an exchange is told before it begins: the request, the client's protocol, the deadlines.

use std::time::Duration;

use crate::guard::upgrade::Handshake;
use crate::request::RequestBody;

/// The request and the rules of its exchange.
#[derive(Debug)]
pub struct ExchangeTerms {
    /// The method is HEAD: the answer has no body, whatever its fields say (RFC 9110 §9.3.2).
    pub head_only: bool,
    /// Sending the request twice is as good as sending it once, and it has no body.
    pub repeatable: bool,
    /// How the body of the request is delimited.
    pub body: RequestBody,
    /// The WebSocket handshake that was permitted.
    pub handshake: Option<Handshake>,
    /// The client understands interim answers and the chunked coding (not HTTP/1.0).
    pub modern_client: bool,
    /// The client's connection may serve another request after this one.
    pub keep_alive: bool,
    /// Further tries of a connection that could not be made, or was stale: 0 or 1.
    pub retries: usize,
    /// When an answer that is a stream ends because the credential of its caller has, as a time since the process started; `None`
    /// if it does not.
    pub credential_end: Option<Duration>,
    /// How long each wait may last.
    pub deadlines: Deadlines,
}

/// How long each wait of an exchange may last.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Until the app takes the next bytes of the request, begins its answer, completes its head, or sends the next bytes of
    /// its body.
    pub read: Duration,
    /// Until the client takes the next bytes of the answer.
    pub send_idle: Duration,
    /// Until the client sends the next bytes of its body.
    pub body_idle: Duration,
    /// Bytes per second below which a body is cut, measured over `body_idle` of waiting for the client.
    pub min_rate: u64,
    /// An event stream or a WebSocket without a byte either way.
    pub stream_idle: Duration,
}
