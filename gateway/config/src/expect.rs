//! Dry runs: which answer a request would get, for `check`, `explain` and every reload.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::problem::Problem;
use crate::source::{Expect, Expected, Line, Source};
use stagedoor_core::clock::Now;
use stagedoor_core::denial::{Denial, Guard};
use stagedoor_core::guard::caller::AssumedIdentity;
use stagedoor_core::guard::routes::Route;
use stagedoor_core::head::{Parsed, parse};
use stagedoor_core::pipeline::{self, Arrival, Trail};
use stagedoor_core::policy::{App, ListenAddress, Policy};
use stagedoor_core::request::{Peer, PeerAddress, Scheme};
use stagedoor_core::tls::Transport;

/// Time between two promises: longer than any limit remembers, so that none meets the traces of another.
const APART: Duration = Duration::from_secs(400 * 86_400);

/// What all of that may come to: limits count nanoseconds in 64 bits, which end after 584 years.
const LONGEST: Duration = Duration::from_secs(500 * 365 * 86_400);

/// Tries every promise of the file as a dry run and returns a problem for each that is not kept.
///
/// Charges the limits of `policy`: it should be one that no request passes.
#[must_use]
pub fn check_expects(policy: &Policy, source: &Source, now: Now) -> Vec<Problem> {
    let mut broken = Vec::new();
    let mut moment = now;
    let count = u32::try_from(source.expects.len()).unwrap_or(u32::MAX).max(1);
    let apart = APART.min(LONGEST / count);
    for expect in &source.expects {
        broken.extend(check(policy, source, expect, moment));
        moment = moment.after(apart);
    }
    broken
}

