//! `stagedoor revoke`

use std::fmt::Write as _;
use std::io::Read as _;

use serde_json::{Map, Value, json};
use stagedoor_core::secret::Secret;

use super::config_file::now;
use super::failure::Failure;
use super::gateway_args::GatewayArgs;
use super::output::print;
use crate::revocation_request::{RevocationRequest, documents};
use crate::store::Store;

/// Refuse tokens that are still valid
///
/// A running gateway refuses them from the next request on, and answers once that is on its disk. Where none answers,
/// the store of its state folder is written; a gateway that runs with it all the same follows within a second.
/// A user, a provider or all: what was issued until now. A token that was issued later is accepted.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// What this user was issued
    #[arg(long, value_name = "USER", group = "what")]
    user: Option<String>,
    /// The token with this id (`jti`)
    #[arg(long, value_name = "ID", group = "what")]
    jti: Option<String>,
    /// One token: `-` reads it from standard input
    #[arg(long, value_name = "-", group = "what", value_parser = ["-"], allow_hyphen_values = true)]
    token: Option<String>,
    /// Everything that any provider has issued
    #[arg(long, group = "what")]
    all: bool,
    /// Show what is revoked
    #[arg(long, group = "what")]
    list: bool,
    /// What the `[auth.NAME]` has issued; with --user or --jti, theirs of this provider alone
    #[arg(long, value_name = "NAME", conflicts_with_all = ["token", "all", "list"])]
    provider: Option<String>,
    #[command(flatten)]
    gateway: GatewayArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if args.list {
        return list(args);
    }
    if args.user.is_none()
        && args.jti.is_none()
        && args.token.is_none()
        && !args.all
        && args.provider.is_none()
    {
        return Err(Failure::usage(
            "nothing is named that could be revoked",
            "name it: `--user`, `--jti`, `--token -`, `--provider` or `--all`; `--list` shows what is revoked",
        ));
    }
    let request = args.request()?;
    let (document, stored_here) = match asked(args, "POST", Some(&wish(&request)))? {
        Some(answer) => (answer, false),
        None => (store(args, &request)?, true),
    };
    if args.json {
        return print(&format!("{document:#}\n"));
    }
    print(&text(&document, "revoked"))?;
    if stored_here {
        eprintln!("note: no gateway was asked; one that runs with this state folder follows within a second");
    }
    Ok(())
}

impl Args {
    fn request(&self) -> Result<RevocationRequest, Failure> {
        let token = match &self.token {
            None => None,
            Some(_) => Some(read_token()?),
        };
        let (user, jti, provider) = (self.user.clone(), self.jti.clone(), self.provider.clone());
        Ok(RevocationRequest { user, jti, provider, all: self.all, token })
    }
}

/// A token from standard input.
fn read_token() -> Result<Secret<String>, Failure> {
    let mut text = String::new();
    let read = std::io::stdin().lock().take(TOKEN_MAX).read_to_string(&mut text);
    let token = Secret::new(text);
    read?;
    if token.expose().trim().is_empty() {
        return Err(Failure::usage("no token on standard input", "write it there: `--token - < FILE`"));
    }
    Ok(token)
}

/// The request as the document of the admin API.
fn wish(request: &RevocationRequest) -> Value {
    let RevocationRequest { user, jti, provider, all, token } = request;
    let mut document = Map::new();
    let token = token.as_ref().map(|token| token.expose().trim());
    for (key, value) in [
        ("user", user.as_deref()),
        ("jti", jti.as_deref()),
        ("provider", provider.as_deref()),
        ("token", token),
    ] {
        if let Some(value) = value {
            document.insert(key.to_owned(), json!(value));
        }
    }
    if *all {
        document.insert("all".to_owned(), json!(true));
    }
    document.into()
}

/// Asks the running gateway; `None` if there is none that can be asked.
fn asked(args: &Args, method: &str, document: Option<&Value>) -> Result<Option<Value>, Failure> {
    match args.gateway.client() {
        Ok(client) => client.ask_if_running(method, "/api/v1/revocations", document),
        // It was never started, or its admin listener is off: a mistake of the file is told when the file is read again.
        Err(_) => Ok(None),
    }
}

