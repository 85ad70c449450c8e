#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;

/// Every name that is listed; of a start also what begins so.
pub(crate) fn listed() -> Vec<(String, Meaning)> {
    let whole = WHOLE.iter().map(|(name, meaning)| ((*name).to_owned(), *meaning));
    let starts = STARTS.iter().flat_map(|(start, meaning)| {
        [(*start).to_owned(), format!("{start}9"), format!("{start}{}", "x".repeat(40))]
            .map(|name| (name, *meaning))
    });
    whole.chain(starts).collect()
}

#[test]
fn the_lists_are_folded_sorted_and_free_of_overlap() {
    for list in [WHOLE, STARTS] {
        assert!(list.windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted, each once");
        for (name, meaning) in list {
            assert!(name.bytes().all(|byte| byte == fold(byte)), "{name}");
            assert_ne!(*meaning, Meaning::Plain, "{name}");
        }
    }
    for (start, _) in STARTS {
        let others = STARTS.iter().filter(|(other, _)| other != start);
        assert!(others.into_iter().all(|(other, _)| !other.starts_with(start)), "{start}");
        assert!(WHOLE.iter().all(|(whole, _)| whole != start), "{start}");
    }
}

#[test]
fn what_is_listed_is_found_and_what_lies_between_is_not() {
    for (name, expected) in listed() {
        for spelling in
            [name.clone(), name.to_ascii_uppercase(), name.replace('-', "_"), name.replace('-', ".")]
        {
            assert_eq!(meaning(&spelling), expected, "{spelling}");
        }
    }
    for plain in
        ["", "-", "a", "zzz", "x", "x-", "x-auth", "x-auth-token", "hosts", "te-", "remote", "x-user-agent"]
    {
        assert_eq!(meaning(plain), Meaning::Plain, "{plain}");
    }
    for (start, _) in STARTS {
        let shorter = &start[..start.len() - 1];
        let known = WHOLE.iter().any(|(whole, _)| *whole == shorter);
        assert!(known || meaning(shorter) == Meaning::Plain, "{shorter}");
    }
}

#[test]
fn spellings_of_one_name_are_the_same() {
    for (a, b, expected) in [
        ("X-Api-Key", "x_api.key", true),
        ("x~api|key", "x-api-key", true),
        ("x-api-key", "x-api-keys", false),
        ("xapikey", "x-api-key", false),
        ("x--api", "x-_api", true),
        ("", "", true),
    ] {
        assert_eq!(same(a, b), expected, "{a} {b}");
        assert_eq!(same(b, a), expected, "{b} {a}");
    }
}

#[test]
fn patterns_are_names_or_how_they_begin() {
    for (text, matches, others) in [
        ("x-told", &["X_Told", "x.told"][..], &["x-tolds", "x-tol"][..]),
        ("X_Told-*", &["x-told-", "x.told.a"][..], &["x-told", "a-x-told-"][..]),
        ("x*", &["x", "X-Y"][..], &["y"][..]),
    ] {
        let pattern = NamePattern::parse(text).unwrap();
        assert!(matches.iter().all(|name| pattern.matches(name)), "{text}");
        assert!(others.iter().all(|name| !pattern.matches(name)), "{text}");
    }
    for bad in ["", "*", "-*", "a b", "a:", "x-*-y", "**", "x-**", "é"] {
        assert_eq!(NamePattern::parse(bad), None, "{bad}");
    }
}
