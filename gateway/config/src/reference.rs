//! What an operator can write, and what the gateway then says: for people as Markdown, for programs as JSON.
//!
//! Everything comes from the table of keys and from [`Denial`]; nothing is written twice.

use serde_json::{Value, json};

use super::keys::{DefaultValue, Key, Kind, Reload, State, Table, tables};
use stagedoor_core::denial::Denial;
use stagedoor_core::units::{DURATIONS, SIZES};

/// Every supported key by table, and the keys to come by name: a chapter of Markdown.
#[must_use]
pub fn keys() -> String {
    let mut out = String::from(KEYS);
    out.push_str(&format!(
        "A duration is {DURATIONS}. A size is {SIZES}. A rate of bytes is a size for each second.\n"
    ));
    tables().for_each(|table| section(table, &mut out));
    later(&mut out);
    out
}

/// Every supported key, for programs: an array of objects.
#[must_use]
pub fn keys_json() -> Value {
    let of_table = |table: &'static Table| {
        table.supported().map(move |key| {
            json!({
                "table": table.path,
                "key": key.name,
                "value": value(key),
                "default": key.default.shown(),
                "meaning": key.doc,
                "reload": reload(key),
                "security": key.security,
            })
        })
    };
    tables().flat_map(of_table).collect()
}

/// Every refusal: a chapter of Markdown.
#[must_use]
pub fn codes() -> String {
    let mut out = String::from(CODES);
    for Refusal { status, code, why, retry_after, closes } in refusals() {
        let row = [
            status.to_string(),
            format!("`{code}`"),
            why,
            if retry_after { "yes" } else { "" }.to_owned(),
            if closes { "closed" } else { "kept" }.to_owned(),
        ];
        out.push_str(&format!("| {} |\n", row.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
    out
}

/// Every refusal, for programs: an array of objects.
#[must_use]
pub fn codes_json() -> Value {
    let object = |refusal: Refusal| {
        let Refusal { status, code, why, retry_after, closes } = refusal;
        json!({ "status": status, "code": code, "why": why, "retry_after": retry_after, "closes": closes })
    };
    refusals().into_iter().map(object).collect()
}

const KEYS: &str = "\
`NAME` stands for a name of your choice. `[[double brackets]]` head an entry of a list. *Reload* says when a change
takes effect: **live** with SIGHUP, the reload of the API or the watch of the files, for requests and connections
that begin afterwards; **restart** with the next start. The watch takes a saved file only where no change in it may let
clients do more than before: caps, deadlines and lists of what is accepted may shrink, lists of what is asked for may
grow. What is raised, opened or exchanged (also a key: a further one makes further tokens genuine) waits, with all of the
file, until SIGHUP, `stagedoor reload` or `POST /api/v1/reload` takes it.

";

const CODES: &str = "\
## Refusals

The code stands in the field `x-stagedoor-code`, in the body where `errors` is `problem`, in the access log and in `stagedoor_denied_total`.

| status | code | why | `Retry-After` | connection |
|---|---|---|---|---|
";

fn section(table: &Table, out: &mut String) {
    out.push_str(&format!("\n## {}\n\n{}\n\n", title(table.path), table.doc));
    out.push_str("| key | value | default | meaning | reload |\n|---|---|---|---|---|\n");
    for key in table.supported() {
        let mind =
            if key.security.is_empty() { String::new() } else { format!(" **Mind:** {}.", key.security) };
        let row = [
            format!("`{}`", key.name),
            value(key),
            default(key),
            format!("{}{mind}", key.doc),
            reload(key).to_owned(),
        ];
        out.push_str(&format!("| {} |\n", row.map(|cell| cell.replace('|', "\\|")).join(" | ")));
    }
}

/// A table as it is headed in a file.
fn title(path: &str) -> String {
    let name = path.replace('*', "NAME");
    match name.strip_suffix("[]") {
        _ if path.is_empty() => "The root".to_owned(),
        _ if path == "secret" => "A secret".to_owned(),
        Some(list) => format!("`[[{}]]`", list.replace("[]", "")),
        None => format!("`[{}]`", name.replace("[]", "")),
    }
}

fn value(key: &Key) -> String {
    let accepted = key.accepted();
    let kind = match key.kind {
        Kind::Text | Kind::ProfileName => "a string".to_owned(),
        Kind::Choice(words) => {
            words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
        }
        Kind::Flag => "`true`, `false`".to_owned(),
        Kind::Count(_) => "a number".to_owned(),
        Kind::Duration(_) => "a duration".to_owned(),
        Kind::Size(_) => "a size".to_owned(),
        Kind::Rate(_) => "a rate of bytes".to_owned(),
        Kind::Texts => "a list of strings".to_owned(),
        Kind::TextOrTexts => "a string, or a list of strings".to_owned(),
        Kind::MapOfTexts | Kind::MapOfLists => "a table of names of your choice".to_owned(),
        Kind::Table(table) if table.path == "secret" => "a [secret](#a-secret)".to_owned(),
        Kind::Table(table) => format!("a table: {}", title(table.path)),
        Kind::Tables(table) | Kind::Named(table) => format!("tables: {}", title(table.path)),
        Kind::TextOrTable(table) => return format!("{accepted}, or a table: {}", title(table.path)),
        Kind::WordOrCount(word, _) => format!("`\"{word}\"`, or a number"),
        Kind::CodeOrStatus(_) => "a string, or a number".to_owned(),
    };
    if accepted.is_empty() { kind } else { format!("{kind}: {accepted}") }
}

/// The default of a key: as it would be written, or in words.
fn default(key: &Key) -> String {
    match key.default.written() {
        Some(written) => format!("`{written}`"),
        None => key.default.shown(),
    }
}

fn reload(key: &Key) -> &'static str {
    match (key.kind, key.reload) {
        // What a table holds says it for itself.
        (Kind::Table(_) | Kind::Tables(_) | Kind::Named(_), Reload::Live)
            if key.default == DefaultValue::OfEachKey =>
        {
            "by key"
        }
        (_, Reload::Live) => "live",
        (_, Reload::Restart) => "restart",
    }
}

fn later(out: &mut String) {
    out.push_str("\n## Not yet supported\n\nThese are known and refused; whatever is written there is never ignored.\n\n");
    for table in tables() {
        let names: Vec<String> = table
            .keys
            .iter()
            .filter(|key| key.state != State::Supported)
            .map(|key| format!("`{}`", key.name))
            .collect();
        if !names.is_empty() {
            out.push_str(&format!("* {}: {}\n", title(table.path), names.join(", ")));
        }
    }
}

/// One kind of refusal.
#[derive(PartialEq)]
struct Refusal {
    status: u16,
    code: &'static str,
    why: String,
    retry_after: bool,
    closes: bool,
}

/// In the order of their statuses.
fn refusals() -> Vec<Refusal> {
    let mut all: Vec<Refusal> = Denial::examples()
        .iter()
        .map(|denial| Refusal {
            status: denial.status().as_u16(),
            code: denial.code(),
            why: sentence(denial.description().listed.unwrap_or(&denial.reason())),
            retry_after: denial.retry_after().is_some(),
            closes: denial.closes(),
        })
        .collect();
    all.sort_by_key(|refusal| (refusal.status, refusal.code));
    // Kinds that an operator cannot tell apart are one row.
    all.dedup();
    all
}

/// With a capital and a full stop, as documents have it.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    // A name in backticks or of a header begins as it is written.
    let mut sentence: String =
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect());
    sentence.push('.');
    sentence
}

#[cfg(test)]
mod tests;
