//! The guards, by name.

/// The guards, in the order of the checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each name is its guard's module or key")]
pub enum Guard {
    Connection,
    Framing,
    Target,
    ServerName,
    Https,
    ClientCertificate,
    Client,
    Access,
    AppLimit,
    Own,
    Route,
    Preflight,
    RouteLimit,
    Size,
    Identity,
    Origin,
    Permission,
    Signature,
    CallerLimit,
    Upgrade,
    Body,
    Streams,
    Upstream,
}
