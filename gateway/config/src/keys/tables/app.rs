//! What is protected: `[app.*]`.

use std::time::Duration;

use super::response::{Cors, Headers};
use super::route::Route;
use super::shared::{AUTH, AuthMode, CHECK, MODE, ON_EXPIRY};
use crate::keys::nested::{TextOrTable, group, table, tables, text_or_table};
use crate::keys::patterns::{BASE, HOST, LIMIT, NETWORK, PARAMETER, SOURCE, URL};
use crate::keys::reader::{ConfigLayer, Reader};
use crate::keys::row::Layered;
use crate::keys::table::table;
use crate::keys::value::{
    GIB, choice, count, days, duration, flag, millis, minutes, profile_name, size, text, text_or_texts,
    texts, word_or_count,
};
use crate::location::{Setting, Spanned, Texts};
use stagedoor_core::guard::origin::OriginPolicy;
use stagedoor_core::guard::routes::Unlisted;
use stagedoor_core::guard::target::{Backslash, Slashes};
use stagedoor_core::policy::ErrorShape;

table! {
    /// A protected app.
    #[derive(Debug)]
    pub(crate) struct App at "app.*" {
        /// The host names and addresses under which browsers reach it; `*.example.com` covers all subdomains.
        hosts: Texts = texts()
            .required_of_operator("say which hosts are its own: hosts = [\"media.example.com\"]")
            .like(HOST).filled(),
        /// Where the gateway reaches it.
        upstream: Option<Upstream> = text_or_table::<Upstream>()
            .required_of_operator("say where it is: upstream = \"http://127.0.0.1:3000\"")
            .accepts("`\"http://HOST:PORT\"`, `\"https://HOST:PORT\"` or `\"unix:/PATH\"`").like(URL)
            .in_profiles()
            .mind("only the gateway should be able to reach the app there"),
        /// Whether callers have to prove who they are, on every path whose route says nothing else.
        auth: Setting<AuthMode> = AUTH
            .required_of_operator("decide: auth = \"required\", \"optional\" or \"public\""),
        /// The profile of a well-known app: `NAME`, or `NAME@VERSION`. Keys of this table override those of
        /// the profile one by one, also within tables; routes of this table are matched before those of the
        /// profile.
        uses: Setting<String> = profile_name().called("use").otherwise("none")
            .mind("a profile opens some paths to everybody; the list of profiles names them"),
        /// The path prefixes of the profile's routes: the URL base that is set in the app, such as `/sonarr`;
        /// `/` is the root.
        base: Texts = text_or_texts().otherwise("the profile's").like(BASE).filled().in_profiles()
            .mind("the public routes of the profile are public below each of them"),
        /// The names of the providers whose tokens or certificates are accepted; one of any of them is enough, and one of certificates
        /// stands alone.
        by: Texts = texts().otherwise("the only provider").filled()
            .mind("each of them can name any user, also users that another one knows"),
        /// Where the tokens of its callers may be, in place of the `sources` of its providers: bearer,
        /// header:NAME, cookie:NAME, query:NAME.
        sources: Texts = texts().otherwise("those of its providers").like(SOURCE).filled().in_profiles()
            .mind("a credential anywhere else is forwarded to the app: leave out `bearer` only for an app \
                that uses it itself"),
        /// The PEM file with the authorities that issue the certificates of its clients, relative to the main file. A client that shows
        /// none of theirs in its TLS handshake gets no connection to its hosts, whatever `auth` says. Lists of revoked certificates
        /// (X509 CRL) in the same file count. A certificate is a credential that browsers send by themselves: `origin.check` judges it
        /// like a cookie.
        client_ca: Setting<String> = text().otherwise("that of `server.tls`").by_server()
            .mind("whoever has the key of one of them can make certificates in any name"),
        /// Whether its callers need a second factor, on every path whose route says nothing else and that is not public. `mfa` of the
        /// provider says what in a token tells of one; a certificate never does.
        mfa: Setting<bool> = flag().default_flag(false),
        /// What applies to a path that no route matches: inherit applies the policy of the app, deny answers
        /// 404.
        unlisted: Setting<Unlisted> = choice!("inherit" => Unlisted::Inherit, "deny" => Unlisted::Deny)
            .default("inherit").in_profiles()
            .mind("inherit also admits paths that a new version of the app adds"),
        /// The format of refusals: RFC 9457, `{"detail"}`, or `{"error"}`.
        errors: Setting<ErrorShape> = choice!(
            "problem" => ErrorShape::Problem, "fastapi" => ErrorShape::Fastapi,
            "error" => ErrorShape::Error,
        ).default("problem"),
        /// How the app learns who is asking.
        identity: Option<Identity> = table::<Identity>().in_profiles(),
        /// Whether WebSockets are allowed, under the same policy.
        websocket: Setting<bool> = flag().default_flag(true).in_profiles()
            .mind("what goes through a WebSocket that is open is judged no more, and no limit counts it"),
        mode: Setting<()> = MODE,
        /// Rates and quotas of all requests.
        limit: AppLimit = group::<AppLimit>(),
        /// How large request bodies may be.
        body: AppBody = group::<AppBody>().in_profiles(),
        /// How paths are matched: fold refuses a path that would match another route if its case were
        /// different; exact compares it as it is written.
        exact_case: Setting<bool> = choice!("fold" => false, "exact" => true).called("case")
            .default("fold").in_profiles()
            .mind("use exact only for an app with case-sensitive paths; any other app would serve a path \
                under the policy of another route"),
        /// What happens to `//` in a path: keep matches and forwards it as it came, where every reading of
        /// the path matches the same route; merge matches and forwards it as `/`.
        slashes: Setting<Slashes> = choice!("keep" => Slashes::Keep, "merge" => Slashes::Merge)
            .default("keep").in_profiles(),
        /// What happens to a path with a backslash, encoded or not: refuse refuses it; name allows it in the
        /// name of a file, where the path means the same with a slash in its place.
        backslash: Setting<Backslash> = choice!("refuse" => Backslash::Refuse, "name" => Backslash::Name)
            .default("refuse").in_profiles()
            .mind("name is for an app that keeps it within its segment; an app that takes it for a slash \
                reads another path within the same route"),
        /// Whether `%2F` is allowed in paths.
        encoded_slash: Setting<bool> = flag().default_flag(false).in_profiles()
            .mind("an app that decodes it reads another path than the one that was matched"),
        /// Which client addresses may make requests at all.
        access: Option<Access> = table::<Access>().replaces(),
        /// What pages of other origins may do; `app` leaves CORS to the app, including preflights.
        cors: Option<Cors> = text_or_table::<Cors>().otherwise("same origin only").accepts("`\"app\"`")
            .like(r"^app$").in_profiles()
            .mind("an app that allows every origin lets every page make requests in the name of its user"),
        /// Response headers: security headers, and headers that leak.
        headers: Option<Headers> = table::<Headers>().in_profiles(),
        /// The same-origin rule: which requests have to come from a page of the app itself.
        origin: AppOrigin = group::<AppOrigin>(),
        /// The WebSockets and event streams of its callers.
        streams: AppStreams = group::<AppStreams>(),
        /// What is kept out of the log of its requests.
        log: AppLog = group::<AppLog>().in_profiles(),
        /// Paths with a policy of their own; of several that match, the most specific one applies.
        routes: Vec<Route> = tables::<Route>().called("route").otherwise("none").in_profiles(),
    }
    beside |reader| {
        name: Spanned<String> = reader.name.clone().unwrap_or_default(),
        /// How many requests an hour one page of the app makes by itself; said by its profile alone.
        polls: Setting<u64> = None,
    }
    not yet {
        "prefix": "A path instead of a host.",
        "strip_prefix": "Take the prefix off before the app sees it.",
        "cookies": "The app's cookies, hardened on the way out.",
        "response": "What is taken out of answers.",
        "until": "The last day of shadow mode.",
    }
}

