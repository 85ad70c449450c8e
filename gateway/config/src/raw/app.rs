//! An app with what its profile says of it.

use super::{base, layer, profile};
use crate::keys::tables::App;
use crate::problem::Report;

/// The app over the profile of its `use`.
pub(super) fn with_profile(app: App, report: &Report) -> App {
    if let (None, Some(base)) = (&app.uses, &app.base) {
        let hint = "name a profile with `use`, or write the path into each `match`";
        report.problem(&base.at, "no profile whose routes could be there: `base`", hint);
    }
    let Some(mut profile) = app.uses.as_ref().and_then(|uses| profile::of_app(uses, report)) else {
        return app;
    };
    let base = app.base.as_ref().or(profile.base.as_ref());
    base::put_below(&mut profile.routes, base, report);
    layer::over_profile(app, profile)
}
