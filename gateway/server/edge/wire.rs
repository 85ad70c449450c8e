//! The client's side of one exchange, as pingora sees it.
//!
//! Three things pingora does not do live here: every wait has a deadline, pingora never sees a byte
//! that belongs to the next request, and the socket comes back to the front whatever happens.
//! The idle case costs no buffer: reads go straight into pingora's, writes are gathered in a
//! buffer that exists only while something is unsent.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pingora_core::protocols::raw_connect::ProxyDigest;
use pingora_core::protocols::{
    GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest,
    UniqueID,
};
use stagedoor_core::chunked::{Chunked, Malformed, ROOM_AFTER, ROOM_BEFORE};
use stagedoor_core::denial::Denial;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use super::exchange::{Exchange, Phase, Returned};
use crate::stage::Stage;

/// Small writes are gathered up to this many bytes before they go out together.
const GATHER: usize = 8 * 1024;

/// Bytes of a chunked body that are read at once, and become one chunk at most.
const CHUNK_STEP: usize = 32 * 1024;

/// The stream that pingora is given for one exchange.
pub(crate) struct Wire {
    tcp: Option<TcpStream>,
    exchange: Arc<Exchange>,
    body: Body,
    /// What was read beyond the body: the beginning of the next request.
    beyond: BytesMut,
    out: BytesMut,
    clock: Clock,
    stage: watch::Receiver<Stage>,
    closing: Option<Pin<Box<dyn Future<Output = bool> + Send + Sync>>>,
}

/// What of the body is still to come.
#[derive(Debug)]
pub(crate) enum Body {
    /// So many bytes.
    Length(u64),
    /// As many as the coding says.
    Chunked(Chunked),
    /// Whatever comes: a WebSocket.
    Open,
}

/// When the present wait began, and what the body did so far.
#[derive(Debug)]
struct Clock {
    sleep: Option<Pin<Box<Sleep>>>,
    phase: Phase,
    waiting_since: Option<Instant>,
    /// Of the body window in progress: time spent waiting, and bytes that came.
    waited: Duration,
    came: u64,
    /// The last sign of life on either side.
    moved: Instant,
}

impl Wire {
    /// `body`: what of the body pingora has not been given yet.
    pub(crate) fn new(
        tcp: TcpStream,
        exchange: Arc<Exchange>,
        body: Body,
        stage: watch::Receiver<Stage>,
    ) -> Self {
        let phase = exchange.phase();
        Self {
            tcp: Some(tcp),
            exchange,
            body,
            beyond: BytesMut::new(),
            out: BytesMut::new(),
            clock: Clock {
                sleep: None,
                phase,
                waiting_since: None,
                waited: Duration::ZERO,
                came: 0,
                moved: Instant::now(),
            },
            stage,
            closing: None,
        }
    }

    /// Reads, or once the body is complete only looks whether the client is still there.
    fn poll_input(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(tcp) = self.tcp.as_mut() else { return gone() };
        let before = into.filled().len();
        match &mut self.body {
            Body::Open => Pin::new(tcp).poll_read(cx, into),
            Body::Length(0) => watch_client(tcp, cx),
            Body::Length(left) => {
                std::task::ready!(poll_part(tcp, cx, into, *left))?;
                *left = left.saturating_sub((into.filled().len() - before) as u64);
                Poll::Ready(Ok(()))
            }
            Body::Chunked(chunked) if chunked.is_done() => watch_client(tcp, cx),
            Body::Chunked(chunked) => {
                match std::task::ready!(poll_chunks(tcp, cx, into, chunked, &mut self.beyond)) {
                    Ok(()) => Poll::Ready(Ok(())),
                    Err(Unread::Failed(error)) => Poll::Ready(Err(error)),
                    Err(Unread::Malformed(fault)) => {
                        self.exchange.fail(Denial::BadRequest(fault));
                        Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
                    }
                }
            }
        }
    }

