//! Connections to the app that went stale while nobody used them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use super::patient;
use crate::harness::{Gateway, Request, Upstream, default_answer, poll_until};

const MANY: usize = 8;

/// An app that answers `/fill` only once there are as many of it as the test needs connections.
fn filled(
    then: impl Fn(&mut crate::harness::Exchange<'_>) -> std::io::Result<()> + Send + Sync + 'static,
) -> Upstream {
    let barrier = Barrier::new(MANY);
    Upstream::with(move |exchange| {
        if exchange.path() == "/fill" {
            barrier.wait();
            return exchange.reply("200 OK", &[], "filled");
        }
        then(exchange)
    })
}

/// Opens as many connections to the app at once, all of which lie in the pool afterwards.
fn fill(gateway: &Gateway) {
    std::thread::scope(|scope| {
        for _ in 0..MANY {
            scope.spawn(|| assert_eq!(gateway.ask(&Request::get("/fill")).text(), "filled"));
        }
    });
}

/// An app that is restarted ends its idle connections in an orderly way: this is seen before one is used.
#[test]
fn no_request_fails_after_the_app_was_restarted_between_requests() {
    let app = filled(default_answer);
    let gateway = patient(&app, "[log]\nlevel = \"debug\"", "retries = 0");
    fill(&gateway);
    let address = app.kill();
    let app = Upstream::on(address, default_answer);
    for n in 0..4 * MANY {
        for request in [Request::get("/x"), Request::post("/x", "abc"), Request::new("DELETE", "/x")] {
            let answer = gateway.ask(&request);
            assert_eq!((answer.status, answer.complete), (200, true), "{n}: {request:?}");
        }
    }
    assert_eq!(gateway.metric("stagedoor_upstream_failures_total", &[]), 0.0);
    assert!(app.seen().iter().all(|seen| seen.complete));
    // The operator can find out that it happened, and with which app.
    let of_app = format!("\"app\":\"{address}\"");
    poll_until("a line for each stale connection", || {
        let log = gateway.log();
        let stale = log.lines().filter(|line| line.contains("an idle connection was stale"));
        (stale.filter(|line| line.contains(&of_app)).count() == MANY).then_some(())
    });
}

/// Connections that only show to be stale when they are used: the second try opens a new one instead of using the next
/// stale one.
#[test]
fn one_retry_is_enough_for_any_number_of_stale_connections() {
    let app = filled(|exchange| {
        if exchange.before > 0 {
            exchange.reset();
            return Ok(());
        }
        default_answer(exchange)
    });
    for method in ["GET", "HEAD", "OPTIONS"] {
        let gateway = patient(&app, "", "");
        fill(&gateway);
        app.forget();
        for n in 0..2 * MANY {
            let mut client = gateway.client();
            client.send(Request::new(method, &format!("/{n}")).bytes());
            assert_eq!(client.answer_to(method).status, 200, "{method} {n}");
            let path = format!("/{n}");
            let event = gateway.event_where(&path, |event| event["path"] == path.as_str());
            let times = 1 + event["retries"].as_u64().unwrap_or(0) as usize;
            assert!((1..=2).contains(&times), "{method} {n}: {event}");
            let sent = || app.seen().iter().filter(|seen| seen.target == path).count();
            // A request whose connection was reset may be noted after its retry was answered.
            poll_until("the app to note each time", || (sent() >= times).then_some(()));
            assert_eq!(sent(), times, "{event}");
        }
        assert_eq!(gateway.metric("stagedoor_upstream_failures_total", &[]), 0.0);
    }
}

/// A connection that closes behind each answer, at any moment.
#[test]
fn an_app_that_closes_at_any_moment_fails_no_get() {
    let served = Arc::new(AtomicUsize::new(0));
    let app = Upstream::with({
        let served = Arc::clone(&served);
        move |exchange| {
            default_answer(exchange)?;
            let n = served.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_micros(50 * (n as u64 % 20)));
            match n % 3 {
                0 => exchange.reset(),
                1 => exchange.hang_up(),
                _ => {}
            }
            Ok(())
        }
    });
    let gateway = patient(&app, "", "");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = gateway.client();
                for n in 0..150 {
                    let request = if n % 4 == 0 { Request::post("/x", "abc") } else { Request::get("/x") };
                    let answer = client.ask(&request);
                    assert_eq!((answer.status, answer.complete), (200, true), "{n}: {request:?}");
                }
            });
        }
    });
}

/// What cannot be repeated goes over no connection that may be stale.
#[test]
fn a_request_with_a_body_gets_a_connection_of_its_own() {
    let app = filled(|exchange| {
        let before = exchange.before;
        exchange.body()?;
        exchange.reply("200 OK", &[], before.to_string())
    });
    let gateway = patient(&app, "", "");
    fill(&gateway);
    let mut client = gateway.client();
    for method in ["POST", "PUT", "PATCH", "DELETE", "GET"] {
        for _ in 0..3 {
            let answer = client.ask(&Request::new(method, "/x").body("abc"));
            assert_eq!((answer.status, answer.text().as_str()), (200, "0"), "{method}");
        }
        client.send(format!(
            "{method} /x HTTP/1.1\r\nHost: media.localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        ));
        assert_eq!(client.answer_to(method).text(), "0", "{method}");
    }
    assert_ne!(client.ask(&Request::get("/x")).text(), "0", "one without a body shares");
}

/// A pool keeps connections for a while and no longer, and no more of them than its cap.
#[test]
fn connections_to_an_app_that_is_not_asked_any_more_are_few() {
    let app = filled(default_answer);
    let gateway = patient(&app, "", "");
    for _ in 0..3 {
        fill(&gateway);
    }
    assert!(app.connections() <= 3 * MANY);
    let before = app.connections();
    for _ in 0..50 {
        assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
    }
    poll_until("connections that are used again", || (app.connections() <= before + 2).then_some(()));
}

/// The next policy has the connections of the one before, where the address is the same; others end with it.
#[test]
fn connections_last_over_reloads_for_as_long_as_the_app_stays() {
    let app = filled(default_answer);
    let gateway = patient(&app, "", "");
    fill(&gateway);
    let text = std::fs::read_to_string(gateway.folder.config_path()).unwrap();
    gateway.folder.configure(&text.replace("body.max = \"1GiB\"", "body.max = \"1MiB\""));
    assert_eq!(gateway.reload(), "ok");
    let before = app.connections();
    for _ in 0..MANY {
        assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
    }
    assert_eq!(app.connections(), before, "no connection was opened");
    let other = Upstream::start();
    gateway.folder.configure(&text.replace(&app.url(), &other.url()));
    assert_eq!(gateway.reload(), "ok");
    poll_until("the connections to the app of before to end", || (app.open_connections() == 0).then_some(()));
    app.forget();
    assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
    assert_eq!((app.seen().len(), other.seen().len()), (0, 1));
}
