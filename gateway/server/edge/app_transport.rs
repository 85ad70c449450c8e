//! The stream of a connection to an app, whatever carries it.
//!
//! Over TLS a written byte may still lie encrypted in the stream when the socket is full: [`AppTransport::poll_send_rest`] sends it.
//! rustls holds 64 KiB of them at most. The end of a TLS stream without `close_notify` is an error and no end (RFC 8446 §6.1): what an
//! app sends without a length could have been cut off by anybody on the way.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut as _, BytesMut};
use pingora::protocols::Stream;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::task::unconstrained;
use tokio_rustls::client::TlsStream;

use super::tls_stream::poll_write_slices;

/// The most bytes that one read of a TLS stream gives: what a record holds (RFC 8446 §5.1).
const RECORD: usize = 16 << 10;

/// The stream of a connection to an app.
#[derive(Debug)]
pub(super) enum AppTransport {
    /// TCP, or a Unix socket.
    Plain(Stream),
    /// TLS. Boxed: it is large.
    Tls(Box<TlsStream<Stream>>),
}

impl AppTransport {
    /// Whether the connection is open and nothing has come that nobody asked for.
    pub(super) fn is_silent(&mut self) -> bool {
        let mut byte = [0; 1];
        let mut read = ReadBuf::new(&mut byte);
        let looks = poll_fn(|cx| Pin::new(&mut *self).poll_read(cx, &mut read));
        // Without tokio's budget: a task that has used it up is told of every socket that it has nothing.
        let looks = std::pin::pin!(unconstrained(looks));
        looks.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    /// Reads at most `most` bytes and appends them to `buffer`; ready with 0 at the end of what the app sends.
    pub(super) fn poll_read_into(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let most = match self {
            Self::Plain(_) => most,
            Self::Tls(_) => most.min(RECORD),
        };
        buffer.reserve(most);
        std::pin::pin!(self.read_buf(&mut buffer.limit(most))).poll(cx)
    }

    /// Tells the app that the connection ends, as far as that needs no waiting: over TLS the app could not tell it from an attack.
    pub(super) fn say_end(&mut self) {
        match self {
            // Closing it says so.
            Self::Plain(_) => {}
            Self::Tls(stream) => {
                let _ = Pin::new(stream).poll_shutdown(&mut Context::from_waker(Waker::noop()));
            }
        }
    }

    /// Whether written bytes still lie in the stream.
    pub(super) fn holds_bytes(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.wants_write(),
        }
    }

    /// Sends the written bytes that still lie in the stream; ready at once where there are none.
    pub(super) fn poll_send_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.holds_bytes() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(self).poll_flush(cx)
    }
}

impl AsyncRead for AppTransport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for AppTransport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => poll_write_slices(stream, cx, &[IoSlice::new(bytes)]),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Tls(stream) => poll_write_slices(stream, cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
