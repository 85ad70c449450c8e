//! `stagedoor healthcheck`

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Failure, compile_file, operator, print, quick};
use crate::materials::DiskMaterials;

/// Ask a running gateway whether it is ready
///
/// For containers and supervisors: no other program is needed. Waits three seconds at most.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// What to ask, over plain HTTP [default: /ready where STAGEDOOR_ADMIN_LISTEN says, else `run --upstream`
    /// here, else at 127.0.0.1:9901]
    #[arg(long, conflicts_with = "config")]
    url: Option<String>,
    /// Ask where STAGEDOOR_ADMIN_LISTEN says, else this file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let url = match &args.url {
        Some(url) => Url::parse(url)?,
        None => Url { authority: admin(args.config.as_deref())?.to_string(), path: "/ready".into() },
    };
    match ask(&url) {
        Ok(200..=299) => print("ready\n"),
        Ok(status) => Err(anyhow::anyhow!("not ready: status `{status}` from `{}`", url.authority).into()),
        Err(error) => {
            Err(anyhow::Error::new(error).context(format!("no answer from `{}`", url.authority)).into())
        }
    }
}

/// Where the admin listener can be reached from here. No secret is looked at: this runs every few seconds, and
/// perhaps as somebody else.
fn admin(file: Option<&Path>) -> Result<SocketAddr, Failure> {
    let compiled = match file {
        Some(file) => {
            let materials =
                DiskMaterials { may_generate: false, no_files: true, ..DiskMaterials::beside(file) };
            compile_file(file, &materials)?
        }
        None => quick::without_secrets()?,
    };
    operator::address(&compiled.policy.admin)
}

#[derive(Debug, PartialEq, Eq)]
struct Url {
    /// `host:port`
    authority: String,
    path: String,
}

impl Url {
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
fn ask(url: &Url) -> io::Result<u16> {
    let until = Instant::now() + TIMEOUT;
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
    let mut stream = operator::call(address, request.as_bytes(), until)?;
    // The status line is all that matters: `HTTP/1.1 200 `.
    let mut line = Vec::new();
    while line.len() < 13 {
        if operator::read_some(&mut stream, &mut line, until)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    operator::status(&line).ok_or_else(|| ErrorKind::InvalidData.into())
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
  2  wrong usage, or mistakes in the configuration";

#[cfg(test)]
mod tests;
