//! `[[app.*.route]]`: what a request may do under the route that it matches.

use std::time::Duration;

use super::findings::{Findings, Place, list};
use super::order::{Order, exchanged, larger_is_looser, larger_is_tighter, more_is_looser, more_is_tighter};
use super::provider::{places, sources};
use crate::guard::body::BodyPolicy;
use crate::guard::caller::{Accepted, AcceptedProvider, AuthPolicy};
use crate::guard::cors::{CorsPolicy, PreflightPolicy};
use crate::guard::origin::OriginPolicy;
use crate::guard::permission::{OwnerPolicy, PermissionPolicy};
use crate::guard::routes::Route;
use crate::guard::routes::pairs::Pair;
use crate::guard::signature::SignaturePolicy;
use crate::guard::streams::{OnExpiry, StreamCap, StreamsPolicy};
use crate::guard::upgrade::UpgradePolicy;
use crate::policy::App;
use crate::units::{show_duration, show_size};

/// Compares the two routes that some request meets, in the old app and in the new one.
pub(super) fn pair([old_app, new_app]: [&App; 2], pair: &Pair<'_>, findings: &mut Findings) {
    let Pair { old, new, example } = pair;
    let at = |old, new| Place::Requests { app: new_app, old, new, example };
    match (old, new) {
        (None, None) => {}
        (None, Some(new)) => {
            let Some(unlisted) = old_app.routes.all().next() else { return };
            let key = if new.index > 0 { "match" } else { "unlisted" };
            findings.put(at(unlisted, new), key, Order::Looser, || {
                ("refused".to_owned(), format!("let in by {}", named(new)))
            });
        }
        (Some(old), None) => {
            let Some(unlisted) = new_app.routes.all().next() else { return };
            findings.put(at(old, unlisted), "unlisted", Order::Tighter, || {
                (format!("let in by {}", named(old)), "refused".to_owned())
            });
        }
        (Some(old), Some(new)) => route([old_app, new_app], old, new, at(old, new), findings),
    }
}

fn named(route: &Route) -> String {
    if route.index > 0 { format!("the route {}", route.label) } else { "the app's own policy".to_owned() }
}

/// The order of two origin checks: `strict` and `always` each check requests that the other does not.
fn asked(old: OriginPolicy, new: OriginPolicy) -> Order {
    let rank = |origin: OriginPolicy| match origin {
        OriginPolicy::Off => 0,
        OriginPolicy::Cookies => 1,
        OriginPolicy::Strict | OriginPolicy::Always => 2,
    };
    if rank(old) == rank(new) { exchanged(&old, &new) } else { larger_is_tighter(rank(old), rank(new)) }
}

fn route([old_app, new_app]: [&App; 2], old: &Route, new: &Route, at: Place<'_>, findings: &mut Findings) {
    let Route {
        // Its name, its position and its patterns: a route is compared by the requests that it matches.
        label: _,
        patterns: _,
        index: _,
        layer: _,
        // Judged over all routes, since limits may be shared.
        app_limit: _,
        ip_limit: _,
        caller_limit: _,
        body: BodyPolicy { max, on_get },
        auth,
        permission,
        signature,
        origin,
        preflight,
        upgrade,
        streams,
        encoded_slash,
    } = old;
    findings.put(at, "body.max", larger_is_looser(*max, new.body.max), || {
        (show_size(*max), show_size(new.body.max))
    });
    let allowed = |allow: bool| if allow { "allow" } else { "deny" }.to_owned();
    findings.put(at, "body.get", larger_is_looser(*on_get, new.body.on_get), || {
        (allowed(*on_get), allowed(new.body.on_get))
    });
    self::auth(auth, &new.auth, at, findings);
    self::permission(permission, &new.permission, at, findings);
    self::signature(signature.as_deref(), new.signature.as_deref(), at, findings);
    let shown = |origin: OriginPolicy| format!("{origin:?}").to_lowercase();
    findings.put(at, "origin.check", asked(*origin, new.origin), || (shown(*origin), shown(new.origin)));
    // Where CORS is not the app's, no preflight reaches it whatever the route says.
    let reaches = |app: &App, preflight: PreflightPolicy| match (&app.cors, preflight) {
        (CorsPolicy::App, PreflightPolicy::App) => true,
        (CorsPolicy::App, PreflightPolicy::LikeAny)
        | (CorsPolicy::SameOrigin | CorsPolicy::Listed(_), PreflightPolicy::App | PreflightPolicy::LikeAny) => {
            false
        }
    };
    let (was, is) = (reaches(old_app, *preflight), reaches(new_app, new.preflight));
    let shown = |reaches: bool| if reaches { "app" } else { "like any request" }.to_owned();
    findings.put(at, "preflight", larger_is_looser(was, is), || (shown(was), shown(is)));
    let may = |upgrade: &UpgradePolicy| match upgrade {
        UpgradePolicy::Forbidden => false,
        UpgradePolicy::Websocket => true,
    };
    findings.put(at, "websocket", larger_is_looser(may(upgrade), may(&new.upgrade)), || {
        (may(upgrade).to_string(), may(&new.upgrade).to_string())
    });
    self::streams(*streams, new.streams, at, findings);
    findings.put(at, "encoded_slash", larger_is_looser(*encoded_slash, new.encoded_slash), || {
        (encoded_slash.to_string(), new.encoded_slash.to_string())
    });
}

