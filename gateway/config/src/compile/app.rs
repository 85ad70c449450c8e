//! Compiles `[app.*]`.

use std::net::IpAddr;
use std::sync::Arc;

use super::app_providers::{AppProviders, TokenSources, choose, only, refuse_certificates};
use super::auth::{self, Providers, name_fits};
use super::context::Context;
use super::route::RouteDefaults;
use super::{authorities, cors, headers, identity, limits, networks, route, server, streams, upstream};
use crate::location::{Setting, Spanned};
use crate::raw::{self, AuthMode};
use stagedoor_core::guard::access::AccessPolicy;
use stagedoor_core::guard::body::BodyPolicy;
use stagedoor_core::guard::caller::Provider;
use stagedoor_core::guard::cors::CorsPolicy;
use stagedoor_core::guard::credential::CarrierPolicy;
use stagedoor_core::guard::origin::OriginPolicy;
use stagedoor_core::guard::target::{Backslash, PathPolicy, Slashes};
use stagedoor_core::policy::UpstreamHost;
use stagedoor_core::policy::{App, AppAddress, ClientAuthority, ErrorShape, TlsPolicy, UpstreamPolicy};
use stagedoor_core::response_out::ResponsePolicy;

/// What an app refers to.
pub(super) struct Around<'a> {
    pub(super) providers: &'a Providers,
    pub(super) tls: &'a TlsPolicy,
    /// `server.tls.client_ca`, for apps that name no file of their own.
    pub(super) usual_authority: &'a Option<Arc<ClientAuthority>>,
}

/// One app; `None` if its routes clash.
pub(super) fn app(raw: &raw::App, index: usize, around: &Around<'_>, cx: &Context<'_>) -> Option<App> {
    let Around { providers, .. } = *around;
    let raw::App {
        at: _,
        name,
        uses: _,
        base: _,
        polls: _,
        hosts: raw_hosts,
        upstream: raw_upstream,
        auth,
        by: _,
        sources: _,
        client_ca,
        mfa,
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
        streams: raw_streams,
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
    let client_authority = client_authority(client_ca.as_ref(), raw_hosts.as_ref(), around, cx);
    let app_providers = app_providers(raw, (ask, needed), client_authority.is_some(), providers, cx);
    let defaults = RouteDefaults {
        ask,
        mfa: second_factor(mfa.as_ref(), needed, (ask, &app_providers.by), cx),
        providers: &app_providers,
        body: BodyPolicy {
            max: Spanned::value_or(max.as_ref(), 10 << 20),
            on_get: Spanned::value_or(get.as_ref(), true),
        },
        websocket: Spanned::value_or(websocket.as_ref(), true),
        encoded_slash: Spanned::value_or(encoded_slash.as_ref(), false),
        origin: Spanned::value_or(check.as_ref(), OriginPolicy::Cookies),
        streams: streams::of_app(raw_streams, cx),
        cors_app: matches!(raw_cors, Some(raw::Cors::App(_))),
    };
    let path = paths(exact_case, slashes, backslash);
    let app_limits = limits::app(raw, cx);
    let routes = route::routes(raw, &app_limits, &defaults, path, cx);
    let (upstream, host) = match raw_upstream {
        Some(raw) => upstream::upstream(raw, cx),
        None => (nowhere(), UpstreamHost::Keep),
    };
    let sources = app_providers.carriers(raw_routes);
    let (forward, keep) = identity::identity(raw_identity.as_ref(), host, &sources, cx);
    let cors = cors::cors(raw_cors.as_ref(), cx);
    let settings = headers::headers(raw_headers.as_ref(), matches!(cors, CorsPolicy::App), &upstream, cx);
    Some(App {
        name: name.value.as_str().into(),
        index,
        hosts: raw_hosts.iter().flat_map(|hosts| &hosts.value).map(|host| host.value.clone()).collect(),
        path,
        client_authority,
        access: access(raw_access.as_ref(), cx),
        limit: limits::policy(app_limits.ip),
        in_flight: limits::in_flight(&raw.limit),
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

fn paths(
    exact_case: &Setting<bool>,
    slashes: &Setting<Slashes>,
    backslash: &Setting<Backslash>,
) -> PathPolicy {
    PathPolicy {
        exact_case: Spanned::value_or(exact_case.as_ref(), false),
        slashes: Spanned::value_or(slashes.as_ref(), Slashes::Keep),
        backslash: Spanned::value_or(backslash.as_ref(), Backslash::Refuse),
    }
}

/// Who may name the callers of the app; `needed` is whether any of them is asked who they are.
fn app_providers<'a>(
    raw: &raw::App,
    (ask, needed): (AuthMode, bool),
    has_authority: bool,
    all: &'a Providers,
    cx: &Context<'_>,
) -> AppProviders<'a> {
    let by = match &raw.by {
        Some(by) => choose(by, all, has_authority, cx),
        None if needed => only(all, has_authority, raw, ask != AuthMode::Public, cx),
        None => Vec::new(),
    };
    let listed = raw.sources.as_ref().map(|list| auth::carriers(list, cx));
    AppProviders {
        all,
        by,
        sources: listed.map_or(TokenSources::Providers, TokenSources::App),
        has_authority,
    }
}

/// `mfa` of the app; `needed` is whether any of its callers is asked who they are.
fn second_factor(
    mfa: Option<&Spanned<bool>>,
    needed: bool,
    (ask, by): (AuthMode, &[Provider]),
    cx: &Context<'_>,
) -> bool {
    let Some(mfa) = mfa.filter(|mfa| mfa.value) else { return false };
    if !needed {
        let hint = "leave it out, or say auth = \"required\"";
        cx.report.problem(&mfa.at, "no caller is asked for a second factor: every path is public", hint);
    }
    if ask != AuthMode::Public {
        refuse_certificates(&mfa.at, by, cx);
    }
    true
}

/// The authorities of its clients, where they have to show certificates.
fn client_authority(
    own: Option<&Spanned<String>>,
    hosts: Option<&Spanned<Vec<Spanned<String>>>>,
    around: &Around<'_>,
    cx: &Context<'_>,
) -> Option<Arc<ClientAuthority>> {
    let authority = match own {
        None => around.usual_authority.clone()?,
        Some(path) => {
            if around.tls.https().is_none() {
                let hint = "clients show certificates over https alone: add [server.tls] with a certificate";
                cx.report.problem(&path.at, "`client_ca` without https listeners", hint);
            }
            authorities::client_authority(path, cx)
        }
    };
    let is_address = |host: &&Spanned<String>| host.value.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    for address in hosts.iter().flat_map(|hosts| &hosts.value).filter(is_address) {
        let message = format!(
            "clients show no certificate under an address, so nobody gets in there: `{}`",
            address.value
        );
        let hint = "give it a name: a client names no server in a handshake with an address";
        cx.report.warn(&address.at, message, hint);
    }
    Some(authority)
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
    UpstreamPolicy {
        url: String::new(),
        address: AppAddress::Tcp(String::new()),
        connect: zero,
        read: zero,
        retries: 0,
    }
}
