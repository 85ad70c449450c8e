//! The language as a JSON Schema, for editors: a key that is unknown or not supported yet is underlined while it is typed.
//!
//! It is draft 7 without `$ref`: editors of TOML know no later draft, and of a reference they show neither
//! description nor default. It is wider than the compiler, and never narrower: whatever compiles is accepted.

use serde_json::{Map, Value, json};

use super::built_in::BUILT_IN;
use super::keys::tables::{CLIENT_CERTIFICATE, PROVIDER};
use super::keys::{self, DefaultValue, Key, Kind, Table};

/// The schema of one file, the main one or an included one.
#[must_use]
pub fn schema() -> Value {
    let mut root = object(keys::root());
    root.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    root.insert("title".to_owned(), json!("Stagedoor"));
    Value::Object(root)
}

/// A table: its supported keys, and no other.
fn object(table: &Table) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("description".to_owned(), json!(table.doc));
    object.insert(
        "properties".to_owned(),
        table.supported().map(|key| (key.name.to_owned(), property(key))).collect(),
    );
    object.insert("additionalProperties".to_owned(), json!(false));
    let required: Vec<&str> =
        table.supported().filter(|key| key.default == DefaultValue::Required).map(|key| key.name).collect();
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    let unless: Vec<Value> = table.supported().filter_map(|key| required_unless(table, key)).collect();
    if !unless.is_empty() {
        object.insert("allOf".to_owned(), json!(unless));
    }
    if table.path == PROVIDER { of_tokens(object) } else { object }
}

/// The table of a provider, whose other keys are for tokens: a provider of certificates has none of them.
fn of_tokens(mut object: Map<String, Value>) -> Map<String, Value> {
    let mut others = Map::new();
    others.extend(["required", "allOf"].iter().filter_map(|word| object.remove_entry(*word)));
    object.insert("required".to_owned(), json!(["kind"]));
    let of_certificates =
        json!({ "properties": { "kind": { "const": CLIENT_CERTIFICATE } }, "required": ["kind"] });
    object.insert("if".to_owned(), of_certificates);
    object.insert("then".to_owned(), json!({ "maxProperties": 1 }));
    object.insert("else".to_owned(), Value::Object(others));
    object
}

/// A key that has to be written where another is not: editors then report a missing key, not "none of these". It is left
/// out for two keys of which either will do (`secret` and `public`), because editors would report both as missing.
fn required_unless(table: &Table, key: &Key) -> Option<Value> {
    let DefaultValue::RequiredUnless(other) = key.default else { return None };
    table.key(other).filter(|other| !matches!(other.default, DefaultValue::RequiredUnless(_)))?;
    Some(json!({ "if": { "not": { "required": [other] } }, "then": { "required": [key.name] } }))
}

fn property(key: &Key) -> Value {
    let mut property = value(key);
    property.insert("description".to_owned(), json!(description(key)));
    if let Some(default) = default(key.default) {
        property.insert("default".to_owned(), default);
    }
    Value::Object(property)
}

/// What the value of a key may be. A keyword says nothing of values of another type, so that alternatives
/// are listed side by side: an editor then reports an error where it is, and not as "none of these".
fn value(key: &Key) -> Map<String, Value> {
    let text = || match key.pattern {
        "" => json!({ "type": "string" }),
        pattern => json!({ "type": "string", "pattern": pattern }),
    };
    let text_or_texts = || merged(text(), json!({ "type": ["string", "array"], "items": text() }));
    let value = match key.kind {
        Kind::Text => text(),
        Kind::ProfileName => json!({ "type": "string", "enum": profiles() }),
        Kind::Choice(words) => json!({ "type": "string", "enum": words }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count(_) => json!({ "type": "integer" }),
        Kind::WordOrCount(word, _) => {
            merged(json!({ "pattern": format!("^{word}$") }), json!({ "type": ["string", "integer"] }))
        }
        Kind::CodeOrStatus(_) => {
            merged(json!({ "pattern": key.pattern }), json!({ "type": ["string", "integer"] }))
        }
        Kind::Duration(_) => json!({ "type": "string", "pattern": DURATION }),
        Kind::Size(_) => json!({ "type": "string", "pattern": SIZE }),
        Kind::Rate(_) => json!({ "type": "string", "pattern": RATE }),
        Kind::Texts => json!({ "type": "array", "items": text() }),
        Kind::TextOrTexts => text_or_texts(),
        Kind::MapOfTexts => json!({ "type": "object", "additionalProperties": text() }),
        Kind::MapOfLists => json!({ "type": "object", "additionalProperties": text_or_texts() }),
        Kind::Table(table) => Value::Object(object(table)),
        Kind::Tables(table) => json!({ "type": "array", "items": object(table) }),
        Kind::Named(table) => json!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": object(table),
        }),
        Kind::TextOrTable(table) => {
            let table = Value::Object(object(table));
            merged(merged(table, text()), json!({ "type": ["string", "object"] }))
        }
    };
    let mut value = into_map(value);
    if let Some(range) = key.kind.bounds() {
        value.insert("minimum".to_owned(), json!(range.from));
        value.insert("maximum".to_owned(), json!(range.to));
    }
    if key.min_items > 0 {
        value.insert("minItems".to_owned(), json!(key.min_items));
    }
    if let Some(most) = key.max_items {
        value.insert("maxItems".to_owned(), json!(most));
    }
    value
}

/// Every profile as it may be asked for: editors offer them.
fn profiles() -> Vec<String> {
    let newest = BUILT_IN.iter().filter(|shelved| !shelved.older).map(|shelved| shelved.name.to_owned());
    newest.chain(BUILT_IN.iter().map(|shelved| format!("{}@{}", shelved.name, shelved.version))).collect()
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
    let mut text = key.doc.to_owned();
    let mut add = |title: &str, what: &str| text.push_str(&format!(" {title}{what}."));
    let accepted = key.accepted();
    if !accepted.is_empty() {
        add("Accepted: ", &accepted);
    }
    if key.default != DefaultValue::OfEachKey && key.default.written().is_none() {
        add("Default: ", &key.default.shown());
    }
    if key.reload == keys::Reload::Restart {
        add("", "A change takes effect with the next start");
    }
    if !key.security.is_empty() {
        add("Mind: ", key.security);
    }
    text
}

fn default(default: DefaultValue) -> Option<Value> {
    match default {
        DefaultValue::Text(text) => Some(json!(text)),
        DefaultValue::Texts(texts) => Some(json!(texts)),
        DefaultValue::Flag(flag) => Some(json!(flag)),
        DefaultValue::Count(count) => Some(json!(count)),
        DefaultValue::Required
        | DefaultValue::RequiredUnless(_)
        | DefaultValue::Words(_)
        | DefaultValue::OfEachKey => None,
    }
}

/// Names of apps and providers.
const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";
const DURATION: &str = r"^\s*[0-9]+\s*(ms|s|m|h|d)\s*$";
const SIZE: &str = r"^\s*[0-9]+\s*(B|[KMGT]i?B)\s*$";
const RATE: &str = r"^\s*[0-9]+\s*(B|[KMGT]i?B)\s*/s$";

#[cfg(test)]
pub(super) mod tests;
