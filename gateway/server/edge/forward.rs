//! The forwarding loop: both directions of one exchange, in one task.
//!
//! It moves bytes between the client and the app as [`Exchange`] says, and tells it what happened. It decides nothing itself.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use stagedoor_core::answer::AnswerHead;
use stagedoor_core::denial::{Denial, UpstreamFault};
use stagedoor_core::exchange::{
    AnswerStep, ClientSocket, Direction, Event, Exchange, Gate, RequestStep, StreamKind, Verdict,
};
use tokio::io::AsyncWrite;

use super::buffers;
use super::client::{BodyFault, Client, Closed};
use super::fault_point;
use super::pool::AppStream;
use super::stage_watch::StageWatch;
use super::timer::Timer;
use super::upstream_fault;
use crate::stage::Stage;

/// Bytes that are read from the app at once: while a head is awaited, in a body whose length is not known, and at most.
const HEAD_STEP: usize = 8 * 1024;
const BODY_STEP: usize = 16 * 1024;
const LONG_STEP: usize = 64 * 1024;
/// A body of so many bytes is a long one.
const LONG: u64 = 128 * 1024;
/// How often the wall clock is looked at while a stream is open that is to end with a credential: it may be set, and it goes on while
/// the machine sleeps.
const CLOCK_STEP: Duration = Duration::from_secs(30);

/// What an exchange needs besides the two connections.
pub(crate) trait Surroundings {
    /// Gets a connection to the app. One that served another exchange before (`true`) is there at once.
    async fn connect(&mut self, fresh: bool, tries: usize) -> Result<(AppStream, bool), UpstreamFault>;

    /// Edits an interim answer before it is sent.
    fn edit_interim(&mut self, head: &mut AnswerHead);

    /// Notes that the answer is a stream, before its head is edited.
    ///
    /// # Errors
    /// The caller may open no more of them, or its credential was revoked meanwhile.
    fn open_stream(&mut self, kind: StreamKind) -> Result<(), Denial>;

    /// Edits the head of the answer before it is sent. Returns whether the app's connection may be used again.
    fn edit_answer(&mut self, head: &mut AnswerHead, stream: Option<StreamKind>, asked: Duration) -> bool;

    /// When a stream ends because the credential of its caller does, by the wall clock as it stands; as
    /// [`stagedoor_core::exchange::ExchangeTerms::credential_end`].
    fn credential_end(&self) -> Option<Duration>;

    /// Ready when the credential of the caller was revoked since the stream began; once.
    fn poll_revoked(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// Asks for the verdict about a body that is held back.
    fn poll_verdict(&mut self, cx: &mut Context<'_>, direction: Direction, held: &[u8]) -> Poll<Verdict>;
}

impl From<Closed> for Event {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::Half => Self::ClientClosed,
            Closed::Gone => Self::ClientGone,
        }
    }
}

/// Runs an exchange, which began just `now`, to its end. Returns the connection to the app, if there still is one.
pub(crate) async fn forward<U: Gate, D: Gate>(
    exchange: &mut Exchange<U, D>,
    client: &mut impl Client,
    surroundings: &mut impl Surroundings,
    timer: &mut Timer,
    mut now: Duration,
    stage: &mut StageWatch,
) -> Option<AppStream> {
    let mut app = None;
    let mut told = Stage::Serving;
    let mut clock_due = now.saturating_add(CLOCK_STEP);
    loop {
        if let RequestStep::Connect { fresh, tries, watch } = exchange.request_step() {
            // A connection that turned out to be stale ends here.
            drop(app.take());
            exchange.on(Event::Connecting, now);
            fault_point::hit("connect");
            let mut connecting = pin!(surroundings.connect(fresh, tries));
            let mut meanwhile = Meanwhile { exchange, client, timer, stage, told: &mut told, watch };
            let connected = poll_fn(|cx| match connecting.as_mut().poll(cx) {
                Poll::Ready(connected) => Poll::Ready(Some(connected)),
                Poll::Pending => meanwhile.poll_over(cx).map(|()| None),
            });
            let event = match connected.await {
                Some(Ok((stream, reused))) => {
                    app = Some(stream);
                    Event::Connected { reused }
                }
                Some(Err(fault)) => Event::NotConnected(fault),
                None => return None,
            };
            if !matches!(event, Event::Connected { reused: true }) {
                now = timer.now();
            }
            exchange.on(event, now);
            continue;
        }
        let mut transfer = Transfer {
            exchange: &mut *exchange,
            client: &mut *client,
            app: app.as_mut(),
            surroundings: &mut *surroundings,
            timer: &mut *timer,
            now: Some(now),
            stage: &mut *stage,
            told: &mut told,
            clock_due: &mut clock_due,
            full: false,
            sent: 0,
        };
        poll_fn(|cx| transfer.poll(cx)).await;
        if exchange.ended().is_some() {
            return app;
        }
        now = timer.now();
    }
}

