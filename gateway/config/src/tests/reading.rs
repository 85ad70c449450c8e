//! Syntax, keys, types, units, ranges.

use super::{APP, Desk, HOUSE, check, compare, compile, now, source, text};
use crate::includes;

#[test]
fn a_small_file_compiles() {
    check(&text(&[HOUSE, APP]), &[]);
    check(&text(&["version = 1\ninclude = [\"apps/*.toml\"]\n", HOUSE, APP]), &[]);
}

#[test]
fn unknown_keys_are_told_with_what_was_meant() {
    for (line, expected) in [
        ("limits.ip = [\"1/s\"]", "10 app.media.limits: unknown key `limits` | did you mean `limit`"),
        ("body_max = \"1MiB\"", "10 app.media.body_max: unknown key `body_max` | did you mean `body.max`"),
        ("websockets = true", "10 app.media.websockets: unknown key … did you mean `websocket`"),
        ("header_bytes = \"1KiB\"", "unknown key `header_bytes` | `header_bytes` belongs in [server.limits]"),
        ("limit.ipp = [\"1/s\"]", "10 app.media.limit.ipp: unknown key `ipp` | did you mean `ip`"),
        (
            "limit.app = true",
            "10 app.media.limit.app: unknown key `app` | `app` belongs to a route, in [app.NAME.route.limit]",
        ),
        ("bucket = \"a\"", "unknown key `bucket` | `bucket` belongs to a route, in [app.NAME.route]"),
        ("limit.expect = 1", "unknown key `expect` | `expect` belongs at the top of the file"),
        ("zzz = 1", "10 app.media.zzz: unknown key `zzz` | known here: `hosts`, `upstream`"),
        ("\"a b\" = 1", "10 app.media.\"a b\": unknown key `a b`"),
        ("[app.media.cor]\norigins = [\"x\"]", "10 app.media.cor: unknown key `cor` | did you mean `cors`"),
        ("[[app.media.route]]\nmach = \"GET /\"", "10 app.media.route[0]: missing key `match`"),
    ] {
        let all: &[&str] = if line.contains("mach") {
            &[expected, "11 app.media.route[0].mach: unknown key `mach` | did you mean `match`"]
        } else {
            &[expected]
        };
        check(&text(&[HOUSE, APP, line]), all);
    }
}

#[test]
fn what_is_not_built_says_so_once() {
    for (part, expected) in [
        ("[state]\nredis = { url = \"redis://x\" }", "11 state.redis: not yet"),
        ("[audit]\nfile = 1", "10 audit: not yet"),
        ("[lockout]\n", "10 lockout: not yet"),
        ("[ban]\nx = 1", "10 ban: not yet"),
        ("[clamav]\n", "10 clamav: not yet"),
        ("[security_txt]\n", "10 security_txt: not yet"),
        ("[vault]\n", "10 vault: not yet"),
        ("[otel]\n", "10 otel: not yet"),
        ("prefix = \"/x\"", "10 app.media.prefix: not yet"),
        ("strip_prefix = true", "10 app.media.strip_prefix: not yet"),
        ("use = [\"x\"]", "10 app.media.use: not a string: `array`"),
        ("mode = \"shadow\"", "10 app.media.mode: not yet supported: `shadow`"),
        ("until = \"2026-12-24\"", "10 app.media.until: not yet"),
        ("[app.media.cookies]\nsecure = 1", "10 app.media.cookies: not yet"),
        ("[app.media.response]\n", "10 app.media.response: not yet"),
        (
            "[[app.media.route]]\nmatch = \"GET /\"\ninspect = [\"x\"]",
            "12 app.media.route[0].inspect: not yet",
        ),
        (
            "[[app.media.route]]\nmatch = \"GET /\"\n[app.media.route.body.json]\ntype = 1\nenum = 2",
            "12 app.media.route[0].body.json: not yet",
        ),
        ("[[app.media.route]]\nmatch = \"GET /\"\nupload = {}", "12 app.media.route[0].upload: not yet"),
        ("[[app.media.route]]\nmatch = \"GET /\"\nquery = {}", "12 app.media.route[0].query: not yet"),
        ("[[app.media.route]]\nmatch = \"GET /\"\nlogin = {}", "12 app.media.route[0].login: not yet"),
        ("[[app.media.route]]\nmatch = \"GET /\"\nmode = \"shadow\"", "12 app.media.route[0].mode: not yet"),
        (
            "[auth.tower]\nkind = \"forward\"\nurl = \"x\"\n",
            "11 auth.tower.kind: kind of provider not yet supported: `forward`",
        ),
        (
            "[auth.k]\nkind = \"api-key\"\nsources = 1\n",
            "11 auth.k.kind: kind of provider not yet supported: `api-key`",
        ),
    ] {
        if part.starts_with("[auth") {
            // A second provider, be it of a kind that is not built, makes the app say whom it asks.
            let text = text(&[HOUSE, APP, "by = [\"house\"]\n", part]);
            check(&text, &[&expected.replacen("11 ", "12 ", 1)]);
        } else {
            check(&text(&[HOUSE, APP, part]), &[expected]);
        }
    }
}

