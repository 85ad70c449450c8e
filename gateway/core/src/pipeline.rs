//! The one function that every request passes.
//!
//! The order of the source below is the order of the checks.

use std::sync::Arc;

use crate::clock::Now;
use crate::denial::{Denial, Guard};
use crate::guard::access::Screened;
use crate::guard::body::BodyGate;
use crate::guard::caller::{AuthPolicy, Caller};
use crate::guard::client::Client;
use crate::guard::cors::{CorsGrant, Preflight};
use crate::guard::destination::{self, Destined};
use crate::guard::limit::{Budget, LimitKey, Tickets};
use crate::guard::origin::OriginChecked;
use crate::guard::own::{self, Elsewhere, Own, Place};
use crate::guard::permission::Allowed;
use crate::guard::routes::Found;
use crate::guard::target::Target;
use crate::guard::upgrade::Upgrade;
use crate::policy::{App, Assumed, Policy, Route};
use crate::request::{Head, Peer};

/// What is known of a request besides its head.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    /// The other end of the socket.
    pub peer: Peer,
    /// The moment it arrived.
    pub now: Now,
    /// How the caller is known.
    pub proof: Proof<'a>,
}

/// How the caller of a request is known.
#[derive(Clone, Copy, Debug)]
pub enum Proof<'a> {
    /// By what the request carries. The only variant the server ever uses.
    Carried,
    /// A rehearsal by `check` or `explain`: the caller is assumed, nothing is forwarded.
    Rehearsed(Option<&'a Assumed>),
}

/// What was learnt on the way, for the answer and the record; valid up to [`Trail::reached`].
#[derive(Debug)]
pub struct Trail {
    /// The guard that was asked last.
    pub reached: Guard,
    /// The app, once the host was known.
    pub app: Option<Arc<App>>,
    /// The route, once found.
    pub route: Option<Arc<Route>>,
    /// The client.
    pub client: Option<Client>,
    /// The user, once proven.
    pub user: Option<Arc<str>>,
    /// The caller, once proven or known to be nobody.
    pub caller: Option<Caller>,
    /// What a browser of another origin may read of the answer.
    pub cors: CorsGrant,
    /// The limits that were charged.
    pub tickets: Tickets,
}

impl Default for Trail {
    fn default() -> Self {
        Self {
            reached: Guard::Framing,
            app: None,
            route: None,
            client: None,
            user: None,
            caller: None,
            cors: CorsGrant::default(),
            tickets: Tickets::default(),
        }
    }
}

/// What `admit` says of a request that it does not refuse.
#[derive(Debug)]
pub enum Admission<'h> {
    /// It may go to the app.
    Forward(Box<Permit<'h>>),
    /// It is a CORS preflight and answered here.
    Preflight(Preflight),
    /// It is for a page of the gateway's own.
    Own(Own),
}

/// Proof that every check ran: made here alone, and only of all the evidence.
#[derive(Debug)]
pub struct Permit<'h> {
    target: Target<'h>,
    client: Client,
    caller: Caller,
    upgrade: Upgrade,
    gate: BodyGate,
    app: Arc<App>,
    route: Arc<Route>,
    _screened: Screened,
    _elsewhere: Elsewhere,
    _origin: OriginChecked,
    _allowed: Allowed,
    _destined: Destined,
    _budgets: [Budget; 3],
}

