//! What a client may try (RFC 9113 §10.5, and what was published since): each ends the connection within a number of frames, or
//! the stream within a deadline, costs little memory, and leaves honest clients served.

use std::io::Write as _;

use super::gateway;
use crate::harness::{
    Exchange, Frame, Gateway, Http2, RawHttp2, Request, Upstream, default_answer, frame, header_block,
    poll_until, request_block,
};

/// RFC 9113 §7
const NO_ERROR: u32 = 0;
const ENHANCE_YOUR_CALM: u32 = 11;

const MIB: u64 = 1 << 20;

/// Asserts that a client beside the attack is answered.
fn assert_serves(gateway: &Gateway) {
    assert_eq!(Http2::connect(gateway.address).ask(&Request::get("/honest")).status, 200);
}

/// Sends these bytes, reads what comes meanwhile to the end of the connection, and returns the reason that was given for it.
fn attack(gateway: &Gateway, settings: &[(u16, u32)], bytes: Vec<u8>) -> Option<u32> {
    attack_on(RawHttp2::connect(gateway.address, settings), bytes)
}

/// The same on a connection that has begun.
fn attack_on(mut client: RawHttp2, bytes: Vec<u8>) -> Option<u32> {
    let mut stream = client.stream.try_clone().unwrap();
    // The gateway may have ended the connection long before all is sent.
    let sending = std::thread::spawn(move || stream.write_all(&bytes));
    let code = client.end();
    drop(client);
    let _ = sending.join().unwrap();
    code
}

/// An app that takes its time for all but honest clients.
fn slow_app() -> Upstream {
    Upstream::with(|exchange| {
        if exchange.path() != "/honest" {
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        default_answer(exchange)
    })
}

fn head(stream: u32, flags: u8, path: &str) -> Vec<u8> {
    frame(Frame::HEADERS, flags | Frame::END_HEADERS, stream, request_block("GET", path, &[]))
}

#[test]
fn frames_that_carry_nothing_end_their_connection() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "");
    let before = gateway.memory();
    let open = frame(Frame::HEADERS, Frame::END_HEADERS, 1, request_block("POST", "/x", &[]));
    for (name, first, each, most) in [
        ("PING", vec![], frame(Frame::PING, 0, 0, [0; 8]), 501),
        ("SETTINGS", vec![], frame(Frame::SETTINGS, 0, 0, [0, 1, 0, 0, 0, 0]), 101),
        ("PRIORITY", vec![], frame(Frame::PRIORITY, 0, 3, [0; 5]), 6001),
        ("WINDOW_UPDATE", vec![], frame(Frame::WINDOW, 0, 0, [0, 0, 0, 1]), 6001),
        ("empty DATA", open, frame(Frame::DATA, 0, 1, []), 501),
        ("unknown", vec![], frame(0xbb, 0, 0, []), 1001),
    ] {
        // What a budget gets back meanwhile is added.
        let bytes = [first, each.repeat(most + most / 2)].concat();
        assert_eq!(attack(&gateway, &[], bytes), Some(ENHANCE_YOUR_CALM), "{name}");
        assert_serves(&gateway);
    }
    assert_eq!(gateway.metric("stagedoor_http2_limited_total", &["frames"]), 6.0);
    assert!(gateway.memory() < before + 16 * MIB, "{} to {}", before, gateway.memory());
}

/// Heads that the gateway ignores: of a stream that it has reset, and of streams that it told the client not to open.
#[test]
fn heads_that_open_no_stream_end_their_connection() {
    let app = Upstream::with(|exchange| match exchange.path().as_str() {
        "/half" => {
            exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")?;
            Err(std::io::ErrorKind::Other.into())
        }
        "/events" => {
            exchange.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")?;
            exchange.wait_for_the_end();
            Ok(())
        }
        _ => default_answer(exchange),
    });
    let gateway = gateway(&app, "limits.requests_per_connection = 2\n", "");
    // What a budget gets back meanwhile is added.
    let heads = 3001 + 1500;
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 1, request_block("POST", "/half", &[])));
    client.wait_for(Frame::RESET, 1);
    let again = head(1, Frame::END_STREAM, "/half").repeat(heads);
    assert_eq!(attack_on(client, again), Some(ENHANCE_YOUR_CALM));
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.get(1, "/events");
    client.get(3, "/x");
    // The second one names the last stream that is answered.
    client.next_of_kind(Frame::GOAWAY);
    assert_ne!(client.next_of_kind(Frame::GOAWAY).payload[..4], [0x7f, 0xff, 0xff, 0xff]);
    let further = (5..).step_by(2).take(heads).flat_map(|stream| head(stream, Frame::END_STREAM, "/x"));
    assert_eq!(attack_on(client, further.collect()), Some(ENHANCE_YOUR_CALM));
    assert_serves(&gateway);
    assert!(app.seen().iter().filter(|seen| seen.target == "/x").count() == 1);
}

