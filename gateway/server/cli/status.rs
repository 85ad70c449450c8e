//! `stagedoor status`

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::Value;
use stagedoor_core::units::show_span;

use super::failure::Failure;
use super::gateway_args::GatewayArgs;
use super::output::print;

/// Show the state of the running gateway
///
/// How long it has run, where it listens, which apps it protects, and whether the configuration on the disk is the one in
/// force.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let document = args.gateway.client()?.get("/api/v1/status")?;
    if args.json {
        return print(&format!("{document:#}\n"));
    }
    print(&text(&document))
}

/// The text for a terminal: a line for each value and each app, then the changes that wait and the mistakes.
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
    for (key, title, end) in [
        (
            "waiting",
            "waiting        the files on the disk are not in force, for they may let clients do more:",
            "  `stagedoor reload` puts them in force",
        ),
        (
            "problems",
            "mistakes       the files on the disk cannot be put in force:",
            "  mend them; until then the configuration that was loaded stays in force",
        ),
    ] {
        let items = document.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if !items.is_empty() {
            let _ = writeln!(text, "{title}");
            for item in items {
                let _ = writeln!(text, "  {}", change_line(item));
            }
            let _ = writeln!(text, "{end}");
        }
    }
    text
}

/// A value as text; a list with commas.
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

/// A change as `FILE:LINE (KEY): MESSAGE`, as in the log; a text as it is.
fn change_line(value: &Value) -> String {
    let Some(message) = value.get("message").and_then(Value::as_str) else { return shown(Some(value)) };
    let file = value.get("file").and_then(Value::as_str).filter(|file| !file.is_empty());
    let key = value.get("key").and_then(Value::as_str).map(|key| format!(" ({key})")).unwrap_or_default();
    match (file, value.get("line").and_then(Value::as_u64)) {
        (Some(file), Some(line)) if line > 0 => format!("{file}:{line}{key}: {message}"),
        (Some(file), _) => format!("{file}{key}: {message}"),
        (None, _) => message.to_owned(),
    }
}

const AFTER: &str = "\
Examples:
  stagedoor status
  stagedoor status --config /etc/stagedoor/stagedoor.toml
  stagedoor status --json | jq -r .stage

Exit codes:
  0  done
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
        (document["waiting"], document["problems"]) = (json!([]), json!([]));
        assert_eq!(text(&document), expected);
        document["waiting"] =
            json!([{ "file": "a.toml", "line": 3, "key": "app.a.auth", "message": "more" }]);
        document["problems"] = json!(["a.toml:4: not a key"]);
        let told = text(&document);
        assert!(told.starts_with(expected) && told.contains("\n  a.toml:3 (app.a.auth): more\n"), "{told}");
        assert!(told.contains("\n  a.toml:4: not a key\n") && told.contains("stagedoor reload"), "{told}");
    }
}
