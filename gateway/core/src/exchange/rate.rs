//! The minimum rate of a request body.

use std::time::Duration;

use super::terms::Deadlines;

/// Measures how fast the client sends its body. Only time that was spent waiting for the client counts.
#[derive(Debug, Default)]
pub(super) struct BodyRate {
    /// The wait in progress.
    wait: Option<Wait>,
    /// Of the window in progress: time waited, and bytes that came.
    waited: Duration,
    came: u64,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    since: Duration,
    /// Up to here the wait is part of `waited`, or of a window that has ended.
    counted: Duration,
}

impl BodyRate {
    /// The wait for the next bytes begins, unless it has already.
    pub(super) fn begin_wait(&mut self, now: Duration) {
        self.wait.get_or_insert(Wait { since: now, counted: now });
    }

    /// Bytes came: the wait is over. `false`: a window has ended in which too few came.
    pub(super) fn came(&mut self, bytes: usize, deadlines: &Deadlines, now: Duration) -> bool {
        self.count(now);
        self.wait = None;
        self.came = self.came.saturating_add(bytes as u64);
        self.end_window(deadlines)
    }

    /// Whether the present wait has lasted too long, or a window ends with too few bytes.
    pub(super) fn is_late(&mut self, deadlines: &Deadlines, now: Duration) -> bool {
        self.count(now);
        let silent = self.wait.is_some_and(|wait| now.saturating_sub(wait.since) >= deadlines.body_idle);
        silent || !self.end_window(deadlines)
    }

    /// When [`Self::is_late`] is to be asked.
    pub(super) fn due(&self, deadlines: &Deadlines) -> Option<Duration> {
        let Wait { since, counted } = self.wait?;
        let window = counted.saturating_add(deadlines.body_idle.saturating_sub(self.waited));
        Some(window.min(since.saturating_add(deadlines.body_idle)))
    }

    fn count(&mut self, now: Duration) {
        if let Some(wait) = &mut self.wait {
            self.waited += now.saturating_sub(wait.counted);
            wait.counted = now;
        }
    }

    /// `false` if a window of `body_idle` is over and too few bytes came in it.
    fn end_window(&mut self, deadlines: &Deadlines) -> bool {
        if self.waited < deadlines.body_idle {
            return true;
        }
        let enough = self.came as f64 >= deadlines.min_rate as f64 * self.waited.as_secs_f64();
        self.waited = Duration::ZERO;
        self.came = 0;
        enough
    }
}
