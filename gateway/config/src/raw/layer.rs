//! What an app says itself, over what its profile says.
//!
//! A value that the app writes takes the place of the profile's, a list as a whole; but lists of what is held back
//! from the app or kept out of the log (`identity.strip`, `log.redact_query`) add up. Tables are joined key by key, at
//! every depth. Routes are not joined: each keeps its layer, and the app's are asked first. Where the app says
//! itself what a route would say, a route of the profile does not say it: what the app shuts is shut.

use super::{App, Route};
use crate::keys::Layered;

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
