//! A key that is not one.

use super::listed;
use crate::keys::{self, Kind, State, Table};
use crate::problem::did_you_mean;

/// What might have been meant by a key that is not one: a neighbour, a key of a table below, or one above.
pub(super) fn unknown_hint(name: &str, def: &'static Table) -> String {
    let known = || def.keys.iter().filter(|key| key.state == State::Supported);
    let below: Vec<String> = known().flat_map(dotted).collect();
    if let Some(hint) =
        did_you_mean(name, known().map(|key| key.name).chain(below.iter().map(String::as_str)))
    {
        return hint;
    }
    let last = |table: &Table| table.path.rsplit('.').next();
    let elsewhere = keys::tables()
        .filter(|table| table.path != def.path && table.path != "secret" && table.key(name).is_some())
        // A table of the same name is the likeliest.
        .min_by_key(|table| last(table) != last(def))
        .map(|table| format!("`{name}` belongs {}", whereabouts(table.path)));
    elsewhere.unwrap_or_else(|| format!("known here: {}", listed(known().map(|key| key.name))))
}

/// Where a table stands, as somebody would write it.
fn whereabouts(path: &str) -> String {
    let header = path.replace("[]", "").replace('*', "NAME");
    match path {
        "" => "at the top of the file".to_owned(),
        _ if path.contains(".route[]") => format!("to a route, in [{header}]"),
        _ => format!("in [{header}]"),
    }
}

fn dotted(key: &keys::Key) -> Vec<String> {
    let Kind::Table(path) = key.kind else { return Vec::new() };
    keys::table(path).keys.iter().map(|below| format!("{}.{}", key.name, below.name)).collect()
}
