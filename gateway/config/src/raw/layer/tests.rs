#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::super::{App, LANGUAGE, Root};
use super::over_profile;
use crate::SourceFile;
use crate::keys::ConfigTable;
use crate::keys::reader::{ConfigLayer, Reader};
use crate::parsed_file;
use crate::problem::Report;

/// What the keys of an app say, without looking whether they are enough.
fn app(keys: &str) -> App {
    let source = [SourceFile { name: "f".into(), text: format!("[app.a]\n{keys}\n") }];
    let report = Report::default();
    let files = parsed_file::parse(&source, &report);
    let root = Reader::root(&files[0], Root::TABLE, LANGUAGE, ConfigLayer::Operator, &report);
    let app = Root::read(&root).app.pop().unwrap();
    let (mut problems, _) = report.finish(|_| None);
    problems.retain(|problem| !problem.message.starts_with("missing key"));
    assert_eq!(problems, [], "{keys}");
    app
}

/// All that it says, without the places.
fn said(app: &App) -> String {
    let mut rest = format!("{app:?}");
    let mut out = String::new();
    while let Some((before, after)) = rest.split_once("Location { ") {
        out.push_str(before);
        rest = after.split_once(" }").unwrap().1.to_owned();
    }
    out + &rest
}

#[track_caller]
fn check(own: &str, profile: &str, expected: &str) {
    assert_eq!(said(&over_profile(app(own), app(profile))), said(&app(expected)), "{own}\nover\n{profile}");
}

#[test]
fn what_the_app_says_takes_the_place_of_what_the_profile_says() {
    for (own, profile) in [
        ("hosts = [\"a\"]", "hosts = [\"b\", \"c\"]"),
        ("auth = \"required\"", "auth = \"public\""),
        ("by = [\"a\"]", "by = [\"b\"]"),
        ("sources = [\"bearer\"]", "sources = [\"cookie:a\", \"header:b\"]"),
        ("unlisted = \"deny\"", "unlisted = \"inherit\""),
        ("errors = \"error\"", "errors = \"fastapi\""),
        ("websocket = false", "websocket = true"),
        ("case = \"fold\"", "case = \"exact\""),
        ("slashes = \"keep\"", "slashes = \"merge\""),
        ("backslash = \"refuse\"", "backslash = \"name\""),
        ("encoded_slash = false", "encoded_slash = true"),
        ("origin.check = \"always\"", "origin.check = \"off\""),
        ("body.max = \"1B\"", "body.max = \"2B\""),
        ("body.get = \"allow\"", "body.get = \"deny\""),
        ("cors = \"app\"", "cors = { origins = [\"*\"] }"),
        ("cors = { origins = [\"*\"] }", "cors = \"app\""),
        // Who may come is one decision, not two lists that add up.
        ("access.allow = [\"10.0.0.0/8\"]", "access.deny = [\"192.0.2.1\"]"),
        ("upstream = \"http://a\"", "upstream = \"http://b\""),
        ("limit.ip = []", "limit.ip = [\"1/s\", \"2/s\"]"),
        ("headers.frame = []", "headers.frame = \"'self'\""),
        ("headers.set.x-a = \"1\"", "headers.set.X-A = \"2\""),
        ("headers.csp.policy.img-src = \"a\"", "headers.csp.policy.img-src = [\"b\", \"c\"]"),
    ] {
        check(own, profile, own);
        check("", profile, profile);
        check(own, "", own);
    }
}

