//! Requests and answers: what the app sees, and what the client gets.

use super::gateway;
use std::time::Duration;

use crate::harness::{
    Folder, Frame, Gateway, Http2, RawHttp2, Request, Upstream, default_answer, frame, poll_until,
    request_block,
};

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
pub(crate) fn a_listener_speaks_http_2_only_where_the_file_says_so() {
    let app = Upstream::start();
    let with = gateway(&app, "", "");
    // HTTP/1.1 is served beside it.
    assert_eq!(with.ask(&Request::get("/x")).status, 200);
    let without = Gateway::before(&app, &super::CONFIG.replace("h2c = [\"127.0.0.1:0\"]\n", ""));
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
    for fields in [vec![("x-a".to_owned(), 40_000)], (0..150).map(|n| (format!("x-{n}"), 1)).collect()] {
        let request = fields
            .iter()
            .fold(Request::get("/a"), |request, (name, length)| request.field(name, "v".repeat(*length)));
        let answer = client.ask(&request);
        assert_eq!((answer.status, answer.field("x-stagedoor-code")), (431, "headers_too_large"));
        assert_eq!(answer.field("x-content-type-options"), "nosniff", "{answer:?}");
        assert_eq!(gateway.event(&answer)["code"], "headers_too_large");
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

/// A client that writes line by line sends a frame for each.
#[test]
fn uploads_in_many_small_pieces_arrive_whole() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "");
    let mut client = Http2::connect(gateway.address);
    for count in [2000, 30_000] {
        let lines = (0..count).map(|n| format!("line {n}\n"));
        let answer = client.upload("/echo", lines.clone().map(Into::into).collect()).unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.body == lines.collect::<String>().into_bytes(), "{} bytes", answer.body.len());
    }
    // Six at once, in one segment, before any of them has a connection to the app.
    let mut client = RawHttp2::connect(gateway.address, &[]);
    let mut all = Vec::new();
    for stream in (1..12).step_by(2) {
        all.extend(frame(Frame::HEADERS, Frame::END_HEADERS, stream, request_block("POST", "/x", &[])));
        all.extend(frame(Frame::DATA, 0, stream, "piece").repeat(600));
        all.extend(frame(Frame::DATA, Frame::END_STREAM, stream, ""));
    }
    client.send(all);
    for _ in 0..6 {
        assert_eq!(client.next_of_kind(Frame::HEADERS).status(), 200);
    }
    assert!(app.seen().iter().rev().take(6).all(|seen| seen.body == b"piece".repeat(600)));
}

/// What a client had sent when it learnt that its stream is reset is nothing to the other streams.
#[test]
fn pieces_that_come_late_end_nothing() {
    let app = Upstream::with(|exchange| {
        if exchange.path() != "/half" {
            return default_answer(exchange);
        }
        exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")?;
        Err(std::io::ErrorKind::Other.into())
    });
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    for stream in (1..80).step_by(2) {
        let head = request_block("POST", "/half", &[]);
        client.send(frame(Frame::HEADERS, Frame::END_HEADERS, stream, head));
        client.wait_for(Frame::RESET, stream);
        client.send(frame(Frame::DATA, 0, stream, "late").repeat(30));
    }
    client.get(101, "/x");
    assert_eq!(client.status(101), 200);
}

#[test]
fn streams_of_one_connection_do_not_wait_for_each_other() {
    let app = Upstream::with(|exchange| {
        if exchange.path() == "/slow" {
            std::thread::sleep(Duration::from_millis(300));
        }
        default_answer(exchange)
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

#[test]
fn a_client_that_waits_for_100_is_told_to_go_on() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "body.max = \"1KiB\"\n");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    let post =
        |length| request_block("POST", "/x", &[("expect", "100-continue"), ("content-length", length)]);
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 1, post("4")));
    assert_eq!(client.status(1), 100);
    client.send(frame(Frame::DATA, Frame::END_STREAM, 1, "body"));
    assert_eq!(client.status(1), 200);
    assert_eq!(app.sole().body, b"body");
    // One that is refused is not.
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 3, post("4000")));
    assert_eq!(client.status(3), 413);
}

#[test]
fn interim_answers_pass() {
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\n")?;
        default_answer(exchange)
    });
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.get(1, "/x");
    assert_eq!(client.status(1), 103);
    assert_eq!(client.status(1), 200);
}

/// The client gets the whole answer while it still sends, and then learns that the rest is not wanted.
#[test]
fn an_answer_before_the_end_of_an_upload_arrives() {
    const NO_ERROR: u32 = 0;
    let app = Upstream::with(|exchange| match exchange.path().as_str() {
        "/early" => {
            exchange.reply("403 Forbidden", &[], "no")?;
            exchange.hang_up();
            std::thread::sleep(Duration::from_millis(200));
            Err(std::io::ErrorKind::Other.into())
        }
        _ => default_answer(exchange),
    });
    let gateway = gateway(&app, "", "body.max = \"1MiB\"\n");
    let mut client = Http2::connect(gateway.address);
    for (path, size, status) in [("/early", 2_000_000, 413), ("/early", 900_000, 403)] {
        let answer = client.ask(&Request::post(path, vec![b'x'; size]));
        assert_eq!((answer.status, answer.complete), (status, true), "{answer:?}");
    }
    let mut raw = RawHttp2::connect(gateway.address, &[]);
    raw.send(frame(
        Frame::HEADERS,
        Frame::END_HEADERS,
        1,
        request_block("POST", "/early", &[("content-length", "9")]),
    ));
    assert_eq!(raw.status(1), 403);
    assert_eq!(raw.wait_for(Frame::RESET, 1).code(), NO_ERROR);
    assert_eq!(client.ask(&Request::get("/x")).status, 200);
}

