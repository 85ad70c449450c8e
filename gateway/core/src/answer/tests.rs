#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

mod corpus;
mod leniencies;
mod properties;

use bytes::BytesMut;

use super::*;
use crate::denial::UpstreamFault;
use crate::response_fields::ResponseFields;
use crate::work;

const GET: AskedWith = AskedWith { head: false };
const HEAD: AskedWith = AskedWith { head: true };

/// What an answer that arrives `step` bytes at a time is: its heads up to the final one, each as [`shown`]; then `| ` and
/// what follows; `partial`, or what is wrong with it.
fn arriving(bytes: &[u8], step: usize, to: AskedWith) -> String {
    let (mut parser, mut buffer, mut told) = (AnswerParser::default(), BytesMut::new(), String::new());
    let mut pieces = bytes.chunks(step.max(1));
    loop {
        match parser.parse(&mut buffer, to) {
            Ok(Some(head)) => {
                told.push_str(&shown(&head));
                if !head.status.is_informational() || head.switches() {
                    let rest = pieces.fold(buffer.to_vec(), |rest, piece| [&rest, piece].concat());
                    return format!("{told}| {}", rest.escape_ascii());
                }
                told.push_str("; ");
            }
            Ok(None) => match pieces.next() {
                Some(piece) => buffer.extend_from_slice(piece),
                None => return format!("{told}partial"),
            },
            Err(AnswerFault { fault: UpstreamFault::BadAnswer, why }) => return format!("{told}{why}"),
            Err(AnswerFault { fault, why }) => return format!("{told}{fault:?}: {why}"),
        }
    }
}

/// `STATUS VERSION BODY keeps|closes name=value …`
fn shown(head: &AnswerHead) -> String {
    let AnswerHead { status, version, fields, body, keeps_connection } = head;
    let version = match version {
        AnswerVersion::Http10 => "1.0",
        AnswerVersion::Http11 => "1.1",
    };
    let keeps = if *keeps_connection { "keeps" } else { "closes" };
    let mut shown = format!("{} {version} {body:?} {keeps} ", status.as_u16());
    for (name, value) in fields.iter() {
        shown.push_str(&format!("{name}={} ", value.as_bytes().escape_ascii()));
    }
    shown
}

/// An answer to `to` in every slicing.
fn check_with(bytes: &[u8], to: AskedWith, expected: &str) {
    for step in [bytes.len(), 1, 2, 3, 7] {
        assert_eq!(arriving(bytes, step, to), expected, "{} by {step}", bytes.escape_ascii());
    }
}

fn check(bytes: &str, expected: &str) {
    check_with(bytes.as_bytes(), GET, expected);
}

/// A fault, and that it is found at the last byte of `bytes` and no later.
fn check_fault(bytes: &str, expected: &str) {
    check(bytes, expected);
    let before = arriving(&bytes.as_bytes()[..bytes.len() - 1], 1, GET);
    assert_eq!(before, "partial", "{bytes:?} without its last byte");
}

#[test]
fn heads_of_answers() {
    check("", "partial");
    check("HTTP/1.1 200 OK\r\nA: b\r\n", "partial");
    check("HTTP/1.1 200 OK\r\nA: b\r\n\r", "partial");
    check(
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        "200 1.1 Length(3) keeps content-length=3 | abc",
    );
    check(
        "HTTP/1.1 200 OK\r\nVary: a\r\nAge: 1\r\nVARY: b\r\n\r\n",
        "200 1.1 UntilClose closes vary=a age=1 vary=b | ",
    );
    check("HTTP/1.0 404 Not Found\r\n\r\nx", "404 1.0 UntilClose closes | x");
    check(
        "HTTP/1.1 302 Found\r\nLocation: /a b:c\r\nContent-Length: 0\r\n\r\n",
        "302 1.1 Length(0) keeps location=/a b:c content-length=0 | ",
    );
}

