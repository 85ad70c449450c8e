//! The real client, from the socket and from the proxies that may speak for others.
//!
//! Protects every guard that judges by address, scheme or host. What a peer that is not in
//! `server.trusted_proxies` says of others is ignored. A trusted peer is believed hop by hop from
//! the right: the first address that is no trusted proxy is the client, and an element that cannot
//! be read ends the walk at the proxy that sent it, never further left. Bounds: 64 hops, on the
//! stack. `X-Forwarded-For` outranks `Forwarded` (RFC 7239): a proxy that writes the one has to
//! remove the other, as it has to for any field that it does not write itself.

mod forwarded;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use self::forwarded::Element;
use crate::request::{Head, Peer};

const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";
const HOST: &str = "x-forwarded-host";
const FORWARDED: &str = "forwarded";

/// Hops that are walked from the right; what stands further left is not read.
const MAX_HOPS: usize = 64;

/// `server.trusted_proxies`: who may speak for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientPolicy {
    /// Networks of the trusted proxies.
    pub trusted: Vec<IpNet>,
}

/// Whether the peer may speak for others, and the host it reports.
#[derive(Clone, Debug)]
pub struct Source<'h> {
    trusted: bool,
    host: Option<&'h str>,
}

/// Evidence of who is asking, as an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    ip: IpAddr,
    https: bool,
    peer: IpAddr,
    unheeded: bool,
}

impl ClientPolicy {
    /// Whether `peer` is one of the trusted proxies, and the host it reports: the last element of
    /// `X-Forwarded-Host`, else `host=` of the last element of `Forwarded`.
    #[must_use]
    pub fn trust<'h>(&self, peer: Peer, head: &Head<'h>) -> Source<'h> {
        let trusted = self.trusts(peer.ip.to_canonical());
        let host = if trusted { reported(head, HOST, |element| element.host) } else { None };
        Source { trusted, host: host.and_then(|host| std::str::from_utf8(host).ok()) }
    }

    /// The client: from a trusted peer the right-most address that is no trusted proxy, else the peer.
    #[must_use]
    pub fn identify(&self, peer: Peer, head: &Head<'_>, source: &Source<'_>) -> Client {
        let socket = peer.ip.to_canonical();
        if !source.trusted {
            let unheeded = is_private(socket) && head.has(FOR);
            return Client { ip: socket, https: peer.tls, peer: socket, unheeded };
        }
        let ip = if head.has(FOR) {
            let lines = head.fields().iter().rev().filter(|field| field.name.eq_ignore_ascii_case(FOR));
            self.walk(socket, lines.flat_map(|line| line.value.rsplit(|byte| *byte == b',')).map(node))
        } else if head.has(FORWARDED) {
            self.walk(socket, forwarded::Nodes::read(head.all(FORWARDED)).nearest_first())
        } else {
            socket
        };
        let https = match reported(head, PROTO, |element| element.proto) {
            Some(proto) if proto.eq_ignore_ascii_case(b"https") => true,
            Some(proto) if proto.eq_ignore_ascii_case(b"http") => false,
            Some(_) | None => peer.tls,
        };
        Client { ip, https, peer: socket, unheeded: false }
    }

    /// Goes from hop to hop, as long as the one before may speak for the next.
    fn walk(&self, socket: IpAddr, hops: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut believed = socket;
        for hop in hops.take(MAX_HOPS) {
            let Some(ip) = hop else { break };
            believed = ip;
            if !self.trusts(ip) {
                break;
            }
        }
        believed
    }

    fn trusts(&self, ip: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&ip))
    }
}

impl<'h> Source<'h> {
    /// The host to serve: what a trusted peer reports, else the request's own.
    #[must_use]
    pub fn host(&self, head: &Head<'h>) -> &'h str {
        self.host.unwrap_or(head.host())
    }
}

impl Client {
    /// The client's address; never an IPv4-mapped IPv6 one.
    #[must_use]
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The client's own leg is https.
    #[must_use]
    pub fn https(&self) -> bool {
        self.https
    }

    /// The other end of the socket.
    #[must_use]
    pub fn peer(&self) -> IpAddr {
        self.peer
    }

    /// A private peer that is not trusted sent `X-Forwarded-For`: behind a container's NAT all
    /// users would share one address, so the operator has to hear of it.
    #[must_use]
    pub fn unheeded_forwarding(&self) -> bool {
        self.unheeded
    }
}

/// What the nearest hop says: the last element of `name`, else of `Forwarded` unless the peer
/// speaks the `X-Forwarded-*` family.
fn reported<'h>(
    head: &Head<'h>,
    name: &str,
    pick: impl Fn(Element<'h>) -> Option<&'h [u8]>,
) -> Option<&'h [u8]> {
    if let Some(line) = head.all(name).last() {
        let last = line.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
        return Some(last).filter(|value| !value.is_empty());
    }
    if head.has(FOR) {
        return None;
    }
    head.all(FORWARDED).last().and_then(|line| pick(forwarded::last(line)))
}

/// Reads an address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
/// `[2001:db8::1]`, `[2001:db8::1]:80`. Names, `unknown` and obfuscated identifiers are `None`.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text.trim_ascii()).ok()?;
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, rest) = bracketed.split_once(']')?;
        let ip: Ipv6Addr = address.parse().ok()?;
        return (rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port))
            .then(|| IpAddr::V6(ip).to_canonical());
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip.to_canonical());
    }
    let (address, port) = text.split_once(':')?;
    let ip: Ipv4Addr = address.parse().ok()?;
    is_port(port).then_some(IpAddr::V4(ip))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// Loopback, private, shared (RFC 6598), link-local or unique local.
fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => {
            let [a, b, _, _] = v4.octets();
            let shared = a == 100 && (64..128).contains(&b);
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
