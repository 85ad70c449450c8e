//! The lines of the keys of each app and its routes.

use crate::location::Location;
use crate::raw;
use crate::source::{AppLines, KeyLines};

pub(super) fn lines(raw: &raw::App) -> AppLines {
    // The route of unlisted paths has no table of its own.
    let routes = std::iter::once(KeyLines::default()).chain(raw.routes.iter().map(route)).collect();
    AppLines { app: app(raw), routes }
}

fn app(raw: &raw::App) -> KeyLines {
    let mut lines = KeyLines(Vec::new());
    let mut put = |key, place: Option<&Location>| {
        if let Some(place) = place {
            lines.0.push((key, place.line()));
        }
    };
    put("app", Some(&raw.at));
    put("use", raw.uses.as_ref().map(|given| &given.at));
    put("base", raw.base.as_ref().map(|given| &given.at));
    put("hosts", raw.hosts.as_ref().map(|given| &given.at));
    put("upstream", raw.upstream.as_ref().map(|upstream| &upstream.at));
    put("auth", raw.auth.as_ref().map(|given| &given.at));
    put("by", raw.by.as_ref().map(|given| &given.at));
    put("sources", raw.sources.as_ref().map(|given| &given.at));
    put("unlisted", raw.unlisted.as_ref().map(|given| &given.at));
    put("errors", raw.errors.as_ref().map(|given| &given.at));
    put("identity", raw.identity.as_ref().map(|identity| &identity.at));
    put("websocket", raw.websocket.as_ref().map(|given| &given.at));
    put("limit.ip", raw.limit.ip.as_ref().map(|given| &given.at));
    put("limit.user", raw.limit.user.as_ref().map(|given| &given.at));
    put("body.max", raw.body.max.as_ref().map(|given| &given.at));
    put("body.get", raw.body.get.as_ref().map(|given| &given.at));
    put("case", raw.exact_case.as_ref().map(|given| &given.at));
    put("slashes", raw.slashes.as_ref().map(|given| &given.at));
    put("backslash", raw.backslash.as_ref().map(|given| &given.at));
    put("encoded_slash", raw.encoded_slash.as_ref().map(|given| &given.at));
    put("access", raw.access.as_ref().map(|access| &access.at));
    put("cors", raw.cors.as_ref().map(raw::Cors::at));
    put("headers", raw.headers.as_ref().map(|headers| &headers.at));
    put("origin.check", raw.origin.as_ref().map(|given| &given.at));
    lines
}

fn route(raw: &raw::Route) -> KeyLines {
    let mut lines = KeyLines(Vec::new());
    let mut put = |key, place: Option<&Location>| {
        if let Some(place) = place {
            lines.0.push((key, place.line()));
        }
    };
    put("route", Some(&raw.at));
    put("match", raw.matches.as_ref().map(|given| &given.at));
    put("name", raw.name.as_ref().map(|given| &given.at));
    put("auth", raw.auth.as_ref().map(|given| &given.at));
    put("by", raw.by.as_ref().map(|given| &given.at));
    put("roles", raw.roles.as_ref().map(|given| &given.at));
    put("scopes", raw.scopes.as_ref().map(|given| &given.at));
    put("owner", raw.owner.as_ref().map(|owner| &owner.at));
    put("limit.ip", raw.limit.ip.as_ref().map(|given| &given.at));
    put("limit.user", raw.limit.user.as_ref().map(|given| &given.at));
    put("limit.app", raw.limit.app.as_ref().map(|given| &given.at));
    put("bucket", raw.bucket.as_ref().map(|given| &given.at));
    put("body.max", raw.body.max.as_ref().map(|given| &given.at));
    put("websocket", raw.websocket.as_ref().map(|given| &given.at));
    put("origin.check", raw.origin.as_ref().map(|given| &given.at));
    put("preflight", raw.preflight.as_ref().map(|given| &given.at));
    put("encoded_slash", raw.encoded_slash.as_ref().map(|given| &given.at));
    lines
}
