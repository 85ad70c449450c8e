//! The parser of the heads of one answer, whole or in pieces.
//!
//! It keeps its position and the places of the fields in the caller's buffer, and copies no byte.

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, StatusCode};

use super::fault::{AnswerFault, bad};
use super::framing::{FramingFields, Keep};
use super::head::{AnswerHead, AnswerVersion, AskedWith};
use crate::denial::UpstreamFault;
use crate::field_list::FieldList;
use crate::request::syntax::{token_length, value_length};
use crate::response_fields::ResponseFields;
use crate::words;
use crate::work;

/// Bytes of all heads of one answer, interim ones and empty lines included.
pub const HEADS_MAX: usize = 64 * 1024;
/// Fields of one head.
pub const FIELDS_MAX: usize = 256;
/// Interim heads of one answer.
pub const INTERIM_MAX: usize = 256;

/// The parser of one answer: of any number of interim heads, and of the final one.
#[derive(Debug)]
pub struct AnswerParser {
    at: At,
    /// How many bytes of the buffer were read.
    read: usize,
    /// Where the status line, the name or the value begins.
    start: usize,
    empty_lines: usize,
    version: AnswerVersion,
    status: u16,
    /// How many fields the head has, those that are not kept included.
    count: usize,
    /// The fields that are kept; the last one may be that whose value is being read.
    found: Vec<FoundField>,
    framing: FramingFields,
    interim: usize,
    /// Bytes of the heads before this one.
    taken: usize,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// The start of the status line, or an empty line before it.
    Before,
    EmptyLineLf,
    StatusLine,
    Reason,
    StatusLineLf,
    /// The start of a field, or the end of the head.
    Line,
    Name,
    Value,
    ValueLf,
    LastLf,
}

/// A field, and the place of its value in the buffer.
#[derive(Debug)]
struct FoundField {
    name: HeaderName,
    from: usize,
    to: usize,
}

impl Default for AnswerParser {
    fn default() -> Self {
        Self {
            at: At::Before,
            read: 0,
            start: 0,
            empty_lines: 0,
            version: AnswerVersion::Http11,
            status: 0,
            count: 0,
            found: Vec::new(),
            framing: FramingFields::default(),
            interim: 0,
            taken: 0,
        }
    }
}

impl AnswerParser {
    /// Takes the next head off the start of `buffer`; `None` while more bytes are needed.
    ///
    /// Call it again with the same buffer and more bytes at its end, and after an interim head with what follows that.
    /// What follows the final head is the body, and stays in the buffer.
    ///
    /// # Errors
    /// At the first byte that no answer has there. The answer cannot be read on after that.
    pub fn parse(&mut self, buffer: &mut BytesMut, to: AskedWith) -> Result<Option<AnswerHead>, AnswerFault> {
        let room = HEADS_MAX.saturating_sub(self.taken);
        if self.scan(buffer.get(..room).unwrap_or(buffer))? {
            let head = buffer.split_to(self.read).freeze();
            return self.finish(&head, to).map(Some);
        }
        if buffer.len() >= room {
            return bad("the heads of the answer are larger than 64 KiB");
        }
        Ok(None)
    }

    /// Reads on. Whether the head is whole.
    fn scan(&mut self, bytes: &[u8]) -> Result<bool, AnswerFault> {
        while let Some(byte) = bytes.get(self.read).copied() {
            self.at = match self.at {
                At::Before => match self.usual_status_line(bytes) {
                    Some(next) => next,
                    None => self.before(byte)?,
                },
                At::EmptyLineLf => self.line_feed(byte, At::Before)?,
                At::StatusLine => self.status_line(byte)?,
                At::Reason => self.text(bytes, At::StatusLineLf, "a control byte in the reason phrase")?,
                At::StatusLineLf => self.line_feed(byte, At::Line)?,
                At::Line => self.line(byte)?,
                At::Name => self.name(bytes)?,
                At::Value => self.text(bytes, At::ValueLf, "a control byte in a field value")?,
                At::ValueLf => {
                    let next = self.line_feed(byte, At::Line)?;
                    self.field(bytes)?;
                    next
                }
                At::LastLf => {
                    self.line_feed(byte, At::Before)?;
                    return Ok(true);
                }
            };
        }
        Ok(false)
    }

