//! A service that the gateway asks itself: where it is, and how a connection to it is protected.

use std::net::IpAddr;

use http::Uri;
use rustls_pki_types::ServerName;

use super::upstream::{CertificateTrust, UpstreamTls};
use crate::private_network::{is_private, is_private_name};

/// The longest address of a service, in bytes.
const URL_MAX: usize = 2048;

/// The address of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAddress {
    /// The URL as written, for messages.
    pub url: String,
    /// `host:port`, resolved when a connection is made.
    pub authority: String,
    /// The value of `Host`: without the default port.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// How a connection to it is protected.
    pub security: ServiceSecurity,
}

/// How a connection to a service is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceSecurity {
    /// By TLS, with a certificate that is verified.
    Tls(UpstreamTls),
    /// By its way alone: it leads to this machine or to a private network.
    PrivateNetwork,
    /// Not at all: `dangerous_plain_http`.
    Unprotected,
}

/// Where a service may be asked without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    /// Nowhere.
    Nowhere,
    /// On this machine and in private networks.
    PrivateNetwork,
    /// Anywhere: `dangerous_plain_http`.
    Anywhere,
}

/// What is wrong with the address of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlFault {
    /// It is no URL with a host, or has characters that no URL has.
    Malformed,
    /// It is longer than any that is accepted.
    TooLong,
    /// It begins with neither `https://` nor `http://`.
    Scheme,
    /// It holds a user name, and perhaps a password.
    User,
    /// It has a fragment, which is never sent.
    Fragment,
    /// It begins with `http://`, where only `https://` is accepted.
    Plain,
    /// It begins with `http://`, and its host may be one of the internet.
    PlainToPublic,
}

impl UrlFault {
    /// What is wrong, for operators.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "not the address of a service",
            Self::TooLong => "an address of more than 2048 bytes",
            Self::Scheme => "an address that is neither https nor http",
            Self::User => "a user name in an address",
            Self::Fragment => "a fragment (`#`) in an address",
            Self::Plain => "an address without TLS, named by one that has it",
            Self::PlainToPublic => {
                "an address without TLS on the internet, where anybody on the way can change what it says"
            }
        }
    }
}

impl ServiceAddress {
    /// Reads a URL. `trust` says whose certificates are accepted over https.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(url: &str, trust: &CertificateTrust, plain: PlainHttp) -> Result<Self, UrlFault> {
        if url.len() > URL_MAX {
            return Err(UrlFault::TooLong);
        }
        if url.contains('#') {
            return Err(UrlFault::Fragment);
        }
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UrlFault::Malformed);
        }
        let uri: Uri = url.parse().map_err(|_| UrlFault::Malformed)?;
        let (tls, default_port) = match uri.scheme_str() {
            Some("https") => (true, 443),
            Some("http") => (false, 80),
            Some(_) | None => return Err(UrlFault::Scheme),
        };
        let authority = uri.authority().ok_or(UrlFault::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(UrlFault::User);
        }
        let host = authority.host();
        let bare = bare_host(host).ok_or(UrlFault::Malformed)?;
        let port: u16 = match authority.as_str().strip_prefix(host) {
            Some("") => default_port,
            Some(rest) => {
                rest.strip_prefix(':').and_then(|port| port.parse().ok()).ok_or(UrlFault::Malformed)?
            }
            None => return Err(UrlFault::Malformed),
        };
        if port == 0 {
            return Err(UrlFault::Malformed);
        }
        Ok(Self {
            url: url.to_owned(),
            authority: format!("{host}:{port}"),
            host: if port == default_port { host.to_owned() } else { format!("{host}:{port}") },
            target: match uri.query() {
                Some(query) => format!("{}?{query}", uri.path()),
                None => uri.path().to_owned(),
            },
            security: if tls { over_tls(bare, trust)? } else { without_tls(bare, plain)? },
        })
    }

    /// An address that the service here names. It is trusted as this one is, and never less protected.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn named_here(&self, url: &str) -> Result<Self, UrlFault> {
        match &self.security {
            ServiceSecurity::Tls(tls) => Self::parse(url, &tls.trust, PlainHttp::Nowhere),
            ServiceSecurity::PrivateNetwork => {
                Self::parse(url, &CertificateTrust::WebAuthorities, PlainHttp::PrivateNetwork)
            }
            ServiceSecurity::Unprotected => {
                Self::parse(url, &CertificateTrust::WebAuthorities, PlainHttp::Anywhere)
            }
        }
    }
}

/// A host without brackets; `None` where it is neither a name nor an address.
fn bare_host(host: &str) -> Option<&str> {
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.filter(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok()),
        None => (!host.is_empty() && host.bytes().all(name)).then_some(host),
    }
}

fn over_tls(host: &str, trust: &CertificateTrust) -> Result<ServiceSecurity, UrlFault> {
    // A dot at the end of a name stands in no certificate.
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let server_name = ServerName::try_from(name).map_err(|_| UrlFault::Malformed)?;
    Ok(ServiceSecurity::Tls(UpstreamTls { server_name, trust: trust.clone() }))
}

fn without_tls(host: &str, plain: PlainHttp) -> Result<ServiceSecurity, UrlFault> {
    let private = || match host.parse::<IpAddr>() {
        Ok(ip) => is_private(ip),
        Err(_) => is_private_name(host),
    };
    match plain {
        PlainHttp::Anywhere => Ok(ServiceSecurity::Unprotected),
        PlainHttp::PrivateNetwork if private() => Ok(ServiceSecurity::PrivateNetwork),
        PlainHttp::PrivateNetwork => Err(UrlFault::PlainToPublic),
        PlainHttp::Nowhere => Err(UrlFault::Plain),
    }
}

#[cfg(test)]
mod tests;
