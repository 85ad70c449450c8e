//! The parser of answers: no input panics, cutting the input changes no verdict, another parser reads an accepted head
//! in the same way, and what is accepted is accepted again, unchanged, once it is written anew.

#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use stagedoor_core::answer::{AnswerBody, AnswerFault, AnswerHead, AnswerParser, AnswerVersion, AskedWith, FIELDS_MAX};

/// The heads of an answer up to its final one, and how it ended: the bytes behind that, or what is wrong.
type Told = (Vec<AnswerHead>, Result<Option<Vec<u8>>, AnswerFault>);

fuzz_target!(|bytes: &[u8]| {
    for to in [AskedWith { head: false }, AskedWith { head: true }] {
        let whole = read(bytes, bytes.len(), to);
        for step in [1, 2, 7] {
            assert_eq!(read(bytes, step, to), whole);
        }
        let mut rest = bytes;
        for head in &whole.0 {
            let mut buffer = BytesMut::from(rest);
            assert_eq!(AnswerParser::default().parse(&mut buffer, to), Ok(Some(head.clone())));
            let (this, behind) = rest.split_at(rest.len() - buffer.len());
            check_other_parser(this, head);
            check_again(head, to);
            rest = behind;
        }
        if let Ok(Some(behind)) = whole.1 {
            assert_eq!(behind, rest);
        }
    }
});

fn read(bytes: &[u8], step: usize, to: AskedWith) -> Told {
    let (mut parser, mut buffer, mut heads) = (AnswerParser::default(), BytesMut::new(), Vec::new());
    let mut pieces = bytes.chunks(step.max(1));
    loop {
        match parser.parse(&mut buffer, to) {
            Err(fault) => return (heads, Err(fault)),
            Ok(Some(head)) => {
                let status = head.status;
                heads.push(head);
                if !status.is_informational() || status == http::StatusCode::SWITCHING_PROTOCOLS {
                    return (heads, Ok(Some([&buffer[..], &pieces.collect::<Vec<_>>().concat()].concat())));
                }
            }
            Ok(None) => match pieces.next() {
                Some(piece) => buffer.extend_from_slice(piece),
                None => return (heads, Ok(None)),
            },
        }
    }
}

fn check_other_parser(bytes: &[u8], head: &AnswerHead) {
    let mut room = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut room);
    assert_eq!(response.parse(bytes), Ok(httparse::Status::Complete(bytes.len())));
    assert_eq!(response.code, Some(head.status.as_u16()));
    assert_eq!(response.version, Some(u8::from(head.version == AnswerVersion::Http11)));
    let framing = |name: &str| ["content-length", "transfer-encoding"].iter().any(|known| name.eq_ignore_ascii_case(known));
    let mut theirs = response.headers.iter().filter(|field| !framing(field.name));
    let mut ours = head.fields.iter().filter(|(name, _)| !framing(name.as_str()));
    loop {
        match (theirs.next(), ours.next()) {
            (None, None) => return,
            (Some(theirs), Some((name, value))) => {
                assert!(theirs.name.eq_ignore_ascii_case(name.as_str()));
                assert_eq!(theirs.value, value.as_bytes());
            }
            other => panic!("{other:?}"),
        }
    }
}

fn check_again(head: &AnswerHead, to: AskedWith) {
    let version = if head.version == AnswerVersion::Http10 { "1.0" } else { "1.1" };
    let mut out = format!("HTTP/{version} {}\r\n", head.status.as_u16()).into_bytes();
    for (name, value) in head.fields.iter() {
        out.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    if head.body == AnswerBody::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    out.extend_from_slice(b"\r\n");
    let mut buffer = BytesMut::from(&out[..]);
    match AnswerParser::default().parse(&mut buffer, to) {
        Ok(Some(second)) => {
            assert!(buffer.is_empty());
            // A 204 that announced a body is written without that.
            assert!(head.keeps_connection <= second.keeps_connection);
            assert_eq!(AnswerHead { keeps_connection: second.keeps_connection, ..head.clone() }, second);
        }
        // One space more in each line.
        other => assert!(out.len() > 60_000, "{other:?}"),
    }
}
