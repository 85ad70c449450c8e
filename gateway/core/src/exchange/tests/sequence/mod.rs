//! Sequences of events, with a clock that is stepped: how one runs, and what has to hold of every one.
//!
//! The events are those that a caller can tell: it does what [`Exchange::request_step`] and [`Exchange::answer_step`] ask for,
//! slowly, half, or never. In an unruly sequence they come at any time. At the end both sides are silent, or do what is still
//! to be done; either way the exchange has to end.
//!
//! The fuzz target `exchange` is made of this file too: it uses public names only.

mod expected;
mod gate;
mod script;
mod sides;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use stagedoor_core::denial::{Denial, UpstreamFault};
use stagedoor_core::exchange::{
    AnswerStep, ClientSocket, Direction, Ended, Event, Exchange, ExchangeTerms, RequestStep,
};
use stagedoor_core::guard::upgrade::{Handshake, Upgrade, UpgradePolicy};
use stagedoor_core::head::{self, HeadLimits, Parsed};
use stagedoor_core::request::{RequestBody, Scheme};
use stagedoor_core::request_out::OutgoingHead;

use self::gate::{SequenceGate, verdict};
use self::script::{AppDoes, DEADLINES, EXPIRES, FIVE, Happening, Said, Setting, WITHIN};
use self::sides::{Connection, ConnectionEnd, Sides};

/// The longest of all waits.
const LONGEST: Duration = DEADLINES.stream_idle;

/// Runs a sequence and checks it; how it ended, in a word. `head` makes the head of the request.
pub(super) fn run(text: &[u8], head: impl Fn() -> OutgoingHead) -> &'static str {
    let (setting, happenings) = script::read(text);
    let mut sequence = Sequence::new(setting, head());
    for happening in happenings {
        if sequence.is_over() {
            break;
        }
        sequence.happens(happening);
    }
    sequence.finish();
    sequence.check_stays_as_it_is();
    let (outcome, _) = sequence.exchange.finish();
    sequence.sides.check(&outcome, |body| head().finish(body));
    match outcome.ended {
        Ended::Answered => "answered",
        Ended::Refused(_) => "refused",
        Ended::Broken => "broken",
        Ended::ClientGone => "gone",
    }
}

/// One exchange, both sides, and the clock.
struct Sequence {
    setting: Setting,
    exchange: Exchange<SequenceGate, SequenceGate>,
    sides: Sides,
    now: Duration,
    /// What the answer's direction waits for.
    looked: Looked,
    /// When a verdict about the answer was asked for.
    asked: Option<Duration>,
    /// The app is to get no more of the request.
    stopped: bool,
    /// The next event is not followed by a look at the answer.
    not_looking: bool,
}

/// The last step of the answer's direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looked {
    Read,
    Flush,
    Ask,
    Wait,
}

impl Sequence {
    fn new(setting: Setting, head: OutgoingHead) -> Self {
        let now = Duration::from_secs(1000);
        let handshake = setting.websocket.then(handshake);
        let terms = ExchangeTerms {
            head_only: setting.head_only,
            repeatable: setting.repeatable && setting.body.is_empty(),
            body: setting.body,
            handshake: handshake.clone(),
            modern_client: setting.modern,
            keep_alive: setting.keep_alive,
            retries: setting.retries,
            credential_end: setting.expires.then(|| now + EXPIRES),
            deadlines: DEADLINES,
        };
        let gate = |kind| SequenceGate { kind, replaces: setting.replaces, seen: 0 };
        let gates = (gate(setting.upload), gate(setting.download));
        let exchange = Exchange::new(head, terms, gates, BytesMut::new(), now);
        let sides = Sides::new(setting.clone(), handshake);
        let mut sequence = Self {
            setting,
            exchange,
            sides,
            now,
            looked: Looked::Wait,
            asked: None,
            stopped: false,
            not_looking: false,
        };
        sequence.look();
        sequence
    }

    fn is_over(&self) -> bool {
        self.exchange.ended().is_some()
    }

    fn on(&mut self, event: Event) {
        self.exchange.on(event, self.now);
        if let RequestStep::Connect { fresh, tries, .. } = self.exchange.request_step() {
            self.sides.check_connect(fresh, tries);
            self.stopped = false;
        } else if self.stopped && !self.is_over() {
            assert_eq!(self.exchange.request_step(), RequestStep::Wait, "the request goes on after a gap");
        } else if self.exchange.request_step() == RequestStep::Write {
            assert!(!self.exchange.outgoing().concat().is_empty(), "nothing is to be written");
        }
        let waits = self.exchange.request_step() == RequestStep::Wait;
        assert!(waits || !self.sides.body.cut, "a body that was cut goes on");
        self.stopped |= waits && !self.sides.body.done;
    }

