//! `[server.tls]`: https listeners and their certificates.

use super::findings::{Findings, Place, list};
use super::order::{Order, exchanged, larger_is_tighter, more_is_looser};
use crate::guard::https::PlainHttpPolicy;
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
    let HttpsPolicy { listen, certificates, min_version, plain_http } = old;
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
    let (key, order) = match (plain_http, new.plain_http) {
        (PlainHttpPolicy::Serves, PlainHttpPolicy::Serves) => return,
        (PlainHttpPolicy::Serves, PlainHttpPolicy::Redirects { .. }) => ("redirect_http", Order::Tighter),
        (PlainHttpPolicy::Redirects { .. }, PlainHttpPolicy::Serves) => ("redirect_http", Order::Looser),
        (PlainHttpPolicy::Redirects { port: old }, PlainHttpPolicy::Redirects { port: new }) => {
            ("public_port", exchanged(old, &new))
        }
    };
    let shown = |plain_http: &PlainHttpPolicy| match plain_http {
        PlainHttpPolicy::Serves => "off".to_owned(),
        PlainHttpPolicy::Redirects { port } => format!("to port {port}"),
    };
    findings.put(at, key, order, || (shown(plain_http), shown(&new.plain_http)));
}