#[test]
fn status_lines_that_are_none() {
    const NOT_HTTP: &str = "the answer does not begin with HTTP/1.";
    const STATUS: &str = "the status is not of three digits from 100";
    for (bytes, expected) in [
        ("S", NOT_HTTP),
        ("HTTP/2", NOT_HTTP),
        ("HTTPS", NOT_HTTP),
        ("h", NOT_HTTP),
        ("ICY", NOT_HTTP),
        (" ", NOT_HTTP),
        ("<", NOT_HTTP),
        ("\0", NOT_HTTP),
        ("HTTP/1 ", NOT_HTTP),
        ("HTTP/1.2", "the HTTP version is neither 1.1 nor 1.0"),
        ("HTTP/1.\r", "the HTTP version is neither 1.1 nor 1.0"),
        ("HTTP/1.1\t", "no single space before the status"),
        ("HTTP/1.1\r", "no single space before the status"),
        ("HTTP/1.10", "no single space before the status"),
        ("HTTP/1.1  ", STATUS),
        ("HTTP/1.1 0", STATUS),
        ("HTTP/1.1 99 ", STATUS),
        ("HTTP/1.1 -", STATUS),
        ("HTTP/1.1 +", STATUS),
        ("HTTP/1.1 2\r", STATUS),
        ("HTTP/1.1 20O", STATUS),
        ("HTTP/1.1 2000", STATUS),
        ("HTTP/1.1 200\t", STATUS),
        ("HTTP/1.1 200\n", STATUS),
        ("HTTP/1.1 200 OK\n", "a bare line feed"),
        ("HTTP/1.1 200 OK\r ", "a bare carriage return"),
        ("HTTP/1.1 200\r\r", "a bare carriage return"),
        ("HTTP/1.1 200 O\0", "a control byte in the reason phrase"),
        ("HTTP/1.1 200 O\u{7f}", "a control byte in the reason phrase"),
        ("\n", "a bare line feed"),
        ("\r\r", "a bare carriage return"),
        ("\r\n\n", "a bare line feed"),
        ("\r\n\r\n\r", "too many empty lines before the status line"),
    ] {
        // What differs from the start in its first byte has none before.
        if bytes.len() == 1 || bytes == "ICY" {
            check(bytes, expected);
        } else {
            check_fault(bytes, expected);
        }
    }
}

/// RFC 8446 §6: an alert, in any version of its record.
#[test]
fn an_app_that_speaks_tls_is_told() {
    for alert in [&b"\x15\x03\x01\x00\x02\x02\x46"[..], b"\x15\x03\x03\x00\x02\x02\x28", b"\x15"] {
        check_with(alert, GET, "SpeaksTls: an alert of TLS on a plain connection");
    }
    // The settings with which HTTP/2 begins.
    check("\0\0\u{12}\u{4}", "the answer does not begin with HTTP/1.");
}

#[test]
fn field_lines_that_two_readers_could_read_differently() {
    const STATUS: &str = "HTTP/1.1 200 OK\r\n";
    for (lines, expected) in [
        (" ", "white space at the start of a field line"),
        ("A: b\r\n ", "white space at the start of a field line"),
        ("A: b\r\n\t", "white space at the start of a field line"),
        ("A ", "white space before the colon of a field"),
        ("A\t", "white space before the colon of a field"),
        ("A\r", "a field line without a colon"),
        ("A\n", "a field line without a colon"),
        (":", "a field line without a name"),
        ("A\0", "an illegal byte in a field name"),
        ("A(", "an illegal byte in a field name"),
        ("A\"", "an illegal byte in a field name"),
        ("A/", "an illegal byte in a field name"),
        ("A: b\n", "a bare line feed"),
        ("A:\n", "a bare line feed"),
        ("A: b\rc", "a bare carriage return"),
        ("A: b\r\r", "a bare carriage return"),
        ("A: b\0", "a control byte in a field value"),
        ("A: 12345678901234567890\u{1}", "a control byte in a field value"),
        ("A: \tx\u{7f}", "a control byte in a field value"),
        ("A: b\u{b}", "a control byte in a field value"),
        ("A: b\u{1b}", "a control byte in a field value"),
        ("\n", "a bare line feed"),
        ("\r\r", "a bare carriage return"),
        ("A: b\r\n\rX", "a bare carriage return"),
    ] {
        check_fault(&format!("{STATUS}{lines}"), expected);
    }
    check_with(b"HTTP/1.1 200 OK\r\nX\xe9: b\r\n\r\n", GET, "an illegal byte in a field name");
}

