//! Answers that are malformed, endless, slow or cut.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{MORE_THAN_BUFFERS, assert_cut, assert_failed, patient, post_of, send_in_background};
use crate::harness::{Client, Exchange, Request, Response, Upstream, poll_until};

/// Writes `bytes` one at a time.
fn drip(exchange: &mut Exchange<'_>, bytes: &str, every: Duration) -> std::io::Result<()> {
    for byte in bytes.bytes() {
        exchange.write([byte])?;
        std::thread::sleep(every);
    }
    Ok(())
}

/// The deadline is for the whole head: bytes do not extend it.
#[test]
fn a_head_that_drips_is_waited_for_no_longer_than_read() {
    let app = Upstream::with(|exchange| {
        exchange.hang_up();
        let head = format!("HTTP/1.1 200 OK\r\nX-Pad: {}\r\nContent-Length: 2\r\n\r\nok", "x".repeat(20));
        drip(exchange, &head, Duration::from_millis(100))
    });
    let gateway = patient(&app, "", "read = \"1s\"");
    for request in [Request::get("/x"), Request::post("/x", "abc")] {
        let event = assert_failed(&gateway, &gateway.ask(&request), 504, "timeout");
        assert_eq!(
            event["detail"], "the head of the app's answer was not complete within `upstream.read`",
            "{event}"
        );
    }
}

/// The same for the interim answers before it.
#[test]
fn interim_answers_for_ever_end_by_the_deadline_or_the_cap() {
    let written = Arc::new(AtomicUsize::new(0));
    let app = Upstream::with({
        let written = Arc::clone(&written);
        move |exchange| {
            exchange.hang_up();
            let (pad, pause) = match exchange.path().as_str() {
                "/fast" => (10, Duration::ZERO),
                "/large" => (4_000, Duration::ZERO),
                // So few of them that only the deadline ends it.
                _ => (10, Duration::from_millis(200)),
            };
            let interim = format!("HTTP/1.1 102 Processing\r\nX-Pad: {}\r\n\r\n", "x".repeat(pad));
            loop {
                exchange.write(&interim)?;
                written.fetch_add(interim.len(), Ordering::SeqCst);
                std::thread::sleep(pause);
            }
        }
    });
    let gateway = patient(&app, "", "read = \"1s\"");
    let before = gateway.memory();
    for (path, status, cause, detail) in [
        ("/fast", 502, "bad_answer", "more than 256 interim answers"),
        ("/large", 502, "bad_answer", "larger than 64 KiB"),
        ("/paced", 504, "timeout", "the head of the app's answer was not complete within `upstream.read`"),
    ] {
        let event = assert_failed(&gateway, &gateway.ask(&Request::get(path)), status, cause);
        assert!(event["detail"].as_str().unwrap().contains(detail), "{event}");
    }
    assert!(gateway.memory() < before + (16 << 20), "{} bytes were sent", written.load(Ordering::SeqCst));
}

#[test]
fn a_switch_that_was_not_asked_for_is_a_bad_answer() {
    let app = Upstream::with(|exchange| {
        exchange.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x02\x06secret",
        )?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let gateway = patient(&app, "", "");
    for request in [Request::get("/x"), Request::post("/x", "abc")] {
        let answer = gateway.ask(&request);
        let event = assert_failed(&gateway, &answer, 502, "bad_answer");
        assert_eq!(event["detail"], "a 101 that no client asked for", "{event}");
        assert!(!answer.text().contains("secret"));
    }
}

#[test]
fn a_head_of_64_mib_is_a_bad_answer_and_not_held() {
    let app = Upstream::with(|exchange| {
        exchange.hang_up();
        let many = exchange.path() == "/fields";
        exchange.write("HTTP/1.1 200 OK\r\nX-Long: ")?;
        let part = if many { "x\r\nX-Another: y".repeat(4096) } else { "x".repeat(64 * 1024) };
        for _ in 0..1024 {
            exchange.write(&part)?;
        }
        exchange.write("\r\nContent-Length: 2\r\n\r\nok")
    });
    let gateway = patient(&app, "", "");
    assert_eq!(gateway.ask(&Request::get("/warm")).status, 502);
    let before = gateway.memory();
    for (path, detail) in [("/value", "larger than 64 KiB"), ("/fields", "more than 256 fields")] {
        let answer = gateway.ask(&Request::get(path));
        let event = assert_failed(&gateway, &answer, 502, "bad_answer");
        assert!(event["detail"].as_str().unwrap().contains(detail), "{event}");
    }
    assert!(gateway.memory() < before + (16 << 20), "grew from {before} to {}", gateway.memory());
}

/// A stream that has carried much and is silent now, as most are for hours.
#[test]
fn a_silent_stream_holds_no_buffer_for_what_it_may_carry() {
    const STREAMS: usize = 150;
    const DATA: usize = 300_000;
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")?;
        exchange.write("x".repeat(DATA))?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let gateway = patient(&app, "[server.limits]\nconnections_per_ip = 1000", "");
    let before = gateway.memory();
    let clients: Vec<_> = (0..STREAMS)
        .map(|_| {
            let mut client = gateway.client();
            client.send(Request::get("/events").bytes());
            client.head().unwrap();
            while client.reader.buffer.len() < DATA {
                assert!(client.reader.fill().unwrap() > 0);
            }
            client
        })
        .collect();
    let grown = gateway.memory().saturating_sub(before);
    assert!(grown < STREAMS as u64 * (72 << 10), "{grown} bytes for {} streams", clients.len());
}

/// Heads whose framing could be read in two ways, or that are no HTTP/1.
const UNREADABLE: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabcd",
    "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nContent-Length: 0x3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc",
    "HTTP/1.1 200 OK\r\nContent-Length: 3\n\r\nabc",
    "HTTP/1.1 200 OK\r\nX-A: b\rContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nX-A: \0\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 2000 OK\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 20x OK\r\nContent-Length: 3\r\n\r\nabc",
    "\0\0\0\0\r\n\r\n",
    "<html>no head at all</html>\r\n\r\n",
];

