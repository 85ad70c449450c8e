//! The checks of a request, in their order: [`admit`] calls every guard and makes the permit.
//!
//! The order of the source is the order of the checks.

use std::sync::Arc;

use crate::clock::Now;
use crate::denial::{Denial, Guard};
use crate::guard::access::Screened;
use crate::guard::body::BodyGate;
use crate::guard::caller::{AssumedIdentity, AuthPolicy, Caller};
use crate::guard::client::Client;
use crate::guard::client_certificate::{self, ClientCertificateChecked};
use crate::guard::cors::{AppPreflight, CorsGrant, Preflight, PreflightRequest};
use crate::guard::destination::{self, CheckedDestination};
use crate::guard::gateway_pages::{self, NotGatewayPage, PageRequest, PathOwner};
use crate::guard::https::{HttpsRedirect, SchemeChecked, SchemeOutcome};
use crate::guard::limit::{Budget, ChargedLimits, LimitKey};
use crate::guard::origin::{CarriedBy, OriginChecked};
use crate::guard::permission::Allowed;
use crate::guard::routes::{Found, Route};
use crate::guard::server_name::{self, ServerNameChecked};
use crate::guard::signature::SignatureChecked;
use crate::guard::target::Target;
use crate::guard::upgrade::Upgrade;
use crate::policy::{App, Policy};
use crate::public_address::PublicAddress;
use crate::request::{Head, Peer};
use crate::tls::Transport;

/// What is known of a request besides its head.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'t> {
    /// The other end of the socket.
    pub peer: Peer,
    /// How its bytes came.
    pub transport: &'t Transport,
    /// When the request arrived.
    pub now: Now,
}

/// What the checks found out about a request, for the answer and the log. A field is filled once its guard has run.
#[derive(Debug)]
pub struct Trail {
    /// The guard that ran last.
    pub reached: Guard,
    /// The app, once the host was known.
    pub app: Option<Arc<App>>,
    /// Path and query as they were matched, where the app's policy rewrote them.
    pub rewritten: Option<Box<[u8]>>,
    /// The route, once found.
    pub route: Option<Arc<Route>>,
    /// The client.
    pub client: Option<Client>,
    /// The user, once authenticated.
    pub user: Option<Arc<str>>,
    /// The caller, once authenticated or known to be anonymous.
    pub caller: Option<Caller>,
    /// What a browser of another origin may read of the answer.
    pub cors: CorsGrant,
    /// The limits that were charged.
    pub limits: ChargedLimits,
}

impl Default for Trail {
    fn default() -> Self {
        Self {
            reached: Guard::Framing,
            app: None,
            rewritten: None,
            route: None,
            client: None,
            user: None,
            caller: None,
            cors: CorsGrant::default(),
            limits: ChargedLimits::default(),
        }
    }
}

impl Trail {
    /// Path and query as they were matched, else as they were read.
    #[must_use]
    pub fn target<'t>(&'t self, head: &'t Head<'_>) -> &'t [u8] {
        self.rewritten.as_deref().unwrap_or(head.target())
    }
}

/// What is to be done with a request that no guard refused.
#[derive(Debug)]
pub enum Admission<'h> {
    /// Forward it to the app.
    Forward(Box<Permit<'h>>),
    /// Answer a CORS preflight with this.
    Preflight(Preflight),
    /// Ask the app about a CORS preflight.
    AppPreflight(Box<PreflightPermit<'h>>),
    /// Answer with one of the gateway's own pages.
    GatewayPage(PageRequest),
    /// Answer with the same address over https.
    Redirect(HttpsRedirect),
}

/// Proof that a preflight may go to an app that answers CORS itself. It holds no caller, and allows nothing else to be
/// forwarded. Only [`admit`] makes one.
#[derive(Debug)]
pub struct PreflightPermit<'h> {
    target: Target<'h>,
    client: Client,
    app: Arc<App>,
    _asked: AppPreflight,
    _connection: ConnectionChecked,
    _screened: Screened,
    _not_gateway_page: NotGatewayPage,
    _budget: Budget,
}

