//! Compiles `[[app.*.route]]` into the routes of an app.

use std::sync::Arc;

use super::app_providers::{AppProviders, refuse_certificates};
use super::context::Context;
use super::limits::{AppLimits, RouteLimits, policy};
use super::methods::unknown_method;
use super::signature;
use super::streams;
use crate::location::{Location, Setting, Spanned};
use crate::problem::{did_you_mean, shown};
use crate::raw::{self, AuthMode};
use stagedoor_core::guard::body::BodyPolicy;
use stagedoor_core::guard::cors::PreflightPolicy;
use stagedoor_core::guard::gateway_pages;
use stagedoor_core::guard::origin::OriginPolicy;
use stagedoor_core::guard::permission::{OwnerPolicy, PermissionPolicy};
use stagedoor_core::guard::routes::Route;
use stagedoor_core::guard::routes::{Clash, Layer, Pattern, RoutesPolicy, Unlisted};
use stagedoor_core::guard::streams::StreamsPolicy;
use stagedoor_core::guard::target::PathPolicy;
use stagedoor_core::guard::upgrade::UpgradePolicy;

/// The settings of the app, for routes that do not set their own.
pub(super) struct RouteDefaults<'a> {
    pub(super) ask: AuthMode,
    pub(super) mfa: bool,
    pub(super) providers: &'a AppProviders<'a>,
    pub(super) body: BodyPolicy,
    pub(super) websocket: bool,
    pub(super) encoded_slash: bool,
    pub(super) origin: OriginPolicy,
    pub(super) streams: StreamsPolicy,
    /// The app answers CORS itself: `cors = "app"`.
    pub(super) cors_app: bool,
}

/// The routes of an app, compiled into its table.
pub(super) fn routes(
    raw: &raw::App,
    limits: &AppLimits,
    defaults: &RouteDefaults<'_>,
    paths: PathPolicy,
    cx: &Context<'_>,
) -> Option<RoutesPolicy> {
    let labels: Vec<Arc<str>> = raw.routes.iter().map(|route| label(route, cx)).collect();
    let own_limits = super::limits::routes(raw, &labels, cx);
    let mut patterns: Vec<(Pattern, Arc<Route>)> = Vec::new();
    let mut written: Vec<&Spanned<String>> = Vec::new();
    for (index, ((route, label), own)) in raw.routes.iter().zip(labels).zip(own_limits).enumerate() {
        let parsed = parse(route, cx);
        let compiled = Arc::new(self::route(route, label, index + 1, &parsed, limits, own, defaults, cx));
        for (given, pattern) in parsed {
            written.push(given);
            patterns.push((pattern, Arc::clone(&compiled)));
        }
    }
    let own = Arc::new(unlisted(limits, defaults));
    let mode = Spanned::value_or(raw.unlisted.as_ref(), Unlisted::Inherit);
    if mode == Unlisted::Inherit {
        warn_of_other_methods(raw, cx);
    }
    RoutesPolicy::build(patterns, own, mode, paths)
        .map_err(|clashes| clashes.iter().for_each(|clash| report_clash(clash, &written, cx)))
        .ok()
}

fn label(route: &raw::Route, cx: &Context<'_>) -> Arc<str> {
    let first = route.matches.as_ref().and_then(|list| list.value.first());
    let Some(name) = &route.name else {
        return first.map_or_else(|| "?".into(), |given| given.value.as_str().into());
    };
    let visible = name.value.len() <= 128 && name.value.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    if name.value.is_empty() || name.value == "-" || !visible {
        let hint = "up to 128 visible characters; `-` stands for unlisted paths";
        cx.report.problem(&name.at, format!("not a name of a route: `{}`", shown(&name.value)), hint);
    }
    name.value.as_str().into()
}

