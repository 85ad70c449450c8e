#![allow(clippy::unwrap_used, reason = "tests")]

use rcgen::{CertificateParams, KeyPair};
use stagedoor_core::guard::https::PlainHttpPolicy;
use stagedoor_core::policy::{HttpsPolicy, TlsPolicy, TlsVersion};

use super::*;

/// A folder with the files of a certificate, a gateway's certificates, and their renewal.
struct Stand {
    folder: tempfile::TempDir,
    files: CertificateFiles,
    certificates: Certificates,
    renewal: Renewal,
}

impl Stand {
    /// With a certificate in force.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = CertificateFiles {
            cert: "a.pem".to_owned(),
            key: "a.key".to_owned(),
            ocsp: None,
            open_key: true,
        };
        let renewal = Renewal::new(DiskMaterials::within(folder.path()));
        let mut stand = Self { folder, files, certificates: Certificates::new().unwrap(), renewal };
        stand.write_pair();
        stand.reload(stand.on_disk());
        stand.look();
        stand
    }

    fn write(&self, name: &str, text: &str) {
        let next = self.folder.path().join("next");
        fs::write(&next, text).unwrap();
        fs::rename(next, self.folder.path().join(name)).unwrap();
    }

    /// Writes another certificate with its key.
    fn write_pair(&self) {
        let key = KeyPair::generate().unwrap();
        let cert = CertificateParams::new(vec!["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        self.write("a.pem", &cert.pem());
        self.write("a.key", &key.serialize_pem());
    }

    fn on_disk(&self) -> Certificate {
        Certificate::load(&self.files, &self.renewal.materials, 0).unwrap()
    }

    /// Puts a policy with this certificate in force.
    fn reload(&self, read: Certificate) {
        let policy = TlsPolicy::On(HttpsPolicy {
            listen: Vec::new(),
            certificates: vec![self.files.clone()],
            min_version: TlsVersion::Tls12,
            plain_http: PlainHttpPolicy::Serves,
        });
        self.certificates.install(&policy, Vec::new(), vec![read]).unwrap();
    }

    /// One look; whether the certificate in force is the one of the files then.
    fn look(&mut self) -> bool {
        self.renewal.look(std::slice::from_ref(&self.files), &self.certificates, 0);
        let Ok(read) = Certificate::load(&self.files, &self.renewal.materials, 0) else { return false };
        self.certificates.all()[0].certificate.is_same(&read)
    }

    fn in_force(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.certificates.all()[0].certificate.key)
    }
}

#[test]
fn a_reload_that_read_the_old_files_undoes_no_renewal() {
    let mut stand = Stand::new();
    let old = stand.on_disk();
    stand.write_pair();
    assert!(stand.look());
    // It had read them before they changed.
    stand.reload(old);
    assert!(stand.look(), "the files are those of before, and another certificate is in force");
}

#[test]
fn files_that_did_not_change_are_not_read_again() {
    let mut stand = Stand::new();
    let before = stand.in_force();
    assert!(stand.look() && Arc::ptr_eq(&before, &stand.in_force()));
    let known = Arc::clone(&stand.renewal.known[0].key);
    assert!(stand.look() && Arc::ptr_eq(&known, &stand.renewal.known[0].key));
    // A reload of the same files reads them anew, and replaces nothing.
    stand.reload(stand.on_disk());
    let reloaded = stand.in_force();
    assert!(stand.look() && Arc::ptr_eq(&reloaded, &stand.in_force()));
    assert!(Arc::ptr_eq(&reloaded, &stand.renewal.known[0].key));
}

#[test]
fn a_renewal_that_fails_is_listed_until_it_succeeds() {
    let mut stand = Stand::new();
    let before = stand.in_force();
    stand.write("a.pem", "nothing");
    assert!(!stand.look() && Arc::ptr_eq(&before, &stand.in_force()));
    assert_eq!(stand.certificates.faults()[0].files, stand.files);
    let listed = |stand: &Stand| {
        let (all, faults) = (stand.certificates.all(), stand.certificates.faults());
        let certificates = all.iter().map(|served| &served.certificate);
        crate::certificates::listing(certificates, &faults, 0).to_string()
    };
    let text = "cannot be used, so the old one stays: no certificate in the file";
    assert!(listed(&stand).contains(text), "{}", listed(&stand));
    stand.write_pair();
    assert!(stand.look());
    assert!(stand.certificates.faults().is_empty() && !listed(&stand).contains(text));
    // A certificate that the policy no longer names has no fault.
    stand.write("a.pem", "nothing");
    stand.look();
    stand.renewal.look(&[], &stand.certificates, 0);
    assert!(stand.certificates.faults().is_empty() && stand.renewal.known.is_empty());
}

#[test]
fn a_renewal_that_fails_again_is_told_again() {
    let mut stand = Stand::new();
    for hour in [1, 3, 5] {
        let now = |hour: u64| Now::new(Duration::from_secs(hour * 3600), Duration::ZERO);
        let told = |stand: &mut Stand, hour| {
            stand.look();
            let due = stand.renewal.reminders.due(warnings(&stand.certificates, 0), now(hour));
            due.iter()
                .filter(|warning| warning.contains("no certificate in the file: `a.pem`; hint: "))
                .count()
        };
        stand.write("a.pem", "nothing");
        assert_eq!(told(&mut stand, hour), 1, "{hour}");
        assert_eq!(told(&mut stand, hour), 0, "{hour}");
        stand.write_pair();
        assert_eq!(told(&mut stand, hour + 1), 0, "{hour}");
    }
}

#[test]
fn a_warning_is_given_once_a_day_as_long_as_it_holds() {
    let mut reminders = Reminders::default();
    let mut due = |hour: u64, holding: &[&str]| {
        let holding = holding.iter().map(|text| (*text).to_owned()).collect();
        reminders.due(holding, Now::new(Duration::from_secs(hour * 3600), Duration::ZERO)).join(" ")
    };
    assert_eq!(due(0, &["a"]), "a");
    assert_eq!(due(1, &["a", "b"]), "b");
    assert_eq!(due(23, &["a", "b"]), "");
    assert_eq!(due(24, &["a", "b"]), "a");
    assert_eq!(due(25, &["a"]), "");
    assert_eq!(due(26, &["a", "b"]), "b", "it did not hold meanwhile");
}