/// Proof that a request passed every check. Only [`admit`] makes one.
#[derive(Debug)]
pub struct Permit<'h>(Evidence<'h, Caller>);

/// Evidence: the connection may carry the request.
type ConnectionChecked = (ServerNameChecked, SchemeChecked, ClientCertificateChecked);

/// The outcome of [`dry_run`] for a request that would not be refused. It permits nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// It would go to the app.
    Forward,
    /// It would be answered as a CORS preflight, here or by the app.
    Preflight,
    /// It is for a page of the gateway's own.
    GatewayPage,
    /// It would be answered with the same address over https.
    Redirect,
}

/// Decides about one request.
///
/// # Errors
/// The refusal of the first guard that refuses; `trail` then says which one it was.
pub fn admit<'h>(
    policy: &Policy,
    head: &'h Head<'h>,
    arrival: &Arrival<'_>,
    trail: &mut Trail,
) -> Result<Admission<'h>, Denial> {
    let Arrival { peer: _, transport, now } = *arrival;
    let prove =
        |auth: &AuthPolicy| auth.authenticate(head, transport.client_certificate(), now, &policy.tokens);
    // The host that the request itself names: a proxy names another one of its own.
    let connected = || server_name::check(transport, head.host());
    let certified = |app: &App| client_certificate::check(transport, app.client_authority.as_deref(), now);
    let signed = |route: &Route, address: &LimitKey| match &route.signature {
        None => Ok(SignatureChecked::NOT_ASKED),
        Some(signature) => signature.check(head, address, &policy.signatures, now),
    };
    match decide(policy, head, arrival, trail, (connected, certified, prove, signed))? {
        Decision::Forward(evidence) => Ok(Admission::Forward(Box::new(Permit(evidence)))),
        Decision::Preflight(preflight) => Ok(Admission::Preflight(preflight)),
        Decision::AppPreflight(permit) => Ok(Admission::AppPreflight(permit)),
        Decision::GatewayPage(page) => Ok(Admission::GatewayPage(page)),
        Decision::Redirect(redirect) => Ok(Admission::Redirect(redirect)),
    }
}

/// Decides about one request as [`admit`] does, with an assumed caller instead of an authenticated one.
///
/// # Errors
/// As [`admit`].
pub fn dry_run(
    policy: &Policy,
    head: &Head<'_>,
    arrival: &Arrival<'_>,
    assumed: Option<&AssumedIdentity>,
    trail: &mut Trail,
) -> Result<DryRun, Denial> {
    let connected = || Ok(ServerNameChecked::DRY_RUN);
    let certified = |_: &App| Ok(ClientCertificateChecked::DRY_RUN);
    let prove = |auth: &AuthPolicy| auth.dry_run(assumed);
    let signed = |_: &Route, _: &LimitKey| Ok(SignatureChecked::DRY_RUN);
    match decide(policy, head, arrival, trail, (connected, certified, prove, signed))? {
        Decision::Forward(_) => Ok(DryRun::Forward),
        Decision::Preflight(_) | Decision::AppPreflight(_) => Ok(DryRun::Preflight),
        Decision::GatewayPage(_) => Ok(DryRun::GatewayPage),
        Decision::Redirect(_) => Ok(DryRun::Redirect),
    }
}

