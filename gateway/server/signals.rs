//! The signals of the process: what each of them does.

use std::sync::Arc;

use anyhow::Context;
use rustix::process::Signal as Number;
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::gateway::Gateway;
use crate::reload::{Reloader, Trigger};

/// A signal that the process handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandledSignal {
    number: Number,
    name: &'static str,
    meaning: SignalAction,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SignalAction {
    /// Drain, and end.
    End,
    /// Load the configuration again; with [`Hangup::End`], drain and end.
    Reload,
    /// Open the log files anew.
    Reopen,
    /// A write went beyond the limit of the file size. It has failed already, and the access log counts what it lost.
    TooLarge,
    /// Nothing but a line in the log. Unhandled, the signal would end the process.
    Nothing,
}

/// Every signal that is handled. The kernel acts on all others: see [`text`].
const HANDLED: [HandledSignal; 11] = [
    known(Number::TERM, "SIGTERM", SignalAction::End),
    known(Number::INT, "SIGINT", SignalAction::End),
    known(Number::QUIT, "SIGQUIT", SignalAction::End),
    known(Number::HUP, "SIGHUP", SignalAction::Reload),
    known(Number::USR1, "SIGUSR1", SignalAction::Reopen),
    known(Number::USR2, "SIGUSR2", SignalAction::Nothing),
    known(Number::ALARM, "SIGALRM", SignalAction::Nothing),
    known(Number::VTALARM, "SIGVTALRM", SignalAction::Nothing),
    known(Number::PROF, "SIGPROF", SignalAction::Nothing),
    known(Number::IO, "SIGIO", SignalAction::Nothing),
    known(Number::XFSZ, "SIGXFSZ", SignalAction::TooLarge),
];

/// What SIGHUP asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hangup {
    /// Load the configuration again, as daemons do.
    Reload,
    /// Drain and end: the terminal was closed, and there is no file to load again.
    End,
}

/// The signals of this process, in the order in which they arrive.
pub(crate) struct Signals {
    received: mpsc::Receiver<HandledSignal>,
}

impl Signals {
    /// Installs the handlers. Needs the runtime.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (sender, received) = mpsc::channel(HANDLED.len());
        for known in HANDLED {
            let listened = signal(SignalKind::from_raw(known.number.as_raw()));
            let listened =
                listened.with_context(|| format!("cannot listen for the signal `{}`", known.name))?;
            tokio::spawn(pass_on(listened, known, sender.clone()));
        }
        Ok(Self { received })
    }

    /// Handles signals until one of them ends the process.
    pub(crate) async fn until_end(
        &mut self,
        gateway: &Arc<Gateway>,
        reloader: &Arc<Reloader>,
        hangup: Hangup,
    ) {
        while let Some(HandledSignal { number: _, name, meaning }) = self.received.recv().await {
            match (meaning, hangup) {
                (SignalAction::End, _) | (SignalAction::Reload, Hangup::End) => {
                    tracing::info!(signal = name, "stopping on a signal");
                    return;
                }
                (SignalAction::Reload, Hangup::Reload) => {
                    let _ = reloader.reload(Trigger::Asked).await;
                }
                (SignalAction::Reopen, _) => gateway.access.reopen(),
                (SignalAction::TooLarge, _) => {}
                (SignalAction::Nothing, _) => tracing::warn!(
                    signal = name,
                    "signal ignored; hint: HUP loads the file again, USR1 opens the log files anew"
                ),
            }
        }
    }
}

/// Passes a signal on. Several of one kind that arrive at once are one, as for the kernel.
async fn pass_on(mut listened: Signal, known: HandledSignal, sender: mpsc::Sender<HandledSignal>) {
    while listened.recv().await.is_some() {
        if sender.send(known).await.is_err() {
            return;
        }
    }
}

/// The signals as a chapter of Markdown.
#[must_use]
pub(crate) fn text() -> String {
    let mut out = String::from(HEAD);
    for meaning in [
        SignalAction::End,
        SignalAction::Reload,
        SignalAction::Reopen,
        SignalAction::TooLarge,
        SignalAction::Nothing,
    ] {
        let names = HANDLED.iter().filter(|known| known.meaning == meaning);
        let names: Vec<String> = names.map(|known| format!("`{}`", known.name)).collect();
        out.push_str(&format!("| {} | {} |\n", names.join(", "), meaning.text()));
    }
    out.push_str(KERNELS);
    out
}

/// The signals as JSON: an array of objects.
#[must_use]
pub(crate) fn json() -> Value {
    HANDLED.iter().map(|known| json!({ "signal": known.name, "does": known.meaning.text() })).collect()
}

impl SignalAction {
    fn text(self) -> &'static str {
        match self {
            Self::End => "Drain and stop: new requests are refused, open ones get `server.drain`.",
            Self::Reload => {
                "Load the configuration again, all or nothing. `stagedoor demo` has none to load: it stops."
            }
            Self::Reopen => {
                "Open the access log anew: after a rotation by another program, its file is made again at once."
            }
            Self::TooLarge => {
                "Ignored: the write to the file fails, and access events that were lost are counted."
            }
            Self::Nothing => "Ignored, with a line in the log.",
        }
    }
}

const fn known(number: Number, name: &'static str, meaning: SignalAction) -> HandledSignal {
    HandledSignal { number, name, meaning }
}

const HEAD: &str = "\
## Signals

What the process of `run` and `demo` does when it gets a signal.

| signal | does |
|---|---|
";

const KERNELS: &str = "\
| `SIGPIPE`, `SIGCHLD`, `SIGURG`, `SIGWINCH` | Nothing. |
| `SIGKILL`, `SIGABRT`, `SIGXCPU`, `SIGPWR`, `SIGSTKFLT`, real-time signals and those of faults (`SIGSEGV` and its like) | The kernel ends the process at once, without a word: open requests are cut. |
| `SIGSTOP`, `SIGTSTP`, `SIGTTIN`, `SIGTTOU`, `SIGCONT` | The kernel stops the process, and lets it go on. |
";
