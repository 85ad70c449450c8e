//! `stagedoor explain`

use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use stagedoor_config::{self as config, Compiled, Source};
use stagedoor_core::denial::{Denial, Guard};
use stagedoor_core::guard::caller::{AssumedIdentity, Provider};
use stagedoor_core::guard::jwt::{JwtPolicy, SecondFactor};
use stagedoor_core::pipeline::Trail;
use stagedoor_core::policy::{App, Policy};
use stagedoor_core::secret::Secret;

use super::config_file::{compile_file, config_file, now};
use super::failure::Failure;
use super::output::print;
use crate::decision_trace::{self, DecisionTrace};
use crate::materials::DiskMaterials;
use crate::terminal::is_coloured;

/// Explain, check by check, how a request would be decided
///
/// It prints the checks in their order, with the decision of each and the line of the configuration behind it.
/// Nothing is sent to the app, and no limit of a running gateway is charged.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// Method and path, in quotes or without: "DELETE /api/downloads/1"
    #[arg(num_args = 1..=2, required = true, value_name = "METHOD /PATH")]
    request: Vec<String>,
    /// The main file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The `Host` [default: a host of the app, where there is only one]
    #[arg(long)]
    host: Option<String>,
    /// As if this user had been identified
    #[arg(long = "as", value_name = "USER")]
    user: Option<String>,
    /// Roles of the user, with commas
    #[arg(long, value_delimiter = ',', value_name = "ROLE,…", requires = "user")]
    roles: Vec<String>,
    /// Scopes of the user, with commas
    #[arg(long, value_delimiter = ',', value_name = "SCOPE,…", requires = "user")]
    scopes: Vec<String>,
    /// As if the user had used a second factor
    #[arg(long, requires = "user")]
    mfa: bool,
    /// With the token on standard input, which is verified
    #[arg(long, value_name = "-", conflicts_with = "user")]
    token: Option<String>,
    /// From this client address [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if let Some(text) = &args.token {
        dash(text)?;
    }
    let file = config_file(args.config.as_deref())?;
    let materials = DiskMaterials { may_generate: false, ..DiskMaterials::beside(&file) };
    let request = request(&args.request)?;
    let Compiled { policy, source, certificates: _, warnings: _, restart: _ } =
        compile_file(&file, &materials)?;
    let host = match &args.host {
        Some(host) => host.clone(),
        None => usual_host(&policy)?,
    };
    let presented = match args.token {
        Some(_) => Presented::Token(read_token()?),
        None => Presented::assumed(args),
    };
    let rehearsal = explain(&policy, args, &request, &host, &presented);
    if args.json {
        print(&format!("{:#}\n", rehearsal.json(&source)))
    } else {
        print(&rehearsal.text(&source, is_coloured(&std::io::stdout())))
    }
}

/// A request that was tried in a dry run, and its verdict.
#[derive(Debug)]
struct DryRunReport {
    request: String,
    user: Option<String>,
    verdict: Result<(), Denial>,
    trail: Trail,
}

impl DryRunReport {
    fn trace<'a>(&'a self, source: &'a Source) -> DecisionTrace<'a> {
        DecisionTrace {
            verdict: self.verdict.as_ref().copied(),
            reached: self.trail.reached,
            app: self.trail.app.as_deref(),
            route: self.trail.route.as_deref(),
            client: self.trail.client.as_ref().map(|client| client.ip()),
            source,
        }
    }

    /// The text for a terminal.
    fn text(&self, source: &Source, colour: bool) -> String {
        let user = self.user.as_ref().map_or(String::new(), |user| format!(" as {user}"));
        let checks = decision_trace::text(&self.trace(source).checks(), colour);
        format!("{}{user}\n\n{checks}\n{}", self.request, self.conclusion())
    }

    /// The JSON document.
    fn json(&self, source: &Source) -> Value {
        let denial = self.verdict.as_ref().err();
        json!({
            "request": self.request,
            "user": self.user,
            "app": self.trail.app.as_ref().map(|app| &*app.name),
            "route": self.trail.route.as_ref().map(|route| &*route.label),
            "verdict": match &self.verdict {
                Err(_) => "refuse",
                Ok(()) if self.is_preflight() => "preflight",
                Ok(()) if self.is_own() => "own",
                Ok(()) => "forward",
            },
            "status": denial.map(|d| d.status().as_u16()),
            "code": denial.map(Denial::code),
            "reason": denial.map(Denial::reason),
            "checks": self.trace(source).checks(),
        })
    }

    fn conclusion(&self) -> String {
        match &self.verdict {
            Ok(()) if self.is_own() => "answered here: a page of the gateway's own\n".into(),
            Ok(()) if self.is_preflight() => "answered here: a CORS preflight\n".into(),
            Ok(()) => match &self.trail.app {
                Some(app) => format!("forwarded to {}\n", app.upstream.url),
                None => "forwarded\n".into(),
            },
            Err(denial) => {
                format!("refused: {} {}: {}\n", denial.status().as_u16(), denial.code(), denial.reason())
            }
        }
    }

    fn is_preflight(&self) -> bool {
        self.verdict.is_ok() && self.trail.reached == Guard::Preflight
    }

    fn is_own(&self) -> bool {
        self.verdict.is_ok() && self.trail.reached == Guard::Own
    }
}

/// The identity that the tried request presents.
enum Presented {
    Nothing,
    User(AssumedIdentity),
    Token(Secret<Vec<u8>>),
}

impl Presented {
    fn assumed(args: &Args) -> Self {
        match &args.user {
            Some(user) => Self::User(AssumedIdentity {
                user: user.clone(),
                roles: args.roles.clone(),
                scopes: args.scopes.clone(),
                mfa: args.mfa,
            }),
            None => Self::Nothing,
        }
    }
}

