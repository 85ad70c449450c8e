//! `stagedoor reference`

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stagedoor_config::{profiles_json, profiles_markdown, reference, schema};

use super::failure::Failure;
use super::output::print;
use crate::signals;
use crate::telemetry::metrics::catalogue;

/// Print every key, profile, refusal, metric and signal
///
/// As Markdown, which is `config/REFERENCE.md`, or as JSON; all of it, or a part. The schema is for editors:
/// with the line `#:schema ./stagedoor.schema.json` at the top of a file they underline mistakes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// The part to print
    #[arg(default_value = "all")]
    part: Part,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write REFERENCE.md and stagedoor.schema.json into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["part", "json"])]
    write: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Keys, profiles, refusals, metrics and signals
    All,
    /// The keys of the configuration
    Keys,
    /// The profiles of well-known apps, for `use`
    Profiles,
    /// The JSON Schema of the configuration
    Schema,
    /// The refusals with their codes
    Codes,
    /// The metrics
    Metrics,
    /// The signals of the process
    Signals,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    match &args.write {
        Some(folder) => write(folder),
        None if args.json => print(&pretty(&args.part.json())),
        None => print(&args.part.text()),
    }
}

impl Part {
    fn text(self) -> String {
        match self {
            Self::All => {
                let parts = [Self::Keys, Self::Profiles, Self::Codes, Self::Metrics, Self::Signals];
                HEAD.to_owned() + &parts.map(Self::text).join("\n")
            }
            Self::Keys => reference::keys(),
            Self::Profiles => profiles_markdown(),
            Self::Schema => pretty(&self.json()),
            Self::Codes => reference::codes(),
            Self::Metrics => catalogue::text(),
            Self::Signals => signals::text(),
        }
    }

    fn json(self) -> Value {
        match self {
            Self::All => json!({
                "keys": Self::Keys.json(),
                "profiles": Self::Profiles.json(),
                "codes": Self::Codes.json(),
                "metrics": Self::Metrics.json(),
                "signals": Self::Signals.json(),
            }),
            Self::Keys => reference::keys_json(),
            Self::Profiles => profiles_json(),
            Self::Schema => schema(),
            Self::Codes => reference::codes_json(),
            Self::Metrics => catalogue::json(),
            Self::Signals => signals::json(),
        }
    }
}

/// Writes the files that have changed, and prints what it did.
fn write(folder: &Path) -> Result<(), Failure> {
    for (name, part) in [("REFERENCE.md", Part::All), ("stagedoor.schema.json", Part::Schema)] {
        let (path, text) = (folder.join(name), part.text());
        let same = std::fs::read_to_string(&path).is_ok_and(|written| written == text);
        if !same {
            std::fs::write(&path, &text)
                .map_err(|error| anyhow::anyhow!("cannot be written ({error}): `{}`", path.display()))?;
        }
        print(&format!("{}: {}\n", if same { "unchanged" } else { "written" }, path.display()))?;
    }
    Ok(())
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

const HEAD: &str = "\
<!-- Generated from the keys, profiles, refusals, metrics and signals that the program knows; do not edit.
     `stagedoor reference --write config` writes it anew. -->

# Reference

Every key of the configuration, every profile, every refusal, every metric, every signal. A key that is not listed is an error.

";

const AFTER: &str = "\
Examples:
  stagedoor reference | less
  stagedoor reference profiles
  stagedoor reference codes
  stagedoor reference keys --json | jq -r '.[] | select(.security != \"\") | .key'
  stagedoor reference --write config

Exit codes:
  0  done    1  a file could not be written    2  wrong usage";
