//! The decision trace of a request: each check, its outcome, and the rule and the line of the configuration behind it.

use std::fmt::Write as _;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use stagedoor_config::{KeyLines, Line, Source};
use stagedoor_core::denial::{Denial, Guard};
use stagedoor_core::guard::access::AccessPolicy;
use stagedoor_core::guard::caller::{Accepted, AuthPolicy};
use stagedoor_core::guard::cors::CorsPolicy;
use stagedoor_core::guard::limit::LimitPolicy;
use stagedoor_core::guard::origin::OriginPolicy;
use stagedoor_core::guard::permission::{OwnerPolicy, PermissionPolicy};
use stagedoor_core::guard::routes::Route;
use stagedoor_core::guard::streams::StreamCap;
use stagedoor_core::guard::target::Slashes;
use stagedoor_core::guard::upgrade::UpgradePolicy;
use stagedoor_core::policy::App;
use stagedoor_core::units::show_duration;

/// What the pipeline found out about a request, and its verdict.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DecisionTrace<'a> {
    pub(crate) verdict: Result<(), &'a Denial>,
    /// The last guard that ran.
    pub(crate) reached: Guard,
    pub(crate) app: Option<&'a App>,
    pub(crate) route: Option<&'a Route>,
    pub(crate) client: Option<IpAddr>,
    /// Where the keys of the policy are written.
    pub(crate) source: &'a Source,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Check {
    pub(crate) check: String,
    pub(crate) outcome: CheckOutcome,
    /// The rule of the configuration that the check applied.
    pub(crate) rule: String,
    pub(crate) file: Option<String>,
    pub(crate) line: Option<usize>,
}

/// The outcome of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckOutcome {
    /// It let the request pass.
    Passed,
    /// It answered the request itself.
    Answered,
    /// It refused.
    Refused,
    /// It did not run.
    NotReached,
}

/// The checks as text, one a line; those that did not run are left out.
pub(crate) fn text(checks: &[Check], colour: bool) -> String {
    let mut text = String::new();
    for Check { check, outcome, rule, file, line } in checks {
        let (mark, paint) = match outcome {
            CheckOutcome::Passed => ("pass", "\x1b[32m"),
            CheckOutcome::Answered => ("here", "\x1b[36m"),
            CheckOutcome::Refused => ("deny", "\x1b[1;31m"),
            CheckOutcome::NotReached => continue,
        };
        let (paint, plain) = if colour { (paint, "\x1b[0m") } else { ("", "") };
        let place = match (file, line) {
            (Some(file), Some(line)) => format!("  ({file}:{line})"),
            (Some(file), None) => format!("  ({file})"),
            (None, _) => String::new(),
        };
        let _ = writeln!(text, "  {paint}{mark}{plain}  {check:<15} {rule}{place}");
    }
    text
}

/// The checks as one log line, each rule shortened.
pub(crate) fn line(checks: &[Check]) -> String {
    let mut line = String::new();
    for Check { check, outcome, rule, file: _, line: _ } in checks {
        let mark = match outcome {
            CheckOutcome::Passed => "pass",
            CheckOutcome::Answered => "here",
            CheckOutcome::Refused => "deny",
            CheckOutcome::NotReached => continue,
        };
        let separator = if line.is_empty() { "" } else { "; " };
        let _ = write!(line, "{separator}{check}: {mark}");
        if !rule.is_empty() {
            let more = if rule.chars().nth(RULE_MAX).is_some() { "…" } else { "" };
            let _ = write!(line, " ({}{more})", rule.chars().take(RULE_MAX).collect::<String>());
        }
    }
    line
}

/// The name of the check that a guard makes.
pub(crate) fn name(guard: Guard) -> &'static str {
    match guard {
        Guard::Connection => "connection",
        Guard::Framing => "framing",
        Guard::Target => "host and path",
        Guard::ServerName => "server name",
        Guard::Https => "https",
        Guard::ClientCertificate => "client certificate",
        Guard::Client => "client",
        Guard::Access => "address",
        Guard::AppLimit => "app limits",
        Guard::Own => "own pages",
        Guard::Route => "route",
        Guard::Preflight => "preflight",
        Guard::RouteLimit => "route limits",
        Guard::Size => "body size",
        Guard::Identity => "identity",
        Guard::Origin => "origin",
        Guard::Permission => "permission",
        Guard::Signature => "signature",
        Guard::CallerLimit => "caller limits",
        Guard::Upgrade => "upgrade",
        Guard::Body => "body",
        Guard::Streams => "streams",
        Guard::Upstream => "app",
    }
}

