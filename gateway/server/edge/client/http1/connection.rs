//! One HTTP/1 connection of a client between exchanges: reading heads, writing local answers, closing.
//!
//! Bounds: one deadline and one cap on bytes for a whole head; one deadline for a whole body that is read here. A
//! connection that waits for a request holds no buffer.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use stagedoor_core::denial::Denial;
use stagedoor_core::head::{HeadLimits, IncrementalParser, Progress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::edge::buffers;
use crate::edge::client::io::{self as downstream, DownstreamIo};
use crate::edge::stage_watch::StageWatch;
use crate::edge::timer::Timer;
use crate::stage::{LAST_MOMENTS, Stage, last_moments};

/// Bytes asked of the socket at once while a head is read.
const STEP: usize = 4 * 1024;
/// After a refusal that closes, this much is still read, for this long, so that the client sees it.
const LINGER_BYTES: usize = 16 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(5);
/// How long a client may take to read a local answer.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A connection and the bytes that were read and not yet used.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    pub(crate) io: S,
    pub(crate) buffer: BytesMut,
    /// The end of the last exchange, which goes out before anything else.
    pub(super) unsent: BytesMut,
}

/// The result of waiting for a head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeadRead {
    /// The buffer holds the end of a head: it is whole, and not parsed yet.
    Complete,
    /// Nothing that needs an answer: the client closed its side, or sent nothing in time.
    Closed,
    /// The connection ends with this refusal.
    Refused(Denial),
}

impl<S: DownstreamIo> Connection<S> {
    pub(crate) fn new(io: S) -> Self {
        Self::begun(io, BytesMut::new())
    }

    /// A connection of which these bytes were read before.
    pub(crate) fn begun(io: S, buffer: BytesMut) -> Self {
        Self { io, buffer, unsent: BytesMut::new() }
    }

    /// Waits for the first bytes of a head; `false` when the connection should end: there were none within `idle`, or the
    /// gateway ends. It holds no buffer meanwhile.
    pub(crate) fn begin_head(
        &mut self,
        idle: Duration,
        timer: &mut Timer,
        stage: &mut StageWatch,
    ) -> impl Future<Output = bool> {
        if self.buffer.is_empty() {
            buffers::give_back(&mut self.buffer);
        }
        let mut due = None;
        // No async function: it would hold its arguments twice.
        poll_fn(move |cx| {
            if !self.buffer.is_empty() {
                return Poll::Ready(true);
            }
            if let Poll::Ready(came) = self.poll_read(cx) {
                return Poll::Ready(matches!(came, Ok(1..)));
            }
            let due = due.get_or_insert_with(|| {
                let wait = if stage.stage() == Stage::Serving { idle } else { idle.min(LAST_MOMENTS) };
                timer.now().saturating_add(wait)
            });
            while stage.poll_changed(cx).is_ready() {
                *due = timer.now().saturating_add(LAST_MOMENTS).min(*due);
            }
            timer.poll_until(cx, *due).map(|()| false)
        })
    }

    /// Whether the buffer holds the end of a head.
    ///
    /// The parser judges; this only spares it the second look at a head that came in one piece. It is to be asked of the first
    /// piece alone: of many it would look at each as often as there are more.
    pub(crate) fn holds_head(&self) -> bool {
        holds_head(&self.buffer)
    }

