//! Running the gateway: from a configuration to the last connection.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pingora::proxy::HttpProxy;
use pingora_core::server::configuration::ServerConf;
use stagedoor_config::{self as config, Compiled, Source, SourceFile};
use stagedoor_core::guard::jwt::{JwtKey, JwtPolicy};
use stagedoor_core::policy::{ConfinePolicy, Policy};
use stagedoor_core::secret::Secret;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::admin::{self, Admin};
use crate::clock;
use crate::confinement::{self, Kept};
use crate::edge::front::Front;
use crate::edge::proxy::Proxy;
use crate::edge::upstream::Upstreams;
use crate::enter_links;
use crate::gateway::Gateway;
use crate::limit_overflow;
use crate::listeners;
use crate::loader;
use crate::machine::Machine;
use crate::materials::{DiskMaterials, random};
use crate::problems::Problems;
use crate::reload::{self, Reloader};
use crate::signals::{Hangup, Signals};
use crate::source::ConfigSource;
use crate::stage::Stage;
use crate::telemetry::access::AccessLog;
use crate::telemetry::logs::{Logs, hook_panics};
use crate::telemetry::metrics::Metrics;

/// Idle connections to apps that are kept for the next request.
const POOL: usize = 1024;
/// Between looks at whether the last connection has ended.
const LOOK: Duration = Duration::from_millis(20);
/// How long the last access events get to be written.
const LAST_LINES: Duration = Duration::from_millis(200);
/// How long closing streams get to say goodbye after the drain.
const GOODBYE: Duration = Duration::from_millis(700);

/// What to run.
pub struct Start {
    /// Where the configuration comes from.
    pub config: ConfigSource,
    /// What runs beside the gateway in this process.
    pub beside: Option<Beside>,
    /// What is to be said once the gateway answers.
    pub greeting: Option<Greeting>,
    /// What SIGHUP asks for.
    pub hangup: Hangup,
}

/// What runs beside the gateway, under the same confinement.
pub struct Beside {
    /// Called once the process is confined: its threads are to be started here, not before.
    pub start: Box<dyn FnOnce() -> std::io::Result<()>>,
    /// A folder that is removed at the end of the process.
    pub removed: PathBuf,
}

/// Called once, with the gateway that answers; perhaps there is something to do at its end.
pub type Greeting = Box<dyn FnOnce(&Ready<'_>) -> Option<Farewell> + Send>;

/// Called once after the drain, while the operator's listener is still there.
pub type Farewell = Box<dyn FnOnce() + Send>;

/// A gateway that answers, for whoever started it.
pub struct Ready<'a> {
    gateway: &'a Gateway,
    /// The operator's address as bound; `None` where it is off.
    pub admin: Option<SocketAddr>,
}

impl Ready<'_> {
    /// The first public address.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.gateway.listening().first().copied()
    }

    /// The folder of the state.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.gateway.live().policy.server.state_dir.clone()
    }

    /// A token of the first provider that signs, for at most `lifetime`.
    ///
    /// # Errors
    /// None signs, or not this.
    pub fn sign(&self, user: &str, roles: &[String], lifetime: Duration) -> Result<Secret<String>, String> {
        let live = self.gateway.live();
        let signs = |provider: &&Arc<JwtPolicy>| provider.keys.iter().any(JwtKey::signs);
        let provider = live.policy.providers.iter().find(signs).ok_or("no provider can sign")?;
        let lifetime = lifetime.min(provider.max_lifetime);
        let jti = URL_SAFE_NO_PAD.encode(random::<16>());
        provider.sign(user, roles, &[], lifetime, &jti, self.gateway.now()).map(Secret::new)
    }

    /// The address that takes this token into a browser on this machine, once.
    ///
    /// # Errors
    /// There is no single app, it would not take the token, or it has no host to name.
    pub fn link(&self, token: &Secret<String>) -> Result<Secret<String>, String> {
        let token = Secret::new(token.expose().as_bytes().to_vec());
        let live = self.gateway.live();
        let made = self.gateway.links.make(&live.policy, None, token, self.gateway.now());
        let link = made.map_err(|error| error.to_string())?;
        let port = self.address().map_or(80, |address| address.port());
        let base = enter_links::base(&link.app.hosts, port).ok_or("no host of the app can be named")?;
        Ok(enter_links::address(&base, link.code.expose()))
    }
}

