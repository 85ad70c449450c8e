//! An exchange without sockets: a test says what happens, and reads what each side got.

use std::time::Duration;

use bytes::Bytes;

use crate::answer::AnswerHead;
use crate::denial::{Denial, UpstreamFault};
use crate::exchange::{
    AnswerStep, ClientSocket, Deadlines, Ended, Event, Exchange, ExchangeTerms, Gate, Judgement, Outcome,
    RequestStep, Verdict,
};
use crate::guard::upgrade::{Handshake, Upgrade, UpgradePolicy};
use crate::request::{RequestBody, heads};
use crate::request_out::OutgoingHead;

/// All different, so that a test sees which one has ended a wait.
pub(super) const DEADLINES: Deadlines = Deadlines {
    read: Duration::from_secs(60),
    send_idle: Duration::from_secs(30),
    body_idle: Duration::from_secs(20),
    min_rate: 100,
    stream_idle: Duration::from_secs(300),
};

/// What the app gets of a request before its body.
pub(super) const HEAD: &[u8] = b"GET / HTTP/1.1\r\n\r\n";

/// A GET of an HTTP/1.1 client, whose connection goes on.
pub(super) fn get() -> ExchangeTerms {
    ExchangeTerms {
        head_only: false,
        repeatable: true,
        body: RequestBody::None,
        handshake: None,
        modern_client: true,
        keep_alive: true,
        retries: 1,
        credential_end: None,
        deadlines: DEADLINES,
    }
}

/// A POST with this body.
pub(super) fn post(body: RequestBody) -> ExchangeTerms {
    ExchangeTerms { repeatable: false, body, ..get() }
}

/// A WebSocket handshake.
pub(super) fn websocket() -> ExchangeTerms {
    ExchangeTerms { handshake: Some(handshake()), ..get() }
}

fn handshake() -> Handshake {
    let fields = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];
    let head = heads::get(b"/ws", "app.localhost", fields.map(|(name, value)| (name, value.as_bytes())));
    match UpgradePolicy::Websocket.check(&head) {
        Ok(Upgrade::Websocket(handshake)) => handshake,
        other => panic!("{other:?}"),
    }
}

/// The 101 that completes it.
pub(super) const SWITCH: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// The start of an event stream.
pub(super) const EVENTS: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
/// An answer of five bytes, and its start.
pub(super) const FIVE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
pub(super) const FIVE_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";

/// A gate of a test.
#[derive(Clone, Debug)]
pub(super) struct TestGate {
    pub(super) holds: bool,
    /// Refuses the data that goes beyond so many bytes, but nothing later: what was refused may not pass by that.
    pub(super) most: usize,
    pub(super) judgement: Judgement,
    pub(super) seen: usize,
}

pub(super) const REFUSED: Denial = Denial::UnexpectedBody;
pub(super) const OVERFLOW: Denial = Denial::BodyTooLarge { max: 7 };
pub(super) const LATE: Denial = Denial::UpgradeRefused;
/// How long a verdict may take.
pub(super) const WITHIN: Duration = Duration::from_secs(7);

impl TestGate {
    /// Passes everything.
    pub(super) fn open() -> Self {
        let judgement = Judgement::Known(Verdict::Pass);
        Self { holds: false, most: usize::MAX, judgement, seen: 0 }
    }

    /// Holds the body back, and says this at its end.
    pub(super) fn holding(judgement: Judgement) -> Self {
        Self { holds: true, judgement, ..Self::open() }
    }

    /// Holds the body back, and asks at its end.
    pub(super) fn asking() -> Self {
        Self::holding(Judgement::Ask { within: WITHIN, late: LATE })
    }

    /// Refuses the data that goes beyond so many bytes.
    pub(super) fn refusing_beyond(most: usize) -> Self {
        Self { most, ..Self::open() }
    }
}

impl Gate for TestGate {
    fn holds(&mut self, _answer: Option<&AnswerHead>) -> bool {
        self.holds
    }

    fn pass(&mut self, data: &[u8]) -> Result<(), Denial> {
        let before = self.seen;
        self.seen += data.len();
        if before <= self.most && self.seen > self.most { Err(REFUSED) } else { Ok(()) }
    }

    fn judge(&mut self, _body: &Bytes, _now: Duration) -> Judgement {
        self.judgement.clone()
    }

    fn overflow(&self) -> Denial {
        OVERFLOW
    }
}

/// One exchange, its clock, and what each side got.
pub(super) struct Run {
    pub(super) exchange: Exchange<TestGate, TestGate>,
    pub(super) now: Duration,
    /// What the app got, over its present connection.
    pub(super) app: Vec<u8>,
    /// Data that the client got.
    pub(super) client: Vec<u8>,
    /// What the client was told besides: `interim 103`, `begin 200 Chunked Absent`, `end`.
    pub(super) told: Vec<String>,
}