/// Decides about one request.
///
/// # Errors
/// The first guard that refuses ends the way; `trail` then says how far it went.
pub fn admit<'h>(
    policy: &Policy,
    head: &'h Head<'h>,
    arrival: &Arrival<'_>,
    trail: &mut Trail,
) -> Result<Admission<'h>, Denial> {
    let Arrival { peer, now, proof } = *arrival;

    trail.reached = Guard::Target;
    let source = policy.client.trust(peer, head);
    // Never refuses; asked here so that whatever is refused is recorded with its client.
    let client = trail.client.insert(policy.client.identify(peer, head, &source)).clone();
    let host = policy.hosts.find(source.host(head))?;
    let app = policy.apps.get(host.app()).ok_or(Denial::UnknownHost)?;
    trail.app = Some(Arc::clone(app));
    trail.cors = app.cors.grant(head);
    let target = app.path.normalise(head, host)?;

    trail.reached = Guard::Access;
    let screened = app.access.screen(&client)?;

    trail.reached = Guard::AppLimit;
    let address = LimitKey::address(client.ip());
    let elsewhere = match own::locate(&target) {
        Place::App(elsewhere) => elsewhere,
        Place::Own(asked) => {
            app.limit.take(&address, now, &mut trail.tickets)?;
            trail.reached = Guard::Own;
            // No other origin reads these pages.
            trail.cors = CorsGrant::default();
            let occupied = || own::is_occupied(app, head, now, &policy.tokens);
            return asked.judge(head, &target, occupied).map(Admission::Own);
        }
    };
    let preflight = app.cors.preflight(head);
    // A preflight asks about the request it announces: its route is the one of that method.
    let announced = preflight.as_ref().and_then(|_| head.sole_text("access-control-request-method"));
    let found = app.routes.find(announced.unwrap_or(head.method), &target, app.path);
    let app_budget = match &found {
        // Of a preflight no other limit is asked.
        Ok(Found { route }) if !route.app_limit && preflight.is_none() => Budget::exempt(),
        Ok(_) | Err(_) => app.limit.take(&address, now, &mut trail.tickets)?,
    };

    trail.reached = Guard::Route;
    let Found { route } = found?;
    trail.route = Some(Arc::clone(&route));

    trail.reached = Guard::Preflight;
    if let Some(preflight) = preflight {
        return Ok(Admission::Preflight(preflight));
    }

    trail.reached = Guard::RouteLimit;
    let route_budget = route.ip_limit.take(&address, now, &mut trail.tickets)?;

    trail.reached = Guard::Size;
    let gate = route.body.admit(head.method, head.framing)?;

    trail.reached = Guard::Identity;
    let prove = |auth: &AuthPolicy| match proof {
        Proof::Carried => auth.authenticate(head, now, &policy.tokens),
        Proof::Rehearsed(assumed) => auth.rehearse(assumed),
    };
    let caller = prove(&route.auth)?;
    trail.user = caller.user().cloned();
    trail.caller = Some(caller.clone());

    trail.reached = Guard::Origin;
    let by_header = caller.by_header() || app.carriers.stand_in_header(head);
    let origin = app.origin.check(head, &target, by_header, &app.cors)?;

    trail.reached = Guard::Permission;
    let allowed = route.permission.check(&caller, &target)?;
    let destined = destination::check(app, &policy.hosts, head, &target, prove)?;

    trail.reached = Guard::CallerLimit;
    let key = LimitKey::caller(&caller, client.ip());
    let caller_budget = route.caller_limit.take(&key, now, &mut trail.tickets)?;

    trail.reached = Guard::Upgrade;
    let upgrade = route.upgrade.check(head)?;

    trail.reached = Guard::Body;
    Ok(Admission::Forward(Box::new(Permit {
        target,
        client,
        caller,
        upgrade,
        gate,
        app: Arc::clone(app),
        route,
        _screened: screened,
        _elsewhere: elsewhere,
        _origin: origin,
        _allowed: allowed,
        _destined: destined,
        _budgets: [app_budget, route_budget, caller_budget],
    })))
}

impl<'h> Permit<'h> {
    /// What was matched, and is forwarded byte for byte.
    #[must_use]
    pub fn target(&self) -> &Target<'h> {
        &self.target
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The caller.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether the connection may become a WebSocket.
    #[must_use]
    pub fn upgrade(&self) -> Upgrade {
        self.upgrade
    }

    /// The app.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The route.
    #[must_use]
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The gate that every byte of the body has to pass; taken once by the edge.
    #[must_use]
    pub fn into_gate(self) -> BodyGate {
        self.gate
    }
}

#[cfg(test)]
mod tests;
