//! `[auth.*]`: which tokens are valid, and which user they name.

use super::findings::{Findings, Place, list};
use super::order::{Order, exchanged, larger_is_looser, more_is_looser};
use crate::guard::caller::Provider;
use crate::guard::credential::TokenSource;
use crate::guard::jwt::{ClaimPaths, JwtKey, JwtPolicy};
use crate::units::{show_duration, show_size};

/// A new provider authenticates no caller by itself: it is compared where an app names it.
pub(super) fn providers(old: &[Provider], new: &[Provider], findings: &mut Findings) {
    for provider in old {
        let at = ["auth", provider.name()];
        match (provider, new.iter().find(|other| other.name() == provider.name())) {
            (Provider::Jwt(old), Some(Provider::Jwt(new))) => jwt(old, new, Place::Table(&at), findings),
            // Its authorities are those of the apps.
            (Provider::ClientCertificate { .. }, Some(Provider::ClientCertificate { .. })) => {}
            (old, Some(new)) => findings.put(Place::Table(&at), "kind", Order::Incomparable, || {
                (kind(old).to_owned(), kind(new).to_owned())
            }),
            (_, None) => findings.put(Place::Table(&at), "", Order::Incomparable, || {
                ("a provider".to_owned(), "none of this name".to_owned())
            }),
        }
    }
}

fn kind(provider: &Provider) -> &'static str {
    match provider {
        Provider::Jwt(_) => "jwt",
        Provider::ClientCertificate { .. } => "client-certificate",
    }
}

fn jwt(old: &JwtPolicy, new: &JwtPolicy, at: Place<'_>, findings: &mut Findings) {
    let JwtPolicy { name: _, keys, issuer, audience, leeway, max_lifetime, max_bytes, sources, claims } = old;
    findings.put(at, "keys", self::keys(keys, &new.keys), || (named(keys), named(&new.keys)));
    let order = match (issuer, &new.issuer) {
        (Some(old), Some(new)) => exchanged(old, new),
        (old, new) => larger_is_looser(old.is_none(), new.is_none()),
    };
    let shown = |issuer: &Option<String>| issuer.clone().unwrap_or_else(|| "any".to_owned());
    findings.put(at, "issuer", order, || (shown(issuer), shown(&new.issuer)));
    let order = match (audience.is_empty(), new.audience.is_empty()) {
        (false, false) => more_is_looser(audience, &new.audience),
        (old, new) => larger_is_looser(old, new),
    };
    let shown = |audience: &[String]| if audience.is_empty() { "any".to_owned() } else { list(audience) };
    findings.put(at, "audience", order, || (shown(audience), shown(&new.audience)));
    for (key, old, new) in
        [("leeway", leeway, &new.leeway), ("max_lifetime", max_lifetime, &new.max_lifetime)]
    {
        findings.put(at, key, larger_is_looser(old, new), || (show_duration(*old), show_duration(*new)));
    }
    let bytes = |count: usize| show_size(u64::try_from(count).unwrap_or(u64::MAX));
    findings.put(at, "max_bytes", larger_is_looser(*max_bytes, new.max_bytes), || {
        (bytes(*max_bytes), bytes(new.max_bytes))
    });
    findings
        .put(at, "sources", self::sources(sources, &new.sources), || (places(sources), places(&new.sources)));
    let ClaimPaths { user, roles, scopes } = claims;
    for (key, old, new) in [
        ("claims.user", user, &new.claims.user),
        ("claims.roles", roles, &new.claims.roles),
        ("claims.scopes", scopes, &new.claims.scopes),
    ] {
        findings.put(at, key, exchanged(old, new), || (old.join("."), new.join(".")));
    }
}

/// Each further key makes further tokens valid. The order decides which of them sign, and which are tried of more
/// than a token is tried with.
fn keys(old: &[JwtKey], new: &[JwtKey]) -> Order {
    let digests = |keys: &[JwtKey]| keys.iter().map(|key| *key.digest()).collect::<Vec<_>>();
    let (old, new) = (digests(old), digests(new));
    let few = |keys: &[[u8; 32]]| keys.len() <= JwtPolicy::MAX_TRIES;
    match more_is_looser(&old, &new) {
        Order::Same => exchanged(&old, &new),
        order if few(&old) && few(&new) => order,
        Order::Tighter | Order::Looser | Order::Incomparable => Order::Incomparable,
    }
}

/// Where tokens are read. A token in a place that is no longer read is forwarded to the app.
pub(super) fn sources(old: &[TokenSource], new: &[TokenSource]) -> Order {
    match more_is_looser(old, new) {
        Order::Tighter => Order::Incomparable,
        order @ (Order::Same | Order::Looser | Order::Incomparable) => order,
    }
}

/// Sources as they are written.
pub(super) fn places(sources: &[TokenSource]) -> String {
    list(sources.iter().map(|source| match source {
        TokenSource::Bearer => "bearer".to_owned(),
        TokenSource::Header(name) => format!("header:{name}"),
        TokenSource::Cookie(name) => format!("cookie:{name}"),
        TokenSource::Query(name) => format!("query:{name}"),
    }))
}

/// Keys by their names, since the keys are secrets.
fn named(keys: &[JwtKey]) -> String {
    let name = |key: &JwtKey| format!("{} {}", key.alg().name(), key.kid().unwrap_or("without a kid"));
    let names = list(keys.iter().map(name));
    format!("{}: {names}", keys.len())
}
