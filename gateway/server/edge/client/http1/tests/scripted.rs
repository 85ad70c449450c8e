//! A stream whose every read and write is laid down before.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use stagedoor_core::request::Scheme;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::edge::client::io::DownstreamIo;

/// What a read finds when there are no bytes left.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Waits,
    Closed,
    Reset,
}

#[derive(Debug)]
pub(crate) struct Scripted {
    /// The bytes of one read each.
    reads: VecDeque<Vec<u8>>,
    end: End,
    /// Every other write has to wait.
    waits: bool,
    waited: bool,
    full: bool,
    /// The most bytes that one write takes; none when `broken`.
    pub(crate) most: usize,
    pub(crate) broken: bool,
    /// All bytes that writes took.
    pub(crate) taken: Vec<u8>,
    pub(crate) writes: usize,
}

impl Scripted {
    /// Reads find `bytes`, `step` of them each.
    pub(crate) fn sends(bytes: &[u8], step: usize, end: End) -> Self {
        Self {
            reads: bytes.chunks(step).map(<[u8]>::to_vec).collect(),
            end,
            waits: false,
            waited: false,
            full: false,
            most: usize::MAX,
            broken: false,
            taken: Vec::new(),
            writes: 0,
        }
    }

    /// Nothing to read; a write takes at most `most` bytes, and every other one has to wait.
    pub(crate) fn takes(most: usize) -> Self {
        Self { most, waits: true, ..Self::sends(b"", 1, End::Waits) }
    }

    /// From now on no write is taken, nor the end.
    pub(crate) fn become_full(&mut self) {
        self.full = true;
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.taken).into_owned()
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.full {
            return Poll::Pending;
        }
        if self.waits && !self.waited {
            self.waited = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.waited = false;
        Poll::Ready(())
    }
}

impl DownstreamIo for Scripted {
    fn scheme(&self) -> Scheme {
        Scheme::Http
    }

    fn poll_wake(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn reset(&mut self) {}
}

impl AsyncRead for Scripted {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let Some(mut bytes) = me.reads.pop_front() else {
            return match me.end {
                End::Waits => Poll::Pending,
                End::Closed => Poll::Ready(Ok(())),
                End::Reset => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            };
        };
        let rest = bytes.split_off(bytes.len().min(into.remaining()));
        into.put_slice(&bytes);
        if !rest.is_empty() {
            me.reads.push_front(rest);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        std::task::ready!(me.poll_turn(cx));
        if me.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let mut room = me.most;
        for part in parts {
            let taken = part.len().min(room);
            me.taken.extend_from_slice(&part[..taken]);
            room -= taken;
        }
        me.writes += 1;
        Poll::Ready(Ok(me.most - room))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.full { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}
