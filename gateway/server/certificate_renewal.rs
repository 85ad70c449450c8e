//! Renewal: a certificate whose files have changed comes into force while connections last.
//!
//! It is independent of a reload: a policy that waits for an operator holds no renewal back. The folders of the files are watched,
//! also those that links lead to. Every [`LOOK`], the files are looked at without an event, as on a network drive.
//!
//! A pair that cannot be used, such as a new certificate beside the old key, changes nothing, and is tried again. Until it can be used,
//! the log says so once a day, and `stagedoor certificates` whenever it is asked.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::sign::CertifiedKey;
use stagedoor_config::certificate::{Certificate, CertificateFault};
use stagedoor_core::clock::Now;
use stagedoor_core::policy::CertificateFiles;

use crate::certificates::{Certificates, RenewalFault, ServedCertificate};
use crate::folder_watch::FolderWatch;
use crate::folders::folder_of;
use crate::gateway::Gateway;
use crate::materials::DiskMaterials;

/// Pause after the last event before the files are read.
const SETTLE: Duration = Duration::from_millis(250);
/// Files that go on changing are read after this time all the same.
const SETTLE_MOST: Duration = Duration::from_secs(5);
/// How often the files are looked at without an event.
const LOOK: Duration = Duration::from_secs(30);
/// How often a warning that still holds is repeated.
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

/// The files of a certificate as they were at one time.
#[derive(Debug, PartialEq, Eq)]
struct PairStamp([Option<FileStamp>; 3]);

/// Watches the files of the certificates; ends with the process.
pub(crate) async fn watch(gateway: Arc<Gateway>, materials: DiskMaterials) {
    let mut folders = FolderWatch::new(|_| true, "the files of certificates are looked at every 30 s");
    let mut renewal = Renewal::new(materials.clone());
    // The compiler of the configuration has warned of what is wrong at the start.
    let _ = renewal.reminders.due(warnings(&gateway.certificates, gateway.now().unix_secs()), gateway.now());
    let renewal = Arc::new(Mutex::new(renewal));
    // Its sender is in the gateway, which outlives this task.
    let mut installed = gateway.watch_policies();
    loop {
        let (live, base) = (gateway.live(), materials.base.clone());
        folders.observe(move || folders_of(live.policy.tls.certificates(), &base)).await;
        // Files are read on a thread that may block. A panic there ends this look alone.
        let (shared, looking) = (Arc::clone(&gateway), Arc::clone(&renewal));
        let look = move || looking.lock().unwrap_or_else(PoisonError::into_inner).look_for(&shared);
        match tokio::task::spawn_blocking(look).await {
            Ok(Watched::Nothing) => drop(installed.changed().await),
            Ok(Watched::Files) | Err(_) => tokio::select! {
                () = folders.change() => folders.rest(SETTLE, SETTLE_MOST).await,
                _ = installed.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            },
        }
    }
}

/// The folders of the files, and those that links lead to.
fn folders_of(named: &[CertificateFiles], base: &Path) -> HashSet<PathBuf> {
    let mut folders = HashSet::new();
    for files in named {
        for path in [&files.cert, &files.key].into_iter().chain(&files.ocsp) {
            let path = base.join(path);
            folders.extend(path.canonicalize().map(|real| folder_of(&real)).ok());
            folders.insert(folder_of(&path));
        }
    }
    folders
}

/// What there is to watch.
enum Watched {
    /// The policy names no certificate.
    Nothing,
    Files,
}

struct Renewal {
    materials: DiskMaterials,
    known: Vec<KnownCertificate>,
    reminders: Reminders,
}

/// A certificate in force, and its files when it was read.
struct KnownCertificate {
    files: CertificateFiles,
    stamp: PairStamp,
    /// A reload may have put another one in force, which it had read before the files changed.
    key: Arc<CertifiedKey>,
}

impl Renewal {
    fn new(materials: DiskMaterials) -> Self {
        Self { materials, known: Vec::new(), reminders: Reminders::default() }
    }

