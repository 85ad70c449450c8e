//! A preflight that the app answers (`cors = "app"`).
//!
//! One exchange on a connection of its own: it sends the head that the core wrote, reads the head of the answer, and closes.
//! The body of the answer is never read, and nothing of it can reach another exchange. Trust: none; the core's parser reads
//! the answer. Bounds: those of that parser, and the app's `upstream.connect` and `upstream.read`.

use std::sync::Arc;

use bytes::BytesMut;
use stagedoor_core::answer::{AnswerFault, AnswerHead, AnswerParser, AskedWith};
use stagedoor_core::denial::{Denial, UpstreamFault};
use stagedoor_core::policy::App;
use stagedoor_core::response_fields::ResponseFields;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::edge::pool::{AppStream, Upstream};
use crate::edge::upstream_fault::broken;

/// Sends `head`, and reads the head of what the app answers.
pub(crate) async fn ask(upstream: &Arc<Upstream>, app: &App, head: &[u8]) -> Result<AnswerHead, Denial> {
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
