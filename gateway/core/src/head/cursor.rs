//! A cursor over the bytes of a head, with one method for each token of RFC 9112.

use crate::denial::Denial;
use crate::request::syntax::{
    METHOD_MAX, is_method_byte, is_plain_target_byte, is_quote, is_target_byte, token_length, value_length,
};
use crate::request::{Field, Http1Version, judge_method};
use crate::work;

/// Why reading stopped before the head was whole.
pub(super) enum Stop {
    /// The bytes ended.
    Ended,
    /// They are no valid head.
    Refused(Denial),
}

impl From<Denial> for Stop {
    fn from(denial: Denial) -> Self {
        Self::Refused(denial)
    }
}

pub(super) type Scanned<T> = Result<T, Stop>;

fn refuse<T>(fault: &'static str) -> Scanned<T> {
    Err(Stop::Refused(Denial::BadRequest(fault)))
}

/// A position in the bytes. Every method reads byte after byte, and reports [`Stop::Ended`] only if all bytes so far
/// could still begin a head.
pub(super) struct Cursor<'a> {
    pub(super) buf: &'a [u8],
    /// Where the current token begins.
    pub(super) at: usize,
    /// How many bytes of that token were read before; none of them ends it.
    pub(super) known: usize,
    /// Whether a `?` is among them.
    pub(super) query: bool,
}

impl<'a> Cursor<'a> {
    /// The text of a token that was read before. It is ASCII: other bytes were refused.
    pub(super) fn text_at(&self, (start, end): (usize, usize)) -> &'a str {
        self.buf.get(start..end).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    fn rest(&self) -> &'a [u8] {
        self.buf.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Scanned<u8> {
        self.buf.get(self.at).copied().ok_or(Stop::Ended)
    }

