//! Mistakes that only show when two keys are seen together, and values of a grammar of their own.

use super::{APP, HOUSE, check, text, warnings};

/// A route table in an app that is complete.
fn with(lines: &str) -> String {
    text(&[HOUSE, APP, lines])
}

#[test]
fn an_app_says_where_it_is_and_who_may_come() {
    check(
        &text(&[HOUSE, "[app.media]\n"]),
        &[
            "6 app.media: missing key `hosts` | say which hosts",
            "6 app.media: missing key `upstream` | say where it is",
            "6 app.media: missing key `auth` | decide",
        ],
    );
    check(APP, &["1 app.media: no provider is defined … [auth.house] … auth = \"public\""]);
    check(&APP.replace("required", "public"), &[]);
    check(
        &text(&[
            &APP.replace("required", "public"),
            "[[app.media.route]]\nmatch = \"GET /x\"\nauth = \"optional\"\n",
        ]),
        &["1 app.media: no provider is defined"],
    );
    let two = text(&[HOUSE, &HOUSE.replace("[auth.house]", "[auth.idp]")]);
    check(
        &text(&[&two, APP]),
        &[
            "11 app.media: missing key `by` | there are several providers, house, idp: say which: by = [\"house\"]",
        ],
    );
    check(&text(&[&two, APP, "by = [\"idp\", \"house\"]\n"]), &[]);
    check(
        &text(&[&two, APP, "by = [\"hous\"]\n"]),
        &["15 app.media.by[0]: no such provider: `hous` | did you mean `house`"],
    );
    check(&text(&[&two, APP, "by = [\"zzz\"]\n"]), &["no such provider: `zzz` | define it: [auth.zzz]"]);
    check(&text(&[&two, APP, "by = []\n"]), &["15 app.media.by: a list without a provider"]);
    check(&text(&[&two, APP, "by = [\"idp\", \"idp\"]\n"]), &["15 app.media.by[1]: listed twice: `idp`"]);
    let public = APP.replace("required", "public");
    let route = "[[app.media.route]]\nmatch = \"GET /x\"\nauth = \"required\"\nby = [\"idp\"]\n";
    check(&text(&[&two, &public, route]), &[]);
    check(
        &text(&[HOUSE, &APP.replace("app.media", "app.\"my app\"")]),
        &["6 app.\"my app\": not a name: `my app`"],
    );
}

#[test]
fn hosts_belong_to_one_app() {
    let other = "[app.other]\nhosts = [\"x\",\n  \"Media.example.com\"]\nupstream = \"http://127.0.0.1:1\"\nauth = \"required\"\n";
    check(
        &with(other),
        &["12 app.other.hosts[1]: host `Media.example.com` stands at `stagedoor.toml:7` already"],
    );
    for host in ["https://x", "x/y", "a b", "", "a*b", "x:99999999"] {
        check(&with("").replace("media.example.com", host), &["7 app.media.hosts[0]: not a host"]);
    }
}

#[test]
fn routes_do_not_tie_and_can_be_met() {
    let route = |matches: &str, more: &str| format!("[[app.media.route]]\nmatch = {matches}\n{more}");
    let two = |a: &str, b: &str| with(&format!("{}{}", route(a, ""), route(b, "")));
    check(
        &two("\"GET /a/{x}\"", "\"GET /a/{y}\""),
        &[
            "13 app.media.route[1].match: matches the same requests as `GET /a/{x}` at stagedoor.toml:11: `GET /a/{y}`",
        ],
    );
    check(
        &two("\"GET /a\"", "[\"POST /a\",\n\"GET /a\"]"),
        &["14 app.media.route[1].match[1]: matches the same requests"],
    );
    check(&two("\"GET /a\"", "\"* /a\""), &[]);
    check(
        &two("\"GET /Movies/{id}\"", "\"GET /movies/{id}\""),
        &[
            "13 app.media.route[1].match: no request can match this … also that of `GET /Movies/{id}` … | … case = \"exact\"",
        ],
    );
    check(
        &two("\"GET /a\"", "\"GET /a/\""),
        &["13 app.media.route[1].match: no request can match this … | remove it, or write the path"],
    );
    for bad in [
        "\"GET /a/../b\"",
        "\"CONNECT /x\"",
        "\"get /a\"",
        "\"/a\"",
        "\"GET a\"",
        "\"GET /{*rest}/x\"",
        "\"GET /a?b\"",
        "[]",
    ] {
        let found = super::compiled(&with(&route(bad, "")), &super::Desk::default()).unwrap_err();
        assert!(found.len() == 1 && found[0].line == 11, "{bad}: {found:?}");
    }
    check(
        &with(&route("\"GET /u/{user}/x\"", "owner = { param = \"usr\" }\n")),
        &["12 app.media.route[0].owner.param: no such parameter in the path: `usr` | did you mean `user`"],
    );
    check(
        &with(&route("\"GET /u/{user}/x\"", "owner = { or_role = \"a\" }\n")),
        &["12 app.media.route[0].owner: missing key `param`"],
    );
    check(
        &with(&route("[\"* /u/{user}\", \"* /x/u/{user}\"]", "owner = { param = \"user\" }\n")),
        &["12 app.media.route[0].owner.param: at another position than in `* /u/{user}`: `user`"],
    );
    check(
        &with(&route("\"* /u/{*user}\"", "owner = { param = \"user\" }\n")),
        &["more than one segment: `user`"],
    );
    check(
        &with(&route(
            "[\"* /u/{user}\", \"* /u/{user}/{*rest}\"]",
            "owner = { param = \"user\", or_role = \"admin\" }\n",
        )),
        &[],
    );
    check(
        &with(&route("\"GET /a\"", "name = \"-\"\n")),
        &["12 app.media.route[0].name: not a name of a route: `-`"],
    );
}

