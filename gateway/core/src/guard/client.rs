//! The client's address, scheme, host and port: from the socket, and from trusted proxies.
//!
//! Protects every guard that decides by one of these. Forwarding fields of a peer that is not in `server.trusted_proxies`
//! are ignored. Of a trusted peer, the fields that `server.forwarded` names are used, and no other: a proxy passes on
//! fields that it does not write, so any other field may be its client's.
//!
//! Addresses are read hop by hop from the right. The first one that is no trusted proxy is the client. An element that
//! cannot be read ends the walk at the proxy that sent it. Scheme, host and port come from the nearest hop: the last
//! element of the last line.
//!
//! `X-Forwarded-*` is used before `Forwarded` (RFC 7239) where both are named and sent. Where they disagree, one of them
//! comes from a client, and the request is refused. Bounds: 64 hops, on the stack.

mod forwarded;
mod hop;

use std::net::IpAddr;

use self::hop::{MAX_HOPS, is_port, node};
use crate::denial::Denial;
use crate::host;
use crate::private_network::is_private;
use crate::request::{Head, Peer, PeerAddress, PeerNetworks, Scheme, SchemeRule};

const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";
const HOST: &str = "x-forwarded-host";
const PORT: &str = "x-forwarded-port";
const FORWARDED: &str = "forwarded";

/// `server.trusted_proxies` and `server.forwarded`: which proxies are trusted, and in which fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientPolicy {
    /// The trusted proxies.
    pub trusted: PeerNetworks,
    /// The forwarding fields of theirs that are used.
    pub trusted_fields: TrustedFields,
}

/// `server.forwarded`: the fields that the trusted proxies write themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedFields {
    /// `X-Forwarded-For`
    pub address: bool,
    /// `X-Forwarded-Proto`
    pub scheme: bool,
    /// `X-Forwarded-Host`
    pub host: bool,
    /// `X-Forwarded-Port`
    pub port: bool,
    /// `Forwarded`, with `for`, `proto` and `host`.
    pub forwarded: bool,
}

impl Default for TrustedFields {
    /// The fields that every reverse proxy writes.
    fn default() -> Self {
        Self { address: true, scheme: true, host: false, port: false, forwarded: false }
    }
}

impl TrustedFields {
    /// The names of the fields, as in the configuration.
    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        let Self { address, scheme, host, port, forwarded } = self;
        let all =
            [(address, "for"), (scheme, "proto"), (host, "host"), (port, "port"), (forwarded, "forwarded")];
        all.into_iter().filter_map(|(named, name)| named.then_some(name))
    }
}

/// The client, and the host that it asks for.
#[derive(Clone, Debug)]
pub struct Identified<'h> {
    client: Client,
    host: Result<&'h str, Denial>,
}

/// Evidence: the client's address, and how it reached the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    ip: IpAddr,
    scheme: Scheme,
    port: Option<u16>,
    peer: IpAddr,
    proxied: bool,
    ignored: IgnoredForwarding,
}

/// Forwarding fields that were sent and ignored. The operator is warned about them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct IgnoredForwarding {
    /// `X-Forwarded-For` of a private peer that is not trusted.
    address: bool,
    /// `X-Forwarded-Host` of a trusted peer, with another host than the request's.
    host: bool,
}

/// What `X-Forwarded-*` or `Forwarded` says; `None` where it says nothing that can be read.
#[derive(Clone, Copy, Debug, Default)]
struct Reported<'h> {
    ip: Option<IpAddr>,
    scheme: Option<Scheme>,
    host: Option<&'h [u8]>,
    port: Option<u16>,
}

