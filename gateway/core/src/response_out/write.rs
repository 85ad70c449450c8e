//! The writer of the head of an answer for an HTTP/1 client, in one pass over its fields.
//!
//! Framing and connection are this hop's own and are written from what was decided about them, never from a field of the
//! app (RFC 9110 §7.6.1, RFC 9112 §6). Names are written in lower case, as HTTP/2 has them.

use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::answer::AnswerHead;
use crate::answer_framing::{AnswerFraming, ConnectionLine};

/// Appends the head of an answer, up to and with its last empty line.
///
/// The version is the gateway's own (RFC 9112 §2.3). `date` is the present time as `Date` has it (RFC 9110 §5.6.7); a
/// final answer gets it where the app sent none (RFC 9110 §6.6.1).
pub fn write_head(
    out: &mut BytesMut,
    head: &AnswerHead,
    framing: AnswerFraming,
    connection: ConnectionLine,
    date: &HeaderValue,
) {
    let status = head.status;
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(status.as_str().as_bytes());
    out.put_slice(b" ");
    out.put_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.put_slice(b"\r\n");
    let mut dated = status.is_informational();
    for (name, value) in head.fields.iter() {
        dated |= *name == header::DATE;
        if passes(name, status, framing, connection) {
            put(out, name.as_str(), value.as_bytes());
        }
    }
    if !dated {
        put(out, "date", date.as_bytes());
    }
    match framing {
        AnswerFraming::Length(length) => {
            // Writing to a buffer cannot fail.
            let _ = write!(out, "content-length: {length}\r\n");
        }
        AnswerFraming::Chunked => out.put_slice(b"transfer-encoding: chunked\r\n"),
        AnswerFraming::None | AnswerFraming::UntilClose | AnswerFraming::Tunnel => {}
    }
    // The sender of `Upgrade` names it (RFC 9110 §7.8).
    let upgrade = status == StatusCode::UPGRADE_REQUIRED && head.fields.has(&header::UPGRADE);
    out.put_slice(match (connection, upgrade) {
        (ConnectionLine::Absent, false) => b"\r\n",
        (ConnectionLine::Absent, true) => b"connection: upgrade\r\n\r\n",
        (ConnectionLine::Close, false) => b"connection: close\r\n\r\n",
        (ConnectionLine::Close, true) => b"connection: close, upgrade\r\n\r\n",
        (ConnectionLine::KeepAlive, false) => b"connection: keep-alive\r\n\r\n",
        (ConnectionLine::KeepAlive, true) => b"connection: keep-alive, upgrade\r\n\r\n",
        (ConnectionLine::Upgrade, _) => b"connection: Upgrade\r\nupgrade: websocket\r\n\r\n",
    });
}

/// Whether a field of the answer is written as it is.
fn passes(name: &HeaderName, status: StatusCode, framing: AnswerFraming, connection: ConnectionLine) -> bool {
    if *name == header::CONTENT_LENGTH {
        // What an answer to HEAD or a 304 would have had (RFC 9110 §8.6).
        let has_no_length = status.is_informational() || status == StatusCode::NO_CONTENT;
        return framing == AnswerFraming::None && !has_no_length;
    }
    let upgrades = connection == ConnectionLine::Upgrade && *name == header::UPGRADE;
    *name != header::CONNECTION && *name != header::TRANSFER_ENCODING && !upgrades
}

fn put(out: &mut BytesMut, name: &str, value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.put_slice(name.as_bytes());
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
