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
    /// One of them is no stream socket, or does not listen; or there are names for more or fewer sockets.
    pub(crate) fn from_env() -> io::Result<Self> {
        let ours = std::env::var("LISTEN_PID").is_ok_and(|pid| pid == std::process::id().to_string());
        if !ours {
            return Ok(Self::default());
        }
        let given = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut passed = ListenFd::from_env();
        let names = names(&given, passed.len())?;
        let mut sockets = Vec::with_capacity(names.len());
        for (index, name) in names.into_iter().enumerate() {
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

/// The name of each of `count` sockets. A name that is missing would give the others to the wrong sockets: plain HTTP to the one of
/// https.
fn names(given: &str, count: usize) -> io::Result<Vec<String>> {
    /// What systemd calls a socket without a name.
    const NAMELESS: &str = "unknown";
    if given.is_empty() {
        return Ok(vec![NAMELESS.to_owned(); count]);
    }
    let named = |name: &str| if name.is_empty() { NAMELESS } else { name }.to_owned();
    let names: Vec<String> = given.split(':').map(named).collect();
    if names.len() != count {
        let message = format!("LISTEN_FDNAMES has {} names for {count} sockets: `{given}`", names.len());
        return Err(io::Error::new(ErrorKind::InvalidInput, message));
    }
    Ok(names)
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

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn each_socket_has_the_name_of_its_place() {
        let check = |given: &str, count: usize, expected: &str| {
            let names = names(given, count).map_or_else(|error| error.to_string(), |names| names.join(" "));
            assert_eq!(names, expected, "{given}");
        };
        check("http:proxy", 2, "http proxy");
        check("http::https", 3, "http unknown https");
        check("http:", 2, "http unknown");
        check("", 2, "unknown unknown");
        check("", 0, "");
        check("http", 2, "LISTEN_FDNAMES has 1 names for 2 sockets: `http`");
        check("http::https", 2, "LISTEN_FDNAMES has 3 names for 2 sockets: `http::https`");
    }
}
