#![allow(clippy::expect_used, reason = "tests")]

use super::*;

/// `status name=value …` of a whole head, `partial` or `refused`.
fn told(bytes: &str) -> String {
    match parse(bytes.as_bytes()) {
        Ok(None) => "partial".to_owned(),
        Err(denial) => format!("refused {}", denial.code()),
        Ok(Some((length, PreflightAnswer { status, fields }))) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}={}", value.to_str().unwrap_or("?")))
                .collect();
            format!("{length} {} {}", status.as_u16(), fields.join(" "))
        }
    }
}

#[test]
fn heads_of_answers() {
    let refused = "refused upstream_unreachable";
    for (bytes, expected) in [
        ("", "partial"),
        ("HTTP/1.1 204 No Content\r\nA: b\r\n", "partial"),
        ("HTTP/1.1 204 No Content\r\nVary: b\r\nvary: c\r\n\r\nrest", "45 204 vary=b vary=c"),
        ("HTTP/1.0 200 OK\r\n\r\n", "19 200 "),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", refused),
        ("HTTP/1.1 99 No\r\n\r\n", refused),
        ("ICY 200 OK\r\n\r\n", refused),
        ("SSH-2.0-x\r\n", refused),
        ("HTTP/1.1 200 OK\r\na b: c\r\n\r\n", refused),
    ] {
        assert_eq!(told(bytes), expected, "{bytes:?}");
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(FIELDS_MAX + 1));
    assert_eq!(told(&many), refused);
}

#[test]
fn a_head_that_drips_is_read_once_a_line() {
    let head = format!(
        "\r\n{}HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nA: {}\r\n\r\n",
        "\n".repeat(99),
        "x".repeat(9999)
    );
    let mut arriving = ArrivingAnswer::default();
    let (last, rest) = head.as_bytes().split_last().expect("a head");
    for byte in rest {
        arriving.bytes.extend_from_slice(&[*byte]);
        assert!(arriving.look().expect("a sound head").is_none());
    }
    arriving.bytes.extend_from_slice(&[*last]);
    assert_eq!(arriving.look().expect("a sound head").expect("a whole head").status, 204);
    assert_eq!(arriving.looks, head.matches('\n').count());
}

#[test]
fn what_breaks_off_is_told() {
    for (bytes, expected) in [
        (&b"HTTP/1.1 200 OK\r\n"[..], UpstreamFault::Closed),
        (b"", UpstreamFault::Closed),
        (b"garbage", UpstreamFault::BadAnswer),
        (b"\x15\x03\x01\x00\x02\x02\x46", UpstreamFault::Tls),
    ] {
        let arriving = ArrivingAnswer { bytes: bytes.into(), ..ArrivingAnswer::default() };
        assert_eq!(arriving.broken_off(), Denial::UpstreamUnreachable(expected), "{bytes:?}");
    }
}
