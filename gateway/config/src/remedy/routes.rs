//! Remedies that change the matched route, or add a route for one request.

use std::sync::Arc;

use super::case::{Case, Path, Remedy, app_key, change, nothing};
use crate::edit::{Change, Page, Step, quoted};
use stagedoor_core::denial::{PathRemedy, RemedyKind};
use stagedoor_core::guard::caller::{Accepted, AuthPolicy};
use stagedoor_core::guard::permission::PermissionPolicy;
use stagedoor_core::guard::routes::Pattern;
use stagedoor_core::guard::routes::Route;
use stagedoor_core::path::literal;
use stagedoor_core::policy::App;

impl<'a> Case<'a> {
    /// The route's table, where it is listed in the app's own file. One that a profile brought is not: its lines
    /// stand in no file that could be edited.
    pub(super) fn route_path(&self, page: &Page<'_>, app: &'a App, route: &Route) -> Option<Path<'a>> {
        let line = self.source.of_route(app, route).of("route");
        let line = line.filter(|line| Some(&line.file) == self.file_of(app).as_ref())?;
        let list = app_key(app, &["route"]);
        let items = page.find(&list)?.get_ref().as_array()?.iter().enumerate();
        let there: Vec<usize> =
            items.filter(|(_, item)| page.line_of(item) == line.line).map(|(index, _)| index).collect();
        let index = match there.as_slice() {
            [one] => *one,
            // Several on one line: then there is no profile that could shift them.
            several => several.iter().copied().find(|index| index + 1 == route.index)?,
        };
        Some([list, vec![Step::Item(index)]].concat())
    }

    /// The route that the path would meet with a slash more or less.
    pub(super) fn twin(&self) -> Option<Twin<'a>> {
        let RemedyKind::Path(PathRemedy::Spelling | PathRemedy::SpellingInAnyCase) =
            self.refused.denial.remedy()
        else {
            return None;
        };
        let (app, method, path) = (self.refused.app?, self.refused.method, self.refused.path?);
        // No pattern that starts with two slashes is met in every reading.
        if path.starts_with("//") {
            return None;
        }
        let route = app.routes.met_folded(method, path.as_bytes(), app.path)?;
        let mut all = route.patterns.iter();
        let (listed, spelling) = all.find_map(|listed| Some((listed, respelt(listed, method, path)?)))?;
        Some(Twin { route, listed, spelling })
    }

    /// The route's `match` with the second spelling.
    pub(super) fn spelt_twice(&self, twin: &Twin<'a>) -> Remedy {
        let Twin { route, listed, spelling } = twin;
        let lines = self.refused.app.map(|app| self.source.of_route(app, route));
        let place =
            lines.and_then(|lines| lines.of("match")).map_or_else(String::new, |line| format!(" at {line}"));
        let told = format!("`{spelling}` is another spelling of the route `{}`{place}", route.label);
        let line = || {
            let app = self.refused.app?;
            let page = self.page(app)?;
            let mut path = self.route_path(&page, app, route)?;
            path.push(Step::Key("match"));
            page.append(&path, &quoted(spelling))
        };
        match line() {
            Some(line) => change(
                Some(line),
                format!("{told}: both spellings then match that route, as they do in most apps"),
            ),
            None => {
                let both = format!("match = [{}, {}]", quoted(listed), quoted(spelling));
                nothing(&format!(
                    "{told}: a route of the app's own with {both} and what that one says takes both"
                ))
            }
        }
    }

    /// A key of the route that was met; of the path alone, as a route of its own, where none is listed.
    pub(super) fn route_key(&self, key: &[&'a str], value: &str) -> Option<Change> {
        let (app, route) = (self.refused.app?, self.refused.route?);
        let page = self.page(app)?;
        let Some(mut path) = self.route_path(&page, app, route) else {
            return if route.index == 0 {
                self.new_route(&[(&key.join("."), value)])
            } else {
                self.beside(app, route, &key.join("."), value)
            };
        };
        path.extend(key.iter().copied().map(Step::Key));
        page.set(&path, value)
    }

    /// In place of a route of a file that cannot be edited: a route of the app's own that differs in this
    /// key alone. `None` where it would drop what the other asks for.
    pub(super) fn beside(&self, app: &App, route: &Route, key: &str, value: &str) -> Option<Change> {
        let own = app.routes.all().next()?;
        let named = |auth: &AuthPolicy| -> Vec<Arc<str>> {
            auth.accepted().into_iter().flat_map(Accepted::names).cloned().collect()
        };
        let same_providers = named(&route.auth) == named(&own.auth);
        let public = matches!(route.auth, AuthPolicy::Public);
        let plain = route.permission == PermissionPolicy::default()
            && route.signature.is_none()
            && (public || same_providers)
            && route.app_limit
            && (key == "body.max" || route.body == own.body)
            && (key == "websocket" || route.upgrade == own.upgrade)
            && (key == "encoded_slash" || route.encoded_slash == own.encoded_slash)
            && (key.starts_with("limit.") || route.ip_limit.limits().is_empty())
            && (key.starts_with("limit.")
                || route.caller_limit.limits().len() == own.caller_limit.limits().len());
        if !plain {
            return None;
        }
        if key == "auth" {
            return self.new_route(&[(key, value)]);
        }
        let auth = match route.auth {
            AuthPolicy::Public => "\"public\"",
            AuthPolicy::Optional(_) => "\"optional\"",
            AuthPolicy::Required(_) => "\"required\"",
        };
        self.new_route(&[("auth", auth), (key, value)])
    }

    /// A route for this method and path alone.
    pub(super) fn new_route(&self, keys: &[(&str, &str)]) -> Option<Change> {
        let app = self.refused.app?;
        let matching = pattern(self.refused.method, self.refused.path?)?;
        let mut all = vec![("match", quoted(&matching))];
        all.extend(keys.iter().map(|(key, value)| (*key, (*value).to_owned())));
        self.page(app)?.add_table(&app_key(app, &["route"]), &all)
    }
}

/// A route that lists another spelling of a path.
pub(super) struct Twin<'a> {
    pub(super) route: &'a Route,
    /// The `match` as it is written.
    listed: &'a str,
    /// The same with the slashes of the path.
    spelling: String,
}

/// A `match` with the slashes of this path; `None` where they differ in more than these.
fn respelt(listed: &str, method: &str, path: &str) -> Option<String> {
    let pattern = Pattern::parse(listed).ok()?;
    pattern
        .method()
        .is_none_or(|known| known == method || (known, method) == ("GET", "HEAD"))
        .then_some(())?;
    let mut segments = pattern.path().split('/').filter(|segment| !segment.is_empty());
    let mut text = listed.trim().split_once(' ')?.0.to_owned() + " ";
    for asked in path.strip_prefix('/')?.split('/') {
        text.push('/');
        if asked.is_empty() {
            continue;
        }
        let written = segments.next()?;
        text.push_str(written);
        if written.starts_with("{*") {
            break;
        }
        if !written.starts_with('{') && literal(written.as_bytes()) != literal(asked.as_bytes()) {
            return None;
        }
    }
    let fits = segments.next().is_none() && text != pattern.text();
    fits.then_some(text)
}

/// A `match` that meets this method and path alone.
fn pattern(method: &str, path: &str) -> Option<String> {
    let segments = path.split('/').map(|segment| match segment {
        "*" | "**" => segment.replace('*', "%2A"),
        _ => segment.replace('{', "%7B").replace('}', "%7D"),
    });
    let text = format!("{method} {}", segments.collect::<Vec<_>>().join("/"));
    Pattern::parse(&text).ok().map(|_| text)
}