impl<'a> DecisionTrace<'a> {
    /// The checks, in the order in which they run.
    pub(crate) fn checks(&self) -> Vec<Check> {
        // Steps after the permit are listed only for a request that failed in one of them.
        let later = [Guard::Body, Guard::Streams, Guard::Upstream].into_iter();
        let ended_later = later.filter(|guard| {
            // Most requests open no stream.
            let has_one = *guard != Guard::Streams || self.reached == Guard::Streams;
            self.verdict.is_err() && *guard <= self.reached && has_one
        });
        let check = |guard: Guard| {
            let outcome = outcome(guard, self.reached, self.verdict.is_ok());
            // A check that did not run has no rule.
            let (rule, line) =
                if outcome == CheckOutcome::NotReached { None } else { self.rule(guard) }.unwrap_or_default();
            let (file, line) = (line.map(|line| line.file.to_string()), line.and_then(Line::number));
            Check { check: name(guard).to_owned(), outcome, rule, file, line }
        };
        // Most requests have nothing to do with these.
        const SELDOM: [Guard; 3] = [Guard::Own, Guard::ServerName, Guard::Https];
        let asks_clients = self.asks_certificates();
        let asks_signature = self.route.is_some_and(|route| route.signature.is_some());
        let is_listed = |guard: &Guard| {
            self.reached == *guard
                || !(SELDOM.contains(guard)
                    || (*guard == Guard::ClientCertificate && !asks_clients)
                    || (*guard == Guard::Signature && !asks_signature))
        };
        CHECKS.into_iter().filter(is_listed).chain(ended_later).map(check).collect()
    }

    /// Whether clients of the app have to show certificates.
    fn asks_certificates(&self) -> bool {
        self.app.is_some_and(|app| app.client_authority.is_some())
    }