    /// The next `count` bytes; `skip` more are skipped.
    fn take(&mut self, count: usize, skip: usize) -> &'a [u8] {
        let taken = self.rest().get(..count).unwrap_or_default();
        self.at += count + skip;
        (self.known, self.query) = (0, false);
        taken
    }

    /// The token has not ended: more bytes are needed.
    fn unfinished<T>(&mut self) -> Scanned<T> {
        self.known = self.rest().len();
        Err(Stop::Ended)
    }

    /// The length of the token: up to the first byte that does not belong to it. `length` is that of its further bytes.
    fn token_end(&mut self, length: impl Fn(&[u8]) -> usize) -> Scanned<usize> {
        let rest = self.rest();
        let unknown = rest.get(self.known..).unwrap_or_default();
        let more = length(unknown);
        work::spend(unknown.len().min(more + 1));
        if more == unknown.len() { self.unfinished() } else { Ok(self.known + more) }
    }

    pub(super) fn empty_lines(&mut self) -> Scanned<()> {
        let mut seen = 0;
        while matches!(self.peek()?, b'\r' | b'\n') {
            if seen == EMPTY_LINES_MAX {
                return refuse("too many empty lines before the request line");
            }
            self.line_end("")?;
            seen += 1;
        }
        Ok(())
    }

    /// Reads CRLF; `otherwise` is the fault of any other byte than CR and LF.
    fn line_end(&mut self, otherwise: &'static str) -> Scanned<()> {
        match self.peek()? {
            b'\r' => {}
            b'\n' => return refuse("a bare line feed"),
            _ => return refuse(otherwise),
        }
        match self.buf.get(self.at + 1) {
            Some(b'\n') => {
                self.at += 2;
                Ok(())
            }
            Some(_) => refuse("a bare carriage return"),
            None => Err(Stop::Ended),
        }
    }

    pub(super) fn method(&mut self) -> Scanned<&'a str> {
        for (i, byte) in self.rest().iter().copied().enumerate().skip(self.known) {
            work::spend(1);
            match byte {
                b' ' if i > 0 => {
                    let method = text(self.take(i, 1))?;
                    if method == "PRI" {
                        return refuse("an HTTP/2 preface on a plain connection");
                    }
                    judge_method(method)?;
                    return Ok(method);
                }
                TLS_HANDSHAKE if i == 0 => return refuse("TLS on a plain listener"),
                byte if !is_method_byte(byte) => {
                    return refuse("the request line does not begin with an upper-case method");
                }
                _ if i == METHOD_MAX => return refuse("the method is too long"),
                _ => {}
            }
        }
        self.unfinished()
    }

    pub(super) fn target(&mut self, max: usize) -> Scanned<&'a [u8]> {
        let rest = self.rest();
        for (i, byte) in rest.iter().copied().enumerate().skip(self.known) {
            work::spend(1);
            if is_plain_target_byte(byte) && i > 0 && i < max {
                continue;
            }
            match byte {
                b' ' if i == 0 => return refuse("two spaces in the request line"),
                b' ' => return Ok(self.take(i, 1)),
                b'\r' | b'\n' => return refuse("the request line has no HTTP version"),
                _ if i >= max => return Err(Stop::Refused(Denial::UriTooLong)),
                b'*' if i == 0 => return refuse("the asterisk form of the request target"),
                byte if i == 0 && !matches!(byte, b'/' | b'h' | b'H') => {
                    return refuse("the request target is neither a path nor an http URL");
                }
                b'#' => return refuse("a fragment in the request target"),
                b'?' => self.query = true,
                // curl, Kodi and shells send them as they are; they go on percent-encoded.
                byte if self.query && is_quote(byte) => {}
                byte if !is_target_byte(byte) => return refuse("an illegal byte in the request target"),
                _ => {}
            }
        }
        self.unfinished()
    }

    pub(super) fn version(&mut self) -> Scanned<Http1Version> {
        for expected in b"HTTP/1." {
            if self.peek()? != *expected {
                return refuse("the request line does not end in HTTP/1.1 or HTTP/1.0");
            }
            self.at += 1;
        }
        let version = match self.peek()? {
            b'1' => Http1Version::Http11,
            b'0' => Http1Version::Http10,
            _ => return refuse("the HTTP version is neither 1.1 nor 1.0"),
        };
        self.at += 1;
        self.line_end("the request line does not end in HTTP/1.1 or HTTP/1.0")?;
        Ok(version)
    }

    /// The next field, or `None` at the end of the head; `room` more are allowed.
    pub(super) fn field(&mut self, room: usize) -> Scanned<Option<Field<'a>>> {
        if self.is_end(room)? {
            return Ok(None);
        }
        let name = self.name()?;
        let value = self.value()?;
        Ok(Some(Field { name, value }))
    }

    /// Whether the empty line comes that ends the head, and not another field.
    pub(super) fn is_end(&mut self, room: usize) -> Scanned<bool> {
        match self.peek()? {
            b'\r' => self.line_end("").map(|()| true),
            b'\n' => refuse("a bare line feed"),
            b' ' | b'\t' => refuse("white space at the start of a header line"),
            _ if room == 0 => Err(Stop::Refused(Denial::HeadersTooLarge)),
            _ => Ok(false),
        }
    }

    pub(super) fn name(&mut self) -> Scanned<&'a str> {
        let end = self.token_end(token_length)?;
        match self.rest().get(end) {
            Some(b':') if end == 0 => refuse("a header line without a name"),
            Some(b':') => text(self.take(end, 1)),
            Some(b' ' | b'\t') => refuse("white space before the colon of a header"),
            Some(b'\r' | b'\n') => refuse("a header line without a colon"),
            Some(_) | None => refuse("an illegal byte in a header name"),
        }
    }

    pub(super) fn value(&mut self) -> Scanned<&'a [u8]> {
        let end = self.token_end(value_length)?;
        let start = self.at;
        let value = self.take(end, 0);
        let ended = self.line_end("a control byte in a header value");
        if matches!(ended, Err(Stop::Ended)) {
            // The line feed is missing: the value is read again from its carriage return.
            (self.at, self.known) = (start, end);
        }
        ended.map(|()| trim(value))
    }
}

/// Bytes that were judged to be ASCII already.
fn text(bytes: &[u8]) -> Scanned<&str> {
    std::str::from_utf8(bytes).or_else(|_| refuse("a byte that is not ASCII"))
}

/// Cuts optional white space, which is SP and HTAB alone (RFC 9110 §5.6.3).
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// First byte of a TLS record that holds a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;
const EMPTY_LINES_MAX: usize = 2;
