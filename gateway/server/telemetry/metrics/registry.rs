//! The registry: every metric of the process.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntCounter, IntGauge, Registry, TextEncoder};
use stagedoor_core::policy::Policy;

use super::catalogue;
use super::labels::{ConnectionRefusal, Http2Limit, KeyRefresh, ReloadResult, StreamEnd};
use super::process::Process;
use super::sampled::Sampled;
use super::series::{Series, counter, gauge};

/// Every metric of the process; lives as long as it does.
#[derive(Debug)]
pub struct Metrics {
    pub(super) registry: Registry,
    pub(super) requests: Series<IntCounter>,
    pub(super) request_bytes: Series<IntCounter>,
    pub(super) response_bytes: Series<IntCounter>,
    pub(super) denied: Series<IntCounter>,
    pub(super) request_seconds: Series<prometheus::Histogram>,
    pub(super) gateway_seconds: Series<prometheus::Histogram>,
    pub(super) upstream_seconds: Series<prometheus::Histogram>,
    pub(super) upstream_failures: Series<IntCounter>,
    pub(super) limited: Series<IntCounter>,
    pub(super) streams: Series<IntGauge>,
    pub(super) streams_closed: Series<IntCounter>,
    pub(super) connections_refused: Series<IntCounter>,
    pub(super) http2_limited: Series<IntCounter>,
    pub(super) key_refreshes: Series<IntCounter>,
    pub(super) reloads: Series<IntCounter>,
    pub(super) config_last_reload: IntGauge,
    pub(super) config_loaded: IntGauge,
    pub(super) config_waiting: IntGauge,
    pub(super) tls_not_after: Series<IntGauge>,
    pub(super) tls_renewals_failing: IntGauge,
    pub(super) sampled: Sampled,
    pub(super) process: Process,
    /// Open client connections.
    pub connections: IntGauge,
    /// Panics of any thread.
    pub panics: IntCounter,
    /// Access events that were lost.
    pub log_dropped: IntCounter,
    /// Times that the store could not be read or written.
    pub store_errors: IntCounter,
}

