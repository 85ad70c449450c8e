//! Which certificate is chosen.
#![allow(clippy::unwrap_used, reason = "tests")]

use rcgen::{CertificateParams, KeyPair, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize};
use rustls::{CipherSuite, SignatureScheme};
use stagedoor_config::certificate::Certificate;
use stagedoor_core::guard::https::PlainHttpPolicy;
use stagedoor_core::policy::{CertificateFiles, HttpsPolicy, TlsPolicy, TlsVersion};

use super::Certificates;
use crate::materials::DiskMaterials;

fn certificate(folder: &std::path::Path, name: &str) -> Certificate {
    certificate_of(&KeyPair::generate().unwrap(), folder, name, name)
}

/// A certificate for `name` in files of the name `file`.
fn certificate_of(key: &KeyPair, folder: &std::path::Path, file: &str, name: &str) -> Certificate {
    let cert = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(key).unwrap();
    for (ending, text) in [("pem", cert.pem()), ("key", key.serialize_pem())] {
        std::fs::write(folder.join(format!("{file}.{ending}")), text).unwrap();
    }
    let files = CertificateFiles {
        cert: format!("{file}.pem"),
        key: format!("{file}.key"),
        ocsp: None,
        open_key: true,
    };
    Certificate::load(&files, &DiskMaterials::within(folder), 0).unwrap()
}

fn policy(certificates: &[&Certificate]) -> TlsPolicy {
    let certificates = certificates.iter().map(|certificate| certificate.files.clone()).collect();
    TlsPolicy::On(HttpsPolicy {
        listen: Vec::new(),
        certificates,
        min_version: TlsVersion::Tls12,
        plain_http: PlainHttpPolicy::Serves,
    })
}

#[test]
fn a_renewal_replaces_what_was_read_from_the_same_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one.example", "other.example"].map(|name| certificate(folder.path(), name));
    let all = Certificates::new().unwrap();
    assert!(all.choose(Some("one.example"), &[], &[]).is_none());
    all.install(&policy(&[&one]), Vec::new(), vec![one.clone()]).unwrap();
    let chosen = |name: Option<&str>| all.choose(name, &[], &[]).unwrap().certificate.key.cert.clone();
    assert_eq!(chosen(None), one.key.cert);
    let renewed = certificate(folder.path(), "one.example");
    assert!(renewed.files == one.files && !renewed.is_same(&one));
    assert!(all.replace(renewed.clone()).unwrap());
    assert_eq!(chosen(Some("one.example")), renewed.key.cert);
    assert!(!all.replace(other).unwrap(), "a certificate of no policy");
    assert_eq!(all.all().len(), 1);
    all.install(&TlsPolicy::Off, Vec::new(), Vec::new()).unwrap();
    assert!(all.choose(Some("one.example"), &[], &[]).is_none());
}

/// Servers have two certificates for one name where some clients know RSA alone.
#[test]
fn the_certificate_is_one_that_the_client_can_verify() {
    use CipherSuite as Suite;
    use SignatureScheme as Scheme;
    let folder = tempfile::tempdir().unwrap();
    let rsa = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let keys = [KeyPair::generate_for(&PKCS_ED25519).unwrap(), KeyPair::generate().unwrap(), rsa];
    let files = ["ed25519", "ecdsa", "rsa"];
    let of = |(key, file): (&KeyPair, &str)| certificate_of(key, folder.path(), file, "one.example");
    let loaded: Vec<_> = keys.iter().zip(files).map(of).collect();
    let all = Certificates::new().unwrap();
    all.install(&policy(&loaded.iter().collect::<Vec<_>>()), Vec::new(), loaded).unwrap();
    let every =
        [Scheme::ED25519, Scheme::ECDSA_NISTP256_SHA256, Scheme::RSA_PSS_SHA256, Scheme::RSA_PKCS1_SHA256];
    let tls13 = Suite::TLS13_AES_128_GCM_SHA256;
    let with_ecdsa = Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    let with_rsa = Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
    for (schemes, suites, expected) in [
        (&every[..], &[tls13][..], "ed25519"),
        (&every[1..], &[tls13], "ecdsa"),
        (&every[2..], &[tls13], "rsa"),
        // TLS 1.2: a client names every kind of signature that it knows, also those that none of its cipher suites uses.
        (&every, &[with_rsa], "rsa"),
        (&every, &[with_ecdsa], "ed25519"),
        (&every[1..], &[with_ecdsa], "ecdsa"),
        (&every[1..], &[with_rsa, with_ecdsa], "ecdsa"),
        (&every[1..], &[with_rsa, tls13], "ecdsa"),
        // It can verify none of them.
        (&every[2..], &[with_ecdsa], "ed25519"),
        (&every, &[], "ed25519"),
        (&[], &[tls13], "ed25519"),
    ] {
        // Also without a name, and for a name that no certificate is for.
        for name in [Some("one.example"), None, Some("other.example")] {
            let chosen = all.choose(name, schemes, suites).unwrap();
            assert_eq!(
                chosen.certificate.files.cert,
                format!("{expected}.pem"),
                "{name:?} {schemes:?} {suites:?}"
            );
        }
    }
}
