//! Renewal: a certificate whose files have changed comes into force while connections last.
//!
//! It is independent of a reload: a policy that waits for an operator holds no renewal back. The folders of the files are watched,
//! also those that links lead to. Every [`LOOK`], the files are looked at without an event, as on a network drive.
//!
//! A pair that cannot be used, such as a new certificate beside the old key, changes nothing, and is tried again.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{EventKind, RecursiveMode, Watcher};
use stagedoor_config::certificate::{Certificate, CertificateFault};
use stagedoor_core::policy::CertificateFiles;
use tokio::sync::mpsc;

use crate::folders::folder_of;
use crate::gateway::Gateway;
use crate::materials::DiskMaterials;

/// Pause after the last event before the files are read.
const SETTLE: Duration = Duration::from_millis(250);
/// Files that go on changing are read after this time all the same.
const SETTLE_MOST: Duration = Duration::from_secs(5);
/// How often the files are looked at without an event.
const LOOK: Duration = Duration::from_secs(30);
/// How often a warning about the same certificate is repeated.
const REMIND: Duration = Duration::from_secs(86_400);

/// What identifies the content of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
    modified: (i64, i64),
}

/// The files of a certificate as they were when they were last read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PairStamp([Option<FileStamp>; 3]);

/// Watches the files of the certificates; ends with the process.
pub(crate) async fn watch(gateway: Arc<Gateway>, materials: DiskMaterials) {
    let (changed, mut changes) = mpsc::channel::<()>(1);
    let mut watcher = Folders::new(changed);
    let mut renewal = Renewal { gateway, materials, stamps: HashMap::new(), told: HashMap::new() };
    // The compiler of the configuration has warned of what is wrong at the start.
    let _ = renewal.reminders();
    loop {
        watcher.observe(&renewal.folders());
        renewal.look().await;
        for reminder in renewal.reminders() {
            tracing::warn!("{reminder}");
        }
        if let Ok(Some(())) = tokio::time::timeout(LOOK, changes.recv()).await {
            settle(&mut changes).await;
        }
    }
}

/// Waits until the files have come to rest.
async fn settle(changes: &mut mpsc::Receiver<()>) {
    let most = tokio::time::Instant::now() + SETTLE_MOST;
    loop {
        let settled = (tokio::time::Instant::now() + SETTLE).min(most);
        match tokio::time::timeout_at(settled, changes.recv()).await {
            Ok(Some(())) if tokio::time::Instant::now() < most => {}
            Ok(_) | Err(_) => return,
        }
    }
}

/// The watched folders.
struct Folders {
    /// `None` where the system has no means to watch: then the files are looked at from time to time alone.
    watcher: Option<notify::RecommendedWatcher>,
    watched: HashSet<PathBuf>,
}

impl Folders {
    fn new(changed: mpsc::Sender<()>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| matters(event.kind)) {
                let _ = changed.try_send(());
            }
        });
        if let Err(error) = &watcher {
            tracing::warn!(%error, "certificates are not watched; their files are looked at every 30 s");
        }
        Self { watcher: watcher.ok(), watched: HashSet::new() }
    }

    /// Watches these folders, and no longer any other.
    fn observe(&mut self, folders: &HashSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.watched.difference(folders) {
            let _ = watcher.unwatch(gone);
        }
        let mut watched: HashSet<PathBuf> = self.watched.intersection(folders).cloned().collect();
        // A folder that is not there, or cannot be watched, is tried again.
        let new = folders.difference(&self.watched);
        watched
            .extend(new.filter(|folder| watcher.watch(folder, RecursiveMode::NonRecursive).is_ok()).cloned());
        self.watched = watched;
    }
}

/// Whether a file was written and closed, renamed, created or removed.
fn matters(event: EventKind) -> bool {
    use notify::event::{AccessKind, AccessMode, ModifyKind};
    matches!(
        event,
        EventKind::Access(AccessKind::Close(AccessMode::Write))
            | EventKind::Create(_)
            | EventKind::Remove(_)
            | EventKind::Modify(ModifyKind::Name(_))
    )
}

struct Renewal {
    gateway: Arc<Gateway>,
    materials: DiskMaterials,
    /// By the path of the certificate: the files in force.
    stamps: HashMap<String, PairStamp>,
    /// When a warning was last given.
    told: HashMap<String, tokio::time::Instant>,
}

