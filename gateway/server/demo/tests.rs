#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::film::{LENGTH, Wanted, bytes, wanted};
use super::*;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

fn started() -> SocketAddr {
    let app = SampleApp::bind().unwrap();
    let address = app.address;
    app.start().unwrap();
    address
}

/// Sends a request and gives back the head of the answer, in lower case, and its body.
fn ask(address: SocketAddr, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    let (first, rest) = request.split_once("\r\n").unwrap_or((request, "\r\n"));
    write!(stream, "{first} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{rest}").unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let end = all.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&all[..end]).to_lowercase(), all[end + 4..].to_vec())
}

#[test]
fn the_app_answers() {
    let app = started();
    let check = |request: &str, parts: &[&str]| {
        let (head, body) = ask(app, request);
        let all = format!("{head}\n{}", String::from_utf8_lossy(&body));
        for part in parts {
            assert!(all.contains(part), "{request}: no {part} in {all}");
        }
    };
    check("GET /", &["200 ok", "text/html", "server: uvicorn", "x-powered-by: express", "allow-origin: *"]);
    check("GET /app.js", &["200 ok", "text/javascript"]);
    check("GET /app.css", &["200 ok", "text/css"]);
    check("GET /icon.svg", &["200 ok", "image/svg+xml"]);
    check("GET /api/health", &["200 ok", r#"{"status":"ok"}"#]);
    check("GET /api/downloads", &["200 ok", "[]"]);
    check(
        "POST /api/downloads\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"url\":\"a\"}",
        &["201 created", r#"{"id":1,"progress":0,"url":"a"}"#],
    );
    check("GET /api/downloads", &[r#""url":"a""#]);
    check("POST /api/upload\r\ncontent-length: 5\r\n\r\nhello", &["200 ok", r#"{"bytes":5}"#]);
    check("GET /api/gallery", &["200 ok", "/api/gallery/6.svg"]);
    check("GET /api/gallery/6.svg", &["200 ok", "image/svg+xml", "<svg"]);
    check("GET /api/gallery/7.svg", &["404 not found"]);
    check("GET /api/error", &["500 internal", "/srv/media/library"]);
    check(
        "GET /media/film.bin\r\nrange: bytes=5-9\r\n\r\n",
        &["206 partial", "content-range: bytes 5-9/67108864"],
    );
    check(
        "GET /media/film.bin\r\nrange: bytes=67108864-\r\n\r\n",
        &["416 range", "content-range: bytes */67108864"],
    );
    check("GET /media/film.bin\r\nif-none-match: \"film-1\"\r\n\r\n", &["304 not modified"]);
}

#[test]
fn the_film_is_the_same_from_wherever_it_is_read() {
    let app = started();
    let (head, body) =
        ask(app, "GET /media/film.bin\r\nrange: bytes=65530-65545\r\nif-range: \"film-1\"\r\n\r\n");
    assert!(head.contains("content-length: 16\r\n"), "{head}");
    assert_eq!(body, bytes(65_530, 65_546));
    assert_eq!(bytes(3, 100), bytes(0, 100)[3..]);
    let (head, body) = ask(app, "HEAD /media/film.bin\r\nrange: bytes=0-1\r\nif-range: \"older\"\r\n\r\n");
    assert!(head.contains("200 ok") && head.contains("content-length: 67108864"), "{head}");
    assert!(body.is_empty());
}

#[test]
fn the_clip_is_whole_webm_wherever_it_is_read() {
    let app = started();
    let (head, body) = ask(app, "GET /media/clip.webm\r\nrange: bytes=0-3\r\n\r\n");
    assert!(head.contains("206 partial") && head.contains("content-type: video/webm"), "{head}");
    assert_eq!(body, [0x1A, 0x45, 0xDF, 0xA3]);
    let length = clip::REEL.length;
    let read = clip::REEL.bytes;
    // A cluster begins at every second; the last one ends where the film does.
    for second in [0, 7, 299] {
        let at = length - (300 - second) * (128 << 10);
        assert_eq!(&read(at, at + 4)[..], [0x1F, 0x43, 0xB6, 0x75], "{second}");
        assert_eq!(read(at - 9, at + 9)[9..], read(at, at + 9)[..], "{second}");
    }
    assert_eq!(read(length - 5, length).len(), 5);
}

#[test]
fn ranges() {
    fn check(range: &str, expected: Wanted) {
        assert_eq!(wanted(range, LENGTH), expected, "{range}");
    }
    check("bytes=0-0", Wanted::Part(0, 0));
    check("bytes=5-", Wanted::Part(5, LENGTH - 1));
    check("bytes=-5", Wanted::Part(LENGTH - 5, LENGTH - 1));
    check("bytes=-99999999999", Wanted::Part(0, LENGTH - 1));
    check("bytes=0-99999999999", Wanted::Part(0, LENGTH - 1));
    check("bytes=67108864-", Wanted::Nothing);
    check("bytes=67108864-67108865", Wanted::Nothing);
    check("bytes=-0", Wanted::Nothing);
    check("bytes=5-2", Wanted::All);
    check("bytes=0-1,5-6", Wanted::All);
    check("bytes=-", Wanted::All);
    check("lines=0-1", Wanted::All);
}

#[test]
fn the_lines_begin_with_curl_and_the_configuration_is_toml() {
    let (upstream, listen) = ("127.0.0.1:1".parse().unwrap(), "127.0.0.1:2".parse().unwrap());
    let text = lines(upstream, listen, "T", "L");
    let curls: Vec<&str> = text.lines().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(curls.len(), 4);
    assert!(curls.iter().all(|line| line.contains("http://127.0.0.1:2/api/downloads")));

    let table: toml::Table = config_text(upstream, listen).parse().unwrap();
    assert_eq!(table["app"]["demo"]["upstream"]["urls"][0].as_str(), Some("http://127.0.0.1:1"));
    assert_eq!(table["app"]["demo"]["route"][3]["match"].as_str(), Some("* /api/admin/{*rest}"));
}
