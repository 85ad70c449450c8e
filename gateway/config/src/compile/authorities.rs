//! Reads the certificates of authorities: those of apps (`upstream.ca`), and those of clients (`client_ca`).

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{ParsedExtension, X509Extension};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::{CertificateRevocationList, RevokedCertificate as RevokedEntry};

use super::context::Context;
use crate::certificate::clients;
use crate::location::Spanned;
use crate::materials::Material;
use stagedoor_core::policy::{ClientAuthority, RevokedCertificate};

/// The certificates of a PEM file; none with `--no-files`, or where they cannot be used, which is reported. `accepted` says what the file
/// should hold.
///
/// Each is one that a chain can end at: what cannot be read here would be missing there.
pub(super) fn certificates(
    path: &Spanned<String>,
    accepted: &str,
    cx: &Context<'_>,
) -> Vec<CertificateDer<'static>> {
    read(path, accepted, cx).map_or_else(Vec::new, |material| in_file(path, &material, accepted, cx))
}

/// Who has to have issued the certificates of an app's clients. With `--no-files`, or where something is wrong, which is reported, it is an
/// authority that has issued none.
pub(super) fn client_authority(path: &Spanned<String>, cx: &Context<'_>) -> Arc<ClientAuthority> {
    let none = || Arc::new(ClientAuthority::new(&path.value, Vec::new(), Vec::new()));
    let Some(material) = read(path, CLIENTS, cx) else { return none() };
    let file = material.bytes.expose();
    let certificates = in_file(path, &material, CLIENTS, cx);
    if certificates.is_empty() {
        return none();
    }
    let made = revocation_lists(file, certificates.len()).and_then(|lists| {
        if let Some((place, why)) =
            certificates.iter().enumerate().find_map(|(place, one)| Some((place, no_authority(one)?)))
        {
            return Err(format!("number {} {why}", place + 1));
        }
        let revoked = revoked(&lists, path, &certificates, cx)?;
        // A chain may end at it without its own issuer.
        if let Some(place) = certificates.iter().position(|one| revoked.contains(&identity(one))) {
            return Err(format!("number {} is revoked by a list in it", place + 1));
        }
        let authority = ClientAuthority::new(&path.value, certificates.clone(), revoked);
        clients::verifier(&authority).map(|_| authority)
    });
    match made {
        Ok(authority) => Arc::new(authority),
        Err(why) => {
            unusable(path, &why, CLIENTS, cx);
            none()
        }
    }
}

const CLIENTS: &str = "a PEM file with the certificates of the authorities that issue those of clients, and where they take some back \
                       with their lists (X509 CRL), relative to the main file";

/// The lists of revoked certificates in a file that holds this many certificates.
fn revocation_lists(
    file: &[u8],
    certificates: usize,
) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(file).collect();
    let lists = lists.map_err(|_| "not PEM")?;
    // What a reader passes over would be a revocation that does not count.
    if sections(file) == Some(certificates + lists.len()) {
        Ok(lists)
    } else {
        Err("not everything in it is a CERTIFICATE or an X509 CRL in PEM that begins on a line of its own"
            .to_owned())
    }
}

/// How many sections a PEM file has; `None` where it is no text, or a section does not begin on a line of its own.
fn sections(file: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(file).ok()?;
    let begins = text.lines().filter(|line| line.starts_with("-----BEGIN ")).count();
    (begins == text.matches("-----BEGIN").count()).then_some(begins)
}

/// Why a certificate is none of an authority (RFC 5280 §4.2.1.9, §4.2.1.3): its holder could make certificates in any name.
fn no_authority(der: &CertificateDer<'_>) -> Option<&'static str> {
    let signs = |certificate: &X509Certificate<'_>| {
        let authority = certificate.basic_constraints().ok().flatten().is_some_and(|found| found.value.ca);
        let usage =
            certificate.key_usage().is_ok_and(|usage| usage.is_none_or(|usage| usage.value.key_cert_sign()));
        authority && usage
    };
    (!parsed(der).is_some_and(|certificate| signs(&certificate)))
        .then_some("is no certificate of an authority (CA:TRUE)")
}

fn parsed<'c>(der: &'c CertificateDer<'_>) -> Option<X509Certificate<'c>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

/// The issuer and the serial number of a certificate.
fn identity(der: &CertificateDer<'_>) -> RevokedCertificate {
    let of = |certificate: X509Certificate<'_>| RevokedCertificate {
        issuer: certificate.issuer().as_raw().into(),
        serial: certificate.raw_serial().into(),
    };
    parsed(der).map(of).unwrap_or_default()
}

