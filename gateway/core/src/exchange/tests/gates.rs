//! Bodies that a gate holds back, in each direction: nothing leaves before the verdict, not even the head.

use bytes::Bytes;

use super::run::{FIVE, FIVE_HEAD, LATE, OVERFLOW, REFUSED, Run, TestGate, WITHIN, get, post};
use crate::denial::Denial;
use crate::exchange::{AppReuse, Direction, Ended, Event, HELD_MAX, Judgement, RequestStep, Verdict};
use crate::request::RequestBody;

const LENGTHS: [RequestBody; 2] = [RequestBody::Known(10), RequestBody::Unknown];

fn verdicts() -> [(Verdict, Result<&'static str, Denial>); 4] {
    [
        (Verdict::Pass, Ok("0123456789")),
        (Verdict::Replace(Bytes::from_static(b"other")), Ok("other")),
        (Verdict::Replace(Bytes::new()), Ok("")),
        (Verdict::Refuse(REFUSED), Err(REFUSED)),
    ]
}

/// A request whose gate holds it, up to the end of its body.
fn held_request(body: RequestBody, gate: TestGate) -> Run {
    let mut run = Run::gated(post(body), gate, TestGate::open());
    for part in [&b"01234"[..], b"56789"] {
        assert_eq!(run.exchange.request_step(), RequestStep::Read);
        run.on(Event::ClientSilent).data(part);
        assert_eq!(run.exchange.outgoing().concat(), b"", "nothing leaves");
    }
    run.on(Event::ClientEnd);
    run
}

/// An answer whose gate holds it, up to the end of its body.
fn held_answer(answer: &[u8], gate: TestGate) -> Run {
    let mut run = Run::gated(get(), TestGate::open(), gate);
    run.sent();
    for byte in answer.chunks(1) {
        assert_eq!((run.told.len(), run.client.len()), (0, 0), "nothing leaves");
        run.answer(byte);
    }
    run
}

/// The answers of ten bytes, in each framing that tells its end.
fn answers() -> [&'static [u8]; 2] {
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n",
    ]
}

/// A gate that holds the body, and asks for this verdict or knows it.
fn gate(asks: bool, verdict: &Verdict) -> TestGate {
    if asks { TestGate::asking() } else { TestGate::holding(Judgement::Known(verdict.clone())) }
}

#[test]
fn a_request_leaves_with_its_verdict() {
    for body in LENGTHS {
        for asks in [false, true] {
            for (verdict, expected) in verdicts() {
                let gate = gate(asks, &verdict);
                let mut run = held_request(body, gate);
                if asks {
                    assert_eq!(run.exchange.request_step(), RequestStep::Ask);
                    assert_eq!(run.exchange.held(Direction::Request), b"0123456789");
                    assert_eq!(run.due(), Some(WITHIN.as_secs_f64()));
                    run.on(Event::Verdict(Direction::Request, verdict));
                }
                match expected {
                    Ok(data) => {
                        run.sent();
                        let sent = String::from_utf8(run.app.clone()).unwrap();
                        let length = data.len();
                        assert!(sent.contains(&format!("content-length: {length}\r\n")), "{sent}");
                        assert!(
                            !sent.contains("chunked") && sent.ends_with(&format!("\r\n\r\n{data}")),
                            "{sent}"
                        );
                        run.answer(FIVE).flush();
                        assert_eq!(run.end(), "answered");
                        assert_eq!(run.outcome().app, AppReuse::No);
                    }
                    Err(denial) => {
                        assert_eq!(run.exchange.outgoing().concat(), b"");
                        assert_eq!(run.outcome().ended, Ended::Refused(denial));
                    }
                }
            }
        }
    }
}

