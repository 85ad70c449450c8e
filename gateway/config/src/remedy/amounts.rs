//! Remedies for refusals by a size or a limit.

use std::time::Duration;

use super::case::{Case, Path, Remedy, app_key, change, nothing};
use crate::edit::{Change, Page, Step, quoted};
use stagedoor_core::denial::{Guard, LimitExceeded};
use stagedoor_core::guard::limit::{LimitPolicy, Rule};
use stagedoor_core::guard::routes::Route;
use stagedoor_core::policy::App;
use stagedoor_core::units::{show_size, show_span};

impl<'a> Case<'a> {
    pub(super) fn body(&self, max: u64) -> Remedy {
        let (Some(app), Some(route)) = (self.refused.app, self.refused.route) else {
            return nothing("the route is not known");
        };
        let wanted = self.refused.declared.filter(|declared| *declared > max);
        let larger = round_up(wanted.unwrap_or_else(|| max.saturating_mul(2).max(MIB)));
        if larger > LARGEST {
            return nothing("the body is larger than the largest `body.max`");
        }
        let value = quoted(&show_size(larger));
        let line = if route.index > 0 {
            self.route_key(&["body", "max"], &value)
        } else {
            self.page(app).and_then(|page| page.set(&app_key(app, &["body", "max"]), &value))
        };
        let whose = if route.index > 0 { self.requests() } else { format!("of the app `{}`", app.name) };
        let guess = if wanted.is_some() {
            ""
        } else {
            "; the size of this body is not known, so the value is a guess"
        };
        change(line, format!("lets bodies of up to {} through, {whose}{guess}", show_size(larger)))
    }

    pub(super) fn body_of_get(&self) -> Remedy {
        let Some(app) = self.refused.app else { return nothing("the app is not known") };
        let line =
            self.page(app).and_then(|page| page.set(&app_key(app, &["body", "get"]), &quoted("allow")));
        let advice = format!(
            "allows bodies of GET and HEAD in the whole app `{}`: an app that does not read them takes each for a further request, which no check has seen",
            app.name
        );
        change(line, advice)
    }

    pub(super) fn limit(&self, exceeded: &LimitExceeded) -> Remedy {
        let Some(app) = self.refused.app else { return nothing("the app is not known") };
        let line = self.page(app).and_then(|page| match self.place_of_limit(&page, app, exceeded) {
            Some((_, list, at)) => double(&page, &list, at),
            None => self.stated_anew(&page, app, exceeded),
        });
        let wait = show_span(Duration::from_secs(exceeded.retry_seconds()));
        let advice = format!(
            "lets every client send twice as much; without the change, the limit has room again after {wait}"
        );
        change(line, advice)
    }

    /// Where the rule of this limit is written: its key, its list and its position in the list.
    pub(super) fn place_of_limit(
        &self,
        page: &Page<'_>,
        app: &'a App,
        exceeded: &LimitExceeded,
    ) -> Option<(&'static str, Path<'a>, usize)> {
        let Some((place, kind, at)) = numbered(&exceeded.limit) else {
            return in_bucket(page, app, &exceeded.limit);
        };
        let mut path = match place {
            "route" => self.route_path(page, app, self.refused.route?)?,
            _ => app_key(app, &[]),
        };
        path.extend(["limit", kind].map(Step::Key));
        page.find(&path)?;
        Some((key(kind), path, at))
    }

    /// For a limit in a file that cannot be edited, such as a profile: states the whole list in the app's own table.
    fn stated_anew(&self, page: &Page<'_>, app: &App, exceeded: &LimitExceeded) -> Option<Change> {
        let (place, kind, _) = numbered(&exceeded.limit)?;
        let policy = match (place, kind) {
            ("app", "ip") => &app.limit,
            ("app", _) => &app.routes.all().next()?.caller_limit,
            (_, _) => own_limit(self.refused.route?, self.refused.reached),
        };
        let of_place = policy.limits().iter().filter(|limit| {
            numbered(limit.name()).is_some_and(|(other, of_kind, _)| other == place && of_kind == kind)
        });
        let rules: Vec<String> = of_place
            .map(|limit| if *limit.name() == exceeded.limit { limit.rule().doubled() } else { limit.rule() })
            .map(|rule| quoted(&rule.to_string()))
            .collect();
        let value = format!("[{}]", rules.join(", "));
        if place == "app" {
            return page.set(&app_key(app, &["limit", kind]), &value);
        }
        self.beside(app, self.refused.route?, &format!("limit.{kind}"), &value)
    }
}

