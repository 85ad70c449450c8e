//! What a new configuration changes for clients, with the lines that say so.

use std::collections::HashSet;

use super::text::Lookup;
use stagedoor_core::policy::{Difference, Direction, Line, Lines, Policy, Subject};

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
/// one line makes several differences of a key in the same direction, the first is told.
#[must_use]
pub fn changes(before: &Policy, after: &Policy) -> Vec<PolicyChange> {
    let lookup = Lookup::over(&after.texts);
    let mut told = HashSet::new();
    let mut changes = Vec::new();
    for Difference { direction, subject, key, message } in before.compare(after) {
        let (key, line) = locate(&lookup, &subject, &key, before, after);
        if told.insert((direction, key.clone(), line.clone())) {
            changes.push(PolicyChange { direction, key, line, message });
        }
    }
    changes
}

/// The path of a key and the nearest line of it.
fn locate(
    lookup: &Lookup<'_>,
    subject: &Subject,
    key: &str,
    before: &Policy,
    after: &Policy,
) -> (String, Line) {
    match subject {
        Subject::Table(table) => {
            let steps: Vec<&str> = table.iter().map(String::as_str).chain(key.split('.')).collect();
            let steps: Vec<&str> = steps.into_iter().filter(|step| !step.is_empty()).collect();
            (steps.join("."), lookup.nearest(&steps))
        }
        Subject::Route { app, before: old, after: new } => {
            let of_app = [&["app", app], key.split('.').collect::<Vec<_>>().as_slice()].concat();
            let listed = *new > 0;
            let path = if listed { ["app", app, "route", key].join(".") } else { of_app.join(".") };
            let line_of =
                |policy, index, key: &str| lines(policy, app, index).and_then(|lines| lines.of(key));
            // What the route says itself, or said until now, is the route's; the rest comes from the app.
            let own = line_of(after, *new, key).or_else(|| {
                let no_longer = line_of(before, *old, key).is_some() || !lookup.holds(&of_app);
                line_of(after, *new, "route").filter(|_| listed && no_longer)
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

fn lines<'p>(policy: &'p Policy, app: &str, route: usize) -> Option<&'p Lines> {
    let app = policy.apps.iter().find(|other| *other.name == *app)?;
    app.routes.all().find(|other| other.index == route).map(|route| &route.lines)
}

#[cfg(test)]
mod tests;
