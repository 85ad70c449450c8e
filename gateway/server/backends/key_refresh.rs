//! Keeps the keys of the providers that publish them.
//!
//! One task for each provider fetches its keys at once when the provider is new, again before they are older than `refresh` or than their
//! provider says, and soon after a token has come whose key is not known; never twice within `cooldown`, and never twice at a time. A
//! reload leaves the task of a provider alone whose keys come from the same place, as often as before.
//!
//! What a provider answers is read whole or not at all: whatever is wrong with it, the keys in force stay, until they are too old
//! ([`FetchedKeys::in_force`] says so, whether a task runs or not). The log tells each kind of fault once until the keys
//! can be fetched again, and when they have become too old. Bounds: [`BOUNDS`] for each document; at most two documents a refresh.

use std::future::poll_fn;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, Method, StatusCode};
use stagedoor_core::guard::caller::Provider;
use stagedoor_core::guard::jwt::{
    DocumentFault, FetchedKeys, JwtPolicy, KeyDocument, KeySet, KeySource, jwks_uri,
};
use stagedoor_core::policy::{ServiceAddress, UrlFault};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use super::freshness::fresh_for;
use super::service_client::{Bounds, Question, ServiceAnswer, ServiceFault, ask};
use crate::gateway::Gateway;
use crate::telemetry::metrics::KeyRefresh;

/// What fetching one document may take. The largest key sets of public providers have some 30 KiB.
const BOUNDS: Bounds = Bounds { deadline: Duration::from_secs(5), body: 256 << 10 };
/// How often it is seen to that every task runs, besides after each reload.
const LOOK: Duration = Duration::from_secs(60);
/// How many of the keys that are not used are named in the log.
const NAMED: usize = 5;

/// Fetches keys for as long as the process runs.
pub(crate) async fn watch(gateway: Arc<Gateway>) {
    let mut installed = gateway.watch_policies();
    let mut running: Vec<RunningRefresh> = Vec::new();
    loop {
        let live = gateway.live();
        let providers =
            || live.policy.providers.iter().filter_map(Provider::jwt).filter(|one| one.fetched.is_some());
        running.retain(|refresh| !refresh.task.is_finished() && providers().any(|one| refresh.serves(one)));
        for provider in providers() {
            if !running.iter().any(|refresh| refresh.serves(provider)) {
                running.push(RunningRefresh::start(&gateway, provider));
            }
        }
        drop(live);
        tokio::select! {
            _ = installed.changed() => {}
            () = sleep(LOOK) => {}
        }
    }
}

/// The task that keeps the keys of one provider; it ends with the value.
struct RunningRefresh {
    provider: Arc<JwtPolicy>,
    task: JoinHandle<()>,
}

impl RunningRefresh {
    fn start(gateway: &Arc<Gateway>, provider: &Arc<JwtPolicy>) -> Self {
        let refresh = KeyRefresher {
            gateway: Arc::clone(gateway),
            provider: Arc::clone(provider),
            told: Vec::new(),
            too_old: false,
        };
        Self { provider: Arc::clone(provider), task: tokio::spawn(refresh.run()) }
    }

    /// Whether it does for `provider` what a task of its own would do.
    fn serves(&self, provider: &JwtPolicy) -> bool {
        let (Some(own), Some(other)) = (&self.provider.fetched, &provider.fetched) else { return false };
        let FetchedKeys { source: _, refresh, cooldown, stale, store } = own;
        // Keys are kept with their source alone.
        self.provider.name == provider.name
            && Arc::ptr_eq(store, &other.store)
            && (refresh, cooldown, stale) == (&other.refresh, &other.cooldown, &other.stale)
    }
}

impl Drop for RunningRefresh {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Keeps the keys of one provider.
struct KeyRefresher {
    gateway: Arc<Gateway>,
    provider: Arc<JwtPolicy>,
    /// The kinds of faults that the log has told since the keys could be fetched last: a provider chooses the words of a fault, and is not
    /// to fill the log with them.
    told: Vec<FaultKind>,
    /// The log has told that the keys are too old.
    too_old: bool,
}

impl KeyRefresher {
    async fn run(mut self) {
        let provider = Arc::clone(&self.provider);
        let Some(keys) = &provider.fetched else { return };
        let known_for = keys.due().map(|due| due.saturating_sub(self.gateway.now().mono()));
        let mut next = Instant::now() + known_for.unwrap_or_default();
        let mut not_before = Instant::now();
        loop {
            tokio::select! {
                () = sleep_until(next) => {}
                () = poll_fn(|cx| keys.store.poll_wanted(cx)) => sleep_until(not_before).await,
            }
            let begun = Instant::now();
            not_before = begun + keys.cooldown;
            next = begun
                + match fetch(&keys.source).await {
                    Ok(fetched) => self.put(keys, fetched),
                    Err(fault) => self.fail(keys, &fault),
                };
        }
    }

