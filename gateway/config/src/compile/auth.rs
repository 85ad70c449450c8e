//! Compiles `[auth.*]`.

use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::fetched_keys::fetched_keys;
use super::second_factor::second_factor;
use super::secrets::{dangerous, secret};
use crate::location::{Location, Setting, Spanned};
use crate::problem::{did_you_mean, shown};
use crate::raw::{self, ProviderKeys};
use stagedoor_core::guard::caller::Provider;
use stagedoor_core::guard::credential::TokenSource;
use stagedoor_core::guard::jwt::{Alg, ClaimPaths, JwtKey, JwtPolicy};

/// Every provider by its name; `None` where it failed to compile.
pub(super) struct Providers(Vec<(String, Option<Provider>)>);

impl Providers {
    /// Those of tokens that compiled.
    pub(super) fn of_tokens(&self) -> impl Iterator<Item = &Arc<JwtPolicy>> {
        self.compiled().flatten()
    }

    /// Each in its place; `None` for one of another kind.
    fn compiled(&self) -> impl Iterator<Item = Option<&Arc<JwtPolicy>>> {
        self.0.iter().map(|(_, provider)| provider.as_ref().and_then(Provider::jwt))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The provider of this name: `None` if there is none, `Some(None)` if it was refused.
    pub(super) fn named(&self, name: &str) -> Option<Option<&Provider>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, provider)| provider.as_ref())
    }

    pub(super) fn into_policies(self) -> Vec<Provider> {
        self.0.into_iter().filter_map(|(_, provider)| provider).collect()
    }
}

pub(super) fn providers(raw: &[raw::Provider], cx: &Context<'_>) -> Providers {
    let compile = |provider: &raw::Provider| {
        let raw::Provider { name, keys } = provider;
        name_fits(name, cx);
        let compiled = keys.as_ref().map(|keys| match keys {
            ProviderKeys::Jwt(keys) => Provider::Jwt(Arc::new(jwt(&name.value, keys, cx))),
            ProviderKeys::ClientCertificate => {
                Provider::ClientCertificate { name: name.value.as_str().into() }
            }
        });
        (name.value.clone(), compiled)
    };
    let providers = Providers(raw.iter().map(compile).collect());
    one_secret(raw, &providers, cx);
    providers
}

/// Reports providers that share a secret: its holder signs for each of them. Providers that expect the same of a token may
/// share one.
fn one_secret(raw: &[raw::Provider], providers: &Providers, cx: &Context<'_>) {
    let shared = |one: &JwtPolicy, other: &JwtPolicy| {
        one.keys.iter().any(|key| other.keys.iter().any(|twin| key.same_secret(twin)))
            && (&one.issuer, &one.audience) != (&other.issuer, &other.audience)
    };
    for (index, (provider, policy)) in raw.iter().zip(providers.compiled()).enumerate() {
        let Some(policy) = policy else { continue };
        let mut before = providers.compiled().take(index).flatten();
        if let Some(twin) = before.find(|other| shared(policy, other)) {
            let message = format!(
                "shares a secret with `{}`, so its holder can sign tokens of both: `{}`",
                twin.name, policy.name
            );
            let hint =
                "give each a secret of its own: another `file`, and a variable of another name in `env`";
            cx.report.warn(&provider.name.at, message, hint);
        }
    }
}

/// Names of apps and providers stand in challenges, metrics and logs.
pub(super) fn name_fits(name: &Spanned<String>, cx: &Context<'_>) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if name.value.is_empty() || name.value.len() > 64 || !name.value.bytes().all(fits) {
        let hint = "use letters, digits, `-` and `_`, at most 64";
        cx.report.problem(&name.at, format!("not a name: `{}`", shown(&name.value)), hint);
    }
}