fn parse<'r>(route: &'r raw::Route, cx: &Context<'_>) -> Vec<(&'r Spanned<String>, Pattern)> {
    let list = route.matches.as_ref();
    if let Some(list) = list.filter(|list| list.value.is_empty()) {
        cx.report.vacant(&list.at, "a route that matches nothing", "write match = \"GET /api/items/{id}\"");
    }
    let parse = |given: &'r Spanned<String>| match Pattern::parse(&given.value) {
        Ok(pattern) if gateway_pages::covers(pattern.path().as_bytes()) => {
            let hint = "remove it: no request for a path there reaches the app";
            cx.report.problem(
                &given.at,
                format!("the gateway's own pages are there: `{}`", given.value),
                hint,
            );
            None
        }
        Ok(pattern) => {
            if let Some(method) = pattern.method().filter(|_| !pattern.method_is_known()) {
                unknown_method(method, &given.at, cx);
            }
            Some((given, pattern))
        }
        Err(fault) => {
            cx.report.problem(&given.at, fault.message, fault.hint);
            None
        }
    };
    list.into_iter().flat_map(|list| &list.value).filter_map(parse).collect()
}

/// The policy of paths that no route matches: that of the app.
fn unlisted(limits: &AppLimits, defaults: &RouteDefaults<'_>) -> Route {
    Route {
        label: "-".into(),
        patterns: Box::default(),
        index: 0,
        layer: Layer::App,
        app_limit: true,
        ip_limit: policy([]),
        body: defaults.body,
        auth: defaults.providers.policy(defaults.ask, &defaults.providers.by),
        permission: PermissionPolicy {
            mfa: defaults.mfa && defaults.ask != AuthMode::Public,
            ..PermissionPolicy::default()
        },
        signature: None,
        caller_limit: policy(limits.user.iter().cloned()),
        origin: defaults.origin,
        preflight: PreflightPolicy::App,
        upgrade: upgrade(defaults.websocket),
        streams: defaults.streams,
        encoded_slash: defaults.encoded_slash,
    }
}

#[allow(clippy::too_many_arguments, reason = "what a route is made of, each of another kind")]
fn route(
    raw: &raw::Route,
    label: Arc<str>,
    index: usize,
    parsed: &[(&Spanned<String>, Pattern)],
    app: &AppLimits,
    own: RouteLimits,
    defaults: &RouteDefaults<'_>,
    cx: &Context<'_>,
) -> Route {
    let raw::Route {
        at: _,
        layer,
        matches: _,
        name: _,
        auth,
        by,
        roles,
        scopes,
        owner: raw_owner,
        mfa,
        limit,
        bucket: _,
        body,
        websocket,
        encoded_slash,
        origin,
        streams: raw_streams,
        preflight: raw_preflight,
        signature: raw_signature,
        mode: _,
    } = raw;
    let raw::RouteLimit { at: _, ip: _, user: _, app: with_app } = limit;
    let raw::RouteBody { at: _, max } = body;
    let raw::RouteOrigin { at: _, check } = origin;
    let ask = Spanned::value_or(auth.as_ref(), defaults.ask);
    let providers = match by {
        Some(by) => defaults.providers.choose(by, cx),
        None => defaults.providers.by.clone(),
    };
    if ask == AuthMode::Public {
        refuse_public(raw, cx);
    }
    let mfa = ask != AuthMode::Public && Spanned::value_or(mfa.as_ref(), defaults.mfa);
    // Of a route that takes both from its app, the app is told.
    let said = [raw.mfa.as_ref().map(|given| &given.at), by.as_ref().map(|given| &given.at)];
    if let Some(at) = said.into_iter().flatten().next().filter(|_| mfa) {
        refuse_certificates(at, &providers, cx);
    }
    let app_limit = Spanned::value_or(with_app.as_ref(), true);
    let shared = app.user.iter().filter(|_| app_limit).cloned();
    let signature = raw_signature.as_ref().and_then(|raw| signature::signature(raw, cx)).map(Arc::new);
    let body = BodyPolicy { max: Spanned::value_or(max.as_ref(), defaults.body.max), ..defaults.body };
    Route {
        label,
        patterns: super::limits::patterns(raw).into(),
        index,
        layer: *layer,
        app_limit,
        ip_limit: policy(own.ip),
        body: if raw_signature.is_some() { signature::body(body, max.as_ref(), cx) } else { body },
        auth: defaults.providers.policy(ask, &providers),
        permission: PermissionPolicy {
            roles: named(roles, "role", cx),
            scopes: named(scopes, "scope", cx),
            owner: owner(raw_owner.as_ref(), &raw.at, parsed, cx),
            mfa,
        },
        signature,
        caller_limit: policy(shared.chain(own.user)),
        origin: Spanned::value_or(check.as_ref(), defaults.origin),
        preflight: preflight(raw, raw_preflight.as_ref(), defaults, cx),
        upgrade: upgrade(Spanned::value_or(websocket.as_ref(), defaults.websocket)),
        streams: streams::of_route(raw_streams, defaults.streams, cx),
        encoded_slash: Spanned::value_or(encoded_slash.as_ref(), defaults.encoded_slash),
    }
}

