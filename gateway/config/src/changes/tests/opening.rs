//! Edits that let somebody do more, alone or behind others that tighten: each of them waits.

use super::*;
use crate::PolicyChange;

/// Lines of the app, before and after.
const EDITS: &[(&str, &str)] = &[
    // A profile: its base moved away from where the app answers, or the profile dropped or exchanged.
    ("use = \"sonarr\"\nbase = \"/sonarr\"\n", "use = \"sonarr\"\nbase = \"/\"\n"),
    ("use = \"sonarr\"\n", "use = \"sonarr\"\nbase = \"/x\"\n"),
    ("", "use = \"sonarr\"\n"),
    ("use = \"sonarr\"\n", "use = \"radarr\"\n"),
    ("use = \"sonarr\"\n", "use = \"navidrome\"\n"),
    ("use = \"navidrome\"\n", ""),
    (
        "use = \"jellyfin\"\n",
        "use = \"jellyfin\"\nunlisted = \"inherit\"\n[[app.media.route]]\nmatch = \"* /{*rest}\"\nauth = \"public\"\n",
    ),
    // Two routes exchange their patterns.
    (
        "[[app.media.route]]\nmatch = \"* /a/{*r}\"\nroles = [\"a\"]\n[[app.media.route]]\nmatch = \"* /b/{*r}\"\nroles = [\"b\"]\n",
        "[[app.media.route]]\nmatch = \"* /b/{*r}\"\nroles = [\"a\"]\n[[app.media.route]]\nmatch = \"* /a/{*r}\"\nroles = [\"b\"]\n",
    ),
    (
        "[[app.media.route]]\nname = \"one\"\nmatch = \"* /a\"\nroles = [\"a\"]\n[[app.media.route]]\nname = \"two\"\nmatch = \"* /b\"\n",
        "[[app.media.route]]\nname = \"two\"\nmatch = \"* /a\"\n[[app.media.route]]\nname = \"one\"\nmatch = \"* /b\"\nroles = [\"a\"]\n",
    ),
    // What the end of a pattern meets.
    (
        "[[app.media.route]]\nmatch = [\"* /admin/{*r}\", \"* /admin\"]\nroles = [\"a\"]\n",
        "[[app.media.route]]\nmatch = \"* /admin/{page}\"\nroles = [\"a\"]\n",
    ),
    (
        "[[app.media.route]]\nmatch = \"* /admin/\"\nroles = [\"a\"]\n",
        "[[app.media.route]]\nmatch = \"* /admin\"\nroles = [\"a\"]\n",
    ),
    (
        "[[app.media.route]]\nmatch = \"* /{*r}\"\nroles = [\"a\"]\n",
        "[[app.media.route]]\nmatch = \"* /{x}\"\nroles = [\"a\"]\n",
    ),
    ("[[app.media.route]]\nmatch = \"* /\"\nroles = [\"a\"]\n", ""),
    (
        "[[app.media.route]]\nmatch = \"OPTIONS /a\"\nroles = [\"a\"]\n[[app.media.route]]\nmatch = \"* /a\"\nroles = [\"a\"]\n",
        "[[app.media.route]]\nmatch = \"OPTIONS /a\"\n[[app.media.route]]\nmatch = \"* /a\"\nroles = [\"a\"]\n",
    ),
    (
        "[[app.media.route]]\nmatch = \"* /a%20b\"\nroles = [\"a\"]\n",
        "[[app.media.route]]\nmatch = \"* /a%2520b\"\nroles = [\"a\"]\n",
    ),
    // Owners.
    (
        "[[app.media.route]]\nmatch = \"* /u/{user}/{x}\"\nowner.param = \"user\"\n",
        "[[app.media.route]]\nmatch = \"* /u/{user}/{x}\"\nowner.param = \"x\"\n",
    ),
    (
        "[[app.media.route]]\nmatch = \"* /u/{user}/{x}\"\nowner.param = \"user\"\n",
        "[[app.media.route]]\nmatch = \"* /u/{x}/{user}\"\nowner.param = \"user\"\n",
    ),
    (
        "[[app.media.route]]\nmatch = \"* /u/{user}\"\nowner = { param = \"user\", or_role = \"a\" }\n",
        "[[app.media.route]]\nmatch = \"* /u/{user}\"\nowner = { param = \"user\", or_role = \"b\" }\n",
    ),
    // Limits and buckets.
    (
        "[[app.media.route]]\nmatch = \"* /a\"\nlimit.ip = \"5/h\"\nbucket = \"x\"\n[[app.media.route]]\nmatch = \"* /b\"\nbucket = \"x\"\n",
        "[[app.media.route]]\nmatch = \"* /a\"\nlimit.ip = \"5/h\"\nbucket = \"x\"\n[[app.media.route]]\nmatch = \"* /b\"\nlimit.ip = \"5/h\"\nbucket = \"y\"\n",
    ),
    (
        "limit.ip = \"5/h\"\n[[app.media.route]]\nmatch = \"* /a\"\n",
        "limit.ip = \"5/h\"\n[[app.media.route]]\nmatch = \"* /a\"\nlimit.app = false\n",
    ),
    (
        "limit.ip = \"5/h\"\n[[app.media.route]]\nmatch = \"* /a\"\n",
        "limit.ip = \"5/h\"\n[[app.media.route]]\nmatch = \"* /a\"\nlimit = { app = false, ip = \"5/h\" }\n",
    ),
    ("limit.ip = \"60/h\"\n", "limit.ip = \"1/min burst 60\"\n"),
    ("limit.ip = \"24/d\"\n", "limit.ip = \"24/23h\"\n"),
    ("limit.user = \"5/h\"\n", "limit.ip = \"5/h\"\n"),
    // How a path is read.
    ("", "slashes = \"merge\"\n"),
    ("slashes = \"merge\"\n", ""),
    ("", "backslash = \"name\"\n"),
    ("", "encoded_slash = true\n"),
    (
        "[[app.media.route]]\nmatch = \"* /a\"\n",
        "[[app.media.route]]\nmatch = \"* /a\"\nencoded_slash = true\n",
    ),
    ("", "case = \"exact\"\n"),
    // What browsers are told.
    (
        "headers.csp = { mode = \"report\", policy = { frame-ancestors = \"*\" } }\n",
        "headers.csp = { mode = \"enforce\", policy = { frame-ancestors = \"*\" } }\n",
    ),
    (
        "headers.csp = { mode = \"report\", policy = { object-src = \"*\", base-uri = \"*\" } }\n",
        "headers.csp = { mode = \"enforce\", policy = { object-src = \"*\", base-uri = \"*\" } }\n",
    ),
    (
        "headers.csp = { mode = \"enforce\", policy = { default-src = \"'self'\" } }\n",
        "headers.preset = \"api\"\nheaders.csp = { mode = \"enforce\", policy = { default-src = \"'self'\" } }\n",
    ),
    (
        "headers.csp = { mode = \"enforce\", policy = { script-src = [\"'self'\", \"'nonce-abc'\"] } }\n",
        "headers.csp = { mode = \"enforce\", policy = { script-src = \"'self'\" } }\n",
    ),
    (
        "headers.csp = { mode = \"enforce\", policy = { default-src = \"'self'\" } }\n",
        "headers.csp = { mode = \"enforce\", policy = { default-src = \"'self'\", script-src = \"'self'\" } }\n",
    ),
    (
        "headers.csp = { policy = { report-uri = \"/csp\" } }\n",
        "headers.csp = { policy = { report-uri = \"https://b/\" } }\n",
    ),
    ("headers.frame = \"'self'\"\n", ""),
    ("", "headers.frame = \"'none'\"\n"),
    ("", "headers.remove = [\"x-frame-options\"]\n"),
    ("", "headers.set = { x-frame-options = \"ALLOWALL\" }\n"),
    ("", "headers.hsts.max_age = \"0s\"\n"),
    ("headers.preset = \"web\"\n", "headers.preset = \"off\"\n"),
    // Other origins.
    ("cors = { origins = [\"https://a\"] }\n", "cors = { origins = [\"https://a\"], max_age = \"1d\" }\n"),
    (
        "cors = { origins = [\"https://a\"], methods = [\"GET\"] }\n",
        "cors = { origins = [\"https://a\"], methods = [\"DELETE\"] }\n",
    ),
    ("cors = { origins = [\"https://a\"] }\n", "cors = { origins = [\"https://a\"], expose = [\"x-a\"] }\n"),
    ("cors = { origins = [\"https://a\"] }\n", "cors = { origins = [\"https://b\"] }\n"),
    ("cors = { origins = [\"https://a\"] }\n", "cors = \"app\"\n"),
    ("", "origin.check = \"off\"\n"),
    ("origin.check = \"always\"\n", ""),
    // Addresses.
    ("access.allow = [\"10.0.0.0/8\"]\n", "access.deny = [\"10.0.0.0/8\"]\n"),
    (
        "access = { allow = [\"10.0.0.0/8\"], deny = [\"10.1.0.0/16\"] }\n",
        "access = { allow = [\"10.0.0.0/9\"] }\n",
    ),
    ("access.allow = [\"10.0.0.0/8\"]\n", "access.allow = [\"10.0.0.0/8\", \"::/0\"]\n"),
    ("access.deny = [\"::/0\"]\n", "access.deny = [\"2000::/3\"]\n"),
    // What an app is told, and what it gets of the request.
    ("identity.strip = [\"x-a\", \"x-b\"]\n", "identity.strip = [\"x-a\"]\n"),
    ("identity.strip = [\"x-a\"]\n", "identity.strip = [\"x-b\"]\n"),
    ("", "identity.pass = [\"remote-user\"]\n"),
    ("", "identity.user = \"remote-user\"\n"),
    ("identity.user = \"remote-user\"\n", "identity.user = \"x-user\"\n"),
    ("", "identity.token = \"keep\"\n"),
    ("sources = [\"bearer\", \"cookie:a\"]\n", "sources = [\"bearer\"]\n"),
    ("sources = [\"bearer\"]\n", "sources = [\"bearer\", \"query:a\"]\n"),
    ("log.redact_query = [\"a\", \"b\"]\n", "log.redact_query = [\"b\"]\n"),
    ("body.max = \"1KiB\"\n", "body.max = \"2KiB\"\n"),
    ("body.max = \"1KiB\"\n", ""),
    ("body.get = \"deny\"\n", ""),
    ("websocket = false\n", ""),
    // What a preflight may, and what is asked of the page that a request comes from.
    (
        "cors = \"app\"\n[[app.media.route]]\nmatch = \"* /a\"\nroles = [\"a\"]\n",
        "cors = \"app\"\n[[app.media.route]]\nmatch = \"* /a\"\nroles = [\"a\"]\npreflight = \"app\"\n",
    ),
    ("origin.check = \"always\"\n", "origin.check = \"strict\"\n"),
    (
        "[[app.media.route]]\nmatch = \"* /a\"\norigin.check = \"strict\"\n",
        "[[app.media.route]]\nmatch = \"* /a\"\n",
    ),
];