/// Every byte but those of a value, at every place in a word.
#[test]
fn no_control_byte_hides_in_a_value() {
    for byte in 0..=255 {
        for place in 0..24 {
            let mut value = [b'a'; 24];
            value[place] = byte;
            let head = [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: ", &value[..], b"\r\n\r\n"].concat();
            let told = arriving(&head, head.len(), GET);
            let fine = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
            assert_eq!(told.starts_with("200 1.1 Length(0) keeps"), fine, "{byte:#x} at {place}: {told}");
        }
    }
}

#[test]
fn an_answer_has_one_framing() {
    const BOTH: &str = "both Content-Length and Transfer-Encoding";
    const OTHER: &str = "a Transfer-Encoding other than chunked";
    const NUMBER: &str = "the Content-Length is not a number";
    const TWO: &str = "two different Content-Lengths";
    for (lines, expected) in [
        ("Content-Length: 3\r\nContent-Length: 4\r\n", TWO),
        ("Content-Length: 3, 4\r\n", TWO),
        ("Content-Length: 3\r\nContent-Length: 03\r\n", TWO),
        ("Content-Length: 3, 3, 4\r\n", TWO),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", BOTH),
        ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", BOTH),
        ("Transfer-Encoding: chunked\r\nA: b\r\ncontent-length: 0\r\n", BOTH),
        ("Transfer-Encoding: gzip\r\n", OTHER),
        ("Transfer-Encoding: identity\r\n", OTHER),
        ("Transfer-Encoding: xchunked\r\n", OTHER),
        ("Transfer-Encoding: gzip, chunked\r\n", OTHER),
        ("Transfer-Encoding: chunked, gzip\r\n", OTHER),
        ("Transfer-Encoding: chunked, chunked\r\n", OTHER),
        ("Transfer-Encoding: chunked,\r\n", OTHER),
        ("Transfer-Encoding: chunked;q=1\r\n", OTHER),
        ("Transfer-Encoding: \"chunked\"\r\n", OTHER),
        ("Transfer-Encoding:\r\n", OTHER),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", OTHER),
        ("Transfer-Encoding: gzip\r\n", OTHER),
        ("Content-Length:\r\n", NUMBER),
        ("Content-Length: 3,\r\n", NUMBER),
        ("Content-Length: ,3\r\n", NUMBER),
        ("Content-Length: +3\r\n", NUMBER),
        ("Content-Length: -3\r\n", NUMBER),
        ("Content-Length: 0x3\r\n", NUMBER),
        ("Content-Length: 3 3\r\n", NUMBER),
        ("Content-Length: 3.0\r\n", NUMBER),
        ("Content-Length: 3;\r\n", NUMBER),
        ("Content-Length: 18446744073709551616\r\n", "the Content-Length is too large"),
        ("Content-Length: 00000000000000000003\r\n", "the Content-Length is too large"),
    ] {
        // Also where the answer has no body: the framing is judged and not the method.
        check_fault(&format!("HTTP/1.1 200 OK\r\n{lines}"), expected);
        check_with(format!("HTTP/1.1 200 OK\r\n{lines}").as_bytes(), HEAD, expected);
        check_fault(&format!("HTTP/1.1 304 Not Modified\r\n{lines}"), expected);
    }
    let old = "a Transfer-Encoding in HTTP/1.0";
    check_fault("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", old);
    check_fault("HTTP/1.0 204 No Content\r\nTransfer-Encoding: chunked\r\n", old);
    check_fault("HTTP/1.0 103 Early Hints\r\nTransfer-Encoding: chunked\r\n", old);
    let longest = "9".repeat(19);
    check(
        &format!("HTTP/1.1 200 OK\r\nContent-Length: {longest}\r\n\r\n"),
        &format!("200 1.1 Length({longest}) keeps content-length={longest} | "),
    );
}

#[test]
fn the_body_depends_on_method_status_and_fields() {
    const LENGTH: &str = "Content-Length: 5\r\n";
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
    for (status, lines, to_get, to_head) in [
        (200, LENGTH, "Length(5)", "None"),
        (200, CHUNKED, "Chunked", "None"),
        (200, "", "UntilClose", "None"),
        (206, LENGTH, "Length(5)", "None"),
        (205, "", "UntilClose", "None"),
        (404, LENGTH, "Length(5)", "None"),
        (304, LENGTH, "None", "None"),
        (304, CHUNKED, "None", "None"),
        (304, "", "None", "None"),
        (204, "", "None", "None"),
        (204, LENGTH, "None", "None"),
        (204, CHUNKED, "None", "None"),
        (101, "", "None", "None"),
        (999, LENGTH, "Length(5)", "None"),
    ] {
        let head = format!("HTTP/1.1 {status}\r\n{lines}\r\n");
        for (to, body) in [(GET, to_get), (HEAD, to_head)] {
            let told = arriving(head.as_bytes(), head.len(), to);
            assert!(told.starts_with(&format!("{status} 1.1 {body} ")), "{head:?}: {told}");
        }
    }
    // The length of a body that does not come stays: it is that of the answer to GET.
    check_with(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        HEAD,
        "200 1.1 None keeps content-length=5 | ",
    );
    check("HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", "304 1.1 None keeps content-length=5 | ");
}

#[test]
fn a_connection_is_kept_only_if_both_ends_of_the_body_are_known() {
    for (head, keeps) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nConnection: closed, upgrade\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: y ,CLOSE\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.1 204 X\r\n\r\n", true),
        ("HTTP/1.1 304 X\r\n\r\n", true),
        ("HTTP/1.1 304 X\r\nConnection: close\r\n\r\n", false),
    ] {
        let told = arriving(head.as_bytes(), head.len(), GET);
        assert_eq!(told.contains(" keeps "), keeps, "{head:?}: {told}");
        assert_ne!(told.contains(" closes "), keeps, "{head:?}: {told}");
    }
}

