//! The header of the PROXY protocol, versions 1 and 2, with which a proxy begins a connection to tell its client's address.
//!
//! Protects everything that is decided by a client's address from a header that two readers could read in two ways. It is
//! read strictly by the specification (HAProxy's `proxy-protocol.txt`): what is malformed, or for another transport than a
//! stream, is refused and never repaired, because a connection without the told address would have the proxy's.
//!
//! Trust: who may send one is decided before (`server.proxy_protocol`). Bounds: [`V1_MAX`] and [`V2_MAX`] bytes. The
//! extensions of version 2 (TLVs) are counted and not read: nothing that they say is used.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::request::{PeerAddress, PeerNetworks};

/// The longest header of version 1, its CR LF included.
pub const V1_MAX: usize = 107;
/// How many bytes tell that a header begins.
pub const START_MAX: usize = V2_SIGNATURE.len();
/// The longest header of version 2 that is read, with its extensions.
pub const V2_MAX: usize = 4096;

const V1_START: &[u8] = b"PROXY ";
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
const V2_FIXED: usize = 16;

/// `server.proxy_protocol`: the peers that begin each connection with a header, and have to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyProtocolPolicy {
    /// The proxies.
    pub proxies: PeerNetworks,
}

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParsedHeader {
    /// The beginning of a header.
    Partial,
    /// A header.
    Complete {
        /// Its bytes.
        length: usize,
        /// The client that it tells.
        client: ToldClient,
    },
}

/// The client that a header tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldClient {
    /// A client at this address, never an IPv4-mapped IPv6 one.
    Address(IpAddr),
    /// None: the proxy connects for itself, as health checks do (`LOCAL`), or its client has no IP address (`UNKNOWN`,
    /// Unix sockets). The connection keeps the address of its socket.
    NotTold,
}

/// What is wrong with a header, in words for an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderFault(pub &'static str);

impl ProxyProtocolPolicy {
    /// Whether a connection of this peer has to begin with a header.
    #[must_use]
    pub fn applies_to(&self, peer: PeerAddress) -> bool {
        self.proxies.names(peer)
    }
}

/// Reads a header from the first bytes of a connection.
///
/// # Errors
/// They are no header of the protocol, and no further byte makes them one.
pub fn parse(received: &[u8]) -> Result<ParsedHeader, HeaderFault> {
    let compared = received.len().min(V2_SIGNATURE.len());
    if received.get(..compared) == V2_SIGNATURE.get(..compared) {
        return parse_v2(received);
    }
    parse_v1(received)
}

/// Whether these bytes begin with a whole header.
#[must_use]
pub fn is_header(received: &[u8]) -> bool {
    matches!(parse(received), Ok(ParsedHeader::Complete { .. }))
}

/// Whether these are the first bytes of a header, whatever follows them. No other protocol begins so.
#[must_use]
pub fn begins_header(received: &[u8]) -> bool {
    received.starts_with(V1_START) || received.starts_with(V2_SIGNATURE)
}

/// `PROXY TCP4 198.51.100.7 192.0.2.1 51000 443` and CR LF.
fn parse_v1(received: &[u8]) -> Result<ParsedHeader, HeaderFault> {
    let compared = received.len().min(V1_START.len());
    if received.get(..compared) != V1_START.get(..compared) {
        return Err(HeaderFault("no header of the PROXY protocol"));
    }
    let within = received.get(..V1_MAX).unwrap_or(received);
    let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
        if received.len() >= V1_MAX {
            return Err(HeaderFault("a line of the PROXY protocol without an end"));
        }
        return Ok(ParsedHeader::Partial);
    };
    let line = within.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.ok_or(HeaderFault("a line of the PROXY protocol that ends without CR"))?;
    let client = client_of_line(line.get(V1_START.len()..).unwrap_or_default())?;
    Ok(ParsedHeader::Complete { length: end + 1, client })
}

