//! Streams, films and archives: what comes without a length, in parts, or not at all.

use std::sync::{Mutex, mpsc};

use crate::harness::{Client, DEADLINE, Gateway, Request, Upstream};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

/// How an app may end a body whose length it does not know.
const FRAMINGS: [(&str, &str); 2] =
    [("/chunked", "Transfer-Encoding: chunked"), ("/until-close", "Connection: close")];

fn framed(part: &str, chunked: bool) -> String {
    if chunked { format!("{:x}\r\n{part}\r\n", part.len()) } else { part.to_owned() }
}

/// Reads from the connection until `text` has come.
fn wait_for(client: &mut Client, text: &str) {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    while !holds(&client.reader.buffer) {
        assert!(client.reader.fill().expect("more of the stream") > 0, "the stream ended before `{text}`");
    }
}

/// The head comes before the first event, and each event before the next one is made.
#[test]
fn an_event_stream_is_never_held_back() {
    let (next, asked) = mpsc::channel::<()>();
    let asked = Mutex::new(asked);
    let app = Upstream::with(move |exchange| {
        let asked = asked.lock().unwrap();
        let chunked = exchange.path() == FRAMINGS[0].0;
        let framing = FRAMINGS[usize::from(!chunked)].1;
        exchange.hang_up();
        exchange.write(format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n{framing}\r\n\r\n"
        ))?;
        for event in
            ["retry: 100\n\n", ": ping\n\n", "id: 1\ndata: one\n\n", "d", "ata: two\n\n", "data: \u{fc}\n\n"]
        {
            if asked.recv_timeout(DEADLINE).is_err() {
                return Ok(());
            }
            exchange.write(framed(event, chunked))?;
        }
        let _ = asked.recv_timeout(DEADLINE);
        if chunked { exchange.write("0\r\n\r\n") } else { Ok(()) }
    });
    let gateway = Gateway::before(&app, CONFIG);
    for (path, _) in FRAMINGS {
        let mut client = gateway.client();
        let request = Request::get(path).field("Accept", "text/event-stream").field("Last-Event-ID", "7");
        client.send(request.bytes());
        let head = client.head().unwrap();
        assert_eq!((head.status, head.field("content-type")), (200, "text/event-stream"), "{path}");
        assert!(!head.fields.has("content-length") && !head.fields.has("content-encoding"), "{head:?}");
        assert_eq!(app.last().fields.sole("last-event-id"), Some("7"));
        for piece in
            ["retry: 100\n\n", ": ping\n\n", "id: 1\ndata: one\n\n", "d", "ata: two\n\n", "data: \u{fc}\n\n"]
        {
            next.send(()).unwrap();
            client.reader.buffer.clear();
            wait_for(&mut client, piece);
        }
        next.send(()).unwrap();
        match head.field("transfer-encoding") {
            "chunked" => wait_for(&mut client, "0\r\n\r\n"),
            _ => assert!(client.is_closed(), "{path}: the end of the stream is not seen"),
        }
    }
}

/// An archive that is made while it is sent, and a film that is transcoded.
#[test]
fn what_has_no_length_arrives_whole() {
    const PARTS: usize = 300;
    let part = |n: usize| format!("{n:05}-").repeat(1_000 + n);
    let app = Upstream::with(move |exchange| {
        let chunked = exchange.path() == FRAMINGS[0].0;
        exchange.hang_up();
        let lines =
            "Content-Type: application/x-tar\r\nContent-Disposition: attachment; filename=\"a, b.tar\"";
        let framing = FRAMINGS[usize::from(!chunked)].1;
        exchange.write(format!("HTTP/1.1 200 OK\r\n{lines}\r\n{framing}\r\n\r\n"))?;
        for n in 0..PARTS {
            exchange.write(framed(&part(n), chunked))?;
        }
        if chunked { exchange.write("0\r\n\r\n") } else { Ok(()) }
    });
    let whole: String = (0..PARTS).map(part).collect();
    let gateway = Gateway::before(&app, CONFIG);
    for (path, _) in FRAMINGS {
        let answer = gateway.ask(&Request::get(path));
        assert!(answer.complete, "{path}");
        assert_eq!(answer.field("content-disposition"), "attachment; filename=\"a, b.tar\"");
        assert!(
            answer.body == whole.as_bytes(),
            "{path}: {} of {} bytes, or others",
            answer.body.len(),
            whole.len()
        );
    }
}

