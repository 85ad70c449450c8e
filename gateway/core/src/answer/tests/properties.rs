//! Properties of the parser on answers that are mostly right.

use proptest::prelude::*;

use super::*;
use crate::request::syntax::value_length;

/// Heads that are mostly right, so that the properties reach beyond the first byte.
fn nearly_an_answer() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"HTTP/1.1 200 OK\r\n"[..],
        b"HTTP/1.0 404\r\n",
        b"HTTP/1.1 204 \r\n",
        b"HTTP/1.1 304 Not Modified\r\n",
        b"HTTP/1.1 103 Early Hints\r\n",
        b"HTTP/1.1 100\r\n\r\n",
        b"\r\n",
        b"Content-Length: 3\r\n",
        b"Content-Length: 3, 3\r\n",
        b"Content-Length: 0\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"connection: Keep-Alive , x\r\n",
        b"X-A: \xffb c\r\n",
        b"X.A:\t\r\n",
        b"Set-Cookie: a=b; Path=/\r\n",
        b"3\r\nabc\r\n0\r\n\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b"\0",
        b"a",
        b"\xc3",
    ]);
    let tail = prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat());
    let start = prop::sample::select(vec![
        &b""[..],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 102\r\n\r\nHTTP/1.1 200 OK\r\n",
        b"HTTP/1.0 200 OK\r\n",
    ]);
    let whole = (start, tail, any::<bool>())
        .prop_map(|(start, tail, end)| [start, &tail, if end { b"\r\n" } else { b"" }].concat());
    prop_oneof![8 => whole, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

/// The first head of an answer and its length.
fn first(bytes: &[u8], to: AskedWith) -> Option<(AnswerHead, usize)> {
    let mut buffer = BytesMut::from(bytes);
    let head = AnswerParser::default().parse(&mut buffer, to).ok()??;
    Some((head, bytes.len() - buffer.len()))
}

proptest! {
    #[test]
    fn searches_by_words_find_what_a_search_by_bytes_finds(
        bytes in prop::collection::vec(prop::sample::select(b"aa: \t\r\0\x1f\x7f\x80\x9f\xff\xba".to_vec()), 0..40),
    ) {
        let is_text = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
        let length = bytes.iter().position(|byte| !is_text(byte)).unwrap_or(bytes.len());
        prop_assert_eq!(value_length(&bytes), length);
        prop_assert_eq!(crate::words::colon(&bytes), bytes.iter().position(|byte| *byte == b':'));
    }

    #[test]
    fn cutting_changes_nothing(bytes in nearly_an_answer(), step in 1usize..9, head: bool) {
        let to = AskedWith { head };
        prop_assert_eq!(arriving(&bytes, step, to), arriving(&bytes, bytes.len(), to));
    }

    /// Nothing shorter is a head, and a longer buffer changes nothing.
    #[test]
    fn a_head_ends_at_one_byte(bytes in nearly_an_answer(), more: Vec<u8>) {
        if let Some((head, length)) = first(&bytes, GET) {
            prop_assert_eq!(first(&bytes[..length - 1], GET), None);
            prop_assert_eq!(first(&[&bytes[..length], &more].concat(), GET), Some((head, length)));
        }
    }

    #[test]
    fn what_is_accepted_is_accepted_again(bytes in nearly_an_answer(), head: bool) {
        let to = AskedWith { head };
        if let Some((head, _)) = first(&bytes, to) {
            let again = serialise(&head);
            let Some((second, length)) = first(&again, to) else { panic!("{}", again.escape_ascii()) };
            prop_assert_eq!(length, again.len());
            prop_assert_eq!((head.status, head.version, head.body), (second.status, second.version, second.body));
            // A 204 that announced a body is written without that.
            prop_assert!(head.keeps_connection <= second.keeps_connection);
            let kept = |head: &AnswerHead| head.fields.iter().map(|(n, v)| (n.clone(), v.clone())).collect::<Vec<_>>();
            prop_assert_eq!(kept(&head), kept(&second));
        }
    }

    /// Another parser reads the same message in the bytes of the app.
    #[test]
    fn another_parser_reads_the_same(bytes in nearly_an_answer()) {
        if let Some((head, length)) = first(&bytes, GET) {
            let mut room = [httparse::EMPTY_HEADER; 32];
            let mut response = httparse::Response::new(&mut room);
            prop_assert_eq!(response.parse(&bytes), Ok(httparse::Status::Complete(length)));
            prop_assert_eq!(response.code, Some(head.status.as_u16()));
            prop_assert_eq!(response.version, Some(u8::from(head.version == AnswerVersion::Http11)));
            let is_framing = |name: &str| matches!(name, "content-length" | "transfer-encoding");
            let theirs = response.headers.iter().map(|f| (f.name.to_ascii_lowercase(), f.value.to_vec()));
            let ours = head.fields.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
            let theirs: Vec<_> = theirs.filter(|(name, _)| !is_framing(name)).collect();
            let ours: Vec<_> = ours.filter(|(name, _)| !is_framing(name)).collect();
            prop_assert_eq!(theirs, ours);
        }
    }
}

fn serialise(head: &AnswerHead) -> Vec<u8> {
    let version = if head.version == AnswerVersion::Http10 { "1.0" } else { "1.1" };
    let mut out = format!("HTTP/{version} {}\r\n", head.status.as_u16()).into_bytes();
    for (name, value) in head.fields.iter() {
        out.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    if head.body == AnswerBody::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out
}
