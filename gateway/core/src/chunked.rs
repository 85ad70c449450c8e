//! Strict reading of the chunked coding (RFC 9112 §7.1): where a body ends, and whether it is sound.
//!
//! The bytes themselves pass on unchanged; what they are worth is decided while they pass. Trust: none.
//! Bounds: no memory beyond the few fields below, extensions and trailers capped.

/// Bytes of the extensions of one chunk.
const EXTENSION_MAX: u32 = 1024;
/// Bytes of all trailer fields together.
const TRAILER_MAX: u32 = 8 * 1024;
/// Hexadecimal digits of a size: 16 would be all of 64 bits.
const DIGITS_MAX: u8 = 15;

/// Follows one chunked body.
#[derive(Debug)]
pub struct Chunked {
    at: At,
    size: u64,
    digits: u8,
    spent: u32,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Size,
    Extension,
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    LastLf,
    Done,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl Default for Chunked {
    fn default() -> Self {
        Self { at: At::Size, size: 0, digits: 0, spent: 0 }
    }
}

impl Chunked {
    /// Takes the next bytes; returns how many of them belong to the body.
    ///
    /// # Errors
    /// The first byte that no strict reader takes. The body is lost from there on.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut rest = bytes;
        while self.at != At::Done {
            if self.at == At::Data {
                let step = usize::try_from(self.size).unwrap_or(usize::MAX).min(rest.len());
                self.size -= step as u64;
                rest = rest.get(step..).unwrap_or_default();
                if self.size == 0 {
                    self.at = At::DataCr;
                }
            }
            let Some((byte, after)) = rest.split_first() else { break };
            if self.at != At::Data {
                self.at = self.step(*byte)?;
                rest = after;
            }
        }
        Ok(bytes.len() - rest.len())
    }

    /// The last chunk and the trailers are through.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.at == At::Done
    }

    fn step(&mut self, byte: u8) -> Result<At, Malformed> {
        match (self.at, byte) {
            (At::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte),
            (At::Size, _) if self.digits == 0 => Err(Malformed("a chunk without a size")),
            (At::Size, b';') => Ok(At::Extension),
            (At::Size | At::Extension, b'\r') => Ok(At::SizeEnd),
            (At::Size, _) => Err(Malformed("a chunk size that is none")),
            (At::Extension, b'\t' | b' '..=b'~' | 0x80..) => self.spend(EXTENSION_MAX, At::Extension),
            (At::Extension, _) => Err(Malformed("a control byte in a chunk extension")),
            (At::SizeEnd, b'\n') => Ok(self.begin_data()),
            (At::DataCr, b'\r') => Ok(At::DataLf),
            (At::DataLf, b'\n') => Ok(At::Size),
            (At::DataCr | At::DataLf, _) => Err(Malformed("a chunk longer than its size")),
            (At::TrailerStart, b'\r') => Ok(At::LastLf),
            (At::Trailer, b'\r') => Ok(At::TrailerLf),
            (At::TrailerStart | At::Trailer, b'\t' | b' '..=b'~' | 0x80..) => {
                self.spend(TRAILER_MAX, At::Trailer)
            }
            (At::TrailerStart | At::Trailer, _) => Err(Malformed("a control byte in a trailer")),
            (At::TrailerLf, b'\n') => Ok(At::TrailerStart),
            (At::LastLf, b'\n') => Ok(At::Done),
            (At::SizeEnd | At::TrailerLf | At::LastLf, _) => Err(Malformed("a bare CR in a chunked body")),
            (At::Data | At::Done, _) => Err(Malformed("a chunk out of turn")),
        }
    }

    fn digit(&mut self, byte: u8) -> Result<At, Malformed> {
        if self.digits == DIGITS_MAX {
            return Err(Malformed("a chunk size that is too large"));
        }
        let value = char::from(byte).to_digit(16).unwrap_or_default();
        self.size = self.size * 16 + u64::from(value);
        self.digits += 1;
        Ok(At::Size)
    }

    fn begin_data(&mut self) -> At {
        self.digits = 0;
        self.spent = 0;
        if self.size == 0 { At::TrailerStart } else { At::Data }
    }

    fn spend(&mut self, most: u32, at: At) -> Result<At, Malformed> {
        self.spent += 1;
        if self.spent > most { Err(Malformed("too much beside the chunks")) } else { Ok(at) }
    }
}

#[cfg(test)]
mod tests;