fn jwt(name: &str, raw: &raw::JwtProvider, cx: &Context<'_>) -> JwtPolicy {
    let raw::JwtProvider {
        at,
        kind: _,
        keys: raw_keys,
        has_keys,
        jwks,
        has_jwks,
        algorithms,
        issuer,
        audience,
        leeway,
        max_lifetime,
        max_bytes,
        sources,
        claims,
        mfa,
        dangerous_any_issuer,
        dangerous_any_audience,
    } = raw;
    let issuer = required_issuer(issuer, dangerous_any_issuer, at, cx);
    match (*has_keys, *has_jwks) {
        (true, true) => {
            let at = jwks.as_ref().map_or(at, |jwks| &jwks.at);
            let hint =
                "make them two providers: [auth.NAME] with the `keys`, and another one with the `jwks`";
            cx.report.problem(at, "both `keys` and `jwks`", hint);
        }
        (false, false) => cx.report.absent(at, "keys", raw::A_KEY),
        (true, false) | (false, true) => {}
    }
    JwtPolicy {
        name: name.into(),
        keys: keys(raw_keys, cx),
        fetched: fetched_keys(name, jwks.as_ref(), algorithms, issuer.as_deref(), cx),
        issuer,
        audience: required_audience(audience, dangerous_any_audience, at, cx),
        leeway: Spanned::value_or(leeway.as_ref(), Duration::from_secs(30)),
        max_lifetime: Spanned::value_or(max_lifetime.as_ref(), Duration::from_secs(86_400)),
        max_bytes: usize::try_from(Spanned::value_or(max_bytes.as_ref(), 8 << 10)).unwrap_or(usize::MAX),
        sources: sources.as_ref().map_or_else(|| [TokenSource::Bearer].into(), |list| carriers(list, cx)),
        claims: paths(claims, cx),
        mfa: second_factor(mfa.as_ref(), cx),
    }
}

fn required_issuer(
    issuer: &Setting<String>,
    any: &Setting<bool>,
    provider: &Location,
    cx: &Context<'_>,
) -> Option<String> {
    let any = dangerous(any, "a token of any issuer is accepted", cx);
    match issuer {
        Some(given) if given.value.is_empty() => {
            cx.report.problem(&given.at, "an issuer without a name: ``", "write the `iss` of its tokens");
        }
        Some(given) if any => {
            let hint = "leave out either `issuer` or `dangerous_any_issuer`";
            cx.report.problem(
                &given.at,
                format!("`dangerous_any_issuer` beside an issuer: `{}`", given.value),
                hint,
            );
        }
        Some(given) => return Some(given.value.clone()),
        None if any => {}
        None => {
            let hint =
                "name the `iss` of its tokens: issuer = \"stagedoor\" (or say dangerous_any_issuer = true)";
            cx.report.absent(provider, "issuer", hint);
        }
    }
    None
}

fn required_audience(
    audience: &Setting<Vec<Spanned<String>>>,
    any: &Setting<bool>,
    provider: &Location,
    cx: &Context<'_>,
) -> Vec<String> {
    let any = dangerous(any, "a token for any audience is accepted", cx);
    let Some(list) = audience else {
        if !any {
            let hint =
                "name the `aud` of its tokens: audience = [\"media\"] (or say dangerous_any_audience = true)";
            cx.report.absent(provider, "audience", hint);
        }
        return Vec::new();
    };
    if any {
        let hint = "leave out either `audience` or `dangerous_any_audience`";
        cx.report.problem(&list.at, "`dangerous_any_audience` beside `audience`", hint);
    } else if list.value.is_empty() || list.value.iter().any(|one| one.value.is_empty()) {
        cx.report.vacant(
            &list.at,
            "an audience without a name",
            "write the `aud` of its tokens: [\"media\"]",
        );
    }
    list.value.iter().map(|one| one.value.clone()).collect()
}

fn keys(raw: &[raw::JwtKey], cx: &Context<'_>) -> Vec<JwtKey> {
    for (index, key) in raw.iter().enumerate() {
        let Some(kid) = &key.kid else { continue };
        if kid.value.is_empty() || kid.value.len() > 256 || kid.value.contains(char::is_control) {
            let hint = "leave it out, or use up to 256 characters";
            cx.report.problem(&kid.at, format!("not a key id: `{}`", shown(&kid.value)), hint);
        }
        let before = raw.iter().take(index).filter_map(|other| other.kid.as_ref());
        if let Some(twin) = before.into_iter().find(|other| other.value == kid.value) {
            let message = format!("another key at `{}` has the same kid: `{}`", twin.at, shown(&kid.value));
            cx.report.problem(&kid.at, message, "give every key a kid of its own");
        }
    }
    raw.iter().filter_map(|raw| key(raw, cx)).collect()
}