#[test]
fn an_answer_leaves_with_its_verdict() {
    for answer in answers() {
        for asks in [false, true] {
            for (verdict, expected) in verdicts() {
                let gate = gate(asks, &verdict);
                let mut run = held_answer(answer, gate);
                if asks {
                    assert_eq!(run.look(), "Ask");
                    assert_eq!(run.exchange.held(Direction::Answer), b"0123456789");
                    assert_eq!((run.told.len(), run.client.len()), (0, 0), "nothing leaves");
                    run.on(Event::Verdict(Direction::Answer, verdict));
                }
                match expected {
                    Ok(data) => {
                        let begins = format!("begin 200 Length({}) Absent", data.len());
                        assert_eq!(run.told, [begins.as_str(), "end"]);
                        assert_eq!(run.client, data.as_bytes());
                        assert_eq!(run.flush().end(), "answered");
                        assert_eq!(run.outcome().app, AppReuse::Yes);
                    }
                    Err(denial) => {
                        assert_eq!((run.told.len(), run.client.len()), (0, 0), "nothing leaves");
                        assert_eq!(run.outcome().ended, Ended::Refused(denial));
                    }
                }
            }
        }
    }
}

#[test]
fn what_follows_a_held_answer_is_not_taken_for_its_body() {
    let bytes = [answers()[0], b"HTTP/1.1 200 OK\r\n"].concat();
    let mut run = Run::gated(get(), TestGate::open(), TestGate::asking());
    run.sent().answer(&bytes);
    run.on(Event::Verdict(Direction::Answer, Verdict::Replace(Bytes::from_static(b"abc"))));
    assert_eq!((run.told[0].as_str(), &*run.client), ("begin 200 Length(3) Absent", &b"abc"[..]));
    assert_eq!(run.flush().end(), "answered");
    assert_eq!(run.outcome().app, AppReuse::No);
}

#[test]
fn a_body_ended_by_closing_is_held_too() {
    let mut run = held_answer(b"HTTP/1.1 200 OK\r\n\r\n0123456789", TestGate::asking());
    assert_eq!(run.on(Event::AppClosed).look(), "Ask");
    run.on(Event::Verdict(Direction::Answer, Verdict::Pass));
    assert_eq!((run.told[0].as_str(), &*run.client), ("begin 200 Length(10) Absent", &b"0123456789"[..]));
    assert_eq!(run.flush().end(), "answered");
    assert_eq!(run.outcome().app, AppReuse::No);
}

#[test]
fn a_verdict_after_its_deadline_is_none() {
    // Whether the clock has been told first or not.
    for told in [false, true] {
        let mut request = held_request(RequestBody::Unknown, TestGate::asking());
        let mut answer = held_answer(FIVE, TestGate::asking());
        for (run, direction) in [(&mut request, Direction::Request), (&mut answer, Direction::Answer)] {
            run.now += WITHIN;
            if told {
                run.on(Event::Time);
            }
            run.on(Event::Verdict(direction, Verdict::Pass));
            assert_eq!(run.exchange.ended(), Some(&Ended::Refused(LATE)));
            assert_eq!(
                run.exchange.outgoing().concat().len() * usize::from(direction == Direction::Request),
                0
            );
            assert_eq!((run.told.len(), run.client.len()), (0, 0), "nothing leaves");
        }
    }
}

#[test]
fn a_verdict_that_nobody_asked_for_changes_nothing() {
    let mut run = Run::gated(post(RequestBody::Unknown), TestGate::asking(), TestGate::asking());
    run.data(b"abc");
    for direction in [Direction::Request, Direction::Answer] {
        run.on(Event::Verdict(direction, Verdict::Pass));
    }
    assert_eq!(run.exchange.request_step(), RequestStep::Read);
    assert_eq!(run.exchange.outgoing().concat(), b"");
}

