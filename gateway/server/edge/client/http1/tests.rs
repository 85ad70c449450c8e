#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
pub(super) mod scripted;
mod sockets;

use http::{HeaderName, HeaderValue, StatusCode};
use stagedoor_core::answer::{AnswerBody, AnswerVersion};
use stagedoor_core::request::Framing;

use self::scripted::{End, Scripted};
use super::*;

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

fn cx() -> Context<'static> {
    Context::from_waker(std::task::Waker::noop())
}

fn answer(status: u16) -> AnswerHead {
    AnswerHead {
        status: StatusCode::from_u16(status).unwrap(),
        version: AnswerVersion::Http11,
        fields: [(HeaderName::from_static("date"), HeaderValue::from_static("D"))].into_iter().collect(),
        body: AnswerBody::None,
        keeps_connection: true,
    }
}

/// A connection with a scripted stream.
struct Setting(Connection<Scripted>);

impl Setting {
    fn new(early: &[u8], io: Scripted) -> Self {
        let mut connection = Connection::new(io);
        connection.buffer.extend_from_slice(early);
        Self(connection)
    }

    fn client(&mut self, framing: Framing) -> Http1Client<'_, Scripted> {
        Http1Client::new(&mut self.0, BodyReader::new(framing), false, true)
    }

    fn http10(&mut self) -> Http1Client<'_, Scripted> {
        Http1Client::new(&mut self.0, BodyReader::new(Framing::Length(5)), true, true)
    }
}

fn waiting() -> Scripted {
    Scripted::sends(b"", 1, End::Waits)
}

fn flush(client: &mut Http1Client<'_, Scripted>) {
    while client.poll_flush(&mut cx()).is_pending() {}
}

#[test]
fn a_client_that_waits_is_told_once_to_send_its_body() {
    let mut setting = Setting::new(b"", waiting());
    let mut client = setting.client(Framing::Length(5));
    for _ in 0..3 {
        assert!(client.poll_body(&mut cx()).is_pending());
        assert_eq!(client.connection.io.text(), CONTINUE);
    }
    assert_eq!((client.sent(), client.connection.io.writes), (CONTINUE.len() as u64, 1));
    assert_eq!(client.output.buffer().len(), 0);
}

#[test]
fn a_client_is_not_told_to_send_what_it_sends_anyway() {
    let early = |early: &[u8]| Setting::new(early, waiting());
    let mut setting = early(b"0");
    let mut client = setting.client(Framing::Length(5));
    assert_eq!(client.poll_body(&mut cx()), Poll::Ready(Ok(Some(Bytes::from_static(b"0")))));
    assert!(client.poll_body(&mut cx()).is_pending());
    assert_eq!(client.connection.io.text(), "");
    // A part of the coding is a part of the body.
    let mut setting = early(b"5\r\n");
    let mut client = setting.client(Framing::Chunked);
    assert!(client.poll_body(&mut cx()).is_pending());
    assert_eq!(client.connection.io.text(), "");
    let mut setting = early(b"");
    let mut client = setting.client(Framing::None);
    assert_eq!(client.poll_body(&mut cx()), Poll::Ready(Ok(None)));
    assert_eq!(client.connection.io.text(), "");
    let mut setting = early(b"");
    let mut client = setting.http10();
    assert!(client.poll_body(&mut cx()).is_pending());
    assert_eq!(client.connection.io.text(), "");
}

#[test]
fn a_client_is_not_told_to_send_its_body_once_it_has_another_answer() {
    let mut setting = Setting::new(b"", waiting());
    let mut client = setting.client(Framing::Length(5));
    client.begin(&answer(403), AnswerFraming::Length(0), ConnectionLine::Close);
    assert!(client.poll_body(&mut cx()).is_pending());
    flush(&mut client);
    let text = client.connection.io.text();
    assert!(text.starts_with("HTTP/1.1 403 ") && !text.contains("Continue"), "{text}");
    // The app may say it first.
    let mut setting = Setting::new(b"", waiting());
    let mut client = setting.client(Framing::Length(5));
    let mut app = answer(100);
    app.fields = Default::default();
    client.interim(&app);
    assert!(client.poll_body(&mut cx()).is_pending());
    flush(&mut client);
    assert_eq!(client.connection.io.text(), CONTINUE);
}

#[test]
fn a_socket_that_takes_little_delays_no_byte_of_the_body() {
    for most in 1..=CONTINUE.len() {
        let mut setting = Setting::new(b"", Scripted::takes(most));
        let mut client = setting.client(Framing::Length(5));
        let mut polls = 0;
        while client.connection.io.text() != CONTINUE {
            assert!(client.poll_body(&mut cx()).is_pending());
            polls += 1;
            assert!(polls < 100);
        }
    }
    // Nothing is taken, and the body comes all the same.
    let mut io = Scripted::sends(b"01234", 5, End::Waits);
    io.become_full();
    let mut setting = Setting::new(b"", io);
    let mut client = setting.client(Framing::Length(5));
    assert_eq!(client.poll_body(&mut cx()), Poll::Ready(Ok(Some(Bytes::from_static(b"01234")))));
}

