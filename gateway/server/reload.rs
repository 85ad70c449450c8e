//! Another policy while requests run: all or nothing, loudly.
//!
//! Three things ask for it: `SIGHUP`, the admin API, and a changed file. Nobody is asked when a file changes, and it may
//! be half written. So the watch takes a file only where every change in it is neutral or tighter than the policy in
//! force (`Policy::compare`). Any other file waits, as a whole, until a person asks for it or it is put back.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher};
use stagedoor_config::{self as config, Compiled, PolicyChange, Problem, Source, SourceFile};
use stagedoor_core::clock::Now;
use tokio::sync::{Mutex, mpsc};

use crate::config_file_state::ConfigFileState;
use crate::gateway::Gateway;
use crate::live_policy::LivePolicy;
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
    /// What clients may do more, less or otherwise than before, as text.
    pub(crate) changes: Vec<String>,
}

/// Reads, compiles and installs; one at a time.
pub(crate) struct Reloader {
    gateway: Arc<Gateway>,
    config: ConfigSource,
    known: Mutex<Known>,
}

/// Texts that need not be looked at again.
#[derive(Clone)]
struct Known {
    /// Those in force.
    in_force: Vec<SourceFile>,
    /// Those that wait; empty where none do.
    waiting: Vec<SourceFile>,
}

/// What the files are.
enum Found {
    /// Those in force.
    Same,
    /// Those that wait already.
    StillWaiting,
    /// Others, which have to wait for a person.
    Waiting(Vec<SourceFile>, Vec<PolicyChange>),
    /// Others, which may be put in force.
    Good(Vec<SourceFile>, Box<Compiled>, Vec<PolicyChange>),
}

impl Reloader {
    pub(crate) fn new(gateway: Arc<Gateway>, config: ConfigSource, texts: Vec<SourceFile>) -> Arc<Self> {
        let known = Mutex::new(Known { in_force: texts, waiting: Vec::new() });
        Arc::new(Self { gateway, config, known })
    }

    /// Puts what the files say now in force, or leaves everything as it is.
    ///
    /// # Errors
    /// Every problem of the new files, as text; or what the watch does not take.
    pub(crate) async fn reload(&self, trigger: Trigger) -> Result<Report, Vec<String>> {
        let mut known = self.known.lock().await;
        let (files, result, answer) = match self.read(trigger, &known).await {
            Ok(Found::StillWaiting) => return Ok(Report::default()),
            Ok(Found::Same) => {
                known.waiting.clear();
                self.put_back();
                return Ok(Report::default());
            }
            Ok(Found::Good(sources, compiled, changes)) => {
                let Compiled { policy, source, warnings, restart } = *compiled;
                self.gateway.install(policy, source);
                *known = Known { in_force: sources, waiting: Vec::new() };
                let warnings = warnings.iter().map(line).collect();
                let changes = changes.iter().map(ToString::to_string).collect();
                let report = Report { restart, warnings, changes };
                (ConfigFileState::InForce, ReloadResult::Ok, Ok(report))
            }
            Ok(Found::Waiting(sources, changes)) => {
                known.waiting = sources;
                let told = changes.iter().map(ToString::to_string).collect();
                (ConfigFileState::Waiting(changes), ReloadResult::Refused, Err(told))
            }
            Err(problems) => {
                known.waiting.clear();
                (ConfigFileState::Broken(problems.clone()), ReloadResult::Failed, Err(problems))
            }
        };
        self.gateway.note_files(files);
        self.gateway.metrics.reloaded(result, self.gateway.now().unix());
        tell(result, &answer);
        answer
    }

    /// Whether the files say, letter for letter, what a policy was compiled from. Blocks while they are read.
    pub(crate) fn is_on_disk(&self, source: &Source) -> bool {
        self.config.read().is_ok_and(|sources| same(&source.files, &sources))
    }

    /// The files say again what is in force.
    fn put_back(&self) {
        match &*self.gateway.files() {
            ConfigFileState::InForce => {}
            ConfigFileState::Waiting(_) | ConfigFileState::Broken(_) => {
                tracing::info!("the configuration files say again what is in force");
                self.gateway.note_files(ConfigFileState::InForce);
            }
        }
    }

    /// Reads the files where waiting for them holds nobody up.
    async fn read(&self, trigger: Trigger, known: &Known) -> Result<Found, Vec<String>> {
        let (config, live, now) = (self.config.clone(), self.gateway.live(), self.gateway.now());
        let known = known.clone();
        let work = tokio::task::spawn_blocking(move || look(&config, &live, now, trigger, &known));
        let found = work.await.map_err(|_| vec!["the compiler failed".to_owned()])?;
        found.map_err(|problems| problems.iter().map(line).collect())
    }
}

/// Reads and compiles the files, and compares them with the policy in force. Blocks.
fn look(
    config: &ConfigSource,
    before: &LivePolicy,
    now: Now,
    trigger: Trigger,
    known: &Known,
) -> Result<Found, Vec<Problem>> {
    let sources = config.read()?;
    match trigger {
        Trigger::Watched if same(&known.in_force, &sources) => return Ok(Found::Same),
        Trigger::Watched if same(&known.waiting, &sources) => return Ok(Found::StillWaiting),
        Trigger::Watched | Trigger::Asked => {}
    }
    let compiled = config::compile(&sources, &config.materials(), Some(&before.policy), now)?;
    let changes = config::changes((&before.policy, &before.source), (&compiled.policy, &compiled.source));
    match trigger {
        Trigger::Watched if changes.iter().any(PolicyChange::waits) => {
            let waiting = changes.into_iter().filter(PolicyChange::waits).collect();
            Ok(Found::Waiting(sources, waiting))
        }
        Trigger::Watched | Trigger::Asked => Ok(Found::Good(sources, Box::new(compiled), changes)),
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

fn same(a: &[SourceFile], b: &[SourceFile]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.name == b.name && a.text == b.text)
}

fn tell(result: ReloadResult, answer: &Result<Report, Vec<String>>) {
    match answer {
        Ok(report) => {
            tracing::info!("configuration reloaded");
            for change in &report.changes {
                tracing::info!("{change}");
            }
            for warning in &report.warnings {
                tracing::warn!("{warning}");
            }
            for key in &report.restart {
                tracing::warn!("`{key}` changed and needs a restart to take effect");
            }
        }
        Err(told) => {
            for line in told {
                tracing::error!("{line}");
            }
            match result {
                ReloadResult::Ok | ReloadResult::Failed => tracing::error!(
                    "configuration not reloaded, the old policy stays in force; hint: mend the file and ask again"
                ),
                ReloadResult::Refused => tracing::error!(
                    "configuration not reloaded, the old policy stays in force: a saved file is not taken where it may let \
                     clients do more; hint: to take it, send SIGHUP with `kill -HUP {}`, or type `stagedoor reload`; to drop \
                     it, put the file back as it was",
                    std::process::id()
                ),
            }
        }
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