    /// Ready when the present wait has lasted too long.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let phase = self.exchange.phase();
        if phase != self.clock.phase {
            self.clock.enter(phase);
        }
        let streams = phase == Phase::Streaming;
        if (streams || self.exchange.is_ended_by_closing()) && self.poll_closing(streams, cx).is_ready() {
            if streams {
                self.exchange.tell_to_close();
            } else {
                self.exchange.fail(Denial::Draining);
            }
            return Poll::Ready(io::Error::other("the gateway is shutting down"));
        }
        loop {
            let now = Instant::now();
            let Some(left) = self.clock.left(&self.exchange, now) else {
                self.exchange.fail(match phase {
                    Phase::Body => Denial::BodyTimeout,
                    Phase::Waiting | Phase::Answering | Phase::Streaming => Denial::UpstreamTimeout,
                });
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            };
            let until = now + left;
            let sleep = self.clock.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
            if sleep.deadline() > until || sleep.is_elapsed() {
                sleep.as_mut().reset(until);
            }
            std::task::ready!(sleep.as_mut().poll(cx));
        }
    }

    /// Ready when what is open is to end. A stream ends at once when the gateway begins to, but not in the middle of a
    /// frame. The rest of that is waited for until the drain is over, and so is an answer that ends by closing: the
    /// end of the process would look like its own.
    fn poll_closing(&mut self, streams: bool, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let stage = *self.stage.borrow_and_update();
            match stage {
                Stage::Closing => return Poll::Ready(()),
                Stage::Draining if streams && self.exchange.frames().at_boundary() => return Poll::Ready(()),
                Stage::Serving | Stage::Draining => {}
            }
            let stage = &self.stage;
            let next = self.closing.get_or_insert_with(|| {
                let mut stage = stage.clone();
                Box::pin(async move { stage.changed().await.is_ok() })
            });
            let goes_on = std::task::ready!(next.as_mut().poll(cx));
            self.closing = None;
            if !goes_on {
                return Poll::Ready(());
            }
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(tcp) = self.tcp.as_mut() else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        while !self.out.is_empty() {
            let sent = std::task::ready!(Pin::new(&mut *tcp).poll_write(cx, &self.out))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(sent);
            self.clock.moved = Instant::now();
        }
        Poll::Ready(Ok(()))
    }
}

impl Clock {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.waiting_since = None;
        self.moved = Instant::now();
    }

    /// Bytes came in.
    fn came(&mut self, bytes: u64) {
        let now = Instant::now();
        if let Some(since) = self.waiting_since.take() {
            self.waited += now.saturating_duration_since(since);
        }
        self.came += bytes;
        self.moved = now;
    }

    /// How long the present wait may go on; `None` when it is over.
    fn left(&mut self, exchange: &Exchange, now: Instant) -> Option<Duration> {
        let timeouts = &exchange.timeouts;
        let (since, allowed) = match self.phase {
            Phase::Body => return self.body_left(timeouts.body_idle, timeouts.min_rate, now),
            Phase::Waiting | Phase::Answering => (self.moved, exchange.app.upstream.read),
            Phase::Streaming => (self.moved, timeouts.stream_idle),
        };
        positive(allowed.saturating_sub(now.saturating_duration_since(since)))
    }

    /// A body is cut when nothing comes for `idle`, or when less than `min_rate` came over a
    /// window of `idle` spent waiting for the client (time that the app needs does not count).
    fn body_left(&mut self, idle: Duration, min_rate: u64, now: Instant) -> Option<Duration> {
        let since = *self.waiting_since.get_or_insert(now);
        let this_wait = now.saturating_duration_since(since);
        let waited = self.waited + this_wait;
        if waited >= idle {
            if (self.came as f64) < min_rate as f64 * waited.as_secs_f64() {
                return None;
            }
            self.waited = Duration::ZERO;
            self.came = 0;
        }
        positive(idle.saturating_sub(this_wait))
            .map(|left| left.min(idle.saturating_sub(self.waited + this_wait).max(Duration::from_millis(1))))
    }
}

/// Reads at most `most` bytes: what follows them belongs to the next request.
fn poll_part(
    tcp: &mut TcpStream,
    cx: &mut Context<'_>,
    into: &mut ReadBuf<'_>,
    most: u64,
) -> Poll<io::Result<()>> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most >= into.remaining() {
        return Pin::new(tcp).poll_read(cx, into);
    }
    let mut part = ReadBuf::new(into.initialize_unfilled_to(most));
    std::task::ready!(Pin::new(tcp).poll_read(cx, &mut part))?;
    let came = part.filled().len();
    into.advance(came);
    Poll::Ready(Ok(()))
}

