//! `headers`: the response headers by which browsers forbid something.

use std::time::Duration;

use super::findings::{Findings, Place, list};
use super::order::{Order, exchanged, larger_is_tighter, more_is_looser};
use crate::response_out::{Csp, HeaderSettings, Hsts, Preset};
use crate::units::show_duration;

pub(super) fn response(old: &HeaderSettings, new: &HeaderSettings, at: Place<'_>, findings: &mut Findings) {
    let HeaderSettings {
        preset,
        hsts,
        csp,
        frame,
        set,
        remove,
        // Judged as `cors`.
        cors_app: _,
        // Judged as `upstream.urls`.
        own: _,
    } = old;
    let shown = |preset: &Preset| format!("{preset:?}").to_lowercase();
    let order = match larger_is_tighter(strictness(*preset), strictness(new.preset)) {
        // Each of the two adds other directives to a policy that is enforced.
        Order::Tighter | Order::Looser
            if ![*preset, new.preset].contains(&Preset::Off)
                && [csp, &new.csp].into_iter().flatten().any(|csp| csp.enforce) =>
        {
            Order::Incomparable
        }
        order @ (Order::Same | Order::Tighter | Order::Looser | Order::Incomparable) => order,
    };
    findings.put(at, "headers.preset", order, || (shown(preset), shown(&new.preset)));
    self::hsts(said(*preset, *hsts), said(new.preset, new.hsts), at, findings);
    let order = self::csp(csp.as_ref(), new.csp.as_ref(), [*preset, new.preset]);
    findings.put(at, "headers.csp", order, || (policy(csp.as_ref()), policy(new.csp.as_ref())));
    let order = match (frame, &new.frame) {
        (Some(old), Some(new)) => more_is_looser(&sources(old), &sources(new)),
        // Without it the preset, the policy and the app decide.
        (old, new) => exchanged(old, new),
    };
    let shown = |frame: &Option<Vec<String>>| frame.as_ref().map_or("not said".to_owned(), list);
    findings.put(at, "headers.frame", order, || (shown(frame), shown(&new.frame)));
    // Any header may be one that protects.
    findings.put(at, "headers.set", exchanged(set, &new.set), || {
        let names = |set: &[(http::HeaderName, http::HeaderValue)]| {
            list(
                set.iter()
                    .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes()))),
            )
        };
        (names(set), names(&new.set))
    });
    findings.put(at, "headers.remove", exchanged(remove, &new.remove), || (list(remove), list(&new.remove)));
}

fn strictness(preset: Preset) -> u8 {
    match preset {
        Preset::Off => 0,
        Preset::Web => 1,
        Preset::Api => 2,
    }
}

/// The HSTS value; `None` is no field.
fn said(preset: Preset, hsts: Option<Hsts>) -> Option<Hsts> {
    match preset {
        Preset::Web | Preset::Api => Some(hsts.unwrap_or_default()),
        Preset::Off => hsts,
    }
}

fn hsts(old: Option<Hsts>, new: Option<Hsts>, at: Place<'_>, findings: &mut Findings) {
    // Zero makes browsers forget an earlier value, which is weaker than no field.
    let parts = |hsts: Option<Hsts>| match hsts {
        None => (1, false, false),
        Some(Hsts { max_age_secs, include_subdomains, preload }) => {
            (if max_age_secs == 0 { 0 } else { max_age_secs.saturating_add(1) }, include_subdomains, preload)
        }
    };
    let shown = |hsts: Option<Hsts>| match hsts {
        Some(hsts) => show_duration(Duration::from_secs(hsts.max_age_secs)),
        None => "nothing".to_owned(),
    };
    let ((age, below, built_in), (new_age, new_below, new_built_in)) = (parts(old), parts(new));
    findings.put(at, "headers.hsts.max_age", larger_is_tighter(age, new_age), || (shown(old), shown(new)));
    for (key, old, new) in [
        ("headers.hsts.include_subdomains", below, new_below),
        ("headers.hsts.preload", built_in, new_built_in),
    ] {
        findings.put(at, key, larger_is_tighter(old, new), || (old.to_string(), new.to_string()));
    }
}

