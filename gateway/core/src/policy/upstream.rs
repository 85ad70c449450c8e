//! Where an app is, and how long it may take: `upstream`.

use std::path::PathBuf;
use std::time::Duration;

use crate::request::Scheme;

/// `upstream = { … }`: one address for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamPolicy {
    /// The URL as written, for messages.
    pub url: String,
    /// Where connections lead.
    pub address: AppAddress,
    /// The deadline of a new connection, with everything that belongs to it, such as the resolution of the name.
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
    /// `unix:/PATH`: a Unix socket.
    Unix(PathBuf),
}

impl AppAddress {
    /// The scheme in which the app is addressed (RFC 9110 §4.2).
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Scheme::Http,
        }
    }

    /// `host:port`; `None` for a Unix socket.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        match self {
            Self::Tcp(authority) => Some(authority),
            Self::Unix(_) => None,
        }
    }
}

impl std::fmt::Display for AppAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(authority) => f.write_str(authority),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