#[test]
fn keys_of_a_route_that_are_not_built() {
    check(&text(&[HOUSE, APP, "[[app.media.route]]\nmatch = \"GET /x/{id}\"\n"]), &[]);
    check(
        &text(&[
            HOUSE,
            APP,
            "[[app.media.route]]\nmatch = \"GET /x/{id}\"\nowner = { created_by = \"POST /x\", id = \"json:/id\", param = \"id\" }\n",
        ]),
        &["12 app.media.route[0].owner.created_by: not yet", "12 app.media.route[0].owner.id: not yet"],
    );
    check(
        &text(&[&HOUSE.replace("generate = true", "vault = \"x\""), APP]),
        &["3 auth.house.keys[0].secret.vault: not yet", "3 auth.house.keys[0].secret: no secret"],
    );
}

#[test]
fn every_quantity_has_a_unit() {
    for (line, expected) in [
        (
            "[server]\ndrain = 30",
            "11 server.drain: not a duration: `30` | accepted: a whole number with a unit: \"10ms\"",
        ),
        ("[server]\ndrain = \"30\"", "not a duration: `30`"),
        ("[server]\ndrain = \"30 sec\"", "not a duration: `30 sec`"),
        ("[server]\ndrain = true", "not a duration: `true`"),
        ("[server.timeouts]\nheader = \"48h\"", "out of range: `48h` | accepted: from 10ms to 1d"),
        (
            "[server.timeouts]\nmin_rate = \"1KiB\"",
            "11 server.timeouts.min_rate: not a rate: `1KiB` … \"1KiB/s\"",
        ),
        ("[server.timeouts]\nmin_rate = 1024", "not a rate: `1024`"),
        (
            "[server.limits]\nheader_bytes = 32768",
            "11 server.limits.header_bytes: not a size: `32768` … \"16KiB\"",
        ),
        ("[server.limits]\nheader_bytes = \"32k\"", "not a size: `32k`"),
        (
            "[server.limits]\nheader_count = \"100\"",
            "not a number that fits: `100` | accepted: a whole number from 8 to 1000, without quotes",
        ),
        ("[server.limits]\nheader_count = -1", "not a number that fits: `-1`"),
        ("[server.limits]\nheader_count = 1.5", "not a number that fits: `1.5`"),
        (
            "[server.limits]\nconnections = \"many\"",
            "not a number that fits: `many` | accepted: \"auto\", or a whole number",
        ),
        (
            "[server]\nthreads = 0",
            "11 server.threads: not a number that fits: `0` | accepted: \"auto\", or a whole",
        ),
        (
            "[server]\nserver_timing = \"yes\"",
            "neither true nor false: `yes` | accepted: true or false, without quotes",
        ),
        ("[server]\nlisten = \"127.0.0.1:1\"", "not a list of strings: `127.0.0.1:1`"),
        ("[server]\nlisten = [8080]", "11 server.listen[0]: not a list of strings: `8080`"),
        ("[server]\ntimeouts = 3", "11 server.timeouts: of the wrong type: `integer` | accepted: a table"),
        (
            "[log]\nlevel = \"inof\"",
            "11 log.level: not a choice here: `inof` … did you mean `info` … one of `error`, `warn`",
        ),
        ("[log]\nlevel = 3", "11 log.level: not a string: `3`"),
        ("body.max = 1048576", "10 app.media.body.max: not a size: `1048576`"),
        ("app = 1", "unknown key `app`"),
        ("route = 1", "10 app.media.route: of the wrong type: `integer` … [[app.media.route]]"),
        ("route = [1]", "10 app.media.route[0]: of the wrong type: `integer`"),
        (
            "[[app.media.route]]\nmatch = 3",
            "11 app.media.route[0].match: not a list of strings: `3` | accepted: a string, or a list",
        ),
        (
            "headers.preset = \"wbe\"",
            "10 app.media.headers.preset: not a choice here: `wbe` | accepted: did you mean `web`",
        ),
        ("origin.check = \"cookie\"", "10 app.media.origin.check: … did you mean `cookies`"),
        ("errors = \"fast-api\"", "did you mean `fastapi`"),
        ("cors = \"ap\"", "10 app.media.cors: not a choice here: `ap` … did you mean `app`"),
        ("upstream.urls = 1", "10 : written twice: `upstream`"),
    ] {
        let text = text(&[HOUSE, APP, line]);
        if line.starts_with("upstream") {
            let problems = compile(&[source("x", &text)], &Desk::default(), None, now()).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].line, 10, "{problems:?}");
        } else {
            check(&text, &[expected]);
        }
    }
}

