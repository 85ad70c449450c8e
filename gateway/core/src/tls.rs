//! TLS as the guards see it: the session of a connection, the names that a certificate is for, and who its client is.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::denial::SubjectFault;
use crate::host::{HostName, split_port, without_trailing_dot};
use crate::text::is_user;

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
    /// What the client has proven with a certificate of its own; `None` where it was asked for none.
    pub client: Option<ClientCertificate>,
}

/// The certificate of a client, verified in the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// By whose authorities it was verified.
    pub authority: AuthorityId,
    /// Its first second, since the epoch.
    pub not_before: Duration,
    /// Its last second, since the epoch.
    pub not_after: Duration,
    /// Who its subject is.
    pub subject: Result<ClientSubject, SubjectFault>,
}

/// The subject of a client's certificate as a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSubject {
    /// Its common name: 1 to 256 bytes without control characters.
    user: Arc<str>,
    /// Its organisational units, without control characters.
    roles: Arc<[Arc<str>]>,
}

/// Which authorities, with which revocations, verify clients: equal where the same certificates are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorityId([u8; 32]);

impl AuthorityId {
    /// Of a digest of everything that decides.
    #[must_use]
    pub const fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl ClientSubject {
    /// The most organisational units that are read.
    pub const MOST_ROLES: usize = 64;

    /// Of the common names and the organisational units of a subject (RFC 5280 §4.1.2.6); `None` stands for one that is no text.
    ///
    /// # Errors
    /// It names no user.
    pub fn new<'n>(
        names: impl IntoIterator<Item = Option<&'n str>>,
        units: impl IntoIterator<Item = Option<&'n str>>,
    ) -> Result<Self, SubjectFault> {
        let mut names = names.into_iter();
        let name = names.next().ok_or(SubjectFault::Nameless)?.ok_or(SubjectFault::Unusable)?;
        if names.next().is_some() {
            return Err(SubjectFault::Ambiguous);
        }
        if !is_user(name) {
            return Err(SubjectFault::Unusable);
        }
        let unit = |unit: Option<&str>| unit.filter(|unit| is_user(unit)).map(Arc::from);
        let roles: Option<Vec<Arc<str>>> = units.into_iter().map(unit).collect();
        match roles {
            Some(roles) if roles.len() <= Self::MOST_ROLES => {
                Ok(Self { user: Arc::from(name), roles: roles.into() })
            }
            Some(_) | None => Err(SubjectFault::Unusable),
        }
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &Arc<str> {
        &self.user
    }

    /// The roles.
    #[must_use]
    pub fn roles(&self) -> &[Arc<str>] {
        &self.roles
    }
}

impl Transport {
    /// The certificate of the client, where it was asked for one.
    #[must_use]
    pub fn client_certificate(&self) -> Option<&ClientCertificate> {
        match self {
            Self::Plain => None,
            Self::Tls(session) => session.client.as_ref(),
        }
    }
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
    fn a_subject_names_one_user_and_its_units_are_roles() {
        let named = |names: &[Option<&'static str>], units: &[Option<&'static str>]| {
            ClientSubject::new(names.iter().copied(), units.iter().copied())
                .map(|subject| (subject.user().to_string(), subject.roles().len()))
        };
        assert_eq!(named(&[Some("ada")], &[]), Ok(("ada".to_owned(), 0)));
        assert_eq!(named(&[Some("ada")], &[Some("family"), Some("admin")]), Ok(("ada".to_owned(), 2)));
        assert_eq!(named(&[], &[]), Err(SubjectFault::Nameless));
        assert_eq!(named(&[Some("ada"), Some("eve")], &[]), Err(SubjectFault::Ambiguous));
        for name in [Some(""), Some("a\nb"), Some("a\0"), None] {
            assert_eq!(named(&[name], &[]), Err(SubjectFault::Unusable), "{name:?}");
            assert_eq!(named(&[Some("ada")], &[name]), Err(SubjectFault::Unusable), "{name:?}");
        }
        let many = [Some("unit"); ClientSubject::MOST_ROLES + 1];
        assert_eq!(named(&[Some("ada")], &many), Err(SubjectFault::Unusable));
    }

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