/// `METHOD /path`, in one argument or in two.
fn request(words: &[String]) -> Result<String, Failure> {
    let text = words.join(" ");
    match *text.split_whitespace().collect::<Vec<_>>() {
        [method, path] => Ok(format!("{method} {path}")),
        [one] if one.starts_with('/') => Err(Failure::usage(
            format!("no method: `{one}`"),
            format!("name one, because rules differ by method: `stagedoor explain \"GET {one}\"`"),
        )),
        _ => Err(Failure::usage(
            format!("not a method and a path: `{}`", text.escape_debug()),
            "such as `stagedoor explain \"GET /path\"`; a space in a path is written `%20`",
        )),
    }
}

/// The host that is used without `--host`: the first of the only app.
fn usual_host(policy: &Policy) -> Result<String, Failure> {
    let first = |app: &Arc<App>| app.hosts.first().map(|host| host.replacen('*', "any", 1));
    match &*policy.apps {
        [app] => Ok(first(app).unwrap_or_else(|| "localhost".to_owned())),
        apps => {
            let hosts = apps.iter().filter_map(first).map(|host| format!("`{host}`"));
            let hosts: Vec<String> = hosts.take(HOSTS_TOLD).collect();
            let more = if apps.len() > HOSTS_TOLD { ", …" } else { "" };
            Err(Failure::usage(
                format!("no app is named, and there are `{}`", apps.len()),
                format!("`--host` and one of {}{more}", hosts.join(", ")),
            ))
        }
    }
}

/// Tries the request once, as a dry run: limits count dry runs too.
fn explain(policy: &Policy, args: &Args, request: &str, host: &str, presented: &Presented) -> DryRunReport {
    let (assumed, by) = match presented {
        Presented::Nothing => (None, None),
        Presented::User(assumed) => (Some(assumed.clone()), None),
        Presented::Token(token) => genuine(&policy.providers, token).unzip(),
    };
    let ip = args.ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let (mut verdict, mut trail) = config::dry_run(policy, request, host, assumed.as_ref(), ip, now());
    if let Presented::Token(token) = presented
        && trail.reached >= Guard::Identity
        && let Some(denial) = refused_token(&trail, by, token)
    {
        trail.reached = Guard::Identity;
        verdict = Err(denial);
    }
    DryRunReport { request: request.to_owned(), user: assumed.map(|a| a.user), verdict, trail }
}

/// The caller of the token, and the first provider that accepts it.
fn genuine<'p>(
    providers: &'p [Provider],
    token: &Secret<Vec<u8>>,
) -> Option<(AssumedIdentity, &'p Arc<JwtPolicy>)> {
    let texts = |items: &[Arc<str>]| items.iter().map(|item| item.to_string()).collect();
    providers.iter().filter_map(Provider::jwt).find_map(|provider| {
        let verified = provider.verify(token.expose(), now()).ok()?;
        let assumed = AssumedIdentity {
            user: verified.user().to_string(),
            roles: texts(verified.roles()),
            scopes: texts(verified.scopes()),
            mfa: *verified.second_factor() == SecondFactor::Proven,
        };
        Some((assumed, provider))
    })
}

/// Why the route does not accept the token; `None` if it does, or needs none.
fn refused_token(trail: &Trail, by: Option<&Arc<JwtPolicy>>, token: &Secret<Vec<u8>>) -> Option<Denial> {
    let accepted_providers = &*trail.route.as_ref()?.auth.accepted()?.tokens;
    if by.is_some_and(|by| accepted_providers.iter().any(|s| s.provider.name == by.name)) {
        return None;
    }
    let mut refusals = accepted_providers.iter().map(|s| s.provider.verify(token.expose(), now()).err());
    // A token that one of the providers accepts is accepted by the route.
    let first = refusals.next()??;
    if refusals.any(|refusal| refusal.is_none()) { None } else { Some(first) }
}

fn read_token() -> Result<Secret<Vec<u8>>, Failure> {
    let mut bytes = Vec::with_capacity(TOKEN_MAX as usize + 1);
    let read = std::io::stdin().lock().take(TOKEN_MAX + 1).read_to_end(&mut bytes);
    let bytes = Secret::new(bytes);
    if read? as u64 > TOKEN_MAX {
        return Err(Failure::usage(
            "larger than 64 KiB: the token on standard input",
            "check that it is a token",
        ));
    }
    let token = bytes.expose().trim_ascii();
    if token.is_empty() {
        return Err(Failure::usage(
            "no token on standard input",
            "`stagedoor token --sub bob | stagedoor explain …`",
        ));
    }
    Ok(Secret::new(token.to_vec()))
}

/// Rejects a token as an argument: every user of the machine can read arguments. It is not repeated in the message.
fn dash(text: &str) -> Result<(), Failure> {
    if text == "-" {
        return Ok(());
    }
    Err(Failure::usage("a secret is never an argument", "say `--token -` and write it to standard input"))
}

const TOKEN_MAX: u64 = 64 << 10;
/// How many hosts a hint names.
const HOSTS_TOLD: usize = 12;

const AFTER: &str = "\
Examples:
  stagedoor explain \"GET /api/downloads\"
  stagedoor explain \"DELETE /api/downloads/1\" --as bob --roles user
  stagedoor explain \"GET /api/admin/stats\" --as alice --roles admin --mfa
  stagedoor explain \"GET /\" --host media.example.com --ip 203.0.113.7
  stagedoor token --sub bob | stagedoor explain \"GET /api/downloads\" --token -

Exit codes:
  0  the decision was printed, whatever it is
  2  wrong usage, or mistakes in the configuration";

#[cfg(test)]
mod tests;
