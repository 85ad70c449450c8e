//! A preflight that the app answers (`cors = "app"`).
//!
//! One exchange on a connection of its own: it sends the head that the core wrote, reads the head of the answer, and closes.
//! The body of the answer is never read, and nothing of it can reach another exchange. Trust: none; the core's parser reads
//! the answer. Bounds: those of that parser, and the app's `upstream.connect` and `upstream.read`. It ends before that when its
//! client is gone, and at the end of the drain.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use stagedoor_core::answer::{AnswerFault, AnswerHead, AnswerParser, AskedWith};
use stagedoor_core::denial::{Denial, UpstreamFault};
use stagedoor_core::policy::App;
use stagedoor_core::response_fields::ResponseFields;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::edge::client::{Client, Closed};
use crate::edge::pool::{AppStream, Upstream};
use crate::edge::stage_watch::StageWatch;
use crate::edge::upstream_fault::broken;
use crate::stage::Stage;

/// Why there is no answer of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The client is to have this refusal.
    Refused(Denial),
    /// The client is gone: nobody waits for an answer.
    ClientGone,
}

/// Sends `head`, and reads the head of what the app answers. This takes no longer than the client and the gateway last.
pub(crate) async fn ask(
    upstream: &Arc<Upstream>,
    app: &App,
    head: &[u8],
    client: &mut impl Client,
    stage: &mut StageWatch,
) -> Result<AnswerHead, NoAnswer> {
    let mut exchange = pin!(exchange(upstream, app, head));
    let mut meanwhile = Meanwhile { client, stage, watch: true };
    poll_fn(|cx| match exchange.as_mut().poll(cx) {
        Poll::Ready(answer) => Poll::Ready(answer.map_err(NoAnswer::Refused)),
        Poll::Pending => meanwhile.poll_over(cx).map(Err),
    })
    .await
}

/// What may end the wait for the app. The request has no body, so that the client can be watched.
struct Meanwhile<'a, C> {
    client: &'a mut C,
    stage: &'a mut StageWatch,
    /// The client has not closed its side. One that has may still wait for the answer (RFC 9112 §9.6).
    watch: bool,
}

impl<C: Client> Meanwhile<'_, C> {
    /// Ready when the wait is over.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<NoAnswer> {
        loop {
            match self.stage.stage() {
                Stage::Serving | Stage::Draining => {}
                Stage::Closing => return Poll::Ready(NoAnswer::Refused(Denial::Draining)),
            }
            if self.watch
                && let Poll::Ready(closed) = self.client.poll_closed(cx)
            {
                match closed {
                    Closed::Half => self.watch = false,
                    Closed::Gone => return Poll::Ready(NoAnswer::ClientGone),
                }
            }
            ready!(self.stage.poll_changed(cx));
        }
    }
}

async fn exchange(upstream: &Arc<Upstream>, app: &App, head: &[u8]) -> Result<AnswerHead, Denial> {
    let mut stream = connect(upstream, app).await?;
    let exchange = async {
        stream.write_all(head).await.map_err(|error| broken(&error))?;
        stream.flush().await.map_err(|error| broken(&error))?;
        read(&mut stream).await
    };
    tokio::time::timeout(app.upstream.read, exchange).await.map_err(|_| Denial::UpstreamTimeout)?
}

/// A connection that no other exchange uses. It has as many tries as any other.
async fn connect(upstream: &Arc<Upstream>, app: &App) -> Result<AppStream, Denial> {
    let mut tries = 0;
    loop {
        match Arc::clone(upstream).get(app.upstream.connect, true).await {
            Ok((stream, _)) => return Ok(stream),
            Err(_) if tries < app.upstream.retries => tries += 1,
            Err(fault) => return Err(fault.into()),
        }
    }
}

/// Reads up to the end of the final head, and passes over interim ones.
async fn read<R: AsyncRead + Unpin>(app: &mut R) -> Result<AnswerHead, Denial> {
    let (mut parser, mut buffer) = (AnswerParser::default(), BytesMut::with_capacity(BUFFER));
    loop {
        if app.read_buf(&mut buffer).await.map_err(|error| broken(&error))? == 0 {
            return Err(Denial::UpstreamUnreachable(UpstreamFault::Closed));
        }
        while let Some(head) = parser.parse(&mut buffer, TO_OPTIONS).map_err(refusal)? {
            if head.switches() {
                // The request did not ask to switch protocols.
                return Err(Denial::UpstreamUnreachable(UpstreamFault::BadAnswer));
            }
            if !head.status.is_informational() {
                return Ok(head);
            }
        }
    }
}

fn refusal(AnswerFault { fault, .. }: AnswerFault) -> Denial {
    fault.into()
}

const TO_OPTIONS: AskedWith = AskedWith { head: false };
/// Room for the head of an answer as most are.
const BUFFER: usize = 2048;

#[cfg(test)]
mod tests;
