//! `[app.*]`.

use std::sync::Arc;

use super::auth::{self, Providers, name_fits};
use super::{Context, cors, headers, identity, limits, networks, route, server, upstream};
use crate::location::{Location, Spanned};
use crate::problem::{did_you_mean, shown};
use crate::raw::{self, AuthMode};
use stagedoor_core::guard::access::AccessPolicy;
use stagedoor_core::guard::body::BodyPolicy;
use stagedoor_core::guard::caller::{AcceptedProvider, AuthPolicy};
use stagedoor_core::guard::cors::CorsPolicy;
use stagedoor_core::guard::credential::{CarrierPolicy, TokenSource};
use stagedoor_core::guard::jwt::JwtPolicy;
use stagedoor_core::guard::origin::OriginPolicy;
use stagedoor_core::guard::target::{Backslash, PathPolicy, Slashes};
use stagedoor_core::policy::UpstreamHost;
use stagedoor_core::policy::{App, ErrorShape, UpstreamPolicy};
use stagedoor_core::response_out::ResponsePolicy;

/// What a route has where it says nothing.
pub(super) struct Defaults<'a> {
    pub(super) ask: AuthMode,
    pub(super) identified: &'a Identified<'a>,
    pub(super) body: BodyPolicy,
    pub(super) websocket: bool,
    pub(super) encoded_slash: bool,
    pub(super) origin: OriginPolicy,
    /// CORS is the app's.
    pub(super) cors_app: bool,
}

/// Who may speak for the callers of an app.
pub(super) struct Identified<'a> {
    all: &'a Providers,
    /// The app's own choice.
    pub(super) by: Vec<Arc<JwtPolicy>>,
    slot: Slot,
}

/// Where the tokens of an app's callers are read.
enum Slot {
    /// Where each provider says.
    Providers,
    /// Where the app says.
    App(Arc<[TokenSource]>),
}

