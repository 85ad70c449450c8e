//! Reload: another policy comes into force while requests run, whole or not at all.
//!
//! `SIGHUP`, the admin API and a changed file start it. When a file changes, no operator has asked for it yet, and the file
//! may be half written. So the file watch loads a configuration only where every change in it is neutral or tighter than
//! the policy in force. Any other configuration waits, as a whole, until an operator asks for it or it is put back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stagedoor_config::{self as config, Compiled, PolicyChange, Problem, Source, SourceFile};
use stagedoor_core::clock::Now;
use tokio::sync::Mutex;

use crate::config_file_state::ConfigFileState;
use crate::folder_watch::FolderWatch;
use crate::gateway::Gateway;
use crate::live_policy::LivePolicy;
use crate::loader;
use crate::source::ConfigSource;
use crate::telemetry::metrics::ReloadResult;

/// Pause after the last change of a file before it is loaded.
const SETTLE: Duration = Duration::from_secs(1);
/// Files that go on changing are loaded after this time all the same.
const SETTLE_MOST: Duration = Duration::from_secs(10);

/// What started a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// An operator: the signal or the admin API.
    Asked,
    /// The file watch.
    Watched,
}

/// What a reload did.
#[derive(Debug, Default)]
pub(crate) struct ReloadReport {
    /// Keys that need a restart to take effect.
    pub(crate) restart: Vec<String>,
    /// Warnings about the configuration, as text.
    pub(crate) warnings: Vec<String>,
    /// What changed for clients, as text.
    pub(crate) changes: Vec<String>,
}

/// Reloads the configuration, one reload at a time.
pub(crate) struct Reloader {
    gateway: Arc<Gateway>,
    config: ConfigSource,
    /// The files that wait for a person; empty where none do. They need not be compared again.
    waiting: Mutex<Vec<SourceFile>>,
}

/// What a look at the files found.
enum LoadOutcome {
    /// They are in force already.
    Same,
    /// They wait for an operator already.
    StillWaiting,
    /// They are new, and have to wait for an operator.
    Waiting(Vec<SourceFile>, Vec<PolicyChange>),
    /// They are new, and may come into force.
    Good(Box<Compiled>, Vec<PolicyChange>),
}

impl Reloader {
    pub(crate) fn new(gateway: Arc<Gateway>, config: ConfigSource) -> Arc<Self> {
        Arc::new(Self { gateway, config, waiting: Mutex::default() })
    }

    /// Puts the files in force, or changes nothing.
    ///
    /// # Errors
    /// Every problem of the files, as text; or the changes that have to wait for an operator.
    pub(crate) async fn reload(&self, trigger: Trigger) -> Result<ReloadReport, Vec<String>> {
        let mut waiting = self.waiting.lock().await;
        let (files, result, answer) = match self.read(trigger, &waiting).await {
            Ok(LoadOutcome::StillWaiting) => return Ok(ReloadReport::default()),
            Ok(LoadOutcome::Same) => {
                waiting.clear();
                self.put_back();
                return Ok(ReloadReport::default());
            }
            Ok(LoadOutcome::Good(compiled, changes)) => {
                let Compiled { policy, source, certificates, warnings, restart } = *compiled;
                self.gateway.install(policy, source, certificates);
                waiting.clear();
                let warnings = warnings.iter().map(line).collect();
                let changes = changes.iter().map(ToString::to_string).collect();
                let report = ReloadReport { restart, warnings, changes };
                (ConfigFileState::InForce, ReloadResult::Ok, Ok(report))
            }
            Ok(LoadOutcome::Waiting(sources, changes)) => {
                *waiting = sources;
                let lines = changes.iter().map(ToString::to_string).collect();
                (ConfigFileState::Waiting(changes), ReloadResult::Refused, Err(lines))
            }
            Err(problems) => {
                waiting.clear();
                (ConfigFileState::Broken(problems.clone()), ReloadResult::Failed, Err(problems))
            }
        };
        self.gateway.note_files(files);
        self.gateway.metrics.reloaded(result, self.gateway.now().unix());
        log_result(result, &answer);
        answer
    }

    /// Whether the files still have the texts that a policy was compiled from. Blocks while they are read.
    pub(crate) fn is_on_disk(&self, source: &Source) -> bool {
        self.config.read().is_ok_and(|sources| *source.files == *sources)
    }

    /// Notes that the files have the texts in force again.
    fn put_back(&self) {
        match &*self.gateway.files() {
            ConfigFileState::InForce => {}
            ConfigFileState::Waiting(_) | ConfigFileState::Broken(_) => {
                tracing::info!("the configuration files match the policy in force again");
                self.gateway.note_files(ConfigFileState::InForce);
            }
        }
    }

    /// Reads the files on a thread that may block.
    async fn read(&self, trigger: Trigger, waiting: &[SourceFile]) -> Result<LoadOutcome, Vec<String>> {
        let (config, live, now) = (self.config.clone(), self.gateway.live(), self.gateway.now());
        let waiting = waiting.to_vec();
        let work = tokio::task::spawn_blocking(move || look(&config, &live, now, trigger, &waiting));
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
    waiting: &[SourceFile],
) -> Result<LoadOutcome, Vec<Problem>> {
    let sources = config.read()?;
    match trigger {
        Trigger::Watched if *before.source.files == *sources => return Ok(LoadOutcome::Same),
        Trigger::Watched if *waiting == *sources => return Ok(LoadOutcome::StillWaiting),
        Trigger::Watched | Trigger::Asked => {}
    }
    let compiled = config::compile(&sources, &config.materials(), Some(&before.policy), now)?;
    let changes = config::changes((&before.policy, &before.source), (&compiled.policy, &compiled.source));
    match trigger {
        Trigger::Watched if changes.iter().any(PolicyChange::waits) => {
            let waiting = changes.into_iter().filter(PolicyChange::waits).collect();
            Ok(LoadOutcome::Waiting(sources, waiting))
        }
        Trigger::Watched | Trigger::Asked => Ok(LoadOutcome::Good(Box::new(compiled), changes)),
    }
}

/// A problem as one log line.
pub(crate) fn line(problem: &Problem) -> String {
    let Problem { file, line, path, message, hint } = problem;
    let line = if *line > 0 { format!(":{line}") } else { String::new() };
    let path = if path.is_empty() { String::new() } else { format!(" ({path})") };
    let hint = if hint.is_empty() { String::new() } else { format!("; hint: {hint}") };
    format!("{file}{line}{path}: {message}{hint}")
}

fn log_result(result: ReloadResult, answer: &Result<ReloadReport, Vec<String>>) {
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
        Err(lines) => {
            for line in lines {
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
    let mut folders = FolderWatch::new(is_toml, "hint: reload by SIGHUP");
    loop {
        // Includes may lie in new folders by now. Changes there from before the watch began were missed, so the files are
        // loaded once.
        let main = main.clone();
        if !folders.observe(move || loader::folders(&main).into_iter().collect()).await {
            folders.change().await;
        }
        folders.rest(SETTLE, SETTLE_MOST).await;
        let _ = reloader.reload(Trigger::Watched).await;
    }
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

#[cfg(test)]
mod tests;
