//! One permitted exchange: what the hooks, the wire and the front know of it together.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use stagedoor_core::denial::{Denial, UpstreamFault};
use stagedoor_core::guard::body::BodyGate;
use stagedoor_core::guard::cors::CorsGrant;
use stagedoor_core::guard::limit::ChargedLimits;
use stagedoor_core::guard::upgrade::Handshake;
use stagedoor_core::policy::{App, ErrorShape, Timeouts};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::connection::Handle;
use super::login::{ConnectionLogin, Who};
use super::websocket::Frames;
use crate::live_policy::LivePolicy;
use crate::telemetry::metrics::{OpenStream, StreamEnd, StreamKind};

/// Shared by `Arc` between the front (which owns its end), the wire (which owns the deadlines) and
/// the hooks (which own the bytes). Made from a permit, never without one.
#[derive(Debug)]
pub(crate) struct Exchange {
    terms: Terms,
    gate: Mutex<BodyGate>,
    frames: Mutex<Frames>,
    stream: Mutex<Option<OpenStream>>,
    failure: OnceLock<Denial>,
    upstream_fault: OnceLock<UpstreamFault>,
    connection: Mutex<Handle>,
    spent: AtomicBool,
    alone: AtomicBool,
    /// The front is to hear of the failure; it has.
    failing: Notify,
    failed: Notify,
    phase: AtomicU8,
    tries: AtomicU8,
    status: AtomicU16,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Microseconds after `started`; 0 is "not yet".
    handed_over: AtomicU64,
    answered: AtomicU64,
    cut: AtomicBool,
    told_to_close: AtomicBool,
    by_closing: AtomicBool,
    returned: Mutex<Option<Returned>>,
}

/// What an exchange is waiting for; the wire picks its deadline by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// The client sends the body.
    Body,
    /// The app has the whole request and has not answered.
    Waiting,
    /// The app answers.
    Answering,
    /// An event stream or a WebSocket: silence is normal.
    Streaming,
}

/// The client's socket, handed back whatever pingora did with it.
#[derive(Debug)]
pub(crate) struct Returned {
    pub(crate) tcp: TcpStream,
    /// Bytes that were written and not yet sent.
    pub(crate) unsent: BytesMut,
    /// Bytes that were read and belong to the next request.
    pub(crate) beyond: BytesMut,
}

/// The parts of a permit and its circumstances that outlive the head.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) live: Arc<LivePolicy>,
    pub(crate) app: Arc<App>,
    pub(crate) request_id: String,
    pub(crate) host: String,
    /// Told by a trusted proxy.
    pub(crate) port: Option<u16>,
    pub(crate) https: bool,
    pub(crate) cors: CorsGrant,
    pub(crate) limits: ChargedLimits,
    pub(crate) navigation: bool,
    pub(crate) keep_alive: bool,
    /// The client knows no chunks.
    pub(crate) http10: bool,
    /// A permitted handshake, which the answer may complete.
    pub(crate) handshake: Option<Handshake>,
    /// What the client connection has to itself, who speaks on it, and the group of connections to the app.
    pub(crate) login: Arc<ConnectionLogin>,
    pub(crate) who: Who,
    pub(crate) group: u64,
    pub(crate) retriable: bool,
    pub(crate) has_body: bool,
    pub(crate) timeouts: Timeouts,
    pub(crate) tells_timing: bool,
    pub(crate) started: Instant,
}

tokio::task_local! {
    /// The exchange that pingora's hooks run for, put in scope around the hand-over by the front.
    static CURRENT: RefCell<Option<Arc<Exchange>>>;
}

/// Runs `work` with `exchange` as what [`current`] gives, once.
pub(crate) async fn scope<F: Future>(exchange: Arc<Exchange>, work: F) -> F::Output {
    CURRENT.scope(RefCell::new(Some(exchange)), work).await
}

