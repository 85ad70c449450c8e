//! Certificates of clients: what verifies them, and who their subjects are.

use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::AttributeTypeAndValue;

use stagedoor_core::denial::SubjectFault;
use stagedoor_core::policy::ClientAuthority;
use stagedoor_core::tls::{AuthorityId, ClientCertificate, ClientSubject};

/// What verifies the certificate that a client has to show in its handshake (RFC 5280 §6): its chain, its dates, that it is for clients,
/// and that no list of its issuer has it. An issuer without a list has taken nothing back. The dates of a list are no reason to refuse: what
/// it has stays revoked.
///
/// # Errors
/// A certificate or a list of the authority cannot be used, or there is no certificate.
pub fn verifier(authority: &ClientAuthority) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in authority.certificates() {
        roots.add(certificate.clone()).map_err(|error| error.to_string())?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls(authority.revocation_lists().iter().cloned())
        .allow_unknown_revocation_status()
        .build()
        .map_err(|error| error.to_string())
}

/// What a verified certificate says of its client.
#[must_use]
pub fn shown(der: &CertificateDer<'_>, authority: AuthorityId) -> ClientCertificate {
    match X509Certificate::from_der(der) {
        Ok((_, certificate)) => {
            let not_after = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
            let subject = certificate.subject();
            let text = |attribute| AttributeTypeAndValue::as_str(attribute).ok();
            ClientCertificate {
                authority,
                not_after: Duration::from_secs(not_after),
                subject: ClientSubject::new(
                    subject.iter_common_name().map(text),
                    subject.iter_organizational_unit().map(text),
                ),
            }
        }
        // What one reader has verified and another cannot read has ended.
        Err(_) => {
            ClientCertificate { authority, not_after: Duration::ZERO, subject: Err(SubjectFault::Unusable) }
        }
    }
}
