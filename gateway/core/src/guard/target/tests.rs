#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::{HostFault, HostTable, PathPolicy, Slashes, Target};
use crate::denial::Denial;
use crate::path;
use crate::path::readings::{Cause, fold, readings};

/// Hands the target of a request for `raw` to `look`.
fn normalised<T>(raw: &[u8], look: impl FnOnce(&Target<'_>) -> T) -> Result<T, Denial> {
    let hosts = HostTable::build(&[("a".into(), 0)]).unwrap();
    PathPolicy::default().read(raw.into(), hosts.find("a").unwrap()).map(|target| look(&target))
}

#[test]
fn a_target_is_rewritten_where_empty_segments_were_merged() {
    let rewritten = |raw: &[u8], slashes| {
        let hosts = HostTable::build(&[("a".into(), 0)]).unwrap();
        let policy = PathPolicy { slashes, ..PathPolicy::default() };
        let target = policy.read(raw.into(), hosts.find("a").unwrap()).unwrap();
        target.is_rewritten().then(|| target.raw().to_vec())
    };
    assert_eq!(rewritten(b"/a/b?c", Slashes::Merge), None);
    assert_eq!(rewritten(b"/a/b?c", Slashes::Keep), None);
    assert_eq!(rewritten(b"/a//b?c", Slashes::Merge), Some(b"/a/b?c".to_vec()));
}

#[test]
fn hosts_that_mean_another_app_are_told_with_both() {
    let build = |names: &[(&str, usize)]| {
        let names: Vec<_> = names.iter().map(|(name, app)| ((*name).to_owned(), *app)).collect();
        HostTable::build(&names).unwrap()
    };
    let old = build(&[("127.0.0.1", 0), ("127.0.0.2", 1), ("a.example", 0), ("*.example", 1)]);
    let new = build(&[("127.0.0.1", 1), ("127.0.0.2", 1), ("::1", 0), ("b.example", 0), ("*.example", 1)]);
    let told = old.differing(&new);
    let told: Vec<_> = told.iter().map(|(host, old, new)| (host.as_str(), *old, *new)).collect();
    assert_eq!(
        told,
        [
            ("*.example", Some(1), Some(1)),
            ("127.0.0.1", Some(0), Some(1)),
            ("127.0.0.2", Some(1), Some(1)),
            ("::1", None, Some(0)),
            ("a.example", Some(0), Some(1)),
            ("b.example", Some(1), Some(0)),
        ]
    );
}

#[test]
fn hosts() {
    let table = HostTable::build(&[
        ("a.example".into(), 0),
        ("*.example".into(), 1),
        ("*.b.example".into(), 2),
        ("Under_Score.Local".into(), 3),
        ("127.0.0.1".into(), 4),
        ("::1".into(), 5),
        ("[fe80::1]".into(), 6),
        ("localhost".into(), 7),
        ("xn--mnchen-3ya.de".into(), 8),
    ])
    .unwrap();
    let unknown = || Err("unknown");
    let ambiguous = || Err("ambiguous");
    let long = format!("{}.example", "l".repeat(64));
    let huge = format!("{}example", "l.".repeat(125));
    let rows: &[(&str, Result<usize, &str>)] = &[
        ("a.example", Ok(0)),
        ("A.EXAMPLE", Ok(0)),
        ("a.example:80", Ok(0)),
        ("a.example:65535", Ok(0)),
        ("c.example", Ok(1)),
        ("c.d.example", Ok(1)),
        ("example", unknown()),
        ("x.a.example", Ok(1)),
        ("b.example", Ok(1)),
        ("c.B.Example:1", Ok(2)),
        ("c.d.b.example", Ok(2)),
        ("xb.example", Ok(1)),
        ("aexample", unknown()),
        ("under_score.local", Ok(3)),
        ("127.0.0.1:8080", Ok(4)),
        ("127.0.0.2", unknown()),
        ("[::1]", Ok(5)),
        ("[0:0:0:0:0:0:0:1]:80", Ok(5)),
        ("[FE80::1]", Ok(6)),
        ("[::2]", unknown()),
        ("[::ffff:127.0.0.1]", unknown()),
        ("localhost", Ok(7)),
        ("XN--Mnchen-3ya.de", Ok(8)),
        ("", ambiguous()),
        (":80", ambiguous()),
        ("a.example:", ambiguous()),
        ("a.example:0", ambiguous()),
        ("a.example:65536", ambiguous()),
        ("a.example:+80", ambiguous()),
        ("a.example:80x", ambiguous()),
        ("a.example:80:80", ambiguous()),
        ("a.example.", Ok(0)),
        ("A.Example.:80", Ok(0)),
        ("c.d.example.", Ok(1)),
        ("localhost.:8080", Ok(7)),
        ("a.example..", ambiguous()),
        ("a.example.:", ambiguous()),
        ("[::1].", ambiguous()),
        (".a.example", ambiguous()),
        ("a..example", ambiguous()),
        (".", ambiguous()),
        ("user@a.example", ambiguous()),
        ("user:pass@a.example", ambiguous()),
        ("a.example/x", ambiguous()),
        ("a.example,b", ambiguous()),
        ("a%2eexample", ambiguous()),
        ("*.example", ambiguous()),
        ("m\u{fc}nchen.de", ambiguous()),
        ("\u{212a}.example", ambiguous()),
        ("a.example\0", ambiguous()),
        ("::1", ambiguous()),
        ("[::1", ambiguous()),
        ("::1]", ambiguous()),
        ("[::1]x", ambiguous()),
        ("[::1]:", ambiguous()),
        ("[::1]]:80", ambiguous()),
        ("[a.example]", ambiguous()),
        ("[fe80::1%25eth0]", ambiguous()),
        ("[127.0.0.1]", ambiguous()),
        ("127.1", ambiguous()),
        ("127.0.0.01", ambiguous()),
        ("0x7f000001", ambiguous()),
        ("2130706433", ambiguous()),
        ("127.0.0.1.", ambiguous()),
        (&long, ambiguous()),
        (&huge, ambiguous()),
    ];
    for (host, expected) in rows {
        let found = match table.find(host) {
            Ok(found) => {
                assert_eq!(found.name(), host.replace(".:", ":").trim_end_matches('.'));
                Ok(found.app())
            }
            Err(Denial::UnknownHost) => Err("unknown"),
            Err(Denial::AmbiguousHost(_)) => Err("ambiguous"),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(found, *expected, "{host}");
    }
}

#[test]
fn configured_hosts() {
    let entries = [
        "a.example",
        "A.Example",
        "b.example:80",
        "*",
        "[::1]",
        "::1",
        "m\u{fc}.de",
        "*.10.0.0.1",
        "*.c",
        "*.C",
        "a b",
    ];
    let entries: Vec<_> = entries.iter().map(|host| ((*host).to_owned(), 0)).collect();
    let faults = HostTable::build(&entries).unwrap_err();
    let told: Vec<_> = faults
        .iter()
        .map(|(at, fault)| match fault {
            HostFault::Malformed(_) => (*at, None),
            HostFault::Taken(other) => (*at, Some(*other)),
        })
        .collect();
    let expected =
        [(1, Some(0)), (2, None), (3, None), (5, Some(4)), (6, None), (7, None), (9, Some(8)), (10, None)];
    assert_eq!(told, expected);
}

#[test]
fn paths() {
    const PERCENT: &str = "a `%` without two hexadecimal digits";
    const CONTROL: &str = "a control byte in the path";
    const BACKSLASH: &str = "a backslash in the path: `backslash = \"name\"` lets it stand in a name";
    const OVERLONG: &str = "a character in overlong form in the path";
    const DOTS: &str = "a dot segment in the path";
    let rows: &[(&[u8], &str)] = &[
        (b"/", ""),
        (b"//", ""),
        (b"/a/b", ""),
        (b"/a/b/", ""),
        (b"/a|b%7Cc", ""),
        (b"/%23/%26/%3F", ""),
        (b"/gr\xc3\xb6\xc3\x9fe", ""),
        (b"/gr%C3%B6%c3%9fe", ""),
        (b"/gr\xc3%b6", ""),
        (b"/a?%zz=/../\\", ""),
        (b"/...", ""),
        (b"/..a", ""),
        (b"/a..", ""),
        (b"/.a/b.", ""),
        (b"/a;..", ""),
        (b"/%61dmin", ""),
        (b"/a%2Fb", ""),
        (b"/a%252Fb", ""),
        (b"/100%25", ""),
        (b"/100%25zz", ""),
        (b"/%25u", ""),
        (b"", "the path does not start with a slash"),
        (b"a", "the path does not start with a slash"),
        (b"*", "the path does not start with a slash"),
        (b"?a", "the path does not start with a slash"),
        (b"/%", PERCENT),
        (b"/%4", PERCENT),
        (b"/%4/1", PERCENT),
        (b"/%zz", PERCENT),
        (b"/%%41", PERCENT),
        (b"/%u002e", PERCENT),
        (b"/%+1", PERCENT),
        (b"/%4?1", PERCENT),
        (b"/%00", CONTROL),
        (b"/\0", CONTROL),
        (b"/%0a", CONTROL),
        (b"/%0D%0A", CONTROL),
        (b"/%1f", CONTROL),
        (b"/%7F", CONTROL),
        (b"/a\\b", BACKSLASH),
        (b"/a%5Cb", BACKSLASH),
        (b"/..\\x", BACKSLASH),
        (b"/\xff", ""),
        (b"/%ff", ""),
        (b"/%C3", ""),
        (b"/%ed%a0%80", ""),
        (b"/%c0%ae%c0%ae/x", OVERLONG),
        (b"/%25c0%25ae", OVERLONG),
        (b"/.", DOTS),
        (b"/..", DOTS),
        (b"/./a", DOTS),
        (b"/a/./b", DOTS),
        (b"/a/..", DOTS),
        (b"/a/../b", DOTS),
        (b"/a/..?q", DOTS),
        (b"/a/%2e/b", DOTS),
        (b"/a/%2e%2e/b", DOTS),
        (b"/a/%2E%2e/b", DOTS),
        (b"/a/.%2e/b", DOTS),
        (b"/a/%2e./b", DOTS),
        (b"/a/..;x/b", DOTS),
        (b"/a/.;/b", DOTS),
        (b"/a/.%2e;x/b", DOTS),
        (b"/a/..%3bx/b", DOTS),
        (b"/a/..%253bx/b", DOTS),
        (b"/a/%252e%252e/b", DOTS),
        (b"/a/.%252e/b", DOTS),
        (b"/a/%252e%252e%253bx/b", DOTS),
        (b"/a/%25u002e%25u002e/b", DOTS),
        (b"/a/.%25u002E/b", DOTS),
        (b"/a%2F..%2Fb", DOTS),
        (b"/..%2fb", DOTS),
        (b"/a/%252e%252e%252fb", DOTS),
        (b"/a/..%255cb", DOTS),
    ];
    for (raw, expected) in rows {
        let told = match normalised(raw, |target| assert_eq!(target.raw(), *raw)) {
            Ok(()) => "",
            Err(Denial::AmbiguousPath(fault)) => fault.text(),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(told, *expected, "{}", raw.escape_ascii());
    }
}

#[test]
fn what_a_target_tells() {
    normalised(b"/p/a%2fb?q=1?2", |target| {
        assert_eq!(target.raw_path(), b"/p/a%2fb");
        assert_eq!(target.raw_query(), Some(&b"q=1?2"[..]));
        assert_eq!(target.host(), "a");
        assert!(target.judged().encoded_slash);
    })
    .unwrap();
    normalised(b"/p", |target| {
        assert_eq!(target.raw_query(), None);
        assert!(!target.judged().encoded_slash);
    })
    .unwrap();
}

#[test]
fn segments() {
    let rows: &[(&[u8], usize, Option<&str>, bool)] = &[
        (b"/users/bob/jobs", 0, Some("users"), true),
        (b"/users/bob/jobs", 1, Some("bob"), true),
        (b"/users/bob?x=/y", 1, Some("bob"), true),
        (b"/users/bob", 2, None, false),
        (b"/users/bob/", 2, Some(""), false),
        (b"/users//bob", 2, Some("bob"), true),
        (b"/users/BOB", 1, Some("BOB"), true),
        (b"/users/bob%40x.org", 1, Some("bob@x.org"), true),
        (b"/users/bob@x.org", 1, Some("bob@x.org"), true),
        (b"/users/bob%20b", 1, Some("bob b"), true),
        (b"/users/%C3%B6", 1, Some("\u{f6}"), true),
        (b"/users/\xc3\xb6", 1, Some("\u{f6}"), true),
        (b"/users/b%25b", 1, Some("b%b"), true),
        (b"/users/%62ob", 1, Some("bob"), false),
        (b"/users/bob;x", 1, Some("bob;x"), false),
        (b"/users/bob%3bx", 1, Some("bob;x"), false),
        (b"/users/a%2fb", 1, Some("a/b"), false),
    ];
    for (raw, at, param, plain) in rows {
        let shown = raw.escape_ascii();
        normalised(raw, |target| {
            assert_eq!(target.param(*at).as_deref(), *param, "{shown}");
            assert_eq!(target.segment_is_plain(*at), *plain, "{shown}");
        })
        .unwrap();
    }
}

#[test]
fn folding() {
    let rows: &[(&[u8], &[u8], &[u8])] = &[
        (b"/", b"", b""),
        (b"///", b"", b""),
        (b"/a/b", b"a/b", b"a/b"),
        (b"/A//B/", b"a/b", b"A/B"),
        (b"/a;x=1/b;y", b"a/b", b"a/b"),
        (b"/;x/b", b"b", b"b"),
        (b"/a%3Bx/%61", b"a/a", b"a/a"),
        (b"/a%2FB", b"a\0b", b"a\0B"),
        (b"/%C3%96/\xc3\x96", b"\xc3\xb6/\xc3\xb6", b"\xc3\x96/\xc3\x96"),
        (b"/\xce\x91\xce\xa3", b"\xce\xb1\xcf\x83", b"\xce\x91\xce\xa3"),
        (b"/\xe2\x84\xaa", b"k", b"\xe2\x84\xaa"),
        (b"/%2541", b"%41", b"%41"),
    ];
    for (raw, folded, exact) in rows {
        let shown = raw.escape_ascii();
        assert_eq!(fold(raw, false), *folded, "{shown}");
        assert_eq!(fold(raw, true), *exact, "{shown}");
    }
    assert_eq!(split(b"/a%2FB", false), b"a/b");
    assert_eq!(&*path::literal(b"/%7C%61%25%2f|"), b"/|\x01a%\0|");
    assert_eq!(&*path::decode_leniently(b"%u002e%2E%zz%u1234%"), b"..%zz%u1234%");
}

proptest! {
    #[test]
    fn nothing_panics(raw in prop::collection::vec(any::<u8>(), 0..60), host in "\\PC{0,40}") {
        let _ = normalised(&raw, |target| (target.param(0).is_some(), target.segment_is_plain(1)));
        let _ = HostTable::default().find(&host);
    }

    #[test]
    fn folding_twice_is_folding_once(path in path()) {
        for exact in [false, true] {
            let once = split(&path, exact);
            let sent = encoded(&once);
            prop_assert_eq!(split(&sent, exact), once.clone());
            if path::is_folded(&path, exact) {
                prop_assert_eq!(&path[1..], &once);
            }
        }
    }

    /// What is accepted holds no dot segment in any reading, and neither does its folded form.
    #[test]
    fn no_dot_segment_gets_through(path in path()) {
        if normalised(&path, |_| ()).is_ok() {
            let folded = split(&path, false);
            prop_assert!(!folded.split(|b| *b == b'/').any(|s| s == b"." || s == b".."));
            prop_assert!(normalised(&encoded(&folded), |_| ()).is_ok());
        }
    }
}

/// The folded path of an app that splits at encoded slashes.
fn split(path: &[u8], exact_case: bool) -> Vec<u8> {
    let all = readings(path).into_iter();
    let mut split = all.filter(|reading| matches!(reading.cause(), Cause::Written | Cause::EncodedSlash));
    split.next_back().map(|reading| reading.folded(exact_case)).unwrap_or_default()
}

/// Paths of what matters to the guards.
pub(crate) fn path() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "/", "/", "/", "a", "A", "b", "admin", ".", "..", ";", "%2e", "%2F", "%25", "%61", "%3b", "%3B",
        "%C3%96", "\u{d6}", "\u{130}", "|", "%7C", "2e", "u002e", "x", "~", "%20", "\u{3a3}",
    ]);
    prop::collection::vec(piece, 0..10).prop_map(|pieces| format!("/{}", pieces.concat()).into_bytes())
}

/// A folded path as a client would send it.
pub(crate) fn encoded(folded: &[u8]) -> Vec<u8> {
    let mut out = b"/".to_vec();
    for byte in folded {
        match byte {
            b'%' => out.extend(b"%25"),
            0 => out.extend(b"%2F"),
            other => out.push(*other),
        }
    }
    out
}
