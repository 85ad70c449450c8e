//! The parser of a head that arrives in pieces.
//!
//! [`super::parse`] begins at the first byte. Called again for each packet, it would read the first bytes as often as
//! there are packets, and a client chooses how many those are. This parser remembers its position, so that each byte is
//! read once, by the same code and with the same result. It stores no bytes: the caller's buffer holds them.

use super::cursor::{Cursor, Stop};
use super::limits::HeadLimits;
use crate::denial::Denial;
use crate::request::syntax::target_form;
use crate::request::{Field, FramingFields, Protocol, Scheme};

/// The position in the head at the start of a growing buffer.
#[derive(Debug)]
pub struct IncrementalParser {
    /// Of the connection.
    scheme: Scheme,
    /// Where the current token begins.
    at: usize,
    /// How many of its bytes were read.
    known: usize,
    /// A `?` is among them.
    query: bool,
    next: NextToken,
    framing: FramingFields,
    fields: usize,
}

/// The current token. Positions are offsets in the buffer.
#[derive(Clone, Copy, Debug)]
enum NextToken {
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

/// What the bytes so far make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The beginning of a head; more bytes are needed.
    Partial,
    /// A head up to its empty line, for [`super::parse`] to read as a whole.
    Whole,
}

impl IncrementalParser {
    /// A parser of a head on a connection of this scheme.
    #[must_use]
    pub fn new(scheme: Scheme) -> Self {
        // The version is stored when it is read, before any field.
        let framing = FramingFields::new(Protocol::Http11);
        Self { scheme, at: 0, known: 0, query: false, next: NextToken::Method, framing, fields: 0 }
    }

    /// Reads what arrived since the last call. `buf` is the same buffer, with more bytes at its end.
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
                // A token that has not ended is continued from where it began.
                (self.known, self.query) =
                    if cursor.at == self.at { (cursor.known, cursor.query) } else { (0, false) };
                Ok(Progress::Partial)
            }
        }
    }

    /// Reads token by token; no token is read again once it ended.
    fn advance(&mut self, cursor: &mut Cursor<'_>, limits: &HeadLimits) -> Result<(), Stop> {
        loop {
            self.next = match self.next {
                NextToken::Method => {
                    cursor.empty_lines()?;
                    let start = cursor.at;
                    cursor.method()?;
                    NextToken::Target { method: (start, cursor.at - 1) }
                }
                NextToken::Target { method } => {
                    let target = cursor.target(limits.uri)?;
                    target_form(cursor.text_at(method), target, self.scheme)?;
                    NextToken::Version
                }
                NextToken::Version => {
                    self.framing = FramingFields::new(cursor.version()?.into());
                    NextToken::Name
                }
                NextToken::Name => {
                    if cursor.is_end(limits.count.saturating_sub(self.fields))? {
                        return Ok(());
                    }
                    let start = cursor.at;
                    cursor.name()?;
                    NextToken::Value { name: (start, cursor.at - 1) }
                }
                NextToken::Value { name } => {
                    let value = cursor.value()?;
                    self.framing.note(Field { name: cursor.text_at(name), value })?;
                    self.fields += 1;
                    NextToken::Name
                }
            };
            (self.at, self.known, self.query) = (cursor.at, 0, false);
        }
    }
}
