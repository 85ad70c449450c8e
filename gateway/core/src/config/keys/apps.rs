//! What is protected: `[app.*]` and its routes.

use super::{Key, Kind, Table};

const AUTH: Kind = Kind::Choice(&["required", "optional", "public"]);

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "app.*",
        doc: "a protected app",
        keys: &[
            Key::new("hosts", Kind::Texts, "required", "host names that belong to it; `*.example.com` covers all below"),
            Key::new("upstream", Kind::TextOrTable("app.*.upstream"), "required", "where it is").within("`\"http://HOST:PORT\"`"),
            Key::new("auth", AUTH, "required", "whether a caller has to be known"),
            Key::new("use", Kind::Text, "none", "the profile of a well-known app: its name, or `NAME@VERSION`; what is written here wins key by key, also within tables, and the routes here are asked before the profile's")
                .mind("a profile opens paths of its own to everybody; the list of profiles names them"),
            Key::new("by", Kind::Texts, "the only provider", "providers, any of which may speak"),
            Key::new("sources", Kind::Texts, "those of its providers", "where the tokens of its callers may be, in place of what its providers say: bearer, header:NAME, cookie:NAME, query:NAME")
                .mind("what stands anywhere else goes on to the app: leave out `bearer` only for an app with a use of its own for it"),
            Key::new(
                "unlisted",
                Kind::Choice(&["inherit", "deny"]),
                r#""inherit""#,
                "paths without a route: under the app's own policy, or refused",
            ),
            Key::new("errors", Kind::Choice(&["problem", "fastapi", "error"]), r#""problem""#, "shape of refusals"),
            Key::new("identity", Kind::Table("app.*.identity"), "", "how the app learns who is asking"),
            Key::new("websocket", Kind::Flag, "true", "WebSockets may pass, under the same policy"),
            Key::new("mode", Kind::Choice(&["enforce", "shadow"]), r#""enforce""#, "only enforce is supported so far"),
            Key::new("limit", Kind::Table("app.*.limit"), "", "rates and quotas of every request"),
            Key::new("body", Kind::Table("app.*.body"), "", "request bodies"),
            Key::new("case", Kind::Choice(&["fold", "exact"]), r#""fold""#, "whether paths that differ in case may differ")
                .mind("exact where the app minds case; an app that does not would answer under another route's name"),
            Key::new("encoded_slash", Kind::Flag, "false", "let `%2F` in paths through")
                .mind("an app that decodes it reads another path than the one that was matched"),
            Key::new("access", Kind::Table("app.*.access"), "", "which addresses may come"),
            Key::new("cors", Kind::TextOrTable("app.*.cors"), "same origin only", "other origins; `app` leaves CORS to the app").within("`\"app\"`"),
            Key::new("headers", Kind::Table("app.*.headers"), "", "response headers"),
            Key::new("origin", Kind::Table("app.*.origin"), "", "the same-origin rule"),
            Key::new("route", Kind::Tables("app.*.route[]"), "none", "paths with a policy of their own"),
            Key::not_yet("prefix", Kind::Text, "a path instead of a host"),
            Key::not_yet("strip_prefix", Kind::Flag, "take the prefix off before the app sees it"),
            Key::later("cookies", Kind::Table("app.*.cookies"), "the app's cookies, hardened on the way out"),
            Key::later("response", Kind::Table("app.*.response"), "what is taken out of answers"),
            Key::later("until", Kind::Text, "the last day of shadow mode"),
        ],
    },
    Table {
        path: "app.*.upstream",
        doc: "where the app is",
        keys: &[
            Key::new("urls", Kind::Texts, "required", "its address, as http://HOST:PORT; one so far").by_server(),
            Key::new("host", Kind::Choice(&["keep", "upstream"]), r#""keep""#, "the Host it sees: the client's or its own"),
            Key::new("connect", Kind::Duration, r#""3s""#, "connect deadline").within("10ms to 5m").by_server(),
            Key::new("read", Kind::Duration, r#""60s""#, "how long it may take to answer, and to go on answering").within("10ms to 1d").by_server(),
            Key::new("retries", Kind::Count, "1", "further tries where they are safe: 0 or 1").within("0 to 1").by_server(),
            Key::not_yet("health", Kind::Text, "a path that is asked whether the app is well"),
        ],
    },
    Table {
        path: "app.*.identity",
        doc: "how the app learns who is asking",
        keys: &[
            Key::new("user", Kind::Text, r#""x-auth-user""#, "the header that names the caller, or off"),
            Key::new("roles", Kind::Text, r#""x-auth-roles""#, "the header that lists the caller's roles, or off"),
            Key::new("token", Kind::Choice(&["drop", "keep"]), r#""drop""#, "whether the app sees the bearer or cookie too")
                .mind("an app that sees tokens can use them, and log them"),
            Key::new("pass", Kind::Texts, "[]", "identity headers of others that are let through")
                .mind("whoever reaches the gateway can say these"),
        ],
    },
    Table {
        path: "app.*.limit",
        doc: "limits of every request of the app",
        keys: &[
            Key::new("ip", Kind::TextOrTexts, "[]", "for each address: `20/s burst 40` is a rate, `5000/hour` a quota").within("at most four"),
            Key::new("user", Kind::TextOrTexts, "[]", "for each caller; without one the address counts").within("at most four"),
        ],
    },
    Table {
        path: "app.*.body",
        doc: "request bodies",
        keys: &[Key::new("max", Kind::Size, r#""10MiB""#, "bytes of a body, declared or streamed").within("0B to 1048576GiB")],
    },
    Table {
        path: "app.*.access",
        doc: "which addresses may come; deny wins",
        keys: &[
            Key::new("allow", Kind::Texts, "all", "networks that may come"),
            Key::new("deny", Kind::Texts, "none", "networks that may not"),
        ],
    },
    Table {
        path: "app.*.cors",
        doc: "what pages of other origins may do",
        keys: &[
            Key::new("origins", Kind::Texts, "required", "origins, exactly as browsers send them; `*` is any")
                .mind("`*` with credentials is refused"),
            Key::new("methods", Kind::Texts, r#"["GET", "HEAD", "POST"]"#, "methods they may use"),
            Key::new("headers", Kind::Texts, "[]", "request headers they may send"),
            Key::new("expose", Kind::Texts, "[]", "response headers they may read"),
            Key::new("credentials", Kind::Flag, "false", "whether the browser may send cookies")
                .mind("the listed origins then act in the name of the user"),
            Key::new("max_age", Kind::Duration, r#""10m""#, "how long a browser may remember a preflight").within("0ms to 7d"),
        ],
    },
    Table {
        path: "app.*.headers",
        doc: "response headers",
        keys: &[
            Key::new("preset", Kind::Choice(&["web", "api", "off"]), r#""web""#, "the set of security headers"),
            Key::new("hsts", Kind::Table("app.*.headers.hsts"), "a year; none under `preset = \"off\"`", "Strict-Transport-Security, on https alone"),
            Key::new("csp", Kind::Table("app.*.headers.csp"), "as the preset says", "Content-Security-Policy"),
            Key::new("frame", Kind::TextOrTexts, "as the preset says", "who may frame it"),
            Key::new("set", Kind::Map, "none", "headers that always stand, in place of the app's"),
            Key::new("remove", Kind::Texts, "[]", "headers of the app that are taken off, besides the preset's"),
        ],
    },
    Table {
        path: "app.*.headers.hsts",
        doc: "Strict-Transport-Security (RFC 6797)",
        keys: &[
            Key::new("max_age", Kind::Duration, r#""365d""#, "how long browsers keep to https").within("0ms to 3650d"),
            Key::new("include_subdomains", Kind::Flag, "false", "also below this host"),
            Key::new("preload", Kind::Flag, "false", "may be built into browsers")
                .mind("it takes months to take back"),
        ],
    },
    Table {
        path: "app.*.headers.csp",
        doc: "Content-Security-Policy",
        keys: &[
            Key::new("mode", Kind::Choice(&["report", "enforce"]), r#""report""#, "only told, or enforced"),
            Key::new("policy", Kind::Map, "required", "directives, each with the list of its sources"),
            Key::new("app", Kind::Choice(&["keep", "replace"]), r#""keep""#, "what becomes of the app's own policy"),
        ],
    },
    Table {
        path: "app.*.origin",
        doc: "the same-origin rule for unsafe requests and WebSockets",
        keys: &[Key::new(
            "check",
            Kind::Choice(&["cookies", "always", "off"]),
            r#""cookies""#,
            "asked of requests with a cookie and no other credential, of all, or of none",
        )
        .mind("off lets foreign pages act in the name of a user with a cookie")],
    },
    Table {
        path: "app.*.route[]",
        doc: "paths with a policy of their own",
        keys: &[
            Key::new("match", Kind::TextOrTexts, "required", "METHOD /path with `{param}` and a last `{*rest}`; `*` is any method"),
            Key::new("name", Kind::Text, "its first match", "its label in logs and metrics"),
            Key::new("auth", AUTH, "the app's", "whether a caller has to be known"),
            Key::new("by", Kind::Texts, "the app's", "providers, any of which may speak"),
            Key::new("roles", Kind::Texts, "none", "the caller needs any of these"),
            Key::new("scopes", Kind::Texts, "none", "the caller needs all of these"),
            Key::new("owner", Kind::Table("app.*.route[].owner"), "none: anybody's", "the path must be the caller's own"),
            Key::new("limit", Kind::Table("app.*.route[].limit"), "", "limits on top of the app's"),
            Key::new("bucket", Kind::Text, "none: its limits are its own", "routes that name the same bucket share its limits").within("letters, digits, `-` and `_`, at most 64"),
            Key::new("body", Kind::Table("app.*.route[].body"), "", "request bodies"),
            Key::new("websocket", Kind::Flag, "the app's", "WebSockets may pass, under the same policy"),
            Key::new("encoded_slash", Kind::Flag, "the app's", "let `%2F` in paths through")
                .mind("an app that decodes it reads another path than the one that was matched"),
            Key::new("mode", Kind::Choice(&["enforce", "shadow"]), r#""enforce""#, "only enforce is supported so far"),
            Key::not_yet("mfa", Kind::Flag, "the caller needs a second factor"),
            Key::not_yet("inspect", Kind::Texts, "signs of injection"),
            Key::not_yet("query", Kind::Map, "rules of the query"),
            Key::not_yet("upload", Kind::Table("app.*.route[].upload"), "rules of uploaded files"),
            Key::not_yet("streams", Kind::Table("app.*.route[].streams"), "WebSockets and event streams"),
            Key::later("login", Kind::Map, "the app's own login"),
            Key::later("signature", Kind::Map, "signed requests of machines"),
            Key::later("until", Kind::Text, "the last day of shadow mode"),
        ],
    },
    Table {
        path: "app.*.route[].owner",
        doc: "the path must be the caller's own",
        keys: &[
            Key::new("param", Kind::Text, "required", "the parameter of the path that has to be the caller"),
            Key::new("or_role", Kind::Text, "none", "a role that may come to others' paths too"),
            Key::later("created_by", Kind::Text, "the request that made the thing"),
            Key::later("id", Kind::Text, "where its answer names the thing"),
        ],
    },
    Table {
        path: "app.*.route[].limit",
        doc: "limits on top of the app's",
        keys: &[
            Key::new("ip", Kind::TextOrTexts, "[]", "for each address").within("at most four"),
            Key::new("user", Kind::TextOrTexts, "[]", "for each caller; without one the address counts").within("at most four"),
            Key::new("app", Kind::Flag, "true", "whether the app's limits count here too"),
        ],
    },
    Table {
        path: "app.*.route[].body",
        doc: "request bodies",
        keys: &[
            Key::new("max", Kind::Size, "the app's", "bytes of a body, declared or streamed").within("0B to 1048576GiB"),
            Key::not_yet("json", Kind::Map, "rules of a JSON body (JSON Schema)"),
            Key::not_yet("form", Kind::Map, "rules of a form"),
        ],
    },
];
