//! What each event means in each phase: every pair has a cell.

use super::run::{EVENTS, FIVE_HEAD, Run, SWITCH, TestGate, end, get, post, websocket};
use crate::denial::UpstreamFault;
use crate::exchange::answer_side::AnswerState;
use crate::exchange::request_side::RequestState;
use crate::exchange::{AnswerStep, ClientSocket, Direction, Event, Verdict};
use crate::request::RequestBody;

/// The event after this one. All events are one chain, so that a new one has to be put into it, and into the tables.
fn after(event: Option<&Event>) -> Option<Event> {
    let fault = UpstreamFault::Reset;
    Some(match event {
        None => Event::Connecting,
        Some(Event::Connecting) => Event::Connected { reused: false },
        Some(Event::Connected { .. }) => Event::NotConnected(UpstreamFault::Refused),
        Some(Event::NotConnected(_)) => Event::ClientData("abc".into()),
        Some(Event::ClientData(_)) => Event::ClientSilent,
        Some(Event::ClientSilent) => Event::ClientEnd,
        Some(Event::ClientEnd) => Event::ClientMalformed("a chunk without a size"),
        Some(Event::ClientMalformed(_)) => Event::ClientClosed,
        Some(Event::ClientClosed) => Event::ClientGone,
        Some(Event::ClientGone) => Event::ClientSocket { took: true, state: ClientSocket::Empty },
        Some(Event::ClientSocket { state: ClientSocket::Empty, .. }) => {
            Event::ClientSocket { took: true, state: ClientSocket::Open }
        }
        Some(Event::ClientSocket { state: ClientSocket::Open, .. }) => {
            Event::ClientSocket { took: false, state: ClientSocket::Full }
        }
        Some(Event::ClientSocket { state: ClientSocket::Full, .. }) => Event::AppTook(usize::MAX),
        Some(Event::AppTook(_)) => Event::AppStopped { reset: false },
        Some(Event::AppStopped { reset: false }) => Event::AppStopped { reset: true },
        Some(Event::AppStopped { reset: true }) => Event::AppTold,
        Some(Event::AppTold) => Event::AppData,
        Some(Event::AppData) => Event::AppClosed,
        Some(Event::AppClosed) => Event::AppBroken(fault),
        Some(Event::AppBroken(_)) => Event::Verdict(Direction::Request, Verdict::Pass),
        Some(Event::Verdict(Direction::Request, _)) => Event::Verdict(Direction::Answer, Verdict::Pass),
        Some(Event::Verdict(Direction::Answer, _)) => Event::CredentialRevoked,
        Some(Event::CredentialRevoked) => Event::Draining,
        Some(Event::Draining) => Event::Closing,
        Some(Event::Closing) => Event::Time,
        Some(Event::Time) => return None,
    })
}

/// As the tables name it.
fn event_name(event: &Event) -> &'static str {
    match event {
        Event::Connecting => "Connecting",
        Event::Connected { .. } => "Connected",
        Event::NotConnected(_) => "NotConnected",
        Event::ClientData(_) => "ClientData",
        Event::ClientSilent => "ClientSilent",
        Event::ClientEnd => "ClientEnd",
        Event::ClientMalformed(_) => "ClientMalformed",
        Event::ClientClosed => "ClientClosed",
        Event::ClientGone => "ClientGone",
        Event::ClientSocket { state: ClientSocket::Empty, .. } => "SocketEmpty",
        Event::ClientSocket { state: ClientSocket::Open, .. } => "SocketOpen",
        Event::ClientSocket { state: ClientSocket::Full, .. } => "SocketFull",
        Event::AppTook(_) => "AppTook",
        Event::AppStopped { reset: false } => "AppStopped",
        Event::AppStopped { reset: true } => "AppStoppedReset",
        Event::AppTold => "AppTold",
        Event::AppData => "AppData",
        Event::AppClosed => "AppClosed",
        Event::AppBroken(_) => "AppBroken",
        Event::Verdict(Direction::Request, _) => "VerdictRequest",
        Event::Verdict(Direction::Answer, _) => "VerdictAnswer",
        Event::CredentialRevoked => "Revoked",
        Event::Draining => "Draining",
        Event::Closing => "Closing",
        Event::Time => "Time",
    }
}

/// The states of the request's direction, in a chain as the events.
const REQUEST_STATES: [&str; 9] =
    ["Holding", "Asking", "Connecting", "Gathering", "Writing", "Reading", "Closing", "Complete", "Stopped"];