/// What may end an exchange while a connection to the app is awaited.
struct Meanwhile<'a, U, D, C> {
    exchange: &'a mut Exchange<U, D>,
    client: &'a mut C,
    timer: &'a Timer,
    stage: &'a mut StageWatch,
    told: &'a mut Stage,
    watch: bool,
}

impl<U: Gate, D: Gate, C: Client> Meanwhile<'_, U, D, C> {
    /// Ready when the exchange has ended.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let now = self.timer.now();
            tell_stage(self.exchange, self.stage, self.told, now);
            if self.watch
                && let Poll::Ready(closed) = self.client.poll_closed(cx)
            {
                self.watch = false;
                self.exchange.on(closed.into(), now);
            }
            if self.exchange.ended().is_some() {
                return Poll::Ready(());
            }
            ready!(self.stage.poll_changed(cx));
        }
    }
}

/// Tells an exchange the gateway's stage, where it is not the one that it was `told`.
fn tell_stage<U: Gate, D: Gate>(
    exchange: &mut Exchange<U, D>,
    watch: &StageWatch,
    told: &mut Stage,
    now: Duration,
) {
    let stage = watch.stage();
    if stage == *told {
        return;
    }
    *told = stage;
    match stage {
        Stage::Serving => {}
        Stage::Draining => exchange.on(Event::Draining, now),
        Stage::Closing => exchange.on(Event::Closing, now),
    }
}

/// Both directions, over one connection to the app.
struct Transfer<'a, U, D, C, S> {
    exchange: &'a mut Exchange<U, D>,
    client: &'a mut C,
    app: Option<&'a mut AppStream>,
    surroundings: &'a mut S,
    timer: &'a mut Timer,
    /// The time, where it was read just before.
    now: Option<Duration>,
    stage: &'a mut StageWatch,
    /// The stage that the exchange was told.
    told: &'a mut Stage,
    /// When the wall clock is to be looked at again.
    clock_due: &'a mut Duration,
    /// The client took no more when it was last asked.
    full: bool,
    /// Bytes that the client had taken when it was last asked.
    sent: u64,
}