    /// Reads a head that has begun to its end, within `within`.
    pub(crate) async fn read_head(&mut self, limits: HeadLimits, within: Duration) -> HeadRead {
        let deadline = Instant::now() + within;
        let mut arriving = IncrementalParser::new(self.io.scheme());
        loop {
            match arriving.look(&self.buffer, &limits) {
                Ok(Progress::Whole) => return HeadRead::Complete,
                Ok(Progress::Partial) => {}
                Err(denial) => return HeadRead::Refused(denial),
            }
            match tokio::time::timeout_at(deadline, self.read()).await {
                Ok(Ok(0)) => return HeadRead::Refused(Denial::BadRequest("the head ends in the middle")),
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return HeadRead::Closed,
                Err(_) => return HeadRead::Refused(Denial::HeadTimeout),
            }
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        downstream::poll_read(&mut self.io, &mut self.buffer, buffers::SIZE, STEP, cx)
    }

    /// Sends a local answer; `false` if the client did not take it.
    pub(crate) async fn write_answer(&mut self, bytes: &[u8]) -> bool {
        let unsent = std::mem::take(&mut self.unsent);
        let written = async {
            self.io.write_all(&unsent).await?;
            self.io.write_all(bytes).await?;
            self.io.flush().await
        };
        matches!(tokio::time::timeout(ANSWER_TIME, written).await, Ok(Ok(())))
    }

    /// Reads a small body and appends it to `body`: exactly `length` bytes, all of them within `within`.
    ///
    /// One deadline for the whole, so that a client that drips gets no more time than one that is silent.
    pub(crate) async fn read_body(
        &mut self,
        body: &mut Vec<u8>,
        length: usize,
        within: Duration,
    ) -> Result<(), Denial> {
        let begun = self.buffer.split_to(length.min(self.buffer.len()));
        body.extend_from_slice(&begun);
        let start = body.len();
        body.resize(start.saturating_add(length - begun.len()), 0);
        let rest = body.get_mut(start..).unwrap_or_default();
        match tokio::time::timeout(within, self.io.read_exact(rest)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Denial::BadRequest("the body ends in the middle")),
            Err(_) => Err(Denial::BodyTimeout),
        }
    }

    /// Tells the client to send the body that it announced (RFC 9110 §15.2.1).
    pub(crate) async fn send_continue(&mut self) -> bool {
        self.write_answer(b"HTTP/1.1 100 Continue\r\n\r\n").await
    }

    /// Reads and drops what is left of a body: exactly `length` bytes.
    pub(crate) async fn discard_body(&mut self, mut length: usize, within: Duration) -> bool {
        let until = Instant::now() + within;
        let begun = length.min(self.buffer.len());
        self.buffer.advance(begun);
        length -= begun;
        // On the heap: each request would hold room for it.
        let mut waste = vec![0; length.min(STEP)];
        while length > 0 {
            let Some(part) = waste.get_mut(..length.min(STEP)) else { return false };
            match tokio::time::timeout_at(until, self.io.read(part)).await {
                Ok(Ok(came @ 1..)) => length -= came,
                Ok(Ok(_) | Err(_)) | Err(_) => return false,
            }
        }
        true
    }

    /// Closes the connection so that the client can still read the last answer: our side is closed, theirs
    /// is read for a while (RFC 9112 §9.6), and for less of it once the gateway itself is to end.
    pub(crate) async fn close(&mut self, stage: &mut watch::Receiver<Stage>) {
        tokio::select! {
            biased;
            () = self.linger() => {}
            () = last_moments(stage) => {}
        }
    }

    async fn linger(&mut self) {
        let until = Instant::now() + LINGER_TIME;
        // A stream that encrypts has something to send for this, which the client may not take.
        if !matches!(tokio::time::timeout_at(until, self.io.shutdown()).await, Ok(Ok(()))) {
            return;
        }
        let mut read = 0;
        while read < LINGER_BYTES {
            self.buffer.clear();
            match tokio::time::timeout_at(until, self.read()).await {
                Ok(Ok(0) | Err(_)) | Err(_) => return,
                Ok(Ok(came)) => read += came,
            }
        }
    }

    /// Lets the end of the connection be a reset: the client cannot take what it has for the whole answer.
    pub(crate) fn reset(&mut self) {
        self.io.reset();
    }
}

/// Whether the empty line that ends a head is there, the empty lines that may precede one aside.
fn holds_head(mut buffer: &[u8]) -> bool {
    while let Some(rest) = buffer.strip_prefix(b"\r\n") {
        buffer = rest;
    }
    memchr::memmem::find(buffer, b"\r\n\r\n").is_some()
}

#[cfg(test)]
mod tests;
