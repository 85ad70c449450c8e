//! Deadlines and caps of connections: slow clients are cut, honest ones are served meanwhile.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use crate::harness::{Client, Gateway, HOST, Request, Upstream, poll_until};

const PUBLIC: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

fn before(app: &Upstream, server: &str) -> Gateway {
    Gateway::before(app, &format!("{server}\n{PUBLIC}"))
}

/// Sends one byte at a time, a little before each deadline a naive reader would have.
fn drip(client: &mut Client, head: &[u8], every: Duration) -> bool {
    for byte in head {
        if client.try_send([*byte]).is_err() {
            return false;
        }
        client.reader.stream.set_read_timeout(Some(every)).unwrap();
        match client.reader.fill() {
            Ok(0) => return false,
            Ok(_) => {
                client.reader.stream.set_read_timeout(Some(crate::harness::DEADLINE)).unwrap();
                return false;
            }
            Err(_) => {}
        }
    }
    true
}

#[test]
fn a_dripping_head_is_cut_at_its_deadline() {
    let app = Upstream::start();
    let gateway = before(&app, "[server.timeouts]\nheader = \"1s\"");
    let head = Request::get("/x").field("X-Long", "v".repeat(100)).bytes();
    let drip_of = |client: &mut Client| {
        let from = Instant::now();
        assert!(!drip(client, &head, Duration::from_millis(100)), "the whole head was waited for");
        let answer = client.answer();
        assert_eq!((answer.status, answer.code().as_str()), (408, "head_timeout"));
        println!("cut after {:?}", from.elapsed());
        assert!(from.elapsed() > Duration::from_millis(900));
        assert!(client.is_closed());
    };
    drip_of(&mut gateway.client());
    // On a connection that has served a request, and on one that was refused one.
    let mut reused = gateway.client();
    assert_eq!(reused.ask(&Request::get("/first")).status, 200);
    drip_of(&mut reused);
    let mut refused = gateway.client();
    assert_eq!(refused.ask(&Request::get("/x").host("other.localhost")).status, 421);
    drip_of(&mut refused);
    assert_eq!(app.seen().len(), 1);
}

#[test]
fn a_large_head_is_refused_before_it_is_whole() {
    let app = Upstream::start();
    let gateway = before(&app, "");
    let mut client = gateway.client();
    let mut head = b"GET /x HTTP/1.1\r\nHost: media.localhost\r\nX-Big: ".to_vec();
    head.resize(900 * 1024, b'v');
    let from = Instant::now();
    let _ = client.try_send(head);
    let answer = client.answer();
    assert_eq!((answer.status, answer.code().as_str()), (431, "headers_too_large"));
    println!("refused after {:?}", from.elapsed());
    assert!(client.is_closed());
    assert!(gateway.memory() < 128 << 20);
    assert!(app.seen().is_empty());
}

#[test]
fn limits_of_heads_are_those_of_the_file() {
    let app = Upstream::start();
    let gateway =
        before(&app, "[server.limits]\nheader_bytes = \"2KiB\"\nheader_count = 10\nuri_bytes = \"256B\"");
    let fields =
        |n: usize| (0..n).fold(Request::get("/x"), |request, n| request.field(&format!("X-{n}"), "1"));
    assert_eq!(gateway.ask(&fields(9)).status, 200);
    assert_eq!(gateway.ask(&fields(10)).status, 431);
    assert_eq!(gateway.ask(&Request::get(&format!("/{}", "a".repeat(255)))).status, 200);
    assert_eq!(gateway.ask(&Request::get(&format!("/{}", "a".repeat(256)))).status, 414);
    assert_eq!(gateway.ask(&Request::get("/x").field("X", "v".repeat(1900))).status, 200);
    assert_eq!(gateway.ask(&Request::get("/x").field("X", "v".repeat(2048))).status, 431);
}

#[test]
fn idle_connections_are_closed() {
    let app = Upstream::start();
    let gateway = before(&app, "[server.timeouts]\nidle = \"1s\"");
    let mut silent = gateway.client();
    let mut used = gateway.client();
    assert_eq!(used.ask(&Request::get("/x")).status, 200);
    for client in [&mut silent, &mut used] {
        assert!(client.is_closed());
        assert!(client.reader.buffer.is_empty(), "nothing is said to who said nothing");
    }
    poll_until("no connection", || (gateway.metric("stagedoor_connections", &[]) == 0.0).then_some(()));
}

#[test]
fn one_address_cannot_take_all_connections() {
    let app = Upstream::start();
    let gateway = before(&app, "[server.limits]\nconnections_per_ip = 16");
    let from = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
    let mut flood: Vec<Client> = (0..300).map(|_| Client::connect_from(from, gateway.address)).collect();
    let mut refused = 0;
    for client in flood.iter_mut().skip(16) {
        let answer = client.answer();
        assert_eq!((answer.status, answer.code().as_str()), (503, "overloaded"));
        assert!(client.is_closed());
        refused += 1;
    }
    assert_eq!(refused, 284);
    let honest = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
    assert_eq!(Client::connect_from(honest, gateway.address).ask(&Request::get("/x")).status, 200);
    assert_eq!(gateway.metric("stagedoor_connections_refused_total", &["per_address"]), 284.0);
    // The first ones were there first and still are.
    assert_eq!(flood[0].ask(&Request::get("/x")).status, 200);
    drop(flood);
    poll_until("room again", || {
        let mut client = Client::connect_from(from, gateway.address);
        client.try_send(Request::get("/x").bytes()).ok()?;
        (client.try_answer_to("GET").ok()?.status == 200).then_some(())
    });
}