    /// Puts keys in force. Returns for how long.
    fn put(&mut self, keys: &FetchedKeys, Fetched { set, fresh }: Fetched) -> Duration {
        let provider = &*self.provider.name;
        self.gateway.metrics.keys_refreshed(provider, KeyRefresh::Ok);
        let (usable, ignored) = (set.keys().len(), set.ignored().len());
        let reasons: Vec<String> =
            set.ignored().iter().take(NAMED).map(|one| format!("`{}`: {}", one.kid, one.why)).collect();
        let changed = keys.store.put(set, self.gateway.now());
        keys.store.satisfied();
        if changed && usable == 0 {
            tracing::warn!(
                provider,
                ignored,
                "the provider has no key that verifies tokens, so all of its tokens are refused; {}; hint: see its key set, and \
                 `algorithms` of [auth.{provider}]",
                if reasons.is_empty() { "its key set is empty".to_owned() } else { reasons.join("; ") }
            );
        } else if changed {
            tracing::info!(provider, keys = usable, ignored, "the provider has other keys than before");
            for reason in &reasons {
                tracing::debug!(provider, "a key of the provider is not used: {reason}");
            }
        }
        if !std::mem::take(&mut self.told).is_empty() {
            tracing::info!(provider, "the keys of the provider can be fetched again");
        }
        self.too_old = false;
        fresh.unwrap_or(keys.refresh).min(keys.refresh).max(keys.cooldown)
    }

    /// Leaves the keys as they are. Returns when they are to be fetched again.
    fn fail(&mut self, keys: &FetchedKeys, fault: &FetchFault) -> Duration {
        let provider = &*self.provider.name;
        self.gateway.metrics.keys_refreshed(provider, fault.result());
        let now = self.gateway.now();
        let left = keys.end().map(|end| end.saturating_sub(now.mono()));
        let in_force = keys.in_force(now).is_some();
        if !self.told.contains(&fault.kind()) {
            self.told.push(fault.kind());
            match left {
                Some(left) if in_force => tracing::warn!(
                    provider,
                    still_used_s = left.as_secs(),
                    "the keys of the provider cannot be fetched, and the known ones stay in force: {fault}"
                ),
                Some(_) | None => tracing::warn!(
                    provider,
                    "the keys of the provider cannot be fetched, and its tokens get 503 until they can be: {fault}"
                ),
            }
        }
        if left.is_some() && !in_force && !self.too_old {
            self.too_old = true;
            tracing::error!(
                provider,
                "the keys of the provider have not been fetched for longer than `refresh` and `stale` allow: its tokens get 503 \
                 until they can be"
            );
        }
        keys.cooldown
    }
}

/// What a provider publishes.
struct Fetched {
    set: KeySet,
    /// How long it may be used, as far as the provider says so.
    fresh: Option<Duration>,
}

/// Why the keys of a provider could not be had.
#[derive(Debug, thiserror::Error)]
enum FetchFault {
    #[error("the service at `{0}` gave no answer: {1}")]
    Service(String, ServiceFault),
    #[error(
        "the service at `{0}` answered with {1} and no redirect is followed: name the address that it leads to"
    )]
    Redirect(String, u16),
    #[error("the service at `{0}` answered with {1}")]
    Status(String, u16),
    #[error("the document at `{0}` cannot be used: {1}")]
    Document(String, DocumentFault),
    #[error("the `jwks_uri` in the document at `{0}` cannot be used: {why}", why = .1.reason())]
    Address(String, UrlFault),
}

/// Which fault it is, whatever its words are.
type FaultKind = (Discriminant<FetchFault>, Option<Discriminant<ServiceFault>>);

impl FetchFault {
    fn kind(&self) -> FaultKind {
        let of_service = match self {
            Self::Service(_, fault) => Some(discriminant(fault)),
            Self::Redirect(..) | Self::Status(..) | Self::Document(..) | Self::Address(..) => None,
        };
        (discriminant(self), of_service)
    }

    fn result(&self) -> KeyRefresh {
        match self {
            Self::Service(_, ServiceFault::Timeout(_)) => KeyRefresh::Timeout,
            Self::Service(
                _,
                ServiceFault::Name(_)
                | ServiceFault::NotPrivate
                | ServiceFault::Connect(_)
                | ServiceFault::Tls(_)
                | ServiceFault::Question(_),
            ) => KeyRefresh::Unreachable,
            Self::Service(_, ServiceFault::Http(_) | ServiceFault::TooLarge(_) | ServiceFault::Body(_))
            | Self::Redirect(..)
            | Self::Status(..)
            | Self::Document(..)
            | Self::Address(..) => KeyRefresh::Refused,
        }
    }
}

async fn fetch(source: &KeySource) -> Result<Fetched, FetchFault> {
    let KeySource { document, algorithms } = source;
    let named;
    let at = match document {
        KeyDocument::KeySet(at) => at,
        KeyDocument::Discovery { at, issuer } => {
            let answer = get(at).await?;
            let uri =
                jwks_uri(&answer.body, issuer).map_err(|fault| FetchFault::Document(shown(at), fault))?;
            named = at.named_here(&uri).map_err(|fault| FetchFault::Address(shown(at), fault))?;
            &named
        }
    };
    let answer = get(at).await?;
    let set =
        KeySet::read(&answer.body, algorithms).map_err(|fault| FetchFault::Document(shown(at), fault))?;
    Ok(Fetched { set, fresh: fresh_for(&answer.fields) })
}

async fn get(at: &ServiceAddress) -> Result<ServiceAnswer, FetchFault> {
    let accept = HeaderValue::from_static("application/jwk-set+json, application/json");
    let question = Question { method: Method::GET, fields: &[(ACCEPT, accept)], body: Bytes::new() };
    let answer = ask(at, question, BOUNDS).await.map_err(|fault| FetchFault::Service(shown(at), fault))?;
    match answer.status {
        StatusCode::OK => Ok(answer),
        status if status.is_redirection() => Err(FetchFault::Redirect(shown(at), status.as_u16())),
        status => Err(FetchFault::Status(shown(at), status.as_u16())),
    }
}

/// An address as the log shows it: a query may hold a secret.
fn shown(at: &ServiceAddress) -> String {
    at.url.split('?').next().unwrap_or_default().to_owned()
}
