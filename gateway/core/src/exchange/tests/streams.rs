//! WebSockets and event streams, and what a shutdown makes of them.

use std::time::Duration;

use super::run::{EVENTS, FIVE, FIVE_HEAD, Run, SWITCH, TestGate, get, post, websocket};
use crate::denial::{Denial, UpstreamFault};
use crate::exchange::{
    AnswerStep, AppReuse, ClientReuse, ClientSocket, Event, ExchangeTerms, RequestStep, StreamEnd, StreamKind,
};
use crate::request::RequestBody;

fn opened() -> Run {
    let mut run = Run::new(websocket());
    run.sent().answer(SWITCH).flush();
    run
}

/// An event stream of one event.
fn events() -> Run {
    let mut run = Run::new(get());
    run.sent().answer(EVENTS).answer(b"7\r\ndata: \n\r\n").flush();
    run
}

/// Ended by a close frame of this code.
fn closing(code: u16) -> Vec<u8> {
    [&[0x88, 2][..], &code.to_be_bytes()].concat()
}

#[test]
fn a_websocket_carries_both_directions() {
    let mut run = Run::new(websocket());
    run.sent().answer(&[SWITCH, b"\x81\x02hi"].concat()).flush();
    assert_eq!(run.told, ["begin 101 Tunnel Upgrade"]);
    assert_eq!((&*run.client, run.exchange.stream()), (&b"\x81\x02hi"[..], Some(StreamKind::Websocket)));
    run.app.clear();
    run.data(b"\x81\x82....ab").take_all();
    assert_eq!(run.app, b"\x81\x82....ab");
    // The client closes its side, and the app its own.
    run.on(Event::ClientClosed);
    assert_eq!(run.exchange.request_step(), RequestStep::Shutdown);
    run.on(Event::AppTold).answer(b"\x88\x00").on(Event::AppClosed).flush();
    assert_eq!((&*run.client, run.end().as_str()), (&b"\x81\x02hi\x88\x00"[..], "answered"));
    let outcome = run.outcome();
    assert_eq!((outcome.app, outcome.client), (AppReuse::No, ClientReuse::Close));
    assert_eq!((outcome.status, outcome.stream_end), (Some(101), Some(StreamEnd::Client)));
}