#[test]
fn requests_that_are_reset_at_once_end_their_connection() {
    let app = slow_app();
    let gateway = gateway(&app, "limits.requests_per_connection = 1000000\n", "");
    let before = gateway.memory();
    let mut all = Vec::new();
    for stream in (1..14_000).step_by(2) {
        all.extend(head(stream, Frame::END_STREAM, "/slow"));
        all.extend(frame(Frame::RESET, 0, stream, [0, 0, 0, 8]));
    }
    assert_eq!(attack(&gateway, &[], all), Some(ENHANCE_YOUR_CALM));
    assert_serves(&gateway);
    assert!(gateway.memory() < before + 32 * MIB, "{} to {}", before, gateway.memory());
}

/// The resets come once the requests are with the app.
#[test]
fn requests_that_are_reset_after_they_were_accepted_end_their_connection() {
    let app = slow_app();
    let gateway = gateway(&app, "limits.requests_per_connection = 1000000\n", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    let mut stream = 1;
    let code = loop {
        let from = stream;
        let mut sent = true;
        for _ in 0..50 {
            sent &= client.try_send(head(stream, Frame::END_STREAM, "/slow")).is_ok();
            stream += 2;
        }
        // The answer to a ping shows that the requests were read.
        sent &= client.try_send(frame(Frame::PING, 0, 0, [1; 8])).is_ok();
        let mut code = None;
        while sent && let Some(next) = client.next_of_all() {
            match next.kind {
                Frame::PING if next.flags & Frame::ACK != 0 => break,
                Frame::GOAWAY => code = Some(next.code()),
                _ => {}
            }
        }
        if code.is_some() || !sent {
            break code;
        }
        for reset in (from..stream).step_by(2) {
            let _ = client.try_send(frame(Frame::RESET, 0, reset, [0, 0, 0, 8]));
        }
        assert!(stream < 30_000, "it goes on for ever");
    };
    assert_eq!(code.or_else(|| client.end()), Some(ENHANCE_YOUR_CALM));
    assert_serves(&gateway);
    poll_until("the app to be left alone", || (app.open_connections() < 10).then_some(()));
}

/// MadeYouReset: what a client does makes the gateway reset the stream.
#[test]
fn requests_that_make_the_gateway_reset_them_end_their_connection() {
    let app = slow_app();
    let gateway = gateway(&app, "", "");
    let overflow = |stream| frame(Frame::WINDOW, 0, stream, [0x7f, 0xff, 0xff, 0xff]);
    let too_long = |stream| {
        let block = request_block("POST", "/slow", &[("content-length", "1")]);
        [frame(Frame::HEADERS, Frame::END_HEADERS, stream, block), frame(Frame::DATA, 0, stream, "xx")]
            .concat()
    };
    let mut by_window = Vec::new();
    let mut by_length = Vec::new();
    for stream in (1..800).step_by(2) {
        by_window.extend(head(stream, Frame::END_STREAM, "/slow"));
        by_window.extend(overflow(stream));
        by_length.extend(too_long(stream));
    }
    assert_eq!(attack(&gateway, &[], by_window), Some(ENHANCE_YOUR_CALM));
    assert_eq!(attack(&gateway, &[], by_length), Some(ENHANCE_YOUR_CALM));
    assert_serves(&gateway);
}

#[test]
fn a_head_without_end_ends_its_connection() {
    let app = Upstream::start();
    let gateway = gateway(&app, "timeouts.header = \"1s\"\n", "");
    let first = frame(Frame::HEADERS, Frame::END_STREAM, 1, request_block("GET", "/x", &[]));
    for part in [vec![], header_block(&[("x-a", "1")]), header_block(&[("x-a", "1".repeat(16_000))])] {
        let bytes = [first.clone(), frame(Frame::CONTINUATION, 0, 1, part).repeat(100)].concat();
        assert_eq!(attack(&gateway, &[], bytes), Some(ENHANCE_YOUR_CALM));
    }
    // One that stops in the middle: after the frame, or inside of it.
    for begun in [&first[..], &first[..20]] {
        let mut client = RawHttp2::connect(gateway.address, &[]);
        client.send(begun);
        let mut code = None;
        while let Some(next) = client.next_of_all() {
            if next.kind == Frame::GOAWAY {
                code = Some(next.code());
            }
        }
        assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    }
    assert_serves(&gateway);
    assert!(app.seen().iter().all(|seen| seen.target == "/honest"), "{:?}", app.seen());
}

/// A few bytes that unfold to a long list of fields.
#[test]
fn a_head_that_unfolds_is_capped() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "");
    let before = gateway.memory();
    let bomb = |times: usize| {
        // A literal that is kept in the table, and references to it.
        let mut block = request_block("GET", "/x", &[]);
        block.extend([0x40, 1, b'x', 127, 0xa1, 0x1e]);
        block.extend(vec![b'v'; 4000]);
        block.extend(vec![0xbe; times]);
        block
    };
    let flags = Frame::END_STREAM | Frame::END_HEADERS;
    assert_eq!(attack(&gateway, &[], frame(Frame::HEADERS, flags, 1, bomb(12_000))), Some(ENHANCE_YOUR_CALM));
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.send(frame(Frame::HEADERS, flags, 1, bomb(12)));
    assert_eq!(client.status(1), 431);
    client.get(3, "/y");
    assert_eq!(client.status(3), 200);
    assert!(gateway.memory() < before + 16 * MIB, "{} to {}", before, gateway.memory());
    assert_eq!(app.sole().target, "/y");
}

