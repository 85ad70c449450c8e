//! The command line: one file for each command.

use std::io::{IsTerminal, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};
use stagedoor_config::{self as config, Compiled, Source};
use stagedoor_core::clock::Now;

pub use problems::Problems;

use crate::loader;
use crate::materials::DiskMaterials;

mod check;
mod completions;
mod demo;
mod explain;
mod healthcheck;
mod noted;
mod operator;
mod problems;
mod quick;
mod reach;
mod reference;
mod reload;
mod run;
mod secret;
mod status;
mod token;
mod version;
mod why;

/// A security gateway in front of self-hosted media apps that cannot defend themselves.
#[derive(Debug, Parser)]
#[command(name = "stagedoor", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

// What a command is for stands with its arguments.
#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Demo(demo::Args),
    Check(check::Args),
    Explain(explain::Args),
    Why(why::Args),
    Status(status::Args),
    Reload(reload::Args),
    Token(token::Args),
    /// Make secrets
    #[command(subcommand)]
    Secret(secret::Command),
    Healthcheck(healthcheck::Args),
    Reference(reference::Args),
    Completions(completions::Args),
    Version(version::Args),
}

/// Reads the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    // What is wrong with the arguments is told by clap, which exits with 2.
    match dispatch(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Why(args) => why::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Secret(command) => secret::run(&command),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Reference(args) => reference::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Version(args) => version::run(&args),
    }
}

/// Why a command failed.
#[derive(Debug)]
enum Failure {
    /// It was asked for something that cannot be: exit 2.
    Usage {
        /// What.
        message: String,
        /// How to mend it.
        hint: String,
    },
    /// The configuration has mistakes: exit 2.
    Problems(Problems),
    /// Everything was told already: exit with this.
    Told(u8),
    /// It was tried and did not work: exit 1.
    Runtime(anyhow::Error),
}

impl Failure {
    fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: hint.into() }
    }

    fn report(self) -> ExitCode {
        let colour = is_coloured(&std::io::stderr());
        let (text, code) = match self {
            Self::Usage { message, hint } => {
                (format!("{}\n  hint: {hint}\n", problems::error(&message, colour)), 2)
            }
            Self::Problems(problems) => (problems.text(colour), 2),
            Self::Told(code) => (String::new(), code),
            Self::Runtime(error) => (format!("{}\n", problems::error(&format!("{error:#}"), colour)), 1),
        };
        let _ = std::io::stderr().write_all(text.as_bytes());
        ExitCode::from(code)
    }
}

impl From<anyhow::Error> for Failure {
    /// Mistakes of the configuration stay what they are, however deep they were found.
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<Problems>() {
            Ok(problems) => Self::Problems(problems),
            Err(error) => Self::Runtime(error),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Runtime(error.into())
    }
}

/// Where the configuration of a command comes from.
fn config_file(named: Option<&Path>) -> Result<PathBuf, Failure> {
    match named {
        Some(file) => Ok(file.to_owned()),
        None if Path::new(DEFAULT_FILE).is_file() => Ok(DEFAULT_FILE.into()),
        None => Err(Failure::usage(
            format!("no configuration: there is no `{DEFAULT_FILE}` here"),
            "name one with `--config FILE`",
        )),
    }
}

/// Reads and compiles a file.
fn compile_file(main: &Path, materials: &DiskMaterials) -> Result<Compiled, Failure> {
    let sources = loader::load(main).map_err(|errors| Failure::Problems(Problems::new(errors)))?;
    compile(&sources, materials)
}

fn compile(sources: &[Source], materials: &DiskMaterials) -> Result<Compiled, Failure> {
    config::compile(sources, materials, None, now())
        .map_err(|errors| Failure::Problems(Problems::new(errors)))
}

/// This moment, for commands that need only one.
fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Now::new(Duration::ZERO, unix)
}

/// Whether colour is wanted there: a terminal, and `NO_COLOR` is not set.
pub(crate) fn is_coloured(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes to standard output; a reader that went away is none of our business.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A span of time as people write it: `90s`, `30m`, `1h`, `7d`.
fn parse_span(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err("a number and one of `s`, `m`, `h`, `d`, such as `1h`".into()),
    };
    let count: u64 = count.parse().map_err(|_| "begins with a number, such as `1h`".to_owned())?;
    match count.checked_mul(seconds) {
        Some(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds)),
        Some(_) => Err("longer than nothing".into()),
        None => Err("too long".into()),
    }
}

const DEFAULT_FILE: &str = "config/stagedoor.toml";

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it was tried and did not work
  2  wrong usage, or mistakes in the configuration";

#[cfg(test)]
mod tests;
