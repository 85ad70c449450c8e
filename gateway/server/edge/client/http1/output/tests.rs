#![allow(clippy::unwrap_used, reason = "tests")]
use super::super::tests::scripted::Scripted;
use super::*;

fn cx() -> Context<'static> {
    Context::from_waker(std::task::Waker::noop())
}

/// Sends all of it, and checks what it says about its progress after each write.
fn send(output: &mut Output, io: &mut Scripted) {
    while output.poll_send(io, &mut cx()).is_pending() {
        assert_eq!(output.sent(), io.taken.len() as u64);
    }
    assert_eq!(output.sent(), io.taken.len() as u64);
    assert!(output.has_room());
}

fn data(length: usize) -> Bytes {
    (0..length).map(|n| (n % 251) as u8).collect()
}

/// Several heads and pieces, given where there is room, are the same bytes however few a write takes.
#[test]
fn pieces_arrive_whole_and_in_order() {
    const SIZES: [usize; 12] =
        [1, 100, GATHERED, 3, GATHERED - 4, 1, GATHERED + 1, 2, 70_000, 70_000, GATHERED / 2, 1];
    for most in [1, 2, 3, 7, 100, 4096, usize::MAX] {
        for chunked in [false, true] {
            let (mut output, mut io) = (Output::default(), Scripted::takes(most));
            let mut expected = b"head\r\n\r\n".to_vec();
            output.buffer().extend_from_slice(b"head\r\n\r\n");
            for size in SIZES {
                if !output.has_room() {
                    send(&mut output, &mut io);
                }
                if chunked {
                    output.give_chunk(data(size));
                    expected.extend_from_slice(format!("{size:x}\r\n").as_bytes());
                } else {
                    output.give(data(size));
                }
                expected.extend_from_slice(&data(size));
                if chunked {
                    expected.extend_from_slice(b"\r\n");
                }
            }
            if chunked {
                output.end_chunks();
                expected.extend_from_slice(b"0\r\n\r\n");
            }
            send(&mut output, &mut io);
            assert!(io.taken == expected, "{most} bytes a write, chunked: {chunked}");
        }
    }
}

#[test]
fn the_last_chunk_follows_however_much_of_the_chunk_before_is_sent() {
    for size in [5, GATHERED + 1] {
        let line = format!("{size:x}\r\n");
        let whole = line.len() + size + 2;
        for sent in whole - 9..=whole {
            let (mut output, mut io) = (Output::default(), Scripted::takes(sent));
            output.give_chunk(data(size));
            while io.taken.len() < sent {
                let _ = output.poll_send(&mut io, &mut cx());
            }
            output.end_chunks();
            send(&mut output, &mut io);
            let expected = [line.as_bytes(), &data(size), b"\r\n0\r\n\r\n"].concat();
            assert!(io.taken == expected, "{size} bytes, of which {sent} were sent");
        }
    }
}

#[test]
fn the_order_stays_where_more_is_given_than_there_is_room_for() {
    let (mut output, mut io) = (Output::default(), Scripted::takes(1000));
    output.give_chunk(data(GATHERED));
    assert!(!output.has_room());
    output.give_chunk(data(GATHERED));
    output.give(data(3));
    output.end_chunks();
    send(&mut output, &mut io);
    let chunk = [format!("{GATHERED:x}\r\n").as_bytes(), &data(GATHERED), b"\r\n"].concat();
    assert!(io.taken == [&chunk, &chunk, &data(3)[..], b"0\r\n\r\n"].concat());
}

#[test]
fn head_and_body_are_one_write() {
    for size in [0, 10, GATHERED - 100, GATHERED, 64 * 1024] {
        for chunked in [false, true] {
            let (mut output, mut io) = (Output::default(), Scripted::takes(usize::MAX));
            output.buffer().extend_from_slice(b"head\r\n\r\n");
            if chunked && size > 0 {
                output.give_chunk(data(size));
            } else {
                output.give(data(size));
            }
            if chunked {
                output.end_chunks();
            }
            send(&mut output, &mut io);
            assert_eq!(io.writes, 1, "{size} bytes, chunked: {chunked}");
        }
    }
}

#[test]
fn a_large_piece_is_not_copied() {
    for chunked in [false, true] {
        let (mut output, piece) = (Output::default(), data(64 * 1024));
        if chunked {
            output.give_chunk(piece.clone());
        } else {
            output.give(piece.clone());
        }
        assert_eq!(output.large.as_ptr(), piece.as_ptr());
        let mut io = Scripted::takes(usize::MAX);
        send(&mut output, &mut io);
        assert!(piece.is_unique(), "its memory is still held");
    }
}

#[test]
fn the_buffer_goes_back_once_all_is_sent() {
    let (mut output, mut io) = (Output::default(), Scripted::takes(3));
    output.give_buffer_back();
    output.give(data(10));
    output.give_buffer_back();
    let memory = output.gathered.as_ptr();
    send(&mut output, &mut io);
    output.give_buffer_back();
    assert_eq!(output.gathered.capacity(), 0);
    output.give(data(1));
    assert_eq!(output.gathered.as_ptr(), memory);
    drop(output);
    assert_eq!(buffers::take().as_ptr(), memory);
}

#[test]
fn a_stream_that_breaks_or_takes_nothing_is_an_error() {
    for (broken, expected) in [(true, io::ErrorKind::BrokenPipe), (false, io::ErrorKind::WriteZero)] {
        let (mut output, mut io) = (Output::default(), Scripted::takes(0));
        io.broken = broken;
        output.give(data(10));
        let result = loop {
            if let Poll::Ready(result) = output.poll_send(&mut io, &mut cx()) {
                break result;
            }
        };
        assert_eq!((result.unwrap_err().kind(), output.sent()), (expected, 0));
    }
}
