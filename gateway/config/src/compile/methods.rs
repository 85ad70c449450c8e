//! Methods of HTTP, as routes and CORS name them.

use super::context::Context;
use crate::location::Location;
use crate::problem::did_you_mean;
use stagedoor_core::guard::routes::METHODS;

/// Warns of a method that may be misspelt, which would protect nothing; a method that only this app knows is no mistake.
pub(super) fn unknown_method(method: &str, at: &Location, cx: &Context<'_>) {
    let hint = did_you_mean(method, METHODS.iter().copied()).unwrap_or_else(|| {
        "write `*` for every method, unless the app really has one of this name".to_owned()
    });
    cx.report.warn(at, format!("no method that servers are known to have: `{method}`"), hint);
}
