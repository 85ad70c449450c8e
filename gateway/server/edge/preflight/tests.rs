#![allow(clippy::unwrap_used, reason = "tests")]

use tokio::io::duplex;

use super::*;

/// `STATUS name=value …` of an answer that arrives `step` bytes at a time and then ends, or why there is none.
fn told(bytes: &[u8], step: usize) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut ours, mut theirs) = duplex(step);
    let app = async {
        // It may have been left before its last byte.
        let _ = theirs.write_all(bytes).await;
        drop(theirs);
    };
    let ask = async {
        let answer = read(&mut ours).await;
        drop(ours);
        answer
    };
    match runtime.block_on(async { tokio::join!(app, ask).1 }) {
        Err(Denial::UpstreamUnreachable(fault)) => fault.label().to_owned(),
        Err(denial) => denial.code().to_owned(),
        Ok(AnswerHead { status, fields, .. }) => {
            let fields = fields.iter().map(|(name, value)| format!(" {name}={}", value.to_str().unwrap()));
            format!("{}{}", status.as_u16(), fields.collect::<String>())
        }
    }
}

#[test]
fn the_final_head_is_the_answer() {
    for (bytes, expected) in [
        ("HTTP/1.1 204 No Content\r\nVary: b\r\nvary: c\r\n\r\nrest", "204 vary=b vary=c"),
        ("HTTP/1.0 200 OK\r\n\r\n", "200"),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nA: b\r\n\r\nHTTP/1.1 204\r\nC: d\r\n\r\n",
            "204 c=d",
        ),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "bad_answer"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "bad_answer"),
        ("HTTP/1.1 200 OK\nVary: a\n\n", "bad_answer"),
        ("garbage", "bad_answer"),
        ("\u{15}\u{3}\u{1}\0\u{2}\u{2}\u{46}", "tls"),
        ("HTTP/1.1 204 No Content\r\nA: b\r\n", "closed"),
        ("HTTP/1.1 100 Continue\r\n\r\n", "closed"),
        ("", "closed"),
    ] {
        for step in [1, 7, 4096] {
            assert_eq!(told(bytes.as_bytes(), step), expected, "{bytes:?} by {step}");
        }
    }
}

#[test]
fn endless_heads_are_left() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(10_000);
    let field = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(1 << 20));
    for bytes in [interim, field] {
        assert_eq!(told(bytes.as_bytes(), 1000), "bad_answer");
    }
}
