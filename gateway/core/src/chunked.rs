//! A strict decoder of the chunked coding (RFC 9112 §7.1), of requests and answers alike: it finds the end of a body and
//! refuses a malformed one.
//!
//! It also encodes a body again. All data of one read becomes one chunk, because a sender may send chunks of a single
//! byte, and each chunk costs the receiver more work than its bytes. Extensions and trailers are dropped.
//!
//! It is lenient in what is dropped, and in one thing besides. These are all leniencies; each is the name of a test:
//!
//! * `extensions_may_hold_anything_but_controls`: they need not be names and values, nor closed quotes.
//! * `lines_of_a_trailer_need_not_be_fields`: without a colon, with white space in front, of any name.
//! * `a_size_may_begin_with_zeros`: of 15 digits in all.
//!
//! Trust: none. Bounds: no memory beyond the few fields below, extensions and trailers capped; the work is linear in
//! the bytes.

use bytes::{Buf, Bytes, BytesMut};

use crate::work;

/// Bytes of the extensions of one chunk.
const EXTENSION_MAX: u32 = 1024;
/// Bytes of all trailer fields together.
const TRAILER_MAX: u32 = 8 * 1024;
/// Hexadecimal digits of a size: 16 would be all of 64 bits.
const DIGITS_MAX: u8 = 15;

/// Room that [`Chunked::recode`] needs in front of the bytes: eight digits of a size, and CRLF.
pub const ROOM_BEFORE: usize = 10;
/// Room that it needs behind them: CRLF, and the last chunk.
pub const ROOM_AFTER: usize = 2 + LAST_CHUNK.len();
/// The last chunk and no trailers: the end of a body.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";
/// The end of the data of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";
/// Sixteen digits of a size, and CRLF.
const SIZE_LINE_MAX: usize = 18;

/// The decoder of one chunked body.
#[derive(Debug)]
pub struct Chunked {
    at: At,
    size: u64,
    digits: u8,
    spent: u32,
}

/// Which part of the coding the next byte belongs to.
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

/// The result of one call of [`Chunked::recode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recoded {
    /// How many of the bytes belong to the body.
    pub of_body: usize,
    /// How many bytes to send to the app, from the start of `room`; may be zero.
    pub length: usize,
}

/// The result of one call of [`Chunked::decode`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// How many of the bytes belong to the body.
    pub of_body: usize,
    /// How many bytes of data stand at the front now; at most `of_body`, and may be zero.
    pub data: usize,
}

/// Where the data of some bytes is.
struct Gathered {
    of_body: usize,
    start: usize,
    data: usize,
}

/// A malformed body: what is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

impl Default for Chunked {
    fn default() -> Self {
        Self { at: At::Size, size: 0, digits: 0, spent: 0 }
    }
}

impl Chunked {
    /// Decodes the next `came` bytes and encodes them again for the app.
    ///
    /// In `room` they have [`ROOM_BEFORE`] bytes before them and [`ROOM_AFTER`] bytes after them. The result is written
    /// to the start of `room`: the data as one chunk, and the last chunk once the body ends. Bytes after the end of the
    /// body stay where they are.
    ///
    /// # Errors
    /// The first byte that breaks the coding. The body cannot be continued after that.
    pub fn recode(&mut self, room: &mut [u8], came: usize) -> Result<Recoded, Malformed> {
        const CRAMPED: Malformed = Malformed("a chunk without room");
        let (before, bytes) = room.split_at_mut_checked(ROOM_BEFORE).ok_or(CRAMPED)?;
        let Decoded { of_body, data } = self.decode(bytes.get_mut(..came).ok_or(CRAMPED)?)?;
        let mut length = 0;
        if data > 0 {
            put_size(before, data);
            bytes.get_mut(data..data + 2).ok_or(CRAMPED)?.copy_from_slice(CHUNK_END);
            length = ROOM_BEFORE + data + 2;
        }
        if self.is_done() && of_body > 0 {
            room.get_mut(length..length + LAST_CHUNK.len()).ok_or(CRAMPED)?.copy_from_slice(LAST_CHUNK);
            length += LAST_CHUNK.len();
        }
        Ok(Recoded { of_body, length })
    }

