//! Providers and secrets: `[auth.*]`.

use std::time::Duration;

use toml::de::DeTable;

use crate::keys::key::Table;
use crate::keys::nested::{ConfigTable, group, table, tables};
use crate::keys::patterns::{CONTEXT, METHODS, PUBLIC_ALGORITHM, SERVICE_URL, SOURCE};
use crate::keys::reader::Reader;
use crate::keys::row::Row;
use crate::keys::table::table;
use crate::keys::value::{
    Choice, KIB, choice, days, duration, flag, minutes, secs, size, text, text_or_texts, texts, word,
};
use crate::location::{Setting, Spanned, Texts};

/// One `[auth.NAME]`.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: Spanned<String>,
    /// `None` where its kind is not built, or not a kind: that was reported.
    pub(crate) keys: Option<ProviderKeys>,
}

/// What the table of a provider says, by its kind.
#[derive(Debug)]
pub(crate) enum ProviderKeys {
    Jwt(Box<JwtProvider>),
    ClientCertificate,
}

/// `kind`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProviderKind {
    Jwt,
    ClientCertificate,
}

impl ConfigTable for Provider {
    const TABLE: &'static Table = JwtProvider::TABLE;

    fn read(reader: &Reader<'_>) -> Self {
        let name = reader.name.clone().unwrap_or_default();
        // A provider without `kind` is read as the usual one, so that its other mistakes are reported too.
        let kind = if reader.has("kind") { ProviderKind::of(reader) } else { Some(ProviderKind::Jwt) };
        let keys = kind.map(|kind| match kind {
            ProviderKind::Jwt => ProviderKeys::Jwt(Box::new(JwtProvider::read(reader))),
            ProviderKind::ClientCertificate => {
                refuse_keys_of_tokens(reader);
                ProviderKeys::ClientCertificate
            }
        });
        Self { name, keys }
    }

    /// A provider of a kind that is not built is reported once, at its `kind`; its other keys are not checked.
    fn is_judged(table: &DeTable<'_>) -> bool {
        let kind = table.get("kind").and_then(|kind| kind.get_ref().as_str());
        kind.is_none_or(|kind| kind == "jwt" || kind == CLIENT_CERTIFICATE)
    }
}

impl ProviderKind {
    fn of(reader: &Reader<'_>) -> Option<Self> {
        KIND.read(reader, "kind").map(|kind| kind.value)
    }
}

/// Reports keys that say something of tokens, in the table of a provider that has none.
fn refuse_keys_of_tokens(reader: &Reader<'_>) {
    for key in JwtProvider::TABLE.keys.iter().filter(|key| key.name != "kind" && reader.has(key.name)) {
        let message = format!("`{}` beside `kind = \"{CLIENT_CERTIFICATE}\"`", key.name);
        reader.report().problem(&reader.place(key.name), message, "leave it out: it is for tokens");
    }
}

/// The path of the table of a provider.
pub(crate) const PROVIDER: &str = "auth.*";
/// The kind of a provider that has no further keys.
pub(crate) const CLIENT_CERTIFICATE: &str = "client-certificate";

const KIND: Row<Choice<ProviderKind>> = choice!(
    "jwt" => ProviderKind::Jwt, "client-certificate" => ProviderKind::ClientCertificate,
)
.planned(
    &["forward", "introspection", "api-key", "session"],
    "kind of provider not yet supported",
    "kind = \"jwt\" and kind = \"client-certificate\" are what there is so far",
)
.required("say what it is: kind = \"jwt\"");

/// What to write where a provider has no key.
pub(crate) const A_KEY: &str = "give it a key: keys = [{ secret = { file = \"data/jwt_secret\", generate = true } }]; or say where its \
                                keys are: jwks = { url = \"https://idp.example.com/jwks.json\" }";

/// The algorithms of tokens (RFC 7518, RFC 8037).
pub(crate) const ALGORITHMS: &[&str] = &[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
    "EdDSA",
];

