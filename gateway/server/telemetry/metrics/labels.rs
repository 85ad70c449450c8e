//! The values of labels that are closed sets.

/// Why a connection was refused before its first request was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionRefusal {
    /// `server.limits.connections`
    Total,
    /// `server.limits.connections_per_ip`
    PerAddress,
}

/// The kind of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamKind {
    /// A WebSocket.
    Websocket,
    /// An event stream.
    Events,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The client closed it, or its connection was lost.
    Client,
    /// The app closed it, or its connection was lost.
    App,
    /// No byte passed for `server.timeouts.stream_idle`.
    Idle,
    /// The gateway is shutting down.
    Draining,
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
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::PerAddress => "per_address",
        }
    }
}

impl StreamKind {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Websocket => "websocket",
            Self::Events => "events",
        }
    }
}

impl StreamEnd {
    pub(super) const ALL: [Self; 4] = [Self::Client, Self::App, Self::Idle, Self::Draining];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::App => "app",
            Self::Idle => "idle",
            Self::Draining => "draining",
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
