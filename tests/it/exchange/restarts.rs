//! An app that is restarted in the middle of anything: the client is told, the log names the cause, the next request is served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_tungstenite::tungstenite::Message;

use super::{assert_cut, assert_failed, events_of, patient, post_of, wait_for_bytes, wait_for_no_connection};
use crate::harness::{Gateway, Request, Upstream, default_answer, poll_until, websocket};

/// An app whose answers stop in the middle, so that it can be restarted there.
fn stops_in_the_middle() -> Upstream {
    Upstream::with(|exchange| {
        match exchange.path().as_str() {
            "/head" => exchange.write("HTTP/1.1 200 OK\r\nContent-Le")?,
            "/interim" => exchange.write("HTTP/1.1 102 Processing\r\n\r\n")?,
            "/length" => exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")?,
            "/chunks" => {
                exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")?;
            }
            "/events" => exchange.write(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n",
            )?,
            "/ws" => return exchange.echo_websocket(),
            _ => {}
        }
        exchange.wait_for_the_end();
        Ok(())
    })
}

/// Restarts the app, and asserts that it is served again at once.
fn restart(app: Upstream, gateway: &Gateway) -> Upstream {
    let address = app.kill();
    let app = Upstream::on(address, default_answer);
    for request in [Request::get("/back"), Request::post("/back", "abc")] {
        assert_eq!(gateway.ask(&request).status, 200, "{request:?}");
    }
    app
}

#[test]
fn before_the_head_of_its_answer() {
    for path in ["/nothing", "/head", "/interim"] {
        for request in [Request::get(path), Request::post(path, "abc")] {
            let app = stops_in_the_middle();
            let gateway = patient(&app, "", "");
            let mut client = gateway.client();
            client.send(request.bytes());
            poll_until("the app to have it", || (app.seen().len() == 1).then_some(()));
            // The part of an answer that there is may be on its way.
            std::thread::sleep(Duration::from_millis(20));
            let app = restart(app, &gateway);
            let answer = client.answer();
            let event = gateway.event(&answer);
            let cause = event["upstream_error"].as_str().unwrap_or("-");
            assert!(matches!(cause, "closed" | "reset"), "{event}");
            assert_failed(&gateway, &answer, 502, cause);
            assert!(app.seen().iter().all(|seen| seen.target == "/back"), "nothing was sent twice");
        }
    }
}

#[test]
fn in_the_body_of_its_answer() {
    for path in ["/length", "/chunks"] {
        for request in [Request::get(path), Request::post(path, "abc")] {
            let app = stops_in_the_middle();
            let gateway = patient(&app, "", "");
            let mut client = gateway.client();
            client.send(request.bytes());
            wait_for_bytes(&mut client, "half");
            let _app = restart(app, &gateway);
            let answer = client.answer();
            assert_eq!((answer.status, answer.text().as_str()), (200, "half"));
            assert_cut(&gateway, &answer, &["closed", "reset"]);
            drop(client);
            wait_for_no_connection(&gateway);
        }
    }
}

#[test]
fn in_the_body_of_a_request() {
    let app = stops_in_the_middle();
    let gateway = patient(&app, "", "");
    let mut client = gateway.client();
    client.send(post_of("/upload", 1 << 30));
    poll_until("the app to have it", || (app.seen().len() == 1).then_some(()));
    let going_on = Arc::new(AtomicBool::new(true));
    let sending = std::thread::spawn({
        let (going_on, stream) = (Arc::clone(&going_on), client.reader.stream.try_clone().unwrap());
        move || {
            let mut client = crate::harness::Client::over(stream);
            while going_on.load(Ordering::SeqCst) && client.try_send([b'z'; 1000]).is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let _app = restart(app, &gateway);
    let answer = client.answer();
    going_on.store(false, Ordering::SeqCst);
    sending.join().unwrap();
    assert_eq!(answer.status, 502, "{answer:?}");
    let event = gateway.event(&answer);
    assert!(matches!(event["upstream_error"].as_str(), Some("closed" | "reset")), "{event}");
}

#[test]
fn in_a_stream_and_in_a_websocket() {
    let app = stops_in_the_middle();
    let gateway = patient(&app, "", "");
    let mut events = gateway.client();
    events.send(Request::get("/events").bytes());
    wait_for_bytes(&mut events, "data: 1");
    let mut socket = websocket(gateway.address, "/ws", &[]).unwrap();
    socket.send(Message::text("hello")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("hello"));
    assert_eq!(gateway.metric("stagedoor_streams", &[]), 2.0);
    let _app = restart(app, &gateway);
    let answer = events.answer();
    assert_eq!((answer.status, answer.complete), (200, false), "{answer:?}");
    while let Ok(message) = socket.read() {
        assert!(message.is_close(), "{message:?}");
    }
    poll_until("both streams to end", || (gateway.metric("stagedoor_streams", &[]) == 0.0).then_some(()));
    assert_eq!(
        gateway.metric("stagedoor_streams_closed_total", &["reason=\"app\""]),
        2.0,
        "{}",
        gateway.metrics()
    );
    for path in ["/events", "/ws"] {
        let events = poll_until("its event", || {
            let events = events_of(&gateway, path);
            (!events.is_empty()).then_some(events)
        });
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0]["ended_by"], "app", "{events:?}");
    }
    drop((events, socket));
    wait_for_no_connection(&gateway);
}
