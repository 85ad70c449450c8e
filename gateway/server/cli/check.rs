//! `stagedoor check`

use std::fmt::Write as _;
use std::path::PathBuf;

use stagedoor_config::{self as config, Compiled};

use super::config_file::{DEFAULT_FILE, compile_file};
use super::failure::Failure;
use super::output::print;
use crate::loader;
use crate::materials::DiskMaterials;
use crate::problems;
use crate::terminal::is_coloured;

/// Check a configuration and its promises
///
/// It runs the code of start and reload, but never creates a secret. It prints every mistake at once, with
/// file, line, path and a hint, and every `[[expect]]` promise that is broken.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// The main file
    #[arg(default_value = DEFAULT_FILE)]
    file: PathBuf,
    /// Read neither secrets, keys nor environment variables
    #[arg(long)]
    no_files: bool,
    /// Print also what each app could close: none of it is a mistake, and the exit code stays the same
    #[arg(long)]
    strict: bool,
    /// Print JSON: an array of problems, warnings and notes
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let materials = DiskMaterials {
        may_generate: false,
        no_files: args.no_files,
        no_environment: args.no_files,
        ..DiskMaterials::beside(&args.file)
    };
    match compile_file(&args.file, &materials) {
        Ok(compiled) => {
            let mut notes = loader::unmatched(&args.file);
            if args.strict {
                notes.extend(config::closeable(&compiled.policy, &compiled.source));
            }
            if args.json {
                return print(&format!("{:#}\n", problems::warnings_json(&compiled.warnings, &notes)));
            }
            let colour = is_coloured(&std::io::stdout());
            print(&problems::notes_text(&notes, colour))?;
            print(&problems::warnings_text(&compiled.warnings, colour))?;
            print(&summary(&args.file.display().to_string(), &compiled))
        }
        Err(Failure::Problems(found)) if args.json => {
            print(&format!("{:#}\n", found.json()))?;
            Err(Failure::Printed(2))
        }
        Err(failure) => Err(failure),
    }
}

fn summary(file: &str, compiled: &Compiled) -> String {
    let policy = &compiled.policy;
    // The first route of an app is its rule for unlisted paths.
    let routes = policy.apps.iter().map(|app| app.routes.all().count().saturating_sub(1)).sum();
    let mut text = format!("ok: {file}: ");
    for (n, (count, one, many)) in [
        (policy.apps.len(), "app", "apps"),
        (routes, "route", "routes"),
        (policy.providers.len(), "provider", "providers"),
        (compiled.source.expects.len(), "promise kept", "promises kept"),
        (compiled.warnings.len(), "warning", "warnings"),
    ]
    .into_iter()
    .enumerate()
    {
        let separator = if n == 0 { "" } else { ", " };
        let _ = write!(text, "{separator}{count} {}", if count == 1 { one } else { many });
    }
    text.push('\n');
    text
}

const AFTER: &str = "\
Examples:
  stagedoor check
  stagedoor check --no-files config/stagedoor.toml
  stagedoor check --strict
  stagedoor check --json | jq -r '.[].message'

Exit codes:
  0  the gateway can start with it
  2  it cannot";
