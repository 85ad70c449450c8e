#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn exhausted(retry_after: Duration) -> Denial {
    Denial::RateLimited(Exhausted { limit: Arc::from("app.ip-1"), retry_after })
}

fn second(denial: Denial) -> Denial {
    Denial::Destination(Box::new(Second { denial, route: None }))
}

/// Every refusal with `STATUS code`, `close` where the connection ends, and the guard it is first met at.
fn table() -> Vec<(Denial, &'static str, Guard)> {
    let allow = Arc::from("GET, HEAD");
    vec![
        (Denial::BadRequest("two Host fields"), "400 bad_request close", Guard::Framing),
        (Denial::HeadTimeout, "408 head_timeout close", Guard::Framing),
        (Denial::UriTooLong, "414 uri_too_long close", Guard::Framing),
        (Denial::HeadersTooLarge, "431 headers_too_large close", Guard::Framing),
        (Denial::BodyTimeout, "408 body_timeout close", Guard::Body),
        (Denial::AmbiguousPath("a dot segment"), "400 ambiguous_path close", Guard::Target),
        (Denial::UnknownHost, "421 unknown_host", Guard::Target),
        (Denial::NotFound, "404 not_found", Guard::Route),
        (Denial::MethodNotAllowed { allow }, "405 method_not_allowed", Guard::Route),
        (Denial::MethodNotAllowed { allow: Arc::from("") }, "405 method_not_allowed close", Guard::Route),
        (Denial::LinkInvalid, "403 link_invalid", Guard::Own),
        (Denial::MediaType, "415 media_type", Guard::Own),
        (Denial::AddressRefused, "403 address_refused", Guard::Access),
        (Denial::UnexpectedBody, "400 unexpected_body close", Guard::Size),
        (Denial::AmbiguousCredentials, "400 ambiguous_credentials close", Guard::Identity),
        (Denial::TokenMissing, "401 token_missing", Guard::Identity),
        (Denial::TokenInvalid(TokenFault::Signature), "401 token_invalid", Guard::Identity),
        (Denial::TokenExpired, "401 token_expired", Guard::Identity),
        (Denial::IdentityUnavailable, "503 identity_unavailable", Guard::Identity),
        (Denial::RoleMissing, "403 forbidden", Guard::Permission),
        (Denial::ScopeMissing, "403 forbidden", Guard::Permission),
        (Denial::NotOwner, "403 not_owner", Guard::Permission),
        (second(Denial::NotOwner), "403 forbidden", Guard::Permission),
        (second(Denial::NotFound), "403 forbidden", Guard::Permission),
        (second(Denial::TokenExpired), "401 token_expired", Guard::Permission),
        (Denial::CrossOrigin, "403 cross_origin", Guard::Origin),
        (Denial::UpgradeRefused, "403 upgrade_refused", Guard::Upgrade),
        (Denial::BodyTooLarge { max: 1 << 20 }, "413 body_too_large close", Guard::Size),
        (exhausted(Duration::from_secs(3)), "429 rate_limited", Guard::AppLimit),
        (Denial::Overloaded, "503 overloaded close", Guard::Connection),
        (Denial::Draining, "503 draining close", Guard::Connection),
        (
            Denial::UpstreamUnreachable(UpstreamFault::Refused),
            "502 upstream_unreachable close",
            Guard::Upstream,
        ),
        (Denial::UpstreamTimeout, "504 upstream_timeout close", Guard::Upstream),
        (Denial::Internal("no gate"), "500 internal close", Guard::Upstream),
    ]
}

#[test]
fn every_refusal_has_its_code_status_and_guard() {
    for (denial, expected, guard) in table() {
        let close = if denial.closes() { " close" } else { "" };
        let seen = format!("{} {}{close}", denial.status().as_u16(), denial.code());
        assert_eq!(seen, expected, "{denial:?}");
        assert_eq!(denial.guard(), guard, "{denial:?}");
    }
}

#[test]
fn retry_after_stands_on_429_and_503_alone() {
    for (denial, ..) in table() {
        let due = matches!(denial.status().as_u16(), 429 | 503);
        assert_eq!(denial.retry_after().is_some_and(|s| s >= 1), due, "{denial:?}");
    }
}

#[test]
fn retry_seconds_are_rounded_up() {
    let check = |millis, expected| {
        assert_eq!(exhausted(Duration::from_millis(millis)).retry_after(), Some(expected), "{millis} ms");
    };
    check(0, 1);
    check(1, 1);
    check(1000, 1);
    check(1001, 2);
    check(59_999, 60);
    assert_eq!(exhausted(Duration::MAX).retry_after(), Some(u64::MAX));
}

#[test]
fn public_text_tells_nothing_of_the_inside() {
    for (denial, ..) in table() {
        let detail = denial.detail();
        assert!(detail.starts_with(|c: char| c.is_ascii_uppercase()), "{detail}");
        assert!(!detail.ends_with('.') && !detail.contains('`'), "{detail}");
        for inside in ["app.ip-1", "no gate", "ignature", "roles", "upstream"] {
            assert!(!detail.contains(inside), "{detail}");
        }
    }
    assert_eq!(Denial::TokenMissing.detail(), "Not authenticated");
    assert_eq!(exhausted(Duration::from_secs(1)).detail(), "Too many requests; try again in 1 second");
    assert_eq!(exhausted(Duration::from_secs(90)).detail(), "Too many requests; try again in 90 seconds");
}

#[test]
fn reasons_name_the_key_to_change() {
    let check = |denial: Denial, part: &str| {
        let reason = denial.reason();
        assert!(reason.contains(part), "{reason}");
    };
    check(Denial::BodyTooLarge { max: 16 << 10 }, "`body.max` of the route or the app, `16KiB`");
    check(Denial::BodyTooLarge { max: 1000 }, "`1000 bytes`");
    check(Denial::UnexpectedBody, "`body.get = \"deny\"`");
    check(Denial::UriTooLong, "`server.limits.uri_bytes`");
    check(Denial::HeadersTooLarge, "`server.limits.header_bytes`");
    check(Denial::HeadTimeout, "`server.timeouts.header`");
    check(Denial::UnknownHost, "`hosts`");
    check(Denial::TokenInvalid(TokenFault::Audience), "`audience`");
    check(Denial::TokenInvalid(TokenFault::Names), "more than 1024 roles");
    check(Denial::TokenInvalid(TokenFault::Controls), "a control character");
    check(exhausted(Duration::ZERO), "`app.ip-1`");
    for fault in UpstreamFault::ALL {
        let reason = Denial::UpstreamUnreachable(fault).reason();
        assert!(reason.starts_with(|c: char| c.is_ascii_lowercase()) && !reason.ends_with('.'), "{reason}");
        assert!(fault.advice("URL").contains("`URL`"), "{fault:?}");
    }
    check(Denial::Internal("no gate"), "no gate");
    for (denial, ..) in table() {
        let reason = denial.reason();
        assert!(reason.starts_with(|c: char| c.is_ascii_lowercase()) && !reason.ends_with('.'), "{reason}");
    }
}
