//! Certificates of clients: what verifies them, and who their subjects are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, OtherError, RootCertStore, SignatureScheme,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;
use x509_parser::x509::AttributeTypeAndValue;

use stagedoor_core::denial::SubjectFault;
use stagedoor_core::policy::{ClientAuthority, RevokedCertificate};
use stagedoor_core::tls::{AuthorityId, ClientCertificate, ClientSubject};

/// The most certificates besides its own that a client may show. To find a chain among many takes time that grows without bound with
/// their number, and nothing is known of the client yet.
const MOST_INTERMEDIATES: usize = 4;

/// What verifies the certificate that a client has to show in its handshake (RFC 5280 §6): its chain, its dates, that it is for clients,
/// and that none of the certificates it shows is revoked. An issuer without a list has taken nothing back.
///
/// # Errors
/// A certificate of the authority cannot be used, or there is none.
pub fn verifier(authority: &ClientAuthority) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in authority.certificates() {
        roots.add(certificate.clone()).map_err(|error| error.to_string())?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chains = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(ClientVerifier { chains, revoked: authority.revoked().clone() }))
}

/// More certificates than are looked at.
struct TooManyShown;

impl std::error::Error for TooManyShown {}

impl std::fmt::Debug for TooManyShown {
    /// As it is shown: the log has it within an error of the library.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for TooManyShown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the client showed more than {MOST_INTERMEDIATES} certificates besides its own")
    }
}

/// Verifies chains, and looks every certificate up among those that are revoked. All lists of an issuer count, so they are not left
/// to the verifier of chains, which takes one of them.
#[derive(Debug)]
struct ClientVerifier {
    chains: Arc<dyn ClientCertVerifier>,
    revoked: BTreeSet<RevokedCertificate>,
}

impl ClientVerifier {
    fn is_revoked(&self, der: &CertificateDer<'_>) -> Result<bool, rustls::Error> {
        if self.revoked.is_empty() {
            return Ok(false);
        }
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|_| rustls::Error::from(CertificateError::BadEncoding))?;
        let one = RevokedCertificate {
            issuer: certificate.issuer().as_raw().into(),
            serial: certificate.raw_serial().into(),
        };
        Ok(self.revoked.contains(&one))
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chains.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if intermediates.len() > MOST_INTERMEDIATES {
            return Err(CertificateError::Other(OtherError(Arc::new(TooManyShown))).into());
        }
        for shown in std::iter::once(own).chain(intermediates) {
            if self.is_revoked(shown)? {
                return Err(CertificateError::Revoked.into());
            }
        }
        self.chains.verify_client_cert(own, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains.verify_tls12_signature(message, own, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        own: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains.verify_tls13_signature(message, own, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// What a verified certificate says of its client.
#[must_use]
pub fn shown(der: &CertificateDer<'_>, authority: AuthorityId) -> ClientCertificate {
    match X509Certificate::from_der(der) {
        Ok((_, certificate)) => {
            let seconds = |time: ASN1Time| Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0));
            let validity = certificate.validity();
            let subject = certificate.subject();
            let text = |attribute| AttributeTypeAndValue::as_str(attribute).ok();
            ClientCertificate {
                authority,
                not_before: seconds(validity.not_before),
                not_after: seconds(validity.not_after),
                subject: ClientSubject::new(
                    subject.iter_common_name().map(text),
                    subject.iter_organizational_unit().map(text),
                ),
            }
        }
        // What one reader has verified and another cannot read has ended.
        Err(_) => {
            let (not_before, not_after) = (Duration::ZERO, Duration::ZERO);
            ClientCertificate { authority, not_before, not_after, subject: Err(SubjectFault::Unusable) }
        }
    }
}
