//! What makes a limit the same one in another policy: the start of its name, and the patterns of its route.

use crate::raw;

/// The prefix of the names of an app's own limits. The name of a bucket has no dot, so it never begins like this.
pub(super) const APP: &str = "app.";
/// The prefix of the names of a route's own limits.
pub(super) const ROUTE: &str = "route.";

/// The patterns of a route, sorted, so that their order in the file does not matter.
pub(in super::super) fn patterns(route: &raw::Route) -> Vec<String> {
    let list = route.matches.iter().flat_map(|list| &list.value);
    let mut all: Vec<String> = list.map(|given| given.value.clone()).collect();
    all.sort();
    all
}
