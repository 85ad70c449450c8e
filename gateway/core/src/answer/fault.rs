//! Why an answer is none.

use crate::denial::UpstreamFault;

/// What is wrong with the bytes of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerFault {
    /// The kind, as in logs and metrics.
    pub fault: UpstreamFault,
    /// What exactly, for the operator.
    pub why: &'static str,
}

/// A fault of the kind [`UpstreamFault::BadAnswer`].
pub(super) const fn bad<T>(why: &'static str) -> Result<T, AnswerFault> {
    Err(AnswerFault { fault: UpstreamFault::BadAnswer, why })
}
