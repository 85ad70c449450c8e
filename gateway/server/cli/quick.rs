//! The configuration of `run --upstream`: no file, secure defaults. What `STAGEDOOR_LISTEN` and
//! `STAGEDOOR_TRUSTED_PROXIES` say, the compiler puts in place of these, as with any file.

use std::io::IsTerminal as _;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use stagedoor_core::config::{Compiled, Source};

use super::{DEFAULT_FILE, Failure, compile};
use crate::materials::DiskMaterials;
use crate::serve::ConfigSource;

/// What of the environment decides which hosts the app has, each a list with commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Environment {
    /// `STAGEDOOR_LISTEN`: the addresses listened on are hosts.
    pub(super) listen: Vec<String>,
    /// `STAGEDOOR_HOSTS`
    pub(super) hosts: Vec<String>,
}

/// Where the secret of `run --upstream` is kept, relative to the working folder.
pub(super) const SECRET_FILE: &str = "data/jwt_secret";

impl Environment {
    /// Reads it.
    pub(super) fn read() -> Result<Self, Failure> {
        Ok(Self { listen: list("STAGEDOOR_LISTEN")?, hosts: list("STAGEDOOR_HOSTS")? })
    }
}

/// One app that needs a token for everything. What is wrong in it is told by the compiler.
pub(super) fn config(upstream: &str, environment: &Environment) -> ConfigSource {
    let default = ["127.0.0.1:8080".to_owned()];
    let listen = if environment.listen.is_empty() { &default } else { &*environment.listen };
    let hosts = hosts(listen, &environment.hosts);
    // Whoever starts it by hand reads along.
    let format = if std::io::stdout().is_terminal() { "text" } else { "json" };
    let text = format!(
        r#"version = 1

[log]
format = "{format}"

[auth.house]
kind = "jwt"
keys = [{{ secret = {{ file = "{SECRET_FILE}", env = "JWT_SECRET_KEY", generate = true }} }}]
issuer = "stagedoor"
audience = ["app"]
sources = ["bearer", "cookie:stagedoor"]

[app.app]
hosts = {hosts}
upstream = {{ urls = [{upstream}] }}
auth = "required"
"#,
        hosts = array(&hosts),
        upstream = quoted(upstream),
    );
    ConfigSource::Text {
        source: Source { name: "run --upstream".into(), text },
        base: PathBuf::new(),
        no_environment: false,
    }
}

/// Whether a command means the gateway that `run --upstream` started in this folder: it is told so, or there is
/// nothing else here.
///
/// # Errors
/// It is told so, and no such gateway was ever started here.
pub(super) fn is_meant(file: Option<&Path>, told: bool) -> Result<bool, Failure> {
    let left_here = Path::new(SECRET_FILE).is_file() || std::env::var_os("JWT_SECRET_KEY").is_some();
    if told && !left_here {
        return Err(Failure::usage(
            format!("`run --upstream` has left no secret here: there is no `{SECRET_FILE}`"),
            "go to the folder where it was started, or start it",
        ));
    }
    Ok(told || (file.is_none() && !Path::new(DEFAULT_FILE).exists() && left_here))
}

/// What that gateway runs by, as far as another command needs it. Nothing is made.
pub(super) fn compiled() -> Result<Compiled, Failure> {
    let ConfigSource::Text { source, base, .. } = config("http://127.0.0.1:1", &Environment::default())
    else {
        return Err(Failure::Runtime(anyhow::anyhow!("`run --upstream` has no file")));
    };
    compile(&[source], &DiskMaterials { may_generate: false, ..DiskMaterials::within(&base) })
}

/// `localhost`, the addresses listened on, and what the environment adds. A wildcard address is no
/// host: this machine's own addresses stand for it.
fn hosts(listen: &[String], more: &[String]) -> Vec<String> {
    let mut hosts = vec!["localhost".to_owned()];
    let mut add = |host: String| {
        if !hosts.iter().any(|h| h.eq_ignore_ascii_case(&host)) {
            hosts.push(host);
        }
    };
    for address in listen.iter().filter_map(|text| text.parse::<SocketAddr>().ok()) {
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => add("127.0.0.1".into()),
            IpAddr::V6(ip) if ip.is_unspecified() => {
                ["127.0.0.1", "[::1]"].map(String::from).into_iter().for_each(&mut add)
            }
            IpAddr::V4(ip) => add(ip.to_string()),
            IpAddr::V6(ip) => add(format!("[{ip}]")),
        }
    }
    more.iter().cloned().for_each(add);
    hosts
}

fn list(name: &str) -> Result<Vec<String>, Failure> {
    let Some(value) = std::env::var_os(name) else { return Ok(Vec::new()) };
    let value = value.into_string().map_err(|_| {
        Failure::usage(format!("not UTF-8: the environment variable `{name}`"), "write it in ASCII")
    })?;
    Ok(value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

fn array(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
