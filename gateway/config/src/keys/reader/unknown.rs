//! Hints for keys that are not known.

use crate::keys::key::{Key, Kind, Table};
use crate::problem::{did_you_mean, listed};

/// What may have been meant by a key that `here` does not have: a key like it, a key of a table below, or a key of another
/// table.
pub(super) fn unknown_hint(name: &str, here: &'static Table, language: &[&'static Table]) -> String {
    let below: Vec<String> = here.supported().flat_map(dotted).collect();
    let known = here.supported().map(|key| key.name).chain(below.iter().map(String::as_str));
    if let Some(hint) = did_you_mean(name, known) {
        return hint;
    }
    let last = |table: &Table| table.path.rsplit('.').next();
    let elsewhere = language
        .iter()
        .filter(|table| table.path != here.path && table.path != "secret" && table.key(name).is_some())
        // A table of the same name is the likeliest.
        .min_by_key(|table| last(table) != last(here))
        .map(|table| format!("`{name}` belongs {}", whereabouts(table.path)));
    elsewhere.unwrap_or_else(|| format!("known here: {}", listed(here.supported().map(|key| key.name))))
}

/// Where a table stands, as it would be written.
fn whereabouts(path: &str) -> String {
    let header = path.replace("[]", "").replace('*', "NAME");
    match path {
        "" => "at the top of the file".to_owned(),
        _ if path.contains(".route[]") => format!("to a route, in [{header}]"),
        _ => format!("in [{header}]"),
    }
}

fn dotted(key: &Key) -> Vec<String> {
    let Kind::Table(table) = key.kind else { return Vec::new() };
    table.keys.iter().map(|below| format!("{}.{}", key.name, below.name)).collect()
}
