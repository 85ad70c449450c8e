//! Which request may be sent again: one of which the app cannot have done anything.

use super::run::{FIVE, HEAD, Run, get, post, websocket};
use crate::denial::UpstreamFault;
use crate::exchange::{AppReuse, Event, ExchangeTerms, RequestStep};
use crate::request::RequestBody;

const STALE: [Event; 2] = [Event::AppClosed, Event::AppBroken(UpstreamFault::Reset)];
const AGAIN: RequestStep = RequestStep::Connect { fresh: true, tries: 1, watch: true };

#[test]
fn a_stale_connection_is_replaced_by_a_new_one_once() {
    for stale in STALE {
        // Whether the app took all of the request, a part, or refused to take it.
        for taken in [HEAD.len(), 5, 0] {
            let mut run = Run::new(get());
            run.connect(true);
            match taken {
                0 => run.on(Event::AppStopped { reset: true }),
                taken => run.take(taken),
            };
            run.on(stale.clone());
            assert_eq!(run.exchange.request_step(), AGAIN);
            run.sent();
            assert_eq!(run.app, HEAD);
            run.answer(FIVE).flush();
            assert_eq!(run.end(), "answered");
            assert_eq!(run.outcome().app, AppReuse::Yes, "the new connection is as good as any");
        }
    }
    let mut run = Run::new(get());
    run.connect(true).take_all().on(Event::AppClosed).connect(true).take_all().on(Event::AppClosed);
    assert_eq!(run.end(), "502 upstream_unreachable closed");
}

#[test]
fn what_the_app_may_have_done_is_not_repeated() {
    let bodiless = || ExchangeTerms { repeatable: false, ..get() };
    let no_tries = || ExchangeTerms { retries: 0, ..get() };
    type Case = (fn() -> ExchangeTerms, bool, &'static [u8], &'static str);
    let cases: [Case; 6] = [
        (get, false, b"", "a new connection"),
        (bodiless, true, b"", "a method that is not safe"),
        (no_tries, true, b"", "no more tries"),
        (|| post(RequestBody::Known(0)), true, b"", "a POST without a body"),
        (get, true, b"H", "a byte of an answer"),
        (get, true, b"HTTP/1.1 103 Early Hints\r\n\r\n", "an interim answer"),
    ];
    for (terms, reused, answer, why) in cases {
        for stale in STALE {
            let mut run = Run::new(terms());
            run.connect(reused).take_all();
            if !answer.is_empty() {
                run.answer(answer);
            }
            run.on(stale);
            assert!(run.end().starts_with("502"), "{why}: {}", run.end());
        }
    }
    // An answer that is none, and one that does not come, are no sign of a stale connection.
    let mut run = Run::new(get());
    run.connect(true).take_all().answer(b"SSH-2.0");
    assert_eq!(run.end(), "502 upstream_unreachable bad_answer");
    let mut run = Run::new(get());
    run.connect(true).take_all().wait_secs(60);
    assert_eq!(run.end(), "504 upstream_timeout timeout");
}

#[test]
fn a_body_or_a_handshake_asks_for_a_new_connection() {
    let step = |terms| Run::new(terms).exchange.request_step();
    assert_eq!(step(get()), RequestStep::Connect { fresh: false, tries: 0, watch: true });
    for (terms, watch) in [
        (post(RequestBody::Known(5)), false),
        (post(RequestBody::Unknown), false),
        (post(RequestBody::None), true),
        (websocket(), true),
    ] {
        assert_eq!(step(terms), RequestStep::Connect { fresh: true, tries: 0, watch });
    }
}

#[test]
fn a_connection_that_cannot_be_made_is_tried_again_whatever_the_method() {
    for (fault, expected) in [
        (UpstreamFault::Refused, "502 upstream_unreachable refused"),
        (UpstreamFault::Timeout, "504 upstream_timeout timeout"),
        (UpstreamFault::NoSuchName, "502 upstream_unreachable no_such_name"),
    ] {
        let mut run = Run::new(post(RequestBody::Unknown));
        run.on(Event::NotConnected(fault));
        let again = RequestStep::Connect { fresh: true, tries: 1, watch: false };
        assert_eq!(run.exchange.request_step(), again);
        run.on(Event::NotConnected(fault));
        assert_eq!(run.end(), expected);
    }
    let mut run = Run::new(get());
    run.on(Event::NotConnected(UpstreamFault::Refused)).sent().answer(FIVE).flush();
    assert_eq!(run.end(), "answered");
}