    /// The head whose bytes were read: its fields as slices of these bytes. What follows is another head.
    fn finish(&mut self, bytes: &Bytes, to: AskedWith) -> Result<AnswerHead, AnswerFault> {
        let line = self.line_read()?;
        let mut fields = FieldList::with_capacity(self.found.len() + ROOM_FOR_OURS);
        for FoundField { name, from, to } in self.found.drain(..) {
            // Every byte of it was judged by the same rule.
            match HeaderValue::from_maybe_shared(bytes.slice(from..to)) {
                Ok(value) => fields.add(name, value),
                Err(_) => return bad("a control byte in a field value"),
            }
        }
        let (body, keeps_connection) = self.framing.finish(line, to);
        let (status, version) = line;
        if status.is_informational() {
            self.interim += 1;
            if self.interim > INTERIM_MAX {
                return bad("more than 256 interim answers");
            }
        }
        let (taken, interim) = (self.taken + self.read, self.interim);
        *self = Self { taken, interim, ..Self::default() };
        Ok(AnswerHead { status, version, fields, body, keeps_connection })
    }

    fn before(&mut self, byte: u8) -> Result<At, AnswerFault> {
        match byte {
            b'\r' if self.empty_lines == EMPTY_LINES_MAX => {
                bad("too many empty lines before the status line")
            }
            b'\r' => {
                self.empty_lines += 1;
                Ok(self.pass(At::EmptyLineLf))
            }
            b'\n' => bad("a bare line feed"),
            TLS_ALERT => Err(AnswerFault {
                fault: UpstreamFault::SpeaksTls,
                why: "an alert of TLS on a plain connection",
            }),
            _ => {
                self.start = self.read;
                Ok(At::StatusLine)
            }
        }
    }

