//! The series of one policy, looked up once when it is loaded, so that a request hashes no label.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use prometheus::{Histogram, IntCounter, IntGauge};
use stagedoor_core::denial::{Denial, UpstreamFault};
use stagedoor_core::guard::caller::Provider;
use stagedoor_core::policy::Policy;

use super::labels::{StreamEnd, StreamKind};
use super::registry::Metrics;
use super::series::Series;
use crate::telemetry::record::{EventRefusal, Record};

/// The series of the apps and routes of one policy. They are valid with that policy only: positions are those of its apps
/// and routes.
#[derive(Debug)]
pub struct PolicyMetrics {
    apps: Box<[AppMetrics]>,
    /// Requests that reached no app.
    nowhere: AppMetrics,
    shared: SharedSeries,
}

/// An open stream, counted until it is dropped.
#[derive(Debug)]
pub struct OpenStream {
    gauge: IntGauge,
    closed: Series<IntCounter>,
    end: StreamEnd,
}

#[derive(Debug)]
struct AppMetrics {
    name: Arc<str>,
    request_bytes: IntCounter,
    response_bytes: IntCounter,
    request_seconds: Histogram,
    gateway_seconds: Histogram,
    upstream_seconds: Histogram,
    websockets: IntGauge,
    events: IntGauge,
    routes: Box<[RouteMetrics]>,
}

#[derive(Debug)]
struct RouteMetrics {
    label: Arc<str>,
    statuses: [OnceLock<IntCounter>; STATUSES.len()],
    /// Allocated with the first refusal: few routes ever have one.
    codes: OnceLock<Box<[OnceLock<IntCounter>; Denial::CODES.len()]>>,
}

/// The series that are looked up by their labels, because they are seldom needed.
#[derive(Debug)]
struct SharedSeries {
    requests: Series<IntCounter>,
    denied: Series<IntCounter>,
    limited: Series<IntCounter>,
    streams_closed: Series<IntCounter>,
    upstream_failures: Series<IntCounter>,
}

impl PolicyMetrics {
    /// Finds or creates the series of `policy`, which is about to come into force, and removes those of apps and routes that
    /// it does not have.
    #[must_use]
    pub fn resolve(metrics: &Metrics, policy: &Policy) -> Self {
        metrics.sampled.adopt(policy);
        let providers = policy.providers.iter().filter_map(Provider::jwt);
        metrics.adopt_providers(providers.filter(|one| one.fetched.is_some()).map(|one| &*one.name));
        let resolved = Self::over(
            metrics,
            policy.apps.iter().map(|app| {
                let mut routes: Vec<_> = app.routes.all().map(|r| (r.index, Arc::clone(&r.label))).collect();
                routes.sort_unstable_by_key(|(index, _)| *index);
                (Arc::clone(&app.name), routes.into_iter().map(|(_, label)| label).collect())
            }),
        );
        let limits = policy.apps.iter().flat_map(|app| {
            let of_routes = app.routes.all().flat_map(|route| [&route.ip_limit, &route.caller_limit]);
            let all = std::iter::once(&app.limit).chain(of_routes).flat_map(|place| place.limits());
            all.map(|limit| (&*app.name, &**limit.name()))
        });
        resolved.forget_others(metrics, &limits.collect());
        resolved
    }

    pub(super) fn over(metrics: &Metrics, apps: impl Iterator<Item = (Arc<str>, Vec<Arc<str>>)>) -> Self {
        let nothing: Arc<str> = "-".into();
        Self {
            apps: apps.map(|(name, routes)| AppMetrics::new(metrics, name, routes)).collect(),
            nowhere: AppMetrics::new(metrics, Arc::clone(&nothing), vec![nothing]),
            shared: SharedSeries {
                requests: metrics.requests.clone(),
                denied: metrics.denied.clone(),
                limited: metrics.limited.clone(),
                streams_closed: metrics.streams_closed.clone(),
                upstream_failures: metrics.upstream_failures.clone(),
            },
        }
    }

    /// Counts one request. Called once for each.
    pub fn observe(&self, record: &Record<'_>) {
        let app = self.app(record.app.map(|a| a.index));
        app.request_bytes.inc_by(record.bytes_in);
        app.response_bytes.inc_by(record.bytes_out);
        app.request_seconds.observe(record.total.as_secs_f64());
        app.gateway_seconds.observe(record.gateway.as_secs_f64());
        if let Some(upstream) = record.upstream {
            app.upstream_seconds.observe(upstream.as_secs_f64());
        }
        if let Some(fault) = record.upstream_fault {
            self.shared.upstream_failures.of(&[&app.name, fault.label()]).inc();
        }
        // A request without a route counts as an unlisted one, which stands first.
        let Some(route) = app.routes.get(record.route.map_or(0, |r| r.index)) else { return };
        route.count(app, record.status, &self.shared);
        if let Some(refusal) = &record.refusal {
            route.refuse(app, refusal, &self.shared);
        }
    }

