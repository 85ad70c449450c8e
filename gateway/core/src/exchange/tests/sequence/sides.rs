//! What the client and the app did and got, and what has to hold of it.

use std::ops::Range;
use std::time::Duration;

use bytes::BytesMut;
use stagedoor_core::answer::{AnswerBody, AnswerHead, AskedWith};
use stagedoor_core::answer_framing::{AnswerFraming, ConnectionLine};
use stagedoor_core::exchange::{AppReuse, ClientReuse, Ended, HELD_MAX, Outcome, StreamEnd};
use stagedoor_core::guard::upgrade::Handshake;
use stagedoor_core::request::RequestBody;

use super::expected::{self, End, Expected};
use super::gate::REPLACEMENT;
use super::script::{Kind, MOST, Said, Setting, WITHIN};

/// Both sides.
#[derive(Debug)]
pub(super) struct Sides {
    setting: Setting,
    handshake: Option<Handshake>,
    pub(super) connections: Vec<Connection>,
    pub(super) client: Client,
    pub(super) body: Body,
    /// Something happened after which the answer need not reach the client whole.
    pub(super) trouble: bool,
    pub(super) shutting_down: bool,
    pub(super) revoked: bool,
    /// The gateway itself has failed.
    pub(super) aborted: bool,
    /// The app's connection may not be used again: the edge says so, or the app took no more.
    pub(super) spent: bool,
}

/// A connection to the app.
#[derive(Debug, Default)]
pub(super) struct Connection {
    pub(super) reused: bool,
    /// What the app got.
    pub(super) got: Vec<u8>,
    /// What it sent.
    pub(super) sent: Vec<u8>,
    pub(super) end: Option<ConnectionEnd>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConnectionEnd {
    Closed,
    Broken,
}

/// What the client got.
#[derive(Debug, Default)]
pub(super) struct Client {
    interims: Vec<AnswerHead>,
    pub(super) begun: Option<Begun>,
    data: Vec<u8>,
    close_frame: Option<Vec<u8>>,
    ended: bool,
    /// It was given something that it has not taken.
    pub(super) owed: bool,
    pub(super) full: bool,
    /// It took a byte of the answer.
    pub(super) took_head: bool,
}

#[derive(Debug)]
pub(super) struct Begun {
    head: AnswerHead,
    framing: AnswerFraming,
    line: ConnectionLine,
    /// The client had sent all of its body, and the gateway served on.
    may_go_on: bool,
}

/// The body of the request, or what the client sends through a tunnel.
#[derive(Debug, Default)]
pub(super) struct Body {
    /// Bytes that came.
    pub(super) came: usize,
    /// Of these, bytes that may be sent on.
    passed: usize,
    pub(super) done: bool,
    /// The client broke it off, or the gate refused some of it: nothing after that may be sent on.
    pub(super) cut: bool,
    asked: Option<Duration>,
    /// What a gate that holds has let go.
    released: Option<Vec<u8>>,
}

impl Sides {
    pub(super) fn new(setting: Setting, handshake: Option<Handshake>) -> Self {
        let trouble = setting.unruly;
        let body = Body { done: setting.body.is_empty(), ..Body::default() };
        Self {
            setting,
            handshake,
            connections: vec![],
            client: Client::default(),
            body,
            trouble,
            shutting_down: false,
            revoked: false,
            aborted: false,
            spent: false,
        }
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.client.begun.as_ref().is_some_and(|begun| begun.framing == AnswerFraming::Tunnel)
    }

    /// The client sent so many bytes. `wanted`: they were read because the exchange asked for them.
    pub(super) fn client_sent(&mut self, bytes: usize, wanted: bool) {
        let before = self.body.came;
        self.body.came += bytes;
        if self.body.done && !self.is_tunnel() {
            // Beyond its end: nobody asked for it.
            self.trouble = true;
            return;
        }
        let refused = self.setting.upload == Kind::Refusing && before <= MOST && self.body.came > MOST;
        let too_many = match self.setting.body {
            RequestBody::Known(length) => self.body.came as u64 > length,
            RequestBody::None | RequestBody::Unknown => false,
        };
        let overflow = self.setting.upload.holds() && self.body.came > HELD_MAX;
        if !wanted || (!self.is_tunnel() && (refused || too_many || overflow)) {
            self.cut();
        }
        if !self.body.cut {
            self.body.passed = self.body.came;
        }
    }

