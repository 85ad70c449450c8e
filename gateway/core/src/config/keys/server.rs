//! The door: `[server]`, `[admin]`, `[state]`, `[log]`, and the root of the file.

use super::{Key, Kind, Table};

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "",
        doc: "the root of the file",
        keys: &[
            Key::new("version", Kind::Count, "1", "the version of this language").within("1 alone"),
            Key::new("include", Kind::Texts, "[]", "globs of further files, relative to the main file"),
            Key::new("server", Kind::Table("server"), "", "the door"),
            Key::new("admin", Kind::Table("admin"), "", "the operator's listener"),
            Key::new("state", Kind::Table("state"), "", "what survives a restart"),
            Key::new("log", Kind::Table("log"), "", "what is written down"),
            Key::new("auth", Kind::Named("auth.*"), "", "who can prove who they are"),
            Key::new("app", Kind::Named("app.*"), "", "what is protected"),
            Key::new("expect", Kind::Tables("expect[]"), "", "promises that are checked on every load"),
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
        doc: "the door",
        keys: &[
            Key::new("listen", Kind::Texts, r#"["127.0.0.1:8080"]"#, "addresses and ports to listen on").within("`ADDRESS:PORT` each").by_server()
                .restart(),
            Key::new("trusted_proxies", Kind::Texts, "[]", "networks whose forwarding headers are believed").within("addresses and networks, such as `10.0.0.0/8`")
                .mind("whoever stands here can claim any client address, scheme and host"),
            Key::not_yet(
                "proxy_protocol",
                Kind::Texts,
                "networks that must speak PROXY before anything else",
            ),
            Key::new("threads", Kind::TextOrCount, r#""auto""#, "worker threads; auto is one per core").within("1 to 1024").by_server()
                .restart(),
            Key::new("drain", Kind::Duration, r#""30s""#, "how long open requests and streams get after SIGTERM").within("0ms to 1d").by_server().restart(),
            Key::new("server_timing", Kind::Flag, "false", "tell in Server-Timing how long the gateway took").by_server()
                .mind("tells a stranger how long the checks take"),
            Key::new("confine", Kind::Choice(&["auto", "off"]), r#""auto""#, "whether the process gives up, once it listens, every folder that it does not need, the right to execute anything, and core dumps; as far as the system can").by_server()
                .restart()
                .mind("off leaves whoever takes over the process all that its user may do"),
            Key::new("timeouts", Kind::Table("server.timeouts"), "", "deadlines"),
            Key::new("limits", Kind::Table("server.limits"), "", "caps"),
            Key::not_yet("tls", Kind::Table("server.tls"), "https listeners"),
        ],
    },
    Table {
        path: "server.timeouts",
        doc: "deadlines of a connection",
        keys: &[
            Key::new("header", Kind::Duration, r#""10s""#, "the whole request head, however slowly it drips").within("10ms to 1d").by_server(),
            Key::not_yet("handshake", Kind::Duration, "the TLS handshake"),
            Key::new("idle", Kind::Duration, r#""60s""#, "a connection between two requests").within("10ms to 1d").by_server(),
            Key::new("body_idle", Kind::Duration, r#""30s""#, "a request body without a single byte").within("10ms to 1d").by_server(),
            Key::new("min_rate", Kind::Rate, r#""1KiB/s""#, "a request body slower than this for `body_idle` is cut").within("0B/s to 1GiB/s").by_server(),
            Key::new("send_idle", Kind::Duration, r#""10m""#, "a client that takes nothing of a response").within("10ms to 1d").by_server(),
            Key::new("stream_idle", Kind::Duration, r#""1h""#, "a WebSocket or event stream without a byte").within("10ms to 1d").by_server(),
        ],
    },
    Table {
        path: "server.limits",
        doc: "caps of what strangers can make the gateway hold",
        keys: &[
            Key::new("connections", Kind::TextOrCount, r#""auto""#, "open connections; auto is an eighth of the memory at 64 KiB each, at most half of the files that may be open and 10000").within("1 to 1000000").by_server(),
            Key::new("connections_per_ip", Kind::Count, "64", "open connections of one address, or IPv6 /64; those of trusted proxies are not counted").within("1 to 1000000").by_server(),
            Key::new("requests_per_connection", Kind::Count, "1000", "requests after which a connection is closed").within("1 to 1000000000").by_server(),
            Key::new("header_bytes", Kind::Size, r#""32KiB""#, "bytes of a request head").within("1KiB to 1MiB").by_server(),
            Key::new("header_count", Kind::Count, "100", "fields of a request head").within("8 to 1000").by_server(),
            Key::new("uri_bytes", Kind::Size, r#""8KiB""#, "bytes of a request target").within("256B to 1MiB").by_server(),
            Key::not_yet("h2_streams", Kind::Count, "open streams of one HTTP/2 connection"),
            Key::new("limit_keys", Kind::Count, "200000", "clients remembered by each limit").within("16 to 100000000"),
            Key::new("token_cache", Kind::Count, "50000", "verified tokens remembered").within("0 to 100000000"),
        ],
    },
    Table {
        path: "admin",
        doc: "the operator's listener",
        keys: &[
            Key::new("listen", Kind::Text, r#""127.0.0.1:9901""#, "its address and port, or off").within("`ADDRESS:PORT`, or `off`").by_server()
                .restart()
                .mind("keep it on loopback, or in a network of your own"),
            Key::new("hosts", Kind::Texts, "[]", "host names besides addresses, localhost and single labels").by_server()
                .mind("other names are refused: DNS rebinding"),
            Key::new("token", Kind::Table("secret"), "`STATE_DIR/admin_token` or `STAGEDOOR_ADMIN_TOKEN`, made where neither is there", "the bearer that opens /api/v1").by_server(),
            Key::new("metrics", Kind::Choice(&["token", "open"]), r#""token""#, "who may read /metrics off loopback").by_server()
            .mind("open tells strangers the names of apps and routes"),
        ],
    },
    Table {
        path: "state",
        doc: "what survives a restart",
        keys: &[
            Key::new("dir", Kind::Text, r#""data""#, "the folder of what the gateway keeps, relative to the main file: so far the operator's token, unless `admin.token` names another place").by_server(),
            Key::later("redis", Kind::Table("state.redis"), "state shared by all replicas"),
        ],
    },
    Table {
        path: "log",
        doc: "what is written down",
        keys: &[
            Key::new("level", Kind::Choice(&["error", "warn", "info", "debug", "trace"]), r#""info""#, "what is worth a line").by_server(),
            Key::new("format", Kind::Choice(&["json", "text"]), r#""json""#, "the shape of the lines").by_server()
                .restart(),
            Key::new("access", Kind::TextOrTable("log.access"), r#""stdout""#, "where access events go").within("`\"stdout\"`").by_server()
                .restart(),
            Key::new("redact_query", Kind::Texts, r#"["token", "access_token", "api_key", "apikey", "sd_token", "X-Plex-Token"]"#, "query parameters whose values are never logged, besides those that carry a provider's token").by_server(),
        ],
    },
    Table {
        path: "log.access",
        doc: "a file of access events",
        keys: &[
            Key::new("file", Kind::Text, "required", "its path, relative to the main file").by_server().restart(),
            Key::new("max_size", Kind::Size, r#""100MiB""#, "bytes after which it is rotated").within("1KiB to 1024GiB").by_server().restart(),
            Key::new("keep", Kind::Count, "14", "old files kept").within("0 to 10000").by_server().restart(),
        ],
    },
];
