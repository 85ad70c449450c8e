//! What the whole process shares.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use stagedoor_core::clock::Now;
use stagedoor_core::denial::Denial;
use stagedoor_core::pipeline::Trail;
use stagedoor_core::policy::{App, Policy};
use stagedoor_core::reply::Reply;
use stagedoor_core::request::Head;
use tokio::sync::watch;

use crate::edge::adapt;
use crate::edge::permits::Permits;
use crate::edge::request_id;
use crate::enter::Links;
use crate::listeners::Machine;
use crate::refusals::{Occasion, Refusal, Refusals};
use crate::reload::Files;
use crate::telemetry::access::AccessLog;
use crate::telemetry::logs::Logs;
use crate::telemetry::metrics::{Metrics, PolicyMetrics};
use crate::telemetry::redact::Redaction;

/// Where the process is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Requests are served.
    Serving,
    /// Streams are closed, open requests finished, new ones refused.
    Draining,
    /// The time for that is over: a stream in the middle of a frame is closed as well.
    Closing,
}

/// A policy in force, with what the books need of it resolved.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) policy: Policy,
    pub(crate) counters: PolicyMetrics,
    /// For requests whose app is not known.
    redaction: Redaction,
    /// One for each app, in the order of the policy.
    redactions: Box<[Redaction]>,
    /// How many were in force before it.
    pub(crate) loaded: u64,
}

impl Live {
    fn new(policy: Policy, loaded: u64, metrics: &Metrics) -> Arc<Self> {
        let counters = PolicyMetrics::resolve(metrics, &policy);
        let redaction = Redaction::of_all(&policy);
        let redactions = policy.apps.iter().map(|app| Redaction::of_app(&policy, app)).collect();
        Arc::new(Self { policy, counters, redaction, redactions, loaded })
    }

    /// What is kept out of the record of a request of `app`.
    pub(crate) fn redaction(&self, app: Option<&App>) -> &Redaction {
        app.and_then(|app| self.redactions.get(app.index)).unwrap_or(&self.redaction)
    }
}

/// The one shared state of the server.
pub(crate) struct Gateway {
    live: ArcSwap<Live>,
    /// How the files stand to it.
    files: ArcSwap<Files>,
    pub(crate) metrics: Metrics,
    pub(crate) access: AccessLog,
    pub(crate) refusals: Refusals,
    logs: Logs,
    pub(crate) permits: Arc<Permits>,
    pub(crate) links: Links,
    /// Where clients connect: port 0 has become a real one.
    listening: OnceLock<Vec<SocketAddr>>,
    stage: watch::Sender<Stage>,
    started: Instant,
    unheeded_told: AtomicBool,
    machine: Machine,
}

impl Gateway {
    pub(crate) fn new(
        policy: Policy,
        metrics: Metrics,
        access: AccessLog,
        logs: Logs,
        machine: Machine,
        started: Instant,
    ) -> Arc<Self> {
        metrics.loaded(clock(started).unix());
        Arc::new(Self {
            live: ArcSwap::new(Live::new(policy, 0, &metrics)),
            files: ArcSwap::default(),
            metrics,
            access,
            refusals: Refusals::default(),
            logs,
            permits: Arc::new(Permits::default()),
            links: Links::default(),
            listening: OnceLock::new(),
            stage: watch::Sender::new(Stage::Serving),
            started,
            unheeded_told: AtomicBool::new(false),
            machine,
        })
    }

    /// The policy in force, pinned by the caller for as long as one request takes.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// Puts another policy in force. Requests under way keep theirs.
    pub(crate) fn install(&self, policy: Policy) {
        if let Err(error) = self.logs.update(&policy) {
            tracing::warn!(%error, "the log keeps its level");
        }
        // Reloads come one at a time.
        let loaded = self.live.load().loaded + 1;
        self.live.store(Live::new(policy, loaded, &self.metrics));
    }

    /// How the files stand to the policy in force.
    pub(crate) fn files(&self) -> Arc<Files> {
        self.files.load_full()
    }

    /// Notes how the files stand to the policy in force.
    pub(crate) fn note_files(&self, files: Files) {
        let (waiting, sound) = match &files {
            Files::InForce => (0, true),
            Files::Waiting(changes) => (changes.len(), true),
            Files::Broken(_) => (0, false),
        };
        self.metrics.files(waiting, sound);
        self.files.store(Arc::new(files));
    }

    /// All metrics as text, sampled now.
    pub(crate) fn render_metrics(&self, live: &Live) -> Result<String, Denial> {
        let open = i64::try_from(self.permits.open()).unwrap_or(i64::MAX);
        self.metrics.connections.set(open);
        self.metrics.render(&live.policy).map_err(|_| Denial::Internal("the metrics cannot be written"))
    }

    /// The public addresses, once they are bound.
    pub(crate) fn listening(&self) -> &[SocketAddr] {
        self.listening.get().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn listens(&self, addresses: Vec<SocketAddr>) {
        // Bound once in the life of a process.
        let _ = self.listening.set(addresses);
    }

    /// What `connections = "auto"` means here.
    pub(crate) fn auto_connections(&self) -> usize {
        self.machine.connections
    }

    /// The bytes of a refusal that belongs to no request, remembered like others.
    pub(crate) fn bare_refusal(&self, denial: &Denial, peer: IpAddr) -> Vec<u8> {
        let time = self.now().unix();
        let request_id = request_id::fresh(time);
        let live = self.live.load();
        let (loaded, redaction) = (live.loaded, live.redaction(None));
        let at =
            Occasion { request_id: &request_id, time, loaded, peer, host: None, crowded: false, redaction };
        self.remember(&at, None, &Trail::default(), denial);
        let reply = Reply::early(denial, &request_id);
        adapt::to_h1(reply, self.now(), false, true)
    }

    /// Keeps what an operator may ask about a refusal later.
    pub(crate) fn remember(
        &self,
        at: &Occasion<'_>,
        head: Option<&Head<'_>>,
        trail: &Trail,
        denial: &Denial,
    ) {
        if let Some(refusal) = Refusal::of(at, head, trail, denial) {
            self.refusals.push(refusal);
        }
    }

    /// `true` once: the first time somebody asks.
    pub(crate) fn first_unheeded(&self) -> bool {
        !self.unheeded_told.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> Now {
        clock(self.started)
    }

    pub(crate) fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    pub(crate) fn watch_stage(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    pub(crate) fn enter(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }
}

/// Both clocks, read together.
pub(crate) fn clock(started: Instant) -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now::new(started.elapsed(), unix)
}