    /// Decodes the next bytes, and moves their data to the front of `bytes`.
    ///
    /// What stands between the data and the end of the body is of no use any more; bytes after the end of the body stay
    /// where they are.
    ///
    /// # Errors
    /// The first byte that breaks the coding. The body cannot be continued after that.
    pub fn decode(&mut self, bytes: &mut [u8]) -> Result<Decoded, Malformed> {
        let Gathered { of_body, start, data } = self.gather(bytes)?;
        bytes.copy_within(start..start + data, 0);
        Ok(Decoded { of_body, data })
    }

    /// Takes the data that `buffer` begins with. What is beyond the end of the body stays there.
    ///
    /// The data of one large chunk is not copied.
    ///
    /// # Errors
    /// As [`Chunked::decode`].
    pub fn take(&mut self, buffer: &mut BytesMut) -> Result<Bytes, Malformed> {
        let Gathered { of_body, start, data } = self.gather(buffer)?;
        buffer.advance(start);
        let taken = buffer.split_to(data);
        buffer.advance(of_body - start - data);
        Ok(taken.freeze())
    }

    /// Decodes the next bytes, and moves their data to the data of the first chunk among them.
    fn gather(&mut self, bytes: &mut [u8]) -> Result<Gathered, Malformed> {
        let (mut read, mut start, mut end) = (0, 0, 0);
        while self.at != At::Done {
            work::spend(1);
            if self.at == At::Data {
                let left = bytes.len() - read;
                let step = usize::try_from(self.size).unwrap_or(usize::MAX).min(left);
                if start == end {
                    (start, end) = (read, read);
                }
                if read != end {
                    bytes.copy_within(read..read + step, end);
                }
                self.size -= step as u64;
                (read, end) = (read + step, end + step);
                if self.size == 0 {
                    self.at = At::DataCr;
                }
            }
            let Some(byte) = bytes.get(read).copied() else { break };
            if self.at != At::Data {
                self.at = self.step(byte)?;
                read += 1;
            }
        }
        Ok(Gathered { of_body: read, start, data: end - start })
    }

    /// Whether the last chunk and the trailers were read.
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
            (At::Size, _) => Err(Malformed("an invalid chunk size")),
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
        if self.spent > most {
            Err(Malformed("a chunk extension or trailer that is too long"))
        } else {
            Ok(at)
        }
    }
}

/// The line before a chunk of data: `SIZE CRLF`.
#[derive(Clone, Copy, Debug)]
pub struct ChunkSizeLine {
    bytes: [u8; SIZE_LINE_MAX],
    length: usize,
}

/// The line before a chunk of `length` bytes. A length of zero would end the body: send [`LAST_CHUNK`] for that.
#[must_use]
pub fn chunk_size_line(length: usize) -> ChunkSizeLine {
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1) as usize;
    let mut line = ChunkSizeLine { bytes: [0; SIZE_LINE_MAX], length: digits + CHUNK_END.len() };
    for (place, byte) in line.bytes.iter_mut().take(line.length).enumerate() {
        *byte = match digits.checked_sub(place + 1) {
            Some(behind) => hexadecimal(length >> (4 * behind)),
            None if place == digits => b'\r',
            None => b'\n',
        };
    }
    line
}

impl ChunkSizeLine {
    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl AsRef<[u8]> for ChunkSizeLine {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// The last digit of a number in base 16.
fn hexadecimal(number: usize) -> u8 {
    b"0123456789abcdef".get(number & 15).copied().unwrap_or(b'0')
}

/// A size in eight hexadecimal digits, and CRLF.
fn put_size(into: &mut [u8], size: usize) {
    for (place, byte) in into.iter_mut().enumerate() {
        *byte = match place {
            0..8 => hexadecimal(size >> (28 - 4 * place)),
            8 => b'\r',
            _ => b'\n',
        };
    }
}

#[cfg(test)]
mod tests;
