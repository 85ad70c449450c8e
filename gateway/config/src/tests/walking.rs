//! No key is parsed and ignored: for each supported key, two values compile to two policies, and those that the core
//! honours make it behave in two ways. What the process honours is shown from outside, by the integration tests.

use std::cell::RefCell;
use std::collections::HashSet;

mod compared;
mod panel;
mod rows;

use super::authorities::{ONE, TWO};
use super::{APP, Desk, GOOD, HOUSE, compile, now, source, text};
use crate::keys::{self, Honoured, Kind, State, tables};
use crate::{Compiled, FileFault, Material, Materials, SourceFile, includes};
use rows::At;
use stagedoor_core::policy::Policy;
use stagedoor_core::secret::Secret;

/// Keys that two values cannot show in a policy, with the test that shows them.
const SHOWN_BELOW: &[(&str, &str)] = &[
    ("", "version"),
    ("", "include"),
    ("auth.*", "kind"),
    ("auth.*.keys[].public", "file"),
    ("secret", "file"),
    ("secret", "env"),
    ("secret", "generate"),
    ("secret", "dangerous_open_file"),
    ("secret", "dangerous_weak"),
    ("app.*", "mode"),
    ("app.*.route[]", "mode"),
];

fn all() -> impl Iterator<Item = &'static rows::Row> {
    [rows::SERVER, rows::AUTH, rows::APPS, rows::ROUTES].into_iter().flatten()
}

#[test]
fn every_supported_key_has_a_row() {
    let mut rows: HashSet<(&str, &str)> =
        all().map(|(table, key, ..)| (*table, *key)).chain(SHOWN_BELOW.iter().copied()).collect();
    for table in tables() {
        for key in table.keys.iter().filter(|key| key.state == State::Supported) {
            // A table shows itself by its keys.
            let a_table = match key.kind {
                Kind::Table(_) | Kind::Tables(_) | Kind::Named(_) => true,
                Kind::TextOrTable(_) => {
                    rows.contains(&(table.path, key.name)) || table.path != "app.*" || key.name == "upstream"
                }
                Kind::Text
                | Kind::Choice(_)
                | Kind::ProfileName
                | Kind::Flag
                | Kind::Count(_)
                | Kind::WordOrCount(..)
                | Kind::CodeOrStatus(_)
                | Kind::Duration(_)
                | Kind::Size(_)
                | Kind::Rate(_)
                | Kind::Texts
                | Kind::TextOrTexts
                | Kind::MapOfTexts
                | Kind::MapOfLists => false,
            };
            let here = rows.remove(&(table.path, key.name));
            assert!(here || a_table, "no row shows what `{}` of [{}] does", key.name, table.path);
        }
    }
    assert!(rows.is_empty(), "rows of keys that are none: {rows:?}");
}

#[test]
fn changing_a_key_changes_the_policy() {
    for row in all() {
        let (table, key, .., a, b) = row;
        // Promises decide about no request, but a file is held to them.
        let shown = |value: &str| {
            let Compiled { policy, source, .. } = whole(row, value);
            format!("{policy:?} {:?}", source.expects)
        };
        let first = shown(a);
        assert_eq!(first, shown(a), "[{table}] {key}: the same text, and two policies");
        assert_ne!(first, shown(b), "[{table}] {key} changes nothing");
    }
}

#[test]
fn changing_a_key_changes_what_is_done() {
    let mut idle = Vec::new();
    for row in all() {
        let (table, key, .., a, b) = row;
        let by_core = keys::table(table).key(key).is_some_and(|key| key.honoured == Honoured::ByCore);
        if !by_core || table.starts_with("expect") || *key == "expect" {
            continue;
        }
        let first = panel::behaviour(&with(row, a));
        assert_eq!(
            first,
            panel::behaviour(&with(row, a)),
            "[{table}] {key}: the same text, and two behaviours"
        );
        if first == panel::behaviour(&with(row, b)) {
            idle.push(format!("[{table}] {key}"));
        }
    }
    assert!(idle.is_empty(), "nothing is done differently for: {idle:#?}");
}

