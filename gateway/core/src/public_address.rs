//! The public address of an app: scheme, host and port as the client sees them.

use std::fmt;

use crate::guard::client::Client;
use crate::host::name_and_port;
use crate::request::Scheme;

/// Scheme, host and port under which the client reached the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicAddress<'h> {
    scheme: Scheme,
    host: &'h str,
    /// The port that a proxy names; used where the host names none.
    proxy_port: Option<u16>,
}

impl<'h> PublicAddress<'h> {
    /// The address of `host` (`NAME` or `NAME:PORT`, as it was judged) for this client.
    #[must_use]
    pub fn of(client: &Client, host: &'h str) -> Self {
        Self::new(client.scheme(), host, client.port())
    }

    /// As [`PublicAddress::of`], from its parts; `proxy_port` is the port that a trusted proxy names.
    #[must_use]
    pub fn new(scheme: Scheme, host: &'h str, proxy_port: Option<u16>) -> Self {
        Self { scheme, host, proxy_port }
    }

    /// The scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host without its port.
    #[must_use]
    pub fn name(&self) -> &'h str {
        name_and_port(self.host).0
    }

    /// The host's own port, else the one that a proxy names, else the scheme's.
    #[must_use]
    pub fn port(&self) -> u16 {
        name_and_port(self.host).1.or(self.proxy_port).unwrap_or(self.scheme.default_port())
    }
}

impl PublicAddress<'_> {
    /// What follows scheme and authority in an absolute URL of this address; `None` for any other reference.
    #[must_use]
    pub fn within<'u>(&self, url: &'u [u8]) -> Option<&'u [u8]> {
        let (scheme, rest) = Scheme::split(url)?;
        let end = rest.iter().position(|byte| b"/?#\\".contains(byte)).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end)?;
        let (name, port) = name_and_port(std::str::from_utf8(authority).ok()?);
        let same =
            name.eq_ignore_ascii_case(self.name()) && port.unwrap_or(scheme.default_port()) == self.port();
        same.then_some(rest)
    }
}

impl fmt::Display for PublicAddress<'_> {
    /// As the start of a URL, without the scheme's own port: `https://media.example.com:8443`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, port) = (self.scheme.as_str(), self.port());
        if port == self.scheme.default_port() {
            write!(f, "{scheme}://{}", self.name())
        } else {
            write!(f, "{scheme}://{}:{port}", self.name())
        }
    }
}
