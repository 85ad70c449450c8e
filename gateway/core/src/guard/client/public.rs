//! The address under which a client knows an app.

use std::fmt;

use super::Client;

/// Scheme, host and port under which the client reached the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicAddress<'h> {
    https: bool,
    host: &'h str,
    /// Told by a proxy, where the host names none.
    told: Option<u16>,
}

impl<'h> PublicAddress<'h> {
    /// The address of `host` (`NAME` or `NAME:PORT`, as it was judged) for this client.
    #[must_use]
    pub fn of(client: &Client, host: &'h str) -> Self {
        Self::new(client.https(), host, client.port())
    }

    /// As [`PublicAddress::of`], from its parts; `told` is the port that a trusted proxy names.
    #[must_use]
    pub fn new(https: bool, host: &'h str, told: Option<u16>) -> Self {
        Self { https, host, told }
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// The host without its port.
    #[must_use]
    pub fn name(&self) -> &'h str {
        split_port(self.host).0
    }

    /// The host's own port, else the one that a proxy names, else the scheme's.
    #[must_use]
    pub fn port(&self) -> u16 {
        split_port(self.host).1.or(self.told).unwrap_or(default_port(self.https))
    }
}

impl PublicAddress<'_> {
    /// What follows scheme and authority in an absolute URL of this address; `None` for any other reference.
    #[must_use]
    pub fn within<'u>(&self, url: &'u [u8]) -> Option<&'u [u8]> {
        let (https, rest) =
            [("http://", false), ("https://", true)].into_iter().find_map(|(scheme, https)| {
                let (start, rest) = url.split_at_checked(scheme.len())?;
                start.eq_ignore_ascii_case(scheme.as_bytes()).then_some((https, rest))
            })?;
        let end = rest.iter().position(|byte| b"/?#\\".contains(byte)).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        let (name, port) = split_port(std::str::from_utf8(authority).ok()?);
        let same =
            name.eq_ignore_ascii_case(self.name()) && port.unwrap_or(default_port(https)) == self.port();
        same.then_some(rest)
    }
}

impl fmt::Display for PublicAddress<'_> {
    /// As the start of a URL, without the scheme's own port: `https://media.example.com:8443`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port();
        if port == default_port(self.https) {
            write!(f, "{}://{}", self.scheme(), self.name())
        } else {
            write!(f, "{}://{}:{port}", self.scheme(), self.name())
        }
    }
}

/// The port of a scheme (RFC 9110 §4.2).
pub(super) fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

/// A host without the port of its scheme, which browsers leave out of `Host` and `Origin`.
pub(super) fn without_default_port(host: &str, https: bool) -> &str {
    match split_port(host) {
        (name, Some(port)) if port == default_port(https) => name,
        (_, Some(_) | None) => host,
    }
}

/// As [`without_default_port`]; what is not text stays as it is.
pub(super) fn without_default_port_bytes(host: &[u8], https: bool) -> &[u8] {
    std::str::from_utf8(host).map_or(host, |host| without_default_port(host, https).as_bytes())
}

/// Name and port of `NAME:PORT`, `NAME` or `[V6]:PORT`; what is neither has no port.
pub(crate) fn split_port(authority: &str) -> (&str, Option<u16>) {
    let Some((name, port)) = authority.rsplit_once(':') else { return (authority, None) };
    // A colon inside brackets belongs to the address, and one without brackets to something that is no host.
    let whole = if name.starts_with('[') { name.ends_with(']') } else { !name.contains(':') };
    let number = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse().ok()).flatten();
    match number.filter(|number| whole && *number > 0) {
        Some(number) => (name, Some(number)),
        None => (authority, None),
    }
}
