//! The TLS stream of a client, and writing to TLS in small slices.
//!
//! rustls copies what it is given into the record that it encrypts. A copy of some KiB is one `rep movsb` in glibc, which AMD's
//! processors run at 3 GB/s where the last twelve bits of both addresses are nearly the same, and at 60 GB/s elsewhere (glibc's bug
//! 30994). So a record is given as slices that are too small for that.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use stagedoor_core::request::Scheme;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::client::io::DownstreamIo;
use super::client_socket::ClientSocket;
use crate::certificates::HTTP2;

/// The most bytes of a slice: less than glibc copies with `rep movsb` on any processor.
const SLICE: usize = 2 << 10;
/// The most slices of one write; they are more than rustls takes at once.
const SLICES: usize = 40;

/// The TLS stream of a client. Boxed, so that it is not held once for each future that it is handed through.
pub(crate) struct ClientTls(Box<TlsStream<ClientSocket>>);

impl ClientTls {
    pub(super) fn new(stream: TlsStream<ClientSocket>) -> Self {
        Self(Box::new(stream))
    }

    /// Whether the handshake has settled on HTTP/2.
    pub(crate) fn speaks_http2(&self) -> bool {
        self.0.get_ref().1.alpn_protocol() == Some(HTTP2)
    }
}

/// Writes `parts`, in order and as far as they fit, to a stream of TLS.
pub(super) fn poll_write_slices<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    parts: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let mut slices = [IoSlice::new(&[]); SLICES];
    let mut count = 0;
    for (place, slice) in slices.iter_mut().zip(parts.iter().flat_map(|part| part.chunks(SLICE))) {
        *place = IoSlice::new(slice);
        count += 1;
    }
    Pin::new(stream).poll_write_vectored(cx, slices.get(..count).unwrap_or_default())
}

impl AsyncRead for ClientTls {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, into)
    }
}

impl AsyncWrite for ClientTls {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        poll_write_slices(&mut self.get_mut().0, cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        poll_write_slices(&mut self.get_mut().0, cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

impl DownstreamIo for ClientTls {
    fn scheme(&self) -> Scheme {
        Scheme::Https
    }

    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (io, session) = self.0.get_mut();
        // Bytes that were decrypted with earlier ones lie in the session, of which the socket knows nothing.
        if session.wants_read() { io.poll_wake(cx) } else { Poll::Ready(Ok(())) }
    }

    fn reset(&mut self) {
        self.0.get_mut().0.reset();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::task::Waker;

    use super::*;

    /// Takes all that it is given, and remembers how long each slice was.
    #[derive(Default)]
    struct Taken {
        bytes: Vec<u8>,
        slices: Vec<usize>,
    }

    impl AsyncWrite for Taken {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            parts: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let taken = self.get_mut();
            taken.slices.extend(parts.iter().map(|part| part.len()));
            parts.iter().for_each(|part| taken.bytes.extend_from_slice(part));
            Poll::Ready(Ok(parts.iter().map(|part| part.len()).sum()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_write_is_cut_into_small_slices_in_order() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
        for lengths in [
            vec![0],
            vec![1],
            vec![2048],
            vec![2049],
            vec![100, 65_536, 2],
            vec![0, 9000, 0, 7],
            vec![200_000],
        ] {
            let mut rest = &bytes[..];
            let parts: Vec<IoSlice<'_>> = lengths
                .iter()
                .map(|length| {
                    let (part, after) = rest.split_at(*length);
                    rest = after;
                    IoSlice::new(part)
                })
                .collect();
            let mut taken = Taken::default();
            let written = poll_write_slices(&mut taken, &mut Context::from_waker(Waker::noop()), &parts);
            let all: usize = lengths.iter().sum();
            let count = all.min(SLICES * SLICE);
            assert!(matches!(written, Poll::Ready(Ok(taken)) if taken == count), "{lengths:?}: {written:?}");
            assert_eq!(taken.bytes, bytes[..count], "{lengths:?}");
            assert!(taken.slices.iter().all(|slice| (1..=SLICE).contains(slice)), "{:?}", taken.slices);
        }
    }
}
