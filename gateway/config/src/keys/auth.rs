//! Who can prove who they are: `[auth.*]` and secrets.

use super::{Key, Kind, SOURCE, Table};

const ALGORITHMS: &[&str] = &[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
    "EdDSA",
];

pub(super) const TABLES: &[Table] = &[
    Table {
        path: "auth.*",
        doc: "a provider of identities",
        keys: &[
            Key::new(
                "kind",
                Kind::Choice(&["jwt"]),
                "required",
                "how it proves them; a signed token (RFC 7519) is the one way so far",
            ),
            Key::new(
                "keys",
                Kind::Tables("auth.*.keys[]"),
                "required",
                "the keys that verify; the first secret also signs what `stagedoor token` makes",
            )
            .filled()
            .mind("whoever has a secret or a private key makes tokens in any name"),
            Key::new(
                "issuer",
                Kind::Text,
                "required, unless `dangerous_any_issuer`",
                "the one issuer (`iss`) that is accepted",
            ),
            Key::new(
                "audience",
                Kind::TextOrTexts,
                "required, unless `dangerous_any_audience`",
                "for whom a token has to be: its `aud` holds one of these",
            )
            .filled(),
            Key::new("leeway", Kind::Duration, r#""30s""#, "how far the clocks of issuer and gateway may differ").within("0ms to 10m")
                .mind("an expired token is accepted that much longer"),
            Key::new(
                "max_lifetime",
                Kind::Duration,
                r#""24h""#,
                "the longest validity: `exp` − `iat`, or `exp` − now without `iat`",
            )
            .within("1s to 3650d")
            .mind("a stolen token may be good for that long"),
            Key::new("max_bytes", Kind::Size, r#""8KiB""#, "how long a token may be").within("128B to 64KiB"),
            Key::new(
                "sources",
                Kind::Texts,
                r#"["bearer"]"#,
                "where a token may stand: bearer, header:NAME, cookie:NAME, query:NAME",
            )
            .like(SOURCE)
            .filled()
            .mind("a query parameter ends up in histories and in the logs of others; a cookie is sent whoever's page asks, which `origin.check` minds"),
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
            Key::new("kid", Kind::Text, "none", "its name, as in the `kid` of a token's header")
                .within("1 to 256 characters"),
            Key::new("alg", Kind::Choice(ALGORITHMS), r#""HS256""#, "the one algorithm it is for (RFC 7518)"),
            Key::new(
                "secret",
                Kind::Table("secret"),
                "required, unless `public`",
                "the shared secret of HS256, HS384 or HS512",
            )
            .mind("whoever can verify with it can sign with it"),
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
            Key::new("user", Kind::Text, r#""sub""#, "the claim that names the user; every token has to have it")
                .within("at most eight names, joined by dots"),
            Key::new("roles", Kind::Text, r#""roles""#, "the claim that lists the roles")
                .within("at most eight names, joined by dots"),
            Key::new("scopes", Kind::Text, r#""scope""#, "the claim that lists the scopes")
                .within("at most eight names, joined by dots"),
        ],
    },
    Table {
        path: "secret",
        doc: "a secret: its file is read first, then its variable",
        keys: &[
            Key::new("file", Kind::Text, "required, unless `env`", "the file that holds it, relative to the main file"),
            Key::new("env", Kind::Text, "required, unless `file`", "the environment variable that holds it")
                .mind("a variable shows in what describes the process or the container; a file of 0600 does not"),
            Key::later("vault", Kind::Text, "its place in the vault"),
            Key::new("generate", Kind::Flag, "false", "make one of 256 bits where there is none, and save it to the file (0600)"),
            Key::new("dangerous_open_file", Kind::Flag, "false", "use a file that group or others can read")
                .mind("every user of the machine may hold the secret"),
            Key::new("dangerous_weak", Kind::Flag, "false", "use a short, guessable or well-known secret")
                .mind("it can be guessed offline from a single token"),
        ],
    },
];
