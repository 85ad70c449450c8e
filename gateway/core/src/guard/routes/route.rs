//! The compiled policy of one route.

use std::sync::Arc;

use crate::guard::body::BodyPolicy;
use crate::guard::caller::AuthPolicy;
use crate::guard::cors::PreflightPolicy;
use crate::guard::limit::LimitPolicy;
use crate::guard::origin::OriginPolicy;
use crate::guard::permission::PermissionPolicy;
use crate::guard::signature::SignaturePolicy;
use crate::guard::streams::StreamsPolicy;
use crate::guard::upgrade::UpgradePolicy;

/// One `[[app.NAME.route]]`, or the app's own policy for unlisted paths; every value resolved.
#[derive(Debug)]
pub struct Route {
    /// `name`, else the first `match`, else `-` for unlisted paths. A metrics label.
    pub label: Arc<str>,
    /// Every `match` as written, sorted.
    pub patterns: Box<[String]>,
    /// Position among the app's routes; unlisted is 0.
    pub index: usize,
    /// Whether it is in the app's own table or in its profile.
    pub layer: Layer,
    /// The app's per-address limits count here too (`limit.app`).
    pub app_limit: bool,
    /// Per-address limits on top of the app's.
    pub ip_limit: LimitPolicy,
    /// Body limits.
    pub body: BodyPolicy,
    /// Authentication.
    pub auth: AuthPolicy,
    /// Authorization.
    pub permission: PermissionPolicy,
    /// Signed requests.
    pub signature: Option<Arc<SignaturePolicy>>,
    /// Per-caller limits: the app's, then the route's.
    pub caller_limit: LimitPolicy,
    /// The same-origin rule; the app's value where the route has none of its own.
    pub origin: OriginPolicy,
    /// Who answers a preflight where CORS is the app's.
    pub preflight: PreflightPolicy,
    /// WebSockets.
    pub upgrade: UpgradePolicy,
    /// WebSockets and event streams that are open.
    pub streams: StreamsPolicy,
    /// `%2F` is let through; the app's value where the route has none of its own.
    pub encoded_slash: bool,
}

/// The table that a route is in. The app's own routes are tried first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layer {
    /// The app's own table.
    #[default]
    App,
    /// The profile that it uses.
    Profile,
}
