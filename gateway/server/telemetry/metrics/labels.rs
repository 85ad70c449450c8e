//! The values of labels that are closed sets.

pub use stagedoor_core::exchange::{StreamEnd, StreamKind};

/// Why a connection was refused before its first request was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionRefusal {
    /// `server.limits.connections`
    Total,
    /// `server.limits.connections_per_ip`
    PerAddress,
    /// A peer in `server.proxy_protocol` sent no PROXY header, or a malformed one.
    ProxyHeader,
    /// `server.timeouts.proxy_protocol`
    ProxyHeaderTimeout,
}

/// The result of a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadResult {
    /// The new policy is in force.
    Ok,
    /// The files have mistakes; the old policy stays in force.
    Failed,
    /// The files may let clients do more and no operator asked for them; the old policy stays in force.
    Refused,
}

impl ConnectionRefusal {
    pub(super) const ALL: [Self; 4] =
        [Self::Total, Self::PerAddress, Self::ProxyHeader, Self::ProxyHeaderTimeout];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::PerAddress => "per_address",
            Self::ProxyHeader => "proxy_header",
            Self::ProxyHeaderTimeout => "proxy_header_timeout",
        }
    }
}

impl ReloadResult {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}