#[test]
fn a_body_that_cannot_be_read_says_why() {
    let whole: Poll<Result<Option<Bytes>, BodyFault>> = Poll::Ready(Ok(None));
    for (framing, early, end, expected) in [
        (Framing::Length(5), "", End::Closed, BodyFault::Closed),
        (Framing::Length(5), "0123", End::Closed, BodyFault::Closed),
        (Framing::Chunked, "5\r\n0", End::Closed, BodyFault::Closed),
        (Framing::Length(5), "", End::Reset, BodyFault::Gone),
        (Framing::Chunked, "5\r\n0", End::Reset, BodyFault::Gone),
        (Framing::Chunked, "5\r\n0123456", End::Waits, BodyFault::Malformed("a chunk longer than its size")),
    ] {
        let mut setting = Setting::new(early.as_bytes(), Scripted::sends(b"", 1, end));
        let mut client = setting.client(framing);
        let fault = loop {
            match client.poll_body(&mut cx()) {
                Poll::Ready(Ok(Some(_))) => {}
                Poll::Ready(Err(fault)) => break fault,
                Poll::Ready(Ok(None)) | Poll::Pending => panic!("{framing:?} {early:?} goes on"),
            }
        };
        assert_eq!(fault, expected, "{framing:?} {early:?}");
    }
    // What ends after the body is no fault of the body.
    for end in [End::Closed, End::Reset] {
        let mut setting = Setting::new(b"01234", Scripted::sends(b"", 1, end));
        let mut client = setting.client(Framing::Length(5));
        assert!(client.poll_body(&mut cx()).is_ready());
        assert_eq!(client.poll_body(&mut cx()), whole);
    }
    let mut setting = Setting::new(b"", waiting());
    setting.0.io.broken = true;
    let fault = setting.client(Framing::Length(5)).poll_body(&mut cx());
    assert_eq!(fault, Poll::Ready(Err(BodyFault::Gone)));
}

#[test]
fn the_next_request_is_kept_up_to_a_bound() {
    const MOST: usize = 4096;
    for (early, sent, end, expected, kept) in [
        (0, 0, End::Waits, Poll::Pending, 0),
        (0, 100, End::Waits, Poll::Pending, 100),
        (50, 100, End::Closed, Poll::Ready(Closed::Half), 150),
        (50, 100, End::Reset, Poll::Ready(Closed::Gone), 150),
        (0, 100_000, End::Closed, Poll::Pending, MOST),
        (MOST - 1, 100, End::Reset, Poll::Pending, MOST),
        (MOST, 0, End::Closed, Poll::Pending, MOST),
        (MOST + 100, 100, End::Closed, Poll::Pending, MOST + 100),
    ] {
        let request = vec![b'x'; 1 << 17];
        for step in [1, 7, 1000, usize::MAX] {
            let mut setting = Setting::new(&request[..early], Scripted::sends(&request[..sent], step, end));
            let mut client = setting.client(Framing::None);
            assert_eq!(client.poll_closed(&mut cx()), expected);
            drop(client);
            assert_eq!(setting.0.buffer.len(), kept);
        }
    }
}

#[test]
fn an_answer_is_delimited_as_it_is_told() {
    use AnswerFraming as F;
    use ConnectionLine as C;
    for (framing, connection, pieces, expected) in [
        (F::None, C::Absent, &[][..], ""),
        (F::None, C::Close, &[], "connection: close|"),
        (F::Length(0), C::Absent, &[], "content-length: 0|"),
        (F::Length(5), C::Absent, &["01", "", "234"], "content-length: 5||01234"),
        (F::Length(2), C::KeepAlive, &["01"], "content-length: 2|connection: keep-alive||01"),
        (F::Chunked, C::Absent, &[], "transfer-encoding: chunked||0||"),
        (
            F::Chunked,
            C::Close,
            &["01", "", "234567890123456"],
            "transfer-encoding: chunked|connection: close||2|01|f|234567890123456|0||",
        ),
        (F::UntilClose, C::Close, &["01", "234"], "connection: close||01234"),
        (F::Tunnel, C::Upgrade, &["01", "234"], "connection: Upgrade|upgrade: websocket||01234"),
    ] {
        let expected = match expected.contains("||") {
            true => format!("HTTP/1.1 200 OK|date: D|{expected}"),
            false => format!("HTTP/1.1 200 OK|date: D|{expected}|"),
        };
        for most in 1..=expected.len() + 20 {
            for http10 in [false, true] {
                let mut setting = Setting::new(b"", Scripted::takes(most));
                let mut client = if http10 { setting.http10() } else { setting.client(Framing::None) };
                client.begin(&answer(200), framing, connection);
                for piece in pieces {
                    while client.poll_room(&mut cx()).is_pending() {}
                    client.give(Bytes::from_static(piece.as_bytes()));
                }
                client.end();
                let written = client.sent();
                assert_eq!(written, 0, "small pieces go out together");
                flush(&mut client);
                assert_eq!(client.sent(), client.connection.io.taken.len() as u64);
                assert_eq!(
                    client.connection.io.text().replace("\r\n", "|"),
                    expected,
                    "{most} bytes a write"
                );
            }
        }
    }
}

