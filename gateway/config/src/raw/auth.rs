//! `[auth.*]` and secrets.

use std::time::Duration;

use super::reader::{Reader, UNREAD};
use crate::location::{Location, Setting, Spanned};

/// One `[auth.NAME]`.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: Spanned<String>,
    /// `None` where its kind is not built, or not said: that was reported.
    pub(crate) jwt: Option<Keys>,
}

/// A provider of kind `jwt`.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) at: Location,
    pub(crate) keys: Vec<JwtKey>,
    pub(crate) issuer: Setting<String>,
    pub(crate) audience: Setting<Vec<Spanned<String>>>,
    pub(crate) leeway: Setting<Duration>,
    pub(crate) max_lifetime: Setting<Duration>,
    pub(crate) max_bytes: Setting<u64>,
    pub(crate) sources: Setting<Vec<Spanned<String>>>,
    pub(crate) claims: Claims,
    pub(crate) dangerous_any_issuer: Setting<bool>,
    pub(crate) dangerous_any_audience: Setting<bool>,
}

#[derive(Debug)]
pub(crate) struct JwtKey {
    pub(crate) at: Location,
    pub(crate) kid: Setting<String>,
    pub(crate) alg: Setting<String>,
    pub(crate) secret: Option<Secret>,
    /// The PEM file of a public key.
    pub(crate) public: Setting<String>,
    /// `public` was written, whatever came of it.
    pub(crate) has_public: bool,
    /// `secret` was written, whatever came of it.
    pub(crate) has_secret: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Claims {
    pub(crate) user: Setting<String>,
    pub(crate) roles: Setting<String>,
    pub(crate) scopes: Setting<String>,
}

/// Where a secret comes from.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub(crate) at: Location,
    pub(crate) file: Setting<String>,
    pub(crate) env: Setting<String>,
    pub(crate) generate: Setting<bool>,
    pub(crate) dangerous_open_file: Setting<bool>,
    pub(crate) dangerous_weak: Setting<bool>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Jwt,
    NotYet,
}

pub(super) fn read(root: &Reader<'_>) -> Vec<Provider> {
    // A provider of a kind that is not built is told once, by its kind: its keys are not looked at.
    let path = |table: &toml::de::DeTable<'_>| {
        let kind = table.get("kind").and_then(|kind| kind.get_ref().as_str().map(str::to_owned));
        match kind.as_deref() {
            None | Some("jwt") => "auth.*",
            Some(_) => UNREAD,
        }
    };
    root.named_by("auth", path).into_iter().map(|(name, table)| provider(name, &table)).collect()
}

fn provider(name: Spanned<String>, table: &Reader<'_>) -> Provider {
    const KINDS: &[(&str, Way)] = &[
        ("jwt", Way::Jwt),
        ("forward", Way::NotYet),
        ("introspection", Way::NotYet),
        ("api-key", Way::NotYet),
        ("session", Way::NotYet),
    ];
    table.require("kind", "say what it is: kind = \"jwt\"");
    let kind = table.choice("kind", KINDS);
    let way = kind.as_ref().map(|kind| kind.value);
    if let (Some(Way::NotYet), Some(kind)) = (way, table.text("kind")) {
        table.report().problem(
            &kind.at,
            format!("kind of provider not yet supported: `{}`", kind.value),
            "kind = \"jwt\" is what there is so far",
        );
    }
    // Without its kind a provider is read as the one kind there is, so that its other mistakes are told too.
    let jwt = (way == Some(Way::Jwt) || !table.has("kind")).then(|| jwt(table));
    Provider { name, jwt }
}

fn jwt(table: &Reader<'_>) -> Keys {
    let not_yet = table.has("jwks");
    const A_KEY: &str =
        "give it a key: keys = [{ secret = { file = \"data/jwt_secret\", generate = true } }]";
    if !not_yet {
        table.require("keys", A_KEY);
    }
    let keys: Vec<JwtKey> = table.children("keys", "auth.*.keys[]").iter().map(key).collect();
    if keys.is_empty() && table.has("keys") {
        table.report().vacant(&table.place("keys"), "a provider that verifies nothing", A_KEY);
    }
    Keys {
        at: table.at.clone(),
        keys,
        issuer: table.text("issuer"),
        audience: table.text_or_texts("audience"),
        leeway: table.duration("leeway", Duration::ZERO..=Duration::from_secs(600)),
        max_lifetime: table.duration("max_lifetime", Duration::from_secs(1)..=days(3650)),
        max_bytes: table.size("max_bytes", 128..=64 << 10),
        sources: table.texts("sources"),
        claims: table.child("claims", "auth.*.claims").map(|t| claims(&t)).unwrap_or_default(),
        dangerous_any_issuer: table.flag("dangerous_any_issuer"),
        dangerous_any_audience: table.flag("dangerous_any_audience"),
    }
}

fn key(table: &Reader<'_>) -> JwtKey {
    let public = table.child("public", "auth.*.keys[].public");
    if let Some(public) = &public {
        public.require("file", "name its PEM file: public = { file = \"tls/issuer.pem\" }");
    }
    JwtKey {
        at: table.at.clone(),
        kid: table.text("kid"),
        alg: table.text("alg"),
        secret: table.child("secret", "secret").map(|t| secret(&t)),
        public: public.and_then(|t| t.text("file")),
        has_public: table.has("public"),
        has_secret: table.has("secret"),
    }
}

fn claims(table: &Reader<'_>) -> Claims {
    Claims { user: table.text("user"), roles: table.text("roles"), scopes: table.text("scopes") }
}

pub(super) fn secret(table: &Reader<'_>) -> Secret {
    Secret {
        at: table.at.clone(),
        file: table.text("file"),
        env: table.text("env"),
        generate: table.flag("generate"),
        dangerous_open_file: table.flag("dangerous_open_file"),
        dangerous_weak: table.flag("dangerous_weak"),
    }
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}
