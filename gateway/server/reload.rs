//! Another policy while requests run: all or nothing, loudly.
//!
//! Three things ask for it: `SIGHUP`, the admin API, and a changed file. A file may be caught half
//! written, so the watch alone never takes a change that drops an app, a route, a role, an owner or
//! a provider; a person has to ask for that.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher};
use stagedoor_core::config::{self, Problem, Source};
use stagedoor_core::guard::access::AccessPolicy;
use stagedoor_core::guard::caller::AuthPolicy;
use stagedoor_core::guard::permission::OwnerPolicy;
use stagedoor_core::policy::{App, Policy, Route};
use tokio::sync::{Mutex, mpsc};

use crate::gateway::Gateway;
use crate::loader;
use crate::source::ConfigSource;
use crate::telemetry::metrics::ReloadResult;

/// After the last change of a file.
const SETTLE: Duration = Duration::from_secs(1);
/// Changes that never end are looked at after this long all the same.
const SETTLE_MOST: Duration = Duration::from_secs(10);

/// Who asks for another policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// A person: the signal or the admin API.
    Asked,
    /// A file changed.
    Watched,
}

/// What a reload changed besides the policy.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Keys that need a restart to take effect.
    pub(crate) restart: Vec<String>,
    /// Warnings of the compiler, as text.
    pub(crate) warnings: Vec<String>,
}

/// Reads, compiles and installs; one at a time.
pub(crate) struct Reloader {
    gateway: Arc<Gateway>,
    config: ConfigSource,
    /// The texts in force, so that a touched file is no change.
    texts: Mutex<Vec<Source>>,
}

impl Reloader {
    pub(crate) fn new(gateway: Arc<Gateway>, config: ConfigSource, texts: Vec<Source>) -> Arc<Self> {
        Arc::new(Self { gateway, config, texts: Mutex::new(texts) })
    }

    /// Puts what the files say now in force, or leaves everything as it is.
    ///
    /// # Errors
    /// Every problem of the new files, as text; or what the watch does not take.
    pub(crate) async fn reload(&self, trigger: Trigger) -> Result<Report, Vec<String>> {
        let mut texts = self.texts.lock().await;
        let outcome = self.read_and_install(trigger, &texts).await;
        let (result, answer) = match outcome {
            Ok(None) => return Ok(Report::default()),
            Ok(Some((sources, report))) => {
                *texts = sources;
                (ReloadResult::Ok, Ok(report))
            }
            Err(Rejected { result, problems }) => (result, Err(problems)),
        };
        self.gateway.metrics.reloaded(result, self.gateway.now().unix());
        tell(trigger, &answer);
        answer
    }

    /// Whether the files say, letter for letter, what this policy was compiled from. Blocks while they are read.
    pub(crate) fn is_on_disk(&self, policy: &Policy) -> bool {
        self.config.read().is_ok_and(|sources| same(&policy.texts, &sources))
    }

    async fn read_and_install(
        &self,
        trigger: Trigger,
        texts: &[Source],
    ) -> Result<Option<(Vec<Source>, Report)>, Rejected> {
        let config = self.config.clone();
        let live = self.gateway.live();
        let before = Arc::clone(&live);
        let now = self.gateway.now();
        let known = texts.to_vec();
        let work = tokio::task::spawn_blocking(move || {
            let sources = config.read()?;
            if trigger == Trigger::Watched && same(&known, &sources) {
                return Ok(None);
            }
            let materials = config.materials();
            let compiled = config::compile(&sources, &materials, Some(&before.policy), now)?;
            Ok(Some((sources, compiled)))
        });
        let done = work.await.map_err(|_| Rejected::broken(vec!["the compiler failed".to_owned()]))?;
        let done: Option<(Vec<Source>, config::Compiled)> =
            done.map_err(|problems: Vec<Problem>| Rejected::broken(problems.iter().map(line).collect()))?;
        let Some((sources, compiled)) = done else { return Ok(None) };
        if trigger == Trigger::Watched {
            let dropped = drops(&live.policy, &compiled.policy);
            if !dropped.is_empty() {
                return Err(Rejected { result: ReloadResult::Refused, problems: dropped });
            }
        }
        self.gateway.install(compiled.policy);
        let warnings = compiled.warnings.iter().map(line).collect();
        Ok(Some((sources, Report { restart: compiled.restart, warnings })))
    }
}

/// Why the old policy stays in force.
struct Rejected {
    result: ReloadResult,
    problems: Vec<String>,
}

impl Rejected {
    fn broken(problems: Vec<String>) -> Self {
        Self { result: ReloadResult::Failed, problems }
    }
}

/// A problem as one line of the log.
pub(crate) fn line(problem: &Problem) -> String {
    let Problem { file, line, path, message, hint } = problem;
    let line = if *line > 0 { format!(":{line}") } else { String::new() };
    let path = if path.is_empty() { String::new() } else { format!(" ({path})") };
    let hint = if hint.is_empty() { String::new() } else { format!("; hint: {hint}") };
    format!("{file}{line}{path}: {message}{hint}")
}