#[test]
fn an_answer_whose_framing_is_ambiguous_is_a_bad_answer() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        exchange.hang_up();
        let n: usize = exchange.path().trim_start_matches('/').parse().unwrap();
        exchange.write(UNREADABLE[n])
    });
    let gateway = patient(&app, "", "");
    for (n, wire) in UNREADABLE.iter().enumerate() {
        for request in [Request::get(&format!("/{n}")), Request::post(&format!("/{n}"), "abc")] {
            app.forget();
            let answer = gateway.ask(&request);
            assert_eq!(answer.status, 502, "{wire:?}");
            let event = assert_failed(&gateway, &answer, 502, "bad_answer");
            assert!(event["detail"].is_string(), "{event}");
            assert_eq!(app.seen().len(), 1, "{wire:?}: an app that answered is not asked again");
        }
    }
}

/// Faults in a chunked body, after a head and a chunk that are well-formed.
const BAD_CHUNKS: &[&str] = &[
    "zz\r\nabc\r\n",
    "-1\r\n",
    "3\nabc\r\n0\r\n\r\n",
    "3\r\nabcd\r\n0\r\n\r\n",
    "3\r\nabc0\r\n\r\n",
    "3 3\r\nabc\r\n0\r\n\r\n",
    "FFFFFFFFFFFFFFFFF\r\nabc\r\n",
    "\r\n3\r\nabc\r\n0\r\n\r\n",
];

#[test]
fn a_wrong_chunk_is_never_a_whole_answer() {
    let app = Upstream::with(|exchange| {
        exchange.hang_up();
        let path = exchange.path();
        let (at_once, n) = match path.strip_prefix("/now/") {
            Some(n) => (true, n),
            None => (false, path.trim_start_matches("/later/")),
        };
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let fault = BAD_CHUNKS[n.parse::<usize>().unwrap()];
        if at_once {
            exchange.write(format!("{head}{fault}"))?;
        } else {
            exchange.write(format!("{head}5\r\nfirst\r\n"))?;
            std::thread::sleep(Duration::from_millis(20));
            exchange.write(fault)?;
        }
        exchange.wait_for_the_end();
        Ok(())
    });
    let gateway = patient(&app, "", "");
    for (n, fault) in BAD_CHUNKS.iter().enumerate() {
        println!("{fault:?}");
        let answer = gateway.ask(&Request::get(&format!("/later/{n}")));
        assert_eq!(answer.status, 200, "{fault:?}");
        assert_cut(&gateway, &answer, &["bad_answer"]);
        // Where nothing was sent yet, the client may be told instead.
        let answer = gateway.ask(&Request::get(&format!("/now/{n}")));
        match answer.status {
            200 => assert_cut(&gateway, &answer, &["bad_answer"]),
            _ => assert_failed(&gateway, &answer, 502, "bad_answer"),
        };
    }
}

