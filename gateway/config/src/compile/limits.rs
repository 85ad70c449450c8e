//! `limit.*` and `bucket`: rules, names, and the stores of before.

mod before;
mod polling;

use std::collections::HashMap;
use std::sync::Arc;

use super::Context;
use crate::location::{Location, Setting, Spanned};
use crate::problem::shown;
use crate::raw;
use stagedoor_core::guard::limit::{Limit, LimitPolicy, Rule};
use stagedoor_core::policy::Route;

use before::{Before, Lists};

/// Limits of one place: more would not fit into the headers of an answer.
const MOST: usize = 4;

/// What the names of an app's limits of each caller begin with: they stand among a route's own.
const APP_USER: &str = "app.user-";

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
    fn read(raw: &raw::Limits, cx: &Context<'_>) -> Self {
        let raw::Limits { ip, user, app: _ } = raw;
        Self { ip: rules(ip, cx), user: rules(user, cx) }
    }

    fn is_empty(&self) -> bool {
        self.ip.is_empty() && self.user.is_empty()
    }
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
    let rules = Rules::read(&raw.limit, cx);
    polling::compare(raw, cx);
    let before = Before::of(&raw.name.value, cx);
    let Lists { ip, user } = before.of_app();
    AppLimits {
        ip: before.carry_on(&rules.ip, numbered("app.ip-"), &[ip], cx),
        user: before.carry_on(&rules.user, numbered(APP_USER), &[user], cx),
    }
}

/// The limits of each route of an app, in their order; `labels` are the routes' own.
///
/// Two routes share a store if they name the same bucket, and never otherwise.
pub(super) fn routes(raw: &raw::App, labels: &[Arc<str>], cx: &Context<'_>) -> Vec<RouteLimits> {
    let before = Before::of(&raw.name.value, cx);
    let twins = before.twins(&raw.routes, labels);
    let rules: Vec<Rules> = raw.routes.iter().map(|route| Rules::read(&route.limit, cx)).collect();
    let buckets = buckets(raw, &rules, &before, &twins, cx);
    let compile = |((route, rules), twins): ((&raw::Route, &Rules), &Vec<&Route>)| {
        if let Some(limits) = route.bucket.as_ref().and_then(|bucket| buckets.get(&bucket.value)) {
            return RouteLimits { ip: limits.ip.clone(), user: limits.user.clone() };
        }
        let (ip, user) = places(twins.iter().map(|twin| Lists::of(twin)));
        RouteLimits {
            ip: before.carry_on(&rules.ip, numbered("route.ip-"), &ip, cx),
            user: before.carry_on(&rules.user, numbered("route.user-"), &user, cx),
        }
    };
    raw.routes.iter().zip(&rules).zip(&twins).map(compile).collect()
}

/// The patterns of a route, in no order of the file's.
pub(super) fn patterns(route: &raw::Route) -> Vec<String> {
    let list = route.matches.iter().flat_map(|list| &list.value);
    let mut all: Vec<String> = list.map(|given| given.value.clone()).collect();
    all.sort();
    all
}

fn buckets<'p>(
    raw: &raw::App,
    rules: &[Rules],
    before: &Before<'p>,
    twins: &[Vec<&'p Route>],
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
        let named =
            |route: &raw::Route| route.bucket.as_ref().is_some_and(|other| other.value == bucket.value);
        let members = raw.routes.iter().zip(twins).filter(|(route, _)| named(route));
        let twins = members.flat_map(|(_, twins)| twins.iter().copied());
        made.insert(bucket.value.clone(), shared(&bucket.value, rules, before, twins, cx));
    }
    made
}

/// A bucket's limits bear its name, counted on over both kinds. They go on from what they were, and from those of the routes
/// that joined it.
fn shared<'p>(
    bucket: &str,
    rules: &Rules,
    before: &Before<'p>,
    twins: impl Iterator<Item = &'p Route>,
    cx: &Context<'_>,
) -> RouteLimits {
    let (ip, user) = places(before.of_bucket(bucket).into_iter().chain(twins.map(Lists::of)));
    let name = |index: usize| match index {
        0 => bucket.to_owned(),
        _ => format!("{bucket}-{}", index + 1),
    };
    RouteLimits {
        ip: before.carry_on(&rules.ip, name, &ip, cx),
        user: before.carry_on(&rules.user, |index| name(index + rules.ip.len()), &user, cx),
    }
}

/// The lists of several places, by address and by caller.
#[expect(clippy::type_complexity, reason = "two of the same")]
fn places<'p>(
    lists: impl Iterator<Item = Lists<'p>>,
) -> (Vec<Vec<&'p Arc<Limit>>>, Vec<Vec<&'p Arc<Limit>>>) {
    lists.map(|Lists { ip, user }| (ip, user)).unzip()
}

fn bucket_fits(bucket: &Spanned<String>, cx: &Context<'_>) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if bucket.value.is_empty() || bucket.value.len() > 64 || !bucket.value.bytes().all(fits) {
        let hint = "use letters, digits, `-` and `_`: the name stands in `RateLimit` headers";
        cx.report.problem(&bucket.at, format!("not a name of a bucket: `{}`", shown(&bucket.value)), hint);
    }
}

/// Names by their place in a list.
fn numbered(prefix: &str) -> impl Fn(usize) -> String {
    move |index| format!("{prefix}{}", index + 1)
}
