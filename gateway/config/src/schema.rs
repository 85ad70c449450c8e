//! The language as a JSON Schema, for editors: a key that is none, or not yet, is underlined while it is written.
//!
//! It is draft 7 without `$ref`: editors of TOML know no later draft, and of a reference they show neither
//! description nor default. It is wider than the compiler, and never narrower: whatever compiles is accepted.

use serde_json::{Map, Value, json};

use super::keys::{self, Key, Kind, State, Table};
use super::profile::BUILT_IN;
use super::reference::sentence;

/// The schema of one file, the main one or an included one.
#[must_use]
pub fn schema() -> Value {
    let mut root = object(keys::table(""));
    root.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    root.insert("title".to_owned(), json!("Stagedoor"));
    Value::Object(root)
}

/// A table: its supported keys, and no other.
fn object(table: &Table) -> Map<String, Value> {
    let supported = || table.keys.iter().filter(|key| key.state == State::Supported);
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("description".to_owned(), json!(sentence(table.doc)));
    object.insert(
        "properties".to_owned(),
        supported().map(|key| (key.name.to_owned(), property(key))).collect(),
    );
    object.insert("additionalProperties".to_owned(), json!(false));
    let required: Vec<&str> =
        supported().filter(|key| key.default == "required").map(|key| key.name).collect();
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    let unless: Vec<Value> = supported().filter_map(|key| required_unless(table, key)).collect();
    if !unless.is_empty() {
        object.insert("allOf".to_owned(), json!(unless));
    }
    object
}

/// A key that has to be there where another is not: told as a missing key, not as "none of these". Of two that
/// stand in for each other (a `secret` and a `public`) both would be told to be missing.
fn required_unless(table: &Table, key: &Key) -> Option<Value> {
    const UNLESS: &str = "required, unless `";
    let other = key.default.strip_prefix(UNLESS)?.trim_end_matches('`');
    table.key(other).filter(|other| !other.default.starts_with(UNLESS))?;
    Some(json!({ "if": { "not": { "required": [other] } }, "then": { "required": [key.name] } }))
}

fn property(key: &Key) -> Value {
    let mut property = value(key.kind, key);
    property.insert("description".to_owned(), json!(description(key)));
    if let Some(default) = key.written_default().and_then(read) {
        property.insert("default".to_owned(), default);
    }
    Value::Object(property)
}

/// What the value of a key may be. A keyword says nothing of values of another type, so that alternatives
/// stand side by side: an error is then told where it is, and not as "none of these".
fn value(kind: Kind, key: &Key) -> Map<String, Value> {
    let text = || match key.pattern {
        "" => json!({ "type": "string" }),
        pattern => json!({ "type": "string", "pattern": pattern }),
    };
    let value = match kind {
        Kind::Text if key.name == "use" => json!({ "type": "string", "enum": profiles() }),
        Kind::Text => text(),
        Kind::Choice(words) => json!({ "type": "string", "enum": words }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count => json!({ "type": "integer" }),
        Kind::Duration => json!({ "type": "string", "pattern": DURATION }),
        Kind::Size => json!({ "type": "string", "pattern": SIZE }),
        Kind::Rate => json!({ "type": "string", "pattern": RATE }),
        Kind::Texts => json!({ "type": "array", "items": text() }),
        Kind::TextOrTexts => merged(text(), json!({ "type": ["string", "array"], "items": text() })),
        Kind::Map => json!({ "type": "object", "additionalProperties": value(key.each, key) }),
        Kind::Table(path) => Value::Object(object(keys::table(path))),
        Kind::Tables(path) => json!({ "type": "array", "items": object(keys::table(path)) }),
        Kind::Named(path) => json!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": object(keys::table(path)),
        }),
        Kind::TextOrTable(path) => {
            let table = Value::Object(object(keys::table(path)));
            merged(merged(table, text()), json!({ "type": ["string", "object"] }))
        }
        Kind::TextOrCount => merged(word(key), json!({ "type": ["string", "integer"] })),
    };
    let mut value = into_map(value);
    if let (Kind::Count | Kind::TextOrCount, Some((least, most))) = (kind, bounds(key.range)) {
        value.insert("minimum".to_owned(), json!(least));
        value.insert("maximum".to_owned(), json!(most));
    }
    if key.least > 0 {
        value.insert("minItems".to_owned(), json!(key.least));
    }
    if let Some(most) = key.most {
        value.insert("maxItems".to_owned(), json!(most));
    }
    value
}

/// Every profile as it may be asked for: editors offer them.
fn profiles() -> Vec<String> {
    let newest = BUILT_IN.iter().filter(|shelved| !shelved.older).map(|shelved| shelved.name.to_owned());
    newest.chain(BUILT_IN.iter().map(|shelved| format!("{}@{}", shelved.name, shelved.version))).collect()
}

/// The one word that may stand in place of a number, unless the key says which words may.
fn word(key: &Key) -> Value {
    match (key.pattern, key.written_default()) {
        ("", Some(word)) => json!({ "pattern": format!("^{}$", word.trim_matches('"')) }),
        (pattern, _) => json!({ "pattern": pattern }),
    }
}

/// Keywords of both; those of `second` where both have one.
fn merged(first: Value, second: Value) -> Value {
    let mut all = into_map(first);
    all.extend(into_map(second));
    Value::Object(all)
}

fn into_map(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// What an editor shows beside a key.
fn description(key: &Key) -> String {
    let mut text = sentence(key.doc);
    let mut add = |title: &str, what: &str| text.push_str(&format!(" {title}{what}."));
    if !key.range.is_empty() {
        add("Accepted: ", key.range);
    }
    if !key.default.is_empty() && key.written_default().is_none() {
        add("Default: ", key.default);
    }
    if key.change == keys::Change::Restart {
        add("", "A change takes effect with the next start");
    }
    if !key.security.is_empty() {
        add("Mind: ", key.security);
    }
    text
}

/// A default, from TOML.
fn read(default: &str) -> Option<Value> {
    toml::from_str::<Map<String, Value>>(&format!("default = {default}")).ok()?.remove("default")
}

/// The bounds of a range such as `1 to 1024`, or `1 alone`.
fn bounds(range: &str) -> Option<(u64, u64)> {
    if let Some(only) = range.strip_suffix(" alone") {
        let only = only.parse().ok()?;
        return Some((only, only));
    }
    let (before, after) = range.split_once(" to ")?;
    let most = after.split([' ', ',']).next()?;
    Some((before.rsplit(' ').next()?.parse().ok()?, most.parse().ok()?))
}

/// Names of apps and providers.
const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";
const DURATION: &str = r"^\s*[0-9]+\s*(ms|s|m|h|d)\s*$";
const SIZE: &str = r"^\s*[0-9]+\s*(B|[KMGT]i?B)\s*$";
const RATE: &str = r"^\s*[0-9]+\s*(B|[KMGT]i?B)\s*/s$";

#[cfg(test)]
pub(super) mod tests;