/// An answer of 8 MiB to `/big`.
fn big_app() -> Upstream {
    Upstream::with(|exchange| {
        if exchange.path() != "/big" {
            return default_answer(exchange);
        }
        exchange.body()?;
        exchange.reply("200 OK", &[], vec![b'x'; 8 << 20])
    })
}

#[test]
fn a_client_that_opens_no_window_is_not_waited_for() {
    const INITIAL_WINDOW_SIZE: u16 = 4;
    let app = big_app();
    let gateway = gateway(&app, "timeouts.send_idle = \"1s\"\n", "");
    let before = gateway.memory();
    let mut client = RawHttp2::connect(gateway.address, &[(INITIAL_WINDOW_SIZE, 0)]);
    for stream in (1..100).step_by(2) {
        client.get(stream, "/big");
    }
    for _ in 0..50 {
        let mut reset = client.next().expect("a frame");
        while reset.kind != Frame::RESET {
            assert_ne!(reset.kind, Frame::DATA, "{reset:?}");
            reset = client.next().expect("a frame");
        }
    }
    assert!(gateway.memory() < before + 48 * MIB, "{} to {}", before, gateway.memory());
    poll_until("the app to be left alone", || (app.open_connections() == 0).then_some(()));
    assert_serves(&gateway);
}

/// Windows of one byte, on many streams: each update brings one byte of an answer.
#[test]
fn answers_that_are_read_byte_by_byte_end_their_connection() {
    const INITIAL_WINDOW_SIZE: u16 = 4;
    let app = big_app();
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[(INITIAL_WINDOW_SIZE, 1)]);
    let streams = || (1..120).step_by(2);
    for stream in streams() {
        client.get(stream, "/big");
    }
    let update: Vec<u8> =
        streams().flat_map(|stream| frame(Frame::WINDOW, 0, stream, [0, 0, 0, 1])).collect();
    // Six thousand updates, and half as many again, for what a budget gets back meanwhile.
    let code = (0..150).find_map(|_| {
        let mut came = 0;
        while came < 60 {
            match client.next().expect("a frame") {
                Frame { kind: Frame::DATA, .. } => came += 1,
                end @ Frame { kind: Frame::GOAWAY, .. } => return Some(end.code()),
                _ => {}
            }
        }
        client.send(&update);
        None
    });
    assert_eq!(code, Some(ENHANCE_YOUR_CALM));
    assert_serves(&gateway);
}

#[test]
fn a_client_that_reads_nothing_is_not_waited_for() {
    const INITIAL_WINDOW_SIZE: u16 = 4;
    let app = big_app();
    let gateway = gateway(&app, "timeouts.send_idle = \"1s\"\n", "");
    let before = gateway.memory();
    let mut client = RawHttp2::connect(gateway.address, &[(INITIAL_WINDOW_SIZE, 0x7fff_ffff)]);
    client.send(frame(Frame::WINDOW, 0, 0, 0x7fff_0000u32.to_be_bytes()));
    for stream in (1..100).step_by(2) {
        client.get(stream, "/big");
    }
    poll_until("the app to be asked", || (app.seen().len() == 50).then_some(()));
    poll_until("the app to be left alone", || (app.open_connections() == 0).then_some(()));
    assert!(gateway.memory() < before + 48 * MIB, "{} to {}", before, gateway.memory());
    poll_until("the connection to end", || {
        (gateway.metric("stagedoor_connections", &[]) == 0.0).then_some(())
    });
    assert_serves(&gateway);
}

