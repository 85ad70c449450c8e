//! What the app of this name counted with before, and which of its limits goes on as which.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ptr;
use std::sync::Arc;

use crate::compile::Context;
use crate::raw;
use stagedoor_core::guard::limit::{Limit, LimitPolicy, Rule};
use stagedoor_core::guard::routes::Layer;
use stagedoor_core::policy::{App, Policy, Route};

/// The limits of an app under the policy before.
pub(super) struct Before<'p> {
    app: Option<&'p App>,
    /// Limits that go on already: a second one in the place of such a limit counts apart from it.
    taken: RefCell<HashSet<*const Limit>>,
}

/// The limits of one place, in their order: by address, and by caller.
#[derive(Default)]
pub(super) struct Lists<'p> {
    pub(super) ip: Vec<&'p Arc<Limit>>,
    pub(super) user: Vec<&'p Arc<Limit>>,
}

impl<'p> Before<'p> {
    pub(super) fn of(app: &str, cx: &Context<'p>) -> Self {
        let apps = cx.previous.iter().flat_map(|policy: &&'p Policy| &policy.apps);
        let app = apps.map(Arc::as_ref).find(|before| &*before.name == app);
        Self { app, taken: RefCell::default() }
    }

    /// The app's own.
    pub(super) fn of_app(&self) -> Lists<'p> {
        let Some(app) = self.app else { return Lists::default() };
        // The policy of unlisted paths has the app's limits alone.
        let unlisted = app.routes.all().next().map(|route| route.caller_limit.limits());
        Lists { ip: app.limit.limits().iter().collect(), user: unlisted.into_iter().flatten().collect() }
    }

    /// Those of a bucket, if there was one of this name.
    pub(super) fn of_bucket(&self, bucket: &str) -> Option<Lists<'p>> {
        // Its first limit has its name; a second one may have that of another bucket.
        let named = |lists: &Lists<'_>| {
            lists.ip.iter().chain(&lists.user).next().is_some_and(|limit| **limit.name() == *bucket)
        };
        self.app?.routes.all().map(|route| Lists::of(route)).find(named)
    }

    /// For each route of the file those that it was: the one of the same label, of several the one of the same patterns,
    /// then the one in the same order, each for one route. And those that had one of its patterns, where they are no
    /// other's: all where it is none itself.
    pub(super) fn twins(&self, routes: &[raw::Route], labels: &[Arc<str>]) -> Vec<Vec<&'p Route>> {
        let Some(app) = self.app else { return vec![Vec::new(); routes.len()] };
        let mut before: Vec<&'p Route> =
            app.routes.all().map(Arc::as_ref).filter(|route| route.index > 0).collect();
        before.sort_by_key(|route| route.index);
        let new: Vec<(&Arc<str>, Vec<String>, &raw::Route)> =
            routes.iter().zip(labels).map(|(route, label)| (label, super::patterns(route), route)).collect();
        let pairs = pair(
            &new,
            &before,
            &[
                |(label, patterns, route), twin| {
                    **label == twin.label && route.layer == twin.layer && *patterns == *twin.patterns
                },
                |(label, _, _), twin| **label == twin.label,
            ],
        );
        let paired: HashSet<*const Route> = pairs.iter().flatten().map(|twin| ptr::from_ref(*twin)).collect();
        let (same, same_path) = (Listed::by(&before, nameless), Listed::by(&before, path));
        let twins =
            |(twin, (_, patterns, route)): (&Option<&'p Route>, &(_, Vec<String>, &raw::Route))| match twin {
                Some(twin) => {
                    let mut all = same.of(route.layer, patterns);
                    all.retain(|other| !paired.contains(&ptr::from_ref(*other)));
                    all.insert(0, *twin);
                    all
                }
                None => {
                    let all = same.of(route.layer, patterns);
                    if all.is_empty() { same_path.of(route.layer, patterns) } else { all }
                }
            };
        pairs.iter().zip(&new).map(twins).collect()
    }

    /// The limits of `rules`, each with the memory of the one that it was in each of `lists`: one of an equal rule, else one
    /// of the same kind, of the same window first. None takes over from another kind, which counts otherwise.
    pub(super) fn carry_on(
        &self,
        rules: &[Rule],
        name: impl Fn(usize) -> String,
        lists: &[Vec<&'p Arc<Limit>>],
        cx: &Context<'_>,
    ) -> Vec<Arc<Limit>> {
        let mut were: Vec<Vec<&Arc<Limit>>> = vec![Vec::new(); rules.len()];
        for list in lists {
            let pairs = pair(
                rules,
                list,
                &[
                    |rule, limit| *rule == limit.rule(),
                    |rule, limit| same_window(*rule, limit.rule()) == Some(true),
                    |rule, limit| same_window(*rule, limit.rule()).is_some(),
                ],
            );
            for (was, limit) in were.iter_mut().zip(pairs) {
                was.extend(limit.filter(|limit| !was.iter().any(|known| Arc::ptr_eq(known, limit))));
            }
        }
        let make = |(index, (rule, were)): (usize, (&Rule, Vec<&Arc<Limit>>))| {
            let (name, keys) = (name(index), cx.limit_keys);
            Arc::new(match were.split_first() {
                None => Limit::new(&name, *rule, keys, cx.now, None),
                Some((one, [])) if self.taken.borrow_mut().insert(Arc::as_ptr(one)) => {
                    Limit::new(&name, *rule, keys, cx.now, Some(one))
                }
                Some((one, others)) => {
                    let limit = Limit::apart(&name, *rule, keys, cx.now, one);
                    others.iter().for_each(|other| limit.absorb(other, cx.now));
                    limit
                }
            })
        };
        rules.iter().zip(were).enumerate().map(make).collect()
    }
}

