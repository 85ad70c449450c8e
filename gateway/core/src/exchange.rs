//! One exchange: what may happen between a permit and its record. It does no I/O.
//!
//! The edge tells it what happened, and when: data of the request body, bytes of the app, the end of either side, a full or an
//! empty socket, the time. It answers what to do next in each direction, when it wants to be told the time, and at the end
//! what becomes of both connections. In it, and nowhere else: the deadline of every wait, the minimum rate of a body, the gates of
//! both directions, how the answer is framed for the client, what of an answer is malformed, the switch to a WebSocket, event
//! streams, whether a request may be sent again, and whether a connection may be used again.
//!
//! Trust: none, on either side. Bounds: one read of each side in memory, [`HELD_MAX`] where a gate holds a body back, 64 KiB of
//! answer heads. Every wait ends: `tests::waits` has a row for each.
//!
//! Times are durations since the process started, as [`crate::clock::Now::mono`].

mod answer_body;
mod answer_side;
mod event;
mod frames;
mod gate;
mod outcome;
mod outgoing;
mod rate;
mod request_side;
mod step;
mod terms;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{StatusCode, header};

use self::answer_side::{AnswerFailure, AnswerPart, AnswerSide, AnswerState, AppEnd};
pub use self::event::{ClientSocket, Direction, Event};
pub use self::gate::{Gate, HELD_MAX, Judgement, PassAll, Verdict};
pub use self::outcome::{AppReuse, ClientReuse, Ended, Outcome, StreamEnd, StreamKind};
use self::request_side::{Refused, RequestSide, RequestState, RequestWait};
pub use self::step::{AnswerStep, RequestStep};
pub use self::terms::{Deadlines, ExchangeTerms};
use crate::answer::{AnswerBody, AnswerHead, AskedWith};
use crate::answer_framing::{AnswerFraming, ConnectionLine};
use crate::denial::{Denial, UpstreamFault};
use crate::request_out::OutgoingHead;
use crate::response_fields::ResponseFields as _;

/// The state of one exchange. `U` judges the body of the request, `D` that of the answer.
#[derive(Debug)]
pub struct Exchange<U, D> {
    terms: ExchangeTerms,
    request: RequestSide<U>,
    answer: AnswerSide<D>,
    /// There is a connection to the app.
    connected: bool,
    /// It served another exchange before.
    reused: bool,
    /// The next connection has to be a new one.
    fresh: bool,
    /// Tries that failed.
    tries: usize,
    /// The connection to the app may not be used again, whatever its answer says.
    spent: bool,
    framing: AnswerFraming,
    status: Option<u16>,
    keep_alive: bool,
    /// The client has closed its side.
    half_closed: bool,
    socket: ClientSocket,
    /// When the client last took something, or was last given something while it had everything.
    taking_since: Duration,
    /// When a byte last went either way.
    moved: Duration,
    stage: Stage,
    ended: Option<Ended>,
    /// How it ends once the client has taken the rest.
    ending: Ended,
    closing_frame: Option<&'static [u8]>,
    failure: Option<Denial>,
    fault: Option<UpstreamFault>,
    detail: Option<&'static str>,
    stream_end: Option<StreamEnd>,
    /// Who sent the first close frame of a WebSocket.
    closing: Option<StreamEnd>,
    /// When a stream began to end because the credential of its caller had, and how that ended.
    credential_over: Option<(Duration, CredentialEnd)>,
    asked: Option<Duration>,
    answered: Option<Duration>,
}

/// The gateway's stage, as far as an exchange heeds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    Draining,
    Closing,
}

/// How the credential of a caller ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CredentialEnd {
    Expired,
    Revoked,
}

