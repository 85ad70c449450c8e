//! Every wait ends, whichever sides are silent: all combinations, with a clock that jumps to the next deadline.

use std::time::Duration;

use bytes::Bytes;

use super::run::{DEADLINES, EVENTS, FIVE, FIVE_HEAD, Run, SWITCH, TestGate, get, post, websocket};
use crate::exchange::{ClientSocket, Deadlines, Event, ExchangeTerms, RequestStep};
use crate::request::RequestBody;

/// What the client sends of its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upload {
    NoBody,
    Whole,
    Nothing,
    Half,
    /// A byte every 19 seconds.
    Drips,
    /// Nothing, after it has closed its side behind its request.
    HalfClosed,
}

/// What the client takes of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Everything,
    Nothing,
    /// It takes something every 29 seconds, five times.
    Drips,
}

/// What the app takes of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taking {
    Everything,
    Nothing,
    HalfAHead,
    /// All but the body.
    TheHead,
}

/// What the app answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answering {
    Nothing,
    HalfAHead,
    /// A byte of its head every second.
    DripsItsHead,
    /// A 102 every second.
    Interims,
    Head,
    HalfABody,
    /// A byte of its body every 59 seconds, three times.
    DripsItsBody,
    HalfAChunk,
    UntilClose,
    Events,
    HalfAFrame,
    Frames,
    Whole,
}

#[derive(Clone, Copy, Debug)]
struct Silence {
    upload: Upload,
    reading: Reading,
    taking: Taking,
    answering: Answering,
    /// The app answers before it has the request.
    early: bool,
    /// Which gate asks for a verdict that never comes.
    asks: Option<Asks>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asks {
    AboutTheRequest,
    AboutTheAnswer,
}

impl Silence {
    const NONE: Self = Self {
        upload: Upload::NoBody,
        reading: Reading::Everything,
        taking: Taking::Everything,
        answering: Answering::Whole,
        early: false,
        asks: None,
    };

    fn is_websocket(self) -> bool {
        matches!(self.answering, Answering::HalfAFrame | Answering::Frames)
    }

    fn terms(self) -> ExchangeTerms {
        match self.upload {
            Upload::NoBody | Upload::HalfClosed if self.is_websocket() => websocket(),
            Upload::NoBody | Upload::HalfClosed => get(),
            Upload::Whole | Upload::Nothing | Upload::Half | Upload::Drips => post(RequestBody::Known(10)),
        }
    }

