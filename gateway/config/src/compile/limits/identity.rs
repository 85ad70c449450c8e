//! What makes a limit the same one in another policy: the start of its name, and the patterns of its route.

use crate::raw;

/// How the names of limits begin that an app's own table states; no bucket has a dot in its name.
pub(super) const APP: &str = "app.";
/// How the names of limits begin that a route states for itself.
pub(super) const ROUTE: &str = "route.";

/// The patterns of a route, in no order of the file's.
pub(in super::super) fn patterns(route: &raw::Route) -> Vec<String> {
    let list = route.matches.iter().flat_map(|list| &list.value);
    let mut all: Vec<String> = list.map(|given| given.value.clone()).collect();
    all.sort();
    all
}
