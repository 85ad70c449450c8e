//! What the app is told, as configured.

use http::HeaderName;

use crate::field_names::NamePattern;

/// `identity`, `upstream.host`
#[derive(Clone, Debug)]
pub struct ForwardPolicy {
    /// The field that names the user, such as `x-auth-user`; `None`: the app is not told.
    pub user: Option<HeaderName>,
    /// The field that names the roles, comma-separated.
    pub roles: Option<HeaderName>,
    /// `identity.pass`: names that are let through although they are on the list. Never what the gateway writes itself.
    pub pass: Vec<String>,
    /// `identity.strip`: names that are held back although they are not on the list. They go before `pass`.
    pub strip: Vec<NamePattern>,
    /// `upstream.host`
    pub host: UpstreamHost,
}

/// `upstream.host`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamHost {
    /// The client's.
    Keep,
    /// The upstream's own authority.
    Upstream(String),
}
