//! WebSockets and event streams that end with the credential of their caller (`streams`).

use std::io::{self, ErrorKind, Write as _};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio_tungstenite::tungstenite::Message;

use crate::harness::{
    Authority, DEADLINE, Exchange, Folder, Frame, Gateway, HOST, RawHttp2, Request, TlsClient, Token,
    Upstream, WebSocket, client_config, default_answer, frame, header_block, poll_until, request_block,
    token, unix_now, websocket, websocket_over,
};

const CONFIG: &str = r#"
[server]
h2c = ["127.0.0.1:0"]

[auth.house]
leeway = "0s"

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"

[[app.media.route]]
match = "GET /finish"
streams.on_expiry = "finish"

[[app.media.route]]
match = "GET /grace"
streams.on_expiry = "grace:1s"

[[app.media.route]]
match = "GET /public"
auth  = "public"
"#;

/// What a WebSocket is told: 1008 and why.
const CLOSE: &[u8] = b"\x88\x1c\x03\xf0the credential has expired";

/// A credential that ends in two to three seconds, and when that is.
fn short() -> (String, SystemTime) {
    let expires = unix_now() + 3;
    let bearer = format!("Bearer {}", Token::of("bob").claim("exp", expires).sign());
    (bearer, UNIX_EPOCH + Duration::from_secs(expires))
}

fn wait_until(end: SystemTime) {
    poll_until("the end of the credential", || (SystemTime::now() > end).then_some(()));
}

/// Reads until the close frame, which has to be the gateway's and may not come before `end`.
fn read_close<S: io::Read + io::Write>(
    socket: &mut tokio_tungstenite::tungstenite::WebSocket<S>,
    end: SystemTime,
) {
    loop {
        match socket.read().expect("whole frames and then a close frame") {
            Message::Close(frame) => {
                let frame = frame.expect("a reason");
                assert_eq!(
                    (u16::from(frame.code), frame.reason.as_str()),
                    (1008, "the credential has expired")
                );
                assert!(SystemTime::now() >= end, "too early");
                return;
            }
            Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => {}
            Message::Frame(frame) => panic!("{frame:?}"),
        }
    }
}

fn expired(gateway: &Gateway) -> f64 {
    gateway.metric("stagedoor_streams_closed_total", &["expired"])
}

fn wait_for_the_app_to_be_left(app: &Upstream) {
    poll_until("the app to be left alone", || (app.open_connections() == 0).then_some(()));
}