/// Why chunks could not be read.
enum Unread {
    Failed(io::Error),
    Malformed(&'static str),
}

/// Reads chunks: the data that comes together goes on as one of them, and what follows the last goes to `beyond`.
///
/// Ready with nothing only when the client has closed its side. What is no data is read on its own account, since
/// nothing would mean the end.
fn poll_chunks(
    tcp: &mut TcpStream,
    cx: &mut Context<'_>,
    into: &mut ReadBuf<'_>,
    chunked: &mut Chunked,
    beyond: &mut BytesMut,
) -> Poll<Result<(), Unread>> {
    loop {
        let most = into.remaining().min(CHUNK_STEP);
        let room = into.initialize_unfilled_to(most);
        let Some(bytes) =
            room.get_mut(ROOM_BEFORE..most.saturating_sub(ROOM_AFTER)).filter(|b| !b.is_empty())
        else {
            return Poll::Ready(Err(Unread::Failed(io::ErrorKind::OutOfMemory.into())));
        };
        let mut part = ReadBuf::new(bytes);
        std::task::ready!(Pin::new(&mut *tcp).poll_read(cx, &mut part)).map_err(Unread::Failed)?;
        let came = part.filled().len();
        if came == 0 {
            return Poll::Ready(Ok(()));
        }
        let recoded = chunked.recode(room, came).map_err(|Malformed(fault)| Unread::Malformed(fault))?;
        beyond.extend_from_slice(
            room.get(ROOM_BEFORE + recoded.of_body..ROOM_BEFORE + came).unwrap_or_default(),
        );
        if recoded.length > 0 {
            into.advance(recoded.length);
            return Poll::Ready(Ok(()));
        }
    }
}

/// Ready only when the client has closed its side or is gone.
fn watch_client(tcp: &TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
    let mut probe = [0u8; 1];
    match tcp.poll_peek(cx, &mut ReadBuf::new(&mut probe)) {
        // The next request is already here: pingora has no business with it. The exchange ends by
        // its answer, not by this wait.
        Poll::Ready(Ok(1..)) | Poll::Pending => Poll::Pending,
        Poll::Ready(Ok(0)) => Poll::Ready(Ok(())),
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
    }
}

fn gone<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
}

fn positive(left: Duration) -> Option<Duration> {
    (!left.is_zero()).then_some(left)
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let before = into.filled().len();
        match me.poll_input(cx, into) {
            Poll::Ready(result) => {
                me.clock.came((into.filled().len() - before) as u64);
                Poll::Ready(result)
            }
            Poll::Pending => me.poll_deadline(cx).map(Err),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        if me.out.len() + bytes.len() <= GATHER {
            me.out.extend_from_slice(bytes);
            me.clock.moved = Instant::now();
            return Poll::Ready(Ok(bytes.len()));
        }
        while !me.out.is_empty() {
            let Some(tcp) = me.tcp.as_mut() else { return gone() };
            let both = [io::IoSlice::new(&me.out), io::IoSlice::new(bytes)];
            let sent = std::task::ready!(Pin::new(tcp).poll_write_vectored(cx, &both))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            me.clock.moved = Instant::now();
            if sent > me.out.len() {
                let beyond = sent - me.out.len();
                me.out.clear();
                return Poll::Ready(Ok(beyond));
            }
            me.out.advance(sent);
        }
        let Some(tcp) = me.tcp.as_mut() else { return gone() };
        let sent = std::task::ready!(Pin::new(tcp).poll_write(cx, bytes))?;
        me.clock.moved = Instant::now();
        Poll::Ready(Ok(sent))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        super::fault_point::hit("flush");
        self.get_mut().poll_send(cx)
    }

    /// Sends what is gathered. The connection itself is closed by the front, which lingers.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_send(cx)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if let Some(tcp) = self.tcp.take() {
            self.exchange.give_back(Returned {
                tcp,
                unsent: std::mem::take(&mut self.out),
                beyond: std::mem::take(&mut self.beyond),
            });
        }
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("body", &self.body).field("clock", &self.clock).finish_non_exhaustive()
    }
}

#[async_trait]
impl Shutdown for Wire {
    async fn shutdown(&mut self) {
        let _ = tokio::io::AsyncWriteExt::flush(self).await;
    }
}

impl UniqueID for Wire {
    fn id(&self) -> i32 {
        use std::os::fd::AsRawFd;
        self.tcp.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }
}

impl Ssl for Wire {}

impl Peek for Wire {}

impl GetTimingDigest for Wire {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Wire {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        None
    }
}

impl GetSocketDigest for Wire {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        None
    }
}
