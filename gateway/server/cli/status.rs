//! `stagedoor status`

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use stagedoor_core::config::units::show_span;

use super::reach::Meant;
use super::{Failure, print};

/// Tell how the running gateway is
///
/// Since when it runs, where it listens, which apps it protects, and whether the configuration on the disk is the one in
/// force.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    #[command(flatten)]
    meant: Meant,
    /// For programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let document = args.meant.operator()?.get("/api/v1/status")?;
    if args.json {
        return print(&format!("{document:#}\n"));
    }
    print(&text(&document))
}

/// For people: a line for each thing, one for each app, and what waits for somebody.
fn text(document: &Value) -> String {
    let word = |key: &str| shown(document.get(key));
    let uptime = document.get("uptime_seconds").and_then(Value::as_u64).unwrap_or_default();
    let mut text = format!(
        "{} for {}, version {}\nlistening      {}\nconnections    {}\nconfiguration  loaded {}, reloads: {}\n",
        word("stage"),
        show_span(Duration::from_secs(uptime)),
        word("version"),
        word("listening"),
        word("connections"),
        word("config_loaded"),
        word("reloads"),
    );
    let apps = document.get("apps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (n, app) in apps.iter().enumerate() {
        let title = if n == 0 { "apps" } else { "" };
        let part = |key: &str| shown(app.get(key));
        let _ = writeln!(text, "{title:<14} {}: {} -> {}", part("name"), part("hosts"), part("upstream"));
    }
    let waiting = document.get("waiting").filter(|waiting| !is_nothing(waiting));
    if let Some(waiting) = waiting {
        text.push_str("waiting        the files on the disk are not in force:\n");
        for line in told(waiting) {
            let _ = writeln!(text, "  {line}");
        }
        text.push_str("  `stagedoor reload` puts them in force\n");
    }
    text
}

/// A value as a word, a list with commas.
fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| shown(Some(item))).collect();
            if items.is_empty() { "-".to_owned() } else { items.join(", ") }
        }
        Some(other @ (Value::Bool(_) | Value::Number(_) | Value::Object(_))) => other.to_string(),
    }
}

/// Every text of a value, one a line.
fn told(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(told).collect(),
        Value::Object(table) => table.values().flat_map(told).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(table) => table.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    }
}

const AFTER: &str = "\
Examples:
  stagedoor status
  stagedoor status --config /etc/stagedoor/stagedoor.toml
  stagedoor status --json | jq -r .stage

Exit codes:
  0  it was told
  1  no gateway answers
  2  wrong usage, or mistakes in the configuration";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_gateway_is_told_in_lines() {
        let mut document = json!({
            "version": "0.1.0", "stage": "serving", "uptime_seconds": 65, "config_loaded": "2026-11-29T00:00:00.000Z",
            "reloads": 2, "listening": ["127.0.0.1:8080"], "connections": 3,
            "apps": [{ "name": "media", "hosts": ["a", "b"], "upstream": "http://127.0.0.1:1" },
                     { "name": "films", "hosts": ["c"], "upstream": "http://127.0.0.1:2" }],
        });
        let expected = "serving for 1m 5s, version 0.1.0\nlistening      127.0.0.1:8080\nconnections    3\n\
                        configuration  loaded 2026-11-29T00:00:00.000Z, reloads: 2\n\
                        apps           media: a, b -> http://127.0.0.1:1\n               films: c -> http://127.0.0.1:2\n";
        assert_eq!(text(&document), expected);
        document["waiting"] = json!({ "changes": ["stagedoor.toml:3: roles are dropped"] });
        let told = text(&document);
        assert!(
            told.starts_with(expected) && told.contains("\n  stagedoor.toml:3: roles are dropped\n"),
            "{told}"
        );
    }
}
