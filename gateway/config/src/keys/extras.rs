//! Promises.

use super::{Key, Kind, Table};

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "expect[]",
        doc: "a promise, checked on every load",
        keys: &[
            Key::new("request", Kind::Text, "required", "the request: METHOD /path"),
            Key::new(
                "host",
                Kind::Text,
                "a host of the app, where there is one app",
                "the host that is asked for",
            ),
            Key::new(
                "as",
                Kind::Table("expect[].as"),
                "nobody",
                "who asks: a caller as a provider would name one",
            ),
            Key::new("ip", Kind::Text, r#""127.0.0.1""#, "the address the client has"),
            Key::new(
                "answer",
                Kind::TextOrCount,
                "required",
                "what has to come of it: the app is reached, a status, or a refusal",
            )
            .within("`forward`, 100 to 599, or a code")
            .like("^[a-z_]+$"),
        ],
    },
    Table {
        path: "expect[].as",
        doc: "who asks",
        keys: &[
            Key::new("user", Kind::Text, "required", "the name of the user"),
            Key::new("roles", Kind::Texts, "[]", "the roles of the user"),
            Key::new("scopes", Kind::Texts, "[]", "the scopes of the token"),
        ],
    },
];
