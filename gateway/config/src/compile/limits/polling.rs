//! Limits that an open page of the app exhausts by its own polling.

use crate::compile::context::Context;
use crate::raw;
use stagedoor_core::guard::limit::Rule;

/// Warns of each limit of the app that is too small for one open page, where the profile knows how often a page asks.
///
/// A page that is left open asks all day, so that a quota of a day is measured by the same figure as one of an hour.
pub(super) fn warn_of_small_limits(raw: &raw::App, cx: &Context<'_>) {
    let Some(polls) = &raw.polls else { return };
    let raw::AppLimit { at: _, ip, user, in_flight: _ } = &raw.limit;
    for given in [ip, user].into_iter().flatten().flat_map(|list| &list.value) {
        // A value that is no limit was reported already.
        let Ok(rule) = Rule::parse(&given.value) else { continue };
        let allowed = rule.each_hour();
        if allowed < polls.value {
            let message = format!(
                "one open page of this app asks {} times an hour by itself, and this allows {allowed}: `{rule}`",
                polls.value
            );
            let hint = format!("allow {}/hour or more, for two open pages", polls.value * 2);
            cx.report.warn(&given.at, message, hint);
        }
    }
}
