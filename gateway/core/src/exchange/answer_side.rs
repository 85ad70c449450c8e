//! The answer's direction: from the app, through the gate, to the client.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, header};

use super::answer_body::BodyReader;
use super::frames::Frames;
use super::gate::{Gate, HELD_MAX, Held, Judgement, TooLarge, Verdict};
use super::outcome::StreamKind;
use super::terms::Deadlines;
use crate::answer::{AnswerBody, AnswerFault, AnswerHead, AnswerParser, AskedWith};
use crate::chunked::Malformed;
use crate::denial::{Denial, UpstreamFault};
use crate::response_fields::ResponseFields as _;

/// The answer on its way.
#[derive(Debug)]
pub(super) struct AnswerSide<G> {
    gate: G,
    held: Held,
    state: AnswerState,
    parser: AnswerParser,
    /// What came from the app and is not yet judged.
    incoming: BytesMut,
    /// Any byte came from the app.
    heard: bool,
    /// How the app ended its side, once it has.
    end: Option<AppEnd>,
    /// The connection was reset, as the writer was told.
    reset: bool,
    body: BodyReader,
    stream: Option<StreamKind>,
    /// The gate has let the body go: it passes as it is.
    judged: bool,
    /// The frames of a WebSocket that were given to the client.
    frames: Frames,
    /// Data that was given to the client, in bytes.
    given: u64,
    /// When the present wait for the app began.
    since: Duration,
}

/// What the answer's direction waits for.
#[derive(Debug)]
pub(super) enum AnswerState {
    /// A head.
    Head,
    /// The body, which is held back together with the head.
    Holding(Box<AnswerHead>),
    /// A verdict about the body, until then.
    Asking {
        /// The head that waits with it.
        head: Box<AnswerHead>,
        /// The end of the wait.
        until: Duration,
        /// The refusal after it.
        late: Denial,
    },
    /// The head and the body that a gate has let go.
    Released(Box<AnswerHead>, Bytes),
    /// The body.
    Body,
    /// Its end is still to be given to the client.
    End,
    /// The client, to take the rest.
    Flushing,
}

/// How the app ended its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AppEnd {
    /// It closed the connection in order.
    Closed,
    /// The connection broke.
    Broken(UpstreamFault),
}

/// The next thing that the app's bytes make.
#[derive(Debug)]
pub(super) enum AnswerPart {
    /// More bytes are needed.
    Nothing,
    /// A head: interim, final or 101.
    Head(AnswerHead),
    /// Data of the body.
    Data(Bytes),
    /// The body has ended.
    End,
}

/// The answer cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AnswerFailure {
    /// The app's fault, and what exactly was wrong.
    App(UpstreamFault, &'static str),
    /// The gate refuses it.
    Refused(Denial),
}

impl From<AnswerFault> for AnswerFailure {
    fn from(AnswerFault { fault, why }: AnswerFault) -> Self {
        Self::App(fault, why)
    }
}

impl From<Malformed> for AnswerFailure {
    fn from(Malformed(why): Malformed) -> Self {
        Self::App(UpstreamFault::BadAnswer, why)
    }
}

impl<G: Gate> AnswerSide<G> {
    /// `incoming`: an empty buffer.
    pub(super) fn new(gate: G, incoming: BytesMut, now: Duration) -> Self {
        Self {
            gate,
            held: Held::default(),
            state: AnswerState::Head,
            parser: AnswerParser::default(),
            incoming,
            heard: false,
            end: None,
            reset: false,
            body: BodyReader::UntilClose,
            stream: None,
            judged: false,
            frames: Frames::default(),
            given: 0,
            since: now,
        }
    }

    pub(super) fn state(&self) -> &AnswerState {
        &self.state
    }

    /// Where the app's bytes are appended.
    pub(super) fn incoming(&mut self) -> &mut BytesMut {
        &mut self.incoming
    }

    /// Whether the client was given anything of the final answer.
    pub(super) fn has_begun(&self) -> bool {
        matches!(self.state, AnswerState::Body | AnswerState::End | AnswerState::Flushing)
    }

    /// The final head has come from the app.
    pub(super) fn has_head(&self) -> bool {
        !matches!(self.state, AnswerState::Head)
    }