fn request_name(state: &RequestState) -> &'static str {
    match state {
        RequestState::Holding => REQUEST_STATES[0],
        RequestState::Asking { .. } => REQUEST_STATES[1],
        RequestState::Connecting => REQUEST_STATES[2],
        RequestState::Gathering => REQUEST_STATES[3],
        RequestState::Writing => REQUEST_STATES[4],
        RequestState::Reading => REQUEST_STATES[5],
        RequestState::Closing => REQUEST_STATES[6],
        RequestState::Complete => REQUEST_STATES[7],
        RequestState::Stopped => REQUEST_STATES[8],
    }
}

const ANSWER_STATES: [&str; 7] = ["Head", "Holding", "Asking", "Released", "Body", "End", "Flushing"];

fn answer_name(state: &AnswerState) -> &'static str {
    match state {
        AnswerState::Head => ANSWER_STATES[0],
        AnswerState::Holding(_) => ANSWER_STATES[1],
        AnswerState::Asking { .. } => ANSWER_STATES[2],
        AnswerState::Released(..) => ANSWER_STATES[3],
        AnswerState::Body => ANSWER_STATES[4],
        AnswerState::End => ANSWER_STATES[5],
        AnswerState::Flushing => ANSWER_STATES[6],
    }
}

/// An exchange whose request is in this phase. `Tunnel` is `Reading` in a WebSocket. The early ones are `Reading` while an answer
/// that came early is given (`Answered`; `EarlyEvents` is a stream), held back (`EarlyHeld`) or asked about (`EarlyAsked`);
/// `EarlyReset` is `Stopped` in an answer that ends with its connection, which was reset.
fn request_phase(phase: &str) -> Run {
    let chunked = || Run::new(post(RequestBody::Unknown));
    match phase {
        "Holding" => {
            let mut run = Run::gated(post(RequestBody::Unknown), TestGate::asking(), TestGate::open());
            run.on(Event::ClientSilent);
            run
        }
        "Asking" => {
            let mut run = request_phase("Holding");
            run.data(b"abc").on(Event::ClientEnd);
            run
        }
        "Connecting" => chunked(),
        "Gathering" => {
            let mut run = chunked();
            run.connect(false);
            run
        }
        "Writing" => {
            let mut run = request_phase("Gathering");
            run.data(b"abc");
            run
        }
        "Reading" => {
            let mut run = request_phase("Writing");
            run.take_all().on(Event::ClientSilent);
            run
        }
        "Answered" => {
            let mut run = request_phase("Reading");
            run.answer(FIVE_HEAD).flush();
            run
        }
        "EarlyEvents" => {
            let mut run = request_phase("Reading");
            run.answer(EVENTS).flush();
            run
        }
        "EarlyHeld" | "EarlyAsked" => {
            let mut run = Run::gated(post(RequestBody::Unknown), TestGate::open(), TestGate::asking());
            run.connect(false).data(b"abc").take_all().on(Event::ClientSilent).answer(FIVE_HEAD);
            if phase == "EarlyAsked" {
                run.answer(b"hello");
            }
            run
        }
        "EarlyReset" => {
            let mut run = request_phase("Reading");
            run.answer(b"HTTP/1.1 200 OK\r\n\r\n").flush().on(Event::AppStopped { reset: true });
            run
        }
        "Tunnel" => {
            let mut run = Run::new(websocket());
            run.sent().answer(SWITCH).flush();
            run
        }
        "Closing" => {
            let mut run = request_phase("Tunnel");
            run.on(Event::ClientClosed);
            run
        }
        "Complete" => {
            let mut run = Run::new(get());
            run.sent();
            run
        }
        "Stopped" => {
            let mut run = request_phase("Reading");
            run.on(Event::AppStopped { reset: false });
            run
        }
        other => panic!("{other}"),
    }
}

/// An exchange whose answer is in this phase. `Events` and `Tunnel` are `Body` of an event stream and of a WebSocket.
fn answer_phase(phase: &str) -> Run {
    let gated = || {
        let mut run = Run::gated(get(), TestGate::open(), TestGate::asking());
        run.sent().answer(FIVE_HEAD);
        run
    };
    match phase {
        "Head" => request_phase("Complete"),
        "Holding" => gated(),
        "Asking" => {
            let mut run = gated();
            run.answer(b"hello");
            run
        }
        "Released" => {
            let mut run = answer_phase("Asking");
            run.exchange.on(Event::Verdict(Direction::Answer, Verdict::Pass), run.now);
            run
        }
        "Body" => {
            let mut run = answer_phase("Head");
            run.answer(FIVE_HEAD).flush();
            run
        }
        "Events" => {
            let mut run = answer_phase("Head");
            run.answer(EVENTS).flush();
            run
        }
        "Tunnel" => request_phase("Tunnel"),
        "End" => {
            let mut run = answer_phase("Events");
            run.exchange.on(Event::Draining, run.now);
            run
        }
        "Flushing" => {
            let mut run = answer_phase("Head");
            run.answer(super::run::FIVE);
            run
        }
        other => panic!("{other}"),
    }
}

