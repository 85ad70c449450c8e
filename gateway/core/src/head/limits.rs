//! The caps of one request head.

/// Caps of one request head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head.
    pub bytes: usize,
    /// Number of fields.
    pub count: usize,
    /// Bytes of the request target.
    pub uri: usize,
}
