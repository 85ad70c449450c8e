//! The first bytes of a connection on which a client may begin with HTTP/1.1 or, with prior knowledge, with HTTP/2
//! (RFC 9113 §3.3): they are the preface of HTTP/2, or they are not.
//!
//! Bounds: one deadline for the first byte and one for all others, and no more bytes than the preface has.

use std::future::poll_fn;
use std::time::Duration;

use bytes::BytesMut;
use tokio::sync::watch;
use tokio::time::Instant;

use super::client::io::{self as downstream, DownstreamIo};
use crate::stage::{Stage, last_moments};

/// RFC 9113 §3.4
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol that a client speaks, and what was read of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FirstBytes {
    /// The preface of HTTP/2, and nothing more.
    Http2(BytesMut),
    /// Anything else.
    Other(BytesMut),
}

/// Reads until the protocol is clear; `None` if nothing came in time. The first byte may take `idle`, and all that follow may
/// take `header` from there on.
pub(crate) async fn read<S: DownstreamIo>(
    io: &mut S,
    (idle, header): (Duration, Duration),
    stage: &mut watch::Receiver<Stage>,
) -> Option<FirstBytes> {
    let mut received = BytesMut::new();
    let mut until = Instant::now() + idle;
    while PREFACE.starts_with(&received) && received.len() < PREFACE.len() {
        let is_first = received.is_empty();
        let most = PREFACE.len() - received.len();
        let read = poll_fn(|cx| downstream::poll_read(io, &mut received, PREFACE.len(), most, cx));
        let read = tokio::select! {
            biased;
            read = tokio::time::timeout_at(until, read) => read,
            () = last_moments(stage) => return None,
        };
        match read {
            Ok(Ok(1..)) => {}
            // What came is no whole preface: the parser of HTTP/1.1 says so.
            Ok(Ok(0)) if !received.is_empty() => break,
            Ok(Ok(0) | Err(_)) => return None,
            Err(_) if received.is_empty() => return None,
            Err(_) => break,
        }
        if is_first {
            until = Instant::now() + header;
        }
    }
    match *received == *PREFACE {
        true => Some(FirstBytes::Http2(received)),
        false => Some(FirstBytes::Other(received)),
    }
}

#[cfg(test)]
mod tests;