/// How many streams a caller may have open, and whether they outlive its credential.
fn streams(old: StreamsPolicy, new: StreamsPolicy, at: Place<'_>, findings: &mut Findings) {
    let StreamsPolicy { per_user, on_expiry } = old;
    let most = |cap: StreamCap| match cap {
        StreamCap::Unlimited => usize::MAX,
        StreamCap::OfApp(most) | StreamCap::OfRoute(most) => most,
    };
    // A route that counts by itself allows as many besides those of the app.
    let counted = match (per_user, new.per_user) {
        (StreamCap::OfApp(_), StreamCap::OfRoute(_)) => Order::Looser,
        (StreamCap::OfRoute(_), StreamCap::OfApp(_)) => Order::Tighter,
        (StreamCap::OfApp(_), StreamCap::OfApp(_))
        | (StreamCap::OfRoute(_), StreamCap::OfRoute(_))
        | (StreamCap::Unlimited, _)
        | (_, StreamCap::Unlimited) => Order::Same,
    };
    let order = larger_is_looser(most(per_user), most(new.per_user)).and(counted);
    let shown = |cap: StreamCap| match cap {
        StreamCap::Unlimited => "no cap".to_owned(),
        StreamCap::OfApp(most) => format!("{most} in the app"),
        StreamCap::OfRoute(most) => most.to_string(),
    };
    findings.put(at, "streams.per_user", order, || (shown(per_user), shown(new.per_user)));
    let lasts = |on_expiry: OnExpiry| match on_expiry {
        OnExpiry::End { grace } => grace,
        OnExpiry::Finish => Duration::MAX,
    };
    let shown = |on_expiry: OnExpiry| match on_expiry {
        OnExpiry::End { grace } if grace.is_zero() => "close".to_owned(),
        OnExpiry::End { grace } => format!("grace:{}", show_duration(grace)),
        OnExpiry::Finish => "finish".to_owned(),
    };
    let order = larger_is_looser(lasts(on_expiry), lasts(new.on_expiry));
    findings.put(at, "streams.on_expiry", order, || (shown(on_expiry), shown(new.on_expiry)));
}

