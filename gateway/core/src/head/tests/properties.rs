//! Properties of the parser on heads that are mostly right.

use proptest::prelude::*;

use super::{LIMITS, arriving, by_bytes, line, parse, verdict};
use crate::head::{HeadLimits, Parsed};
use crate::request::Head;

/// Heads that are mostly right, so that the properties reach beyond the first byte.
fn nearly_a_head() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"GET "[..],
        b"POST ",
        b"/x",
        b"/a?b=c",
        b"http://a/",
        b" HTTP/1.1\r\n",
        b" HTTP/1.0\r\n",
        b"\r\n",
        b"Host: a\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"X-A: \xffb c\r\n",
        b"Expect: 100-continue\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b"\0",
        b"a",
        b"|",
        b"%",
        b"\xc3",
    ]);
    let tail = prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat());
    let start =
        prop::sample::select(vec![&b""[..], b"GET /x HTTP/1.1\r\n", b"POST /y?z HTTP/1.1\r\nHost: a\r\n"]);
    let whole = (start, tail, any::<bool>())
        .prop_map(|(start, tail, end)| [start, &tail, if end { b"Host: a\r\n\r\n" } else { b"" }].concat());
    prop_oneof![8 => whole, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

proptest! {
    #[test]
    fn cutting_changes_nothing(bytes in nearly_a_head()) {
        let limits = HeadLimits { bytes: 160, count: 5, uri: 24 };
        prop_assert_eq!(by_bytes(&bytes, &limits), verdict(&bytes, &limits));
        prop_assert_eq!(arriving(&bytes, &limits, 1), verdict(&bytes, &limits));
        prop_assert_eq!(arriving(&bytes, &limits, 3), verdict(&bytes, &limits));
    }

    #[test]
    fn what_is_accepted_is_accepted_again(bytes in nearly_a_head()) {
        if let Ok(Parsed::Complete(head, meta)) = parse(&bytes, &LIMITS) {
            prop_assert_eq!(by_bytes(&bytes[..meta.length - 1], &LIMITS), "partial");
            let again = serialise(&head);
            let Ok(Parsed::Complete(second, after)) = parse(&again, &LIMITS) else { panic!("{}", again.escape_ascii()) };
            prop_assert_eq!(line(&head, &meta), line(&second, &after));
            prop_assert_eq!(head.fields(), second.fields());
            prop_assert_eq!(after.length, again.len());
        }
    }

    /// The parser that reads what we send on must read what we read.
    #[test]
    fn another_parser_reads_the_same(bytes in nearly_a_head()) {
        if let Ok(Parsed::Complete(head, _)) = parse(&bytes, &LIMITS) {
            let again = serialise(&head);
            let mut fields = [httparse::EMPTY_HEADER; 16];
            let mut request = httparse::Request::new(&mut fields);
            prop_assert_eq!(request.parse(&again), Ok(httparse::Status::Complete(again.len())));
            prop_assert_eq!(request.method, Some(head.method()));
            prop_assert_eq!(request.path.map(str::as_bytes), Some(head.target()));
            let theirs: Vec<_> = request.headers.iter().map(|f| (f.name, f.value)).collect();
            let ours: Vec<_> = head.fields().iter().map(|f| (f.name, f.value)).collect();
            prop_assert_eq!(theirs, ours);
        }
    }
}

fn serialise(head: &Head<'_>) -> Vec<u8> {
    let version = head.protocol().as_str().as_bytes();
    let mut out = [head.method().as_bytes(), b" ", head.target(), b" ", version, b"\r\n"].concat();
    for field in head.fields() {
        out.extend_from_slice(&[field.name.as_bytes(), b": ", field.value, b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    out
}
