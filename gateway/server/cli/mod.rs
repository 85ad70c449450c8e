//! The command line: one file for each command.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use failure::Failure;

mod admin_address;
mod admin_client;
mod certificates;
mod check;
mod completions;
mod config_file;
mod demo;
mod explain;
mod failure;
mod gateway_address;
mod gateway_args;
mod healthcheck;
mod output;
mod reference;
mod reload;
mod revoke;
mod run;
mod secret;
mod state;
mod status;
mod token;
mod version;
mod why;
mod without_file;

/// A security gateway in front of self-hosted media apps that cannot defend themselves.
#[derive(Debug, Parser)]
#[command(name = "stagedoor", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

// The help of a command is at its `Args`.
#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Args),
    Demo(demo::Args),
    Check(check::Args),
    Explain(explain::Args),
    Why(why::Args),
    Status(status::Args),
    Certificates(certificates::Args),
    Reload(reload::Args),
    Token(token::Args),
    Revoke(revoke::Args),
    /// Copy what is stored, and check it
    #[command(subcommand)]
    State(state::StateCommand),
    /// Make secrets
    #[command(subcommand)]
    Secret(secret::SecretCommand),
    Healthcheck(healthcheck::Args),
    Reference(reference::Args),
    Completions(completions::Args),
    Version(version::Args),
}

/// Parses the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    // clap reports wrong arguments, and exits with 2.
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
        Command::Certificates(args) => certificates::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Revoke(args) => revoke::run(&args),
        Command::State(command) => state::run(&command),
        Command::Secret(command) => secret::run(&command),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Reference(args) => reference::run(&args),
        Command::Completions(args) => completions::run(&args, Cli::command()),
        Command::Version(args) => version::run(&args),
    }
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the command failed
  2  wrong usage, or mistakes in the configuration";

#[cfg(test)]
mod tests;