/// What becomes of the request: its state, `=` if that is the same as before, or the end.
fn request_cell(phase: &str, event: &Event) -> String {
    let mut run = request_phase(phase);
    let before = request_name(run.exchange.request.state());
    prepare(&mut run, event);
    run.on(event.clone());
    let after = request_name(run.exchange.request.state());
    match run.exchange.ended() {
        Some(ended) => short(&end(ended)),
        None if before == after => "=".into(),
        None => after.into(),
    }
}

/// With [`Event::AppData`] an `x` has come, and with [`Event::Time`] the first wait is over.
fn prepare(run: &mut Run, event: &Event) {
    if *event == Event::AppData {
        run.exchange.incoming().extend_from_slice(b"x");
    } else if *event == Event::Time {
        run.now = run.exchange.wake_at().unwrap_or(run.now);
    }
}

/// What the answer's direction does next, or the end.
fn answer_cell(phase: &str, event: &Event) -> String {
    let mut run = answer_phase(phase);
    prepare(&mut run, event);
    run.exchange.on(event.clone(), run.now);
    let step = match run.exchange.answer_step(run.now) {
        AnswerStep::Read => "Read",
        AnswerStep::Interim(_) => "Interim",
        AnswerStep::Begin { .. } => "Begin",
        AnswerStep::Give(_) => "Give",
        AnswerStep::End => "End",
        AnswerStep::Flush => "Flush",
        AnswerStep::Ask => "Ask",
        AnswerStep::Wait => "Wait",
    };
    run.exchange.ended().map_or(step.into(), |ended| short(&end(ended)))
}

/// The status, or the word that is no refusal.
fn short(end: &str) -> String {
    end.split(' ').next().unwrap_or_default().into()
}

/// Compares a table with what happens, and fails with the whole of both.
fn check(table: &str, states: &[&str], cell: impl Fn(&str, &Event) -> String) {
    let mut lines = table.trim().lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let columns = lines.next().unwrap();
    for state in states {
        assert!(columns.contains(state), "no column for `{state}`");
    }
    let rows: Vec<Vec<&str>> = lines.collect();
    let mut events = vec![];
    while let Some(event) = after(events.last()) {
        events.push(event);
    }
    let mut happens = Vec::new();
    for event in &events {
        let cells = columns[1..].iter().map(|phase| cell(phase, event));
        happens.push([event_name(event).to_owned()].into_iter().chain(cells).collect::<Vec<_>>());
    }
    let shown: Vec<String> = happens
        .iter()
        .map(|row| row.iter().map(|cell| format!("{cell:<16}")).collect::<String>().trim_end().to_owned())
        .collect();
    assert!(rows == happens, "this happens:\n{}", shown.join("\n"));
}

#[test]
fn each_phase_is_what_its_column_says() {
    for state in REQUEST_STATES {
        assert_eq!(request_name(request_phase(state).exchange.request.state()), state);
    }
    for state in ANSWER_STATES {
        assert_eq!(answer_name(answer_phase(state).exchange.answer.state()), state);
    }
}

#[test]
fn every_event_in_every_phase_of_the_request() {
    check(REQUEST, &REQUEST_STATES, request_cell);
}

#[test]
fn every_event_in_every_phase_of_the_answer() {
    check(ANSWER, &ANSWER_STATES, answer_cell);
}

