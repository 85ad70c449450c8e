#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

/// What goes on in the place of `part`, and how much of it belongs to the body.
fn recode(chunked: &mut Chunked, part: &[u8]) -> Result<(usize, Vec<u8>), Malformed> {
    let mut room = [&[0; ROOM_BEFORE], part, &[0; ROOM_AFTER]].concat();
    let Recoded { of_body, length } = chunked.recode(&mut room, part.len())?;
    assert_eq!(
        room[ROOM_BEFORE + of_body..][..part.len() - of_body],
        part[of_body..],
        "what lies beyond stays"
    );
    Ok((of_body, room[..length].to_vec()))
}

/// The data of a sound body.
fn data(mut body: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    loop {
        let line = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let digits = std::str::from_utf8(&body[..line]).unwrap().split(';').next().unwrap();
        let size = usize::from_str_radix(digits, 16).unwrap();
        if size == 0 {
            return data;
        }
        data.extend_from_slice(&body[line + 2..][..size]);
        body = &body[line + 2 + size + 2..];
    }
}

/// The bytes of the body, or what is wrong with it, whole and in every slicing.
fn check(body: &str, expected: Result<usize, &str>) {
    for step in [body.len().max(1), 1, 2, 3, 7] {
        let mut chunked = Chunked::default();
        let mut taken = 0;
        let mut sent = Vec::new();
        let mut outcome = Ok(());
        for part in body.as_bytes().chunks(step) {
            match recode(&mut chunked, part) {
                Ok((of_body, written)) => {
                    taken += of_body;
                    sent.extend(written);
                }
                Err(Malformed(fault)) => {
                    outcome = Err(fault);
                    break;
                }
            }
        }
        match expected {
            Ok(length) => {
                assert_eq!((outcome, taken, chunked.is_done()), (Ok(()), length, true), "{body:?} by {step}");
                assert!(sent.ends_with(b"0\r\n\r\n"), "{body:?} by {step}");
                assert_eq!(data(&sent), data(body.as_bytes()), "{body:?} by {step}");
                // What goes on is sound itself.
                assert_eq!(recode(&mut Chunked::default(), &sent).map(|(all, _)| all), Ok(sent.len()));
            }
            Err("unfinished") => assert!(outcome.is_ok() && !chunked.is_done(), "{body:?} by {step}"),
            Err(fault) => assert_eq!(outcome, Err(fault), "{body:?} by {step}"),
        }
    }
}

#[test]
fn many_small_chunks_go_on_as_one() {
    let body = "1\r\na\r\n".repeat(20_000);
    let ((of_body, sent), steps) = work::of(|| recode(&mut Chunked::default(), body.as_bytes()).unwrap());
    assert_eq!(of_body, body.len());
    assert_eq!(sent, [b"00004e20\r\n", &[b'a'; 20_000][..], b"\r\n"].concat());
    assert!(steps <= body.len() + 20_000, "{steps} steps for {} bytes", body.len());
    // A chunk that comes in parts is not held back.
    let mut chunked = Chunked::default();
    assert_eq!(recode(&mut chunked, b"5\r\nab"), Ok((5, b"00000002\r\nab\r\n".to_vec())));
    assert_eq!(recode(&mut chunked, b"cd"), Ok((2, b"00000002\r\ncd\r\n".to_vec())));
    assert_eq!(recode(&mut chunked, b"e\r\n0\r\n"), Ok((6, b"00000001\r\ne\r\n".to_vec())));
    assert_eq!(recode(&mut chunked, b"\r\nGET /"), Ok((2, b"0\r\n\r\n".to_vec())));
    assert_eq!(recode(&mut chunked, b"GET /"), Ok((0, Vec::new())));
}