impl Run {
    pub(super) fn new(terms: ExchangeTerms) -> Self {
        Self::gated(terms, TestGate::open(), TestGate::open())
    }

    pub(super) fn gated(terms: ExchangeTerms, upload: TestGate, download: TestGate) -> Self {
        let now = Duration::from_secs(1000);
        let head = OutgoingHead::of(HEAD.strip_suffix(b"\r\n").unwrap());
        let exchange = Exchange::new(head, terms, (upload, download), bytes::BytesMut::new(), now);
        Self { exchange, now, app: Vec::new(), client: Vec::new(), told: Vec::new() }
    }

    /// Something happens; then the client is given all there is.
    pub(super) fn on(&mut self, event: Event) -> &mut Self {
        self.exchange.on(event, self.now);
        self.look();
        self
    }

    /// Gives the client all there is; what has to be waited for after that.
    pub(super) fn look(&mut self) -> &'static str {
        loop {
            assert!(
                self.exchange.ended().is_none()
                    || matches!(self.exchange.answer_step(self.now), AnswerStep::Wait)
            );
            match self.exchange.answer_step(self.now) {
                AnswerStep::Interim(head) => self.told.push(format!("interim {}", head.status.as_u16())),
                AnswerStep::Begin { head, framing, connection } => {
                    self.told.push(format!("begin {} {framing:?} {connection:?}", head.status.as_u16()));
                }
                AnswerStep::Give(data) => {
                    assert!(!data.is_empty(), "nothing was given");
                    self.client.extend_from_slice(&data);
                }
                AnswerStep::End => self.told.push("end".into()),
                AnswerStep::Read => return "Read",
                AnswerStep::Flush => return "Flush",
                AnswerStep::Ask => return "Ask",
                AnswerStep::Wait => return "Wait",
            }
        }
    }

    /// A connection to the app is there.
    pub(super) fn connect(&mut self, reused: bool) -> &mut Self {
        assert!(matches!(self.exchange.request_step(), RequestStep::Connect { .. }));
        self.app.clear();
        self.on(Event::Connecting).on(Event::Connected { reused })
    }

    /// The app takes at most so many bytes.
    pub(super) fn take(&mut self, most: usize) -> &mut Self {
        let bytes = self.exchange.outgoing().concat();
        let taken = bytes.len().min(most);
        self.app.extend_from_slice(&bytes[..taken]);
        self.on(Event::AppTook(taken))
    }

    /// The app takes all there is.
    pub(super) fn take_all(&mut self) -> &mut Self {
        while self.exchange.request_step() == RequestStep::Write {
            self.take(usize::MAX);
        }
        self
    }

    /// A connection is there, and the app has the request, which has no body.
    pub(super) fn sent(&mut self) -> &mut Self {
        self.connect(false).take_all()
    }

    /// The app sends bytes.
    pub(super) fn answer(&mut self, bytes: &[u8]) -> &mut Self {
        self.exchange.incoming().extend_from_slice(bytes);
        self.on(Event::AppData)
    }

    /// The client sends data of its body.
    pub(super) fn data(&mut self, bytes: &[u8]) -> &mut Self {
        self.on(Event::ClientData(Bytes::copy_from_slice(bytes)))
    }

    /// The client's socket is in another state.
    pub(super) fn socket(&mut self, took: bool, state: ClientSocket) -> &mut Self {
        self.on(Event::ClientSocket { took, state })
    }

    /// The client takes all that it was given.
    pub(super) fn flush(&mut self) -> &mut Self {
        self.socket(true, ClientSocket::Empty)
    }

    /// Time passes.
    pub(super) fn wait(&mut self, time: Duration) -> &mut Self {
        self.now += time;
        self.on(Event::Time)
    }

    pub(super) fn wait_secs(&mut self, seconds: u64) -> &mut Self {
        self.wait(Duration::from_secs(seconds))
    }

    /// How long the present wait may last, in seconds.
    pub(super) fn due(&self) -> Option<f64> {
        self.exchange.wake_at().map(|due| due.as_secs_f64() - self.now.as_secs_f64())
    }

    /// How it has ended, in a word.
    pub(super) fn end(&self) -> String {
        self.exchange.ended().map_or("goes on".into(), end)
    }

    /// What is known at the end.
    pub(super) fn outcome(self) -> Outcome {
        self.exchange.finish().0
    }
}

/// An end in a word: `answered`, `502 upstream_unreachable reset`, `broken`, `gone`.
pub(super) fn end(ended: &Ended) -> String {
    match ended {
        Ended::Answered => "answered".into(),
        Ended::Refused(denial) => {
            let fault = denial.upstream_fault().map(UpstreamFault::label).unwrap_or_default();
            format!("{} {} {fault}", denial.status().as_u16(), denial.code()).trim_end().into()
        }
        Ended::Broken => "broken".into(),
        Ended::ClientGone => "gone".into(),
    }
}
