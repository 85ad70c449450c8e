//! The fields of an answer that control the message itself: `Content-Length`, `Transfer-Encoding`, `Connection`.
//!
//! A field that contradicts an earlier one is a fault when its line ends.

use http::{HeaderName, StatusCode, header};

use super::fault::{AnswerFault, bad};
use super::head::{AnswerBody, AnswerVersion, AskedWith};
use crate::work;

/// What the framing fields read so far say.
#[derive(Debug, Default)]
pub(super) struct FramingFields {
    length: Option<u64>,
    /// How many digits the first length has: all others have the same.
    digits: usize,
    chunked: bool,
    close: bool,
    options: usize,
}

/// How much of a line stays in the list of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    Line,
    /// The line with this many bytes of its value.
    Start(usize),
    Nothing,
}

impl FramingFields {
    /// Reads one field, of any name.
    pub(super) fn note(
        &mut self,
        name: &HeaderName,
        value: &[u8],
        (status, version): (StatusCode, AnswerVersion),
    ) -> Result<Keep, AnswerFault> {
        if *name == header::CONTENT_LENGTH {
            if never_has_body(status) { self.note_idle_length(value) } else { self.note_length(value) }
        } else if *name == header::TRANSFER_ENCODING {
            if status == StatusCode::SWITCHING_PROTOCOLS {
                return bad("a Transfer-Encoding in a 101");
            }
            if version == AnswerVersion::Http10 {
                return bad("a Transfer-Encoding in HTTP/1.0");
            }
            if never_has_body(status) { Ok(self.note_idle_coding()) } else { self.note_coding(value) }
        } else if *name == header::CONNECTION {
            self.note_connection(value)
        } else {
            Ok(Keep::Line)
        }
    }

    /// The body that follows, and whether the connection may be used again after it.
    pub(super) fn finish(
        &self,
        (status, version): (StatusCode, AnswerVersion),
        to: AskedWith,
    ) -> (AnswerBody, bool) {
        let body = match self.length {
            _ if to.head || never_has_body(status) || status == StatusCode::NOT_MODIFIED => AnswerBody::None,
            _ if self.chunked => AnswerBody::Chunked,
            Some(length) => AnswerBody::Length(length),
            None => AnswerBody::UntilClose,
        };
        let keeps = version == AnswerVersion::Http11 && !self.close && body != AnswerBody::UntilClose;
        (body, keeps)
    }

    fn note_length(&mut self, value: &[u8]) -> Result<Keep, AnswerFault> {
        let repeated = self.length.is_some();
        for digits in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            work::spend(digits.len());
            let length = read_length(digits)?;
            match self.length {
                None => (self.length, self.digits) = (Some(length), digits.len()),
                Some(first) if first == length && self.digits == digits.len() => {}
                Some(_) => return bad("two different Content-Lengths"),
            }
        }
        self.one_framing()?;
        Ok(if repeated { Keep::Nothing } else { Keep::Start(self.digits) })
    }

    fn note_coding(&mut self, value: &[u8]) -> Result<Keep, AnswerFault> {
        if !value.eq_ignore_ascii_case(b"chunked") {
            return bad("a Transfer-Encoding other than chunked");
        }
        self.chunked = true;
        self.one_framing()?;
        Ok(Keep::Nothing)
    }

    /// A length where no body can be: an app that means it sends one all the same.
    fn note_idle_length(&mut self, value: &[u8]) -> Result<Keep, AnswerFault> {
        self.close |= value.iter().any(|byte| *byte != b'0');
        Ok(Keep::Nothing)
    }

    fn note_idle_coding(&mut self) -> Keep {
        self.close = true;
        Keep::Nothing
    }

    fn one_framing(&self) -> Result<(), AnswerFault> {
        if self.chunked && self.length.is_some() {
            return bad("both Content-Length and Transfer-Encoding");
        }
        Ok(())
    }

    fn note_connection(&mut self, value: &[u8]) -> Result<Keep, AnswerFault> {
        for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            work::spend(option.len());
            self.options += 1;
            if self.options > OPTIONS_MAX {
                return bad("more than 32 options in Connection");
            }
            self.close |= option.eq_ignore_ascii_case(b"close");
        }
        Ok(Keep::Line)
    }
}

/// Whether the status alone says that there is no body and no field that would delimit one (RFC 9110 §8.6, RFC 9112 §6.1).
fn never_has_body(status: StatusCode) -> bool {
    status.is_informational() || status == StatusCode::NO_CONTENT
}

fn read_length(digits: &[u8]) -> Result<u64, AnswerFault> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return bad("the Content-Length is not a number");
    }
    if digits.len() > DIGITS_MAX {
        return bad("the Content-Length is too large");
    }
    Ok(digits.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0')))
}

/// All numbers of so many digits are less than 2^64.
const DIGITS_MAX: usize = 19;
/// Options of `Connection` together. Each may name a field that has to be looked for among all the others.
const OPTIONS_MAX: usize = 32;
