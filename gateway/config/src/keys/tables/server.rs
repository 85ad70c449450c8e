//! Where the gateway listens, and how much it takes: `[server]`, `[admin]`, `[state]`, `[log]`.

use std::time::Duration;

use super::auth::Secret;
use super::tls::Tls;
use crate::keys::nested::{TextOrTable, group, table, text_or_table};
use crate::keys::patterns::{LISTEN, PARAMETER, PEERS, SOCKET_OR_OFF, UNIX_MODE, WHOLE_HOST};
use crate::keys::reader::Reader;
use crate::keys::row::{Located, Value};
use crate::keys::table::table;
use crate::keys::value::{
    GIB, KIB, MIB, choice, count, days, duration, flag, millis, rate, size, text, texts, word_or_count,
};
use crate::location::{Location, Setting, Spanned, Texts};
use stagedoor_core::policy::{ConfinePolicy, LogFormat};

table! {
    /// Where the gateway listens, and how much it takes.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Server at "server" {
        /// Addresses and ports to listen on, paths of Unix sockets, and names of sockets that systemd passes
        /// (`fd:NAME`); `STAGEDOOR_LISTEN` overrides it. A client of a Unix socket has the address 127.0.0.1,
        /// unless it is a proxy that tells another one.
        listen: Texts = texts().default_texts(&["127.0.0.1:8080"])
            .accepts("`ADDRESS:PORT`, `unix:PATH` or `fd:NAME` each")
            .like(LISTEN).filled().by_server().restart()
            .mind("`0.0.0.0` is every network of this machine, unencrypted unless a proxy in front adds TLS"),
        /// Those of the addresses to listen on where clients may also begin with HTTP/2, without TLS and without
        /// asking first: for a proxy in front that speaks it. Clients that begin with HTTP/1.1 are served too.
        h2c: Texts = texts().default_texts(&[]).accepts("addresses of `listen`").like(LISTEN).by_server()
            .restart()
            .mind("one connection of HTTP/2 carries `limits.h2_streams` requests at the same time"),
        /// The permission bits of the Unix sockets that it listens on: who may write to one may connect.
        unix_mode: Setting<String> = text().default("0660").accepts("octal digits").like(UNIX_MODE).by_server()
            .restart()
            .mind("0666 lets every user of this machine, and every container that shares the folder, connect \
                as 127.0.0.1"),
        /// The proxies in front of this gateway. What they say about their clients in the fields of
        /// `forwarded` is believed; `STAGEDOOR_TRUSTED_PROXIES` overrides it.
        trusted_proxies: Texts = texts().default_texts(&[])
            .accepts("addresses and networks, such as `10.0.0.0/8`; `unix` for the clients of Unix sockets")
            .like(PEERS)
            .mind("a client at one of these addresses can claim any client address and scheme"),
        /// The fields in which a trusted proxy is believed. List only those that it sets itself in every
        /// request, in place of what its clients sent; for nginx see the README.
        forwarded: Texts = texts().default_texts(&["for", "proto"])
            .accepts("`for`, `proto`, `host` and `port` for `X-Forwarded-*`, `forwarded` for RFC 7239")
            .like(r"^(for|proto|host|port|forwarded)$")
            .mind("a proxy passes on the fields that it does not set: with `host` a client then reaches \
                another app, with `for` it chooses its address"),
        /// The proxies that begin each connection with a header of the PROXY protocol, version 1 or 2, before TLS
        /// and HTTP, and have to. The client that it tells takes the place of the proxy everywhere: in limits,
        /// logs, `access` and `trusted_proxies`. Nobody else may send such a header.
        proxy_protocol: Texts = texts().default_texts(&[])
            .accepts("addresses and networks, such as `10.0.0.0/8`; `unix` for the clients of Unix sockets")
            .like(PEERS).by_server()
            .mind("a client at one of these addresses can claim any client address"),
        /// Worker threads; auto is one per core.
        threads: Setting<Option<u64>> = word_or_count("auto", 1, 1024).default("auto").by_server()
            .restart(),
        /// How long open requests get after SIGTERM; WebSockets and event streams end at once.
        drain: Setting<Duration> = duration(Duration::ZERO, days(1)).default("30s").by_server().restart(),
        /// Tell clients in `Server-Timing` how long the gateway took.
        server_timing: Setting<bool> = flag().default_flag(false).by_server()
            .mind("it tells everybody how long the checks take"),
        /// Whether the process, once it listens, gives up access to all folders that it does not need, the
        /// right to execute programs, and core dumps; as far as the system supports it.
        confine: Setting<ConfinePolicy> = choice!(
            "auto" => ConfinePolicy::Auto, "off" => ConfinePolicy::Off,
        ).default("auto").by_server().restart()
            .mind("with off, an attacker who takes over the process can do all that its user may do"),
        /// Deadlines of a connection.
        timeouts: Timeouts = group::<Timeouts>(),
        /// Caps of what clients can make the gateway hold.
        limits: ServerLimits = group::<ServerLimits>(),
        /// Https listeners, and their certificates.
        tls: Option<Tls> = table::<Tls>().otherwise("plain HTTP only"),
    }
}

