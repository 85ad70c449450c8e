//! `stagedoor state export | import | check`

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::config_file::now;
use super::failure::Failure;
use super::gateway_args::GatewayArgs;
use super::output::print;
use crate::store::{Store, VERSION, document};

/// What to do with the store.
#[derive(Debug, Subcommand)]
pub(super) enum StateCommand {
    /// Write what is stored as text
    ///
    /// One JSON object a line: what is revoked. A gateway may run meanwhile.
    #[command(after_help = EXPORT)]
    Export {
        #[command(flatten)]
        gateway: GatewayArgs,
    },
    /// Add what `export` has written, all of it or nothing
    ///
    /// It takes nothing out of the store. A gateway that runs with it follows within a second.
    #[command(after_help = IMPORT)]
    Import {
        /// The file; `-` is standard input
        file: PathBuf,
        #[command(flatten)]
        gateway: GatewayArgs,
    },
    /// Say whether the store is sound
    ///
    /// It is read as at a start, so that one of an older version is brought to this one.
    #[command(after_help = CHECK)]
    Check {
        #[command(flatten)]
        gateway: GatewayArgs,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(command: &StateCommand) -> Result<(), Failure> {
    match command {
        StateCommand::Export { gateway } => export(gateway),
        StateCommand::Import { file, gateway } => import(file, gateway),
        StateCommand::Check { gateway, json } => check(gateway, *json),
    }
}

fn export(gateway: &GatewayArgs) -> Result<(), Failure> {
    let folder = gateway.policy()?.server.state_dir;
    let read =
        Store::open(&folder).and_then(|store| store.map_or(Ok(Vec::new()), |store| store.revocations()));
    let revocations = read.map_err(|fault| Failure::store(&fault, &folder))?;
    let text = document::write(&revocations).map_err(anyhow::Error::from)?;
    print(&text)
}

fn import(file: &Path, gateway: &GatewayArgs) -> Result<(), Failure> {
    let folder = gateway.policy()?.server.state_dir;
    let text = read_text(file)?;
    let mut revocations = document::read(&text).map_err(|fault| {
        anyhow::anyhow!("nothing was imported: `{}`, {fault}\n  hint: export it again", file.display())
    })?;
    let (now, read) = (now().unix_secs(), revocations.len());
    revocations.retain(|revocation| !revocation.has_ended(now));
    let written = Store::create(&folder).and_then(|mut store| store.add(&revocations, now));
    written.map_err(|fault| Failure::store(&fault, &folder))?;
    let ended = match read - revocations.len() {
        0 => String::new(),
        ended => format!("; left out, because they have ended: {ended}"),
    };
    print(&format!("imported: {} revocations{ended}\n", revocations.len()))
}

fn check(gateway: &GatewayArgs, json: bool) -> Result<(), Failure> {
    let folder = gateway.policy()?.server.state_dir;
    let path = Store::path(&folder);
    let read = Store::open(&folder).and_then(|store| store.map(|store| store.revocations()).transpose());
    let count = read.map_err(|fault| Failure::store(&fault, &folder))?.map(|revocations| revocations.len());
    if json {
        let version = count.map(|_| VERSION);
        let document = json!({ "path": path, "version": version, "revocations": count.unwrap_or_default() });
        return print(&format!("{document:#}\n"));
    }
    print(&match count {
        Some(count) => format!("ok: `{}`, version {VERSION}, {count} revocations\n", path.display()),
        None => format!("ok: there is no `{}`, nothing was ever stored\n", path.display()),
    })
}

fn read_text(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().take(TEXT_MAX + 1).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(TEXT_MAX + 1).read_to_string(&mut text))
    };
    let length = read.map_err(|error| {
        anyhow::Error::new(error).context(format!("nothing was imported: cannot read `{}`", file.display()))
    })?;
    if length as u64 > TEXT_MAX {
        return Err(
            anyhow::anyhow!("nothing was imported: `{}` is larger than 16 MiB", file.display()).into()
        );
    }
    Ok(text)
}

/// The most bytes of a text: more than a full store has.
const TEXT_MAX: u64 = 16 << 20;

const EXPORT: &str = "\
Examples:
  stagedoor state export >state.jsonl

Exit codes:
  0  done
  1  the store cannot be read
  2  wrong usage, or mistakes in the configuration";

const IMPORT: &str = "\
Examples:
  stagedoor state import state.jsonl
  ssh other stagedoor state export | stagedoor state import -

Exit codes:
  0  everything is stored
  1  nothing was imported: the text or the store cannot be used
  2  wrong usage, or mistakes in the configuration";

const CHECK: &str = "\
Examples:
  stagedoor state check
  stagedoor state check --config /etc/stagedoor/stagedoor.toml --json

Exit codes:
  0  it is sound, or there is none
  1  it cannot be used: a gateway would not start
  2  wrong usage, or mistakes in the configuration";