#[test]
fn only_the_101_that_was_asked_for_switches() {
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    for (fields, detail) in [
        (upgrade.to_owned(), "its `Sec-WebSocket-Accept` does not fit the key"),
        (
            format!("{upgrade}Sec-WebSocket-Accept: AAAA\r\n"),
            "its `Sec-WebSocket-Accept` does not fit the key",
        ),
        (format!("Upgrade: websocket\r\n{accept}"), "its `Connection` does not name `upgrade`"),
        (format!("Connection: Upgrade\r\n{accept}"), "it switches to something else than a WebSocket"),
        (
            format!("Connection: Upgrade\r\nUpgrade: h2c\r\n{accept}"),
            "it switches to something else than a WebSocket",
        ),
        (
            format!("{upgrade}{accept}Sec-WebSocket-Protocol: mqtt\r\n"),
            "its `Sec-WebSocket-Protocol` was not offered",
        ),
        (
            format!("{upgrade}{accept}Sec-WebSocket-Extensions: permessage-deflate\r\n"),
            "its `Sec-WebSocket-Extensions` were not offered",
        ),
        (format!("{upgrade}{accept}Transfer-Encoding: chunked\r\n"), "a Transfer-Encoding in a 101"),
    ] {
        let mut run = Run::new(websocket());
        run.sent().answer(format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n").as_bytes());
        assert_eq!(
            (run.end().as_str(), run.told.len()),
            ("502 upstream_unreachable bad_answer", 0),
            "{fields}"
        );
        assert_eq!(run.outcome().detail, Some(detail), "{fields}");
    }
    for mut run in [Run::new(get()), Run::new(post(RequestBody::Known(0)))] {
        run.sent().answer(SWITCH);
        assert_eq!((run.end().as_str(), run.told.len()), ("502 upstream_unreachable bad_answer", 0));
        assert_eq!(run.outcome().detail, Some("a 101 that no client asked for"));
    }
    // A handshake may be answered otherwise.
    let mut run = Run::new(websocket());
    run.sent().answer(FIVE).flush();
    assert_eq!((run.told[0].as_str(), run.end().as_str()), ("begin 200 Length(5) Absent", "answered"));
}

#[test]
fn an_app_that_takes_nothing_of_a_websocket_ends_it() {
    let mut run = opened();
    run.data(b"\x81\x80....").wait_secs(60).flush();
    assert_eq!((&*run.client, run.end().as_str()), (&*closing(1001), "answered"));
    let outcome = run.outcome();
    assert_eq!(outcome.stream_end, Some(StreamEnd::App));
    assert_eq!(outcome.detail, Some("the app took nothing for `upstream.read`"));
}

#[test]
fn a_websocket_whose_app_fails_is_closed_at_a_frame_boundary() {
    for (frame, end, last) in
        [(&b"\x81\x02hi"[..], "answered", closing(1001)), (b"\x81\x02h", "broken", vec![])]
    {
        let mut run = opened();
        run.answer(frame).on(Event::AppBroken(UpstreamFault::Reset)).flush();
        assert_eq!((&*run.client, run.end().as_str()), (&*[frame, &*last].concat(), end));
        let outcome = run.outcome();
        let client = if last.is_empty() { ClientReuse::Reset } else { ClientReuse::Close };
        assert_eq!((outcome.stream_end, outcome.client), (Some(StreamEnd::App), client));
    }
}

#[test]
fn a_shutdown_ends_streams_at_once_and_other_exchanges_at_its_end() {
    // At a frame boundary, in a frame that goes on, and in one that does not.
    let mut run = opened();
    run.answer(b"\x81\x02hi").on(Event::Draining).flush();
    assert_eq!((run.client.ends_with(&closing(1012)), run.end().as_str()), (true, "answered"));
    assert_eq!(run.outcome().stream_end, Some(StreamEnd::Draining));
    let mut run = opened();
    run.answer(b"\x81\x02h").on(Event::Draining).flush();
    assert_eq!(run.end(), "goes on");
    run.answer(b"i").flush();
    assert_eq!((run.client.ends_with(&closing(1012)), run.end().as_str()), (true, "answered"));
    let mut run = opened();
    run.answer(b"\x81\x02h").on(Event::Draining).on(Event::Closing).flush();
    assert_eq!((run.client.len(), run.end().as_str()), (3, "broken"));

    // An event stream is whole wherever it ends, unless the client was told a length.
    let mut run = events();
    run.on(Event::Draining).flush();
    assert_eq!((run.told[1].as_str(), run.end().as_str()), ("end", "answered"));
    let outcome = run.outcome();
    assert_eq!((outcome.app, outcome.stream_end), (AppReuse::No, Some(StreamEnd::Draining)));
    let mut run = Run::new(get());
    run.sent()
        .answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 90\r\n\r\ndata: \n");
    run.flush().on(Event::Draining).flush();
    assert_eq!((run.end().as_str(), run.exchange.stream()), ("goes on", None));
    run.on(Event::Closing).flush();
    assert_eq!((run.end().as_str(), run.told.len()), ("broken", 1));

    // A handshake, a head, a body.
    let mut run = Run::new(websocket());
    run.sent().on(Event::Draining).answer(SWITCH);
    assert_eq!(run.end(), "503 draining");
    let mut run = Run::new(get());
    run.sent().on(Event::Draining).answer(FIVE).flush();
    assert_eq!((run.told[0].as_str(), run.end().as_str()), ("begin 200 Length(5) Close", "answered"));
    let mut run = Run::new(get());
    run.sent().on(Event::Closing);
    assert_eq!(run.end(), "503 draining");
    for (modern_client, client) in [(true, ClientReuse::Close), (false, ClientReuse::Reset)] {
        let mut run = Run::new(ExchangeTerms { modern_client, ..get() });
        run.sent().answer(b"HTTP/1.1 200 OK\r\n\r\nhello").flush().on(Event::Closing).flush();
        assert_eq!((run.end().as_str(), run.told.len()), ("broken", 1));
        assert_eq!(run.outcome().client, client);
    }
    let mut run = Run::new(get());
    run.sent().answer(FIVE).on(Event::Closing).flush();
    assert_eq!(run.end(), "answered");
}

#[test]
fn an_event_stream_that_begins_in_a_shutdown_ends_at_once() {
    let mut run = Run::new(get());
    run.sent().on(Event::Draining).answer(EVENTS).flush();
    assert_eq!((run.told.len(), run.end().as_str()), (2, "answered"));
}

#[test]
fn a_client_that_closes_its_side_has_left_an_event_stream() {
    let mut run = events();
    run.on(Event::ClientClosed);
    assert_eq!(run.end(), "gone");
    assert_eq!(run.outcome().stream_end, Some(StreamEnd::Client));
    // It left before the stream began: it is told nothing.
    let mut run = Run::new(get());
    run.sent().on(Event::ClientClosed).answer(EVENTS);
    assert_eq!((run.end().as_str(), run.told.len()), ("gone", 0));
    // The answer to a HEAD is no stream.
    let mut run = Run::new(ExchangeTerms { head_only: true, ..get() });
    run.sent().on(Event::ClientClosed).answer(EVENTS).flush();
    assert_eq!(run.end(), "answered");
}

#[test]
fn a_stream_that_is_broken_off_was_ended_by_the_side_whose_part_is_refused() {
    let ends_by = |upload, download, data: &[u8]| {
        let mut run = Run::gated(post(RequestBody::Known(10)), upload, download);
        run.connect(false).answer(EVENTS).answer(b"7\r\ndata: \n\r\n").data(data).flush();
        assert_eq!(run.end(), "broken");
        run.outcome().stream_end
    };
    let (open, refusing) = (TestGate::open, || TestGate::refusing_beyond(3));
    assert_eq!(ends_by(refusing(), open(), b"01234"), Some(StreamEnd::Client));
    assert_eq!(ends_by(open(), open(), b"0123456789a"), Some(StreamEnd::Client));
    assert_eq!(ends_by(open(), refusing(), b""), Some(StreamEnd::App));
}

#[test]
fn a_stream_lives_while_either_side_moves() {
    let mut run = opened();
    for _ in 0..10 {
        run.wait_secs(299).answer(b"\x81\x00").flush().wait_secs(299).data(b"\x81\x80....").take_all();
    }
    assert_eq!(run.wait_secs(299).end(), "goes on");
    run.wait_secs(1).flush();
    assert_eq!(run.end(), "answered");
    let outcome = run.outcome();
    assert_eq!((outcome.stream_end, outcome.ended_by()), (Some(StreamEnd::Idle), Some("idle")));
    assert_eq!(outcome.detail, Some("no byte went either way for `server.timeouts.stream_idle`"));
    assert_eq!(outcome.failure, None, "the gateway has refused nothing");
}

/// Who sends the first close frame ends a WebSocket, whoever closes the connection first (RFC 6455 §7.1.1: the server).
#[test]
fn a_websocket_was_ended_by_the_side_that_sent_the_first_close_frame() {
    let ended_by = |first: StreamEnd, client_closes: bool| {
        let mut run = opened();
        let app = |run: &mut Run| _ = run.answer(b"\x81\x01x\x88\x00");
        let client = |run: &mut Run| _ = run.data(b"\x82\x80....\x88\x80....").take_all();
        if first == StreamEnd::App {
            app(&mut run);
            client(&mut run);
        } else {
            client(&mut run);
            app(&mut run);
        }
        if client_closes {
            run.on(Event::ClientClosed).on(Event::AppTold);
        }
        run.on(Event::AppClosed).flush();
        assert_eq!(run.end(), "answered");
        run.outcome().stream_end
    };
    for client_closes in [false, true] {
        assert_eq!(ended_by(StreamEnd::Client, client_closes), Some(StreamEnd::Client));
        assert_eq!(ended_by(StreamEnd::App, client_closes), Some(StreamEnd::App));
    }
}

/// No read of a busy WebSocket need end where a frame does.
#[test]
fn a_shutdown_ends_a_busy_websocket_behind_the_last_whole_frame() {
    let mut run = opened();
    run.answer(b"\x81\x02h").on(Event::Draining).flush();
    run.answer(b"i\x81\x01x\x82\x7e\x10\x00....").flush();
    let given = [&b"\x81\x02hi\x81\x01x"[..], &closing(1012)].concat();
    assert_eq!((&*run.client, run.end().as_str()), (&*given, "answered"));
    let outcome = run.outcome();
    assert_eq!((outcome.stream_end, outcome.bytes_out), (Some(StreamEnd::Draining), 7));
    // A frame that ends in no read is cut at the end of the drain.
    let mut run = opened();
    run.answer(b"\x82\x7e\x10\x00..").on(Event::Draining).flush().answer(b"....").flush();
    assert_eq!(run.end(), "goes on");
    assert_eq!(run.on(Event::Closing).flush().end(), "broken");
}

/// It said all it would before the app had its handshake; the app answers that before it has taken the last byte of it.
#[test]
fn a_client_that_closes_its_side_before_the_app_has_its_handshake_is_no_fault_of_the_gateway() {
    let mut run = Run::new(websocket());
    run.on(Event::ClientClosed).connect(false).take(10).answer(SWITCH).flush();
    assert_eq!(run.end(), "goes on");
    run.take_all();
    assert_eq!(run.exchange.request_step(), RequestStep::Shutdown);
    run.on(Event::AppTold).on(Event::AppClosed).flush();
    assert_eq!((run.end().as_str(), run.outcome().stream_end), ("answered", Some(StreamEnd::Client)));
}

#[test]
fn a_client_that_has_the_rest_to_take_is_waited_for_by_its_own_deadline() {
    let mut run = Run::new(get());
    run.sent().answer(FIVE_HEAD).socket(false, ClientSocket::Full);
    assert_eq!((run.look(), run.due()), ("Wait", Some(30.0)));
    run.wait_secs(29).socket(true, ClientSocket::Full).wait_secs(29);
    assert_eq!(run.end(), "goes on");
    run.wait_secs(1);
    assert_eq!(run.end(), "gone");

    // While the client is waited for, the app is not.
    let mut run = Run::new(get());
    run.sent().answer(FIVE_HEAD).socket(false, ClientSocket::Full);
    for _ in 0..10 {
        run.wait_secs(29).socket(true, ClientSocket::Full);
    }
    run.socket(true, ClientSocket::Open).flush();
    assert_eq!(run.due(), Some(60.0));
}

/// `1008`, and why.
const EXPIRED: &[u8] = b"\x88\x1c\x03\xf0the credential has expired";

/// The credential of the caller ends in so many seconds.
fn ending_in(seconds: u64, terms: ExchangeTerms) -> Run {
    let end = Run::new(get()).now + Duration::from_secs(seconds);
    Run::new(ExchangeTerms { credential_end: Some(end), ..terms })
}

fn opened_until(seconds: u64) -> Run {
    let mut run = ending_in(seconds, websocket());
    run.sent().answer(SWITCH).flush();
    run
}

fn events_until(seconds: u64) -> Run {
    let mut run = ending_in(seconds, get());
    run.sent().answer(EVENTS).answer(b"7\r\ndata: \n\r\n").flush();
    run
}

#[test]
fn a_silent_websocket_is_closed_when_the_credential_of_its_caller_ends() {
    let mut run = opened_until(100);
    assert_eq!((run.due(), run.wait_secs(99).end().as_str()), (Some(100.0), "goes on"));
    run.data(b"\x81\x80....").take_all().wait_secs(1);
    assert_eq!((&*run.client, run.end().as_str()), (EXPIRED, "goes on"));
    // The app gets no more, and the client has little time to take the close frame.
    assert_eq!((run.exchange.request_step(), run.due()), (RequestStep::Wait, Some(5.0)));
    run.flush();
    assert_eq!((&*run.client, run.end().as_str()), (EXPIRED, "answered"));
    let outcome = run.outcome();
    assert_eq!((outcome.stream_end, outcome.ended_by()), (Some(StreamEnd::Expired), Some("expired")));
    assert_eq!((outcome.app, outcome.client), (AppReuse::No, ClientReuse::Close));
    assert_eq!(outcome.detail, Some("the credential of the caller has expired"));
    assert_eq!(outcome.failure, None, "the gateway has refused nothing");
}

#[test]
fn a_client_that_takes_no_close_frame_is_left_soon() {
    for mut run in [opened_until(100), events_until(100)] {
        run.socket(false, ClientSocket::Full).wait_secs(20).socket(true, ClientSocket::Full);
        run.wait_secs(20).socket(true, ClientSocket::Full).wait_secs(20).socket(true, ClientSocket::Full);
        run.wait_secs(20).socket(true, ClientSocket::Full).wait_secs(20);
        // That it takes something of what was there before gives it no more time.
        run.wait_secs(4).socket(true, ClientSocket::Full);
        assert_eq!(run.end(), "goes on");
        assert_eq!(run.wait_secs(1).end(), "gone");
        let outcome = run.outcome();
        assert_eq!((outcome.stream_end, outcome.client), (Some(StreamEnd::Expired), ClientReuse::Reset));
        assert_eq!(
            outcome.detail,
            Some("the credential of the caller has ended, and the client took no end of the stream")
        );
    }
}

#[test]
fn a_websocket_ends_behind_the_last_whole_frame_of_the_app_once_its_credential_has_ended() {
    // The frame ends in time; what comes behind it does not go out.
    let mut run = opened_until(100);
    run.wait_secs(90).answer(b"\x81\x02h").flush().wait_secs(10);
    assert_eq!((run.end().as_str(), run.exchange.request_step()), ("goes on", RequestStep::Wait));
    run.wait_secs(4).answer(b"i\x81\x01x\x82\x7e\x10\x00....").flush();
    let given = [&b"\x81\x02hi\x81\x01x"[..], EXPIRED].concat();
    assert_eq!((&*run.client, run.end().as_str()), (&*given, "answered"));
    assert_eq!(run.outcome().stream_end, Some(StreamEnd::Expired));
    // It does not, whether the app is silent or goes on with it.
    for goes_on in [false, true] {
        let mut run = opened_until(100);
        run.answer(b"\x82\x7e\x10\x00..").flush().wait_secs(100);
        for _ in 0..4 {
            if goes_on {
                run.answer(b"....").flush();
            }
            assert_eq!(run.wait_secs(1).end(), "goes on");
        }
        assert_eq!(run.wait_secs(1).end(), "broken");
        let outcome = run.outcome();
        assert_eq!((outcome.stream_end, outcome.client), (Some(StreamEnd::Expired), ClientReuse::Reset));
        let detail = "the credential of the caller has ended, in a frame that the app did not end";
        assert_eq!(outcome.detail, Some(detail));
    }
    // The app closes in the middle of it.
    let mut run = opened_until(100);
    run.answer(b"\x81\x02h").flush().wait_secs(100).on(Event::AppBroken(UpstreamFault::Reset)).flush();
    assert_eq!((run.end().as_str(), run.outcome().stream_end), ("broken", Some(StreamEnd::Expired)));
}

#[test]
fn an_event_stream_ends_whole_when_the_credential_of_its_caller_ends() {
    let mut run = events_until(100);
    run.wait_secs(99).answer(b"7\r\ndata: \n\r\n").flush();
    assert_eq!((run.due(), run.end().as_str()), (Some(1.0), "goes on"));
    run.wait_secs(1).flush();
    assert_eq!((run.told[1].as_str(), run.end().as_str()), ("end", "answered"));
    let outcome = run.outcome();
    assert_eq!((outcome.stream_end, outcome.ended_by()), (Some(StreamEnd::Expired), Some("expired")));
    assert_eq!((outcome.app, outcome.client), (AppReuse::No, ClientReuse::KeepAlive));
}

#[test]
fn what_is_no_stream_outlives_the_credential_of_its_caller() {
    let mut run = ending_in(10, get());
    run.sent().answer(FIVE_HEAD).flush().wait_secs(50);
    assert_eq!((run.end().as_str(), run.exchange.follows_credential()), ("goes on", false));
    run.answer(b"hello").flush();
    assert_eq!(run.end(), "answered");
    // Nor is the rest of a stream that the app has ended.
    let mut run = events_until(40);
    run.wait_secs(30).answer(b"7\r\ndata: \n\r\n0\r\n\r\n").wait_secs(15).flush();
    assert_eq!((run.end().as_str(), run.outcome().stream_end), ("answered", Some(StreamEnd::App)));
}

#[test]
fn a_stream_that_begins_behind_the_end_of_its_credential_ends_at_once() {
    let mut run = ending_in(10, websocket());
    run.sent().wait_secs(30).answer(SWITCH).wait_secs(0).flush();
    assert_eq!((&*run.client, run.end().as_str()), (EXPIRED, "answered"));
    let mut run = ending_in(10, get());
    run.sent().wait_secs(30).answer(EVENTS).wait_secs(0).flush();
    assert_eq!((run.told.len(), run.end().as_str()), (2, "answered"));
}

#[test]
fn the_end_of_a_credential_moves_with_the_wall_clock() {
    let mut run = opened_until(100);
    assert!(run.exchange.follows_credential());
    let moved = |run: &mut Run, end| {
        let end = Some(run.now + Duration::from_secs(end));
        run.exchange.move_credential_end(end);
        run.due()
    };
    assert_eq!(moved(&mut run, 200), Some(200.0));
    assert_eq!(run.wait_secs(150).end(), "goes on");
    assert_eq!(moved(&mut run, 0), Some(0.0));
    assert!(run.wait_secs(0).client.ends_with(EXPIRED));
    assert!(!run.exchange.follows_credential());
    // One that has ended stays so.
    assert_eq!(moved(&mut run, 100), Some(5.0));
}

#[test]
fn a_stream_whose_credential_does_not_end_goes_on() {
    let run = opened();
    assert!(!run.exchange.follows_credential());
    assert_eq!(run.due(), Some(300.0), "by `stream_idle`");
}

#[test]
fn whoever_ends_a_stream_first_has_ended_it() {
    // A shutdown, in a frame.
    let mut run = opened_until(100);
    run.answer(b"\x81\x02h").flush().wait_secs(100).on(Event::Draining).answer(b"i").flush();
    assert!(run.client.ends_with(EXPIRED));
    assert_eq!((run.end().as_str(), run.outcome().stream_end), ("answered", Some(StreamEnd::Expired)));
    let mut run = opened_until(100);
    run.answer(b"\x81\x02h").flush().wait_secs(100).on(Event::Closing).flush();
    assert_eq!((run.end().as_str(), run.outcome().stream_end), ("broken", Some(StreamEnd::Expired)));
    // The client, with a close frame that the app does not answer.
    let mut run = opened_until(100);
    run.data(b"\x88\x80....").take_all().wait_secs(100).flush();
    assert!(run.client.ends_with(EXPIRED));
    assert_eq!((run.end().as_str(), run.outcome().stream_end), ("answered", Some(StreamEnd::Client)));
}

#[test]
fn a_stream_that_is_refused_leaves_no_trace_at_the_client() {
    let mut run = Run::new(get());
    run.sent();
    run.exchange.incoming().extend_from_slice(EVENTS);
    run.exchange.on(Event::AppData, run.now);
    assert!(matches!(run.exchange.answer_step(run.now), AnswerStep::Begin { .. }));
    run.exchange.refuse_stream(Denial::TooManyStreams);
    assert_eq!(run.end(), "429 too_many_streams");
    run.look();
    assert_eq!((run.told.len(), run.client.len()), (0, 0));
    let outcome = run.outcome();
    assert_eq!((outcome.status, outcome.stream_end, outcome.app), (None, None, AppReuse::No));
    assert_eq!(outcome.failure, Some(Denial::TooManyStreams));
}

/// It ends whatever `on_expiry` says, and whatever is silent.
#[test]
fn a_stream_ends_when_the_credential_of_its_caller_is_revoked() {
    const REVOKED: &[u8] = b"\x88\x1c\x03\xf0the credential was revoked";
    for mut run in [opened(), opened_until(100)] {
        run.on(Event::CredentialRevoked);
        assert_eq!((&*run.client, run.exchange.request_step()), (REVOKED, RequestStep::Wait));
        assert_eq!((run.due(), run.flush().end().as_str()), (Some(5.0), "answered"));
        let outcome = run.outcome();
        assert_eq!((outcome.stream_end, outcome.ended_by()), (Some(StreamEnd::Revoked), Some("revoked")));
        assert_eq!(outcome.detail, Some("the credential of the caller was revoked"));
    }
    let mut run = events();
    run.on(Event::CredentialRevoked).flush();
    assert_eq!((run.told[1].as_str(), run.end().as_str()), ("end", "answered"));
    assert_eq!(run.outcome().stream_end, Some(StreamEnd::Revoked));
    // In a frame; told again; and then by its expiry too.
    let mut run = opened_until(3);
    run.answer(b"\x81\x02h").flush().on(Event::CredentialRevoked).wait_secs(4);
    run.on(Event::CredentialRevoked).answer(b"i").flush();
    assert!(run.client.ends_with(REVOKED));
    assert_eq!((run.end().as_str(), run.outcome().stream_end), ("answered", Some(StreamEnd::Revoked)));
    let mut run = opened();
    run.answer(b"\x81\x02h").flush().on(Event::CredentialRevoked).wait_secs(5);
    assert_eq!((run.end().as_str(), run.outcome().stream_end), ("broken", Some(StreamEnd::Revoked)));
    // What is no stream goes on.
    let mut run = Run::new(get());
    run.sent().on(Event::CredentialRevoked).answer(FIVE_HEAD).on(Event::CredentialRevoked);
    run.answer(b"hello").flush();
    assert_eq!(run.end(), "answered");
}