    /// The client's body goes no further.
    pub(super) fn cut(&mut self) {
        self.body.cut |= !self.body.done || self.is_tunnel();
        self.trouble = true;
    }

    /// The client's body has ended.
    pub(super) fn client_ended(&mut self, wanted: bool, now: Duration) {
        let short = match self.setting.body {
            RequestBody::Known(length) => (self.body.came as u64) < length,
            RequestBody::None | RequestBody::Unknown => false,
        };
        if self.body.cut || self.body.done {
            return;
        }
        if short || !wanted {
            return self.cut();
        }
        self.body.done = true;
        match self.setting.upload {
            Kind::Open | Kind::Refusing => {}
            Kind::Holding => self.release(if self.setting.replaces { Said::Replace } else { Said::Pass }),
            Kind::Asking => self.body.asked = Some(now),
        }
    }

    /// The verdict about the client's body; whether it came in time.
    pub(super) fn verdict(&mut self, said: Said, now: Duration) -> bool {
        let in_time = self.body.asked.is_some_and(|asked| now < asked + WITHIN);
        if in_time {
            self.release(said);
        }
        in_time
    }

    fn release(&mut self, said: Said) {
        self.body.released = match said {
            Said::Pass => Some(data(0..self.body.passed)),
            Said::Replace => Some(REPLACEMENT.to_vec()),
            Said::Refuse => None,
        };
    }

    /// What is held of the client's body while a verdict is asked for.
    pub(super) fn held(&self) -> Vec<u8> {
        data(0..self.body.passed)
    }

    pub(super) fn interim(&mut self, head: AnswerHead) {
        assert!(self.client.begun.is_none(), "an interim answer behind the head");
        assert!(self.setting.modern, "an interim answer for HTTP/1.0");
        self.client.interims.push(head);
        self.client.owed = true;
    }

    pub(super) fn begin(&mut self, head: AnswerHead, framing: AnswerFraming, line: ConnectionLine) {
        assert!(self.client.begun.is_none(), "a second head");
        let may_go_on = self.body.done && !self.shutting_down;
        self.client.begun = Some(Begun { head, framing, line, may_go_on });
        self.client.owed = true;
    }

    /// The client is given data; `counted`: as data of the answer.
    pub(super) fn give(&mut self, data: &[u8], counted: bool) {
        assert!(self.client.begun.is_some() && !self.client.ended, "data outside of an answer");
        assert!(!data.is_empty(), "data without a byte");
        assert!(self.client.close_frame.is_none(), "data behind a close frame");
        if counted {
            assert!(!self.client.full, "data for a client that takes no more");
            self.client.data.extend_from_slice(data);
        } else {
            self.client.close_frame = Some(data.to_vec());
        }
        self.client.owed = true;
    }

    pub(super) fn end(&mut self) {
        assert!(self.client.begun.is_some() && !self.client.ended, "the end outside of an answer");
        self.client.ended = true;
        self.client.owed = true;
    }

    /// Whether another connection to the app may be asked for.
    pub(super) fn check_connect(&self, fresh: bool, tries: usize) {
        assert!(tries <= self.setting.retries, "too many tries");
        assert!(!self.setting.upload.holds() || self.setting.body.is_empty() || self.body.released.is_some());
        assert!(fresh || (self.setting.body.is_empty() && self.setting.repeatable));
        assert!(fresh || !self.setting.websocket, "a WebSocket over a connection of the pool");
        let Some(last) = self.connections.last() else { return };
        assert!(tries > 0 && fresh, "a try that does not count, or one with another stale connection");
        assert!(last.reused && last.end.is_some() && last.sent.is_empty(), "the app was heard");
        assert!(self.setting.repeatable && self.setting.body.is_empty(), "a request is sent twice");
        assert!(self.client.begun.is_none() && self.client.interims.is_empty());
    }

