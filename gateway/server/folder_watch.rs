//! Watches folders for changes of files, and says when the files have come to rest.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// A watch of folders, whatever is in them.
pub(crate) struct FolderWatch {
    folders: Arc<Mutex<WatchedFolders>>,
    changes: mpsc::Receiver<()>,
    /// Keeps the channel open where nothing can be watched: a closed one would end every wait at once.
    _open: mpsc::Sender<()>,
}

/// The watched folders.
struct WatchedFolders {
    /// `None` where the system has no means to watch.
    watcher: Option<RecommendedWatcher>,
    watched: HashSet<PathBuf>,
    /// Those of which the log says that they are not watched.
    told: HashSet<PathBuf>,
    instead: &'static str,
}

/// What is called with each event of the system.
type EventHandler = Box<dyn FnMut(notify::Result<Event>) + Send>;

impl FolderWatch {
    /// A watch of no folder yet. A file that was written counts as changed where `counts` says so; one that was renamed, created or
    /// removed always does. `instead` says in the log what happens where a folder cannot be watched.
    pub(crate) fn new(counts: fn(&Path) -> bool, instead: &'static str) -> Self {
        Self::with(notify::recommended_watcher, counts, instead)
    }

    fn with(
        watcher: impl FnOnce(EventHandler) -> notify::Result<RecommendedWatcher>,
        counts: fn(&Path) -> bool,
        instead: &'static str,
    ) -> Self {
        let (changed, changes) = mpsc::channel(1);
        let open = changed.clone();
        let watcher = watcher(Box::new(move |event| {
            if event.is_ok_and(|event| is_change(&event, counts)) {
                let _ = changed.try_send(());
            }
        }));
        if let Err(error) = &watcher {
            tracing::warn!(%error, "no folder can be watched; {instead}");
        }
        let folders =
            WatchedFolders { watcher: watcher.ok(), watched: HashSet::new(), told: HashSet::new(), instead };
        Self { folders: Arc::new(Mutex::new(folders)), changes, _open: open }
    }

    /// Watches the folders that `find` returns, and no longer any other. Returns whether one of them was not watched before. `find` may
    /// block.
    pub(crate) async fn observe(&self, find: impl FnOnce() -> HashSet<PathBuf> + Send + 'static) -> bool {
        let folders = Arc::clone(&self.folders);
        let observed = tokio::task::spawn_blocking(move || {
            let found = find();
            folders.lock().unwrap_or_else(PoisonError::into_inner).observe(&found)
        });
        observed.await.unwrap_or(false)
    }

    /// Waits for a change; for ever where nothing can be watched.
    pub(crate) async fn change(&mut self) {
        // It is never closed.
        let _ = self.changes.recv().await;
    }

    /// Waits until there was no change for `pause`, at most for `most`.
    pub(crate) async fn rest(&mut self, pause: Duration, most: Duration) {
        let most = Instant::now() + most;
        loop {
            let rested = (Instant::now() + pause).min(most);
            match timeout_at(rested, self.change()).await {
                Ok(()) if Instant::now() < most => {}
                Ok(()) | Err(_) => return,
            }
        }
    }
}

impl WatchedFolders {
    fn observe(&mut self, folders: &HashSet<PathBuf>) -> bool {
        let Some(watcher) = &mut self.watcher else { return false };
        for gone in self.watched.difference(folders) {
            let _ = watcher.unwatch(gone);
        }
        self.watched.retain(|folder| folders.contains(folder));
        self.told.retain(|folder| folders.contains(folder));
        let mut any_new = false;
        for folder in folders {
            if self.watched.contains(folder) {
                continue;
            }
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.told.remove(folder);
                    self.watched.insert(folder.clone());
                    any_new = true;
                }
                // It is tried again.
                Err(error) => {
                    if self.told.insert(folder.clone()) {
                        let instead = self.instead;
                        tracing::warn!(folder = %folder.display(), %error, "a folder is not watched; {instead}");
                    }
                }
            }
        }
        any_new
    }
}

/// Whether a file that counts was written and closed, or any was renamed, created or removed, or the system has lost events.
#[allow(clippy::wildcard_enum_match_arm, reason = "the watch needs few kinds of events")]
fn is_change(event: &Event, counts: fn(&Path) -> bool) -> bool {
    use notify::event::{AccessKind, AccessMode, ModifyKind};
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
            event.paths.iter().any(|path| counts(path))
        }
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => true,
        _ => event.need_rescan(),
    }
}

#[cfg(test)]
mod tests;
