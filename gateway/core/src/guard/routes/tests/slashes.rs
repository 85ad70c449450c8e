//! Encoded slashes: the route that is met decides, for unlisted paths the app.

use super::{asked, build_in};
use crate::guard::routes::Unlisted;
use crate::guard::target::PathPolicy;

/// What becomes of `%2F` in an app that says `app`, on a route that says `route`, and elsewhere.
fn check(app: bool, line: &str, [one, rest, elsewhere]: [&str; 3]) {
    for unlisted in [Unlisted::Inherit, Unlisted::Deny] {
        let paths = PathPolicy::default();
        let (first, second) = (format!("{line}GET /files/{{name}}"), format!("{line}* /all/{{*rest}}"));
        let routes = build_in(app, &[&first, &second], unlisted, paths).unwrap();
        let elsewhere = if elsewhere == "-" && unlisted == Unlisted::Deny { "404" } else { elsewhere };
        asked(
            &routes,
            paths,
            &[
                ("GET", "/files/a%2Fb", one),
                ("HEAD", "/files/a%2fb", one),
                ("GET", "/all/a%2Fb", rest),
                ("GET", "/all/a/b%2Fc/d", rest),
                ("POST", "/other/a%2Fb", elsewhere),
                ("GET", "/files/a", "GET /files/{name}"),
                // Splitting there would meet a route.
                ("GET", "/files%2Fa", "400"),
                ("GET", "/all%2Fa", "400"),
            ],
        );
    }
}

#[test]
fn the_route_decides_for_itself_and_the_app_for_the_rest() {
    let (one, rest) = ("GET /files/{name}", "* /all/{*rest}");
    check(false, "", ["400", "400", "400"]);
    check(false, "%", [one, rest, "400"]);
    check(true, "", [one, rest, "-"]);
    check(true, "-", ["400", "400", "-"]);
}

#[test]
fn a_pattern_with_an_encoded_slash_needs_its_own_route_to_allow_it() {
    let build = |app, line| build_in(app, &[line], Unlisted::Deny, PathPolicy::default()).is_ok();
    assert!(build(false, "%GET /a%2Fb") && build(true, "GET /a%2Fb"));
    assert!(!build(false, "GET /a%2Fb") && !build(true, "-GET /a%2Fb"));
}
