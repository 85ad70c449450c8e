//! Caps of the process.

use super::two;
use crate::harness::{Gateway, Request, Upstream, poll_until};

#[test]
pub(super) fn threads_are_as_many_as_told() {
    let app = Upstream::start();
    let (few, many) = two(&app, "[server]\nthreads = 1", "[server]\nthreads = 40");
    let count = |gateway: &Gateway| {
        std::fs::read_dir(format!("/proc/{}/task", gateway.pid())).map_or(0, Iterator::count)
    };
    poll_until("forty threads", || (count(&many) > 40).then_some(()));
    assert!(count(&few) < 40);
}

#[test]
pub(super) fn connections() {
    let app = Upstream::start();
    let (few, more) = two(&app, "[server.limits]\nconnections = 2", "[server.limits]\nconnections = 3");
    third_is(&few, &more);
}

#[test]
pub(super) fn connections_per_ip() {
    let app = Upstream::start();
    let (few, more) =
        two(&app, "[server.limits]\nconnections_per_ip = 2", "[server.limits]\nconnections_per_ip = 3");
    third_is(&few, &more);
}

/// The third connection is refused by the one and served by the other.
fn third_is(refused: &Gateway, served: &Gateway) {
    for (gateway, expected) in [(refused, 503), (served, 200)] {
        let mut clients = [gateway.client(), gateway.client()];
        for client in &mut clients {
            assert_eq!(client.ask(&Request::get("/x")).status, 200);
        }
        let mut third = gateway.client();
        let _ = third.try_send(Request::get("/x").bytes());
        assert_eq!(third.answer().status, expected);
    }
}

#[test]
fn the_cap_of_connections_is_live() {
    let app = Upstream::start();
    let (gateway, _) = two(&app, "[server.limits]\nconnections = 1", "");
    let mut first = gateway.client();
    assert_eq!(first.ask(&Request::get("/x")).status, 200);
    assert_eq!(gateway.client().answer().status, 503);
    let config = gateway.folder.read("stagedoor.toml");
    gateway.folder.configure(&config.replace("connections = 1", "connections = 2"));
    assert_eq!(gateway.reload(), "ok");
    assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
}

#[test]
pub(super) fn requests_per_connection() {
    let app = Upstream::start();
    let (one, more) = two(
        &app,
        "[server.limits]\nrequests_per_connection = 1",
        "[server.limits]\nrequests_per_connection = 2",
    );
    assert_eq!(one.ask(&Request::get("/x")).field("connection"), "close");
    let mut client = more.client();
    assert_ne!(client.ask(&Request::get("/x")).field("connection"), "close");
    assert_eq!(client.ask(&Request::get("/x")).field("connection"), "close");
}

#[test]
pub(super) fn heads() {
    let app = Upstream::start();
    let many = (0..20).fold(Request::get("/x"), |request, n| request.field(&format!("X-{n}"), "1"));
    for (key, small, large, request, refused) in [
        ("header_bytes", "\"1KiB\"", "\"4KiB\"", Request::get("/x").field("X", "v".repeat(2048)), 431),
        ("header_count", "10", "30", many, 431),
        ("uri_bytes", "\"256B\"", "\"512B\"", Request::get(&format!("/{}", "a".repeat(300))), 414),
    ] {
        let line = |value: &str| format!("[server.limits]\n{key} = {value}");
        let (less, more) = two(&app, &line(small), &line(large));
        assert_eq!((less.ask(&request).status, more.ask(&request).status), (refused, 200), "{key}");
    }
}
