//! `[app.*]`: who may use an app, and which fields app and client get.

use std::sync::Arc;

use http::HeaderName;
use rustls_pki_types::CertificateDer;

use super::findings::{Findings, Place, list, lower};
use super::networks::Admitted;
use super::order::{
    Order, covering, covers, exchanged, larger_is_looser, larger_is_tighter, more_is_looser,
    more_is_looser_with_any, more_is_tighter,
};
use super::provider::places;
use super::{limits, response, route};
use crate::guard::access::AccessPolicy;
use crate::guard::cors::{CorsPolicy, ListedOrigins};
use crate::guard::credential::CarrierPolicy;
use crate::guard::target::{Backslash, HostTable, PathPolicy, Slashes};
use crate::policy::{App, AppAddress, CertificateTrust, ClientAuthority, ForwardPolicy, UpstreamHost};
use crate::policy::{UpstreamPolicy, UpstreamTls};
use crate::units::show_duration;

/// Which hosts are served, and by which app. Apps are the same when they have the same name.
pub(super) fn hosts(
    (old, old_apps): (&HostTable, &[Arc<App>]),
    (new, new_apps): (&HostTable, &[Arc<App>]),
    findings: &mut Findings,
) {
    for (host, before, after) in old.differing(new) {
        let name = |apps: &[Arc<App>], at: Option<usize>| Some(Arc::clone(&apps.get(at?)?.name));
        let (before, after) = (name(old_apps, before), name(new_apps, after));
        let order = match (&before, &after) {
            (None, None) => Order::Same,
            (None, Some(_)) => Order::Looser,
            (Some(_), None) => Order::Tighter,
            (Some(old), Some(new)) => exchanged(old, new),
        };
        let Some(app) = after.as_ref().or(before.as_ref()) else { continue };
        let shown = |app: &Option<Arc<str>>| match app {
            Some(app) => format!("{host} for {app}"),
            None => format!("{host} for no app"),
        };
        findings.put(Place::Table(&["app", app]), "hosts", order, || (shown(&before), shown(&after)));
    }
}

pub(super) fn apps(old: &[Arc<App>], new: &[Arc<App>], findings: &mut Findings) {
    for app in old {
        match new.iter().find(|other| other.name == app.name) {
            Some(other) => self::app(app, other, findings),
            None => findings.put(Place::Table(&["app", &app.name]), "", Order::Incomparable, || {
                ("an app".to_owned(), "none of this name".to_owned())
            }),
        }
    }
}

fn app(old: &App, new: &App, findings: &mut Findings) {
    let App {
        name,
        index: _,
        // Judged by what every host means.
        hosts: _,
        path: PathPolicy { exact_case, slashes, backslash },
        client_authority,
        access,
        // Judged together with those of the routes.
        limit: _,
        in_flight,
        // Judged by the requests that meet them.
        routes: _,
        cors,
        carriers: CarrierPolicy { sources: carriers, keep },
        forward,
        response,
        // How a refusal looks.
        errors: _,
        upstream,
        redact_query,
    } = old;
    let table = ["app", name];
    let at = Place::Table(&table);
    let case = |exact: bool| if exact { "exact" } else { "fold" }.to_owned();
    findings.put(at, "case", larger_is_looser(*exact_case, new.path.exact_case), || {
        (case(*exact_case), case(new.path.exact_case))
    });
    // Another path is matched than before, by whatever rule.
    let merging = |slashes: Slashes| match slashes {
        Slashes::Keep => "keep",
        Slashes::Merge => "merge",
    };
    findings.put(at, "slashes", exchanged(slashes, &new.path.slashes), || {
        (merging(*slashes).to_owned(), merging(new.path.slashes).to_owned())
    });
    let named = |backslash: Backslash| match backslash {
        Backslash::Refuse => "refuse",
        Backslash::Name => "name",
    };
    let order = larger_is_looser(*backslash == Backslash::Name, new.path.backslash == Backslash::Name);
    findings
        .put(at, "backslash", order, || (named(*backslash).to_owned(), named(new.path.backslash).to_owned()));
    let order = match (in_flight, new.in_flight) {
        (Some(old), Some(new)) => larger_is_looser(*old, new),
        // `auto` depends on the machine.
        (None, _) | (_, None) => exchanged(in_flight, &new.in_flight),
    };
    let most = |in_flight: Option<usize>| in_flight.map_or("auto".to_owned(), |most| most.to_string());
    findings.put(at, "limit.in_flight", order, || (most(*in_flight), most(new.in_flight)));
    self::client_authority(client_authority.as_deref(), new.client_authority.as_deref(), at, findings);
    self::access(access, &new.access, at, findings);
    self::cors(cors, &new.cors, at, findings);
    // What carried a token never reaches the app; where it is read is judged with the providers of each route.
    findings.put(at, "sources", more_is_tighter(carriers, &new.carriers.sources), || {
        (places(carriers), places(&new.carriers.sources))
    });
    let token = |keep: bool| if keep { "keep" } else { "drop" }.to_owned();
    findings.put(at, "identity.token", larger_is_looser(*keep, new.carriers.keep), || {
        (token(*keep), token(new.carriers.keep))
    });
    self::forward(forward, &new.forward, at, findings);
    response::response(response.settings(), new.response.settings(), at, findings);
    self::upstream(upstream, &new.upstream, at, findings);
    let order = more_is_tighter(&lower(redact_query), &lower(&new.redact_query));
    findings.put(at, "log.redact_query", order, || (list(redact_query), list(&new.redact_query)));
    let Some(pairs) = old.routes.pairs(&new.routes) else {
        findings.put(at, "route", Order::Incomparable, || {
            ("these routes".to_owned(), "more than can be compared".to_owned())
        });
        return;
    };
    for pair in &pairs {
        route::pair([old, new], pair, findings);
    }
    limits::limits([old, new], &pairs, findings);
}