impl Identified<'_> {
    /// The providers of a `by`.
    pub(super) fn choose(&self, by: &Spanned<Vec<Spanned<String>>>, cx: &Context<'_>) -> Vec<Arc<JwtPolicy>> {
        choose(by, self.all, cx)
    }

    // An empty list of providers authenticates nobody: a part that failed refuses.
    pub(super) fn policy(&self, ask: AuthMode, by: &[Arc<JwtPolicy>]) -> AuthPolicy {
        let speakers = || by.iter().map(|provider| self.speaker(provider)).collect();
        match ask {
            AuthMode::Public => AuthPolicy::Public,
            AuthMode::Optional => AuthPolicy::Optional(speakers()),
            AuthMode::Required => AuthPolicy::Required(speakers()),
        }
    }

    fn speaker(&self, provider: &Arc<JwtPolicy>) -> AcceptedProvider {
        match &self.slot {
            Slot::Providers => Arc::clone(provider).into(),
            Slot::App(sources) => {
                AcceptedProvider { provider: Arc::clone(provider), sources: Arc::clone(sources) }
            }
        }
    }

    /// Every carrier of every provider of the app, whichever route it serves.
    fn carriers(&self, routes: &[raw::Route]) -> Vec<TokenSource> {
        if let Slot::App(sources) = &self.slot {
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

/// One app; `None` if its routes clash.
pub(super) fn app(raw: &raw::App, index: usize, providers: &Providers, cx: &Context<'_>) -> Option<App> {
    let raw::App {
        at,
        name,
        uses: _,
        base: _,
        polls: _,
        hosts: raw_hosts,
        upstream: raw_upstream,
        auth,
        by,
        sources,
        unlisted: _,
        errors,
        identity: raw_identity,
        websocket,
        mode: _,
        limit: _,
        body,
        exact_case,
        slashes,
        backslash,
        encoded_slash,
        access: raw_access,
        cors: raw_cors,
        headers: raw_headers,
        origin,
        log,
        routes: raw_routes,
    } = raw;
    let raw::AppBody { at: _, max, get } = body;
    let raw::AppOrigin { at: _, check } = origin;
    let raw::AppLog { at: _, redact_query } = log;
    name_fits(name, cx);
    if let Some(empty) = raw_hosts.as_ref().filter(|hosts| hosts.value.is_empty()) {
        cx.report.vacant(&empty.at, "an app without a host", "name one: hosts = [\"media.example.com\"]");
    }
    let ask = Spanned::value_or(auth.as_ref(), AuthMode::Required);
    let asks = |ask: AuthMode| ask != AuthMode::Public;
    let needed =
        asks(ask) || raw_routes.iter().any(|route| route.auth.as_ref().is_some_and(|auth| asks(auth.value)));
    let own_by = match by {
        Some(by) => choose(by, providers, cx),
        None if needed => only(providers, at, raw_routes, asks(ask), cx),
        None => Vec::new(),
    };
    let slot = sources.as_ref().map_or(Slot::Providers, |list| Slot::App(auth::carriers(list, cx)));
    let identified = Identified { all: providers, by: own_by, slot };
    let defaults = Defaults {
        ask,
        identified: &identified,
        body: BodyPolicy {
            max: Spanned::value_or(max.as_ref(), 10 << 20),
            on_get: Spanned::value_or(get.as_ref(), true),
        },
        websocket: Spanned::value_or(websocket.as_ref(), true),
        encoded_slash: Spanned::value_or(encoded_slash.as_ref(), false),
        origin: Spanned::value_or(check.as_ref(), OriginPolicy::Cookies),
        cors_app: matches!(raw_cors, Some(raw::Cors::App(_))),
    };
    let path = PathPolicy {
        exact_case: Spanned::value_or(exact_case.as_ref(), false),
        slashes: Spanned::value_or(slashes.as_ref(), Slashes::Keep),
        backslash: Spanned::value_or(backslash.as_ref(), Backslash::Refuse),
    };
    let app_limits = limits::app(raw, cx);
    let routes = route::routes(raw, &app_limits, &defaults, path, cx);
    let (upstream, host) = match raw_upstream {
        Some(raw) => upstream::upstream(raw, cx),
        None => (nowhere(), UpstreamHost::Keep),
    };
    let sources = identified.carriers(raw_routes);
    let (forward, keep) = identity::identity(raw_identity.as_ref(), host, &sources, cx);
    let cors = cors::cors(raw_cors.as_ref(), cx);
    let settings = headers::headers(raw_headers.as_ref(), matches!(cors, CorsPolicy::App), &upstream, cx);
    Some(App {
        name: name.value.as_str().into(),
        index,
        hosts: raw_hosts.iter().flat_map(|hosts| &hosts.value).map(|host| host.value.clone()).collect(),
        path,
        access: access(raw_access.as_ref(), cx),
        limit: limits::policy(app_limits.ip),
        carriers: CarrierPolicy { sources, keep },
        routes: routes?,
        cors,
        forward,
        response: ResponsePolicy::compile(&settings),
        errors: Spanned::value_or(errors.as_ref(), ErrorShape::Problem),
        upstream,
        redact_query: redact_query
            .as_ref()
            .map(|list| server::parameters(list, cx.report))
            .unwrap_or_default(),
    })
}

fn choose(
    by: &Spanned<Vec<Spanned<String>>>,
    providers: &Providers,
    cx: &Context<'_>,
) -> Vec<Arc<JwtPolicy>> {
    if by.value.is_empty() {
        cx.report.vacant(
            &by.at,
            "nobody to ask",
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
fn only(
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
            cx.report.missing(app, "nobody to ask who a caller is: no provider is defined", hint);
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

fn access(raw: Option<&raw::Access>, cx: &Context<'_>) -> AccessPolicy {
    let Some(raw::Access { at, allow, deny }) = raw else { return AccessPolicy::Anyone };
    let lists = (networks::list(allow, cx.report), networks::list(deny, cx.report));
    if let Some(empty) = allow.as_ref().filter(|allow| allow.value.is_empty()) {
        cx.report.vacant(&empty.at, "nobody is allowed", "leave `allow` out to let all addresses in");
    }
    if allow.is_none() && deny.is_none() {
        cx.report.vacant(at, "neither `allow` nor `deny`", "list networks, or leave the table out");
    }
    let (allow, deny) = lists;
    AccessPolicy::Listed { allow, deny }
}

fn nowhere() -> UpstreamPolicy {
    let zero = std::time::Duration::ZERO;
    UpstreamPolicy { url: String::new(), authority: String::new(), connect: zero, read: zero, retries: 0 }
}