    /// Everything that has to hold at the end. `head` makes the head that the app gets.
    pub(super) fn check(&self, outcome: &Outcome, head: impl Fn(RequestBody) -> BytesMut) {
        for connection in &self.connections {
            self.check_request(&connection.got, &head);
        }
        let expected = self.connections.last().map(|connection| self.expected(connection));
        self.check_answer(outcome, expected.as_ref());
        self.check_client_reuse(outcome);
        self.check_app_reuse(outcome, expected.as_ref(), &head);
        self.check_notes(outcome);
    }

    fn expected(&self, connection: &Connection) -> Expected {
        let closed = connection.end == Some(ConnectionEnd::Closed);
        let asked = AskedWith { head: self.setting.head_only };
        expected::read(&connection.sent, asked, self.handshake.as_ref(), closed)
    }

    /// What one connection to the app carried: the head, and no more of the body than may be sent on, in the framing of the head.
    fn check_request(&self, got: &[u8], head: impl Fn(RequestBody) -> BytesMut) {
        let holds = self.setting.upload.holds() && !self.setting.body.is_empty();
        let (framing, body) = if holds {
            let Some(released) = &self.body.released else {
                assert!(got.is_empty(), "a body is sent before its verdict");
                return;
            };
            (RequestBody::Known(released.len() as u64), released.clone())
        } else {
            (self.setting.body, data(0..self.body.passed))
        };
        let head = head(framing);
        let Some(rest) = got.strip_prefix(&*head) else {
            assert!(head.starts_with(got), "another head");
            return;
        };
        match framing {
            RequestBody::None => {
                assert!(rest.is_empty() || self.is_tunnel(), "bytes behind a request without a body");
                assert!(body.starts_with(rest), "other data in a tunnel");
            }
            RequestBody::Known(length) => {
                let rest = if self.is_tunnel() { rest } else { rest.get(..length as usize).unwrap_or(rest) };
                assert!(body.starts_with(rest), "another body");
                assert!(self.is_tunnel() || got.len() as u64 <= head.len() as u64 + length, "a longer body");
            }
            RequestBody::Unknown => {
                let (sent, end) = expected::chunks(rest);
                assert!(body.starts_with(&sent), "another body");
                match end {
                    End::Whole(beyond) => {
                        assert_eq!(beyond, 0, "bytes behind the body");
                        assert!(self.body.done && !self.body.cut, "a body that broke off looks whole");
                        assert_eq!(sent, body);
                    }
                    End::Unfinished => {}
                    End::Malformed => panic!("malformed chunks"),
                }
            }
        }
    }