/// Sends events until it is left.
fn sends_events(exchange: &mut Exchange<'_>, busy: bool) -> io::Result<()> {
    exchange.write(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n",
    )?;
    if busy {
        loop {
            exchange.write("9\r\ndata: 2\n\n\r\n")?;
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    exchange.wait_for_the_end();
    Ok(())
}

/// Sends messages until it is left, and reads nothing.
fn sends_messages(exchange: &mut Exchange<'_>) -> io::Result<()> {
    let mut socket = exchange.accept_websocket()?;
    loop {
        if socket.send(Message::binary(vec![b'x'; 20_000])).is_err() {
            return Ok(());
        }
    }
}

fn app() -> Upstream {
    Upstream::with(|exchange| match exchange.path().as_str() {
        "/busy" => sends_messages(exchange),
        "/events" => sends_events(exchange, false),
        "/busy-events" => sends_events(exchange, true),
        "/x" => default_answer(exchange),
        _ => exchange.echo_websocket(),
    })
}

#[test]
fn a_silent_websocket_ends_with_the_credential_of_its_caller() {
    let app = app();
    let gateway = Gateway::before(&app, CONFIG);
    let (bearer, end) = short();
    let mut socket = websocket(gateway.address, "/ws", &[("Authorization", &bearer)]).unwrap();
    socket.send(Message::text("hello")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("hello"));
    assert_eq!(gateway.metric("stagedoor_streams", &["websocket"]), 1.0);
    read_close(&mut socket, end);
    wait_for_the_app_to_be_left(&app);
    // The client answers the close frame, and the connection ends.
    while socket.read().is_ok() {}
    let event = gateway.event_where("the WebSocket", |event| event["path"] == "/ws");
    assert_eq!((&event["status"], &event["ended_by"]), (&101.into(), &"expired".into()), "{event}");
    poll_until("the count", || (expired(&gateway) == 1.0).then_some(()));
    assert_eq!(gateway.metric("stagedoor_streams", &["websocket"]), 0.0);
    // A new one is refused as any request is.
    assert_eq!(websocket(gateway.address, "/ws", &[("Authorization", &bearer)]).err(), Some(401));
}

#[test]
fn a_busy_websocket_ends_behind_a_whole_frame() {
    let app = app();
    let gateway = Gateway::before(&app, CONFIG);
    let (bearer, end) = short();
    let mut socket = websocket(gateway.address, "/busy", &[("Authorization", &bearer)]).unwrap();
    read_close(&mut socket, end);
    wait_for_the_app_to_be_left(&app);
}

#[test]
fn a_client_that_ignores_the_close_frame_is_left() {
    let app = app();
    let gateway = Gateway::before(&app, CONFIG);
    let (bearer, end) = short();
    let mut client = gateway.client();
    let handshake = Request::get("/ws")
        .field("Authorization", &*bearer)
        .field("Connection", "Upgrade")
        .field("Upgrade", "websocket")
        .field("Sec-WebSocket-Version", "13")
        .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(client.send(handshake.bytes()).head().unwrap().status, 101);
    let mut got = Vec::new();
    // It goes on sending, and none of that reaches the app.
    let said = || [&b"\x82\x81\0\0\0\0"[..], b"x"].concat();
    while !got.ends_with(CLOSE) {
        let _ = client.try_send(said());
        let mut piece = [0; 256];
        match io::Read::read(&mut client.reader.stream, &mut piece) {
            Ok(0) => panic!("no close frame: {got:?}"),
            Ok(length) => got.extend_from_slice(&piece[..length]),
            Err(error) => panic!("{error}: {got:?}"),
        }
    }
    assert!(SystemTime::now() >= end, "too early");
    wait_for_the_app_to_be_left(&app);
    gateway.event_where("the WebSocket", |event| event["path"] == "/ws" && event["ended_by"] == "expired");
    assert!(client.is_closed());
}

#[test]
fn a_client_that_takes_nothing_holds_no_stream_open_beyond_its_credential() {
    let app = app();
    let gateway = Gateway::before(&app, CONFIG);
    let (bearer, end) = short();
    let sockets: Vec<WebSocket> =
        (0..2).map(|_| websocket(gateway.address, "/busy", &[("Authorization", &bearer)]).unwrap()).collect();
    let mut client = gateway.client();
    client.send(Request::get("/busy-events").field("Authorization", &*bearer).bytes());
    wait_until(end);
    wait_for_the_app_to_be_left(&app);
    poll_until("the count", || (expired(&gateway) == 3.0).then_some(()));
    drop(sockets);
}

#[test]
fn a_close_frame_waits_for_the_end_of_the_apps_frame() {
    let (go_on, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let app = Upstream::with(move |exchange| {
        let mut socket = exchange.accept_websocket()?;
        socket.get_mut().write_all(b"\x82\x06abc")?;
        let _ = wait.lock().unwrap().recv_timeout(DEADLINE);
        socket.get_mut().write_all(b"def")?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let gateway = Gateway::before(&app, CONFIG);
    let (bearer, end) = short();
    let mut socket = websocket(gateway.address, "/ws", &[("Authorization", &bearer)]).unwrap();
    wait_until(end);
    go_on.send(()).unwrap();
    assert_eq!(socket.read().unwrap(), Message::binary(&b"abcdef"[..]));
    read_close(&mut socket, end);
    wait_for_the_app_to_be_left(&app);
}

#[test]
fn a_frame_that_does_not_end_is_waited_for_in_vain() {
    let app = Upstream::with(|exchange| {
        let mut socket = exchange.accept_websocket()?;
        socket.get_mut().write_all(b"\x82\x06abc")?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let gateway = Gateway::before(&app, CONFIG);
    let (bearer, end) = short();
    let mut socket = websocket(gateway.address, "/ws", &[("Authorization", &bearer)]).unwrap();
    wait_until(end);
    wait_for_the_app_to_be_left(&app);
    let error = socket.read().expect_err("half a frame");
    let reset = matches!(
        &error,
        tokio_tungstenite::tungstenite::Error::Io(error) if error.kind() == ErrorKind::ConnectionReset
    );
    assert!(reset, "{error}");
    poll_until("the count", || (expired(&gateway) == 1.0).then_some(()));
}

#[test]
fn an_event_stream_ends_whole_and_its_connection_goes_on() {
    let app = app();
    let gateway = Gateway::before(&app, CONFIG);
    for path in ["/events", "/busy-events"] {
        let (bearer, end) = short();
        let mut client = gateway.client();
        let answer = client.ask(&Request::get(path).field("Authorization", &*bearer));
        assert_eq!(answer.status, 200);
        assert!(answer.text().starts_with("data: 1\n\n"), "{path}");
        assert!(SystemTime::now() >= end, "too early");
        wait_for_the_app_to_be_left(&app);
        let next = client.ask(&Request::get("/x").bearer(&token("bob")));
        assert_eq!(next.status, 200, "{path}");
    }
    assert_eq!(expired(&gateway), 2.0);
}

/// An answer of a known length is no stream, however long it takes.
#[test]
fn a_download_goes_on() {
    let (go_on, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let app = Upstream::with(move |exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")?;
        let _ = wait.lock().unwrap().recv_timeout(DEADLINE);
        exchange.write("def")
    });
    let gateway = Gateway::before(&app, CONFIG);
    let (bearer, end) = short();
    let mut client = gateway.client();
    client.send(Request::get("/film").field("Authorization", &*bearer).bytes());
    poll_until("the app to be asked", || (app.seen().len() == 1).then_some(()));
    wait_until(end);
    go_on.send(()).unwrap();
    assert_eq!(client.answer().text(), "abcdef");
}

#[test]
fn streams_of_http_2_end_without_a_reset() {
    let app = app();
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = RawHttp2::connect(gateway.address, &[]);
    let (bearer, end) = short();
    let connect = header_block(&[
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", HOST),
        (":path", "/ws"),
        ("sec-websocket-version", "13"),
        ("authorization", &bearer),
    ]);
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 1, connect));
    let events = request_block("GET", "/events", &[("authorization", &bearer)]);
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS | Frame::END_STREAM, 3, events));
    let (mut got, mut ended) = ([Vec::new(), Vec::new()], [false; 2]);
    while ended != [true; 2] {
        let next = client.next().expect("the connection goes on");
        let at = match next.stream {
            1 => 0,
            3 => 1,
            _ => continue,
        };
        match next.kind {
            Frame::HEADERS => assert_eq!(next.status(), 200),
            Frame::DATA => {
                got[at].extend(next.payload);
                ended[at] = next.flags & Frame::END_STREAM != 0;
            }
            other => panic!("a frame of type {other} on stream {}", next.stream),
        }
    }
    assert!(SystemTime::now() >= end, "too early");
    assert_eq!((&*got[0], &*got[1]), (CLOSE, &b"data: 1\n\n"[..]));
    wait_for_the_app_to_be_left(&app);
    // The connection serves others.
    let bearer = format!("Bearer {}", token("bob"));
    let block = request_block("GET", "/x", &[("authorization", &bearer)]);
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS | Frame::END_STREAM, 5, block));
    assert_eq!(client.status(5), 200);
}

#[test]
fn a_websocket_over_tls_ends_with_its_credential() {
    let app = app();
    let authority = Authority::new("house");
    let pair = authority.issue(&[HOST]);
    let listener = "[server.tls]\nlisten = [\"127.0.0.1:0\"]\nredirect_http = false\n\
        certificates = [{ cert = \"tls/0.pem\", key = \"tls/0.key\" }]\n[auth.house]";
    let folder = Folder::new(&CONFIG.replace("[auth.house]", listener).replace("UPSTREAM", &app.url()));
    folder.write("tls/0.pem", &pair.cert);
    folder.write_private("tls/0.key", &pair.key);
    let gateway = Gateway::start_in(folder);
    let (bearer, end) = short();
    let client = TlsClient::over_tls(gateway.https(), HOST, &client_config(&authority).into()).unwrap();
    let mut socket =
        websocket_over(client.reader.stream, HOST, "/ws", &[("Authorization", &bearer)]).unwrap();
    read_close(&mut socket, end);
    wait_for_the_app_to_be_left(&app);
}

/// A socket that echoes still.
fn echoes(socket: &mut WebSocket) {
    socket.send(Message::text("still")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("still"));
}

#[test]
pub(crate) fn a_route_may_let_its_streams_go_on() {
    let app = app();
    let gateway = Gateway::before(&app, CONFIG);
    let (bearer, end) = short();
    let open = |path| websocket(gateway.address, path, &[("Authorization", &bearer)]).unwrap();
    let (mut finish, mut grace, mut close) = (open("/finish"), open("/grace"), open("/ws"));
    // Nobody has shown a credential here, although there is one.
    let mut public = open("/public");
    read_close(&mut close, end);
    echoes(&mut grace);
    read_close(&mut grace, end + Duration::from_secs(1));
    for socket in [&mut finish, &mut public] {
        echoes(socket);
    }
    assert_eq!(expired(&gateway), 2.0);
}

#[test]
pub(crate) fn an_app_may_let_its_streams_go_on() {
    let app = app();
    let config =
        CONFIG.replace("auth     = \"required\"", "auth = \"required\"\nstreams.on_expiry = \"finish\"");
    let gateway = Gateway::before(&app, &config);
    let (bearer, end) = short();
    let open = |path| websocket(gateway.address, path, &[("Authorization", &bearer)]).unwrap();
    let (mut finish, mut grace) = (open("/ws"), open("/grace"));
    read_close(&mut grace, end + Duration::from_secs(1));
    echoes(&mut finish);
}

/// A request keeps the policy that it began with, and its stream ends by that.
#[test]
fn a_reload_moves_no_end() {
    let app = app();
    let gateway = Gateway::before(&app, CONFIG);
    let (bearer, end) = short();
    let open = |path| websocket(gateway.address, path, &[("Authorization", &bearer)]).unwrap();
    let (mut close, mut finish) = (open("/ws"), open("/finish"));
    let changed = CONFIG.replace("\"finish\"", "\"close\"").replace("\"0s\"", "\"5m\"");
    gateway.folder.configure(&changed.replace("UPSTREAM", &app.url()));
    assert_eq!(gateway.reload(), "ok");
    read_close(&mut close, end);
    echoes(&mut finish);
    // The leeway of the new policy counts for what comes now.
    echoes(&mut open("/finish"));
}

/// The leeway with which a provider accepts a token is one of its streams too.
#[test]
fn the_leeway_of_the_provider_counts() {
    let app = app();
    let gateway = Gateway::before(&app, &CONFIG.replace("\"0s\"", "\"3s\""));
    let expires = unix_now();
    let bearer = format!("Bearer {}", Token::of("bob").claim("exp", expires).sign());
    let mut socket = websocket(gateway.address, "/ws", &[("Authorization", &bearer)]).unwrap();
    read_close(&mut socket, UNIX_EPOCH + Duration::from_secs(expires + 3));
}

const CAPPED: &str = r#"
[server]
h2c = ["127.0.0.1:0"]

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "optional"
streams.per_user = 2

[[app.media.route]]
name  = "own"
match = "GET /own"
streams.per_user = 1
"#;

fn open_as(gateway: &Gateway, path: &str, user: Option<&str>) -> Result<WebSocket, u16> {
    let bearer = user.map(|user| format!("Bearer {}", token(user)));
    let fields: Vec<_> = bearer.iter().map(|bearer| ("Authorization", bearer.as_str())).collect();
    websocket(gateway.address, path, &fields)
}

/// A request for an event stream, and the head of its answer.
fn events_as(gateway: &Gateway, user: &str) -> (crate::harness::Client, u16) {
    let mut client = gateway.client();
    client.send(Request::get("/events").bearer(&token(user)).bytes());
    let head = client.head().unwrap();
    (client, head.status)
}

fn handshake() -> Request {
    Request::get("/ws")
        .field("Connection", "Upgrade")
        .field("Upgrade", "websocket")
        .field("Sec-WebSocket-Version", "13")
        .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
}

#[test]
pub(crate) fn a_caller_has_no_more_websockets_open_than_it_may() {
    let app = app();
    let gateway = Gateway::before(&app, CAPPED);
    let mut held =
        [open_as(&gateway, "/ws", Some("bob")).unwrap(), open_as(&gateway, "/ws", Some("bob")).unwrap()];
    let refused = gateway.ask(&handshake().bearer(&token("bob")));
    assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_streams"), "{refused:?}");
    assert_eq!(refused.field("retry-after"), "10");
    assert_eq!(app.seen().len(), 2, "the app hears nothing of it");
    assert_eq!(gateway.metric("stagedoor_denied_total", &["media", "\"too_many_streams\""]), 1.0);
    let event = gateway.event(&refused);
    assert!(event["reason"].as_str().unwrap().contains("`streams.per_user`"), "{event}");
    // Other requests of the caller go on, and so do other callers; one without a user is its address.
    assert_eq!(gateway.ask(&Request::get("/x").bearer(&token("bob"))).status, 200);
    let others: Vec<_> =
        [Some("eve"), None, None].map(|user| open_as(&gateway, "/ws", user).unwrap()).into_iter().collect();
    assert_eq!(open_as(&gateway, "/ws", None).err(), Some(429));
    echoes(&mut held[0]);
    // A place is given back with its stream.
    let [first, _second] = held;
    drop(first);
    let third = poll_until("a place", || open_as(&gateway, "/ws", Some("bob")).ok());
    assert_eq!(open_as(&gateway, "/ws", Some("bob")).err(), Some(429));
    drop((third, others));
}

#[test]
fn event_streams_are_counted_with_websockets() {
    let app = app();
    let gateway = Gateway::before(&app, CAPPED);
    let _socket = open_as(&gateway, "/ws", Some("bob")).unwrap();
    let (first, status) = events_as(&gateway, "bob");
    assert_eq!(status, 200);
    // What the app answers shows that it is one.
    let mut client = gateway.client();
    let refused = client.ask(&Request::get("/events").bearer(&token("bob")));
    assert_eq!((refused.status, refused.code().as_str()), (429, "too_many_streams"), "{refused:?}");
    let event = gateway.event(&refused);
    assert_eq!((&event["status"], &event["code"]), (&429.into(), &"too_many_streams".into()), "{event}");
    poll_until("the app to be left by it", || (app.open_connections() == 2).then_some(()));
    assert_eq!(gateway.metric("stagedoor_streams", &["events"]), 1.0);
    assert_eq!(events_as(&gateway, "eve").1, 200);
    drop(first);
    poll_until("a place", || (events_as(&gateway, "bob").1 == 200).then_some(()));
}

/// The header block by which bob asks for a WebSocket over HTTP/2 (RFC 8441 §4).
fn connect_to(path: &str) -> Vec<u8> {
    let bearer = format!("Bearer {}", token("bob"));
    header_block(&[
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", HOST),
        (":path", path),
        ("sec-websocket-version", "13"),
        ("authorization", &bearer),
    ])
}

/// A caller has no more of them for one connection of HTTP/2 than for many of HTTP/1.
#[test]
fn streams_of_http_2_are_counted() {
    let app = app();
    let gateway = Gateway::before(&app, CAPPED);
    let mut client = RawHttp2::connect(gateway.address, &[]);
    let connect = connect_to("/ws");
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 1, &connect));
    assert_eq!(client.status(1), 200);
    let bearer = format!("Bearer {}", token("bob"));
    let events = request_block("GET", "/events", &[("authorization", &bearer)]);
    let whole = Frame::END_HEADERS | Frame::END_STREAM;
    client.send(frame(Frame::HEADERS, whole, 3, &events));
    assert_eq!(client.status(3), 200);
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 5, &connect));
    assert_eq!(client.status(5), 429);
    client.send(frame(Frame::HEADERS, whole, 7, &events));
    assert_eq!(client.status(7), 429);
    assert_eq!(open_as(&gateway, "/ws", Some("bob")).err(), Some(429));
    client.send(frame(Frame::RESET, 0, 3, [0, 0, 0, 8]));
    poll_until("a place", || open_as(&gateway, "/ws", Some("bob")).ok());
}

