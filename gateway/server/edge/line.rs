//! One client connection between exchanges: reading heads, writing local answers, hanging up.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use stagedoor_core::denial::Denial;
use stagedoor_core::head::{HeadLimits, IncrementalParser, Progress};
use stagedoor_core::request::Scheme;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::stage::Stage;

/// Bytes asked of the socket at once while a head is read.
const STEP: usize = 4 * 1024;
/// After a refusal that closes, this much is still read, for this long, so that the client sees it.
const LINGER_BYTES: usize = 16 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(5);
/// How long that goes on while the gateway itself ends, and how long a quiet connection is then still
/// listened to: a request that was on its way gets an answer.
const LAST_MOMENTS: Duration = Duration::from_millis(250);
/// How long a local answer may take to be taken by the client.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A connection and the bytes that were read and not yet used.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) tcp: TcpStream,
    pub(crate) buffer: BytesMut,
}

/// What came of waiting for a head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The buffer holds the end of a head: it is whole, and yet to be judged.
    Head,
    /// Nothing that needs an answer: the client went, or never spoke.
    Silence,
    /// Something that is answered and ends the connection.
    Fault(Denial),
}

impl Line {
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self { tcp, buffer: BytesMut::new() }
    }

    /// Waits for a head: `idle` for its first byte, `header` from there to its last.
    pub(crate) async fn hear(
        &mut self,
        limits: &HeadLimits,
        idle: Duration,
        header: Duration,
        stage: &mut watch::Receiver<Stage>,
    ) -> Heard {
        if self.buffer.is_empty() && !self.wake(idle, stage).await {
            return Heard::Silence;
        }
        let deadline = Instant::now() + header;
        if holds_head(&self.buffer) {
            return Heard::Head;
        }
        let mut arriving = IncrementalParser::new(Scheme::Http);
        loop {
            match arriving.look(&self.buffer, limits) {
                Ok(Progress::Whole) => return Heard::Head,
                Ok(Progress::Partial) => {}
                Err(denial) => return Heard::Fault(denial),
            }
            match tokio::time::timeout_at(deadline, self.read()).await {
                Ok(Ok(0)) => return Heard::Fault(Denial::BadRequest("the head ends in the middle")),
                Ok(Ok(_)) => {}
                Ok(Err(_)) => return Heard::Silence,
                Err(_) => return Heard::Fault(Denial::HeadTimeout),
            }
        }
    }

    /// Waits for the first bytes without holding a buffer; `false` when the connection should end.
    async fn wake(&mut self, idle: Duration, stage: &mut watch::Receiver<Stage>) -> bool {
        self.buffer = BytesMut::new();
        tokio::select! {
            biased;
            came = self.read() => matches!(came, Ok(1..)),
            () = last_moments(stage) => false,
            () = tokio::time::sleep(idle) => false,
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        loop {
            self.tcp.readable().await?;
            self.buffer.reserve(STEP);
            match self.tcp.try_read_buf(&mut self.buffer) {
                // A socket may be called readable before it is, a fresh one always: the buffer goes back.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.buffer.is_empty() {
                        self.buffer = BytesMut::new();
                    }
                }
                result => return result,
            }
        }
    }

    /// Sends a local answer; `false` if the client did not take it.
    pub(crate) async fn say(&mut self, bytes: &[u8]) -> bool {
        matches!(tokio::time::timeout(ANSWER_TIME, self.tcp.write_all(bytes)).await, Ok(Ok(())))
    }

    /// Reads the rest of a small body into `body`: exactly `length` bytes, all of them within `within`.
    ///
    /// One deadline for the whole, so that a client that drips gets no more time than one that is silent.
    pub(crate) async fn take_body(
        &mut self,
        body: &mut Vec<u8>,
        length: usize,
        within: Duration,
    ) -> Result<(), Denial> {
        let start = body.len();
        body.resize(start.saturating_add(length), 0);
        let rest = body.get_mut(start..).unwrap_or_default();
        match tokio::time::timeout(within, self.tcp.read_exact(rest)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Denial::BadRequest("the body ends in the middle")),
            Err(_) => Err(Denial::BodyTimeout),
        }
    }

    /// Tells the client to send the body that it announced.
    pub(crate) async fn go_on(&mut self) -> bool {
        self.say(b"HTTP/1.1 100 Continue\r\n\r\n").await
    }

    /// Reads and forgets the rest of a body that nobody wants: exactly `length` bytes.
    pub(crate) async fn skip_ahead(&mut self, mut length: usize, within: Duration) -> bool {
        let until = Instant::now() + within;
        let mut waste = [0u8; 4 * 1024];
        while length > 0 {
            let Some(part) = waste.get_mut(..length.min(STEP)) else { return false };
            match tokio::time::timeout_at(until, self.tcp.read(part)).await {
                Ok(Ok(came @ 1..)) => length -= came,
                Ok(Ok(_) | Err(_)) | Err(_) => return false,
            }
        }
        true
    }

    /// Ends the connection so that what was said last can still be read: our side is closed, theirs
    /// is read for a while (RFC 9112 §9.6), and for less of it once the gateway itself is to end.
    pub(crate) async fn hang_up(mut self, stage: &mut watch::Receiver<Stage>) {
        if self.tcp.shutdown().await.is_err() {
            return;
        }
        tokio::select! {
            biased;
            () = self.linger() => {}
            () = last_moments(stage) => {}
        }
    }

    async fn linger(&mut self) {
        let until = Instant::now() + LINGER_TIME;
        let mut read = 0;
        while read < LINGER_BYTES {
            self.buffer.clear();
            match tokio::time::timeout_at(until, self.read()).await {
                Ok(Ok(0) | Err(_)) | Err(_) => return,
                Ok(Ok(came)) => read += came,
            }
        }
    }

    /// Ends the connection so that the client cannot take what it has for the whole.
    pub(crate) fn reset(self) {
        let _ = self.tcp.set_zero_linger();
    }
}

/// Over a little after the gateway has begun to end.
async fn last_moments(stage: &mut watch::Receiver<Stage>) {
    let _ = stage.wait_for(|stage| *stage != Stage::Serving).await;
    tokio::time::sleep(LAST_MOMENTS).await;
}

/// Whether the empty line that ends a head is there, the empty lines that may precede one aside.
/// The parser judges; this only spares it the second look at a head that came in one piece. It is asked of the first
/// piece alone: of many it would look at each as often as there are more.
fn holds_head(mut buffer: &[u8]) -> bool {
    while let Some(rest) = buffer.strip_prefix(b"\r\n") {
        buffer = rest;
    }
    buffer.windows(4).any(|four| four == b"\r\n\r\n")
}

#[cfg(test)]
mod tests;
