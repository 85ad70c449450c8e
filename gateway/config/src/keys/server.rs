//! The door: `[server]`, `[admin]`, `[state]`, `[log]`, and the root of the file.

use super::{Key, Kind, NETWORK, PARAMETER, SOCKET, Table};

/// As [`SOCKET`], or none.
const SOCKET_OR_OFF: &str = r"^(off|(\[[0-9A-Fa-f:.%]+\]|[0-9.]+):[0-9]+)$";

/// A name, or an address with or without brackets.
const NAME: &str = r"^([A-Za-z0-9._-]+|[0-9A-Fa-f:.]+|\[[0-9A-Fa-f:.]+\])$";

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "",
        doc: "the root of the file",
        keys: &[
            Key::new("version", Kind::Count, "1", "the version of this language").within("1 alone"),
            Key::new("include", Kind::Texts, "[]", "further files with apps, providers and promises: patterns such as `apps/*.toml`, relative to the main file")
                .mind("whoever can write there can open any door"),
            Key::new("server", Kind::Table("server"), "", "where the gateway listens, and how much it takes"),
            Key::new("admin", Kind::Table("admin"), "", "the operator's listener: health, metrics and API"),
            Key::new("state", Kind::Table("state"), "", "what survives a restart"),
            Key::new("log", Kind::Table("log"), "", "log lines and access events"),
            Key::new("auth", Kind::Named("auth.*"), "", "providers: who can prove who they are, and how"),
            Key::new("app", Kind::Named("app.*"), "", "what is protected, one table for each app"),
            Key::new("expect", Kind::Tables("expect[]"), "", "promises of what is let through and what is refused, checked on every load"),
            Key::later("audit", Kind::Table("audit"), "who did what, hash-chained"),
            Key::later("lockout", Kind::Table("lockout"), "failed logins"),
            Key::later("ban", Kind::Table("ban"), "addresses that were refused too often"),
            Key::not_yet("clamav", Kind::Table("clamav"), "the virus scanner"),
            Key::not_yet("security_txt", Kind::Table("security_txt"), "whom to tell of a hole (RFC 9116)"),
            Key::later("vault", Kind::Table("vault"), "a store of secrets"),
            Key::later("otel", Kind::Table("otel"), "traces"),
        ],
    },
    Table {
        path: "server",
        doc: "where the gateway listens, and how much it takes",
        keys: &[
            Key::new("listen", Kind::Texts, r#"["127.0.0.1:8080"]"#, "addresses and ports to listen on; `STAGEDOOR_LISTEN` overrides it").within("`ADDRESS:PORT` each").like(SOCKET).filled().by_server()
                .restart()
                .mind("`0.0.0.0` is every network of this machine, unencrypted unless a proxy in front adds TLS"),
            Key::new("trusted_proxies", Kind::Texts, "[]", "the proxies in front of this gateway, which are believed about their clients in the fields that `forwarded` names; `STAGEDOOR_TRUSTED_PROXIES` overrides it").within("addresses and networks, such as `10.0.0.0/8`").like(NETWORK)
                .mind("whoever stands here can claim any client address and scheme"),
            Key::new("forwarded", Kind::Texts, r#"["for", "proto"]"#, "the fields in which a trusted proxy is believed: those that it writes itself in every request, in place of what its clients sent; for nginx see the README").within("`for`, `proto`, `host` and `port` for `X-Forwarded-*`, `forwarded` for RFC 7239").like("^(for|proto|host|port|forwarded)$")
                .mind("a proxy passes on what it does not write: with `host` a client then opens another app, with `for` it chooses its address"),
            Key::not_yet(
                "proxy_protocol",
                Kind::Texts,
                "networks that must speak PROXY before anything else",
            ),
            Key::new("threads", Kind::TextOrCount, r#""auto""#, "worker threads; auto is one per core").within("1 to 1024").by_server()
                .restart(),
            Key::new("drain", Kind::Duration, r#""30s""#, "how long open requests get after SIGTERM; WebSockets and event streams end at once").within("0ms to 1d").by_server().restart(),
            Key::new("server_timing", Kind::Flag, "false", "tell clients in `Server-Timing` how long the gateway took").by_server()
                .mind("tells a stranger how long the checks take"),
            Key::new("confine", Kind::Choice(&["auto", "off"]), r#""auto""#, "whether the process gives up, once it listens, every folder that it does not need, the right to execute anything, and core dumps; as far as the system can").by_server()
                .restart()
                .mind("off leaves whoever takes over the process all that its user may do"),
            Key::new("timeouts", Kind::Table("server.timeouts"), "", "deadlines of a connection"),
            Key::new("limits", Kind::Table("server.limits"), "", "caps of what strangers can make the gateway hold"),
            Key::not_yet("tls", Kind::Table("server.tls"), "https listeners"),
        ],
    },
    Table {
        path: "server.timeouts",
        doc: "deadlines of a connection",
        keys: &[
            Key::new("header", Kind::Duration, r#""10s""#, "how long a client may take to send a whole request head").within("10ms to 1d").by_server(),
            Key::not_yet("handshake", Kind::Duration, "the TLS handshake"),
            Key::new("idle", Kind::Duration, r#""60s""#, "how long a connection may wait for the next request").within("10ms to 1d").by_server(),
            Key::new("body_idle", Kind::Duration, r#""30s""#, "how long a request body may bring no byte").within("10ms to 1d").by_server(),
            Key::new("min_rate", Kind::Rate, r#""1KiB/s""#, "a request body slower than this for `body_idle` is cut").within("0B/s to 1GiB/s").by_server()
                .mind("0B/s turns it off: a body that drips then holds its connection as long as it likes"),
            Key::new("send_idle", Kind::Duration, r#""10m""#, "how long a client may take nothing of a response").within("10ms to 1d").by_server(),
            Key::new("stream_idle", Kind::Duration, r#""1h""#, "how long a WebSocket or event stream may be silent").within("10ms to 1d").by_server(),
        ],
    },
    Table {
        path: "server.limits",
        doc: "caps of what strangers can make the gateway hold",
        keys: &[
            Key::new("connections", Kind::TextOrCount, r#""auto""#, "open connections; auto is an eighth of the memory at 64 KiB each, at most half of the files that may be open and 10000").within("1 to 1000000").by_server(),
            Key::new("connections_per_ip", Kind::Count, "64", "open connections of one address, or IPv6 /64; those of trusted proxies are not counted").within("1 to 1000000").by_server(),
            Key::new("requests_per_connection", Kind::Count, "1000", "how many requests a connection may bring before it is closed").within("1 to 1000000000").by_server(),
            Key::new("header_bytes", Kind::Size, r#""32KiB""#, "how large a request head may be").within("1KiB to 1MiB").by_server(),
            Key::new("header_count", Kind::Count, "100", "how many fields a request head may have").within("8 to 1000").by_server(),
            Key::new("uri_bytes", Kind::Size, r#""8KiB""#, "how long a request target, path and query, may be").within("256B to 1MiB").by_server(),
            Key::not_yet("h2_streams", Kind::Count, "open streams of one HTTP/2 connection"),
            Key::new("limit_keys", Kind::Count, "200000", "how many clients each limit remembers; those beyond share an allowance by network").within("16 to 100000000"),
            Key::new("token_cache", Kind::Count, "50000", "how many verified tokens are remembered, so that a signature is checked once").within("0 to 100000000"),
        ],
    },
    Table {
        path: "admin",
        doc: "the operator's listener",
        keys: &[
            Key::new("listen", Kind::Text, r#""127.0.0.1:9901""#, "the address and port of health, metrics and API, or off; `STAGEDOOR_ADMIN_LISTEN` overrides it").within("`ADDRESS:PORT`, or `off`").like(SOCKET_OR_OFF).by_server()
                .restart()
                .mind("keep it on loopback, or in a network of your own"),
            Key::new("hosts", Kind::Texts, "[]", "host names it answers to, besides addresses, localhost and single labels").like(NAME).by_server()
                .mind("a name that a stranger controls lets web pages in (DNS rebinding)"),
            Key::new("token", Kind::Table("secret"), "`STATE_DIR/admin_token` or `STAGEDOOR_ADMIN_TOKEN`, made where neither is there", "the bearer that opens /api/v1").by_server()
                .mind("whoever has it can use the operator's API"),
            Key::new("metrics", Kind::Choice(&["token", "open"]), r#""token""#, "who may read /metrics off loopback").by_server()
            .mind("open tells strangers the names of apps and routes"),
        ],
    },
    Table {
        path: "state",
        doc: "what survives a restart",
        keys: &[
            Key::new("dir", Kind::Text, r#""data""#, "the folder of what the gateway keeps, relative to the main file: so far the operator's token, unless `admin.token` names another place; another folder needs a restart where the process is confined; unless `server.confine` is off, the gateway does not start where it is a home folder, one of the system or a sticky one like `/tmp`").by_server(),
            Key::later("redis", Kind::Table("state.redis"), "state shared by all replicas"),
        ],
    },
    Table {
        path: "log",
        doc: "what is written down",
        keys: &[
            Key::new("level", Kind::Choice(&["error", "warn", "info", "debug", "trace"]), r#""info""#, "the least that is worth a log line; `debug` also tells what each check said of each request").by_server(),
            Key::new("format", Kind::Choice(&["json", "text"]), r#""json""#, "the shape of log lines").by_server()
                .restart(),
            Key::new("access", Kind::TextOrTable("log.access"), r#""stdout""#, "where access events go, one for each request").within("`\"stdout\"`").like("^stdout$").by_server()
                .restart(),
            Key::new("redact_query", Kind::Texts, r#"["token", "access_token", "api_key", "apikey", "sd_token", "X-Plex-Token", "password", "code", "id_token", "refresh_token", "jwt", "auth_token"]"#, "query parameters whose values are never logged, besides those that carry a provider's token and those of `log.redact_query` of an app; compared without case and percent-decoded").like(PARAMETER).by_server()
                .mind("a secret in any other parameter is logged"),
        ],
    },
    Table {
        path: "log.access",
        doc: "a file of access events",
        keys: &[
            Key::new("file", Kind::Text, "required", "its path, relative to the main file; in a folder of its own or that of the state, for it is rotated there: unless `server.confine` is off, the gateway does not start with one in a home folder, one of the system or a sticky one like `/tmp`; a device or a pipe, as `/dev/stdout` may be one, lies anywhere").by_server().restart()
                .mind("it holds addresses and names of users"),
            Key::new("max_size", Kind::Size, r#""100MiB""#, "how large it may grow before it is rotated").within("1KiB to 1024GiB").by_server().restart(),
            Key::new("keep", Kind::Count, "14", "how many rotated files are kept").within("0 to 10000").by_server().restart(),
        ],
    },
];
