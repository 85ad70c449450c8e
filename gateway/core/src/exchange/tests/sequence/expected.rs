//! What the bytes of an app say, read all at once.

use bytes::BytesMut;
use http::StatusCode;
use stagedoor_core::answer::{AnswerBody, AnswerHead, AnswerParser, AskedWith};
use stagedoor_core::chunked::Chunked;
use stagedoor_core::guard::upgrade::Handshake;

/// An answer.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) interims: Vec<AnswerHead>,
    /// The final head, if there is a right one.
    pub(super) head: Option<AnswerHead>,
    pub(super) data: Vec<u8>,
    pub(super) end: End,
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// So many bytes are behind it.
    Whole(usize),
    Unfinished,
    Malformed,
}

/// Reads the bytes of an app. `closed`: it has closed its side behind them.
pub(super) fn read(bytes: &[u8], asked: AskedWith, handshake: Option<&Handshake>, closed: bool) -> Expected {
    let (mut parser, mut buffer) = (AnswerParser::default(), BytesMut::from(bytes));
    let mut expected = Expected { interims: vec![], head: None, data: vec![], end: End::Unfinished };
    let head = loop {
        match parser.parse(&mut buffer, asked) {
            Ok(Some(head)) if head.status == StatusCode::SWITCHING_PROTOCOLS => break head,
            Ok(Some(head)) if head.status.is_informational() => expected.interims.push(head),
            Ok(Some(head)) => break head,
            Ok(None) => return expected,
            Err(_) => return Expected { end: End::Malformed, ..expected },
        }
    };
    let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
    if switches && handshake.is_none_or(|handshake| handshake.confirm(&head).is_err()) {
        return Expected { end: End::Malformed, ..expected };
    }
    let until_close = if closed { End::Whole(0) } else { End::Unfinished };
    (expected.data, expected.end) = match head.body {
        _ if switches => (buffer.to_vec(), until_close),
        AnswerBody::None => (vec![], End::Whole(buffer.len())),
        AnswerBody::Length(length) => match usize::try_from(length) {
            Ok(length) if length <= buffer.len() => {
                (buffer[..length].to_vec(), End::Whole(buffer.len() - length))
            }
            Ok(_) | Err(_) => (buffer.to_vec(), End::Unfinished),
        },
        AnswerBody::Chunked => chunks(&buffer),
        AnswerBody::UntilClose => (buffer.to_vec(), until_close),
    };
    Expected { head: Some(head), ..expected }
}

/// The data of a chunked body, and how the body ends.
pub(super) fn chunks(bytes: &[u8]) -> (Vec<u8>, End) {
    let mut all = bytes.to_vec();
    let mut chunked = Chunked::default();
    if let Ok(decoded) = chunked.decode(&mut all) {
        all.truncate(decoded.data);
        let end = if chunked.is_done() { End::Whole(bytes.len() - decoded.of_body) } else { End::Unfinished };
        return (all, end);
    }
    // All that comes before the byte that breaks the coding.
    let (mut chunked, mut data) = (Chunked::default(), vec![]);
    for byte in bytes {
        let mut one = [*byte];
        match chunked.decode(&mut one) {
            Ok(decoded) => data.extend_from_slice(&one[..decoded.data]),
            Err(_) => break,
        }
    }
    (data, End::Malformed)
}

/// Whether the bytes of a WebSocket end where a frame does (RFC 6455 §5.2).
pub(super) fn are_whole_frames(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some(second) = bytes.get(1) else { return false };
        let number = |range: std::ops::Range<usize>| {
            bytes.get(range).map(|digits| digits.iter().fold(0, |n: u64, digit| n << 8 | u64::from(*digit)))
        };
        let (head, length) = match second & 0x7f {
            126 => (4, number(2..4)),
            127 => (10, number(2..10)),
            short => (2, Some(u64::from(short))),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let all = length.and_then(|length| usize::try_from(length.saturating_add(head + mask)).ok());
        let Some(rest) = all.and_then(|all| bytes.get(all..)) else { return false };
        bytes = rest;
    }
    true
}
