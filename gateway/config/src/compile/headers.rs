//! Compiles `headers`.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::context::Context;
use crate::location::Spanned;
use crate::problem::{did_you_mean, shown};
use crate::raw;
use stagedoor_core::field_names;
use stagedoor_core::policy::UpstreamPolicy;
use stagedoor_core::response_out::{Csp, HeaderSettings, Hsts, Preset, UpstreamAddress};

const YEAR: Duration = Duration::from_secs(365 * 86_400);

pub(super) fn headers(
    raw: Option<&raw::Headers>,
    cors_app: bool,
    upstream: &UpstreamPolicy,
    cx: &Context<'_>,
) -> HeaderSettings {
    let authority = upstream.address.authority();
    let own = authority.map(|authority| UpstreamAddress::of(upstream.address.scheme(), authority));
    let Some(raw) = raw else {
        return HeaderSettings { cors_app, own, ..HeaderSettings::of(Preset::Web) };
    };
    let raw::Headers { at: _, preset, hsts: raw_hsts, csp: raw_csp, frame, set, remove } = raw;
    HeaderSettings {
        preset: Spanned::value_or(preset.as_ref(), Preset::Web),
        hsts: raw_hsts.as_ref().map(|raw| hsts(raw, cx)),
        csp: raw_csp.as_ref().map(|raw| csp(raw, cx)),
        frame: frame.as_ref().map(|list| frames(list, cx)),
        set: set
            .iter()
            .flat_map(|set| &set.list)
            .filter_map(|(name, value)| field(name, value, cx))
            .collect(),
        remove: remove.iter().flat_map(|list| &list.value).filter_map(|name| header(name, cx)).collect(),
        cors_app,
        own,
    }
}

fn hsts(raw: &raw::HstsTable, cx: &Context<'_>) -> Hsts {
    let raw::HstsTable { at: _, max_age, include_subdomains, preload } = raw;
    let lasting = Spanned::value_or(max_age.as_ref(), YEAR);
    let below = Spanned::value_or(include_subdomains.as_ref(), false);
    let built_in = Spanned::value_or(preload.as_ref(), false);
    if let Some(given) = preload.as_ref().filter(|_| built_in && (!below || lasting < YEAR)) {
        let hint = "preload lists require include_subdomains = true and max_age = \"365d\" or more";
        cx.report.problem(&given.at, "`preload` without what preload lists require", hint);
    }
    Hsts { max_age_secs: lasting.as_secs(), include_subdomains: below, preload: built_in }
}

const DIRECTIVES: &[&str] = &[
    "base-uri",
    "block-all-mixed-content",
    "child-src",
    "connect-src",
    "default-src",
    "fenced-frame-src",
    "font-src",
    "form-action",
    "frame-ancestors",
    "frame-src",
    "img-src",
    "manifest-src",
    "media-src",
    "object-src",
    "report-to",
    "report-uri",
    "require-trusted-types-for",
    "sandbox",
    "script-src",
    "script-src-attr",
    "script-src-elem",
    "style-src",
    "style-src-attr",
    "style-src-elem",
    "trusted-types",
    "upgrade-insecure-requests",
    "worker-src",
];

fn csp(raw: &raw::Csp, cx: &Context<'_>) -> Csp {
    let raw::Csp { at, enforce, policy: raw_policy, replace } = raw;
    let hint = "list its directives: policy = { default-src = [\"'self'\"] }";
    match raw_policy {
        None => cx.report.absent(at, "policy", hint),
        Some(policy) if policy.list.is_empty() => cx.report.vacant(at, "a policy without a directive", hint),
        Some(_) => {}
    }
    let policy = raw_policy.as_ref().map(|policy| policy.list.as_slice()).unwrap_or_default();
    for (name, sources) in policy {
        if !DIRECTIVES.contains(&name.value.as_str()) {
            let hint = did_you_mean(&name.value, DIRECTIVES.iter().copied())
                .unwrap_or_else(|| "directives are those of CSP Level 3, such as `default-src`".to_owned());
            cx.report.problem(&name.at, format!("not a directive: `{}`", shown(&name.value)), hint);
        }
        for source in &sources.value {
            source_fits(source, cx);
        }
    }
    let policy = policy
        .iter()
        .map(|(name, sources)| {
            (name.value.clone(), sources.value.iter().map(|source| source.value.clone()).collect())
        })
        .collect();
    Csp {
        enforce: Spanned::value_or(enforce.as_ref(), false),
        policy,
        replace_app: Spanned::value_or(replace.as_ref(), false),
    }
}

/// One source of a directive; `;`, `,` and blanks would end it and begin another.
fn source_fits(source: &Spanned<String>, cx: &Context<'_>) -> bool {
    const KEYWORDS: &[&str] = &[
        "none",
        "self",
        "unsafe-inline",
        "unsafe-eval",
        "strict-dynamic",
        "unsafe-hashes",
        "wasm-unsafe-eval",
    ];
    let text = source.value.as_str();
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b';' | b','));
    if !fits {
        let hint = "each source is a string of its own, without `;`, `,` and blanks: [\"'self'\", \"data:\"]";
        cx.report.problem(&source.at, format!("not a source: `{}`", shown(text)), hint);
    } else if KEYWORDS.contains(&text) {
        let hint = format!("keywords stand in quotes of their own: \"'{text}'\"");
        cx.report.problem(&source.at, format!("a keyword without its quotes: `{text}`"), hint);
    }
    fits
}

fn frames(list: &Spanned<Vec<Spanned<String>>>, cx: &Context<'_>) -> Vec<String> {
    let none = |source: &&Spanned<String>| source.value == "'none'";
    if list.value.len() > 1
        && let Some(none) = list.value.iter().find(none)
    {
        cx.report.problem(&none.at, "other sources beside `'none'`", "leave the others out, or `'none'`");
    }
    list.value.iter().filter(|source| source_fits(source, cx)).map(|source| source.value.clone()).collect()
}

fn field(
    name: &Spanned<String>,
    value: &Spanned<String>,
    cx: &Context<'_>,
) -> Option<(HeaderName, HeaderValue)> {
    let found = header(name, cx)?;
    let Ok(set) = HeaderValue::from_str(&value.value) else {
        let hint = "visible characters and blanks alone, on one line";
        cx.report.problem(&value.at, format!("not a value of a header: `{}`", shown(&value.value)), hint);
        return None;
    };
    if found.as_str().starts_with("access-control-") {
        cx.report.problem(&name.at, format!("set by CORS alone: `{found}`"), "write [app.NAME.cors]");
        return None;
    }
    Some((found, set))
}

fn header(name: &Spanned<String>, cx: &Context<'_>) -> Option<HeaderName> {
    if !is_whole(name, cx) {
        return None;
    }
    let Ok(found) = HeaderName::from_bytes(name.value.as_bytes()) else {
        let hint = "letters, digits and `-`, without a colon";
        cx.report.problem(&name.at, format!("not a header: `{}`", shown(&name.value)), hint);
        return None;
    };
    if field_names::is_of_our_answers(found.as_str()) {
        cx.report.problem(&name.at, format!("the gateway's own: `{found}`"), "leave it out");
        return None;
    }
    Some(found)
}

/// RFC 9110 §5.6.2 allows `*` in the name of a header, but no known header has one: here it is meant as a wildcard.
pub(super) fn is_whole(name: &Spanned<String>, cx: &Context<'_>) -> bool {
    let whole = !name.value.contains('*');
    if !whole {
        let message = format!("no wildcard in a header: `{}`", shown(&name.value));
        cx.report.problem(&name.at, message, "names are written whole, one for each header");
    }
    whole
}
