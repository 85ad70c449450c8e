//! `[server.tls]`: https listeners and their certificates.

use super::findings::{Findings, Place, list};
use super::order::{Order, exchanged, larger_is_tighter, more_is_looser};
use crate::policy::{CertificateFiles, HttpsPolicy, TlsPolicy};

pub(super) fn tls(old: &TlsPolicy, new: &TlsPolicy, findings: &mut Findings) {
    let word = |tls: &TlsPolicy| match tls {
        TlsPolicy::Off => "off".to_owned(),
        TlsPolicy::On(https) => list(&https.listen),
    };
    match (old, new) {
        (TlsPolicy::Off, TlsPolicy::Off) => {}
        (TlsPolicy::On(old), TlsPolicy::On(new)) => https(old, new, findings),
        // A further way in, or one less: what goes over it now goes another way.
        (TlsPolicy::Off, TlsPolicy::On(_)) | (TlsPolicy::On(_), TlsPolicy::Off) => {
            findings.put(Place::Table(&["server"]), "tls", Order::Incomparable, || (word(old), word(new)));
        }
    }
}

fn https(old: &HttpsPolicy, new: &HttpsPolicy, findings: &mut Findings) {
    let HttpsPolicy { listen, certificates, min_version } = old;
    let at = Place::Table(&["server", "tls"]);
    findings.put(at, "listen", more_is_looser(listen, &new.listen), || (list(listen), list(&new.listen)));
    // Whoever has the key of a new certificate can pose as this site.
    let files = |files: &[CertificateFiles]| {
        files.iter().map(|files| files.cert.clone()).collect::<Vec<_>>().join(", ")
    };
    findings.put(at, "certificates", exchanged(certificates, &new.certificates), || {
        (files(certificates), files(&new.certificates))
    });
    findings.put(at, "min_version", larger_is_tighter(min_version, &new.min_version), || {
        (min_version.as_str().to_owned(), new.min_version.as_str().to_owned())
    });
}