/// What the lists say. Authorities and lists that are out of date, and lists of others, are warned of.
fn revoked(
    lists: &[CertificateRevocationListDer<'_>],
    path: &Spanned<String>,
    certificates: &[CertificateDer<'_>],
    cx: &Context<'_>,
) -> Result<Vec<RevokedCertificate>, String> {
    let now = i64::try_from(cx.now.unix_secs()).unwrap_or(i64::MAX);
    let warn =
        |message: String, hint: &str| cx.report.warn(&path.at, format!("{message}: `{}`", path.value), hint);
    let authorities: Vec<_> = certificates.iter().filter_map(parsed).collect();
    for (place, one) in authorities.iter().enumerate() {
        if one.validity().not_after.timestamp() < now {
            warn(
                format!("authority {} has ended", place + 1),
                "its certificates are accepted all the same; make a new authority, or leave it out",
            );
        }
    }
    let mut revoked = Vec::new();
    for (place, list) in lists.iter().enumerate() {
        let number = place + 1;
        let list = entries(list).ok_or_else(|| {
            format!(
                "list {number} of revoked certificates is malformed, of several issuers (indirect), a delta, or critical of something unknown"
            )
        })?;
        if list.due < now {
            warn(
                format!("list {number} of revoked certificates is out of date"),
                "what it has stays revoked; let its authority make a new one, to have the rest",
            );
        }
        if !authorities.iter().any(|authority| authority.subject().as_raw() == &*list.issuer) {
            warn(
                format!("list {number} of revoked certificates is of an authority that is not in the file"),
                "it counts for what that authority has issued; an authority in the file needs a list of its own",
            );
        }
        revoked.extend(list.entries);
    }
    Ok(revoked)
}

/// What a list of revoked certificates says.
struct Entries {
    /// The name of its issuer, DER.
    issuer: Box<[u8]>,
    entries: Vec<RevokedCertificate>,
    /// When the next one is due, since the epoch.
    due: i64,
}

/// `None` where it cannot be read, or is critical of more than is known here, such as that it has certificates of other issuers
/// (RFC 5280 §5.2.5). Its signature is not looked at: who writes the file can write authorities into it.
fn entries(list: &CertificateRevocationListDer<'_>) -> Option<Entries> {
    let ([], list) = CertificateRevocationList::from_der(list).ok()? else { return None };
    #[allow(clippy::wildcard_enum_match_arm, reason = "what is not known is refused where it is critical")]
    let known = |extension: &X509Extension<'_>| match extension.parsed_extension() {
        ParsedExtension::IssuingDistributionPoint(point) => !point.indirect_crl,
        _ => !extension.critical,
    };
    if !list.extensions().iter().all(known) {
        return None;
    }
    // An entry is of another issuer where that is said of it, and of all after it (RFC 5280 §5.3.3).
    let plain = |entry: &RevokedEntry<'_>| !entry.extensions().iter().any(|extension| extension.critical);
    if !list.iter_revoked_certificates().all(plain) {
        return None;
    }
    let issuer: Box<[u8]> = list.issuer().as_raw().into();
    let entry = |serial: &[u8]| RevokedCertificate { issuer: issuer.clone(), serial: serial.into() };
    let due = list.next_update().map_or(i64::MAX, |due| due.timestamp());
    let entries = list.iter_revoked_certificates().map(|one| entry(one.raw_serial())).collect();
    Some(Entries { issuer, entries, due })
}

/// `None` with `--no-files`, or where it cannot be read, which is reported.
fn read(path: &Spanned<String>, accepted: &str, cx: &Context<'_>) -> Option<Material> {
    cx.names(&path.value, false);
    if cx.materials.stand_in() {
        return None;
    }
    match cx.materials.file(&path.value) {
        Ok(material) => Some(material),
        Err(fault) => {
            let (why, hint) = fault.explain("the file is missing", accepted);
            unusable(path, &why, hint, cx);
            None
        }
    }
}

fn in_file(
    path: &Spanned<String>,
    material: &Material,
    accepted: &str,
    cx: &Context<'_>,
) -> Vec<CertificateDer<'static>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(material.bytes.expose()).collect();
    let why = match found {
        Err(_) => "not PEM".to_owned(),
        Ok(found) if found.is_empty() => "there is none in the file".to_owned(),
        Ok(found) => match found.iter().position(|one| RootCertStore::empty().add(one.clone()).is_err()) {
            Some(place) => format!("number {} is malformed", place + 1),
            None => return found,
        },
    };
    unusable(path, &why, accepted, cx);
    Vec::new()
}

fn unusable(path: &Spanned<String>, why: &str, hint: &str, cx: &Context<'_>) {
    cx.report.problem(&path.at, format!("cannot read the certificates ({why}): `{}`", path.value), hint);
}
