//! `identity`: the headers that tell the app its caller, and those that clients may not send.

use http::HeaderName;

use super::context::Context;
use super::headers;
use crate::location::{Setting, Spanned};
use crate::problem::shown;
use crate::raw;
use stagedoor_core::field_names::{Meaning, NamePattern, meaning, same};
use stagedoor_core::guard::credential::TokenSource;
use stagedoor_core::policy::{ForwardPolicy, UpstreamHost};

/// The headers that the app is sent, and whether it gets the token too. `carriers` are where its tokens are read.
pub(super) fn identity(
    raw: Option<&raw::Identity>,
    host: UpstreamHost,
    carriers: &[TokenSource],
    cx: &Context<'_>,
) -> (ForwardPolicy, bool) {
    let user = HeaderName::from_static("x-auth-user");
    let roles = HeaderName::from_static("x-auth-roles");
    let Some(raw::Identity { at, user: raw_user, roles: raw_roles, keep, pass, strip }) = raw else {
        let (pass, strip) = (Vec::new(), Vec::new());
        return (ForwardPolicy { user: Some(user), roles: Some(roles), pass, strip, host }, false);
    };
    let user = identity_header(raw_user, user, carriers, cx);
    let roles = identity_header(raw_roles, roles, carriers, cx);
    if let (Some(user), Some(roles)) = (&user, &roles)
        && same(user.as_str(), roles.as_str())
    {
        let hint = "give each a header of its own; `_`, `-` and `.` are one character to many apps";
        cx.report.problem(at, "user and roles in the same header", hint);
    }
    let strip = stripped(strip, cx);
    let identity_headers = [&user, &roles].into_iter().flatten();
    let identity_headers: Vec<&str> = identity_headers.map(HeaderName::as_str).collect();
    let pass = passed(pass, &identity_headers, carriers, &strip, cx);
    (ForwardPolicy { user, roles, pass, strip, host }, Spanned::value_or(keep.as_ref(), false))
}

/// `identity.user` or `identity.roles`.
fn identity_header(
    raw: &Setting<String>,
    otherwise: HeaderName,
    carriers: &[TokenSource],
    cx: &Context<'_>,
) -> Option<HeaderName> {
    let name = match raw {
        None => otherwise,
        Some(given) if given.value == "off" => return None,
        Some(given) => header(given, cx)?,
    };
    let Some(given) = raw else { return Some(name) };
    let known = meaning(name.as_str());
    let why = if !known.tells_caller() {
        known.why()
    } else if carries(carriers, name.as_str()) {
        "carries the token of the caller"
    } else {
        return Some(name);
    };
    let hint = format!("it {why}; choose a header that means nothing else, such as \"x-auth-user\"");
    cx.report.problem(&given.at, format!("not a header for an identity: `{name}`"), hint);
    None
}

/// `identity.pass`: names of the list that clients may send to the app. A name that has no effect here is an error,
/// because its author believes that the header passes.
fn passed(
    pass: &Setting<Vec<Spanned<String>>>,
    identity_headers: &[&str],
    carriers: &[TokenSource],
    strip: &[NamePattern],
    cx: &Context<'_>,
) -> Vec<String> {
    let mut through: Vec<String> = Vec::new();
    for given in pass.iter().flat_map(|list| &list.value) {
        let Some(name) = header(given, cx) else { continue };
        let name = name.as_str();
        let known = meaning(name);
        let refuse = |message: &str, hint: &str| {
            cx.report.problem(&given.at, format!("{message}: `{}`", given.value), hint);
        };
        if identity_headers.iter().any(|own| same(own, name)) {
            refuse(
                "the gateway's own",
                "the gateway sets it itself, to tell the app the caller; leave it out",
            );
        } else if known.never_passes() {
            refuse("never passed on", &format!("it {}; leave it out", known.why()));
        } else if carries(carriers, name) {
            refuse("never passed on", "it carries a token of the gateway, and is taken off; leave it out");
        } else if strip.iter().any(|pattern| pattern.matches(name)) {
            refuse("held back by `identity.strip`", "take it out of one of the two");
        } else if known.passes() {
            refuse("passes anyway", "it is not among the headers that are held back; leave it out");
        } else if through.iter().any(|other| same(other, name)) {
            refuse("listed twice", "once is enough, in any spelling");
        } else {
            let message = format!("any client can set this header: `{}`", given.value);
            cx.report.warn(&given.at, message, "remove it, unless the app ignores the header");
            through.push(name.to_owned());
        }
    }
    through
}

/// `identity.strip`: names that are held back besides those of the list.
fn stripped(strip: &Setting<Vec<Spanned<String>>>, cx: &Context<'_>) -> Vec<NamePattern> {
    let mut held: Vec<NamePattern> = Vec::new();
    for given in strip.iter().flat_map(|list| &list.value) {
        let Some(pattern) = NamePattern::parse(&given.value) else {
            let hint = "a whole name such as \"x-told\", or how several begin: \"x-told-*\"";
            cx.report.problem(&given.at, format!("not a header: `{}`", shown(&given.value)), hint);
            continue;
        };
        let redundant = match &pattern {
            NamePattern::Whole(name) => !meaning(name).passes(),
            // One that begins so may well be on the list; all of them are where the start itself is.
            NamePattern::Start(start) => is_start_of_the_list(start),
        };
        if held.contains(&pattern) {
            let hint = "once is enough, in any spelling";
            cx.report.problem(&given.at, format!("listed twice: `{}`", given.value), hint);
            continue;
        }
        if redundant {
            let message = format!("held back already: `{}`", given.value);
            cx.report.warn(
                &given.at,
                message,
                "leave it out: it is among the headers that are held back from every app",
            );
        }
        held.push(pattern);
    }
    held
}

/// Whether all names that begin with `start` are held back without being named.
fn is_start_of_the_list(start: &str) -> bool {
    // No whole name of the list ends so.
    let somewhere = format!("{start}zz-any-other");
    matches!(meaning(&somewhere), Meaning::Identity | Meaning::Routing)
}

/// A whole name of a header, in lower case.
pub(super) fn header(given: &Spanned<String>, cx: &Context<'_>) -> Option<HeaderName> {
    if !headers::is_whole(given, cx) {
        return None;
    }
    let name = HeaderName::from_bytes(given.value.as_bytes());
    if name.is_err() {
        let hint = "letters, digits and `-`, such as \"x-auth-user\"";
        cx.report.problem(&given.at, format!("not a header: `{}`", shown(&given.value)), hint);
    }
    name.ok()
}

/// Whether a token is read in the header `name`.
fn carries(carriers: &[TokenSource], name: &str) -> bool {
    carriers.iter().any(|source| match source {
        TokenSource::Header(own) => same(own.as_str(), name),
        TokenSource::Bearer | TokenSource::Cookie(_) | TokenSource::Query(_) => false,
    })
}