    /// The client got what the app sent: all of it if the answer is said to be whole, else its beginning.
    fn check_answer(&self, outcome: &Outcome, expected: Option<&Expected>) {
        let Client { interims, begun, data, close_frame, ended, owed, .. } = &self.client;
        assert_eq!(begun.as_ref().map(|begun| begun.head.status.as_u16()), outcome.status);
        match (&outcome.ended, begun) {
            (Ended::Refused(denial), begun) => {
                assert!(begun.is_none() || self.aborted, "a refusal behind a head");
                assert!(!self.client.took_head, "a refusal behind a head");
                assert_eq!(outcome.failure.as_ref(), Some(denial));
            }
            (Ended::Answered, Some(_)) => {
                assert!(*ended || close_frame.is_some(), "an answer without an end");
                assert!(!owed, "the client has not taken all of it");
            }
            (Ended::Broken, Some(_)) => {}
            (Ended::Answered | Ended::Broken, None) => panic!("an answer without a head"),
            (Ended::ClientGone, _) => {}
        }
        let Some(expected) = expected else {
            assert!(begun.is_none() && interims.is_empty(), "an answer of nobody");
            return;
        };
        if self.setting.modern {
            assert!(expected.interims.starts_with(interims), "other interim answers");
        }
        let Some(begun) = begun else {
            self.check_is_answered(outcome, expected);
            return;
        };
        assert!(!self.setting.modern || expected.interims == *interims, "interim answers are missing");
        let Some(head) = &expected.head else { panic!("a head that the app did not send") };
        assert_eq!((begun.head.status, begun.head.version), (head.status, head.version));
        let holds = self.setting.download.holds() && head.body != AnswerBody::None && !self.is_tunnel();
        let (body, whole) = self.check_begun(begun, head, expected, holds);
        assert!(body.starts_with(data), "another body");
        if self.setting.download == Kind::Refusing && !self.is_tunnel() {
            assert!(data.len() <= MOST, "refused data");
        }
        if let Some(frame) = close_frame {
            assert!(self.is_tunnel() && expected::are_whole_frames(data), "a close frame within a frame");
            let expired = self.setting.expires && *frame == *b"\x88\x1c\x03\xf0the credential has expired";
            let revoked = self.revoked && *frame == *b"\x88\x1c\x03\xf0the credential was revoked";
            assert!(
                expired || revoked || matches!(frame[..], [0x88, 2, 3, 0xf4 | 0xe9]),
                "another close frame"
            );
        }
        // An event stream is whole wherever it ends; a WebSocket says so itself.
        let ends_early = self.shutting_down || self.setting.expires || self.revoked;
        let may_be_cut = (is_events(head) && !holds && ends_early) || close_frame.is_some();
        if *ended && !may_be_cut {
            assert!(whole && body == *data, "an answer that broke off looks whole");
        }
        assert!(outcome.ended != Ended::Broken || !ended || self.aborted);
        self.check_is_answered(outcome, expected);
    }

    /// The framing of the answer; its body, and whether all of it has come.
    fn check_begun(
        &self,
        begun: &Begun,
        head: &AnswerHead,
        expected: &Expected,
        holds: bool,
    ) -> (Vec<u8>, bool) {
        let whole = matches!(expected.end, End::Whole(_));
        if !holds {
            assert_eq!(begun.head.fields, head.fields);
            let framing = match head.body {
                _ if head.status.as_u16() == 101 => AnswerFraming::Tunnel,
                AnswerBody::None => AnswerFraming::None,
                AnswerBody::Length(length) => AnswerFraming::Length(length),
                AnswerBody::Chunked | AnswerBody::UntilClose if self.setting.modern => AnswerFraming::Chunked,
                AnswerBody::Chunked | AnswerBody::UntilClose => AnswerFraming::UntilClose,
            };
            assert_eq!(begun.framing, framing);
            return (expected.data.clone(), whole);
        }
        assert!(whole, "a body is sent before its verdict");
        let AnswerFraming::Length(length) = begun.framing else { panic!("a held body has a length") };
        let replaced = length == REPLACEMENT.len() as u64 && self.client.data.first() == REPLACEMENT.first();
        let body = if replaced { REPLACEMENT.to_vec() } else { expected.data.clone() };
        assert!(length == body.len() as u64 || self.client.data.is_empty(), "another length");
        (body, true)
    }

    /// Where nothing went wrong, the client gets the whole answer.
    fn check_is_answered(&self, outcome: &Outcome, expected: &Expected) {
        let refused = match self.setting.download {
            Kind::Open => false,
            Kind::Refusing => expected.data.len() > MOST,
            Kind::Holding | Kind::Asking => expected.data.len() > HELD_MAX,
        };
        if !self.trouble && !refused && matches!(expected.end, End::Whole(_)) {
            assert_eq!(outcome.ended, Ended::Answered, "{self:?}");
        }
    }

