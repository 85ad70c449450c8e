//! `stagedoor token`

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use stagedoor_config::Compiled;
use stagedoor_core::guard::caller::Provider;
use stagedoor_core::guard::jwt::{JwtKey, JwtPolicy, TokenClaims};
use stagedoor_core::policy::Policy;
use stagedoor_core::request::Scheme;

use super::admin_client::AdminClient;
use super::config_file::{compile_file, config_file, now};
use super::failure::Failure;
use super::output::{parse_span, print};
use super::without_file;
use crate::enter_links;
use crate::materials::{DiskMaterials, random};

/// Make a token
///
/// It is signed with the first secret of the provider. With `generate` in the file, a secret that does not
/// exist yet is created. Standard output gets the token and nothing else.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// The user
    #[arg(long, value_name = "USER")]
    sub: String,
    /// Roles, with commas
    #[arg(long, value_delimiter = ',', value_name = "ROLE,…")]
    roles: Vec<String>,
    /// Scopes, with commas
    #[arg(long, value_delimiter = ',', value_name = "SCOPE,…")]
    scopes: Vec<String>,
    /// Say that the user used a second factor, for routes with `mfa = true`
    #[arg(long)]
    mfa: bool,
    /// How long it is valid: 90s, 30m, 1h, 7d
    #[arg(long = "for", value_name = "SPAN", default_value = "1h", value_parser = parse_span)]
    lifetime: Duration,
    /// The main file [default: config/stagedoor.toml, else what `run --upstream` left here]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For the gateway that `run --upstream` started in this folder, even where there is a file
    #[arg(long, conflicts_with = "config")]
    upstream: bool,
    /// The `[auth.NAME]` that signs, where several can
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// Print a link that signs the user in to a browser: once, within ten minutes; the gateway has to run
    #[arg(long)]
    link: bool,
    /// The `[app.NAME]` that the link leads to, where there are several
    #[arg(long, value_name = "NAME", requires = "link")]
    app: Option<String>,
    /// How browsers reach the app, such as https://media.example.com [default: its first host and the listener]
    #[arg(long, value_name = "BASE", requires = "link", value_parser = parse_base)]
    url: Option<String>,
    /// Print JSON
    #[arg(long, requires = "link")]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let compiled = load(args)?;
    let token = sign(&compiled.policy, args)?;
    if args.link {
        return link(compiled.policy, &token, args);
    }
    print(&format!("{token}\n"))
}

/// Asks the running gateway for an enter link, and prints it.
fn link(policy: Policy, token: &str, args: &Args) -> Result<(), Failure> {
    let wish = json!({ "app": args.app, "token": token });
    let answer = AdminClient::of(policy)?.post("/api/v1/enter", &wish)?;
    let made = CreatedLink::of(&answer).ok_or_else(|| {
        anyhow::anyhow!("the gateway's answer is not understood; hint: is it of this version?")
    })?;
    let base = match &args.url {
        Some(base) => base.clone(),
        None => enter_links::base(&made.hosts, made.scheme, made.port).ok_or_else(|| {
            Failure::usage(
                format!("every host of the app is a wildcard: `{}`", made.hosts.join("`, `")),
                "say how browsers reach it: `--url https://media.example.com`",
            )
        })?,
    };
    if made.needs_https && !base.starts_with("https://") {
        eprintln!("warning: browsers take the app's cookie by https alone; hint: `--url https://…`");
    }
    let address = enter_links::address(&base, &made.code);
    if args.json {
        let document = json!({ "url": address.expose(), "app": made.app, "expires_in": made.expires_in });
        return print(&format!("{document:#}\n"));
    }
    print(&format!("{}\n", address.expose()))
}

/// The answer of the gateway about the link that it created.
struct CreatedLink {
    code: String,
    app: String,
    hosts: Vec<String>,
    scheme: Scheme,
    port: u16,
    expires_in: u64,
    needs_https: bool,
}

