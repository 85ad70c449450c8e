//! What is protected: `[app.*]` and its routes.

use super::{Key, Kind, NETWORK, PARAMETER, SOURCE, Table};

const AUTH: Kind = Kind::Choice(&["required", "optional", "public"]);
const ORIGIN_CHOICE: Kind = Kind::Choice(&["cookies", "strict", "always", "off"]);
const ORIGIN_CHECK: &str = "cookies asks requests that carry a cookie and no other credential, where they are unsafe, open a WebSocket, or are loaded by another site; strict asks navigations and requests of the same site too, for apps that change things by GET; always asks every unsafe request whatever it carries; off asks none";
const ORIGIN_MIND: &str = "off lets foreign pages act in the name of a user with a cookie; strict refuses links from other sites as well: say `cookies` on the route where people enter";
const PUBLIC: &str = "public lets everybody in, and optional whoever brings no token";
/// A rate or a quota.
const LIMIT: &str =
    r"^\s*[0-9]+\s*/\s*[0-9]*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)(\s+burst\s+[0-9]+)?\s*$";
/// The address of an app.
const URL: &str = r"^[hH][tT][tT][pP]://[^/?#@\s]+/?$";
/// A path below which an app lies, or its root.
const BASE: &str = r"^(/|(/[A-Za-z0-9._~-]+)+)$";
/// An origin as browsers send it, or any.
const ORIGIN: &str = r"^(\*|[A-Za-z][A-Za-z0-9+.-]*://[^/?#@*\s,]+)$";
/// A name, a wildcard, or an address with or without brackets.
const HOST: &str = r"^((\*\.)?[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+|\[[0-9A-Fa-f:.]+\])$";

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "app.*",
        doc: "a protected app",
        keys: &[
            Key::new("hosts", Kind::Texts, "required", "the host names and addresses that browsers use for it; `*.example.com` covers all below")
                .like(HOST).filled(),
            Key::new("upstream", Kind::TextOrTable("app.*.upstream"), "required", "where the gateway reaches it").within("`\"http://HOST:PORT\"`").like(URL)
                .mind("nobody but the gateway should be able to reach the app there"),
            Key::new("auth", AUTH, "required", "whether a caller has to be known, on every path whose route says nothing else").mind(PUBLIC),
            Key::new("use", Kind::Text, "none", "the profile of a well-known app: its name, or `NAME@VERSION`; what is written here wins key by key, also within tables, and the routes here are asked before the profile's")
                .mind("a profile opens paths of its own to everybody; the list of profiles names them"),
            Key::new("base", Kind::TextOrTexts, "the profile's", "the paths below which the routes of the profile are: the URL base that is set in the app, such as `/sonarr`; `/` is the root").filled().like(BASE)
                .mind("what the profile opens to everybody is open below each of them"),
            Key::new("by", Kind::Texts, "the only provider", "the names of the providers whose word counts; any of them is enough").filled()
                .mind("each provider can name any user, also one that another provider knows"),
            Key::new("sources", Kind::Texts, "those of its providers", "where the tokens of its callers may be, in place of what its providers say: bearer, header:NAME, cookie:NAME, query:NAME").filled().like(SOURCE)
                .mind("what stands anywhere else goes on to the app: leave out `bearer` only for an app with a use of its own for it"),
            Key::new(
                "unlisted",
                Kind::Choice(&["inherit", "deny"]),
                r#""inherit""#,
                "what becomes of a path without a route: the app's own policy, or 404",
            )
            .mind("inherit also lets through what the app adds later"),
            Key::new("errors", Kind::Choice(&["problem", "fastapi", "error"]), r#""problem""#, "the shape of refusals: RFC 9457, `{\"detail\"}`, or `{\"error\"}`"),
            Key::new("identity", Kind::Table("app.*.identity"), "", "how the app learns who is asking"),
            Key::new("websocket", Kind::Flag, "true", "whether WebSockets may pass, under the same policy")
                .mind("one that is open stays open when its token expires"),
            Key::new("mode", Kind::Choice(&["enforce"]), r#""enforce""#, "whether refusals are carried out; always, so far"),
            Key::new("limit", Kind::Table("app.*.limit"), "", "rates and quotas of every request"),
            Key::new("body", Kind::Table("app.*.body"), "", "how large request bodies may be"),
            Key::new("case", Kind::Choice(&["fold", "exact"]), r#""fold""#, "fold refuses a path that would meet another route in another case; exact minds case as it is written")
                .mind("exact where the app minds case; an app that does not would answer under another route's name"),
            Key::new("slashes", Kind::Choice(&["keep", "merge"]), r#""keep""#, "keep matches and forwards `//` as it came, where every reading of the path meets the same route; merge matches and forwards it as `/`"),
            Key::new("backslash", Kind::Choice(&["refuse", "name"]), r#""refuse""#, "refuse refuses a path with a backslash, encoded or not; name lets it stand in the name of a file, where the path means the same with a slash in its place")
                .mind("name is for an app that keeps it within its segment; one that takes it for a slash reads another path within the same route"),
            Key::new("encoded_slash", Kind::Flag, "false", "whether `%2F` may stand in paths")
                .mind("an app that decodes it reads another path than the one that was matched"),
            Key::new("access", Kind::Table("app.*.access"), "", "which addresses may come at all"),
            Key::new("cors", Kind::TextOrTable("app.*.cors"), "same origin only", "what pages of other origins may do; `app` leaves CORS to the app, preflights included").within("`\"app\"`").like("^app$")
                .mind("an app that allows every origin lets every page act in the name of its user"),
            Key::new("headers", Kind::Table("app.*.headers"), "", "response headers: security headers, and what leaks"),
            Key::new("origin", Kind::Table("app.*.origin"), "", "the same-origin rule: which requests have to come from a page of the app itself"),
            Key::new("log", Kind::Table("app.*.log"), "", "what of its requests is kept out of the log"),
            Key::new("route", Kind::Tables("app.*.route[]"), "none", "paths with a policy of their own; the most specific one counts"),
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
            Key::new("urls", Kind::Texts, "required", "its address, as http://HOST:PORT; one so far").filled().like(URL).by_server(),
            Key::new("host", Kind::Choice(&["keep", "upstream"]), r#""keep""#, "the `Host` that the app sees: the client's, or that of its address"),
            Key::new("connect", Kind::Duration, r#""3s""#, "how long a connection to it may take").within("10ms to 5m").by_server(),
            Key::new("read", Kind::Duration, r#""60s""#, "how long it may take to answer, and to go on answering").within("10ms to 1d").by_server(),
            Key::new("retries", Kind::Count, "1", "how often a request that is safe to repeat is tried again").within("0 to 1").by_server(),
            Key::not_yet("health", Kind::Text, "a path that is asked whether the app is well"),
        ],
    },
    Table {
        path: "app.*.identity",
        doc: "how the app learns who is asking",
        keys: &[
            Key::new("user", Kind::Text, r#""x-auth-user""#, "the header in which the app reads who is asking, or off"),
            Key::new("roles", Kind::Text, r#""x-auth-roles""#, "the header in which the app reads the caller's roles, or off"),
            Key::new("token", Kind::Choice(&["drop", "keep"]), r#""drop""#, "whether the app gets the bearer or cookie too")
                .mind("an app that sees tokens can use them, and log them"),
            Key::new("pass", Kind::Texts, "[]", "headers that clients may send on to the app although they are held back from it: those by which other front doors tell who asks, from where, and for what path")
                .mind("whoever reaches the gateway can claim with these to be anybody").like("^[^*]*$"),
            Key::new("strip", Kind::Texts, "[]", "further headers that are held back from the app, by which it would believe a client: a whole name, or `x-told-*` for all that begin so; they add to the list of the gateway and to those of the profile, in any case and with `_`, `-` and `.` alike").like(r"^[^*]+\*?$"),
        ],
    },
    Table {
        path: "app.*.limit",
        doc: "limits of every request of the app",
        keys: &[
            Key::new("ip", Kind::TextOrTexts, "[]", "what each address may ask: `200/s burst 2000` is a rate, `100000/hour` a quota; a page of a media app asks for a hundred posters at once").within("at most four").like(LIMIT).at_most(4)
                .mind("without one, nothing stops a flood from one address"),
            Key::new("user", Kind::TextOrTexts, "[]", "what each caller may ask; without a caller the address counts").within("at most four").like(LIMIT).at_most(4),
        ],
    },
    Table {
        path: "app.*.body",
        doc: "request bodies",
        keys: &[
            Key::new("max", Kind::Size, r#""10MiB""#, "how large a request body may be, declared or streamed").within("0B to 1048576GiB")
                .mind("an app that reads bodies into memory needs that much for each request"),
            Key::new("get", Kind::Choice(&["allow", "deny"]), r#""allow""#, "whether a GET or HEAD may have a body")
                .mind("an app that does not read such a body, nor heeds `Connection: close`, takes it for the next request, which nobody checked"),
        ],
    },
    Table {
        path: "app.*.access",
        doc: "which addresses may come; deny wins",
        keys: &[
            Key::new("allow", Kind::Texts, "all", "the addresses and networks that may come, and no other").filled().like(NETWORK)
                .mind("behind a proxy that is not in `server.trusted_proxies` every client has its address"),
            Key::new("deny", Kind::Texts, "none", "the addresses and networks that may not come, allowed or not").like(NETWORK),
        ],
    },
    Table {
        path: "app.*.cors",
        doc: "what pages of other origins may do",
        keys: &[
            Key::new("origins", Kind::Texts, "required", "the origins whose pages may ask, exactly as browsers send them; `*` is any").filled().like(ORIGIN)
                .mind("their pages read what the user may read; `*` with credentials is refused"),
            Key::new("methods", Kind::Texts, r#"["GET", "HEAD", "POST"]"#, "the methods their pages may use"),
            Key::new("headers", Kind::Texts, "[]", "the request headers their pages may send"),
            Key::new("expose", Kind::Texts, "[]", "the response headers their pages may read"),
            Key::new("credentials", Kind::Flag, "false", "whether the browser may send cookies")
                .mind("the listed origins then act in the name of the user"),
            Key::new("max_age", Kind::Duration, r#""10m""#, "how long a browser may remember a preflight").within("0ms to 7d"),
        ],
    },
    Table {
        path: "app.*.headers",
        doc: "response headers",
        keys: &[
            Key::new("preset", Kind::Choice(&["web", "api", "off"]), r#""web""#, "the set of security headers: for pages, for an API, or none")
                .mind("off leaves the browser unprotected where the app says nothing itself; a page of the app that says `Referrer-Policy: no-referrer` itself cannot send forms over plain http: `set = { referrer-policy = \"same-origin\" }` lets it"),
            Key::new("hsts", Kind::Table("app.*.headers.hsts"), "a year; none under `preset = \"off\"`", "Strict-Transport-Security, on https alone"),
            Key::new("csp", Kind::Table("app.*.headers.csp"), "as the preset says", "Content-Security-Policy: what a page may load and run"),
            Key::new("frame", Kind::TextOrTexts, "as the preset says", "the origins whose pages may show it in a frame")
                .mind("a page that frames it can trick users into clicks"),
            Key::new("set", Kind::Map, "none", "headers with a value of their own, in place of the app's"),
            Key::new("remove", Kind::Texts, "[]", "headers of the app that are taken off, besides the preset's").like("^[^*]*$"),
        ],
    },
    Table {
        path: "app.*.headers.hsts",
        doc: "Strict-Transport-Security (RFC 6797)",
        keys: &[
            Key::new("max_age", Kind::Duration, r#""365d""#, "how long browsers keep to https")
                .mind("0s tells browsers to forget it").within("0ms to 3650d"),
            Key::new("include_subdomains", Kind::Flag, "false", "whether it counts for every host below this one too"),
            Key::new("preload", Kind::Flag, "false", "whether browsers may build it in")
                .mind("it takes months to take back"),
        ],
    },
    Table {
        path: "app.*.headers.csp",
        doc: "Content-Security-Policy",
        keys: &[
            Key::new("mode", Kind::Choice(&["report", "enforce"]), r#""report""#, "whether the browser only tells of what breaks it, or stops it")
                .mind("report stops nothing"),
            Key::new("policy", Kind::Map, "required", "directives, each with the list of its sources").each(Kind::TextOrTexts)
                .mind("`'unsafe-inline'` and `*` take most of its worth"),
            Key::new("app", Kind::Choice(&["keep", "replace"]), r#""keep""#, "what becomes of the app's own policy: it stays and ours stays out, or ours replaces it"),
        ],
    },
    Table {
        path: "app.*.origin",
        doc: "the same-origin rule: which requests have to come from a page of the app itself",
        keys: &[Key::new(
            "check",
            ORIGIN_CHOICE,
            r#""cookies""#,
            ORIGIN_CHECK,
        )
        .mind(ORIGIN_MIND)],
    },
    Table {
        path: "app.*.log",
        doc: "what of its requests is kept out of the log",
        keys: &[Key::new(
            "redact_query",
            Kind::Texts,
            "[]",
            "query parameters of this app whose values are never logged; they add to those of `[log]` and of the profile",
        )
        .like(PARAMETER)
        .by_server()
        .mind("a secret in any other parameter is logged")],
    },
    Table {
        path: "app.*.route[]",
        doc: "paths with a policy of their own",
        keys: &[
            Key::new("match", Kind::TextOrTexts, "required", "the requests it is for: METHOD /path with `{param}` and a last `{*rest}`; `*` is any method").filled()
                .like(r"^\s*[A-Z*-]+ \s*/"),
            Key::new("name", Kind::Text, "its first match", "its label in logs and metrics, by which its limits go on after a reload"),
            Key::new("auth", AUTH, "the app's", "whether a caller has to be known").mind(PUBLIC),
            Key::new("by", Kind::Texts, "the app's", "the names of the providers whose word counts; any of them is enough").filled(),
            Key::new("roles", Kind::Texts, "none", "roles of which the caller needs one").filled(),
            Key::new("scopes", Kind::Texts, "none", "scopes of which the caller needs each").filled(),
            Key::new("owner", Kind::Table("app.*.route[].owner"), "none: anybody's", "whose the path is: it must be the caller's own"),
            Key::new("limit", Kind::Table("app.*.route[].limit"), "", "limits on top of the app's"),
            Key::new("bucket", Kind::Text, "none: its limits are its own", "routes that name the same bucket share its limits").within("letters, digits, `-` and `_`, at most 64").like("^[A-Za-z0-9_-]{1,64}$"),
            Key::new("body", Kind::Table("app.*.route[].body"), "", "how large request bodies may be"),
            Key::new("websocket", Kind::Flag, "the app's", "whether WebSockets may pass, under the same policy"),
            Key::new("encoded_slash", Kind::Flag, "the app's", "whether `%2F` may stand in paths")
                .mind("an app that decodes it reads another path than the one that was matched"),
            Key::new("preflight", Kind::Choice(&["app"]), "the app's, unless the route has roles, scopes or an owner", "lets preflights of this route reach the app under `cors = \"app\"`, without credential, query or body; only its word on CORS comes back")
                .mind("an app that does not look at the method does for anybody what the request would do"),
            Key::new("origin", Kind::Table("app.*.route[].origin"), "", "the same-origin rule of this route"),
            Key::new("mode", Kind::Choice(&["enforce"]), r#""enforce""#, "whether refusals are carried out; always, so far"),
            Key::not_yet("mfa", Kind::Flag, "the caller needs a second factor"),
            Key::not_yet("inspect", Kind::Texts, "signs of injection"),
            Key::not_yet("query", Kind::Map, "rules of the query"),
            Key::not_yet("upload", Kind::Table("app.*.route[].upload"), "rules of uploaded files"),
            Key::not_yet("streams", Kind::Table("app.*.route[].streams"), "how many WebSockets and event streams a caller has open, and when they end"),
            Key::later("login", Kind::Map, "the app's own login"),
            Key::later("signature", Kind::Map, "signed requests of machines"),
            Key::later("until", Kind::Text, "the last day of shadow mode"),
        ],
    },
    Table {
        path: "app.*.route[].origin",
        doc: "the same-origin rule of one route",
        keys: &[Key::new("check", ORIGIN_CHOICE, "the app's", ORIGIN_CHECK).mind(ORIGIN_MIND)],
    },
    Table {
        path: "app.*.route[].owner",
        doc: "the path must be the caller's own",
        keys: &[
            Key::new("param", Kind::Text, "required", "the parameter of the path that has to be the caller's name"),
            Key::new("or_role", Kind::Text, "none", "a role whose bearers may come to the paths of others too")
                .mind("whoever has it sees what belongs to everybody"),
            Key::later("created_by", Kind::Text, "the request that made the thing"),
            Key::later("id", Kind::Text, "where its answer names the thing"),
        ],
    },
    Table {
        path: "app.*.route[].limit",
        doc: "limits on top of the app's",
        keys: &[
            Key::new("ip", Kind::TextOrTexts, "[]", "what each address may ask here").within("at most four").like(LIMIT).at_most(4),
            Key::new("user", Kind::TextOrTexts, "[]", "what each caller may ask here; without a caller the address counts").within("at most four").like(LIMIT).at_most(4),
            Key::new("app", Kind::Flag, "true", "whether the app's limits count here too")
                .mind("false leaves this route to its own limits alone"),
        ],
    },
    Table {
        path: "app.*.route[].body",
        doc: "request bodies",
        keys: &[
            Key::new("max", Kind::Size, "the app's", "how large a request body may be, declared or streamed").within("0B to 1048576GiB"),
            Key::not_yet("json", Kind::Map, "rules of a JSON body (JSON Schema)"),
            Key::not_yet("form", Kind::Map, "rules of a form"),
        ],
    },
];
