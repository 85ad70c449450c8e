//! The providers that an app accepts, and where the tokens of its callers are read.

use std::sync::Arc;

use super::auth::Providers;
use super::context::Context;
use crate::location::{Location, Spanned};
use crate::problem::{did_you_mean, shown};
use crate::raw::{self, AuthMode};
use stagedoor_core::guard::caller::{AcceptedProvider, AuthPolicy};
use stagedoor_core::guard::credential::TokenSource;
use stagedoor_core::guard::jwt::JwtPolicy;

/// Who may speak for the callers of an app.
pub(super) struct AppProviders<'a> {
    pub(super) all: &'a Providers,
    /// The app's own choice.
    pub(super) by: Vec<Arc<JwtPolicy>>,
    pub(super) sources: TokenSources,
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
    pub(super) fn choose(&self, by: &Spanned<Vec<Spanned<String>>>, cx: &Context<'_>) -> Vec<Arc<JwtPolicy>> {
        choose(by, self.all, cx)
    }

    // An empty list of providers accepts no token: where a part failed to compile, callers are refused.
    pub(super) fn policy(&self, ask: AuthMode, by: &[Arc<JwtPolicy>]) -> AuthPolicy {
        let accepted_providers = || by.iter().map(|provider| self.accepted_provider(provider)).collect();
        match ask {
            AuthMode::Public => AuthPolicy::Public,
            AuthMode::Optional => AuthPolicy::Optional(accepted_providers()),
            AuthMode::Required => AuthPolicy::Required(accepted_providers()),
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
        for source in self.by.iter().chain(named).flat_map(|provider| provider.sources.iter()) {
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
    cx: &Context<'_>,
) -> Vec<Arc<JwtPolicy>> {
    if by.value.is_empty() {
        cx.report.vacant(
            &by.at,
            "a list without a provider",
            "name a provider, or leave `by` out where there is one alone",
        );
    }
    let mut found: Vec<Arc<JwtPolicy>> = Vec::with_capacity(by.value.len());
    for given in &by.value {
        match providers.named(&given.value) {
            Some(Some(provider)) if found.iter().any(|other| Arc::ptr_eq(other, provider)) => {
                cx.report.problem(&given.at, format!("listed twice: `{}`", given.value), "once is enough");
            }
            Some(Some(provider)) => found.push(Arc::clone(provider)),
            Some(None) => {}
            None => {
                let hint = did_you_mean(&given.value, providers.names())
                    .unwrap_or_else(|| format!("define it: [auth.{}]", shown(&given.value)));
                cx.report.missing(&given.at, format!("no such provider: `{}`", shown(&given.value)), hint);
            }
        }
    }
    found
}

/// The only provider there is, for an app that names none.
pub(super) fn only(
    providers: &Providers,
    app: &Location,
    routes: &[raw::Route],
    app_asks: bool,
    cx: &Context<'_>,
) -> Vec<Arc<JwtPolicy>> {
    let names: Vec<&str> = providers.names().collect();
    // Where every route that asks says whom, the app itself need not.
    let said = !app_asks
        && routes.iter().all(|route| {
            route.by.is_some() || route.auth.as_ref().is_none_or(|auth| auth.value == AuthMode::Public)
        });
    match names.as_slice() {
        [one] => providers.named(one).flatten().cloned().into_iter().collect(),
        _ if said => Vec::new(),
        [] => {
            let hint = "define one: [auth.house] kind = \"jwt\" …; or say auth = \"public\"";
            cx.report.missing(app, "no provider is defined, so no caller can be authenticated", hint);
            Vec::new()
        }
        several => {
            let hint = format!("say which: by = [\"{}\"]", several.first().unwrap_or(&""));
            let hint = format!("there are several providers, {}: {hint}", several.join(", "));
            cx.report.absent(app, "by", hint);
            Vec::new()
        }
    }
}
