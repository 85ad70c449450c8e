//! The body of the app's answer: where it ends, and its data without the coding.

use bytes::{Bytes, BytesMut};

use crate::answer::AnswerBody;
use crate::chunked::{Chunked, Decoded, Malformed};

/// The rest of a body.
#[derive(Debug)]
pub(super) enum BodyReader {
    /// So many bytes.
    Length(u64),
    /// As many as the coding says.
    Chunked(Chunked),
    /// Everything until the app closes the connection.
    UntilClose,
}

impl BodyReader {
    pub(super) fn of(body: AnswerBody) -> Self {
        match body {
            AnswerBody::None => Self::Length(0),
            AnswerBody::Length(length) => Self::Length(length),
            AnswerBody::Chunked => Self::Chunked(Chunked::default()),
            AnswerBody::UntilClose => Self::UntilClose,
        }
    }

    /// Takes the data that `buffer` begins with. What is beyond the end of the body stays there.
    ///
    /// # Errors
    /// The coding is malformed.
    pub(super) fn take(&mut self, buffer: &mut BytesMut) -> Result<Bytes, Malformed> {
        match self {
            Self::Length(left) => {
                let step = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                *left -= step as u64;
                Ok(buffer.split_to(step).freeze())
            }
            Self::Chunked(chunked) => {
                let Decoded { of_body, data } = chunked.decode(buffer)?;
                let mut part = buffer.split_to(of_body);
                part.truncate(data);
                Ok(part.freeze())
            }
            Self::UntilClose => Ok(buffer.split().freeze()),
        }
    }

    /// Bytes that are still to come, where their number is known.
    pub(super) fn left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked(_) | Self::UntilClose => None,
        }
    }

    /// Whether the body has ended; one that is ended by closing never has.
    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.is_done(),
            Self::UntilClose => false,
        }
    }
}