fn access(old: &AccessPolicy, new: &AccessPolicy, at: Place<'_>, findings: &mut Findings) {
    let (before, after) = (Admitted::of(old), Admitted::of(new));
    let shown = |access: &AccessPolicy| match access {
        AccessPolicy::Anyone => "anyone".to_owned(),
        AccessPolicy::Listed { allow, deny } if deny.is_empty() => list(allow),
        AccessPolicy::Listed { allow, deny } if allow.is_empty() => format!("all but {}", list(deny)),
        AccessPolicy::Listed { allow, deny } => format!("{} but {}", list(allow), list(deny)),
    };
    let order = covering(before.covers(&after), after.covers(&before));
    findings.put(at, "access", order, || (shown(old), shown(new)));
}

/// What pages of other origins may do. What an app allows by itself is not known here.
fn cors(old: &CorsPolicy, new: &CorsPolicy, at: Place<'_>, findings: &mut Findings) {
    let order = match (old, new) {
        (CorsPolicy::SameOrigin, CorsPolicy::SameOrigin) | (CorsPolicy::App, CorsPolicy::App) => Order::Same,
        (CorsPolicy::SameOrigin, CorsPolicy::App | CorsPolicy::Listed(_)) => Order::Looser,
        (CorsPolicy::App | CorsPolicy::Listed(_), CorsPolicy::SameOrigin) => Order::Tighter,
        (CorsPolicy::App, CorsPolicy::Listed(_)) | (CorsPolicy::Listed(_), CorsPolicy::App) => {
            Order::Incomparable
        }
        (CorsPolicy::Listed(old), CorsPolicy::Listed(new)) => return listed(old, new, at, findings),
    };
    let shown = |cors: &CorsPolicy| match cors {
        CorsPolicy::SameOrigin => "same origin only".to_owned(),
        CorsPolicy::App => "app".to_owned(),
        CorsPolicy::Listed(origins) => list(&origins.origins),
    };
    findings.put(at, "cors", order, || (shown(old), shown(new)));
}

fn listed(old: &ListedOrigins, new: &ListedOrigins, at: Place<'_>, findings: &mut Findings) {
    let ListedOrigins { origins, any, methods, headers, expose, credentials, max_age } = old;
    let order = covering(
        *any || (!new.any && covers(origins, &new.origins)),
        new.any || (!*any && covers(&new.origins, origins)),
    );
    let shown = |any: bool, origins: &[String]| if any { "*".to_owned() } else { list(origins) };
    findings.put(at, "cors.origins", order, || (shown(*any, origins), shown(new.any, &new.origins)));
    for (key, old, new) in [
        ("cors.methods", methods, &new.methods),
        ("cors.headers", headers, &new.headers),
        ("cors.expose", expose, &new.expose),
    ] {
        findings.put(at, key, more_is_looser_with_any(old, new), || (list(old), list(new)));
    }
    findings.put(at, "cors.credentials", larger_is_looser(*credentials, new.credentials), || {
        (credentials.to_string(), new.credentials.to_string())
    });
    findings.put(at, "cors.max_age", larger_is_looser(max_age, &new.max_age), || {
        (show_duration(*max_age), show_duration(new.max_age))
    });
}

