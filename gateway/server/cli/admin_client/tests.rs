#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use std::net::TcpListener;
use std::sync::mpsc;

/// An operator of somebody who gives `answer` to whatever is asked, and what was asked.
fn operator(answer: &'static [u8]) -> (AdminClient, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (say, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let until = Instant::now() + TIMEOUT;
        while !request.ends_with(b"\r\n\r\n") && !request.ends_with(b"}") {
            read_some(&mut stream, &mut request, until).unwrap();
        }
        say.send(String::from_utf8(request).unwrap()).unwrap();
        stream.write_all(answer).unwrap();
    });
    (AdminClient { addresses: vec![address], token: Secret::new(b"a-token".to_vec()) }, heard)
}

fn message(failure: Failure) -> String {
    match failure {
        Failure::Runtime(error) => format!("{error:#}"),
        Failure::Usage { message, .. } => message,
        Failure::Problems(_) | Failure::Printed(_) => String::new(),
    }
}

#[test]
fn a_document_is_sent_and_one_comes_back() {
    let (operator, heard) = operator(b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"a\":true}\n");
    let answer = operator.post("/api/v1/x", &serde_json::json!({ "b": 1 })).unwrap();
    assert_eq!(answer, serde_json::json!({ "a": true }));
    let request = heard.recv().unwrap();
    assert!(request.starts_with("POST /api/v1/x HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
    assert!(request.contains("\r\nAuthorization: Bearer a-token\r\n"), "{request}");
    assert!(request.ends_with("\r\nContent-Length: 7\r\n\r\n{\"b\":1}"), "{request}");
}

#[test]
fn a_refusal_is_told_in_its_own_words() {
    let (operator, _heard) = operator(
        b"HTTP/1.1 422 Unprocessable Content\r\n\r\n{\"title\":\"No\",\"detail\":\"token is not genuine\"}",
    );
    let failure = operator.get("/api/v1/x").unwrap_err();
    assert_eq!(message(failure), "token is not genuine (status `422`)");
}

#[test]
fn who_does_not_take_the_admin_token_is_another() {
    let (operator, _heard) =
        operator(b"HTTP/1.1 401 Unauthorized\r\n\r\n{\"detail\":\"token is not genuine\"}");
    let address = operator.addresses[0];
    let said = message(operator.get("/api/v1/x").unwrap_err());
    assert!(said.starts_with(&format!("another gateway answers at `{address}`")), "{said}");
    assert!(said.contains("hint: "), "{said}");
}

#[test]
fn what_is_no_gateway_is_said_to_be_none() {
    for answer in [&b"SSH-2.0-something\r\n\r\n"[..], b"HTTP/1.1 200 OK\r\n\r\n<html>", b""] {
        let (operator, _heard) = operator(answer);
        let said = message(operator.get("/").unwrap_err());
        assert!(said.contains("not the admin API"), "{said}");
    }
}

#[test]
fn nobody_there_is_told_with_a_hint() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let operator = AdminClient { addresses: vec![address], token: Secret::new(Vec::new()) };
    let said = message(operator.get("/").unwrap_err());
    assert!(said.contains("hint: it has to run"), "{said}");
}

#[test]
fn the_first_that_takes_a_connection_is_asked() {
    let (mut operator, heard) = operator(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    operator.addresses.insert(0, listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(operator.get("/api/v1/x").unwrap(), serde_json::json!({}));
    let host = format!("\r\nHost: {}\r\n", operator.addresses[1]);
    assert!(heard.recv().unwrap().contains(&host));
}

#[test]
fn silence_is_told_in_words() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let until = Instant::now() + Duration::from_millis(50);
    let mut stream = call(listener.local_addr().unwrap(), b"x", Instant::now() + TIMEOUT).unwrap();
    for _ in ["while there is time", "when there is none"] {
        let error = read_some(&mut stream, &mut Vec::new(), until).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::TimedOut, "no answer in time"));
    }
}

#[test]
fn only_a_status_line_is_one() {
    fn check(line: &[u8], expected: Option<u16>) {
        assert_eq!(status(line), expected);
    }
    check(b"HTTP/1.1 200 OK\r\n", Some(200));
    check(b"HTTP/1.0 503\r\n", Some(503));
    check(b"HTTP/1.1 20x ", None);
    check(b"HTTP/1.1 2000", None);
    check(b"SSH-2.0-something", None);
}