#[test]
fn a_kind_that_is_no_string_is_reported_once() {
    let text = text(&[HOUSE, APP]).replace("kind = \"jwt\"", "kind = 1");
    check(&text, &["2 auth.house.kind: not a string: `1` | accepted: one of `jwt`"]);
}

#[test]
fn every_table_tells_its_mistakes_at_once() {
    check(
        r#"version = 2
[server]
drain = 1
[server.timeouts]
idle = 1
[admin]
metrics = "x"
[log]
format = "xml"
[auth.house]
kind = "jwtt"
[app.a]
hosts = []
[app.b]
auth = "requird"
upstream = "ftp://x"
hosts = ["a b"]
[[app.b.route]]
match = "GET"
[[app.b.route]]
match = "GET /x"
limit.ip = ["20"]
[[expect]]
request = "x"
"#,
        &[
            "1 version: not a number that fits: `2`",
            "3 server.drain",
            "5 server.timeouts.idle",
            "7 admin.metrics",
            "9 log.format",
            "11 auth.house.kind: not a choice here: `jwtt` … did you mean `jwt`",
            "12 app.a: missing key `upstream`",
            "12 app.a: missing key `auth`",
            "13 app.a.hosts: an app without a host",
            "15 app.b.auth: … did you mean `required`",
            "16 app.b.upstream: not an address of an app: `ftp://x`",
            "17 app.b.hosts[0]: not a host",
            "19 app.b.route[0].match: a method and a path",
            "22 app.b.route[1].limit.ip[0]: a limit without a unit of time",
            "23 expect[0]: missing key `answer`",
            "23 expect[0]: missing key `host`",
            "24 expect[0].request: not a request: `x`",
        ],
    );
}

#[test]
fn what_is_not_toml_is_told_with_its_line_and_the_rest_is_read() {
    check(
        &text(&[HOUSE, APP, "websocket = yes\nbody.max = 5\n"]),
        &["10 : not TOML", "11 app.media.body.max: not a size: `5`"],
    );
    check(&text(&[HOUSE, APP, "[server\ndrain = 3\n"]), &["10 : not TOML"]);
    check(&text(&[HOUSE, APP, APP]), &["10 : written twice: `media` | a key or table may stand once"]);
    check(&text(&[HOUSE, APP, "auth = \"public\"\n"]), &["10 : written twice: `auth`"]);
    // What a torn file seems to lack may stand in the lines that were lost.
    check("[app.media\nhosts = [\"a\"]\n[app.b]\nhosts = [\"b\"]\n", &["1 : not TOML"]);
    check("", &["0 : no app in the configuration | protect something"]);
}

#[test]
fn includes_hold_apps_and_providers_and_nothing_else() {
    let main = source("stagedoor.toml", &text(&["include = [\"apps/*.toml\"]\n", HOUSE]));
    let one = source("apps/one.toml", APP);
    let two = source(
        "apps/two.toml",
        "[app.two]\nhosts = [\"two\"]\nupstream = \"http://[::1]:9\"\nauth = \"public\"\n",
    );
    assert_eq!(includes(&main), [crate::Include { pattern: "apps/*.toml".into(), line: 1 }]);
    let compiled = compile(&[main.clone(), one.clone(), two.clone()], &Desk::default(), None, now()).unwrap();
    let names: Vec<&str> = compiled.policy.apps.iter().map(|app| &*app.name).collect();
    assert_eq!(names, ["media", "two"]);
    assert_eq!(
        compiled.source.of_app(&compiled.policy.apps[0]).of("auth").unwrap().to_string(),
        "apps/one.toml:4"
    );

    let bad = source("apps/bad.toml", &text(&["version = 1\n[server]\ndrain = \"1s\"\n", APP]));
    let problems = compile(&[main, one, bad], &Desk::default(), None, now()).unwrap_err();
    compare(
        &problems,
        &[
            "2 server: not in an included file: `server` | move it to the main file",
            "4 app.media: another [app.media] stands at `apps/one.toml:1`",
            "5 app.media.hosts[0]: host `media.example.com` stands at `apps/one.toml:2` already",
        ],
        "",
    );
    assert!(problems.iter().all(|problem| &*problem.file == "apps/bad.toml"));
}
