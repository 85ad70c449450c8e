//! `base`: the paths below which the routes of a profile are.

use crate::keys::tables::Route;
use crate::location::Spanned;
use crate::problem::{Report, shown};
use stagedoor_core::guard::gateway_pages;

/// Writes each base before the path of each `match`; without one the routes stay as they are.
pub(crate) fn put_below(routes: &mut [Route], base: Option<&Spanned<Vec<Spanned<String>>>>, report: &Report) {
    let Some(base) = base else { return };
    if base.value.is_empty() {
        report.vacant(&base.at, "a list without a base path", "write base = \"/\", or leave it out");
        return;
    }
    let bases: Vec<&str> = base.value.iter().filter_map(|given| prefix(given, report)).collect();
    // An invalid base was reported. The routes below it would only repeat the report.
    if bases.len() < base.value.len() {
        return;
    }
    for list in routes.iter_mut().filter_map(|route| route.matches.as_mut()) {
        list.value =
            bases.iter().flat_map(|base| list.value.iter().map(|given| below(base, given))).collect();
    }
}

/// What is written before each path of the profile: nothing for the root.
fn prefix<'b>(base: &'b Spanned<String>, report: &Report) -> Option<&'b str> {
    if base.value == "/" {
        return Some("");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-');
    let segment = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(plain);
    let fits = base.value.strip_prefix('/').is_some_and(|path| path.split('/').all(segment));
    if !fits {
        let hint = "write the URL base of the app: base = \"/sonarr\", without a slash at its end";
        report.problem(&base.at, format!("not a base path: `{}`", shown(&base.value)), hint);
        return None;
    }
    if gateway_pages::covers(base.value.as_bytes()) {
        let message = format!("the gateway's own pages are there: `{}`", base.value);
        report.problem(&base.at, message, "choose another URL base in the app");
        return None;
    }
    Some(&base.value)
}

/// A `match` below this prefix. It keeps its place, which is the profile's.
fn below(prefix: &str, given: &Spanned<String>) -> Spanned<String> {
    let value = match given.value.split_once(' ') {
        Some((method, path)) => format!("{method} {prefix}{}", path.trim_start()),
        None => given.value.clone(),
    };
    Spanned { value, at: given.at.clone() }
}