table! {
    /// Where the app is.
    #[derive(Debug, Default)]
    pub(crate) struct Upstream at "app.*.upstream" {
        /// Its address, as http://HOST:PORT, https://HOST:PORT, or unix:/PATH for a Unix socket; one so far.
        urls: Texts = texts()
            .required_of_operator("say where the app is: urls = [\"http://127.0.0.1:3000\"]").like(URL)
            .filled().by_server(),
        /// The `Host` that the app receives: that of the client (keep), or that of its own address
        /// (upstream).
        own_host: Setting<bool> = choice!("keep" => false, "upstream" => true).called("host")
            .default("keep").in_profiles(),
        /// How long a connection to it may take, with the TLS handshake.
        connect: Setting<Duration> = duration(millis(10), minutes(5)).default("3s").by_server()
            .in_profiles(),
        /// How long it may take to take each part of a request, to begin its answer, and to send each further part.
        read: Setting<Duration> = duration(millis(10), days(1)).default("60s").by_server().in_profiles(),
        /// How often a request that is safe to repeat is sent again.
        retries: Setting<u64> = count(0, 1).default_count(1).by_server().in_profiles(),
        /// For an https address: the PEM file with the authorities that may have issued the certificate of the
        /// app, or with that certificate itself; relative to the main file.
        ca: Setting<String> = text().otherwise("the authorities that browsers trust").by_server()
            .mind("whoever has the key of one of them can play the app, and read what is sent to it"),
        /// For an https address: the name that the certificate of the app has to be for; the app is told it
        /// too (SNI).
        server_name: Setting<String> = text().otherwise("the host of its address").by_server(),
        /// For an https address: accept any certificate, of anybody, for any name and at any time.
        dangerous_any_certificate: Setting<bool> = flag().default_flag(false).by_server()
            .mind("whoever can redirect the connection can read and change what client and app send to each \
                other, tokens and passwords too: name the certificate in `ca` instead"),
    }
    not yet {
        "health": "A path that is asked whether the app is well.",
    }
}

