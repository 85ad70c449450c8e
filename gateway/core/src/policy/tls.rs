//! `[server.tls]`: https listeners and their certificates.

use super::listen_address::ListenAddress;
use crate::guard::https::PlainHttpPolicy;

/// Whether the gateway speaks https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsPolicy {
    /// It speaks plain HTTP alone.
    Off,
    /// It has https listeners.
    On(HttpsPolicy),
}

/// `[server.tls]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpsPolicy {
    /// Addresses to listen on.
    pub listen: Vec<ListenAddress>,
    /// The certificates; the first is for clients that name no server.
    pub certificates: Vec<CertificateFiles>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
    /// What plain HTTP serves.
    pub plain_http: PlainHttpPolicy,
}

/// A version of TLS, from older to newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246
    Tls12,
    /// RFC 8446
    Tls13,
}

impl TlsVersion {
    /// As in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

/// The files of one certificate, as written; what is in them changes while the policy stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate and its intermediates, PEM.
    pub cert: String,
    /// Its private key, PEM.
    pub key: String,
    /// An OCSP response about it, DER.
    pub ocsp: Option<String>,
    /// A key that group or others can read is used.
    pub open_key: bool,
}

impl TlsPolicy {
    /// The https listeners, where there are any.
    #[must_use]
    pub fn https(&self) -> Option<&HttpsPolicy> {
        match self {
            Self::Off => None,
            Self::On(https) => Some(https),
        }
    }

    /// What plain HTTP serves.
    #[must_use]
    pub fn plain_http(&self) -> PlainHttpPolicy {
        self.https().map_or(PlainHttpPolicy::Serves, |https| https.plain_http)
    }

    /// The addresses of the https listeners.
    #[must_use]
    pub fn listen(&self) -> &[ListenAddress] {
        self.https().map_or(&[], |https| &https.listen)
    }

    /// The files of the certificates.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateFiles] {
        self.https().map_or(&[], |https| &https.certificates)
    }
}