/// Takes the exchange of this hand-over: there is exactly one context for each.
pub(crate) fn current() -> Option<Arc<Exchange>> {
    CURRENT.try_with(|slot| slot.borrow_mut().take()).ok().flatten()
}

/// What was permitted does not change while it happens.
impl std::ops::Deref for Exchange {
    type Target = Terms;

    fn deref(&self) -> &Terms {
        &self.terms
    }
}

impl Exchange {
    pub(crate) fn new(terms: Terms, gate: BodyGate) -> Arc<Self> {
        let phase = if terms.has_body { Phase::Body } else { Phase::Waiting };
        Arc::new(Self {
            terms,
            gate: Mutex::new(gate),
            frames: Mutex::default(),
            stream: Mutex::default(),
            failure: OnceLock::new(),
            upstream_fault: OnceLock::new(),
            connection: Mutex::default(),
            spent: AtomicBool::new(false),
            alone: AtomicBool::new(false),
            failing: Notify::new(),
            failed: Notify::new(),
            phase: AtomicU8::new(phase as u8),
            tries: AtomicU8::new(0),
            status: AtomicU16::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            handed_over: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            cut: AtomicBool::new(false),
            told_to_close: AtomicBool::new(false),
            by_closing: AtomicBool::new(false),
            returned: Mutex::new(None),
        })
    }

