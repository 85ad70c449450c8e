//! Running the gateway: start, serving, drain.
//!
//! This is where everything is wired together: it may use every module, and only the commands use it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stagedoor_config::{self as config, Compiled, Source};
use stagedoor_core::guard::caller::Provider;
use stagedoor_core::guard::jwt::{JwtKey, JwtPolicy};
use stagedoor_core::policy::{ConfinePolicy, Policy};
use stagedoor_core::request::Scheme;
use stagedoor_core::secret::Secret;

use crate::backends::key_refresh;
use crate::bound_listeners::BoundListeners;
use crate::certificate_renewal;
use crate::certificates::Certificates;
use crate::clock;
use crate::confinement::{self, KeptPaths};
use crate::edge::front::Front;
use crate::enter_links;
use crate::gateway::Gateway;
use crate::limit_overflow;
use crate::loader;
use crate::machine::{self, Machine};
use crate::materials::random;
use crate::problems::Problems;
use crate::reload::{self, Reloader};
use crate::signals::{Hangup, Signals};
use crate::source::ConfigSource;
use crate::stage::Stage;
use crate::state_writer::StateWriter;
use crate::store::Store;
use crate::telemetry::access::AccessLogWriter;
use crate::telemetry::logs::{Logs, hook_panics};
use crate::telemetry::metrics::Metrics;

/// How often the drain checks whether the last connection has ended.
const DRAIN_CHECK: Duration = Duration::from_millis(20);
/// How long the process waits at its end until the last access events are written.
const LOG_FLUSH: Duration = Duration::from_millis(200);
/// How long streams may take to close after the drain.
const CLOSE_GRACE: Duration = Duration::from_millis(700);

/// What to run, and how.
pub struct Start {
    /// Where the configuration comes from.
    pub config: ConfigSource,
    /// A program that runs in the same process.
    pub companion: Option<Companion>,
    /// Called once the gateway serves.
    pub on_ready: Option<OnReady>,
    /// What SIGHUP asks for.
    pub hangup: Hangup,
}

/// A program that runs in the same process, under the same confinement: the app of the demo.
pub struct Companion {
    /// Starts it. Called once the process is confined, so that its threads are confined too.
    pub start: Box<dyn FnOnce() -> std::io::Result<()>>,
    /// A folder that the caller removes at the end of the process.
    pub removed: PathBuf,
}

/// Called once the gateway serves. It may return a function for the end.
pub type OnReady = Box<dyn FnOnce(&RunningGateway<'_>) -> Option<OnStopped> + Send>;

/// Called once after the drain, while the admin listener still answers.
pub type OnStopped = Box<dyn FnOnce() + Send>;

/// A gateway that serves, as the command that started it sees it.
pub struct RunningGateway<'a> {
    gateway: &'a Gateway,
    /// The address of the admin listener as bound; `None` where it is off.
    pub admin: Option<SocketAddr>,
}

impl RunningGateway<'_> {
    /// The first public address of TCP.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.gateway.listening().iter().find_map(|listener| listener.address.tcp())
    }

    /// The state folder.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.gateway.live().policy.server.state_dir.clone()
    }

    /// A token of the first provider that can sign, valid for at most `lifetime`.
    ///
    /// # Errors
    /// No provider can sign, or the provider does not sign such a token.
    pub fn sign(&self, user: &str, roles: &[String], lifetime: Duration) -> Result<Secret<String>, String> {
        let live = self.gateway.live();
        let signs = |provider: &&Arc<JwtPolicy>| provider.keys.iter().any(JwtKey::signs);
        let provider = live
            .policy
            .providers
            .iter()
            .filter_map(Provider::jwt)
            .find(signs)
            .ok_or("no provider can sign")?;
        let lifetime = lifetime.min(provider.max_lifetime);
        let jti = URL_SAFE_NO_PAD.encode(random::<16>());
        provider.sign(user, roles, &[], lifetime, &jti, self.gateway.now()).map(Secret::new)
    }

    /// The address of an enter link: opened once in a browser on this machine, it signs the user of `token` in.
    ///
    /// # Errors
    /// There is more than one app, the app does not accept the token, or all of its hosts are wildcards.
    pub fn link(&self, token: &Secret<String>) -> Result<Secret<String>, String> {
        let token = Secret::new(token.expose().as_bytes().to_vec());
        let live = self.gateway.live();
        let made = self.gateway.links.make(&live.policy, None, token, self.gateway.now());
        let link = made.map_err(|error| error.to_string())?;
        let port = self.address().map_or(80, |address| address.port());
        let base = enter_links::base(&link.app.hosts, Scheme::Http, port)
            .ok_or("no host of the app can be named")?;
        Ok(enter_links::address(&base, link.code.expose()))
    }
}

