//! The configuration of `run --upstream`: secure defaults, without a file. `STAGEDOOR_LISTEN` and `STAGEDOOR_TRUSTED_PROXIES`
//! override it, as they do with a file.

use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use stagedoor_config::{self as config, Compiled, SourceFile};

use super::admin_address;
use super::config_file::{DEFAULT_FILE, compile};
use super::failure::Failure;
use crate::materials::DiskMaterials;
use crate::source::ConfigSource;

/// The environment variables from which the hosts of the app are derived, each a list with commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Environment {
    /// `STAGEDOOR_LISTEN`: the addresses are hosts too.
    pub(super) listen: Vec<String>,
    /// `STAGEDOOR_HOSTS`
    pub(super) hosts: Vec<String>,
}

/// The file of the secret of `run --upstream`, relative to the working folder.
pub(super) const SECRET_FILE: &str = "data/jwt_secret";
/// The state folder of `run --upstream`, and the default of `state.dir`.
pub(super) const STATE: &str = "data";

impl Environment {
    /// Reads the variables.
    pub(super) fn read() -> Result<Self, Failure> {
        Ok(Self { listen: list("STAGEDOOR_LISTEN")?, hosts: list("STAGEDOOR_HOSTS")? })
    }
}

/// The configuration: one app that needs a token for every request. The compiler reports a wrong `upstream`.
pub(super) fn config(upstream: &str, environment: &Environment) -> ConfigSource {
    let default = ["127.0.0.1:8080".to_owned()];
    let listen = if environment.listen.is_empty() { &default } else { &*environment.listen };
    let hosts = hosts(listen, &environment.hosts);
    // Text for an operator at a terminal, JSON for a log collector.
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
        source: SourceFile { name: config::UNFILED.into(), text },
        base: PathBuf::new(),
        no_environment: false,
    }
}

/// Whether a command is for the gateway that `run --upstream` started in this folder: by its argument, or because there is
/// no file but a secret that such a gateway has left.
///
/// # Errors
/// The argument says so, and no such gateway has ever been started here.
pub(super) fn applies(file: Option<&Path>, chosen: bool) -> Result<bool, Failure> {
    let left_here = Path::new(SECRET_FILE).is_file() || std::env::var_os("JWT_SECRET_KEY").is_some();
    if chosen && !left_here {
        return Err(Failure::usage(
            format!("`run --upstream` has left no secret here: there is no `{SECRET_FILE}`"),
            "go to the folder where it was started, or start it",
        ));
    }
    let found = file.is_none() && !Path::new(DEFAULT_FILE).exists() && left_here;
    if found && !chosen && Path::new(OTHER_FILE).exists() {
        eprintln!("note: this is for `run --upstream` of this folder; for a file: `--config {OTHER_FILE}`");
    }
    Ok(chosen || found)
}

/// The configuration of that gateway, for a command that does not ask it. No secret is created.
pub(super) fn compiled() -> Result<Compiled, Failure> {
    compile(&[command_source(Some(admin_address::OFF.to_owned()))?], &what_is_there())
}

/// As [`compiled`], for a command that asks the gateway.
///
/// # Errors
/// The address is not known. The default address is not used: another process may listen there, and it would get the admin
/// token.
pub(super) fn compiled_to_ask() -> Result<Compiled, Failure> {
    let materials = what_is_there();
    let address = if config::variable_over("admin.listen", &materials).is_some() {
        None
    } else {
        Some(admin_address::read(Path::new(STATE)).ok_or_else(|| {
            anyhow::anyhow!(
                "it is not known where the gateway of this folder is asked; hint: start it here with \
                 `run --upstream`, or say where: STAGEDOOR_ADMIN_LISTEN"
            )
        })?)
    };
    compile(&[command_source(address)?], &materials)
}

fn what_is_there() -> DiskMaterials {
    DiskMaterials { may_generate: false, ..DiskMaterials::within(Path::new("")) }
}

/// The configuration of a gateway for which no file is named, for its admin address. No secret is read, and its public
/// address is not the real one.
pub(super) fn without_secrets() -> Result<Compiled, Failure> {
    let materials = DiskMaterials { no_files: true, ..what_is_there() };
    let is_told = config::variable_over("admin.listen", &materials).is_some();
    let address = if is_told || Path::new(DEFAULT_FILE).exists() {
        None
    } else {
        admin_address::read(Path::new(STATE))
    };
    let mut source = command_source(address)?;
    source.text.push_str("\n[server]\nlisten = [\"127.0.0.1:0\"]\n");
    compile(&[source], &materials)
}

/// The configuration text for a command, with this admin address. The environment overrides it.
fn command_source(admin: Option<String>) -> Result<SourceFile, Failure> {
    let ConfigSource::Text { mut source, .. } = config("http://127.0.0.1:1", &Environment::default()) else {
        return Err(Failure::Runtime(anyhow::anyhow!("`run --upstream` has no file")));
    };
    if let Some(address) = admin {
        source.text.push_str(&format!("\n[admin]\nlisten = \"{address}\"\n"));
    }
    Ok(source)
}

/// The hosts of the app: `localhost`, the addresses of the listeners, and `STAGEDOOR_HOSTS`. A wildcard address is no host;
/// it stands for the loopback addresses.
///
/// The order matters: enter links use the first host and the first port. Where the first listener is reachable from other
/// machines, the names from `STAGEDOOR_HOSTS` come first.
fn hosts(listen: &[String], more: &[String]) -> Vec<String> {
    let addresses: Vec<SocketAddr> = listen.iter().filter_map(|text| text.parse().ok()).collect();
    let mut hosts: Vec<String> = Vec::new();
    let mut add = |host: String| {
        if !hosts.iter().any(|h| h.eq_ignore_ascii_case(&host)) {
            hosts.push(host);
        }
    };
    if addresses.first().is_some_and(|address| !address.ip().is_loopback()) {
        more.iter().cloned().for_each(&mut add);
    }
    // `localhost` comes first only if a listener accepts connections to it.
    let is_local = |ip: IpAddr| ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST;
    if addresses.first().is_none_or(|address| is_local(address.ip())) {
        add("localhost".to_owned());
    }
    for address in addresses {
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => add("127.0.0.1".into()),
            IpAddr::V6(ip) if ip.is_unspecified() => {
                ["127.0.0.1", "[::1]"].map(String::from).into_iter().for_each(&mut add)
            }
            IpAddr::V4(ip) => add(ip.to_string()),
            IpAddr::V6(ip) => add(format!("[{ip}]")),
        }
    }
    add("localhost".to_owned());
    more.iter().cloned().for_each(add);
    hosts
}

/// A file that may be meant, though it is not the default.
const OTHER_FILE: &str = "stagedoor.toml";

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