#[test]
fn tables_are_joined_key_by_key() {
    for (own, profile, expected) in [
        (
            "upstream = \"http://a\"",
            "upstream = { host = \"upstream\", read = \"5m\" }",
            "upstream = { urls = [\"http://a\"], host = \"upstream\", read = \"5m\" }",
        ),
        (
            "upstream = { urls = [\"http://a\"], host = \"keep\", connect = \"1s\" }",
            "upstream = { host = \"upstream\", read = \"5m\", connect = \"2s\", retries = 0 }",
            "upstream = { urls = [\"http://a\"], host = \"keep\", read = \"5m\", connect = \"1s\", retries = 0 }",
        ),
        (
            "identity = { user = \"a\", token = \"drop\" }",
            "identity = { user = \"b\", roles = \"c\", token = \"keep\", pass = [\"d\"] }",
            "identity = { user = \"a\", roles = \"c\", token = \"drop\", pass = [\"d\"] }",
        ),
        (
            "limit.user = \"1/s\"",
            "limit = { ip = \"2/s\", user = \"3/s\" }",
            "limit = { ip = \"2/s\", user = \"1/s\" }",
        ),
        (
            "cors = { origins = [\"a\"], max_age = \"1s\" }",
            "cors = { origins = [\"b\"], methods = [\"GET\"], headers = [\"h\"], expose = [\"e\"], credentials = true, max_age = \"2s\" }",
            "cors = { origins = [\"a\"], methods = [\"GET\"], headers = [\"h\"], expose = [\"e\"], credentials = true, max_age = \"1s\" }",
        ),
        (
            "headers = { preset = \"web\", hsts.preload = false, csp.mode = \"report\", set.x-a = \"1\" }",
            "headers = { preset = \"off\", frame = \"a\", remove = [\"x\"], hsts = { max_age = \"1s\", include_subdomains = true, preload = true }, csp = { mode = \"enforce\", app = \"replace\", policy.img-src = \"a\" }, set.x-b = \"2\" }",
            "headers = { preset = \"web\", frame = \"a\", remove = [\"x\"], hsts = { max_age = \"1s\", include_subdomains = true, preload = false }, csp = { mode = \"report\", app = \"replace\", policy.img-src = \"a\" }, set.x-a = \"1\", set.x-b = \"2\" }",
        ),
        (
            "headers.csp.policy.img-src = \"a\"",
            "headers.csp.policy = { worker-src = \"b\", IMG-SRC = \"c\" }",
            "headers.csp.policy = { img-src = \"a\", worker-src = \"b\" }",
        ),
    ] {
        check(own, profile, expected);
    }
}

#[test]
fn what_is_held_back_or_kept_out_of_the_log_adds_up() {
    check("identity.strip = [\"a\"]", "identity.strip = [\"b\", \"A\"]", "identity.strip = [\"a\", \"b\"]");
    check("identity.strip = []", "identity.strip = [\"b\"]", "identity.strip = [\"b\"]");
    check(
        "log.redact_query = [\"a\"]",
        "log.redact_query = [\"b\", \"A\"]",
        "log.redact_query = [\"a\", \"b\"]",
    );
    check("identity.pass = []", "identity.strip = [\"b\"]", "identity = { pass = [], strip = [\"b\"] }");
}

#[test]
fn routes_add_up_and_the_apps_come_first() {
    check(
        "[[app.a.route]]\nmatch = \"GET /a\"\nauth = \"required\"",
        "[[app.a.route]]\nmatch = \"GET /a\"\nauth = \"public\"\n[[app.a.route]]\nmatch = \"GET /b\"",
        "[[app.a.route]]\nmatch = \"GET /a\"\nauth = \"required\"\n[[app.a.route]]\nmatch = \"GET /a\"\nauth = \"public\"\n[[app.a.route]]\nmatch = \"GET /b\"",
    );
}

#[test]
fn what_the_app_says_of_every_route_holds_for_the_profiles_too() {
    let routes = |said: &str| format!("[[app.a.route]]\nmatch = \"* /a\"\nauth = \"public\"\n{said}\n");
    for (own, said) in [
        ("websocket = false", "websocket = true"),
        ("body.max = \"1B\"", "body.max = \"2B\""),
        ("encoded_slash = false", "encoded_slash = true"),
        ("origin.check = \"strict\"", "origin.check = \"off\""),
    ] {
        check(own, &routes(said), &format!("{own}\n{}", routes("")));
        // Its own routes say more than the app does.
        check(&format!("{own}\n{}", routes(said)), "", &format!("{own}\n{}", routes(said)));
        check("case = \"exact\"", &routes(said), &format!("case = \"exact\"\n{}", routes(said)));
    }
}

#[test]
fn each_value_keeps_its_place() {
    let merged = over_profile(app("\nbody.max = \"1B\""), app("websocket = true"));
    assert_eq!(merged.body.max.unwrap().at.line, 3);
    assert_eq!(merged.websocket.unwrap().at.line, 2);
}
