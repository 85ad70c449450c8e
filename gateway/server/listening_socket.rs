//! The sockets that the gateway listens on: how one is bound, and how it accepts a connection.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

use stagedoor_core::policy::{ListenAddress, UNIX_PREFIX};
use stagedoor_core::request::PeerAddress;

use crate::edge::client_socket::ClientSocket;
use crate::passed_sockets::{PassedSocket, PassedSockets};
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
    /// TLS.
    Tls,
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
    /// With its file, which is dropped first, unless somebody else made the socket.
    Unix(Option<SocketFile>, std::os::unix::net::UnixListener),
}

#[derive(Debug)]
enum Listener {
    Tcp(tokio::net::TcpListener),
    Unix {
        /// It is removed before the socket is closed: fields are dropped in their order.
        _file: Option<SocketFile>,
        socket: tokio::net::UnixListener,
    },
}

impl BoundSocket {
    /// Binds an address, outside of any runtime and while the process has one thread. `unix_mode` is the mode of a Unix
    /// socket. Several sockets may be passed under one name.
    pub(crate) fn bind(
        kind: ListenerKind,
        address: &ListenAddress,
        unix_mode: u32,
        passed: &mut PassedSockets,
    ) -> Result<Vec<Self>, ListenError> {
        let bound = match address {
            ListenAddress::Tcp(address) => bind_tcp(*address).and_then(|socket| Ok(vec![of_tcp(socket)?])),
            ListenAddress::Unix(path) => unix_socket::bind(path, unix_mode).map(|(socket, file)| {
                vec![(BoundAddress::Unix(path.clone()), StdListener::Unix(Some(file), socket))]
            }),
            ListenAddress::Passed(name) => {
                let sockets: io::Result<Vec<_>> = passed.take(name).into_iter().map(of_passed).collect();
                sockets.and_then(|sockets| match sockets.is_empty() {
                    true => Err(io::Error::new(ErrorKind::NotFound, "no socket of this name is passed")),
                    false => Ok(sockets),
                })
            }
        };
        let bound = bound.map_err(|source| ListenError { address: address.clone(), source })?;
        let of = |(address, socket)| Self { at: ListeningAt { kind, address }, socket };
        Ok(bound.into_iter().map(of).collect())
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
            StdListener::Unix(file, socket) => {
                Listener::Unix { _file: file, socket: tokio::net::UnixListener::from_std(socket)? }
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

fn of_tcp(socket: std::net::TcpListener) -> io::Result<(BoundAddress, StdListener)> {
    Ok((BoundAddress::Tcp(socket.local_addr()?), StdListener::Tcp(socket)))
}

fn of_passed(socket: PassedSocket) -> io::Result<(BoundAddress, StdListener)> {
    match socket {
        PassedSocket::Tcp(socket) => of_tcp(socket),
        PassedSocket::Unix(socket) => {
            let path = socket.local_addr()?.as_pathname().map(PathBuf::from).unwrap_or_default();
            Ok((BoundAddress::Unix(path), StdListener::Unix(None, socket)))
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
