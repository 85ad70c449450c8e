//! Requests and answers: what the app sees, and what the client gets.

use super::gateway;
use crate::harness::{Frame, Http2, RawHttp2, Request, Upstream, frame, request_block};

#[test]
fn requests_of_one_connection_are_answered() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "");
    let mut client = Http2::connect(gateway.address);
    let answer =
        client.ask(&Request::get("/a?b=1").field("x-a", "1").field("cookie", "a=1").field("cookie", "b=2"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "GET /a?b=1\n"), "{answer:?}");
    assert!(answer.complete && !answer.field("date").is_empty());
    let seen = app.last();
    assert_eq!(seen.fields.sole("host"), Some("media.localhost"));
    assert_eq!(seen.fields.sole("x-a"), Some("1"));
    assert_eq!(seen.fields.sole("cookie"), Some("a=1; b=2"));
    assert_eq!(seen.fields.sole("x-forwarded-proto"), Some("http"));
    let event = gateway.event(&answer);
    assert_eq!(
        (event["protocol"].as_str(), event["path"].as_str()),
        (Some("HTTP/2"), Some("/a?b=1")),
        "{event}"
    );
    let answer = client.ask(&Request::post("/echo", vec![b'x'; 300_000]));
    assert_eq!((answer.status, answer.body.len()), (200, 300_000));
    assert_eq!(answer.field("content-length"), "300000");
    for name in ["connection", "keep-alive", "transfer-encoding"] {
        assert!(!answer.fields.has(name), "{name}: {answer:?}");
    }
    // A HEAD has the length of the answer to a GET and no body.
    let answer = client.ask(&Request::new("HEAD", "/a"));
    assert_eq!((answer.status, answer.field("content-length"), answer.body.len()), (200, "8", 0));
}

#[test]
fn a_listener_speaks_http_2_only_where_the_file_says_so() {
    let app = Upstream::start();
    let with = gateway(&app, "", "");
    // HTTP/1.1 is served beside it.
    assert_eq!(with.ask(&Request::get("/x")).status, 200);
    let without =
        crate::harness::Gateway::before(&app, &super::CONFIG.replace("h2c = [\"127.0.0.1:0\"]\n", ""));
    let answer = without.raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{answer:?}");
}

#[test]
fn refusals_are_whole_answers() {
    let app = Upstream::start();
    let gateway =
        gateway(&app, "", "body.max = \"1KiB\"\nunlisted = \"deny\"\nroute = [{ match = \"* /a\" }]\n");
    let mut client = Http2::connect(gateway.address);
    for (request, status, code) in [
        (Request::get("/x"), 404, "not_found"),
        (Request::get("/a").host("other.localhost"), 421, "unknown_host"),
        (Request::post("/a", vec![b'x'; 100_000]), 413, "body_too_large"),
        (Request::get("/a%"), 400, "ambiguous_path"),
    ] {
        let answer = client.ask(&request);
        assert_eq!((answer.status, answer.field("x-stagedoor-code")), (status, code), "{request:?}");
        assert!(answer.complete && !answer.fields.has("connection"), "{answer:?}");
        assert_eq!(answer.field("x-content-type-options"), "nosniff", "{answer:?}");
        assert_eq!(gateway.event(&answer)["code"], code);
    }
    assert!(app.seen().is_empty());
    // The connection goes on.
    assert_eq!(client.ask(&Request::get("/a")).status, 200);
}

#[test]
fn a_body_without_a_length_arrives_whole() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 1, request_block("POST", "/x", &[])));
    for part in ["one ", "two ", ""] {
        let flags = if part.is_empty() { Frame::END_STREAM } else { 0 };
        client.send(frame(Frame::DATA, flags, 1, part));
    }
    assert_eq!(client.status(1), 200);
    let seen = app.sole();
    assert_eq!((seen.body.as_slice(), seen.complete), (&b"one two "[..], true));
    assert_eq!(seen.fields.sole("transfer-encoding"), Some("chunked"));
}

#[test]
fn streams_of_one_connection_do_not_wait_for_each_other() {
    let app = Upstream::with(|exchange| {
        if exchange.path() == "/slow" {
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        crate::harness::default_answer(exchange)
    });
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.get(1, "/slow");
    client.get(3, "/fast");
    let order: Vec<u32> = std::iter::from_fn(|| client.next())
        .filter(|next| next.kind == Frame::HEADERS)
        .map(|next| next.stream)
        .take(2)
        .collect();
    assert_eq!(order, [3, 1]);
}
