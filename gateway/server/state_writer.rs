//! The thread that keeps the list of revocations and the store in step.
//!
//! A revocation is in force in this process before it is stored, and it is acknowledged after it was stored. Where it cannot be
//! stored, it stays in force, that is said, and all that is in force is written again until it succeeds. What another process has
//! stored, such as a command or the gateway that takes over, is in force here within [`TICK`].
//!
//! Nothing is ever taken out of the list because it is missing in the store: it leaves by itself, or with the process.
//!
//! Bounds: [`QUEUE`] writes wait, each for at most [`ANSWER`]; several are one write to the disk. A further one is told that it is not
//! stored.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use prometheus::IntCounter;
use stagedoor_core::guard::revocation::{Revocation, RevocationList, RevocationListFull};
use tokio::sync::oneshot;

use crate::clock;
use crate::store::{Store, StoreFault};

/// How often the store is asked for what other processes have written.
const TICK: Duration = Duration::from_secs(1);
/// How often what could not be stored is written again.
const RETRY: Duration = Duration::from_secs(5);
/// The most writes that wait.
const QUEUE: usize = 64;
/// How long a write is waited for.
const ANSWER: Duration = Duration::from_secs(8);

/// The way to the thread. It ends with this value.
#[derive(Debug)]
pub(crate) struct StateWriter {
    list: Arc<RevocationList>,
    folder: PathBuf,
    jobs: SyncSender<Job>,
    /// Something is in force that is not stored.
    unsaved: Arc<AtomicBool>,
}

/// Why a revocation was not acknowledged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RevokeFault {
    /// It is not in force either: the list is full.
    Full(RevocationListFull),
    /// It is in force until this process ends, but not stored.
    Unsaved {
        /// What happened.
        reason: String,
        /// How to mend it.
        hint: String,
    },
}

/// What is to be stored.
#[derive(Debug)]
struct Job {
    revocations: Vec<Revocation>,
    done: oneshot::Sender<Result<(), StoreFault>>,
}

/// What runs on the thread.
struct Worker {
    list: Arc<RevocationList>,
    folder: PathBuf,
    /// `None` while there is no file, or none that can be used.
    store: Option<Store>,
    unsaved: Arc<AtomicBool>,
    errors: IntCounter,
    /// A fault was logged, and has not passed.
    told: bool,
    last_try: Instant,
}

impl StateWriter {
    /// Reads the store of the folder into the list, before anything is served.
    ///
    /// # Errors
    /// There is a store that cannot be read.
    pub(crate) fn load(folder: &Path, list: &RevocationList) -> Result<Option<Store>, StoreFault> {
        let Some(store) = Store::open(folder)? else { return Ok(None) };
        list.add(&store.revocations()?).map_err(|_| StoreFault::Full)?;
        list.forget_ended(clock::unix().as_secs());
        Ok(Some(store))
    }

    /// Starts the thread. `errors` counts what could not be read or written.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(
        folder: PathBuf,
        store: Option<Store>,
        list: Arc<RevocationList>,
        errors: IntCounter,
    ) -> std::io::Result<Self> {
        let (jobs, queue) = sync_channel(QUEUE);
        let unsaved = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            list: Arc::clone(&list),
            folder: folder.clone(),
            store,
            unsaved: Arc::clone(&unsaved),
            errors,
            told: false,
            last_try: Instant::now(),
        };
        std::thread::Builder::new().name("state".into()).spawn(move || worker.run(&queue))?;
        Ok(Self { list, folder, jobs, unsaved })
    }

    /// Puts revocations in force, all or none, and stores them.
    ///
    /// # Errors
    /// They are not in force, or not stored.
    pub(crate) async fn revoke(&self, revocations: Vec<Revocation>) -> Result<(), RevokeFault> {
        self.list.forget_ended(clock::unix().as_secs());
        self.list.add(&revocations).map_err(RevokeFault::Full)?;
        let (done, answer) = oneshot::channel();
        if self.jobs.try_send(Job { revocations, done }).is_err() {
            self.unsaved.store(true, Ordering::Release);
            return Err(RevokeFault::busy("too many writes wait"));
        }
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(fault))) => Err(RevokeFault::Unsaved {
                reason: format!("`{}`: {fault}", Store::path(&self.folder).display()),
                hint: fault.hint(&Store::path(&self.folder)),
            }),
            Ok(Err(_)) => Err(RevokeFault::busy("the thread that writes has ended")),
            Err(_) => Err(RevokeFault::busy("the disk has not answered in time")),
        }
    }
}