fn own_limit(route: &Route, reached: Guard) -> &LimitPolicy {
    if reached == Guard::CallerLimit { &route.caller_limit } else { &route.ip_limit }
}

/// `app.ip-2` → `app`, `ip`, 1.
fn numbered(name: &str) -> Option<(&'static str, &'static str, usize)> {
    let (place, rest) = name.split_once('.')?;
    let (kind, number) = rest.split_once('-')?;
    let place = ["app", "route"].into_iter().find(|known| *known == place)?;
    let kind = ["ip", "user"].into_iter().find(|known| *known == kind)?;
    Some((place, kind, number.parse::<usize>().ok()?.checked_sub(1)?))
}

fn key(kind: &str) -> &'static str {
    if kind == "user" { "limit.user" } else { "limit.ip" }
}

/// The rule of a bucket, at the first route that states its limits. They are numbered through: those of `limit.ip`
/// first, then those of `limit.user`.
fn in_bucket<'p>(page: &Page<'_>, app: &'p App, name: &str) -> Option<(&'static str, Path<'p>, usize)> {
    let routes = app_key(app, &["route"]);
    let count = page.find(&routes)?.get_ref().as_array()?.len();
    for index in 0..count {
        let route = [routes.clone(), vec![Step::Item(index)]].concat();
        let at = |keys: &[&'static str]| {
            let keys = keys.iter().copied().map(Step::Key);
            route.iter().copied().chain(keys).collect::<Path<'p>>()
        };
        let Some(bucket) = page.find(&at(&["bucket"])).and_then(|node| node.get_ref().as_str()) else {
            continue;
        };
        let nth = if bucket == name {
            0
        } else {
            let number = name.strip_prefix(bucket).and_then(|rest| rest.strip_prefix('-'));
            match number.and_then(|number| number.parse::<usize>().ok()?.checked_sub(1)) {
                Some(nth) => nth,
                None => continue,
            }
        };
        let mut left = nth;
        for kind in ["ip", "user"] {
            let path = at(&["limit", kind]);
            let Some(node) = page.find(&path) else { continue };
            let length = node.get_ref().as_array().map_or(1, |items| items.len());
            if left < length {
                return Some((key(kind), path, left));
            }
            left -= length;
        }
    }
    None
}

/// The same rule with twice the numbers; the other rules of its list stay as they are.
fn double(page: &Page<'_>, list: &[Step<'_>], at: usize) -> Option<Change> {
    let mut path = list.to_vec();
    if page.find(list)?.get_ref().as_array().is_some() {
        path.push(Step::Item(at));
    }
    let text = page.find(&path)?.get_ref().as_str()?;
    let rule = Rule::parse(text).ok()?.doubled();
    // The window as the operator wrote it.
    let window = text.split_once('/')?.1.split_whitespace().next()?;
    let doubled = match rule {
        Rule::Rate { count, period: _, burst } => format!("{count}/{window} burst {burst}"),
        Rule::Quota { count, window: _ } => format!("{count}/{window}"),
    };
    page.set(&path, &quoted(&doubled))
}

/// A round number that is not smaller: whole KiB up to one MiB, whole MiB above, and so on.
fn round_up(bytes: u64) -> u64 {
    let unit = match bytes {
        0..=MIB => 1 << 10,
        bytes if bytes <= 1 << 30 => MIB,
        _ => 1 << 30,
    };
    bytes.div_ceil(unit).saturating_mul(unit)
}

const MIB: u64 = 1 << 20;
/// The largest `body.max`.
const LARGEST: u64 = 1 << 50;
