//! Which limit of the policy before each limit of the new one continues.
//!
//! A limit is identified by its place in the configuration: the name of the app, and in it the app's own table, a bucket
//! by its name, or a route. A route is the same if its `name` is (without one, its first `match`), else if its patterns
//! are. What was counted in another place does not follow: a route that joins a bucket or leaves it, or that is merged
//! with another one, begins anew.
//!
//! Within a place a list of limits may be edited freely. A rule continues the limit of an equal rule, else one of the same
//! window, else one of the same kind, so that neither the order of a list nor a tighter rule gives a used allowance back.

use std::sync::Arc;

use super::identity::{APP, ROUTE, patterns};
use crate::compile::context::Context;
use crate::raw;
use stagedoor_core::guard::limit::{Limit, Rule};
use stagedoor_core::guard::routes::Route;
use stagedoor_core::policy::{App, Policy};

/// The limits of an app under the policy before.
pub(super) struct Before<'p> {
    app: Option<&'p App>,
}

/// The limits of one place, in their order.
#[derive(Default)]
pub(super) struct PlaceLimits<'p> {
    /// For each address.
    pub(super) ip: Vec<&'p Arc<Limit>>,
    /// For each caller.
    pub(super) user: Vec<&'p Arc<Limit>>,
}

impl<'p> Before<'p> {
    pub(super) fn of(app: &str, cx: &Context<'p>) -> Self {
        let apps = cx.previous.iter().flat_map(|policy: &&'p Policy| &policy.apps);
        Self { app: apps.map(Arc::as_ref).find(|before| &*before.name == app) }
    }

    /// The app's own.
    pub(super) fn of_app(&self) -> PlaceLimits<'p> {
        let Some(app) = self.app else { return PlaceLimits::default() };
        // The policy of unlisted paths has the app's limits alone.
        let unlisted = app.routes.all().next().map(|route| route.caller_limit.limits());
        PlaceLimits {
            ip: app.limit.limits().iter().collect(),
            user: unlisted.into_iter().flatten().collect(),
        }
    }

    /// Those of the bucket of this name.
    pub(super) fn of_bucket(&self, bucket: &str) -> PlaceLimits<'p> {
        let Some(app) = self.app else { return PlaceLimits::default() };
        let of_buckets = |name: &str| !name.starts_with(APP) && !name.starts_with(ROUTE);
        // Its first limit has its name; a second one may have that of another bucket.
        let is_it = |limits: &PlaceLimits<'_>| {
            limits.ip.iter().chain(&limits.user).next().is_some_and(|limit| **limit.name() == *bucket)
        };
        let all = app.routes.all().map(|route| PlaceLimits::of(route, of_buckets));
        all.into_iter().find(is_it).unwrap_or_default()
    }

    /// For each route of the file the limits of the route that it was.
    pub(super) fn of_routes(&self, routes: &[raw::Route], labels: &[Arc<str>]) -> Vec<PlaceLimits<'p>> {
        let before = self.app.into_iter().flat_map(|app| app.routes.all()).map(Arc::as_ref);
        let before: Vec<&Route> = before.filter(|route| route.index > 0).collect();
        let new: Vec<(&Arc<str>, Vec<String>, &raw::Route)> =
            routes.iter().zip(labels).map(|(route, label)| (label, patterns(route), route)).collect();
        let continued = pair(
            &new,
            &before,
            &[
                |(label, patterns, route), old| {
                    **label == old.label && *patterns == *old.patterns && route.layer == old.layer
                },
                |(label, _, _), old| **label == old.label,
                |(_, patterns, route), old| *patterns == *old.patterns && route.layer == old.layer,
            ],
        );
        let limits = |route| PlaceLimits::of(route, |name| name.starts_with(ROUTE));
        continued.into_iter().map(|old| old.map(limits).unwrap_or_default()).collect()
    }
}

impl<'p> PlaceLimits<'p> {
    fn of(route: &'p Route, has_name: impl Fn(&str) -> bool) -> Self {
        let [ip, user] = [&route.ip_limit, &route.caller_limit].map(|limits| limits.limits().iter());
        Self {
            ip: ip.filter(|limit| has_name(limit.name())).collect(),
            user: user.filter(|limit| has_name(limit.name())).collect(),
        }
    }
}

/// The limits of `rules`, each with the memory of the limit of `before` that it continues. A limit of the other kind (a
/// rate, a quota) is never continued: it counts in another way.
pub(super) fn continue_limits(
    rules: &[Rule],
    name: impl Fn(usize) -> String,
    before: &[&Arc<Limit>],
    cx: &Context<'_>,
) -> Vec<Arc<Limit>> {
    let continued = pair(
        rules,
        before,
        &[
            |rule, limit| *rule == limit.rule(),
            |rule, limit| same_window(*rule, limit.rule()) == Some(true),
            |rule, limit| same_window(*rule, limit.rule()).is_some(),
        ],
    );
    let make = |(index, (rule, old)): (usize, (&Rule, Option<&Arc<Limit>>))| {
        Arc::new(Limit::new(&name(index), *rule, cx.limit_keys, cx.now, old.map(Arc::as_ref)))
    };
    rules.iter().zip(continued).enumerate().map(make).collect()
}

/// Whether two rules of one kind have the same window or period; `None` if they are of two kinds.
fn same_window(one: Rule, other: Rule) -> Option<bool> {
    match (one, other) {
        (Rule::Quota { window, .. }, Rule::Quota { window: same, .. }) => Some(window == same),
        (Rule::Rate { period, .. }, Rule::Rate { period: same, .. }) => Some(period == same),
        (Rule::Quota { .. }, Rule::Rate { .. }) | (Rule::Rate { .. }, Rule::Quota { .. }) => None,
    }
}

/// For each of `new` one of `old`, each at most once: the first that meets the first criterion, then of what is left
/// the first that meets the next.
fn pair<N, O: Copy>(new: &[N], old: &[O], criteria: &[fn(&N, &O) -> bool]) -> Vec<Option<O>> {
    let mut left: Vec<Option<O>> = old.iter().copied().map(Some).collect();
    let mut pairs: Vec<Option<O>> = vec![None; new.len()];
    for meets in criteria {
        for (new, pair) in new.iter().zip(&mut pairs).filter(|(_, pair)| pair.is_none()) {
            *pair = left
                .iter_mut()
                .find(|old| old.as_ref().is_some_and(|old| meets(new, old)))
                .and_then(Option::take);
        }
    }
    pairs
}
