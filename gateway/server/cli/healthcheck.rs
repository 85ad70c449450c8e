//! `stagedoor healthcheck`

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Failure, compile_file, print};
use crate::materials::DiskMaterials;

/// Ask a running gateway whether it is ready
///
/// For containers and supervisors: no other program is needed. Waits three seconds at most.
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER)]
pub(super) struct Args {
    /// What to ask; plain HTTP
    #[arg(long, default_value = "http://127.0.0.1:9901/ready", conflicts_with = "config")]
    url: String,
    /// Ask the admin address of this file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let url = match &args.config {
        Some(file) => Url { authority: admin(file)?.to_string(), path: "/ready".into() },
        None => Url::parse(&args.url)?,
    };
    match ask(&url) {
        Ok(200..=299) => print("ready\n"),
        Ok(status) => Err(anyhow::anyhow!("not ready: status `{status}` from `{}`", url.authority).into()),
        Err(error) => {
            Err(anyhow::Error::new(error).context(format!("no answer from `{}`", url.authority)).into())
        }
    }
}

/// Where the admin listener of the file can be reached from here.
fn admin(file: &Path) -> Result<SocketAddr, Failure> {
    // No secret is looked at: this runs every few seconds, and perhaps as somebody else.
    let materials = DiskMaterials { may_generate: false, no_files: true, ..DiskMaterials::beside(file) };
    let Some(mut address) = compile_file(file, &materials)?.policy.admin.listen else {
        return Err(Failure::usage("the admin listener is off", "set `admin.listen`"));
    };
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    Ok(address)
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
    let mut stream = TcpStream::connect_timeout(&address, left(until)?)?;
    stream.set_write_timeout(Some(left(until)?))?;
    let Url { authority, path } = url;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    // The status line is all that matters: `HTTP/1.1 200 `.
    let mut line = Vec::new();
    let mut chunk = [0; 64];
    while line.len() < 13 {
        stream.set_read_timeout(Some(left(until)?))?;
        let length = stream.read(&mut chunk)?.min(chunk.len());
        let (read, _) = chunk.split_at(length);
        if read.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        line.extend_from_slice(read);
    }
    status(&line).ok_or_else(|| ErrorKind::InvalidData.into())
}

fn status(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.1 ").or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let (digits, after) = rest.split_at_checked(3)?;
    let sound = digits.iter().all(u8::is_ascii_digit) && matches!(after.first(), Some(b' ' | b'\r'));
    sound.then(|| digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0')))
}

fn left(until: Instant) -> io::Result<Duration> {
    match until.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => Ok(left),
        Some(_) | None => Err(ErrorKind::TimedOut.into()),
    }
}

const TIMEOUT: Duration = Duration::from_secs(3);

const AFTER: &str = "\
Examples:
  stagedoor healthcheck
  stagedoor healthcheck --url http://127.0.0.1:9901/live
  stagedoor healthcheck --config config/stagedoor.toml

Exit codes:
  0  ready
  1  not ready, or no answer
  2  wrong usage, or mistakes in the configuration";

#[cfg(test)]
mod tests;
