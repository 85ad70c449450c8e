//! What the environment says in place of the main file, so that one file suits a machine and a container:
//! `STAGEDOOR_LISTEN`, `STAGEDOOR_TRUSTED_PROXIES`. A list stands there with commas; an empty variable is none.

use super::{networks, server};
use crate::config::Materials;
use crate::config::place::{Given, Maybe, Place};
use crate::config::problem::{Report, shown};
use crate::config::raw;
use crate::guard::target::HostTable;

/// Variables, and the keys before which they go.
const OVER: [(&str, &str); 2] = [(LISTEN, "server.listen"), (TRUSTED, "server.trusted_proxies")];
const LISTEN: &str = "STAGEDOOR_LISTEN";
const TRUSTED: &str = "STAGEDOOR_TRUSTED_PROXIES";
/// Of `run --upstream` alone: which app a host belongs to is for the file to say.
const HOSTS: &str = "STAGEDOOR_HOSTS";

/// The environment variable that goes before `key` (such as `server.listen`), where it is set.
pub(crate) fn variable_over(key: &str, materials: &dyn Materials) -> Option<&'static str> {
    let (variable, _) = OVER.into_iter().find(|(_, known)| *known == key)?;
    let set =
        !materials.stand_in() && materials.env(variable).is_some_and(|value| !value.expose().is_empty());
    set.then_some(variable)
}

/// `[server]` with what the environment says. What the file says is judged all the same.
pub(super) fn over(file: &raw::Server, materials: &dyn Materials, report: &Report) -> raw::Server {
    let mut server = file.clone();
    if let Some(said) = list(LISTEN, "server.listen", materials, report) {
        note(LISTEN, file.listen.as_ref(), &said, report);
        server::listeners(file.listen.as_ref(), report);
        server.listen = Some(said);
    }
    if let Some(said) = list(TRUSTED, "server.trusted_proxies", materials, report) {
        note(TRUSTED, file.trusted_proxies.as_ref(), &said, report);
        networks::list(&file.trusted_proxies, report);
        server.trusted_proxies = Some(said);
    }
    server
}

/// Warns of hosts that a variable names and no app serves.
pub(super) fn unheard_hosts(
    hosts: &HostTable,
    apps: &[raw::App],
    materials: &dyn Materials,
    report: &Report,
) {
    let Some(names) = list(HOSTS, "", materials, report) else { return };
    let written = |name: &str| {
        let all = apps.iter().flat_map(|app| &app.hosts).flat_map(|list| &list.value);
        all.into_iter().any(|host| host.value.eq_ignore_ascii_case(name))
    };
    for name in &names.value {
        if !written(&name.value) && hosts.find(&name.value).is_err() {
            report.warn(
                &name.at,
                format!(
                    "it belongs to `run --upstream`, and no app of the file serves `{}`",
                    shown(&name.value)
                ),
                "add the name to the `hosts` of an app, or unset the variable",
            );
        }
    }
}

/// The list in `variable`, which stands for the key `path`.
fn list(variable: &str, path: &str, materials: &dyn Materials, report: &Report) -> Maybe<Vec<Given<String>>> {
    if materials.stand_in() {
        return None;
    }
    let value = materials.env(variable).filter(|value| !value.expose().is_empty())?;
    let at =
        Place { file: format!("environment variable {variable}").into(), line: 0, path: path.to_owned() };
    let Ok(text) = std::str::from_utf8(value.expose()) else {
        report.problem(&at, "not UTF-8", "write it in ASCII, or unset the variable");
        return None;
    };
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let value = items.map(|item| Given { value: item.to_owned(), at: at.clone() }).collect();
    Some(Given { value, at })
}

/// Says that a line of the file is overridden; silent where the variable says the same.
fn note(
    variable: &str,
    line: Option<&Given<Vec<Given<String>>>>,
    said: &Given<Vec<Given<String>>>,
    report: &Report,
) {
    let Some(line) = line else { return };
    let same = line.value.iter().map(|item| &item.value).eq(said.value.iter().map(|item| &item.value));
    if !same {
        report.warn(
            &line.at,
            format!("overridden by the environment variable `{variable}`"),
            "leave the line out, or unset the variable",
        );
    }
}
