//! What another configuration would let clients do that this one does not.
//!
//! Two compiled policies are compared field by field. Every struct is destructured, so a new field does not compile
//! here until somebody has said which direction is safe: less, more, any (it decides about nothing), or none (another
//! value is another thing). What cannot be ordered is [`Direction::Incomparable`]; in doubt that is the answer.
//!
//! A route is judged by the requests that it meets, not by its name: for every kind of request the route of the
//! old policy is compared with the route of the new one.

mod app;
mod door;
mod limits;
mod networks;
mod order;
mod provider;
mod response;
mod route;

use std::collections::HashSet;

use crate::config::Lookup;
use crate::policy::{App, Line, Policy, Route};
use order::Order;

/// What a change means for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Everything that is let through now was let through before.
    Tighter,
    /// Something is let through that was not.
    Looser,
    /// One cannot tell: something was exchanged.
    Incomparable,
}

/// One difference between two policies that is not neutral.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it means.
    pub direction: Direction,
    /// The key, as `app.media.origin.check`; of a route as `app.media.route.roles`.
    pub key: String,
    /// The line of the new configuration that makes it, or the nearest one there is; line 0 is the file as a whole.
    pub line: Line,
    /// What it was and what it is, the new value last.
    pub message: String,
}

impl Change {
    /// Whether a person has to ask for it: it is not known to be harmless.
    #[must_use]
    pub fn waits(&self) -> bool {
        match self.direction {
            Direction::Tighter => false,
            Direction::Looser | Direction::Incomparable => true,
        }
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { direction: _, key, line: Line { file, line }, message } = self;
        f.write_str(file)?;
        if *line > 0 {
            write!(f, ":{line}")?;
        }
        write!(f, " ({key}): {message}")
    }
}

impl Policy {
    /// Every difference of `new` that is not neutral, in the order of the fields. Empty where both treat every request
    /// alike.
    #[must_use]
    pub fn compare(&self, new: &Self) -> Vec<Change> {
        let Self {
            server,
            hosts,
            client,
            apps,
            providers,
            // Compiled from the providers, and empty where one of them changed.
            tokens: _,
            admin,
            log,
            expects,
            // What it was compiled from.
            texts: _,
            // The files of keys and secrets are compared by what stands in them.
            files: _,
            // Carried over from policy to policy.
            started: _,
        } = self;
        let mut findings = Findings::over(new);
        door::server(server, &new.server, &mut findings);
        door::client(client, &new.client, [apps.as_slice(), new.apps.as_slice()], &mut findings);
        door::admin(admin, &new.admin, &mut findings);
        door::log(log, &new.log, &mut findings);
        door::expects(expects, &new.expects, &mut findings);
        provider::providers(providers, &new.providers, &mut findings);
        app::hosts((hosts, apps), (&new.hosts, &new.apps), &mut findings);
        app::apps(apps, &new.apps, &mut findings);
        findings.changes
    }
}

/// What was found so far.
struct Findings<'p> {
    lookup: Lookup<'p>,
    changes: Vec<Change>,
    told: HashSet<(Direction, String, Line)>,
}

/// Which table of the new file a key belongs to.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// The table of this path.
    Table(&'a [&'a str]),
    /// A route, by the requests that met `old` and would meet `new`.
    Requests { app: &'a App, old: &'a Route, new: &'a Route, example: &'a str },
}

impl<'p> Findings<'p> {
    fn over(new: &'p Policy) -> Self {
        Self { lookup: Lookup::over(&new.texts), changes: Vec::new(), told: HashSet::new() }
    }

    /// Notes a change, unless it is none. `values`: the old one and the new one, without secrets.
    fn put(&mut self, place: Place<'_>, key: &str, order: Order, values: impl FnOnce() -> (String, String)) {
        let direction = match order {
            Order::Same => return,
            Order::Tighter => Direction::Tighter,
            Order::Looser => Direction::Looser,
            Order::Incomparable => Direction::Incomparable,
        };
        let (path, line) = self.locate(place, key);
        // Of the requests that one line is about, one example is enough.
        if !self.told.insert((direction, path.clone(), line.clone())) {
            return;
        }
        let (old, new) = values();
        let means = match direction {
            Direction::Tighter => "allows less than",
            Direction::Looser => "allows more than",
            Direction::Incomparable => "is something else than",
        };
        let of = match place {
            Place::Table(_) => String::new(),
            Place::Requests { example, .. } => format!("of requests such as `{example}`: "),
        };
        let message = format!("{of}{means} `{}`: `{}`", cut(&old), cut(&new));
        self.changes.push(Change { direction, key: path, line, message });
    }

    /// The path of a key and the nearest line of it.
    fn locate(&self, place: Place<'_>, key: &str) -> (String, Line) {
        match place {
            Place::Table(table) => {
                let steps: Vec<&str> = table.iter().copied().chain(key.split('.')).collect();
                let steps: Vec<&str> = steps.into_iter().filter(|step| !step.is_empty()).collect();
                (steps.join("."), self.lookup.nearest(&steps))
            }
            Place::Requests { app, old, new, example: _ } => {
                let of_app = [&["app", &app.name], key.split('.').collect::<Vec<_>>().as_slice()].concat();
                let listed = new.index > 0;
                let path = if listed { ["app", &app.name, "route", key].join(".") } else { of_app.join(".") };
                // What the route says itself, or said until now, is the route's; the rest comes from the app.
                let own = new.lines.of(key).or_else(|| {
                    let no_longer = old.lines.of(key).is_some() || !self.lookup.holds(&of_app);
                    new.lines.of("route").filter(|_| listed && no_longer)
                });
                let line = match own {
                    Some(line) if self.lookup.is_a_file(&line.file) => line.clone(),
                    // In its profile.
                    Some(_) => self.lookup.nearest(&["app", &app.name, "use"]),
                    None => self.lookup.nearest(&of_app),
                };
                (path, line)
            }
        }
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
fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

/// Names that are compared without case.
fn lower(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}

/// Characters of a value that are told.
const LONGEST: usize = 200;

#[cfg(test)]
mod tests;