impl<U: Gate, D: Gate, C: Client, S: Surroundings> Transfer<'_, U, D, C, S> {
    /// Ready when the exchange has ended, or needs another connection to the app.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut now = self.now.take().unwrap_or_else(|| self.timer.now());
        loop {
            tell_stage(self.exchange, self.stage, self.told, now);
            let request = self.poll_request(cx, now);
            self.poll_answer(cx, now);
            if self.exchange.ended().is_some() {
                return Poll::Ready(());
            }
            if self.stage.poll_changed(cx).is_ready() {
                continue;
            }
            if self.surroundings.poll_revoked(cx).is_ready() {
                self.exchange.on(Event::CredentialRevoked, now);
                continue;
            }
            let next = self.exchange.request_step();
            if matches!(next, RequestStep::Connect { .. }) {
                return Poll::Ready(());
            }
            if next != request {
                continue;
            }
            let Some(mut due) = self.exchange.wake_at() else { return Poll::Pending };
            let follows = self.exchange.follows_credential();
            if follows {
                due = due.min(*self.clock_due);
            }
            // A task that has used up tokio's budget is not told the time by a timer: a busy stream would know no deadline.
            if due > now {
                ready!(self.timer.poll_until(cx, due));
                now = self.timer.now();
            }
            if follows {
                // Also at the end itself: a clock that was set back has moved it.
                self.exchange.move_credential_end(self.surroundings.credential_end());
                *self.clock_due = now.saturating_add(CLOCK_STEP);
            }
            self.exchange.on(Event::Time, now);
        }
    }

    /// Goes on in the direction of the app until something has to be waited for; returns the step that waits.
    fn poll_request(&mut self, cx: &mut Context<'_>, now: Duration) -> RequestStep {
        let step = self.poll_request_steps(cx, now);
        // What the exchange has given to the app may still lie in its stream. An error shows when the answer is read.
        if let Some(app) = self.app.as_mut() {
            let _ = app.poll_send_rest(cx);
        }
        step
    }

    fn poll_request_steps(&mut self, cx: &mut Context<'_>, now: Duration) -> RequestStep {
        loop {
            let step = self.exchange.request_step();
            let event = match step {
                RequestStep::Connect { .. } | RequestStep::Wait => return step,
                RequestStep::Write => {
                    fault_point::hit("request head");
                    self.poll_write(cx)
                }
                RequestStep::Read => match self.client.poll_body(cx) {
                    Poll::Ready(Ok(Some(data))) => {
                        fault_point::hit("request body");
                        Poll::Ready(Event::ClientData(data))
                    }
                    Poll::Ready(Ok(None)) => Poll::Ready(Event::ClientEnd),
                    Poll::Ready(Err(BodyFault::Malformed(fault))) => {
                        Poll::Ready(Event::ClientMalformed(fault))
                    }
                    Poll::Ready(Err(BodyFault::Closed)) => Poll::Ready(Event::ClientClosed),
                    Poll::Ready(Err(BodyFault::Gone)) => Poll::Ready(Event::ClientGone),
                    Poll::Pending => {
                        self.exchange.on(Event::ClientSilent, now);
                        if self.exchange.request_step() == RequestStep::Read {
                            return step;
                        }
                        continue;
                    }
                },
                RequestStep::Watch => self.client.poll_closed(cx).map(Event::from),
                RequestStep::Ask => self.poll_verdict(cx, Direction::Request),
                RequestStep::Shutdown => match self.app.as_mut() {
                    // Whether it could be told or not: the rest of its answer shows it.
                    Some(app) => Pin::new(&mut **app).poll_shutdown(cx).map(|_| Event::AppTold),
                    None => Poll::Ready(Event::AppTold),
                },
            };
            match event {
                Poll::Ready(event) => self.exchange.on(event, now),
                Poll::Pending => return step,
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let Some(app) = self.app.as_mut() else {
            return Poll::Ready(Event::AppStopped { reset: false });
        };
        let parts = self.exchange.outgoing();
        let app = Pin::new(&mut **app);
        let written = match parts {
            [head, [], [], []] => app.poll_write(cx, head),
            [..] => app.poll_write_vectored(cx, &parts.map(std::io::IoSlice::new)),
        };
        written.map(|written| match written {
            Ok(0) => Event::AppStopped { reset: false },
            Err(error) => Event::AppStopped { reset: error.kind() != ErrorKind::BrokenPipe },
            Ok(bytes) => Event::AppTook(bytes),
        })
    }

    fn poll_verdict(&mut self, cx: &mut Context<'_>, direction: Direction) -> Poll<Event> {
        let verdict = self.surroundings.poll_verdict(cx, direction, self.exchange.held(direction));
        verdict.map(|verdict| Event::Verdict(direction, verdict))
    }

    /// Goes on in the direction of the client until something has to be waited for.
    fn poll_answer(&mut self, cx: &mut Context<'_>, now: Duration) {
        loop {
            self.look_for_room(cx, now);
            match self.exchange.answer_step(now) {
                AnswerStep::Wait => {
                    if !self.full && self.exchange.ended().is_none() {
                        let _ = self.poll_flush(cx, now);
                    }
                    return;
                }
                AnswerStep::Read => {
                    if self.poll_read(cx, now).is_pending() {
                        // What was gathered is not kept from the client while the app is slow.
                        let _ = self.poll_flush(cx, now);
                        return;
                    }
                }
                AnswerStep::Interim(mut head) => {
                    self.surroundings.edit_interim(&mut head);
                    self.client.interim(&head);
                }
                AnswerStep::Begin { mut head, framing, connection } => {
                    fault_point::hit("answer head");
                    let asked = self.exchange.asked().unwrap_or(now);
                    let stream = self.exchange.stream();
                    if let Some(kind) = stream
                        && let Err(denial) = self.surroundings.open_stream(kind)
                    {
                        self.exchange.refuse_stream(denial);
                        continue;
                    }
                    if !self.surroundings.edit_answer(&mut head, stream, asked) {
                        self.exchange.spend_app_connection();
                    }
                    self.client.begin(&head, framing, connection);
                    if stream == Some(StreamKind::Websocket) {
                        self.client.open();
                    }
                }
                AnswerStep::Give(data) => {
                    fault_point::hit("answer body");
                    self.client.give(data);
                }
                AnswerStep::End => self.client.end(),
                AnswerStep::Flush => {
                    if self.poll_flush(cx, now).is_pending() {
                        return;
                    }
                }
                AnswerStep::Ask => match self.poll_verdict(cx, Direction::Answer) {
                    Poll::Ready(event) => self.exchange.on(event, now),
                    Poll::Pending => {
                        let _ = self.poll_flush(cx, now);
                        return;
                    }
                },
            }
        }
    }

    /// Tells the exchange whether the client takes more. The end of an answer always has room, and goes out with the last data.
    fn look_for_room(&mut self, cx: &mut Context<'_>, now: Duration) {
        if self.exchange.has_given_all() && !self.full {
            return;
        }
        match self.client.poll_room(cx) {
            Poll::Ready(Ok(())) if self.full || self.client.sent() != self.sent => {
                self.tell_socket(ClientSocket::Open, now);
            }
            Poll::Ready(Ok(())) => {}
            Poll::Pending => self.tell_socket(ClientSocket::Full, now),
            Poll::Ready(Err(_)) => self.exchange.on(Event::ClientGone, now),
        }
    }

    fn tell_socket(&mut self, state: ClientSocket, now: Duration) {
        let sent = self.client.sent();
        let took = sent != self.sent;
        if took {
            fault_point::hit("sent");
        }
        self.sent = sent;
        self.full = state == ClientSocket::Full;
        self.exchange.on(Event::ClientSocket { took, state }, now);
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        let step = match (self.exchange.left(), self.exchange.given()) {
            // One more, to see what the app sends beyond its answer.
            (Some(left), _) => {
                usize::try_from(left).unwrap_or(LONG_STEP).saturating_add(1).clamp(HEAD_STEP, LONG_STEP)
            }
            (None, 0) => HEAD_STEP,
            (None, 1..LONG) => BODY_STEP,
            (None, LONG..) => LONG_STEP,
        };
        let event = match self.app.as_mut() {
            None => Event::AppClosed,
            Some(app) => {
                let read = app.poll_read_into(cx, self.exchange.incoming(), step);
                if read.is_pending() && self.exchange.stream().is_some() {
                    // A stream may be silent for hours.
                    buffers::give_back_unused(self.exchange.incoming(), step);
                }
                match ready!(read) {
                    Ok(0) => Event::AppClosed,
                    Ok(_) => Event::AppData,
                    Err(error) => Event::AppBroken(upstream_fault::of_open(&error)),
                }
            }
        };
        self.exchange.on(event, now);
        Poll::Ready(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, now: Duration) -> Poll<()> {
        fault_point::hit("flush");
        let flushed = self.client.poll_flush(cx);
        match &flushed {
            Poll::Ready(Ok(())) => self.tell_socket(ClientSocket::Empty, now),
            Poll::Ready(Err(_)) => self.exchange.on(Event::ClientGone, now),
            Poll::Pending => self.tell_socket(ClientSocket::Open, now),
        }
        flushed.map(|_| ())
    }
}