#[test]
fn of_nobody_nothing_can_be_asked() {
    let route = |more: &str| {
        with(&format!("[[app.media.route]]\nmatch = \"* /u/{{user}}\"\nauth = \"public\"\n{more}\n"))
    };
    check(
        &route("roles = [\"admin\"]"),
        &["13 app.media.route[0].roles: this key needs a caller, and a public route has none: `roles`"],
    );
    check(&route("scopes = [\"x\"]"), &["`scopes`"]);
    check(&route("owner = { param = \"user\" }"), &["`owner`"]);
    check(&route("by = [\"house\"]"), &["`by`"]);
    check(&route("mfa = true"), &["13 app.media.route[0].mfa: this key needs a caller"]);
    check(&route("mfa = false"), &[]);
    let public = text(&[HOUSE, &APP.replace("required", "public"), "mfa = true\n"]);
    check(&public, &["10 app.media.mfa: no caller is asked for a second factor: every path is public"]);
    check(&text(&[&public, "[[app.media.route]]\nmatch = \"* /x\"\nauth = \"required\"\n"]), &[]);
    let inherited = text(&[
        HOUSE,
        &APP.replace("required", "public"),
        "[[app.media.route]]\nmatch = \"* /x\"\nroles = [\"a\"]\n",
    ]);
    check(&inherited, &["12 app.media.route[0].roles: this key needs a caller"]);
    check(
        &with("[[app.media.route]]\nmatch = \"* /x\"\nroles = []\n"),
        &["12 app.media.route[0].roles: a list without a role"],
    );
    check(
        &with("[[app.media.route]]\nmatch = \"* /x\"\nscopes = [\"a b\"]\n"),
        &["12 app.media.route[0].scopes[0]: not a scope: `a b`"],
    );
}

#[test]
fn other_methods_of_a_guarded_path_are_warned_about() {
    let guarded = "[[app.media.route]]\nmatch = \"GET /admin\"\nroles = [\"admin\"]\n";
    warnings(
        &with(guarded),
        &[
            "11 app.media.route[0].match: this route has roles, but other methods than GET fall to the app's own policy: `/admin` | say unlisted = \"deny\", or add a route for `* /admin`",
        ],
    );
    warnings(&with(&format!("unlisted = \"deny\"\n{guarded}")), &[]);
    warnings(&with(&guarded.replace("GET", "*")), &[]);
    let factor = guarded.replace("roles = [\"admin\"]", "mfa = true");
    warnings(
        &with(&factor),
        &["this route has mfa, but other methods than GET fall to the app's own policy"],
    );
    warnings(&with(&format!("mfa = true\n{factor}")), &[]);
    warnings(&with(&format!("{guarded}[[app.media.route]]\nmatch = \"* /admin\"\nroles = [\"x\"]\n")), &[]);
}

