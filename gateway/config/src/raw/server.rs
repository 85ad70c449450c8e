//! `[server]`, `[admin]`, `[state]`, `[log]`.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::auth::{Secret, secret};
use super::reader::Reader;
use crate::location::{Setting, Spanned};
use stagedoor_core::policy::{ConfinePolicy, LogFormat};

#[derive(Clone, Debug, Default)]
pub(crate) struct Server {
    pub(crate) listen: Setting<Vec<Spanned<String>>>,
    pub(crate) trusted_proxies: Setting<Vec<Spanned<String>>>,
    pub(crate) forwarded: Setting<Vec<Spanned<String>>>,
    pub(crate) threads: Setting<Option<u64>>,
    pub(crate) drain: Setting<Duration>,
    pub(crate) server_timing: Setting<bool>,
    pub(crate) confine: Setting<ConfinePolicy>,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: ServerLimits,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Timeouts {
    pub(crate) header: Setting<Duration>,
    pub(crate) idle: Setting<Duration>,
    pub(crate) body_idle: Setting<Duration>,
    pub(crate) min_rate: Setting<u64>,
    pub(crate) send_idle: Setting<Duration>,
    pub(crate) stream_idle: Setting<Duration>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ServerLimits {
    pub(crate) connections: Setting<Option<u64>>,
    pub(crate) connections_per_ip: Setting<u64>,
    pub(crate) requests_per_connection: Setting<u64>,
    pub(crate) header_bytes: Setting<u64>,
    pub(crate) header_count: Setting<u64>,
    pub(crate) uri_bytes: Setting<u64>,
    pub(crate) limit_keys: Setting<u64>,
    pub(crate) token_cache: Setting<u64>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Admin {
    pub(crate) listen: Setting<String>,
    pub(crate) hosts: Setting<Vec<Spanned<String>>>,
    pub(crate) token: Option<Secret>,
    pub(crate) metrics_open: Setting<bool>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) dir: Setting<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) level: Setting<&'static str>,
    pub(crate) format: Setting<LogFormat>,
    pub(crate) access: Setting<AccessLog>,
    pub(crate) redact_query: Setting<Vec<Spanned<String>>>,
}

#[derive(Clone, Debug)]
pub(crate) enum AccessLog {
    Stdout,
    File { file: Setting<String>, max_size: Setting<u64>, keep: Setting<u64> },
}

pub(super) fn server(table: &Reader<'_>) -> Server {
    Server {
        listen: table.texts("listen"),
        trusted_proxies: table.texts("trusted_proxies"),
        forwarded: table.texts("forwarded"),
        threads: table.count_or("threads", "auto", 1..=1024),
        drain: table.duration("drain", up_to_a_day(Duration::ZERO)),
        server_timing: table.flag("server_timing"),
        confine: table.choice("confine", &[("auto", ConfinePolicy::Auto), ("off", ConfinePolicy::Off)]),
        timeouts: table.child("timeouts", "server.timeouts").map(|t| timeouts(&t)).unwrap_or_default(),
        limits: table.child("limits", "server.limits").map(|t| limits(&t)).unwrap_or_default(),
    }
}

fn timeouts(table: &Reader<'_>) -> Timeouts {
    let range = || up_to_a_day(Duration::from_millis(10));
    Timeouts {
        header: table.duration("header", range()),
        idle: table.duration("idle", range()),
        body_idle: table.duration("body_idle", range()),
        min_rate: table.rate("min_rate", 0..=1 << 30),
        send_idle: table.duration("send_idle", range()),
        stream_idle: table.duration("stream_idle", range()),
    }
}

fn limits(table: &Reader<'_>) -> ServerLimits {
    ServerLimits {
        connections: table.count_or("connections", "auto", 1..=1_000_000),
        connections_per_ip: table.count("connections_per_ip", 1..=1_000_000),
        requests_per_connection: table.count("requests_per_connection", 1..=1_000_000_000),
        header_bytes: table.size("header_bytes", 1024..=1 << 20),
        header_count: table.count("header_count", 8..=1000),
        uri_bytes: table.size("uri_bytes", 256..=1 << 20),
        limit_keys: table.count("limit_keys", 16..=100_000_000),
        token_cache: table.count("token_cache", 0..=100_000_000),
    }
}

pub(super) fn admin(table: &Reader<'_>) -> Admin {
    Admin {
        listen: table.text("listen"),
        hosts: table.texts("hosts"),
        token: table.child("token", "secret").map(|t| secret(&t)),
        metrics_open: table.choice("metrics", &[("token", false), ("open", true)]),
    }
}

pub(super) fn state(table: &Reader<'_>) -> State {
    State { dir: table.text("dir") }
}

pub(super) fn log(table: &Reader<'_>) -> Log {
    const LEVELS: &[(&str, &str)] =
        &[("error", "error"), ("warn", "warn"), ("info", "info"), ("debug", "debug"), ("trace", "trace")];
    Log {
        level: table.choice("level", LEVELS),
        format: table.choice("format", &[("json", LogFormat::Json), ("text", LogFormat::Text)]),
        access: access(table),
        redact_query: table.texts("redact_query"),
    }
}

fn access(table: &Reader<'_>) -> Setting<AccessLog> {
    let at = table.place("access");
    let value = match table.text_or_child("access", "log.access")? {
        Ok(_) => table.choice("access", &[("stdout", ())]).map(|_| AccessLog::Stdout)?,
        Err(inner) => {
            inner.require("file", "name the file: { file = \"data/access.jsonl\" }");
            AccessLog::File {
                file: inner.text("file"),
                max_size: inner.size("max_size", 1 << 10..=1 << 40),
                keep: inner.count("keep", 0..=10_000),
            }
        }
    };
    Some(Spanned { value, at })
}

fn up_to_a_day(least: Duration) -> RangeInclusive<Duration> {
    least..=Duration::from_secs(86_400)
}
