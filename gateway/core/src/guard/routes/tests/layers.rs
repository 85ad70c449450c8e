//! The app's own routes over those of its profile.

use proptest::prelude::*;

use super::{ask, build};
use crate::guard::routes::{Clash, Unlisted};
use crate::guard::target::PathPolicy;
use crate::guard::target::tests::path;

#[test]
fn the_apps_own_routes_are_asked_first() {
    let paths = PathPolicy::default();
    let routes = build(
        &[
            "GET /ping",
            "* /covers/{*rest}",
            "POST /both | GET /other",
            "GET /{any}/wide",
            "GET /Cased",
            "~* /ping",
            "~GET /covers/{id}/poster.jpg",
            "~GET /both | GET /health | HEAD /other",
            "~GET /narrow/{any}",
            "~GET /cased",
        ],
        Unlisted::Deny,
        paths,
    )
    .unwrap();
    for (method, target, expected) in [
        // The same pattern, and the methods that only the profile names.
        ("GET", "/ping", "GET /ping"),
        ("HEAD", "/ping", "GET /ping"),
        ("POST", "/ping", "* /ping"),
        // A wider pattern of the app takes what a narrower one of the profile would have had.
        ("GET", "/covers/1/poster.jpg", "* /covers/{*rest}"),
        ("GET", "/covers/1/other.jpg", "* /covers/{*rest}"),
        // Of a list, what is not taken stays.
        ("POST", "/both", "POST /both | GET /other"),
        ("GET", "/both", "GET /both | GET /health | HEAD /other"),
        ("GET", "/health", "GET /both | GET /health | HEAD /other"),
        ("HEAD", "/other", "POST /both | GET /other"),
        // Where both may meet, the app's does, whichever is more exact.
        ("GET", "/narrow/wide", "GET /{any}/wide"),
        ("GET", "/narrow/other", "GET /narrow/{any}"),
        // Another spelling of the app's own path is not the profile's to answer.
        ("GET", "/Cased", "GET /Cased"),
        ("GET", "/cased", "400"),
        ("GET", "/nowhere", "404"),
        ("PUT", "/both", "405 GET, HEAD, POST"),
    ] {
        assert_eq!(ask(&routes, paths, method, target.as_bytes()), expected, "{method} {target}");
    }
}

#[test]
fn a_profile_by_itself_clashes_like_anybody() {
    let clashes = |lines: &[&str]| build(lines, Unlisted::Deny, PathPolicy::default()).map(drop);
    assert_eq!(clashes(&["~GET /a", "~GET /a"]), Err(vec![Clash::Tie { first: 0, second: 1 }]));
    assert!(matches!(
        clashes(&["~GET /a", "~GET /A"]).unwrap_err().first(),
        Some(Clash::NeverMet { pattern: 0 | 1, .. })
    ));
    // Of the app's own routes none can be in the way of itself because of a profile.
    assert_eq!(clashes(&["GET /a", "~GET /a", "~GET /A"]), Ok(()));
    assert_eq!(clashes(&["GET /a", "GET /a", "~GET /a"]), Err(vec![Clash::Tie { first: 0, second: 1 }]));
}

const PATTERNS: &[&str] = &[
    "GET /",
    "* /a",
    "GET /a/{x}",
    "GET /a/b",
    "* /a/{*rest}",
    "GET /{x}/b",
    "* /{*rest}",
    "POST /a/b",
    "GET /A/b",
    "HEAD /a/b",
];

proptest! {
    /// Whatever the profile lists: what the app's own table decides by itself, it still decides.
    #[test]
    fn a_profile_never_answers_for_the_app(
        own in prop::sample::subsequence(PATTERNS, 0..4),
        profile in prop::sample::subsequence(PATTERNS, 0..6),
        method in prop::sample::select(vec!["GET", "HEAD", "POST"]),
        raw in prop_oneof![path(), prop::sample::select(vec!["/", "/a", "/a/b", "/a/c", "/c/b", "/A/b", "/a//b"])
            .prop_map(|text| text.as_bytes().to_vec())],
    ) {
        let paths = PathPolicy::default();
        let lines: Vec<String> = profile.iter().map(|line| format!("~{line}")).collect();
        let both: Vec<&str> = own.iter().copied().chain(lines.iter().map(String::as_str)).collect();
        let (Ok(alone), Ok(both)) = (build(&own, Unlisted::Deny, paths), build(&both, Unlisted::Deny, paths)) else {
            return Ok(());
        };
        let before = ask(&alone, paths, method, &raw);
        let after = ask(&both, paths, method, &raw);
        if !before.starts_with("40") {
            prop_assert_eq!(&after, &before);
        }
        // A path that is ambiguous in the app's own table is not opened by a profile either.
        if before == "400" {
            prop_assert_eq!(after, "400");
        }
    }
}
