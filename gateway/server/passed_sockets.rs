//! Sockets that whoever started the process passes to it, as systemd does for a `.socket` unit (`sd_listen_fds(3)`).
//!
//! The variables count only where `LISTEN_PID` is this process: a program that was started by a service must not take the
//! service's descriptors for its own. A descriptor is used only if it is a stream socket that listens.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// The passed sockets that no listener has taken yet.
#[derive(Debug, Default)]
pub(crate) struct PassedSockets {
    sockets: Vec<(String, PassedSocket)>,
}

/// A socket that listens already.
#[derive(Debug)]
pub(crate) enum PassedSocket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl PassedSockets {
    /// Takes the sockets of the environment. The process must have one thread: the variables are removed.
    ///
    /// # Errors
    /// One of them is no stream socket, or does not listen.
    pub(crate) fn from_env() -> io::Result<Self> {
        let ours = std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
        if !ours {
            return Ok(Self::default());
        }
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').filter(|name| !name.is_empty());
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::with_capacity(passed.len());
        for index in 0..passed.len() {
            // What systemd calls a socket without a name.
            let name = names.next().unwrap_or("unknown").to_owned();
            let socket = take(&mut passed, index).map_err(|error| {
                io::Error::new(error.kind(), format!("the passed socket `{name}`: {error}"))
            })?;
            sockets.push((name, socket));
        }
        Ok(Self { sockets })
    }

    /// Takes the sockets of this name.
    pub(crate) fn take(&mut self, name: &str) -> Vec<PassedSocket> {
        let of_name = self.sockets.extract_if(.., |(passed, _)| passed == name);
        of_name.map(|(_, socket)| socket).collect()
    }

    /// The name of a socket that no listener has taken.
    pub(crate) fn left(&self) -> Option<&str> {
        self.sockets.first().map(|(name, _)| name.as_str())
    }
}

fn take(passed: &mut ListenFd, index: usize) -> io::Result<PassedSocket> {
    let no_socket = || io::Error::new(ErrorKind::InvalidInput, "no stream socket");
    let socket = match passed.take_tcp_listener(index) {
        Ok(Some(socket)) => PassedSocket::Tcp(socket),
        Ok(None) => return Err(no_socket()),
        Err(_) => PassedSocket::Unix(passed.take_unix_listener(index)?.ok_or_else(no_socket)?),
    };
    match &socket {
        PassedSocket::Tcp(socket) => listens(socket).and_then(|()| socket.set_nonblocking(true)),
        PassedSocket::Unix(socket) => listens(socket).and_then(|()| socket.set_nonblocking(true)),
    }?;
    Ok(socket)
}

fn listens(socket: impl AsFd) -> io::Result<()> {
    match socket_acceptconn(socket)? {
        true => Ok(()),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it does not listen")),
    }
}
