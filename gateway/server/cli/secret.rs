//! `stagedoor secret …`

use super::failure::Failure;
use super::output::print;
use crate::materials::fresh_secret;

#[derive(Debug, clap::Subcommand)]
pub(super) enum SecretCommand {
    /// Print a fresh 256-bit secret
    ///
    /// 43 characters of base64url. A secret with `generate = true` in the configuration is created at start
    /// and does not need this command.
    #[command(after_help = "Examples:\n  (umask 077 && stagedoor secret new > config/data/jwt_secret)")]
    New,
}

pub(super) fn run(command: &SecretCommand) -> Result<(), Failure> {
    match command {
        SecretCommand::New => {
            let line = fresh_secret();
            let text = String::from_utf8_lossy(line.expose());
            print(&format!("{text}\n"))
        }
    }
}