fn upgrade(allowed: bool) -> UpgradePolicy {
    if allowed { UpgradePolicy::Websocket } else { UpgradePolicy::Forbidden }
}

/// Whether preflights reach the app. A handler that ignores the method acts as if the preflight were the request itself, for
/// a caller without credentials: on a route with roles, scopes, an owner or
/// `mfa` of its own the operator has to allow it.
fn preflight(
    raw: &raw::Route,
    said: Option<&Spanned<()>>,
    defaults: &RouteDefaults<'_>,
    cx: &Context<'_>,
) -> PreflightPolicy {
    let guarded = raw.roles.is_some()
        || raw.scopes.is_some()
        || raw.owner.is_some()
        || asks_mfa(raw)
        || raw.signature.is_some();
    match said {
        Some(given) if !defaults.cors_app => {
            let hint = "leave it out; or let the app answer them: cors = \"app\"";
            cx.report.problem(&given.at, "the gateway answers preflights of this app: `preflight`", hint);
            PreflightPolicy::LikeAny
        }
        Some(given) if guarded => {
            let message = "anybody's preflight reaches the app on a route with roles, scopes, an owner, mfa or a signature: `app`";
            cx.report.warn(&given.at, message, "be sure that the app does nothing on OPTIONS there");
            PreflightPolicy::App
        }
        Some(_) => PreflightPolicy::App,
        None if guarded => PreflightPolicy::LikeAny,
        None => PreflightPolicy::App,
    }
}

/// Whether the route itself asks for a second factor.
fn asks_mfa(raw: &raw::Route) -> bool {
    raw.mfa.as_ref().is_some_and(|mfa| mfa.value)
}

/// Reports keys that need a caller on a public route, which has none.
fn refuse_public(raw: &raw::Route, cx: &Context<'_>) {
    let places = [
        ("roles", raw.roles.as_ref().map(|given| &given.at)),
        ("scopes", raw.scopes.as_ref().map(|given| &given.at)),
        ("owner", raw.owner.as_ref().map(|owner| &owner.at)),
        ("by", raw.by.as_ref().map(|given| &given.at)),
        ("streams.on_expiry", raw.streams.on_expiry.as_ref().map(|given| &given.at)),
        ("mfa", raw.mfa.as_ref().filter(|mfa| mfa.value).map(|given| &given.at)),
    ];
    for (key, place) in places {
        let Some(place) = place else { continue };
        let message = format!("this key needs a caller, and a public route has none: `{key}`");
        cx.report.problem(place, message, format!("leave `{key}` out, or say auth = \"required\""));
    }
}

/// Names of roles or scopes. A scope is a token of RFC 6749 §3.3; both travel in lists.
fn named(raw: &Setting<Vec<Spanned<String>>>, what: &str, cx: &Context<'_>) -> Vec<String> {
    let Some(list) = raw else { return Vec::new() };
    if list.value.is_empty() {
        cx.report.vacant(&list.at, format!("a list without a {what}"), "leave it out, or name one");
    }
    for given in &list.value {
        let blank = what == "scope" && given.value.contains(' ');
        if given.value.is_empty() || blank || given.value.contains(char::is_control) {
            cx.report.problem(&given.at, format!("not a {what}: `{}`", shown(&given.value)), "one name each");
        }
    }
    list.value.iter().map(|given| given.value.clone()).collect()
}