fn key(raw: &raw::JwtKey, cx: &Context<'_>) -> Option<JwtKey> {
    let raw::JwtKey { at, kid, alg, secret: raw_secret, public, has_public, has_secret } = raw;
    let name = alg.as_ref().map_or("HS256", |alg| alg.value.as_str());
    let place = alg.as_ref().map_or(at, |alg| &alg.at);
    let Some(alg) = raw::ALGORITHMS.contains(&name).then(|| Alg::parse(name)).flatten() else {
        let known = || raw::ALGORITHMS.iter().copied();
        let near = did_you_mean(name, known()).map_or_else(String::new, |hint| format!("{hint}; "));
        let hint = format!("{near}accepted: {}", known().collect::<Vec<_>>().join(", "));
        cx.report.problem(place, format!("not an algorithm: `{}`", shown(name)), hint);
        return None;
    };
    match (alg.is_symmetric(), *has_secret, *has_public) {
        (_, false, false) => {
            let hint = "give it `secret = { file = … }`, or `public = { file = … }` with its algorithm";
            cx.report.vacant(at, "a key with neither `secret` nor `public`", hint);
            return None;
        }
        (_, true, true) => {
            cx.report.problem(
                at,
                "a key with both `secret` and `public`",
                "make them two keys, each with its algorithm",
            );
            return None;
        }
        // RFC 8725 §3.1: a public key taken for a shared secret lets anybody sign.
        (true, false, true) => {
            let hint = "say which it is for: alg = \"RS256\", \"ES256\", \"EdDSA\" …; or give it a `secret`";
            cx.report.problem(place, format!("a public key cannot verify `{name}`"), hint);
            return None;
        }
        (false, true, false) => {
            let hint = "a secret is for HS256, HS384 or HS512; or give it `public = { file = … }`";
            cx.report.problem(place, format!("a secret cannot verify `{name}`"), hint);
            return None;
        }
        (true, true, false) | (false, false, true) => {}
    }
    let kid = kid.as_ref().map(|kid| kid.value.clone());
    let made = match raw_secret {
        Some(raw_secret) => JwtKey::secret(kid, alg, secret(raw_secret, cx)?),
        None => JwtKey::public_pem(kid, alg, &public_key(public.as_ref()?.file.as_ref()?, cx)?),
    };
    made.map_err(|why| {
        let hint = "the key has to fit its algorithm";
        cx.report.problem(at, format!("not a key for `{name}`: {why}"), hint);
    })
    .ok()
}

/// The PEM text; `None` with `--no-files`, where a policy without the key is compiled.
fn public_key(path: &Spanned<String>, cx: &Context<'_>) -> Option<Vec<u8>> {
    cx.names(&path.value, false);
    if cx.materials.stand_in() {
        return None;
    }
    let a_pem = "a PEM file with the public key or certificate of the issuer, relative to the main file";
    let fault = match cx.materials.file(&path.value) {
        Ok(material) => return Some(material.bytes.expose().clone()),
        Err(fault) => fault,
    };
    let (why, hint) = fault.explain("it is missing", a_pem);
    cx.report.problem(&path.at, format!("cannot read the key ({why}): `{}`", path.value), hint);
    None
}

/// `sources`, of a provider or of an app.
pub(super) fn carriers(list: &Spanned<Vec<Spanned<String>>>, cx: &Context<'_>) -> Arc<[TokenSource]> {
    if list.value.is_empty() {
        cx.report.vacant(
            &list.at,
            "a list without a source of tokens",
            "leave it out, or name a source: [\"bearer\"]",
        );
    }
    let mut found: Vec<TokenSource> = Vec::with_capacity(list.value.len());
    for given in &list.value {
        match TokenSource::parse(&given.value) {
            Ok(source) if found.contains(&source) => {
                cx.report.problem(&given.at, format!("listed twice: `{}`", given.value), "once is enough");
            }
            Ok(source) => found.push(source),
            Err((message, hint)) => cx.report.problem(&given.at, message, hint),
        }
    }
    found.into()
}

fn paths(raw: &raw::Claims, cx: &Context<'_>) -> ClaimPaths {
    let raw::Claims { at: _, user, roles, scopes } = raw;
    let path = |given: &Setting<String>, otherwise: &str| {
        let Some(given) = given else { return vec![otherwise.to_owned()] };
        let steps: Vec<String> = given.value.split('.').map(str::to_owned).collect();
        if steps.len() > 8 || steps.iter().any(|step| step.is_empty() || step.contains(char::is_control)) {
            let hint = "names joined by dots, at most eight: \"sub\", \"realm_access.roles\"";
            cx.report.problem(&given.at, format!("not a path to a claim: `{}`", shown(&given.value)), hint);
        }
        steps
    };
    ClaimPaths { user: path(user, "sub"), roles: path(roles, "roles"), scopes: path(scopes, "scope") }
}
