//! One test for each leniency that the module names, and the mark up to which it goes.

use super::*;

#[test]
fn equal_lengths_are_one() {
    let expected = "200 1.1 Length(3) keeps content-length=3 x=1 | ";
    for lines in [
        "Content-Length: 3\r\nContent-Length: 3\r\nX: 1\r\n",
        "Content-Length: 3\r\nX: 1\r\nCONTENT-LENGTH:3\r\ncontent-length: 3, 3\r\n",
        "Content-Length: 3, 3\r\nX: 1\r\n",
        "Content-Length: 3 ,\t3,3\r\nX: 1\r\n",
    ] {
        check(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n"), expected);
    }
}

#[test]
fn equal_chunked_lines_are_one() {
    for lines in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: Chunked\r\ntransfer-encoding: CHUNKED\r\nTransfer-Encoding: chunked\r\n",
    ] {
        check(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n"), "200 1.1 Chunked keeps | ");
    }
}

#[test]
fn framing_is_dropped_where_no_body_can_be() {
    for (lines, keeps) in [
        ("", "keeps"),
        ("Content-Length: 0\r\n", "keeps"),
        ("Content-Length: 0\r\nContent-Length: 00\r\n", "keeps"),
        ("Content-Length: 3\r\n", "closes"),
        ("Content-Length: 0, 3\r\n", "closes"),
        ("Content-Length: none\r\n", "closes"),
        ("Transfer-Encoding: chunked\r\n", "closes"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "closes"),
    ] {
        check(
            &format!("HTTP/1.1 204 No Content\r\n{lines}X: 1\r\n\r\n"),
            &format!("204 1.1 None {keeps} x=1 | "),
        );
        check(
            &format!("HTTP/1.1 103 Early Hints\r\n{lines}X: 1\r\n\r\n"),
            &format!("103 1.1 None {keeps} x=1 ; partial"),
        );
    }
    check("HTTP/1.1 101 X\r\nContent-Length: 0\r\n\r\n", "101 1.1 None keeps | ");
}

#[test]
fn latin_text_is_allowed() {
    check_with(
        b"HTTP/1.1 200 D\xe9j\xe0 vu\r\nX: caf\xe9\r\nY: \xff\x80\r\n\r\n",
        GET,
        "200 1.1 UntilClose closes x=caf\\xe9 y=\\xff\\x80 | ",
    );
}

#[test]
fn the_reason_phrase_may_be_missing() {
    for line in ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200  ", "HTTP/1.1 200 A\tB: {}"] {
        check(&format!("{line}\r\nContent-Length: 0\r\n\r\n"), "200 1.1 Length(0) keeps content-length=0 | ");
    }
}

#[test]
fn unknown_statuses_up_to_999_pass() {
    for status in [200, 299, 306, 418, 451, 520, 599, 600, 799, 999] {
        check(&format!("HTTP/1.1 {status} X\r\n\r\n"), &format!("{status} 1.1 UntilClose closes | "));
    }
    for status in [100, 102, 110, 199] {
        check(&format!("HTTP/1.1 {status} X\r\n\r\n"), &format!("{status} 1.1 None keeps ; partial"));
    }
}

#[test]
fn empty_lines_before_a_status_line_are_skipped() {
    let expected = "204 1.1 None keeps | ";
    check("\r\nHTTP/1.1 204\r\n\r\n", expected);
    check("\r\n\r\nHTTP/1.1 204\r\n\r\n", expected);
    check("\r\n\r\n", "partial");
    check("HTTP/1.1 100\r\n\r\n\r\n\r\nHTTP/1.1 204\r\n\r\n", &format!("100 1.1 None keeps ; {expected}"));
}

#[test]
fn values_are_trimmed() {
    for value in ["a b", " a b", "a b ", "\t \ta b \t", &format!("{}a b{0}", " ".repeat(9_000))] {
        let head = format!("HTTP/1.1 204\r\nX:{value}\r\nConnection: \t close \t\r\n\r\n");
        let told = arriving(head.as_bytes(), head.len(), GET);
        assert_eq!(told, "204 1.1 None closes x=a b connection=close | ");
    }
    check("HTTP/1.1 200\r\nTransfer-Encoding:\tchunked \r\n\r\n", "200 1.1 Chunked keeps | ");
    check("HTTP/1.1 200\r\nContent-Length:  7\t\r\n\r\n", "200 1.1 Length(7) keeps content-length=7 | ");
}

#[test]
fn a_value_may_be_empty() {
    check("HTTP/1.1 204\r\nX:\r\nY: \r\nZ: \t \r\n\r\n", "204 1.1 None keeps x= y= z= | ");
    check("HTTP/1.1 204\r\nConnection:\r\n\r\n", "204 1.1 None keeps connection= | ");
}

#[test]
fn http_1_0_may_switch_protocols() {
    check(
        "HTTP/1.0 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nframes",
        "101 1.0 None closes upgrade=websocket connection=Upgrade | frames",
    );
    check(
        "HTTP/1.0 100 Continue\r\n\r\nHTTP/1.0 204\r\n\r\n",
        "100 1.0 None closes ; 204 1.0 None closes | ",
    );
}

#[test]
fn names_may_be_any_token() {
    check(
        "HTTP/1.1 204\r\nX_a.B: 1\r\n!#$%&'*+-.^_`|~9: 2\r\n1: 3\r\nETag: 4\r\n\r\n",
        "204 1.1 None keeps x_a.b=1 !#$%&'*+-.^_`|~9=2 1=3 etag=4 | ",
    );
}

#[test]
fn options_of_connection_may_be_anything() {
    check(
        "HTTP/1.1 204\r\nConnection: a b, (q), ,@\r\n\r\n",
        "204 1.1 None keeps connection=a b, (q), ,@ | ",
    );
    check(
        "HTTP/1.1 204\r\nConnection: a b,CLOSE ,@\r\n\r\n",
        "204 1.1 None closes connection=a b,CLOSE ,@ | ",
    );
}

#[test]
fn the_answer_to_a_head_and_a_304_may_announce_a_body() {
    for (lines, told) in
        [("Content-Length: 7\r\n", "content-length=7 "), ("Transfer-Encoding: chunked\r\n", "")]
    {
        check(&format!("HTTP/1.1 304 X\r\n{lines}X: 1\r\n\r\n"), &format!("304 1.1 None keeps {told}x=1 | "));
        check_with(
            format!("HTTP/1.1 200 OK\r\n{lines}X: 1\r\n\r\n").as_bytes(),
            AskedWith { head: true },
            &format!("200 1.1 None keeps {told}x=1 | "),
        );
    }
}

/// The names that the module lists are those of the tests above.
#[test]
fn every_leniency_is_listed() {
    let named = |text: &str, before: &str, after: char| -> Vec<String> {
        let rest = text.lines().filter_map(|line| line.strip_prefix(before));
        rest.filter_map(|rest| rest.split(after).next()).map(str::to_owned).collect()
    };
    let mut tested = named(include_str!("leniencies.rs"), "fn ", '(');
    assert_eq!(tested.pop().as_deref(), Some("every_leniency_is_listed"));
    assert_eq!(named(include_str!("../../answer.rs"), "//! * `", '`'), tested);
}
