//! Leaving HTTP: for a WebSocket by a whole handshake, and for nothing else.

use crate::harness::{Gateway, Request, Upstream, default_answer, websocket};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"

[[app.media.route]]
match     = "* /quiet"
websocket = false
"#;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

fn handshake(target: &str) -> Request {
    Request::get(target)
        .field("Connection", "Upgrade")
        .field("Upgrade", "websocket")
        .field("Sec-WebSocket-Version", "13")
        .field("Sec-WebSocket-Key", KEY)
}

#[test]
fn an_offer_that_is_no_websocket_is_dropped() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    for offer in ["h2c", "TLS/1.2", "", "h2c, TLS/1.3", "foo"] {
        for target in ["/x", "/quiet"] {
            let ask = |request: Request| {
                request
                    .field("Connection", "Upgrade, HTTP2-Settings")
                    .field("Upgrade", offer)
                    .field("HTTP2-Settings", "AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA")
            };
            // The connection goes on, and so does the body.
            let mut client = gateway.client();
            for request in
                [ask(Request::get(target)), ask(Request::post(target, "a=1")), Request::get("/next")]
            {
                let answer = client.ask(&request);
                assert_eq!(answer.status, 200, "{offer:?} {request:?}: {answer:?}");
                let seen = app.last();
                for name in ["upgrade", "http2-settings"] {
                    assert!(!seen.fields.has(name), "{offer:?}: {seen:?}");
                }
                assert!(seen.fields.all("connection").all(|value| value == "close"), "{offer:?}: {seen:?}");
            }
            assert_eq!(app.seen().iter().rev().nth(1).unwrap().body, b"a=1");
        }
    }
}

#[test]
fn a_websocket_is_asked_for_by_a_whole_handshake() {
    let app = Upstream::with(|exchange| exchange.echo_websocket());
    let gateway = Gateway::before(&app, CONFIG);
    let bare = || Request::get("/ws").field("Connection", "Upgrade").field("Upgrade", "websocket");
    let mut posted = handshake("/ws");
    posted.method = "POST".to_owned();
    let version = |request: Request| request.field("Sec-WebSocket-Version", "13");
    for request in [
        bare(),
        version(bare()),
        version(bare()).field("Sec-WebSocket-Key", "short"),
        handshake("/ws").field("Sec-WebSocket-Key", KEY),
        handshake("/ws").field("Sec-WebSocket-Version", "13"),
        bare().field("Sec-WebSocket-Key", KEY).field("Sec-WebSocket-Version", "8"),
        posted,
        handshake("/quiet"),
    ] {
        let answer = gateway.ask(&request);
        assert_eq!((answer.status, answer.code().as_str()), (403, "upgrade_refused"), "{request:?}");
    }
    assert!(app.seen().is_empty());
    // What stands beside `websocket` is not passed on.
    let mut client = gateway.client();
    client.send(handshake("/ws").field("Upgrade", "h2c").bytes());
    assert_eq!(client.head().unwrap().status, 101);
    assert_eq!(app.sole().fields.sole("upgrade"), Some("websocket"));
    assert!(websocket(gateway.address, "/ws", &[]).is_ok());
}

#[test]
fn a_101_is_believed_for_the_answer_to_the_handshake() {
    let app = Upstream::with(|exchange| {
        let (version, lines) = match exchange.path().as_str() {
            "/right" => ("1.1", format!("Upgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}")),
            "/twice" => {
                ("1.1", format!("Upgrade: websocket\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}"))
            }
            "/old" => ("1.0", format!("Upgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}")),
            "/late" => ("1.0", format!("Upgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}")),
            "/silent" => ("1.1", "Upgrade: websocket\r\nConnection: Upgrade\r\n".to_owned()),
            "/wrong" => (
                "1.1",
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"
                    .to_owned(),
            ),
            "/h2c" => ("1.1", format!("Upgrade: h2c\r\nConnection: Upgrade\r\n{ACCEPT}")),
            "/option" => ("1.1", format!("Upgrade: websocket\r\n{ACCEPT}")),
            "/protocol" => (
                "1.1",
                format!("Upgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}Sec-WebSocket-Protocol: chat\r\n"),
            ),
            _ => (
                "1.1",
                format!("Upgrade: websocket\r\nConnection: Upgrade\r\n{ACCEPT}Sec-WebSocket-Extensions: x\r\n"),
            ),
        };
        exchange.hang_up();
        if exchange.path() == "/late" {
            exchange.write("HTTP/1.1 102 Processing\r\n\r\n")?;
        }
        exchange.write(format!("HTTP/{version} 101 Switching Protocols\r\n{lines}\r\n\x01\x06secret"))?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let gateway = Gateway::before(&app, CONFIG);
    for path in ["/right", "/twice", "/old", "/late"] {
        let mut client = gateway.client();
        let head = client.send(handshake(path).bytes()).head().unwrap();
        assert_eq!((head.status, head.fields.sole("upgrade")), (101, Some("websocket")), "{path}: {head:?}");
        let mut frame = Vec::new();
        assert!(client.reader.exactly(8, &mut |part| frame.extend_from_slice(part)).unwrap(), "{path}");
        assert_eq!(frame, b"\x01\x06secret", "{path}");
    }
    for path in ["/silent", "/wrong", "/h2c", "/option", "/protocol", "/extension"] {
        let answer = gateway.ask(&handshake(path));
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"), "{path}");
        assert!(!answer.text().contains("secret"), "{path}");
        assert_eq!(gateway.event(&answer)["upstream_error"], "bad_answer", "{path}");
    }
}

#[test]
fn a_426_says_what_the_app_wants() {
    let app = Upstream::with(|exchange| match exchange.path().as_str() {
        "/ws" => exchange.reply(
            "426 Upgrade Required",
            &["Upgrade: websocket", "Connection: upgrade", "Sec-WebSocket-Version: 13"],
            "no",
        ),
        "/plain" => exchange.reply("200 OK", &["Upgrade: h2,h2c", "Connection: Upgrade"], "yes"),
        _ => default_answer(exchange),
    });
    let gateway = Gateway::before(&app, CONFIG);
    let answer = gateway.ask(&Request::get("/ws"));
    assert_eq!((answer.status, answer.fields.sole("upgrade")), (426, Some("websocket")), "{answer:?}");
    assert_eq!(answer.field("sec-websocket-version"), "13");
    assert!(!gateway.ask(&Request::get("/plain")).fields.has("upgrade"));
}

#[test]
fn the_upgrade_of_a_426_is_named_by_its_connection() {
    let app = Upstream::with(|exchange| {
        exchange.reply("426 Upgrade Required", &["Upgrade: websocket", "Connection: upgrade"], "no")
    });
    let gateway = Gateway::before(&app, CONFIG);
    let answer = gateway.ask(&Request::get("/ws"));
    assert!(answer.field("connection").to_ascii_lowercase().contains("upgrade"), "{answer:?}");
}
