//! WebSockets over HTTP/2 (RFC 8441): what the client asks for with CONNECT is the handshake that the app knows.

use super::gateway;
use crate::harness::{
    Frame, Http2, RawHttp2, Request, Upstream, default_answer, frame, header_block, poll_until,
};

/// The head of an extended CONNECT.
fn connect(path: &str, protocol: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut all = vec![
        (":method", "CONNECT"),
        (":protocol", protocol),
        (":scheme", "http"),
        (":authority", "media.localhost"),
        (":path", path),
    ];
    all.extend_from_slice(fields);
    header_block(&all)
}

const VERSION: (&str, &str) = ("sec-websocket-version", "13");

/// A masked text frame of a client.
fn text(message: &str) -> Vec<u8> {
    let mut out = vec![0x81, 0x80 | message.len() as u8, 0, 0, 0, 0];
    out.extend_from_slice(message.as_bytes());
    out
}

/// The data of a stream until there are so many bytes.
fn data(client: &mut RawHttp2, stream: u32, length: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < length {
        all.extend(client.wait_for(Frame::DATA, stream).payload);
    }
    all
}

#[test]
fn a_connect_for_a_websocket_is_the_handshake_that_the_app_knows() {
    let app = Upstream::with(|exchange| exchange.echo_websocket());
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    // The gateway says that it takes such a CONNECT.
    let settings = client.next_of_all().unwrap();
    assert_eq!(settings.kind, Frame::SETTINGS);
    assert!(settings.payload.chunks(6).any(|setting| setting == [0, 8, 0, 0, 0, 1]), "{settings:?}");
    let fields = [
        VERSION,
        ("sec-websocket-protocol", "chat"),
        ("origin", "http://media.localhost"),
        ("cookie", "a=1"),
    ];
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 1, connect("/ws?a=1", "websocket", &fields)));
    let answer = client.wait_for(Frame::HEADERS, 1);
    assert_eq!((answer.status(), answer.flags & Frame::END_STREAM), (200, 0));
    let seen = app.sole();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/ws?a=1"));
    assert_eq!(seen.fields.sole("upgrade"), Some("websocket"));
    assert_eq!(seen.fields.sole("sec-websocket-protocol"), Some("chat"));
    assert_eq!(seen.fields.sole("sec-websocket-key").map(str::len), Some(24));
    assert_eq!(seen.fields.sole("cookie"), Some("a=1"));
    // In one frame, in two, and two in one.
    client.send(frame(Frame::DATA, 0, 1, text("one")));
    assert_eq!(data(&mut client, 1, 5), b"\x81\x03one");
    let two = text("two");
    client.send(frame(Frame::DATA, 0, 1, &two[..4]));
    client.send(frame(Frame::DATA, 0, 1, &two[4..]));
    assert_eq!(data(&mut client, 1, 5), b"\x81\x03two");
    client.send(frame(Frame::DATA, 0, 1, [text("three"), text("four")].concat()));
    assert_eq!(data(&mut client, 1, 13), b"\x81\x05three\x81\x04four");
    // Other streams go on beside it.
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 3, connect("/ws", "websocket", &[VERSION])));
    assert_eq!(client.status(3), 200);
    assert_ne!(app.last().fields.sole("sec-websocket-key"), seen.fields.sole("sec-websocket-key"));
    // The end of the client's side is one for the app, which then ends its own.
    client.send(frame(Frame::DATA, Frame::END_STREAM, 1, []));
    let mut last = client.wait_for(Frame::DATA, 1);
    while last.flags & Frame::END_STREAM == 0 {
        last = client.wait_for(Frame::DATA, 1);
    }
    let event = gateway.event_where("the WebSocket", |event| event["path"] == "/ws?a=1");
    assert_eq!(
        (event["method"].as_str(), event["protocol"].as_str()),
        (Some("GET"), Some("HTTP/2")),
        "{event}"
    );
}

/// It is a final answer, unlike the 101 that it stands for.
#[test]
fn the_answer_to_a_connect_has_the_fields_of_every_answer() {
    let app = Upstream::with(|exchange| match exchange.path().as_str() {
        "/ws" => exchange.echo_websocket(),
        _ => default_answer(exchange),
    });
    let gateway = gateway(&app, "", "headers.set = { x-set = \"1\" }\n");
    let mut client = Http2::connect(gateway.address);
    // Then the client knows that the gateway takes such a CONNECT.
    assert_eq!(client.ask(&Request::get("/x")).status, 200);
    let mut head = http::Request::new(());
    *head.method_mut() = http::Method::CONNECT;
    *head.uri_mut() = "http://media.localhost/ws".parse().unwrap();
    head.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
    head.extensions_mut().insert(h2::ext::Protocol::from_static("websocket"));
    let pending = client.begin(head, false).unwrap();
    let fields = client.head(pending.answer).unwrap();
    assert_eq!((fields.status, fields.field("x-content-type-options")), (200, "nosniff"), "{fields:?}");
    assert_eq!(fields.field("x-set"), "1");
    let id = fields.field("x-request-id").to_owned();
    drop(client);
    let event = gateway.event_where("the WebSocket", |event| event["path"] == "/ws");
    assert_eq!(event["request_id"].as_str(), Some(&*id), "{event}");
}

