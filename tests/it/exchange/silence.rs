//! Every combination of silent sides ends by a deadline.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::{Hold, post_of, send_in_background};
use crate::harness::{Client, DEADLINE, Exchange, Gateway, Request, Upstream, poll_for, poll_until};

/// Every deadline is two seconds: more than a busy machine takes for all of them at once. After its own answer the gateway waits some seconds more for the client to close.
const CONFIG: &str = r#"
[server.timeouts]
header      = "2s"
idle        = "2s"
body_idle   = "2s"
send_idle   = "2s"
stream_idle = "2s"
min_rate    = "1KiB/s"

[server.limits]
connections_per_ip = 1000

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"], read = "2s", retries = 0 }
auth     = "public"
body.max = "1GiB"
"#;

/// What the app does before it falls silent.
const APPS: [&str; 10] =
    ["reads", "unread", "interim", "half-head", "early", "part", "chunk", "full", "events", "websocket"];
/// How much of its body the client sends: in two rounds, as the large ones keep a machine busy.
const BODIES: [&[&str]; 2] = [&["none", "whole", "half"], &["large"]];
/// More than all buffers between the client and the app take.
const LARGE: usize = 24 << 20;
/// What the client does after that.
const CLIENTS: [&str; 3] = ["silent", "draining", "half-closed"];

fn falls_silent(exchange: &mut Exchange<'_>, hold: &Hold) -> std::io::Result<()> {
    let path = exchange.path();
    match path.split('/').nth(1).unwrap() {
        "reads" => exchange.wait_for_the_end(),
        "unread" => {}
        "interim" => exchange.write("HTTP/1.1 102 Processing\r\n\r\n")?,
        "half-head" => exchange.write("HTTP/1.1 200 OK\r\nContent-Le")?,
        "early" => exchange.reply("413 Content Too Large", &["Connection: close"], "too much")?,
        "part" => exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\nhalf")?,
        "chunk" => exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf")?,
        "websocket" => {
            let mut socket = exchange.accept_websocket()?;
            socket.get_mut().write_all(b"\x81\x02hi")?;
        }
        "full" => {
            exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")?;
            for _ in 0..LARGE / 65536 {
                exchange.write([b'x'; 65536])?;
            }
        }
        _ => exchange.write(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n",
        )?,
    }
    hold.wait();
    Ok(())
}

