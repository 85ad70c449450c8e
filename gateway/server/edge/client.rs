//! Clients: what the forwarding of an exchange asks of them, whatever protocol they speak.

pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod io;

use std::io::Result;
use std::task::{Context, Poll};

use bytes::Bytes;
use stagedoor_core::answer::AnswerHead;
use stagedoor_core::answer_framing::{AnswerFraming, ConnectionLine};

/// The client's side of one exchange.
///
/// Every method polls or buffers, and none waits: one task drives both directions.
pub(crate) trait Client {
    /// The next data of the request body, without its transfer coding; `None` once the body is complete.
    ///
    /// The first poll that finds nothing sends `100 Continue` if the client waits for it (RFC 9110 §10.1.1).
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<Option<Bytes>, BodyFault>>;

    /// Ready once the client has closed its side or its connection is broken. Polled only after the body is complete,
    /// and no more once it was ready.
    ///
    /// What arrives meanwhile is the next request: it is kept, at most 4 KiB of it. Nothing is noticed beyond that.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Closed>;

    /// Buffers an interim answer (1xx), unless the client knows none.
    fn interim(&mut self, head: &AnswerHead);

    /// Buffers the head of the final answer, or of a 101.
    fn begin(&mut self, head: &AnswerHead, framing: AnswerFraming, connection: ConnectionLine);

    /// Buffers data of the body. Called only after [`Client::poll_room`] was ready.
    fn give(&mut self, data: Bytes);

    /// Buffers the end of the body.
    fn end(&mut self);

    /// Ready when more data can be given; sends what is buffered otherwise.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>>;

    /// Sends what is buffered; ready when the socket has taken all of it.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>>;

    /// How many bytes of this exchange the socket has taken, heads included.
    fn sent(&self) -> u64;

    /// Drops what is buffered, if nothing of it has left for the client yet. Returns whether it has not.
    fn take_back(&mut self) -> bool;

    /// From now on the body is bytes of another protocol, without an end of its own: a WebSocket.
    fn open(&mut self);
}

/// Why a request body cannot be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyFault {
    /// Its coding is broken: what is wrong with it.
    Malformed(&'static str),
    /// The client closed its side in the middle of the body, or at the end of an open one.
    Closed,
    /// The connection is broken: a reset or another error.
    Gone,
}

/// What a client did whose body was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// It closed its side. It may still be waiting for the answer (RFC 9112 §9.6).
    Half,
    /// Its connection is broken: a reset or another error.
    Gone,
}
