//! The providers that an app accepts, and where the tokens of its callers are read.

use std::sync::Arc;

use super::auth::Providers;
use super::context::Context;
use crate::location::{Location, Spanned};
use crate::problem::{Report, did_you_mean, shown};
use crate::raw::{self, AuthMode};
use stagedoor_core::guard::caller::{Accepted, AcceptedProvider, AuthPolicy, Provider};
use stagedoor_core::guard::credential::TokenSource;
use stagedoor_core::guard::jwt::JwtPolicy;
use stagedoor_core::policy::App;

/// Who may speak for the callers of an app.
pub(super) struct AppProviders<'a> {
    pub(super) all: &'a Providers,
    /// The app's own choice.
    pub(super) by: Vec<Provider>,
    pub(super) sources: TokenSources,
    /// Clients of the app have to show certificates.
    pub(super) has_authority: bool,
}

/// Where the tokens of an app's callers are read.
pub(super) enum TokenSources {
    /// Where each provider says.
    Providers,
    /// Where the app says.
    App(Arc<[TokenSource]>),
}

impl AppProviders<'_> {
    /// The providers of a `by`.
    pub(super) fn choose(&self, by: &Spanned<Vec<Spanned<String>>>, cx: &Context<'_>) -> Vec<Provider> {
        choose(by, self.all, self.has_authority, cx)
    }

    // An empty list of providers accepts no token: where a part failed to compile, callers are refused.
    pub(super) fn policy(&self, ask: AuthMode, by: &[Provider]) -> AuthPolicy {
        let accepted = || Accepted {
            tokens: by
                .iter()
                .filter_map(Provider::jwt)
                .map(|provider| self.accepted_provider(provider))
                .collect(),
            certificates: by.iter().find(|provider| provider.jwt().is_none()).map(Provider::name).cloned(),
        };
        match ask {
            AuthMode::Public => AuthPolicy::Public,
            AuthMode::Optional => AuthPolicy::Optional(accepted()),
            AuthMode::Required => AuthPolicy::Required(accepted()),
        }
    }

    fn accepted_provider(&self, provider: &Arc<JwtPolicy>) -> AcceptedProvider {
        match &self.sources {
            TokenSources::Providers => Arc::clone(provider).into(),
            TokenSources::App(sources) => {
                AcceptedProvider { provider: Arc::clone(provider), sources: Arc::clone(sources) }
            }
        }
    }

    /// Every carrier of every provider of the app, whichever route it serves.
    pub(super) fn carriers(&self, routes: &[raw::Route]) -> Vec<TokenSource> {
        if let TokenSources::App(sources) = &self.sources {
            return sources.to_vec();
        }
        let of_routes = routes.iter().flat_map(|route| &route.by).flat_map(|by| &by.value);
        let named = of_routes.filter_map(|given| self.all.named(&given.value).flatten());
        let mut all: Vec<TokenSource> = Vec::new();
        let tokens = self.by.iter().chain(named).filter_map(Provider::jwt);
        for source in tokens.flat_map(|provider| provider.sources.iter()) {
            if !all.contains(source) {
                all.push(source.clone());
            }
        }
        all
    }
}

pub(super) fn choose(
    by: &Spanned<Vec<Spanned<String>>>,
    providers: &Providers,
    has_authority: bool,
    cx: &Context<'_>,
) -> Vec<Provider> {
    if by.value.is_empty() {
        cx.report.vacant(
            &by.at,
            "a list without a provider",
            "name a provider, or leave `by` out where there is one alone",
        );
    }
    let mut found: Vec<Provider> = Vec::with_capacity(by.value.len());
    for given in &by.value {
        match providers.named(&given.value) {
            Some(Some(provider)) if found.iter().any(|other| other.is(provider)) => {
                cx.report.problem(&given.at, format!("listed twice: `{}`", given.value), "once is enough");
            }
            Some(Some(provider @ Provider::ClientCertificate { .. })) => {
                wants_authority(has_authority, &given.at, &given.value, cx);
                found.push(provider.clone());
            }
            Some(Some(provider @ Provider::Jwt(_))) => found.push(provider.clone()),
            Some(None) => {}
            None => {
                let hint = did_you_mean(&given.value, providers.names())
                    .unwrap_or_else(|| format!("define it: [auth.{}]", shown(&given.value)));
                cx.report.missing(&given.at, format!("no such provider: `{}`", shown(&given.value)), hint);
            }
        }
    }
    if found.len() > 1
        && let Some(certificates) = found.iter().find(|provider| provider.jwt().is_none())
    {
        let message = format!("another provider beside one of certificates: `{}`", certificates.name());
        let hint = "a user of one would be taken for the user of that name of the other: leave one out, or give routes a `by` of their own";
        cx.report.problem(&by.at, message, hint);
    }
    found
}

