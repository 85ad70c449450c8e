//! `stagedoor certificates`

use std::fmt::Write as _;

use serde_json::Value;

use super::failure::Failure;
use super::gateway_args::GatewayArgs;
use super::output::print;

/// List the certificates of the running gateway
///
/// What each is for, who issued it, when it ends, and what is wrong with it. They are loaded again when their files change.
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
    let document = args.gateway.client()?.get("/api/v1/certificates")?;
    if args.json {
        return print(&format!("{document:#}\n"));
    }
    print(&text(&document))
}

/// The text for a terminal: a paragraph for each certificate.
fn text(document: &Value) -> String {
    let all = document.get("certificates").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return "no certificates: the gateway has no https listeners\n".to_owned();
    }
    let mut text = String::new();
    for (n, one) in all.iter().enumerate() {
        let word = |key: &str| one.get(key).and_then(Value::as_str).unwrap_or("-");
        let words = |key: &str| {
            let items = one.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>()
        };
        let days = one.get("days_left").and_then(Value::as_u64).unwrap_or_default();
        let names = words("names");
        let names = if names.is_empty() { "no host".to_owned() } else { names.join(", ") };
        let gap = if n == 0 { "" } else { "\n" };
        let _ = write!(
            text,
            "{gap}{names}\n  issuer    {}\n  ends      {} ({days} days left)\n  files     {}, {}\n",
            word("issuer"),
            word("not_after"),
            word("cert"),
            word("key"),
        );
        for warning in words("warnings") {
            let _ = writeln!(text, "  warning   {warning}");
        }
    }
    text
}

const AFTER: &str = "\
Examples:
  stagedoor certificates
  stagedoor certificates --json | jq -r '.certificates[] | \"\\(.days_left) \\(.names[0])\"'

Exit codes:
  0  done
  1  no gateway answers
  2  wrong usage, or mistakes in the configuration";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_certificate_is_told_in_lines() {
        let document = json!({ "certificates": [{
            "names": ["media.example.com", "192.0.2.1"], "issuer": "R11 (Let's Encrypt)", "days_left": 3,
            "not_after": "2026-12-03T00:00:00.000Z", "cert": "tls/a.pem", "key": "tls/a.key",
            "warnings": ["the certificate expires in 3 days"],
        }] });
        let expected = "media.example.com, 192.0.2.1\n  issuer    R11 (Let's Encrypt)\n  \
                        ends      2026-12-03T00:00:00.000Z (3 days left)\n  files     tls/a.pem, tls/a.key\n  \
                        warning   the certificate expires in 3 days\n";
        assert_eq!(text(&document), expected);
        assert_eq!(
            text(&json!({ "certificates": [] })),
            "no certificates: the gateway has no https listeners\n"
        );
    }
}