/// The windows have room for all of it: what ends it is the number of pieces.
#[test]
fn an_upload_in_single_bytes_costs_little_memory() {
    let app = Upstream::start();
    // It takes nothing: its handshake never ends.
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let deaf = format!(
        "[app.deaf]\nhosts = [\"deaf.localhost\"]\nupstream = \"https://{}\"\nauth = \"public\"\n",
        deaf.local_addr().unwrap()
    );
    let gateway = gateway(&app, "", &deaf);
    let before = gateway.memory();
    let fields =
        [(":method", "POST"), (":scheme", "http"), (":authority", "deaf.localhost"), (":path", "/x")];
    let post = |stream| frame(Frame::HEADERS, Frame::END_HEADERS, stream, header_block(&fields));
    let streams = [1, 3, 5, 7];
    // 256 bytes less its own for each piece: 4,000 are less than 1 MiB, and 5,000 are more.
    for (pieces, expected) in [(1000, None), (1250, Some(ENHANCE_YOUR_CALM))] {
        let mut client = RawHttp2::connect(gateway.address, &[]);
        client.send(streams.map(post).concat());
        client.send(streams.map(|stream| frame(Frame::DATA, 0, stream, "x")).concat().repeat(pieces));
        client.send(frame(Frame::PING, 0, 0, [7; 8]));
        let mut code = None;
        while let Some(next) = client.next_of_all() {
            match next.kind {
                Frame::GOAWAY => code = Some(next.code()),
                Frame::PING => break,
                _ => {}
            }
        }
        assert_eq!(code, expected, "{pieces}");
    }
    assert!(gateway.memory() < before + 16 * MIB, "{} to {}", before, gateway.memory());
    assert_serves(&gateway);
}

#[test]
pub(crate) fn silence_is_not_waited_for() {
    let app = Upstream::start();
    let gateway =
        gateway(&app, "timeouts.header = \"1s\"\ntimeouts.idle = \"1s\"\ntimeouts.h2_idle = \"1s\"\n", "");
    // Nothing at all, and a part of the preface.
    for sent in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM"] {
        let mut client = RawHttp2::silent(gateway.address);
        client.send(sent);
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut client.stream, &mut rest).unwrap();
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 40"), "{sent:?}: {rest:?}");
    }
    // No request: what else comes is no request.
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.send(frame(Frame::PING, 0, 0, [0; 8]));
    assert_eq!(client.end(), Some(NO_ERROR));
    // No further request.
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.get(1, "/x");
    assert_eq!(client.status(1), 200);
    assert_eq!(client.end(), Some(NO_ERROR));
}

/// RFC 9113 §6.8: a request may be on its way while the client is told that there may be no more.
#[test]
fn a_request_that_meets_the_goodbye_of_an_idle_connection_is_answered() {
    let app = Upstream::start();
    let gateway = gateway(&app, "timeouts.h2_idle = \"1s\"\n", "");
    // The goodbye is short: on a machine that is busy a request may come too late for it.
    let answered = (0..8).any(|_| {
        let mut client = RawHttp2::connect(gateway.address, &[]);
        client.get(1, "/x");
        assert_eq!(client.status(1), 200);
        client.wait_for(Frame::GOAWAY, 0);
        client
            .try_send(frame(
                Frame::HEADERS,
                Frame::END_STREAM | Frame::END_HEADERS,
                3,
                request_block("GET", "/y", &[]),
            ))
            .is_ok()
            && std::iter::from_fn(|| client.next())
                .any(|frame| frame.kind == Frame::HEADERS && frame.stream == 3)
    });
    assert!(answered);
}

/// The pieces that a browser in a hurry sends: pages of posters that are left before they are there.
#[test]
fn a_client_that_leaves_a_page_of_posters_ten_times_is_served() {
    let app = Upstream::with(|exchange: &mut Exchange<'_>| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        default_answer(exchange)
    });
    let gateway = gateway(&app, "limits.requests_per_connection = 1000000\n", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    let mut stream = 1;
    for _ in 0..10 {
        for half in 0..2 {
            let from = stream;
            for _ in 0..100 {
                client.get(stream, "/poster");
                stream += 2;
            }
            client.status(from);
            for left in (from..stream).step_by(2).skip(half) {
                client.send(frame(Frame::RESET, 0, left, [0, 0, 0, 8]));
            }
        }
    }
    client.get(stream, "/page");
    assert_eq!(client.status(stream), 200);
}

