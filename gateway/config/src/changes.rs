//! What a new configuration changes for clients, with the lines that make each change.

use std::collections::HashSet;
use std::net::IpAddr;

use stagedoor_core::guard::caller::AssumedIdentity;
use stagedoor_core::policy::Policy;
use stagedoor_core::policy::compare::{ChangedTable, Difference, Direction};

use super::parsed_file::LineLookup;
use super::source::{Expect, Expected, Line, Source};

/// One difference between two configurations that is not neutral, and where the new one makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyChange {
    /// What it means.
    pub direction: Direction,
    /// The key, as `app.media.origin.check`; of a route as `app.media.route.roles`.
    pub key: String,
    /// The line of the new configuration that makes it, or the nearest one there is; line 0 is the file as a whole.
    pub line: Line,
    /// What it was and what it is, the new value last.
    pub message: String,
}

impl PolicyChange {
    /// Whether a person has to ask for it: it is not known to be harmless.
    #[must_use]
    pub fn waits(&self) -> bool {
        match self.direction {
            Direction::Tighter => false,
            Direction::Looser | Direction::Incomparable => true,
        }
    }
}

impl std::fmt::Display for PolicyChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { direction: _, key, line: Line { file, line }, message } = self;
        f.write_str(file)?;
        if *line > 0 {
            write!(f, ":{line}")?;
        }
        write!(f, " ({key}): {message}")
    }
}

/// Every difference of `after` from `before` that is not neutral; empty where both treat every request alike. Where
/// one line makes several differences of a key in the same direction, the first of them is returned.
#[must_use]
pub fn changes(before: (&Policy, &Source), after: (&Policy, &Source)) -> Vec<PolicyChange> {
    let lookup = LineLookup::over(&after.1.files);
    let mut told = HashSet::new();
    let mut changes = Vec::new();
    let mut differences = before.0.compare(after.0);
    // Promises come between the tables of the process and those of providers and apps.
    let of_process = differences.iter().take_while(|difference| is_of_process(&difference.table)).count();
    differences.splice(of_process..of_process, expects(&before.1.expects, &after.1.expects));
    for Difference { direction, table, key, message } in differences {
        let (key, line) = locate(&lookup, &table, &key, before, after);
        if told.insert((direction, key.clone(), line.clone())) {
            changes.push(PolicyChange { direction, key, line, message });
        }
    }
    changes
}

fn is_of_process(table: &ChangedTable) -> bool {
    match table {
        ChangedTable::Table(path) => !matches!(path.first().map(String::as_str), Some("app" | "auth")),
        ChangedTable::Route { .. } => false,
    }
}

/// Promises decide about no request. They check the file, so that fewer of them count as looser.
fn expects(old: &[Expect], new: &[Expect]) -> Option<Difference> {
    type Promise<'e> = (&'e str, Option<&'e str>, Option<&'e AssumedIdentity>, Option<IpAddr>, &'e Expected);
    fn promise(expect: &Expect) -> Promise<'_> {
        let Expect { request, host, caller, ip, answer, line: _ } = expect;
        (request, host.as_deref(), caller.as_ref(), *ip, answer)
    }
    let (before, after): (Vec<_>, Vec<_>) =
        (old.iter().map(promise).collect(), new.iter().map(promise).collect());
    let gone: Vec<&str> =
        before.iter().filter(|promise| !after.contains(promise)).map(|(request, ..)| *request).collect();
    let added = after.iter().any(|promise| !before.contains(promise));
    let direction = match (gone.is_empty(), added) {
        (true, false) => return None,
        (true, true) => Direction::Tighter,
        (false, false) => Direction::Looser,
        (false, true) => Direction::Incomparable,
    };
    let without = if gone.is_empty() { "none".to_owned() } else { gone.join(", ") };
    let (was, is) = (format!("{} promises", old.len()), format!("{} promises, without {without}", new.len()));
    Some(Difference::new(direction, ChangedTable::Table(Vec::new()), "expect", &was, &is))
}

/// The path of a key and the nearest line of it.
fn locate(
    lookup: &LineLookup<'_>,
    table: &ChangedTable,
    key: &str,
    before: (&Policy, &Source),
    after: (&Policy, &Source),
) -> (String, Line) {
    match table {
        ChangedTable::Table(path) => {
            let steps: Vec<&str> = path.iter().map(String::as_str).chain(key.split('.')).collect();
            let steps: Vec<&str> = steps.into_iter().filter(|step| !step.is_empty()).collect();
            (steps.join("."), lookup.nearest(&steps))
        }
        ChangedTable::Route { app, before: old, after: new } => {
            let of_app = [&["app", app], key.split('.').collect::<Vec<_>>().as_slice()].concat();
            let listed = *new > 0;
            let path = if listed { ["app", app, "route", key].join(".") } else { of_app.join(".") };
            // A key that the route sets, or set until now, is located in the route; every other key in the app.
            let own = route_line(after, app, *new, key).or_else(|| {
                let no_longer = route_line(before, app, *old, key).is_some() || !lookup.holds(&of_app);
                route_line(after, app, *new, "route").filter(|_| listed && no_longer)
            });
            let line = match own {
                Some(line) if lookup.is_a_file(&line.file) => line.clone(),
                // In its profile.
                Some(_) => lookup.nearest(&["app", app, "use"]),
                None => lookup.nearest(&of_app),
            };
            (path, line)
        }
    }
}

/// The line of a key in the table of a route.
fn route_line<'s>(
    (policy, source): (&Policy, &'s Source),
    app: &str,
    route: usize,
    key: &str,
) -> Option<&'s Line> {
    let app = policy.apps.iter().find(|other| *other.name == *app)?;
    source.apps.get(app.index)?.routes.get(route)?.of(key)
}

#[cfg(test)]
mod tests;
