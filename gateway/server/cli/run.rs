//! `stagedoor run`

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::admin_address::{self, AddressFile, LockError, StateFolderLock};
use super::config_file::DEFAULT_FILE;
use super::failure::Failure;
use super::without_file::{self, Environment};
use crate::problems::Problems;
use crate::serve::{self, Farewell, Greeting, Ready, Start};
use crate::signals::Hangup;
use crate::source::ConfigSource;

/// Run the gateway
///
/// With a file: that one, else `config/stagedoor.toml`. With `--upstream`: without any file, with secure
/// defaults; every request needs a token. Neither is an error: a volume that failed to mount must not
/// become an open door.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// The main file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Protect the app at this address, such as http://127.0.0.1:8000
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let variable = std::env::var("STAGEDOOR_UPSTREAM").ok().filter(|value| !value.is_empty());
    let asked =
        Asked { file: args.config.as_deref(), flag: args.upstream.as_deref(), variable: variable.as_deref() };
    let config = match asked.choose(Path::new(DEFAULT_FILE).exists())? {
        Chosen::File(file) => ConfigSource::File(file.to_owned()),
        Chosen::Upstream(upstream) => without_file::config(upstream, &Environment::read()?),
    };
    let greeting: Greeting = match &config {
        ConfigSource::File(file) if !file.exists() => {
            let hint = "name another file, or see whether the volume it is on was mounted";
            return Err(Failure::Problems(Problems::single(
                &file.display().to_string(),
                "no such file",
                hint,
            )));
        }
        ConfigSource::File(_) => Box::new(note_down),
        ConfigSource::Text { .. } => {
            let claim = claim_alone()?;
            Box::new(move |ready| greet(ready, claim))
        }
    };
    Ok(serve::run(Start { config, beside: None, greeting: Some(greeting), hangup: Hangup::Reload })?)
}

/// The folder of a gateway without a file: two that share it would sign with one secret, so that a token of the one would
/// open the other. `None` where it cannot be locked, which is told when something is written there.
fn claim_alone() -> Result<Option<StateFolderLock>, Failure> {
    let folder = Path::new(without_file::STATE);
    match admin_address::claim(folder) {
        Ok(claim) => Ok(Some(claim)),
        Err(LockError::Failed(_)) => Ok(None),
        Err(LockError::Taken) => {
            let place = admin_address::read_quietly(folder).filter(|text| text != admin_address::OFF);
            let place = place.map_or(String::new(), |address| format!(", and is asked at `{address}`"));
            Err(anyhow::anyhow!(
                "another gateway runs in this folder: it holds `{}`{place}\n  hint: end it, or start this one in a \
                 folder of its own: with one secret for both, a token of the one would open the other",
                folder.display()
            )
            .into())
        }
    }
}

/// Notes for the commands where this gateway is asked: its file may have changed by then.
fn note_down(ready: &Ready<'_>) -> Option<Farewell> {
    let folder = ready.state_dir();
    let claim = match admin_address::claim(&folder) {
        Ok(claim) => claim,
        Err(LockError::Taken) => {
            tracing::warn!(
                folder = %folder.display(),
                "another gateway keeps its state in this folder: they share its secrets; hint: give each a \
                 `state.dir` of its own"
            );
            return None;
        }
        Err(LockError::Failed(error)) => {
            tracing::info!(folder = %folder.display(), %error, "the state folder cannot be locked");
            return None;
        }
    };
    match claim.note(ready.admin) {
        Ok(note) => Some(Box::new(move || forget(note, claim))),
        Err(error) => {
            tracing::info!(
                folder = %folder.display(), %error,
                "where this gateway is asked cannot be noted: commands go by the file alone"
            );
            Some(Box::new(move || drop(claim)))
        }
    }
}

