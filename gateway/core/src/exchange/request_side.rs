//! The request's direction: from the client's body, through the gate, to the app.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::frames::Frames;
use super::gate::{Gate, HELD_MAX, Held, Judgement, TooLarge, Verdict};
use super::outgoing::Outgoing;
use super::rate::BodyRate;
use super::terms::Deadlines;
use crate::denial::Denial;
use crate::request::RequestBody;
use crate::request_out::OutgoingHead;

/// The request on its way.
#[derive(Debug)]
pub(super) struct RequestSide<G> {
    gate: G,
    held: Held,
    state: RequestState,
    /// Written once the body's length is settled: with the verdict, if the gate holds.
    head: Option<OutgoingHead>,
    outgoing: Outgoing,
    body: RequestBody,
    /// Everything of the body has come from the client.
    complete: bool,
    /// The app has switched protocols: the body is whatever the client sends.
    tunnel: bool,
    frames: Frames,
    /// Data of the body that came, in bytes.
    came: u64,
    rate: BodyRate,
    /// When the present wait began.
    since: Duration,
}

/// What the request's direction waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestState {
    /// The client's body, which is held back. No connection to the app is needed yet.
    Holding,
    /// A verdict about the body, until then.
    Asking {
        /// The end of the wait.
        until: Duration,
        /// The refusal after it.
        late: Denial,
    },
    /// A connection to the app.
    Connecting,
    /// The client's body, while the head is not yet with the app: both go out together where the body is there already.
    Gathering,
    /// The app, to take what is in hand.
    Writing,
    /// The client's body.
    Reading,
    /// The app, to take notice that the client has closed its side of a WebSocket.
    Closing,
    /// Nothing: all of the request is with the app.
    Complete,
    /// Nothing: the app takes no more of the request, or is to get no more.
    Stopped,
}

/// Whom the request's direction waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestWait {
    /// The client, to send its body.
    Client,
    /// The verdict about the body.
    Verdict,
    /// The app, to take what is in hand.
    App,
}

/// The body cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) Denial);

impl<G: Gate> RequestSide<G> {
    /// The side as it begins, and whether its body is refused by its length alone.
    pub(super) fn new(
        head: OutgoingHead,
        body: RequestBody,
        mut gate: G,
        now: Duration,
    ) -> (Self, Result<(), Refused>) {
        let holds = !body.is_empty() && gate.holds(None);
        let judged = match declared(body) {
            Some(length) if holds && length > HELD_MAX as u64 => Err(Refused(gate.overflow())),
            Some(_) | None => Ok(()),
        };
        let mut side = Self {
            gate,
            held: Held::default(),
            state: RequestState::Holding,
            head: Some(head),
            outgoing: Outgoing::new(BytesMut::new()),
            body,
            complete: body.is_empty(),
            tunnel: false,
            frames: Frames::default(),
            came: 0,
            rate: BodyRate::default(),
            since: now,
        };
        if !holds {
            side.settle(body, now);
        }
        (side, judged)
    }

    /// The body will be of this length: the head can be written.
    fn settle(&mut self, body: RequestBody, now: Duration) {
        self.body = body;
        if let Some(head) = self.head.take() {
            self.outgoing = Outgoing::new(head.finish(body));
        }
        self.enter(RequestState::Connecting, now);
    }

    pub(super) fn state(&self) -> &RequestState {
        &self.state
    }

    fn enter(&mut self, state: RequestState, now: Duration) {
        self.state = state;
        self.since = now;
    }

    /// The bytes that are to be written to the app, in their order.
    pub(super) fn outgoing(&self) -> [&[u8]; 4] {
        self.outgoing.parts()
    }

    /// Data of the body that came, in bytes.
    pub(super) fn came(&self) -> u64 {
        self.came
    }

    /// Whether the client has sent a close frame of a WebSocket.
    pub(super) fn closes(&self) -> bool {
        self.frames.closes()
    }

    /// Everything of the body has come from the client.
    pub(super) fn is_body_complete(&self) -> bool {
        self.complete
    }

    /// All of the request is with the app.
    pub(super) fn is_complete(&self) -> bool {
        self.state == RequestState::Complete
    }

    /// The app gets no more of the request.
    pub(super) fn is_stopped(&self) -> bool {
        self.state == RequestState::Stopped
    }