impl<U: Gate, D: Gate> Exchange<U, D> {
    /// Begins an exchange. `incoming` is an empty buffer for the bytes of the app.
    pub fn new(
        head: OutgoingHead,
        terms: ExchangeTerms,
        gates: (U, D),
        incoming: BytesMut,
        now: Duration,
    ) -> Self {
        let (upload, download) = gates;
        let (request, judged) = RequestSide::new(head, terms.body, upload, now);
        let mut exchange = Self {
            request,
            answer: AnswerSide::new(download, incoming, now),
            connected: false,
            reused: false,
            fresh: !terms.body.is_empty() || !terms.repeatable || terms.handshake.is_some(),
            tries: 0,
            spent: false,
            framing: AnswerFraming::None,
            status: None,
            keep_alive: terms.keep_alive,
            half_closed: false,
            socket: ClientSocket::Empty,
            taking_since: now,
            moved: now,
            stage: Stage::Serving,
            ended: None,
            ending: Ended::Answered,
            closing_frame: None,
            failure: None,
            fault: None,
            detail: None,
            stream_end: None,
            closing: None,
            credential_over: None,
            asked: None,
            answered: None,
            terms,
        };
        exchange.or_fail(judged, now);
        exchange
    }

    /// What to do next in the direction of the app.
    pub fn request_step(&self) -> RequestStep {
        if self.is_over() {
            return RequestStep::Wait;
        }
        match self.request.state() {
            RequestState::Connecting => RequestStep::Connect {
                fresh: self.fresh,
                tries: self.tries,
                watch: self.terms.body.is_empty() && !self.half_closed,
            },
            RequestState::Holding | RequestState::Gathering | RequestState::Reading => RequestStep::Read,
            RequestState::Asking { .. } => RequestStep::Ask,
            RequestState::Writing => RequestStep::Write,
            RequestState::Closing => RequestStep::Shutdown,
            RequestState::Complete if !self.half_closed => RequestStep::Watch,
            RequestState::Complete | RequestState::Stopped => RequestStep::Wait,
        }
    }

    /// The bytes to write to the app, in their order.
    pub fn outgoing(&self) -> [&[u8]; 4] {
        self.request.outgoing()
    }

    /// Where the bytes of the app are appended.
    pub fn incoming(&mut self) -> &mut BytesMut {
        self.answer.incoming()
    }

    /// The body that is held back in a direction while a verdict is asked for.
    pub fn held(&self, direction: Direction) -> &[u8] {
        match direction {
            Direction::Request => self.request.held(),
            Direction::Answer => self.answer.held(),
        }
    }

    /// How the exchange has ended, once it has.
    pub fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// When a connection to the app was first asked for.
    pub fn asked(&self) -> Option<Duration> {
        self.asked
    }

    /// The kind of stream that the answer is, once it is one.
    pub fn stream(&self) -> Option<StreamKind> {
        self.answer.stream()
    }

    /// Whether the answer is a stream that is to end with the credential of its caller, and has not begun to.
    pub fn follows_credential(&self) -> bool {
        self.answer.stream().is_some()
            && self.terms.credential_end.is_some()
            && self.credential_over.is_none()
    }

    /// Moves [`ExchangeTerms::credential_end`], by another look at the wall clock.
    pub fn move_credential_end(&mut self, end: Option<Duration>) {
        self.terms.credential_end = end;
    }

    /// Forbids that the connection to the app is used again.
    pub fn spend_app_connection(&mut self) {
        self.spent = true;
    }

    /// Refuses the stream that [`AnswerStep::Begin`] is about to begin. The client may not have been given its head.
    pub fn refuse_stream(&mut self, denial: Denial) {
        if !self.is_over() {
            self.status = None;
            self.refuse(denial);
        }
    }

    /// Data that was given to the client, in bytes.
    pub fn given(&self) -> u64 {
        self.answer.given()
    }

    /// Bytes of the answer's body that are still to come from the app, where their number is known.
    pub fn left(&self) -> Option<u64> {
        self.answer.left()
    }

    /// Whether the client was given all of the answer but its end.
    pub fn has_given_all(&self) -> bool {
        self.answer.is_ending() || (self.answer.has_begun() && self.answer.is_delimited())
    }

    /// Ends the exchange at once, because the gateway itself has failed. `untold`: no byte of an answer has left for the client.
    pub fn abort(&mut self, denial: Denial, untold: bool) {
        if self.is_over() {
            return;
        }
        if self.answer.has_begun() && !untold {
            self.failure = Some(denial);
            self.ended = Some(Ended::Broken);
        } else {
            self.refuse(denial);
        }
    }

    fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// Takes an event.
    pub fn on(&mut self, event: Event, now: Duration) {
        if self.is_over() {
            return;
        }
        match event {
            Event::Connecting => {
                self.asked.get_or_insert(now);
            }
            Event::Connected { reused } => {
                if *self.request.state() == RequestState::Connecting {
                    self.connected = true;
                    self.reused = reused;
                    self.request.connected(now);
                    self.answer.wait_anew(now);
                    self.moved = now;
                }
            }
            Event::NotConnected(fault) => self.not_connected(fault, now),
            Event::ClientData(data) => {
                self.moved = now;
                let taken = self.request.client_data(data, &self.terms.deadlines, now);
                if self.request.closes() {
                    self.closing.get_or_insert(StreamEnd::Client);
                }
                self.or_fail(taken, now);
            }
            Event::ClientSilent => self.request.client_is_silent(now),
            Event::ClientEnd => self.client_end(now),
            Event::ClientMalformed(fault) => self.fail(Denial::BadRequest(fault)),
            Event::ClientClosed => self.client_closed(now),
            Event::ClientGone => self.client_gone(),
            Event::ClientSocket { took, state } => self.client_socket(took, state, now),
            Event::AppTook(bytes) => {
                self.moved = now;
                self.request.app_took(bytes, now);
                self.answer.wait_anew(now);
            }
            // The app may have answered and closed: then its answer counts, and not the write that failed.
            Event::AppStopped { reset } => {
                if reset {
                    self.answer.app_was_reset();
                }
                self.stop_request(now);
            }
            Event::AppTold => {
                self.request.closed(now);
                self.answer.wait_anew(now);
            }
            Event::AppData => {
                self.moved = now;
                self.answer.app_data(now);
            }
            Event::AppClosed => self.answer.app_ended(AppEnd::Closed),
            Event::AppBroken(fault) => self.answer.app_ended(AppEnd::Broken(fault)),
            Event::Verdict(Direction::Request, verdict) => {
                let decided = self.request.verdict(verdict, now);
                self.or_fail(decided, now);
            }
            Event::Verdict(Direction::Answer, verdict) => {
                if let Err(failure) = self.answer.verdict(verdict, now) {
                    self.answer_failed(failure, now);
                }
            }
            Event::CredentialRevoked => self.credential_ended(CredentialEnd::Revoked, now),
            Event::Draining => {
                self.stage = self.stage.max(Stage::Draining);
                self.end_stream();
            }
            Event::Closing => self.close(),
            Event::Time => self.expire(now),
        }
    }

    /// What to do next in the direction of the client.
    pub fn answer_step(&mut self, now: Duration) -> AnswerStep {
        while !self.is_over() {
            if let Some(frame) = self.closing_frame.take() {
                return self.give(Bytes::from_static(frame), now);
            }
            let step = match self.answer.state() {
                AnswerState::Asking { .. } => Some(AnswerStep::Ask),
                AnswerState::Released(..) => self.answer.released().and_then(|head| self.begin(head, now)),
                AnswerState::End => {
                    self.answer.flush();
                    self.note_given(now);
                    Some(AnswerStep::End)
                }
                AnswerState::Flushing if self.socket == ClientSocket::Empty => {
                    self.ended = Some(self.ending.clone());
                    None
                }
                AnswerState::Flushing => Some(AnswerStep::Flush),
                AnswerState::Body if self.socket == ClientSocket::Full => Some(AnswerStep::Wait),
                AnswerState::Head | AnswerState::Body | AnswerState::Holding(_) => self.go_on(now),
            };
            if let Some(step) = step {
                return step;
            }
        }
        AnswerStep::Wait
    }