/// What becomes of a request with this request line (`METHOD /path`), `Host` and caller, from `ip`.
///
/// It carries no credential and no body; `assumed` is taken for proven. Nothing is forwarded.
///
/// # Errors
/// The refusal it would meet.
pub fn dry_run(
    policy: &Policy,
    request: &str,
    host: &str,
    assumed: Option<&AssumedIdentity>,
    ip: IpAddr,
    now: Now,
) -> (Result<(), Denial>, Trail) {
    let mut trail = Trail::default();
    let request = request.trim();
    // The parser would complain of the HTTP version, which a promise does not name.
    if request.split(' ').count() != 2 {
        let fault = "a METHOD and a path are expected, such as GET /path";
        return (Err(Denial::BadRequest(fault)), trail);
    }
    let text = format!("{request} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    // Where there is https, that is where the apps are served.
    let tls = policy.tls.https().is_some();
    let scheme = if tls { Scheme::Https } else { Scheme::Http };
    let outcome = match parse(text.as_bytes(), &policy.server.limits.head, scheme) {
        Err(denial) => Err(denial),
        Ok(Parsed::Partial) => Err(Denial::BadRequest("not one whole request")),
        Ok(Parsed::Complete(_, meta)) if meta.length != text.len() => {
            Err(Denial::BadRequest("more than one request"))
        }
        Ok(Parsed::Complete(head, _)) => {
            let port = policy.server.listen.iter().find_map(ListenAddress::tcp).map_or(80, |at| at.port());
            let peer = Peer { address: PeerAddress::Ip(ip.to_canonical()), port, tls };
            pipeline::dry_run(
                policy,
                &head,
                &Arrival { peer, transport: &Transport::Plain, now },
                assumed,
                &mut trail,
            )
            .map(drop)
        }
    };
    (outcome, trail)
}

/// The key that decided, and its line: the route's own key, else the app's. `None` where it is a default, or
/// no key at all.
#[must_use]
pub fn decided_by(
    outcome: &Result<(), Denial>,
    trail: &Trail,
    source: &Source,
) -> Option<(&'static str, Line)> {
    let (app, route) = (trail.app.as_deref(), trail.route.as_deref());
    match outcome {
        // The gateway's own pages are answered by no key of the file.
        Ok(()) if trail.reached == Guard::Own => None,
        Ok(()) => first_of(&["auth", "match"], app, route, source),
        Err(denial) => refused_by(denial, trail.reached, app, route, source),
    }
}

/// The key that refused, as [`decided_by`] finds it.
pub(super) fn refused_by(
    denial: &Denial,
    reached: Guard,
    app: Option<&App>,
    route: Option<&Route>,
    source: &Source,
) -> Option<(&'static str, Line)> {
    if let Denial::Destination(refused) = denial {
        let index = refused.route;
        let met = app.and_then(|app| app.routes.all().find(|route| Some(route.index) == index));
        let met = met.map(|route| &**route);
        return refused_by(&refused.denial, refused.denial.guard(), app, met, source);
    }
    // Both may have limits of that kind; the name says whose it was.
    let of_app = denial.limit().is_some_and(|exceeded| exceeded.limit.starts_with("app."));
    first_of(refusing(denial, reached), app, route.filter(|_| !of_app), source)
}

fn first_of(
    keys: &[&'static str],
    app: Option<&App>,
    route: Option<&Route>,
    source: &Source,
) -> Option<(&'static str, Line)> {
    let app = app?;
    keys.iter().find_map(|key| {
        let own = route.and_then(|route| source.of_route(app, route).of(key));
        let line = own.or_else(|| source.of_app(app).of(key))?;
        Some((*key, line.clone()))
    })
}

/// The keys that can have refused, nearest first: those of its kind, unless more is known of this one.
#[allow(clippy::wildcard_enum_match_arm, reason = "the row of a kind names its keys")]
fn refusing(denial: &Denial, reached: Guard) -> &'static [&'static str] {
    match denial {
        // Identity is optional, but the permission needs an identified caller.
        Denial::TokenMissing if reached == Guard::Permission => &["roles", "scopes", "owner", "mfa"],
        Denial::RateLimited(_) if reached == Guard::CallerLimit => &["limit.user", "bucket"],
        _ => denial.keys(),
    }
}

fn check(policy: &Policy, source: &Source, expect: &Expect, now: Now) -> Option<Problem> {
    let Expect { request, host, caller, ip, answer, line } = expect;
    let host = host.as_deref().unwrap_or_default();
    let ip = ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let (outcome, trail) = dry_run(policy, request, host, caller.as_ref(), ip, now);
    let kept = match (answer, &outcome) {
        (Expected::Forward, outcome) => outcome.is_ok() && trail.reached == Guard::Body,
        (Expected::Status(status), Err(denial)) => denial.status().as_u16() == *status,
        (Expected::Code(code), Err(denial)) => denial.code() == code,
        (Expected::Status(_) | Expected::Code(_), Ok(())) => false,
    };
    if kept {
        return None;
    }
    let promised = match answer {
        Expected::Forward => "forward".to_owned(),
        Expected::Status(status) => status.to_string(),
        Expected::Code(code) => code.clone(),
    };
    let who = caller.as_ref().map_or("nobody", |caller| &caller.user);
    let found = match &outcome {
        Ok(()) if trail.reached == Guard::Own => "answered by the gateway itself".to_owned(),
        Ok(()) => "forward".to_owned(),
        Err(denial) => format!("{} {}", denial.status().as_u16(), denial.code()),
    };
    let hint = match decided_by(&outcome, &trail, source) {
        Some((key, line)) => format!("decided by `{key}` at {line}"),
        None => format!("decided by {}, with its default", guard(trail.reached)),
    };
    Some(Problem {
        file: line.file.clone(),
        line: line.line,
        path: "expect".to_owned(),
        message: format!("{request} on {host} as {who}: promised `{promised}`, comes out as `{found}`"),
        hint,
    })
}

fn guard(reached: Guard) -> &'static str {
    match reached {
        Guard::Connection => "the connection caps",
        Guard::Framing => "the syntax of HTTP",
        Guard::Target => "the host and the path",
        Guard::ServerName | Guard::ClientCertificate => "the connection",
        Guard::Https => "the scheme",
        Guard::Client | Guard::Access => "the client's address",
        Guard::AppLimit | Guard::RouteLimit | Guard::CallerLimit => "a limit",
        Guard::Own => "the gateway's own pages",
        Guard::Route => "the routes",
        Guard::Preflight => "CORS",
        Guard::Size | Guard::Body => "the size of the body",
        Guard::Streams => "the streams of the caller",
        Guard::Identity => "the identity",
        Guard::Origin => "the same-origin rule",
        Guard::Permission => "roles, scopes, owner and second factor",
        Guard::Signature => "the signature",
        Guard::Upgrade => "the upgrade rule",
        Guard::Upstream => "the app",
    }
}
