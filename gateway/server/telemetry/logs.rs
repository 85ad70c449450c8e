//! The gateway's own log, on standard error.
//!
//! Every line is redacted by [`Redaction::line`] before it is written: libraries log request targets, and a target may
//! contain a token.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use prometheus::IntCounter;
use stagedoor_core::policy::{LogFormat, Policy};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::{EnvFilter, reload};

use super::record::timestamp;
use super::redact::Redaction;
use crate::terminal;

/// The log of the process. A reload may change its level and its redaction.
#[derive(Debug)]
pub struct Logs {
    level: reload::Handle<EnvFilter, Registry>,
    redaction: Arc<ArcSwap<Redaction>>,
}

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// The log was set up twice: a fault of the gateway.
    #[error("the log is set up already")]
    Twice,
    /// There is no such level.
    #[error("`log.level` is not a level: `{0}`")]
    Level(String),
}

impl Logs {
    /// Sets up the log of this process, including lines of the crate `log`. May be called once.
    ///
    /// # Errors
    /// See [`LogsError`].
    pub fn start(policy: &Policy) -> Result<Self, LogsError> {
        let redaction = Arc::new(ArcSwap::from_pointee(Redaction::of_all(policy)));
        let writer = Stderr { redaction: Arc::clone(&redaction) };
        let (filter, level) = reload::Layer::new(filter(&policy.log.level)?);
        let lines = match policy.log.format {
            LogFormat::Json => {
                let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).without_time();
                lines.map_event_format(Timed).with_writer(writer).boxed()
            }
            LogFormat::Text => {
                let colour = terminal::is_coloured(&io::stderr());
                tracing_subscriber::fmt::layer().with_ansi(colour).with_writer(writer).boxed()
            }
        };
        let subscriber = tracing_subscriber::registry().with(filter).with(lines);
        tracing::subscriber::set_global_default(subscriber).map_err(|_| LogsError::Twice)?;
        // Only libraries use the crate `log`, and pingora logs many lines for each request. Below `warn` they end in the
        // macro's level check.
        let bridge = tracing_log::LogTracer::builder().with_max_level(log::LevelFilter::Warn);
        bridge.init().map_err(|_| LogsError::Twice)?;
        Ok(Self { level, redaction })
    }

    /// Takes the level and the names to redact from a policy that comes into force. The format does not change.
    ///
    /// # Errors
    /// See [`LogsError::Level`].
    pub fn update(&self, policy: &Policy) -> Result<(), LogsError> {
        self.redaction.store(Arc::new(Redaction::of_all(policy)));
        self.level.reload(filter(&policy.log.level)?).map_err(|_| LogsError::Twice)
    }
}

/// Counts panics and logs their places. The message is logged only if it is a constant of the program: a formatted one may
/// contain data of a client.
pub fn hook_panics(panics: IntCounter) {
    std::panic::set_hook(Box::new(move |panic| {
        panics.inc();
        report_panic(panic);
    }));
}

fn report_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map_or_else(|| "-".to_owned(), ToString::to_string);
    let message = panic.payload().downcast_ref::<&'static str>().unwrap_or(&"-");
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("-");
    let backtrace = Backtrace::capture();
    if backtrace.status() == BacktraceStatus::Captured {
        tracing::error!(%location, message, thread, %backtrace, "panic");
    } else {
        tracing::error!(%location, message, thread, "panic");
    }
}

/// The filter: lines of the gateway from `level` on, lines of pingora only at `debug` and `trace`. pingora logs every
/// request, and logs harmless races in its pool as errors.
fn filter(level: &str) -> Result<EnvFilter, LogsError> {
    let quiet = match level {
        "error" | "warn" | "info" => "off",
        "debug" | "trace" => "warn",
        _ => return Err(LogsError::Level(level.to_owned())),
    };
    EnvFilter::try_new(format!("{level},pingora={quiet}")).map_err(|_| LogsError::Level(level.to_owned()))
}

/// Formats a line of JSON that begins with `time`, as access events do.
struct Timed<F>(F);

impl<S, N, F> FormatEvent<S, N> for Timed<F>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let rest = line.strip_prefix('{').unwrap_or(&line);
        write!(to, "{{\"time\":\"{}\",{rest}", timestamp(now))
    }
}

/// Standard error, with redaction.
#[derive(Clone)]
struct Stderr {
    redaction: Arc<ArcSwap<Redaction>>,
}

impl<'w> MakeWriter<'w> for Stderr {
    type Writer = Redacting<'w, io::Stderr>;

    fn make_writer(&'w self) -> Self::Writer {
        Redacting { redaction: &self.redaction, to: io::stderr() }
    }
}

/// A writer that redacts. Each call has to pass whole lines, as `tracing_subscriber::fmt` does.
struct Redacting<'r, W> {
    redaction: &'r ArcSwap<Redaction>,
    to: W,
}

impl<W: Write> Write for Redacting<'_, W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.to.write_all(&self.redaction.load().line(line))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests;
