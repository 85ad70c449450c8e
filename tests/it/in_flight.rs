//! How many requests of an app are served at the same time (`limit.in_flight`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::harness::{Client, Gateway, Http2, Request, Upstream, poll_until};

const APPS: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
limit.in_flight = 2

[app.other]
hosts    = ["other.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

/// An app that answers below `/hold` when it is let, and everything else at once. It reads no body.
fn holding() -> (Upstream, Arc<AtomicBool>) {
    let open = Arc::new(AtomicBool::new(false));
    let app = Upstream::with({
        let open = Arc::clone(&open);
        move |exchange| {
            while exchange.path().starts_with("/hold") && !open.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
            exchange.reply("200 OK", &["Connection: close"], "ok")
        }
    });
    (app, open)
}

/// Sends a request that the app holds, and waits until it is there.
fn held(gateway: &Gateway, app: &Upstream, request: &Request) -> Client {
    let before = app.seen().len();
    let mut client = gateway.client();
    client.send(request.bytes());
    poll_until("the app to have the request", || (app.seen().len() > before).then_some(()));
    client
}

#[test]
pub(crate) fn an_app_that_is_busy_gets_no_more() {
    let (app, open) = holding();
    let gateway = Gateway::before(&app, APPS);
    let mut first = held(&gateway, &app, &Request::get("/hold"));
    let second = held(&gateway, &app, &Request::get("/hold"));
    let refused = gateway.ask(&Request::get("/x"));
    assert_eq!((refused.status, refused.field("x-stagedoor-code")), (503, "overloaded"), "{refused:?}");
    assert_eq!(refused.field("retry-after"), "2");
    assert_eq!(app.seen().len(), 2, "the app hears nothing of it");
    let event = gateway.event(&refused);
    assert_eq!((&event["app"], &event["code"]), (&"media".into(), &"overloaded".into()));
    assert_eq!(gateway.metric("stagedoor_denied_total", &["media", "\"overloaded\""]), 1.0);

    // The connection goes on, and what asks nothing of the app is answered.
    let mut client = gateway.client();
    assert_eq!(client.ask(&Request::post("/x", "text")).status, 503);
    assert_eq!(client.ask(&Request::get("/.stagedoor/")).status, 200);
    // The `auto` of another app is not reached.
    assert_eq!(client.ask(&Request::get("/x").host("other.localhost")).status, 200);

    // A slot is given back whether the client leaves or the app answers.
    second.reset();
    poll_until("a slot", || (gateway.ask(&Request::get("/x")).status == 200).then_some(()));
    let third = held(&gateway, &app, &Request::get("/hold"));
    assert_eq!(gateway.ask(&Request::get("/x")).status, 503);
    open.store(true, Ordering::SeqCst);
    assert_eq!(first.answer().status, 200);
    poll_until("another slot", || (gateway.ask(&Request::get("/x")).status == 200).then_some(()));
    drop(third);
}

/// The streams of one connection of HTTP/2 are requests like any other.
#[test]
fn streams_of_one_connection_are_counted() {
    let (app, open) = holding();
    let gateway = Gateway::before(&app, &format!("[server]\nh2c = [\"127.0.0.1:0\"]\n{APPS}"));
    let mut client = Http2::connect(gateway.address);
    let (head, _) = Request::get("/hold").http2("http");
    let held: Vec<_> = (0..2).map(|_| client.begin(head.clone(), true).unwrap().answer).collect();
    poll_until("the app to have both", || (app.seen().len() == 2).then_some(()));
    let refused = client.ask(&Request::get("/x"));
    assert_eq!((refused.status, refused.field("x-stagedoor-code")), (503, "overloaded"), "{refused:?}");
    open.store(true, Ordering::SeqCst);
    for answer in client.answers(held) {
        assert_eq!(answer.unwrap().status, 200);
    }
    poll_until("a slot", || (client.ask(&Request::get("/x")).status == 200).then_some(()));
}

/// The count outlives a reload: a new policy does not let in as many once more.
#[test]
fn a_reload_keeps_the_count() {
    let (app, _open) = holding();
    let gateway = Gateway::before(&app, APPS);
    let _held = [(); 2].map(|()| held(&gateway, &app, &Request::get("/hold")));
    let configure = |most: &str| {
        let text = APPS.replace("in_flight = 2", &format!("in_flight = {most}"));
        gateway.folder.configure(&text.replace("UPSTREAM", &app.url()));
        assert_eq!(gateway.reload(), "ok");
    };
    let status = || gateway.ask(&Request::get("/x")).status;
    configure("1");
    assert_eq!(status(), 503);
    configure("3");
    assert_eq!(status(), 200);
    configure("2");
    assert_eq!(status(), 503);
    configure("\"auto\"");
    assert_eq!(status(), 200);
}

/// A flood of uploads that the app does not take: what is beyond the cap is refused before it costs memory.
#[test]
fn uploads_that_an_app_does_not_take_cost_little() {
    const FLOOD: usize = 300;
    let (app, open) = holding();
    let limits = "[server.limits]\nconnections_per_ip = 1000\nconnections = 2000\n";
    let config = format!("{limits}{}", APPS.replace("in_flight = 2", "in_flight = 40\nbody.max = \"1GiB\""));
    let gateway = Gateway::before(&app, &config);
    assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
    let before = gateway.memory();
    let head = b"POST /hold HTTP/1.1\r\nHost: media.localhost\r\nContent-Length: 104857600\r\n\r\n";
    let flood: Vec<Client> = (0..FLOOD)
        .map(|_| {
            let mut client = gateway.client();
            client.send(head);
            client.reader.stream.set_nonblocking(true).unwrap();
            // As much as the sockets take.
            while client.try_send([b'x'; 16 * 1024]).is_ok() {}
            client.reader.stream.set_nonblocking(false).unwrap();
            client
        })
        .collect();
    poll_until("the flood to be refused", || {
        let refused = gateway.metric("stagedoor_denied_total", &["media", "\"overloaded\""]);
        (refused >= (FLOOD - 40) as f64).then_some(())
    });
    assert_eq!(app.seen().iter().filter(|seen| seen.target == "/hold").count(), 40);
    let grown = gateway.memory().saturating_sub(before);
    println!("memory of {FLOOD} uploads, of which 40 are in flight: {} KiB", grown / 1024);
    assert!(grown < 24 * 1024 * 1024, "{grown}");
    // Somebody else is served beside it.
    assert_eq!(gateway.ask(&Request::get("/x").host("other.localhost")).status, 200);
    open.store(true, Ordering::SeqCst);
    drop(flood);
    poll_until("the app to be free", || (gateway.ask(&Request::get("/x")).status == 200).then_some(()));
}