/// The fields that tell the app its caller. Under another name, the app may use a field of the client.
fn forward(old: &ForwardPolicy, new: &ForwardPolicy, at: Place<'_>, findings: &mut Findings) {
    let ForwardPolicy { user, roles, pass, strip, host } = old;
    let shown = |name: &Option<HeaderName>| name.as_ref().map_or("off", HeaderName::as_str).to_owned();
    for (key, old, new) in [("identity.user", user, &new.user), ("identity.roles", roles, &new.roles)] {
        findings.put(at, key, exchanged(old, new), || (shown(old), shown(new)));
    }
    findings.put(at, "identity.pass", more_is_looser(pass, &new.pass), || (list(pass), list(&new.pass)));
    findings
        .put(at, "identity.strip", more_is_tighter(strip, &new.strip), || (list(strip), list(&new.strip)));
    let shown = |host: &UpstreamHost| match host {
        UpstreamHost::Keep => "keep".to_owned(),
        UpstreamHost::Upstream(authority) => format!("upstream, {authority}"),
    };
    findings.put(at, "upstream.host", exchanged(host, &new.host), || (shown(host), shown(&new.host)));
}

fn upstream(old: &UpstreamPolicy, new: &UpstreamPolicy, at: Place<'_>, findings: &mut Findings) {
    let UpstreamPolicy {
        // `address`, as it was written.
        url: _,
        address,
        connect,
        read,
        retries,
    } = old;
    let [before, after] = [address, &new.address].map(ToString::to_string);
    findings.put(at, "upstream.urls", exchanged(&before, &after), || (before.clone(), after.clone()));
    if let (AppAddress::Tls { tls: old, .. }, AppAddress::Tls { tls: new, .. }) = (address, &new.address) {
        upstream_tls(old, new, at, findings);
    }
    for (key, old, new) in [("upstream.connect", connect, &new.connect), ("upstream.read", read, &new.read)] {
        findings.put(at, key, larger_is_looser(old, new), || (show_duration(*old), show_duration(*new)));
    }
    findings.put(at, "upstream.retries", larger_is_looser(*retries, new.retries), || {
        (retries.to_string(), new.retries.to_string())
    });
}

/// Whose certificates let a client in. Each further authority does, and each further revocation keeps one out.
fn client_authority(
    old: Option<&ClientAuthority>,
    new: Option<&ClientAuthority>,
    at: Place<'_>,
    findings: &mut Findings,
) {
    let order = match (old, new) {
        (Some(old), Some(new)) => {
            let (before, after) = (old.revoked(), new.revoked());
            let let_through = covering(after.is_superset(before), before.is_superset(after));
            more_is_looser(old.certificates(), new.certificates()).and(let_through)
        }
        (old, new) => larger_is_tighter(old.is_some(), new.is_some()),
    };
    let shown = |authority: Option<&ClientAuthority>| match authority {
        Some(authority) => {
            format!("{}, {} revoked", certificates_shown(authority.certificates()), authority.revoked().len())
        }
        None => "none".to_owned(),
    };
    findings.put(at, "client_ca", order, || (shown(old), shown(new)));
}

/// How many there are, and which.
fn certificates_shown(list: &[CertificateDer<'_>]) -> String {
    let all: Vec<u8> = list.iter().flat_map(|certificate| certificate.iter().copied()).collect();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &all);
    let start: String = digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{} certificates, SHA-256 {start}…", list.len())
}

/// Whose answers are taken for the app's.
fn upstream_tls(old: &UpstreamTls, new: &UpstreamTls, at: Place<'_>, findings: &mut Findings) {
    let UpstreamTls { server_name, trust } = old;
    findings.put(at, "upstream.server_name", exchanged(server_name, &new.server_name), || {
        (server_name.to_str().into_owned(), new.server_name.to_str().into_owned())
    });
    let anyone = |trust: &CertificateTrust| *trust == CertificateTrust::Anyone;
    let order = larger_is_looser(anyone(trust), anyone(&new.trust));
    findings.put(at, "upstream.dangerous_any_certificate", order, || {
        (anyone(trust).to_string(), anyone(&new.trust).to_string())
    });
    let order = match (trust, &new.trust) {
        // Judged above.
        (CertificateTrust::Anyone, _) | (_, CertificateTrust::Anyone) => Order::Same,
        (CertificateTrust::Listed(old), CertificateTrust::Listed(new)) => more_is_looser(old, new),
        (old, new) => exchanged(old, new),
    };
    let shown = |trust: &CertificateTrust| match trust {
        CertificateTrust::WebAuthorities => "the authorities that browsers trust".to_owned(),
        CertificateTrust::Listed(list) => certificates_shown(list),
        CertificateTrust::Anyone => "anyone".to_owned(),
    };
    findings.put(at, "upstream.ca", order, || (shown(trust), shown(&new.trust)));
}
