//! Deadlines: of two gateways one has little patience, and its cut is the clock for the other.

use std::time::Duration;

use super::two;
use crate::harness::{Client, DEADLINE, Request, Upstream, poll_until};

const HALF: &str = "POST /x HTTP/1.1\r\nHost: media.localhost\r\nContent-Length: 6\r\n\r\nabc";

#[test]
pub(super) fn header() {
    let app = Upstream::start();
    let (short, long) =
        two(&app, "[server.timeouts]\nheader = \"300ms\"", "[server.timeouts]\nheader = \"1h\"");
    let (mut cut, mut waited) = (short.client(), long.client());
    for client in [&mut cut, &mut waited] {
        client.send("GET /x HTTP/1.1\r\nHost: media.localhost\r\n");
    }
    assert_eq!(cut.answer().code(), "head_timeout");
    assert_eq!(waited.send("\r\n").answer().status, 200);
}

#[test]
pub(super) fn idle() {
    let app = Upstream::start();
    let (short, long) = two(&app, "[server.timeouts]\nidle = \"300ms\"", "[server.timeouts]\nidle = \"1h\"");
    let (mut cut, mut waited) = (short.client(), long.client());
    assert_eq!(cut.ask(&Request::get("/x")).status, 200);
    assert_eq!(waited.ask(&Request::get("/x")).status, 200);
    assert!(cut.is_closed());
    assert_eq!(waited.ask(&Request::get("/x")).status, 200);
}

#[test]
pub(super) fn body_idle() {
    let app = Upstream::start();
    let (short, long) =
        two(&app, "[server.timeouts]\nbody_idle = \"300ms\"", "[server.timeouts]\nbody_idle = \"1h\"");
    let (mut cut, mut waited) = (short.client(), long.client());
    cut.send(HALF);
    waited.send(HALF);
    assert_eq!(cut.answer().code(), "body_timeout");
    assert_eq!(waited.send("def").answer().status, 200);
}

#[test]
pub(super) fn min_rate() {
    let app = Upstream::start();
    let (strict, lenient) = two(
        &app,
        "[server.timeouts]\nbody_idle = \"2s\"\nmin_rate = \"1MiB/s\"",
        "[server.timeouts]\nbody_idle = \"2s\"\nmin_rate = \"0B/s\"",
    );
    let head = "POST /x HTTP/1.1\r\nHost: media.localhost\r\nContent-Length: 100000\r\n\r\n";
    let (mut cut, mut waited) = (strict.client(), lenient.client());
    cut.send(head);
    waited.send(head);
    cut.reader.stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let mut sent = 0;
    poll_until("a cut", || {
        let _ = cut.try_send("x");
        waited.send("x");
        sent += 1;
        cut.reader.fill().is_ok().then_some(())
    });
    cut.reader.stream.set_read_timeout(Some(DEADLINE)).unwrap();
    assert_eq!(cut.answer().code(), "body_timeout");
    assert_eq!(waited.send("x".repeat(100_000 - sent)).answer().status, 200);
}

#[test]
pub(super) fn send_idle() {
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n")?;
        loop {
            exchange.write([b'x'; 65536])?;
        }
    });
    let (short, long) =
        two(&app, "[server.timeouts]\nsend_idle = \"300ms\"", "[server.timeouts]\nsend_idle = \"1h\"");
    let mut clients: Vec<Client> = [&short, &long].map(|gateway| gateway.client()).into();
    for client in &mut clients {
        client.send(Request::get("/film").bytes());
        client.head().unwrap();
    }
    poll_until("a cut", || (short.metric("stagedoor_connections", &[]) == 0.0).then_some(()));
    assert_eq!(long.metric("stagedoor_connections", &[]), 1.0);
}

#[test]
pub(super) fn stream_idle() {
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n")?;
        exchange.write("Transfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let (short, long) =
        two(&app, "[server.timeouts]\nstream_idle = \"300ms\"", "[server.timeouts]\nstream_idle = \"1h\"");
    let (mut cut, mut waited) = (short.client(), long.client());
    for client in [&mut waited, &mut cut] {
        client.send(Request::get("/events").bytes());
        assert_eq!(client.head().unwrap().status, 200);
    }
    assert!(cut.is_closed());
    assert_eq!(long.metric("stagedoor_streams", &[]), 1.0);
}

#[test]
pub(super) fn drain() {
    let app = Upstream::start();
    let (mut short, mut long) = two(&app, "[server]\ndrain = \"0ms\"", "[server]\ndrain = \"1h\"");
    let (mut cut, mut waited) = (short.client(), long.client());
    cut.send(HALF);
    waited.send(HALF);
    poll_until("the app to see both", || (app.seen().len() == 2).then_some(()));
    short.signal("TERM");
    long.signal("TERM");
    long.wait_for_log("draining");
    assert!(short.wait().0.success());
    assert!(cut.is_closed());
    assert!(long.is_running());
    assert_eq!(waited.send("def").answer().status, 200);
    assert!(long.wait().0.success());
}
