//! The fields that control the message itself: `Host`, `Content-Length`, `Transfer-Encoding`, `Connection`, `Expect`.
//!
//! A field that contradicts an earlier one is refused when it is read. RFC 9112 §6, RFC 9110 §7.2, §7.6.1 and §10.1.1.

use super::message::{Field, Framing, Version};
use crate::denial::Denial;
use crate::host::same_authority;
use crate::work;

/// What the framing fields read so far say.
#[derive(Debug)]
pub(crate) struct FramingFields {
    version: Version,
    host: bool,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expect: bool,
    options: usize,
}

impl FramingFields {
    pub(crate) fn new(version: Version) -> Self {
        Self {
            version,
            host: false,
            length: None,
            chunked: false,
            close: false,
            keep_alive: false,
            expect: false,
            options: 0,
        }
    }

    /// Reads one field, of any name.
    pub(crate) fn note(&mut self, field: Field<'_>) -> Result<(), Denial> {
        let Field { name, value } = field;
        if name.eq_ignore_ascii_case("host") {
            self.note_host(value)
        } else if name.eq_ignore_ascii_case("content-length") {
            self.note_length(value)
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.note_coding(value)
        } else if name.eq_ignore_ascii_case("connection") {
            self.note_connection(value)
        } else if name.eq_ignore_ascii_case("expect") {
            self.note_expect(value)
        } else if LOOKALIKES.iter().any(|n| name.eq_ignore_ascii_case(n)) {
            // CGI and WSGI apps fold `_` to `-` and would read a second length.
            Err(Denial::BadRequest("a framing header spelt with an underscore"))
        } else {
            Ok(())
        }
    }

    fn note_host(&mut self, value: &[u8]) -> Result<(), Denial> {
        if self.host {
            return Err(Denial::BadRequest("more than one Host"));
        }
        if value.is_empty() {
            return Err(Denial::BadRequest("an empty Host"));
        }
        if !value.iter().copied().all(is_authority_byte) {
            return Err(Denial::BadRequest("an illegal byte in Host"));
        }
        self.host = true;
        Ok(())
    }

    /// RFC 9112 §6.3 allows repeated equal lengths to be repaired. Here they are refused.
    fn note_length(&mut self, value: &[u8]) -> Result<(), Denial> {
        if self.length.is_some() {
            return Err(Denial::BadRequest("more than one Content-Length"));
        }
        // `parse` takes a sign, which RFC 9110 §8.6 does not.
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Err(Denial::BadRequest("the Content-Length is not a number"));
        }
        let length = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        self.length = Some(length.ok_or(Denial::BadRequest("the Content-Length is too large"))?);
        self.one_framing()
    }

    fn note_coding(&mut self, value: &[u8]) -> Result<(), Denial> {
        if self.version == Version::Http10 {
            return Err(Denial::BadRequest("Transfer-Encoding on HTTP/1.0"));
        }
        if self.chunked {
            return Err(Denial::BadRequest("more than one Transfer-Encoding"));
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Denial::BadRequest("a Transfer-Encoding other than chunked"));
        }
        self.chunked = true;
        self.one_framing()
    }

    fn one_framing(&self) -> Result<(), Denial> {
        if self.chunked && self.length.is_some() {
            return Err(Denial::BadRequest("both Content-Length and Transfer-Encoding"));
        }
        Ok(())
    }

    fn note_connection(&mut self, value: &[u8]) -> Result<(), Denial> {
        for option in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
            work::spend(option.len());
            self.options += 1;
            if self.options > CONNECTION_OPTIONS_MAX {
                return Err(Denial::BadRequest("more than 32 options in Connection"));
            }
            if NEVER_HOP_BY_HOP.iter().any(|name| option.eq_ignore_ascii_case(name)) {
                return Err(Denial::BadRequest("Connection names a header that is not hop-by-hop"));
            }
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
        Ok(())
    }

    fn note_expect(&mut self, value: &[u8]) -> Result<(), Denial> {
        if self.expect {
            return Err(Denial::BadRequest("more than one Expect"));
        }
        if !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(Denial::BadRequest("an expectation other than 100-continue"));
        }
        self.expect = true;
        Ok(())
    }

    /// The one host (RFC 9112 §3.2), also asked of HTTP/1.0; `authority` is an absolute form's, which may spell the same
    /// host and port in another way (RFC 9110 §4.2.3).
    pub(crate) fn host<'a>(&self, fields: &[Field<'a>], authority: Option<&[u8]>) -> Result<&'a str, Denial> {
        let host = fields.iter().find(|field| self.host && field.name.eq_ignore_ascii_case("host"));
        let host = host.and_then(|field| std::str::from_utf8(field.value).ok());
        let host = host.ok_or(Denial::BadRequest("no Host"))?;
        match authority {
            None => Ok(host),
            Some(authority) => match std::str::from_utf8(authority) {
                Ok(authority) if same_authority(authority, host, HTTP) => Ok(host),
                Ok(_) | Err(_) => Err(Denial::BadRequest("the request target names another host than Host")),
            },
        }
    }

    pub(crate) fn framing(&self) -> Framing {
        match self.length {
            _ if self.chunked => Framing::Chunked,
            None | Some(0) => Framing::None,
            Some(length) => Framing::Length(length),
        }
    }

    /// RFC 9112 §9.3.
    pub(crate) fn keep_alive(&self) -> bool {
        match self.version {
            Version::Http10 => self.keep_alive && !self.close,
            Version::Http11 | Version::Http2 => !self.close,
        }
    }

    /// RFC 9110 §10.1.1: on HTTP/1.0 the expectation is ignored.
    pub(crate) fn expects_continue(&self) -> bool {
        self.expect && self.version != Version::Http10
    }
}

/// Bytes of an `authority` (RFC 3986 §3.2). [`crate::host`] judges whether they make a host.
const fn is_authority_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'%' | b':' | b'[' | b']' | b'@')
        || matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

/// Fields that `Connection` may not name: a hop that dropped them would change the meaning of the message.
const NEVER_HOP_BY_HOP: [&[u8]; 3] = [b"host", b"content-length", b"transfer-encoding"];
/// The port of an absolute form that names none: its scheme is `http`.
const HTTP: u16 = 80;
/// Options of `Connection` together: browsers send one or two. Each may name a field that has to be looked for among
/// all the others.
pub(crate) const CONNECTION_OPTIONS_MAX: usize = 32;
const LOOKALIKES: [&str; 2] = ["content_length", "transfer_encoding"];