    /// Something happens, if this is the time for it.
    fn happens(&mut self, happening: Happening) {
        let looks = !std::mem::replace(&mut self.not_looking, false);
        let step = self.exchange.request_step();
        let reads = step == RequestStep::Read;
        let unruly = self.setting.unruly;
        match happening {
            Happening::Connected { .. }
            | Happening::NotConnected
            | Happening::AppTakes(_)
            | Happening::AppStops => {
                self.app_takes(&happening, step);
            }
            Happening::Data(bytes) if reads || unruly => {
                let data = sides::data(self.sides.body.came..self.sides.body.came + bytes);
                self.sides.client_sent(bytes, reads);
                self.on(Event::ClientData(data.into()));
            }
            Happening::BodyEnds if (reads && !self.sides.is_tunnel()) || unruly => {
                self.sides.client_ended(reads, self.now);
                self.on(Event::ClientEnd);
            }
            Happening::BodyMalformed if (reads && !self.sides.is_tunnel()) || unruly => {
                self.sides.cut();
                self.on(Event::ClientMalformed("a wrong chunk"));
            }
            Happening::ClientSilent if reads || unruly => self.on(Event::ClientSilent),
            Happening::ClientCloses if reads || step == RequestStep::Watch || unruly => {
                if !self.sides.is_tunnel() {
                    self.sides.cut();
                }
                self.on(Event::ClientClosed);
            }
            Happening::ClientGoes => {
                self.sides.trouble = true;
                self.on(Event::ClientGone);
            }
            Happening::Socket(state) if self.sides.client.owed || unruly => {
                let took = state != ClientSocket::Full;
                self.sides.client.full = !took;
                self.sides.client.owed &= state != ClientSocket::Empty;
                self.sides.client.took_head |= took && self.sides.client.begun.is_some();
                self.on(Event::ClientSocket { took, state });
            }
            Happening::App(does) => self.app_answers(does),
            Happening::Verdict(said) => self.verdict(said, step),
            Happening::Spend if self.sides.client.begun.is_some() => {
                self.sides.spent = true;
                self.exchange.spend_app_connection();
            }
            Happening::Revoked => {
                self.sides.trouble = true;
                self.sides.revoked = true;
                self.on(Event::CredentialRevoked);
            }
            Happening::Draining | Happening::Closing => {
                self.sides.trouble = true;
                self.sides.shutting_down = true;
                let draining = matches!(happening, Happening::Draining);
                self.on(if draining { Event::Draining } else { Event::Closing });
            }
            Happening::Abort => {
                self.sides.trouble = true;
                self.sides.aborted = true;
                let untold = !self.sides.client.took_head;
                self.exchange.abort(Denial::Internal("a fault"), untold);
            }
            Happening::Passes(time) => self.passes(time, true),
            Happening::PassesUntold(time) => self.passes(time, false),
            Happening::Due => self.due(),
            Happening::NotLooking => self.not_looking = true,
            Happening::Data(_)
            | Happening::BodyEnds
            | Happening::BodyMalformed
            | Happening::ClientSilent
            | Happening::ClientCloses
            | Happening::Socket(_)
            | Happening::Spend => {}
        }
        if looks && !self.not_looking {
            self.look();
        }
    }

    /// The app's side of the request.
    fn app_takes(&mut self, happening: &Happening, step: RequestStep) {
        match (happening, step) {
            (Happening::Connected { reused }, RequestStep::Connect { fresh, .. }) => {
                let reused = *reused && (!fresh || self.setting.unruly);
                self.on(Event::Connecting);
                self.sides.connections.push(Connection { reused, ..Connection::default() });
                self.sides.spent = false;
                self.on(Event::Connected { reused });
            }
            (Happening::NotConnected, RequestStep::Connect { .. }) => {
                self.sides.trouble = true;
                self.on(Event::Connecting);
                self.on(Event::NotConnected(UpstreamFault::Timeout));
            }
            (Happening::AppTakes(most), RequestStep::Write) => {
                let mut bytes = self.exchange.outgoing().concat();
                bytes.truncate(*most);
                let taken = bytes.len();
                if let Some(connection) = self.sides.connections.last_mut() {
                    connection.got.extend(bytes);
                }
                self.on(Event::AppTook(taken));
            }
            (Happening::AppTakes(_), RequestStep::Shutdown) => self.on(Event::AppTold),
            (Happening::AppStops, RequestStep::Write) => {
                self.sides.trouble = true;
                self.sides.spent = true;
                self.on(Event::AppStopped { reset: false });
            }
            (Happening::Connected { reused }, _) if self.setting.unruly => {
                self.on(Event::Connected { reused: *reused });
            }
            (Happening::NotConnected, _) if self.setting.unruly => {
                self.on(Event::NotConnected(UpstreamFault::Refused));
            }
            _ => {}
        }
    }