/// Files and variables of a desk, and which files were asked for.
struct Watched(Desk, RefCell<Vec<String>>);

impl Materials for Watched {
    fn file(&self, path: &str) -> Result<Material, FileFault> {
        self.1.borrow_mut().push(path.to_owned());
        Materials::file(&self.0, path)
    }

    fn env(&self, name: &str) -> Option<Secret<Vec<u8>>> {
        self.0.env(name)
    }

    fn generate(&self, path: &str) -> Result<Option<Secret<Vec<u8>>>, FileFault> {
        self.1.borrow_mut().push(path.to_owned());
        self.0.generate(path)
    }

    fn random(&self) -> [u8; 32] {
        self.0.random()
    }

    fn stand_in(&self) -> bool {
        self.0.stand_in()
    }
}

/// A process that confined itself can read again what its policy names, and nothing else.
#[test]
fn every_file_that_is_asked_for_is_named() {
    let mut asked_for = 0;
    for (table, key, at, line, a, b) in all() {
        for value in [a, b] {
            let text = written(*at, key, &format!("{}\n", line.replace('@', value)));
            let desk = Watched(desk(), RefCell::default());
            let source = compile(&[source("f", &text)], &desk, None, now()).unwrap().source;
            let asked = desk.1.into_inner();
            asked_for += asked.len();
            for path in asked {
                assert!(source.named_files.iter().any(|file| file.path == path), "[{table}] {key}: `{path}`");
            }
        }
    }
    assert!(asked_for > all().count());
}

/// The files that rows name.
fn desk() -> Desk {
    Desk::default().file("s", &GOOD.repeat(2)).file("one.pem", ONE).file("two.pem", TWO)
}

/// The policy of a row with this value.
fn with(row: &rows::Row, value: &str) -> Policy {
    whole(row, value).policy
}

/// The policy and the promises of a row with this value.
fn whole((table, key, at, line, ..): &rows::Row, value: &str) -> Compiled {
    let text = written(*at, key, &format!("{}\n", line.replace('@', value)));
    match compile(&[source("f", &text)], &desk(), None, now()) {
        Ok(compiled) => compiled,
        Err(problems) => panic!("[{table}] {key}: {problems:#?}\n{text}"),
    }
}

fn written(at: At, key: &str, line: &str) -> String {
    match at {
        At::End => text(&[HOUSE, APP, line]),
        At::House => text(&[HOUSE, line, APP]),
        At::Instead => instead(key, line),
    }
}

/// Provider and app with another line where they say this key.
fn instead(key: &str, line: &str) -> String {
    let key = match key {
        _ if line.starts_with("jwks =") => "keys",
        "kid" | "alg" => "keys",
        "urls" | "host" | "connect" | "read" | "retries" => "upstream",
        "ca" | "server_name" | "dangerous_any_certificate" => "upstream",
        other => other.trim_start_matches("dangerous_any_"),
    };
    let lines = text(&[HOUSE, APP]);
    let found = lines.lines().find(|line| line.starts_with(&format!("{key} ="))).expect("a line to replace");
    lines.replace(&format!("{found}\n"), line)
}

fn compiles(text: &str, desk: &Desk) -> bool {
    compile(&[source("f", text)], desk, None, now()).is_ok()
}

#[test]
fn version_kind_and_mode_are_minded() {
    let all = text(&[
        "version = 1\n",
        HOUSE,
        APP,
        "mode = \"enforce\"\n[[app.media.route]]\nmatch = \"* /a\"\nmode = \"enforce\"\n",
    ]);
    assert!(compiles(&all, &Desk::default()));
    for (from, to) in [
        ("version = 1", "version = 2"),
        ("kind = \"jwt\"", "kind = \"session\""),
        ("\nmode = \"enforce\"\n[", "\nmode = \"shadow\"\n["),
        ("\"* /a\"\nmode = \"enforce\"", "\"* /a\"\nmode = \"shadow\""),
    ] {
        assert!(all.contains(from));
        assert!(!compiles(&all.replacen(from, to, 1), &Desk::default()), "{to}");
    }
    let main = SourceFile { name: "f".into(), text: "include = [\"a\", \"b/*.toml\"]".into() };
    let patterns: Vec<String> = includes(&main).into_iter().map(|include| include.pattern).collect();
    assert_eq!(patterns, ["a", "b/*.toml"]);
}

