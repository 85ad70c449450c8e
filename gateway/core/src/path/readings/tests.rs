#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::guard::target::tests::path;

/// The readings of a path besides the one as written, each as the cause, its separators and its path.
fn check(path: &str, expected: &[&str]) {
    let told: Vec<String> = readings(path.as_bytes())
        .iter()
        .skip(1)
        .map(|Reading { path, separators, cause }| {
            let separators = match (separators.encoded_slash, separators.backslash) {
                (false, false) => "",
                (true, false) => " %2F",
                (false, true) => " \\",
                (true, true) => " %2F\\",
            };
            format!("{cause:?}{separators} {}", std::str::from_utf8(path).unwrap())
        })
        .collect();
    assert_eq!(told, expected, "{path}");
}

#[test]
fn what_may_be_read_in_a_path() {
    for plain in ["/a", "/a/b/", "/a//b", "/a;b", "/%61", "/a%253Fb", "/a@b", "/a:80/b"] {
        check(plain, &[]);
    }
    check("/", &[]);
    check("//", &["Authority /"]);
    check("//x", &["Authority /"]);
    check("//x/admin", &["Authority /admin"]);
    check("//x@y:80/admin/", &["Authority /admin/"]);
    check("///x/admin", &["Authority /x/admin", "Authority /admin"]);
    check("////x/admin", &["Authority //x/admin", "Authority /admin"]);
    check("//;/x/admin", &["Authority /x/admin", "Authority /admin"]);
    check("///;/x/admin", &["Authority /;/x/admin", "Authority /admin", "Authority /x/admin"]);
    check("/;a/x/admin", &["Authority /admin"]);
    check("/%3bx", &["Authority /"]);
    check("/a%3Fb", &["Cut /a"]);
    check("/a%23b%3fc", &["Cut /a%23b", "Cut /a"]);
    check("/a%3Fb%23c", &["Cut /a", "Cut /a%3Fb"]);
    check("//x%3F/a%23b", &["Cut //x", "Authority /", "Cut //x%3F/a", "Authority /a", "Authority /a%23b"]);
    check("/a%2Fb", &["EncodedSlash %2F /a%2Fb"]);
    check("/%2fx%2fb", &["EncodedSlash %2F /%2fx%2fb", "Authority %2F %2fb"]);
    check("/a\\b", &["Backslash \\ /a\\b"]);
    check("/%5Cx\\b", &["Backslash \\ /%5Cx\\b", "Authority \\ \\b"]);
    let both = ["EncodedSlash %2F /a%2Fb%5Cc", "Backslash \\ /a%2Fb%5Cc", "Backslash %2F\\ /a%2Fb%5Cc"];
    check("/a%2Fb%5Cc", &both);
}

#[test]
fn how_a_reading_is_compared() {
    let of = |path: &'static str| readings(path.as_bytes()).into_iter().last().unwrap();
    let last = of("/A%2FB%7C%61");
    assert_eq!(&*last.literal(), b"/A/B|\x01a");
    assert_eq!(last.folded(false), b"a/b|a");
    assert_eq!(last.folded(true), b"A/B|a");
    assert_eq!(last.segment(1).as_deref(), Some(&b"B|a"[..]));
    let last = of("/a\\%5C;x/B;y");
    assert_eq!(&*last.literal(), b"/a//;x/B;y");
    assert_eq!((last.folded(false), last.segment(1)), (b"a/b".to_vec(), Some(b"B;y".to_vec())));
    let written = Reading::written(b"/A//;b/c;D");
    assert_eq!(written.folded(false), b"a/c");
    assert_eq!(written.folded_with_bare_parameters(false).unwrap(), b"a/;b/c");
    assert_eq!(Reading::written(b"/%3bA").folded_with_bare_parameters(true).unwrap(), b";A");
    assert_eq!(Reading::written(b"/A;b/c").folded_with_bare_parameters(true), None);
    // Bytes that are not UTF-8 have no case, and their neighbours keep theirs apart.
    let written = Reading::written(b"/%C3%84%E4B;x/C");
    assert_eq!(written.folded(false), b"\xc3\xa4\xe4b/c");
    assert_eq!(written.folded_without_strays(false).unwrap(), b"\xc3\xa4b/c");
    assert_eq!(written.folded_without_strays(true).unwrap(), b"\xc3\x84B/C");
    assert_eq!(Reading::written(b"/%C3%84").folded_without_strays(false), None);
}

proptest! {
    #[test]
    fn there_are_few_and_each_starts_with_a_separator(path in path()) {
        let all = readings(&path);
        prop_assert!(!all.is_empty() && all.len() <= MAX);
        prop_assert_eq!(all.first().copied(), Some(Reading::written(&path)));
        for reading in all {
            prop_assert!(reading.separators.separator(reading.path).is_some());
        }
    }

    /// The first segment alone is judged as that of the whole folded path.
    #[test]
    fn the_first_segment_is_that_of_the_folded_path(path in path(), other in "[ab]") {
        let first = |folded: &[u8]| folded.split(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
        for reading in readings(&path) {
            let mut firsts = vec![first(&reading.folded(false))];
            firsts.extend(reading.folded_without_strays(false).map(|folded| first(&folded)));
            prop_assert_eq!(reading.begins_with(other.as_bytes()), firsts.contains(&other.clone().into_bytes()));
            // An encoded slash that separates nothing is no part of a name that is asked for.
            for name in firsts.iter().filter(|name| !name.is_empty() && !name.contains(&SLASH)) {
                prop_assert!(reading.begins_with(name));
            }
        }
    }

    /// Merged, a path that starts with two slashes has no authority left, unless parameters hide a slash.
    #[test]
    fn a_merged_path_has_no_authority(path in "[/a-c]{0,12}") {
        let merged = crate::path::merged(format!("/{path}").as_bytes()).into_owned();
        prop_assert!(readings(&merged).iter().all(|reading| reading.cause == Cause::Written || merged == b"/"));
    }
}