    /// The rule of the configuration for a check, and its line.
    fn rule(&self, guard: Guard) -> Option<(String, Option<&'a Line>)> {
        let (app, route) = (self.app, self.route);
        match guard {
            Guard::Connection | Guard::Framing => None,
            Guard::ServerName => Some(("the host of the TLS connection".into(), None)),
            Guard::Https => Some(("plain HTTP is redirected".into(), None)),
            Guard::ClientCertificate => {
                let app = app?;
                let rule = match &app.client_authority {
                    Some(authority) => format!("one of the authorities in {}", authority.file()),
                    None => "none".into(),
                };
                Some((rule, self.of_app(app, &["client_ca"])))
            }
            Guard::Upstream => app.map(|app| (app.upstream.url.clone(), self.of_app(app, &["upstream"]))),
            Guard::Target => match app {
                Some(app) => {
                    let merges = match app.path.slashes {
                        Slashes::Keep => "",
                        Slashes::Merge => "; `//` is matched and forwarded as `/`",
                    };
                    Some((format!("app `{}`{merges}", app.name), self.of_app(app, &["hosts", "prefix"])))
                }
                None => Some(("no app".into(), None)),
            },
            Guard::Client => self.client.map(|client| (client.to_string(), None)),
            Guard::Access => app.map(|app| {
                (access(&app.access), self.of_app(app, &["access", "access.allow", "access.deny"]))
            }),
            Guard::AppLimit => app.map(|app| match route {
                Some(route) if !route.app_limit => {
                    ("left out here".into(), self.of_route(app, route, &["limit.app"]))
                }
                Some(_) | None => (limits(&app.limit), self.of_app(app, &["limit.ip", "limit"])),
            }),
            Guard::Own => Some(("`/.stagedoor/` is the gateway's own".into(), None)),
            Guard::Route => app.map(|app| self.found(app, route)),
            Guard::Preflight => app.map(|app| (cors(&app.cors), self.of_app(app, &["cors", "cors.origins"]))),
            Guard::RouteLimit => both(app, route).map(|(app, route)| {
                (limits(&route.ip_limit), self.of_route(app, route, &["limit.ip", "limit"]))
            }),
            Guard::Size | Guard::Body => both(app, route).map(|(app, route)| {
                (
                    format!("at most {} bytes", route.body.max),
                    self.of_either(app, route, &["body.max", "body"]),
                )
            }),
            Guard::Streams => both(app, route).map(|(app, route)| {
                (
                    streams(route.streams.per_user),
                    self.of_either(app, route, &["streams.per_user", "streams"]),
                )
            }),
            Guard::Identity => both(app, route)
                .map(|(app, route)| (auth(&route.auth), self.of_either(app, route, &["auth"]))),
            Guard::Origin => both(app, route).map(|(app, route)| {
                (
                    origin(route.origin, self.asks_certificates()),
                    self.of_either(app, route, &["origin.check", "origin"]),
                )
            }),
            Guard::Permission => both(app, route).map(|(app, route)| {
                (
                    permission(&route.permission),
                    self.of_either(app, route, &["roles", "scopes", "owner", "mfa"]),
                )
            }),
            Guard::Signature => both(app, route).map(|(app, route)| {
                let rule = route.signature.as_ref().map_or_else(
                    || "none".to_owned(),
                    |signature| {
                        let [header, timestamp] = signature.fields();
                        format!("`{header}` and `{timestamp}`, within {}", show_duration(signature.within()))
                    },
                );
                (rule, self.of_route(app, route, &["signature"]))
            }),
            Guard::CallerLimit => both(app, route).map(|(app, route)| {
                (limits(&route.caller_limit), self.of_either(app, route, &["limit.user", "limit"]))
            }),
            Guard::Upgrade => both(app, route)
                .map(|(app, route)| (upgrade(route.upgrade), self.of_either(app, route, &["websocket"]))),
        }
    }

    fn found(&self, app: &App, route: Option<&Route>) -> (String, Option<&'a Line>) {
        match route {
            Some(route) if route.index == 0 => {
                ("not listed: the app's own policy".into(), self.of_app(app, &["unlisted"]))
            }
            Some(route) => (format!("`{}`", route.label), self.of_route(app, route, &["match", "name"])),
            None => ("none".into(), self.of_app(app, &["unlisted"])),
        }
    }

    /// The line of the first of these keys that the app's table has.
    fn of_app(&self, app: &App, keys: &[&str]) -> Option<&'a Line> {
        first(self.source.of_app(app), keys)
    }

    /// The line of the first of these keys that the route's table has.
    fn of_route(&self, app: &App, route: &Route, keys: &[&str]) -> Option<&'a Line> {
        first(self.source.of_route(app, route), keys)
    }

    /// The route's line, else the app's.
    fn of_either(&self, app: &App, route: &Route, keys: &[&str]) -> Option<&'a Line> {
        self.of_route(app, route, keys).or_else(|| self.of_app(app, keys))
    }
}

/// Characters of a rule in a log line.
const RULE_MAX: usize = 120;

/// The checks that are listed, in the order in which they run.
const CHECKS: [Guard; 19] = [
    Guard::Framing,
    Guard::Target,
    Guard::ServerName,
    Guard::Https,
    Guard::ClientCertificate,
    Guard::Client,
    Guard::Access,
    Guard::AppLimit,
    Guard::Own,
    Guard::Route,
    Guard::Preflight,
    Guard::RouteLimit,
    Guard::Size,
    Guard::Identity,
    Guard::Origin,
    Guard::Permission,
    Guard::Signature,
    Guard::CallerLimit,
    Guard::Upgrade,
];