impl Renewal {
    /// The folders of the files, and those that links lead to.
    fn folders(&self) -> HashSet<PathBuf> {
        let mut folders = HashSet::new();
        for files in self.gateway.live().policy.tls.certificates() {
            for path in [&files.cert, &files.key].into_iter().chain(&files.ocsp) {
                let path = self.materials.base.join(path);
                folders.extend(path.canonicalize().map(|real| folder_of(&real)).ok());
                folders.insert(folder_of(&path));
            }
        }
        folders
    }

    /// Loads each certificate whose files are not those in force.
    async fn look(&mut self) {
        let live = self.gateway.live();
        let named = live.policy.tls.certificates();
        let (now, served) = (self.gateway.now().unix_secs(), self.gateway.certificates.all());
        // A staple that counts no longer is worse than none.
        let stale = |files: &CertificateFiles| {
            served.iter().any(|one| one.certificate.files == *files && one.certificate.has_stale_staple(now))
        };
        self.stamps.retain(|cert, _| named.iter().any(|files| files.cert == *cert));
        for files in named {
            let stamp = PairStamp::of(files, &self.materials.base);
            if self.stamps.get(&files.cert) == Some(&stamp) && !stale(files) {
                continue;
            }
            match self.load(files).await {
                Some(Ok(renewed)) => {
                    self.put_in_force(renewed);
                    self.stamps.insert(files.cert.clone(), stamp);
                }
                Some(Err(fault)) => self.warn_of_fault(files, &fault),
                None => {}
            }
        }
    }

    /// Reads a certificate on a thread that may block; `None` if that thread panics.
    async fn load(&self, files: &CertificateFiles) -> Option<Result<Certificate, CertificateFault>> {
        let (files, materials) = (files.clone(), self.materials.clone());
        let now = self.gateway.now().unix_secs();
        tokio::task::spawn_blocking(move || Certificate::load(&files, &materials, now)).await.ok()
    }

    fn put_in_force(&mut self, renewed: Certificate) {
        let same = self.gateway.certificates.all().iter().any(|served| served.certificate.is_same(&renewed));
        if same {
            return;
        }
        let cert = renewed.files.cert.clone();
        let days = renewed.not_after.saturating_sub(self.gateway.now().unix_secs()) / 86_400;
        match self.gateway.certificates.replace(renewed) {
            Ok(true) => tracing::info!(%cert, days, "certificate renewed"),
            Ok(false) => {}
            Err(error) => tracing::error!(%cert, %error, "the renewed certificate cannot be used"),
        }
    }

    fn warn_of_fault(&mut self, files: &CertificateFiles, fault: &CertificateFault) {
        let CertificateFault { file: _, message, hint } = fault;
        if self.is_due(&format!("{} {message}", files.cert)) {
            tracing::warn!(
                cert = %files.cert,
                "the files of a certificate have changed and cannot be used, so the old one stays: {message}; hint: {hint}"
            );
        }
    }

    /// The warnings of certificates that end soon, each once a day.
    fn reminders(&mut self) -> Vec<String> {
        let now = self.gateway.now().unix_secs();
        let mut due = Vec::new();
        for served in self.gateway.certificates.all().iter() {
            let cert = &served.certificate.files.cert;
            for concern in served.certificate.concerns(now) {
                if self.is_due(&format!("{cert} {concern}")) {
                    due.push(format!("{concern}: `{cert}`; hint: {}", concern.hint()));
                }
            }
        }
        due
    }

    /// Whether this warning was not given for a day. At most one for each certificate and message is remembered.
    fn is_due(&mut self, warning: &str) -> bool {
        let now = tokio::time::Instant::now();
        self.told.retain(|_, given| now.duration_since(*given) < REMIND);
        if self.told.contains_key(warning) {
            return false;
        }
        self.told.insert(warning.to_owned(), now);
        true
    }
}

impl PairStamp {
    fn of(files: &CertificateFiles, base: &Path) -> Self {
        let stamp = |path: &String| FileStamp::of(&base.join(path));
        Self([stamp(&files.cert), stamp(&files.key), files.ocsp.as_ref().and_then(stamp)])
    }
}

impl FileStamp {
    /// Of the file that links lead to; `None` if there is none.
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}
