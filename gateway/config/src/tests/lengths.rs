//! The longest text that fits, and the first that does not.

use super::{APP, HOUSE, check, text};

/// `written` is accepted with so many letters in it and refused with one more, as it is without any.
fn longest(most: usize, written: impl Fn(&str) -> String, refusal: &str) {
    check(&written(&"n".repeat(most)), &[]);
    check(&written(&"n".repeat(most + 1)), &[refusal]);
    check(&written(""), &[refusal]);
}

fn route(lines: &str) -> String {
    text(&[HOUSE, APP, "[[app.media.route]]\nmatch = \"GET /a\"\n", lines])
}

#[test]
fn a_name_may_be_as_long_as_the_hint_says() {
    let table = |from: &str, folder: &str, name: &str| {
        text(&[HOUSE, APP]).replace(from, &format!("[{folder}.\"{name}\"]"))
    };
    longest(64, |name| table("[auth.house]", "auth", name), "not a name: `");
    longest(64, |name| table("[app.media]", "app", name), "not a name: `");
    longest(
        64,
        |name| route(&format!("bucket = \"{name}\"\nlimit.ip = [\"1/s\"]\n")),
        "not a name of a bucket: `",
    );
    longest(128, |name| route(&format!("name = \"{name}\"\n")), "not a name of a route: `");
    let kid =
        |name: &str| text(&[HOUSE, APP]).replace("keys = [{ ", &format!("keys = [{{ kid = \"{name}\", "));
    longest(256, kid, "not a key id: `");
}

#[test]
fn a_short_name_may_hold_visible_characters_alone() {
    check(&route("name = \"a b\"\n"), &[]);
    check(&route("name = \"a\\u0007\"\n"), &["not a name of a route: `"]);
    check(&route("name = \"\u{e9}\"\n"), &["not a name of a route: `"]);
}

#[test]
fn a_path_to_a_claim_has_at_most_eight_steps() {
    let user =
        |steps: usize| text(&[HOUSE, &format!("claims.user = \"{}\"\n", vec!["a"; steps].join(".")), APP]);
    check(&user(8), &[]);
    check(&user(9), &["6 auth.house.claims.user: not a path to a claim: `"]);
}