#[test]
fn no_combination_of_silent_sides_outlives_its_deadline() {
    let (hold, ended) = (Hold::default(), Arc::new(AtomicUsize::new(0)));
    let app = Upstream::with({
        let (hold, ended) = (hold.clone(), Arc::clone(&ended));
        move |exchange| {
            let _ = falls_silent(exchange, &hold);
            exchange.wait_for_the_end();
            ended.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    });
    let gateway = Gateway::before(&app, CONFIG);
    let requests = BODIES.map(|bodies| assert_all_end(&gateway, bodies)).iter().sum();
    hold.release();
    poll_until("the app to see the end of each", || (ended.load(Ordering::SeqCst) == requests).then_some(()));
    let events = poll_until("an event for each", || {
        let events = gateway.events();
        (events.iter().filter(|event| event["path"] != "").count() >= requests).then_some(events)
    });
    for event in events {
        assert_names_its_cause(&event);
    }
    assert_eq!(gateway.metric("stagedoor_streams", &[]), 0.0);
}

/// Asserts that the event says whose silence ended the exchange.
fn assert_names_its_cause(event: &Value) {
    let path = event["path"].as_str().unwrap();
    let mut parts = path.split('/').skip(1);
    let (app, body, client) =
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let ended_by = event["ended_by"].as_str().unwrap_or("-");
    let named = match (event["status"].as_u64().unwrap(), app) {
        (504, _) => event["upstream_error"] == "timeout" && event["detail"].is_string(),
        (408, _) => event["upstream_error"].is_null() && event["code"] != Value::Null,
        (400, _) => client == "half-closed" && body == "half",
        (413, "early") => event["upstream_error"].is_null(),
        (200, "full") if client != "draining" => ended_by == "client" && event["detail"].is_string(),
        (200, "part" | "chunk" | "full") => ended_by == "app" && event["upstream_error"] == "timeout",
        (0, "events") if client == "half-closed" => ended_by == "client",
        (200, "events") => ended_by == "idle",
        (101, "websocket") if client == "half-closed" => ended_by == "client",
        (101, "websocket") => ended_by == "idle",
        _ => path.is_empty() || path == "/x",
    };
    assert!(named, "{event}");
}

/// Opens a connection for each combination, and waits until the gateway has ended all of them; how many they were.
fn assert_all_end(gateway: &Gateway, bodies: &[&str]) -> usize {
    let zeros: Arc<[u8]> = vec![b'z'; LARGE].into();
    let (mut silent, mut drained, mut sending) = (Vec::new(), Vec::new(), Vec::new());
    for app in APPS {
        for body in bodies {
            for does in CLIENTS {
                if (does == "half-closed" && *body == "large") || (app == "websocket" && *body != "none") {
                    // One that has sent all and closed its side is the same to the app as one that reads; a handshake has no body.
                    continue;
                }
                let path = format!("/{app}/{body}/{does}");
                let mut client = gateway.client();
                match *body {
                    "none" if app == "websocket" => _ = client.send(handshake(&path)),
                    "none" => _ = client.send(Request::get(&path).bytes()),
                    "whole" => _ = client.send(Request::post(&path, "abc").bytes()),
                    "half" => _ = client.send(post_of(&path, 6) + "abc"),
                    _ => {
                        client.send(post_of(&path, LARGE));
                        sending.push(send_in_background(&client, Arc::clone(&zeros)));
                    }
                }
                match does {
                    "silent" => silent.push(client),
                    "half-closed" => {
                        client.finish();
                        silent.push(client);
                    }
                    _ => drained.push((path, std::thread::spawn(move || drain(client)))),
                }
            }
        }
    }
    let requests = silent.len() + drained.len();
    // Clients that send no request at all.
    silent.push(gateway.client());
    for part in ["G", "GET /x HTTP/1.1\r\nHost: media.loc", "GET /x HTTP/1.1\r\nHost: media.localhost\r\n"] {
        let mut client = gateway.client();
        client.send(part);
        silent.push(client);
    }
    poll_for("all connections to end", DEADLINE * 2, || {
        (gateway.metric("stagedoor_connections", &[]) == 0.0).then_some(())
    });
    for (path, drained) in drained {
        let status = drained.join().unwrap();
        let allowed: &[&str] = match path.split('/').nth(1).unwrap() {
            "early" => &["413"],
            // An interim answer is the only one.
            "websocket" => &["-"],
            "reads" | "unread" | "interim" | "half-head" if path.contains("/half/") => &["408", "504"],
            "reads" | "unread" | "interim" | "half-head" => &["504"],
            _ => &["200"],
        };
        assert!(allowed.contains(&status.as_str()), "{path}: {status}");
    }
    drop(silent);
    for sending in sending {
        let _ = sending.join().unwrap();
    }
    requests
}

/// A handshake for a WebSocket.
fn handshake(path: &str) -> Vec<u8> {
    let request = Request::get(path).field("Connection", "Upgrade").field("Upgrade", "websocket");
    let request = request.field("Sec-WebSocket-Version", "13");
    request.field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==").bytes()
}

/// Reads all that comes; the status of the first final answer.
fn drain(mut client: Client) -> String {
    let mut head = Vec::new();
    while client.reader.fill().is_ok_and(|came| came > 0) {
        if head.len() < 4096 {
            head.extend_from_slice(&client.reader.buffer);
        }
        client.reader.buffer.clear();
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    text.split("HTTP/1.1 ")
        .filter_map(|rest| rest.get(..3))
        .find(|code| *code >= "200")
        .unwrap_or("-")
        .to_owned()
}
