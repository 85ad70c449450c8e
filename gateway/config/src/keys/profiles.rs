//! Profiles: how their files begin, and what of an app they may say.
//!
//! A profile knows the app, not the house it stands in. What says whose the app is, who may come, and where anything
//! is kept belongs to the operator, and a key that is not listed here is refused in a profile.

use super::{Key, Kind, Table};

/// The root of a profile's file.
pub(crate) const ROOT: &str = "(profile)";

pub(super) const TABLES: &[Table] = &[
    Table {
        path: ROOT,
        doc: "the root of a profile",
        keys: &[
            Key::new("profile", Kind::Table("profile"), "", "what it is for, and where its facts are from"),
            Key::new("app", Kind::Table("app.*"), "", "what it says of the app"),
        ],
    },
    Table {
        path: "profile",
        doc: "what a profile is for, and where its facts are from",
        keys: &[
            Key::new("version", Kind::Count, "required", "its version").within("1 to 1000000"),
            Key::new("for", Kind::Text, "required", "the app, and the versions of it that were looked at"),
            Key::new("about", Kind::Text, "required", "what it does, in one sentence"),
            Key::new(
                "facts",
                Kind::Texts,
                "required",
                "where each fact is from: an address, a blank, and what it proves",
            ),
            Key::new(
                "polls",
                Kind::Count,
                "not known to",
                "how many requests an hour one open page of the app makes by itself",
            )
            .within("1 to 100000"),
        ],
    },
];

/// What a profile may say, table by table.
const SETTABLE: &[(&str, &[&str])] = &[
    (ROOT, &["profile", "app"]),
    ("profile", &["version", "for", "about", "facts", "polls"]),
    (
        "app.*",
        &[
            "backslash",
            "base",
            "body",
            "case",
            "cors",
            "encoded_slash",
            "headers",
            "identity",
            "log",
            "route",
            "slashes",
            "sources",
            "unlisted",
            "upstream",
            "websocket",
        ],
    ),
    ("app.*.body", &["get", "max"]),
    ("app.*.headers", &["csp", "frame", "preset", "remove"]),
    ("app.*.headers.csp", &["app", "mode", "policy"]),
    ("app.*.identity", &["strip"]),
    ("app.*.log", &["redact_query"]),
    ("app.*.upstream", &["connect", "host", "read", "retries"]),
    ("app.*.route[]", &["auth", "body", "encoded_slash", "match", "name", "websocket"]),
    ("app.*.route[].body", &["max"]),
];

/// Whether a profile may say `key` in the table of `path`.
#[must_use]
pub(crate) fn settable(path: &str, key: &str) -> bool {
    SETTABLE.iter().any(|(table, keys)| *table == path && keys.contains(&key))
}

#[cfg(test)]
mod tests {
    use super::super::{State, table};
    use super::SETTABLE;

    #[test]
    fn what_may_be_said_is_there_to_be_said() {
        for (path, keys) in SETTABLE {
            for name in *keys {
                let key = table(path).key(name);
                assert!(key.is_some_and(|key| key.state == State::Supported), "`{name}` of [{path}]");
            }
        }
    }
}
