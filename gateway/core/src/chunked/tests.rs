#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

/// The bytes of the body, or what is wrong with it, whole and in every slicing.
fn check(body: &str, expected: Result<usize, &str>) {
    for step in [body.len().max(1), 1, 2, 3, 7] {
        let mut chunked = Chunked::default();
        let mut taken = 0;
        let mut outcome = Ok(());
        for part in body.as_bytes().chunks(step) {
            match chunked.feed(part) {
                Ok(of_body) => taken += of_body,
                Err(Malformed(fault)) => {
                    outcome = Err(fault);
                    break;
                }
            }
        }
        match expected {
            Ok(length) => {
                assert_eq!((outcome, taken, chunked.is_done()), (Ok(()), length, true), "{body:?} by {step}");
            }
            Err("unfinished") => assert!(outcome.is_ok() && !chunked.is_done(), "{body:?} by {step}"),
            Err(fault) => assert_eq!(outcome, Err(fault), "{body:?} by {step}"),
        }
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
    check("3\r\na\r\n\r\n0\r\n\r\n", Ok(13));
}

#[test]
fn bodies_that_two_readers_could_read_differently_are_malformed() {
    check("\r\n\r\n", Err("a chunk without a size"));
    check(";a=b\r\n", Err("a chunk without a size"));
    check(" 3\r\nabc", Err("a chunk without a size"));
    check("-3\r\nabc", Err("a chunk without a size"));
    check("+3\r\nabc", Err("a chunk without a size"));
    check("0x3\r\nabc", Err("a chunk size that is none"));
    check("3 \r\nabc", Err("a chunk size that is none"));
    check("3\nabc\n0\n\n", Err("a chunk size that is none"));
    check("3_0\r\n", Err("a chunk size that is none"));
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
    check(&format!("3;{}\r\n", "x".repeat(1025)), Err("too much beside the chunks"));
    check(&format!("0\r\nX: {}\r\n", "x".repeat(9000)), Err("too much beside the chunks"));
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
        let mut whole = Chunked::default();
        let mut sliced = Chunked::default();
        let of_whole = whole.feed(&body);
        let of_sliced = sliced.feed(first).and_then(|a| sliced.feed(second).map(|b| a + b));
        proptest::prop_assert_eq!(of_whole, of_sliced);
    }
}
