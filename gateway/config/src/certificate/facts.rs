//! What a certificate says of itself.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use super::fault::{self, CertificateFault};
use stagedoor_core::tls::CertificateNames;

/// Signatures over SHA-1: sha1WithRSAEncryption (RFC 8017), ecdsa-with-SHA1 (RFC 3279).
const SHA1: [&str; 2] = ["1.2.840.113549.1.1.5", "1.2.840.10045.4.1"];
/// The smallest RSA key that browsers accept, in bits.
const RSA_MIN: usize = 2048;

/// What is read of a certificate.
pub(super) struct CertificateFacts {
    pub(super) names: CertificateNames,
    pub(super) issuer: String,
    pub(super) not_before: u64,
    pub(super) not_after: u64,
    /// Its serial number.
    pub(super) serial: Vec<u8>,
    /// It has no issuer in its chain, is not its own, and says where the certificate of its issuer can be fetched.
    pub(super) lacks_intermediate: bool,
}

impl CertificateFacts {
    /// Reads the certificate of a server and judges its chain.
    pub(super) fn read(
        der: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
    ) -> Result<Self, CertificateFault> {
        let certificate = parse(der)?;
        let lacks_intermediate = check_chain(&certificate, issuers)?;
        if let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed()
            && key.key_size() < RSA_MIN
        {
            return Err(fault::weak_key(key.key_size()));
        }
        if is_sha1(&certificate) {
            return Err(fault::sha1());
        }
        let validity = certificate.validity();
        let seconds = |timestamp: i64| u64::try_from(timestamp).unwrap_or(0);
        Ok(Self {
            names: names(&certificate),
            issuer: name(certificate.issuer()),
            not_before: seconds(validity.not_before.timestamp()),
            not_after: seconds(validity.not_after.timestamp()),
            serial: certificate.raw_serial().to_vec(),
            lacks_intermediate,
        })
    }
}

/// Checks that each certificate of a chain was issued by the next one. Returns whether the issuer of the only one is missing.
fn check_chain(
    certificate: &X509Certificate<'_>,
    issuers: &[CertificateDer<'_>],
) -> Result<bool, CertificateFault> {
    let issuers = issuers.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let mut issued = certificate;
    for issuer in &issuers {
        if issued.issuer().as_raw() != issuer.subject().as_raw() {
            return Err(fault::chain_order(&name(issued.subject()), &name(issuer.subject())));
        }
        issued = issuer;
    }
    let is_own_issuer = certificate.issuer().as_raw() == certificate.subject().as_raw();
    Ok(issuers.is_empty() && !is_own_issuer && tells_issuer(certificate))
}

fn parse<'c>(der: &'c CertificateDer<'_>) -> Result<X509Certificate<'c>, CertificateFault> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        Ok(_) | Err(_) => Err(fault::not_a_certificate()),
    }
}

/// The DNS names and addresses of the subject's alternative names. Clients look at nothing else (RFC 9525 §6.1).
fn names(certificate: &X509Certificate<'_>) -> CertificateNames {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return CertificateNames::default();
    };
    let all = &extension.value.general_names;
    #[allow(clippy::wildcard_enum_match_arm, reason = "a certificate for a server has names of these kinds")]
    let dns = all.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    });
    #[allow(clippy::wildcard_enum_match_arm, reason = "a certificate for a server has names of these kinds")]
    let addresses = all.iter().filter_map(|name| match name {
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    });
    CertificateNames::new(dns, addresses)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from).ok();
    v4.or_else(|| <[u8; 16]>::try_from(bytes).map(IpAddr::from).ok())
}

/// The common name and the organisation of a distinguished name, or all of it.
fn name(name: &x509_parser::x509::X509Name<'_>) -> String {
    let text = |attribute: Option<&x509_parser::x509::AttributeTypeAndValue<'_>>| {
        attribute.and_then(|attribute| attribute.as_str().ok()).map(str::to_owned)
    };
    let common = text(name.iter_common_name().next());
    let organisation = text(name.iter_organization().next());
    match (common, organisation) {
        (Some(common), Some(organisation)) if common != organisation => format!("{common} ({organisation})"),
        (Some(one), _) | (None, Some(one)) => one,
        (None, None) => name.to_string(),
    }
}

/// Whether it was signed over SHA-1, which no client accepts any more.
fn is_sha1(certificate: &X509Certificate<'_>) -> bool {
    let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
    SHA1.contains(&&*algorithm)
}

/// Whether it says where the certificate of its issuer can be fetched (RFC 5280 §4.2.2.1), as public authorities write it.
fn tells_issuer(certificate: &X509Certificate<'_>) -> bool {
    #[allow(clippy::wildcard_enum_match_arm, reason = "one extension is looked for")]
    certificate.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => access
            .accessdescs
            .iter()
            .any(|entry| entry.access_method == OID_PKIX_ACCESS_DESCRIPTOR_CA_ISSUERS),
        _ => false,
    })
}
