//! The strict HTTP/1.1 head parser: bytes in, a [`Head`] with its [`Http1Meta`], or a refusal out.
//!
//! Protects the app from request smuggling. No other parser reads a client's head, and the request to the app is
//! written anew from its result. It trusts no byte. Where RFC 9112 allows a malformed head to be repaired or refused, it
//! refuses, because an app that repairs in another way would read another request.
//!
//! The input is read once, from left to right, without looking ahead. A refusal is given at the first wrong byte, so it
//! does not depend on how the bytes were cut into packets. [`parse`] reads a head from its first byte;
//! [`IncrementalParser`] reads one that arrives in pieces and looks at each byte once. The work is linear in the bytes,
//! which [`HeadLimits::bytes`] bounds. The list of fields is the only allocation.
//!
//! RFC 9112 (§2.2 line ends, §3 request line, §5 fields, §6 body length, §9.3 persistence),
//! RFC 9110 (§5 fields, §7.2 Host, §7.6.1 Connection, §10.1.1 Expect).

mod cursor;
mod incremental;
mod limits;

use crate::denial::Denial;
use crate::request::{Head, HeadBuilder, Http1Meta, RequestLine, Scheme};

use cursor::{Cursor, Scanned, Stop};
pub use incremental::{IncrementalParser, Progress};
pub use limits::HeadLimits;

/// What the bytes so far are.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// The beginning of a head; more bytes are needed.
    Partial,
    /// A whole head.
    Complete(Head<'a>, Http1Meta),
}

/// Parses the head at the start of `buf`, on a connection of this scheme; after [`Parsed::Partial`] call again with more
/// bytes.
///
/// Caps are judged on unfinished heads too, and what can no longer become a request is refused at
/// once. At most two empty lines before the request line are skipped (RFC 9112 §2.2) and count
/// towards [`Http1Meta::length`] and [`HeadLimits::bytes`].
///
/// # Errors
/// [`Denial::BadRequest`] with the fault; [`Denial::UriTooLong`]; [`Denial::HeadersTooLarge`] for too
/// many bytes or fields; [`Denial::MethodNeverAllowed`] for CONNECT, TRACE and TRACK, whatever follows.
pub fn parse<'a>(buf: &'a [u8], limits: &HeadLimits, scheme: Scheme) -> Result<Parsed<'a>, Denial> {
    let view = buf.get(..limits.bytes).unwrap_or(buf);
    match read(&mut Cursor { buf: view, at: 0, known: 0, query: false }, limits, scheme) {
        Ok((head, meta)) => Ok(Parsed::Complete(head, meta)),
        Err(Stop::Refused(denial)) => Err(denial),
        Err(Stop::Ended) if view.len() >= limits.bytes => Err(Denial::HeadersTooLarge),
        Err(Stop::Ended) => Ok(Parsed::Partial),
    }
}

/// Whether a head that is too large has too many fields, rather than too many bytes.
#[must_use]
pub fn has_too_many_fields(buf: &[u8], limits: &HeadLimits) -> bool {
    let view = buf.get(..limits.bytes).unwrap_or(buf);
    // The request line and the fields that are allowed.
    view.iter().filter(|byte| **byte == b'\n').count() > limits.count
}

fn read<'a>(cursor: &mut Cursor<'a>, limits: &HeadLimits, scheme: Scheme) -> Scanned<(Head<'a>, Http1Meta)> {
    cursor.empty_lines()?;
    let method = cursor.method()?;
    let target = cursor.target(limits.uri)?;
    // Checked before the version is read: a refusal is given at the first wrong byte.
    let line = RequestLine::new(method, target, scheme)?;
    let version = cursor.version()?;
    let mut head = HeadBuilder::new(line, version.into());
    while let Some(field) = cursor.field(limits.count.saturating_sub(head.count()))? {
        head.field(field)?;
    }
    let said = head.framing();
    let meta = Http1Meta {
        version,
        framing: said.framing(),
        keep_alive: said.keep_alive(),
        expects_continue: said.expects_continue(),
        length: cursor.at,
    };
    let body = said.body();
    Ok((head.finish(body)?, meta))
}

#[cfg(test)]
mod tests;
