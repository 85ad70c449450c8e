//! The fields that control the message itself: `Host`, `Content-Length`, `Transfer-Encoding`, `Connection`, `Expect`.
//!
//! A field that contradicts an earlier one is refused when it is read. RFC 9112 §6, RFC 9110 §7.2, §7.6.1 and §10.1.1.

use super::http1::Framing;
use super::message::{Field, Protocol, RequestBody, Scheme};
use super::syntax::judge_authority;
use crate::denial::Denial;
use crate::host::same_authority;
use crate::work;

/// What the framing fields read so far say.
#[derive(Debug)]
pub(crate) struct FramingFields {
    protocol: Protocol,
    host: bool,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expect: bool,
    options: usize,
}

impl FramingFields {
    pub(crate) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
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
        if !LENGTHS.contains(&name.len()) {
            return Ok(());
        }
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
        judge_authority(value)?;
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
        if self.protocol == Protocol::Http10 {
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

    /// The one host (RFC 9112 §3.2), also asked of HTTP/1.0; `authority` is the one of the target, which may spell the same
    /// host and port in another way (RFC 9110 §4.2.3). In HTTP/2 it may stand in the place of `Host` (RFC 9113 §8.3.1).
    pub(crate) fn host<'a>(
        &self,
        fields: &[Field<'a>],
        authority: Option<&'a [u8]>,
        scheme: Scheme,
    ) -> Result<&'a str, Denial> {
        let host = fields.iter().find(|field| self.host && field.name.eq_ignore_ascii_case("host"));
        let host = match host {
            Some(host) => Some(host.value),
            None if self.protocol == Protocol::Http2 => authority,
            None => None,
        };
        let host =
            host.and_then(|host| std::str::from_utf8(host).ok()).ok_or(Denial::BadRequest("no Host"))?;
        match authority {
            None => Ok(host),
            Some(authority) => match std::str::from_utf8(authority) {
                Ok(authority) if same_authority(authority, host, scheme.default_port()) => Ok(host),
                Ok(_) | Err(_) => Err(Denial::BadRequest("the request target names another host than Host")),
            },
        }
    }

    pub(crate) fn declared_length(&self) -> Option<u64> {
        self.length
    }

    /// The body of a message of HTTP/1.
    pub(crate) fn body(&self) -> RequestBody {
        match self.length {
            _ if self.chunked => RequestBody::Unknown,
            Some(length) => RequestBody::Known(length),
            None => RequestBody::None,
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
        match self.protocol {
            Protocol::Http10 => self.keep_alive && !self.close,
            Protocol::Http11 | Protocol::Http2 => !self.close,
        }
    }

    /// RFC 9110 §10.1.1: on HTTP/1.0 the expectation is ignored.
    pub(crate) fn expects_continue(&self) -> bool {
        self.expect && self.protocol != Protocol::Http10
    }
}

/// Fields that `Connection` may not name: a hop that dropped them would change the meaning of the message.
const NEVER_HOP_BY_HOP: [&[u8]; 3] = [b"host", b"content-length", b"transfer-encoding"];
/// Options of `Connection` together: browsers send one or two. Each may name a field that has to be looked for among
/// all the others.
pub(crate) const CONNECTION_OPTIONS_MAX: usize = 32;
/// Of the names above and of those below: most other fields are told apart by it.
const LENGTHS: [usize; 5] = [4, 6, 10, 14, 17];
const LOOKALIKES: [&str; 2] = ["content_length", "transfer_encoding"];