/// Extensions and trailers have a cap, each by itself and all together.
#[test]
fn a_chunk_line_or_a_trailer_without_an_end_is_cut() {
    let app = Upstream::with(|exchange| {
        exchange.hang_up();
        exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")?;
        exchange.write(match exchange.path().as_str() {
            "/extension" => "3;x=",
            "/digits" => "0",
            _ => "0\r\nX-Trailer: ",
        })?;
        let part = if exchange.path() == "/digits" { "0".repeat(4096) } else { "x".repeat(64 * 1024) };
        for _ in 0..512 {
            exchange.write(&part)?;
        }
        exchange.wait_for_the_end();
        Ok(())
    });
    let gateway = patient(&app, "", "");
    let before = gateway.memory();
    for path in ["/extension", "/digits", "/trailer"] {
        let answer = gateway.ask(&Request::get(path));
        assert_eq!(answer.status, 200);
        assert_cut(&gateway, &answer, &["bad_answer"]);
    }
    assert!(gateway.memory() < before + (16 << 20));
}

const TOO_EARLY: &str = "the app closed the connection too early";

#[test]
fn half_an_answer_is_noticed() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        exchange.hang_up();
        let path = exchange.path();
        let (head, rest) = match path.trim_start_matches('/').split_once('/').unwrap().0 {
            "length" => ("Content-Length: 100\r\n\r\nhalf", ""),
            "chunk" => ("Transfer-Encoding: chunked\r\n\r\n64\r\nhalf", ""),
            "between" => ("Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", ""),
            "size" => ("Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n6", ""),
            "last" => ("Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", "0\r\n"),
            _ => ("Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", ""),
        };
        exchange.write(format!("HTTP/1.1 200 OK\r\n{head}{rest}"))?;
        if path.ends_with("/stall") {
            exchange.wait_for_the_end();
        }
        Ok(())
    });
    let gateway = patient(&app, "", "read = \"400ms\"");
    for framing in ["length", "chunk", "between", "size", "last"] {
        for (end, causes) in [("close", ["closed", "reset"]), ("stall", ["timeout", "timeout"])] {
            for method in ["GET", "POST"] {
                let mut request = Request::new(method, &format!("/{framing}/{end}"));
                if method == "POST" {
                    request = request.body("abc");
                }
                let answer = gateway.ask(&request);
                assert_eq!((answer.status, answer.text().as_str()), (200, "half"), "{framing} {end}");
                assert_cut(&gateway, &answer, &causes);
            }
        }
    }
    // A stream that its app ends without a last chunk is cut as well.
    let answer = gateway.ask(&Request::get("/stream/close"));
    assert!(!answer.complete, "{answer:?}");
    let event = gateway.event(&answer);
    assert_eq!((&event["ended_by"], &event["detail"]), (&"app".into(), &TOO_EARLY.into()), "{event}");
}

/// An app that sends more than its answer has: with it, or later.
#[test]
fn bytes_after_an_answer_reach_nobody() {
    const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    let poisoned = Arc::new(AtomicUsize::new(0));
    let app = Upstream::with({
        let poisoned = Arc::clone(&poisoned);
        move |exchange| {
            exchange.body()?;
            let (answer, pause) = match exchange.path().as_str() {
                "/length" => ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0),
                "/length-late" => ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 30),
                "/chunks" => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 0),
                "/chunks-late" => {
                    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 30)
                }
                "/head" => ("HTTP/1.1 200 OK\r\nContent-Length: 51\r\n\r\n", 0),
                "/head-late" => ("HTTP/1.1 200 OK\r\nContent-Length: 51\r\n\r\n", 30),
                "/empty" => ("HTTP/1.1 204 No Content\r\n\r\n", 0),
                "/empty-late" => ("HTTP/1.1 204 No Content\r\n\r\n", 30),
                "/unchanged" => ("HTTP/1.1 304 Not Modified\r\nContent-Length: 51\r\n\r\n", 0),
                "/unchanged-late" => ("HTTP/1.1 304 Not Modified\r\nContent-Length: 51\r\n\r\n", 30),
                _ => return exchange.reply("200 OK", &[], "fine"),
            };
            if pause == 0 {
                exchange.write(format!("{answer}{POISON}"))?;
            } else {
                exchange.write(answer)?;
                std::thread::sleep(Duration::from_millis(pause));
                let _ = exchange.write(POISON);
            }
            poisoned.fetch_add(1, Ordering::SeqCst);
            // Should the connection be used again, the poison is the answer that is read.
            exchange.wait_for_the_end();
            Ok(())
        }
    });
    let gateway = patient(&app, "", "retries = 0");
    let mut kept = gateway.client();
    let mut rounds = 0;
    for _ in 0..3 {
        for path in ["/length", "/chunks", "/head", "/empty", "/unchanged"] {
            for target in [path.to_owned(), format!("{path}-late")] {
                rounds += 1;
                let method = if path == "/head" { "HEAD" } else { "GET" };
                let answer = assert_in_step(&mut kept, method, &target);
                if !target.ends_with("-late") {
                    let event = gateway.event(&answer);
                    assert_eq!(event["detail"], "the app sent bytes after its answer", "{event}");
                }
                if target.ends_with("-late") && matches!(path, "/length" | "/chunks") {
                    // Nothing shows that the app will go on: a request that comes before would be taken for answered.
                    poll_until("the poison", || (poisoned.load(Ordering::SeqCst) == rounds).then_some(()));
                }
                assert_next(&mut kept);
                assert_next(&mut gateway.client());
                poll_until("the poison", || (poisoned.load(Ordering::SeqCst) == rounds).then_some(()));
                assert_next(&mut kept);
                assert_next(&mut gateway.client());
            }
        }
    }
}

