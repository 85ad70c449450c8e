//! `[[expect]]` and dry runs.

use std::net::IpAddr;

use super::{APP, HOUSE, check, loaded, now, policy, text};
use crate::Compiled;
use crate::expect::{decided_by, dry_run};
use stagedoor_core::denial::Denial;
use stagedoor_core::guard::caller::AssumedIdentity;

const ROUTES: &str = r#"limit.ip = ["1/hour"]
[[app.media.route]]
match = "* /admin/{*rest}"
roles = ["admin"]
[[app.media.route]]
match = "* /users/{user}/jobs"
owner = { param = "user", or_role = "admin" }
[[app.media.route]]
match = "GET /health"
auth = "public"
"#;

fn promise(lines: &str) -> String {
    text(&[HOUSE, APP, ROUTES, "[[expect]]\n", lines])
}

#[test]
fn promises_that_are_kept_compile() {
    for lines in [
        "request = \"GET /health\"\nanswer = \"forward\"",
        "request = \"GET /x\"\nanswer = 401",
        "request = \"GET /x\"\nanswer = \"token_missing\"",
        "request = \"GET /x\"\nas = { user = \"bob\" }\nanswer = \"forward\"",
        "request = \"GET /admin/x\"\nas = { user = \"bob\", roles = [\"user\"] }\nanswer = 403",
        "request = \"GET /admin/x\"\nas = { user = \"bob\", roles = [\"admin\"] }\nanswer = \"forward\"",
        "request = \"GET /users/bob/jobs\"\nas = { user = \"bob\" }\nanswer = \"forward\"",
        "request = \"GET /users/bob/jobs\"\nas = { user = \"eve\" }\nanswer = \"not_owner\"",
        "request = \"GET /health\"\nhost = \"other.example\"\nanswer = 421",
        "request = \"GET /health\"\nhost = \"MEDIA.example.com:8080\"\nip = \"192.0.2.1\"\nanswer = \"forward\"",
        "request = \"GET /a/../b\"\nanswer = \"ambiguous_path\"",
    ] {
        check(&promise(lines), &[]);
    }
    // Each promise finds the limits unused, whoever came before.
    let same = "request = \"GET /health\"\nanswer = \"forward\"\n";
    check(&promise(&format!("{same}[[expect]]\n{same}[[expect]]\n{same}")), &[]);
}

#[test]
fn a_request_is_a_method_and_a_path() {
    let policy = policy(&text(&[HOUSE, APP]));
    let ip = IpAddr::from([127, 0, 0, 1]);
    for request in ["GET", "", "/x", "GET /x HTTP/1.1", "GET /a b"] {
        let (outcome, _) = dry_run(&policy, request, "media.example.com", None, ip, now());
        let told = outcome.unwrap_err().reason();
        assert!(told.ends_with("a METHOD and a path are expected, such as GET /path"), "{request}: {told}");
    }
}

#[test]
fn promises_that_are_broken_say_what_comes_out_and_why() {
    for (lines, expected) in [
        (
            "request = \"GET /admin/x\"\nas = { user = \"bob\" }\nanswer = \"forward\"",
            "20 expect: GET /admin/x on media.example.com as bob: promised `forward`, comes out as `403 forbidden` | decided by `roles` at stagedoor.toml:13",
        ),
        (
            "request = \"GET /x\"\nanswer = \"forward\"",
            "as nobody: promised `forward`, comes out as `401 token_missing` | decided by `auth` at stagedoor.toml:9",
        ),
        (
            "request = \"GET /health\"\nanswer = 401",
            "promised `401`, comes out as `forward` | decided by `auth` at stagedoor.toml:19",
        ),
        (
            "request = \"GET /users/bob/jobs\"\nas = { user = \"eve\" }\nanswer = 401",
            "comes out as `403 not_owner` | decided by `owner` at stagedoor.toml:16",
        ),
        (
            "request = \"GET /.stagedoor/enter\"\nanswer = \"forward\"",
            "promised `forward`, comes out as `answered by the gateway itself`",
        ),
        (
            "request = \"GET /x\"\nhost = \"nowhere\"\nanswer = 404",
            "comes out as `421 unknown_host` | decided by the host and the path",
        ),
    ] {
        check(&promise(lines), &[expected]);
    }
}

#[test]
fn every_refusal_can_be_promised() {
    for denial in Denial::examples() {
        let code = denial.code();
        let lines = format!("request = \"GET /health\"\nanswer = \"{code}\"");
        check(&promise(&lines), &[&format!("promised `{code}`, comes out as `forward`")]);
    }
}

#[test]
fn promises_are_read_strictly() {
    for (lines, expected) in [
        ("request = \"/x\"\nanswer = 401", "21 expect[0].request: not a request: `/x`"),
        ("request = \"GET /x HTTP/1.1\\r\\nX: y\"\nanswer = 401", "not a request"),
        (
            "request = \"GET /x\"\nanswer = \"forwrd\"",
            "22 expect[0].answer: not an answer: `forwrd` | did you mean `forward`",
        ),
        (
            "request = \"GET /x\"\nanswer = \"nonsense\"",
            "not an answer: `nonsense` | accepted: \"forward\", a status such as 403, or one of address_refused, ambiguous_credentials,",
        ),
        ("request = \"GET /x\"\nanswer = 200", "22 expect[0].answer: not a refusal: `200`"),
        ("request = \"GET /x\"\nanswer = 99", "not a number that fits: `99`"),
        ("request = \"GET /x\"\nanswer = 401\nip = \"x\"", "23 expect[0].ip: not an address: `x`"),
        (
            "request = \"GET /x\"\nanswer = 401\nas = { roles = [\"x\"] }",
            "23 expect[0].as: missing key `user`",
        ),
        ("request = \"GET /x\"\nanswer = 401\nas = { user = \"\" }", "23 expect[0].as.user: nobody"),
    ] {
        check(&promise(lines), &[expected]);
    }
    let two = "[app.b]\nhosts = [\"b\"]\nupstream = \"http://b\"\nauth = \"public\"\n";
    check(
        &text(&[HOUSE, APP, two, "[[expect]]\nrequest = \"GET /\"\nanswer = 401\n"]),
        &["14 expect[0]: missing key `host` | there are several apps"],
    );
}

#[test]
fn a_dry_run_tells_the_way_and_the_line() {
    let Compiled { policy, source, .. } = loaded(&text(&[HOUSE, APP, ROUTES]));
    let ip: IpAddr = "192.0.2.1".parse().unwrap();
    let bob = AssumedIdentity { user: "bob".into(), ..AssumedIdentity::default() };
    let (outcome, trail) = dry_run(&policy, "GET /admin/x", "media.example.com", Some(&bob), ip, now());
    assert_eq!(outcome.as_ref().unwrap_err().code(), "forbidden");
    let (key, line) = decided_by(&outcome, &trail, &source).unwrap();
    assert_eq!((key, line.to_string().as_str()), ("roles", "stagedoor.toml:13"));
    assert_eq!(&*trail.route.unwrap().label, "* /admin/{*rest}");
    // The one request of the hour is used up.
    let (outcome, trail) = dry_run(&policy, "GET /health", "media.example.com", None, ip, now());
    assert_eq!(outcome.as_ref().unwrap_err().code(), "rate_limited");
    assert_eq!(decided_by(&outcome, &trail, &source).unwrap().0, "limit.ip");
}