    /// Nothing of the request is still to be sent.
    pub(super) fn is_over(&self) -> bool {
        self.is_complete() || self.is_stopped()
    }

    /// A connection to the app is there.
    pub(super) fn connected(&mut self, now: Duration) {
        self.enter(if self.complete { RequestState::Writing } else { RequestState::Gathering }, now);
    }

    /// The request is sent anew, over another connection. Only one without a body can be.
    pub(super) fn rewind(&mut self, now: Duration) {
        self.outgoing.rewind();
        self.enter(RequestState::Connecting, now);
    }

    /// The client has nothing to read at present.
    pub(super) fn client_is_silent(&mut self, now: Duration) {
        match self.state {
            RequestState::Gathering => self.enter(RequestState::Writing, now),
            RequestState::Reading | RequestState::Holding => self.rate.begin_wait(now),
            RequestState::Asking { .. }
            | RequestState::Connecting
            | RequestState::Writing
            | RequestState::Closing
            | RequestState::Complete
            | RequestState::Stopped => {}
        }
    }

    /// Takes the next data of the body.
    ///
    /// # Errors
    /// The gate refuses it, it came too slowly, is more than was announced, or was not asked for.
    pub(super) fn client_data(
        &mut self,
        data: Bytes,
        deadlines: &Deadlines,
        now: Duration,
    ) -> Result<(), Refused> {
        let bytes = data.len();
        if bytes == 0 {
            return Ok(());
        }
        self.came = self.came.saturating_add(bytes as u64);
        let holding = self.state == RequestState::Holding;
        if !self.reads()? {
            return Ok(());
        }
        if self.tunnel {
            self.frames.feed(&data);
            self.send(data, now);
            return Ok(());
        }
        if !self.rate.came(bytes, deadlines, now) {
            return Err(Refused(Denial::BodyTimeout));
        }
        if declared(self.body).is_some_and(|length| self.came > length) {
            return Err(Refused(Denial::BadRequest("a body longer than its length")));
        }
        self.gate.pass(&data).map_err(Refused)?;
        if holding {
            return self.held.add(&data).map_err(|TooLarge| Refused(self.gate.overflow()));
        }
        self.send(data, now);
        Ok(())
    }

    /// Whether the body is wanted. `false`: nobody needs it any more.
    fn reads(&self) -> Result<bool, Refused> {
        match self.state {
            RequestState::Holding | RequestState::Gathering | RequestState::Reading => Ok(true),
            RequestState::Stopped => Ok(false),
            RequestState::Asking { .. }
            | RequestState::Connecting
            | RequestState::Writing
            | RequestState::Closing
            | RequestState::Complete => Err(Refused(Denial::Internal("a part of a body was not asked for"))),
        }
    }

    fn send(&mut self, data: Bytes, now: Duration) {
        match self.body {
            RequestBody::Unknown => self.outgoing.chunk(data),
            RequestBody::None | RequestBody::Known(_) => self.outgoing.plain(data),
        }
        self.enter(RequestState::Writing, now);
    }

    /// The body is complete.
    ///
    /// # Errors
    /// It is shorter than was announced, the gate refuses it, or it was not asked for.
    pub(super) fn client_end(&mut self, now: Duration) -> Result<(), Refused> {
        if self.tunnel && self.state == RequestState::Writing {
            // The app has answered the handshake before it took all of it. Its end follows.
            self.complete = true;
            return Ok(());
        }
        if self.complete || !self.reads()? {
            return Ok(());
        }
        if !self.tunnel && declared(self.body).is_some_and(|length| self.came < length) {
            return Err(Refused(Denial::BadRequest("a body shorter than its length")));
        }
        self.complete = true;
        match self.state {
            RequestState::Holding => self.judge(now),
            RequestState::Reading | RequestState::Gathering => {
                if self.body == RequestBody::Unknown {
                    self.outgoing.last_chunk();
                }
                self.go_on(now);
                Ok(())
            }
            RequestState::Asking { .. }
            | RequestState::Connecting
            | RequestState::Writing
            | RequestState::Closing
            | RequestState::Complete
            | RequestState::Stopped => Ok(()),
        }
    }

