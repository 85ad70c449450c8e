//! Bodies: capped without the app seeing a whole one, streamed without being held.

use std::io::Write as _;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use tokio_tungstenite::tungstenite::Message;

use crate::harness::{Client, DEADLINE, Gateway, Request, Upstream, default_answer, poll_until, websocket};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
body.max = "8GiB"

[[app.media.route]]
match    = "POST /small"
body.max = "1KiB"
"#;

const CHUNKED: &str = "POST /small HTTP/1.1\r\nHost: media.localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn a_declared_body_that_is_too_large_never_reaches_the_app() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let answer = gateway.ask(&Request::post("/small", vec![b'x'; 1025]));
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    assert!(app.seen().is_empty());
    assert!(gateway.event(&answer)["reason"].as_str().unwrap().contains("body.max"));
    assert_eq!(gateway.ask(&Request::post("/small", vec![b'x'; 1024])).status, 200);
    assert_eq!(app.sole().body_length, 1024);
}

#[test]
fn a_client_that_asks_first_is_answered_first() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let asking = |length| {
        format!(
            "POST /small HTTP/1.1\r\nHost: media.localhost\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let mut client = gateway.client();
    let refusal = client.send(asking(5000)).answer();
    assert_eq!(refusal.status, 413);
    assert!(refusal.interim.is_empty(), "no 100 before a refusal");
    assert!(app.seen().is_empty());

    let mut client = gateway.client();
    client.send(asking(3));
    poll_until("100 Continue", || {
        client.reader.fill().unwrap();
        client.reader.buffer.ends_with(b"\r\n\r\n").then_some(())
    });
    assert!(client.reader.buffer.starts_with(b"HTTP/1.1 100 "), "{:?}", client.reader);
    let answer = client.send("abc").answer();
    assert_eq!(answer.status, 200);
    let seen = app.sole();
    assert_eq!(seen.body, b"abc");
    assert!(!seen.fields.has("expect"), "the app is not asked again");
}

#[test]
fn a_streamed_body_that_grows_too_large_is_cut() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    client.send(CHUNKED);
    for _ in 0..8 {
        client.send(format!("100\r\n{}\r\n", "x".repeat(256)));
    }
    let answer = client.answer();
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    assert_eq!(answer.field("connection"), "close");
    poll_until("the app to see the end of its connection", || {
        app.seen().iter().all(|seen| !seen.complete && seen.broken).then_some(())
    });
    // The next request is a new one for the app, not the rest of that.
    assert_eq!(gateway.ask(&Request::get("/next")).status, 200);
    assert!(app.seen().iter().filter(|seen| seen.target == "/small").all(|seen| !seen.complete));
}

#[test]
fn the_refusal_can_be_read_while_the_body_is_still_being_sent() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    for head in [
        CHUNKED.to_owned(),
        format!("POST /small HTTP/1.1\r\nHost: media.localhost\r\nContent-Length: {}\r\n\r\n", 4 << 20),
    ] {
        let chunked = head == CHUNKED;
        let mut client = gateway.client();
        client.send(head);
        let part = vec![b'x'; 16 * 1024];
        for _ in 0..256 {
            let framed =
                if chunked { [b"4000\r\n".as_slice(), &part, b"\r\n"].concat() } else { part.clone() };
            client.try_send(framed).expect("what is still being sent is taken for a while");
        }
        let answer = client.answer();
        assert_eq!(answer.status, 413);
        assert!(answer.complete);
    }
    assert!(app.seen().iter().all(|seen| !seen.complete));
}

#[test]
fn an_upload_streams_in_constant_memory() {
    upload(if std::env::var_os("STAGEDOOR_BIG").is_some() { 2 << 30 } else { 64 << 20 });
}

fn upload(length: u64) {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    assert_eq!(gateway.ask(&Request::post("/warm", vec![0u8; 1 << 20])).status, 200);
    let before = gateway.memory();
    for chunked in [false, true] {
        let mut client = gateway.client();
        let framing = if chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {length}")
        };
        client.send(format!("PUT /big HTTP/1.1\r\nHost: media.localhost\r\n{framing}\r\n\r\n"));
        let part = vec![b'x'; 64 * 1024];
        let mut most = 0;
        for n in 0..length / (64 * 1024) {
            if chunked {
                client.send("10000\r\n").send(&part).send("\r\n");
            } else {
                client.send(&part);
            }
            if n % 256 == 0 {
                most = most.max(gateway.memory());
            }
        }
        if chunked {
            client.send("0\r\n\r\n");
        }
        assert_eq!(client.answer().status, 200);
        let seen = app.last();
        assert!(seen.complete);
        assert_eq!(seen.body_length, length);
        assert!(most < before + (32 << 20), "grew from {before} to {most}");
    }
}

