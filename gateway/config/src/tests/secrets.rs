//! Where secrets come from, and that they never show.

use super::{APP, Desk, GOOD, HOUSE, OTHER, check_at, compile, compiled, now, source, text};

/// The provider's secret under test; the admin's is off.
fn with(secret: &str) -> String {
    let house = HOUSE.replace("{ file = \"jwt_secret\", generate = true }", secret);
    text(&[&house, APP, "[admin]\nlisten = \"off\"\n"])
}

#[test]
fn a_secret_has_one_value() {
    let both = "{ file = \"s\", env = \"S\" }";
    for (secret, desk, expected) in [
        ("{ file = \"s\" }", Desk::default().file("s", GOOD), None),
        ("{ file = \"s\" }", Desk::default().file("s", &format!("{GOOD}\n")), None),
        ("{ env = \"S\" }", Desk::default().var("S", GOOD), None),
        (both, Desk::default().var("S", GOOD), None),
        (both, Desk::default().var("S", GOOD).file("s", &format!("{GOOD}\r\n")), None),
        (
            both,
            Desk::default().var("S", GOOD).file("s", OTHER),
            Some("3 auth.house.keys[0].secret: file and variable hold two different secrets"),
        ),
        (
            both,
            Desk::default(),
            Some(
                "3 auth.house.keys[0].secret: no secret: the file is missing and the variable `S` is not set: `s` | `generate = true`",
            ),
        ),
        (
            "{ file = \"s\" }",
            Desk::default(),
            Some("no secret: the file is missing: `s` | … stagedoor secret new"),
        ),
        (
            "{ env = \"S\" }",
            Desk::default(),
            Some("no secret: the variable is not set: `S` | set the variable"),
        ),
        (
            "{ file = \"s\" }",
            Desk::default().file("s", "\n"),
            Some("3 auth.house.keys[0].secret.file: the secret is empty: `s`"),
        ),
        (
            "{ env = \"S\" }",
            Desk::default().var("S", ""),
            Some("3 auth.house.keys[0].secret.env: the secret is empty: `S`"),
        ),
        ("{ file = \"s\" }", Desk::default().file("s", "short"), Some("the secret is too short … `5`")),
        (
            "{ file = \"s\" }",
            Desk::default().file("s", &"ab".repeat(20)),
            Some("3 auth.house.keys[0].secret: the secret is too easy to guess"),
        ),
        (
            "{ file = \"s\" }",
            Desk::default().open_file("s", GOOD),
            Some("3 auth.house.keys[0].secret.file: group or others can read the secret: `s` | chmod 600 s"),
        ),
        (
            "{ file = \"unreadable\", env = \"S\" }",
            Desk::default().var("S", GOOD),
            Some("cannot read the secret (permission denied): `unreadable`"),
        ),
        ("{ file = \"s\", generate = true }", Desk::default(), None),
        (
            "{ file = \"read-only/s\", generate = true }",
            Desk::default(),
            Some("cannot save a secret (read-only file system): `read-only/s`"),
        ),
        (
            "{ file = \"given-up/s\" }",
            Desk::default(),
            Some("cannot read the secret (the gateway confined itself … `given-up/s` | restart it: then"),
        ),
        (
            "{ file = \"home/s\" }",
            Desk::default(),
            Some("cannot read the secret (the gateway confined itself … `home/s` | restart it, and again"),
        ),
        (
            "{ file = \"made-nowhere/s\", generate = true }",
            Desk::default(),
            Some("cannot save a secret (the gateway confined itself … `made-nowhere/s` | restart it"),
        ),
        (
            "{ env = \"S\", generate = true }",
            Desk::default(),
            Some("`generate` without a `file` to save the secret to"),
        ),
        ("{ generate = true }", Desk::default(), Some("a secret with neither `file` nor `env`")),
        ("{ }", Desk::default(), Some("a secret with neither `file` nor `env`")),
    ] {
        check_at(&with(secret), &desk, expected.as_slice());
    }
}

#[test]
fn danger_is_allowed_by_name_and_warned_about() {
    for (secret, desk, words) in [
        (
            "{ file = \"s\", dangerous_open_file = true }",
            Desk::default().open_file("s", GOOD),
            "its file may be read by others",
        ),
        (
            "{ file = \"s\", dangerous_weak = true }",
            Desk::default().file("s", &"ab".repeat(20)),
            "it may be guessed",
        ),
    ] {
        let warnings = compiled(&with(secret), &desk).unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].message.contains(words), "{warnings:?}");
    }
    let empty = "{ file = \"s\", dangerous_weak = true }";
    check_at(&with(empty), &Desk::default().file("s", ""), &["the secret is empty"]);
}

#[test]
fn the_operators_token_is_a_secret_too() {
    let at = |admin: &str| text(&[HOUSE, APP, admin]);
    let default = compiled(&at(""), &Desk::default()).unwrap().policy.admin;
    assert!(default.token.unwrap().expose().starts_with(b"data/admin_token-"));
    let moved = compiled(&at("[state]\ndir = \"/var/lib/stagedoor/\"\n"), &Desk::default()).unwrap().policy;
    assert!(moved.admin.token.unwrap().expose().starts_with(b"/var/lib/stagedoor/admin_token-"));
    let off = compiled(&at("[admin]\nlisten = \"off\"\n"), &Desk::default()).unwrap().policy.admin;
    assert!(off.token.is_none() && off.listen.is_none());
    check_at(
        &at("[admin]\ntoken = { file = \"t\" }\n"),
        &Desk::default().file("t", "x"),
        &["11 admin.token: the secret is too short … `1`"],
    );
    check_at(
        &at("[admin]\ntoken = \"hunter2\"\n"),
        &Desk::default(),
        &["11 admin.token: of the wrong type: `string`"],
    );
}

