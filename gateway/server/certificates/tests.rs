//! Which certificate is chosen.
#![allow(clippy::unwrap_used, reason = "tests")]

use rcgen::{CertificateParams, KeyPair};
use stagedoor_config::certificate::Certificate;
use stagedoor_core::guard::https::PlainHttpPolicy;
use stagedoor_core::policy::{CertificateFiles, HttpsPolicy, TlsPolicy, TlsVersion};

use super::Certificates;
use crate::materials::DiskMaterials;

fn certificate(folder: &std::path::Path, name: &str) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let cert = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    for (ending, text) in [("pem", cert.pem()), ("key", key.serialize_pem())] {
        std::fs::write(folder.join(format!("{name}.{ending}")), text).unwrap();
    }
    let files = CertificateFiles {
        cert: format!("{name}.pem"),
        key: format!("{name}.key"),
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
    assert!(all.choose(Some("one.example"), &[]).is_none());
    all.install(&policy(&[&one]), vec![one.clone()]).unwrap();
    let chosen = |name: Option<&str>| all.choose(name, &[]).unwrap().certificate.key.cert.clone();
    assert_eq!(chosen(None), one.key.cert);
    let renewed = certificate(folder.path(), "one.example");
    assert!(renewed.files == one.files && !renewed.is_same(&one));
    assert!(all.replace(renewed.clone()).unwrap());
    assert_eq!(chosen(Some("one.example")), renewed.key.cert);
    assert!(!all.replace(other).unwrap(), "a certificate of no policy");
    assert_eq!(all.all().len(), 1);
    all.install(&TlsPolicy::Off, Vec::new()).unwrap();
    assert!(all.choose(Some("one.example"), &[]).is_none());
}
