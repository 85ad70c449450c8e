//! The syntax of a host and of its port: what is a name, an address or a port, and when two authorities are the same.
//!
//! RFC 3986 §3.2.2 (host), RFC 1035 §2.3.4 (length of names), RFC 9110 §4.2 (ports of schemes).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::request::Scheme;

/// A host without its port.
pub(crate) enum HostName<'a> {
    /// An IPv4 address, or an IPv6 address in brackets.
    Address(IpAddr),
    /// A name, in the spelling of the text.
    Label(&'a str),
}

impl<'a> HostName<'a> {
    /// Reads a host without its port.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &'a str) -> Result<Self, &'static str> {
        if let Some(inner) = text.strip_prefix('[') {
            let ip = inner.strip_suffix(']').and_then(|inner| inner.parse::<Ipv6Addr>().ok());
            return ip.map(|ip| Self::Address(ip.into())).ok_or("an invalid address in brackets");
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(ip.into()));
        }
        if text.is_empty() {
            return Err("an empty host");
        }
        if text.len() > NAME_MAX {
            return Err("a host name of more than 253 bytes");
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
            return Err("an illegal byte in the host");
        }
        if text.ends_with('.') {
            return Err("a dot at the end of the host");
        }
        if text
            .as_bytes()
            .split(|byte| *byte == b'.')
            .any(|label| label.is_empty() || label.len() > LABEL_MAX)
        {
            return Err("an empty or overlong label in the host");
        }
        // `127.1`, `0x7f000001`, `2130706433`: some resolvers read an address there.
        if text.as_bytes().rsplit(|byte| *byte == b'.').next().is_some_and(is_number) {
            return Err("a number as the host's last label that makes no address");
        }
        Ok(Self::Label(text))
    }
}

fn is_number(label: &[u8]) -> bool {
    let hex = label.strip_prefix(b"0x").or_else(|| label.strip_prefix(b"0X"));
    hex.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) || label.iter().all(u8::is_ascii_digit)
}

/// Splits a host into what stands before the port and `:PORT`, which is empty where there is no port.
///
/// # Errors
/// The port is no number from 1 to 65535.
pub(crate) fn split_port(host: &str) -> Result<(&str, &str), &'static str> {
    // By bytes: the searches of `str` cost several times as much on so short a text.
    let bytes = host.as_bytes();
    let start = bytes.iter().rposition(|byte| *byte == b']').unwrap_or(0);
    let colon = bytes.iter().skip(start).position(|byte| *byte == b':').map(|at| start + at);
    let Some((name, port)) = colon.and_then(|at| host.split_at_checked(at)) else { return Ok((host, "")) };
    let digits = port.strip_prefix(':').unwrap_or_default();
    let number = digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<u16>().ok()).flatten();
    match number {
        Some(1..) => Ok((name, port)),
        Some(0) | None => Err("an invalid port in the host"),
    }
}

/// Takes one dot off the end of a name; an address has none there.
pub(crate) fn without_trailing_dot(name: &str) -> &str {
    match name.strip_suffix('.') {
        Some(bare) if bare.parse::<Ipv4Addr>().is_err() && !bare.ends_with(']') => bare,
        Some(_) | None => name,
    }
}

/// Whether two authorities name the same host and port: without case, a dot at the end of the name, and the port that
/// is `default` for the scheme (RFC 9110 §4.2.3). Neither needs to be a valid host.
pub(crate) fn same_authority(one: &str, other: &str, default: u16) -> bool {
    fn parts(authority: &str, default: u16) -> Option<(&str, u16)> {
        let (name, port) = split_port(authority).ok()?;
        let port = port.strip_prefix(':').map_or(Some(default), |digits| digits.parse().ok())?;
        Some((without_trailing_dot(name), port))
    }
    one.eq_ignore_ascii_case(other)
        || matches!(
            (parts(one, default), parts(other, default)),
            (Some((one, a)), Some((other, b))) if a == b && one.eq_ignore_ascii_case(other)
        )
}

/// A host without the port of its scheme, which browsers leave out of `Host` and `Origin`.
pub(crate) fn without_default_port(host: &str, scheme: Scheme) -> &str {
    match name_and_port(host) {
        (name, Some(port)) if port == scheme.default_port() => name,
        (_, Some(_) | None) => host,
    }
}

/// As [`without_default_port`]; what is not text stays as it is.
pub(crate) fn without_default_port_bytes(host: &[u8], scheme: Scheme) -> &[u8] {
    std::str::from_utf8(host).map_or(host, |host| without_default_port(host, scheme).as_bytes())
}

/// Name and port of `NAME:PORT`, `NAME` or `[V6]:PORT`; what is neither has no port.
pub(crate) fn name_and_port(authority: &str) -> (&str, Option<u16>) {
    let colon = authority.bytes().rposition(|byte| byte == b':');
    let Some((name, port)) = colon.and_then(|at| authority.split_at_checked(at)) else {
        return (authority, None);
    };
    let port = port.strip_prefix(':').unwrap_or_default();
    // A colon inside brackets belongs to the address, and one without brackets to something that is no host.
    let whole = if name.starts_with('[') { name.ends_with(']') } else { !name.contains(':') };
    let number = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok()).flatten();
    match number.filter(|number| whole && *number > 0) {
        Some(number) => (name, Some(number)),
        None => (authority, None),
    }
}

/// Bytes of a name (RFC 1035 §2.3.4, as text).
const NAME_MAX: usize = 253;
/// Bytes of a label (RFC 1035 §2.3.4).
const LABEL_MAX: usize = 63;