table! {
    /// How the app learns who is asking.
    #[derive(Debug)]
    pub(crate) struct Identity at "app.*.identity" {
        /// The header that tells the app the user, or off.
        user: Setting<String> = text().default("x-auth-user"),
        /// The header that tells the app the roles of the user, or off.
        roles: Setting<String> = text().default("x-auth-roles"),
        /// Whether the bearer or the cookie is forwarded to the app too.
        keep: Setting<bool> = choice!("drop" => false, "keep" => true).called("token").default("drop")
            .mind("an app that sees tokens can use them, and log them"),
        /// Headers that clients may send to the app although the gateway removes them by default: those by
        /// which reverse proxies tell the user, the address of the client or the path.
        pass: Texts = texts().default_texts(&[]).like(r"^[^*]*$")
            .mind("every client of the gateway can claim any identity with them"),
        /// Further headers that are removed from requests because the app would believe them: a whole name,
        /// or a prefix such as `x-told-*`. They add to the gateway's own list and to that of the
        /// profile; case does not count, and `_`, `-` and `.` are alike.
        strip: Texts = texts().adds_up().default_texts(&[]).like(r"^[^*]+\*?$").in_profiles(),
    }
}

table! {
    /// Limits of every request of the app.
    #[derive(Debug, Default)]
    pub(crate) struct AppLimit at "app.*.limit" {
        /// How much each address may ask: `200/s burst 2000` is a rate, `100000/hour` a quota. One page of a
        /// media app loads a hundred posters at once.
        ip: Texts = text_or_texts().default_texts(&[]).like(LIMIT).at_most(4)
            .mind("without one, nothing stops a flood from one address"),
        /// How much each user may ask; requests without a user count by address.
        user: Texts = text_or_texts().default_texts(&[]).like(LIMIT).at_most(4),
        /// How many requests of all clients together the app may be working on, WebSockets and event streams
        /// among them; more get 503. auto is as many as there may be connections.
        in_flight: Setting<Option<u64>> = word_or_count("auto", 1, 1_000_000).default("auto").by_server(),
    }
}

table! {
    /// Request bodies.
    #[derive(Debug, Default)]
    pub(crate) struct AppBody at "app.*.body" {
        /// How large a request body may be, declared or streamed.
        max: Setting<u64> = size(0, 1_048_576 * GIB).default("10MiB").in_profiles()
            .mind("an app that reads bodies into memory needs that much for each request"),
        /// Whether GET and HEAD may have a body.
        get: Setting<bool> = choice!("allow" => true, "deny" => false).default("allow").in_profiles()
            .mind("an app that neither reads such a body nor respects `Connection: close` takes it for the next \
                request, which nothing has checked"),
    }
}

table! {
    /// Which client addresses may make requests; `deny` wins over `allow`.
    #[derive(Debug)]
    pub(crate) struct Access at "app.*.access" {
        /// The addresses and networks that are allowed; all others are refused.
        allow: Texts = texts().otherwise("all").like(NETWORK).filled()
            .mind("behind a proxy that is not in `server.trusted_proxies` every client has the address of \
                the proxy"),
        /// The addresses and networks that are refused.
        deny: Texts = texts().otherwise("none").like(NETWORK),
    }
}

table! {
    /// The same-origin rule: which requests have to come from a page of the app itself.
    #[derive(Debug, Default)]
    pub(crate) struct AppOrigin at "app.*.origin" {
        check: Setting<OriginPolicy> = CHECK.default("cookies"),
    }
}

table! {
    /// The WebSockets and event streams of its callers.
    #[derive(Debug, Default)]
    pub(crate) struct AppStreams at "app.*.streams" {
        /// How many a caller may have open in all routes without a cap of their own; more get 429. Callers without a user count by
        /// address.
        per_user: Setting<u64> = count(1, 1_000_000).otherwise("no cap").by_server(),
        on_expiry: Setting<String> = ON_EXPIRY.default("close"),
    }
}

table! {
    /// What is kept out of the log of its requests.
    #[derive(Debug, Default)]
    pub(crate) struct AppLog at "app.*.log" {
        /// Query parameters whose values are not logged, in addition to those of `[log]` and of the profile.
        redact_query: Texts = texts().adds_up().default_texts(&[]).like(PARAMETER).by_server().in_profiles()
            .mind("a secret in any other parameter is logged"),
    }
}

impl TextOrTable for Upstream {
    type Table = Self;

    fn from_text(url: Spanned<String>, table: &Reader<'_>, key: &str) -> Option<Self> {
        if table.layer == ConfigLayer::Profile {
            table.not_for_profiles(&url.at, key);
            return None;
        }
        let at = url.at.clone();
        Some(Self { at: at.clone(), urls: Some(Spanned { value: vec![url], at }), ..Self::default() })
    }

    fn from_table(table: Self) -> Self {
        table
    }

    fn over(self, below: Self) -> Self {
        Layered::over(self, below)
    }
}