    /// Looks at what the app sent; `None`: look again.
    fn go_on(&mut self, now: Duration) -> Option<AnswerStep> {
        let next = self.answer.next(AskedWith { head: self.terms.head_only });
        let made = next.and_then(|part| match part {
            AnswerPart::Nothing if self.connected => Ok(Some(AnswerStep::Read)),
            AnswerPart::Nothing => Ok(Some(AnswerStep::Wait)),
            AnswerPart::Head(head) => self.head(head, now),
            AnswerPart::Data(data) => Ok(self.answer.data(data, self.ends_streams())?.map(|data| {
                if self.answer.closes() {
                    self.closing.get_or_insert(StreamEnd::App);
                }
                let step = self.give(data, now);
                if self.ends_streams() {
                    self.end_stream();
                }
                step
            })),
            AnswerPart::End => {
                if self.answer.stream().is_some() {
                    self.stream_ends(StreamEnd::App);
                }
                self.answer.ended(now).map(|()| None)
            }
        });
        made.unwrap_or_else(|failure| {
            self.answer_failed(failure, now);
            None
        })
    }

    fn give(&mut self, data: Bytes, now: Duration) -> AnswerStep {
        self.note_given(now);
        AnswerStep::Give(data)
    }

    /// The client was given something.
    fn note_given(&mut self, now: Duration) {
        self.moved = now;
        if self.socket == ClientSocket::Empty {
            self.socket = ClientSocket::Open;
            self.taking_since = now;
        }
    }

