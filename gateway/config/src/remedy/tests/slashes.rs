//! `%2F`, opened where it was refused.

use super::*;

/// What is proposed for `GET /f/a%2Fb`, the line that refused, and what the advice speaks of.
#[track_caller]
fn check(config: &str, line: Option<usize>, expected: &str, words: &str) {
    let (before, remedy, decided) = Asked { config, request: "GET /f/a%2Fb", ..ASKED }.remedy();
    assert_eq!(shown(&remedy), expected, "{remedy:?}");
    assert_eq!(decided.map(|(_, line)| line.line), line, "{config}");
    assert!(remedy.advice.contains(words), "{}", remedy.advice);
    let Some(change) = remedy.change else { return };
    let after = policy(&change.apply(&before.text));
    let code = |request: &str| {
        dry_run(&after, request, ASKED.host, None, CLIENT, now()).0.expect_err("it asks for a token").code()
    };
    assert_eq!(code("GET /f/a%2Fb"), "token_missing", "{change:?}");
    let elsewhere = if words.contains("route") { "ambiguous_path" } else { "token_missing" };
    assert_eq!(code("GET /g%2Fb"), elsewhere, "{change:?}");
}

#[test]
fn a_route_is_opened_rather_than_its_app() {
    let route = |more: &str| format!("[[app.media.route]]\nmatch = \"GET /f/{{x}}\"\n{more}");
    check(&route(""), None, "10+ encoded_slash = true", "of the route `GET /f/{x}`");
    check(
        &route("encoded_slash = false # no\n"),
        Some(12),
        "12: encoded_slash = true # no",
        "of the route `GET /f/{x}`",
    );
    let closed = |more: &str| format!("encoded_slash = false\n{}", route(more));
    check(&closed(""), Some(10), "11+ encoded_slash = true", "of the route `GET /f/{x}`");
    check(
        &closed("encoded_slash = false\n"),
        Some(13),
        "13: encoded_slash = true",
        "of the route `GET /f/{x}`",
    );
}

#[test]
fn a_route_that_shuts_what_its_app_opens_is_named_itself() {
    let config = "encoded_slash = true\n[[app.media.route]]\nmatch = \"GET /f/{x}\"\nencoded_slash = false\n";
    let (_, remedy, decided) = Asked { config, request: "GET /f/a%2Fb", ..ASKED }.remedy();
    assert_eq!(shown(&remedy), "13: encoded_slash = true", "{remedy:?}");
    assert_eq!(decided.map(|(key, line)| (key, line.line)), Some(("encoded_slash", 13)));
}

#[test]
fn where_no_route_is_listed_the_whole_app_is_opened_and_that_is_said() {
    check("", None, "6+ encoded_slash = true", "of every path of the app");
    check("encoded_slash = false\n", Some(10), "10: encoded_slash = true", "of every path of the app");
    // Another key of paths is not what refused.
    check("case = \"fold\"\n", None, "6+ encoded_slash = true", "of every path of the app");
    // Splitting there would still meet a route: no line opens it.
    let config = "[[app.media.route]]\nmatch = \"GET /f/a/{x}\"\n";
    let (_, remedy, _) = Asked { config, request: "GET /f/a%2Fb", ..ASKED }.remedy();
    assert_eq!(remedy.change, None, "{remedy:?}");
}

/// The profile's route has a body size of its own, which one beside it would drop.
#[test]
fn over_a_route_that_stands_in_no_file_the_app_is_opened() {
    let config = "use = \"calibre-web\"\n";
    let (_, remedy, _) = Asked { config, request: "POST /admin/book/a%2Fb", ..ASKED }.remedy();
    assert_eq!(shown(&remedy), "6+ encoded_slash = true", "{remedy:?}");
    assert!(remedy.advice.contains("of every path of the app"), "{remedy:?}");
}
