//! What is wrong with a `match`.

/// Why a `match` is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternFault {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}