    /// Data of the body, with the second at which each part comes; and whether it becomes whole.
    fn body(self) -> (Vec<(u64, &'static [u8])>, bool) {
        match self.upload {
            Upload::NoBody | Upload::HalfClosed | Upload::Nothing => (vec![], false),
            Upload::Whole => (vec![(0, b"0123456789")], true),
            Upload::Half => (vec![(0, b"01234")], false),
            Upload::Drips => ((0..10).map(|part| (19 * part, &b"x"[..])).collect(), true),
        }
    }

    /// The same of the app's bytes.
    fn answer(self) -> Vec<(u64, &'static [u8])> {
        const INTERIM: &[u8] = b"HTTP/1.1 102 Processing\r\n\r\n";
        const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe";
        let whole = |bytes: &'static [u8]| vec![(0, bytes)];
        match self.answering {
            Answering::Nothing => vec![],
            Answering::HalfAHead => whole(b"HTTP/1.1 200 OK\r\nContent-"),
            Answering::DripsItsHead => {
                let bytes: &[u8] = b"HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
                bytes.chunks(1).enumerate().map(|(at, byte)| (at as u64, byte)).collect()
            }
            Answering::Interims => (0..200).map(|at| (at, INTERIM)).collect(),
            Answering::Head => whole(FIVE_HEAD),
            Answering::HalfABody => whole(&FIVE[..FIVE.len() - 3]),
            Answering::DripsItsBody => {
                vec![(0, FIVE_HEAD), (59, b"h"), (118, b"e"), (177, b"l")]
            }
            Answering::HalfAChunk => whole(CHUNKED),
            Answering::UntilClose => whole(b"HTTP/1.1 200 OK\r\n\r\nhello"),
            Answering::Events => whole(EVENTS),
            Answering::HalfAFrame => vec![(0, SWITCH), (0, b"\x81\x05he")],
            Answering::Frames => vec![(0, SWITCH), (0, b"\x81\x02he")],
            Answering::Whole => whole(FIVE),
        }
    }
}

/// How an exchange with silent sides ended.
struct Waited {
    /// Seconds from its start, and from the last byte of data that any side sent or took, heads aside.
    after: f64,
    idle: f64,
    end: String,
}

/// An exchange whose sides are silent.
struct Waiting {
    silence: Silence,
    run: Run,
    started: Duration,
    /// When a byte of data last went anywhere.
    moved: Duration,
    body: Vec<(u64, &'static [u8])>,
    whole: bool,
    answer: Vec<(u64, &'static [u8])>,
    /// Bytes that the app took.
    taken: usize,
    /// From when the seconds of the app count.
    answers_since: Option<Duration>,
    /// The same of a client that drips, and how often it still takes something.
    reads_since: Option<Duration>,
    reads: u64,
}

/// Lets an exchange run to its end. Fails if it would wait for ever.
fn wait_out(silence: Silence) -> Waited {
    let gate = |asks| if silence.asks == Some(asks) { TestGate::asking() } else { TestGate::open() };
    let run = Run::gated(silence.terms(), gate(Asks::AboutTheRequest), gate(Asks::AboutTheAnswer));
    let (body, whole) = silence.body();
    let mut waiting = Waiting {
        silence,
        started: run.now,
        moved: run.now,
        run,
        body,
        whole,
        answer: silence.answer(),
        taken: 0,
        answers_since: None,
        reads_since: None,
        reads: 5,
    };
    for _ in 0..2000 {
        if let RequestStep::Connect { .. } = waiting.run.exchange.request_step() {
            waiting.run.connect(false);
        }
        waiting.forward_request();
        waiting.forward_answer();
        let run = &mut waiting.run;
        // A flush may have been the last thing to wait for.
        run.look();
        if run.exchange.ended().is_some() {
            let after = |since: Duration| (run.now - since).as_secs_f64();
            return Waited { after: after(waiting.started), idle: after(waiting.moved), end: run.end() };
        }
        waiting.step();
    }
    panic!("it goes on for ever: {silence:?}");
}

impl Waiting {
    fn forward_request(&mut self) {
        loop {
            let event = match self.run.exchange.request_step() {
                RequestStep::Write => {
                    let most = match self.silence.taking {
                        Taking::Everything => usize::MAX,
                        Taking::Nothing => 0,
                        Taking::HalfAHead => 8_usize.saturating_sub(self.taken),
                        Taking::TheHead => 50_usize.saturating_sub(self.taken),
                    };
                    if most == 0 {
                        return;
                    }
                    self.taken += self.run.exchange.outgoing().concat().len().min(most);
                    self.moved = self.run.now;
                    self.run.take(most);
                    continue;
                }
                RequestStep::Read => match self.body.first() {
                    Some((at, data)) if self.is_due(Some(self.started), *at) => {
                        let data = Bytes::from_static(data);
                        self.body.remove(0);
                        self.moved = self.run.now;
                        Event::ClientData(data)
                    }
                    None if self.whole => Event::ClientEnd,
                    None if self.silence.upload == Upload::HalfClosed => Event::ClientClosed,
                    Some(_) | None => {
                        self.run.on(Event::ClientSilent);
                        if self.run.exchange.request_step() == RequestStep::Read {
                            return;
                        }
                        continue;
                    }
                },
                RequestStep::Watch if self.silence.upload == Upload::HalfClosed => Event::ClientClosed,
                RequestStep::Shutdown => Event::AppTold,
                RequestStep::Watch | RequestStep::Ask | RequestStep::Wait => return,
                RequestStep::Connect { .. } => panic!("a connection was lost"),
            };
            self.run.on(event);
        }
    }

    fn forward_answer(&mut self) {
        if self.silence.early || self.run.exchange.request.is_over() {
            self.answers_since.get_or_insert(self.run.now);
        }
        while self.run.look() == "Read"
            && let Some((at, bytes)) = self.answer.first().copied()
            && self.is_due(self.answers_since, at)
        {
            self.answer.remove(0);
            self.run.answer(bytes);
            if self.run.exchange.answer.has_head() {
                self.moved = self.run.now;
            }
        }
        if self.run.told.is_empty() {
            return;
        }
        let since = *self.reads_since.get_or_insert(self.run.now);
        match self.silence.reading {
            Reading::Everything => {
                let took = self.run.exchange.socket != ClientSocket::Empty;
                self.run.socket(took, ClientSocket::Empty);
            }
            Reading::Drips if self.reads > 0 && self.is_due(Some(since), 29 * (6 - self.reads)) => {
                self.reads -= 1;
                self.moved = self.run.now;
                self.run.socket(true, ClientSocket::Full);
            }
            Reading::Drips | Reading::Nothing => {
                self.run.socket(false, ClientSocket::Full);
            }
        }
    }

    fn is_due(&self, since: Option<Duration>, at: u64) -> bool {
        since.is_some_and(|since| since + Duration::from_secs(at) <= self.run.now)
    }

    /// Goes on to the next deadline, or to the next thing that happens before it.
    fn step(&mut self) {
        let wake = self.run.exchange.wake_at();
        let wake = wake.unwrap_or_else(|| panic!("it waits for ever: {:?}", self.silence));
        let drips = self.silence.reading == Reading::Drips && self.reads > 0;
        let next = [
            self.body.first().map(|(at, _)| (self.started, *at)),
            self.answers_since.zip(self.answer.first()).map(|(since, (at, _))| (since, *at)),
            self.reads_since.filter(|_| drips).map(|since| (since, 29 * (6 - self.reads))),
        ];
        let next = next.into_iter().flatten().map(|(since, at)| since + Duration::from_secs(at));
        let next = next.filter(|at| *at > self.run.now).min();
        self.run.now = next.map_or(wake, |next| next.min(wake)).max(self.run.now);
        if self.run.now >= wake {
            self.run.exchange.on(Event::Time, self.run.now);
        }
    }
}

#[test]
fn no_combination_of_silent_sides_outlives_its_deadline() {
    let uploads =
        [Upload::NoBody, Upload::Whole, Upload::Nothing, Upload::Half, Upload::Drips, Upload::HalfClosed];
    let readings = [Reading::Everything, Reading::Nothing, Reading::Drips];
    let takings = [Taking::Everything, Taking::Nothing, Taking::HalfAHead, Taking::TheHead];
    let answers = [
        Answering::Nothing,
        Answering::HalfAHead,
        Answering::DripsItsHead,
        Answering::Interims,
        Answering::Head,
        Answering::HalfABody,
        Answering::DripsItsBody,
        Answering::HalfAChunk,
        Answering::UntilClose,
        Answering::Events,
        Answering::HalfAFrame,
        Answering::Frames,
        Answering::Whole,
    ];
    let mut tried = 0;
    for upload in uploads {
        for reading in readings {
            for taking in takings {
                for answering in answers {
                    for early in [false, true] {
                        for asks in [None, Some(Asks::AboutTheRequest), Some(Asks::AboutTheAnswer)] {
                            let silence = Silence { upload, reading, taking, answering, early, asks };
                            let Waited { idle, end, .. } = wait_out(silence);
                            let stream = silence.is_websocket() || answering == Answering::Events;
                            let most = match stream && !end.starts_with(|first: char| first.is_ascii_digit())
                            {
                                true => DEADLINES.stream_idle,
                                // The client sends no more of its body, and then the app no more of its answer.
                                false => DEADLINES.body_idle + DEADLINES.read,
                            };
                            assert!(idle <= most.as_secs_f64(), "{idle} s, {end}: {silence:?}");
                            tried += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(tried, 6 * 3 * 4 * 13 * 2 * 3);
}

/// The client may take longer between two parts of its body than the app between two parts of its answer.
#[test]
fn an_app_that_began_its_answer_early_is_not_waited_for_while_the_client_sends() {
    let deadlines = Deadlines { body_idle: 5 * DEADLINES.read, ..DEADLINES };
    let mut run = Run::new(ExchangeTerms { deadlines, ..post(RequestBody::Unknown) });
    run.connect(false).data(&[b'x'; 100_000]).take_all().answer(FIVE_HEAD).flush().on(Event::ClientSilent);
    assert_eq!(run.due(), Some(300.0));
    assert_eq!(run.wait_secs(299).end(), "goes on");
    run.data(&[b'x'; 100_000]).take_all().on(Event::ClientEnd).take_all();
    // Now it has all of the request.
    assert_eq!((run.due(), run.wait_secs(59).end().as_str()), (Some(60.0), "goes on"));
    assert_eq!(run.wait_secs(1).flush().end(), "broken");
}

/// A 100 (Continue) goes to the client past the exchange.
#[test]
fn what_the_client_was_told_besides_starts_no_wait_for_it() {
    let mut run = Run::gated(post(RequestBody::Unknown), TestGate::asking(), TestGate::open());
    run.on(Event::ClientSilent).socket(true, ClientSocket::Open);
    for _ in 0..10 {
        assert_eq!(run.wait_secs(10).data(&[b'x'; 2000]).on(Event::ClientSilent).end(), "goes on");
    }
}

#[test]
fn each_wait_ends_by_the_deadline_of_the_side_that_is_waited_for() {
    use Answering as A;
    let none = Silence::NONE;
    let answers = |answering| Silence { answering, ..none };
    let takes = |taking| Silence { taking, answering: A::Nothing, ..none };
    let sends = |upload| Silence { upload, answering: A::Nothing, ..none };
    let reads = |answering| Silence { answering, reading: Reading::Nothing, ..none };
    for (silence, expected) in [
        (none, "0: answered"),
        // The client sends no body, or too slowly.
        (sends(Upload::Nothing), "20: 408 body_timeout"),
        (sends(Upload::Half), "20: 408 body_timeout"),
        (sends(Upload::Drips), "20: 408 body_timeout"),
        // The app takes nothing.
        (takes(Taking::Nothing), "60: 504 upstream_timeout timeout"),
        (takes(Taking::HalfAHead), "60: 504 upstream_timeout timeout"),
        (Silence { upload: Upload::Whole, ..takes(Taking::TheHead) }, "60: 504 upstream_timeout timeout"),
        // The app answers nothing, or no whole head: its bytes give it no more time.
        (answers(A::Nothing), "60: 504 upstream_timeout timeout"),
        (answers(A::HalfAHead), "60: 504 upstream_timeout timeout"),
        (answers(A::DripsItsHead), "60: 504 upstream_timeout timeout"),
        (answers(A::Interims), "60: 504 upstream_timeout timeout"),
        (Silence { reading: Reading::Drips, ..answers(A::Interims) }, "60: 504 upstream_timeout timeout"),
        (Silence { reading: Reading::Nothing, ..answers(A::Interims) }, "30: gone"),
        // It goes silent in its body.
        (answers(A::Head), "60: broken"),
        (answers(A::HalfABody), "60: broken"),
        (answers(A::HalfAChunk), "60: broken"),
        (answers(A::UntilClose), "60: broken"),
        (answers(A::DripsItsBody), "237: broken"),
        // Silence is normal in a stream; at its end a WebSocket still gets a close frame, unless a frame is half out.
        (answers(A::Events), "300: broken"),
        (answers(A::Frames), "300: answered"),
        (answers(A::HalfAFrame), "300: broken"),
        (Silence { upload: Upload::HalfClosed, ..answers(A::Events) }, "0: gone"),
        (Silence { upload: Upload::HalfClosed, ..answers(A::Frames) }, "60: answered"),
        (Silence { upload: Upload::HalfClosed, ..answers(A::Head) }, "60: broken"),
        (Silence { upload: Upload::HalfClosed, ..none }, "0: answered"),
        // The client takes nothing.
        (reads(A::Whole), "30: gone"),
        (reads(A::Head), "30: gone"),
        (reads(A::Events), "30: gone"),
        (reads(A::Frames), "30: gone"),
        (Silence { reading: Reading::Drips, ..none }, "175: gone"),
        // An early answer goes on without the rest of the request.
        (Silence { early: true, upload: Upload::Nothing, ..none }, "0: answered"),
        // First the client is waited for, and then the app.
        (Silence { early: true, upload: Upload::Half, ..answers(A::Head) }, "80: broken"),
        (Silence { early: true, taking: Taking::Nothing, ..none }, "0: answered"),
        (Silence { early: true, taking: Taking::Nothing, ..answers(A::Head) }, "60: broken"),
        // A verdict that never comes.
        (Silence { asks: Some(Asks::AboutTheAnswer), ..none }, "7: 403 upgrade_refused"),
        (
            Silence { asks: Some(Asks::AboutTheRequest), upload: Upload::Whole, ..none },
            "7: 403 upgrade_refused",
        ),
        (
            Silence { asks: Some(Asks::AboutTheAnswer), ..answers(A::Head) },
            "60: 504 upstream_timeout timeout",
        ),
    ] {
        let Waited { after, end, .. } = wait_out(silence);
        assert_eq!(format!("{after}: {end}"), expected, "{silence:?}");
    }
}
