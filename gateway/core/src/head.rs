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
//! comes in pieces is followed by [`Arriving`], which looks at each byte once. So the work is linear in the bytes,
//! which [`HeadLimits::bytes`] bounds, and in nothing else. The list of fields is the one allocation.
//!
//! RFC 9112 (§2.2 line ends, §3 request line, §5 fields, §6 body length, §9.3 persistence),
//! RFC 9110 (§5 fields, §7.2 Host, §7.6.1 Connection, §10.1.1 Expect).

mod arriving;
mod noted;

use crate::denial::Denial;
use crate::policy::HeadLimits;
use crate::request::{Field, Head, HeadBuilder, RequestLine, Version};
use crate::work;

pub use arriving::{Arriving, Progress};
pub(crate) use noted::CONNECTION_OPTIONS_MAX;
pub(crate) use noted::Noted;

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
/// many bytes or fields; [`Denial::MethodNotAllowed`] for CONNECT, TRACE and TRACK, whatever follows.
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
pub fn is_crowded(buf: &[u8], limits: &HeadLimits) -> bool {
    let view = buf.get(..limits.bytes).unwrap_or(buf);
    // The request line and the fields that are allowed.
    view.iter().filter(|byte| **byte == b'\n').count() > limits.count
}

/// Judges a method by itself, for heads that did not come through [`parse`].
///
/// # Errors
/// [`Denial::BadRequest`] unless it is `[A-Z-]{1,32}`; [`Denial::MethodNotAllowed`] for CONNECT, TRACE
/// and TRACK.
pub fn judge_method(method: &str) -> Result<(), Denial> {
    if method.is_empty() || method.len() > METHOD_MAX || !method.bytes().all(is_method_byte) {
        return Err(Denial::BadRequest("the method is not one to 32 upper-case letters or hyphens"));
    }
    match method {
        // RFC 9110 §9.3.6 and §9.3.8: a tunnel, and an echo of what the client may not see.
        "CONNECT" | "TRACE" | "TRACK" => Err(Denial::MethodNotAllowed { allow: "".into() }),
        _ => Ok(()),
    }
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

/// A request target, taken apart.
pub(crate) struct Form<'a> {
    /// Of an absolute form; it has to equal `Host`.
    pub(crate) authority: Option<&'a [u8]>,
    /// Path and query.
    pub(crate) target: &'a [u8],
}

/// Reads the origin form and the absolute form (RFC 9112 §3.2.1, §3.2.2).
pub(crate) fn form<'a>(method: &str, target: &'a [u8]) -> Result<Form<'a>, Denial> {
    let mut query = false;
    let mut fits = |byte: u8| {
        query |= byte == b'?';
        is_target_byte(byte) || (query && is_quote(byte))
    };
    if !target.iter().copied().all(&mut fits) {
        return Err(Denial::BadRequest("an illegal byte in the request target"));
    }
    let form = if target.first() == Some(&b'/') {
        Form { authority: None, target }
    } else {
        absolute(method, target)?
    };
    // Browsers send a raw grave accent in queries alone, and a URI parser behind us would rewrite it.
    let path = form.target.split(|b| *b == b'?').next().unwrap_or_default();
    if path.contains(&b'`') {
        return Err(Denial::BadRequest("an illegal byte in the request target"));
    }
    Ok(form)
}

fn absolute<'a>(method: &str, target: &'a [u8]) -> Result<Form<'a>, Denial> {
    let Some((scheme, rest)) = target.split_at_checked(SCHEME.len()) else {
        return Err(Denial::BadRequest("the request target is neither a path nor an http URL"));
    };
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return Err(Denial::BadRequest("the request target is neither a path nor an http URL"));
    }
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, b""));
    if authority.contains(&b'@') {
        return Err(Denial::BadRequest("user information in the request target"));
    }
    match target.first() {
        Some(b'/') => Ok(Form { authority: Some(authority), target }),
        // RFC 9112 §3.2.4: for OPTIONS an empty path would mean the asterisk form.
        None if method != "OPTIONS" => Ok(Form { authority: Some(authority), target: b"/" }),
        Some(_) | None => Err(Denial::BadRequest("the request target has no path")),
    }
}

/// Why reading stopped before the head was whole.
enum Stop {
    /// The bytes ended.
    Ended,
    /// They are no head.
    Refused(Denial),
}

impl From<Denial> for Stop {
    fn from(denial: Denial) -> Self {
        Self::Refused(denial)
    }
}

type Step<T> = Result<T, Stop>;

fn refuse<T>(fault: &'static str) -> Step<T> {
    Err(Stop::Refused(Denial::BadRequest(fault)))
}

