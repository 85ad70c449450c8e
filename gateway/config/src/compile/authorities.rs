//! Reads the certificates of authorities: those of apps (`upstream.ca`), and those of clients (`client_ca`).

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

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
    let accepted = "a PEM file with the certificates of the authorities that issue those of clients, and where they take some back with \
                    their lists (X509 CRL), relative to the main file";
    let none = || ClientAuthority::new(&path.value, Vec::new(), Vec::new(), Vec::new());
    let Some(material) = read(path, accepted, cx) else { return Arc::new(none()) };
    let certificates = in_file(path, &material, accepted, cx);
    let unusable = |why: &str| unusable(path, why, accepted, cx);
    let lists: Result<Vec<_>, _> =
        CertificateRevocationListDer::pem_slice_iter(material.bytes.expose()).collect();
    let Ok(lists) = lists else {
        unusable("not PEM");
        return Arc::new(none());
    };
    let mut revoked = Vec::new();
    for (place, list) in lists.iter().enumerate() {
        match entries(list, cx.now.unix_secs()) {
            Some(Entries { entries, outdated }) => {
                revoked.extend(entries);
                if outdated {
                    let message = format!(
                        "list {} of revoked certificates is out of date: `{}`",
                        place + 1,
                        path.value
                    );
                    let hint =
                        "what it has stays revoked; let its authority make a new one, to have the rest";
                    cx.report.warn(&path.at, message, hint);
                }
            }
            None => {
                unusable(&format!("list {} of revoked certificates is malformed", place + 1));
                return Arc::new(none());
            }
        }
    }
    let authority = ClientAuthority::new(&path.value, certificates, lists, revoked);
    if !authority.certificates().is_empty()
        && let Err(why) = clients::verifier(&authority)
    {
        unusable(&why);
    }
    Arc::new(authority)
}

/// What a list of revoked certificates says.
struct Entries {
    entries: Vec<RevokedCertificate>,
    /// The next one was due.
    outdated: bool,
}

/// `None` where it cannot be read.
fn entries(list: &CertificateRevocationListDer<'_>, now: u64) -> Option<Entries> {
    let ([], list) = CertificateRevocationList::from_der(list).ok()? else { return None };
    let issuer: Box<[u8]> = list.issuer().as_raw().into();
    let entry = |serial: &[u8]| RevokedCertificate { issuer: issuer.clone(), serial: serial.into() };
    let due = list.next_update().map_or(i64::MAX, |due| due.timestamp());
    Some(Entries {
        entries: list.iter_revoked_certificates().map(|one| entry(one.raw_serial())).collect(),
        outdated: due < i64::try_from(now).unwrap_or(i64::MAX),
    })
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
