//! The list of all metrics. The registry and the reference are made from it.

use serde_json::{Value, json};

/// One metric. Dashboards rely on its name and labels: they never change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its full name.
    pub name: &'static str,
    /// Its kind.
    pub kind: MetricKind,
    /// The names of its labels, in the order of their values.
    pub labels: &'static [&'static str],
    /// What it measures, as a sentence.
    pub help: &'static str,
}

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricKind {
    /// It never decreases while the process runs.
    Counter,
    /// It may rise and fall.
    Gauge,
    /// It counts into buckets with these upper bounds, in seconds.
    Histogram(&'static [f64]),
}

impl MetricKind {
    /// Its name in the text format.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// Every metric, by name.
pub const ALL: [&Metric; 35] = [
    &PROCESS_CPU,
    &PROCESS_MAX_FDS,
    &PROCESS_OPEN_FDS,
    &PROCESS_RESIDENT,
    &PROCESS_START,
    &PROCESS_THREADS,
    &PROCESS_VIRTUAL,
    &BUILD_INFO,
    &CONFIG_LAST_RELOAD,
    &CONFIG_LOADED,
    &CONFIG_RELOADS,
    &CONFIG_WAITING,
    &CONNECTIONS,
    &CONNECTIONS_REFUSED,
    &DENIED,
    &GATEWAY_SECONDS,
    &HTTP2_LIMITED,
    &JWKS_REFRESHES,
    &JWT_CACHE,
    &LIMIT_OVERFLOWS,
    &LIMITED,
    &LOG_DROPPED,
    &PANICS,
    &REQUEST_BYTES,
    &REQUEST_SECONDS,
    &REQUESTS,
    &RESPONSE_BYTES,
    &STATE_ERRORS,
    &STATE_KEYS,
    &STREAMS,
    &STREAMS_CLOSED,
    &TLS_NOT_AFTER,
    &TLS_RENEWALS_FAILING,
    &UPSTREAM_FAILURES,
    &UPSTREAM_SECONDS,
];

/// The metrics as a chapter of Markdown.
#[must_use]
pub fn text() -> String {
    let mut out = String::from(HEAD);
    for Metric { name, kind, labels, help } in ALL {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        out.push_str(&format!("| `{name}` | {} | {} | {help} |\n", kind.name(), labels.join(", ")));
    }
    out
}

/// The metrics as JSON: an array of objects.
#[must_use]
pub fn json() -> Value {
    let object = |metric: &&Metric| {
        let Metric { name, kind, labels, help } = metric;
        json!({ "name": name, "kind": kind.name(), "labels": labels, "help": help })
    };
    ALL.iter().map(object).collect()
}

const HEAD: &str = "\
## Metrics

`GET /metrics` of the operator's listener. Names and labels stay as they are.

| metric | kind | labels | meaning |
|---|---|---|---|
";

const fn metric(
    name: &'static str,
    kind: MetricKind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind, labels, help }
}

// The names that Prometheus' own clients have for every process.
pub(super) const PROCESS_CPU: Metric =
    metric("process_cpu_seconds_total", MetricKind::Counter, &[], "Time on a processor, in seconds.");
pub(super) const PROCESS_MAX_FDS: Metric =
    metric("process_max_fds", MetricKind::Gauge, &[], "Files and sockets that may be open at once.");
pub(super) const PROCESS_OPEN_FDS: Metric =
    metric("process_open_fds", MetricKind::Gauge, &[], "Files and sockets that are open.");
pub(super) const PROCESS_RESIDENT: Metric =
    metric("process_resident_memory_bytes", MetricKind::Gauge, &[], "Memory in use.");
pub(super) const PROCESS_START: Metric = metric(
    "process_start_time_seconds",
    MetricKind::Gauge,
    &[],
    "When the process started, since the epoch.",
);
pub(super) const PROCESS_THREADS: Metric =
    metric("process_threads", MetricKind::Gauge, &[], "Threads of the process.");
pub(super) const PROCESS_VIRTUAL: Metric =
    metric("process_virtual_memory_bytes", MetricKind::Gauge, &[], "Address space in use.");
pub(super) const BUILD_INFO: Metric =
    metric("stagedoor_build_info", MetricKind::Gauge, &["version"], "The version that runs.");
pub(super) const CONFIG_LAST_RELOAD: Metric = metric(
    "stagedoor_config_last_reload_successful",
    MetricKind::Gauge,
    &[],
    "0 while the configuration files, as they were last read, have mistakes; else 1.",
);
pub(super) const CONFIG_LOADED: Metric = metric(
    "stagedoor_config_loaded_timestamp_seconds",
    MetricKind::Gauge,
    &[],
    "When the policy in force was loaded, since the epoch.",
);
pub(super) const CONFIG_RELOADS: Metric = metric(
    "stagedoor_config_reload_total",
    MetricKind::Counter,
    &["result"],
    "Reloads of the configuration.",
);
pub(super) const CONFIG_WAITING: Metric = metric(
    "stagedoor_config_waiting",
    MetricKind::Gauge,
    &[],
    "Changes of the configuration files that wait for a person to ask for them.",
);
pub(super) const CONNECTIONS: Metric =
    metric("stagedoor_connections", MetricKind::Gauge, &[], "Open client connections.");
pub(super) const CONNECTIONS_REFUSED: Metric = metric(
    "stagedoor_connections_refused_total",
    MetricKind::Counter,
    &["reason"],
    "Connections refused before a request was read.",
);
pub(super) const DENIED: Metric =
    metric("stagedoor_denied_total", MetricKind::Counter, &["app", "route", "code"], "Requests refused.");
pub(super) const HTTP2_LIMITED: Metric = metric(
    "stagedoor_http2_limited_total",
    MetricKind::Counter,
    &["reason"],
    "Connections of HTTP/2 that were ended, and streams that were refused, for what their clients did.",
);
pub(super) const GATEWAY_SECONDS: Metric = metric(
    "stagedoor_gateway_seconds",
    MetricKind::Histogram(GATEWAY_BUCKETS),
    &["app"],
    "The gateway's own time on a request.",
);
pub(super) const JWKS_REFRESHES: Metric = metric(
    "stagedoor_jwks_refresh_total",
    MetricKind::Counter,
    &["provider", "result"],
    "How often the keys of a provider were fetched.",
);
pub(super) const JWT_CACHE: Metric =
    metric("stagedoor_jwt_cache_total", MetricKind::Counter, &["result"], "Verified tokens looked up.");
pub(super) const LIMIT_OVERFLOWS: Metric = metric(
    "stagedoor_limit_overflow_total",
    MetricKind::Counter,
    &[],
    "Requests that shared an allowance because limit_keys was reached.",
);
pub(super) const LIMITED: Metric = metric(
    "stagedoor_limited_total",
    MetricKind::Counter,
    &["app", "limit"],
    "Requests that a limit refused.",
);
pub(super) const LOG_DROPPED: Metric =
    metric("stagedoor_log_dropped_total", MetricKind::Counter, &[], "Access events that were lost.");
pub(super) const PANICS: Metric =
    metric("stagedoor_panics_total", MetricKind::Counter, &[], "Panics; each is a fault of the gateway.");
pub(super) const REQUEST_BYTES: Metric = metric(
    "stagedoor_request_bytes_total",
    MetricKind::Counter,
    &["app"],
    "Bytes of request bodies and of WebSockets from clients, counted when a request is over.",
);
pub(super) const REQUEST_SECONDS: Metric = metric(
    "stagedoor_request_seconds",
    MetricKind::Histogram(REQUEST_BUCKETS),
    &["app"],
    "Time from the first byte of a request to the last byte of its answer.",
);
pub(super) const REQUESTS: Metric = metric(
    "stagedoor_requests_total",
    MetricKind::Counter,
    &["app", "route", "status"],
    "Requests answered.",
);
pub(super) const RESPONSE_BYTES: Metric = metric(
    "stagedoor_response_bytes_total",
    MetricKind::Counter,
    &["app"],
    "Bytes of response bodies and of WebSockets to clients, counted when a request is over.",
);
pub(super) const STATE_ERRORS: Metric = metric(
    "stagedoor_state_errors_total",
    MetricKind::Counter,
    &["backend"],
    "Times that what has to survive the process could not be read or written.",
);
pub(super) const STATE_KEYS: Metric =
    metric("stagedoor_state_keys", MetricKind::Gauge, &["kind"], "Entries held in memory.");
pub(super) const STREAMS: Metric =
    metric("stagedoor_streams", MetricKind::Gauge, &["app", "kind"], "Open WebSockets and event streams.");
pub(super) const STREAMS_CLOSED: Metric =
    metric("stagedoor_streams_closed_total", MetricKind::Counter, &["reason"], "Streams that ended.");
pub(super) const TLS_NOT_AFTER: Metric = metric(
    "stagedoor_tls_not_after_seconds",
    MetricKind::Gauge,
    &["host"],
    "When the certificate of a host ends, since the epoch; of several, the one that ends first.",
);
pub(super) const TLS_RENEWALS_FAILING: Metric = metric(
    "stagedoor_tls_renewals_failing",
    MetricKind::Gauge,
    &[],
    "Certificates whose files have changed and cannot be used, so that the old ones stay.",
);
pub(super) const UPSTREAM_FAILURES: Metric = metric(
    "stagedoor_upstream_failures_total",
    MetricKind::Counter,
    &["app", "reason"],
    "Requests that the app did not answer, or not to the end.",
);
pub(super) const UPSTREAM_SECONDS: Metric = metric(
    "stagedoor_upstream_seconds",
    MetricKind::Histogram(REQUEST_BUCKETS),
    &["app"],
    "Time until the app began to answer.",
);

/// Seconds: 50 µs to a minute.
const REQUEST_BUCKETS: &[f64] = &[
    50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0, 60.0,
];
/// Seconds: 5 µs to 50 ms.
const GATEWAY_BUCKETS: &[f64] = &[
    5e-6, 10e-6, 20e-6, 40e-6, 60e-6, 80e-6, 100e-6, 150e-6, 200e-6, 300e-6, 500e-6, 1e-3, 2.5e-3, 5e-3,
    10e-3, 25e-3, 50e-3,
];