#[test]
fn every_key_of_a_secret_is_minded() {
    let with =
        |secret: &str| text(&[&HOUSE.replace("{ file = \"jwt_secret\", generate = true }", secret), APP]);
    let weak = "a".repeat(40);
    let here = Desk::default().file("s", GOOD).file("weak", &weak).open_file("open", GOOD).var("S", GOOD);
    for (good, bad) in [
        ("{ file = \"s\" }", "{ file = \"gone\" }"),
        ("{ env = \"S\" }", "{ env = \"GONE\" }"),
        ("{ file = \"gone\", generate = true }", "{ file = \"gone\", generate = false }"),
        ("{ file = \"open\", dangerous_open_file = true }", "{ file = \"open\" }"),
        ("{ file = \"weak\", dangerous_weak = true }", "{ file = \"weak\" }"),
    ] {
        assert!(compiles(&with(good), &here), "{good}");
        assert!(!compiles(&with(bad), &here), "{bad}");
    }
}

#[test]
fn a_public_key_is_read_from_its_file() {
    let with = |file: &str| {
        let key = format!("{{ alg = \"EdDSA\", public = {{ file = \"{file}\" }} }}");
        text(&[&HOUSE.replace("{ secret = { file = \"jwt_secret\", generate = true } }", &key), APP])
    };
    let desk = Desk::default().file("ed.pem", ED25519).file("broken.pem", "-----BEGIN PUBLIC KEY-----");
    let named = compile(&[source("f", &with("ed.pem"))], &desk, None, now()).unwrap().source.named_files;
    assert!(named.iter().any(|file| file.path == "ed.pem" && !file.made), "{named:?}");
    assert!(!compiles(&with("broken.pem"), &desk));
    assert!(!compiles(&with("gone.pem"), &desk));
}

/// The public key of RFC 8410 §10.1.
const ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";

#[test]
fn what_a_promise_says_is_checked() {
    let house = text(&[
        HOUSE,
        APP,
        "access.deny = [\"10.0.0.1\"]\n[[app.media.route]]\nmatch = \"GET /open\"\nauth = \"public\"\n",
        "[[app.media.route]]\nmatch = \"GET /roles\"\nroles = [\"x\"]\n",
        "[[app.media.route]]\nmatch = \"GET /scopes\"\nscopes = [\"x\"]\n",
        "[[app.media.route]]\nmatch = \"GET /of/{user}\"\nowner.param = \"user\"\n",
        "[[app.media.route]]\nmatch = \"GET /mfa\"\nmfa = true\n",
    ]);
    for (key, promise, kept, broken) in [
        ("request", "answer = \"forward\"\nrequest = @", "\"GET /open\"", "\"GET /shut\""),
        ("host", "request = \"GET /\"\nanswer = 421\nhost = @", "\"x\"", "\"media.example.com\""),
        ("ip", "request = \"GET /\"\nanswer = 403\nip = @", "\"10.0.0.1\"", "\"10.0.0.2\""),
        ("answer", "request = \"GET /\"\nanswer = @", "401", "403"),
        ("as", "request = \"GET /\"\nanswer = \"forward\"\n@", "as.user = \"bob\"", ""),
        ("user", "request = \"GET /of/bob\"\nanswer = \"forward\"\nas.user = @", "\"bob\"", "\"eve\""),
        (
            "roles",
            "request = \"GET /roles\"\nanswer = \"forward\"\nas = { user = \"bob\", roles = @ }",
            "[\"x\"]",
            "[\"y\"]",
        ),
        (
            "scopes",
            "request = \"GET /scopes\"\nanswer = \"forward\"\nas = { user = \"bob\", scopes = @ }",
            "[\"x\"]",
            "[\"y\"]",
        ),
        (
            "mfa",
            "request = \"GET /mfa\"\nanswer = \"forward\"\nas = { user = \"bob\", mfa = @ }",
            "true",
            "false",
        ),
    ] {
        let all = |value: &str| text(&[&house, "[[expect]]\n", &promise.replace('@', value), "\n"]);
        assert!(compiles(&all(kept), &Desk::default()), "{key} = {kept}");
        assert!(!compiles(&all(broken), &Desk::default()), "{key} = {broken}");
    }
}

