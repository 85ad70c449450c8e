//! `limit.*` and `bucket`: rules, names, and the stores of before.

use std::collections::HashMap;
use std::sync::Arc;

use super::Context;
use crate::config::place::{Given, Maybe, Place};
use crate::config::problem::shown;
use crate::config::raw;
use crate::guard::limit::{Limit, LimitPolicy, Rule};
use crate::policy::{App, Policy, Route};

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
    fn read(raw: &raw::Limits, cx: &Context<'_>) -> Self {
        let raw::Limits { ip, user, app: _ } = raw;
        Self { ip: rules(ip, cx), user: rules(user, cx) }
    }

    fn is_empty(&self) -> bool {
        self.ip.is_empty() && self.user.is_empty()
    }
}

fn rules(list: &Maybe<Vec<Given<String>>>, cx: &Context<'_>) -> Vec<Rule> {
    let Some(list) = list else { return Vec::new() };
    if let Some(fifth) = list.value.get(MOST) {
        cx.report.problem(
            &fifth.at,
            format!("too many limits in one place: `{}`", list.value.len()),
            "four are enough",
        );
    }
    let parse = |given: &Given<String>| {
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
    let before = before(cx.previous, &raw.name.value);
    let find = |name: &str| {
        before.and_then(|app| {
            let shared = app.routes.all().flat_map(|route| route.caller_limit.limits());
            app.limit.limits().iter().chain(shared).find(|limit| &**limit.name() == name)
        })
    };
    AppLimits {
        ip: numbered(&rules.ip, "app.ip-", find, cx),
        user: numbered(&rules.user, "app.user-", find, cx),
    }
}

/// The limits of each route of an app, in their order; `labels` are the routes' own.
///
/// Two routes share a store if they name the same bucket, and never otherwise.
pub(super) fn routes(raw: &raw::App, labels: &[Arc<str>], cx: &Context<'_>) -> Vec<RouteLimits> {
    let before = before(cx.previous, &raw.name.value);
    let rules: Vec<Rules> = raw.routes.iter().map(|route| Rules::read(&route.limit, cx)).collect();
    let buckets = buckets(raw, &rules, before, cx);
    let compile = |(index, (route, rules)): (usize, (&raw::Route, &Rules))| {
        if let Some(limits) = route.bucket.as_ref().and_then(|bucket| buckets.get(&bucket.value)) {
            return RouteLimits { ip: limits.ip.clone(), user: limits.user.clone() };
        }
        let twin = before.and_then(|app| twin(app, labels, index));
        let find = |name: &str| {
            twin.and_then(|route| {
                let own = route.ip_limit.limits().iter().chain(route.caller_limit.limits());
                own.into_iter().find(|limit| &**limit.name() == name)
            })
        };
        RouteLimits {
            ip: numbered(&rules.ip, "route.ip-", find, cx),
            user: numbered(&rules.user, "route.user-", find, cx),
        }
    };
    raw.routes.iter().zip(&rules).enumerate().map(compile).collect()
}

fn buckets(
    raw: &raw::App,
    rules: &[Rules],
    before: Option<&App>,
    cx: &Context<'_>,
) -> HashMap<String, RouteLimits> {
    let mut stated: HashMap<&str, (&Place, &Rules)> = HashMap::new();
    let mut named: Vec<&Given<String>> = Vec::new();
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

/// A bucket's limits bear its name, counted on over both kinds.
fn shared(bucket: &str, rules: &Rules, before: Option<&App>, cx: &Context<'_>) -> RouteLimits {
    let mut made = rules.ip.iter().chain(&rules.user).enumerate().map(|(index, rule)| {
        let name = if index == 0 { bucket.to_owned() } else { format!("{bucket}-{}", index + 1) };
        let store = before.and_then(|app| {
            let all =
                app.routes.all().flat_map(|r| r.ip_limit.limits().iter().chain(r.caller_limit.limits()));
            all.into_iter().find(|limit| **limit.name() == *name)
        });
        Arc::new(Limit::new(&name, *rule, cx.limit_keys, cx.now, store.map(Arc::as_ref)))
    });
    let ip = made.by_ref().take(rules.ip.len()).collect();
    RouteLimits { ip, user: made.collect() }
}

fn bucket_fits(bucket: &Given<String>, cx: &Context<'_>) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if bucket.value.is_empty() || bucket.value.len() > 64 || !bucket.value.bytes().all(fits) {
        let hint = "use letters, digits, `-` and `_`: the name stands in `RateLimit` headers";
        cx.report.problem(&bucket.at, format!("not a name of a bucket: `{}`", shown(&bucket.value)), hint);
    }
}

fn numbered<'p>(
    rules: &[Rule],
    prefix: &str,
    store: impl Fn(&str) -> Option<&'p Arc<Limit>>,
    cx: &Context<'_>,
) -> Vec<Arc<Limit>> {
    let make = |(index, rule): (usize, &Rule)| {
        let name = format!("{prefix}{}", index + 1);
        let store = store(&name).map(Arc::as_ref);
        Arc::new(Limit::new(&name, *rule, cx.limit_keys, cx.now, store))
    };
    rules.iter().enumerate().map(make).collect()
}

fn before<'p>(previous: Option<&'p Policy>, app: &str) -> Option<&'p App> {
    previous?.apps.iter().find(|before| &*before.name == app).map(Arc::as_ref)
}

/// The route of before with the same label; of several that have it, the one in the same place among them.
fn twin<'p>(before: &'p App, labels: &[Arc<str>], index: usize) -> Option<&'p Route> {
    let label = labels.get(index)?;
    let nth = labels.iter().take(index).filter(|other| *other == label).count();
    let mut same: Vec<&Arc<Route>> =
        before.routes.all().filter(|route| route.index > 0 && route.label == *label).collect();
    same.sort_by_key(|route| route.index);
    same.dedup_by_key(|route| route.index);
    same.get(nth).map(|route| &***route)
}
