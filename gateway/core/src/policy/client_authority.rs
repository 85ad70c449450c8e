//! Who verifies the clients of an app: `client_ca`.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256};
use rustls_pki_types::CertificateDer;

use crate::tls::AuthorityId;

/// The authorities that issue the certificates of an app's clients, and the certificates that they have taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuthority {
    id: AuthorityId,
    /// The file as written, for messages.
    file: String,
    certificates: Vec<CertificateDer<'static>>,
    revoked: BTreeSet<RevokedCertificate>,
}

/// A certificate that is taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RevokedCertificate {
    /// The name of its issuer, DER.
    pub issuer: Box<[u8]>,
    /// Its serial number, as in its certificate.
    pub serial: Box<[u8]>,
}

impl ClientAuthority {
    /// Of what a file holds: certificates of authorities, and what their lists of revoked certificates say (RFC 5280 §5).
    #[must_use]
    pub fn new(
        file: &str,
        certificates: Vec<CertificateDer<'static>>,
        revoked: impl IntoIterator<Item = RevokedCertificate>,
    ) -> Self {
        let revoked: BTreeSet<_> = revoked.into_iter().collect();
        let id = AuthorityId::new(digest(&certificates, &revoked));
        Self { id, file: file.to_owned(), certificates, revoked }
    }

    /// Equal where the same certificates are accepted; a list that is renewed without a further entry changes nothing.
    #[must_use]
    pub fn id(&self) -> AuthorityId {
        self.id
    }

    /// The file as written.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The certificates of the authorities.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// What is revoked.
    #[must_use]
    pub fn revoked(&self) -> &BTreeSet<RevokedCertificate> {
        &self.revoked
    }
}

/// Of all that decides, each part with its length before it.
fn digest(certificates: &[CertificateDer<'_>], revoked: &BTreeSet<RevokedCertificate>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    let mut part = |bytes: &[u8]| {
        context.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(bytes);
    };
    part(&u64::try_from(certificates.len()).unwrap_or(u64::MAX).to_be_bytes());
    certificates.iter().for_each(|certificate| part(certificate));
    for RevokedCertificate { issuer, serial } in revoked {
        part(issuer);
        part(serial);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}
