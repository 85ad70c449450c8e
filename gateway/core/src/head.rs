//! The strict HTTP/1.1 head parser: bytes in, a [`Head`] or a refusal out.
//!
//! Protects everything behind it from request smuggling: it is the only parser that meets a
//! client's head, and what is sent on is written anew from its result. It trusts nothing. Where
//! RFC 9112 leaves a choice between repairing and refusing, it refuses: an app that repairs
//! differently would read another request.
//!
//! The input is read once, left to right, and never ahead of the byte that is judged. So the verdict
//! on a prefix is the verdict on the whole: a refusal never depends on how the bytes were cut into
//! packets, and it is given at the first byte that earns it. [`parse`] keeps nothing between two calls; a head that
//! comes in pieces is followed by [`IncrementalParser`], which looks at each byte once. So the work is linear in the bytes,
//! which [`HeadLimits::bytes`] bounds, and in nothing else. The list of fields is the one allocation.
//!
//! RFC 9112 (§2.2 line ends, §3 request line, §5 fields, §6 body length, §9.3 persistence),
//! RFC 9110 (§5 fields, §7.2 Host, §7.6.1 Connection, §10.1.1 Expect).

mod cursor;
mod incremental;
mod limits;

use crate::denial::Denial;
use crate::request::{Head, HeadBuilder, RequestLine};

use cursor::{Cursor, Step, Stop};
pub use incremental::{IncrementalParser, Progress};
pub use limits::HeadLimits;

/// What the bytes so far are.
#[derive(Debug)]
pub enum Parsed<'a> {
    /// The beginning of a head; more bytes are needed.
    Partial,
    /// A whole head.
    Complete(Head<'a>),
}

/// Parses the head at the start of `buf`; after [`Parsed::Partial`] call again with more bytes.
///
/// Caps are judged on unfinished heads too, and what can no longer become a request is refused at
/// once. At most two empty lines before the request line are skipped (RFC 9112 §2.2) and count
/// towards [`Head::length`] and [`HeadLimits::bytes`].
///
/// # Errors
/// [`Denial::BadRequest`] with the fault; [`Denial::UriTooLong`]; [`Denial::HeadersTooLarge`] for too
/// many bytes or fields; [`Denial::MethodNeverAllowed`] for CONNECT, TRACE and TRACK, whatever follows.
pub fn parse<'a>(buf: &'a [u8], limits: &HeadLimits) -> Result<Parsed<'a>, Denial> {
    let view = buf.get(..limits.bytes).unwrap_or(buf);
    match read(&mut Cursor { buf: view, at: 0, known: 0, query: false }, limits) {
        Ok(head) => Ok(Parsed::Complete(head)),
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

fn read<'a>(cursor: &mut Cursor<'a>, limits: &HeadLimits) -> Step<Head<'a>> {
    cursor.empty_lines()?;
    let method = cursor.method()?;
    let target = cursor.target(limits.uri)?;
    // Judged before the version is read: a refusal comes with the byte that earns it.
    let line = RequestLine::new(method, target)?;
    let mut head = HeadBuilder::new(line, cursor.version()?);
    while let Some(field) = cursor.field(limits.count.saturating_sub(head.count()))? {
        head.field(field)?;
    }
    Ok(head.finish(cursor.at)?)
}

#[cfg(test)]
mod tests;
