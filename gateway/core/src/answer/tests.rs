#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use bytes::BytesMut;

use super::*;

const GET: AskedWith = AskedWith { head: false };

/// `STATUS VERSION BODY keeps|closes name=value… | rest` of the first head, `partial`, or what is wrong.
fn told(bytes: &[u8], to: AskedWith) -> String {
    let mut buffer = BytesMut::from(bytes);
    match AnswerParser::default().parse(&mut buffer, to) {
        Ok(None) => "partial".to_owned(),
        Err(AnswerFault { why, .. }) => why.to_owned(),
        Ok(Some(head)) => format!("{} | {}", shown(&head), buffer.escape_ascii()),
    }
}

fn shown(head: &AnswerHead) -> String {
    let AnswerHead { status, version, fields, body, keeps_connection } = head;
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", value.as_bytes().escape_ascii())).collect();
    let keeps = if *keeps_connection { "keeps" } else { "closes" };
    format!("{} {version:?} {body:?} {keeps} {}", status.as_u16(), fields.join(" "))
}

#[test]
fn heads_of_answers() {
    for (bytes, expected) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            "200 Http11 Length(3) keeps content-length=3 | abc",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 Http11 Chunked keeps  | "),
        ("HTTP/1.0 200 OK\r\n\r\n", "200 Http10 UntilClose closes  | "),
        ("HTTP/1.1 200 OK\r\nVary: a\r\nVARY: b\r\n\r\n", "200 Http11 UntilClose closes vary=a vary=b | "),
        ("HTTP/1.1 200 OK\nA: b\n\n", "a bare line feed"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
            "two different Content-Lengths",
        ),
    ] {
        assert_eq!(told(bytes.as_bytes(), GET), expected, "{bytes:?}");
    }
}