    /// Whether all that the client gets was given to it, but for the last chunk.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.state, AnswerState::End | AnswerState::Flushing)
    }

    /// Any byte came from the app.
    pub(super) fn was_heard(&self) -> bool {
        self.heard
    }

    /// Data that was given to the client, in bytes.
    pub(super) fn given(&self) -> u64 {
        self.given
    }

    /// The kind of stream that the answer is.
    pub(super) fn stream(&self) -> Option<StreamKind> {
        self.stream
    }

    /// The app sent something that belongs to no answer.
    pub(super) fn has_unasked(&self) -> bool {
        !self.incoming.is_empty()
    }

    /// How the app ended its side.
    pub(super) fn end(&self) -> Option<AppEnd> {
        self.end
    }

    /// Whether the app has sent a close frame.
    pub(super) fn closes(&self) -> bool {
        self.frames.closes()
    }

    /// Whether a close frame may be sent now: no frame is half out.
    pub(super) fn at_frame_boundary(&self) -> bool {
        self.frames.at_boundary()
    }

    /// The app's bytes were appended to [`Self::incoming`].
    pub(super) fn app_data(&mut self, now: Duration) {
        self.heard = true;
        // A head has one deadline for all of it: its bytes give it no more time, nor do interim answers.
        if !matches!(self.state, AnswerState::Head) {
            self.since = now;
        }
    }

    /// The connection to the app was reset, which the system tells no second time: it has no orderly end any more.
    pub(super) fn app_was_reset(&mut self) {
        self.reset = true;
    }

    /// The app has ended its side. The first end stands.
    pub(super) fn app_ended(&mut self, end: AppEnd) {
        self.end.get_or_insert(end);
    }

    /// The wait for the app begins anew.
    pub(super) fn wait_anew(&mut self, now: Duration) {
        self.since = now;
    }

    /// Another try begins, over another connection.
    pub(super) fn rewind(&mut self, now: Duration) {
        self.state = AnswerState::Head;
        self.parser = AnswerParser::default();
        self.incoming.clear();
        self.heard = false;
        self.end = None;
        self.reset = false;
        self.since = now;
    }

    /// The next part of the answer.
    ///
    /// # Errors
    /// What the app sent is no answer, or breaks off; or the gate refuses it.
    pub(super) fn next(&mut self, asked: AskedWith) -> Result<AnswerPart, AnswerFailure> {
        match self.state {
            AnswerState::Head => match self.parser.parse(&mut self.incoming, asked)? {
                Some(head) => Ok(AnswerPart::Head(head)),
                None => self.or_end(AnswerPart::Nothing),
            },
            AnswerState::Body | AnswerState::Holding(_) => {
                let data = self.body.take(&mut self.incoming)?;
                if !data.is_empty() {
                    return Ok(AnswerPart::Data(data));
                }
                if self.body.is_done() {
                    return Ok(AnswerPart::End);
                }
                self.or_end(AnswerPart::Nothing)
            }
            AnswerState::Asking { .. }
            | AnswerState::Released(..)
            | AnswerState::End
            | AnswerState::Flushing => Ok(AnswerPart::Nothing),
        }
    }

    /// What the end of the app's side means, if it has ended.
    fn or_end(&self, part: AnswerPart) -> Result<AnswerPart, AnswerFailure> {
        let delimits = matches!(
            (&self.state, &self.body),
            (AnswerState::Body | AnswerState::Holding(_), BodyReader::UntilClose)
        );
        match self.end {
            None => Ok(part),
            Some(AppEnd::Closed) if self.reset => {
                Err(AnswerFailure::App(UpstreamFault::Reset, "the connection to the app broke"))
            }
            Some(AppEnd::Closed) if delimits => Ok(AnswerPart::End),
            Some(AppEnd::Closed) => {
                Err(AnswerFailure::App(UpstreamFault::Closed, "the app closed the connection too early"))
            }
            Some(AppEnd::Broken(fault)) => Err(AnswerFailure::App(fault, "the connection to the app broke")),
        }
    }

    /// Begins the body of a final head; `true` if the head may be given to the client now.
    ///
    /// # Errors
    /// The gate holds the body, and it is too large for that.
    pub(super) fn begin(
        &mut self,
        head: AnswerHead,
        now: Duration,
    ) -> Result<Option<AnswerHead>, AnswerFailure> {
        self.since = now;
        self.body = BodyReader::of(head.body);
        if head.body == AnswerBody::None || !self.gate.holds(Some(&head)) {
            self.state = AnswerState::Body;
            return Ok(Some(head));
        }
        match head.body {
            AnswerBody::Length(length) if length > HELD_MAX as u64 => {
                return Err(AnswerFailure::Refused(self.gate.overflow()));
            }
            AnswerBody::None | AnswerBody::Length(_) | AnswerBody::Chunked | AnswerBody::UntilClose => {}
        }
        self.state = AnswerState::Holding(Box::new(head));
        Ok(None)
    }

    /// The answer has become a stream.
    pub(super) fn open(&mut self, stream: StreamKind, now: Duration) {
        self.stream = Some(stream);
        self.since = now;
        if stream == StreamKind::Websocket {
            self.body = BodyReader::UntilClose;
            self.state = AnswerState::Body;
        }
    }

    /// Judges the next data. Returns it if it is to be given to the client now; of a WebSocket that `ends`, only whole frames if
    /// there are any.
    ///
    /// # Errors
    /// The gate refuses it.
    pub(super) fn data(&mut self, mut data: Bytes, ends: bool) -> Result<Option<Bytes>, AnswerFailure> {
        let tunnel = self.stream == Some(StreamKind::Websocket);
        if !tunnel && !self.judged {
            self.gate.pass(&data).map_err(AnswerFailure::Refused)?;
        }
        if let AnswerState::Holding(_) = self.state {
            return match self.held.add(&data) {
                Ok(()) => Ok(None),
                Err(TooLarge) => Err(AnswerFailure::Refused(self.gate.overflow())),
            };
        }
        if tunnel && let Some(whole) = self.frames.feed(&data).filter(|_| ends) {
            data.truncate(whole);
            self.frames.cut();
        }
        self.given = self.given.saturating_add(data.len() as u64);
        Ok(Some(data))
    }

    /// The body has come to its end.
    ///
    /// # Errors
    /// The gate refuses it.
    pub(super) fn ended(&mut self, now: Duration) -> Result<(), AnswerFailure> {
        match std::mem::replace(&mut self.state, AnswerState::End) {
            AnswerState::Holding(head) => {
                let body = self.held.take();
                match self.gate.judge(&body, now) {
                    Judgement::Known(verdict) => self.decide(head, body, verdict)?,
                    Judgement::Ask { within, late } => {
                        let _ = self.held.add(&body);
                        self.state = AnswerState::Asking { head, until: now.saturating_add(within), late };
                    }
                }
                Ok(())
            }
            AnswerState::Head
            | AnswerState::Asking { .. }
            | AnswerState::Released(..)
            | AnswerState::Body
            | AnswerState::End
            | AnswerState::Flushing => Ok(()),
        }
    }

    /// The verdict that was asked for.
    ///
    /// # Errors
    /// It is a refusal, or came too late.
    pub(super) fn verdict(&mut self, verdict: Verdict, now: Duration) -> Result<(), AnswerFailure> {
        match std::mem::replace(&mut self.state, AnswerState::End) {
            AnswerState::Asking { until, late, head } if until <= now => {
                self.state = AnswerState::Asking { head, until, late: late.clone() };
                Err(AnswerFailure::Refused(late))
            }
            AnswerState::Asking { head, .. } => {
                let body = self.held.take();
                self.decide(head, body, verdict)
            }
            other @ (AnswerState::Head
            | AnswerState::Holding(_)
            | AnswerState::Released(..)
            | AnswerState::Body
            | AnswerState::End
            | AnswerState::Flushing) => {
                self.state = other;
                Ok(())
            }
        }
    }

    fn decide(
        &mut self,
        mut head: Box<AnswerHead>,
        body: Bytes,
        verdict: Verdict,
    ) -> Result<(), AnswerFailure> {
        let body = match verdict {
            Verdict::Pass => body,
            Verdict::Replace(other) => other,
            Verdict::Refuse(denial) => {
                // Nothing of it was given to the client.
                self.state = AnswerState::Holding(head);
                return Err(AnswerFailure::Refused(denial));
            }
        };
        head.body = AnswerBody::Length(body.len() as u64);
        head.set(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        self.state = AnswerState::Released(head, body);
        Ok(())
    }

    /// What is held back, while a verdict about it is asked for.
    pub(super) fn held(&self) -> &[u8] {
        self.held.as_bytes()
    }

    /// Takes the head that a gate has let go. Its body comes next.
    pub(super) fn released(&mut self) -> Option<AnswerHead> {
        match std::mem::replace(&mut self.state, AnswerState::Body) {
            AnswerState::Released(head, body) => {
                self.judged = true;
                self.body = BodyReader::Length(body.len() as u64);
                // What the app sent beyond its body stays behind it, and counts as unasked.
                let beyond = std::mem::replace(&mut self.incoming, BytesMut::from(body));
                self.incoming.extend_from_slice(&beyond);
                Some(*head)
            }
            other @ (AnswerState::Head
            | AnswerState::Holding(_)
            | AnswerState::Asking { .. }
            | AnswerState::Body
            | AnswerState::End
            | AnswerState::Flushing) => {
                self.state = other;
                None
            }
        }
    }

    /// The end was given to the client: it is to take the rest.
    pub(super) fn flush(&mut self) {
        self.state = AnswerState::Flushing;
    }

    /// The body ends here, although the app goes on.
    pub(super) fn cut_whole(&mut self) {
        self.state = AnswerState::End;
    }

    /// The body was read to the end that it had by its own framing.
    pub(super) fn is_delimited(&self) -> bool {
        self.body.is_done()
    }

    /// Bytes of the body that are still to come from the app, where their number is known.
    pub(super) fn left(&self) -> Option<u64> {
        if self.has_head() { self.body.left() } else { None }
    }

    /// When the wait for the app is over.
    pub(super) fn wait(&self, deadlines: &Deadlines) -> Option<Duration> {
        let waits = matches!(self.state, AnswerState::Head | AnswerState::Body | AnswerState::Holding(_));
        waits.then(|| self.since.saturating_add(deadlines.read))
    }

    /// The buffer of the app's bytes, for another exchange.
    pub(super) fn into_buffer(self) -> BytesMut {
        self.incoming
    }
}
