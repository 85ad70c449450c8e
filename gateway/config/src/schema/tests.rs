#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jsonschema::Validator;

use super::super::keys::{State, tables};
use super::*;

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| jsonschema::draft7::new(&schema()).unwrap());

/// What the schema says of a text, as `PATH: MESSAGE`; `None` where it is not TOML.
pub(crate) fn faults(text: &str) -> Option<Vec<String>> {
    let value: Value = toml::from_str(text).ok()?;
    let told = VALIDATOR.iter_errors(&value);
    Some(told.map(|error| format!("{}: {error}", error.instance_path())).collect())
}

#[test]
fn it_is_a_schema_of_draft_7_without_references() {
    let schema = schema();
    assert!(jsonschema::draft7::meta::is_valid(&schema));
    let text = schema.to_string();
    assert!(!text.contains("$ref") && !text.contains("\"null\""), "{text}");
}

#[test]
fn every_configuration_of_the_repository_is_accepted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["config", "deploy", "examples"] {
        collect(&root.join(folder), &mut files);
    }
    assert!(files.iter().any(|file| file.ends_with("config/stagedoor.toml")), "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(faults(&text), Some(vec![]), "{}", file.display());
    }
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let blocks: Vec<&str> =
        readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 1);
    for block in blocks {
        let mut told = faults(block).unwrap();
        // Some show a part of a table.
        told.retain(|fault| !block.contains('…') || !fault.contains("is a required property"));
        assert_eq!(told, [""; 0], "{block}");
    }
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.extension() {
            // Profiles are a language of their own.
            _ if path.ends_with("config/profiles") => {}
            _ if path.is_dir() => collect(&path, into),
            Some(extension) if extension == "toml" => into.push(path),
            Some(_) | None => {}
        }
    }
}

#[test]
fn what_is_wrong_is_told_where_it_stands() {
    let annotated = include_str!("../../../../config/stagedoor.toml");
    for (right, wrong, expected) in [
        ("errors = ", "erors = ", "/app/media: Additional properties are not allowed ('erors'"),
        ("errors = ", "use = \"jelyfin\"\nerrors = ", "/app/media/use: \"jelyfin\" is not one of"),
        (
            "errors = ",
            "cors = { origins = [\"https://a.example/\"] }\nerrors = ",
            "/app/media/cors/origins/0: \"https://a.example/\" does not match",
        ),
        (
            "[server]\n",
            "[server]\ntls = { certificates = [{ cert = \"a\", key = \"b\" }], acme = 1 }\n",
            "/server/tls: Additional properties",
        ),
        (
            "[server]\n",
            "[serverr]\nlisten = 1\n[server]\n",
            ": Additional properties are not allowed ('serverr'",
        ),
        ("limit.ip = [\"200/s", "limit.ipp = [\"200/s", "/app/media/limit: Additional properties"),
        ("body.max = \"10MiB\"", "body.max = 10", "/app/media/body/max: 10 is not of type \"string\""),
        ("body.max = \"10MiB\"", "body.max = \"10 megs\"", "/app/media/body/max: \"10 megs\" does not match"),
        ("auth = \"required\"", "auth = \"requierd\"", "/app/media/auth: \"requierd\" is not one of"),
        ("version = 1", "version = 2", "/version: 2 is greater than the maximum of 1"),
        ("[server]\n", "[server]\nthreads = \"many\"\n", "/server/threads: \"many\" does not match"),
        ("[server]\n", "[server]\nthreads = 0\n", "/server/threads: 0 is less than the minimum of 1"),
        ("\"127.0.0.1:8080\"", "\"127.0.0.1\"", "/server/listen/0: \"127.0.0.1\" does not match"),
        (
            "trusted_proxies = []",
            "trusted_proxies = [\"proxy.lan\"]",
            "/server/trusted_proxies/0: \"proxy.lan\" does not",
        ),
        (
            "trusted_proxies = []",
            "trusted_proxies = \"10.0.0.1\"",
            "/server/trusted_proxies: \"10.0.0.1\" is not of type",
        ),
        (
            "\"100000/hour\"",
            "\"100000/fortnight\"",
            "/app/media/limit/ip/1: \"100000/fortnight\" does not match",
        ),
        (
            "keys = [{ kid = \"house-1\", alg = \"HS256\", secret = { file = \"data/jwt_secret\", generate = true } }]",
            "keys = []",
            "/auth/house/keys: [] has less than 1 item",
        ),
        ("issuer = \"stagedoor\"\n", "", "/auth/house: \"issuer\" is a required property"),
        ("audience = [\"media\"]\n", "", "/auth/house: \"audience\" is a required property"),
        ("audience = [\"media\"]", "audience = []", "/auth/house/audience: [] has less than 1 item"),
        (
            "\n[app.media]\n",
            "\n[app.media]\nsources = [\"cooky:a\"]\n",
            "/app/media/sources/0: \"cooky:a\" does not",
        ),
        ("\n[app.media]\n", "\n[app.media]\nsources = []\n", "/app/media/sources: [] has less than 1 item"),
        ("match = \"GET /health\"", "match = []", "/app/media/route/0/match: [] has less than 1 item"),
        (
            "match = \"GET /health\"",
            "match = \"GET /health\"\nroles = []",
            "/app/media/route/0/roles: [] has less than 1 item",
        ),
        ("errors = ", "cors.origins = []\nerrors = ", "/app/media/cors/origins: [] has less than 1 item"),
        (
            "match = \"GET /health\"",
            "match = \"GET /health\"\nlimit.user = [\"1/s\", \"2/m\", \"3/h\", \"4/d\", \"5/d\"]",
            "/app/media/route/0/limit/user: [\"1/s\",\"2/m\",\"3/h\",\"4/d\",\"5/d\"] has more than 4 items",
        ),
        ("kind = \"jwt\"", "kind = \"session\"", "/auth/house/kind: \"session\" is not one of"),
        (
            "\"cookie:stagedoor\"",
            "\"cooky:stagedoor\"",
            "/auth/house/sources/1: \"cooky:stagedoor\" does not",
        ),
        (
            "generate = true",
            "generate = \"yes\"",
            "/auth/house/keys/0/secret/generate: \"yes\" is not of type",
        ),
        (
            "match = \"GET /health\"",
            "bucket = \"health\"",
            "/app/media/route/0: \"match\" is a required property",
        ),
        (
            "match = \"GET /health\"",
            "match = \"/health\"",
            "/app/media/route/0/match: \"/health\" does not match",
        ),
        (
            "[[app.media.route]]\nmatch = \"GET /health\"",
            "[app.media.rout]\nmatch = \"GET /health\"",
            "('rout' was",
        ),
    ] {
        assert!(annotated.contains(right), "{right}");
        let text = annotated.replacen(right, wrong, 1);
        let told = faults(&text).unwrap();
        assert!(told.len() == 1 && told[0].contains(expected), "{wrong}: {told:?}");
    }
}

