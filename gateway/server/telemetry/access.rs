//! The access log: requests put events into a bounded queue, and one thread writes them.
//!
//! A request never waits for the log. An event that does not fit into the queue, or that cannot be written (full disk, closed
//! pipe), is dropped and counted in `stagedoor_log_dropped_total`. Bounds: [`QUEUE_MAX`] bytes.

use std::cell::RefCell;
use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::IntCounter;
use stagedoor_core::policy::{self, LogFormat, LogPolicy};

use super::record::{LineFormat, Record};
use super::redact::Redaction;
use sink::Sink;

mod sink;

/// The open access log.
#[derive(Debug)]
pub struct AccessLogWriter {
    events: Arc<EventQueue>,
    form: LineFormat,
}

impl AccessLogWriter {
    /// Starts the log and its thread. A file that cannot be opened is tried again with every batch; `dropped` counts the
    /// events that are lost.
    ///
    /// # Errors
    /// The thread could not be started, or standard output is closed.
    pub fn start(policy: &LogPolicy, dropped: IntCounter) -> io::Result<Self> {
        let (sink, terminal) = match &policy.access {
            policy::AccessLog::Stdout => (Sink::stdout()?, io::stdout().is_terminal()),
            policy::AccessLog::File { path, max_size, keep } => {
                (Sink::rotating(path.clone(), *max_size, *keep), false)
            }
        };
        let form = match policy.format {
            LogFormat::Json => LineFormat::Json,
            LogFormat::Text if terminal && std::env::var_os("NO_COLOR").is_none() => LineFormat::Colour,
            LogFormat::Text => LineFormat::Text,
        };
        Self::over(sink, form, dropped)
    }

    fn over(mut sink: Sink, form: LineFormat, dropped: IntCounter) -> io::Result<Self> {
        let events = Arc::new(EventQueue {
            queue: Mutex::default(),
            wake: Condvar::new(),
            done: Condvar::new(),
            dropped,
        });
        let drained = Arc::clone(&events);
        std::thread::Builder::new().name("access-log".into()).spawn(move || drained.drain(&mut sink))?;
        Ok(Self { events, form })
    }

    /// Queues one event; drops and counts it where the queue is full.
    pub fn record(&self, record: &Record<'_>, redaction: &Redaction) {
        LINE.with_borrow_mut(|line| {
            line.clear();
            record.write(self.form, redaction, line);
            self.events.offer(line);
        });
    }

    /// Opens the file again after the events queued so far are written, for rotation by another program.
    pub fn reopen(&self) {
        let mut queue = self.events.lock();
        queue.reopen = true;
        queue.asleep = false;
        drop(queue);
        self.events.wake.notify_one();
    }

    /// Accepts no more events, and waits up to `wait` until the queued ones are written. Returns whether they were.
    pub fn close(&self, wait: Duration) -> bool {
        self.events.close(wait)
    }
}

impl Drop for AccessLogWriter {
    fn drop(&mut self) {
        self.events.close(Duration::ZERO);
    }
}

thread_local! {
    /// The buffer in which a thread serialises its event. A line has at most some 16 KiB.
    static LINE: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(1024));
}

/// The queue between the requests and the thread.
#[derive(Debug)]
struct EventQueue {
    queue: Mutex<Queue>,
    /// Wakes the thread: there is work.
    wake: Condvar,
    /// For [`EventQueue::close`]: everything is written.
    done: Condvar,
    dropped: IntCounter,
}

#[derive(Debug, Default)]
struct Queue {
    pending: Vec<u8>,
    /// The thread sleeps until `wake`.
    asleep: bool,
    closing: bool,
    drained: bool,
    /// The file has to be opened again.
    reopen: bool,
}

/// What the thread does besides writing a batch.
struct BatchRequest {
    reopen: bool,
}

impl EventQueue {
    fn offer(&self, line: &[u8]) {
        let mut queue = self.lock();
        let before = queue.pending.len();
        if queue.closing || before + line.len() > QUEUE_MAX {
            drop(queue);
            self.dropped.inc();
            return;
        }
        queue.pending.extend_from_slice(line);
        let crossed = before < EAGER && queue.pending.len() >= EAGER;
        let wake = std::mem::take(&mut queue.asleep) || crossed;
        drop(queue);
        if wake {
            self.wake.notify_one();
        }
    }

    fn close(&self, wait: Duration) -> bool {
        let mut queue = self.lock();
        queue.closing = true;
        self.wake.notify_one();
        if !wait.is_zero() {
            queue = self
                .done
                .wait_timeout_while(queue, wait, |q| !q.drained)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        queue.drained
    }

    fn drain(&self, sink: &mut Sink) {
        let mut batch = Vec::new();
        let mut failing = false;
        while let Some(BatchRequest { reopen }) = self.next_batch(&mut batch) {
            let mut written = sink.write(&batch);
            if reopen {
                written.error = sink.reopen().err().or(written.error);
                if written.error.is_none() {
                    tracing::info!("the access log is opened anew");
                }
            }
            self.dropped.inc_by(written.lost);
            match written.error {
                Some(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "the access log cannot be written, its events are dropped");
                }
                None if failing => {
                    failing = false;
                    tracing::info!("the access log is written again");
                }
                Some(_) | None => {}
            }
            batch.clear();
            batch.shrink_to(EAGER);
        }
        self.lock().drained = true;
        self.done.notify_all();
    }

    /// Waits for events, and a short time for more of them, and takes all; `None` once the log is closed and empty.
    fn next_batch(&self, batch: &mut Vec<u8>) -> Option<BatchRequest> {
        let mut queue = self.lock();
        while queue.pending.is_empty() && !queue.reopen {
            if queue.closing {
                return None;
            }
            queue.asleep = true;
            queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.asleep = false;
        let unhurried = |q: &mut Queue| !q.closing && !q.reopen && q.pending.len() < EAGER;
        let (mut queue, _) =
            self.wake.wait_timeout_while(queue, GATHER, unhurried).unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut queue.pending, batch);
        Some(BatchRequest { reopen: std::mem::take(&mut queue.reopen) })
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code that can panic runs under the lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most bytes in the queue.
const QUEUE_MAX: usize = 4 << 20;
/// A batch of this many bytes is written without waiting for more.
const EAGER: usize = 64 << 10;
/// How long the thread waits for more events, so that it does not wake for each one.
const GATHER: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
