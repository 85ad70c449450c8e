//! The policy in force, with its metrics, its redaction and its upstreams looked up once.

use std::sync::Arc;

use stagedoor_config::Source;
use stagedoor_core::policy::{App, Policy};

use crate::edge::pool::{AppPool, Upstream};
use crate::in_flight::{InFlightCounter, InFlightCounters, InFlightSlot};
use crate::telemetry::metrics::{Metrics, PolicyMetrics};
use crate::telemetry::redact::Redaction;

/// A policy that is or was in force. A request keeps the one that it began with.
#[derive(Debug)]
pub(crate) struct LivePolicy {
    pub(crate) policy: Policy,
    /// What it was compiled from.
    pub(crate) source: Source,
    pub(crate) counters: PolicyMetrics,
    /// For requests whose app is not known.
    redaction: Redaction,
    /// One for each app, in the order of the policy.
    redactions: Box<[Redaction]>,
    /// One for each app, in the order of the policy.
    upstreams: Box<[Arc<Upstream>]>,
    /// One for each app, in the order of the policy.
    in_flight: Box<[Arc<InFlightCounter>]>,
    pool: Arc<AppPool>,
    /// How many policies this process has had in force before it.
    pub(crate) generation: u64,
}

impl LivePolicy {
    pub(crate) fn new(
        policy: Policy,
        source: Source,
        generation: u64,
        metrics: &Metrics,
        pool: &Arc<AppPool>,
        in_flight: &InFlightCounters,
    ) -> Arc<Self> {
        let counters = PolicyMetrics::resolve(metrics, &policy);
        let redaction = Redaction::of_all(&policy);
        let redactions = policy.apps.iter().map(|app| Redaction::of_app(&policy, app)).collect();
        let upstreams = policy.apps.iter().map(|app| pool.upstream(&app.upstream)).collect();
        let in_flight = policy.apps.iter().map(|app| in_flight.of(&app.name)).collect();
        let pool = Arc::clone(pool);
        Arc::new(Self {
            policy,
            source,
            counters,
            redaction,
            redactions,
            upstreams,
            in_flight,
            pool,
            generation,
        })
    }

    /// What is kept out of the record of a request of `app`.
    pub(crate) fn redaction(&self, app: Option<&App>) -> &Redaction {
        app.and_then(|app| self.redactions.get(app.index)).unwrap_or(&self.redaction)
    }

    /// A slot for one more request in flight of an app; `None` where it has as many as it may have. `auto` is what
    /// `limit.in_flight = "auto"` means.
    pub(crate) fn take_in_flight(&self, app: &App, auto: usize) -> Option<InFlightSlot> {
        self.in_flight.get(app.index)?.take(app.in_flight.unwrap_or(auto))
    }

    /// The connections to an app.
    pub(crate) fn upstream(&self, app: &App) -> Arc<Upstream> {
        self.upstreams.get(app.index).map_or_else(|| self.pool.upstream(&app.upstream), Arc::clone)
    }
}
