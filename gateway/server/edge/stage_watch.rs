//! The stage of the gateway, as the exchanges of one connection follow it.
//!
//! A connection stands once in the list of those that are told of a change, over all of its exchanges, and not once for each wait.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::sync::watch;
use tokio::task::unconstrained;

use crate::stage::Stage;

/// One connection's watch.
pub(crate) struct StageWatch {
    stage: watch::Receiver<Stage>,
    /// The stage when a change was last noticed.
    seen: Stage,
    changed: Option<Change>,
}

/// The wait for another stage than the one that was seen.
struct Change {
    wait: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// Whom it wakes.
    waker: Waker,
}

impl StageWatch {
    pub(crate) fn new(stage: watch::Receiver<Stage>) -> Self {
        Self { stage, seen: Stage::Serving, changed: None }
    }

    /// The present stage.
    pub(crate) fn stage(&self) -> Stage {
        if self.is_unchanged() { self.seen } else { *self.stage.borrow() }
    }

    /// Ready when the stage is another one than when this was last ready.
    pub(crate) fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_unchanged() && self.changed.as_ref().is_some_and(|it| it.waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        let (stage, seen) = (&self.stage, self.seen);
        let change = self.changed.get_or_insert_with(|| {
            let mut stage = stage.clone();
            // Without tokio's budget: a task that has used it up would not be put into the list.
            let wait = Box::pin(unconstrained(async move {
                if stage.wait_for(|stage| *stage != seen).await.is_err() {
                    // The gateway is gone: nothing changes any more.
                    std::future::pending::<()>().await;
                }
            }));
            Change { wait, waker: cx.waker().clone() }
        });
        change.waker.clone_from(cx.waker());
        ready!(change.wait.as_mut().poll(cx));
        self.changed = None;
        self.seen = *self.stage.borrow();
        Poll::Ready(())
    }

    /// Whether the stage is the first one still.
    fn is_unchanged(&self) -> bool {
        matches!(self.stage.has_changed(), Ok(false))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn each_change_is_noticed_once_by_whoever_waits() {
        let (sender, stage) = watch::channel(Stage::Serving);
        let mut watch = StageWatch::new(stage);
        for stage in [Stage::Draining, Stage::Closing] {
            let mut noticed = std::pin::pin!(std::future::poll_fn(|cx| watch.poll_changed(cx)));
            assert!((&mut noticed).now_or_never().is_none());
            let (noticed, ()) = tokio::join!(noticed, async {
                tokio::task::yield_now().await;
                sender.send_replace(stage);
            });
            assert_eq!(noticed, ());
            assert_eq!(watch.stage(), stage);
        }
        assert!(std::future::poll_fn(|cx| watch.poll_changed(cx)).now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_change_between_two_waits_is_noticed() {
        let (sender, stage) = watch::channel(Stage::Serving);
        let mut watch = StageWatch::new(stage);
        assert!(std::future::poll_fn(|cx| watch.poll_changed(cx)).now_or_never().is_none());
        assert_eq!(watch.stage(), Stage::Serving);
        sender.send_replace(Stage::Closing);
        assert!(std::future::poll_fn(|cx| watch.poll_changed(cx)).now_or_never().is_some());
        assert!(std::future::poll_fn(|cx| watch.poll_changed(cx)).now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_watch_that_begins_after_a_change_notices_it() {
        let (_sender, stage) = watch::channel(Stage::Draining);
        let mut watch = StageWatch::new(stage);
        assert!(std::future::poll_fn(|cx| watch.poll_changed(cx)).now_or_never().is_some());
        assert_eq!(watch.stage(), Stage::Draining);
    }

    #[tokio::test]
    async fn a_task_without_budget_is_told_all_the_same() {
        let (sender, stage) = watch::channel(Stage::Serving);
        let mut watch = StageWatch::new(stage);
        let mut first = true;
        let told = tokio::spawn(std::future::poll_fn(move |cx| {
            while first && let Poll::Ready(budget) = tokio::task::coop::poll_proceed(cx) {
                budget.made_progress();
            }
            first = false;
            watch.poll_changed(cx)
        }));
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        sender.send_replace(Stage::Closing);
        tokio::time::timeout(std::time::Duration::from_secs(10), told).await.unwrap().unwrap();
    }
}