#[test]
fn interim_answers_come_one_by_one() {
    check(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
        "100 1.1 None keeps ; 103 1.1 None keeps link=</a> ; 200 1.1 Length(1) keeps content-length=1 | a",
    );
    check("HTTP/1.1 102 X\r\n\r\nHTTP/1.1 2", "102 1.1 None keeps ; partial");
    check("HTTP/1.1 102 X\r\n\r\nbody", "102 1.1 None keeps ; the answer does not begin with HTTP/1.");
    // The framing of one head is not that of the next.
    check(
        "HTTP/1.1 103 X\r\nConnection: close\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n",
        "103 1.1 None closes connection=close ; 200 1.1 Length(1) keeps content-length=1 | ",
    );
    // What follows a 101 belongs to the other protocol.
    check(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\u{1}\u{2}",
        "101 1.1 None keeps upgrade=websocket connection=Upgrade | \\x01\\x02",
    );
    check_fault("HTTP/1.1 101 X\r\nTransfer-Encoding: chunked\r\n", "a Transfer-Encoding in a 101");
}

#[test]
fn heads_are_bounded() {
    let large = "the heads of the answer are larger than 64 KiB";
    let with_value = |length: usize| format!("HTTP/1.1 204\r\nA: {}\r\n\r\n", "x".repeat(length));
    let room = HEADS_MAX - with_value(0).len();
    assert!(arriving(with_value(room).as_bytes(), 4096, GET).starts_with("204 "));
    assert_eq!(arriving(with_value(room + 1).as_bytes(), 4096, GET), large);
    // It is known once that many bytes are there.
    let endless = "x".repeat(2 * HEADS_MAX);
    for head in ["HTTP/1.1 200 ", "HTTP/1.1 200\r\n", "HTTP/1.1 200\r\nA:"] {
        let bytes = format!("{head}{endless}");
        assert_eq!(arriving(&bytes.as_bytes()[..HEADS_MAX], 999, GET), large);
        assert_eq!(arriving(&bytes.as_bytes()[..HEADS_MAX - 1], 999, GET), "partial");
        assert_eq!(arriving(bytes.as_bytes(), bytes.len(), GET), large);
    }
    // All heads of an answer together, empty lines included.
    let interim = format!("HTTP/1.1 103\r\nA: {}\r\n\r\n\r\n", "x".repeat(1000)).repeat(65);
    let told = arriving(interim.as_bytes(), 500, GET);
    assert!(told.ends_with(large) && told.matches("103 ").count() == 64, "{}", told.matches("103 ").count());
    // A body may be as large as it likes.
    let body = format!("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n{endless}");
    assert!(arriving(body.as_bytes(), body.len(), GET).starts_with("200 1.1 Length(1) "));
}

