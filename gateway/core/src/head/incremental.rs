//! A head while it arrives.
//!
//! [`super::parse`] reads a head from its first byte. Asked again for each packet it would read the first byte as often
//! as there are packets, and a client decides how many those are. What follows here keeps its place instead, so that
//! each byte is judged once, by the same code and with the same verdict. It keeps no bytes: the buffer has them.

use super::cursor::{Cursor, Stop};
use super::limits::HeadLimits;
use crate::denial::Denial;
use crate::request::syntax::target_form;
use crate::request::{Field, FramingFields, Version};

/// How far the head at the start of a growing buffer is read.
#[derive(Debug)]
pub struct IncrementalParser {
    /// Where the token begins that is read next.
    at: usize,
    /// So many of its bytes are judged.
    known: usize,
    /// A `?` is among them.
    query: bool,
    next: Expected,
    framing: FramingFields,
    fields: usize,
}

/// The token that is read next. Places are offsets in the buffer.
#[derive(Clone, Copy, Debug)]
enum Expected {
    /// The empty lines before the request line, and the method.
    Method,
    Target {
        method: (usize, usize),
    },
    Version,
    Name,
    Value {
        name: (usize, usize),
    },
}

/// What the bytes so far are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The beginning of a head; more bytes are needed.
    Partial,
    /// A head up to its empty line, for [`super::parse`] to read as a whole.
    Whole,
}

impl Default for IncrementalParser {
    fn default() -> Self {
        // The version is noted when it is read, before any field.
        let framing = FramingFields::new(Version::Http11);
        Self { at: 0, known: 0, query: false, next: Expected::Method, framing, fields: 0 }
    }
}

impl IncrementalParser {
    /// Looks at what has come since the last call. `buf` is the same buffer, with more at its end.
    ///
    /// # Errors
    /// As [`super::parse`], at the same byte; a whole head may still be refused by that.
    pub fn look(&mut self, buf: &[u8], limits: &HeadLimits) -> Result<Progress, Denial> {
        let view = buf.get(..limits.bytes).unwrap_or(buf);
        let mut cursor = Cursor { buf: view, at: self.at, known: self.known, query: self.query };
        match self.advance(&mut cursor, limits) {
            Ok(()) => Ok(Progress::Whole),
            Err(Stop::Refused(denial)) => Err(denial),
            Err(Stop::Ended) if view.len() >= limits.bytes => Err(Denial::HeadersTooLarge),
            Err(Stop::Ended) => {
                // A token that was left goes on from where it began.
                (self.known, self.query) =
                    if cursor.at == self.at { (cursor.known, cursor.query) } else { (0, false) };
                Ok(Progress::Partial)
            }
        }
    }

    /// Token by token; what is read is not read again.
    fn advance(&mut self, cursor: &mut Cursor<'_>, limits: &HeadLimits) -> Result<(), Stop> {
        loop {
            self.next = match self.next {
                Expected::Method => {
                    cursor.empty_lines()?;
                    let start = cursor.at;
                    cursor.method()?;
                    Expected::Target { method: (start, cursor.at - 1) }
                }
                Expected::Target { method } => {
                    let target = cursor.target(limits.uri)?;
                    target_form(cursor.text_at(method), target)?;
                    Expected::Version
                }
                Expected::Version => {
                    self.framing = FramingFields::new(cursor.version()?);
                    Expected::Name
                }
                Expected::Name => {
                    if cursor.is_end(limits.count.saturating_sub(self.fields))? {
                        return Ok(());
                    }
                    let start = cursor.at;
                    cursor.name()?;
                    Expected::Value { name: (start, cursor.at - 1) }
                }
                Expected::Value { name } => {
                    let value = cursor.value()?;
                    self.framing.note(Field { name: cursor.text_at(name), value })?;
                    self.fields += 1;
                    Expected::Name
                }
            };
            (self.at, self.known, self.query) = (cursor.at, 0, false);
        }
    }
}
