#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;

#[test]
fn the_declared_length_is_judged_before_any_byte() {
    let check = |max: u64, framing: RequestBody, expected: bool| {
        let got = BodyPolicy { max, on_get: true }.admit("GET", framing).map(|_| ());
        let want = if expected { Ok(()) } else { Err(Denial::BodyTooLarge { max }) };
        assert_eq!(got, want, "{framing:?} under {max}");
    };
    check(10, RequestBody::None, true);
    check(10, RequestBody::Known(10), true);
    check(10, RequestBody::Known(11), false);
    check(10, RequestBody::Known(u64::MAX), false);
    check(10, RequestBody::Unknown, true);
    check(0, RequestBody::None, true);
    check(0, RequestBody::Known(0), true);
    check(0, RequestBody::Known(1), false);
    check(u64::MAX, RequestBody::Known(u64::MAX), true);
}

#[test]
fn the_gate_shuts_on_the_chunk_that_passes_the_cap_and_stays_shut() {
    let mut gate = capped(10).admit("POST", RequestBody::Unknown).unwrap().gate(SignatureChecked::NOT_ASKED);
    assert_eq!(gate.pass(4), Ok(()));
    assert_eq!(gate.pass(6), Ok(()));
    assert_eq!(gate.pass(0), Ok(()));
    assert_eq!(gate.seen(), 10);
    for chunk in [1, 0, 5, usize::MAX, 1] {
        assert_eq!(gate.pass(chunk), Err(Denial::BodyTooLarge { max: 10 }), "{chunk}");
    }
}

#[test]
fn a_cap_of_zero_lets_nothing_but_emptiness_pass() {
    let mut gate = capped(0).admit("POST", RequestBody::Unknown).unwrap().gate(SignatureChecked::NOT_ASKED);
    assert_eq!(gate.pass(0), Ok(()));
    assert_eq!(gate.pass(1), Err(Denial::BodyTooLarge { max: 0 }));
    assert_eq!(gate.pass(0), Err(Denial::BodyTooLarge { max: 0 }));
}

#[test]
fn no_cap_is_no_cap_however_much_comes() {
    let mut gate =
        BodyPolicy::UNLIMITED.admit("POST", RequestBody::Unknown).unwrap().gate(SignatureChecked::NOT_ASKED);
    for _ in 0..3 {
        assert_eq!(gate.pass(usize::MAX), Ok(()));
    }
    assert_eq!(gate.seen(), u64::MAX);
}

#[test]
fn the_gate_does_not_believe_the_declared_length() {
    let mut gate = capped(10).admit("POST", RequestBody::Known(3)).unwrap().gate(SignatureChecked::NOT_ASKED);
    assert_eq!(gate.pass(11), Err(Denial::BodyTooLarge { max: 10 }));
}

fn capped(max: u64) -> BodyPolicy {
    BodyPolicy { max, on_get: true }
}

#[test]
fn get_and_head_have_no_body_where_the_app_would_not_read_it() {
    let policy = BodyPolicy { max: 10, on_get: false };
    let check = |method: &str, framing, want: Result<(), Denial>| {
        assert_eq!(policy.admit(method, framing).map(|_| ()), want, "{method} {framing:?}");
    };
    for method in ["GET", "HEAD"] {
        check(method, RequestBody::Known(1), Err(Denial::UnexpectedBody));
        check(method, RequestBody::Known(11), Err(Denial::UnexpectedBody));
        check(method, RequestBody::Unknown, Err(Denial::UnexpectedBody));
        check(method, RequestBody::None, Ok(()));
        check(method, RequestBody::Known(0), Ok(()));
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
        check(method, RequestBody::Known(1), Ok(()));
        check(method, RequestBody::Unknown, Ok(()));
    }
}
