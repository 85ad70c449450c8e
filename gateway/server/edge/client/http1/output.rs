//! The bytes of an answer that the client's socket has not taken yet.
//!
//! Heads, small pieces and the lines between chunks are gathered and go out together; one large piece is kept as it came
//! and goes out with them, without a copy.
//!
//! Bounds: what is gathered up to [`GATHERED`] bytes and the heads of one answer, and one piece.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use stagedoor_core::chunked::{CHUNK_END, LAST_CHUNK, chunk_size_line};
use tokio::io::AsyncWrite;

use crate::edge::buffers;

/// Data that makes the gathered bytes more than this is not copied to them. The last chunk still fits into the buffer.
const GATHERED: usize = buffers::SIZE - 32;
/// The end of the data of a chunk, and the last chunk.
const CHUNK_AND_BODY_END: &[u8] = b"\r\n0\r\n\r\n";

/// The bytes, in order.
#[derive(Debug, Default)]
pub(super) struct Output {
    gathered: BytesMut,
    /// Data that is not copied.
    large: Bytes,
    /// What ends the chunk of that data, and the body.
    end: &'static [u8],
    sent: u64,
}

impl Output {
    /// Where a head is written to.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        if self.gathered.capacity() == 0 {
            self.gathered = buffers::take();
        }
        // Only where more comes than there is room for.
        if !self.is_gathered() {
            self.gathered.extend_from_slice(&std::mem::take(&mut self.large));
            self.gathered.extend_from_slice(std::mem::take(&mut self.end));
        }
        &mut self.gathered
    }

    /// Whether data that comes now need not wait.
    pub(super) fn has_room(&self) -> bool {
        self.is_gathered() && self.gathered.len() < GATHERED
    }

    fn is_gathered(&self) -> bool {
        self.large.is_empty() && self.end.is_empty()
    }

    /// Appends data as it is.
    pub(super) fn give(&mut self, data: Bytes) {
        let gathered = self.buffer();
        if gathered.len() + data.len() <= GATHERED {
            gathered.extend_from_slice(&data);
        } else {
            self.large = data;
        }
    }

    /// Appends data as one chunk; there must be some.
    pub(super) fn give_chunk(&mut self, data: Bytes) {
        let gathered = self.buffer();
        gathered.extend_from_slice(chunk_size_line(data.len()).as_bytes());
        if gathered.len() + data.len() + CHUNK_END.len() <= GATHERED {
            gathered.extend_from_slice(&data);
            gathered.extend_from_slice(CHUNK_END);
        } else {
            self.large = data;
            self.end = CHUNK_END;
        }
    }

    /// Appends the last chunk.
    pub(super) fn end_chunks(&mut self) {
        if self.is_gathered() {
            self.buffer().extend_from_slice(LAST_CHUNK);
        } else {
            // The end of the chunk may have gone in part.
            let gone = CHUNK_END.len() - self.end.len().min(CHUNK_END.len());
            self.end = CHUNK_AND_BODY_END.get(gone..).unwrap_or_default();
        }
    }

    /// Ready when the stream has taken everything.
    pub(super) fn poll_send<S: AsyncWrite + Unpin>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let taken = if !self.is_gathered() {
                let parts = [IoSlice::new(&self.gathered), IoSlice::new(&self.large), IoSlice::new(self.end)];
                ready!(Pin::new(&mut *io).poll_write_vectored(cx, &parts))?
            } else if !self.gathered.is_empty() {
                ready!(Pin::new(&mut *io).poll_write(cx, &self.gathered))?
            } else {
                return Poll::Ready(Ok(()));
            };
            if taken == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.took(taken);
        }
    }

    fn took(&mut self, mut taken: usize) {
        self.sent += taken as u64;
        let of_gathered = taken.min(self.gathered.len());
        self.gathered.advance(of_gathered);
        taken -= of_gathered;
        let of_large = taken.min(self.large.len());
        self.large.advance(of_large);
        taken -= of_large;
        self.end = self.end.get(taken..).unwrap_or_default();
        if self.large.is_empty() {
            // The memory of a piece is not held for the bytes after it.
            self.large = Bytes::new();
        }
    }

    /// Gives the buffer back once everything is sent.
    pub(super) fn give_buffer_back(&mut self) {
        if self.gathered.is_empty() && self.gathered.capacity() > 0 {
            buffers::give_back(&mut self.gathered);
        }
    }

    /// Everything that is not sent.
    pub(super) fn take(&mut self) -> BytesMut {
        if self.is_gathered() && self.gathered.is_empty() {
            return BytesMut::new();
        }
        std::mem::take(self.buffer())
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.gathered.capacity()
    }

    /// How many bytes the stream has taken.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        buffers::give_back(&mut self.gathered);
    }
}

#[cfg(test)]
mod tests;