#[test]
fn a_download_streams_in_constant_memory() {
    let length: u64 = if std::env::var_os("STAGEDOOR_BIG").is_some() { 2 << 30 } else { 64 << 20 };
    let app = Upstream::with(move |exchange| {
        let chunked = exchange.path() == "/chunked";
        let framing = if chunked {
            "Transfer-Encoding: chunked".to_owned()
        } else {
            format!("Content-Length: {length}")
        };
        exchange.write(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"))?;
        let part = vec![b'x'; 64 * 1024];
        for _ in 0..length / (64 * 1024) {
            if chunked {
                exchange.write("10000\r\n")?;
            }
            exchange.write(&part)?;
            if chunked {
                exchange.write("\r\n")?;
            }
        }
        if chunked { exchange.write("0\r\n\r\n") } else { Ok(()) }
    });
    let gateway = Gateway::before(&app, CONFIG);
    let before = gateway.memory();
    for path in ["/length", "/chunked"] {
        let mut client = gateway.client();
        client.send(Request::get(path).bytes());
        let (mut came, mut most, mut n) = (0u64, 0, 0);
        let answer = client.answer_into("GET", &mut |part| {
            came += part.len() as u64;
            n += 1;
            if n % 256 == 0 {
                most = most.max(gateway.memory());
            }
        });
        assert!(answer.unwrap().complete);
        assert_eq!(came, length);
        assert!(most < before + (32 << 20), "grew from {before} to {most}");
    }
}

#[test]
fn a_slow_reader_holds_the_app_back() {
    let written = Arc::new(Mutex::new(0u64));
    let counter = Arc::clone(&written);
    let app = Upstream::with(move |exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n")?;
        let part = vec![b'x'; 64 * 1024];
        for _ in 0..4096 {
            exchange.write(&part)?;
            *counter.lock().unwrap() += part.len() as u64;
        }
        Ok(())
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    client.send(Request::get("/film").bytes());
    client.head().unwrap();
    // The app comes to a halt with all buffers between it and the client full.
    let mut last = u64::MAX;
    let mut still = 0;
    poll_until("the app to be held back", || {
        let now = *written.lock().unwrap();
        still = if now == last { still + 1 } else { 0 };
        last = now;
        (still > 40).then_some(())
    });
    assert!(last < 64 << 20, "{last} bytes are held somewhere");
    assert!(gateway.memory() < 128 << 20);
}

#[test]
fn ranges_conditions_and_heads_pass_untouched() {
    let app = Upstream::with(|exchange| {
        let seen = exchange.seen();
        let media = "Content-Type: video/mp4";
        match exchange.path().as_str() {
            "/none" => exchange.write("HTTP/1.1 204 No Content\r\nETag: \"n\"\r\n\r\n"),
            "/same" => exchange.write("HTTP/1.1 304 Not Modified\r\nETag: \"e\"\r\n\r\n"),
            "/beyond" => exchange.reply("416 Range Not Satisfiable", &["Content-Range: bytes */10"], ""),
            _ if seen.fields.sole("range") == Some("bytes=2-5") => exchange.reply(
                "206 Partial Content",
                &[media, "Content-Range: bytes 2-5/10", "Accept-Ranges: bytes"],
                "2345",
            ),
            _ => exchange.reply("200 OK", &[media, "Accept-Ranges: bytes"], "0123456789"),
        }
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    let part = client.ask(&Request::get("/film").field("Range", "bytes=2-5").field("If-Range", "\"e\""));
    assert_eq!((part.status, part.text().as_str()), (206, "2345"));
    assert_eq!(part.field("content-range"), "bytes 2-5/10");
    assert_eq!(part.field("content-length"), "4");
    assert_eq!(app.last().fields.sole("if-range"), Some("\"e\""));
    let whole = client.ask(&Request::get("/film"));
    assert_eq!((whole.status, whole.text().as_str()), (200, "0123456789"));
    let head = client.ask(&Request::new("HEAD", "/film"));
    assert_eq!((head.status, head.field("content-length")), (200, "10"));
    assert_eq!(client.ask(&Request::get("/same").field("If-None-Match", "\"e\"")).status, 304);
    assert_eq!(client.ask(&Request::get("/none")).status, 204);
    assert_eq!(client.ask(&Request::get("/beyond").field("Range", "bytes=99-")).status, 416);
    assert_eq!(client.ask(&Request::get("/film")).status, 200, "the connection is still in step");
}

#[test]
fn an_answer_without_content_has_no_framing() {
    let app = Upstream::with(|exchange| match exchange.path().as_str() {
        "/chunks" => exchange.write("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        "/length" => exchange.write("HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\na"),
        _ => exchange.reply("200 OK", &[], "done"),
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    for path in ["/chunks", "/length"] {
        let head = client.send(Request::get(path).bytes()).head().unwrap();
        assert_eq!(head.status, 204, "{path}");
        for name in ["transfer-encoding", "content-length"] {
            assert_eq!(head.fields.sole(name), None, "{path}: {head:?}");
        }
        assert_eq!(client.ask(&Request::get("/x")).text(), "done", "{path}: the connection is in step");
    }
}

#[test]
fn informational_answers_pass_without_dressing() {
    let app = Upstream::with(|exchange| {
        exchange.write(
            "HTTP/1.1 103 Early Hints\r\nServer: leaky/1\r\nLink: </a.css>; rel=preload\r\n\
                 Connection: Upgrade, X-Hop\r\nUpgrade: websocket\r\nX-Hop: 1\r\nKeep-Alive: timeout=1\r\n\
                 Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        exchange.reply("200 OK", &[], "done")
    });
    let gateway = Gateway::before(&app, CONFIG);
    let answer = gateway.ask(&Request::get("/x"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "done"));
    let [(103, hints)] = answer.interim.as_slice() else { panic!("{answer:?}") };
    assert_eq!(hints.sole("link"), Some("</a.css>; rel=preload"));
    assert!(!hints.has("x-frame-options") && !hints.has("x-request-id"), "{hints:?}");
    assert!(!hints.has("server"), "{hints:?}");
    for name in ["connection", "upgrade", "x-hop", "keep-alive", "content-length", "transfer-encoding"] {
        assert!(!hints.has(name), "{name}: {hints:?}");
    }
}

#[test]
fn events_arrive_one_by_one() {
    let (next, asked) = mpsc::channel::<()>();
    let asked = Mutex::new(asked);
    let app = Upstream::with(move |exchange| {
        exchange.write(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
        )?;
        let asked = asked.lock().unwrap();
        for n in 0..10 {
            // The next event is made only after the client has had the one before.
            if asked.recv_timeout(DEADLINE).is_err() {
                return exchange.write("");
            }
            let event = format!("data: {n}\n\n");
            exchange.write(format!("{:x}\r\n{event}\r\n", event.len()))?;
        }
        exchange.write("0\r\n\r\n")
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    client.send(Request::get("/events").field("Accept", "text/event-stream").bytes());
    next.send(()).unwrap();
    let mut events = 0;
    let answer = client.answer_into("GET", &mut |part| {
        for _ in 0..String::from_utf8_lossy(part).matches("data: ").count() {
            events += 1;
            let _ = next.send(());
        }
    });
    assert!(answer.unwrap().complete);
    assert_eq!(events, 10);
}

#[test]
fn a_body_in_small_chunks_goes_on_in_few() {
    let app = Upstream::with(|exchange| {
        let mut raw = exchange.early();
        let mut stream = exchange.stream();
        let mut part = [0; 16 * 1024];
        while !raw.ends_with(b"\r\n0\r\n\r\n") {
            let came = std::io::Read::read(&mut stream, &mut part)?;
            assert!(came > 0, "the body ends in the middle");
            raw.extend_from_slice(&part[..came]);
        }
        let (chunks, data) = (
            raw.windows(2).filter(|two| two == b"\r\n").count() / 2,
            raw.iter().filter(|b| **b == b'z').count(),
        );
        exchange.reply("200 OK", &[], format!("{chunks} {data}"))
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    let mut request =
        b"POST /x HTTP/1.1\r\nHost: media.localhost\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    request.extend(b"1;ext=1\r\nz\r\n".repeat(20_000));
    request.extend(b"0\r\nX-Trailer: 1\r\n\r\n");
    let text = client.send(request).answer().text();
    let (chunks, data) = text.split_once(' ').unwrap();
    assert_eq!(data, "20000");
    assert!(chunks.parse::<usize>().unwrap() < 1_000, "{chunks} chunks");
}

#[test]
fn a_websocket_speaks_both_ways() {
    let app = Upstream::with(|exchange| exchange.echo_websocket());
    let gateway = Gateway::before(&app, CONFIG);
    let mut socket = websocket(gateway.address, "/ws", &[]).unwrap();
    for message in [
        Message::text("hello"),
        Message::binary(vec![]),
        Message::binary(vec![7u8; 125]),
        Message::binary(vec![8u8; 70_000]),
        Message::binary((0..1 << 20).map(|n: u32| n.to_le_bytes()[1]).collect::<Vec<u8>>()),
    ] {
        socket.send(message.clone()).unwrap();
        assert_eq!(socket.read().unwrap(), message);
    }
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    let event = gateway.event_where("a WebSocket", |event| event["path"] == "/ws");
    assert_eq!(event["status"], 101);
    assert!(event["bytes_in"].as_u64().unwrap() > 1 << 20, "{event}");
    assert!(event["bytes_out"].as_u64().unwrap() > 1 << 20, "{event}");
}

/// A fast app that answers and speaks at once, before anything was read.
#[test]
fn an_app_that_switches_at_once_keeps_its_first_words() {
    let app = Upstream::with(|exchange| {
        let mut all = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
            .to_vec();
        all.extend(b"\x81\x05hello");
        exchange.write(all)?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let gateway = Gateway::before(&app, CONFIG);
    for round in 0..50 {
        let mut client = gateway.client();
        client.send(
            Request::get("/ws")
                .field("Connection", "Upgrade")
                .field("Upgrade", "websocket")
                .field("Sec-WebSocket-Version", "13")
                .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
                .bytes(),
        );
        let head = client.head().unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert_eq!(head.status, 101, "round {round}");
        let mut hello = Vec::new();
        let whole = client.reader.exactly(7, &mut |part| hello.extend_from_slice(part));
        assert!(whole.is_ok_and(|whole| whole), "round {round}: {hello:?}");
        assert_eq!(hello, b"\x81\x05hello");
    }
}

#[test]
fn frames_sent_with_the_handshake_arrive() {
    let app = Upstream::with(|exchange| exchange.echo_websocket());
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    let mut bytes = Request::get("/ws")
        .field("Connection", "Upgrade")
        .field("Upgrade", "websocket")
        .field("Sec-WebSocket-Version", "13")
        .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .bytes();
    bytes.extend(b"\x81\x82\0\0\0\0hi");
    client.send(bytes);
    assert_eq!(client.head().unwrap().status, 101);
    let mut echo = Vec::new();
    assert!(client.reader.exactly(4, &mut |part| echo.extend_from_slice(part)).unwrap());
    assert_eq!(echo, b"\x81\x02hi");
}

#[test]
fn an_app_that_refuses_a_websocket_is_heard() {
    let app = Upstream::with(|exchange| exchange.reply("426 Upgrade Required", &["X-Why: no"], "no"));
    let gateway = Gateway::before(&app, CONFIG);
    assert_eq!(websocket(gateway.address, "/ws", &[]).err(), Some(426));
}

#[test]
fn a_switch_that_nobody_asked_for_goes_nowhere() {
    let app = Upstream::with(|exchange| {
        exchange
            .write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nsecret")
    });
    let gateway = Gateway::before(&app, CONFIG);
    let answer = gateway.ask(&Request::get("/x"));
    assert_eq!(answer.status, 502);
    assert!(!answer.text().contains("secret"));
}

#[test]
fn a_handshake_becomes_a_websocket_or_nothing() {
    let app = Upstream::with(|exchange| {
        let path = exchange.path();
        let (version, upgrade) = match path.as_str() {
            "/h2c" => ("1.1", "Upgrade: h2c\r\n"),
            "/none" => ("1.1", ""),
            "/two" => ("1.1", "Upgrade: websocket\r\nUpgrade: h2c\r\n"),
            _ => ("1.0", "Upgrade: websocket\r\n"),
        };
        exchange.write(format!("HTTP/{version} 101 Switching\r\n{upgrade}Connection: Upgrade\r\n\r\nsecret"))
    });
    let gateway = Gateway::before(&app, CONFIG);
    for path in ["/h2c", "/none", "/two", "/old"] {
        assert_eq!(websocket(gateway.address, path, &[]).err(), Some(502), "{path}");
    }
}

#[test]
fn a_coding_that_would_lose_its_meaning_is_no_answer() {
    let app = Upstream::with(|exchange| {
        let coding = exchange.path().trim_start_matches('/').to_owned();
        exchange.hang_up();
        exchange.write(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\nabc"))
    });
    let gateway = Gateway::before(&app, CONFIG);
    for coding in ["gzip", "identity", "xchunked"] {
        let answer = gateway.ask(&Request::get(&format!("/{coding}")));
        assert_eq!(answer.status, 502, "{coding}: {answer:?}");
    }
}

#[test]
fn an_answer_before_the_end_of_the_body_is_passed_on() {
    let app = Upstream::with(|exchange| {
        if exchange.path() == "/early" {
            exchange.hang_up();
            return exchange.reply("413 Content Too Large", &["X-Limit: 5", "Connection: close"], "too much");
        }
        default_answer(exchange)
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    client.send("POST /early HTTP/1.1\r\nHost: media.localhost\r\nContent-Length: 10000\r\n\r\nabc");
    let answer = client.answer();
    assert_eq!((answer.status, answer.field("x-limit"), answer.text().as_str()), (413, "5", "too much"));
    assert_eq!(gateway.ask(&Request::get("/x")).status, 200);
}

#[test]
fn a_client_that_leaves_is_not_a_whole_request() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    for head in ["Content-Length: 100\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n64\r\nabc"] {
        app.forget();
        let mut client = gateway.client();
        client.send(format!("POST /x HTTP/1.1\r\nHost: media.localhost\r\n{head}"));
        poll_until("the app to see the start", || (app.seen().first()?.body_length == 3).then_some(()));
        drop(client);
        poll_until("the app to see the end", || app.sole().broken.then_some(()));
        assert!(!app.sole().complete);
    }
}

#[test]
fn a_media_body_without_a_length_passes() {
    let app = Upstream::with(|exchange| {
        exchange.hang_up();
        exchange.write("HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nConnection: close\r\n\r\nfilm")
    });
    let gateway = Gateway::before(&app, CONFIG);
    let answer = gateway.ask(&Request::get("/live"));
    assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, "film", true));
}

#[test]
fn clients_of_http_1_0_are_served() {
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client: Client = gateway.client();
    client.reader.stream.write_all(b"GET /x HTTP/1.0\r\nHost: media.localhost\r\n\r\n").unwrap();
    assert!(client.is_closed());
    let text = String::from_utf8_lossy(&client.reader.buffer).into_owned();
    assert!(text.contains(" 200 ") && text.ends_with("\r\n\r\nabc"), "{text}");
    assert!(!text.to_ascii_lowercase().contains("transfer-encoding"), "{text}");
}

#[test]
fn clients_of_http_1_0_get_no_interim_answers() {
    let app = Upstream::with(|exchange| {
        exchange.write(
            "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        )
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client: Client = gateway.client();
    client.reader.stream.write_all(b"GET /x HTTP/1.0\r\nHost: media.localhost\r\n\r\n").unwrap();
    assert!(client.is_closed());
    let text = String::from_utf8_lossy(&client.reader.buffer).into_owned();
    assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("\r\n\r\nabc"), "{text}");
    assert_eq!(gateway.ask(&Request::get("/x")).interim.len(), 1, "others get them");
}

#[test]
fn an_answer_has_one_framing_and_our_version() {
    let app = Upstream::with(|exchange| {
        match exchange.path().as_str() {
        "/list" => exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc"),
        "/lines" => exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
        "/codings" => exchange.write(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        ),
        "/old" => exchange.write("HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
        _ => exchange.write("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n"),
    }
    });
    let gateway = Gateway::before(&app, CONFIG);
    for path in ["/list", "/lines", "/codings", "/old"] {
        let answer = gateway.ask(&Request::get(path));
        assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, "abc", true), "{path}");
        assert!(answer.head.starts_with(b"HTTP/1.1 "), "{path}");
        let framing = [answer.fields.sole("content-length"), answer.fields.sole("transfer-encoding")];
        assert!(matches!(framing, [Some("3"), None] | [None, Some("chunked")]), "{path}: {framing:?}");
    }
    let empty = gateway.ask(&Request::get("/empty"));
    assert_eq!(empty.status, 204);
    assert!(!empty.fields.has("content-length"), "{empty:?}");
}