impl<'p> Lists<'p> {
    /// What a route charges on top of the app's.
    pub(super) fn of(route: &'p Route) -> Self {
        let all = |limits: &'p LimitPolicy| limits.limits().iter();
        let own = |limit: &&Arc<Limit>| !limit.name().starts_with(super::APP_USER);
        Self { ip: all(&route.ip_limit).collect(), user: all(&route.caller_limit).filter(own).collect() }
    }
}

/// Routes by what they list.
struct Listed<'p> {
    routes: HashMap<(Layer, String), Vec<&'p Route>>,
    form: fn(&str) -> String,
}

impl<'p> Listed<'p> {
    /// By the form that two patterns share if they count as one.
    fn by(routes: &[&'p Route], form: fn(&str) -> String) -> Self {
        let mut listed: HashMap<_, Vec<&'p Route>> = HashMap::new();
        for (route, pattern) in
            routes.iter().flat_map(|route| route.patterns.iter().map(move |one| (*route, one)))
        {
            listed.entry((route.layer, form(pattern))).or_default().push(route);
        }
        Self { routes: listed, form }
    }

    /// Those that list one of these, each once.
    fn of(&self, layer: Layer, patterns: &[String]) -> Vec<&'p Route> {
        let all =
            patterns.iter().filter_map(|pattern| self.routes.get(&(layer, (self.form)(pattern)))).flatten();
        let mut once: Vec<&'p Route> = Vec::new();
        for route in all {
            if !once.iter().any(|known| ptr::eq(*known, *route)) {
                once.push(route);
            }
        }
        once
    }
}

/// A pattern's path, for whatever methods.
fn path(pattern: &str) -> String {
    nameless(pattern.split_once(' ').map_or(pattern, |(_, path)| path))
}

/// A pattern without the names of its parameters: `{id}` becomes `{}`, and `{*rest}` `{*}`.
fn nameless(pattern: &str) -> String {
    let mut named = false;
    let kept = |letter: &char| {
        named = *letter == '{' || (named && *letter != '}');
        !named || matches!(letter, '{' | '*')
    };
    pattern.chars().filter(kept).collect()
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
