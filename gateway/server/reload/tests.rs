#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use stagedoor_core::clock::Now;

use super::*;
use crate::materials::DiskMaterials;

const BEFORE: &str = r#"
version = 1
[auth.house]
kind = "jwt"
keys = [{ secret = { file = "jwt_secret" } }]
issuer = "stagedoor"
audience = ["media"]
[auth.second]
kind = "jwt"
keys = [{ secret = { file = "second" } }]
issuer = "second"
audience = ["media"]
[app.media]
hosts = ["media.localhost"]
upstream = "http://127.0.0.1:8000"
auth = "required"
by = ["house", "second"]
access = { allow = ["127.0.0.0/8"] }
[[app.media.route]]
match = "GET /admin"
roles = ["admin", "owner"]
[[app.media.route]]
match = "GET /users/{user}"
owner = { param = "user" }
[[app.media.route]]
match = "GET /scoped"
scopes = ["read", "write"]
[app.other]
hosts = ["other.localhost"]
upstream = "http://127.0.0.1:8001"
auth = "public"
"#;

fn policy(text: &str) -> Policy {
    let source = Source { name: "stagedoor.toml".into(), text: text.to_owned() };
    let base = Path::new("").to_owned();
    let materials = DiskMaterials { base, may_generate: false, no_files: true, no_environment: true };
    config::compile(&[source], &materials, None, Now::new(Duration::ZERO, Duration::ZERO)).unwrap().policy
}

#[test]
fn a_place_is_told_as_far_as_there_is_one() {
    for (line_no, path, hint, expected) in [
        (7, "app.a.hosts", "mend it", "f.toml:7 (app.a.hosts): wrong; hint: mend it"),
        (0, "server.listen", "mend it", "f.toml (server.listen): wrong; hint: mend it"),
        (0, "", "", "f.toml: wrong"),
    ] {
        let problem = Problem {
            file: "f.toml".into(),
            line: line_no,
            path: path.to_owned(),
            message: "wrong".to_owned(),
            hint: hint.to_owned(),
        };
        assert_eq!(line(&problem), expected);
    }
}

/// What the watch says of `BEFORE` with `from` become `to`.
fn check(from: &str, to: &str, expected: Option<&str>) {
    assert!(BEFORE.contains(from), "{from}");
    let lost = drops(&policy(BEFORE), &policy(&BEFORE.replace(from, to)));
    match expected {
        Some(text) => assert!(lost.iter().any(|line| line.contains(text)), "{from} → {to}: {lost:?}"),
        None => assert_eq!(lost, Vec::<String>::new(), "{from} → {to}"),
    }
}

#[test]
fn what_drops_protection_is_told() {
    check("roles = [\"admin\", \"owner\"]\n", "", Some("a role of route `GET /admin`"));
    check("roles = [\"admin\", \"owner\"]", "roles = [\"admin\"]", Some("`owner`"));
    check("owner = { param = \"user\" }\n", "", Some("drops the owner"));
    check("scopes = [\"read\", \"write\"]", "scopes = [\"read\"]", Some("`write`"));
    check("match = \"GET /scoped\"", "match = \"GET /elsewhere\"", Some("drops a route"));
    check(
        "match = \"GET /scoped\"\nscopes",
        "match = \"GET /scoped\"\nauth = \"optional\"\nscopes",
        Some("less authentication"),
    );
    check("access = { allow = [\"127.0.0.0/8\"] }\n", "", Some("drops the access list"));
    let (without_other, _) = BEFORE.split_at(BEFORE.find("[app.other]").unwrap());
    assert_eq!(drops(&policy(BEFORE), &policy(without_other)), ["the new file drops the app `other`"]);
    let second = BEFORE.find("[auth.second]").unwrap()..BEFORE.find("[app.media]").unwrap();
    let mut without_second = BEFORE.replace("by = [\"house\", \"second\"]\n", "");
    without_second.replace_range(second, "");
    assert_eq!(
        drops(&policy(BEFORE), &policy(&without_second)),
        ["the new file drops the provider `second`"]
    );
}

#[test]
fn other_changes_are_none() {
    check("8000", "8002", None);
    check("scopes = [\"read\", \"write\"]", "scopes = [\"read\", \"write\", \"all\"]", None);
    check("auth = \"public\"", "auth = \"required\"\nby = [\"house\"]", None);
    check("allow = [\"127.0.0.0/8\"]", "allow = [\"127.0.0.0/8\", \"10.0.0.0/8\"]", None);
}