    /// What is being waited for.
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Body,
            1 => Phase::Waiting,
            2 => Phase::Answering,
            _ => Phase::Streaming,
        }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    /// The body is complete: from now on the app is waited for, unless it already answers.
    pub(crate) fn body_complete(&self) {
        let _ = self.phase.compare_exchange(
            Phase::Body as u8,
            Phase::Waiting as u8,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
    }

    /// Counts a chunk of the request body; the gate's verdict is the caller's to heed.
    pub(crate) fn pass_body(&self, bytes: usize) -> Result<(), Denial> {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        self.gate.lock().unwrap_or_else(PoisonError::into_inner).pass(bytes)
    }

    /// Bytes of a WebSocket from the client: counted, not capped.
    pub(crate) fn count_in(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_out(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Ordering::Relaxed)
    }

    /// The frames that went to the client.
    pub(crate) fn frames(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The exchange has become a stream, and is counted as one until it ends.
    pub(crate) fn open_stream(&self, kind: StreamKind) {
        self.enter(Phase::Streaming);
        let stream = self.live.counters.open_stream(self.app.index, kind);
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
    }

    /// Why the stream ends; the last reason given stands.
    pub(crate) fn stream_ends(&self, end: StreamEnd) {
        if let Some(stream) = self.stream.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            stream.ends(end);
        }
    }

    /// Notes why the exchange fails; the first reason stands.
    pub(crate) fn fail(&self, denial: Denial) {
        let _ = self.failure.set(denial);
    }

    /// Lets the front hear of the failure, before the client does.
    pub(crate) async fn announce_failure(&self) {
        self.failing.notify_one();
        self.failed.notified().await;
    }

    /// Ends once a failure is announced; whoever announces it waits for [`Self::go_on_failing`].
    pub(crate) async fn failing(&self) {
        self.failing.notified().await;
    }

    pub(crate) fn go_on_failing(&self) {
        self.failed.notify_one();
    }

    pub(crate) fn failure(&self) -> Option<&Denial> {
        self.failure.get()
    }

    /// Notes what was wrong with the app; the first fault stands.
    pub(crate) fn blame(&self, fault: UpstreamFault) {
        let _ = self.upstream_fault.set(fault);
    }

    pub(crate) fn upstream_fault(&self) -> Option<UpstreamFault> {
        self.upstream_fault.get().copied()
    }

    /// Takes note of the connection to the app.
    pub(crate) fn uses(&self, connection: Handle) {
        if self.group != 0 {
            self.login.uses(&connection);
        }
        *self.connection.lock().unwrap_or_else(PoisonError::into_inner) = connection;
    }

    /// The next connection to the app is to be a new one.
    pub(crate) fn go_alone(&self) {
        self.alone.store(true, Ordering::Release);
    }

    /// Whether no connection of the pool will do: what cannot be repeated, or was tried already.
    pub(crate) fn goes_alone(&self) -> bool {
        !self.retriable || self.failed_tries() > 0 || self.alone.load(Ordering::Acquire)
    }

    /// Nobody is to use the connection to the app after this answer.
    pub(crate) fn spend_connection(&self) {
        self.spent.store(true, Ordering::Release);
    }

    /// The answer is complete: a connection that is spent ends. One that brought a body ends by what it was told.
    pub(crate) fn end_connection(&self) {
        if self.spent.load(Ordering::Acquire) && !self.has_body {
            let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
            if let Some(connection) = connection {
                connection.end();
            }
        }
    }

    /// The answer broke off after it had begun: the client must notice. Where it tells its own length
    /// the missing rest is notice enough; where only the end of the connection ends it, a reset is.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    /// The answer that begins ends with the connection.
    pub(crate) fn ends_by_closing(&self) {
        self.by_closing.store(true, Ordering::Release);
    }

    /// The end of the connection is the end of the answer that has begun.
    pub(crate) fn is_ended_by_closing(&self) -> bool {
        self.by_closing.load(Ordering::Acquire)
    }

    /// The client can only be told by a reset.
    pub(crate) fn needs_reset(&self) -> bool {
        self.cut.load(Ordering::Acquire) && self.is_ended_by_closing()
    }

    /// The gateway is shutting down and this stream has to end.
    pub(crate) fn tell_to_close(&self) {
        self.told_to_close.store(true, Ordering::Release);
    }

    pub(crate) fn told_to_close(&self) -> bool {
        self.told_to_close.load(Ordering::Acquire)
    }

    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Release);
    }

    /// The status that the client was given; 0 if none.
    pub(crate) fn status(&self) -> u16 {
        self.status.load(Ordering::Acquire)
    }

    /// The app has switched to a WebSocket.
    pub(crate) fn is_switched(&self) -> bool {
        self.status() == 101
    }

    /// Counts a try that failed; returns how many failed before.
    pub(crate) fn count_try(&self) -> usize {
        usize::from(self.tries.fetch_add(1, Ordering::AcqRel))
    }

    pub(crate) fn failed_tries(&self) -> usize {
        usize::from(self.tries.load(Ordering::Acquire))
    }

    /// Whether a try that may have reached the app may be repeated: only a request without a body
    /// whose method promises that twice is as good as once.
    pub(crate) fn may_retry(&self) -> bool {
        self.retriable && self.count_try() < self.app.upstream.retries
    }

    pub(crate) fn mark_handed_over(&self) {
        let _ = self.handed_over.compare_exchange(0, self.micros(), Ordering::AcqRel, Ordering::Acquire);
    }

    pub(crate) fn mark_answered(&self) {
        self.answered.store(self.micros(), Ordering::Release);
    }

    /// The gateway's own time before the app was asked.
    pub(crate) fn own_time(&self) -> Duration {
        Duration::from_micros(self.handed_over.load(Ordering::Acquire))
    }

    /// How long the app took to begin its answer; `None` if it never did.
    pub(crate) fn upstream_time(&self) -> Option<Duration> {
        let (from, to) = (self.handed_over.load(Ordering::Acquire), self.answered.load(Ordering::Acquire));
        (to > 0).then(|| Duration::from_micros(to.saturating_sub(from)))
    }

    pub(crate) fn shape(&self) -> ErrorShape {
        self.app.errors
    }

    /// Leaves the socket for the front.
    pub(crate) fn give_back(&self, returned: Returned) {
        *self.returned.lock().unwrap_or_else(PoisonError::into_inner) = Some(returned);
    }

    /// The socket, once pingora has let go of it.
    pub(crate) fn take_back(&self) -> Option<Returned> {
        self.returned.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }
}