#[test]
pub(crate) fn more_streams_than_allowed_are_refused_one_by_one() {
    const REFUSED_STREAM: u32 = 7;
    let app = slow_app();
    let gateway = gateway(&app, "limits.h2_streams = 3\n", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    for stream in [1, 3, 5, 7] {
        client.get(stream, "/slow");
    }
    assert_eq!(client.wait_for(Frame::RESET, 7).code(), REFUSED_STREAM);
    for _ in 0..3 {
        let answer = client.next_of_kind(Frame::HEADERS);
        assert_eq!(answer.status(), 200, "{answer:?}");
    }
    client.get(9, "/slow");
    assert_eq!(client.status(9), 200);
}

/// A client may not know yet how many streams it may have: those beyond are refused, and the others are answered.
#[test]
fn streams_that_are_opened_before_the_settings_came_do_not_end_their_connection() {
    const REFUSED_STREAM: u32 = 7;
    let app = slow_app();
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.send(
        (1..600).step_by(2).flat_map(|stream| head(stream, Frame::END_STREAM, "/slow")).collect::<Vec<_>>(),
    );
    let (mut answered, mut refused) = (0, 0);
    while answered + refused < 300 {
        let next = client.next().expect("a frame");
        match next.kind {
            Frame::HEADERS => answered += usize::from(next.status() == 200),
            Frame::RESET => refused += usize::from(next.code() == REFUSED_STREAM),
            Frame::GOAWAY => panic!("{next:?}"),
            _ => {}
        }
    }
    assert!(answered >= 100, "{answered}");
    client.get(601, "/x");
    assert_eq!(client.status(601), 200);
}

#[test]
fn a_connection_carries_only_so_many_requests() {
    let app = Upstream::start();
    let gateway = gateway(&app, "limits.requests_per_connection = 3\n", "");
    let mut client = Http2::connect(gateway.address);
    for _ in 0..3 {
        assert_eq!(client.ask(&Request::get("/x")).status, 200);
    }
    assert_eq!(client.wait_for_the_end(), None);
    assert!(client.try_ask(&Request::get("/x")).is_err());
    // One that does not heed the end is refused, and is let have no more than it may have open.
    let mut client = RawHttp2::connect(gateway.address, &[]);
    let mut answered = 0;
    for stream in (1..2000).step_by(2) {
        if client.try_send(head(stream, Frame::END_STREAM, "/x")).is_err() {
            break;
        }
        loop {
            match client.next_of_all() {
                Some(next) if next.stream != stream => {}
                Some(next) => {
                    answered += usize::from(next.kind == Frame::HEADERS);
                    break;
                }
                None => break,
            }
        }
    }
    assert!((3..=103).contains(&answered), "{answered}");
}

#[test]
pub(crate) fn the_streams_of_one_address_are_counted_on_all_of_its_connections() {
    const REFUSED_STREAM: u32 = 7;
    let app = slow_app();
    let gateway = gateway(&app, "limits.h2_streams_per_ip = 3\n", "");
    let mut first = RawHttp2::connect(gateway.address, &[]);
    first.get(1, "/slow");
    first.get(3, "/slow");
    poll_until("the app to be asked", || (app.seen().len() == 2).then_some(()));
    let mut second = RawHttp2::connect(gateway.address, &[]);
    second.get(1, "/slow");
    second.get(3, "/slow");
    assert_eq!(second.wait_for(Frame::RESET, 3).code(), REFUSED_STREAM);
    assert_eq!(second.status(1), 200);
    assert_eq!(gateway.metric("stagedoor_http2_limited_total", &["streams_per_address"]), 1.0);
    // A stream that has ended makes room.
    poll_until("the first to be answered", || {
        (first.next_of_kind(Frame::HEADERS).status() == 200).then_some(())
    });
    second.get(5, "/slow");
    assert_eq!(second.status(5), 200);
    assert!(app.seen().len() == 4, "{:?}", app.seen());
}

#[test]
fn the_streams_of_all_addresses_are_counted() {
    const REFUSED_STREAM: u32 = 7;
    let app = slow_app();
    let gateway = gateway(&app, "limits.connections = 2\n", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    for stream in [1, 3, 5] {
        client.get(stream, "/slow");
    }
    assert_eq!(client.wait_for(Frame::RESET, 5).code(), REFUSED_STREAM);
    assert_eq!(gateway.metric("stagedoor_http2_limited_total", &["\"streams\""]), 1.0);
    client.next_of_kind(Frame::HEADERS);
    client.next_of_kind(Frame::HEADERS);
    client.get(7, "/slow");
    assert_eq!(client.status(7), 200);
}
