//! The socket of an HTTP/2 connection, below the library that reads and writes its frames.
//!
//! What is written is gathered, and sent in one go once the task of the connection has polled everything: the library would
//! flush after each frame of data, which is a system call and a TLS record each. What passes is counted by its frames
//! ([`super::frames`]). Bounds: at most [`GATHERED`] bytes, or one piece, are gathered; of a client that has spent its budget nothing more is read;
//! after [`PIECES`] small pieces of bodies nothing is read before the streams could take them.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{FrameBudget, FrameReader, PREFACE};
use crate::edge::buffers;
use crate::edge::client::io::DownstreamIo;

/// Bytes that are gathered before they are sent in any case.
const GATHERED: usize = 64 * 1024;
/// Small pieces of bodies after which the streams have their turn. One read brings at most a few hundred more.
const PIECES: usize = 1024;

/// A handle of the socket: the library has one, the task of the connection another.
#[derive(Debug)]
pub(crate) struct Http2Socket<S>(Arc<Mutex<State<S>>>);

#[derive(Debug)]
struct State<S> {
    io: S,
    /// Bytes that were read before.
    early: BytesMut,
    came: FrameReader,
    went: FrameReader,
    budget: FrameBudget,
    /// Small pieces of bodies that came since the streams had their turn.
    pieces: usize,
    /// Nothing was read, since the streams are to have their turn.
    paused: bool,
    out: BytesMut,
    /// The stream may have bytes that its own socket has not taken.
    flushes: bool,
    /// The library was told to wait.
    refused: bool,
    /// Since when the client has taken nothing of what is to be sent.
    full_since: Option<Duration>,
    /// When the process started.
    started: Instant,
}

impl<S> Clone for Http2Socket<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Since when a client has been waited for: times since the process started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waits {
    /// For the rest of a header block.
    pub(crate) header: Option<Duration>,
    /// To take anything of what is to be sent.
    pub(crate) full: Option<Duration>,
}

impl<S: DownstreamIo> Http2Socket<S> {
    /// `early`: what was read of the connection before.
    pub(crate) fn new(io: S, early: BytesMut, started: Instant) -> Self {
        Self(Arc::new(Mutex::new(State {
            io,
            early,
            came: FrameReader::after(PREFACE),
            went: FrameReader::after(0),
            budget: FrameBudget::new(started.elapsed()),
            pieces: 0,
            paused: false,
            out: BytesMut::new(),
            flushes: false,
            refused: false,
            full_since: None,
            started,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what is gathered; ready once the socket has taken all of it.
    pub(crate) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state().poll_send(cx)
    }

    /// Whether the library was told to wait since this was last asked: it has more to send than is gathered.
    pub(crate) fn take_refused(&self) -> bool {
        std::mem::take(&mut self.state().refused)
    }

    /// Reads go on. Whether one had to wait for it.
    pub(crate) fn take_paused(&self) -> bool {
        let mut state = self.state();
        state.pieces = 0;
        std::mem::take(&mut state.paused)
    }

    /// Whether the client has sent more frames than it may.
    pub(crate) fn is_over_budget(&self) -> bool {
        self.state().budget.is_spent()
    }

    pub(crate) fn waits(&self) -> Waits {
        let state = self.state();
        Waits { header: state.came.header_since(), full: state.full_since }
    }

    /// Reads bytes of a connection that has ended and drops them; ready with 0 at their end.
    pub(crate) fn poll_discard(&self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut waste = [0; 4 * 1024];
        let mut waste = ReadBuf::new(&mut waste);
        ready!(Pin::new(&mut self.state().io).poll_read(cx, &mut waste))?;
        Poll::Ready(Ok(waste.filled().len()))
    }
}

impl<S: DownstreamIo> State<S> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            match Pin::new(&mut self.io).poll_write(cx, &self.out) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(taken)) => {
                    self.full_since = None;
                    self.flushes = true;
                    self.out.advance(taken);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.wait_full(),
            }
        }
        if self.out.capacity() > 0 {
            buffers::give_back(&mut self.out);
        }
        if self.flushes {
            if Pin::new(&mut self.io).poll_flush(cx)?.is_pending() {
                return self.wait_full();
            }
            self.flushes = false;
            self.full_since = None;
        }
        Poll::Ready(Ok(()))
    }

    fn wait_full<T>(&mut self) -> Poll<T> {
        let started = self.started;
        self.full_since.get_or_insert_with(|| started.elapsed());
        Poll::Pending
    }

    /// Counts what came, unless there was too much of it.
    fn count(&mut self, bytes: &[u8]) {
        let now = self.started.elapsed();
        let Self { came, budget, pieces, .. } = self;
        budget.refill(now);
        came.read(bytes, now, |frame| {
            budget.came(frame);
            *pieces += usize::from(frame.is_small_piece());
        });
    }

    /// Makes room for so many bytes to gather.
    fn poll_gather(&mut self, cx: &mut Context<'_>, bytes: usize) -> Poll<io::Result<()>> {
        if self.out.len().saturating_add(bytes) > GATHERED && self.poll_send(cx)?.is_pending() {
            self.refused = true;
            return Poll::Pending;
        }
        if self.out.capacity() == 0 {
            self.out = buffers::take();
        }
        Poll::Ready(Ok(()))
    }

    fn gather(&mut self, bytes: &[u8]) {
        let Self { went, budget, out, started, .. } = self;
        // The heads of the gateway have no deadline.
        went.read(bytes, Duration::ZERO, |frame| {
            if frame.costs() {
                budget.refill(started.elapsed());
            }
            budget.went(frame);
        });
        out.extend_from_slice(bytes);
    }
}

impl<S: DownstreamIo> AsyncRead for Http2Socket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.state();
        if state.budget.is_spent() {
            return Poll::Pending;
        }
        if state.pieces >= PIECES {
            // The task of the connection asks again.
            state.paused = true;
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if !state.early.is_empty() {
            let length = state.early.len().min(buffer.remaining());
            buffer.put_slice(&state.early.split_to(length));
        } else {
            ready!(Pin::new(&mut state.io).poll_read(cx, buffer))?;
        }
        state.count(buffer.filled().get(before..).unwrap_or_default());
        if state.budget.is_spent() {
            // The task of the connection looks at the budget next: none of these frames is read.
            buffer.set_filled(before);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: DownstreamIo> AsyncWrite for Http2Socket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        ready!(state.poll_gather(cx, bytes.len()))?;
        state.gather(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.state();
        let bytes = parts.iter().map(|part| part.len()).sum();
        ready!(state.poll_gather(cx, bytes))?;
        for part in parts {
            state.gather(part);
        }
        Poll::Ready(Ok(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// The task of the connection sends.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state();
        ready!(state.poll_send(cx))?;
        Pin::new(&mut state.io).poll_shutdown(cx)
    }
}

impl<S> Drop for State<S> {
    fn drop(&mut self) {
        buffers::give_back(&mut self.out);
    }
}
