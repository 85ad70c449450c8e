//! Where the process is in its life.

use std::time::Duration;

use tokio::sync::watch;

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

/// How long a quiet connection still waits for a request once the gateway has begun to end: one that was on its way gets an
/// answer.
pub(crate) const LAST_MOMENTS: Duration = Duration::from_millis(250);

/// Over a little after the gateway has begun to end.
pub(crate) async fn last_moments(stage: &mut watch::Receiver<Stage>) {
    let _ = stage.wait_for(|stage| *stage != Stage::Serving).await;
    tokio::time::sleep(LAST_MOMENTS).await;
}
