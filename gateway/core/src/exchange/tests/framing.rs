//! How an answer is delimited for the client, and which connection may be used again after it.

use super::run::{EVENTS, FIVE, FIVE_HEAD, Run, get, post};
use crate::exchange::{AppReuse, ClientReuse, Event, ExchangeTerms, StreamEnd};
use crate::request::RequestBody;

/// The client: its version, and whether its connection may go on.
const NEW: (bool, bool) = (true, true);
const NEW_CLOSING: (bool, bool) = (true, false);
const OLD: (bool, bool) = (false, true);
const OLD_CLOSING: (bool, bool) = (false, false);

/// What comes of an answer, followed by the end of the app's connection where only that ends it:
/// `BEGIN | DATA | END | app APP client CLIENT`.
fn outcome(method: &str, (modern_client, keep_alive): (bool, bool), answer: &str) -> String {
    let terms = ExchangeTerms { head_only: method == "HEAD", modern_client, keep_alive, ..get() };
    let mut run = Run::new(terms);
    run.sent().answer(answer.as_bytes()).flush();
    if run.end() == "goes on" {
        run.on(Event::AppClosed).flush();
    }
    let (told, data, end) = (run.told.join(" "), String::from_utf8(run.client.clone()).unwrap(), run.end());
    let outcome = run.outcome();
    format!("{told} | {data} | {end} | app {:?} client {:?}", outcome.app, outcome.client)
}

