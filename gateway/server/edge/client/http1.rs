//! Clients that speak HTTP/1: one exchange of a connection, over any stream.
//!
//! Bounds: the buffer of the connection holds at most one read of the body, or 4 KiB of the next request. Of the answer
//! at most 8 KiB and one piece of data are held, and the heads.

mod body_reader;
mod connection;
mod output;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use stagedoor_core::answer::AnswerHead;
use stagedoor_core::answer_framing::{AnswerFraming, ConnectionLine};
use stagedoor_core::chunked::Malformed;
use stagedoor_core::response_out;

pub(crate) use self::body_reader::BodyReader;
pub(crate) use self::connection::{Connection, HeadRead};
use self::output::Output;
use super::io::{self as downstream, DownstreamIo};
use super::{BodyFault, Client, Closed};
use crate::clock;
use crate::edge::buffers;
use crate::edge::date::http_date;

/// The client's side of one exchange over HTTP/1.
#[derive(Debug)]
pub(crate) struct Http1Client<'c, S> {
    /// Its buffer holds what was read and not yet used: of the body first, of the next request then.
    connection: &'c mut Connection<S>,
    body: BodyReader,
    /// The client speaks HTTP/1.0: it knows no interim answers.
    http10: bool,
    interim: Continue,
    output: Output,
    /// Of the answer, once it has begun.
    framing: AnswerFraming,
}

/// The state of `100 Continue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Continue {
    /// The client waits for it before it sends the body.
    Wanted,
    /// It is buffered.
    Buffered,
    /// It is sent, or not needed.
    Settled,
}

impl<'c, S: DownstreamIo> Http1Client<'c, S> {
    /// The head of the request is no longer in the buffer of the connection.
    pub(crate) fn new(
        connection: &'c mut Connection<S>,
        body: BodyReader,
        http10: bool,
        wants_continue: bool,
    ) -> Self {
        let interim = if wants_continue && !http10 { Continue::Wanted } else { Continue::Settled };
        let framing = AnswerFraming::None;
        Self { connection, body, http10, interim, output: Output::default(), framing }
    }

    /// The connection, between exchanges: what is not sent yet goes out before anything else.
    pub(crate) fn connection(&mut self) -> &mut Connection<S> {
        self.connection.unsent.unsplit(self.output.take());
        self.connection
    }

    fn write_head(&mut self, head: &AnswerHead, framing: AnswerFraming, connection: ConnectionLine) {
        let date = http_date(clock::unix());
        response_out::write_head(self.output.buffer(), head, framing, connection, &date);
    }

    /// Sends `100 Continue` if it is wanted; what of it the socket does not take goes out with a later poll.
    fn send_continue(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.interim {
            Continue::Wanted => {
                self.output.buffer().extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                self.interim = Continue::Buffered;
            }
            Continue::Buffered => {}
            Continue::Settled => return Ok(()),
        }
        if let Poll::Ready(sent) = self.poll_flush(cx) {
            self.interim = Continue::Settled;
            return sent;
        }
        Ok(())
    }
}

impl<S: DownstreamIo> Client for Http1Client<'_, S> {
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyFault>> {
        loop {
            if self.interim == Continue::Wanted && !self.connection.buffer.is_empty() {
                self.interim = Continue::Settled;
            }
            match self.body.take(&mut self.connection.buffer) {
                Ok(Some(data)) => return Poll::Ready(Ok(Some(data))),
                Ok(None) if self.body.is_complete() => return Poll::Ready(Ok(None)),
                Ok(None) => {}
                Err(Malformed(fault)) => return Poll::Ready(Err(BodyFault::Malformed(fault))),
            }
            if self.send_continue(cx).is_err() {
                return Poll::Ready(Err(BodyFault::Gone));
            }
            let Connection { io, buffer, .. } = &mut *self.connection;
            match ready!(self.body.poll_read(io, buffer, cx)) {
                Ok(1..) => {}
                Ok(0) => return Poll::Ready(Err(BodyFault::Closed)),
                Err(_) => return Poll::Ready(Err(BodyFault::Gone)),
            }
        }
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Closed> {
        loop {
            let room = body_reader::BEYOND.saturating_sub(self.connection.buffer.len());
            if room == 0 {
                return Poll::Pending;
            }
            let Connection { io, buffer, .. } = &mut *self.connection;
            match ready!(downstream::poll_read(io, buffer, buffers::SIZE, room, cx)) {
                Ok(1..) => {}
                Ok(0) => return Poll::Ready(Closed::Half),
                Err(_) => return Poll::Ready(Closed::Gone),
            }
        }
    }

    fn interim(&mut self, head: &AnswerHead) {
        if self.http10 {
            return;
        }
        if head.status == http::StatusCode::CONTINUE {
            self.interim = Continue::Settled;
        }
        self.write_head(head, AnswerFraming::None, ConnectionLine::Absent);
    }

    fn begin(&mut self, head: &AnswerHead, framing: AnswerFraming, connection: ConnectionLine) {
        self.interim = Continue::Settled;
        self.framing = framing;
        self.write_head(head, framing, connection);
    }

    fn give(&mut self, data: Bytes) {
        // An empty chunk would be the last.
        if data.is_empty() {
            return;
        }
        match self.framing {
            AnswerFraming::Length(_) | AnswerFraming::UntilClose | AnswerFraming::Tunnel => {
                self.output.give(data)
            }
            AnswerFraming::Chunked => self.output.give_chunk(data),
            // A client would take it for the next answer.
            AnswerFraming::None => debug_assert!(false, "data of an answer without a body"),
        }
    }

    fn end(&mut self) {
        match self.framing {
            AnswerFraming::Chunked => self.output.end_chunks(),
            AnswerFraming::None
            | AnswerFraming::Length(_)
            | AnswerFraming::UntilClose
            | AnswerFraming::Tunnel => {}
        }
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.output.has_room() {
            Poll::Ready(Ok(()))
        } else {
            self.output.poll_send(&mut self.connection.io, cx)
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.output.poll_send(&mut self.connection.io, cx))?;
        // A stream that encrypts may have taken bytes that its socket has not.
        ready!(Pin::new(&mut self.connection.io).poll_flush(cx))?;
        self.output.give_buffer_back();
        Poll::Ready(Ok(()))
    }

    fn sent(&self) -> u64 {
        self.output.sent()
    }

    fn take_back(&mut self) -> bool {
        let untold = self.output.sent() == 0;
        if untold {
            self.output = Output::default();
        }
        untold
    }

    fn open(&mut self) {
        self.body = BodyReader::open();
    }
}

impl<S> Drop for Http1Client<'_, S> {
    /// What is not sent goes out before the next answer: a part of an interim answer may have gone.
    fn drop(&mut self) {
        self.connection.unsent.unsplit(self.output.take());
    }
}

#[cfg(test)]
mod tests;