    /// Reads `HTTP/1.1 200 ` at once, if that is what comes.
    fn usual_status_line(&mut self, bytes: &[u8]) -> Option<At> {
        let line = bytes.get(self.read..)?.first_chunk::<13>()?;
        let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b' ', code @ .., b' '] = line else {
            return None;
        };
        let [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] = code else { return None };
        self.version = AnswerVersion::Http11;
        self.status = code.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
        work::spend(line.len());
        self.read += line.len();
        Some(At::Reason)
    }

    /// Reads a byte of `HTTP/1.1 200`, and the one after it.
    fn status_line(&mut self, byte: u8) -> Result<At, AnswerFault> {
        let place = self.read - self.start;
        match (place, byte) {
            (0..MINOR, _) if STATUS_LINE.get(place) == Some(&byte) => {}
            (0..MINOR, _) => return bad("the answer does not begin with HTTP/1."),
            (MINOR, b'1') => self.version = AnswerVersion::Http11,
            (MINOR, b'0') => self.version = AnswerVersion::Http10,
            (MINOR, _) => return bad("the HTTP version is neither 1.1 nor 1.0"),
            (SPACE, b' ') => {}
            (SPACE, _) => return bad("no single space before the status"),
            (_, b'1'..=b'9') | (CODE_SECOND..END, b'0') if place < END => {
                self.status = self.status * 10 + u16::from(byte - b'0');
            }
            (END, b' ') => return Ok(self.pass(At::Reason)),
            (END, b'\r') => return Ok(self.pass(At::StatusLineLf)),
            _ => return bad("the status is not of three digits from 100"),
        }
        Ok(self.pass(At::StatusLine))
    }

    fn line(&mut self, byte: u8) -> Result<At, AnswerFault> {
        match byte {
            b'\r' => Ok(self.pass(At::LastLf)),
            b'\n' => bad("a bare line feed"),
            b' ' | b'\t' => bad("white space at the start of a field line"),
            _ if self.count == FIELDS_MAX => bad("more than 256 fields"),
            _ => {
                self.count += 1;
                self.start = self.read;
                Ok(At::Name)
            }
        }
    }

    fn name(&mut self, bytes: &[u8]) -> Result<At, AnswerFault> {
        let rest = bytes.get(self.read..).unwrap_or_default();
        let colon = words::colon(rest);
        if let Some(length) = colon
            && let Some(name) = bytes.get(self.start..self.read + length)
            // Judges every byte of the name.
            && let Ok(name) = HeaderName::from_bytes(name)
        {
            work::spend(length + 1);
            self.read += length + 1;
            self.start = self.read;
            if self.found.capacity() == 0 {
                self.found.reserve(FIELDS_USUAL);
            }
            self.found.push(FoundField { name, from: self.start, to: self.start });
            return Ok(At::Value);
        }
        let length = token_length(rest);
        if length == rest.len() {
            work::spend(rest.len());
            self.read += rest.len();
            return Ok(At::Name);
        }
        match rest.get(length) {
            Some(b':') => bad("a field line without a name"),
            Some(b' ' | b'\t') => bad("white space before the colon of a field"),
            Some(b'\r' | b'\n') => bad("a field line without a colon"),
            Some(_) | None => bad("an illegal byte in a field name"),
        }
    }

    /// Reads a value or the reason phrase up to its carriage return.
    fn text(&mut self, bytes: &[u8], next: At, fault: &'static str) -> Result<At, AnswerFault> {
        let rest = bytes.get(self.read..).unwrap_or_default();
        let length = value_length(rest);
        work::spend(length);
        self.read += length;
        match bytes.get(self.read) {
            None => Ok(self.at),
            Some(b'\r') => Ok(self.pass(next)),
            Some(b'\n') => bad("a bare line feed"),
            Some(_) => bad(fault),
        }
    }

    /// Judges the field whose line has just ended.
    fn field(&mut self, bytes: &[u8]) -> Result<(), AnswerFault> {
        let line = self.line_read()?;
        let Some(found) = self.found.last_mut() else { return bad("a field line without a name") };
        let (from, to) = trimmed(bytes, self.start, self.read.saturating_sub(LINE_END));
        let value = bytes.get(from..to).unwrap_or_default();
        match self.framing.note(&found.name, value, line)? {
            Keep::Line => (found.from, found.to) = (from, to),
            Keep::Start(length) => (found.from, found.to) = (from, from + length),
            Keep::Nothing => drop(self.found.pop()),
        }
        Ok(())
    }

    fn line_feed(&mut self, byte: u8, next: At) -> Result<At, AnswerFault> {
        if byte == b'\n' { Ok(self.pass(next)) } else { bad("a bare carriage return") }
    }

    fn line_read(&self) -> Result<(StatusCode, AnswerVersion), AnswerFault> {
        match StatusCode::from_u16(self.status) {
            Ok(status) => Ok((status, self.version)),
            Err(_) => bad("the status is not of three digits from 100"),
        }
    }

    /// Goes on behind the byte that was read.
    fn pass(&mut self, next: At) -> At {
        work::spend(1);
        self.read += 1;
        next
    }
}

/// Cuts white space, which is SP and HTAB alone (RFC 9110 §5.6.3).
fn trimmed(bytes: &[u8], mut from: usize, mut to: usize) -> (usize, usize) {
    let is_space = |at: usize| matches!(bytes.get(at), Some(b' ' | b'\t'));
    while from < to && is_space(from) {
        from += 1;
    }
    while from < to && is_space(to - 1) {
        to -= 1;
    }
    (from, to)
}

const STATUS_LINE: &[u8] = b"HTTP/1.";
/// Places in a status line: of the minor version, the space behind it, the second digit of the status, its end.
const MINOR: usize = STATUS_LINE.len();
const SPACE: usize = MINOR + 1;
const CODE_SECOND: usize = SPACE + 2;
const END: usize = SPACE + 4;

/// Bytes of CRLF.
const LINE_END: usize = 2;
const EMPTY_LINES_MAX: usize = 2;
/// Lines that most answers have at most.
const FIELDS_USUAL: usize = 16;
/// Room for the lines that the gateway adds.
const ROOM_FOR_OURS: usize = 20;
/// First byte of a TLS record that holds an alert (RFC 8446 §5.1). No answer begins with it.
const TLS_ALERT: u8 = 0x15;