#[test]
fn a_list_that_may_not_be_empty_says_so() {
    let least = |path: &str| {
        let (table, key) = path.rsplit_once(' ').unwrap();
        property(keys::table(table).key(key).unwrap()).get("minItems").is_some()
    };
    for path in [
        "server listen",
        "auth.* keys",
        "auth.* audience",
        "auth.* sources",
        "app.* hosts",
        "app.* by",
        "app.* sources",
        "app.*.upstream urls",
        "app.*.access allow",
        "app.*.cors origins",
        "app.*.route[] match",
        "app.*.route[] by",
        "app.*.route[] roles",
        "app.*.route[] scopes",
    ] {
        assert!(least(path), "{path}");
    }
    for path in ["server trusted_proxies", "app.*.access deny", "app.*.headers frame", "expect[].as roles"] {
        assert!(!least(path), "{path}");
    }
}

/// An editor writes the default where it completes a key.
#[test]
fn every_default_is_accepted_by_its_own_key() {
    let mut defaults = 0;
    for key in tables().flat_map(|table| table.keys).filter(|key| key.state == State::Supported) {
        let property = property(key);
        let default = property.get("default");
        assert_eq!(default.is_some(), key.default.written().is_some(), "{}", key.name);
        if let Some(default) = default {
            let told = jsonschema::draft7::new(&property).unwrap();
            assert!(told.is_valid(default), "{}: {default}", key.name);
            defaults += 1;
        }
    }
    assert!(defaults > 50, "{defaults}");
}

#[test]
fn what_is_not_built_is_no_key_of_it() {
    let schema = schema();
    let at = |path: &str, key: &str| schema.pointer(&format!("{path}/properties/{key}")).is_some();
    let tls = "/properties/server/properties/tls";
    assert!(at(tls, "certificates") && !at(tls, "acme"));
    let app = "/properties/app/additionalProperties";
    assert!(at(app, "hosts") && !at(app, "cookies"));
    let route = format!("{app}/properties/route/items");
    assert!(at(&route, "match") && !at(&route, "inspect"));
}

#[test]
fn ranges_of_numbers_are_bounds() {
    fn check(path: &str, expected: Option<(u64, u64)>) {
        let (table, key) = path.split_once(' ').unwrap();
        let property = property(keys::table(table).key(key).unwrap());
        let bound = |name: &str| property.get(name).map(|bound| bound.as_u64().unwrap());
        assert_eq!(bound("minimum").zip(bound("maximum")), expected, "{path}");
    }
    check("server threads", Some((1, 1024)));
    check(" version", Some((1, 1)));
    check("expect[] answer", Some((100, 599)));
    check("app.*.upstream connect", None);
    check("app.*.limit ip", None);
}