#[test]
fn data_is_moved_to_the_front() {
    let (mut chunked, mut taking) = (Chunked::default(), Chunked::default());
    let mut decode = |part: &str| {
        let mut bytes = part.as_bytes().to_vec();
        let Decoded { of_body, data } = chunked.decode(&mut bytes).unwrap();
        assert_eq!(bytes[of_body..], part.as_bytes()[of_body..], "what lies beyond stays");
        let mut buffer = BytesMut::from(part);
        assert_eq!(taking.take(&mut buffer).unwrap(), bytes[..data]);
        assert_eq!(buffer, part.as_bytes()[of_body..]);
        (of_body, String::from_utf8(bytes[..data].to_vec()).unwrap())
    };
    assert_eq!(decode("3\r\nabc\r\n2;x\r\nde\r\n4\r\nfg"), (22, "abcdefg".to_owned()));
    assert_eq!(decode("hi\r\n0\r\nX-T: 1\r\n"), (15, "hi".to_owned()));
    assert_eq!(decode("\r\nHTTP/1.1 "), (2, String::new()));
    assert_eq!(decode("HTTP/1.1 "), (0, String::new()));
    assert!(chunked.is_done());
}

#[test]
fn the_data_of_one_chunk_is_not_copied() {
    let mut buffer = BytesMut::from("6;x\r\nabc");
    let place = buffer.as_ptr();
    let mut chunked = Chunked::default();
    let data = chunked.take(&mut buffer).unwrap();
    assert_eq!((&data[..], data.as_ptr()), (&b"abc"[..], place.wrapping_add(5)));
    let mut buffer = BytesMut::from("def\r\n0\r\n\r\nHTTP");
    let place = buffer.as_ptr();
    let data = chunked.take(&mut buffer).unwrap();
    assert_eq!((&data[..], data.as_ptr()), (&b"def"[..], place));
    assert!(chunked.is_done());
    assert_eq!(buffer, "HTTP");
    assert_eq!(chunked.take(&mut buffer).unwrap(), "");
    assert_eq!(buffer, "HTTP");
}

#[test]
fn the_line_of_a_chunk_is_its_size_without_leading_zeros() {
    for (length, line) in [
        (0, "0\r\n"),
        (1, "1\r\n"),
        (15, "f\r\n"),
        (16, "10\r\n"),
        (0x1234, "1234\r\n"),
        (64 << 10, "10000\r\n"),
        (usize::MAX, "ffffffffffffffff\r\n"),
    ] {
        assert_eq!(chunk_size_line(length).as_bytes(), line.as_bytes(), "{length}");
        assert_eq!(chunk_size_line(length).as_ref(), line.as_bytes(), "{length}");
    }
}

#[test]
fn sound_bodies_end_where_they_end() {
    check("0\r\n\r\n", Ok(5));
    check("3\r\nabc\r\n0\r\n\r\n", Ok(13));
    check("3;a=b\r\nabc\r\n0\r\n\r\n", Ok(17));
    check("3;a=\"b c\"\r\nabc\r\n00\r\n\r\n", Ok(22));
    check("A\r\n0123456789\r\n0\r\nX-T: 1\r\nX-U: 2\r\n\r\n", Ok(36));
    check("0\r\n\r\nGET / HTTP/1.1\r\n", Ok(5));
    check(&format!("1a\r\n{}\r\n0\r\n\r\n", "x".repeat(26)), Ok(37));
    check("3\r\na\r\n\r\n0\r\n\r\n", Ok(13));
}

#[test]
fn bodies_that_two_readers_could_read_differently_are_malformed() {
    check("\r\n\r\n", Err("a chunk without a size"));
    check(";a=b\r\n", Err("a chunk without a size"));
    check(" 3\r\nabc", Err("a chunk without a size"));
    check("-3\r\nabc", Err("a chunk without a size"));
    check("+3\r\nabc", Err("a chunk without a size"));
    check("0x3\r\nabc", Err("an invalid chunk size"));
    check("3 \r\nabc", Err("an invalid chunk size"));
    check("3\nabc\n0\n\n", Err("an invalid chunk size"));
    check("3_0\r\n", Err("an invalid chunk size"));
    check("3;a\nb\r\nabc", Err("a control byte in a chunk extension"));
    check("3;a\0\r\nabc", Err("a control byte in a chunk extension"));
    check("3\rXabc", Err("a bare CR in a chunked body"));
    check("3;a\rX", Err("a bare CR in a chunked body"));
    check("3\r\nabcX\r\n", Err("a chunk longer than its size"));
    check("3\r\nabc\n0", Err("a chunk longer than its size"));
    check("3\r\nabc\rX", Err("a chunk longer than its size"));
    check("fffffffffffffffff\r\n", Err("a chunk size that is too large"));
    check("0\r\nX: a\nb\r\n\r\n", Err("a control byte in a trailer"));
    check("0\r\n\rX", Err("a bare CR in a chunked body"));
    check("0\r\nX: 1\rY", Err("a bare CR in a chunked body"));
    check(&format!("3;{}\r\n", "x".repeat(1025)), Err("a chunk extension or trailer that is too long"));
    check(&format!("0\r\nX: {}\r\n", "x".repeat(9000)), Err("a chunk extension or trailer that is too long"));
}

