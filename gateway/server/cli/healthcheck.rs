//! `stagedoor healthcheck`

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use stagedoor_config as config;

use super::config_file::DEFAULT_FILE;
use super::failure::Failure;
use super::output::print;
use super::{admin_client, gateway_address, without_file};
use crate::materials::DiskMaterials;

/// Ask a running gateway whether it is ready
///
/// For containers and supervisors: no other program is needed. Waits three seconds at most. It fails where no gateway
/// answers, never because of the file: a gateway goes on while its file has mistakes.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// The URL to ask, over plain HTTP [default: /ready of the gateway of the file]
    #[arg(long, conflicts_with = "config")]
    url: Option<String>,
    /// The main file [default: config/stagedoor.toml, else what `run --upstream` left here, else 127.0.0.1:9901]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let until = Instant::now() + TIMEOUT;
    let urls = match &args.url {
        Some(url) => vec![Url::parse(url)?],
        None => addresses(args.config.as_deref())?.into_iter().map(Url::ready).collect(),
    };
    let mut failure = None;
    for (n, url) in urls.iter().enumerate() {
        // An address that never answers leaves time for the others.
        let left = until.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(urls.len() - n).unwrap_or(1);
        let failed = match ask(url, Instant::now() + share) {
            Ok(200..=299) => return print("ready\n"),
            Ok(status) => anyhow::anyhow!("not ready: status `{status}` from `{}`", url.authority),
            Err(error) => anyhow::Error::new(error).context(format!("no answer from `{}`", url.authority)),
        };
        failure.get_or_insert(failed);
    }
    Err(failure.unwrap_or_else(|| anyhow::anyhow!("no address of the gateway is known")).into())
}

/// The addresses of the admin listener, in the order in which to try them. No secret is read: the command runs every few
/// seconds, and perhaps as another user.
fn addresses(file: Option<&Path>) -> Result<Vec<SocketAddr>, Failure> {
    let materials =
        DiskMaterials { may_generate: false, no_files: true, ..DiskMaterials::within(Path::new("")) };
    // A variable goes before any file, for the gateway as well.
    if config::variable_over("admin.listen", &materials).is_some() {
        return gateway_address::addresses(&without_file::without_secrets()?.policy);
    }
    let file = file.or_else(|| Some(Path::new(DEFAULT_FILE)).filter(|file| file.exists()));
    let Some(file) = file else {
        return gateway_address::addresses(&without_file::without_secrets()?.policy);
    };
    let beside = DiskMaterials { base: DiskMaterials::beside(file).base, ..materials };
    match gateway_address::policy(file, &beside) {
        Ok(policy) => gateway_address::addresses(&policy),
        // The file is missing or cannot be read: the default state folder and the default address are tried.
        Err(_) => {
            eprintln!("note: `{}` cannot be read, asking the gateway at its default address", file.display());
            let mut policy = without_file::without_secrets()?.policy;
            policy.server.state_dir = beside.base.join(without_file::STATE);
            gateway_address::addresses(&policy)
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Url {
    /// `host:port`
    authority: String,
    path: String,
}

impl Url {
    fn ready(address: SocketAddr) -> Self {
        Self { authority: address.to_string(), path: "/ready".into() }
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let fault = |hint: &str| Failure::usage(format!("not an address to ask: `{text}`"), hint);
        let rest = text.strip_prefix("http://").ok_or_else(|| fault("it begins with `http://`"))?;
        if !rest.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(fault("it has neither spaces nor letters beyond ASCII"));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.is_empty() {
            return Err(fault("it names a host"));
        }
        let has_port =
            authority.rsplit_once(':').is_some_and(|(host, _)| !host.contains(':') || host.ends_with(']'));
        Ok(Self {
            authority: if has_port { authority.to_owned() } else { format!("{authority}:80") },
            path: if path.is_empty() { "/".into() } else { path.to_owned() },
        })
    }
}

/// The status of a GET.
fn ask(url: &Url, until: Instant) -> io::Result<u16> {
    let mut last = io::Error::from(ErrorKind::NotFound);
    for address in url.authority.to_socket_addrs()? {
        match ask_at(address, url, until) {
            Ok(status) => return Ok(status),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask_at(address: SocketAddr, url: &Url, until: Instant) -> io::Result<u16> {
    let Url { authority, path } = url;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    let mut stream = admin_client::call(address, request.as_bytes(), until)?;
    // The status line is all that matters: `HTTP/1.1 200 `.
    let mut line = Vec::new();
    while line.len() < 13 {
        if admin_client::read_some(&mut stream, &mut line, until)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    admin_client::status(&line).ok_or_else(|| ErrorKind::InvalidData.into())
}

const TIMEOUT: Duration = Duration::from_secs(3);

const AFTER: &str = "\
Examples:
  stagedoor healthcheck
  stagedoor healthcheck --url http://127.0.0.1:9901/live
  stagedoor healthcheck --config config/stagedoor.toml
  STAGEDOOR_ADMIN_LISTEN=127.0.0.1:9911 stagedoor healthcheck

Exit codes:
  0  ready
  1  not ready, or no answer
  2  wrong usage, or the admin listener is off";

#[cfg(test)]
mod tests;