impl Metrics {
    /// Registers all metrics. Has to be called before the process is confined: it opens files below `/proc`.
    ///
    /// # Errors
    /// Two metrics have the same name, or a name is invalid: a fault of this file.
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
            http2_limited: Series::counters(r, &catalogue::HTTP2_LIMITED)?,
            key_refreshes: Series::counters(r, &catalogue::JWKS_REFRESHES)?,
            reloads: Series::counters(r, &catalogue::CONFIG_RELOADS)?,
            config_last_reload: gauge(r, &catalogue::CONFIG_LAST_RELOAD)?,
            config_loaded: gauge(r, &catalogue::CONFIG_LOADED)?,
            config_waiting: gauge(r, &catalogue::CONFIG_WAITING)?,
            tls_not_after: Series::gauges(r, &catalogue::TLS_NOT_AFTER)?,
            tls_renewals_failing: gauge(r, &catalogue::TLS_RENEWALS_FAILING)?,
            sampled: Sampled::new(r)?,
            process: Process::new(r)?,
            connections: gauge(r, &catalogue::CONNECTIONS)?,
            panics: counter(r, &catalogue::PANICS)?,
            log_dropped: counter(r, &catalogue::LOG_DROPPED)?,
            store_errors: Series::counters(r, &catalogue::STATE_ERRORS)?.of(&["store"]),
            registry,
        };
        let build = Series::gauges(&metrics.registry, &catalogue::BUILD_INFO)?;
        build.of(&[env!("CARGO_PKG_VERSION")]).set(1);
        // The process starts only with files that have no mistakes.
        metrics.files(0, true);
        metrics.begin_closed_sets();
        Ok(metrics)
    }

    /// Counts a refused connection.
    pub fn connection_refused(&self, refusal: ConnectionRefusal) {
        self.connections_refused.of(&[refusal.label()]).inc();
    }

    /// Counts a connection of HTTP/2 that was ended, or a stream that was refused.
    pub fn http2_limited(&self, limit: Http2Limit) {
        self.http2_limited.of(&[limit.label()]).inc();
    }

    /// Counts that the keys of a provider were fetched, or could not be.
    pub(crate) fn keys_refreshed(&self, provider: &str, result: KeyRefresh) {
        self.key_refreshes.of(&[provider, result.label()]).inc();
    }

    /// Begins the series of these providers of fetched keys, and forgets those of others.
    pub(super) fn adopt_providers<'p>(&self, providers: impl Iterator<Item = &'p str>) {
        let names: Vec<&str> = providers.collect();
        self.key_refreshes.retain(|labels| matches!(labels, [provider, _] if names.contains(&&**provider)));
        for (name, result) in names.iter().flat_map(|name| KeyRefresh::ALL.map(|result| (name, result))) {
            self.key_refreshes.of(&[name, result.label()]);
        }
    }

    /// Counts a reload at `at` (since the epoch). A successful one is when the policy in force was loaded.
    pub fn reloaded(&self, result: ReloadResult, at: Duration) {
        self.reloads.of(&[result.label()]).inc();
        match result {
            ReloadResult::Ok => self.loaded(at),
            ReloadResult::Failed | ReloadResult::Refused => {}
        }
    }

    /// Notes how many changes of the files wait for an operator, and whether the files are free of mistakes.
    pub fn files(&self, waiting: usize, sound: bool) {
        self.config_waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.config_last_reload.set(i64::from(sound));
    }

    /// When the policy in force was loaded, since the epoch, in whole seconds.
    pub(crate) fn loaded_at(&self) -> Duration {
        Duration::from_secs(u64::try_from(self.config_loaded.get()).unwrap_or_default())
    }

    /// Notes when the policy in force was loaded, since the epoch. Called at start, which counts as no reload.
    pub fn loaded(&self, at: Duration) {
        self.config_loaded.set(i64::try_from(at.as_secs()).unwrap_or(i64::MAX));
    }

    /// Notes for each host of a certificate when that ends, in seconds since the epoch. Of several certificates for one host,
    /// the one that ends first counts: any client may be shown that one. `failing` renewals wait for other files.
    pub(crate) fn certificates(&self, hosts: &[(String, u64)], failing: usize) {
        self.tls_renewals_failing.set(i64::try_from(failing).unwrap_or(i64::MAX));
        let known = |labels: &[Arc<str>]| {
            hosts.iter().any(|(host, _)| matches!(labels, [label] if **label == **host))
        };
        self.tls_not_after.retain(known);
        let mut last_first: Vec<_> = hosts.iter().collect();
        last_first.sort_by_key(|(_, not_after)| std::cmp::Reverse(*not_after));
        for (host, not_after) in last_first {
            self.tls_not_after.of(&[host]).set(i64::try_from(*not_after).unwrap_or(i64::MAX));
        }
    }

    /// All metrics in the text format 0.0.4, `policy` (the one in force) sampled now.
    ///
    /// # Errors
    /// The encoder rejects a metric: a fault of this module.
    pub fn render(&self, policy: &Policy) -> prometheus::Result<String> {
        self.sampled.sample(policy);
        self.process.sample();
        self.encode()
    }

    pub(super) fn encode(&self) -> prometheus::Result<String> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// Sets the series of closed sets to zero, so that a rate over them has a first value.
    fn begin_closed_sets(&self) {
        for refusal in ConnectionRefusal::ALL {
            self.connections_refused.of(&[refusal.label()]);
        }
        for limit in Http2Limit::ALL {
            self.http2_limited.of(&[limit.label()]);
        }
        for end in StreamEnd::ALL {
            self.streams_closed.of(&[end.label()]);
        }
        for result in [ReloadResult::Ok, ReloadResult::Failed, ReloadResult::Refused] {
            self.reloads.of(&[result.label()]);
        }
    }
}