/// Reports a provider of certificates for an app that asks its clients for none: it would know nobody.
fn wants_authority(has_authority: bool, at: &Location, name: &str, cx: &Context<'_>) {
    if !has_authority {
        let message = format!("the app asks its clients for no certificates, so `{name}` knows nobody");
        cx.report.problem(at, message, "say who issues them: client_ca = \"tls/clients.pem\"");
    }
}

/// Reports callers who need a second factor, at the place that says so, where certificates alone name them: those say nothing of one.
pub(super) fn refuse_certificates(at: &Location, by: &[Provider], cx: &Context<'_>) {
    if let Some(certificates) = by.first().filter(|_| by.iter().all(|provider| provider.jwt().is_none())) {
        let message = format!(
            "no certificate says that its user used a second factor, so `{}` lets nobody in",
            certificates.name()
        );
        cx.report.problem(at, message, "leave `mfa` out, or name a provider of tokens in `by`");
    }
}

/// Reports apps that share a provider of certificates while other authorities issue them: two clients could have one name.
pub(super) fn refuse_two_authorities(raw: &[raw::App], apps: &[Option<App>], report: &Report) {
    let mut known: Vec<(&Arc<str>, &App)> = Vec::new();
    for (raw, app) in raw.iter().zip(apps) {
        let Some(app) = app else { continue };
        let named = app.routes.all().filter_map(|route| route.auth.accepted()?.certificates.as_ref());
        for provider in named {
            let id = |app: &App| app.client_authority.as_ref().map(|authority| authority.id());
            match known.iter().find(|(name, _)| *name == provider) {
                Some((_, other)) if id(other) == id(app) => {}
                Some((_, other)) => {
                    let message = format!(
                        "other authorities than those of `{}` name the callers of the same provider: `{provider}`",
                        other.name
                    );
                    report.problem(&raw.at, message, "define a provider for each `client_ca`");
                    break;
                }
                None => known.push((provider, app)),
            }
        }
    }
}

/// The only provider there is, for an app that names none.
pub(super) fn only(
    providers: &Providers,
    has_authority: bool,
    app: &raw::App,
    app_asks: bool,
    cx: &Context<'_>,
) -> Vec<Provider> {
    let names: Vec<&str> = providers.names().collect();
    let (at, routes) = (&app.at, &app.routes);
    // Where every route that asks says whom, the app itself need not.
    let said = !app_asks
        && routes.iter().all(|route| {
            route.by.is_some() || route.auth.as_ref().is_none_or(|auth| auth.value == AuthMode::Public)
        });
    match names.as_slice() {
        [one] => {
            let one = providers.named(one).flatten().cloned();
            if let Some(provider @ Provider::ClientCertificate { .. }) = &one {
                wants_authority(has_authority, at, provider.name(), cx);
            }
            one.into_iter().collect()
        }
        _ if said => Vec::new(),
        [] => {
            let hint = "define one: [auth.house] kind = \"jwt\" …; or say auth = \"public\"";
            cx.report.missing(at, "no provider is defined, so no caller can be authenticated", hint);
            Vec::new()
        }
        several => {
            let hint = format!("say which: by = [\"{}\"]", several.first().unwrap_or(&""));
            let hint = format!("there are several providers, {}: {hint}", several.join(", "));
            cx.report.absent(at, "by", hint);
            Vec::new()
        }
    }
}