    fn judge(&mut self, now: Duration) -> Result<(), Refused> {
        let body = self.held.take();
        match self.gate.judge(&body, now) {
            Judgement::Known(verdict) => self.decide(verdict, body, now),
            Judgement::Ask { within, late } => {
                // Kept until the verdict comes; it fits, since it came from there.
                let _ = self.held.add(&body);
                self.enter(RequestState::Asking { until: now.saturating_add(within), late }, now);
                Ok(())
            }
        }
    }

    /// The verdict that was asked for.
    ///
    /// # Errors
    /// It is a refusal, or came too late.
    pub(super) fn verdict(&mut self, verdict: Verdict, now: Duration) -> Result<(), Refused> {
        let RequestState::Asking { until, late } = &self.state else { return Ok(()) };
        if *until <= now {
            return Err(Refused(late.clone()));
        }
        let body = self.held.take();
        self.decide(verdict, body, now)
    }

    fn decide(&mut self, verdict: Verdict, body: Bytes, now: Duration) -> Result<(), Refused> {
        let body = match verdict {
            Verdict::Pass => body,
            Verdict::Replace(other) => other,
            Verdict::Refuse(denial) => return Err(Refused(denial)),
        };
        self.settle(RequestBody::Known(body.len() as u64), now);
        self.outgoing.plain(body);
        Ok(())
    }

    /// What is held back, while a verdict about it is asked for.
    pub(super) fn held(&self) -> &[u8] {
        self.held.as_bytes()
    }

    /// The app took so many bytes.
    pub(super) fn app_took(&mut self, bytes: usize, now: Duration) {
        self.outgoing.took(bytes);
        self.since = now;
        if self.state == RequestState::Writing {
            self.go_on(now);
        }
    }

    fn go_on(&mut self, now: Duration) {
        let next = match (self.outgoing.is_empty(), self.complete, self.tunnel) {
            (false, _, _) => RequestState::Writing,
            (true, false, _) => RequestState::Reading,
            (true, true, false) => RequestState::Complete,
            (true, true, true) => RequestState::Closing,
        };
        self.enter(next, now);
    }

    /// The app has switched protocols.
    pub(super) fn open(&mut self, now: Duration) {
        self.tunnel = true;
        self.complete = false;
        if self.state == RequestState::Complete {
            self.enter(RequestState::Reading, now);
        }
    }

    /// The app has been told that the client has closed its side.
    pub(super) fn closed(&mut self, now: Duration) {
        if self.state == RequestState::Closing {
            self.enter(RequestState::Stopped, now);
        }
    }

    /// The app is to get no more of the request.
    pub(super) fn stop(&mut self) {
        self.state = RequestState::Stopped;
    }

    /// When the present wait is over, and whom it is for.
    pub(super) fn wait(&self, deadlines: &Deadlines) -> Option<(RequestWait, Duration)> {
        match &self.state {
            RequestState::Holding | RequestState::Reading if self.tunnel => None,
            RequestState::Holding | RequestState::Reading => {
                self.rate.due(deadlines).map(|due| (RequestWait::Client, due))
            }
            RequestState::Asking { until, .. } => Some((RequestWait::Verdict, *until)),
            RequestState::Writing | RequestState::Closing => {
                Some((RequestWait::App, self.since.saturating_add(deadlines.read)))
            }
            RequestState::Gathering
            | RequestState::Connecting
            | RequestState::Complete
            | RequestState::Stopped => None,
        }
    }

    /// The refusal for a wait for the client or for a verdict that is over; `None` if it has more time.
    pub(super) fn late(&mut self, deadlines: &Deadlines, now: Duration) -> Option<Denial> {
        match &self.state {
            RequestState::Asking { until, late } => (*until <= now).then(|| late.clone()),
            RequestState::Holding | RequestState::Reading => {
                self.rate.is_late(deadlines, now).then_some(Denial::BodyTimeout)
            }
            RequestState::Gathering
            | RequestState::Connecting
            | RequestState::Writing
            | RequestState::Closing
            | RequestState::Complete
            | RequestState::Stopped => None,
        }
    }

    /// The buffer of the head, for another exchange.
    pub(super) fn into_buffer(self) -> BytesMut {
        self.outgoing.into_buffer()
    }
}

/// The length that the client declared.
fn declared(body: RequestBody) -> Option<u64> {
    match body {
        RequestBody::None => Some(0),
        RequestBody::Known(length) => Some(length),
        RequestBody::Unknown => None,
    }
}
