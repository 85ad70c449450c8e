//! `[auth.*]`: which tokens are valid, and which user they name.

use super::findings::{Findings, Place, list};
use super::order::{Order, covering, exchanged, larger_is_looser, more_is_looser};
use crate::guard::caller::Provider;
use crate::guard::credential::TokenSource;
use crate::guard::jwt::{
    Alg, AmrPolicy, ClaimPaths, FetchedKeys, JwtKey, JwtPolicy, KeyDocument, KeySource, SecondFactorPolicy,
};
use crate::policy::{CertificateTrust, ServiceAddress, ServiceSecurity};
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
    let JwtPolicy {
        name: _,
        keys,
        fetched,
        issuer,
        audience,
        leeway,
        max_lifetime,
        max_bytes,
        sources,
        claims,
        mfa,
    } = old;
    findings.put(at, "keys", self::keys(keys, &new.keys), || (named(keys), named(&new.keys)));
    match (fetched, &new.fetched) {
        (None, None) => {}
        (Some(old), Some(new)) => self::fetched(old, new, at, findings),
        (old, new) => {
            let shown = |fetched: &Option<FetchedKeys>| {
                fetched.as_ref().map_or("keys of the file", |_| "keys that are fetched").to_owned()
            };
            findings.put(at, "jwks", Order::Incomparable, || (shown(old), shown(new)));
        }
    }
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
    second_factor(mfa, &new.mfa, at, findings);
}

/// What counts as a second factor. The order of the values of `acr` is for challenges alone.
fn second_factor(old: &SecondFactorPolicy, new: &SecondFactorPolicy, at: Place<'_>, findings: &mut Findings) {
    let SecondFactorPolicy { amr, acr } = old;
    let shown = |amr: &AmrPolicy| match amr {
        AmrPolicy::Registered => "mfa, or two factors".to_owned(),
        AmrPolicy::Listed(lists) => list(lists.iter().map(|list| list.join("+"))),
    };
    findings.put(at, "mfa.amr", covering(amr.covers(&new.amr), new.amr.covers(amr)), || {
        (shown(amr), shown(&new.amr))
    });
    let (before, after): (Vec<&str>, Vec<&str>) = (old.acr_values().collect(), new.acr_values().collect());
    findings.put(at, "mfa.acr", more_is_looser(&before, &after), || (acr.to_string(), new.acr.to_string()));
}

/// Whoever is asked for the keys decides which tokens are valid.
fn fetched(old: &FetchedKeys, new: &FetchedKeys, at: Place<'_>, findings: &mut Findings) {
    // How often a provider is asked at most decides about no token; the keys that are known are no part of a file.
    let FetchedKeys { source, refresh, cooldown: _, stale, store: _ } = old;
    let KeySource { document, algorithms } = source;
    let names = |algorithms: &[Alg]| list(algorithms.iter().map(|alg| alg.name().to_owned()));
    // Of two that fit a key, the first is the one that it is used with.
    let order = match more_is_looser(algorithms, &new.source.algorithms) {
        Order::Same => exchanged(algorithms, &new.source.algorithms),
        order @ (Order::Tighter | Order::Looser | Order::Incomparable) => order,
    };
    findings.put(at, "algorithms", order, || (names(algorithms), names(&new.source.algorithms)));
    let (was, is) = (address(document), address(&new.source.document));
    let url = |(key, address): (&str, &ServiceAddress)| format!("{key} {}", address.url);
    let order = match (document, &new.source.document) {
        (KeyDocument::KeySet(old), KeyDocument::KeySet(new)) => exchanged(&old.url, &new.url),
        (
            KeyDocument::Discovery { at: old, issuer: old_issuer },
            KeyDocument::Discovery { at: new, issuer: new_issuer },
        ) => exchanged(&(&old.url, old_issuer), &(&new.url, new_issuer)),
        (KeyDocument::KeySet(_), KeyDocument::Discovery { .. })
        | (KeyDocument::Discovery { .. }, KeyDocument::KeySet(_)) => Order::Incomparable,
    };
    findings.put(at, &format!("jwks.{}", is.0), order, || (url(was), url(is)));
    if order == Order::Same {
        security(&was.1.security, &is.1.security, at, findings);
    }
    for (key, old, new) in [("jwks.refresh", refresh, &new.refresh), ("jwks.stale", stale, &new.stale)] {
        findings.put(at, key, larger_is_looser(old, new), || (show_duration(*old), show_duration(*new)));
    }
}

/// The key that names a document, and where that is.
fn address(document: &KeyDocument) -> (&'static str, &ServiceAddress) {
    match document {
        KeyDocument::KeySet(at) => ("url", at),
        KeyDocument::Discovery { at, issuer: _ } => ("discovery", at),
    }
}

/// Whose answer is taken for that of the provider; the address is the same.
fn security(old: &ServiceSecurity, new: &ServiceSecurity, at: Place<'_>, findings: &mut Findings) {
    let trust = |trust: &CertificateTrust| {
        match trust {
            CertificateTrust::WebAuthorities => "the authorities that browsers trust",
            CertificateTrust::Listed(_) => "those of the file",
            CertificateTrust::Anyone => "anybody",
        }
        .to_owned()
    };
    let open = |security: &ServiceSecurity| match security {
        ServiceSecurity::Tls(_) | ServiceSecurity::PrivateNetwork => false,
        ServiceSecurity::Unprotected => true,
    };
    if let (ServiceSecurity::Tls(old), ServiceSecurity::Tls(new)) = (old, new) {
        findings
            .put(at, "jwks.ca", exchanged(&old.trust, &new.trust), || (trust(&old.trust), trust(&new.trust)));
    }
    findings.put(at, "jwks.dangerous_plain_http", larger_is_looser(open(old), open(new)), || {
        (open(old).to_string(), open(new).to_string())
    });
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
