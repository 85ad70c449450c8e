//! Where the gateway listens for clients.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What comes before the path of a Unix socket.
pub const UNIX_PREFIX: &str = "unix:";

/// What comes before the name of sockets that are passed to the process.
pub const PASSED_PREFIX: &str = "fd:";

/// One address of a list of listeners, such as `server.listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// An address and a port of TCP.
    Tcp(SocketAddr),
    /// The path of a Unix socket, resolved against the main file.
    Unix(PathBuf),
    /// The sockets that whoever started the process passes to it under this name (`LISTEN_FDNAMES`).
    Passed(String),
}

impl ListenAddress {
    /// The address and port; `None` where there is none.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) | Self::Passed(_) => None,
        }
    }

    /// The path of a Unix socket to bind; `None` for anything else.
    #[must_use]
    pub fn unix(&self) -> Option<&Path> {
        match self {
            Self::Tcp(_) | Self::Passed(_) => None,
            Self::Unix(path) => Some(path),
        }
    }
}

impl fmt::Display for ListenAddress {
    /// As it is written in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX_PREFIX}{}", path.display()),
            Self::Passed(name) => write!(f, "{PASSED_PREFIX}{name}"),
        }
    }
}