const REQUEST: &str = "
event            Holding  Asking      Connecting  Gathering  Writing  Reading  Answered  EarlyHeld  EarlyAsked  EarlyEvents  EarlyReset  Tunnel   Closing  Complete  Stopped
Connecting       =        =           =           =          =        =        =         =          =           =            =           =        =        =         =
Connected        =        =           Gathering   =          =        =        =         =          =           =            =           =        =        =         =
NotConnected     =        =           =           =          =        =        =         =          =           =            =           =        =        =         =
ClientData       =        500         500         Writing    500      Writing  Writing   Writing    Writing     Writing      =           Writing  Stopped  500       =
ClientSilent     =        =           =           Writing    =        =        =         =          =           =            =           =        =        =         =
ClientEnd        Asking   =           500         Writing    500      Writing  Writing   Writing    Writing     Writing      =           Closing  =        =         =
ClientMalformed  400      400         400         400        400      400      broken    400        400         broken       broken      Stopped  Stopped  400       400
ClientClosed     400      =           400         400        400      400      Stopped   Stopped    Stopped     gone         =           Closing  =        =         400
ClientGone       gone     gone        gone        gone       gone     gone     gone      gone       gone        gone         gone        gone     gone     gone      gone
SocketEmpty      =        =           =           =          =        =        =         =          =           =            =           =        =        =         =
SocketOpen       =        =           =           =          =        =        =         =          =           =            =           =        =        =         =
SocketFull       =        =           =           =          =        =        =         =          =           =            =           =        =        =         =
AppTook          =        =           =           =          Reading  =        =         =          =           =            =           =        =        =         =
AppStopped       Stopped  Stopped     Stopped     Stopped    Stopped  Stopped  Stopped   Stopped    Stopped     Stopped      =           Stopped  Stopped  Stopped   =
AppStoppedReset  Stopped  Stopped     Stopped     Stopped    Stopped  Stopped  Stopped   Stopped    Stopped     Stopped      =           Stopped  Stopped  Stopped   =
AppTold          =        =           =           =          =        =        =         =          =           =            =           =        Stopped  =         =
AppData          502      502         502         502        502      502      =         =          =           broken       =           =        =        502       502
AppClosed        502      502         502         502        502      502      broken    502        =           broken       broken      =        =        502       502
AppBroken        502      502         502         502        502      502      broken    502        =           broken       broken      Stopped  Stopped  502       502
VerdictRequest   =        Connecting  =           =          =        =        =         =          =           =            =           =        =        =         =
VerdictAnswer    =        =           =           =          =        =        =         =          =           =            =           =        =        =         =
Revoked          =        =           =           =          =        =        =         =          =           Stopped      =           Stopped  Stopped  =         =
Draining         =        =           =           =          =        =        =         =          =           =            =           =        =        =         =
Closing          503      503         503         503        503      503      broken    503        503         =            broken      =        =        503       503
Time             408      403         =           =          504      408      Stopped   Stopped    403         Stopped      broken      Stopped  Stopped  504       504
";

const ANSWER: &str = "
event            Head  Holding  Asking  Released  Body    Events  Tunnel  End   Flushing
Connecting       Read  Read     Ask     Begin     Read    Read    Read    End   Flush
Connected        Read  Read     Ask     Begin     Read    Read    Read    End   Flush
NotConnected     Read  Read     Ask     Begin     Read    Read    Read    End   Flush
ClientData       500   500      500     500       broken  broken  Read    End   Flush
ClientSilent     Read  Read     Ask     Begin     Read    Read    Read    End   Flush
ClientEnd        Read  Read     Ask     Begin     Read    Read    Read    End   Flush
ClientMalformed  400   400      400     400       broken  broken  Give    End   Flush
ClientClosed     Read  Read     Ask     Begin     Read    gone    Read    End   Flush
ClientGone       gone  gone     gone    gone      gone    gone    gone    gone  gone
SocketEmpty      Read  Read     Ask     Begin     Read    Read    Read    End   answered
SocketOpen       Read  Read     Ask     Begin     Read    Read    Read    End   Flush
SocketFull       Read  Read     Ask     Begin     Wait    Wait    Wait    End   Flush
AppTook          Read  Read     Ask     Begin     Read    Read    Read    End   Flush
AppStopped       Read  Read     Ask     Begin     Read    Read    Read    End   Flush
AppStoppedReset  Read  Read     Ask     Begin     Read    Read    Read    End   Flush
AppTold          Read  Read     Ask     Begin     Read    Read    Read    End   Flush
AppData          502   Read     Ask     Begin     Give    broken  Give    End   Flush
AppClosed        502   502      Ask     Begin     broken  broken  End     End   Flush
AppBroken        502   502      Ask     Begin     broken  broken  Give    End   Flush
VerdictRequest   Read  Read     Ask     Begin     Read    Read    Read    End   Flush
VerdictAnswer    Read  Read     Begin   Begin     Read    Read    Read    End   Flush
Revoked          Read  Read     Ask     Begin     Read    End     Give    End   Flush
Draining         Read  Read     Ask     Begin     Read    End     Give    End   Flush
Closing          503   503      503     503       broken  End     Give    End   Flush
Time             504   504      403     Begin     broken  broken  Give    End   gone
";