table! {
    /// A provider of identities.
    #[derive(Debug)]
    pub(crate) struct JwtProvider at "auth.*" {
        /// How it proves them: jwt by a signed token (RFC 7519), whose keys follow; client-certificate by the certificate that the apps
        /// ask of their clients (`client_ca`), with its common name as the user and its organisational units as the roles, and without a
        /// further key.
        kind: Setting<ProviderKind> = KIND,
        /// The keys that verify tokens; the first secret also signs the tokens of `stagedoor token`.
        keys: Vec<JwtKey> = tables::<JwtKey>().filled_or("a provider that verifies nothing", A_KEY)
            .required_unless("jwks")
            .mind("the holder of a secret or of a private key can make tokens in any name"),
        /// In place of keys, those that the provider publishes (RFC 7517): they are fetched while the gateway runs. Until they are
        /// known, its tokens get 503 `identity_unavailable`.
        jwks: Option<Jwks> = table::<Jwks>(),
        /// The algorithms that keys of `jwks` may be used with (RFC 7518); a key that names none is used with the first of these that
        /// fits it.
        algorithms: Texts = texts().default_texts(&["RS256", "ES256", "EdDSA"]).like(PUBLIC_ALGORITHM).filled()
            .by_server(),
        /// The one issuer (`iss`) that is accepted.
        issuer: Setting<String> = text().required_unless("dangerous_any_issuer"),
        /// The audiences that are accepted: the `aud` of a token has to hold one of these.
        audience: Texts = text_or_texts().required_unless("dangerous_any_audience").filled(),
        /// How far the clocks of issuer and gateway may differ.
        leeway: Setting<Duration> = duration(Duration::ZERO, minutes(10)).default("30s")
            .mind("an expired token is accepted that much longer"),
        /// The longest validity of a token: `exp` − `iat`, or `exp` − now without `iat`.
        max_lifetime: Setting<Duration> = duration(secs(1), days(3650)).default("24h")
            .mind("a stolen token may be good for that long"),
        /// How long a token may be.
        max_bytes: Setting<u64> = size(128, 64 * KIB).default("8KiB"),
        /// Where a token may be: bearer, header:NAME, cookie:NAME, query:NAME.
        sources: Texts = texts().default_texts(&["bearer"]).like(SOURCE).filled()
            .mind("a token in a query parameter ends up in histories and in the logs of others; a cookie is \
                sent with requests of any page, which is what `origin.check` is for"),
        /// Which claims of a token name the caller.
        claims: Claims = group::<Claims>(),
        /// What in a token says that its user used a second factor, for routes with `mfa = true`. Where the table is written, what it
        /// names counts and nothing else.
        mfa: Option<Mfa> = table::<Mfa>()
            .otherwise("`amr` holds mfa, or methods of two different kinds (RFC 8176): pwd, pin, kba; otp, hwk, swk, sc, sms, tel, pop; \
                face, fpt, iris, retina, vbm"),
        /// Accept tokens of any issuer.
        dangerous_any_issuer: Setting<bool> = flag().default_flag(false)
            .mind("every holder of the key can issue tokens for this gateway"),
        /// Accept tokens for any audience.
        dangerous_any_audience: Setting<bool> = flag().default_flag(false)
            .mind("a token that was issued for another service opens this one"),
    }
    beside |reader| {
        /// Whether `keys` was written, even if it was refused.
        has_keys: bool = reader.has("keys"),
        /// Whether `jwks` was written, even if it was refused.
        has_jwks: bool = reader.has("jwks"),
    }
}

table! {
    /// Keys that a provider publishes, and how they are fetched. A refresh that fails, and a document that cannot be used, changes nothing.
    #[derive(Debug)]
    pub(crate) struct Jwks at "auth.*.jwks" {
        /// The address of the JSON Web Key Set: https://HOST/PATH, or http://HOST:PORT/PATH on this machine or in a private network.
        url: Setting<String> = text().required_unless("discovery").like(SERVICE_URL).by_server(),
        /// In place of url, the address of the document in which the provider describes itself (OpenID Connect Discovery 1.0): its
        /// `issuer` has to be that of the provider here, and its `jwks_uri` is where the keys are.
        discovery: Setting<String> = text().required_unless("url").like(SERVICE_URL).by_server(),
        /// How long keys are used before they are fetched again; the cache headers of the provider may shorten it, down to the cooldown.
        refresh: Setting<Duration> = duration(secs(1), days(1)).default("10m").by_server()
            .mind("a key that the provider has withdrawn is accepted for that long"),
        /// The shortest time between two fetches, however many tokens name a key that is not known.
        cooldown: Setting<Duration> = duration(secs(1), minutes(60)).default("10s").by_server(),
        /// How long keys are used after they were to be fetched again, while they cannot be.
        stale: Setting<Duration> = duration(Duration::ZERO, days(30)).default("24h").by_server()
            .mind("whoever keeps the gateway from its provider keeps a withdrawn key in force for that long"),
        /// For an https address: the PEM file with the authorities that may have issued the certificate of the provider, or with that
        /// certificate itself; relative to the main file.
        ca: Setting<String> = text().otherwise("the authorities that browsers trust").by_server()
            .mind("whoever has the key of one of them can publish keys in the name of the provider"),
        /// Fetch keys without TLS from anywhere, not only from this machine and from private networks.
        dangerous_plain_http: Setting<bool> = flag().default_flag(false).by_server()
            .mind("anybody on the way can publish keys in the name of the provider, and make tokens in any name"),
    }
}

