//! A gate: what may look at a body before it is sent on, hold it back, and replace it.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::answer::AnswerHead;
use crate::denial::Denial;
use crate::guard::body::BodyGate;

/// The most bytes of one body that are held back, in each direction.
pub const HELD_MAX: usize = 1024 * 1024;

/// Judges the body of one direction, whose transfer coding is already taken off.
///
/// A gate that holds sees the whole body before anything of the message is sent on, its head included.
pub trait Gate {
    /// Whether the body is held back until its end. Asked once, before the body begins; `answer` is the head of the
    /// answer, and absent for a request.
    fn holds(&mut self, answer: Option<&AnswerHead>) -> bool;

    /// Judges the next data before it is sent on or added to what is held.
    ///
    /// # Errors
    /// The refusal of the whole message.
    fn pass(&mut self, data: &[u8]) -> Result<(), Denial>;

    /// Judges the whole body, which is complete `now`, a time since the process started. Asked only of a gate that holds.
    fn judge(&mut self, body: &Bytes, now: Duration) -> Judgement;

    /// The refusal of a body that is larger than [`HELD_MAX`]. Asked only of a gate that holds.
    fn overflow(&self) -> Denial;
}

/// What a gate says of a whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is known now.
    Known(Verdict),
    /// Somebody else has to be asked; without an answer for so long, the message is refused with this.
    Ask {
        /// How long the answer may take.
        within: Duration,
        /// The refusal after that.
        late: Denial,
    },
}

/// The verdict about a body that was held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is sent on as it came.
    Pass,
    /// This is sent instead.
    Replace(Bytes),
    /// The message is refused.
    Refuse(Denial),
}

/// The gate of answers that nothing judges.
#[derive(Clone, Copy, Debug, Default)]
pub struct PassAll;

impl Gate for PassAll {
    fn holds(&mut self, _answer: Option<&AnswerHead>) -> bool {
        false
    }

    fn pass(&mut self, _data: &[u8]) -> Result<(), Denial> {
        Ok(())
    }

    fn judge(&mut self, _body: &Bytes, _now: Duration) -> Judgement {
        Judgement::Known(Verdict::Pass)
    }

    fn overflow(&self) -> Denial {
        Denial::Internal("a body was held back that no gate holds")
    }
}

impl Gate for BodyGate {
    fn holds(&mut self, _answer: Option<&AnswerHead>) -> bool {
        self.awaits_signature()
    }

    fn pass(&mut self, data: &[u8]) -> Result<(), Denial> {
        Self::pass(self, data.len())
    }

    fn judge(&mut self, body: &Bytes, now: Duration) -> Judgement {
        let judged = self.take_signed().map_or(Ok(()), |signed| signed.judge(body, now));
        Judgement::Known(judged.map_or_else(Verdict::Refuse, |()| Verdict::Pass))
    }

    fn overflow(&self) -> Denial {
        Denial::BodyTooLarge { max: HELD_MAX as u64 }
    }
}

/// A body that is held back: at most [`HELD_MAX`] bytes.
#[derive(Debug, Default)]
pub(super) struct Held(BytesMut);

/// The body is larger than [`HELD_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

impl Held {
    /// Adds data, unless it would be too much.
    pub(super) fn add(&mut self, data: &[u8]) -> Result<(), TooLarge> {
        if self.0.len().saturating_add(data.len()) > HELD_MAX {
            return Err(TooLarge);
        }
        self.0.extend_from_slice(data);
        Ok(())
    }

    /// All of it.
    pub(super) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.0).freeze()
    }

    /// All of it, where it is.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