/// A report-only policy forbids nothing, but names where reports about the pages are sent. An enforced policy is compared
/// source by source.
fn csp(old: Option<&Csp>, new: Option<&Csp>, presets: [Preset; 2]) -> Order {
    let replaces = |csp: Option<&Csp>| csp.is_some_and(|csp| csp.replace_app);
    if replaces(old) != replaces(new) {
        // The policy that the app sends itself is not known here.
        return Order::Incomparable;
    }
    let enforced = |csp: &&Csp| csp.enforce;
    match (old.filter(enforced), new.filter(enforced)) {
        // A policy that replaces the app's own one can only be compared for equality.
        (None, None) if replaces(new) => exchanged(&old, &new),
        (None, None) => exchanged(&hearers(old), &hearers(new)),
        (None, Some(_)) | (Some(_), None) if old.map(directives) != new.map(directives) => {
            Order::Incomparable
        }
        // An enforced policy goes before the same directives of the preset.
        (None, Some(new)) if presets.into_iter().any(|preset| new.overrules(preset)) => Order::Incomparable,
        (None, Some(_)) => Order::Tighter,
        (Some(_), None) => Order::Looser,
        (Some(old), Some(new)) => directives_by_name(old, new),
    }
}

fn directives(csp: &Csp) -> &[(String, Vec<String>)] {
    let Csp { enforce: _, policy, replace_app: _ } = csp;
    policy
}

/// Where browsers send their reports, addresses of pages among them.
fn hearers(csp: Option<&Csp>) -> Vec<&(String, Vec<String>)> {
    let tells = |name: &str| ["report-uri", "report-to"].iter().any(|known| name.eq_ignore_ascii_case(known));
    csp.into_iter().flat_map(directives).filter(|(name, _)| tells(name)).collect()
}

/// Only the sources of the same directives are compared: one that is new or gone also changes what others fall back to.
fn directives_by_name(old: &Csp, new: &Csp) -> Order {
    let (old, new) = (directives(old), directives(new));
    let names = |policy: &[(String, Vec<String>)]| -> Vec<String> {
        policy.iter().map(|(name, _)| name.to_ascii_lowercase()).collect()
    };
    if names(old) != names(new) {
        return Order::Incomparable;
    }
    let pairs = old.iter().zip(new);
    pairs.map(|((name, old), (_, new))| of_sources(name, old, new)).fold(Order::Same, Order::and)
}

fn of_sources(name: &str, old: &[String], new: &[String]) -> Order {
    // A nonce, a hash or `'strict-dynamic'` takes the force of other sources: less may then allow more.
    let lists_alone = |source: &String| {
        let source = source.to_ascii_lowercase();
        !["'nonce-", "'sha", "'strict-dynamic'"].iter().any(|start| source.starts_with(start))
    };
    let orders =
        name.ends_with("-src") || matches!(name, "form-action" | "frame-ancestors" | "base-uri" | "sandbox");
    if orders && old.iter().chain(new).all(lists_alone) {
        more_is_looser(&sources(old), &sources(new))
    } else {
        exchanged(&old, &new)
    }
}

/// Sources without the keyword for none.
fn sources(list: &[String]) -> Vec<&str> {
    let none = |source: &&str| source.eq_ignore_ascii_case("'none'");
    list.iter().map(String::as_str).filter(|source| !none(source)).collect()
}

fn policy(csp: Option<&Csp>) -> String {
    let Some(csp) = csp else { return "none".to_owned() };
    let mode = if csp.enforce { "enforce" } else { "report" };
    let one = |(name, sources): &(String, Vec<String>)| format!("{name} {}", sources.join(" "));
    let app = if csp.replace_app { ", replaces the app's" } else { "" };
    format!("{mode}: {}{app}", csp.policy.iter().map(one).collect::<Vec<_>>().join("; "))
}