#[test]
fn http_1_0_is_sent_no_interim_answer() {
    for http10 in [false, true] {
        let mut setting = Setting::new(b"", waiting());
        let mut client = if http10 { setting.http10() } else { setting.client(Framing::None) };
        client.interim(&answer(103));
        client.begin(&answer(200), AnswerFraming::Length(0), ConnectionLine::Absent);
        flush(&mut client);
        assert_eq!(client.connection.io.text().starts_with("HTTP/1.1 103 Early Hints\r\n"), !http10);
    }
}

#[test]
fn an_answer_without_a_date_gets_one() {
    let mut setting = Setting::new(b"", waiting());
    let mut client = setting.client(Framing::None);
    let mut app = answer(200);
    app.fields = Default::default();
    client.begin(&app, AnswerFraming::Length(0), ConnectionLine::Absent);
    flush(&mut client);
    let text = client.connection.io.text();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\ndate: ") && text.contains(" GMT\r\n"), "{text}");
}

#[test]
fn a_whole_answer_is_one_write() {
    for size in [0, 10, 5000, 64 * 1024] {
        for framing in [AnswerFraming::Length(size as u64), AnswerFraming::Chunked] {
            let mut setting = Setting::new(b"", waiting());
            let mut client = setting.client(Framing::None);
            client.interim(&answer(103));
            client.begin(&answer(200), framing, ConnectionLine::Absent);
            assert!(client.poll_room(&mut cx()).is_ready());
            client.give(vec![b'x'; size].into());
            client.end();
            flush(&mut client);
            assert_eq!(client.connection.io.writes, 1, "{size} bytes, {framing:?}");
        }
    }
}

#[test]
fn a_full_socket_leaves_no_room() {
    let mut setting = Setting::new(b"", waiting());
    setting.0.io.become_full();
    let mut client = setting.client(Framing::None);
    client.begin(&answer(200), AnswerFraming::Chunked, ConnectionLine::Absent);
    let mut given = 0;
    while client.poll_room(&mut cx()).is_ready() {
        client.give(vec![b'x'; 1000].into());
        given += 1000;
        assert!(given < 20_000);
    }
    assert_eq!(client.sent(), 0);
}

#[test]
fn a_broken_socket_ends_the_answer() {
    let mut setting = Setting::new(b"", waiting());
    setting.0.io.broken = true;
    let mut client = setting.client(Framing::None);
    client.begin(&answer(200), AnswerFraming::Chunked, ConnectionLine::Absent);
    client.give(vec![b'x'; 10_000].into());
    assert!(matches!(client.poll_room(&mut cx()), Poll::Ready(Err(_))));
    assert!(matches!(client.poll_flush(&mut cx()), Poll::Ready(Err(_))));
}

#[test]
fn after_a_switch_bytes_pass_as_they_are() {
    let mut setting = Setting::new(b"early", Scripted::sends(b"frames", 3, End::Closed));
    let mut client = setting.client(Framing::None);
    assert_eq!(client.poll_body(&mut cx()), Poll::Ready(Ok(None)));
    client.begin(&answer(101), AnswerFraming::Tunnel, ConnectionLine::Upgrade);
    client.open();
    for expected in ["early", "fra", "mes"] {
        assert_eq!(
            client.poll_body(&mut cx()),
            Poll::Ready(Ok(Some(Bytes::from_static(expected.as_bytes()))))
        );
    }
    assert_eq!(client.poll_body(&mut cx()), Poll::Ready(Err(BodyFault::Closed)));
    client.give(Bytes::from_static(b"0\r\n"));
    client.end();
    flush(&mut client);
    assert!(client.connection.io.text().ends_with("\r\n\r\n0\r\n"));
}

#[tokio::test]
async fn a_refusal_does_not_stand_in_the_middle_of_an_interim_answer() {
    for sent in 0..=CONTINUE.len() {
        let mut setting = Setting::new(b"", Scripted::takes(sent.max(1)));
        let mut client = setting.client(Framing::Length(5));
        while client.poll_body(&mut cx()).is_ready() || client.sent() < sent as u64 {}
        client.interim(&answer(103));
        drop(client);
        assert!(setting.0.write_answer(b"HTTP/1.1 502 ").await);
        let expected = format!("{CONTINUE}HTTP/1.1 103 Early Hints\r\ndate: D\r\n\r\nHTTP/1.1 502 ");
        assert_eq!(setting.0.io.text(), expected, "{sent} bytes were sent");
        assert!(setting.0.unsent.is_empty());
    }
}