/// Runs until SIGTERM or SIGINT, and through the drain.
///
/// # Errors
/// A configuration with mistakes (as [`Problems`]), an address that cannot be listened on, a runtime
/// that cannot be made. Once it serves, it only ends by a signal.
pub fn run(start: Start) -> anyhow::Result<()> {
    let started = Instant::now();
    let Start { config: from, beside, greeting, hangup } = start;
    let sources = from.read().map_err(Problems::new)?;
    let compiled =
        config::compile(&sources, &from.materials(), None, clock::now(started)).map_err(Problems::new)?;
    let Compiled { policy, source, warnings, restart: _ } = compiled;
    let logs = Logs::start(&policy).context("cannot set up logging")?;
    for warning in &warnings {
        tracing::warn!("{}", reload::line(warning));
    }
    let bound = Bound::new(&policy, &source.files, &from.materials())?;
    let machine = Machine::look();
    let metrics = Metrics::new().context("cannot set up the metrics")?;
    confine(&from, &policy, &source, beside)?;
    // From here on there may be threads.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(policy.server.threads.unwrap_or(machine.threads))
        .enable_all()
        .thread_name("stagedoor")
        .build()
        .context("cannot start the runtime")?;
    let confined =
        Confined { config: from, greeting, hangup, policy, source, logs, metrics, bound, machine, started };
    let outcome = runtime.block_on(serve(confined));
    // Whatever is still running has had its time.
    runtime.shutdown_timeout(Duration::from_millis(100));
    outcome
}

/// Gives up what the process does not need, and starts what runs beside it.
fn confine(
    config: &ConfigSource,
    policy: &Policy,
    source: &Source,
    beside: Option<Beside>,
) -> anyhow::Result<()> {
    let mut kept = match policy.server.confine {
        ConfinePolicy::Off => Kept::default(),
        ConfinePolicy::Auto => Kept::prepare(config, policy, source).map_err(|misplaced| {
            let place = loader::place_of(&source.files, misplaced.key());
            anyhow::anyhow!("{misplaced}\n  --> {place}\n  hint: {}", misplaced.hint())
        })?,
    };
    if let Some(Beside { removed, .. }) = &beside {
        kept.write.insert(removed.clone());
        kept.tidy.extend(removed.parent().map(Path::to_owned));
    }
    let outcome = confinement::enter(policy.server.confine, &kept).map_err(|error| {
        let hint = "see what else confines it, or start without: server.confine = \"off\"";
        anyhow::anyhow!("cannot confine the process: {error}\n  hint: {hint}")
    })?;
    outcome.tell(&kept);
    match beside {
        Some(Beside { start, .. }) => start().context("cannot start what runs beside the gateway"),
        None => Ok(()),
    }
}

/// What a confined process serves with.
struct Confined {
    config: ConfigSource,
    greeting: Option<Greeting>,
    hangup: Hangup,
    policy: Policy,
    source: Source,
    logs: Logs,
    metrics: Metrics,
    bound: Bound,
    machine: Machine,
    started: Instant,
}

async fn serve(confined: Confined) -> anyhow::Result<()> {
    let Confined { config, greeting, hangup, policy, source, logs, metrics, bound, machine, started } =
        confined;
    let mut signals = Signals::new()?;
    hook_panics(metrics.panics.clone());
    let access =
        AccessLog::start(&policy.log, metrics.log_dropped.clone()).context("cannot write the access log")?;
    let drain = policy.server.drain;
    let in_force = source.files.to_vec();
    let gateway = Gateway::new(policy, source, metrics, access, logs, machine, started);
    let upstreams = Arc::new(Upstreams::default());
    let reloader = Reloader::new(Arc::clone(&gateway), config.clone(), in_force);

    let (_kept_open, never) = watch::channel(false);
    let front = Arc::new(Front {
        gateway: Arc::clone(&gateway),
        proxy: Arc::new(proxy(Arc::clone(&upstreams), gateway.watch_stage())),
        upstreams: Arc::clone(&upstreams),
        never,
    });
    bound.announce();
    gateway.listens(bound.addresses());
    let admin = bound.admin();
    bound.open(&front, &reloader)?;
    let farewell = greeting.and_then(|greet| greet(&Ready { gateway: &gateway, admin }));
    if let ConfigSource::File(path) = &config {
        tokio::spawn(reload::watch(Arc::clone(&reloader), path.clone()));
    }
    tokio::spawn(probe(Arc::clone(&gateway), upstreams));
    tokio::spawn(limit_overflow::watch(Arc::clone(&gateway)));

    signals.until_end(&gateway, &reloader, hangup).await;
    finish(&gateway, drain).await;
    if let Some(part) = farewell {
        part();
    }
    Ok(())
}

