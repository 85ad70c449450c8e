//! Rates and quotas. Routes may share them, so they are compared over all requests of an app at once.
//!
//! A limit is kept if the new policy has one limit that is no weaker and that counts every request that the old one
//! counted. A limit that is split in two is weaker, although both have its rule.

use std::collections::{HashMap, HashSet};
use std::ptr;
use std::sync::Arc;

use super::findings::{Findings, Place, list};
use super::order::covering;
use crate::guard::limit::Limit;
use crate::guard::routes::Route;
use crate::guard::routes::pairs::Pair;
use crate::policy::App;

/// The limits that one kind of request is charged, before and after.
struct Charged<'a> {
    old: Vec<&'a Arc<Limit>>,
    new: Vec<&'a Arc<Limit>>,
    place: Place<'a>,
}

pub(super) fn limits([old, new]: [&App; 2], pairs: &[Pair<'_>], findings: &mut Findings) {
    let table = ["app", &*new.name];
    // The gateway's own pages, preflights, and paths that are not found.
    let (before, after) = (old.limit.limits().iter().collect(), new.limit.limits().iter().collect());
    let mut by_address = vec![Charged { old: before, new: after, place: Place::Table(&table) }];
    let mut by_caller = Vec::new();
    for pair in pairs {
        // What is refused before or after is charged to the app alone.
        let (Some(before), Some(after)) = (pair.old, pair.new) else { continue };
        let place = Place::Requests { app: new, old: before, new: after, example: &pair.example };
        by_address.push(Charged { old: by_ip(old, before), new: by_ip(new, after), place });
        by_caller.push(Charged { old: by_user(before), new: by_user(after), place });
    }
    judge("limit.ip", &by_address, findings);
    judge("limit.user", &by_caller, findings);
}

fn by_ip<'a>(app: &'a App, route: &'a Route) -> Vec<&'a Arc<Limit>> {
    let of_app = if route.app_limit { app.limit.limits() } else { &[] };
    of_app.iter().chain(route.ip_limit.limits()).collect()
}

fn by_user(route: &Route) -> Vec<&Arc<Limit>> {
    route.caller_limit.limits().iter().collect()
}

fn judge(key: &str, all: &[Charged<'_>], findings: &mut Findings) {
    let lost = ended(all, |charged| &charged.old, |charged| &charged.new);
    let gained = ended(all, |charged| &charged.new, |charged| &charged.old);
    for (index, Charged { old, new, place }) in all.iter().enumerate() {
        let order = covering(!lost.contains(&index), !gained.contains(&index));
        let rules = |limits: &[&Arc<Limit>]| list(limits.iter().map(|limit| limit.rule()));
        findings.put(*place, key, order, || (rules(old), rules(new)));
    }
}

/// The requests at which a limit of the one side is not kept as a limit of the other.
fn ended<'c, 'l: 'c>(
    all: &'c [Charged<'l>],
    one: impl Fn(&'c Charged<'l>) -> &'c [&'l Arc<Limit>],
    other: impl Fn(&'c Charged<'l>) -> &'c [&'l Arc<Limit>],
) -> HashSet<usize> {
    let mut places: HashMap<*const Limit, (&Arc<Limit>, Vec<usize>)> = HashMap::new();
    for (index, charged) in all.iter().enumerate() {
        for limit in one(charged) {
            places.entry(Arc::as_ptr(limit)).or_insert((limit, Vec::new())).1.push(index);
        }
    }
    let mut ended = HashSet::new();
    for (limit, counted) in places.values() {
        let charged = || counted.iter().filter_map(|index| all.get(*index));
        let mut heirs: HashMap<*const Limit, usize> = HashMap::new();
        for heir in charged().flat_map(&other).filter(|heir| heir.rule().within(limit.rule())) {
            *heirs.entry(Arc::as_ptr(heir)).or_default() += 1;
        }
        // The one that counts most of them; where several do, any of them.
        let best = heirs.into_iter().max_by_key(|(_, counted)| *counted).map(|(heir, _)| heir);
        let goes_on = |index: &usize| {
            all.get(*index).is_some_and(|charged| {
                other(charged).iter().any(|heir| best.is_some_and(|best| ptr::eq(best, Arc::as_ptr(heir))))
            })
        };
        ended.extend(counted.iter().filter(|index| !goes_on(index)).copied());
    }
    ended
}