#[test]
fn one_mebibyte_is_held_and_no_more() {
    let part = vec![b'x'; HELD_MAX / 16];
    for beyond in [0, 1] {
        let mut run = Run::gated(post(RequestBody::Unknown), TestGate::asking(), TestGate::open());
        for _ in 0..16 {
            run.data(&part);
        }
        assert_eq!(run.end(), "goes on");
        if beyond > 0 {
            run.data(b"x");
            assert_eq!(run.exchange.ended(), Some(&Ended::Refused(OVERFLOW)));
        } else {
            run.on(Event::ClientEnd).on(Event::Verdict(Direction::Request, Verdict::Pass)).sent();
            assert_eq!(run.app.iter().filter(|byte| **byte == b'x').count(), HELD_MAX);
        }

        for head in ["", "Transfer-Encoding: chunked\r\n"] {
            let mut run = Run::gated(get(), TestGate::open(), TestGate::asking());
            run.sent().answer(format!("HTTP/1.1 200 OK\r\n{head}\r\n").as_bytes());
            let size = format!("{:x}\r\n", part.len());
            for _ in 0..16 {
                match head {
                    "" => run.answer(&part),
                    _ => run.answer(&[size.as_bytes(), &part, b"\r\n"].concat()),
                };
            }
            assert_eq!(run.end(), "goes on");
            if beyond > 0 {
                run.answer(if head.is_empty() { b"x" } else { b"1\r\nx\r\n" });
                assert_eq!(run.exchange.ended(), Some(&Ended::Refused(OVERFLOW)));
            }
            assert_eq!((run.told.len(), run.client.len()), (0, 0), "nothing leaves");
        }
    }
}

#[test]
fn a_declared_length_is_refused_before_its_first_byte() {
    for (length, expected) in [(HELD_MAX, "goes on"), (HELD_MAX + 1, "413 body_too_large")] {
        let body = RequestBody::Known(length as u64);
        let run = Run::gated(post(body), TestGate::asking(), TestGate::open());
        assert_eq!(run.end(), expected);
        let mut run = Run::gated(get(), TestGate::open(), TestGate::asking());
        run.sent().answer(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").as_bytes());
        assert_eq!(run.end(), expected);
    }
}

#[test]
fn a_body_that_breaks_off_is_never_judged() {
    let mut run = Run::gated(post(RequestBody::Known(10)), TestGate::asking(), TestGate::open());
    run.data(b"01234").on(Event::ClientEnd);
    assert_eq!(run.end(), "400 bad_request");
    let mut run = Run::gated(post(RequestBody::Unknown), TestGate::asking(), TestGate::open());
    run.data(b"01234").on(Event::ClientClosed);
    assert_eq!(run.end(), "400 bad_request");
    let mut run = held_answer(&FIVE[..FIVE.len() - 1], TestGate::asking());
    run.on(Event::AppClosed);
    assert_eq!(run.end(), "502 upstream_unreachable closed");
}

#[test]
fn a_refused_part_is_never_sent_on_and_neither_is_what_follows_it() {
    for body in LENGTHS {
        let mut run = Run::gated(post(body), TestGate::refusing_beyond(5), TestGate::open());
        run.connect(false).data(b"01234").take_all().data(b"5");
        assert_eq!(run.exchange.ended(), Some(&Ended::Refused(REFUSED)));
        assert!(run.exchange.request_step() == RequestStep::Wait && !run.app.ends_with(b"5"));

        // The answer has begun: the client is still to get what it has of it, but the app gets no body with a gap.
        let mut run = Run::gated(post(body), TestGate::refusing_beyond(5), TestGate::open());
        run.connect(false).data(b"01234").take_all().answer(FIVE_HEAD).data(b"5");
        assert_eq!((run.look(), run.exchange.request_step()), ("Flush", RequestStep::Wait));
        run.data(b"6789").on(Event::ClientEnd);
        assert_eq!(run.exchange.outgoing().concat(), b"");
        assert_eq!(run.flush().end(), "broken");
    }
    let mut run = Run::gated(get(), TestGate::open(), TestGate::refusing_beyond(2));
    run.sent().answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe").answer(b"l").answer(b"lo").flush();
    assert_eq!((&*run.client, run.end().as_str()), (&b"he"[..], "broken"));
}

#[test]
fn an_answer_without_a_body_is_not_held() {
    let mut run = Run::gated(get(), TestGate::open(), TestGate::asking());
    run.sent().answer(b"HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(run.told, ["begin 204 None Absent", "end"]);
}