/// 15 digits of a size, 1 KiB of extensions before each chunk, 8 KiB of trailers.
#[test]
fn what_is_beside_the_chunks_may_be_as_long_as_the_bound() {
    let size = |digits: usize| format!("{}1\r\nx\r\n0\r\n\r\n", "0".repeat(digits - 1));
    check(&size(15), Ok(25));
    check(&size(16), Err("a chunk size that is too large"));
    let extension = |length: usize| format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(length));
    check(&extension(1024), Ok(1024 + 12));
    check(&extension(1025), Err("a chunk extension or trailer that is too long"));
    let trailer = |length: usize| format!("0\r\n{}\r\n\r\n", "t".repeat(length));
    check(&trailer(8192), Ok(8192 + 7));
    check(&trailer(8193), Err("a chunk extension or trailer that is too long"));
    let extensions = format!("1;{}\r\nx\r\n", "e".repeat(1024)).repeat(2);
    check(&format!("{extensions}0\r\n\r\n"), Ok(2 * (1024 + 7) + 5));
}

#[test]
fn extensions_may_hold_anything_but_controls() {
    for extension in ["", "a", "=", "a=b=c", "\"open", " ; ;\t;", "\u{e9}", "3"] {
        check(&format!("1;{extension}\r\nx\r\n0;{extension}\r\n\r\n"), Ok(13 + 2 * extension.len()));
    }
    for control in ["\0", "\u{1}", "\u{7f}"] {
        check(&format!("1;a{control}\r\nx"), Err("a control byte in a chunk extension"));
    }
}

#[test]
fn lines_of_a_trailer_need_not_be_fields() {
    for line in ["no colon", " folded", "\ttab", ": without a name", "Content-Length: 5", "a b: c", "\u{e9}"]
    {
        check(&format!("0\r\n{line}\r\n\r\n"), Ok(7 + line.len()));
    }
}

#[test]
fn a_size_may_begin_with_zeros() {
    check("0000001\r\nx\r\n000\r\n\r\n", Ok(19));
    check("000000000000001\r\nx\r\n0\r\n\r\n", Ok(25));
    check("0000000000000001\r\nx\r\n0\r\n\r\n", Err("a chunk size that is too large"));
}

/// The names that the module lists are tests here.
#[test]
fn every_leniency_is_listed() {
    let listed = include_str!("../chunked.rs").lines().filter_map(|line| line.strip_prefix("//! * `"));
    let names: Vec<&str> = listed.filter_map(|rest| rest.split('`').next()).collect();
    assert_eq!(names.len(), 3);
    for name in names {
        assert!(include_str!("tests.rs").contains(&format!("fn {name}()")), "{name}");
    }
}

#[test]
fn a_body_that_stops_is_not_done() {
    for body in ["", "3", "3\r\n", "3\r\nab", "3\r\nabc\r\n", "3\r\nabc\r\n0\r\n", "0\r\nX: 1\r\n"] {
        check(body, Err("unfinished"));
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_in_any_slicing_come_to_the_same(body: Vec<u8>, at in 0usize..64) {
        let (first, second) = body.split_at(at.min(body.len()));
        let mut sliced = Chunked::default();
        let of_whole = recode(&mut Chunked::default(), &body).map(|(of_body, _)| of_body);
        let of_sliced = recode(&mut sliced, first)
            .and_then(|(a, _)| recode(&mut sliced, second).map(|(b, _)| a + b));
        proptest::prop_assert_eq!(of_whole, of_sliced);
    }
}