/// Runs until SIGTERM or SIGINT, and through the drain.
///
/// # Errors
/// The configuration has mistakes (as [`Problems`]), an address cannot be bound, or the runtime cannot be started. Once it
/// serves, only a signal ends it.
pub fn run(start: Start) -> anyhow::Result<()> {
    let started = Instant::now();
    let Start { config: from, companion, on_ready, hangup } = start;
    let sources = from.read().map_err(Problems::new)?;
    let compiled =
        config::compile(&sources, &from.materials(), None, clock::now(started)).map_err(Problems::new)?;
    let Compiled { policy, source, certificates: loaded, warnings, restart: _ } = compiled;
    let logs = Logs::start(&policy).context("cannot set up logging")?;
    for warning in &warnings {
        tracing::warn!("{}", reload::line(warning));
    }
    let bound = BoundListeners::new(&policy, &source.files, &from.materials())?;
    let certificates = Certificates::new().context("cannot set up TLS")?;
    certificates.install(&policy.tls, policy.client_authorities(), loaded).context("cannot set up TLS")?;
    if let Err(error) = machine::raise_open_files() {
        tracing::warn!(%error, "the limit of open files stays as it is; hint: raise it: `LimitNOFILE` of its unit, `ulimit -n`");
    }
    let machine = Machine::look();
    let metrics = Metrics::new().context("cannot set up the metrics")?;
    confine(&from, &policy, &source, companion)?;
    let store = load_state(&policy)?;
    // The process is confined: threads may start from here on.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(policy.server.threads.unwrap_or(machine.threads))
        .enable_all()
        .thread_name("stagedoor")
        .build()
        .context("cannot start the runtime")?;
    let parts = ServerParts {
        config: from,
        on_ready,
        hangup,
        policy,
        source,
        store,
        certificates,
        logs,
        metrics,
        bound,
        machine,
        started,
    };
    let outcome = runtime.block_on(serve(parts));
    // The drain is over: what still runs is cut off.
    runtime.shutdown_timeout(Duration::from_millis(100));
    outcome
}

/// Confines the process, and starts its companion.
fn confine(
    config: &ConfigSource,
    policy: &Policy,
    source: &Source,
    companion: Option<Companion>,
) -> anyhow::Result<()> {
    let mut kept = match policy.server.confine {
        ConfinePolicy::Off => KeptPaths::default(),
        ConfinePolicy::Auto => KeptPaths::prepare(config, policy, source).map_err(|misplaced| {
            let place = loader::place_of(&source.files, &misplaced.key());
            anyhow::anyhow!("{misplaced}\n  --> {place}\n  hint: {}", misplaced.hint())
        })?,
    };
    if let Some(Companion { removed, .. }) = &companion {
        kept.write.insert(removed.clone());
        kept.tidy.extend(removed.parent().map(Path::to_owned));
    }
    let confinement = confinement::enter(policy.server.confine, &kept).map_err(|error| {
        let hint = "see what else confines it, or start without: server.confine = \"off\"";
        anyhow::anyhow!("cannot confine the process: {error}\n  hint: {hint}")
    })?;
    confinement.log(&kept);
    match companion {
        Some(Companion { start, .. }) => start().context("cannot start the companion program"),
        None => Ok(()),
    }
}

