//! `stagedoor reload`

use serde_json::Value;

use super::failure::Failure;
use super::gateway_args::GatewayArgs;
use super::output::print;

/// Load the configuration of the running gateway again
///
/// Asks the running gateway to put its files in force, and prints what changed. With a mistake in a file nothing
/// changes. Changes that the file watch does not load by itself are loaded too.
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
    let answer = args.gateway.client()?.try_post("/api/v1/reload")?;
    let done = match answer.status {
        200..=299 => true,
        422 => false,
        _ => return Err(answer.refusal()),
    };
    if args.json {
        print(&format!("{:#}\n", answer.document))?;
    } else if done {
        print(&accepted(&answer.document))?;
    } else {
        eprint!("{}", refused(&answer.document));
    }
    if done { Ok(()) } else { Err(Failure::Printed(2)) }
}

/// The text after a reload.
fn accepted(document: &Value) -> String {
    let mut text = String::from("reloaded: what the files say now is in force\n");
    for (key, before, after) in [
        ("changes", "  changed: ", ""),
        ("warnings", "  warning: ", ""),
        ("restart_needed", "  restart: ", " changed, and takes effect with the next start"),
    ] {
        for line in lines(document, key) {
            text.push_str(&format!("{before}{line}{after}\n"));
        }
    }
    text
}

/// The text after a reload that failed.
fn refused(document: &Value) -> String {
    let problems = lines(document, "problems");
    let mut text: String = problems.iter().map(|problem| format!("error: {problem}\n")).collect();
    text.push_str("not reloaded: the gateway goes on as it was\n");
    text
}

fn lines(document: &Value, key: &str) -> Vec<String> {
    let items = document.get(key).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

const AFTER: &str = "\
Examples:
  stagedoor reload
  stagedoor reload --config /etc/stagedoor/stagedoor.toml
  stagedoor reload --json

Exit codes:
  0  the new configuration is in force
  1  no gateway answers
  2  wrong usage, or mistakes in the configuration: the old one stays in force";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_came_of_it_is_told_line_by_line() {
        let document = json!({ "reloaded": true, "changes": ["a:2: a role is dropped"], "restart_needed": ["server.listen"], "warnings": ["a:1: odd"] });
        let expected = "reloaded: what the files say now is in force\n  changed: a:2: a role is dropped\n  warning: a:1: odd\n  restart: server.listen \
                        changed, and takes effect with the next start\n";
        assert_eq!(accepted(&document), expected);
        let document = json!({ "reloaded": false, "problems": ["a:1: wrong", "a:2: worse"] });
        let expected = "error: a:1: wrong\nerror: a:2: worse\nnot reloaded: the gateway goes on as it was\n";
        assert_eq!(refused(&document), expected);
    }
}