/// The bytes and how far they are read. Every method judges byte after byte, and reports
/// [`Stop::Ended`] only when all bytes there are could still begin a head.
struct Cursor<'a> {
    buf: &'a [u8],
    /// Where the token that is being read begins.
    at: usize,
    /// So many bytes of that token were judged before, and none of them ends it.
    known: usize,
    /// A `?` is among them.
    query: bool,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.buf.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Step<u8> {
        self.buf.get(self.at).copied().ok_or(Stop::Ended)
    }

    /// The next `count` bytes; `skip` more are passed over.
    fn take(&mut self, count: usize, skip: usize) -> &'a [u8] {
        let taken = self.rest().get(..count).unwrap_or_default();
        self.at += count + skip;
        (self.known, self.query) = (0, false);
        taken
    }

    /// The token goes on: all of it is known now, should more bytes come.
    fn unfinished<T>(&mut self) -> Step<T> {
        self.known = self.rest().len();
        Err(Stop::Ended)
    }

    /// How long the token is: up to the first byte that is none of it.
    fn token_end(&mut self, is_part: impl Fn(u8) -> bool) -> Step<usize> {
        let rest = self.rest();
        for (i, byte) in rest.iter().copied().enumerate().skip(self.known) {
            work::spend(1);
            if !is_part(byte) {
                return Ok(i);
            }
        }
        self.unfinished()
    }

    fn empty_lines(&mut self) -> Step<()> {
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

    /// CRLF and nothing else; `otherwise` is the fault of any byte but CR and LF.
    fn line_end(&mut self, otherwise: &'static str) -> Step<()> {
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

    fn method(&mut self) -> Step<&'a str> {
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
                byte if !is_method_byte(byte) => return refuse("no upper-case method in front"),
                _ if i == METHOD_MAX => return refuse("the method is too long"),
                _ => {}
            }
        }
        self.unfinished()
    }

    fn target(&mut self, max: usize) -> Step<&'a [u8]> {
        let rest = self.rest();
        for (i, byte) in rest.iter().copied().enumerate().skip(self.known) {
            work::spend(1);
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

    fn version(&mut self) -> Step<Version> {
        for expected in b"HTTP/1." {
            if self.peek()? != *expected {
                return refuse("the request line does not end in HTTP/1.1 or HTTP/1.0");
            }
            self.at += 1;
        }
        let version = match self.peek()? {
            b'1' => Version::Http11,
            b'0' => Version::Http10,
            _ => return refuse("the HTTP version is neither 1.1 nor 1.0"),
        };
        self.at += 1;
        self.line_end("the request line does not end in HTTP/1.1 or HTTP/1.0")?;
        Ok(version)
    }

    /// The next field, or `None` at the end of the head; `room` more are allowed.
    fn field(&mut self, room: usize) -> Step<Option<Field<'a>>> {
        if self.is_end(room)? {
            return Ok(None);
        }
        let name = self.name()?;
        let value = self.value()?;
        Ok(Some(Field { name, value }))
    }

    /// Whether the empty line comes that ends the head, and not another field.
    fn is_end(&mut self, room: usize) -> Step<bool> {
        match self.peek()? {
            b'\r' => self.line_end("").map(|()| true),
            b'\n' => refuse("a bare line feed"),
            b' ' | b'\t' => refuse("white space at the start of a header line"),
            _ if room == 0 => Err(Stop::Refused(Denial::HeadersTooLarge)),
            _ => Ok(false),
        }
    }

    fn name(&mut self) -> Step<&'a str> {
        let end = self.token_end(is_token_byte)?;
        match self.rest().get(end) {
            Some(b':') if end == 0 => refuse("a header line without a name"),
            Some(b':') => text(self.take(end, 1)),
            Some(b' ' | b'\t') => refuse("white space before the colon of a header"),
            Some(b'\r' | b'\n') => refuse("a header line without a colon"),
            Some(_) | None => refuse("an illegal byte in a header name"),
        }
    }

    fn value(&mut self) -> Step<&'a [u8]> {
        let end = self.token_end(is_value_byte)?;
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
fn text(bytes: &[u8]) -> Step<&str> {
    std::str::from_utf8(bytes).or_else(|_| refuse("a byte that is not ASCII"))
}

/// Cuts optional white space, which is SP and HTAB alone (RFC 9110 §5.6.3).
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

const fn is_method_byte(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'-')
}

/// Visible ASCII and anything above it, but for what no client sends unescaped in a path. Raw `|`, `{`, `}`,
/// `^`, `[`, `]` and non-ASCII names do come from browsers, curl and media apps; the last go on
/// percent-encoded ([`crate::path::encoded`]). A `\` in the path is the target guard's business.
pub(crate) const fn is_target_byte(byte: u8) -> bool {
    byte > b' ' && byte != 0x7F && !matches!(byte, b'"' | b'<' | b'>' | b'#')
}

/// What may stand raw in a query alone.
const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>')
}

/// `tchar` of RFC 9110 §5.6.2.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

/// A token of RFC 9110 §5.6.2, as a field's name has to be.
pub(crate) fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().copied().all(is_token_byte)
}

/// `field-value` of RFC 9110 §5.5: no control byte but tab, and no white space around it. Reads every byte, so that
/// the compiler can look at many of them at once.
pub(crate) fn is_value(value: &[u8]) -> bool {
    let sound = value.iter().fold(true, |sound, byte| sound & is_value_byte(*byte));
    sound && !matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t'])
}

/// `field-content` of RFC 9110 §5.5 with `obs-text`.
const fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7F)
}

/// What an absolute form has to start with. Once TLS ends here, the scheme of the connection.
const SCHEME: &[u8] = b"http://";
/// First byte of a TLS record that holds a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 0x16;
const METHOD_MAX: usize = 32;
const EMPTY_LINES_MAX: usize = 2;

#[cfg(test)]
mod tests;
