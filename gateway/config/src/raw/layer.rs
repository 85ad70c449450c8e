//! What an app says itself, over what its profile says.
//!
//! A value of the app replaces that of its profile, a list as a whole; two lists add up instead (`identity.strip`,
//! `log.redact_query`). Tables are joined key by key, at every depth: the rows of the keys say how. Routes are not
//! joined: each keeps its layer, and those of the app are matched first. A key of the app that a route may set too
//! overrides it in the routes of the profile, so that a profile never opens what the app closes.

use crate::keys::Layered;
use crate::keys::tables::{App, Route};

/// The app, with what its profile says wherever it says nothing itself.
pub(super) fn over_profile(app: App, mut profile: App) -> App {
    for route in &mut profile.routes {
        yield_to(&app, route);
    }
    let polls = profile.polls.take();
    App { polls, ..app.over(profile) }
}

/// Takes from a route of the profile what the app says of all its routes.
fn yield_to(app: &App, route: &mut Route) {
    if app.websocket.is_some() {
        route.websocket = None;
    }
    if app.encoded_slash.is_some() {
        route.encoded_slash = None;
    }
    if app.body.max.is_some() {
        route.body.max = None;
    }
    if app.origin.check.is_some() {
        route.origin.check = None;
    }
}

#[cfg(test)]
mod tests;