/// Whole files, before and after.
fn files() -> Vec<(String, String)> {
    let other = |hosts: &str| {
        format!("[app.other]\nhosts = {hosts}\nupstream = \"http://127.0.0.1:3001\"\nauth = \"public\"\n")
    };
    let whole = |parts: &[&str]| text(&[&[HOUSE, APP], parts].concat());
    let server = |lines: &str| whole(&["[server]\n", lines]);
    let exchanged = |from: &str, to: &str| (whole(&[]), whole(&[]).replacen(from, to, 1));
    vec![
        // Hosts: moved to another app, or fallen to its wildcard.
        (whole(&[&other("[\"o.example.com\"]")]), whole(&[&other("[\"o.example.com\", \"p.example.com\"]")])),
        (
            whole(&[&other("[\"*.example.com\"]")]),
            whole(&[&other("[\"*.example.com\"]")]).replacen("media.example.com", "m.example.org", 1),
        ),
        (
            whole(&[&other("[\"*.example.com\"]")]).replacen(
                "\"media.example.com\"",
                "\"*.a.example.com\"",
                1,
            ),
            whole(&[&other("[\"*.example.com\"]")]).replacen(
                "\"media.example.com\"",
                "\"b.a.example.com\"",
                1,
            ),
        ),
        (
            whole(&[&other("[\"o.lan\"]")]).replace("media.example.com", "m.lan"),
            whole(&[&other("[\"m.lan\"]")]).replace("media.example.com", "o.lan"),
        ),
        (whole(&[]), whole(&[]).replace("app.media", "app.renamed")),
        // Providers.
        exchanged("file = \"jwt_secret\"", "file = \"other_secret\""),
        exchanged("{ secret", "{ kid = \"a\", secret"),
        exchanged("{ secret", "{ alg = \"HS512\", secret"),
        exchanged(
            "generate = true } }]",
            "generate = true } }, { kid = \"b\", secret = { file = \"b\", generate = true } }]",
        ),
        exchanged("issuer = \"stagedoor\"", "issuer = \"other\""),
        exchanged("issuer = \"stagedoor\"", "dangerous_any_issuer = true"),
        exchanged("audience = [\"media\"]", "audience = [\"other\"]"),
        exchanged("audience = [\"media\"]", "dangerous_any_audience = true"),
        exchanged("kind = \"jwt\"", "kind = \"jwt\"\nleeway = \"5m\""),
        exchanged("kind = \"jwt\"", "kind = \"jwt\"\nmax_lifetime = \"3650d\""),
        exchanged("kind = \"jwt\"", "kind = \"jwt\"\nclaims.user = \"name\""),
        exchanged("kind = \"jwt\"", "kind = \"jwt\"\nclaims.roles = \"groups\""),
        exchanged("kind = \"jwt\"", "kind = \"jwt\"\nsources = [\"bearer\", \"query:t\"]"),
        exchanged("auth = \"required\"", "auth = \"optional\""),
        exchanged("auth = \"required\"", "auth = \"public\""),
        // The door.
        (server(""), server("trusted_proxies = [\"10.0.0.1\"]\n")),
        (server("trusted_proxies = [\"10.0.0.1\"]\n"), server("trusted_proxies = [\"10.0.0.2\"]\n")),
        (
            server("trusted_proxies = [\"10.0.0.1\"]\n"),
            server("trusted_proxies = [\"10.0.0.1\"]\nforwarded = [\"for\", \"proto\", \"port\"]\n"),
        ),
        (server(""), server("confine = \"off\"\n")),
        (server(""), server("listen = [\"0.0.0.0:8080\"]\n")),
        (server(""), server("timeouts.header = \"11s\"\n")),
        (server(""), server("timeouts.min_rate = \"1B/s\"\n")),
        (server(""), server("limits.connections = 20000\n")),
        (server(""), server("limits.connections_per_ip = 65\n")),
        (server(""), server("limits.requests_per_connection = 1001\n")),
        (server(""), server("limits.h2_streams = 101\n")),
        (server(""), server("limits.h2_streams_per_ip = 513\n")),
        (server(""), server("timeouts.h2_idle = \"31s\"\n")),
        (
            server("listen = [\"127.0.0.1:1\"]\n"),
            server("listen = [\"127.0.0.1:1\"]\nh2c = [\"127.0.0.1:1\"]\n"),
        ),
        (whole(&[]), whole(&["[admin]\nmetrics = \"open\"\n"])),
        (whole(&[]), whole(&["[admin]\nhosts = [\"a.example.com\"]\n"])),
        (whole(&[]), whole(&["[admin]\nlisten = \"0.0.0.0:9901\"\n"])),
        (whole(&[]), whole(&["[admin]\ntoken = { file = \"t\", generate = true }\n"])),
        (whole(&[]), whole(&["[log]\nredact_query = []\n"])),
        (whole(&[]), whole(&["[log]\naccess = { file = \"a.jsonl\" }\n"])),
        (whole(&["[[expect]]\nrequest = \"GET /\"\nanswer = 401\n"]), whole(&[])),
        (whole(&[]), whole(&["[state]\ndir = \"elsewhere\"\n"])),
    ]
}

#[test]
fn what_lets_somebody_do_more_waits() {
    let of_app = EDITS.iter().map(|(old, new)| (text(&[HOUSE, APP, old]), text(&[HOUSE, APP, new])));
    let taken =
        |(old, new): &(String, String)| !compare(&policy(old), &policy(new)).iter().any(PolicyChange::waits);
    let taken: Vec<String> =
        of_app.chain(files()).filter(taken).map(|(old, new)| format!("{old}--- to\n{new}")).collect();
    assert!(taken.is_empty(), "{}", taken.join("\n=====\n"));
}