#[test]
fn fields_and_interim_answers_are_bounded() {
    let with_fields = |line: &str, count: usize| format!("HTTP/1.1 200\r\n{}\r\n", line.repeat(count));
    assert!(arriving(with_fields("A: b\r\n", FIELDS_MAX).as_bytes(), 500, GET).starts_with("200 "));
    // Also lines that become one.
    for line in ["A: b\r\n", "Content-Length: 0\r\n", "Transfer-Encoding: chunked\r\n"] {
        let many = with_fields(line, FIELDS_MAX + 1);
        assert_eq!(arriving(many.as_bytes(), 500, GET), "more than 256 fields");
    }
    let interim = |count: usize| format!("{}HTTP/1.1 204\r\n\r\n", "HTTP/1.1 102\r\n\r\n".repeat(count));
    assert!(arriving(interim(INTERIM_MAX).as_bytes(), 500, GET).ends_with("204 1.1 None keeps | "));
    assert!(
        arriving(interim(INTERIM_MAX + 1).as_bytes(), 500, GET).ends_with("more than 256 interim answers")
    );
    let options =
        |count: usize| format!("HTTP/1.1 204\r\nConnection: {}\r\n\r\n", vec!["x"; count].join(","));
    assert!(arriving(options(32).as_bytes(), 500, GET).starts_with("204 "));
    assert_eq!(arriving(options(33).as_bytes(), 500, GET), "more than 32 options in Connection");
}

#[test]
fn a_head_that_drips_costs_each_byte_once() {
    let long = |count: usize| "a".repeat(count);
    let fields: String = (0..98).map(|n| format!("X-{n}: {}\r\n", long(300))).collect();
    for head in [
        format!("HTTP/1.1 200 {}\r\n\r\n", long(32_000)),
        format!("HTTP/1.1 200 OK\r\n{}: x\r\n\r\n", long(32_000)),
        format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", long(32_000)),
        format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", " ".repeat(32_000)),
        format!("HTTP/1.1 200 OK\r\n{fields}\r\n"),
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", vec!["12345"; 5_000].join(",")),
        format!(
            "{}HTTP/1.1 200 OK\r\n\r\n",
            "\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(200)
        ),
    ] {
        let (dripped, steps) = work::of(|| arriving(head.as_bytes(), 1, GET));
        assert!(dripped.contains("200 1.1 "), "{dripped}");
        assert!(steps <= 2 * head.len(), "{steps} steps for {} bytes", head.len());
        let (whole, at_once) = work::of(|| arriving(head.as_bytes(), head.len(), GET));
        assert_eq!((whole, at_once), (dripped, steps), "no more than in one piece");
    }
}

#[test]
fn an_answer_is_edited_by_its_status() {
    let head = |bytes: &str| {
        let mut buffer = BytesMut::from(bytes);
        AnswerParser::default().parse(&mut buffer, GET).unwrap().unwrap()
    };
    let [ok, switch, same, wanted] = ["200", "101", "304", "426"]
        .map(|status| head(&format!("HTTP/1.1 {status}\r\nVary: a\r\nVary: b\r\nAge: 1\r\n\r\n")));
    let kinds = |head: &AnswerHead| (head.switches(), head.revalidates(), head.requires_upgrade());
    assert_eq!(kinds(&ok), (false, false, false));
    assert_eq!(kinds(&switch), (true, false, false));
    assert_eq!(kinds(&same), (false, true, false));
    assert_eq!(kinds(&wanted), (false, false, true));

    let (vary, age) = (http::header::VARY, http::header::AGE);
    let mut ok = ok;
    assert_eq!(ok.first(&vary).unwrap(), "a");
    assert_eq!(ok.all(&vary).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(ok.fields.iter().map(|(name, _)| name).collect::<Vec<_>>(), [&vary, &vary, &age]);
    ok.set(vary.clone(), "c".parse().unwrap());
    ok.add(age.clone(), "2".parse().unwrap());
    assert_eq!(shown(&ok), "200 1.1 UntilClose closes vary=c age=1 age=2 ");
    ok.remove(&age);
    ok.retain(|name, _| *name != vary);
    assert!(ok.fields.is_empty());
}

/// The head is a slice of the buffer, and what follows stays there.
#[test]
fn values_are_slices_of_the_buffer() {
    let mut buffer = BytesMut::from("HTTP/1.1 200 OK\r\nA: value\r\n\r\nbody");
    let place = buffer.as_ptr();
    let head = AnswerParser::default().parse(&mut buffer, GET).unwrap().unwrap();
    let value = head.first(&http::HeaderName::from_static("a")).unwrap();
    assert_eq!(value.as_bytes().as_ptr(), place.wrapping_add("HTTP/1.1 200 OK\r\nA: ".len()));
    assert_eq!(buffer, "body");
}