    fn check_client_reuse(&self, outcome: &Outcome) {
        let begun = self.client.begun.as_ref();
        if let Some(Begun { framing, line, may_go_on, .. }) = begun {
            let tunnel = *framing == AnswerFraming::Tunnel;
            let keeps = self.setting.keep_alive && *may_go_on && *framing != AnswerFraming::UntilClose;
            let said = match (tunnel, keeps, self.setting.modern) {
                (true, _, _) => ConnectionLine::Upgrade,
                (false, false, _) => ConnectionLine::Close,
                (false, true, true) => ConnectionLine::Absent,
                (false, true, false) => ConnectionLine::KeepAlive,
            };
            assert_eq!(*line, said);
        }
        let kept = begun.is_some_and(|begun| {
            matches!(begun.line, ConnectionLine::Absent | ConnectionLine::KeepAlive) && begun.may_go_on
        });
        let by_closing = begun
            .is_some_and(|begun| matches!(begun.framing, AnswerFraming::UntilClose | AnswerFraming::Tunnel));
        let reuse = match outcome.ended {
            Ended::Answered if kept => ClientReuse::KeepAlive,
            Ended::Answered | Ended::Refused(_) => ClientReuse::Close,
            Ended::Broken if !by_closing => ClientReuse::Close,
            Ended::Broken | Ended::ClientGone => ClientReuse::Reset,
        };
        assert_eq!(outcome.client, reuse);
    }

    /// The app's connection goes on behind one whole exchange and nothing else.
    fn check_app_reuse(
        &self,
        outcome: &Outcome,
        expected: Option<&Expected>,
        head: impl Fn(RequestBody) -> BytesMut,
    ) {
        let clean = self.connections.last().zip(expected).is_some_and(|(connection, expected)| {
            let Some(answer) = &expected.head else { return false };
            outcome.ended == Ended::Answered
                && self.setting.body.is_empty()
                && connection.got == head(self.setting.body)
                && connection.end.is_none()
                && !self.spent
                && answer.keeps_connection
                && matches!(answer.body, AnswerBody::Length(_) | AnswerBody::Chunked)
                && expected.end == End::Whole(0)
        });
        match outcome.app {
            AppReuse::Yes => assert!(clean, "a connection with a rest is used again"),
            AppReuse::No => assert!(!clean || self.trouble, "a clean connection is thrown away"),
        }
    }

    /// Counts, times and reasons.
    fn check_notes(&self, outcome: &Outcome) {
        assert_eq!(outcome.bytes_in, self.body.came as u64);
        assert_eq!(outcome.bytes_out, self.client.data.len() as u64);
        assert!(outcome.asked.is_some() || self.connections.is_empty());
        assert!(outcome.answered.is_none_or(|answered| outcome.asked.is_some_and(|asked| asked <= answered)));
        assert!(self.client.begun.is_none() || outcome.answered.is_some());
        let begun = self.client.begun.as_ref();
        let holds = self.setting.download.holds();
        let stream = self.is_tunnel() || begun.is_some_and(|begun| is_events(&begun.head) && !holds);
        assert!(outcome.stream_end.is_some() == stream || self.aborted, "{:?}", outcome.stream_end);
        assert!(outcome.stream_end != Some(StreamEnd::Draining) || self.shutting_down);
        assert!(outcome.stream_end != Some(StreamEnd::Expired) || self.setting.expires);
        assert!(outcome.stream_end != Some(StreamEnd::Revoked) || self.revoked);
    }
}

/// What a client sends: no two neighbours are alike.
pub(super) fn data(bytes: Range<usize>) -> Vec<u8> {
    bytes.map(|at| (at % 251) as u8).collect()
}

/// Whether the answer is an event stream.
fn is_events(head: &AnswerHead) -> bool {
    let delimited = matches!(head.body, AnswerBody::None | AnswerBody::Length(_));
    let kind = head.fields.iter().find(|(name, _)| *name == "content-type");
    !delimited
        && kind
            .is_some_and(|(_, value)| value.as_bytes().to_ascii_lowercase().starts_with(b"text/event-stream"))
}
