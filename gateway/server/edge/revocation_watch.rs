//! The list of revocations, as an open stream follows it.
//!
//! Only a stream whose caller has a credential has a watch: other requests are judged when they come.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::sync::watch;
use tokio::task::unconstrained;

/// One stream's watch.
pub(crate) struct RevocationWatch {
    generation: watch::Receiver<u64>,
    /// The generation for which the caller was checked.
    seen: u64,
    changed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl RevocationWatch {
    /// A watch of what is revoked from now on.
    pub(crate) fn new(generation: watch::Receiver<u64>) -> Self {
        let seen = *generation.borrow();
        Self { generation, seen, changed: None }
    }

    /// Ready when more is revoked than when this was last ready.
    pub(crate) fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (generation, seen) = (&self.generation, self.seen);
        let changed = self.changed.get_or_insert_with(|| {
            let mut generation = generation.clone();
            // Without tokio's budget: a task that has used it up would not be put into the list.
            Box::pin(unconstrained(async move {
                if generation.wait_for(|generation| *generation != seen).await.is_err() {
                    // The gateway is gone: nothing more is revoked.
                    std::future::pending::<()>().await;
                }
            }))
        });
        ready!(changed.as_mut().poll(cx));
        self.changed = None;
        self.seen = *self.generation.borrow();
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn each_generation_is_noticed_once() {
        let (sender, generation) = watch::channel(4);
        let mut watch = RevocationWatch::new(generation);
        assert!(std::future::poll_fn(|cx| watch.poll_changed(cx)).now_or_never().is_none());
        for generation in [5, 7] {
            let mut noticed = std::pin::pin!(std::future::poll_fn(|cx| watch.poll_changed(cx)));
            assert!((&mut noticed).now_or_never().is_none());
            let (noticed, ()) = tokio::join!(noticed, async {
                tokio::task::yield_now().await;
                sender.send_replace(generation);
            });
            assert_eq!(noticed, ());
        }
        assert!(std::future::poll_fn(|cx| watch.poll_changed(cx)).now_or_never().is_none());
    }
}