fn owner(
    raw: Option<&raw::Owner>,
    route: &Location,
    parsed: &[(&Spanned<String>, Pattern)],
    cx: &Context<'_>,
) -> OwnerPolicy {
    let Some(raw::Owner { at: _, param, or_role }) = raw else { return OwnerPolicy::Anyone };
    let refused = OwnerPolicy::Segment { segment: usize::MAX, or_role: None };
    if let Some(role) = or_role.as_ref().filter(|role| role.value.is_empty()) {
        cx.report.problem(&role.at, "not a role: ``", "name one, or leave it out");
    }
    let Some(param) = param else { return refused };
    let mut found: Option<(usize, &Spanned<String>)> = None;
    for (given, pattern) in parsed {
        let params = pattern.params();
        let Some((_, segment)) = params.iter().find(|(name, _)| *name == param.value) else {
            let hint = did_you_mean(&param.value, params.iter().map(|(name, _)| name.as_str()))
                .unwrap_or_else(|| {
                    format!("write {{{}}} where the owner stands in `{}`", param.value, given.value)
                });
            cx.report.problem(&param.at, format!("no such parameter in the path: `{}`", param.value), hint);
            return refused;
        };
        if given.value.contains(&format!("{{*{}}}", param.value)) {
            let hint = "an owner is one segment: {user}, not {*user}";
            cx.report.problem(&param.at, format!("more than one segment: `{}`", param.value), hint);
            return refused;
        }
        match found {
            Some((first, place)) if first != *segment => {
                let message = format!("at another position than in `{}`: `{}`", place.value, param.value);
                cx.report.problem(&param.at, message, "give each pattern a route of its own");
                return refused;
            }
            Some(_) => {}
            None => found = Some((*segment, given)),
        }
    }
    let Some((segment, _)) = found else {
        cx.report.vacant(
            &route.key("match"),
            "an owner without a path",
            "write a `match` with the parameter",
        );
        return refused;
    };
    OwnerPolicy::Segment { segment, or_role: or_role.as_ref().map(|role| role.value.clone()) }
}

/// Warns of guarded routes that are listed for some methods only: all other methods fall to the app's own policy.
fn warn_of_other_methods(raw: &raw::App, cx: &Context<'_>) {
    let split = |given: &Spanned<String>| {
        given.value.split_once(' ').map(|(method, path)| (method.to_owned(), path.trim().to_owned()))
    };
    let listed: Vec<(String, String)> = raw
        .routes
        .iter()
        .filter_map(|r| r.matches.as_ref())
        .flat_map(|l| &l.value)
        .filter_map(split)
        .collect();
    for route in &raw.routes {
        let held = [
            ("roles", route.roles.is_some()),
            ("scopes", route.scopes.is_some()),
            ("an owner", route.owner.is_some()),
            ("mfa", asks_mfa(route) && !raw.mfa.as_ref().is_some_and(|mfa| mfa.value)),
            ("a signature", route.signature.is_some()),
        ];
        let Some((what, _)) = held.into_iter().find(|(_, held)| *held) else { continue };
        for given in route.matches.iter().flat_map(|list| &list.value) {
            let Some((method, path)) = split(given) else { continue };
            let every = listed.iter().any(|(other, same)| other == "*" && *same == path);
            if method == "*" || every {
                continue;
            }
            let methods: Vec<&str> =
                listed.iter().filter(|(_, same)| *same == path).map(|(method, _)| method.as_str()).collect();
            cx.report.warn(
                &given.at,
                format!(
                    "this route has {what}, but other methods than {} fall to the app's own policy: `{path}`",
                    methods.join(", ")
                ),
                format!("say unlisted = \"deny\", or add a route for `* {path}`"),
            );
        }
    }
}

fn report_clash(clash: &Clash, written: &[&Spanned<String>], cx: &Context<'_>) {
    match clash {
        Clash::Tie { first, second } => {
            let (Some(first), Some(second)) = (written.get(*first), written.get(*second)) else { return };
            cx.report.problem(
                &second.at,
                format!("matches the same requests as `{}` at {}: `{}`", first.value, first.at, second.value),
                "remove one of them, or make one more exact",
            );
        }
        Clash::NeverMet { pattern, why, by_case } => {
            let Some(given) = written.get(*pattern) else { return };
            let hint = match by_case {
                true => "list both under one route; or say case = \"exact\" for an app that minds case",
                false => "remove it, or write the path as a request has it",
            };
            let message = format!("no request can match this ({why}): `{}`", given.value);
            cx.report.problem(&given.at, message, hint);
        }
    }
}