    /// Counts a stream of the app at `app`, from now until the result is dropped.
    #[must_use]
    pub fn open_stream(&self, app: usize, kind: StreamKind) -> OpenStream {
        let app = self.app(Some(app));
        let gauge = match kind {
            StreamKind::Websocket => &app.websockets,
            StreamKind::Events => &app.events,
        };
        gauge.inc();
        OpenStream {
            gauge: gauge.clone(),
            closed: self.shared.streams_closed.clone(),
            end: StreamEnd::Client,
        }
    }

    fn app(&self, index: Option<usize>) -> &AppMetrics {
        index.and_then(|index| self.apps.get(index)).unwrap_or(&self.nowhere)
    }

    pub(super) fn forget_others(&self, metrics: &Metrics, limits: &HashSet<(&str, &str)>) {
        let all = || self.apps.iter().chain([&self.nowhere]);
        let apps: HashSet<&str> = all().map(|app| &*app.name).collect();
        let routes: HashSet<(&str, &str)> =
            all().flat_map(|app| app.routes.iter().map(|route| (&*app.name, &*route.label))).collect();
        let of_app = |labels: &[Arc<str>]| matches!(labels, [app, ..] if apps.contains(&**app));
        let of_route =
            |labels: &[Arc<str>]| matches!(labels, [app, route, ..] if routes.contains(&(&**app, &**route)));
        metrics.requests.retain(of_route);
        metrics.denied.retain(of_route);
        metrics.request_bytes.retain(of_app);
        metrics.response_bytes.retain(of_app);
        metrics.request_seconds.retain(of_app);
        metrics.gateway_seconds.retain(of_app);
        metrics.upstream_seconds.retain(of_app);
        metrics.upstream_failures.retain(of_app);
        metrics.streams.retain(of_app);
        metrics
            .limited
            .retain(|labels| matches!(labels, [app, limit] if limits.contains(&(&**app, &**limit))));
    }
}

impl AppMetrics {
    fn new(metrics: &Metrics, name: Arc<str>, routes: Vec<Arc<str>>) -> Self {
        let stream = |kind: StreamKind| metrics.streams.of(&[&name, kind.label()]);
        // A closed set: each series starts at zero.
        for fault in UpstreamFault::ALL {
            metrics.upstream_failures.of(&[&name, fault.label()]);
        }
        Self {
            request_bytes: metrics.request_bytes.of(&[&name]),
            response_bytes: metrics.response_bytes.of(&[&name]),
            request_seconds: metrics.request_seconds.of(&[&name]),
            gateway_seconds: metrics.gateway_seconds.of(&[&name]),
            upstream_seconds: metrics.upstream_seconds.of(&[&name]),
            websockets: stream(StreamKind::Websocket),
            events: stream(StreamKind::Events),
            routes: routes.into_iter().map(RouteMetrics::new).collect(),
            name,
        }
    }
}

impl RouteMetrics {
    fn new(label: Arc<str>) -> Self {
        Self { label, statuses: [const { OnceLock::new() }; STATUSES.len()], codes: OnceLock::new() }
    }

    fn count(&self, app: &AppMetrics, status: u16, shared: &SharedSeries) {
        let place = STATUSES.iter().position(|s| *s == status).and_then(|n| self.statuses.get(n));
        let find = || {
            // The app may send any number. Outside of the classes of RFC 9110 §15 it is counted as `other`.
            let status = if matches!(status, 100..=599) { &*status.to_string() } else { "other" };
            shared.requests.of(&[&app.name, &self.label, status])
        };
        match place {
            Some(place) => place.get_or_init(find).inc(),
            None => find().inc(),
        }
    }

    fn refuse(&self, app: &AppMetrics, refusal: &EventRefusal<'_>, shared: &SharedSeries) {
        let codes = self.codes.get_or_init(|| Box::new([const { OnceLock::new() }; Denial::CODES.len()]));
        // One that several kinds share has the place of the first of them.
        let place = Denial::CODES.iter().position(|code| *code == refusal.code).and_then(|n| codes.get(n));
        let find = || shared.denied.of(&[&app.name, &self.label, refusal.code]);
        match place {
            Some(place) => place.get_or_init(find).inc(),
            None => find().inc(),
        }
        if let Some(limit) = refusal.limit {
            shared.limited.of(&[&app.name, limit]).inc();
        }
    }
}

impl OpenStream {
    /// Notes why the stream ends. Without it, the client has ended it.
    pub fn ends(&mut self, end: StreamEnd) {
        self.end = end;
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.gauge.dec();
        self.closed.of(&[self.end.label()]).inc();
    }
}

/// Statuses whose series every route keeps, the most frequent first. Others are looked up.
const STATUSES: [u16; 24] = [
    200, 206, 304, 204, 401, 429, 404, 403, 302, 201, 400, 413, 101, 301, 303, 307, 308, 405, 422, 500, 502,
    503, 504, 416,
];