#[test]
fn an_answer_that_breaks_off_does_not_look_whole() {
    const INTERNAL_ERROR: u32 = 2;
    let app = Upstream::with(|exchange| {
        let head = match exchange.path().as_str() {
            "/length" => "Content-Length: 10\r\n\r\nfour!",
            "/chunks" => "Transfer-Encoding: chunked\r\n\r\n5\r\nfour!\r\n",
            _ => return default_answer(exchange),
        };
        exchange.body()?;
        exchange.write(format!("HTTP/1.1 200 OK\r\n{head}"))?;
        exchange.hang_up();
        Ok(())
    });
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    for (stream, path) in [(1, "/length"), (3, "/chunks")] {
        client.get(stream, path);
        assert_eq!(client.status(stream), 200);
        // What came of it is there.
        assert_eq!(client.wait_for(Frame::DATA, stream).payload, b"four!");
        assert_eq!(client.wait_for(Frame::RESET, stream).code(), INTERNAL_ERROR, "{path}");
    }
    client.get(5, "/x");
    assert_eq!(client.status(5), 200);
}

#[test]
fn an_event_stream_passes_as_it_comes_and_ends_with_its_client() {
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.get(1, "/events");
    assert_eq!(client.status(1), 200);
    assert_eq!(client.wait_for(Frame::DATA, 1).payload, b"data: 1\n\n");
    assert_eq!(gateway.metric("stagedoor_streams", &["events"]), 1.0);
    client.send(frame(Frame::RESET, 0, 1, [0, 0, 0, 8]));
    poll_until("the app to be left alone", || (app.open_connections() == 0).then_some(()));
    poll_until("the stream to be counted", || {
        (gateway.metric("stagedoor_streams_closed_total", &["client"]) == 1.0).then_some(())
    });
}

#[test]
fn a_panic_ends_one_stream_and_nothing_else() {
    const POINTS: [&str; 7] =
        ["connect", "request head", "request body", "answer head", "answer body", "flush", "record"];
    let app = Upstream::with(|exchange| {
        if exchange.path() == "/events" {
            exchange.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")?;
            exchange.wait_for_the_end();
            return Ok(());
        }
        default_answer(exchange)
    });
    let folder = Folder::new(&super::CONFIG.replace("UPSTREAM", &app.url()));
    let gateway = Gateway::try_start_with(folder, &[("STAGEDOOR_FAULT_POINTS", "on")]).unwrap();
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.get(1, "/events");
    assert_eq!(client.status(1), 200);
    for (at, point) in POINTS.into_iter().enumerate() {
        let stream = 4 * at as u32 + 3;
        let fields = [("x-stagedoor-fault-point", point)];
        client.send(frame(Frame::HEADERS, Frame::END_HEADERS, stream, request_block("POST", "/x", &fields)));
        client.send(frame(Frame::DATA, Frame::END_STREAM, stream, "body"));
        let mut end = client.next().unwrap();
        while end.stream != stream || !matches!(end.kind, Frame::HEADERS | Frame::RESET) {
            end = client.next().unwrap();
        }
        // The record is written before the stream ends, in the place where nothing catches a panic but the stream.
        let expected = match end.kind {
            Frame::HEADERS => end.status() == 500 || point == "record" && end.status() == 200,
            _ => true,
        };
        assert!(expected, "{point}: {end:?}");
        poll_until("the panic to be counted", || {
            (gateway.metric("stagedoor_panics_total", &[]) == (at + 1) as f64).then_some(())
        });
        client.get(stream + 2, "/next");
        assert_eq!(client.status(stream + 2), 200, "{point}");
    }
    assert_eq!(gateway.metric("stagedoor_streams", &["events"]), 1.0);
}

#[test]
fn a_form_of_the_gateway_is_read() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "");
    let mut client = Http2::connect(gateway.address);
    let form = |body: &str| {
        Request::post("/.stagedoor/enter", body)
            .field("content-type", "application/x-www-form-urlencoded")
            .field("origin", "http://media.localhost")
    };
    let answer = client.ask(&form("code=unknown&next=%2F"));
    assert!((400..500).contains(&answer.status), "{answer:?}");
    let over_http1 = gateway.ask(&form("code=unknown&next=%2F"));
    assert_eq!(
        (answer.status, answer.field("x-stagedoor-code")),
        (over_http1.status, over_http1.field("x-stagedoor-code"))
    );
    assert!(app.seen().is_empty());
}

/// The answers of many streams share one connection and its window; each arrives as it is.
#[test]
fn many_large_answers_arrive_whole() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        let seed = exchange.path().bytes().map(usize::from).sum::<usize>();
        let body: Vec<u8> = (0..700_000).map(|at| ((at * 31 + seed) % 251) as u8).collect();
        exchange.reply("200 OK", &[], body)
    });
    let gateway = gateway(&app, "", "");
    let mut client = Http2::connect(gateway.address);
    let pending = (0..20).map(|n| {
        let (head, _) = Request::get(&format!("/{n}")).http2("http");
        client.begin(head, true).unwrap().answer
    });
    let pending = pending.collect();
    for (n, answer) in client.answers(pending).into_iter().enumerate() {
        let answer = answer.unwrap();
        let seed = format!("/{n}").bytes().map(usize::from).sum::<usize>();
        assert!(answer.complete && answer.body.len() == 700_000, "{n}: {}", answer.body.len());
        assert!(
            answer.body.iter().enumerate().all(|(at, byte)| *byte == ((at * 31 + seed) % 251) as u8),
            "{n}"
        );
    }
}