#[test]
fn limits_and_buckets() {
    let route = |path: &str, more: &str| format!("[[app.media.route]]\nmatch = \"* /{path}\"\n{more}\n");
    check(&with("limit.ip = [\"20/s burst 40\", \"5000/hour\"]\nlimit.user = \"10/s burst 20\"\n"), &[]);
    for (rule, words) in [
        ("20", "a limit without a unit"),
        ("0/s", "zero"),
        ("1/fortnight", "unit of time"),
        ("5/s bust 3", "not a limit"),
    ] {
        check(
            &with(&format!("limit.ip = [\"1/s\",\n\"{rule}\"]\n")),
            &[&format!("11 app.media.limit.ip[1]: … {words}")],
        );
    }
    check(
        &with("limit.ip = [\"1/s\", \"2/s\", \"3/s\", \"4/s\", \"5/s\"]\n"),
        &["10 app.media.limit.ip[4]: too many limits in one place: `5`"],
    );
    check(
        &with(&format!(
            "{}{}",
            route("a", "bucket = \"b\"\nlimit.ip = [\"1/s\"]"),
            route("c", "bucket = \"b\"\nlimit.ip = [\"2/s\"]")
        )),
        &["16 app.media.route[1].bucket: other limits than at `stagedoor.toml:12` for the bucket `b`"],
    );
    check(
        &with(&route("a", "bucket = \"b\"")),
        &["12 app.media.route[0].bucket: a bucket without a limit: `b`"],
    );
    check(
        &with(&route("a", "bucket = \"b c\"\nlimit.ip = [\"1/s\"]")),
        &["12 app.media.route[0].bucket: not a name of a bucket: `b c`"],
    );
    check(
        &with(&format!(
            "{}{}",
            route("a", "bucket = \"b\"\nlimit.ip = [\"1/s\"]"),
            route("c", "bucket = \"b\"")
        )),
        &[],
    );
}

#[test]
fn providers_say_what_they_trust() {
    let at = |from: &str, to: &str| text(&[&HOUSE.replace(from, to), APP]);
    check(
        &at("issuer = \"stagedoor\"\n", ""),
        &["1 auth.house: missing key `issuer` | … dangerous_any_issuer = true"],
    );
    check(
        &at("audience = [\"media\"]\n", ""),
        &["1 auth.house: missing key `audience` | … dangerous_any_audience = true"],
    );
    check(&at("issuer = \"stagedoor\"", "issuer = \"\""), &["4 auth.house.issuer: an issuer without a name"]);
    check(
        &at("audience = [\"media\"]", "audience = []"),
        &["5 auth.house.audience: an audience without a name"],
    );
    check(
        &at("issuer = \"stagedoor\"", "issuer = \"x\"\ndangerous_any_issuer = true"),
        &["4 auth.house.issuer: `dangerous_any_issuer` beside an issuer: `x`"],
    );
    check(&at("kind = \"jwt\"\n", ""), &["1 auth.house: missing key `kind`"]);
    check(
        &at("keys = [{ secret = { file = \"jwt_secret\", generate = true } }]\n", ""),
        &["1 auth.house: missing key `keys`"],
    );
    let key = "[{ secret = { file = \"jwt_secret\", generate = true } }]";
    check(
        &at(key, "[]"),
        &["3 auth.house.keys: a provider that verifies nothing | give it a key: keys = [{"],
    );
    // What is in it was refused already.
    check(&at(key, "[1]"), &["3 auth.house.keys[0]: of the wrong type: `integer`"]);
    warnings(
        &at("issuer = \"stagedoor\"", "dangerous_any_issuer = true"),
        &[
            "4 auth.house.dangerous_any_issuer: a token of any issuer is accepted: `dangerous_any_issuer = true`",
        ],
    );
    warnings(
        &at("audience = [\"media\"]", "dangerous_any_audience = true"),
        &["5 auth.house.dangerous_any_audience: a token for any audience"],
    );
    for (line, expected) in [
        ("leeway = \"1h\"", "6 auth.house.leeway: out of range: `1h`"),
        ("sources = []", "6 auth.house.sources: a list without a source of tokens"),
        ("sources = [\"bearer\", \"bearer\"]", "6 auth.house.sources[1]: listed twice: `bearer`"),
        ("sources = [\"beaer\"]", "6 auth.house.sources[0]: "),
        ("claims = { user = \"a..b\" }", "6 auth.house.claims.user: not a path to a claim: `a..b`"),
        ("claims = { usr = \"a\" }", "6 auth.house.claims.usr: unknown key `usr` | did you mean `user`"),
        ("secret = \"hunter2\"", "6 auth.house.secret: unknown key `secret`"),
    ] {
        check(&text(&[HOUSE, line, "\n", APP]), &[expected]);
    }
}