fn outcome(guard: Guard, reached: Guard, admitted: bool) -> CheckOutcome {
    match guard.cmp(&reached) {
        std::cmp::Ordering::Less => CheckOutcome::Passed,
        std::cmp::Ordering::Greater => CheckOutcome::NotReached,
        std::cmp::Ordering::Equal if !admitted => CheckOutcome::Refused,
        // Only a redirect, a preflight and a page of the gateway's own are answered this early.
        std::cmp::Ordering::Equal if matches!(guard, Guard::Preflight | Guard::Own | Guard::Https) => {
            CheckOutcome::Answered
        }
        std::cmp::Ordering::Equal => CheckOutcome::Passed,
    }
}

fn both<'a>(app: Option<&'a App>, route: Option<&'a Route>) -> Option<(&'a App, &'a Route)> {
    app.zip(route)
}

fn first<'l>(lines: &'l KeyLines, keys: &[&str]) -> Option<&'l Line> {
    keys.iter().find_map(|key| lines.of(key))
}

fn access(policy: &AccessPolicy) -> String {
    match policy {
        AccessPolicy::Anyone => "any address".into(),
        AccessPolicy::Listed { allow, deny } if allow.is_empty() => format!("any but {}", list(deny)),
        AccessPolicy::Listed { allow, deny } if deny.is_empty() => format!("only {}", list(allow)),
        AccessPolicy::Listed { allow, deny } => format!("only {}, and not {}", list(allow), list(deny)),
    }
}

fn limits(policy: &LimitPolicy) -> String {
    let rules: Vec<String> = policy.limits().iter().map(|limit| limit.rule().to_string()).collect();
    if rules.is_empty() { "none".into() } else { rules.join(", ") }
}

fn cors(policy: &CorsPolicy) -> String {
    match policy {
        CorsPolicy::SameOrigin => "same origin only".into(),
        CorsPolicy::App => "left to the app".into(),
        CorsPolicy::Listed(listed) if listed.any => "every origin".into(),
        CorsPolicy::Listed(listed) => format!("for {}", list(&listed.origins)),
    }
}

fn auth(policy: &AuthPolicy) -> String {
    let names = |accepted: &Accepted| list(&accepted.names().collect::<Vec<_>>());
    match policy {
        AuthPolicy::Public => "public".into(),
        AuthPolicy::Optional(accepted) => format!("optional, by {}", names(accepted)),
        AuthPolicy::Required(accepted) => format!("required, by {}", names(accepted)),
    }
}

fn origin(policy: OriginPolicy, certificates: bool) -> String {
    let carried = if certificates { "a cookie or a certificate" } else { "a cookie" };
    match policy {
        OriginPolicy::Cookies => {
            format!("of requests with {carried} and no other credential, except navigations")
        }
        OriginPolicy::Strict => {
            format!("of requests with {carried} and no other credential, also navigations")
        }
        OriginPolicy::Always => "of every unsafe request".into(),
        OriginPolicy::Off => "off".into(),
    }
}

fn permission(policy: &PermissionPolicy) -> String {
    let PermissionPolicy { roles, scopes, owner, mfa } = policy;
    let mut needs = Vec::new();
    if !roles.is_empty() {
        needs.push(format!("one of the roles {}", list(roles)));
    }
    if !scopes.is_empty() {
        needs.push(format!("the scopes {}", list(scopes)));
    }
    match owner {
        OwnerPolicy::Anyone => {}
        OwnerPolicy::Segment { segment: _, or_role: None } => needs.push("the owner".into()),
        OwnerPolicy::Segment { segment: _, or_role: Some(role) } => {
            needs.push(format!("the owner, or the role `{role}`"))
        }
    }
    if *mfa {
        needs.push("a second factor".into());
    }
    if needs.is_empty() { "everybody".into() } else { needs.join("; ") }
}

fn streams(cap: StreamCap) -> String {
    match cap {
        StreamCap::Unlimited => "no cap".into(),
        StreamCap::OfApp(most) => format!("at most {most} of a caller in the app"),
        StreamCap::OfRoute(most) => format!("at most {most} of a caller in the route"),
    }
}

fn upgrade(policy: UpgradePolicy) -> String {
    match policy {
        UpgradePolicy::Websocket => "WebSockets allowed".into(),
        UpgradePolicy::Forbidden => "WebSockets forbidden".into(),
    }
}

fn list(items: &[impl std::fmt::Display]) -> String {
    items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
