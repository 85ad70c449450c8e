//! What RFC 9113 demands of the receiver of a frame, section by section.

use super::gateway;
use crate::harness::{Frame, RawHttp2, Upstream, frame, header_block, request_block};

/// What a client sees of a frame that it may not send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    /// Nothing: the connection goes on.
    Ignored,
    /// The stream was reset, with this code, and the connection goes on.
    Reset(u32),
    /// The connection ended, with this code.
    Ended(u32),
}
use Reply::{Ended, Ignored, Reset};

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const COMPRESSION_ERROR: u32 = 9;

/// A rule: its section, what is sent, what is due, and what is done instead with the reason for it.
struct Rule {
    section: &'static str,
    what: &'static str,
    sent: Vec<u8>,
    due: Reply,
    instead: Option<(Reply, &'static str)>,
}

/// The library names the error in general. The connection ends all the same.
const GENERAL: &str = "the code says less than it could";

/// The library reads the name and its value while it unfolds the block.
const MALFORMED: &str = "a connection error, which §5.4.1 allows: the streams beside it end too";

fn rule(section: &'static str, what: &'static str, sent: Vec<u8>, due: Reply) -> Rule {
    Rule { section, what, sent, due, instead: None }
}

fn but(
    section: &'static str,
    what: &'static str,
    sent: Vec<u8>,
    due: Reply,
    instead: Reply,
    why: &'static str,
) -> Rule {
    Rule { section, what, sent, due, instead: Some((instead, why)) }
}

fn f(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(kind, flags, stream, payload)
}

fn block() -> Vec<u8> {
    request_block("GET", "/x", &[])
}

const END: u8 = Frame::END_HEADERS | Frame::END_STREAM;
const PADDED: u8 = 8;
const WITH_PRIORITY: u8 = 0x20;
const PROTOCOL: Reply = Ended(PROTOCOL_ERROR);
const SIZE: Reply = Ended(FRAME_SIZE_ERROR);

/// Frames in general, and streams.
fn rules_of_streams() -> Vec<Rule> {
    vec![
        rule("4.1", "an unknown type", f(0x42, 0xff, 1, b"any"), Ignored),
        rule("4.1", "an unknown type of stream 0", f(0x42, 0, 0, b"any"), Ignored),
        rule("4.1", "unknown flags", f(Frame::PING, 0xf0, 0, &[1; 8]), Ignored),
        rule("4.1", "the reserved bit", f(Frame::WINDOW, 0, 1 | 1 << 31, &[0, 0, 0, 1]), Ignored),
        rule("4.2", "a frame longer than the limit", f(Frame::DATA, 0, 1, &[0; 16_385]), SIZE),
        but(
            "4.3",
            "a block that cannot be read",
            f(Frame::HEADERS, END, 5, &[0x80]),
            Ended(COMPRESSION_ERROR),
            PROTOCOL,
            GENERAL,
        ),
        but(
            "4.3",
            "an index beyond the table",
            f(Frame::HEADERS, END, 5, &[0xff, 0x7f]),
            Ended(COMPRESSION_ERROR),
            PROTOCOL,
            GENERAL,
        ),
        rule("5.1", "DATA on an idle stream", f(Frame::DATA, 0, 9, b"x"), PROTOCOL),
        rule("5.1", "RST_STREAM on an idle stream", f(Frame::RESET, 0, 9, &[0; 4]), PROTOCOL),
        rule("5.1", "WINDOW_UPDATE on an idle stream", f(Frame::WINDOW, 0, 9, &[0, 0, 0, 1]), PROTOCOL),
        rule("5.1", "PRIORITY on an idle stream", f(Frame::PRIORITY, 0, 9, &[0, 0, 0, 1, 1]), Ignored),
        rule("5.1", "RST_STREAM on a closed stream", f(Frame::RESET, 0, 3, &[0; 4]), Ignored),
        rule("5.1", "WINDOW_UPDATE on a closed stream", f(Frame::WINDOW, 0, 3, &[0, 0, 0, 1]), Ignored),
        but(
            "5.1",
            "DATA on a closed stream",
            f(Frame::DATA, 0, 3, b"x"),
            Ended(STREAM_CLOSED),
            Ignored,
            "the stream alone is reset, since it was forgotten",
        ),
        but(
            "5.1",
            "HEADERS on a closed stream",
            f(Frame::HEADERS, END, 3, &block()),
            Ended(STREAM_CLOSED),
            PROTOCOL,
            GENERAL,
        ),
        rule("5.1.1", "a stream of the server's", f(Frame::HEADERS, END, 2, &block()), PROTOCOL),
        rule(
            "5.3.1",
            "a stream that depends on itself",
            f(Frame::PRIORITY, 0, 1, &[0, 0, 0, 1, 1]),
            Reset(PROTOCOL_ERROR),
        ),
        rule(
            "5.5",
            "an unknown frame within a block",
            [f(Frame::HEADERS, 0, 5, &block()), f(0x42, 0, 5, b"")].concat(),
            PROTOCOL,
        ),
    ]
}

/// The types of frames.
fn rules_of_frames() -> Vec<Rule> {
    vec![
        rule("6.1", "DATA of stream 0", f(Frame::DATA, 0, 0, b"x"), PROTOCOL),
        rule("6.1", "padding longer than DATA", f(Frame::DATA, PADDED, 1, &[5, 0, 0]), PROTOCOL),
        rule("6.2", "HEADERS of stream 0", f(Frame::HEADERS, END, 0, &block()), PROTOCOL),
        rule(
            "6.2",
            "padding longer than HEADERS",
            f(Frame::HEADERS, END | PADDED, 5, &[200, 0x82]),
            PROTOCOL,
        ),
        rule(
            "6.2",
            "HEADERS that depend on themselves",
            f(Frame::HEADERS, END | WITH_PRIORITY, 5, &[&[0, 0, 0, 5, 1], &*block()].concat()),
            Reset(PROTOCOL_ERROR),
        ),
        rule("6.3", "PRIORITY of stream 0", f(Frame::PRIORITY, 0, 0, &[0, 0, 0, 1, 1]), PROTOCOL),
        but(
            "6.3",
            "PRIORITY of another length",
            f(Frame::PRIORITY, 0, 1, &[0; 4]),
            Reset(FRAME_SIZE_ERROR),
            PROTOCOL,
            "a connection error, which §5.4.1 allows",
        ),
        rule("6.4", "RST_STREAM of stream 0", f(Frame::RESET, 0, 0, &[0; 4]), PROTOCOL),
        but("6.4", "RST_STREAM of another length", f(Frame::RESET, 0, 1, &[0; 3]), SIZE, PROTOCOL, GENERAL),
        rule("6.5", "SETTINGS of a stream", f(Frame::SETTINGS, 0, 1, b""), PROTOCOL),
        but("6.5", "SETTINGS of another length", f(Frame::SETTINGS, 0, 0, &[0; 5]), SIZE, PROTOCOL, GENERAL),
        but(
            "6.5",
            "an acknowledgement with settings",
            f(Frame::SETTINGS, Frame::ACK, 0, &[0, 1, 0, 0, 0, 0]),
            SIZE,
            PROTOCOL,
            GENERAL,
        ),
    ]
}

/// Settings, and what follows them in the RFC.
fn rules_of_settings() -> Vec<Rule> {
    vec![
        rule("6.5.2", "ENABLE_PUSH of 2", f(Frame::SETTINGS, 0, 0, &[0, 2, 0, 0, 0, 2]), PROTOCOL),
        but(
            "6.5.2",
            "a window beyond 2^31-1",
            f(Frame::SETTINGS, 0, 0, &[0, 4, 0x80, 0, 0, 0]),
            Ended(FLOW_CONTROL_ERROR),
            PROTOCOL,
            GENERAL,
        ),
        rule(
            "6.5.2",
            "a small MAX_FRAME_SIZE",
            f(Frame::SETTINGS, 0, 0, &[0, 5, 0, 0, 0x3f, 0xff]),
            PROTOCOL,
        ),
        rule("6.5.2", "a large MAX_FRAME_SIZE", f(Frame::SETTINGS, 0, 0, &[0, 5, 1, 0, 0, 0]), PROTOCOL),
        rule("6.5.2", "an unknown setting", f(Frame::SETTINGS, 0, 0, &[0x0f, 0, 0, 0, 0, 1]), Ignored),
        rule("6.6", "PUSH_PROMISE", f(5, Frame::END_HEADERS, 1, &[0, 0, 0, 2, 0x82]), PROTOCOL),
        rule("6.7", "PING of a stream", f(Frame::PING, 0, 1, &[0; 8]), PROTOCOL),
        but("6.7", "PING of another length", f(Frame::PING, 0, 0, &[0; 7]), SIZE, PROTOCOL, GENERAL),
        rule("6.7", "an acknowledgement of no PING", f(Frame::PING, Frame::ACK, 0, &[9; 8]), Ignored),
        rule("6.8", "GOAWAY of a stream", f(Frame::GOAWAY, 0, 1, &[0; 8]), PROTOCOL),
        rule("6.9", "WINDOW_UPDATE by 0", f(Frame::WINDOW, 0, 0, &[0; 4]), PROTOCOL),
        but(
            "6.9",
            "WINDOW_UPDATE of a stream by 0",
            f(Frame::WINDOW, 0, 1, &[0; 4]),
            Reset(PROTOCOL_ERROR),
            PROTOCOL,
            "a connection error, which §5.4.1 allows",
        ),
        but(
            "6.9",
            "WINDOW_UPDATE of another length",
            f(Frame::WINDOW, 0, 0, &[0; 3]),
            SIZE,
            PROTOCOL,
            GENERAL,
        ),
        rule(
            "6.9.1",
            "a window of the connection beyond 2^31-1",
            f(Frame::WINDOW, 0, 0, &[0x7f, 0xff, 0xff, 0xff]),
            Ended(FLOW_CONTROL_ERROR),
        ),
        rule(
            "6.9.1",
            "a window of a stream beyond 2^31-1",
            f(Frame::WINDOW, 0, 1, &[0x7f, 0xff, 0xff, 0xff]),
            Reset(FLOW_CONTROL_ERROR),
        ),
        rule(
            "6.10",
            "CONTINUATION without HEADERS",
            f(Frame::CONTINUATION, Frame::END_HEADERS, 1, b""),
            PROTOCOL,
        ),
        rule(
            "6.10",
            "CONTINUATION of another stream",
            [f(Frame::HEADERS, 0, 5, &block()), f(Frame::CONTINUATION, Frame::END_HEADERS, 7, b"")].concat(),
            PROTOCOL,
        ),
        rule(
            "6.10",
            "another frame within a block",
            [f(Frame::HEADERS, 0, 5, &block()), f(Frame::DATA, 0, 1, b"x")].concat(),
            PROTOCOL,
        ),
    ]
}

/// Messages.
fn rules_of_messages() -> Vec<Rule> {
    vec![
        rule(
            "8.1",
            "a second HEADERS that ends nothing",
            f(Frame::HEADERS, Frame::END_HEADERS, 1, &header_block(&[("x-a", "1")])),
            Reset(PROTOCOL_ERROR),
        ),
        but(
            "8.1",
            "pseudo-header fields in trailers",
            f(Frame::HEADERS, END, 1, &header_block(&[(":path", "/y"), ("x-a", "1")])),
            Reset(PROTOCOL_ERROR),
            Ignored,
            "the library drops them, and nothing of trailers reaches an app",
        ),
        but(
            "8.2.1",
            "an upper-case letter in a name",
            f(Frame::HEADERS, END, 5, &[block(), header_block(&[("X-A", "1")])].concat()),
            Reset(PROTOCOL_ERROR),
            PROTOCOL,
            MALFORMED,
        ),
        but(
            "8.3.1",
            "a path that is no text",
            f(Frame::HEADERS, END, 5, &header_block(&[(&b":method"[..], &b"GET"[..]), (b":path", b"/\xff")])),
            Reset(PROTOCOL_ERROR),
            PROTOCOL,
            MALFORMED,
        ),
        rule(
            "8.3",
            "pseudo-header fields behind fields",
            f(
                Frame::HEADERS,
                END,
                5,
                &header_block(&[(":method", "GET"), ("x-a", "1"), (":path", "/"), (":scheme", "http")]),
            ),
            Reset(PROTOCOL_ERROR),
        ),
    ]
}

/// On connections where stream 1 waits for its body, and stream 3 is closed by both sides.
#[test]
fn frames_that_may_not_be_sent_are_met_as_the_rfc_says() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "");
    let mut wrong = Vec::new();
    for Rule { section, what, sent, due, instead } in
        [rules_of_streams(), rules_of_frames(), rules_of_settings(), rules_of_messages()]
            .into_iter()
            .flatten()
    {
        let mut client = RawHttp2::connect(gateway.address, &[]);
        client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 1, request_block("POST", "/x", &[])));
        client.get(3, "/x");
        assert_eq!(client.status(3), 200);
        while client.wait_for(Frame::DATA, 3).flags & Frame::END_STREAM == 0 {}
        let reply = reply(&mut client, &sent);
        let expected = instead.map_or(due, |(instead, _)| instead);
        if reply != expected {
            wrong.push(format!("§{section} {what}: {reply:?} and not {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Sends the frames, then a request; what came before its answer.
fn reply(client: &mut RawHttp2, sent: &[u8]) -> Reply {
    let _ = client.try_send(sent);
    let _ = client.try_send(frame(
        Frame::HEADERS,
        Frame::END_HEADERS | Frame::END_STREAM,
        101,
        request_block("GET", "/after", &[]),
    ));
    let mut reply = Ignored;
    while let Some(next) = client.next() {
        match (next.kind, next.stream) {
            (Frame::RESET, 1 | 5) => reply = Reset(next.code()),
            (Frame::GOAWAY, _) => reply = Ended(next.code()),
            (Frame::HEADERS, 101) => return reply,
            _ => {}
        }
    }
    reply
}

#[test]
fn settings_and_pings_are_acknowledged() {
    let app = Upstream::start();
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.send(frame(Frame::PING, 0, 0, b"payload!"));
    let (mut settings, mut ping) = (false, false);
    while !(settings && ping) {
        let next = client.next_of_all().unwrap();
        settings |= next.kind == Frame::SETTINGS && next.flags & Frame::ACK != 0;
        ping |= next.kind == Frame::PING && next.flags & Frame::ACK != 0 && next.payload == b"payload!";
    }
}

/// The window of a stream, and its change while the stream is open (RFC 9113 §6.9.2).
#[test]
fn no_more_is_sent_than_the_window_allows() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        exchange.reply("200 OK", &[], vec![b'x'; 100_000])
    });
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[(4, 1000)]);
    client.get(1, "/x");
    assert_eq!(client.status(1), 200);
    let mut came = 0;
    while came < 1000 {
        came += client.wait_for(Frame::DATA, 1).payload.len();
    }
    assert_eq!(came, 1000);
    // The window of every stream grows by 500.
    client.send(frame(Frame::SETTINGS, 0, 0, [0, 4, 0, 0, 0x05, 0xdc]));
    while came < 1500 {
        came += client.wait_for(Frame::DATA, 1).payload.len();
    }
    assert_eq!(came, 1500);
    client.send(frame(Frame::WINDOW, 0, 1, 200_000u32.to_be_bytes()));
    client.send(frame(Frame::WINDOW, 0, 0, 200_000u32.to_be_bytes()));
    while came < 100_000 {
        came += client.wait_for(Frame::DATA, 1).payload.len();
    }
}

#[test]
fn a_client_may_send_no_more_than_the_windows_of_the_gateway() {
    let app = Upstream::with(|_| {
        std::thread::sleep(std::time::Duration::from_secs(1));
        Err(std::io::ErrorKind::Other.into())
    });
    let gateway = gateway(&app, "", "");
    let mut client = RawHttp2::connect(gateway.address, &[]);
    client.send(frame(Frame::HEADERS, Frame::END_HEADERS, 1, request_block("POST", "/x", &[])));
    for _ in 0..40 {
        let _ = client.try_send(frame(Frame::DATA, 0, 1, [b'x'; 16_000]));
    }
    let mut code = None;
    while let Some(next) = client.next() {
        if matches!(next.kind, Frame::RESET | Frame::GOAWAY) {
            code = Some(next.code());
            break;
        }
    }
    assert_eq!(code, Some(FLOW_CONTROL_ERROR));
}
