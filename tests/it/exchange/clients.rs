//! Clients that leave, drip, take nothing, half-close or pipeline.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Hold, events_of, patient, post_of, wait_for_no_connection};
use crate::harness::{Client, DEADLINE, Request, Upstream, default_answer, poll_until};

const WHOLE: [&str; 2] = [
    "POST /x HTTP/1.1\r\nHost: media.localhost\r\nContent-Length: 12\r\n\r\nabcdefghijkl",
    "POST /x HTTP/1.1\r\nHost: media.localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n7\r\nfghijkl\r\n0\r\n\r\n",
];

/// At every byte of a request with a body: closed, half-closed, and closed once the app has seen the head.
#[test]
fn a_client_that_leaves_at_any_byte_has_sent_no_whole_request() {
    let app = Upstream::start();
    let gateway = patient(&app, "", "");
    for whole in WHOLE {
        let head = whole.find("\r\n\r\n").unwrap() + 4;
        for length in 0..whole.len() {
            for half in [false, true] {
                app.forget();
                let mut client = gateway.client();
                client.send(&whole[..length]);
                if length >= head {
                    poll_until("the app to see the head", || (app.seen().len() == 1).then_some(()));
                }
                if half {
                    client.finish();
                    match client.try_answer_to("POST") {
                        Ok(answer) => {
                            assert_eq!(answer.status, 400, "{length} of {whole:?}: {answer:?}");
                            if length >= head {
                                let event = gateway.event(&answer);
                                let reason = event["reason"].as_str().unwrap();
                                assert!(reason.contains("the body ends in the middle"), "{event}");
                            }
                        }
                        // It has sent nothing: there is no request to answer.
                        Err(error) => {
                            assert_eq!((error.kind(), length), (std::io::ErrorKind::UnexpectedEof, 0));
                        }
                    }
                }
                drop(client);
                poll_until("the app to see the end", || {
                    app.seen().iter().all(|seen| seen.broken && !seen.complete).then_some(())
                });
                assert_eq!(app.seen().len(), usize::from(length >= head), "{length} of {whole:?}");
            }
        }
    }
    wait_for_no_connection(&gateway);
    assert_eq!(gateway.metric("stagedoor_upstream_failures_total", &[]), 0.0, "the app has no part in it");
    assert_eq!(gateway.metric("stagedoor_panics_total", &[]), 0.0);
    assert_eq!(gateway.ask(&Request::post("/x", "abc")).status, 200);
}