    /// The app's side of the answer.
    fn app_answers(&mut self, does: AppDoes) {
        self.look();
        let Some(connection) = self.sides.connections.last_mut() else { return };
        let connects = matches!(self.exchange.request_step(), RequestStep::Connect { .. });
        let reads = self.looked == Looked::Read || self.setting.unruly;
        if connects || !reads || connection.end.is_some() || self.exchange.ended().is_some() {
            return;
        }
        match does {
            AppDoes::Send(bytes) => {
                if bytes.is_empty() {
                    return;
                }
                connection.sent.extend_from_slice(&bytes);
                self.exchange.incoming().extend_from_slice(&bytes);
                self.on(Event::AppData);
            }
            AppDoes::Close => {
                connection.end = Some(ConnectionEnd::Closed);
                self.on(Event::AppClosed);
            }
            AppDoes::Break => {
                connection.end = Some(ConnectionEnd::Broken);
                self.on(Event::AppBroken(UpstreamFault::Reset));
            }
        }
    }

    fn verdict(&mut self, said: Said, step: RequestStep) {
        self.look();
        if step == RequestStep::Ask {
            assert_eq!(self.exchange.held(Direction::Request), self.sides.held());
            let in_time = self.sides.verdict(said, self.now);
            self.sides.trouble |= said == Said::Refuse;
            self.on(Event::Verdict(Direction::Request, verdict(said)));
            let refused = matches!(self.exchange.ended(), Some(Ended::Refused(_)));
            assert_eq!(refused, !in_time || said == Said::Refuse);
        } else if let (Looked::Ask, Some(asked)) = (self.looked, self.asked) {
            let in_time = self.now < asked + WITHIN;
            self.sides.trouble |= said == Said::Refuse;
            self.on(Event::Verdict(Direction::Answer, verdict(said)));
            assert_eq!(self.is_over(), !in_time || said == Said::Refuse);
        } else if self.setting.unruly {
            self.on(Event::Verdict(Direction::Request, verdict(said)));
            self.on(Event::Verdict(Direction::Answer, verdict(said)));
        }
    }

    /// Gives the client all there is.
    fn look(&mut self) {
        let sent = self.sides.connections.last().map_or(0, |connection| connection.sent.len());
        for _ in 0..sent + 16 {
            let (over, given) = (self.is_over(), self.exchange.given());
            let step = self.exchange.answer_step(self.now);
            assert!(!over || matches!(step, AnswerStep::Wait), "a step behind the end");
            self.looked = match step {
                AnswerStep::Interim(head) => {
                    self.sides.interim(head);
                    continue;
                }
                AnswerStep::Begin { head, framing, connection } => {
                    self.sides.begin(head, framing, connection);
                    continue;
                }
                AnswerStep::Give(data) => {
                    let counted = self.exchange.given() - given;
                    assert!(counted == 0 || counted == data.len() as u64, "another count");
                    self.sides.give(&data, counted > 0);
                    continue;
                }
                AnswerStep::End => {
                    self.sides.end();
                    continue;
                }
                AnswerStep::Read => Looked::Read,
                AnswerStep::Flush => Looked::Flush,
                AnswerStep::Wait => Looked::Wait,
                AnswerStep::Ask => {
                    self.asked.get_or_insert(self.now);
                    Looked::Ask
                }
            };
            return;
        }
        panic!("there is no end of steps");
    }

    /// Both sides are silent: whatever is waited for has a deadline.
    fn rest(&mut self) {
        self.look();
        if self.exchange.request_step() == RequestStep::Read {
            self.on(Event::ClientSilent);
        }
        self.look();
        let connects = matches!(self.exchange.request_step(), RequestStep::Connect { .. });
        if !self.is_over() && !connects {
            let Some(due) = self.exchange.wake_at() else { panic!("a wait without an end") };
            assert!(due <= self.now + LONGEST, "a wait that is too long");
        }
    }

    fn passes(&mut self, time: Duration, told: bool) {
        self.rest();
        self.now += time;
        self.sides.trouble |= self.exchange.wake_at().is_some_and(|due| due <= self.now);
        if told {
            self.tell_time();
        }
    }

