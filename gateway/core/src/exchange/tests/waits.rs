//! Every wait ends, whichever sides are silent: all combinations, with a clock that jumps to the next deadline.

use std::time::Duration;

use super::run::{DEADLINES, EVENTS, FIVE, FIVE_HEAD, Run, SWITCH, TestGate, get, post, websocket};
use crate::exchange::{ClientSocket, Event, ExchangeTerms, RequestStep};
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

/// How an exchange with these silent sides ended.
struct Waited {
    /// Seconds from its start, and from the last byte of data that any side sent or took, heads aside.
    after: f64,
    idle: f64,
    end: String,
}

/// Lets the exchange run to its end. Fails if it would wait for ever.
#[allow(clippy::too_many_lines, reason = "one script of both sides, in the order in which they act")]
fn wait_out(silence: Silence) -> Waited {
    let gate = |asks| if silence.asks == Some(asks) { TestGate::asking() } else { TestGate::open() };
    let mut run = Run::gated(silence.terms(), gate(Asks::AboutTheRequest), gate(Asks::AboutTheAnswer));
    let started = run.now;
    let mut moved = run.now;
    let (mut body, whole) = silence.body();
    let (mut answer, mut taken, mut reads) = (silence.answer(), 0, 5_u64);
    // The app's and the reader's seconds count from when they have something to do.
    let (mut answers_since, mut reads_since) = (None, None);
    for _ in 0..2000 {
        let second = |since: Duration, at: u64| since + Duration::from_secs(at);
        if let RequestStep::Connect { .. } = run.exchange.request_step() {
            run.connect(false);
        }
        // The request's direction.
        loop {
            match run.exchange.request_step() {
                RequestStep::Write => {
                    let most = match silence.taking {
                        Taking::Everything => usize::MAX,
                        Taking::Nothing => 0,
                        Taking::HalfAHead => 8_usize.saturating_sub(taken),
                        Taking::TheHead => 50_usize.saturating_sub(taken),
                    };
                    if most == 0 {
                        break;
                    }
                    taken += run.exchange.outgoing().concat().len().min(most);
                    moved = run.now;
                    run.take(most);
                }
                RequestStep::Read if body.first().is_some_and(|(at, _)| second(started, *at) <= run.now) => {
                    let (_, data) = body.remove(0);
                    moved = run.now;
                    run.data(data);
                }
                RequestStep::Read if whole && body.is_empty() && !silence.is_websocket() => {
                    run.on(Event::ClientEnd);
                }
                RequestStep::Read if silence.upload == Upload::HalfClosed => {
                    run.on(Event::ClientClosed);
                }
                RequestStep::Read => {
                    run.on(Event::ClientSilent);
                    if run.exchange.request_step() == RequestStep::Read {
                        break;
                    }
                }
                RequestStep::Watch if silence.upload == Upload::HalfClosed => {
                    run.on(Event::ClientClosed);
                }
                RequestStep::Shutdown => {
                    run.on(Event::AppTold);
                }
                RequestStep::Watch | RequestStep::Ask | RequestStep::Wait => break,
                RequestStep::Connect { .. } => panic!("a connection was lost"),
            }
        }
        // The answer's direction.
        if silence.early || run.exchange.request.is_over() {
            answers_since.get_or_insert(run.now);
        }
        loop {
            let before = run.client.len();
            let step = run.look();
            if run.client.len() > before {
                moved = run.now;
            }
            let due =
                |since: Option<Duration>, at: u64| since.is_some_and(|since| second(since, at) <= run.now);
            match step {
                "Read" if answer.first().is_some_and(|(at, _)| due(answers_since, *at)) => {
                    let (_, bytes) = answer.remove(0);
                    run.answer(bytes);
                    if run.exchange.answer.has_head() {
                        moved = run.now;
                    }
                    continue;
                }
                "Read" | "Flush" | "Wait" if run.told.is_empty() => {}
                "Read" | "Flush" | "Wait" => {
                    let since = *reads_since.get_or_insert(run.now);
                    match silence.reading {
                        Reading::Everything => {
                            let took = run.exchange.socket != ClientSocket::Empty;
                            run.socket(took, ClientSocket::Empty)
                        }
                        Reading::Drips if reads > 0 && second(since, 29 * (6 - reads)) <= run.now => {
                            reads -= 1;
                            moved = run.now;
                            run.socket(true, ClientSocket::Full)
                        }
                        Reading::Drips | Reading::Nothing => run.socket(false, ClientSocket::Full),
                    };
                }
                "Ask" => {}
                other => panic!("{other}"),
            }
            break;
        }
        let after = |since: Duration| (run.now - since).as_secs_f64();
        if run.exchange.ended().is_none() {
            // A flush may have been the last thing to wait for.
            run.exchange.answer_step(run.now);
        }
        if run.exchange.ended().is_some() {
            return Waited { after: after(started), idle: after(moved), end: run.end() };
        }
        let drips = [
            body.first().map(|(at, _)| second(started, *at)),
            answer.first().zip(answers_since).map(|((at, _), since)| second(since, *at)),
            reads_since
                .filter(|_| silence.reading == Reading::Drips && reads > 0)
                .map(|since| second(since, 29 * (6 - reads))),
        ];
        let wake = run.exchange.wake_at().unwrap_or_else(|| panic!("it waits for ever: {silence:?}"));
        let drip = drips.into_iter().flatten().filter(|at| *at > run.now).min();
        run.now = drip.map_or(wake, |drip| drip.min(wake)).max(run.now);
        if run.now >= wake {
            run.exchange.on(Event::Time, run.now);
        }
    }
    panic!("it goes on for ever: {silence:?}");
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
        (Silence { early: true, upload: Upload::Half, ..answers(A::Head) }, "60: broken"),
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
