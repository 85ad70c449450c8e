//! Environment variables that override keys of the main file, so that one file suits a machine and a container:
//! `STAGEDOOR_LISTEN`, `STAGEDOOR_TRUSTED_PROXIES`, `STAGEDOOR_ADMIN_LISTEN`. Lists are separated by commas; an
//! empty variable counts as not set.

use super::{listen, networks, server};
use crate::location::{Location, Setting, Spanned};
use crate::materials::Materials;
use crate::problem::{Report, shown};
use crate::raw;
use stagedoor_core::guard::target::HostTable;

/// Variables, and the keys that they override.
const OVER: [(&str, &str); 3] =
    [(LISTEN, "server.listen"), (TRUSTED, "server.trusted_proxies"), (ADMIN, "admin.listen")];
const LISTEN: &str = "STAGEDOOR_LISTEN";
const TRUSTED: &str = "STAGEDOOR_TRUSTED_PROXIES";
const ADMIN: &str = "STAGEDOOR_ADMIN_LISTEN";
/// Only for `run --upstream`: in a file, the `hosts` of an app name its hosts.
const HOSTS: &str = "STAGEDOOR_HOSTS";
const UPSTREAM: &str = "STAGEDOOR_UPSTREAM";
use crate::source::UNFILED;

/// The environment variable that overrides `key` (such as `server.listen`), where it is set.
pub(crate) fn variable_over(key: &str, materials: &dyn Materials) -> Option<&'static str> {
    let variable = variable_for(key)?;
    let set = materials.env(variable).is_some_and(|value| !value.expose().is_empty());
    set.then_some(variable)
}

/// The environment variable that can override `key`, whether it is set or not.
pub(crate) fn variable_for(key: &str) -> Option<&'static str> {
    OVER.into_iter().find(|(_, known)| *known == key).map(|(variable, _)| variable)
}

/// `[server]` with the values of the environment. The values of the file are judged all the same.
pub(super) fn over(
    file: &raw::Server,
    main: &str,
    materials: &dyn Materials,
    report: &Report,
) -> raw::Server {
    let mut server = file.clone();
    if let Some(said) = list(LISTEN, "server.listen", materials, report) {
        note(LISTEN, file.listen.as_ref().map(lines), &said, report);
        listen::listeners(file.listen.as_ref(), listen::PLAIN, main, report);
        server.listen = Some(said);
    }
    if let Some(said) = list(TRUSTED, "server.trusted_proxies", materials, report) {
        note(TRUSTED, file.trusted_proxies.as_ref().map(lines), &said, report);
        networks::peers(&file.trusted_proxies, report);
        server.trusted_proxies = Some(said);
    }
    server
}

/// `[admin]` with the values of the environment. The values of the file are judged all the same.
pub(super) fn over_admin(file: &raw::Admin, materials: &dyn Materials, report: &Report) -> raw::Admin {
    let mut admin = file.clone();
    if let Some(said) = list(ADMIN, "admin.listen", materials, report) {
        note(ADMIN, file.listen.as_ref().map(|line| (&line.at, vec![&*line.value])), &said, report);
        server::operator(file.listen.as_ref(), report);
        let listen = lines(&said).1.join(",");
        admin.listen = Some(Spanned { value: listen, at: said.at });
    }
    admin
}

/// Locates values that `run --upstream` took from a variable in that variable: its own text is in no file.
pub(crate) fn name_variables(apps: &mut [raw::App], materials: &dyn Materials) {
    let unreported = Report::default();
    let place = |list: &mut Spanned<Vec<Spanned<String>>>, variable: &str| {
        if &*list.at.file != UNFILED {
            return;
        }
        let Some(said) = self::list(variable, &list.at.path, materials, &unreported) else { return };
        for given in &mut list.value {
            if said.value.iter().any(|item| item.value == given.value) {
                given.at = said.at.clone();
            }
        }
    };
    for app in apps {
        if let Some(hosts) = &mut app.hosts {
            place(hosts, HOSTS);
        }
        if let Some(urls) = app.upstream.as_mut().and_then(|upstream| upstream.urls.as_mut()) {
            place(urls, UPSTREAM);
        }
    }
}

/// Warns of hosts in the variable of `run --upstream` that no app of the file serves.
pub(super) fn warn_of_unserved_hosts(
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

/// The list in `variable`, which overrides the key `path`.
fn list(
    variable: &str,
    path: &str,
    materials: &dyn Materials,
    report: &Report,
) -> Setting<Vec<Spanned<String>>> {
    let value = materials.env(variable).filter(|value| !value.expose().is_empty())?;
    let at =
        Location { file: format!("environment variable {variable}").into(), line: 0, path: path.to_owned() };
    let Ok(text) = std::str::from_utf8(value.expose()) else {
        report.problem(&at, "not UTF-8", "write it in ASCII, or unset the variable");
        return None;
    };
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let value = items.map(|item| Spanned { value: item.to_owned(), at: at.clone() }).collect();
    Some(Spanned { value, at })
}

/// Says that a line of the file is overridden; silent where the variable says the same.
fn note(
    variable: &str,
    line: Option<(&Location, Vec<&str>)>,
    said: &Spanned<Vec<Spanned<String>>>,
    report: &Report,
) {
    let Some((at, line)) = line else { return };
    if line != lines(said).1 {
        report.warn(
            at,
            format!("overridden by the environment variable `{variable}`"),
            "leave the line out, or unset the variable",
        );
    }
}

fn lines(list: &Spanned<Vec<Spanned<String>>>) -> (&Location, Vec<&str>) {
    (&list.at, list.value.iter().map(|item| &*item.value).collect())
}
