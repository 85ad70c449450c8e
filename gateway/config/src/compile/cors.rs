//! Compiles `cors`.

use std::time::Duration;

use http::{HeaderName, Uri};

use super::context::Context;
use super::headers::is_whole;
use super::methods::unknown_method;
use crate::location::{Spanned, Texts};
use crate::problem::shown;
use crate::raw;
use stagedoor_core::guard::cors::{CorsPolicy, ListedOrigins};
use stagedoor_core::guard::routes::METHODS;

pub(super) fn cors(raw: Option<&raw::Cors>, cx: &Context<'_>) -> CorsPolicy {
    match raw {
        None => CorsPolicy::SameOrigin,
        Some(raw::Cors::App(_)) => CorsPolicy::App,
        Some(raw::Cors::Table(table)) => CorsPolicy::Listed(Box::new(listed(table, cx))),
    }
}

fn listed(raw: &raw::CorsTable, cx: &Context<'_>) -> ListedOrigins {
    let raw::CorsTable { at: _, origins, methods, headers, expose, credentials, max_age } = raw;
    let (listed, any) = self::origins(origins, cx);
    let with_credentials = Spanned::value_or(credentials.as_ref(), false);
    if any && with_credentials {
        let place = credentials.as_ref().map(|given| given.at.clone());
        let place = place.unwrap_or_else(|| raw.at.clone());
        let hint =
            "list the origins one by one: with `*` every page of the world acts in the name of your users";
        cx.report.problem(&place, "credentials for any origin: `*`", hint);
    }
    ListedOrigins {
        origins: listed,
        any,
        methods: self::methods(methods, cx),
        headers: names(headers, Wildcard::Accepted, cx),
        expose: names(expose, if with_credentials { Wildcard::Refused } else { Wildcard::Accepted }, cx),
        credentials: with_credentials,
        max_age: Spanned::value_or(max_age.as_ref(), Duration::from_secs(600)),
    }
}

fn origins(raw: &Texts, cx: &Context<'_>) -> (Vec<String>, bool) {
    let list = raw.as_ref().map(|raw| raw.value.as_slice()).unwrap_or_default();
    if let Some(raw) = raw.as_ref().filter(|raw| raw.value.is_empty()) {
        cx.report.vacant(&raw.at, "no origin", "list one, or leave the table out: same origin only");
    }
    let any = list.iter().any(|origin| origin.value == "*");
    if any && list.len() > 1 {
        let at = raw.as_ref().map(|raw| &raw.at);
        if let Some(at) = at {
            cx.report.problem(at, "other origins beside `*`", "leave the others out, or the `*`");
        }
    }
    let mut found: Vec<String> = Vec::with_capacity(list.len());
    for given in list.iter().filter(|origin| origin.value != "*") {
        match origin(&given.value) {
            Ok(origin) if found.contains(&origin) => {
                cx.report.problem(&given.at, format!("listed twice: `{}`", given.value), "once is enough");
            }
            Ok(origin) => found.push(origin),
            Err(hint) => {
                cx.report.problem(&given.at, format!("not an origin: `{}`", shown(&given.value)), hint);
            }
        }
    }
    (found, any)
}

/// A serialised origin (RFC 6454 §6.2) as browsers send it: lower case, no default port, no path.
fn origin(text: &str) -> Result<String, String> {
    const FORM: &str =
        "accepted: scheme and host, and the port if it is not the default: \"https://example.com\"";
    if text == "null" {
        return Err("every sandboxed page has the origin `null`: it cannot be listed".to_owned());
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(format!("a scheme is missing: \"https://{text}\"; {FORM}"));
    };
    if let Some(bare) = rest.strip_suffix('/') {
        return Err(format!("without the slash at its end: \"{scheme}://{bare}\""));
    }
    let sound = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    let plain = !rest.contains(['/', '?', '#', '@', '*', ' ', ',']);
    let uri: Uri = format!("http://{rest}").parse().map_err(|_| FORM.to_owned())?;
    let authority = uri.authority().filter(|_| sound && plain && rest.is_ascii()).ok_or(FORM)?;
    if authority.host().is_empty() || authority.as_str().ends_with(':') {
        return Err(FORM.to_owned());
    }
    let lower = text.to_ascii_lowercase();
    let default = [("https", 443), ("http", 80)].contains(&(&*scheme.to_ascii_lowercase(), port(authority)));
    if default {
        return Err(format!(
            "browsers leave the default port out: \"{}\"",
            lower.rsplit_once(':').map_or("", |o| o.0)
        ));
    }
    Ok(lower)
}

fn port(authority: &http::uri::Authority) -> u16 {
    authority.port_u16().unwrap_or_default()
}

fn methods(raw: &Texts, cx: &Context<'_>) -> Vec<String> {
    let Some(list) = raw else { return ["GET", "HEAD", "POST"].map(str::to_owned).to_vec() };
    for given in list.value.iter().filter(|given| given.value != "*") {
        let token = given.value.len() <= 32
            && !given.value.is_empty()
            && given.value.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
        if !token || ["CONNECT", "TRACE", "TRACK"].contains(&given.value.as_str()) {
            let hint = "name each method in capitals, such as \"GET\" or \"DELETE\"; `*` is any";
            cx.report.problem(&given.at, format!("not a method here: `{}`", shown(&given.value)), hint);
        } else if !METHODS.contains(&given.value.as_str()) {
            unknown_method(&given.value, &given.at, cx);
        }
    }
    list.value.iter().map(|given| given.value.clone()).collect()
}

/// Whether `*` may stand for every header. With credentials browsers take it for a header of that name
/// (Fetch, "CORS-safelisted response-header name").
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wildcard {
    Accepted,
    Refused,
}

fn names(raw: &Texts, wildcard: Wildcard, cx: &Context<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for given in raw.iter().flat_map(|list| &list.value) {
        if given.value != "*" && !is_whole(given, cx) {
            continue;
        }
        match HeaderName::from_bytes(given.value.as_bytes()) {
            Ok(name) if given.value != "*" || wildcard == Wildcard::Accepted => {
                found.push(name.as_str().to_owned())
            }
            Ok(_) => {
                let hint = "name each header: with credentials browsers do not take `*` for all of them";
                cx.report.problem(&given.at, "any header, with credentials: `*`", hint);
            }
            Err(_) => {
                let hint = "name each header, such as \"content-type\"";
                cx.report.problem(&given.at, format!("not a header: `{}`", shown(&given.value)), hint);
            }
        }
    }
    found
}
