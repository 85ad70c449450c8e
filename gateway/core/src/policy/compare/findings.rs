//! The differences that a comparison found.

use std::collections::HashSet;
use std::sync::Arc;

use super::order::Order;
use crate::guard::routes::Route;
use crate::policy::App;

/// What a change means for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Every request that passes now also passed before.
    Tighter,
    /// A request passes that did not pass before.
    Looser,
    /// Neither is known: a value was exchanged for another one.
    Incomparable,
}

/// One difference between two policies that is not neutral.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it means.
    pub direction: Direction,
    /// The table of the configuration that it belongs to.
    pub table: ChangedTable,
    /// The key in that table, such as `origin.check`; empty for the table as a whole.
    pub key: String,
    /// What it was and what it is, the new value last.
    pub message: String,
}

impl Difference {
    /// A difference of one key from the value `old` to the value `new`, as a person reads them.
    #[must_use]
    pub fn new(direction: Direction, table: ChangedTable, key: &str, old: &str, new: &str) -> Self {
        let means = match direction {
            Direction::Tighter => "allows less than",
            Direction::Looser => "allows more than",
            Direction::Incomparable => "is something else than",
        };
        let message = format!("{means} `{}`: `{}`", cut(old), cut(new));
        Self { direction, table, key: key.to_owned(), message }
    }
}

/// The table of the configuration that a difference belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChangedTable {
    /// The table of this path, such as `["app", "media"]`; empty for the root.
    Table(Vec<String>),
    /// The routes that the same requests meet before and after.
    Route {
        /// The name of the app.
        app: Arc<str>,
        /// [`Route::index`] in the old policy.
        before: usize,
        /// [`Route::index`] in the new policy.
        after: usize,
    },
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) differences: Vec<Difference>,
    reported: HashSet<(Direction, ChangedTable, String)>,
}

/// Which table of the configuration a key belongs to.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// The table of this path.
    Table(&'a [&'a str]),
    /// A route, by the requests that met `old` and would meet `new`.
    Requests { app: &'a App, old: &'a Route, new: &'a Route, example: &'a str },
}

impl Place<'_> {
    fn table(self) -> ChangedTable {
        match self {
            Self::Table(path) => ChangedTable::Table(path.iter().map(|step| (*step).to_owned()).collect()),
            Self::Requests { app, old, new, example: _ } => {
                ChangedTable::Route { app: Arc::clone(&app.name), before: old.index, after: new.index }
            }
        }
    }
}

impl Findings {
    /// Adds a difference, unless the values are the same. `values`: the old one and the new one, without secrets.
    pub(super) fn put(
        &mut self,
        place: Place<'_>,
        key: &str,
        order: Order,
        values: impl FnOnce() -> (String, String),
    ) {
        let direction = match order {
            Order::Same => return,
            Order::Tighter => Direction::Tighter,
            Order::Looser => Direction::Looser,
            Order::Incomparable => Direction::Incomparable,
        };
        let table = place.table();
        // Of the requests that meet the same two routes, one example is enough.
        if !self.reported.insert((direction, table.clone(), key.to_owned())) {
            return;
        }
        let (old, new) = values();
        let mut difference = Difference::new(direction, table, key, &old, &new);
        if let Place::Requests { example, .. } = place {
            difference.message = format!("of requests such as `{example}`: {}", difference.message);
        }
        self.differences.push(difference);
    }
}

/// A value for a message: a long one is cut.
fn cut(value: &str) -> String {
    match value.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{} …", value.get(..at).unwrap_or_default()),
        None => value.to_owned(),
    }
}

/// Names of a list for a message.
pub(super) fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

/// Names that are compared without case.
pub(super) fn lower(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// Characters of a value that a message shows.
const LONGEST: usize = 200;
