//! Compiles `jwks` and `algorithms`: keys that are fetched from a provider.

use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::service::{self, ProtectionKeys};
use crate::location::{Setting, Spanned};
use crate::problem::{did_you_mean, shown};
use crate::raw;
use stagedoor_core::guard::caller::Provider;
use stagedoor_core::guard::jwt::{Alg, FetchedKeys, KeyDocument, KeySource, KeyStore};
use stagedoor_core::policy::ServiceAddress;

/// The keys that the provider `name` publishes; `None` where they are not to be fetched, or cannot be, which is reported.
pub(super) fn fetched_keys(
    name: &str,
    raw: Option<&raw::Jwks>,
    algorithms: &Setting<Vec<Spanned<String>>>,
    issuer: Option<&str>,
    cx: &Context<'_>,
) -> Option<FetchedKeys> {
    let Some(raw) = raw else {
        if let Some(algorithms) = algorithms {
            let hint = "a key of `keys` names its own `alg`: leave `algorithms` out, or name the `jwks` of the provider";
            cx.report.problem(&algorithms.at, "`algorithms` without `jwks`", hint);
        }
        return None;
    };
    let algorithms = self::algorithms(algorithms, cx);
    let raw::Jwks { at, url, discovery, refresh, cooldown, stale, ca, dangerous_plain_http } = raw;
    let address =
        |url: &Spanned<String>| service::address(url, &ProtectionKeys { ca, dangerous_plain_http }, cx);
    let document = match (url, discovery) {
        (Some(_), Some(discovery)) => {
            let hint = "leave one of them out: `discovery` finds the address that `url` names";
            cx.report.problem(&discovery.at, "both `url` and `discovery`", hint);
            None
        }
        (Some(url), None) => address(url).map(KeyDocument::KeySet),
        (None, Some(discovery)) => address(discovery).and_then(|at| described(at, discovery, issuer, cx)),
        (None, None) => {
            let hint = "say where the keys are: jwks = { url = \"https://idp.example.com/jwks.json\" }, or \
                        jwks = { discovery = \"https://idp.example.com/.well-known/openid-configuration\" }";
            cx.report.vacant(at, "`jwks` with neither `url` nor `discovery`", hint);
            None
        }
    };
    let refresh_after = Spanned::value_or(refresh.as_ref(), Duration::from_secs(600));
    let pause = Spanned::value_or(cooldown.as_ref(), Duration::from_secs(10));
    if pause > refresh_after {
        let at = cooldown.as_ref().or(refresh.as_ref()).map_or(at, |given| &given.at);
        let hint = "two fetches are at least `cooldown` apart, and at most `refresh`";
        cx.report.problem(at, "`cooldown` is longer than `refresh`", hint);
    }
    let source = KeySource { document: document?, algorithms };
    Some(FetchedKeys {
        store: store(name, &source, cx),
        source,
        refresh: refresh_after,
        cooldown: pause,
        stale: Spanned::value_or(stale.as_ref(), Duration::from_secs(86_400)),
    })
}

/// A document of the provider about itself, which has to be of its issuer.
fn described(
    at: ServiceAddress,
    discovery: &Spanned<String>,
    issuer: Option<&str>,
    cx: &Context<'_>,
) -> Option<KeyDocument> {
    let Some(issuer) = issuer else {
        let hint = "name the `issuer` of the provider, or the address of its keys in `url`";
        cx.report.problem(&discovery.at, "`discovery` without an `issuer` to compare", hint);
        return None;
    };
    Some(KeyDocument::Discovery { at, issuer: issuer.to_owned() })
}

/// The keys that are known already, while their source is the same.
fn store(name: &str, source: &KeySource, cx: &Context<'_>) -> Arc<KeyStore> {
    let before = cx.previous.into_iter().flat_map(|policy| &policy.providers);
    let mut before = before.filter(|provider| &**provider.name() == name).filter_map(Provider::jwt);
    let same =
        before.find_map(|provider| provider.fetched.as_ref().filter(|fetched| fetched.source == *source));
    same.map(|fetched| Arc::clone(&fetched.store)).unwrap_or_default()
}

fn algorithms(given: &Setting<Vec<Spanned<String>>>, cx: &Context<'_>) -> Vec<Alg> {
    let Some(list) = given else { return vec![Alg::Rs256, Alg::Es256, Alg::EdDsa] };
    if list.value.is_empty() {
        cx.report.vacant(&list.at, "a list without an algorithm", "leave it out, or name one: [\"RS256\"]");
    }
    let usable = || Alg::ALL.into_iter().filter(|alg| !alg.is_symmetric());
    let mut found: Vec<Alg> = Vec::with_capacity(list.value.len());
    for Spanned { value: name, at } in &list.value {
        match usable().find(|alg| alg.name() == name) {
            Some(alg) if found.contains(&alg) => {
                cx.report.problem(at, format!("listed twice: `{name}`"), "once is enough");
            }
            Some(alg) => found.push(alg),
            None => {
                let symmetric = Alg::parse(name).is_some_and(Alg::is_symmetric);
                let message = if symmetric {
                    format!("a published key is no secret, and cannot be used with this algorithm: `{name}`")
                } else {
                    format!("not an algorithm: `{}`", shown(name))
                };
                let near = did_you_mean(name, usable().map(Alg::name));
                let near = near.filter(|_| !symmetric).map_or_else(String::new, |hint| format!("{hint}; "));
                let all: Vec<&str> = usable().map(Alg::name).collect();
                cx.report.problem(at, message, format!("{near}accepted: {}", all.join(", ")));
            }
        }
    }
    found
}