/// The range that the table tells is the one that the reader tells who leaves it.
#[test]
fn ranges_are_those_of_the_table() {
    let mut ranges = 0;
    for row in all() {
        let (table, key, at, line, ..) = row;
        let known = keys::table(table).key(key).unwrap();
        let beyond = match known.kind {
            Kind::Duration(_) => "\"99999d\"",
            Kind::Size(_) => "\"9000TiB\"",
            Kind::Rate(_) => "\"9000TiB/s\"",
            Kind::Count(_) | Kind::WordOrCount(..) => "99999999999999",
            Kind::Text
            | Kind::Choice(_)
            | Kind::ProfileName
            | Kind::Flag
            | Kind::CodeOrStatus(_)
            | Kind::Texts
            | Kind::TextOrTexts
            | Kind::MapOfTexts
            | Kind::MapOfLists
            | Kind::Table(_)
            | Kind::Tables(_)
            | Kind::Named(_)
            | Kind::TextOrTable(_) => continue,
        };
        let text = written(*at, key, &format!("{}\n", line.replace('@', beyond)));
        let problems = compile(&[source("f", &text)], &Desk::default(), None, now()).unwrap_err();
        let told =
            problems.iter().any(|problem| problem.hint.ends_with(&format!("from {}", known.accepted())));
        assert!(told, "[{table}] {key} = {}: {problems:#?}", known.accepted());
        ranges += 1;
    }
    assert!(ranges > 25, "{ranges}");
}

/// Saying the default of the table changes nothing.
#[test]
fn defaults_are_those_of_the_table() {
    let seen = |policy: &Policy| {
        let upstreams: Vec<_> = policy.apps.iter().map(|app| &app.upstream).collect();
        let (server, admin, log) = (&policy.server, &policy.admin, &policy.log);
        format!("{server:?}\n{admin:?}\n{log:?}\n{upstreams:?}\n{}", panel::behaviour(policy))
    };
    let (mut defaults, mut wrong) = (0, Vec::new());
    for row in all() {
        let (table, key, at, line, ..) = row;
        let default = keys::table(table).key(key).unwrap().default.written();
        // A promise without its request or answer is none.
        let Some(default) =
            default.filter(|_| !table.starts_with("expect") && line.contains(&format!("{key} = @")))
        else {
            continue;
        };
        let desk = desk();
        let of = |line: &str| {
            let text = written(*at, key, &format!("{line}\n"));
            compile(&[source("f", &text)], &desk, None, now())
                .map(|compiled| seen(&compiled.policy))
                .map_err(|problems| format!("{problems:#?}\n{text}"))
        };
        let (unsaid, said) = (of(&unsaid(line)), of(&line.replace('@', &default)));
        if unsaid.is_err() || unsaid != said {
            let why = unsaid.err().or(said.err()).unwrap_or_default();
            wrong.push(format!("[{table}] {key} = {default} {why}"));
        }
        defaults += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(defaults > 50, "{defaults}");
}

/// The line of a row without the key that it is about.
fn unsaid(line: &str) -> String {
    let (before, after) = line.split_once('@').unwrap();
    let from = [before.rfind('\n'), before.rfind(", "), before.rfind("{ ").map(|at| at + 1)];
    let from = from.into_iter().flatten().max().unwrap_or(0);
    let after = if before[from..].starts_with(' ') { after.trim_start_matches(',') } else { after };
    format!("{}{after}", &before[..from])
}
