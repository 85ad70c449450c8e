//! The pairs of routes that the same request matches in two tables, for the comparison of two policies.
//!
//! Both tables are walked together, segment by segment: every segment that one of them names, one that neither names, and
//! an empty one. So each kind of request is seen once, whatever the order of the patterns. The walk is bounded by [`MOST`]; the tables are the operator's.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::route::Route;
use super::trie::Remaining;
use super::{RoutesPolicy, Unlisted};

/// The routes that a request matches in an old and in a new table; `None` if it is refused there.
#[derive(Debug)]
pub(crate) struct Pair<'p> {
    /// In the old one; for an unlisted path the app's own policy.
    pub(crate) old: Option<&'p Arc<Route>>,
    /// In the new one.
    pub(crate) new: Option<&'p Arc<Route>>,
    /// Method and path of such a request.
    pub(crate) example: String,
}

/// The position of a lookup in both tables.
struct Both<'p> {
    old: Vec<Remaining<'p>>,
    new: Vec<Remaining<'p>>,
    path: String,
}

impl RoutesPolicy {
    /// Every pair of routes that a request matches in `self` and in `new`, in the order of the new ones. `None` if there are
    /// too many kinds of requests.
    pub(crate) fn pairs<'p>(&'p self, new: &'p Self) -> Option<Vec<Pair<'p>>> {
        let Self { literal, folded: _, patterns_are_folded: _, routes: _, unlisted: _ } = self;
        let mut met: HashMap<[Option<usize>; 2], String> = HashMap::new();
        let start = Both { old: literal.ahead(), new: new.literal.ahead(), path: String::new() };
        let mut work = vec![start];
        let mut cost: usize = 0;
        while let Some(at) = work.pop() {
            for segment in at.segments() {
                cost = cost.checked_add(at.path.len() + segment.len() + 16).filter(|cost| *cost <= MOST)?;
                let next = at.step(&segment);
                next.methods(|method, places| {
                    met.entry(places).or_insert_with(|| format!("{method} {}", next.path));
                });
                if next.goes_on() {
                    work.push(next);
                }
            }
        }
        let mut pairs: Vec<(Option<usize>, Pair<'p>)> = met
            .into_iter()
            .map(|([was, is], example)| (is, Pair { old: self.under(was), new: new.under(is), example }))
            .collect();
        pairs.sort_by(|(is, pair), (other_is, other)| (is, &pair.example).cmp(&(other_is, &other.example)));
        Some(pairs.into_iter().map(|(_, pair)| pair).collect())
    }

    /// The route at this place; of none the app's own policy, unless unlisted paths are refused.
    fn under(&self, place: Option<usize>) -> Option<&Arc<Route>> {
        match (place, self.unlisted) {
            (Some(place), Unlisted::Inherit | Unlisted::Deny) => self.routes.get(place),
            (None, Unlisted::Inherit) => self.routes.first(),
            (None, Unlisted::Deny) => None,
        }
    }
}

impl<'p> Both<'p> {
    /// Every segment that is worth a step: each that is named, one that is not, and an empty one.
    fn segments(&self) -> Vec<String> {
        let named: BTreeSet<&[u8]> = self.all().flat_map(|ahead| ahead.literals()).collect();
        let mut other = "item".to_owned();
        while named.contains(other.as_bytes()) {
            other.push('~');
        }
        let named = named.into_iter().filter(|segment| !segment.is_empty());
        // The last one is examined first, and its example is the one that is reported.
        let named = named.map(|segment| String::from_utf8_lossy(segment).into_owned());
        [String::new(), other].into_iter().chain(named).collect()
    }

    fn step(&self, segment: &str) -> Self {
        let step = |all: &[Remaining<'p>]| {
            let mut next = Vec::new();
            for ahead in all {
                ahead.step(segment.as_bytes(), &mut next);
            }
            next
        };
        Self { old: step(&self.old), new: step(&self.new), path: format!("{}/{segment}", self.path) }
    }

    /// Shows, for every method that is worth a question, the places of both routes for a path that ends here.
    fn methods(&self, mut show: impl FnMut(&str, [Option<usize>; 2])) {
        let mut named: BTreeSet<&str> = self.all().flat_map(|ahead| ahead.methods()).collect();
        if named.contains("GET") {
            named.insert("HEAD");
        }
        let usual = ["GET", "POST", "DELETE", "OTHER"].into_iter();
        let mut unnamed = usual.filter(|method| !named.contains(method)).map(str::to_owned);
        let mut other = unnamed.next().unwrap_or_else(|| "OTHER".to_owned());
        while named.contains(&*other) {
            other.push('X');
        }
        let find = |all: &[Remaining<'p>], method: &str| all.iter().find_map(|ahead| ahead.find(method));
        for method in named.into_iter().chain([&*other]) {
            show(method, [find(&self.old, method), find(&self.new, method)]);
        }
    }

    /// Whether a further segment could make a difference.
    fn goes_on(&self) -> bool {
        self.all().any(Remaining::goes_on)
    }

    fn all(&self) -> impl Iterator<Item = &Remaining<'p>> {
        self.old.iter().chain(&self.new)
    }
}

/// Bytes of all paths that are looked at.
const MOST: usize = 4 << 20;
