//! The lines of the keys of each app and its routes.

use crate::keys::{Layered, Located};
use crate::raw;
use crate::source::{AppLines, KeyLines};

pub(super) fn lines(app: &raw::App) -> AppLines {
    // The route of unlisted paths has no table of its own.
    let routes = app.routes.iter().map(|route| of_table("route", route));
    AppLines {
        app: of_table("app", app),
        routes: std::iter::once(KeyLines::default()).chain(routes).collect(),
    }
}

/// The lines of the keys of a table, and under `name` its own.
fn of_table(name: &'static str, table: &(impl Located + Layered)) -> KeyLines {
    let mut lines = KeyLines(vec![(name.into(), table.at().line())]);
    table.locations("".into(), &mut |key, at| lines.0.push((key, at.line())));
    lines
}
