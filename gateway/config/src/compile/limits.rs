//! `limit.*` and `bucket`: rules, names, and the stores that the previous policy had.

mod before;
mod identity;
mod polling;

use std::collections::HashMap;
use std::sync::Arc;

use super::context::Context;
use crate::location::{Location, Setting, Spanned, Texts};
use crate::problem::shown;
use crate::raw;
use stagedoor_core::guard::limit::{Limit, LimitPolicy, Rule};

pub(super) use identity::patterns;

use before::{Before, PlaceLimits, continue_limits};
use identity::{APP, ROUTE};

/// Limits of one place: more would not fit into the headers of an answer.
const MOST: usize = 4;

/// The limits that every request of the app is charged.
pub(super) struct AppLimits {
    pub(super) ip: Vec<Arc<Limit>>,
    pub(super) user: Vec<Arc<Limit>>,
}

/// What a route charges on top.
pub(super) struct RouteLimits {
    pub(super) ip: Vec<Arc<Limit>>,
    pub(super) user: Vec<Arc<Limit>>,
}

/// The rules of one place, in the order of the file.
#[derive(Clone, PartialEq, Eq)]
struct Rules {
    ip: Vec<Rule>,
    user: Vec<Rule>,
}

impl Rules {
    fn read(ip: &Texts, user: &Texts, cx: &Context<'_>) -> Self {
        Self { ip: rules(ip, cx), user: rules(user, cx) }
    }

    fn is_empty(&self) -> bool {
        self.ip.is_empty() && self.user.is_empty()
    }
}

fn route_rules(raw: &raw::RouteLimit, cx: &Context<'_>) -> Rules {
    let raw::RouteLimit { at: _, ip, user, app: _ } = raw;
    Rules::read(ip, user, cx)
}

fn rules(list: &Setting<Vec<Spanned<String>>>, cx: &Context<'_>) -> Vec<Rule> {
    let Some(list) = list else { return Vec::new() };
    if let Some(fifth) = list.value.get(MOST) {
        cx.report.problem(
            &fifth.at,
            format!("too many limits in one place: `{}`", list.value.len()),
            "four are enough",
        );
    }
    let parse = |given: &Spanned<String>| {
        Rule::parse(&given.value).map_err(|(message, hint)| cx.report.problem(&given.at, message, hint)).ok()
    };
    list.value.iter().filter_map(parse).collect()
}

pub(super) fn policy(limits: impl IntoIterator<Item = Arc<Limit>>) -> LimitPolicy {
    let limits: Box<[Arc<Limit>]> = limits.into_iter().collect();
    if limits.is_empty() { LimitPolicy::Unlimited } else { LimitPolicy::Limits(limits) }
}

/// The limits of an app, with the stores that a policy before had for the app of this name.
pub(super) fn app(raw: &raw::App, cx: &Context<'_>) -> AppLimits {
    let raw::AppLimit { at: _, ip, user, in_flight: _ } = &raw.limit;
    let rules = Rules::read(ip, user, cx);
    polling::warn_of_small_limits(raw, cx);
    let before = Before::of(&raw.name.value, cx);
    let PlaceLimits { ip, user } = before.of_app();
    AppLimits {
        ip: continue_limits(&rules.ip, numbered(APP, "ip"), &ip, cx),
        user: continue_limits(&rules.user, numbered(APP, "user"), &user, cx),
    }
}

/// How many requests of an app may be served at the same time.
pub(super) fn in_flight(raw: &raw::AppLimit) -> Option<usize> {
    let most = Spanned::value_or(raw.in_flight.as_ref(), None);
    most.map(|most| usize::try_from(most).unwrap_or(usize::MAX))
}

/// The limits of each route of an app, in their order; `labels` are the routes' own.
///
/// Two routes share a store if they name the same bucket, and never otherwise.
pub(super) fn routes(raw: &raw::App, labels: &[Arc<str>], cx: &Context<'_>) -> Vec<RouteLimits> {
    let before = Before::of(&raw.name.value, cx);
    let rules: Vec<Rules> = raw.routes.iter().map(|route| route_rules(&route.limit, cx)).collect();
    let buckets = buckets(raw, &rules, &before, cx);
    let continued = before.of_routes(&raw.routes, labels);
    let compile = |((route, rules), before): ((&raw::Route, &Rules), &PlaceLimits<'_>)| {
        if let Some(limits) = route.bucket.as_ref().and_then(|bucket| buckets.get(&bucket.value)) {
            return RouteLimits { ip: limits.ip.clone(), user: limits.user.clone() };
        }
        RouteLimits {
            ip: continue_limits(&rules.ip, numbered(ROUTE, "ip"), &before.ip, cx),
            user: continue_limits(&rules.user, numbered(ROUTE, "user"), &before.user, cx),
        }
    };
    raw.routes.iter().zip(&rules).zip(&continued).map(compile).collect()
}

fn buckets(
    raw: &raw::App,
    rules: &[Rules],
    before: &Before<'_>,
    cx: &Context<'_>,
) -> HashMap<String, RouteLimits> {
    let mut stated: HashMap<&str, (&Location, &Rules)> = HashMap::new();
    let mut named: Vec<&Spanned<String>> = Vec::new();
    for (route, rules) in raw.routes.iter().zip(rules) {
        let Some(bucket) = &route.bucket else { continue };
        bucket_fits(bucket, cx);
        if !named.iter().any(|other| other.value == bucket.value) {
            named.push(bucket);
        }
        if rules.is_empty() {
            continue;
        }
        match stated.get(bucket.value.as_str()) {
            None => {
                stated.insert(&bucket.value, (&bucket.at, rules));
            }
            Some((place, first)) if *first != rules => {
                let message = format!("other limits than at `{place}` for the bucket `{}`", bucket.value);
                let hint = "state the limits of a bucket once, or the same each time";
                cx.report.problem(&bucket.at, message, hint);
            }
            Some(_) => {}
        }
    }
    let mut made = HashMap::new();
    for bucket in named {
        let Some((_, rules)) = stated.get(bucket.value.as_str()) else {
            let hint = "state its limits at one of its routes: limit.ip = [\"20/hour\"]";
            cx.report.problem(&bucket.at, format!("a bucket without a limit: `{}`", bucket.value), hint);
            continue;
        };
        made.insert(bucket.value.clone(), shared(&bucket.value, rules, before, cx));
    }
    made
}

/// The limits of a bucket have its name, numbered on over both kinds.
fn shared(bucket: &str, rules: &Rules, before: &Before<'_>, cx: &Context<'_>) -> RouteLimits {
    let PlaceLimits { ip, user } = before.of_bucket(bucket);
    let name = |index: usize| match index {
        0 => bucket.to_owned(),
        _ => format!("{bucket}-{}", index + 1),
    };
    RouteLimits {
        ip: continue_limits(&rules.ip, name, &ip, cx),
        user: continue_limits(&rules.user, |index| name(index + rules.ip.len()), &user, cx),
    }
}

fn bucket_fits(bucket: &Spanned<String>, cx: &Context<'_>) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if bucket.value.is_empty() || bucket.value.len() > 64 || !bucket.value.bytes().all(fits) {
        let hint = "use letters, digits, `-` and `_`: the name stands in `RateLimit` headers";
        cx.report.problem(&bucket.at, format!("not a name of a bucket: `{}`", shown(&bucket.value)), hint);
    }
}

/// Names by their place in a list: `app.ip-1`.
fn numbered(owner: &str, counted: &str) -> impl Fn(usize) -> String {
    move |index| format!("{owner}{counted}-{}", index + 1)
}