#[test]
fn many_small_messages_at_once_are_passed_on() {
    let app = Upstream::with(|exchange| exchange.echo_websocket());
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 1, connect("/ws", "websocket", &[VERSION])));
    assert_eq!(client.status(1), 200);
    client.send(frame(Frame::DATA, 0, 1, text("note")).repeat(500));
    assert_eq!(data(&mut client, 1, 500 * 6), b"\x81\x04note".repeat(500));
}

#[test]
fn a_connect_that_is_no_websocket_is_refused() {
    let app = Upstream::with(|exchange| exchange.echo_websocket());
    let gateway = gateway(&app, "", "route = [{ match = \"* /quiet\", websocket = false }]\n");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    let plain = header_block(&[(":method", "CONNECT"), (":authority", "media.localhost")]);
    for (at, (block, expected)) in [
        (plain, 405),
        (connect("/ws", "connect-udp", &[VERSION]), 405),
        (connect("/ws", "websocket", &[]), 403),
        (connect("/ws", "websocket", &[("sec-websocket-version", "8")]), 403),
        (connect("/quiet", "websocket", &[VERSION]), 403),
        (connect("/ws", "websocket", &[VERSION, ("content-length", "5")]), 400),
    ]
    .into_iter()
    .enumerate()
    {
        let stream = 2 * at as u32 + 1;
        client.send(frame(Frame::HEADERS, Frame::END_HEADERS, stream, &block));
        assert_eq!(client.status(stream), expected, "{:?}", String::from_utf8_lossy(&block));
    }
    assert!(app.seen().is_empty());
}

#[test]
fn a_websocket_ends_with_its_client() {
    let app = Upstream::with(|exchange| exchange.echo_websocket());
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    for stream in [1, 3] {
        client.send(frame(
            Frame::HEADERS,
            Frame::END_HEADERS,
            stream,
            connect("/ws", "websocket", &[VERSION]),
        ));
        assert_eq!(client.status(stream), 200);
    }
    client.send(frame(Frame::RESET, 0, 1, [0, 0, 0, 8]));
    poll_until("the app to be left by one", || (app.open_connections() == 1).then_some(()));
    client.send(frame(Frame::DATA, 0, 3, text("still")));
    assert_eq!(data(&mut client, 3, 7), b"\x81\x05still");
    drop(client);
    poll_until("the app to be left by both", || (app.open_connections() == 0).then_some(()));
}

#[test]
fn the_end_of_the_gateway_is_told_to_every_stream() {
    let app = Upstream::with(|exchange| {
        if exchange.path() == "/ws" {
            return exchange.echo_websocket();
        }
        if exchange.path() == "/slow" {
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        default_answer(exchange)
    });
    let mut gateway = gateway(&app, "", "");
    let idle = Http2::connect(gateway.address);
    let mut client = RawHttp2::connect(gateway.address, &[]);
    // What this stream waited by is what the next one waits by.
    client.get(1, "/first");
    assert_eq!(client.status(1), 200);
    assert_eq!(client.wait_for(Frame::DATA, 1).payload, b"GET /first\n");
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 3, connect("/ws", "websocket", &[VERSION])));
    assert_eq!(client.status(3), 200);
    client.get(5, "/slow");
    poll_until("the app to be asked", || (app.seen().len() == 3).then_some(()));
    gateway.signal("TERM");
    let (mut closed, mut answered, mut goaway) = (Vec::new(), false, false);
    while let Some(next) = client.next() {
        match (next.kind, next.stream) {
            (Frame::DATA, 3) => closed.extend(next.payload),
            (Frame::HEADERS, 5) => answered = next.status() == 200,
            (Frame::GOAWAY, _) => goaway = next.code() == 0,
            _ => {}
        }
    }
    assert!(answered && goaway, "{answered} {goaway}");
    assert_eq!(closed, [0x88, 2, 0x03, 0xf4], "1012");
    assert_eq!(idle.wait_for_the_end(), None);
    assert!(gateway.wait().0.success());
}

/// The answer to a WebSocket that the app refuses is an answer like any other.
#[test]
fn a_websocket_that_the_app_refuses_is_answered() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 1, connect("/ws", "websocket", &[VERSION])));
    assert_eq!(client.status(1), 200);
    assert_eq!(client.wait_for(Frame::DATA, 1).payload, b"GET /ws\n");
    assert_eq!(Http2::connect(gateway.address).ask(&Request::get("/x")).status, 200);
}