table! {
    /// Deadlines of a connection.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Timeouts at "server.timeouts" {
        /// How long a proxy may take to send its PROXY header. Some send it with the first bytes of their client.
        proxy_protocol: Setting<Duration> = duration(millis(10), days(1)).default("10s").by_server(),
        /// How long a client may take to send a whole request head.
        header: Setting<Duration> = duration(millis(10), days(1)).default("10s").by_server(),
        /// How long a client may take for the TLS handshake.
        handshake: Setting<Duration> = duration(millis(10), days(1)).default("10s").by_server(),
        /// How long a connection may wait for the next request.
        idle: Setting<Duration> = duration(millis(10), days(1)).default("60s").by_server(),
        /// How long a connection of HTTP/2 may wait for the next request.
        h2_idle: Setting<Duration> = duration(millis(10), days(1)).default("30s").by_server(),
        /// How long a request body may go without a byte.
        body_idle: Setting<Duration> = duration(millis(10), days(1)).default("30s").by_server(),
        /// A request body slower than this for `body_idle` is cut.
        min_rate: Setting<u64> = rate(0, GIB).default("1KiB/s").by_server()
            .mind("0B/s turns it off: a body that drips then holds its connection as long as the client likes"),
        /// How long a client may read nothing of a response.
        send_idle: Setting<Duration> = duration(millis(10), days(1)).default("10m").by_server(),
        /// How long a WebSocket or event stream may be silent.
        stream_idle: Setting<Duration> = duration(millis(10), days(1)).default("1h").by_server(),
    }
}

table! {
    /// Caps of what clients can make the gateway hold.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct ServerLimits at "server.limits" {
        /// Open connections, and apart from them requests of HTTP/2 under way; auto is an eighth of the memory at 64 KiB each, at most half of the files that
        /// may be open and 10000.
        connections: Setting<Option<u64>> = word_or_count("auto", 1, 1_000_000).default("auto").by_server(),
        /// Open connections of one address, or IPv6 /64; those of trusted proxies are not counted.
        connections_per_ip: Setting<u64> = count(1, 1_000_000).default_count(64).by_server(),
        /// TLS handshakes that wait for the processor: from a complete first message (ClientHello) on until the answer to it is
        /// computed. Further connections are closed before any cryptography. Auto is a quarter of `connections`.
        handshakes: Setting<Option<u64>> = word_or_count("auto", 1, 1_000_000).default("auto").by_server(),
        /// How many requests a connection may carry before it is closed.
        requests_per_connection: Setting<u64> = count(1, 1_000_000_000).default_count(1000).by_server(),
        /// How many requests a connection of HTTP/2 may carry at the same time.
        h2_streams: Setting<u64> = count(1, 1000).default_count(100).by_server(),
        /// How many requests one address, or IPv6 /64, may have under way over HTTP/2, on all of its connections; those
        /// of trusted proxies are not counted.
        h2_streams_per_ip: Setting<u64> = count(1, 1_000_000).default_count(512).by_server(),
        /// How large a request head may be.
        header_bytes: Setting<u64> = size(KIB, MIB).default("32KiB").by_server(),
        /// How many fields a request head may have.
        header_count: Setting<u64> = count(8, 1000).default_count(100).by_server(),
        /// How long a request target, path and query, may be.
        uri_bytes: Setting<u64> = size(256, MIB).default("8KiB").by_server(),
        /// How many clients each limit counts apart; further ones share one allowance for each network.
        limit_keys: Setting<u64> = count(16, 100_000_000).default_count(200_000),
        /// How many verified tokens are remembered, so that a signature is checked once.
        token_cache: Setting<u64> = count(0, 100_000_000).default_count(50_000),
    }
}

