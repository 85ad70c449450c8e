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
    /// `server.limits.handshakes`
    Handshakes,
    /// The TLS handshake failed: the client broke it off, or speaks nothing that is accepted.
    Tls,
    /// The TLS handshake took longer than `server.timeouts.handshake`.
    TlsTimeout,
    /// The client showed no certificate that the authorities of the app have issued and not taken back.
    ClientCertificate,
}

/// Why a connection of HTTP/2 was ended, or one of its streams refused, by the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Http2Limit {
    /// More frames that carry nothing, or more resets, than a client may send; or more malformed streams.
    Frames,
    /// A frame that the protocol forbids.
    Protocol,
    /// A preface or a header block that did not come within `server.timeouts.header`.
    Header,
    /// A client that took nothing for `server.timeouts.send_idle`.
    Unread,
    /// A stream beyond `server.limits.connections`.
    Streams,
    /// A stream beyond `server.limits.h2_streams_per_ip`.
    StreamsPerAddress,
    /// A stream beyond `server.limits.requests_per_connection`, after the client was told to open no more.
    Requests,
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

/// The result of fetching the keys of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefresh {
    /// They are in force, whether they are others than before or not.
    Ok,
    /// No connection to the provider, or none that is accepted.
    Unreachable,
    /// The provider took too long.
    Timeout,
    /// An answer or a document that cannot be used.
    Refused,
}

impl ConnectionRefusal {
    pub(super) const ALL: [Self; 8] = [
        Self::Total,
        Self::PerAddress,
        Self::ProxyHeader,
        Self::ProxyHeaderTimeout,
        Self::Handshakes,
        Self::Tls,
        Self::TlsTimeout,
        Self::ClientCertificate,
    ];

    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::PerAddress => "per_address",
            Self::ProxyHeader => "proxy_header",
            Self::ProxyHeaderTimeout => "proxy_header_timeout",
            Self::Handshakes => "handshakes",
            Self::Tls => "tls",
            Self::TlsTimeout => "tls_timeout",
            Self::ClientCertificate => "client_certificate",
        }
    }
}

impl Http2Limit {
    pub(super) const ALL: [Self; 7] = [
        Self::Frames,
        Self::Protocol,
        Self::Header,
        Self::Unread,
        Self::Streams,
        Self::StreamsPerAddress,
        Self::Requests,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Frames => "frames",
            Self::Protocol => "protocol",
            Self::Header => "header",
            Self::Unread => "unread",
            Self::Streams => "streams",
            Self::StreamsPerAddress => "streams_per_address",
            Self::Requests => "requests",
        }
    }
}

impl KeyRefresh {
    pub(super) const ALL: [Self; 4] = [Self::Ok, Self::Unreachable, Self::Timeout, Self::Refused];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
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
