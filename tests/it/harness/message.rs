//! HTTP/1.1 messages as bytes: read strictly, kept as they came.

use std::io::{self, Read};

/// Header fields in the order they came, names as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(pub(crate) Vec<(String, String)>);

impl Fields {
    /// Every value of `name`, compared without case.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The only value of `name`; panics if it came twice.
    pub(crate) fn sole(&self, name: &str) -> Option<&str> {
        let values: Vec<&str> =
            self.0.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| &**v).collect();
        assert!(values.len() < 2, "`{name}` came more than once: {self:?}");
        values.first().copied()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }
}

/// An answer as the client got it.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<u8>,
    /// The framing came to its end: nothing is missing.
    pub(crate) complete: bool,
    /// Statuses and fields of the informational answers before it.
    pub(crate) interim: Vec<(u16, Fields)>,
    /// Everything as bytes, interim answers aside.
    pub(crate) head: Vec<u8>,
}

impl Response {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The only value of a field, empty if there is none.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.sole(name).unwrap_or_default()
    }

    /// `code` of a refusal in the shape of RFC 9457.
    pub(crate) fn code(&self) -> String {
        let value = serde_json::from_slice::<serde_json::Value>(&self.body).unwrap_or_default();
        value.get("code").and_then(|code| code.as_str()).unwrap_or("-").to_owned()
    }
}

/// Splits a head into its first line and fields; every fault of the grammar is a violation.
pub(crate) fn split_head(head: &[u8]) -> Result<(Vec<u8>, Fields), String> {
    let inner = head.strip_suffix(b"\r\n\r\n").ok_or("no empty line at the end")?;
    let mut lines = Vec::new();
    let mut rest = inner;
    while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
        lines.push(&rest[..at]);
        rest = &rest[at + 2..];
    }
    lines.push(rest);
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default().to_vec();
    let mut fields = Vec::new();
    for line in lines {
        if line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return Err(format!("a control byte in `{}`", String::from_utf8_lossy(line)));
        }
        let at = line.iter().position(|b| *b == b':').ok_or("a field without a colon")?;
        let (name, value) = (&line[..at], &line[at + 1..]);
        if name.is_empty() || !name.iter().all(|b| is_token(*b)) {
            return Err(format!("a field name `{}`", String::from_utf8_lossy(name)));
        }
        let value: String = value.iter().map(|b| char::from(*b)).collect();
        fields.push((String::from_utf8_lossy(name).into_owned(), value.trim_matches([' ', '\t']).to_owned()));
    }
    Ok((first, Fields(fields)))
}

pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Bytes that were read and not yet used, in front of a stream.
#[derive(Debug)]
pub(crate) struct Reader<S> {
    pub(crate) stream: S,
    pub(crate) buffer: Vec<u8>,
    /// Everything that ever came, up to a megabyte.
    pub(crate) all: Vec<u8>,
}

impl<S: Read> Reader<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new(), all: Vec::new() }
    }

    /// More bytes; `Ok(0)` at the end.
    pub(crate) fn fill(&mut self) -> io::Result<usize> {
        let mut part = [0u8; 64 * 1024];
        let came = loop {
            match self.stream.read(&mut part) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.buffer.extend_from_slice(&part[..came]);
        let room = (1usize << 20).saturating_sub(self.all.len());
        self.all.extend_from_slice(&part[..came.min(room)]);
        Ok(came)
    }

    /// A head with its empty line; `None` if the stream ended before its first byte.
    pub(crate) fn head(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                return Ok(Some(self.buffer.drain(..at + 4).collect()));
            }
            if self.fill()? == 0 {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended in a head"));
            }
        }
    }

    /// A line up to its CRLF, which is taken off; a bare line feed is a fault.
    pub(crate) fn line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                return match line.strip_suffix(b"\r\n") {
                    Some(line) => Ok(line.to_vec()),
                    None => Err(io::Error::new(io::ErrorKind::InvalidData, "a bare line feed")),
                };
            }
            if self.fill()? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the stream ended in a line"));
            }
        }
    }

    /// Gives the next bytes to `take`, `length` of them in all; `false` if the stream ended early.
    pub(crate) fn exactly(&mut self, mut length: u64, take: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        while length > 0 {
            if self.buffer.is_empty() && self.fill()? == 0 {
                return Ok(false);
            }
            let step = usize::try_from(length).unwrap_or(usize::MAX).min(self.buffer.len());
            take(&self.buffer[..step]);
            self.buffer.drain(..step);
            length -= step as u64;
        }
        Ok(true)
    }

    /// A chunked body (RFC 9112 §7.1), trailers included; `Ok(false)` if the stream ended early.
    pub(crate) fn chunked(&mut self, take: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        loop {
            let line = match self.line() {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                other => other?,
            };
            let digits = line.split(|b| *b == b';').next().unwrap_or_default();
            let size = std::str::from_utf8(digits)
                .ok()
                .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit()))
                .and_then(|text| u64::from_str_radix(text, 16).ok())
                .ok_or_else(|| invalid(format!("a chunk size `{}`", String::from_utf8_lossy(&line))))?;
            if size == 0 {
                break;
            }
            if !self.exactly(size, take)? {
                return Ok(false);
            }
            match self.line() {
                Ok(line) if line.is_empty() => {}
                Ok(_) => return Err(invalid("no CRLF after a chunk".to_owned())),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        loop {
            match self.line() {
                Ok(line) if line.is_empty() => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}

pub(crate) fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