#[test]
fn an_algorithm_belongs_to_its_kind_of_key() {
    let at = |key: &str| {
        text(&[&HOUSE.replace("{ secret = { file = \"jwt_secret\", generate = true } }", key), APP])
    };
    for (key, expected) in [
        (
            "{ alg = \"RS256\", secret = { env = \"X\" } }",
            "3 auth.house.keys[0].alg: a secret cannot verify `RS256`",
        ),
        (
            "{ alg = \"HS256\", public = { file = \"x\" } }",
            "3 auth.house.keys[0].alg: a public key cannot verify `HS256`",
        ),
        ("{ public = { file = \"x\" } }", "3 auth.house.keys[0]: a public key cannot verify `HS256`"),
        ("{ alg = \"none\", secret = { env = \"X\" } }", "not an algorithm: `none` | … accepted: HS256"),
        ("{ alg = \"hs256\", secret = { env = \"X\" } }", "not an algorithm: `hs256` | did you mean `HS256`"),
        (
            "{ alg = \"ES256\", public = { file = \"gone.pem\" } }",
            "3 auth.house.keys[0].public.file: cannot read the key (it is missing): `gone.pem`",
        ),
        ("{ alg = \"ES256\", public = {} }", "3 auth.house.keys[0].public: missing key `file`"),
        ("{ alg = \"HS256\" }", "3 auth.house.keys[0]: a key with neither `secret` nor `public`"),
        ("{ secret = { env = \"X\" }, public = { file = \"x\" } }", "a key with both `secret` and `public`"),
        (
            "{ kid = \"\", secret = { file = \"a\", generate = true } }",
            "3 auth.house.keys[0].kid: not a key id",
        ),
        (
            "{ secret = \"hunter2\" }",
            "3 auth.house.keys[0].secret: of the wrong type: `string` | accepted: a table … { file = \"data/secret\", generate = true }",
        ),
    ] {
        check(&at(key), &[expected]);
    }
    let twins = "{ kid = \"a\", secret = { file = \"a\", generate = true } }, { kid = \"a\", secret = { file = \"b\", generate = true } }";
    check(&at(twins), &["3 auth.house.keys[1].kid: another key at `stagedoor.toml:3` has the same kid: `a`"]);
}

#[test]
fn a_method_that_no_server_has_is_warned_about() {
    let route = |method: &str| with(&format!("[[app.media.route]]\nmatch = \"{method} /a\"\n"));
    warnings(
        &route("GTE"),
        &[
            "11 app.media.route[0].match: no method that servers are known to have: `GTE` | did you mean `GET`",
        ],
    );
    warnings(&route("FROB"), &["`FROB` | write `*` for every method"]);
    for known in ["*", "GET", "PROPFIND", "MKCOL", "QUERY", "M-SEARCH"] {
        warnings(&route(known), &[]);
    }
    warnings(
        &with("cors = { origins = [\"https://a.example\"], methods = [\"GET\", \"DELTE\"] }\n"),
        &["no method that servers are known to have: `DELTE` | did you mean `DELETE`"],
    );
}

#[test]
fn what_counts_as_a_second_factor_is_judged() {
    let with = |line: &str| text(&[HOUSE, line, "\n", APP]);
    for line in [
        "mfa.amr = [\"mfa\", \"pwd+otp\", \"urn:x:y\"]",
        "mfa.acr = [\"urn:mace:incommon:iap:silver\", \"2\"]",
        "mfa = { acr = [\"gold\"], amr = [\"mfa\"] }",
    ] {
        check(&with(line), &[]);
    }
    let nine = ["\"x\""; 9].join(", ");
    for (line, expected) in [
        ("mfa = {}", "6 auth.house.mfa: neither `amr` nor `acr` | write what its tokens say"),
        ("mfa.amr = []", "6 auth.house.mfa.amr: a list without a value"),
        ("mfa.acr = []", "6 auth.house.mfa.acr: a list without a value"),
        ("mfa.amr = [\"\"]", "auth.house.mfa.amr[0]: not an authentication method: ``"),
        ("mfa.amr = [\"pwd+\"]", "not an authentication method: `pwd+`"),
        ("mfa.amr = [\"pwd otp\"]", "not an authentication method: `pwd otp`"),
        ("mfa.acr = [\"gold silver\"]", "auth.house.mfa.acr[0]: not a value of `acr`: `gold silver`"),
        ("mfa.acr = ['a\"b']", "not a value of `acr`"),
        ("mfa.acr = ['a\\b']", "not a value of `acr`"),
        ("mfa.acr = [\"\u{e9}\"]", "not a value of `acr`"),
        (&format!("mfa.acr = [{nine}]"), "more than 8 values: `9`"),
        (&format!("mfa.amr = [{nine}]"), "more than 8 values: `9`"),
        (&format!("mfa.acr = [\"{}\"]", "x".repeat(129)), "not a value of `acr`"),
        ("mfa.arm = [\"mfa\"]", "`arm`"),
    ] {
        check(&with(line), &[expected]);
    }
}