#[test]
fn nothing_is_made_for_a_file_that_does_not_compile() {
    let broken = text(&["[server]\ndrain = 3\n", HOUSE, APP]).replace("jwt_secret", "read-only/s");
    check_at(&broken, &Desk::default(), &["2 server.drain: not a duration"]);
}

#[test]
fn where_stand_ins_are_used_no_secret_is_looked_at() {
    let weak = Desk::default().var("WEAK", "x");
    let mut desk = Desk { stand_in: true, ..weak };
    let keys = "{ secret = { file = \"unreadable\" } }, { alg = \"HS512\", secret = { env = \"WEAK\" } }, \
                { alg = \"ES256\", public = { file = \"gone.pem\" } }";
    let house = HOUSE.replace("{ secret = { file = \"jwt_secret\", generate = true } }", keys);
    let text = text(&[&house, APP]);
    let policy = compiled(&text, &desk).unwrap().policy;
    assert_eq!(policy.providers[0].jwt().unwrap().keys.len(), 2, "a public key is left out");
    desk.stand_in = false;
    assert!(compiled(&text, &desk).is_err());
}

#[test]
fn a_check_makes_nothing_and_still_compiles() {
    let desk = Desk { never_make: true, ..Desk::default() };
    check_at(&text(&[HOUSE, APP]), &desk, &[]);
}

#[test]
fn no_message_and_no_debug_output_shows_a_secret() {
    let secret = "{ file = \"s\", env = \"S\", dangerous_weak = true }";
    let weak = "correct-horse-battery";
    let desks = [
        Desk::default().file("s", GOOD).var("S", OTHER),
        Desk::default().file("s", weak).var("S", weak),
        Desk::default().open_file("s", GOOD),
        Desk::default().file("s", GOOD).var("S", GOOD),
    ];
    let wrong = with(secret).replace("[admin]\nlisten = \"off\"", &format!("[admin]\ntoken = \"{GOOD}\""));
    for (given, desk) in desks.iter().map(|desk| (with(secret), desk)).chain([(wrong, &desks[0])]) {
        let told = format!("{:?}", compile(&[source("x", &given)], desk, None, now()));
        for value in [GOOD, OTHER, weak] {
            assert!(!told.contains(value), "{told}");
        }
    }
}

#[test]
fn the_files_that_are_named_are_told() {
    let keys = "{ secret = { file = \"a\" } }, { kid = \"2\", secret = { file = \"b\", env = \"S\", generate = true } }, \
                { kid = \"3\", secret = { env = \"S\" } }";
    let house = HOUSE.replace("{ secret = { file = \"jwt_secret\", generate = true } }", keys);
    let desk = Desk::default().file("a", GOOD).var("S", OTHER);
    let files = |given: &str| -> Vec<(String, bool)> {
        let source = compiled(given, &desk).unwrap().source;
        source.named_files.into_iter().map(|file| (file.path, file.made)).collect()
    };
    let named = |path: &str, made| (path.to_owned(), made);
    assert_eq!(
        files(&text(&[&house, APP])),
        [named("a", false), named("b", true), named("data/admin_token", true)],
        "whether they are there or not"
    );
    assert_eq!(
        files(&text(&[&house, APP, "[admin]\nlisten = \"off\"\n"])),
        [named("a", false), named("b", true)]
    );
}

/// Two files that read one variable share a secret without a word; two that expect the same of a token mean it.
#[test]
fn two_providers_with_one_secret_are_warned_of() {
    let provider = |name: &str, key: &str, expects: &str| {
        let keys = format!("keys = [{key}]");
        HOUSE
            .replace("[auth.house]", &format!("[auth.{name}]"))
            .replace("keys = [{ secret = { file = \"jwt_secret\", generate = true } }]", &keys)
            .replace("audience = [\"media\"]", expects)
    };
    let told = |first: &str, second: &str, expects: &str| {
        let house = provider("house", first, "audience = [\"media\"]");
        let idp = provider("idp", second, expects);
        let desk = Desk::default().var("A", GOOD).var("B", OTHER).file("a", GOOD).file("b", OTHER);
        let given = text(&[&house, &idp, APP, "by = [\"house\"]\n"]);
        let warnings = compiled(&given, &desk).unwrap().warnings;
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let (same, other) = ("audience = [\"media\"]", "audience = [\"films\"]");
    let a = "{ secret = { env = \"A\" } }";
    for twin in [
        a,
        "{ secret = { file = \"a\" } }",
        "{ alg = \"HS512\", kid = \"x\", secret = { file = \"a\", dangerous_weak = true } }",
        "{ kid = \"new\", secret = { env = \"B\" } }, { kid = \"old\", secret = { env = \"A\" } }",
    ] {
        let said = told(a, twin, other);
        assert!(
            said.contains("shares a secret with `house`, so its holder can sign tokens of both: `idp`"),
            "{said}"
        );
        assert!(said.contains("a secret of its own") && !said.contains(GOOD), "{said}");
        assert!(!told(a, twin, same).contains("shares a secret"), "{twin}");
    }
    for apart in ["{ secret = { env = \"B\" } }", "{ secret = { file = \"b\" } }"] {
        assert_eq!(told(a, apart, other), "", "{apart}");
    }
}

#[test]
fn a_gateway_that_is_not_confined_is_warned_of() {
    let warned = |value: &str| {
        let given = text(&[HOUSE, APP, &format!("[server]\nconfine = {value}\n")]);
        compiled(&given, &Desk::default()).unwrap().warnings.len()
    };
    assert_eq!((warned("\"auto\""), warned("\"off\"")), (0, 1));
}