#[test]
pub(crate) fn a_route_with_a_cap_of_its_own_counts_by_itself() {
    let app = app();
    let gateway = Gateway::before(&app, CAPPED);
    let _own = open_as(&gateway, "/own", Some("bob")).unwrap();
    assert_eq!(open_as(&gateway, "/own", Some("bob")).err(), Some(429));
    let _others = [(); 2].map(|()| open_as(&gateway, "/ws", Some("bob")).unwrap());
    assert_eq!(open_as(&gateway, "/ws", Some("bob")).err(), Some(429));
}

/// A handshake that the app does not complete keeps no place.
#[test]
fn what_becomes_no_stream_keeps_no_place() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CAPPED);
    for _ in 0..5 {
        let answer = gateway.ask(&handshake().bearer(&token("bob")));
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[test]
fn a_reload_keeps_the_count_of_streams() {
    let app = app();
    let uncapped = CAPPED.replace("streams.per_user = 2\n", "");
    let gateway = Gateway::before(&app, &uncapped);
    let mut held: Vec<_> = (0..3).map(|_| open_as(&gateway, "/ws", Some("bob")).unwrap()).collect();
    let configure = |text: &str| {
        gateway.folder.configure(&text.replace("UPSTREAM", &app.url()));
        assert_eq!(gateway.reload(), "ok");
    };
    configure(CAPPED);
    assert_eq!(open_as(&gateway, "/ws", Some("bob")).err(), Some(429));
    for socket in &mut held {
        echoes(socket);
    }
    configure(&CAPPED.replace("streams.per_user = 2", "streams.per_user = 4"));
    held.push(open_as(&gateway, "/ws", Some("bob")).unwrap());
    assert_eq!(open_as(&gateway, "/ws", Some("bob")).err(), Some(429));
    configure(&uncapped);
    held.push(open_as(&gateway, "/ws", Some("bob")).unwrap());
}

#[test]
fn why_names_the_cap() {
    let app = app();
    let gateway = Gateway::before(&app, CAPPED);
    let _held = [(); 2].map(|()| open_as(&gateway, "/ws", Some("bob")).unwrap());
    for request in [handshake(), Request::get("/events")] {
        let refused = gateway.ask(&request.bearer(&token("bob")));
        assert_eq!(refused.status, 429);
        let id = refused.field("x-request-id");
        let told = gateway.ask_admin_as_operator(Request::get(&format!("/api/v1/why?id={id}")));
        let told = told.json();
        let checks = told["checks"].as_array().unwrap();
        let last = checks.iter().rfind(|check| check["outcome"] != "not_reached").unwrap();
        assert_eq!((&last["check"], &last["outcome"]), (&"streams".into(), &"refused".into()), "{told}");
        assert_eq!(last["rule"], "at most 2 of a caller in the app", "{told}");
        assert!(last["line"].is_u64(), "{told}");
    }
}

/// Asks the running gateway to revoke, and waits for its yes.
fn revoke(gateway: &Gateway, what: &str) {
    let request = Request::post("/api/v1/revocations", what).field("Content-Type", "application/json");
    let answer = gateway.ask_admin_as_operator(request);
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Reads until the close frame of a credential that was revoked.
fn read_revoked<S: io::Read + io::Write>(socket: &mut tokio_tungstenite::tungstenite::WebSocket<S>) {
    loop {
        match socket.read().expect("whole frames and then a close frame") {
            Message::Close(Some(frame)) => {
                let told = (u16::from(frame.code), frame.reason.as_str());
                assert_eq!(told, (1008, "the credential was revoked"));
                return;
            }
            Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => {}
            other @ (Message::Close(None) | Message::Frame(_)) => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_revoked_ends_its_streams_and_no_others() {
    let app = app();
    let gateway = Gateway::before(&app, CONFIG);
    let open = |path, user: &str| {
        websocket(gateway.address, path, &[("Authorization", &format!("Bearer {}", token(user)))]).unwrap()
    };
    let (mut silent, mut busy, mut finish) =
        (open("/ws", "bob"), open("/busy", "bob"), open("/finish", "bob"));
    let mut other = open("/ws", "eve");
    let mut client = gateway.client();
    client.send(Request::get("/events").bearer(&token("bob")).bytes());
    poll_until("the app to have all", || (app.seen().len() == 5).then_some(()));
    // Of somebody else: nothing ends.
    revoke(&gateway, r#"{"user":"mallory"}"#);
    echoes(&mut silent);
    revoke(&gateway, r#"{"user":"bob"}"#);
    for socket in [&mut silent, &mut busy, &mut finish] {
        read_revoked(socket);
    }
    let events = client.answer();
    assert_eq!((events.status, events.text().as_str()), (200, "data: 1\n\n"));
    echoes(&mut other);
    poll_until("the count", || {
        (gateway.metric("stagedoor_streams_closed_total", &["revoked"]) == 4.0).then_some(())
    });
    poll_until("the app to be left by them", || (app.open_connections() == 1).then_some(()));
    gateway.event_where("the WebSocket", |event| event["path"] == "/ws" && event["ended_by"] == "revoked");
}

#[test]
fn streams_of_http_2_end_when_they_are_revoked() {
    let app = app();
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = RawHttp2::connect(gateway.address, &[]);
    let connect = connect_to("/finish");
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 1, connect));
    assert_eq!(client.status(1), 200);
    revoke(&gateway, r#"{"all":true}"#);
    let closed = client.wait_for(Frame::DATA, 1);
    assert_eq!(closed.payload, b"\x88\x1c\x03\xf0the credential was revoked");
}

/// A stream that the app begins after its credential was revoked does not begin.
#[test]
fn a_stream_that_is_revoked_before_it_begins_is_refused() {
    let (go_on, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let app = Upstream::with(move |exchange| {
        let _ = wait.lock().unwrap().recv_timeout(DEADLINE);
        sends_events(exchange, false)
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    client.send(Request::get("/events").bearer(&token("bob")).bytes());
    poll_until("the app to be asked", || (app.seen().len() == 1).then_some(()));
    revoke(&gateway, r#"{"user":"bob"}"#);
    go_on.send(()).unwrap();
    let answer = client.answer();
    assert_eq!((answer.status, answer.code().as_str()), (401, "token_revoked"), "{answer:?}");
    wait_for_the_app_to_be_left(&app);
}
