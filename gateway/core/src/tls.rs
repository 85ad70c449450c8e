//! TLS as the guards see it: the session of a connection, and the names that a certificate is for.

use std::net::IpAddr;
use std::sync::Arc;

use crate::host::{HostName, split_port, without_trailing_dot};

/// How the bytes of a connection reach the gateway.
#[derive(Clone, Debug)]
pub enum Transport {
    /// As they are.
    Plain,
    /// Over TLS, which ends here.
    Tls(Arc<TlsSession>),
}

/// What the handshake of a TLS connection settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSession {
    /// The server name that the client asked for (RFC 6066 §3), in lower case; `None` for a client that sent none.
    pub server_name: Option<Box<str>>,
    /// The names of the certificate that the client was shown.
    pub certificate: Arc<CertificateNames>,
}

/// The names and addresses that a certificate is for (RFC 5280 §4.2.1.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// In lower case; a wildcard begins with `*.`.
    names: Box<[Box<str>]>,
    addresses: Box<[IpAddr]>,
}

impl CertificateNames {
    /// Of the DNS names and addresses of a certificate. A name that is none is left out.
    pub fn new<'n>(
        names: impl IntoIterator<Item = &'n str>,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        let is_name = |name: &str| {
            let bare = name.strip_prefix("*.").unwrap_or(name);
            matches!(HostName::parse(bare), Ok(HostName::Label(_)))
        };
        let names = names.into_iter().map(without_trailing_dot).filter(|name| is_name(name));
        Self {
            names: names.map(|name| name.to_ascii_lowercase().into()).collect(),
            addresses: addresses.into_iter().map(|ip| ip.to_canonical()).collect(),
        }
    }

    /// Whether the certificate is for this host, whose port is ignored. A wildcard stands for one label (RFC 9525 §6.3).
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        let Ok((name, _)) = split_port(host) else { return false };
        match HostName::parse(without_trailing_dot(name)) {
            Ok(HostName::Address(ip)) => self.addresses.contains(&ip.to_canonical()),
            Ok(HostName::Label(name)) => self.names.iter().any(|known| is_for(known, name)),
            Err(_) => false,
        }
    }

    /// The DNS names, in the order of the certificate, in lower case. A wildcard begins with `*.`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// The addresses, in the order of the certificate.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().copied()
    }

    /// Whether the certificate is for no host at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.addresses.is_empty()
    }
}

/// Whether the DNS name `known` of a certificate, a wildcard or not, stands for `name`.
fn is_for(known: &str, name: &str) -> bool {
    match known.strip_prefix("*.") {
        Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => known.eq_ignore_ascii_case(name),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_name_covers_itself_and_a_wildcard_one_label() {
        let addresses = ["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
        let names = ["Media.example.com", "*.films.example.com", "not a name", "*", "dotted.example."];
        let certificate = CertificateNames::new(names, addresses);
        for (host, covered) in [
            ("media.example.com", true),
            ("MEDIA.example.com:8443", true),
            ("media.example.com.", true),
            ("dotted.example", true),
            ("a.media.example.com", false),
            ("example.com", false),
            ("a.films.example.com", true),
            ("films.example.com", false),
            ("b.a.films.example.com", false),
            (".films.example.com", false),
            ("*.films.example.com", false),
            ("192.0.2.1", true),
            ("192.0.2.1:443", true),
            ("192.0.2.2", false),
            ("[2001:db8::1]:443", true),
            ("[::ffff:192.0.2.1]", true),
            ("", false),
            ("media.example.com:0", false),
        ] {
            assert_eq!(certificate.covers(host), covered, "{host}");
        }
        let names: Vec<&str> = certificate.names().collect();
        assert_eq!(names, ["media.example.com", "*.films.example.com", "dotted.example"]);
        assert!(!certificate.is_empty() && CertificateNames::default().is_empty());
    }
}
