//! The stream of a client's connection, whatever carries it.

use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::{BufMut, BytesMut};
use stagedoor_core::request::Scheme;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

use crate::edge::buffers;

/// What the edge asks of the stream of a client's connection.
pub(crate) trait DownstreamIo: AsyncRead + AsyncWrite + Unpin + Send {
    /// The scheme of the requests that arrive on it: `https` where it decrypts.
    fn scheme(&self) -> Scheme;

    /// Ready when a read may find something, so that a connection that waits needs no buffer.
    ///
    /// It may be ready too early, never too late. A stream that decrypts may have bytes in hand while its socket is silent.
    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Lets the end of the connection be a reset.
    fn reset(&mut self);
}

impl DownstreamIo for TcpStream {
    fn scheme(&self) -> Scheme {
        Scheme::Http
    }

    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_read_ready(cx)
    }

    fn reset(&mut self) {
        let _ = self.set_zero_linger();
    }
}

#[cfg(test)]
impl DownstreamIo for tokio::io::DuplexStream {
    fn scheme(&self) -> Scheme {
        Scheme::Http
    }

    fn poll_wake(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn reset(&mut self) {}
}

/// Reads at most `most` bytes and appends them; ready with 0 at the end of what the client sends.
///
/// The buffer gets room for `size` bytes where it needs more. While the read waits, an empty buffer holds no memory.
pub(crate) fn poll_read<S: DownstreamIo>(
    io: &mut S,
    buffer: &mut BytesMut,
    size: usize,
    most: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let read = match io.poll_wake(cx) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        Poll::Ready(Ok(())) => {
            buffers::make_room(buffer, size);
            pin!(io.read_buf(&mut (&mut *buffer).limit(most))).poll(cx)
        }
    };
    if read.is_pending() {
        buffers::give_back_unused(buffer, size);
    }
    read
}
