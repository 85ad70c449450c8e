//! The public address of an app: scheme, host and port as the client sees them.

use std::fmt;

use crate::guard::client::Client;
use crate::host::{default_port, name_and_port};

/// Scheme, host and port under which the client reached the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicAddress<'h> {
    https: bool,
    host: &'h str,
    /// The port that a proxy names; used where the host names none.
    proxy_port: Option<u16>,
}

impl<'h> PublicAddress<'h> {
    /// The address of `host` (`NAME` or `NAME:PORT`, as it was judged) for this client.
    #[must_use]
    pub fn of(client: &Client, host: &'h str) -> Self {
        Self::new(client.https(), host, client.port())
    }

    /// As [`PublicAddress::of`], from its parts; `proxy_port` is the port that a trusted proxy names.
    #[must_use]
    pub fn new(https: bool, host: &'h str, proxy_port: Option<u16>) -> Self {
        Self { https, host, proxy_port }
    }

    /// The client uses https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// The host without its port.
    #[must_use]
    pub fn name(&self) -> &'h str {
        name_and_port(self.host).0
    }

    /// The host's own port, else the one that a proxy names, else the scheme's.
    #[must_use]
    pub fn port(&self) -> u16 {
        name_and_port(self.host).1.or(self.proxy_port).unwrap_or(default_port(self.https))
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
        let (name, port) = name_and_port(std::str::from_utf8(authority).ok()?);
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