/// Writes the store itself.
fn store(args: &Args, request: &RevocationRequest) -> Result<Value, Failure> {
    let policy = args.gateway.policy()?;
    let (folder, now) = (&policy.server.state_dir, now());
    let revocations =
        request.plan(&policy, now).map_err(|fault| Failure::usage(fault.to_string(), "see `--help`"))?;
    let written = Store::create(folder).and_then(|mut store| store.add(&revocations, now.unix_secs()));
    written.map_err(|fault| Failure::store(&fault, folder))?;
    Ok(json!({ "revoked": documents(revocations) }))
}

fn list(args: &Args) -> Result<(), Failure> {
    let document = match asked(args, "GET", None)? {
        Some(answer) => answer,
        None => {
            let folder = args.gateway.policy()?.server.state_dir;
            let read = Store::open(&folder)
                .and_then(|store| store.map_or(Ok(Vec::new()), |store| store.revocations()));
            let mut revocations = read.map_err(|fault| Failure::store(&fault, &folder))?;
            revocations.retain(|revocation| !revocation.has_ended(now().unix_secs()));
            json!({ "count": revocations.len(), "revocations": documents(revocations) })
        }
    };
    if args.json {
        return print(&format!("{document:#}\n"));
    }
    print(&text(&document, "revocations"))
}

/// A line for each entry under `key`, and how many more there are.
fn text(document: &Value, key: &str) -> String {
    let entries = document.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut text = String::new();
    for entry in entries {
        let word = |key: &str| entry.get(key).and_then(Value::as_str);
        let until = word("until").map_or_else(|| "for ever".to_owned(), |until| format!("until {until}"));
        let made = word("made").unwrap_or("-");
        let provider = word("provider").map(|name| format!(" of provider {name}")).unwrap_or_default();
        let what = match (word("user"), word("jti"), word("token_id")) {
            (Some(user), _, _) => format!("user {user}{provider}: issued until {made}"),
            (None, Some(jti), _) => format!("token {jti}{provider}"),
            (None, None, Some(id)) => format!("token with the id {id}{provider}"),
            (None, None, None) => format!("everything{provider}: issued until {made}"),
        };
        let _ = writeln!(text, "{what}; kept {until}");
    }
    let count = document.get("count").and_then(Value::as_u64).unwrap_or_default();
    let left_out = count.saturating_sub(entries.len() as u64);
    if left_out > 0 {
        let _ = writeln!(text, "and {left_out} older ones");
    }
    if text.is_empty() { "nothing is revoked\n".to_owned() } else { text }
}

/// The most bytes of a token: more than a provider accepts.
const TOKEN_MAX: u64 = 128 << 10;

const AFTER: &str = "\
Examples:
  stagedoor revoke --user bob
  stagedoor revoke --user bob --provider house
  stagedoor revoke --jti 6Zs0u2Zn9Vb1
  stagedoor revoke --token - < leaked-token
  stagedoor revoke --provider house
  stagedoor revoke --all
  stagedoor revoke --list --json

Exit codes:
  0  revoked, and stored
  1  not revoked, or not stored: the message says which
  2  wrong usage, or mistakes in the configuration";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_lines() {
        let document = json!({ "count": 6, "revocations": [
            { "user": "bob", "provider": null, "made": "M", "until": "U" },
            { "user": "bob", "provider": "house", "made": "M", "until": null },
            { "jti": "j1", "provider": "house", "made": "M", "until": "U" },
            { "token_id": "00ff", "provider": null, "made": "M", "until": "U" },
            { "all": true, "provider": null, "made": "M", "until": "U" },
        ] });
        let expected = "user bob: issued until M; kept until U\nuser bob of provider house: issued until M; kept for ever\n\
                        token j1 of provider house; kept until U\ntoken with the id 00ff; kept until U\n\
                        everything: issued until M; kept until U\nand 1 older ones\n";
        assert_eq!(text(&document, "revocations"), expected);
        assert_eq!(text(&json!({ "count": 0, "revocations": [] }), "revocations"), "nothing is revoked\n");
    }
}
