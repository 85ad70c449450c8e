//! `stagedoor version`

use serde_json::json;

use super::failure::Failure;
use super::output::print;

/// Print the version
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  stagedoor version\n  stagedoor version --json")]
pub(super) struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if args.json {
        return print(&format!("{}\n", json!({ "name": "stagedoor", "version": version })));
    }
    print(&format!("stagedoor {version}\n"))
}
