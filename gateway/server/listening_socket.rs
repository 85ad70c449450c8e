//! The sockets that the gateway listens on: how one is bound, and how it accepts a connection.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use stagedoor_core::policy::{ListenAddress, UNIX_PREFIX};
use stagedoor_core::request::PeerAddress;

use crate::edge::client_socket::ClientSocket;
use crate::unix_socket::{self, SocketFile};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;

/// What is spoken on a listener below HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListenerKind {
    /// Nothing, and HTTP/1 alone.
    Plain,
    /// Nothing, and clients may begin with HTTP/2 (`server.h2c`).
    PlainH2c,
}

/// A listener, as bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListeningAt {
    /// What is spoken on it.
    pub(crate) kind: ListenerKind,
    /// Its address.
    pub(crate) address: BoundAddress,
}

/// An address as bound: with the real port where the configuration says port 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BoundAddress {
    /// An address and a port of TCP.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// A socket that is bound and does not accept connections yet.
#[derive(Debug)]
pub(crate) struct BoundSocket {
    at: ListeningAt,
    socket: StdListener,
}

/// A socket that accepts connections.
#[derive(Debug)]
pub(crate) struct ListeningSocket {
    /// Where it listens.
    pub(crate) at: ListeningAt,
    socket: Listener,
}

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{address}`: {source}")]
pub(crate) struct ListenError {
    /// The address, as configured.
    pub(crate) address: ListenAddress,
    /// The error of the system.
    pub(crate) source: io::Error,
}

#[derive(Debug)]
enum StdListener {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener, SocketFile),
}

#[derive(Debug)]
enum Listener {
    Tcp(tokio::net::TcpListener),
    Unix {
        socket: tokio::net::UnixListener,
        /// It is removed when the socket is closed.
        _file: SocketFile,
    },
}

impl BoundSocket {
    /// Binds an address, outside of any runtime and while the process has one thread. `unix_mode` is the mode of a Unix
    /// socket.
    pub(crate) fn bind(
        kind: ListenerKind,
        address: &ListenAddress,
        unix_mode: u32,
    ) -> Result<Self, ListenError> {
        let bound = match address {
            ListenAddress::Tcp(address) => bind_tcp(*address)
                .and_then(|socket| Ok((BoundAddress::Tcp(socket.local_addr()?), StdListener::Tcp(socket)))),
            ListenAddress::Unix(path) => unix_socket::bind(path, unix_mode)
                .map(|(socket, file)| (BoundAddress::Unix(path.clone()), StdListener::Unix(socket, file))),
        };
        let (address, socket) = bound.map_err(|source| ListenError { address: address.clone(), source })?;
        Ok(Self { at: ListeningAt { kind, address }, socket })
    }

    /// Where it listens.
    pub(crate) fn at(&self) -> &ListeningAt {
        &self.at
    }

    /// Waits for connections on the present runtime.
    pub(crate) fn open(self) -> io::Result<ListeningSocket> {
        let Self { at, socket } = self;
        let socket = match socket {
            StdListener::Tcp(socket) => Listener::Tcp(tokio::net::TcpListener::from_std(socket)?),
            StdListener::Unix(socket, file) => {
                Listener::Unix { socket: tokio::net::UnixListener::from_std(socket)?, _file: file }
            }
        };
        Ok(ListeningSocket { at, socket })
    }
}

impl ListeningSocket {
    /// The next connection, and the address of its other end.
    pub(crate) async fn accept(&self) -> io::Result<(ClientSocket, PeerAddress)> {
        match &self.socket {
            Listener::Tcp(socket) => {
                let (stream, from) = socket.accept().await?;
                let _ = stream.set_nodelay(true);
                Ok((ClientSocket::Tcp(stream), PeerAddress::Ip(from.ip())))
            }
            Listener::Unix { socket, _file: _ } => {
                let (stream, _) = socket.accept().await?;
                Ok((ClientSocket::Unix(stream), PeerAddress::UnixSocket))
            }
        }
    }
}

impl BoundAddress {
    /// The address and port; `None` for a Unix socket.
    pub(crate) fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for BoundAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX_PREFIX}{}", path.display()),
        }
    }
}

/// Binds an address of TCP, for [`tokio::net::TcpListener::from_std`].
pub(crate) fn bind_tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let socket = match address {
            SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4(),
            SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6(),
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)?.into_std()
    })
}