/// What follows `PROXY ` in the line of version 1.
fn client_of_line(rest: &[u8]) -> Result<ToldClient, HeaderFault> {
    const MALFORMED: HeaderFault = HeaderFault("a malformed line of the PROXY protocol");
    let text = std::str::from_utf8(rest).map_err(|_| MALFORMED)?;
    let mut words = text.split(' ');
    let family = words.next().unwrap_or_default();
    if family == "UNKNOWN" {
        // Whatever the rest of the line says is not to be used.
        let sound = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        return if sound { Ok(ToldClient::NotTold) } else { Err(MALFORMED) };
    }
    let mut address = || -> Option<IpAddr> {
        let word = words.next()?;
        match family {
            "TCP4" => word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (source, _destination) = address().zip(address()).ok_or(MALFORMED)?;
    let ports = words.by_ref().take(2).filter(|word| is_port(word)).count();
    if ports != 2 || words.next().is_some() {
        return Err(MALFORMED);
    }
    told(source)
}

/// Digits without a zero before them.
fn is_port(word: &str) -> bool {
    let canonical = word == "0" || !word.starts_with('0');
    canonical && word.bytes().all(|byte| byte.is_ascii_digit()) && word.parse::<u16>().is_ok()
}

fn parse_v2(received: &[u8]) -> Result<ParsedHeader, HeaderFault> {
    let Some((fixed, rest)) = received.split_first_chunk::<V2_FIXED>() else {
        return Ok(ParsedHeader::Partial);
    };
    let [.., version_and_command, family_and_transport, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    let is_local = match version_and_command {
        0x20 => true,
        0x21 => false,
        _ => return Err(HeaderFault("a version or command of the PROXY protocol that there is not")),
    };
    if V2_FIXED + length > V2_MAX {
        return Err(HeaderFault("a header of the PROXY protocol of more than 4096 bytes"));
    }
    // A proxy that connects for itself says nothing of a client: the receiver ignores the family.
    let family = if is_local { Family::Unspecified } else { Family::of(family_and_transport)? };
    if length < family.addresses() {
        return Err(HeaderFault("a header of the PROXY protocol too short for its addresses"));
    }
    let Some(block) = rest.get(..length) else { return Ok(ParsedHeader::Partial) };
    let client = match family {
        Family::Unspecified | Family::Unix => ToldClient::NotTold,
        Family::V4 => {
            let source = block.first_chunk::<4>().ok_or(HeaderFault("no address"))?;
            told(IpAddr::V4(Ipv4Addr::from(*source)))?
        }
        Family::V6 => {
            let source = block.first_chunk::<16>().ok_or(HeaderFault("no address"))?;
            told(IpAddr::V6(Ipv6Addr::from(*source)))?
        }
    };
    Ok(ParsedHeader::Complete { length: V2_FIXED + length, client })
}

/// The family of the addresses in a header of version 2.
#[derive(Clone, Copy)]
enum Family {
    Unspecified,
    V4,
    V6,
    Unix,
}

impl Family {
    fn of(byte: u8) -> Result<Self, HeaderFault> {
        match byte {
            0x00 => Ok(Self::Unspecified),
            0x11 => Ok(Self::V4),
            0x21 => Ok(Self::V6),
            0x31 => Ok(Self::Unix),
            0x12 | 0x22 | 0x32 => Err(HeaderFault("a header of the PROXY protocol for datagrams")),
            _ => Err(HeaderFault("a family of addresses of the PROXY protocol that there is not")),
        }
    }

    /// The bytes of both addresses and ports.
    fn addresses(self) -> usize {
        match self {
            Self::Unspecified => 0,
            Self::V4 => 12,
            Self::V6 => 36,
            Self::Unix => 216,
        }
    }
}

/// A client's address; an error for one that no client has.
fn told(source: IpAddr) -> Result<ToldClient, HeaderFault> {
    let source = source.to_canonical();
    let is_broadcast = source == IpAddr::V4(Ipv4Addr::BROADCAST);
    if source.is_unspecified() || source.is_multicast() || is_broadcast {
        return Err(HeaderFault("an address in the PROXY protocol that no client has"));
    }
    Ok(ToldClient::Address(source))
}

#[cfg(test)]
mod tests;
