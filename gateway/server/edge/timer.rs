//! The clock of a connection: the time, and one timer for all of its waits.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// One timer, which is moved only when it has to fire earlier, or has fired too early. Most waits end long before their
/// deadline, and the next wait takes the timer as it stands.
#[derive(Debug)]
pub(crate) struct Timer {
    started: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// `started`: when the process started.
    pub(crate) fn new(started: std::time::Instant) -> Self {
        Self { started: started.into(), sleep: None }
    }

    /// The time since the process started.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ready at `due`, a time since the process started.
    pub(crate) fn poll_until(&mut self, cx: &mut Context<'_>, due: Duration) -> Poll<()> {
        let due = self.started + due;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        loop {
            if sleep.deadline() > due {
                sleep.as_mut().reset(due);
            }
            std::task::ready!(sleep.as_mut().poll(cx));
            if Instant::now() >= due {
                return Poll::Ready(());
            }
            // It fired for an earlier wait.
            sleep.as_mut().reset(due);
        }
    }
}
