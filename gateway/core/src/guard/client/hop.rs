//! One hop of a forwarding field.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Hops that are read, from the right.
pub(super) const MAX_HOPS: usize = 64;

/// Reads an address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`,
/// `[2001:db8::1]`, `[2001:db8::1]:80`. Names, `unknown` and obfuscated identifiers are `None`.
pub(super) fn node(text: &[u8]) -> Option<IpAddr> {
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

pub(super) fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}
