#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

#[test]
fn addresses() {
    fn check(text: &str, expected: Option<(&str, &str)>) {
        let url = Url::parse(text).ok();
        assert_eq!(url.as_ref().map(|u| (&*u.authority, &*u.path)), expected, "{text}");
    }
    check("http://127.0.0.1:9901/ready", Some(("127.0.0.1:9901", "/ready")));
    check("http://localhost", Some(("localhost:80", "/")));
    check("http://[::1]:9901/live", Some(("[::1]:9901", "/live")));
    check("http://[::1]/live", Some(("[::1]:80", "/live")));
    check("https://localhost/", None);
    check("http:///ready", None);
    check("http://a/\r\nX: y", None);
}

#[test]
fn a_gateway_is_asked() {
    fn check(answer: &'static [u8], expected: Result<u16, ErrorKind>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.extend(byte);
            }
            stream.write_all(answer).unwrap();
        });
        let answered = ask(&Url { authority, path: "/ready".into() }, Instant::now() + TIMEOUT);
        assert_eq!(answered.map_err(|error| error.kind()), expected);
        server.join().unwrap();
    }
    check(b"HTTP/1.1 200 OK\r\n\r\n", Ok(200));
    check(b"HTTP/1.1 503 Service Unavailable\r\n\r\n", Ok(503));
    check(b"HTTP/1.1", Err(ErrorKind::UnexpectedEof));
    check(b"something else entirely", Err(ErrorKind::InvalidData));
}