/// The outcome of [`decide`]; `C` is the caller, authenticated or assumed.
#[allow(
    clippy::large_enum_variant,
    reason = "it is destructured at once, and the large variant is the common one"
)]
enum Decision<'h, C> {
    Forward(Evidence<'h, C>),
    Preflight(Preflight),
    AppPreflight(Box<PreflightPermit<'h>>),
    GatewayPage(PageRequest),
    Redirect(HttpsRedirect),
}

/// The evidence of all guards; `C` is the caller, authenticated or assumed.
#[derive(Debug)]
struct Evidence<'h, C> {
    target: Target<'h>,
    client: Client,
    caller: C,
    upgrade: Upgrade,
    gate: BodyGate,
    app: Arc<App>,
    route: Arc<Route>,
    _connection: ConnectionChecked,
    _screened: Screened,
    _not_gateway_page: NotGatewayPage,
    _origin: OriginChecked,
    _allowed: Allowed,
    destination: CheckedDestination,
    _budgets: [Budget; 3],
}

/// Runs the checks in their order; `connected` and `certified` judge the connection, `prove` finds the caller, and `signed` judges the
/// signature.
fn decide<'h, C: AsRef<Caller>>(
    policy: &Policy,
    head: &'h Head<'h>,
    arrival: &Arrival<'_>,
    trail: &mut Trail,
    (connected, certified, prove, signed): (
        impl Fn() -> Result<ServerNameChecked, Denial>,
        impl Fn(&App) -> Result<ClientCertificateChecked, Denial>,
        impl Fn(&AuthPolicy) -> Result<C, Denial>,
        impl Fn(&Route, &LimitKey) -> Result<SignatureChecked, Denial>,
    ),
) -> Result<Decision<'h, C>, Denial> {
    let Arrival { peer, now, transport: _ } = *arrival;

    trail.reached = Guard::Target;
    let identified = policy.client.identify(peer, head);
    // Found before any guard can refuse, so that every refusal is logged with its client.
    let client = trail.client.insert(identified.client().clone()).clone();
    let host = policy.hosts.find(identified.host()?)?;
    let app = policy.apps.get(host.app()).ok_or(Denial::UnknownHost)?;
    trail.app = Some(Arc::clone(app));
    trail.cors = app.cors.grant(head);
    let target = app.path.normalise(head, host)?;
    trail.rewritten = target.is_rewritten().then(|| target.raw().into());
    let public = PublicAddress::of(&client, target.host());

    trail.reached = Guard::ServerName;
    let server_name = connected()?;

    trail.reached = Guard::Https;
    let scheme = match policy.tls.plain_http().check(&client, head, &public)? {
        SchemeOutcome::Serve(scheme) => scheme,
        SchemeOutcome::Redirect(redirect) => return Ok(Decision::Redirect(redirect)),
    };

    trail.reached = Guard::ClientCertificate;
    let connection = (server_name, scheme, certified(app)?);

    trail.reached = Guard::Access;
    let screened = app.access.screen(&client)?;

    trail.reached = Guard::AppLimit;
    let address = LimitKey::address(client.ip());
    let not_gateway_page = match gateway_pages::classify(&target) {
        PathOwner::App(not_gateway_page) => not_gateway_page,
        PathOwner::Gateway(asked) => {
            app.limit.take(&address, now, &mut trail.limits)?;
            trail.reached = Guard::Own;
            // No other origin may read these pages.
            trail.cors = CorsGrant::default();
            return asked.judge(head, &public).map(Decision::GatewayPage);
        }
    };
    let asked = app.cors.preflight(head);
    // A preflight is about the request that it announces: its route is the one of that method.
    let method = asked.as_ref().map_or(head.method(), PreflightRequest::method);
    let found = app.routes.find(method, &target, app.path);
    let app_budget = match &found {
        // A preflight is charged to no other limit.
        Ok(Found { route }) if !route.app_limit && asked.is_none() => Budget::exempt(),
        Ok(_) | Err(_) => app.limit.take(&address, now, &mut trail.limits)?,
    };

    trail.reached = Guard::Route;
    let Found { route } = found?;
    trail.route = Some(Arc::clone(&route));

    trail.reached = Guard::Preflight;
    let route = match asked {
        None => route,
        Some(PreflightRequest::Gateway { answer, .. }) => return Ok(Decision::Preflight(answer)),
        Some(PreflightRequest::App { question, .. }) => match route.preflight.permit(&question, head)? {
            Some(asked) => {
                let checked = (asked, connection, screened, not_gateway_page, app_budget);
                let permit = PreflightPermit::new(target, client, Arc::clone(app), checked);
                return Ok(Decision::AppPreflight(Box::new(permit)));
            }
            // Then it is an OPTIONS like any other, under the route for OPTIONS.
            None => app.routes.find(head.method(), &target, app.path)?.route,
        },
    };
    trail.route = Some(Arc::clone(&route));

    trail.reached = Guard::RouteLimit;
    let route_budget = route.ip_limit.take(&address, now, &mut trail.limits)?;

    trail.reached = Guard::Size;
    let size = route.body.admit(head.method(), head.body())?;

    trail.reached = Guard::Identity;
    let proven = prove(&route.auth)?;
    let caller = proven.as_ref();
    trail.user = caller.user().cloned();
    trail.caller = Some(caller.clone());

    trail.reached = Guard::Origin;
    let origin = route.origin.check(head, &public, carried_by(app, caller, head), &app.cors)?;

    trail.reached = Guard::Permission;
    let allowed = route.permission.check(caller, &target)?;
    let destination = destination::check((&app.routes, app.path), &policy.hosts, head, &target, &prove)?;

    trail.reached = Guard::Signature;
    let gate = size.gate(signed(&route, &address)?);

    trail.reached = Guard::CallerLimit;
    let key = LimitKey::caller(caller, &address);
    let caller_budget = route.caller_limit.take(&key, now, &mut trail.limits)?;

    trail.reached = Guard::Upgrade;
    let upgrade = route.upgrade.check(head)?;

    trail.reached = Guard::Body;
    Ok(Decision::Forward(Evidence {
        target,
        client,
        caller: proven,
        upgrade,
        gate,
        app: Arc::clone(app),
        route,
        _connection: connection,
        _screened: screened,
        _not_gateway_page: not_gateway_page,
        _origin: origin,
        _allowed: allowed,
        destination,
        _budgets: [app_budget, route_budget, caller_budget],
    }))
}

