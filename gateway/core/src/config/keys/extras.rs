//! Promises.

use super::{Key, Kind, Table};

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "expect[]",
        doc: "a promise, checked on every load",
        keys: &[
            Key::new("request", Kind::Text, "required", "METHOD /path"),
            Key::new("host", Kind::Text, "a host of the app, where there is one app", "the host asked for"),
            Key::new("as", Kind::Table("expect[].as"), "nobody", "who asks"),
            Key::new("ip", Kind::Text, r#""127.0.0.1""#, "the client's address"),
            Key::new(
                "answer",
                Kind::TextOrCount,
                "required",
                "what has to come of it: the app is reached, a status, or a refusal",
            )
            .within("`forward`, 100 to 599, or a code"),
        ],
    },
    Table {
        path: "expect[].as",
        doc: "who asks",
        keys: &[
            Key::new("user", Kind::Text, "required", "the user"),
            Key::new("roles", Kind::Texts, "[]", "the roles"),
            Key::new("scopes", Kind::Texts, "[]", "the scopes"),
        ],
    },
];