table! {
    /// The operator's listener.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Admin at "admin" {
        /// The address and port of health, metrics and API, or off; `STAGEDOOR_ADMIN_LISTEN` overrides it.
        listen: Setting<String> = text().default("127.0.0.1:9901").accepts("`ADDRESS:PORT`, or `off`")
            .like(SOCKET_OR_OFF).by_server().restart()
            .mind("keep it on loopback, or on a network of your own"),
        /// Host names it answers to, besides addresses, localhost and single labels.
        hosts: Texts = texts().default_texts(&[]).like(WHOLE_HOST).by_server()
            .mind("a name that an attacker controls lets web pages reach it (DNS rebinding)"),
        /// The bearer that opens /api/v1.
        token: Option<Secret> = table::<Secret>()
            .otherwise("`STATE_DIR/admin_token` or `STAGEDOOR_ADMIN_TOKEN`, made where neither is there")
            .by_server()
            .mind("it grants all of the operator's API"),
        /// Who may read /metrics off loopback.
        metrics_open: Setting<bool> = choice!("token" => false, "open" => true).called("metrics")
            .default("token").by_server()
            .mind("open tells everybody the names of apps and routes"),
    }
}

table! {
    /// What survives a restart.
    #[derive(Debug, Default)]
    pub(crate) struct StateTable at "state" {
        /// The folder of the gateway's own files, relative to the main file: `state.db`, the store of what was
        /// revoked, and the operator's token, unless `admin.token` names another place. The store moves with
        /// a restart, and so does the token where the process is confined. Unless `server.confine` is off,
        /// the gateway does not start with a home folder, a system folder or a sticky one like `/tmp`.
        dir: Setting<String> = text().default("data").by_server().restart()
            .mind("a gateway that finds no store in its folder has nothing revoked: move `state.db` along"),
    }
    not yet {
        "redis": "State shared by all replicas.",
    }
}

table! {
    /// What is logged.
    #[derive(Debug, Default)]
    pub(crate) struct Log at "log" {
        /// The least severe level that is logged; `debug` also logs the result of each check of each request.
        level: Setting<&'static str> = choice!(
            "error" => "error", "warn" => "warn", "info" => "info", "debug" => "debug", "trace" => "trace",
        ).default("info").by_server(),
        /// The shape of log lines.
        format: Setting<LogFormat> = choice!("json" => LogFormat::Json, "text" => LogFormat::Text)
            .default("json").by_server().restart(),
        /// Where access events go, one for each request.
        access: Option<AccessLog> = text_or_table::<AccessLog>().default("stdout").accepts("`\"stdout\"`")
            .like(r"^stdout$").by_server().restart(),
        /// Query parameters whose values are never logged, besides those that carry a provider's token and
        /// those of `log.redact_query` of an app; compared without case and percent-decoded.
        redact_query: Texts = texts()
            .default_texts(REDACTED)
            .like(PARAMETER).by_server().mind("a secret in any other parameter is logged"),
    }
}

table! {
    /// A file of access events.
    #[derive(Debug)]
    pub(crate) struct AccessFile at "log.access" {
        /// Its path, relative to the main file. The file is rotated in its folder, so give it a folder of its
        /// own or that of the state: unless `server.confine` is off, the gateway does not start with a file
        /// in a home folder, a system folder or a sticky one like `/tmp`. A device or a pipe, such as
        /// `/dev/stdout`, may be anywhere.
        file: Setting<String> = text().required("name the file: { file = \"data/access.jsonl\" }")
            .by_server().restart()
            .mind("it holds addresses and user names"),
        /// How large it may grow before it is rotated.
        max_size: Setting<u64> = size(KIB, 1024 * GIB).default("100MiB").by_server().restart(),
        /// How many rotated files are kept.
        keep: Setting<u64> = count(0, 10_000).default_count(14).by_server().restart(),
    }
}

/// Query parameters that carry secrets in many apps.
pub(crate) const REDACTED: &[&str] = &[
    "token",
    "access_token",
    "api_key",
    "apikey",
    "sd_token",
    "X-Plex-Token",
    "password",
    "code",
    "id_token",
    "refresh_token",
    "jwt",
    "auth_token",
];

/// Where access events go.
#[derive(Debug)]
pub(crate) enum AccessLog {
    Stdout(Location),
    File(AccessFile),
}

impl TextOrTable for AccessLog {
    type Table = AccessFile;

    fn from_text(_: Spanned<String>, table: &Reader<'_>, key: &str) -> Option<Self> {
        choice!("stdout" => ()).value().read(table, key).map(|given| Self::Stdout(given.at))
    }

    fn from_table(table: AccessFile) -> Self {
        Self::File(table)
    }

    fn over(self, _: Self) -> Self {
        self
    }
}

impl Located for AccessLog {
    fn at(&self) -> &Location {
        match self {
            Self::Stdout(at) => at,
            Self::File(table) => &table.at,
        }
    }
}