    /// Loads what has changed of the certificates of the policy in force, and warns of what is wrong with them. Blocks.
    fn look_for(&mut self, gateway: &Gateway) -> Watched {
        let (live, now) = (gateway.live(), gateway.now());
        let named = live.policy.tls.certificates();
        self.look(named, &gateway.certificates, now.unix_secs());
        for warning in self.reminders.due(warnings(&gateway.certificates, now.unix_secs()), now) {
            tracing::warn!("{warning}");
        }
        if named.is_empty() { Watched::Nothing } else { Watched::Files }
    }

    /// Loads each certificate whose files are not those in force, at `now`, seconds since the epoch. Blocks.
    fn look(&mut self, named: &[CertificateFiles], certificates: &Certificates, now: u64) {
        self.known.retain(|known| named.contains(&known.files));
        let served = certificates.all();
        let mut faults = Vec::new();
        for files in named {
            let stamp = PairStamp::of(files, &self.materials.base);
            let served = served.iter().find(|served| served.certificate.files == *files);
            // A staple that counts no longer is worse than none.
            if served.is_some_and(|it| self.is_in_force(it, &stamp) && !it.certificate.has_stale_staple(now))
            {
                continue;
            }
            match Certificate::load(files, &self.materials, now) {
                Ok(renewed) => {
                    let key = put_in_force(renewed, served, certificates, now);
                    self.known.retain(|known| known.files != *files);
                    self.known.push(KnownCertificate { files: files.clone(), stamp, key });
                }
                Err(CertificateFault { file: _, message, hint }) => {
                    faults.push(RenewalFault { files: files.clone(), message, hint });
                }
            }
        }
        certificates.note_faults(faults);
    }

    /// Whether a served certificate was read from its files as they are now.
    fn is_in_force(&self, served: &ServedCertificate, stamp: &PairStamp) -> bool {
        let files = &served.certificate.files;
        let known = self.known.iter().find(|known| known.files == *files);
        known.is_some_and(|known| known.stamp == *stamp && Arc::ptr_eq(&known.key, &served.certificate.key))
    }
}

/// Serves a certificate in the place of the one that was read from the same files. Returns the key that is in force then.
fn put_in_force(
    renewed: Certificate,
    served: Option<&Arc<ServedCertificate>>,
    certificates: &Certificates,
    now: u64,
) -> Arc<CertifiedKey> {
    if let Some(served) = served.filter(|served| served.certificate.is_same(&renewed)) {
        return Arc::clone(&served.certificate.key);
    }
    let (cert, key) = (renewed.files.cert.clone(), Arc::clone(&renewed.key));
    let days = renewed.not_after.saturating_sub(now) / 86_400;
    match certificates.replace(renewed) {
        Ok(true) => tracing::info!(%cert, days, "certificate renewed"),
        Ok(false) => {}
        Err(error) => tracing::error!(%cert, %error, "the renewed certificate cannot be used"),
    }
    key
}

/// What is wrong with certificates and their files at `now`, seconds since the epoch.
fn warnings(certificates: &Certificates, now: u64) -> Vec<String> {
    let faults = certificates.faults();
    let of_renewals = faults.iter().map(|fault| {
        let RenewalFault { files, message: _, hint } = fault;
        format!("{fault}: `{}`; hint: {hint}", files.cert)
    });
    let all = certificates.all();
    let of_served = all.iter().flat_map(|served| {
        let cert = &served.certificate.files.cert;
        let concerns = served.certificate.concerns(now).into_iter();
        concerns.map(move |concern| format!("{concern}: `{cert}`; hint: {}", concern.hint()))
    });
    of_renewals.chain(of_served).collect()
}

/// The warnings that hold, each with the time since the start at which it was last given.
#[derive(Debug, Default)]
struct Reminders(Vec<(String, Duration)>);

impl Reminders {
    /// Those of the warnings that hold now that were not given for a day. One that holds no longer is forgotten, so that it is given at
    /// once when it holds again.
    fn due(&mut self, holding: Vec<String>, now: Now) -> Vec<String> {
        let Self(given) = self;
        given.retain(|(warning, at)| holding.contains(warning) && now.mono().saturating_sub(*at) < REMIND);
        let due: Vec<String> =
            holding.into_iter().filter(|warning| !given.iter().any(|(known, _)| known == warning)).collect();
        given.extend(due.iter().map(|warning| (warning.clone(), now.mono())));
        due
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

#[cfg(test)]
mod tests;
