//! `check --strict`: what each app permits that many apps do not need, with the lines that forbid it.
//!
//! None of it is a mistake. The defaults let apps work behind the gateway without changes; an operator who knows what
//! an app does not need can close it.

use super::problem::Problem;
use super::source::{KeyLines, Source};
use stagedoor_core::guard::body::BodyPolicy;
use stagedoor_core::guard::upgrade::UpgradePolicy;
use stagedoor_core::policy::{App, Policy};
use stagedoor_core::response_out::permissions_closed;

/// What each app could close, in the order of the apps.
#[must_use]
pub fn closeable(policy: &Policy, source: &Source) -> Vec<Problem> {
    policy.apps.iter().flat_map(|app| of(app, source.of_app(app))).collect()
}

fn of(app: &App, lines: &KeyLines) -> Vec<Problem> {
    let mut found = Vec::new();
    let features = app.response.closeable();
    if !features.is_empty() {
        let message = format!("its pages may ask for `{}`", features.join("`, `"));
        let hint = format!(
            "if it asks for none of them: headers.set.permissions-policy = \"{}\"",
            permissions_closed()
        );
        found.push(problem(app, lines, "headers", message, hint));
    }
    // Paths that no route matches fall to the app's own policy.
    let Some(unlisted) = app.routes.all().find(|route| route.index == 0) else { return found };
    match unlisted.upgrade {
        UpgradePolicy::Websocket => {
            let hint =
                "if it has none: websocket = false; and websocket = true in the route of one that it has";
            found.push(problem(
                app,
                lines,
                "websocket",
                "any path may become a WebSocket".to_owned(),
                hint.to_owned(),
            ));
        }
        UpgradePolicy::Forbidden => {}
    }
    let BodyPolicy { max: _, on_get } = unlisted.body;
    if on_get {
        let hint = "if no client of it sends one: body.get = \"deny\"";
        found.push(problem(app, lines, "body.get", "a GET may have a body".to_owned(), hint.to_owned()));
    }
    found
}

fn problem(app: &App, lines: &KeyLines, key: &str, message: String, hint: String) -> Problem {
    let line = lines.of(key).or_else(|| lines.of("app"));
    Problem {
        file: line.map_or_else(|| "".into(), |line| line.file.clone()),
        line: line.map_or(0, |line| line.line),
        path: format!("app.{}.{key}", app.name),
        message,
        hint,
    }
}

#[cfg(test)]
mod tests;