fn assert_in_step(client: &mut Client, method: &str, target: &str) -> Response {
    let answer = client.ask(&Request::new(method, target));
    assert!(answer.complete && matches!(answer.status, 200 | 204 | 304), "{target}: {answer:?}");
    assert!(matches!(answer.text().as_str(), "ok" | ""), "{target}: {answer:?}");
    assert_ne!(answer.field("connection"), "close", "{target}");
    answer
}

fn assert_next(client: &mut Client) {
    let next = client.ask(&Request::get("/next"));
    assert_eq!((next.status, next.text().as_str()), (200, "fine"));
}

/// A server that ends an idle connection with words of its own, as some do with a 408.
#[test]
fn words_on_an_idle_connection_answer_no_request() {
    let app = Upstream::with(|exchange| {
        exchange.reply("200 OK", &[], "fine")?;
        let mut stream = exchange.stream();
        let mut next = [0; 1024];
        stream.set_read_timeout(Some(Duration::from_millis(10)))?;
        match stream.read(&mut next) {
            // The next request was there already.
            Ok(1..) => exchange.reply("200 OK", &[], "fine"),
            Ok(_) | Err(_) => exchange
                .write("HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlate"),
        }
    });
    let gateway = patient(&app, "", "");
    let mut client = gateway.client();
    for round in 0..30 {
        let answer = client.ask(&Request::get("/x"));
        assert_eq!((answer.status, answer.text().as_str()), (200, "fine"), "round {round}");
        std::thread::sleep(Duration::from_millis(if round % 2 == 0 { 0 } else { 15 }));
    }
}

/// A reset shows to whoever uses the connection first: here the writer of the upload. The app is reset with a part of its answer
/// sent and most of the upload unread, or closes in order behind a whole answer.
#[test]
fn an_answer_without_framing_that_is_reset_in_an_upload_does_not_look_whole() {
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.0 200 OK\r\n\r\nhalf")?;
        std::thread::sleep(Duration::from_millis(20));
        exchange.reset();
        Ok(())
    });
    let gateway = patient(&app, "", "");
    for round in 0..40 {
        let mut client = gateway.client();
        let upload =
            [post_of("/upload", MORE_THAN_BUFFERS).into_bytes(), vec![b'z'; MORE_THAN_BUFFERS]].concat();
        let sending = send_in_background(&client, upload);
        // Its beginning may be lost with the connection: then it is a refusal.
        match client.try_answer_to("POST") {
            Ok(answer) if answer.status == 502 => {}
            Ok(answer) => {
                assert!(!answer.complete, "round {round}: {answer:?}");
                assert_cut(&gateway, &answer, &["reset", "closed"]);
            }
            Err(error) => assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "round {round}"),
        }
        drop(client);
        let _ = sending.join().unwrap();
    }
}

/// An app that ends its answer by closing, and one that is reset in it: the first is whole, the second must not look so.
#[test]
fn an_answer_without_framing_that_is_reset_does_not_look_whole() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        exchange.hang_up();
        exchange.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfilm")?;
        if exchange.path() == "/reset" {
            // Once the answer has been passed on.
            std::thread::sleep(Duration::from_millis(100));
            exchange.reset();
        }
        Ok(())
    });
    let gateway = patient(&app, "", "");
    for request in [Request::get("/whole"), Request::post("/whole", "abc")] {
        let answer = gateway.ask(&request);
        assert_eq!((answer.text().as_str(), answer.complete), ("film", true));
    }
    for request in [Request::get("/reset"), Request::post("/reset", "abc")] {
        assert_cut(&gateway, &gateway.ask(&request), &["reset"]);
    }
}
