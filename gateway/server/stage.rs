//! Where the process is in its life.

/// What the process does with requests. It goes from the first to the last and never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Requests are served.
    Serving,
    /// Streams are closed, open requests finish, new ones are refused.
    Draining,
    /// The drain has taken its time: streams are closed in the middle of a frame as well.
    Closing,
}