/// Reads what survived the last process. One that cannot be read stops the start: what was revoked would be accepted.
fn load_state(policy: &Policy) -> anyhow::Result<Option<Store>> {
    let folder = &policy.server.state_dir;
    StateWriter::load(folder, policy.tokens.revocations()).map_err(|fault| {
        let path = Store::path(folder);
        let hint = fault.hint(&path);
        anyhow::anyhow!("cannot read the store `{}`: {fault}\n  hint: {hint}", path.display())
    })
}

/// Everything that a confined process needs to serve.
struct ServerParts {
    config: ConfigSource,
    on_ready: Option<OnReady>,
    hangup: Hangup,
    policy: Policy,
    source: Source,
    store: Option<Store>,
    certificates: Certificates,
    logs: Logs,
    metrics: Metrics,
    bound: BoundListeners,
    machine: Machine,
    started: Instant,
}

async fn serve(parts: ServerParts) -> anyhow::Result<()> {
    let ServerParts {
        config,
        on_ready,
        hangup,
        policy,
        source,
        store,
        certificates,
        logs,
        metrics,
        bound,
        machine,
        started,
    } = parts;
    let mut signals = Signals::new()?;
    hook_panics(metrics.panics.clone());
    let access = AccessLogWriter::start(&policy.log, metrics.log_dropped.clone())
        .context("cannot write the access log")?;
    let drain = policy.server.drain;
    let (folder, list) = (policy.server.state_dir.clone(), Arc::clone(policy.tokens.revocations()));
    let state = StateWriter::start(folder, store, list, metrics.store_errors.clone())
        .context("cannot start the thread of the store")?;
    let gateway =
        Gateway::new((policy, source, state), certificates, metrics, access, logs, machine, started);
    let reloader = Reloader::new(Arc::clone(&gateway), config.clone());

    let front = Arc::new(Front { gateway: Arc::clone(&gateway) });
    bound.announce();
    gateway.listens(bound.public());
    let admin = bound.admin();
    tokio::spawn(key_refresh::watch(Arc::clone(&gateway)));
    bound.open(&front, &reloader)?;
    let on_stopped = on_ready.and_then(|call| call(&RunningGateway { gateway: &gateway, admin }));
    if let ConfigSource::File(path) = &config {
        tokio::spawn(reload::watch(Arc::clone(&reloader), path.clone()));
    }
    tokio::spawn(certificate_renewal::watch(Arc::clone(&gateway), config.materials()));
    tokio::spawn(probe(Arc::clone(&gateway)));
    tokio::spawn(limit_overflow::watch(Arc::clone(&gateway)));

    signals.until_end(&gateway, &reloader, hangup).await;
    finish(&gateway, drain).await;
    if let Some(call) = on_stopped {
        call();
    }
    Ok(())
}

/// Warns about apps that do not accept connections.
async fn probe(gateway: Arc<Gateway>) {
    let live = gateway.live();
    for app in &live.policy.apps {
        let upstream = &app.upstream;
        if let Err(fault) = live.upstream(app).reachable(upstream.connect).await {
            tracing::warn!(
                app = %app.name,
                upstream = %upstream.url,
                "the app cannot be reached ({}); its requests get 502 until it can; hint: {}",
                fault.reason(),
                fault.advice(&upstream.url)
            );
        }
    }
}

/// Drains: new requests are refused, streams are closed, open requests finish. After `drain`, what is left is closed in
/// the middle.
async fn finish(gateway: &Arc<Gateway>, drain: Duration) {
    let connections = gateway.permits.open();
    gateway.enter(Stage::Draining);
    tracing::info!(connections, "draining");
    if !idle_within(gateway, drain).await {
        gateway.enter(Stage::Closing);
        idle_within(gateway, CLOSE_GRACE).await;
    }
    tracing::info!(cut = gateway.permits.open(), "stopped");
    if !gateway.access.close(LOG_FLUSH) {
        tracing::warn!("some access events were not written in time");
    }
}

async fn idle_within(gateway: &Gateway, within: Duration) -> bool {
    let until = Instant::now() + within;
    while gateway.permits.open() > 0 {
        if Instant::now() >= until {
            return false;
        }
        tokio::time::sleep(DRAIN_CHECK).await;
    }
    true
}
