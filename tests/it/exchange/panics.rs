//! A panic in any phase of an exchange: one request fails, it is counted, and nothing else is affected.
//!
//! Builds for tests have points where they panic on demand: `gateway/server/edge/fault_point.rs`.

use std::sync::Mutex;
use std::sync::mpsc;

use tokio_tungstenite::tungstenite::Message;

use super::wait_for_bytes;
use crate::harness::{
    DEADLINE, Folder, Gateway, HOST, Request, Upstream, default_answer, poll_until, websocket,
};

const POINTS: [&str; 7] =
    ["connect", "request head", "request body", "answer head", "answer body", "flush", "record"];

fn config(app: &Upstream) -> String {
    format!(
        "[app.media]\nhosts = [\"{HOST}\"]\nupstream = {{ urls = [\"{}\"] }}\nauth = \"public\"\n",
        app.url()
    )
}

#[test]
fn a_panic_in_any_phase_ends_one_request_and_nothing_else() {
    let (next, asked) = mpsc::channel::<()>();
    let asked = Mutex::new(asked);
    let app = Upstream::with(move |exchange| match exchange.path().as_str() {
        "/ws" | "/victim-ws" => exchange.echo_websocket(),
        "/victim-cut" => {
            exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")?;
            exchange.wait_for_the_end();
            Ok(())
        }
        "/events" => {
            exchange.write(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
            )?;
            let asked = asked.lock().unwrap();
            while asked.recv_timeout(DEADLINE * 4).is_ok() {
                exchange.write("9\r\ndata: 1\n\n\r\n")?;
            }
            Ok(())
        }
        _ => default_answer(exchange),
    });
    let gateway =
        Gateway::try_start_with(Folder::new(&config(&app)), &[("STAGEDOOR_FAULT_POINTS", "on")]).unwrap();
    let mut socket = websocket(gateway.address, "/ws", &[]).unwrap();
    let mut events = gateway.client();
    events.send(Request::get("/events").bytes());
    assert_eq!(events.head().unwrap().status, 200);
    let mut kept = gateway.client();
    let mut others_are_served = |round: &str| {
        socket.send(Message::text(round)).unwrap();
        assert_eq!(socket.read().unwrap(), Message::text(round));
        next.send(()).unwrap();
        wait_for_bytes(&mut events, "data: 1\n\n\r\n");
        events.reader.buffer.clear();
        for request in [Request::get("/x"), Request::post("/x", "abc")] {
            assert_eq!(kept.ask(&request).status, 200, "{round}");
            assert_eq!(gateway.ask(&request).status, 200, "{round}");
        }
        poll_until("the other connections alone", || {
            (gateway.metric("stagedoor_connections", &[]) == 3.0).then_some(())
        });
        assert_eq!(gateway.metric("stagedoor_streams", &[]), 2.0, "{round}");
    };
    others_are_served("before");
    for (n, point) in POINTS.iter().enumerate() {
        let path = format!("/victim-{n}");
        let mut victim = gateway.client();
        let answer =
            victim.try_send(Request::post(&path, "abc").field("X-Stagedoor-Fault-Point", *point).bytes());
        answer.unwrap();
        match victim.try_answer_to("POST") {
            Ok(answer) if answer.status == 500 => assert_eq!(answer.code(), "internal", "{point}"),
            // Its answer was out already.
            Ok(answer) => assert_eq!((answer.status, *point), (200, "record")),
            Err(error) => panic!("{point}: {error}"),
        }
        assert!(victim.is_closed(), "{point}");
        drop(victim);
        poll_until("the panic to be counted", || {
            (gateway.metric("stagedoor_panics_total", &[]) == (n + 1) as f64).then_some(())
        });
        if *point != "record" {
            let event = gateway.event_where(&path, |event| event["path"] == path.as_str());
            assert_eq!(event["code"], "internal", "{point}: {event}");
            assert_eq!(event["status"], 500, "{point}: {event}");
            assert!(event["upstream_error"].is_null(), "the app has no part in it: {event}");
        }
        others_are_served(point);
        let events = gateway.events().iter().filter(|event| event["path"] == path.as_str()).count();
        assert!(events <= 1, "{point}: {events} events");
        poll_until("the app to see the end", || {
            app.seen()
                .iter()
                .all(|seen| seen.complete || seen.broken || seen.target == "/events" || seen.target == "/ws")
                .then_some(())
        });
    }
    // The same once a part of the answer is with the client, and in a stream.
    let fault = ("X-Stagedoor-Fault-Point", "sent");
    let mut victim = gateway.client();
    victim.send(Request::get("/victim-cut").field(fault.0, fault.1).bytes());
    let answer = victim.answer();
    assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, "half", false));
    let mut victim_socket = websocket(gateway.address, "/victim-ws", &[fault]).unwrap();
    assert!(victim_socket.read().is_err());
    for path in ["/victim-cut", "/victim-ws"] {
        let event = gateway.event_where(path, |event| event["path"] == path);
        assert_eq!((&event["code"], &event["ended_by"]), (&"internal".into(), &"gateway".into()), "{event}");
        assert_eq!(event["status"], if path == "/victim-ws" { 101 } else { 200 }, "{event}");
    }
    drop((victim, victim_socket));
    others_are_served("after its answer has begun");
    gateway.wait_for_log("panic");
    assert_eq!(gateway.metric("stagedoor_panics_total", &[]), (POINTS.len() + 2) as f64);
}

/// Without the variable, a field of a client does nothing.
#[test]
fn a_client_alone_reaches_no_fault_point() {
    let app = Upstream::start();
    let gateway = Gateway::start(&config(&app));
    for point in POINTS {
        let answer = gateway.ask(&Request::post("/x", "abc").field("X-Stagedoor-Fault-Point", point));
        assert_eq!(answer.status, 200, "{point}");
    }
    assert_eq!(gateway.metric("stagedoor_panics_total", &[]), 0.0);
}