/// Standard output belongs to the access events. Said at once: no log line comes between.
fn greet(ready: &Ready<'_>, claim: Option<StateFolderLock>) -> Option<Farewell> {
    let note = match &claim {
        Some(claim) => claim.note(ready.admin),
        None => Err(std::io::Error::other("the folder cannot be locked")),
    };
    let note = note.inspect_err(|error| {
        eprintln!(
            "warning: cannot write `{}`: {error}; hint: commands that ask this gateway need STAGEDOOR_ADMIN_LISTEN",
            admin_address::file(Path::new(without_file::STATE)).display()
        );
    });
    let link = ready.sign("owner", &[], VISIT).and_then(|token| ready.link(&token));
    let link = match &link {
        Ok(link) => format!(
            "in a browser, for the next twelve hours, open this within ten minutes:\n  {}",
            link.expose()
        ),
        Err(reason) => format!("there is no link for a browser: {reason}"),
    };
    eprintln!(
        "\nevery request needs a token; {link}\n\
         another link, from this folder:  stagedoor token --upstream --sub NAME --for 12h --link\n\
         a token for programs:            stagedoor token --upstream --sub NAME\n"
    );
    let claim = claim?;
    Some(match note {
        Ok(note) => Box::new(move || forget(note, claim)),
        Err(_) => Box::new(move || drop(claim)),
    })
}

/// It would not be believed any more; a folder is left as it was found.
fn forget(note: AddressFile, claim: StateFolderLock) {
    if let Err(error) = note.remove() {
        eprintln!(
            "warning: cannot remove `{}`: {error}; hint: remove it, for it is not believed any more",
            admin_address::file(claim.folder()).display()
        );
    }
}

/// What the operator said.
#[derive(Clone, Copy, Debug, Default)]
struct Asked<'a> {
    /// `--config`
    file: Option<&'a Path>,
    /// `--upstream`
    flag: Option<&'a str>,
    /// `STAGEDOOR_UPSTREAM`
    variable: Option<&'a str>,
}

/// What to start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chosen<'a> {
    File(&'a Path),
    Upstream(&'a str),
}

impl<'a> Asked<'a> {
    /// Exactly one of file and upstream. The flag goes before a default file that merely lies there;
    /// the variable does not, for it may be a leftover.
    fn choose(self, default_exists: bool) -> Result<Chosen<'a>, Failure> {
        let default = default_exists.then_some(Path::new(DEFAULT_FILE));
        match (self.file, self.flag, self.variable, default) {
            (Some(_), Some(_), ..) => Err(both("`--config` and `--upstream`", "leave one of them out")),
            (Some(_), None, Some(_), _) => Err(both(
                "`--config` and the environment variable `STAGEDOOR_UPSTREAM`",
                "unset the variable",
            )),
            (None, None, Some(_), Some(_)) => Err(both(
                "`config/stagedoor.toml` and the environment variable `STAGEDOOR_UPSTREAM`",
                "unset the variable, or say `--upstream`",
            )),
            (Some(file), None, None, _) | (None, None, None, Some(file)) => Ok(Chosen::File(file)),
            (None, Some(upstream), ..) | (None, None, Some(upstream), None) => Ok(Chosen::Upstream(upstream)),
            (None, None, None, None) => Err(Failure::usage(
                format!(
                    "nothing to protect: there is no `{DEFAULT_FILE}`, and neither `--config` nor `--upstream`"
                ),
                "run `stagedoor run --upstream http://127.0.0.1:8000`, or see whether the volume with the file was mounted",
            )),
        }
    }
}

fn both(what: &str, hint: &str) -> Failure {
    Failure::usage(format!("two configurations: {what}"), hint)
}

/// How long the first link lets its user in.
const VISIT: Duration = Duration::from_secs(12 * 3_600);

const AFTER: &str = "\
Environment:
  STAGEDOOR_LISTEN           addresses to listen on, with commas [127.0.0.1:8080]
  STAGEDOOR_TRUSTED_PROXIES  networks whose X-Forwarded-For is believed, with commas
  STAGEDOOR_ADMIN_LISTEN     address of health, metrics and API, or off [127.0.0.1:9901]
  STAGEDOOR_UPSTREAM         like --upstream, but never beside a file
  STAGEDOOR_HOSTS            with --upstream: further host names to answer to, with commas
  The first three go before `server.listen`, `server.trusted_proxies` and `admin.listen` of a
  file. An empty variable is none.

Examples:
  stagedoor run
  stagedoor run --config /etc/stagedoor/stagedoor.toml
  stagedoor run --upstream http://127.0.0.1:8000
  STAGEDOOR_LISTEN=0.0.0.0:8080 STAGEDOOR_HOSTS=media.lan stagedoor run --upstream http://app:8000

Signals:
  TERM, INT, QUIT  drain and stop    HUP  load the file again    USR1  open the log files anew
  Others that would end a program are logged, and do nothing: see the reference.

Exit codes:
  0  stopped as told    1  could not start or go on    2  wrong usage or configuration";

#[cfg(test)]
mod tests;
