//! `encoded_slash` of an app and of its routes.

use super::{APP, HOUSE, now, policy, text};
use crate::dry_run;

/// A route without a word of its own takes the app's.
#[test]
fn what_a_route_says_goes_before_what_the_app_says() {
    let code = |app: &str, route: &str, path: &str| {
        let listed = format!("[[app.media.route]]\nmatch = [\"GET /f/{{x}}\", \"GET /r/{{*r}}\"]\n{route}");
        let policy = policy(&text(&[HOUSE, APP, app, &listed]));
        let client = "192.0.2.7".parse().unwrap();
        let (outcome, _) = dry_run(&policy, &format!("GET {path}"), "media.example.com", None, client, now());
        outcome.expect_err("it asks for a token").code()
    };
    let (yes, no) = ("encoded_slash = true\n", "encoded_slash = false\n");
    for (app, route, listed, elsewhere) in [
        ("", "", false, false),
        ("", yes, true, false),
        ("", no, false, false),
        (yes, "", true, true),
        (yes, yes, true, true),
        (yes, no, false, true),
        (no, "", false, false),
        (no, yes, true, false),
        (no, no, false, false),
    ] {
        let expected = |passes: bool| if passes { "token_missing" } else { "ambiguous_path" };
        for (path, passes) in [("/f/a%2Fb", listed), ("/r/a/b%2Fc", listed), ("/x%2Fy", elsewhere)] {
            assert_eq!(code(app, route, path), expected(passes), "app: {app}route: {route}{path}");
        }
    }
}
