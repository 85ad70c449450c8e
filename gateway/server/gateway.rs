//! The state that the whole process shares.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use stagedoor_config::Source;
use stagedoor_config::certificate::Certificate;
use stagedoor_core::clock::Now;
use stagedoor_core::denial::Denial;
use stagedoor_core::guard::revocation::RevocationList;
use stagedoor_core::guard::streams::OpenStreams;
use stagedoor_core::pipeline::Trail;
use stagedoor_core::policy::{App, Policy};
use stagedoor_core::request::{Head, PeerAddress};
use tokio::sync::watch;

use crate::certificates::Certificates;
use crate::clock;
use crate::config_file_state::ConfigFileState;
use crate::connection_permits::{ConnectionPermit, ConnectionPermits};
use crate::edge::pool::AppPool;
use crate::enter_links::EnterLinks;
use crate::handshakes::Handshakes;
use crate::in_flight::{InFlightCounters, InFlightSlot};
use crate::listening_socket::ListeningAt;
use crate::live_policy::LivePolicy;
use crate::machine::Machine;
use crate::recent_refusals::{RecentRefusals, RefusalContext, RefusalRecord};
use crate::stage::Stage;
use crate::state_writer::StateWriter;
use crate::telemetry::access::AccessLogWriter;
use crate::telemetry::logs::Logs;
use crate::telemetry::metrics::{ConnectionRefusal, Http2Limit, Metrics};

/// The one shared state of the server.
pub(crate) struct Gateway {
    live: ArcSwap<LivePolicy>,
    /// How many policies have been put in force since the start: who follows them is woken by it.
    installed: watch::Sender<u64>,
    /// How the configuration files compare with it.
    files: ArcSwap<ConfigFileState>,
    pub(crate) metrics: Metrics,
    pub(crate) access: AccessLogWriter,
    pub(crate) refusals: RecentRefusals,
    logs: Logs,
    pub(crate) permits: Arc<ConnectionPermits>,
    /// Requests of HTTP/2 under way: each may hold as much as a connection.
    streams: Arc<ConnectionPermits>,
    pub(crate) links: EnterLinks,
    pub(crate) state: StateWriter,
    /// The generation of the list of revocations.
    revoked: watch::Sender<u64>,
    pub(crate) certificates: Certificates,
    pub(crate) handshakes: Arc<Handshakes>,
    /// The public listeners, as bound.
    listening: OnceLock<Vec<ListeningAt>>,
    stage: watch::Sender<Stage>,
    started: Instant,
    untrusted_proxy_warned: AtomicBool,
    proxy_header_warned: AtomicBool,
    unexpected_proxy_header_warned: AtomicBool,
    machine: Machine,
    /// The connections to apps, which stay open while policies change.
    pool: Arc<AppPool>,
    in_flight: InFlightCounters,
    /// The WebSockets and event streams of callers, which stay counted while policies change.
    pub(crate) open_streams: Arc<OpenStreams>,
}

impl Gateway {
    /// It sweeps its connections to apps on the present runtime.
    pub(crate) fn new(
        (policy, source, state): (Policy, Source, StateWriter),
        certificates: Certificates,
        metrics: Metrics,
        access: AccessLogWriter,
        logs: Logs,
        machine: Machine,
        started: Instant,
    ) -> Arc<Self> {
        metrics.loaded(clock::now(started).unix());
        let (pool, in_flight) = (AppPool::start(), InFlightCounters::default());
        let revocations = policy.tokens.revocations();
        let revoked = watch::Sender::new(revocations.generation());
        let told = revoked.clone();
        // Of two at the same time the later one may be told first.
        revocations.tell(move |generation| {
            told.send_if_modified(|known| {
                let is_later = generation > *known;
                *known = generation.max(*known);
                is_later
            });
        });
        Arc::new(Self {
            live: ArcSwap::new(LivePolicy::new(policy, source, 0, &metrics, &pool, &in_flight)),
            installed: watch::Sender::new(0),
            files: ArcSwap::default(),
            metrics,
            access,
            refusals: RecentRefusals::default(),
            logs,
            permits: Arc::new(ConnectionPermits::default()),
            streams: Arc::new(ConnectionPermits::default()),
            links: EnterLinks::default(),
            state,
            revoked,
            certificates,
            handshakes: Arc::default(),
            listening: OnceLock::new(),
            stage: watch::Sender::new(Stage::Serving),
            started,
            untrusted_proxy_warned: AtomicBool::new(false),
            proxy_header_warned: AtomicBool::new(false),
            unexpected_proxy_header_warned: AtomicBool::new(false),
            machine,
            pool,
            in_flight,
            open_streams: Arc::default(),
        })
    }

    /// When the process started.
    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// The policy in force, pinned by the caller for as long as one request takes.
    pub(crate) fn live(&self) -> Arc<LivePolicy> {
        self.live.load_full()
    }

    /// Puts another policy in force. Requests under way keep theirs.
    pub(crate) fn install(&self, policy: Policy, source: Source, certificates: Vec<Certificate>) {
        if let Err(error) = self.logs.update(&policy) {
            tracing::warn!(%error, "the new log level cannot be set; the old one stays");
        }
        if let Err(error) = self.certificates.install(&policy.tls, policy.client_authorities(), certificates)
        {
            tracing::error!(%error, "the certificates cannot be put in force; the old ones stay");
        }
        // Reloads come one at a time.
        let generation = self.live.load().generation + 1;
        self.live.store(LivePolicy::new(
            policy,
            source,
            generation,
            &self.metrics,
            &self.pool,
            &self.in_flight,
        ));
        self.installed.send_replace(generation);
    }

