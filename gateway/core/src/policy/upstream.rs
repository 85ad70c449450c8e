//! Where an app is, and how long it may take: `upstream`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName};

use crate::request::Scheme;

/// `upstream = { … }`: one address for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamPolicy {
    /// The URL as written, for messages.
    pub url: String,
    /// Where connections lead.
    pub address: AppAddress,
    /// The deadline of a new connection, with everything that belongs to it: the resolution of the name and the TLS handshake.
    pub connect: Duration,
    /// How long the app may take to answer, and to go on answering.
    pub read: Duration,
    /// Further tries where they are safe: 0 or 1.
    pub retries: usize,
}

/// Where connections to an app lead.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AppAddress {
    /// `http://HOST:PORT`: `host:port`, resolved when a connection is made.
    Tcp(String),
    /// `https://HOST:PORT`: as [`AppAddress::Tcp`], over TLS.
    Tls {
        /// `host:port`.
        authority: String,
        /// Which certificates are accepted.
        tls: UpstreamTls,
    },
    /// `unix:/PATH`: a Unix socket.
    Unix(PathBuf),
}

/// Which certificates of an app are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UpstreamTls {
    /// `upstream.server_name`, else the host of the URL: the name that the certificate has to be for, and that the app is
    /// told (SNI, RFC 6066 §3) unless it is an address.
    pub server_name: ServerName<'static>,
    /// Who may have issued it.
    pub trust: CertificateTrust,
}

/// Who may have issued the certificate of an app.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CertificateTrust {
    /// The authorities that browsers trust.
    WebAuthorities,
    /// `upstream.ca`: these authorities. A certificate that is itself in the list is accepted too.
    Listed(Arc<[CertificateDer<'static>]>),
    /// `upstream.dangerous_any_certificate`: anybody, for any name and at any time.
    Anyone,
}

impl AppAddress {
    /// The scheme in which the app is addressed (RFC 9110 §4.2).
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Scheme::Http,
            Self::Tls { .. } => Scheme::Https,
        }
    }

    /// `host:port`; `None` for a Unix socket.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        match self {
            Self::Tcp(authority) | Self::Tls { authority, tls: _ } => Some(authority),
            Self::Unix(_) => None,
        }
    }
}

impl std::fmt::Display for AppAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(authority) => f.write_str(authority),
            Self::Tls { authority, tls: _ } => write!(f, "https://{authority}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
