//! The only constructor of [`Head`], used by every protocol that brings requests: the parser of HTTP/1.1
//! ([`crate::head`]) and [`super::http2`].
//!
//! It checks each part, so that a head never holds anything that the strict HTTP/1.1 parser would refuse. It does not
//! cap bytes or the number of fields: the protocol does that while it reads.

use super::framing_fields::FramingFields;
use super::head::Head;
use super::message::{Field, Protocol, RequestBody, Scheme};
use super::syntax::{self, TargetForm};
use crate::denial::Denial;
use crate::path;

/// A checked method and request target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestLine<'a> {
    method: &'a str,
    /// Of the connection.
    scheme: Scheme,
    /// The host that the target names; a `Host` has to equal it.
    authority: Option<&'a [u8]>,
    target: &'a [u8],
}

/// A head of which the fields are still being read.
#[derive(Debug)]
pub(crate) struct HeadBuilder<'a> {
    line: RequestLine<'a>,
    protocol: Protocol,
    framing: FramingFields,
    fields: Vec<Field<'a>>,
}

impl<'a> RequestLine<'a> {
    /// Checks a method, and a target in origin form or in absolute form, on a connection of this scheme.
    ///
    /// # Errors
    /// As [`syntax::judge_method`]; [`Denial::BadRequest`] for a target that is neither, or that holds a
    /// byte that no target has.
    pub(crate) fn new(method: &'a str, target: &'a [u8], scheme: Scheme) -> Result<Self, Denial> {
        syntax::judge_method(method)?;
        let TargetForm { authority, target } = syntax::target_form(method, target, scheme)?;
        Ok(Self { method, scheme, authority, target })
    }

    /// With the host that stands beside the target.
    ///
    /// # Errors
    /// [`Denial::BadRequest`] if it is empty or holds a byte that no host has.
    pub(super) fn with_authority(self, authority: &'a str) -> Result<Self, Denial> {
        syntax::judge_authority(authority.as_bytes())?;
        Ok(Self { authority: Some(authority.as_bytes()), ..self })
    }
}

impl<'a> HeadBuilder<'a> {
    /// A head without fields.
    pub(crate) fn new(line: RequestLine<'a>, protocol: Protocol) -> Self {
        Self { line, protocol, framing: FramingFields::new(protocol), fields: Vec::new() }
    }

    /// How many fields there are.
    pub(crate) fn count(&self) -> usize {
        self.fields.len()
    }

    /// Adds a field, and reads what it says about the message: host, length, coding, connection, expectation.
    ///
    /// # Errors
    /// [`Denial::BadRequest`] for a name that is no token, a value with a control byte or with white
    /// space around it, and for what contradicts an earlier field.
    pub(crate) fn field(&mut self, field: Field<'a>) -> Result<(), Denial> {
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

    /// What the fields so far say about the message.
    pub(crate) fn framing(&self) -> &FramingFields {
        &self.framing
    }

    /// The whole head, before this body.
    ///
    /// # Errors
    /// [`Denial::BadRequest`] without one host, or where the target names another one than `Host`.
    pub(crate) fn finish(self, body: RequestBody) -> Result<Head<'a>, Denial> {
        let Self { line: RequestLine { method, scheme, authority, target }, protocol, framing, fields } =
            self;
        Ok(Head {
            method,
            target: path::encoded(target),
            host: framing.host(&fields, authority, scheme)?,
            scheme,
            protocol,
            fields,
            body,
        })
    }
}

/// Room made for fields in one go: browsers send fewer.
const FIELDS_EXPECTED: usize = 24;

#[cfg(test)]
pub(crate) mod tests;