const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const EMPTY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
const UNTIL_CLOSE: &str = "HTTP/1.1 200 OK\r\n\r\nhello";
const FROM_AN_OLD_APP: &str = "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// A method, its client, an answer, and what comes of it.
type Row = (&'static str, (bool, bool), &'static str, &'static str);

const ROWS: &[Row] = &[
    ("GET", NEW, LENGTH, "begin 200 Length(5) Absent end | hello | answered | app Yes client KeepAlive"),
    ("GET", NEW_CLOSING, LENGTH, "begin 200 Length(5) Close end | hello | answered | app Yes client Close"),
    ("GET", OLD, LENGTH, "begin 200 Length(5) KeepAlive end | hello | answered | app Yes client KeepAlive"),
    ("GET", OLD_CLOSING, LENGTH, "begin 200 Length(5) Close end | hello | answered | app Yes client Close"),
    ("GET", NEW, EMPTY, "begin 200 Length(0) Absent end |  | answered | app Yes client KeepAlive"),
    ("GET", NEW, CHUNKED, "begin 200 Chunked Absent end | hello | answered | app Yes client KeepAlive"),
    ("GET", NEW_CLOSING, CHUNKED, "begin 200 Chunked Close end | hello | answered | app Yes client Close"),
    ("GET", OLD, CHUNKED, "begin 200 UntilClose Close end | hello | answered | app Yes client Close"),
    ("GET", NEW, UNTIL_CLOSE, "begin 200 Chunked Absent end | hello | answered | app No client KeepAlive"),
    ("GET", OLD, UNTIL_CLOSE, "begin 200 UntilClose Close end | hello | answered | app No client Close"),
    (
        "GET",
        NEW,
        FROM_AN_OLD_APP,
        "begin 200 Length(5) Absent end | hello | answered | app No client KeepAlive",
    ),
    // No body, whatever the fields say; and none is waited for.
    (
        "HEAD",
        NEW,
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "begin 200 None Absent end |  | answered | app No client KeepAlive",
    ),
    (
        "HEAD",
        OLD,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "begin 200 None KeepAlive end |  | answered | app No client KeepAlive",
    ),
    (
        "GET",
        NEW,
        "HTTP/1.1 204 No Content\r\n\r\n",
        "begin 204 None Absent end |  | answered | app No client KeepAlive",
    ),
    (
        "GET",
        NEW,
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        "begin 304 None Absent end |  | answered | app No client KeepAlive",
    ),
    // A body where none can be would begin the next answer.
    ("HEAD", NEW, LENGTH, "begin 200 None Absent end |  | answered | app No client KeepAlive"),
    // The app closes, or says that it will; or sends more than its answer.
    (
        "GET",
        NEW,
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        "begin 200 Length(5) Absent end | hello | answered | app No client KeepAlive",
    ),
    (
        "GET",
        NEW,
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!",
        "begin 200 Length(5) Absent end | hello | answered | app No client KeepAlive",
    ),
    (
        "GET",
        NEW,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK",
        "begin 200 Chunked Absent end | hello | answered | app No client KeepAlive",
    ),
    // Half an answer: its client sees that it is not whole.
    (
        "GET",
        NEW,
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
        "begin 200 Length(6) Absent | hello | broken | app No client Close",
    ),
    (
        "GET",
        NEW,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "begin 200 Chunked Absent | hello | broken | app No client Close",
    ),
    (
        "GET",
        OLD,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "begin 200 UntilClose Close | hello | broken | app No client Reset",
    ),
    (
        "GET",
        NEW,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!",
        "begin 200 Chunked Absent |  | broken | app No client Close",
    ),
    // Interim answers; a client of HTTP/1.0 would take one for the answer.
    (
        "GET",
        NEW,
        "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "interim 103 begin 200 Length(0) Absent end |  | answered | app Yes client KeepAlive",
    ),
    (
        "GET",
        OLD,
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "begin 200 Length(0) KeepAlive end |  | answered | app Yes client KeepAlive",
    ),
    // No answer.
    ("GET", NEW, "", " |  | 502 upstream_unreachable closed | app No client Close"),
    ("GET", NEW, "HTTP/1.1 200", " |  | 502 upstream_unreachable closed | app No client Close"),
    ("GET", NEW, "SSH-2.0", " |  | 502 upstream_unreachable bad_answer | app No client Close"),
    (
        "GET",
        NEW,
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        " |  | 502 upstream_unreachable bad_answer | app No client Close",
    ),
    (
        "GET",
        NEW,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        " |  | 502 upstream_unreachable bad_answer | app No client Close",
    ),
];

#[test]
fn answers_are_framed_for_their_client() {
    for (method, client, answer, expected) in ROWS {
        assert_eq!(&outcome(method, *client, answer), expected, "{method} {client:?} {answer:?}");
    }
}

#[test]
fn the_slicing_of_an_answer_changes_nothing() {
    let answer = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n";
    for step in 1..answer.len() {
        let mut run = Run::new(get());
        run.sent();
        for bytes in answer.chunks(step) {
            run.answer(bytes);
        }
        run.flush();
        assert_eq!(run.told, ["interim 103", "begin 200 Chunked Absent", "end"], "{step}");
        assert_eq!((&*run.client, run.end().as_str()), (&b"hello"[..], "answered"), "{step}");
        assert_eq!(run.outcome().app, AppReuse::Yes);
    }
}

#[test]
fn sixty_four_kibibytes_of_heads_are_the_most() {
    let mut run = Run::new(get());
    run.sent().answer(b"HTTP/1.1 200 OK\r\n");
    for _ in 0..1100 {
        run.answer(format!("X: {}\r\n", "y".repeat(59)).as_bytes());
    }
    assert_eq!(run.end(), "502 upstream_unreachable bad_answer");
    let mut run = Run::new(get());
    run.sent();
    for _ in 0..300 {
        run.answer(b"HTTP/1.1 102 Processing\r\n\r\n");
    }
    assert_eq!((run.told.len(), run.end().as_str()), (256, "502 upstream_unreachable bad_answer"));
}

#[test]
fn a_request_with_a_body_is_the_last_one_of_its_connection() {
    for body in [RequestBody::Known(3), RequestBody::Unknown] {
        let mut run = Run::new(post(body));
        run.connect(false).data(b"abc").take_all().on(Event::ClientEnd).take_all().answer(FIVE).flush();
        let app = String::from_utf8(run.app.clone()).unwrap();
        assert!(app.contains("Connection: close\r\n"), "{app}");
        assert!(app.ends_with(if body == RequestBody::Unknown {
            "\r\n3\r\nabc\r\n0\r\n\r\n"
        } else {
            "\r\n\r\nabc"
        }));
        let outcome = run.outcome();
        assert_eq!((outcome.app, outcome.client), (AppReuse::No, ClientReuse::KeepAlive));
        assert_eq!((outcome.bytes_in, outcome.bytes_out), (3, 5));
    }
}

#[test]
fn an_early_answer_closes_the_connection_of_a_client_that_still_sends() {
    let mut run = Run::new(post(RequestBody::Known(10)));
    run.connect(false).data(b"01234").take_all().answer(FIVE);
    assert_eq!(run.told, ["begin 200 Length(5) Close", "end"]);
    assert_eq!(run.flush().end(), "answered");
    let outcome = run.outcome();
    assert_eq!((outcome.app, outcome.client), (AppReuse::No, ClientReuse::Close));

    // The client has sent everything, and the app took only a part: nothing is left to read.
    let mut run = Run::new(post(RequestBody::Known(5)));
    run.connect(false).data(b"01234").take_all().on(Event::ClientEnd).answer(FIVE).flush();
    assert_eq!(run.outcome().client, ClientReuse::KeepAlive);
}

#[test]
fn an_app_that_answers_and_closes_while_it_is_sent_a_body_is_heard() {
    let mut run = Run::new(post(RequestBody::Unknown));
    run.connect(false).data(b"01234").on(Event::AppStopped { reset: false }).answer(FIVE);
    assert_eq!(run.told, ["begin 200 Length(5) Close", "end"]);
    assert_eq!(run.flush().end(), "answered");

    let mut run = Run::new(post(RequestBody::Unknown));
    run.connect(false).data(b"01234").on(Event::AppStopped { reset: false }).on(Event::AppClosed);
    assert_eq!(run.end(), "502 upstream_unreachable closed");
}

/// The system tells a reset once. Where the writer was told, the reader finds an end like any other.
#[test]
fn an_answer_that_ends_with_its_connection_is_cut_where_that_was_reset() {
    for (reset, end, told) in [(true, "broken", 1), (false, "answered", 2)] {
        let mut run = Run::new(post(RequestBody::Unknown));
        run.connect(false).data(b"01234").answer(b"HTTP/1.1 200 OK\r\n\r\nhel");
        run.on(Event::AppStopped { reset }).on(Event::AppClosed).flush();
        assert_eq!((run.end().as_str(), run.told.len()), (end, told), "{:?}", run.told);
        assert_eq!(run.outcome().ended_by(), reset.then_some("app"));
    }
    // What delimits itself is whole all the same.
    let mut run = Run::new(post(RequestBody::Unknown));
    run.connect(false).data(b"01234").answer(FIVE).on(Event::AppStopped { reset: true });
    run.on(Event::AppClosed).flush();
    assert_eq!(run.end(), "answered");
}

#[test]
fn a_whole_answer_is_not_spoilt_by_the_rest_of_its_request() {
    // The answer is with the client's side; its request goes wrong before the socket has taken the rest.
    for event in [
        Event::ClientMalformed("a chunk without a size"),
        Event::ClientClosed,
        Event::ClientData("0123456789".into()),
    ] {
        let mut run = Run::new(post(RequestBody::Known(10)));
        run.connect(false).data(b"01234").take_all().answer(FIVE).on(event.clone());
        assert_eq!(run.exchange.outgoing().concat(), b"", "{event:?}");
        assert_eq!(run.flush().end(), "answered", "{event:?}");
    }
}

#[test]
fn a_client_that_closes_its_side_in_its_body_gets_the_answer_that_has_begun() {
    let sending = || {
        let mut run = Run::new(post(RequestBody::Unknown));
        run.connect(false).data(b"01234").take_all();
        run
    };
    let mut run = sending();
    run.on(Event::ClientClosed);
    assert_eq!(run.end(), "400 bad_request");

    let mut run = sending();
    let sent = run.app.len();
    run.answer(FIVE_HEAD).on(Event::ClientClosed).take_all().answer(b"hello").flush();
    assert_eq!((run.app.len(), run.end().as_str()), (sent, "answered"), "the body is not completed");
    let outcome = run.outcome();
    assert_eq!((outcome.client, outcome.stream_end), (ClientReuse::Close, None));

    let mut run = sending();
    run.answer(EVENTS).on(Event::ClientClosed);
    assert_eq!(run.end(), "gone");
    assert_eq!(run.outcome().stream_end, Some(StreamEnd::Client));
}

#[test]
fn a_client_that_breaks_off_ends_no_stream_where_there_is_none() {
    let mut run = Run::new(get());
    run.sent().answer(FIVE_HEAD).on(Event::ClientGone);
    assert_eq!(run.end(), "gone");
    assert_eq!(run.outcome().stream_end, None);
}

#[test]
fn a_client_that_closes_its_side_behind_its_request_gets_its_answer() {
    let mut run = Run::new(get());
    run.sent().on(Event::ClientClosed).answer(FIVE).flush();
    assert_eq!((&*run.client, run.end().as_str()), (&b"hello"[..], "answered"));
}

#[test]
fn small_chunks_cost_no_more_than_their_bytes() {
    let cost = |chunks: usize, at_once: usize| {
        let mut run = Run::new(get());
        run.sent().answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let bytes = b"1\r\nx\r\n".repeat(at_once);
        let ((), steps) = crate::work::of(|| {
            for _ in 0..chunks / at_once {
                run.answer(&bytes).flush();
            }
        });
        assert_eq!(run.client.len(), chunks);
        steps
    };
    for at_once in [1, 100] {
        let (few, many) = (cost(1000, at_once), cost(10_000, at_once));
        assert!(many <= 11 * few, "{few} {many}");
        assert!(many <= 10_000 * 8, "{many}");
    }
}
