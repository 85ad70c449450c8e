//! `stagedoor run`

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::admin_address::{self, AddressFile, LockError, StateFolderLock};
use super::config_file::DEFAULT_FILE;
use super::failure::Failure;
use super::without_file::{self, Environment};
use crate::problems::Problems;
use crate::serve::{self, OnReady, OnStopped, RunningGateway, Start};
use crate::signals::Hangup;
use crate::source::ConfigSource;

/// Run the gateway
///
/// It reads the file of `--config`, else `config/stagedoor.toml`. With `--upstream` it needs no file and has
/// secure defaults: every request needs a token. Without a file and without `--upstream` it does not start, so
/// that a volume that was not mounted opens nothing.
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
    let asked = ConfigChoice {
        file: args.config.as_deref(),
        flag: args.upstream.as_deref(),
        variable: variable.as_deref(),
    };
    let config = match asked.choose(Path::new(DEFAULT_FILE).exists())? {
        ChosenConfig::File(file) => ConfigSource::File(file.to_owned()),
        ChosenConfig::Upstream(upstream) => without_file::config(upstream, &Environment::read()?),
    };
    let on_ready: OnReady = match &config {
        ConfigSource::File(file) if !file.exists() => {
            let hint = "name another file, or see whether the volume it is on was mounted";
            return Err(Failure::Problems(Problems::single(
                &file.display().to_string(),
                "no such file",
                hint,
            )));
        }
        ConfigSource::File(_) => Box::new(write_admin_address),
        ConfigSource::Text { .. } => {
            let lock = lock_state_folder()?;
            Box::new(move |ready| greet(ready, lock))
        }
    };
    Ok(serve::run(Start { config, companion: None, on_ready: Some(on_ready), hangup: Hangup::Reload })?)
}

/// Locks the state folder of a gateway without a file. Two gateways with one folder would sign with the same secret, and
/// each would accept the tokens of the other. `None` if it cannot be locked, which is reported when a file is written there.
fn lock_state_folder() -> Result<Option<StateFolderLock>, Failure> {
    let folder = Path::new(without_file::STATE);
    match admin_address::lock_folder(folder) {
        Ok(lock) => Ok(Some(lock)),
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

/// Writes the admin address file, for commands: the configuration may have changed when they read it.
fn write_admin_address(ready: &RunningGateway<'_>) -> Option<OnStopped> {
    let folder = ready.state_dir();
    let lock = match admin_address::lock_folder(&folder) {
        Ok(lock) => lock,
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
    match lock.write(ready.admin) {
        Ok(address_file) => Some(Box::new(move || forget(address_file, lock))),
        Err(error) => {
            tracing::info!(
                folder = %folder.display(), %error,
                "the admin address file cannot be written: commands use the configuration alone"
            );
            Some(Box::new(move || drop(lock)))
        }
    }
}

/// Prints how to sign in. It goes to standard error, because standard output is for access events, and in one call, so
/// that no log line comes between.
fn greet(ready: &RunningGateway<'_>, lock: Option<StateFolderLock>) -> Option<OnStopped> {
    let address_file = match &lock {
        Some(lock) => lock.write(ready.admin),
        None => Err(std::io::Error::other("the folder cannot be locked")),
    };
    let address_file = address_file.inspect_err(|error| {
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
    let lock = lock?;
    Some(match address_file {
        Ok(address_file) => Box::new(move || forget(address_file, lock)),
        Err(_) => Box::new(move || drop(lock)),
    })
}

/// Removes the admin address file: commands would ignore it, and the folder is left as it was found.
fn forget(address_file: AddressFile, lock: StateFolderLock) {
    if let Err(error) = address_file.remove() {
        eprintln!(
            "warning: cannot remove `{}`: {error}; hint: remove it, commands ignore it",
            admin_address::file(lock.folder()).display()
        );
    }
}

/// The arguments and the variable that select the configuration.
#[derive(Clone, Copy, Debug, Default)]
struct ConfigChoice<'a> {
    /// `--config`
    file: Option<&'a Path>,
    /// `--upstream`
    flag: Option<&'a str>,
    /// `STAGEDOOR_UPSTREAM`
    variable: Option<&'a str>,
}

/// The selected configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChosenConfig<'a> {
    File(&'a Path),
    Upstream(&'a str),
}

impl<'a> ConfigChoice<'a> {
    /// Selects exactly one of file and upstream. The flag goes before a default file. The variable does not, because it may
    /// be a leftover.
    fn choose(self, default_exists: bool) -> Result<ChosenConfig<'a>, Failure> {
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
            (Some(file), None, None, _) | (None, None, None, Some(file)) => Ok(ChosenConfig::File(file)),
            (None, Some(upstream), ..) | (None, None, Some(upstream), None) => {
                Ok(ChosenConfig::Upstream(upstream))
            }
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

/// How long the token of the first link is valid.
const VISIT: Duration = Duration::from_secs(12 * 3_600);

const AFTER: &str = "\
Environment:
  STAGEDOOR_LISTEN           addresses to listen on, with commas [127.0.0.1:8080]
  STAGEDOOR_TRUSTED_PROXIES  networks whose X-Forwarded-For is trusted, with commas
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
  0  stopped by a signal    1  could not start or go on    2  wrong usage or configuration";

#[cfg(test)]
mod tests;
