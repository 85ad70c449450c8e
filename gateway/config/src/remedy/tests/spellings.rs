//! A slash too many or too few, where a route is listed with the other spelling.

use super::*;

/// What is proposed for the request, the key that refused, and what the advice speaks of.
#[track_caller]
fn check(
    config: &str,
    request: &str,
    decided: Option<(&str, usize)>,
    expected: &str,
    words: &[&str],
) -> Remedy {
    let (before, remedy, found) = Asked { config, request, ..ASKED }.remedy();
    assert_eq!(shown(&remedy), expected, "{remedy:?}");
    assert_eq!(found.map(|(key, line)| (key, line.line)), decided, "{config}");
    for word in words {
        assert!(remedy.advice.contains(word), "no `{word}`: {}", remedy.advice);
    }
    if let Some(change) = &remedy.change {
        let after = policy(&change.apply(&before.text));
        let (outcome, _) = dry_run(&after, request, ASKED.host, None, CLIENT, now());
        assert_eq!(outcome, Ok(()), "{change:?}");
    }
    remedy
}

fn route(matching: &str) -> String {
    format!("[[app.media.route]]\nmatch = {matching}\nauth = \"public\"\n")
}

#[test]
fn the_route_takes_the_second_spelling_too() {
    let at = Some(("match", 11));
    let named = &["`GET /items/`", "the route `GET /items` at stagedoor.toml:11"];
    check(
        &route("\"GET /items\""),
        "GET /items/",
        at,
        "11: match = [\"GET /items\", \"GET /items/\"]",
        named,
    );
    check(
        &route("[\"GET /\", \"* /u/{id}\"] # both"),
        "PUT /u/7/",
        at,
        "11: match = [\"GET /\", \"* /u/{id}\", \"* /u/{id}/\"] # both",
        &["`* /u/{id}/`"],
    );
    check(&route("\"GET /a/\""), "GET /a", at, "11: match = [\"GET /a/\", \"GET /a\"]", &[]);
    check(&route("\"GET /a/b\""), "GET /a//b", at, "11: match = [\"GET /a/b\", \"GET /a//b\"]", &[]);
    // What follows two slashes may be an authority: no pattern is met there.
    check(&route("\"GET /a/b\""), "HEAD //a/b", None, "6+ slashes = \"merge\"", &["`//`"]);
    check(&route("\"* /a/{*rest}\""), "GET //a/b//c", None, "6+ slashes = \"merge\"", &["`//`"]);
    // Another route is met as it is written.
    let both = route("\"GET /items\"") + &route("\"GET /items/{*rest}\"");
    check(&both, "GET /items/", at, "11: match = [\"GET /items\", \"GET /items/\"]", &[]);
}

#[test]
fn what_differs_in_more_than_slashes_is_mended_as_ever() {
    let config = &route("\"GET /items\"");
    let (_, remedy, decided) = Asked { config, request: "GET /Items/", ..ASKED }.remedy();
    assert_eq!((shown(&remedy).as_str(), decided), ("6+ case = \"exact\"", None), "{remedy:?}");
    let remedy = check(config, "GET /items;x/", None, "-", &["no single line lets it pass"]);
    assert!(!remedy.advice.contains("GET /items"), "{remedy:?}");
}

/// Its routes stand in no file of the operator's, and one beside them has to take both spellings.
#[test]
fn of_a_profile_the_patterns_are_named() {
    let config = "use = \"calibre-web\"\n";
    let (_, remedy, decided) = Asked { config, request: "POST /upload/", ..ASKED }.remedy();
    assert_eq!((shown(&remedy).as_str(), decided.map(|(key, _)| key)), ("-", Some("match")), "{remedy:?}");
    let words = "match = [\"POST /upload\", \"POST /upload/\"]";
    assert!(remedy.advice.contains(words), "{}", remedy.advice);
    let after = policy(&text(&[HOUSE, APP, config, "[[app.media.route]]\n", words, "\n"]));
    for request in ["POST /upload/", "POST /upload"] {
        let (outcome, _) = dry_run(&after, request, ASKED.host, None, CLIENT, now());
        assert_eq!(outcome, Err(Denial::TokenMissing), "{request}");
    }
}