/// An app that begins its answer, as the path says, and goes on with it when the test says so.
fn goes_on(hold: &Hold, ended: &Arc<AtomicUsize>) -> Upstream {
    let (hold, ended) = (hold.clone(), Arc::clone(ended));
    Upstream::with(move |exchange| {
        exchange.body()?;
        let (head, part) = match exchange.path().as_str() {
            "/before" => ("", ""),
            "/length" => ("Content-Length: 1073741824", "half"),
            "/chunks" => ("Transfer-Encoding: chunked", "4\r\nhalf\r\n"),
            "/close" => ("Connection: close", "half"),
            _ => ("Content-Type: text/event-stream\r\nTransfer-Encoding: chunked", "9\r\ndata: 1\n\n\r\n"),
        };
        if !head.is_empty() {
            exchange.write(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{part}"))?;
            hold.wait();
            while exchange.write(part).is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        exchange.wait_for_the_end();
        ended.fetch_add(1, Ordering::SeqCst);
        Ok(())
    })
}

/// A client that leaves in the middle of its answer. Where it closes its connection in an orderly way, it may still be
/// waiting for the rest, as far as the gateway can see: the next part shows that it has left.
#[test]
fn a_client_that_leaves_in_its_answer_frees_the_app() {
    for resets in [true, false] {
        let (hold, ended) = (Hold::default(), Arc::new(AtomicUsize::new(0)));
        let app = goes_on(&hold, &ended);
        let gateway = patient(&app, "", "");
        let paths = ["/length", "/chunks", "/close", "/events"];
        for path in paths {
            for request in [Request::get(path), Request::post(path, "abc")] {
                let mut client = gateway.client();
                client.send(request.bytes());
                assert_eq!(client.head().unwrap().status, 200, "{path}");
                if resets {
                    client.reset();
                }
            }
        }
        if !resets {
            hold.release();
        }
        wait_for_no_connection(&gateway);
        hold.release();
        poll_until("the app to see the end of all", || {
            (ended.load(Ordering::SeqCst) == 2 * paths.len()).then_some(())
        });
        assert_eq!(gateway.metric("stagedoor_streams", &[]), 0.0);
        for path in paths {
            poll_until("both events", || (events_of(&gateway, path).len() == 2).then_some(()));
            for event in events_of(&gateway, path) {
                assert!(event["upstream_error"].is_null(), "the app has no part in it: {event}");
                assert_eq!(event["ended_by"], "client", "{event}");
            }
        }
    }
}

/// The same before the answer, where there is no next part: a reset is seen at once, and what may be a client that
/// waits ends by the deadline of the app.
#[test]
fn a_client_that_leaves_before_its_answer_frees_the_app() {
    for (resets, read) in [(true, ""), (false, "read = \"500ms\"")] {
        let ended = Arc::new(AtomicUsize::new(0));
        let app = goes_on(&Hold::default(), &ended);
        let gateway = patient(&app, "", read);
        for request in [Request::get("/before"), Request::post("/before", "abc")] {
            app.forget();
            let mut client = gateway.client();
            client.send(request.bytes());
            poll_until("the app to have it", || app.seen().iter().any(|seen| seen.complete).then_some(()));
            if resets {
                client.reset();
            }
        }
        poll_until("the app to see the end of both", || (ended.load(Ordering::SeqCst) == 2).then_some(()));
        wait_for_no_connection(&gateway);
        poll_until("both events", || (events_of(&gateway, "/before").len() == 2).then_some(()));
        for event in events_of(&gateway, "/before") {
            let (status, ended_by) = if resets { (0, "client") } else { (504, "-") };
            assert_eq!(event["status"], status, "{event}");
            assert_eq!(event["ended_by"].as_str().unwrap_or("-"), ended_by, "{event}");
        }
    }
}

/// A body in drips is cut by the rate although each byte is in time, also where the app reads nothing of it.
#[test]
fn a_body_that_drips_is_cut_whatever_the_app_does() {
    let hold = Hold::default();
    let app = Upstream::with({
        let hold = hold.clone();
        move |exchange| {
            if exchange.path() == "/unread" {
                hold.wait();
            }
            exchange.body().map(drop)
        }
    });
    let gateway = patient(&app, "body_idle = \"1s\"\nmin_rate = \"1KiB/s\"", "");
    for path in ["/read", "/unread"] {
        for framing in ["Content-Length: 100000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n186a0\r\n"] {
            let mut client = gateway.client();
            client.send(format!("POST {path} HTTP/1.1\r\nHost: media.localhost\r\n{framing}"));
            client.reader.stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
            poll_until("a cut", || {
                let _ = client.try_send("x");
                client.reader.fill().is_ok().then_some(())
            });
            client.reader.stream.set_read_timeout(Some(DEADLINE)).unwrap();
            let answer = client.answer();
            assert_eq!((answer.status, answer.code().as_str()), (408, "body_timeout"), "{path}");
            let event = gateway.event(&answer);
            assert!(event["upstream_error"].is_null(), "the app has no part in it: {event}");
            assert_eq!(event["code"], "body_timeout", "{event}");
        }
    }
    hold.release();
    wait_for_no_connection(&gateway);
    assert!(app.seen().iter().all(|seen| !seen.complete));
}

#[test]
fn a_client_that_takes_nothing_of_an_answer_is_left_in_time() {
    let ended = Arc::new(AtomicUsize::new(0));
    let app = Upstream::with({
        let ended = Arc::clone(&ended);
        move |exchange| {
            let head = match exchange.path().as_str() {
                "/length" => "Content-Length: 1073741824",
                "/chunks" => "Transfer-Encoding: chunked",
                "/close" => "Connection: close",
                _ => "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked",
            };
            exchange.write(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n"))?;
            let mut part = vec![b'x'; 65536];
            if head.contains("chunked") {
                part = [b"10000\r\n".as_slice(), &part, b"\r\n"].concat();
            }
            while exchange.write(&part).is_ok() {}
            ended.fetch_add(1, Ordering::SeqCst);
            exchange.hang_up();
            Ok(())
        }
    });
    let gateway = patient(&app, "send_idle = \"1s\"", "");
    let paths = ["/length", "/chunks", "/close", "/events"];
    let clients: Vec<Client> = paths
        .iter()
        .map(|path| {
            let mut client = gateway.client();
            client.send(Request::get(path).bytes());
            client
        })
        .collect();
    poll_until("the app to see the end of all", || {
        (ended.load(Ordering::SeqCst) == paths.len()).then_some(())
    });
    wait_for_no_connection(&gateway);
    assert_eq!(gateway.metric("stagedoor_streams", &[]), 0.0);
    for path in paths {
        let event = gateway.event_where(path, |event| event["path"] == path);
        assert!(event["upstream_error"].is_null(), "the app has no part in it: {event}");
        assert_eq!(event["ended_by"], "client", "{event}");
        assert_eq!(
            event["detail"], "the client took nothing of the answer for `server.timeouts.send_idle`",
            "{event}"
        );
    }
    drop(clients);
}

/// A client that has said all that it will say may still be waiting for its answer.
#[test]
fn a_client_that_half_closes_gets_its_whole_answer() {
    const PART: usize = 64 * 1024;
    let app = Upstream::with(|exchange| {
        let body = exchange.body()?;
        // The end of the client's side is with the gateway before the answer begins.
        std::thread::sleep(Duration::from_millis(50));
        match exchange.path().as_str() {
            "/length" => exchange.reply("200 OK", &[], vec![b'x'; 64 * PART]),
            "/slow" => {
                exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                for _ in 0..64 {
                    exchange.write("10000\r\n")?;
                    exchange.write([b'x'; PART])?;
                    exchange.write("\r\n")?;
                    std::thread::sleep(Duration::from_millis(5));
                }
                exchange.write("0\r\n\r\n")
            }
            _ => exchange.reply("200 OK", &[], body),
        }
    });
    let gateway = patient(&app, "", "");
    for path in ["/length", "/slow", "/echo"] {
        for request in [Request::get(path), Request::post(path, "abc")] {
            let mut client = gateway.client();
            client.send(request.bytes());
            client.finish();
            let answer = client.answer();
            assert_eq!((answer.status, answer.complete), (200, true), "{request:?}");
            let expected = match (path, request.method.as_str()) {
                ("/echo", "POST") => 3,
                ("/echo", _) => 0,
                _ => 64 * PART,
            };
            assert_eq!(answer.body.len(), expected, "{request:?}");
            assert!(client.is_closed());
        }
    }
    wait_for_no_connection(&gateway);
}

#[test]
fn requests_in_one_piece_are_answered_in_order() {
    assert_in_order(false);
}

#[test]
fn requests_in_one_piece_are_answered_although_the_client_half_closes() {
    assert_in_order(true);
}

fn assert_in_order(half: bool) {
    let app = Upstream::with(default_answer);
    let gateway = patient(&app, "", "");
    let mut client = gateway.client();
    let mut all = Vec::new();
    for n in 0..40 {
        match n % 5 {
            0 => all.extend(Request::get(&format!("/{n}")).bytes()),
            1 => all.extend(Request::post(&format!("/{n}"), "a".repeat(n * 100)).bytes()),
            2 => all.extend(
                format!(
                    "PUT /{n} HTTP/1.1\r\nHost: media.localhost\r\nTransfer-Encoding: chunked\r\n\r\n\
                     3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nX-Trailer: 1\r\n\r\n"
                )
                .bytes(),
            ),
            3 => all.extend(Request::new("HEAD", &format!("/{n}")).bytes()),
            _ => all.extend(Request::get(&format!("/{n}")).host("other.localhost").bytes()),
        }
    }
    client.send(all);
    if half {
        client.finish();
    }
    for n in 0..40 {
        let method = ["GET", "POST", "PUT", "HEAD", "GET"][n % 5];
        let answer = client.answer_to(method);
        assert!(answer.complete);
        match n % 5 {
            4 => assert_eq!(answer.status, 421, "request {n}"),
            3 => assert_eq!((answer.status, answer.body.len()), (200, 0), "request {n}"),
            _ => assert_eq!(answer.text(), format!("{method} /{n}\n")),
        }
    }
    if half {
        assert!(client.is_closed());
    }
    assert!(app.seen().iter().all(|seen| seen.complete));
}

/// What follows an unfinished exchange waits in the socket: the gateway holds little of it.
#[test]
fn what_is_sent_ahead_of_an_answer_is_not_held_without_end() {
    let hold = Hold::default();
    let app = Upstream::with({
        let hold = hold.clone();
        move |exchange| {
            if exchange.path() == "/slow" {
                hold.wait();
            }
            exchange.reply("200 OK", &[], "done")
        }
    });
    let gateway = patient(&app, "", "");
    assert_eq!(gateway.ask(&Request::get("/warm")).status, 200);
    let before = gateway.memory();
    let mut client = gateway.client();
    client.send(Request::get("/slow").bytes());
    let mut ahead = post_of("/next", 32 << 20).into_bytes();
    ahead.resize(ahead.len() + (32 << 20), b'z');
    let sending = super::send_in_background(&client, ahead);
    poll_until("the app to have the request", || (app.seen().len() == 2).then_some(()));
    let mut most = 0;
    for _ in 0..100 {
        most = most.max(gateway.memory());
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(most < before + (8 << 20), "grew from {before} to {most}");
    hold.release();
    assert_eq!(client.answer().text(), "done");
    assert_eq!(client.answer().text(), "done");
    drop(client);
    let _ = sending.join().unwrap();
}