    /// Changes whenever another policy is in force.
    pub(crate) fn watch_policies(&self) -> watch::Receiver<u64> {
        self.installed.subscribe()
    }

    /// What is revoked. The list outlives every policy.
    pub(crate) fn revocations(&self) -> Arc<RevocationList> {
        Arc::clone(self.live.load().policy.tokens.revocations())
    }

    /// The generation of the list of revocations, for what goes on after its check.
    pub(crate) fn watch_revocations(&self) -> watch::Receiver<u64> {
        self.revoked.subscribe()
    }

    /// Closes the idle connections to all apps, to have descriptors again. Returns how many there were.
    pub(crate) fn close_idle_app_connections(&self) -> usize {
        self.pool.close_idle()
    }

    /// How the configuration files compare with the policy in force.
    pub(crate) fn files(&self) -> Arc<ConfigFileState> {
        self.files.load_full()
    }

    /// Notes how the configuration files compare with the policy in force.
    pub(crate) fn note_files(&self, files: ConfigFileState) {
        let (waiting, sound) = match &files {
            ConfigFileState::InForce => (0, true),
            ConfigFileState::Waiting(changes) => (changes.len(), true),
            ConfigFileState::Broken(_) => (0, false),
        };
        self.metrics.files(waiting, sound);
        self.files.store(Arc::new(files));
    }

    /// All metrics as text, sampled now.
    pub(crate) fn render_metrics(&self, live: &LivePolicy) -> Result<String, Denial> {
        let open = i64::try_from(self.permits.open()).unwrap_or(i64::MAX);
        self.metrics.connections.set(open);
        self.metrics.certificates(&self.certificates.ends(), self.certificates.faults().len());
        self.metrics.render(&live.policy).map_err(|_| Denial::Internal("the metrics cannot be written"))
    }

    /// The public listeners, once they are bound.
    pub(crate) fn listening(&self) -> &[ListeningAt] {
        self.listening.get().map_or(&[], Vec::as_slice)
    }

    pub(crate) fn listens(&self, listeners: Vec<ListeningAt>) {
        // Bound once in the life of a process.
        let _ = self.listening.set(listeners);
    }

    /// Takes a permit for a connection; it counts against no address yet.
    pub(crate) fn permit_connection(&self) -> Result<ConnectionPermit, ConnectionRefusal> {
        self.permits.take(self.most_connections(&self.live()))
    }

    /// A slot for one more request in flight of an app; `None` where it has as many as it may have.
    pub(crate) fn take_in_flight(&self, live: &LivePolicy, app: &App) -> Option<InFlightSlot> {
        live.take_in_flight(app, self.most_connections(live))
    }

    /// How many TLS handshakes may wait for the processor.
    pub(crate) fn most_handshakes(&self) -> usize {
        let live = self.live();
        let most = live.policy.server.limits.handshakes;
        most.unwrap_or_else(|| (self.most_connections(&live) / 4).max(1))
    }

    /// How many connections may be open.
    fn most_connections(&self, live: &LivePolicy) -> usize {
        live.policy.server.limits.connections.unwrap_or(self.machine.connections)
    }

    /// Counts a connection against the cap of its address. Those of trusted proxies are not counted.
    pub(crate) fn count_connection(
        &self,
        permit: &mut ConnectionPermit,
        address: PeerAddress,
    ) -> Result<(), ConnectionRefusal> {
        let live = self.live();
        if live.policy.client.trusted.names(address) {
            return Ok(());
        }
        permit.count(address.ip(), live.policy.server.limits.connections_per_ip)
    }

    /// Takes a permit for a stream of HTTP/2, which counts like a connection, apart from those. Those of trusted proxies are
    /// counted against no address.
    pub(crate) fn permit_stream(&self, address: PeerAddress) -> Result<ConnectionPermit, Http2Limit> {
        let live = self.live();
        let limits = &live.policy.server.limits;
        let most = limits.connections.unwrap_or(self.machine.connections);
        let mut permit = self.streams.take(most).map_err(|_| Http2Limit::Streams)?;
        if !live.policy.client.trusted.names(address) {
            permit
                .count(address.ip(), limits.h2_streams_per_ip)
                .map_err(|_| Http2Limit::StreamsPerAddress)?;
        }
        Ok(permit)
    }

    /// Keeps a refusal, for `stagedoor why`.
    pub(crate) fn remember(
        &self,
        at: &RefusalContext<'_>,
        head: Option<&Head<'_>>,
        trail: &Trail,
        denial: &Denial,
    ) {
        if let Some(refusal) = RefusalRecord::of(at, head, trail, denial) {
            self.refusals.push(refusal);
        }
    }

    /// Whether the warning about a proxy that is not trusted is still due; `true` once in the life of the process.
    pub(crate) fn warns_of_untrusted_proxy(&self) -> bool {
        !self.untrusted_proxy_warned.swap(true, Ordering::Relaxed)
    }

    /// Whether the warning about a proxy without a PROXY header is still due; `true` once in the life of the process.
    pub(crate) fn warns_of_proxy_header(&self) -> bool {
        !self.proxy_header_warned.swap(true, Ordering::Relaxed)
    }

    /// Whether the warning about a PROXY header on an https listener that is not expected is still due; `true` once in the life of the
    /// process.
    pub(crate) fn warns_of_unexpected_proxy_header(&self) -> bool {
        !self.unexpected_proxy_header_warned.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn now(&self) -> Now {
        clock::now(self.started)
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