/// The public and the operator's sockets, bound.
struct Bound {
    public: Vec<std::net::TcpListener>,
    admin: Option<std::net::TcpListener>,
}

impl Bound {
    fn new(policy: &Policy, sources: &[SourceFile], materials: &DiskMaterials) -> anyhow::Result<Self> {
        let bind = |address: SocketAddr, key: [&str; 2]| {
            listeners::bind(address).map_err(|error| {
                let key_text = key.join(".");
                let place = match config::variable_over(&key_text, materials) {
                    Some(variable) => format!("environment variable {variable} ({key_text})"),
                    None => loader::place_of(sources, key),
                };
                let other = config::variable_for(&key_text).map_or(String::new(), |variable| {
                    format!(": `{key_text}`, or {variable} in the environment")
                });
                anyhow::anyhow!("{error}\n  --> {place}\n  hint: {}{other}", hint(error.source.kind()))
            })
        };
        let public = policy
            .server
            .listen
            .iter()
            .map(|address| bind(*address, ["server", "listen"]))
            .collect::<Result<Vec<_>, _>>()?;
        let admin = policy.admin.listen.map(|address| bind(address, ["admin", "listen"])).transpose()?;
        Ok(Self { public, admin })
    }

    /// The public addresses as bound: port 0 has become a real one.
    fn addresses(&self) -> Vec<SocketAddr> {
        self.public.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    fn announce(&self) {
        for address in self.addresses() {
            tracing::info!(%address, "listening");
        }
        if let Some(address) = self.admin() {
            tracing::info!(%address, "admin listening");
        }
    }

    fn open(self, front: &Arc<Front>, reloader: &Arc<Reloader>) -> anyhow::Result<()> {
        let heard = |listener| TcpListener::from_std(listener).context("cannot wait for connections");
        for listener in self.public {
            tokio::spawn(listeners::accept(heard(listener)?, Arc::clone(front)));
        }
        if let Some(listener) = self.admin {
            let listener = heard(listener)?;
            let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
            let admin = Admin::new(Arc::clone(&front.gateway), Arc::clone(reloader), loopback);
            tokio::spawn(admin::accept(listener, Arc::new(admin)));
        }
        Ok(())
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the system's errors are an open set")]
fn hint(kind: std::io::ErrorKind) -> &'static str {
    match kind {
        std::io::ErrorKind::AddrInUse => "another process listens there: end it, or choose another port",
        std::io::ErrorKind::PermissionDenied => "ports below 1024 need a capability: choose a higher one",
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address",
        _ => "choose another address",
    }
}

fn proxy(upstreams: Arc<Upstreams>, stage: watch::Receiver<Stage>) -> HttpProxy<Proxy> {
    // The hooks decide whether another try is safe: one at most, and connections that had ended before they were used.
    let conf = ServerConf { upstream_keepalive_pool_size: POOL, max_retries: 4, ..ServerConf::default() };
    let mut proxy = HttpProxy::new(Proxy::new(upstreams, stage), Arc::new(conf));
    proxy.handle_init_modules();
    proxy
}

/// Warns about apps that do not answer; they get 502 until they do.
async fn probe(gateway: Arc<Gateway>, upstreams: Arc<Upstreams>) {
    let live = gateway.live();
    for app in &live.policy.apps {
        let upstream = &app.upstream;
        if !upstreams.reachable(&upstream.authority, upstream.connect).await {
            tracing::warn!(
                app = %app.name,
                upstream = %upstream.url,
                "the app cannot be reached; its requests get 502 until it can; hint: start it, or mend `upstream`"
            );
        }
    }
}

/// Drains: new requests are refused, streams are closed, open requests finish. Whatever is left at the end of `drain`
/// is closed wherever it stands.
async fn finish(gateway: &Arc<Gateway>, drain: Duration) {
    let connections = gateway.permits.open();
    gateway.enter(Stage::Draining);
    tracing::info!(connections, "draining");
    if !idle_within(gateway, drain).await {
        gateway.enter(Stage::Closing);
        idle_within(gateway, GOODBYE).await;
    }
    tracing::info!(cut = gateway.permits.open(), "stopped");
    if !gateway.access.close(LAST_LINES) {
        tracing::warn!("some access events were not written in time");
    }
}

async fn idle_within(gateway: &Gateway, within: Duration) -> bool {
    let until = Instant::now() + within;
    while gateway.permits.open() > 0 {
        if Instant::now() >= until {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}
