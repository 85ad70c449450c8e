//! Who can prove who they are: `[auth.*]` and secrets.

use super::{Key, Kind, Table};

/// Every kind of provider, built or not.
const KINDS: &[&str] = &["jwt", "forward", "introspection", "api-key", "session"];

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "auth.*",
        doc: "a provider of identities",
        keys: &[
            Key::new(
                "kind",
                Kind::Choice(KINDS),
                "required",
                "how it proves them; only jwt is supported so far",
            ),
            Key::new(
                "keys",
                Kind::Tables("auth.*.keys[]"),
                "required",
                "the keys; the first secret signs, all verify",
            ),
            Key::new(
                "issuer",
                Kind::Text,
                "required, unless `dangerous_any_issuer`",
                "the one `iss` that is accepted",
            ),
            Key::new(
                "audience",
                Kind::TextOrTexts,
                "required, unless `dangerous_any_audience`",
                "a token's `aud` must hold one of these",
            ),
            Key::new("leeway", Kind::Duration, r#""30s""#, "how far clocks may differ").within("0ms to 10m"),
            Key::new(
                "max_lifetime",
                Kind::Duration,
                r#""24h""#,
                "the longest validity: `exp` − `iat`, or `exp` − now without `iat`",
            )
            .within("1s to 3650d"),
            Key::new("max_bytes", Kind::Size, r#""8KiB""#, "bytes of a token").within("128B to 64KiB"),
            Key::new(
                "sources",
                Kind::Texts,
                r#"["bearer"]"#,
                "where a token may be: bearer, header:NAME, cookie:NAME, query:NAME",
            )
            .mind("a query parameter ends up in histories and in the logs of others"),
            Key::new("claims", Kind::Table("auth.*.claims"), "", "where a token says who its bearer is"),
            Key::new("dangerous_any_issuer", Kind::Flag, "false", "accept a token whoever issued it")
                .mind("whoever shares the key can issue tokens for this gateway"),
            Key::new(
                "dangerous_any_audience",
                Kind::Flag,
                "false",
                "accept a token whomever it was issued for",
            )
            .mind("a token for another service opens this one"),
            Key::not_yet("jwks", Kind::Table("auth.*.jwks"), "keys that are fetched"),
            Key::not_yet("algorithms", Kind::Texts, "algorithms of fetched keys"),
        ],
    },
    Table {
        path: "auth.*.keys[]",
        doc: "a key with its one algorithm",
        keys: &[
            Key::new("kid", Kind::Text, "none", "its name in the header of a token")
                .within("1 to 256 characters"),
            Key::new("alg", Kind::Text, r#""HS256""#, "its algorithm (RFC 7518)").within(
                "HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA",
            ),
            Key::new(
                "secret",
                Kind::Table("secret"),
                "required, unless `public`",
                "the shared secret of HS256, HS384 or HS512",
            ),
            Key::new(
                "public",
                Kind::Table("auth.*.keys[].public"),
                "required, unless `secret`",
                "the public key of any other algorithm",
            ),
        ],
    },
    Table {
        path: "auth.*.keys[].public",
        doc: "a public key",
        keys: &[Key::new("file", Kind::Text, "required", "its PEM file, relative to the main file")],
    },
    Table {
        path: "auth.*.claims",
        doc: "where a token says who its bearer is; a dotted path reaches nested claims",
        keys: &[
            Key::new("user", Kind::Text, r#""sub""#, "the user; required of every token")
                .within("at most eight names, joined by dots"),
            Key::new("roles", Kind::Text, r#""roles""#, "the roles")
                .within("at most eight names, joined by dots"),
            Key::new("scopes", Kind::Text, r#""scope""#, "the scopes")
                .within("at most eight names, joined by dots"),
        ],
    },
    Table {
        path: "secret",
        doc: "a secret: its file is read first, then its variable",
        keys: &[
            Key::new("file", Kind::Text, "required, unless `env`", "its file, relative to the main file"),
            Key::new("env", Kind::Text, "required, unless `file`", "its environment variable"),
            Key::later("vault", Kind::Text, "its place in the vault"),
            Key::new("generate", Kind::Flag, "false", "make one of 256 bits and save it to the file (0600)"),
            Key::new("dangerous_open_file", Kind::Flag, "false", "use a file that group or others can read")
                .mind("every user of the machine may hold the secret"),
            Key::new("dangerous_weak", Kind::Flag, "false", "use a short, guessable or well-known secret")
                .mind("it can be guessed offline from a single token"),
        ],
    },
];