/// Whether a token is required, and of which providers. What a provider accepts is compared once, at the provider.
fn auth(old: &AuthPolicy, new: &AuthPolicy, at: Place<'_>, findings: &mut Findings) {
    let strictness = |auth: &AuthPolicy| match auth {
        AuthPolicy::Public => (0, "public"),
        AuthPolicy::Optional(_) => (1, "optional"),
        AuthPolicy::Required(_) => (2, "required"),
    };
    let ((was, old_word), (is, new_word)) = (strictness(old), strictness(new));
    findings.put(at, "auth", larger_is_tighter(was, is), || (old_word.to_owned(), new_word.to_owned()));
    let (Some(old), Some(new)) = (old.accepted(), new.accepted()) else { return };
    let names = |accepted: &Accepted| -> Vec<String> { accepted.names().map(ToString::to_string).collect() };
    let (before, after) = (names(old), names(new));
    // If several providers accept a token, the first one names its user.
    let order = match more_is_looser(&before, &after) {
        Order::Same => exchanged(&before, &after),
        order @ (Order::Tighter | Order::Looser | Order::Incomparable) => order,
    };
    findings.put(at, "by", order, || (list(&before), list(&after)));
    for accepted_provider in old.tokens.iter() {
        let AcceptedProvider { provider, sources: read } = accepted_provider;
        let Some(other) = new.tokens.iter().find(|other| other.provider.name == provider.name) else {
            continue;
        };
        // Where both use the sources of the provider, the change was reported for the provider.
        let by_provider = |accepted_provider: &AcceptedProvider| {
            accepted_provider.sources == accepted_provider.provider.sources
        };
        if !(by_provider(accepted_provider) && by_provider(other)) {
            let order = sources(read, &other.sources);
            findings.put(at, "sources", order, || (places(read), places(&other.sources)));
        }
    }
}

fn signature(
    old: Option<&SignaturePolicy>,
    new: Option<&SignaturePolicy>,
    at: Place<'_>,
    findings: &mut Findings,
) {
    let order = match (old, new) {
        (None, None) => Order::Same,
        (None, Some(_)) => Order::Tighter,
        (Some(_), None) => Order::Looser,
        (Some(old), Some(new)) => more_is_looser(old.prints(), new.prints())
            .and(exchanged(&old.fields(), &new.fields()))
            .and(larger_is_looser(old.within(), new.within())),
    };
    let shown = |signature: Option<&SignaturePolicy>| match signature {
        None => "none".to_owned(),
        Some(policy) => {
            let [header, timestamp] = policy.fields();
            let within = show_duration(policy.within());
            let secrets: Vec<String> =
                policy.prints().iter().map(|[a, b, ..]| format!("{a:02x}{b:02x}")).collect();
            format!("{header} and {timestamp} within {within}, secrets {}", list(&secrets))
        }
    };
    findings.put(at, "signature", order, || (shown(old), shown(new)));
}

fn permission(old: &PermissionPolicy, new: &PermissionPolicy, at: Place<'_>, findings: &mut Findings) {
    let PermissionPolicy { roles, scopes, owner, mfa } = old;
    // One of the roles is enough; an empty list requires none.
    let order = match (roles.is_empty(), new.roles.is_empty()) {
        (false, false) => more_is_looser(roles, &new.roles),
        (old, new) => larger_is_looser(old, new),
    };
    findings.put(at, "roles", order, || (list(roles), list(&new.roles)));
    findings.put(at, "scopes", more_is_tighter(scopes, &new.scopes), || (list(scopes), list(&new.scopes)));
    let order = match (owner, &new.owner) {
        (OwnerPolicy::Anyone, OwnerPolicy::Anyone) => Order::Same,
        (OwnerPolicy::Anyone, OwnerPolicy::Segment { .. }) => Order::Tighter,
        (OwnerPolicy::Segment { .. }, OwnerPolicy::Anyone) => Order::Looser,
        (
            OwnerPolicy::Segment { segment, or_role },
            OwnerPolicy::Segment { segment: new_segment, or_role: new_role },
        ) => {
            let role = match (or_role, new_role) {
                (Some(old), Some(new)) => exchanged(old, new),
                (old, new) => larger_is_looser(old.is_some(), new.is_some()),
            };
            exchanged(segment, new_segment).and(role)
        }
    };
    let shown = |owner: &OwnerPolicy| match owner {
        OwnerPolicy::Anyone => "anybody".to_owned(),
        OwnerPolicy::Segment { segment, or_role: None } => format!("the user in segment {}", segment + 1),
        OwnerPolicy::Segment { segment, or_role: Some(role) } => {
            format!("the user in segment {}, or the role {role}", segment + 1)
        }
    };
    findings.put(at, "owner", order, || (shown(owner), shown(&new.owner)));
    findings.put(at, "mfa", larger_is_tighter(*mfa, new.mfa), || (mfa.to_string(), new.mfa.to_string()));
}
