//! The minimum rate of a request body: 100 bytes a second over each 20 seconds of waiting for the client.

use std::time::Duration;

use super::run::{FIVE_HEAD, Run, post};
use crate::exchange::Event;
use crate::request::RequestBody;

fn upload() -> Run {
    let mut run = Run::new(post(RequestBody::Unknown));
    run.connect(false).on(Event::ClientSilent).take_all().on(Event::ClientSilent);
    run
}

/// The client is waited for so long, and then sends so much.
fn send(run: &mut Run, after: u64, bytes: usize) {
    // The data is seen before the clock, as by a loop that was woken by either.
    run.now += Duration::from_secs(after);
    run.data(&vec![b'x'; bytes]);
    run.take_all().on(Event::ClientSilent);
}

#[test]
fn a_body_at_the_rate_goes_on() {
    let mut run = upload();
    for _ in 0..100 {
        send(&mut run, 10, 1000);
    }
    assert_eq!(run.end(), "goes on");
}

#[test]
fn a_body_below_the_rate_ends_with_its_window() {
    let mut run = upload();
    send(&mut run, 10, 1000);
    send(&mut run, 9, 900);
    assert_eq!((run.due(), run.end().as_str()), (Some(1.0), "goes on"));
    run.wait_secs(1);
    assert_eq!(run.end(), "408 body_timeout");
}

#[test]
fn a_fast_start_does_not_pay_for_a_slow_rest() {
    let mut run = upload();
    send(&mut run, 10, 1_000_000);
    send(&mut run, 10, 1);
    send(&mut run, 19, 1);
    assert_eq!(run.wait_secs(1).end(), "408 body_timeout");
}

#[test]
fn silence_ends_a_body_however_much_came_before() {
    let mut run = upload();
    send(&mut run, 0, 1_000_000);
    assert_eq!(run.due(), Some(20.0));
    assert_eq!(run.wait_secs(20).end(), "408 body_timeout");
    // A part without data is no sign of life.
    let mut run = upload();
    send(&mut run, 1, 1_000_000);
    run.wait_secs(10).data(b"").on(Event::ClientSilent);
    assert_eq!(run.due(), Some(9.0));
}

#[test]
fn the_time_that_the_app_needs_does_not_count() {
    let mut run = upload();
    for _ in 0..10 {
        run.wait_secs(1).data(&[b'x'; 150]);
        run.wait_secs(50).take_all().on(Event::ClientSilent);
    }
    assert_eq!(run.end(), "goes on");
}

#[test]
fn a_slow_body_does_not_end_an_answer_that_has_begun() {
    let mut run = upload();
    run.answer(FIVE_HEAD).flush().wait_secs(20).answer(b"hello").flush();
    assert_eq!((&*run.client, run.end().as_str()), (&b"hello"[..], "answered"));
    // A client that sends too little too late: neither does its body go on.
    let mut run = upload();
    run.answer(FIVE_HEAD).flush();
    run.now += Duration::from_secs(20);
    run.data(b"x").on(Event::ClientEnd);
    assert_eq!(run.exchange.outgoing().concat(), b"");
    run.answer(b"hello").flush();
    assert_eq!(run.end(), "answered");
}
