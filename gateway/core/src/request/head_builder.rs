//! The only constructor of [`Head`], used by every protocol that brings requests.
//!
//! It checks each part, so that a head never holds anything that the strict HTTP/1.1 parser would refuse. It does not
//! cap bytes or the number of fields: the protocol does that while it reads.

use super::framing_fields::FramingFields;
use super::head::Head;
use super::message::{Field, Version};
use super::syntax::{self, TargetForm};
use crate::denial::Denial;
use crate::path;

/// A checked method and request target.
#[derive(Clone, Copy, Debug)]
pub struct RequestLine<'a> {
    method: &'a str,
    /// Of an absolute form; it has to equal `Host`.
    authority: Option<&'a [u8]>,
    target: &'a [u8],
}

/// A head of which the fields are still being read.
#[derive(Debug)]
pub struct HeadBuilder<'a> {
    line: RequestLine<'a>,
    version: Version,
    framing: FramingFields,
    fields: Vec<Field<'a>>,
}

impl<'a> RequestLine<'a> {
    /// Checks a method, and a target in origin form or in absolute form.
    ///
    /// # Errors
    /// As [`syntax::judge_method`]; [`Denial::BadRequest`] for a target that is neither, or that holds a
    /// byte that no target has.
    pub fn new(method: &'a str, target: &'a [u8]) -> Result<Self, Denial> {
        syntax::judge_method(method)?;
        let TargetForm { authority, target } = syntax::target_form(method, target)?;
        Ok(Self { method, authority, target })
    }
}

impl<'a> HeadBuilder<'a> {
    /// A head without fields.
    #[must_use]
    pub fn new(line: RequestLine<'a>, version: Version) -> Self {
        Self { line, version, framing: FramingFields::new(version), fields: Vec::new() }
    }

    /// How many fields there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.fields.len()
    }

    /// Adds a field, and reads what it says about the message: host, length, coding, connection, expectation.
    ///
    /// # Errors
    /// [`Denial::BadRequest`] for a name that is no token, a value with a control byte or with white
    /// space around it, and for what contradicts an earlier field.
    pub fn field(&mut self, field: Field<'a>) -> Result<(), Denial> {
        let Field { name, value } = field;
        if !syntax::is_token(name.as_bytes()) {
            return Err(Denial::BadRequest("an illegal byte in a header name"));
        }
        if !syntax::is_value(value) {
            return Err(Denial::BadRequest("a control byte in a header value"));
        }
        self.framing.note(field)?;
        if self.fields.is_empty() {
            self.fields.reserve(FIELDS_EXPECTED);
        }
        self.fields.push(field);
        Ok(())
    }

    /// The whole head, which took `length` bytes of the connection's buffer.
    ///
    /// # Errors
    /// [`Denial::BadRequest`] without one `Host`, or where the target names another one.
    pub fn finish(self, length: usize) -> Result<Head<'a>, Denial> {
        let Self { line: RequestLine { method, authority, target }, version, framing, fields } = self;
        Ok(Head {
            method,
            target: path::encoded(target),
            host: framing.host(&fields, authority)?,
            version,
            framing: framing.framing(),
            keep_alive: framing.keep_alive(),
            expects_continue: framing.expects_continue(),
            fields,
            length,
        })
    }
}

/// Room made for fields in one go: browsers send fewer.
const FIELDS_EXPECTED: usize = 24;

#[cfg(test)]
pub(crate) mod tests;