/// What proves who the caller is, besides cookies.
fn carried_by(app: &App, caller: &Caller, head: &Head<'_>) -> CarriedBy {
    CarriedBy {
        header: caller.by_header() || app.carriers.stand_in_header(head),
        connection: app.client_authority.is_some(),
    }
}

impl<'h> PreflightPermit<'h> {
    fn new(
        target: Target<'h>,
        client: Client,
        app: Arc<App>,
        evidence: (AppPreflight, ConnectionChecked, Screened, NotGatewayPage, Budget),
    ) -> Self {
        let (_asked, _connection, _screened, _not_gateway_page, _budget) = evidence;
        Self { target, client, app, _asked, _connection, _screened, _not_gateway_page, _budget }
    }

    /// What was matched; of it the path alone goes to the app.
    #[must_use]
    pub fn target(&self) -> &Target<'h> {
        &self.target
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The app.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }
}

impl<'h> Permit<'h> {
    /// What was matched, and is forwarded byte for byte.
    #[must_use]
    pub fn target(&self) -> &Target<'h> {
        &self.0.target
    }

    /// The second path of the request, judged.
    #[must_use]
    pub fn destination(&self) -> &CheckedDestination {
        &self.0.destination
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// The caller.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// Whether the connection may become a WebSocket.
    #[must_use]
    pub fn upgrade(&self) -> &Upgrade {
        &self.0.upgrade
    }

    /// The app.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.0.app
    }

    /// The route.
    #[must_use]
    pub fn route(&self) -> &Arc<Route> {
        &self.0.route
    }

    /// Takes the gate that every byte of the body has to pass. There is one: a second call gives one that lets nothing pass.
    pub fn take_gate(&mut self) -> BodyGate {
        std::mem::replace(&mut self.0.gate, BodyGate::CLOSED)
    }
}
