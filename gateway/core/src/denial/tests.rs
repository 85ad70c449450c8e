#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::error::Error as _;
use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use super::*;

fn rate_limited(retry_after: Duration) -> Denial {
    Denial::RateLimited(LimitExceeded { limit: Arc::from("app.ip-1"), retry_after })
}

fn destination(denial: Denial) -> Denial {
    Denial::Destination(Box::new(DestinationDenial { denial, route: None }))
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
        (Denial::AmbiguousPath(PathFault::DotSegment), "400 ambiguous_path close", Guard::Target),
        (Denial::AmbiguousHost("a colon"), "400 ambiguous_path close", Guard::Target),
        (Denial::UnknownHost, "421 unknown_host", Guard::Target),
        (Denial::Misdirected, "421 misdirected", Guard::ServerName),
        (Denial::HttpsRequired, "403 https_required close", Guard::Https),
        (Denial::ClientCertificate, "421 client_certificate close", Guard::ClientCertificate),
        (Denial::NotFound, "404 not_found", Guard::Route),
        (Denial::MethodNotAllowed { allow }, "405 method_not_allowed", Guard::Route),
        (Denial::MethodNeverAllowed, "405 method_not_allowed close", Guard::Route),
        (Denial::LinkInvalid, "403 link_invalid", Guard::Own),
        (Denial::MediaType, "415 media_type", Guard::Own),
        (Denial::AddressRefused, "403 address_refused", Guard::Access),
        (Denial::UnexpectedBody, "400 unexpected_body close", Guard::Size),
        (Denial::AmbiguousCredentials, "400 ambiguous_credentials close", Guard::Identity),
        (Denial::TokenMissing, "401 token_missing", Guard::Identity),
        (Denial::ClientSubject(SubjectFault::Ambiguous), "403 client_subject", Guard::Identity),
        (Denial::TokenInvalid(TokenFault::Signature), "401 token_invalid", Guard::Identity),
        (Denial::TokenExpired, "401 token_expired", Guard::Identity),
        (Denial::TokenRevoked, "401 token_revoked", Guard::Identity),
        (Denial::IdentityUnavailable, "503 identity_unavailable", Guard::Identity),
        (Denial::RoleMissing, "403 forbidden", Guard::Permission),
        (Denial::ScopeMissing, "403 forbidden", Guard::Permission),
        (Denial::NotOwner, "403 not_owner", Guard::Permission),
        (Denial::MfaRequired("gold".into()), "403 mfa_required", Guard::Permission),
        (Denial::SignatureMissing, "403 signature_missing", Guard::Signature),
        (Denial::SignatureInvalid, "403 signature_invalid", Guard::Signature),
        (Denial::SignatureExpired, "403 signature_expired", Guard::Signature),
        (Denial::SignatureReplayed, "403 signature_replayed", Guard::Signature),
        (Denial::SignaturesFull, "503 signatures_full", Guard::Signature),
        (destination(Denial::NotOwner), "403 forbidden", Guard::Permission),
        (destination(Denial::MfaRequired(Arc::default())), "403 mfa_required", Guard::Permission),
        (destination(Denial::NotFound), "403 forbidden", Guard::Permission),
        (destination(Denial::TokenExpired), "401 token_expired", Guard::Permission),
        (Denial::CrossOrigin, "403 cross_origin", Guard::Origin),
        (Denial::UpgradeRefused, "403 upgrade_refused", Guard::Upgrade),
        (Denial::BodyTooLarge { max: 1 << 20 }, "413 body_too_large close", Guard::Size),
        (rate_limited(Duration::from_secs(3)), "429 rate_limited", Guard::AppLimit),
        (Denial::Overloaded, "503 overloaded close", Guard::Connection),
        (Denial::AppBusy, "503 overloaded", Guard::Upstream),
        (Denial::TooManyStreams, "429 too_many_streams", Guard::Streams),
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
fn every_row_of_the_table_is_tried() {
    let table = table();
    let tried = |kind: &Denial| table.iter().any(|(denial, ..)| discriminant(denial) == discriminant(kind));
    for example in Denial::examples() {
        assert!(tried(&example), "{example:?}");
    }
    let codes: Vec<&str> = Denial::examples().iter().map(Denial::code).collect();
    assert_eq!(codes, Denial::CODES);
}

#[test]
fn an_answer_carries_what_its_status_asks_for() {
    for (denial, ..) in table() {
        let status = denial.status();
        // RFC 9110 §15.5.2 and §15.5.6
        assert_eq!(denial.allow().is_some(), status == StatusCode::METHOD_NOT_ALLOWED, "{denial:?}");
        if status == StatusCode::UNAUTHORIZED {
            assert!(denial.challenge().is_some(), "{denial:?}");
        }
        let failed = matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(denial.upstream_fault().is_some(), failed, "{denial:?}");
    }
    let scope = Denial::ScopeMissing;
    assert_eq!(scope.challenge(), Some(Challenge::InsufficientScope));
    assert_eq!(destination(scope).challenge(), Some(Challenge::InsufficientScope));
    assert_eq!(destination(Denial::TokenMissing).challenge(), Some(Challenge::NoError));
    assert_eq!(Denial::RoleMissing.challenge(), None);
    let factor = Denial::MfaRequired("gold".into());
    assert_eq!(factor.challenge(), Some(Challenge::InsufficientUserAuthentication));
    assert_eq!(destination(factor.clone()).challenge(), factor.challenge());
    assert_eq!((factor.acr_values(), destination(factor.clone()).acr_values()), ("gold", "gold"));
    assert_eq!(destination(Denial::ScopeMissing).acr_values(), "");
}

#[test]
fn as_an_error_it_says_what_the_operator_reads() {
    for (denial, ..) in table() {
        assert_eq!(denial.to_string(), denial.reason());
    }
    let denial = destination(Denial::RoleMissing);
    assert_eq!(denial.to_string(), "a request for the path in `Destination` would be refused: `forbidden`");
    assert_eq!(denial.source().unwrap().to_string(), "caller has none of the route's `roles`");
    assert!(Denial::RoleMissing.source().is_none());
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
        assert_eq!(rate_limited(Duration::from_millis(millis)).retry_after(), Some(expected), "{millis} ms");
    };
    check(0, 1);
    check(1, 1);
    check(1000, 1);
    check(1001, 2);
    check(59_999, 60);
    assert_eq!(rate_limited(Duration::MAX).retry_after(), Some(u64::MAX));
}

