//! The metrics of the process.
//!
//! Every label value comes from the configuration or from a closed set in this room; none is
//! chosen by a client. What there is stands in the [`catalogue`].

use std::time::Duration;

use prometheus::{IntCounter, IntGauge, Registry, TextEncoder};
use stagedoor_core::policy::Policy;

use catalogue::Metric;
use process::Process;
use sampled::Sampled;
use series::Series;

pub use resolved::{OpenStream, PolicyMetrics};

pub mod catalogue;
mod process;
mod resolved;
mod sampled;
mod series;

/// Every metric of the process; lives as long as it does.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Series<IntCounter>,
    request_bytes: Series<IntCounter>,
    response_bytes: Series<IntCounter>,
    denied: Series<IntCounter>,
    request_seconds: Series<prometheus::Histogram>,
    gateway_seconds: Series<prometheus::Histogram>,
    upstream_seconds: Series<prometheus::Histogram>,
    upstream_failures: Series<IntCounter>,
    limited: Series<IntCounter>,
    streams: Series<IntGauge>,
    streams_closed: Series<IntCounter>,
    connections_refused: Series<IntCounter>,
    reloads: Series<IntCounter>,
    config_last_reload: IntGauge,
    config_loaded: IntGauge,
    config_waiting: IntGauge,
    sampled: Sampled,
    process: Process,
    /// Open client connections.
    pub connections: IntGauge,
    /// Panics of any thread.
    pub panics: IntCounter,
    /// Access events that were lost.
    pub log_dropped: IntCounter,
}

/// Why a connection was refused before its first request was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionRefusal {
    /// `server.limits.connections`
    Total,
    /// `server.limits.connections_per_ip`
    PerAddress,
}

/// What kind of stream a request became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A WebSocket.
    Websocket,
    /// An event stream.
    Events,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The client closed it, or went away.
    Client,
    /// The app closed it, or went away.
    App,
    /// Nothing was said for `server.timeouts.stream_idle`.
    Idle,
    /// The gateway is shutting down.
    Draining,
}

/// What came of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// The new policy is in force.
    Ok,
    /// The files have mistakes; the old policy stays in force.
    Failed,
    /// The files may let clients do more and nobody asked; the old policy stays in force.
    Refused,
}

impl Metrics {
    /// Registers all metrics. Before the process is confined: what the kernel tells of it is opened here.
    ///
    /// # Errors
    /// Two metrics have the same name, or a name is none: a fault of this file.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let r = &registry;
        let metrics = Self {
            requests: Series::counters(r, &catalogue::REQUESTS)?,
            request_bytes: Series::counters(r, &catalogue::REQUEST_BYTES)?,
            response_bytes: Series::counters(r, &catalogue::RESPONSE_BYTES)?,
            denied: Series::counters(r, &catalogue::DENIED)?,
            request_seconds: Series::histograms(r, &catalogue::REQUEST_SECONDS)?,
            gateway_seconds: Series::histograms(r, &catalogue::GATEWAY_SECONDS)?,
            upstream_seconds: Series::histograms(r, &catalogue::UPSTREAM_SECONDS)?,
            upstream_failures: Series::counters(r, &catalogue::UPSTREAM_FAILURES)?,
            limited: Series::counters(r, &catalogue::LIMITED)?,
            streams: Series::gauges(r, &catalogue::STREAMS)?,
            streams_closed: Series::counters(r, &catalogue::STREAMS_CLOSED)?,
            connections_refused: Series::counters(r, &catalogue::CONNECTIONS_REFUSED)?,
            reloads: Series::counters(r, &catalogue::CONFIG_RELOADS)?,
            config_last_reload: gauge(r, &catalogue::CONFIG_LAST_RELOAD)?,
            config_loaded: gauge(r, &catalogue::CONFIG_LOADED)?,
            config_waiting: gauge(r, &catalogue::CONFIG_WAITING)?,
            sampled: Sampled::new(r)?,
            process: Process::new(r)?,
            connections: gauge(r, &catalogue::CONNECTIONS)?,
            panics: counter(r, &catalogue::PANICS)?,
            log_dropped: counter(r, &catalogue::LOG_DROPPED)?,
            registry,
        };
        let build = Series::gauges(&metrics.registry, &catalogue::BUILD_INFO)?;
        build.of(&[env!("CARGO_PKG_VERSION")]).set(1);
        // The files that the process starts with are sound.
        metrics.files(0, true);
        metrics.begin_closed_sets();
        Ok(metrics)
    }

    /// Counts a refused connection.
    pub fn connection_refused(&self, refusal: ConnectionRefusal) {
        self.connections_refused.of(&[refusal.label()]).inc();
    }

    /// Counts a reload; a good one at `at` (since the epoch) is when the policy in force was loaded.
    pub fn reloaded(&self, result: ReloadResult, at: Duration) {
        self.reloads.of(&[result.label()]).inc();
        match result {
            ReloadResult::Ok => self.loaded(at),
            ReloadResult::Failed | ReloadResult::Refused => {}
        }
    }

    /// Notes how many changes of the files wait for a person, and whether the files are without mistakes.
    pub fn files(&self, waiting: usize, sound: bool) {
        self.config_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.config_last_reload.set(i64::from(sound));
    }

    /// When the policy in force was loaded, since the epoch, in whole seconds.
    pub(crate) fn loaded_at(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.config_loaded.get()).unwrap_or_default())
    }

    /// Notes when the policy in force was loaded, since the epoch: at start, where nothing is counted.
    pub fn loaded(&self, at: Duration) {
        self.config_loaded.set(i64::try_from(at.as_secs()).unwrap_or(i64::MAX));
    }

    /// All metrics in the text format 0.0.4, `policy` (the one in force) sampled now.
    ///
    /// # Errors
    /// The encoder refuses a metric: a fault of this room.
    pub fn render(&self, policy: &Policy) -> prometheus::Result<String> {
        self.sampled.sample(policy);
        self.process.sample();
        self.encode()
    }

    fn encode(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// Series of closed sets stand at zero from the start, so that a rate over them has a beginning.
    fn begin_closed_sets(&self) {
        for refusal in [ConnectionRefusal::Total, ConnectionRefusal::PerAddress] {
            self.connections_refused.of(&[refusal.label()]);
        }
        for end in StreamEnd::ALL {
            self.streams_closed.of(&[end.label()]);
        }
        for result in [ReloadResult::Ok, ReloadResult::Failed, ReloadResult::Refused] {
            self.reloads.of(&[result.label()]);
        }
    }
}

impl ConnectionRefusal {
    fn label(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::PerAddress => "per_address",
        }
    }
}

impl StreamKind {
    fn label(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Events => "events",
        }
    }
}

impl StreamEnd {
    const ALL: [Self; 4] = [Self::Client, Self::App, Self::Idle, Self::Draining];

    fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::App => "app",
            Self::Idle => "idle",
            Self::Draining => "draining",
        }
    }
}

impl ReloadResult {
    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

fn counter(registry: &Registry, metric: &Metric) -> prometheus::Result<IntCounter> {
    let counter = IntCounter::new(metric.name, metric.help)?;
    registry.register(Box::new(counter.clone()))?;
    Ok(counter)
}

fn gauge(registry: &Registry, metric: &Metric) -> prometheus::Result<IntGauge> {
    let gauge = IntGauge::new(metric.name, metric.help)?;
    registry.register(Box::new(gauge.clone()))?;
    Ok(gauge)
}

#[cfg(test)]
mod tests;