table! {
    /// A key, with the one algorithm that it is used with.
    #[derive(Debug)]
    pub(crate) struct JwtKey at "auth.*.keys[]" {
        /// Its id, as in the `kid` of the header of a token.
        kid: Setting<String> = text().otherwise("none").accepts("1 to 256 characters"),
        /// The one algorithm that it is used with (RFC 7518).
        alg: Setting<String> = word(ALGORITHMS).default("HS256"),
        /// The shared secret of HS256, HS384 or HS512.
        secret: Option<Secret> = table::<Secret>().required_unless("public")
            .mind("every service that can verify with it can also sign with it"),
        /// The public key of any other algorithm.
        public: Option<PublicKey> = table::<PublicKey>().required_unless("secret"),
    }
    beside |reader| {
        /// Whether `public` was written, even if it was refused.
        has_public: bool = reader.has("public"),
        /// Whether `secret` was written, even if it was refused.
        has_secret: bool = reader.has("secret"),
    }
}

table! {
    /// A public key.
    #[derive(Debug)]
    pub(crate) struct PublicKey at "auth.*.keys[].public" {
        /// Its PEM file, relative to the main file.
        file: Setting<String> = text()
            .required("name its PEM file: public = { file = \"tls/issuer.pem\" }"),
    }
}

table! {
    /// Which claims of a token name the caller; a dotted path reaches nested claims.
    #[derive(Debug, Default)]
    pub(crate) struct Claims at "auth.*.claims" {
        /// The claim that names the user; every token has to have it.
        user: Setting<String> = text().default("sub").accepts("at most eight names, joined by dots"),
        /// The claim that lists the roles.
        roles: Setting<String> = text().default("roles").accepts("at most eight names, joined by dots"),
        /// The claim that lists the scopes.
        scopes: Setting<String> = text().default("scope").accepts("at most eight names, joined by dots"),
    }
}

table! {
    /// What in a token says that its user used a second factor; one value of either list is enough.
    #[derive(Debug)]
    pub(crate) struct Mfa at "auth.*.mfa" {
        /// Authentication methods (`amr`, RFC 8176); with `+` between them, all are needed: `pwd+otp`.
        amr: Texts = texts().required_unless("acr").like(METHODS).filled().at_most(8)
            .mind("a method that is no second factor by itself opens what asks for one"),
        /// Authentication contexts (`acr`, RFC 9470), in order of preference: a client that is refused is told them in
        /// `acr_values`, so that it can sign in anew.
        acr: Texts = texts().required_unless("amr").like(CONTEXT).filled().at_most(8)
            .mind("a context without a second factor opens what asks for one"),
    }
}

table! {
    /// A secret: its file is read first, then its variable.
    #[derive(Clone, Debug)]
    pub(crate) struct Secret at "secret" {
        /// The file that holds it, relative to the main file.
        file: Setting<String> = text().required_unless("env"),
        /// The environment variable that holds it.
        env: Setting<String> = text().required_unless("file")
            .mind("variables are visible to tools that inspect the process or the container; a file of mode \
                0600 is not"),
        /// Generate a secret of 256 bits where there is none, and save it to the file (mode 0600).
        generate: Setting<bool> = flag().default_flag(false),
        /// Use a file that group or others can read.
        dangerous_open_file: Setting<bool> = flag().default_flag(false)
            .mind("every user of the machine may be able to read the secret"),
        /// Use a short, guessable or well-known secret.
        dangerous_weak: Setting<bool> = flag().default_flag(false)
            .mind("it can be guessed offline from a single token"),
    }
    not yet {
        "vault": "Its place in the vault.",
    }
}
