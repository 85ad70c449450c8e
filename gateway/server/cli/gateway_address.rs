//! The admin address of the gateway that runs with a file. The file may have changed, or have mistakes by now: a running
//! gateway keeps the configuration that it has loaded.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use serde::Deserialize as _;
use stagedoor_config::{self as config, SourceFile};
use stagedoor_core::policy::Policy;
use stagedoor_core::secret::Secret;
use toml::de::DeTable;

use super::admin_address;
use super::config_file::{compile, compile_file};
use super::failure::Failure;
use crate::loader;
use crate::materials::DiskMaterials;

/// The policy of a file, for a command that asks the running gateway. If the file has mistakes, its tables `admin` and
/// `state` alone are compiled.
///
/// # Errors
/// The mistakes of the file, if these tables cannot be compiled either.
pub(super) fn policy(file: &Path, materials: &DiskMaterials) -> Result<Policy, Failure> {
    let failure = match compile_file(file, materials) {
        Ok(compiled) => return Ok(compiled.policy),
        Err(failure) => failure,
    };
    let needed = |table: &str, key: &str| {
        matches!((table, key), ("admin", "listen") | ("admin", "token") | ("state", "dir"))
    };
    let mut candidates = admin_tables(file, &[|_, _| true, needed]).into_iter();
    match candidates.find_map(|source| compile(&[source], materials).ok()) {
        Some(compiled) => {
            eprintln!(
                "note: `{0}` cannot be loaded as it is now, a gateway that runs is asked all the same; \
                 hint: `stagedoor check {0}` tells every mistake",
                file.display()
            );
            Ok(compiled.policy)
        }
        None => Err(failure),
    }
}

/// The admin token of a file, compiled as if its admin listener were on.
pub(super) fn token(file: &Path, materials: &DiskMaterials) -> Option<Secret<Vec<u8>>> {
    let kept = admin_tables(file, &[|table, key| (table, key) != ("admin", "listen")]).pop()?;
    compile(&[kept], materials).ok()?.policy.admin.token
}

/// The addresses at which the gateway of this policy may be asked, in the order in which to try them: that of the
/// configuration, then that of the admin address file. An address from the environment is the only one.
///
/// # Errors
/// The admin listener is off, or its port is 0 and no gateway runs.
pub(super) fn addresses(policy: &Policy) -> Result<Vec<SocketAddr>, Failure> {
    let overridden = config::variable_over("admin.listen", &DiskMaterials::within(Path::new(""))).is_some();
    let saved = if overridden { None } else { admin_address::read_quietly(&policy.server.state_dir) };
    choose(policy.admin.listen, saved.as_deref())
}

fn choose(written: Option<SocketAddr>, saved: Option<&str>) -> Result<Vec<SocketAddr>, Failure> {
    let saved = saved.and_then(|text| text.parse().ok());
    let mut addresses: Vec<SocketAddr> =
        [written.filter(|address| address.port() != 0), saved].into_iter().flatten().map(reached).collect();
    addresses.dedup();
    match (addresses.is_empty(), written) {
        (false, _) => Ok(addresses),
        (true, None) => Err(Failure::usage("the admin listener is off", "set `admin.listen`")),
        (true, Some(_)) => Err(anyhow::anyhow!(
            "the address of the admin listener is not known: the port of `admin.listen` is 0, and no gateway has saved \
             its address; hint: start it, or set STAGEDOOR_ADMIN_LISTEN"
        )
        .into()),
    }
}

/// The address to connect to: loopback for a listener on all addresses.
fn reached(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

/// Configurations that have only the tables `admin` and `state` of a file: one for each of `wanted`, with the keys that it
/// selects.
fn admin_tables(file: &Path, wanted: &[fn(&str, &str) -> bool]) -> Vec<SourceFile> {
    let Some(text) = loader::main_text(file) else { return Vec::new() };
    let (root, _) = DeTable::parse_recoverable(&text);
    let Ok(all) = toml::Table::deserialize(toml::Deserializer::from(root)) else { return Vec::new() };
    let pick = |wanted: &fn(&str, &str) -> bool| {
        let mut picked = toml::Table::new();
        for name in ["admin", "state"] {
            let Some(toml::Value::Table(table)) = all.get(name) else { continue };
            let keys = table.iter().filter(|(key, _)| wanted(name, key));
            let table: toml::Table = keys.map(|(key, value)| (key.clone(), value.clone())).collect();
            picked.insert(name.to_owned(), table.into());
        }
        SourceFile { name: file.display().to_string().into(), text: format!("{REST}\n{picked}") }
    };
    wanted.iter().map(pick).collect()
}

/// The keys without which two tables are no configuration. Their values are not used.
const REST: &str = r#"
version = 1
server.listen = ["127.0.0.1:0"]
app.none = { hosts = ["localhost"], upstream = "http://127.0.0.1:1", auth = "public" }
"#;

#[cfg(test)]
mod tests;