impl CreatedLink {
    fn of(answer: &Value) -> Option<Self> {
        let text = |name: &str| answer.get(name)?.as_str().map(str::to_owned);
        let texts = |name: &str| -> Option<Vec<String>> {
            answer.get(name)?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let listen = texts("listen")?;
        let https =
            answer.get("https_port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        Some(Self {
            code: text("code")?,
            app: text("app")?,
            hosts: texts("hosts")?,
            scheme: if https.is_some() { Scheme::Https } else { Scheme::Http },
            port: match https {
                Some(port) => port,
                None => listen.iter().find_map(|at| at.parse::<SocketAddr>().ok())?.port(),
            },
            expires_in: answer.get("expires_in")?.as_u64()?,
            needs_https: answer.get("needs_https")?.as_bool()?,
        })
    }
}

/// Parses `http://host` or `https://host`, with or without a port, and nothing after it.
fn parse_base(text: &str) -> Result<String, String> {
    let base = text.strip_suffix('/').unwrap_or(text);
    let authority = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
    let sound = |authority: &str| {
        !authority.is_empty()
            && authority.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b))
    };
    match authority {
        Some(authority) if sound(authority) => Ok(base.to_owned()),
        Some(_) | None => Err("scheme and host alone, such as https://media.example.com".into()),
    }
}

fn load(args: &Args) -> Result<Compiled, Failure> {
    if without_file::applies(args.config.as_deref(), args.upstream)? {
        return if args.link { without_file::compiled_to_ask() } else { without_file::compiled() };
    }
    let file = config_file(args.config.as_deref())?;
    compile_file(&file, &DiskMaterials::beside(&file))
}

fn sign(policy: &Policy, args: &Args) -> Result<String, Failure> {
    let provider = choose(&policy.providers, args.provider.as_deref())?;
    let id: [u8; 16] = random();
    let jti = URL_SAFE_NO_PAD.encode(id);
    let claims =
        TokenClaims { user: &args.sub, roles: &args.roles, scopes: &args.scopes, second_factor: args.mfa };
    provider
        .sign_claims(claims, args.lifetime, &jti, now())
        .map_err(|message| Failure::usage(message, format!("see `[auth.{}]`, and `--for`", provider.name)))
}

fn choose<'p>(providers: &'p [Provider], named: Option<&str>) -> Result<&'p JwtPolicy, Failure> {
    let able: Vec<&Arc<JwtPolicy>> =
        providers.iter().filter_map(Provider::jwt).filter(|p| p.keys.iter().any(JwtKey::signs)).collect();
    let names = || able.iter().map(|p| format!("`{}`", p.name)).collect::<Vec<_>>().join(", ");
    match (named, &*able) {
        (Some(name), _) => match able.iter().find(|p| &*p.name == name) {
            Some(provider) => Ok(provider),
            None => Err(Failure::usage(
                format!("no provider of that name can sign: `{name}`"),
                format!("those that can: {}", if able.is_empty() { "none".into() } else { names() }),
            )),
        },
        (None, [provider]) => Ok(provider),
        (None, []) => Err(Failure::usage(
            "no provider can sign",
            "only a provider with a `secret` makes tokens; a public key verifies those of others",
        )),
        (None, _) => {
            Err(Failure::usage("several providers can sign", format!("choose one: `--provider` {}", names())))
        }
    }
}

const AFTER: &str = "\
Examples:
  stagedoor token --sub alice
  stagedoor token --upstream --sub alice
  stagedoor token --sub bob --roles admin,user --scopes read --for 30m
  stagedoor token --sub alice --roles admin --mfa
  stagedoor token --sub alice --link
  stagedoor token --sub alice --link --app films --url https://films.example.com
  curl -H \"Authorization: Bearer $(stagedoor token --sub alice)\" http://localhost:8080/

Exit codes:
  0  the token, or the link, is on standard output
  1  the gateway does not run, or makes no link
  2  wrong usage, or mistakes in the configuration";