impl ClientPolicy {
    /// Finds the client and the host: of a trusted peer from its forwarding fields, else the peer itself and its `Host`.
    #[must_use]
    pub fn identify<'h>(&self, peer: Peer, head: &Head<'h>) -> Identified<'h> {
        let socket = peer.ip();
        if !self.trusted.names(peer.address) {
            let ignored = IgnoredForwarding { address: is_private(socket) && head.has(FOR), host: false };
            let client = Client {
                ip: socket,
                scheme: head.scheme(),
                port: None,
                peer: socket,
                proxied: false,
                ignored,
            };
            return Identified { client, host: Ok(head.host()) };
        }
        let TrustedFields { address, scheme, host, port, forwarded } = self.trusted_fields;
        let spoken = [(address, FOR), (scheme, PROTO), (host, HOST), (port, PORT)];
        let speaks_x = spoken.into_iter().any(|(named, field)| named && head.has(field));
        let rfc7239 = (forwarded && head.has(FORWARDED)).then(|| self.by_forwarded(socket, head));
        let (reported, doubt) = match (speaks_x, rfc7239) {
            (true, other) => {
                let reported = self.by_x_forwarded(socket, head);
                (reported, other.is_some_and(|(other, sound)| !sound || reported.contradicts(&other)))
            }
            (false, Some((reported, _))) => (reported, false),
            (false, None) => (Reported::default(), false),
        };
        let scheme = reported.scheme.unwrap_or(head.scheme());
        let served = match reported.host {
            _ if doubt => Err(Denial::BadRequest("X-Forwarded-* and Forwarded of the proxy disagree")),
            Some(host) => std::str::from_utf8(host)
                .map_err(|_| Denial::AmbiguousHost("an illegal byte in the host that a proxy tells")),
            None => Ok(head.host()),
        };
        let not_named =
            !host && head.all(HOST).last().is_some_and(|reported| reported != head.host().as_bytes());
        let client = Client {
            ip: reported.ip.unwrap_or(socket),
            scheme,
            // No proxy serves one scheme on the default port of the other: the port belongs to another hop.
            port: reported.port.filter(|port| *port != scheme.other().default_port()),
            peer: socket,
            proxied: true,
            ignored: IgnoredForwarding { address: false, host: not_named },
        };
        Identified { client, host: served.map(|host| host::without_default_port(host, scheme)) }
    }

    /// Which `:scheme` the requests of this peer may have.
    #[must_use]
    pub fn scheme_rule(&self, peer: PeerAddress) -> SchemeRule {
        if self.trusted.names(peer) { SchemeRule::OfEitherKind } else { SchemeRule::OfConnection }
    }

    /// What the trusted fields of `X-Forwarded-*` say.
    fn by_x_forwarded<'h>(&self, socket: IpAddr, head: &Head<'h>) -> Reported<'h> {
        let TrustedFields { address, scheme, host, port, forwarded: _ } = self.trusted_fields;
        let last = |named: bool, field: &str| if named { last_element(head, field) } else { None };
        Reported {
            ip: (address && head.has(FOR)).then(|| {
                let lines = head.fields().iter().rev().filter(|line| line.name.eq_ignore_ascii_case(FOR));
                self.walk(socket, lines.flat_map(|line| line.value.rsplit(|byte| *byte == b',')).map(node))
            }),
            scheme: last(scheme, PROTO).and_then(named_scheme),
            host: last(host, HOST),
            port: last(port, PORT).and_then(port_number),
        }
    }

    /// What `Forwarded` says (RFC 7239 §4), and whether all of it can be read.
    fn by_forwarded<'h>(&self, socket: IpAddr, head: &Head<'h>) -> (Reported<'h>, bool) {
        let nodes = forwarded::Nodes::read(head.all(FORWARDED));
        let sound = head.all(FORWARDED).all(|line| forwarded::last(line).is_some());
        let nearest = head.all(FORWARDED).last().and_then(forwarded::last).unwrap_or_default();
        let reported = Reported {
            ip: nearest.names_node.then(|| self.walk(socket, nodes.nearest_first())),
            scheme: nearest.proto.and_then(named_scheme),
            host: nearest.host,
            port: None,
        };
        (reported, sound)
    }

    /// Goes from hop to hop, as long as each one is a trusted proxy.
    fn walk(&self, socket: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut believed = socket;
        for hop in hops.take(MAX_HOPS) {
            let Some(ip) = hop else { break };
            believed = ip;
            if !self.trusted.contains(ip) {
                break;
            }
        }
        believed
    }
}

impl<'h> Identified<'h> {
    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The host to serve: the one that a trusted peer names, else the request's own.
    ///
    /// # Errors
    /// [`Denial::BadRequest`] where the proxy contradicts itself, [`Denial::AmbiguousHost`] for what is no host.
    pub fn host(&self) -> Result<&'h str, Denial> {
        self.host.clone()
    }
}

impl Reported<'_> {
    /// Whether both name a value of the same kind, and the values differ.
    fn contradicts(&self, other: &Self) -> bool {
        fn differ<T: Copy>(a: Option<T>, b: Option<T>, same: impl Fn(T, T) -> bool) -> bool {
            a.zip(b).is_some_and(|(a, b)| !same(a, b))
        }
        let scheme = self.scheme.or(other.scheme).unwrap_or(Scheme::Http);
        let host = |host| host::without_default_port_bytes(host, scheme);
        differ(self.ip, other.ip, |a, b| a == b)
            || differ(self.scheme, other.scheme, |a, b| a == b)
            || differ(self.host, other.host, |a, b| host(a).eq_ignore_ascii_case(host(b)))
    }
}

impl Client {
    /// The client's address; never an IPv4-mapped IPv6 one.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The scheme that the client uses.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether the client uses https.
    #[must_use]
    pub fn https(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// The port that a trusted peer names as the one the client connected to. It is used where the host names none.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The other end of the socket, or the client that a proxy told by the PROXY protocol.
    #[must_use]
    pub fn peer(&self) -> IpAddr {
        self.peer
    }

    /// Whether the peer is a trusted proxy, which may send the requests of many clients through one connection.
    #[must_use]
    pub fn is_proxied(&self) -> bool {
        self.proxied
    }

    /// Whether a private peer that is not trusted sent `X-Forwarded-For`. Behind a container's NAT all users would then
    /// share one address, so the operator is warned.
    #[must_use]
    pub fn ignored_address(&self) -> bool {
        self.ignored.address
    }

    /// Whether a trusted peer sent an `X-Forwarded-Host` that differs from the request's host and that `server.forwarded`
    /// does not name. It may be the reason why no app serves the request, so the operator is warned.
    #[must_use]
    pub fn ignored_host(&self) -> bool {
        self.ignored.host
    }
}

/// The last element of the last line of `name`; `None` where there is nothing in it.
fn last_element<'h>(head: &Head<'h>, name: &str) -> Option<&'h [u8]> {
    let line = head.all(name).last()?;
    let last = line.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
    Some(last).filter(|value| !value.is_empty())
}

/// The scheme that a proxy names. Some name the scheme of a WebSocket (RFC 6455 §3).
fn named_scheme(name: &[u8]) -> Option<Scheme> {
    let is = |expected: &str| name.eq_ignore_ascii_case(expected.as_bytes());
    if is("https") || is("wss") {
        return Some(Scheme::Https);
    }
    (is("http") || is("ws")).then_some(Scheme::Http)
}

/// A port from 1 to 65535.
fn port_number(text: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(text).ok().filter(|text| is_port(text))?;
    text.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests;
