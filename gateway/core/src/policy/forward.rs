//! What the app learns from a forwarded request: `identity` and `upstream.host`.

use http::HeaderName;

use crate::field_names::NamePattern;

/// `identity`, `upstream.host`
#[derive(Clone, Debug)]
pub struct ForwardPolicy {
    /// The field that names the user, such as `x-auth-user`; `None` if the app is not to learn it.
    pub user: Option<HeaderName>,
    /// The field that names the roles, comma-separated.
    pub roles: Option<HeaderName>,
    /// `identity.pass`: fields of the client that are forwarded although the list of names removes them. Never a field that
    /// the gateway writes.
    pub pass: Vec<String>,
    /// `identity.strip`: fields of the client that are removed although they are not on the list. They go before `pass`.
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
