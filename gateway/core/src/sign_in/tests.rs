#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use super::*;

#[test]
fn the_code_of_a_form() {
    fn check(form: &str, expected: &str) {
        assert_eq!(EnterForm::read(form.as_bytes()).code.expose(), expected.as_bytes(), "{form}");
    }
    check("code=abc_-1", "abc_-1");
    check("a=b&code=abc&c=", "abc");
    check("code=%61bc", "abc");
    check("code=+abc%20%0D%0A", "abc");
    check("code=http%3A%2F%2Fm.example%2F.stagedoor%2Fenter%23abc", "abc");
    check("code=", "");
    check("", "");
    check("Code=abc", "");
    check("xcode=abc", "");
    check("code=abc&code=abc", "");
    check("code", "");
}

#[test]
fn what_a_form_asks_for() {
    fn check(form: &str, step: FormAction, to: &str) {
        let read = EnterForm::read(form.as_bytes());
        assert_eq!((read.step, &*read.to), (step, to.as_bytes()), "{form}");
    }
    check("code=x", FormAction::Redeem, "");
    check("code=x&to=%2Ffilms%3Fpage%3D2", FormAction::Redeem, "/films?page=2");
    check("code=x&to=/a&to=/a", FormAction::Redeem, "");
    check("code=x&auto=", FormAction::Redeem, "");
    check("code=x&auto=1", FormAction::RedeemIfSignedOut, "");
    check("code=x&look=go", FormAction::ShowThenRedeem, "");
    // Whatever else asks to look uses nothing up, nor goes on by itself.
    check("code=x&look=ask", FormAction::Show, "");
    check("code=x&look=", FormAction::Show, "");
    check("code=x&look=1&auto=1", FormAction::Show, "");
    check("code=x&look=go&look=go", FormAction::Show, "");
}

#[test]
fn a_cookie_is_out_of_reach_and_ends_with_its_token() {
    fn check(token: &str, life: u64, https: bool, expected: Option<&str>) {
        let cookie = set_cookie("door", token.as_bytes(), Duration::from_secs(life), https);
        assert_eq!(cookie.as_ref().map(|value| value.to_str().unwrap()), expected, "{token}");
        assert!(cookie.is_none_or(|value| value.is_sensitive()));
    }
    check("a.b-c_", 60, false, Some("door=a.b-c_; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"));
    check("a.b", 60, true, Some("door=a.b; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure"));
    check("a.b", 0, true, None);
    for bad in ["a;b", "a b", "a,b", "a\"b", "a\\b", "a\r\nb", "\u{e9}"] {
        check(bad, 60, true, None);
    }
    let gone = clear_cookie("door", true).unwrap();
    assert_eq!(gone, "door=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure");
    assert_eq!(clear_cookie("door", false).unwrap(), "door=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
}

#[test]
fn names_that_need_https() {
    for (name, expected) in [
        ("__Host-door", true),
        ("__secure-door", true),
        ("__Hostdoor", false),
        ("door", false),
        ("", false),
        ("__H\u{f6}st-", false),
    ] {
        assert_eq!(cookie_needs_https(name), expected, "{name}");
    }
}