#[test]
fn public_text_tells_nothing_of_the_inside() {
    for (denial, ..) in table() {
        let detail = denial.detail();
        assert!(detail.starts_with(|c: char| c.is_ascii_uppercase()), "{detail}");
        assert!(!detail.ends_with('.') && !detail.contains('`'), "{detail}");
        for inside in ["app.ip-1", "no gate", "roles", "upstream"] {
            assert!(!detail.contains(inside), "{detail}");
        }
        // What is wrong with a token is not told; that a request has to be signed is.
        assert!(denial.guard() == Guard::Signature || !detail.contains("ignature"), "{detail}");
    }
    assert_eq!(Denial::TokenMissing.detail(), "Not authenticated");
    assert_eq!(rate_limited(Duration::from_secs(1)).detail(), "Too many requests; try again in 1 second");
    assert_eq!(rate_limited(Duration::from_secs(90)).detail(), "Too many requests; try again in 90 seconds");
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
    check(rate_limited(Duration::ZERO), "`app.ip-1`");
    for fault in UpstreamFault::ALL {
        let reason = Denial::UpstreamUnreachable(fault).reason();
        assert!(reason.starts_with(|c: char| c.is_ascii_lowercase()) && !reason.ends_with('.'), "{reason}");
        assert!(fault.advice("http://app:1").contains("`http://app:1`"), "{fault:?}");
    }
    check(Denial::Internal("no gate"), "no gate");
    for fault in PathFault::ALL {
        check(Denial::AmbiguousPath(fault), fault.text());
        // A text that names a key to set names the one that refused.
        let keys = fault.keys();
        assert!(
            !fault.text().contains(" = ") || keys.iter().all(|key| fault.text().contains(key)),
            "{fault:?}"
        );
    }
    for fault in TokenFault::ALL {
        check(Denial::TokenInvalid(fault), fault.reason());
    }
    for (denial, ..) in table() {
        let reason = denial.reason();
        assert!(reason.starts_with(|c: char| c.is_ascii_lowercase()) && !reason.ends_with('.'), "{reason}");
    }
}
