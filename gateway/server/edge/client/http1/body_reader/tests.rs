#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
use super::super::tests::scripted::{End, Scripted};
use super::*;

fn cx() -> Context<'static> {
    Context::from_waker(std::task::Waker::noop())
}

/// The data of a body of which `early` came with the head, and the rest comes `step` bytes at a time. What follows it is
/// left in the buffer or on the stream.
fn read(framing: Framing, bytes: &[u8], early: usize, step: usize) -> Result<String, Malformed> {
    let (early, rest) = bytes.split_at(early.min(bytes.len()));
    let mut io = Scripted::sends(rest, step, End::Closed);
    let mut buffer = BytesMut::from(early);
    let mut body = BodyReader::new(framing);
    body.check_begun(&mut buffer)?;
    let mut data = Vec::new();
    loop {
        while let Some(piece) = body.take(&mut buffer)? {
            data.extend_from_slice(&piece);
        }
        if body.is_complete() {
            assert_eq!(body.take(&mut buffer)?, None);
            break;
        }
        assert!(buffer.is_empty());
        match body.poll_read(&mut io, &mut buffer, &mut cx()) {
            Poll::Ready(Ok(0)) => data.extend_from_slice(b" (cut)"),
            Poll::Ready(Ok(_)) => continue,
            Poll::Ready(Err(_)) | Poll::Pending => panic!("the stream only ends"),
        }
        break;
    }
    // The rest of what was sent is the next request.
    while let Poll::Ready(Ok(1..)) = downstream::poll_read(&mut io, &mut buffer, 64, 64, &mut cx()) {}
    Ok(format!("{} | {}", String::from_utf8(data).unwrap(), String::from_utf8_lossy(&buffer)))
}

/// A body is the same however it is cut into packets.
fn check(framing: Framing, bytes: &str, expected: Result<&str, &'static str>) {
    let bytes = bytes.as_bytes();
    for early in 0..=bytes.len() {
        for step in 1..=bytes.len().max(1) {
            let got = read(framing, bytes, early, step);
            let got = got.as_deref().map_err(|Malformed(fault)| *fault);
            assert_eq!(got, expected, "{early} bytes with the head, then {step} at a time");
        }
    }
}

#[test]
fn a_body_ends_where_its_framing_says() {
    for (framing, bytes, expected) in [
        (Framing::None, "", " | "),
        (Framing::None, "GET /", " | GET /"),
        (Framing::Length(5), "01234", "01234 | "),
        (Framing::Length(5), "01234GET /", "01234 | GET /"),
        (Framing::Length(5), "012", "012 (cut) | "),
        (Framing::Length(5), "", " (cut) | "),
        (Framing::Length(u64::MAX), "01234", "01234 (cut) | "),
        (Framing::Chunked, "0\r\n\r\n", " | "),
        (Framing::Chunked, "0\r\n\r\nGET /", " | GET /"),
        (Framing::Chunked, "5\r\n01234\r\n0\r\n\r\nGET /", "01234 | GET /"),
        (Framing::Chunked, "1\r\n0\r\n2;x=y\r\n12\r\n00\r\nT: v\r\n\r\n0\r\n\r\n", "012 | 0\r\n\r\n"),
        (Framing::Chunked, "5\r\n012", "012 (cut) | "),
        (Framing::Chunked, "5\r\n01234\r\n0\r\n", "01234 (cut) | "),
        (Framing::Chunked, "", " (cut) | "),
    ] {
        check(framing, bytes, Ok(expected));
    }
}

#[test]
fn a_broken_coding_is_refused_wherever_it_is_cut() {
    for (bytes, fault) in [
        ("x", "a chunk without a size"),
        ("5\r\n01234567", "a chunk longer than its size"),
        ("1\r\n0\r\n5 \r\n", "an invalid chunk size"),
        ("0\r\nT\n", "a control byte in a trailer"),
    ] {
        check(Framing::Chunked, bytes, Err(fault));
    }
}

#[test]
fn a_broken_body_stays_broken() {
    let mut body = BodyReader::new(Framing::Chunked);
    let mut buffer = BytesMut::from(&b"3\r\n012x"[..]);
    assert!(body.take(&mut buffer).is_err());
    buffer.clear();
    buffer.extend_from_slice(b"\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    assert!(body.take(&mut buffer).is_err());
    assert!(!body.is_complete());
}

#[test]
fn an_open_body_is_all_that_comes() {
    let mut io = Scripted::sends(b"0123456789", 4, End::Closed);
    let (mut body, mut buffer) = (BodyReader::open(), BytesMut::from(&b"early"[..]));
    let mut pieces = Vec::new();
    loop {
        pieces.extend(body.take(&mut buffer).unwrap());
        if let Poll::Ready(Ok(0)) = body.poll_read(&mut io, &mut buffer, &mut cx()) {
            break;
        }
    }
    assert_eq!(pieces, ["early", "0123", "4567", "89"]);
    assert!(!body.is_complete());
}

#[test]
fn data_is_cut_from_the_buffer() {
    for (framing, bytes, start) in
        [(Framing::Length(10), &b"0123456789"[..], 0), (Framing::Chunked, b"5\r\n01234\r\n", 3)]
    {
        let mut buffer = BytesMut::from(bytes);
        let memory = buffer.as_ptr();
        let piece = BodyReader::new(framing).take(&mut buffer).unwrap().unwrap();
        assert_eq!(piece.as_ptr(), memory.wrapping_add(start));
    }
}

/// Takes a body of `length` bytes that always come as many as are asked for; returns how many were.
fn asked(length: usize) -> Vec<usize> {
    let mut io = Scripted::sends(&vec![b'x'; length + 100_000], usize::MAX, End::Waits);
    let (mut body, mut buffer) = (BodyReader::new(Framing::Length(length as u64)), BytesMut::new());
    let mut asked = Vec::new();
    while !body.is_complete() {
        let Poll::Ready(Ok(came)) = body.poll_read(&mut io, &mut buffer, &mut cx()) else { panic!() };
        asked.push(came);
        drop(body.take(&mut buffer).unwrap());
    }
    assert!(buffer.len() <= BEYOND);
    asked
}

#[test]
fn long_bodies_are_read_in_long_steps_and_little_beyond_their_end() {
    const K: usize = 1024;
    assert_eq!(asked(1), [1 + BEYOND]);
    assert_eq!(asked(10 * K), [10 * K + BEYOND]);
    assert_eq!(asked(16 * K), [16 * K]);
    assert_eq!(asked(300 * K), [16 * K, 32 * K, 64 * K, 64 * K, 64 * K, 64 * K]);
}
