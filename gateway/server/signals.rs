//! The signals of the process: each is answered, or documented to end it.

use std::sync::Arc;

use anyhow::Context;
use rustix::process::Signal as Number;
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::gateway::Gateway;
use crate::reload::{Reloader, Trigger};

/// A signal that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    number: Number,
    name: &'static str,
    meaning: Meaning,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Drain, and end.
    End,
    /// Load the configuration again; without a file that could have changed, by a terminal that went: end.
    Reload,
    /// Open the log files anew.
    Reopen,
    /// A write went beyond the limit of the size of a file: it has failed, and its events are counted as lost.
    TooLarge,
    /// Nothing: it is logged, where it would end a process that does not expect it.
    Nothing,
}

/// Every signal that is answered. The rest is the kernel's: see [`text`].
const KNOWN: [Known; 11] = [
    known(Number::TERM, "SIGTERM", Meaning::End),
    known(Number::INT, "SIGINT", Meaning::End),
    known(Number::QUIT, "SIGQUIT", Meaning::End),
    known(Number::HUP, "SIGHUP", Meaning::Reload),
    known(Number::USR1, "SIGUSR1", Meaning::Reopen),
    known(Number::USR2, "SIGUSR2", Meaning::Nothing),
    known(Number::ALARM, "SIGALRM", Meaning::Nothing),
    known(Number::VTALARM, "SIGVTALRM", Meaning::Nothing),
    known(Number::PROF, "SIGPROF", Meaning::Nothing),
    known(Number::IO, "SIGIO", Meaning::Nothing),
    known(Number::XFSZ, "SIGXFSZ", Meaning::TooLarge),
];

/// What SIGHUP asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hangup {
    /// Load the configuration again, as daemons do.
    Reload,
    /// Drain and end: the terminal was closed, and there is no file to load again.
    End,
}

/// The signals of this process, as they come.
pub(crate) struct Signals {
    come: mpsc::Receiver<Known>,
}

impl Signals {
    /// Takes the place of what the kernel would do. Within the runtime.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let (tell, come) = mpsc::channel(KNOWN.len());
        for known in KNOWN {
            let heard = signal(SignalKind::from_raw(known.number.as_raw()));
            let heard = heard.with_context(|| format!("cannot listen for the signal `{}`", known.name))?;
            tokio::spawn(pass_on(heard, known, tell.clone()));
        }
        Ok(Self { come })
    }

    /// Does what is asked for, until that is the end.
    pub(crate) async fn until_end(
        &mut self,
        gateway: &Arc<Gateway>,
        reloader: &Arc<Reloader>,
        hangup: Hangup,
    ) {
        while let Some(Known { number: _, name, meaning }) = self.come.recv().await {
            match (meaning, hangup) {
                (Meaning::End, _) | (Meaning::Reload, Hangup::End) => {
                    tracing::info!(signal = name, "told to stop");
                    return;
                }
                (Meaning::Reload, Hangup::Reload) => {
                    let _ = reloader.reload(Trigger::Asked).await;
                }
                (Meaning::Reopen, _) => gateway.access.reopen(),
                (Meaning::TooLarge, _) => {}
                (Meaning::Nothing, _) => tracing::warn!(
                    signal = name,
                    "a signal that asks for nothing here; hint: HUP loads the file again, USR1 opens the log files anew"
                ),
            }
        }
    }
}

/// Several of one kind that come at once are one, as for the kernel.
async fn pass_on(mut heard: Signal, known: Known, tell: mpsc::Sender<Known>) {
    while heard.recv().await.is_some() {
        if tell.send(known).await.is_err() {
            return;
        }
    }
}

/// A chapter of Markdown.
#[must_use]
pub(crate) fn text() -> String {
    let mut out = String::from(HEAD);
    for meaning in [Meaning::End, Meaning::Reload, Meaning::Reopen, Meaning::TooLarge, Meaning::Nothing] {
        let names = KNOWN.iter().filter(|known| known.meaning == meaning);
        let names: Vec<String> = names.map(|known| format!("`{}`", known.name)).collect();
        out.push_str(&format!("| {} | {} |\n", names.join(", "), meaning.text()));
    }
    out.push_str(KERNELS);
    out
}

/// For programs: an array of objects.
#[must_use]
pub(crate) fn json() -> Value {
    KNOWN.iter().map(|known| json!({ "signal": known.name, "does": known.meaning.text() })).collect()
}

impl Meaning {
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
                "Nothing more than the write that it tells of, which fails: access events that were lost are counted."
            }
            Self::Nothing => "Nothing. The log says that it came.",
        }
    }
}

const fn known(number: Number, name: &'static str, meaning: Meaning) -> Known {
    Known { number, name, meaning }
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