#[test]
fn trusted_proxies_may_hold_as_many_connections_as_they_need() {
    let app = Upstream::start();
    let gateway = before(
        &app,
        "[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n[server.limits]\nconnections_per_ip = 4",
    );
    let mut clients: Vec<Client> = (0..12).map(|_| gateway.client()).collect();
    for client in &mut clients {
        assert_eq!(client.ask(&Request::get("/x")).status, 200);
    }
}

#[test]
fn a_connection_serves_as_many_requests_as_it_may() {
    let app = Upstream::start();
    let gateway = before(&app, "[server.limits]\nrequests_per_connection = 50");
    let mut client = gateway.client();
    for n in 1..=50 {
        // Local answers count like those of the app.
        let host = if n % 5 == 0 { "other.localhost" } else { HOST };
        let answer = client.ask(&Request::get("/x").host(host));
        assert_eq!(answer.status, if n % 5 == 0 { 421 } else { 200 });
        assert_eq!(answer.field("connection") == "close", n == 50, "request {n}: {answer:?}");
    }
    assert!(client.is_closed());
}

#[test]
fn a_connection_is_kept_through_many_requests() {
    let app = Upstream::start();
    let gateway = before(&app, "");
    let mut client = gateway.client();
    for n in 0..900 {
        let request = match n % 4 {
            0 => Request::post("/echo", "abc"),
            1 => Request::new("HEAD", "/x"),
            2 => Request::get("/x").host("other.localhost"),
            _ => Request::get("/x"),
        };
        let answer = client.ask(&request);
        assert_eq!(answer.status, if n % 4 == 2 { 421 } else { 200 }, "request {n}");
        assert!(answer.field("connection") != "close", "request {n}");
    }
    // Each POST and each HEAD ends its connection to the app: 450 of them; the GETs share.
    assert!(app.connections() < 500, "{} connections to the app for 675 requests", app.connections());
}

#[test]
fn a_client_that_wants_to_close_is_obeyed() {
    let app = Upstream::start();
    let gateway = before(&app, "");
    for host in [HOST, "other.localhost"] {
        let mut client = gateway.client();
        let answer = client.ask(&Request::get("/x").host(host).field("Connection", "close"));
        assert_eq!(answer.field("connection"), "close");
        assert!(client.is_closed());
    }
}

#[test]
fn a_silent_body_is_cut() {
    let app = Upstream::start();
    let gateway = before(&app, "[server.timeouts]\nbody_idle = \"1s\"");
    for framing in ["Content-Length: 100\r\n\r\nabc", "Transfer-Encoding: chunked\r\n\r\n64\r\nabc"] {
        let mut client = gateway.client();
        let from = Instant::now();
        client.send(format!("POST /x HTTP/1.1\r\nHost: media.localhost\r\n{framing}"));
        let answer = client.answer();
        println!("cut after {:?}", from.elapsed());
        assert_eq!((answer.status, answer.field("connection")), (408, "close"), "{framing}");
        assert_eq!(gateway.event(&answer)["code"], "body_timeout");
        assert!(client.is_closed());
    }
    poll_until("the app to see the end", || app.seen().iter().all(|seen| seen.broken).then_some(()));
    assert!(app.seen().iter().all(|seen| !seen.complete));
}

#[test]
fn a_dripping_body_is_cut() {
    let app = Upstream::start();
    let gateway = before(&app, "[server.timeouts]\nbody_idle = \"1s\"\nmin_rate = \"1KiB/s\"");
    let mut client = gateway.client();
    client.send("POST /x HTTP/1.1\r\nHost: media.localhost\r\nContent-Length: 1000\r\n\r\n");
    let from = Instant::now();
    assert!(!drip(&mut client, &[b'x'; 200], Duration::from_millis(100)), "it was waited for");
    println!("cut after {:?}", from.elapsed());
    let answer = client.answer();
    assert_eq!(answer.status, 408);
    assert_eq!(gateway.event(&answer)["code"], "body_timeout");
    poll_until("the app to see the end", || app.sole().broken.then_some(()));
}

#[test]
fn a_body_that_takes_its_time_is_taken() {
    let app = Upstream::start();
    let gateway = before(&app, "[server.timeouts]\nbody_idle = \"1s\"\nmin_rate = \"100B/s\"");
    let mut client = gateway.client();
    client.send("POST /x HTTP/1.1\r\nHost: media.localhost\r\nContent-Length: 2500\r\n\r\n");
    // Two and a half times the deadline in all, ten times the rate.
    for _ in 0..25 {
        client.send([b'x'; 100]);
        client.reader.stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let _ = client.reader.fill();
    }
    client.reader.stream.set_read_timeout(Some(crate::harness::DEADLINE)).unwrap();
    assert_eq!(client.answer().status, 200);
    assert_eq!(app.sole().body_length, 2500);
}

#[test]
fn a_client_that_takes_nothing_is_cut() {
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 268435456\r\n\r\n")?;
        loop {
            exchange.write([b'x'; 65536])?;
        }
    });
    let gateway = before(&app, "[server.timeouts]\nsend_idle = \"1s\"");
    let mut client = gateway.client();
    client.send(Request::get("/film").bytes());
    client.head().unwrap();
    poll_until("the connection to end", || {
        (gateway.metric("stagedoor_connections", &[]) == 0.0).then_some(())
    });
    let event = gateway.event_where("/film", |event| event["path"] == "/film");
    assert_eq!((&event["status"], &event["ended_by"]), (&200.into(), &"client".into()), "{event}");
}

#[test]
fn a_silent_stream_is_closed() {
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let gateway = before(&app, "[server.timeouts]\nstream_idle = \"1s\"");
    let mut client = gateway.client();
    client.send(Request::get("/events").bytes());
    assert_eq!(client.head().unwrap().status, 200);
    let from = Instant::now();
    assert!(client.is_closed());
    println!("closed after {:?}", from.elapsed());
}