    fn due(&mut self) {
        self.rest();
        let Some(due) = self.exchange.wake_at() else { return };
        self.now = self.now.max(due);
        self.sides.trouble = true;
        self.tell_time();
    }

    fn tell_time(&mut self) {
        self.on(Event::Time);
        assert!(self.exchange.wake_at().is_none_or(|due| due > self.now), "a deadline that has passed");
    }

    /// Runs the exchange to its end.
    fn finish(&mut self) {
        let silent_since = self.now;
        for _ in 0..100 {
            self.look();
            if self.is_over() {
                let silence = self.now - silent_since;
                assert!(self.setting.goes_on || silence <= 2 * LONGEST, "{silence:?} of silence");
                return;
            }
            if self.setting.goes_on {
                self.go_on();
            } else if let RequestStep::Connect { .. } = self.exchange.request_step() {
                self.happens(Happening::NotConnected);
            } else {
                self.due();
            }
        }
        panic!("the exchange does not end");
    }

    /// Both sides do the next thing that is to be done.
    fn go_on(&mut self) {
        match self.exchange.request_step() {
            RequestStep::Connect { .. } => return self.happens(Happening::Connected { reused: false }),
            RequestStep::Write | RequestStep::Shutdown => {
                return self.happens(Happening::AppTakes(usize::MAX));
            }
            RequestStep::Ask => return self.happens(Happening::Verdict(Said::Pass)),
            RequestStep::Read if self.sides.is_tunnel() => return self.happens(Happening::ClientCloses),
            RequestStep::Read => {
                let left = match self.setting.body {
                    RequestBody::Known(length) => (length as usize).saturating_sub(self.sides.body.came),
                    RequestBody::None | RequestBody::Unknown => 0,
                };
                return self.happens(if left > 0 { Happening::Data(left) } else { Happening::BodyEnds });
            }
            RequestStep::Watch | RequestStep::Wait => {}
        }
        match self.looked {
            Looked::Ask => self.happens(Happening::Verdict(Said::Pass)),
            Looked::Flush | Looked::Wait if self.sides.client.owed => {
                self.happens(Happening::Socket(ClientSocket::Empty));
            }
            Looked::Read => {
                let silent =
                    self.sides.connections.last().is_some_and(|connection| connection.sent.is_empty());
                let sends = AppDoes::Send(Bytes::from_static(FIVE));
                self.happens(Happening::App(if silent { sends } else { AppDoes::Close }));
            }
            Looked::Flush | Looked::Wait => self.due(),
        }
    }

    /// An exchange that has ended heeds nothing.
    fn check_stays_as_it_is(&mut self) {
        assert_eq!((self.exchange.request_step(), self.exchange.wake_at()), (RequestStep::Wait, None));
        let small = self.exchange.incoming().len() < 4096 && self.sides.body.came < 4096;
        let state = |exchange: &Exchange<_, _>| if small { format!("{exchange:?}") } else { String::new() };
        let before = state(&self.exchange);
        self.now += Duration::from_secs(1);
        for event in [
            Event::Connecting,
            Event::Connected { reused: true },
            Event::NotConnected(UpstreamFault::Refused),
            Event::ClientData(Bytes::from_static(b"data")),
            Event::ClientSilent,
            Event::ClientEnd,
            Event::ClientMalformed("a wrong chunk"),
            Event::ClientClosed,
            Event::ClientGone,
            Event::ClientSocket { took: true, state: ClientSocket::Open },
            Event::AppTook(1),
            Event::AppStopped { reset: false },
            Event::AppTold,
            Event::AppData,
            Event::AppClosed,
            Event::AppBroken(UpstreamFault::Reset),
            Event::Verdict(Direction::Request, verdict(Said::Pass)),
            Event::Verdict(Direction::Answer, verdict(Said::Pass)),
            Event::CredentialRevoked,
            Event::Draining,
            Event::Closing,
            Event::Time,
        ] {
            self.exchange.on(event, self.now);
        }
        self.exchange.abort(Denial::Draining, true);
        self.look();
        assert_eq!(state(&self.exchange), before, "an exchange that has ended changes");
    }
}

/// The handshake to which the 101 of the script is the answer.
fn handshake() -> Handshake {
    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let limits = HeadLimits { bytes: 1024, count: 16, uri: 64 };
    let Ok(Parsed::Complete(head, _)) = head::parse(HEAD, &limits, Scheme::Http) else { panic!("no head") };
    match UpgradePolicy::Websocket.check(&head) {
        Ok(Upgrade::Websocket(handshake)) => handshake,
        other => panic!("{other:?}"),
    }
}
