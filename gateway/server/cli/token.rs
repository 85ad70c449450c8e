//! `stagedoor token`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use stagedoor_core::config::Compiled;
use stagedoor_core::guard::jwt::{JwtKey, JwtPolicy};
use stagedoor_core::policy::Policy;

use super::quick::{self, Environment};
use super::{DEFAULT_FILE, Failure, compile, compile_file, config_file, now, parse_span, print};
use crate::materials::{DiskMaterials, random};
use crate::serve::ConfigSource;

/// Make a token
///
/// Signed with the first secret of the provider, which is made if the file says `generate` and it does
/// not exist yet. Standard output gets the token and nothing else.
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
    /// How long it is good for: 90s, 30m, 1h, 7d
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
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let compiled = load(args.config.as_deref(), args.upstream)?;
    let token = sign(&compiled.policy, args)?;
    print(&format!("{token}\n"))
}

fn load(file: Option<&Path>, upstream: bool) -> Result<Compiled, Failure> {
    let left_here =
        || Path::new(quick::SECRET_FILE).is_file() || std::env::var_os("JWT_SECRET_KEY").is_some();
    if upstream && !left_here() {
        return Err(Failure::usage(
            format!("`run --upstream` has left no secret here: there is no `{}`", quick::SECRET_FILE),
            "go to the folder where it was started, or start it",
        ));
    }
    if upstream || (file.is_none() && !Path::new(DEFAULT_FILE).exists() && left_here()) {
        let ConfigSource::Text { source, base } =
            quick::config("http://127.0.0.1:1", &Environment::default())
        else {
            return Err(Failure::Runtime(anyhow::anyhow!("`run --upstream` has no file")));
        };
        return compile(&[source], &DiskMaterials { base, may_generate: false, no_files: false });
    }
    let file = config_file(file)?;
    compile_file(&file, &DiskMaterials::beside(&file))
}

fn sign(policy: &Policy, args: &Args) -> Result<String, Failure> {
    let provider = choose(&policy.providers, args.provider.as_deref())?;
    let id: [u8; 16] = random();
    let jti = URL_SAFE_NO_PAD.encode(id);
    provider
        .sign(&args.sub, &args.roles, &args.scopes, args.lifetime, &jti, now())
        .map_err(|message| Failure::usage(message, format!("see `[auth.{}]`, and `--for`", provider.name)))
}

fn choose<'p>(providers: &'p [Arc<JwtPolicy>], named: Option<&str>) -> Result<&'p JwtPolicy, Failure> {
    let able: Vec<&Arc<JwtPolicy>> = providers.iter().filter(|p| p.keys.iter().any(JwtKey::signs)).collect();
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
  curl -H \"Authorization: Bearer $(stagedoor token --sub alice)\" http://localhost:8080/

Exit codes:
  0  the token is on standard output
  2  wrong usage, or mistakes in the configuration";
