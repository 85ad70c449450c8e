//! The other end of a connection, and lists of such ends.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::message::Scheme;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: PeerAddress,
    /// The local port the connection came in on; 0 for a Unix socket.
    pub port: u16,
    /// The connection is TLS.
    pub tls: bool,
}

/// The address of the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    /// The remote address of a TCP connection, or the one that a proxy told by the PROXY protocol.
    Ip(IpAddr),
    /// A process of this machine that connected to a Unix socket: it has no address.
    UnixSocket,
}

/// The entry of a list of peers that stands for the clients of Unix sockets.
pub const UNIX: &str = "unix";

/// A list of peers: networks, and the clients of Unix sockets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerNetworks {
    /// Networks.
    pub networks: Vec<IpNet>,
    /// Every client of a Unix socket of the gateway.
    pub unix_sockets: bool,
}

impl Peer {
    /// The scheme of the connection.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        if self.tls { Scheme::Https } else { Scheme::Http }
    }

    /// The address by which it is counted and logged: see [`PeerAddress::ip`].
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.address.ip()
    }
}

impl PeerAddress {
    /// The address by which the peer is counted and logged; never an IPv4-mapped IPv6 one. A client of a Unix socket
    /// counts as 127.0.0.1, because it is a process of this machine too.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        match self {
            Self::Ip(ip) => ip.to_canonical(),
            Self::UnixSocket => IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }
}

impl PeerNetworks {
    /// Whether the list names this peer. A client of a Unix socket is named by `unix` alone, not by 127.0.0.1.
    #[must_use]
    pub fn names(&self, peer: PeerAddress) -> bool {
        match peer {
            PeerAddress::Ip(ip) => self.contains(ip),
            PeerAddress::UnixSocket => self.unix_sockets,
        }
    }

    /// Whether an address lies in one of the networks.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.networks.iter().any(|network| network.contains(&ip))
    }

    /// Whether the list names nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix_sockets
    }

    /// The entries of the list, as in the configuration.
    #[must_use]
    pub fn entries(&self) -> Vec<String> {
        let networks = self.networks.iter().map(ToString::to_string);
        networks.chain(self.unix_sockets.then(|| UNIX.to_owned())).collect()
    }
}
