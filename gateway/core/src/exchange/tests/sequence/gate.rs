//! The gates of a sequence.

use std::time::Duration;

use bytes::Bytes;
use stagedoor_core::answer::AnswerHead;
use stagedoor_core::denial::Denial;
use stagedoor_core::exchange::{Gate, Judgement, Verdict};

use super::script::{Kind, MOST, Said, WITHIN};

/// What a gate replaces a body with.
pub(super) const REPLACEMENT: &[u8] = b"something else";

/// A gate of this kind.
#[derive(Clone, Debug)]
pub(super) struct SequenceGate {
    pub(super) kind: Kind,
    pub(super) replaces: bool,
    pub(super) seen: usize,
}

impl Gate for SequenceGate {
    fn holds(&mut self, _answer: Option<&AnswerHead>) -> bool {
        self.kind.holds()
    }

    /// Refuses once: what was refused may not pass by what comes after it.
    fn pass(&mut self, data: &[u8]) -> Result<(), Denial> {
        let before = self.seen;
        self.seen += data.len();
        if self.kind == Kind::Refusing && before <= MOST && self.seen > MOST {
            return Err(Denial::UnexpectedBody);
        }
        Ok(())
    }

    fn judge(&mut self, _body: &Bytes, _now: Duration) -> Judgement {
        match self.kind {
            Kind::Asking => Judgement::Ask { within: WITHIN, late: Denial::UpgradeRefused },
            Kind::Open | Kind::Refusing | Kind::Holding => {
                Judgement::Known(verdict(if self.replaces { Said::Replace } else { Said::Pass }))
            }
        }
    }

    fn overflow(&self) -> Denial {
        Denial::BodyTooLarge { max: 7 }
    }
}

pub(super) fn verdict(said: Said) -> Verdict {
    match said {
        Said::Pass => Verdict::Pass,
        Said::Replace => Verdict::Replace(Bytes::from_static(REPLACEMENT)),
        Said::Refuse => Verdict::Refuse(Denial::UnexpectedBody),
    }
}