/// Request fields that ask for a part or for nothing, the app's answer as it stands on the wire, status and body.
type Row = (&'static [(&'static str, &'static str)], &'static str, u16, &'static str);

#[test]
fn ranges_and_conditions_are_between_the_client_and_the_app() {
    let rows: [Row; 7] = [
        (
            &[("Range", "bytes=0-1,-2"), ("If-Range", "Wed, 21 Oct 2026 07:28:00 GMT")],
            "206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=b\r\nContent-Length: 10\r\n\r\n--b\r\n--b--",
            206,
            "--b\r\n--b--",
        ),
        (
            &[("Range", "bytes=5-"), ("If-Range", "W/\"weak\"")],
            "206 Partial Content\r\nContent-Range: bytes 5-9/*\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nmatch\r\n0\r\n\r\n",
            206,
            "match",
        ),
        (
            &[("Range", "bytes=5-"), ("If-Range", "\"other\"")],
            "200 OK\r\nETag: \"e\"\r\nContent-Length: 5\r\n\r\nwhole",
            200,
            "whole",
        ),
        (
            &[("Range", "lines=1-2")],
            "416 Range Not Satisfiable\r\nContent-Range: bytes */5\r\nContent-Length: 4\r\n\r\nnope",
            416,
            "nope",
        ),
        (&[("If-Match", "\"x\"")], "412 Precondition Failed\r\nContent-Length: 0\r\n\r\n", 412, ""),
        (
            &[("If-None-Match", "\"a\", W/\"b\""), ("If-Modified-Since", "Wed, 21 Oct 2026 07:28:00 GMT")],
            "304 Not Modified\r\nETag: W/\"b\"\r\nExpires: 0\r\nVary: Accept\r\nContent-Length: 1234\r\n\r\n",
            304,
            "",
        ),
        (
            &[("If-None-Match", "*")],
            "304 Not Modified\r\nETag: \"c\"\r\nTransfer-Encoding: chunked\r\n\r\n",
            304,
            "",
        ),
    ];
    let wires: Vec<String> = rows.iter().map(|row| format!("HTTP/1.1 {}", row.1)).collect();
    let app = Upstream::with(move |exchange| {
        let n: usize = exchange.path().trim_start_matches('/').parse().unwrap_or_default();
        exchange.write(&wires[n])
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    for (n, (fields, wire, status, body)) in rows.into_iter().enumerate() {
        let request = fields
            .iter()
            .fold(Request::get(&format!("/{n}")), |request, (name, value)| request.field(name, *value));
        let answer = client.ask(&request);
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{wire}");
        for (name, value) in fields {
            assert_eq!(app.last().fields.sole(name), Some(*value));
        }
        for line in wire.split("\r\n\r\n").next().unwrap().lines().skip(1) {
            let (name, value) = line.split_once(": ").unwrap();
            if status != 304 || !matches!(name, "Content-Length" | "Transfer-Encoding") {
                assert_eq!(answer.fields.sole(name), Some(value), "{wire}");
            }
        }
    }
}

/// An answer to HEAD, or a 304, has no body whatever its head says: who waits for one hangs.
#[test]
fn heads_without_bodies_keep_the_connection_in_step() {
    let app = Upstream::with(|exchange| match exchange.path().as_str() {
        "/length" => {
            exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 5368709120\r\nAccept-Ranges: bytes\r\n\r\n")
        }
        "/chunked" => exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        "/neither" => exchange.write("HTTP/1.1 200 OK\r\nX-Own: 1\r\n\r\n"),
        "/refused" => {
            exchange.write("HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 12\r\n\r\n")
        }
        _ => exchange.reply("200 OK", &[], "body"),
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    for (path, status, length) in [
        ("/length", 200, Some("5368709120")),
        ("/chunked", 200, None),
        ("/neither", 200, None),
        ("/refused", 405, Some("12")),
    ] {
        let answer = client.ask(&Request::new("HEAD", path));
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(
            answer.fields.sole("content-length"),
            length,
            "{path}: a length of nothing would be a lie"
        );
        assert_eq!(app.last().method, "HEAD");
        if answer.field("connection") == "close" {
            client = gateway.client();
        }
        let next = client.ask(&Request::get("/next"));
        assert_eq!((next.status, next.text().as_str()), (200, "body"), "after {path}");
    }
}

/// Without `Expect` from the client an app may still say 100 first; its final answer is what counts.
#[test]
fn an_app_that_says_continue_unasked_is_understood() {
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.1 100 Continue\r\n\r\n")?;
        let body = exchange.body()?;
        exchange.write("HTTP/1.1 102 Processing\r\n\r\n")?;
        exchange.reply("201 Created", &[], body)
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    for body in ["first", "second"] {
        let answer = client.ask(&Request::post("/upload", body));
        assert_eq!((answer.status, answer.text().as_str()), (201, body));
        assert!(answer.interim.iter().all(|(status, _)| matches!(status, 100 | 102)), "{answer:?}");
    }
}

/// Small servers leave out what others never miss.
#[test]
fn apps_of_an_older_or_terser_http_are_understood() {
    const WIRES: &[&str] = &[
        "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nbody",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.1 200 \r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.1 200\r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\ncontent-length:4\r\nX-Empty:\r\nX-Latin: caf\u{e9}\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n004;ext=\"a;b\"\r\nbody\r\n0\r\nX-Trailer: 1\r\n\r\n",
    ];
    let app = Upstream::with(|exchange| {
        let n: usize = exchange.path().trim_start_matches('/').parse().unwrap_or_default();
        exchange.hang_up();
        exchange.write(WIRES[n])
    });
    let gateway = Gateway::before(&app, CONFIG);
    for (n, wire) in WIRES.iter().enumerate() {
        let answer = gateway.ask(&Request::get(&format!("/{n}")));
        assert_eq!((answer.status, answer.text().as_str(), answer.complete), (200, "body", true), "{wire}");
    }
}

/// Some servers offer another protocol with every answer, which concerns the next hop alone, and some compress.
#[test]
fn an_offer_to_upgrade_ends_here_and_a_coding_does_not() {
    const GZIPPED: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
    let app = Upstream::with(|exchange| {
        let lines = [
            "Upgrade: h2,h2c",
            "Connection: Upgrade, Keep-Alive",
            "Keep-Alive: timeout=5",
            "Content-Encoding: gzip",
        ];
        exchange.reply("200 OK", &lines, GZIPPED)
    });
    let gateway = Gateway::before(&app, CONFIG);
    let mut client = gateway.client();
    for coding in ["gzip, br", "identity"] {
        let answer = client.ask(&Request::get("/x").field("Accept-Encoding", coding));
        assert_eq!((answer.status, answer.body.as_slice()), (200, GZIPPED), "neither undone nor done again");
        assert_eq!(answer.field("content-encoding"), "gzip");
        assert!(!answer.fields.has("upgrade") && !answer.fields.has("keep-alive"), "{answer:?}");
        assert!(!answer.field("connection").to_ascii_lowercase().contains("upgrade"), "{answer:?}");
        assert_eq!(app.last().fields.sole("accept-encoding"), Some(coding));
    }
}