impl RevokeFault {
    fn busy(reason: &str) -> Self {
        Self::Unsaved { reason: reason.to_owned(), hint: "see whether its disk works".to_owned() }
    }
}

impl std::fmt::Display for RevokeFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full(full) => write!(f, "nothing was revoked: {full}"),
            Self::Unsaved { reason, hint } => write!(
                f,
                "revoked, but only until this gateway ends, because it is not stored: {reason}; it is tried again; hint: {hint}"
            ),
        }
    }
}

impl Worker {
    fn run(mut self, queue: &Receiver<Job>) {
        let mut next = Instant::now() + TICK;
        loop {
            match queue.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(job) => self.write(std::iter::once(job).chain(queue.try_iter()).take(QUEUE).collect()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= next {
                next = Instant::now() + TICK;
                self.tick();
            }
        }
    }

    /// Several writes are one to the disk.
    fn write(&mut self, jobs: Vec<Job>) {
        let all: Vec<Revocation> = jobs.iter().flat_map(|job| job.revocations.iter().cloned()).collect();
        let written = self.save(&all);
        self.note(&written);
        for job in jobs {
            // Whoever asked may have stopped waiting.
            let _ = job.done.send(written.clone());
        }
    }

    /// Stores these; everything that is in force, where the file is another one than before.
    fn save(&mut self, revocations: &[Revocation]) -> Result<(), StoreFault> {
        let now = clock::unix().as_secs();
        if let Some(store) = self.store.as_mut().filter(|store| store.is_in_place()) {
            return store.add(revocations, now);
        }
        self.store = None;
        let mut store = Store::create(&self.folder)?;
        self.list.add(&store.revocations()?).map_err(|_| StoreFault::Full)?;
        store.add(&self.list.all(), now)?;
        self.store = Some(store);
        Ok(())
    }

    fn tick(&mut self) {
        self.list.forget_ended(clock::unix().as_secs());
        if self.unsaved.load(Ordering::Acquire) {
            if self.last_try.elapsed() >= RETRY {
                self.last_try = Instant::now();
                // What is added from here on says so again if it is not stored.
                self.unsaved.store(false, Ordering::Release);
                let written = self.save(&self.list.all());
                self.note(&written);
            }
            return;
        }
        let followed = self.follow();
        if followed.is_err() || self.told {
            self.note(&followed);
        }
    }

    /// Takes over what other processes have stored.
    fn follow(&mut self) -> Result<(), StoreFault> {
        if let Some(store) = self.store.as_mut().filter(|store| store.is_in_place()) {
            let news = store.news()?;
            return self.list.add(&news).map_err(|_| StoreFault::Full);
        }
        // Another process has made the file, or it was removed or replaced.
        let had_one = self.store.take().is_some();
        if let Some(store) = Store::open(&self.folder)? {
            self.list.add(&store.revocations()?).map_err(|_| StoreFault::Full)?;
            self.store = Some(store);
        }
        // What is in force has to be in the file that is there now.
        if had_one && !self.list.is_empty() { self.save(&self.list.all()) } else { Ok(()) }
    }

    /// Logs a fault once, and that it has passed.
    fn note(&mut self, outcome: &Result<(), StoreFault>) {
        let path = Store::path(&self.folder);
        if outcome.is_err() {
            self.unsaved.store(true, Ordering::Release);
        }
        match outcome {
            Ok(()) if self.told => {
                tracing::info!(path = %path.display(), "the store can be used again, and holds everything that is revoked");
            }
            Ok(()) => {}
            Err(error) => {
                self.errors.inc();
                if !self.told {
                    tracing::error!(
                        path = %path.display(), %error,
                        "the store cannot be used: what is revoked stays revoked while this gateway runs, and may be lost \
                         with it; it is tried again; hint: {}", error.hint(&path)
                    );
                }
            }
        }
        self.told = outcome.is_err();
    }
}

#[cfg(test)]
mod tests;