fn same(a: &[Source], b: &[Source]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.name == b.name && a.text == b.text)
}

fn tell(trigger: Trigger, answer: &Result<Report, Vec<String>>) {
    match answer {
        Ok(report) => {
            tracing::info!("configuration reloaded");
            for warning in &report.warnings {
                tracing::warn!("{warning}");
            }
            for key in &report.restart {
                tracing::warn!("`{key}` changed and needs a restart to take effect");
            }
        }
        Err(problems) => {
            for problem in problems {
                tracing::error!("{problem}");
            }
            let hint = match trigger {
                Trigger::Asked => "mend the file and ask again",
                Trigger::Watched => {
                    "mend the file; what drops protection needs SIGHUP or POST /api/v1/reload"
                }
            };
            tracing::error!("configuration not reloaded, the old policy stays in force; hint: {hint}");
        }
    }
}

/// What `new` no longer protects, in words.
pub(crate) fn drops(old: &Policy, new: &Policy) -> Vec<String> {
    let mut lost = Vec::new();
    for provider in &old.providers {
        if !new.providers.iter().any(|other| other.name == provider.name) {
            lost.push(format!("the new file drops the provider `{}`", provider.name));
        }
    }
    for app in &old.apps {
        match new.apps.iter().find(|other| other.name == app.name) {
            Some(other) => dropped_in_app(app, other, &mut lost),
            None => lost.push(format!("the new file drops the app `{}`", app.name)),
        }
    }
    lost
}

fn dropped_in_app(old: &App, new: &App, lost: &mut Vec<String>) {
    let name = &old.name;
    if old.access != AccessPolicy::Anyone && new.access == AccessPolicy::Anyone {
        lost.push(format!("the new file drops the access list of an app: `{name}`"));
    }
    for route in old.routes.all() {
        let Some(other) = new.routes.all().find(|other| other.label == route.label) else {
            lost.push(format!("the new file drops a route of app `{name}`: `{}`", route.label));
            continue;
        };
        dropped_in_route(name, route, other, lost);
    }
}

fn dropped_in_route(app: &str, old: &Route, new: &Route, lost: &mut Vec<String>) {
    let label = &old.label;
    let (was, is) = (&old.permission, &new.permission);
    for role in was.roles.iter().filter(|role| !is.roles.contains(role)) {
        lost.push(format!("the new file drops a role of route `{label}` of app `{app}`: `{role}`"));
    }
    for scope in was.scopes.iter().filter(|scope| !is.scopes.contains(scope)) {
        lost.push(format!("the new file drops a scope of route `{label}` of app `{app}`: `{scope}`"));
    }
    if was.owner != OwnerPolicy::Anyone && is.owner == OwnerPolicy::Anyone {
        lost.push(format!("the new file drops the owner of a route of app `{app}`: `{label}`"));
    }
    if strictness(&new.auth) < strictness(&old.auth) {
        lost.push(format!("the new file asks for less authentication on a route of app `{app}`: `{label}`"));
    }
}

fn strictness(auth: &AuthPolicy) -> u8 {
    match auth {
        AuthPolicy::Public => 0,
        AuthPolicy::Optional(_) => 1,
        AuthPolicy::Required(_) => 2,
    }
}

/// Watches the folders of the configuration files; ends with the process.
pub(crate) async fn watch(reloader: Arc<Reloader>, main: PathBuf) {
    let (changed, mut changes) = mpsc::channel::<()>(1);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| matters(&event)) {
            let _ = changed.try_send(());
        }
    });
    let mut watcher = match watcher {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(%error, "configuration files are not watched; hint: reload by SIGHUP");
            return;
        }
    };
    let mut watched = HashSet::new();
    loop {
        // Includes may have come to lie in other folders. What changed there before the watch began
        // was seen by nobody, so they are looked at once.
        let mut unseen = false;
        for folder in loader::folders(&main) {
            if watched.insert(folder.clone()) {
                observe(&mut watcher, &folder);
                unseen = true;
            }
        }
        if !unseen && changes.recv().await.is_none() {
            return;
        }
        let most = tokio::time::Instant::now() + SETTLE_MOST;
        loop {
            let settled = (tokio::time::Instant::now() + SETTLE).min(most);
            match tokio::time::timeout_at(settled, changes.recv()).await {
                Ok(Some(())) if tokio::time::Instant::now() < most => {}
                Ok(_) | Err(_) => break,
            }
        }
        let _ = reloader.reload(Trigger::Watched).await;
    }
}

fn observe(watcher: &mut notify::RecommendedWatcher, folder: &Path) {
    if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
        tracing::warn!(folder = %folder.display(), %error, "a folder is not watched; hint: reload by SIGHUP");
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "most kinds of events are none of ours")]
/// A file was written and closed, renamed, made or removed.
fn matters(event: &notify::Event) -> bool {
    use notify::event::{AccessKind, AccessMode, ModifyKind};
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
            event.paths.iter().any(|path| is_toml(path))
        }
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => true,
        _ => false,
    }
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

#[cfg(test)]
mod tests;