    /// Takes a head of the app.
    fn head(&mut self, head: AnswerHead, now: Duration) -> Result<Option<AnswerStep>, AnswerFailure> {
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(head, now).map(Some);
        }
        if head.status.is_informational() {
            // RFC 9110 §15.2: a client of HTTP/1.0 would take it for the answer.
            return Ok(self.terms.modern_client.then(|| {
                self.note_given(now);
                AnswerStep::Interim(head)
            }));
        }
        self.answered = Some(now);
        // Where an answer has no body by rule, an app that sends one all the same would begin the next answer with it.
        self.spent |= !head.keeps_connection || head.body == AnswerBody::None;
        Ok(self.answer.begin(head, now)?.and_then(|head| self.begin(head, now)))
    }

    /// Begins the answer for the client, unless that is not there any more.
    fn begin(&mut self, head: AnswerHead, now: Duration) -> Option<AnswerStep> {
        if is_event_stream(&head) {
            if self.half_closed {
                // Nothing else would ever show that this client has left.
                self.client_gone();
                return None;
            }
            self.answer.open(StreamKind::Events, now);
        }
        let modern = self.terms.modern_client;
        self.framing = match head.body {
            AnswerBody::None => AnswerFraming::None,
            AnswerBody::Length(length) => AnswerFraming::Length(length),
            AnswerBody::Chunked | AnswerBody::UntilClose if modern => AnswerFraming::Chunked,
            AnswerBody::Chunked | AnswerBody::UntilClose => AnswerFraming::UntilClose,
        };
        // A client that still sends its body would begin its next request with the rest.
        self.keep_alive &= self.stage == Stage::Serving
            && self.framing != AnswerFraming::UntilClose
            && self.request.is_body_complete();
        let connection = match (self.keep_alive, modern) {
            (false, _) => ConnectionLine::Close,
            (true, true) => ConnectionLine::Absent,
            (true, false) => ConnectionLine::KeepAlive,
        };
        self.status = Some(head.status.as_u16());
        self.note_given(now);
        if self.stage != Stage::Serving {
            self.end_stream();
        }
        Some(AnswerStep::Begin { head, framing: self.framing, connection })
    }

    /// Takes a 101. Only a permitted handshake may be answered with it.
    fn switch(&mut self, head: AnswerHead, now: Duration) -> Result<AnswerStep, AnswerFailure> {
        let Some(handshake) = &self.terms.handshake else {
            return Err(AnswerFailure::App(UpstreamFault::BadAnswer, "a 101 that no client asked for"));
        };
        handshake.confirm(&head).map_err(|fault| AnswerFailure::App(UpstreamFault::BadAnswer, fault))?;
        if self.stage != Stage::Serving {
            return Err(AnswerFailure::Refused(Denial::Draining));
        }
        self.answered = Some(now);
        self.status = Some(head.status.as_u16());
        self.spent = true;
        self.keep_alive = false;
        self.framing = AnswerFraming::Tunnel;
        self.answer.open(StreamKind::Websocket, now);
        self.request.open(now);
        self.note_given(now);
        if self.half_closed {
            self.stream_ends(StreamEnd::Client);
            let closed = self.request.client_end(now);
            self.or_fail(closed, now);
        }
        Ok(AnswerStep::Begin { head, framing: AnswerFraming::Tunnel, connection: ConnectionLine::Upgrade })
    }

    /// Notes who ends a stream: whoever said so first.
    fn stream_ends(&mut self, by: StreamEnd) {
        self.stream_end.get_or_insert(self.closing.unwrap_or(by));
    }

    fn is_websocket(&self) -> bool {
        self.answer.stream() == Some(StreamKind::Websocket)
    }

    fn client_end(&mut self, now: Duration) {
        let ended = self.request.client_end(now);
        self.answer.wait_anew(now);
        self.or_fail(ended, now);
    }

    fn client_closed(&mut self, now: Duration) {
        if self.half_closed {
            return;
        }
        self.half_closed = true;
        if self.is_websocket() {
            self.stream_ends(StreamEnd::Client);
            self.client_end(now);
        } else if !self.request.is_body_complete() {
            if !self.answer.has_head() {
                self.refuse(Denial::BadRequest("the body ends in the middle"));
            } else if self.answer.stream().is_some() && !self.answer.is_ending() {
                self.client_gone();
            } else {
                // It may still read the answer, and see no reason to send the rest.
                self.stop_request(now);
            }
        } else if self.answer.stream().is_some() && !self.answer.is_ending() {
            self.client_gone();
        }
    }

    fn client_gone(&mut self) {
        if self.answer.stream().is_some() {
            self.stream_ends(StreamEnd::Client);
        }
        self.ended = Some(Ended::ClientGone);
    }

    fn client_socket(&mut self, took: bool, state: ClientSocket, now: Duration) {
        if took {
            self.taking_since = now;
            self.moved = now;
        }
        if self.socket == ClientSocket::Full && state != ClientSocket::Full && self.answer.has_head() {
            // Until now the client was waited for. A head does not wait for it.
            self.answer.wait_anew(now);
        }
        // It has sent all that it was given: more can only be what the exchange did not give, such as a 100 (Continue).
        if !(self.socket == ClientSocket::Empty && state == ClientSocket::Open) {
            self.socket = state;
        }
    }

    fn not_connected(&mut self, fault: UpstreamFault, now: Duration) {
        if *self.request.state() != RequestState::Connecting {
            return;
        }
        if self.tries < self.terms.retries {
            // Nothing was sent: another try is safe whatever the method is.
            self.tries += 1;
            self.moved = now;
        } else {
            self.refuse(fault.into());
        }
    }

    /// The app gets no more of the request. Its answer goes on.
    fn stop_request(&mut self, now: Duration) {
        self.spent = true;
        self.request.stop();
        // Until now the app was not waited for.
        self.answer.wait_anew(now);
    }

    fn answer_failed(&mut self, failure: AnswerFailure, now: Duration) {
        let (fault, detail) = match failure {
            AnswerFailure::App(fault, detail) => (fault, detail),
            AnswerFailure::Refused(denial) => {
                if self.answer.stream().is_some() {
                    self.stream_ends(StreamEnd::App);
                }
                return self.fail(denial);
            }
        };
        if self.may_repeat(fault) {
            self.tries += 1;
            self.fresh = true;
            self.connected = false;
            self.spent = false;
            self.request.rewind(now);
            self.answer.rewind(now);
            return;
        }
        self.detail = Some(detail);
        if !self.answer.has_begun() {
            return self.refuse(fault.into());
        }
        match self.answer.stream() {
            Some(_) => self.stream_ends(StreamEnd::App),
            None => self.fault = Some(fault),
        }
        self.break_off(None);
    }

    /// Whether the connection was stale: it served another exchange before, and ended without a byte of an answer.
    fn may_repeat(&self, fault: UpstreamFault) -> bool {
        let ended = matches!(fault, UpstreamFault::Closed | UpstreamFault::Reset);
        ended
            && self.reused
            && self.terms.repeatable
            && self.terms.body.is_empty()
            && !self.answer.was_heard()
            && self.tries < self.terms.retries
    }

    fn or_fail(&mut self, result: Result<(), Refused>, now: Duration) {
        let Err(Refused(denial)) = result else { return };
        if denial == Denial::BodyTimeout && self.answer.has_head() {
            // The answer goes on: a client that reads it may have no reason to send the rest.
            self.stop_request(now);
        } else {
            self.fail(denial);
        }
    }

    /// Refuses the request, or breaks off its answer if that has begun. An answer of which only the client is waited for is whole.
    fn fail(&mut self, denial: Denial) {
        if self.answer.is_ending() {
            self.request.stop();
        } else if self.answer.has_begun() {
            if self.answer.stream().is_some() {
                // Where the app is not to blame, it is what the client sends.
                self.stream_ends(StreamEnd::Client);
            }
            self.break_off(Some(denial));
        } else {
            self.refuse(denial);
        }
    }

    fn refuse(&mut self, denial: Denial) {
        self.fault = denial.upstream_fault();
        self.failure = Some(denial.clone());
        self.ended = Some(Ended::Refused(denial));
    }

    /// Ends an answer that has begun. What the client was given is still sent, so that it has all there is. The app gets no more:
    /// a body with a gap could look whole.
    fn break_off(&mut self, failure: Option<Denial>) {
        self.request.stop();
        self.failure = self.failure.take().or(failure);
        self.ending = Ended::Broken;
        if self.is_websocket() && self.answer.at_frame_boundary() {
            self.ending = Ended::Answered;
            self.closing_frame = Some(&frames::CLOSE_AWAY);
        }
        self.answer.flush();
    }

    /// Whether a stream is to end as soon as it can: the gateway is shutting down, or the credential of its caller has ended.
    fn ends_streams(&self) -> bool {
        self.stage != Stage::Serving || self.credential_over.is_some()
    }

    /// Ends a stream because of [`Self::ends_streams`]: a WebSocket with a close frame, unless a frame is half out; an event
    /// stream whole, since it is whole wherever it ends.
    fn end_stream(&mut self) {
        if !matches!(self.answer.state(), AnswerState::Body) {
            return;
        }
        let (frame, end): (&'static [u8], _) = match self.credential_over {
            Some((_, CredentialEnd::Expired)) => (&frames::CLOSE_EXPIRED, StreamEnd::Expired),
            Some((_, CredentialEnd::Revoked)) => (&frames::CLOSE_REVOKED, StreamEnd::Revoked),
            None => (&frames::CLOSE_RESTART, StreamEnd::Draining),
        };
        match self.answer.stream() {
            Some(StreamKind::Websocket) if self.answer.at_frame_boundary() => {
                self.closing_frame = Some(frame);
                self.answer.flush();
            }
            Some(StreamKind::Events) => self.answer.cut_whole(),
            Some(StreamKind::Websocket) | None => return,
        }
        self.stream_ends(end);
    }

    /// The credential of the caller has ended: a stream ends.
    fn credential_ended(&mut self, how: CredentialEnd, now: Duration) {
        let is_open = self.answer.stream().is_some() && !self.answer.is_ending();
        if !is_open || self.credential_over.is_some() {
            return;
        }
        self.credential_over = Some((now, how));
        let (end, detail) = match how {
            CredentialEnd::Expired => (StreamEnd::Expired, "the credential of the caller has expired"),
            CredentialEnd::Revoked => (StreamEnd::Revoked, "the credential of the caller was revoked"),
        };
        self.detail = Some(detail);
        self.stream_ends(end);
        // From now on the app gets nothing in the name of this caller.
        self.stop_request(now);
        self.end_stream();
    }

    /// The credential of the caller has expired, or a stream whose credential has ended has not ended in time.
    fn credential_expired(&mut self, now: Duration) {
        match (self.credential_over, self.answer.is_ending()) {
            (None, _) => self.credential_ended(CredentialEnd::Expired, now),
            (Some(_), true) => {
                self.detail =
                    Some("the credential of the caller has ended, and the client took no end of the stream");
                self.client_gone();
            }
            (Some(_), false) => {
                self.detail =
                    Some("the credential of the caller has ended, in a frame that the app did not end");
                self.ended = Some(Ended::Broken);
            }
        }
    }

    /// The drain is over.
    fn close(&mut self) {
        self.stage = Stage::Closing;
        self.end_stream();
        match self.answer.state() {
            AnswerState::End | AnswerState::Flushing => {}
            AnswerState::Body => {
                if self.answer.stream().is_some() {
                    self.stream_ends(StreamEnd::Draining);
                    self.break_off(None);
                } else {
                    self.break_off(Some(Denial::Draining));
                }
            }
            AnswerState::Head
            | AnswerState::Holding(_)
            | AnswerState::Asking { .. }
            | AnswerState::Released(..) => self.refuse(Denial::Draining),
        }
    }

    /// When [`Event::Time`] is to be told.
    pub fn wake_at(&self) -> Option<Duration> {
        self.waits().into_iter().flatten().map(|(_, due)| due).min()
    }

    /// The waits in progress, each with its end. Of those that are over at once, the first one says how the exchange ends.
    fn waits(&self) -> [Option<(Wait, Duration)>; 5] {
        if self.is_over() {
            return [None; 5];
        }
        let deadlines = &self.terms.deadlines;
        let request = self.request.wait(deadlines).map(|(wait, due)| (Wait::Request(wait), due));
        let stream =
            self.answer.stream().map(|_| (Wait::Stream, self.moved.saturating_add(deadlines.stream_idle)));
        let answer = self.answer_wait().map(|due| (Wait::App, due));
        let client = (self.socket != ClientSocket::Empty)
            .then(|| (Wait::Client, self.taking_since.saturating_add(deadlines.send_idle)));
        let credential = self.credential_wait().map(|due| (Wait::Credential, due));
        if self.answer.is_ending() {
            [credential, client, None, None, None]
        } else {
            [request, credential, answer, stream, client]
        }
    }

    /// When the credential of a stream's caller ends, or when the stream that ends because of it has to be over.
    fn credential_wait(&self) -> Option<Duration> {
        match self.credential_over {
            Some((since, _)) => Some(since.saturating_add(END_TIME)),
            None if self.answer.stream().is_some() && !self.answer.is_ending() => self.terms.credential_end,
            None => None,
        }
    }

    /// When the wait for the app's next bytes, or for the verdict about them, is over.
    fn answer_wait(&self) -> Option<Duration> {
        let deadlines = &self.terms.deadlines;
        match self.answer.state() {
            AnswerState::Asking { until, .. } => Some(*until),
            // Until the app has the request, somebody else is waited for.
            AnswerState::Head if !self.request.is_over() => None,
            // Silence is normal in a stream; in a WebSocket of which one direction has ended it is the end.
            AnswerState::Body
                if self.answer.stream().is_some() && !(self.is_websocket() && self.request.is_stopped()) =>
            {
                None
            }
            AnswerState::Body if self.socket == ClientSocket::Full => None,
            // The app may answer what it has of the request: the rest is the client's to send.
            AnswerState::Body | AnswerState::Holding(_) if self.client_is_waited_for() => None,
            AnswerState::Head | AnswerState::Body | AnswerState::Holding(_) => self.answer.wait(deadlines),
            AnswerState::Released(..) | AnswerState::End | AnswerState::Flushing => None,
        }
    }

    /// Whether the client is to send more of its body.
    fn client_is_waited_for(&self) -> bool {
        matches!(self.request.wait(&self.terms.deadlines), Some((RequestWait::Client, _)))
    }

    /// Ends the waits that are over.
    fn expire(&mut self, now: Duration) {
        for (wait, due) in self.waits().into_iter().flatten() {
            let ends_late = matches!(wait, Wait::Client | Wait::Credential);
            if due > now || self.is_over() || (self.answer.is_ending() && !ends_late) {
                continue;
            }
            match wait {
                Wait::Credential => self.credential_expired(now),
                Wait::Request(RequestWait::Client | RequestWait::Verdict) => {
                    let late = self.request.late(&self.terms.deadlines, now);
                    self.or_fail(late.map_or(Ok(()), |denial| Err(Refused(denial))), now);
                }
                Wait::Request(RequestWait::App) => self.app_took_nothing(now),
                Wait::App => self.app_was_silent(),
                Wait::Stream => {
                    self.detail = Some("no byte went either way for `server.timeouts.stream_idle`");
                    self.stream_ends(StreamEnd::Idle);
                    self.break_off(None);
                }
                Wait::Client => {
                    self.detail =
                        Some("the client took nothing of the answer for `server.timeouts.send_idle`");
                    self.client_gone();
                }
            }
        }
    }

    fn app_took_nothing(&mut self, now: Duration) {
        if self.answer.has_head() && !self.is_websocket() {
            // The answer goes on: the app may have decided without the rest.
            return self.stop_request(now);
        }
        self.detail = Some("the app took nothing for `upstream.read`");
        if self.is_websocket() {
            self.stream_ends(StreamEnd::App);
            return self.break_off(None);
        }
        self.refuse(Denial::UpstreamTimeout);
    }

    fn app_was_silent(&mut self) {
        if let AnswerState::Asking { late, .. } = self.answer.state() {
            let late = late.clone();
            return self.fail(late);
        }
        self.detail = Some(if !self.answer.has_head() && self.answer.was_heard() {
            "the head of the app's answer was not complete within `upstream.read`"
        } else {
            "the app sent nothing for `upstream.read`"
        });
        if self.answer.stream().is_some() {
            self.stream_ends(StreamEnd::App);
            return self.break_off(None);
        }
        if self.answer.has_begun() {
            self.fault = Some(UpstreamFault::Timeout);
        }
        self.fail(Denial::UpstreamTimeout);
    }

    /// What is known at the end, and the two buffers for another exchange.
    pub fn finish(self) -> (Outcome, [BytesMut; 2]) {
        let ended = self.ended.clone().unwrap_or(Ended::ClientGone);
        let whole = ended == Ended::Answered;
        let reusable = whole
            && self.request.is_complete()
            && self.terms.body.is_empty()
            && !self.spent
            && self.answer.end().is_none()
            && !self.answer.has_unasked()
            && self.answer.is_delimited();
        let app = if reusable { AppReuse::Yes } else { AppReuse::No };
        let unasked = whole && self.answer.is_delimited() && self.answer.has_unasked();
        let detail = self.detail.or(unasked.then_some("the app sent bytes after its answer"));
        let by_closing = matches!(self.framing, AnswerFraming::UntilClose | AnswerFraming::Tunnel);
        let client = match ended {
            Ended::Answered if self.keep_alive => ClientReuse::KeepAlive,
            Ended::Answered | Ended::Refused(_) => ClientReuse::Close,
            Ended::Broken if !by_closing => ClientReuse::Close,
            Ended::Broken | Ended::ClientGone => ClientReuse::Reset,
        };
        let outcome = Outcome {
            ended,
            status: self.status,
            bytes_in: self.request.came(),
            bytes_out: self.answer.given(),
            failure: self.failure,
            fault: self.fault,
            detail,
            retries: self.tries,
            asked: self.asked,
            answered: self.answered,
            stream_end: self.stream_end,
            app,
            client,
        };
        (outcome, [self.request.into_buffer(), self.answer.into_buffer()])
    }
}

/// A wait in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// In the request's direction.
    Request(RequestWait),
    /// For the app's next bytes, or for a verdict about them.
    App,
    /// For any byte of a stream.
    Stream,
    /// For the end of the caller's credential, and then for that of the stream.
    Credential,
    /// For the client, to take what it was given.
    Client,
}

/// How long a stream may take to end once the credential of its caller has: for the rest of a frame, and for the client to take it.
const END_TIME: Duration = Duration::from_secs(5);

/// Whether the answer is an event stream, which is whole wherever it ends. One of a declared length is not.
fn is_event_stream(head: &AnswerHead) -> bool {
    match head.body {
        AnswerBody::None | AnswerBody::Length(_) => return false,
        AnswerBody::Chunked | AnswerBody::UntilClose => {}
    }
    let Some(value) = head.first(&header::CONTENT_TYPE) else { return false };
    let kind = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
}

#[cfg(test)]
mod tests;
