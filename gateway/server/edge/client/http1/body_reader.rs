//! The reader of a request body: its data as it comes, cut from the buffer of the connection without a copy.
//!
//! Bounds: one read takes 16 KiB at first and up to 64 KiB of a long body. Of what follows a body with a length no more
//! than [`BEYOND`] is read, of what follows the last chunk no more than came with it.

use std::io;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use stagedoor_core::chunked::{Chunked, Malformed};
use stagedoor_core::request::Framing;

use crate::edge::buffers;
use crate::edge::client::io::{self as downstream, DownstreamIo};

/// Bytes of one read, at first.
const FIRST_STEP: usize = 16 * 1024;
/// Bytes of one read, once the reads before it found as much as they asked for.
const LAST_STEP: usize = 64 * 1024;
/// Bytes of the next request that are read with the end of this one.
pub(super) const BEYOND: usize = 4 * 1024;

/// The body of one request.
#[derive(Debug)]
pub(crate) struct BodyReader {
    rest: Rest,
    /// Data that was decoded already.
    decoded: Bytes,
    /// Bytes that the next read asks for.
    step: usize,
}

/// What of the body is still to come.
#[derive(Debug)]
enum Rest {
    /// So many bytes.
    Length(u64),
    /// As many as the coding says.
    Chunked(Chunked),
    /// Bytes until the client closes its side.
    Open,
    /// Nothing that can be read.
    Malformed(Malformed),
}

impl BodyReader {
    /// A body that is delimited as its head says.
    pub(crate) fn new(framing: Framing) -> Self {
        Self::of(match framing {
            Framing::None => Rest::Length(0),
            Framing::Length(length) => Rest::Length(length),
            Framing::Chunked => Rest::Chunked(Chunked::default()),
        })
    }

    /// Bytes of another protocol than HTTP, which end when the client closes its side.
    pub(crate) fn open() -> Self {
        Self::of(Rest::Open)
    }

    fn of(rest: Rest) -> Self {
        Self { rest, decoded: Bytes::new(), step: FIRST_STEP }
    }

    /// Whether all of the body was taken.
    pub(super) fn is_complete(&self) -> bool {
        self.decoded.is_empty()
            && match &self.rest {
                Rest::Length(left) => *left == 0,
                Rest::Chunked(chunked) => chunked.is_done(),
                Rest::Open | Rest::Malformed(_) => false,
            }
    }

    /// Checks the part of the body that came with the head: a malformed one is refused before anything else is decided.
    pub(crate) fn check_begun(&mut self, buffer: &mut BytesMut) -> Result<(), Malformed> {
        if let Rest::Chunked(_) = self.rest {
            self.decoded = self.take(buffer)?.unwrap_or_default();
        }
        Ok(())
    }

    /// The data that is in the buffer; `None` if there is none.
    pub(super) fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<Bytes>, Malformed> {
        if !self.decoded.is_empty() {
            return Ok(Some(std::mem::take(&mut self.decoded)));
        }
        let data = match &mut self.rest {
            Rest::Length(left) => {
                let data = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= data as u64;
                buffer.split_to(data)
            }
            Rest::Chunked(chunked) => match chunked.take(buffer) {
                Ok(data) => return Ok((!data.is_empty()).then_some(data)),
                Err(malformed) => {
                    self.rest = Rest::Malformed(malformed);
                    return Err(malformed);
                }
            },
            Rest::Open => buffer.split(),
            Rest::Malformed(malformed) => return Err(*malformed),
        };
        Ok((!data.is_empty()).then(|| data.freeze()))
    }

    /// Reads more into the buffer, which holds nothing of the body; ready with 0 once the client has closed its side.
    pub(super) fn poll_read<S: DownstreamIo>(
        &mut self,
        io: &mut S,
        buffer: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let most = match &self.rest {
            Rest::Length(left) => {
                usize::try_from(*left).unwrap_or(usize::MAX).saturating_add(BEYOND).min(self.step)
            }
            Rest::Chunked(_) | Rest::Open => self.step,
            Rest::Malformed(_) => 0,
        };
        let size = if most <= buffers::SIZE { buffers::SIZE } else { self.step };
        let read = downstream::poll_read(io, buffer, size, most, cx);
        if let Poll::Ready(Ok(came)) = read
            && came == self.step
        {
            self.step = (2 * self.step).min(LAST_STEP);
        }
        read
    }
}

#[cfg(test)]
mod tests;
