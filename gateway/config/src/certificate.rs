//! Certificates of https listeners: read from their files, judged, and ready for handshakes.
//!
//! Start, `check`, reload and renewal all load a certificate with [`Certificate::load`], so that each refuses what the others
//! refuse. What is wrong with the date or the names of a certificate is no reason to refuse it: [`Certificate::concerns`] says it.

pub mod clients;
mod facts;
mod fault;
mod ocsp;

use std::ops::RangeInclusive;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::materials::{FileFault, Materials};
use facts::CertificateFacts;
pub use fault::{CertificateFault, Concern, PemFile};
use ocsp::Staple;
use stagedoor_core::policy::CertificateFiles;
use stagedoor_core::secret::Secret;
use stagedoor_core::tls::CertificateNames;

/// A certificate with its chain and its private key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Where it was read.
    pub files: CertificateFiles,
    /// The chain and the key, for handshakes.
    pub key: Arc<CertifiedKey>,
    /// What it is for.
    pub names: Arc<CertificateNames>,
    /// Who issued it, as text.
    pub issuer: String,
    /// The first second of its validity, since the epoch.
    pub not_before: u64,
    /// The last second of its validity, since the epoch.
    pub not_after: u64,
    /// It names an issuer whose certificate is not in the chain, and tells where that certificate can be fetched.
    lacks_intermediate: bool,
    /// When the staple of its file counts, in seconds since the epoch, whether or not it is sent; `None` where there is none.
    staple_valid: Option<RangeInclusive<u64>>,
    /// Why the staple of its file is left out.
    staple_fault: Option<&'static str>,
}

/// How long before its end a certificate is worth a warning: those of public authorities are renewed earlier.
pub const WARN_DAYS: u64 = 21;
const DAY: u64 = 86_400;

impl Certificate {
    /// Reads and judges a certificate and its key at `now`, seconds since the epoch. A staple that does not help is left out.
    ///
    /// # Errors
    /// What is wrong with which of the files.
    pub fn load(
        files: &CertificateFiles,
        materials: &dyn Materials,
        now: u64,
    ) -> Result<Self, CertificateFault> {
        let chain = chain(&files.cert, materials)?;
        let key = private_key(files, materials)?;
        let [first, issuers @ ..] = chain.as_slice() else {
            return Err(fault::no_certificate());
        };
        let facts = CertificateFacts::read(first, issuers)?;
        let signing = any_supported_type(&key).map_err(|_| fault::unusable_key())?;
        let staple = staple(files, materials, &facts.serial);
        let staple_valid = staple.as_ref().and_then(|read| Some(read.as_ref().ok()?.valid.clone()));
        let (staple, staple_fault) = match staple.map(|read| read?.at(now)).transpose() {
            Ok(staple) => (staple, None),
            Err(fault) => (None, Some(fault)),
        };
        let mut certified = CertifiedKey::new(chain, signing);
        certified.keys_match().map_err(|_| fault::other_key())?;
        certified.ocsp = staple.map(|staple| staple.der);
        Ok(Self {
            files: files.clone(),
            key: Arc::new(certified),
            names: Arc::new(facts.names),
            issuer: facts.issuer,
            not_before: facts.not_before,
            not_after: facts.not_after,
            lacks_intermediate: facts.lacks_intermediate,
            staple_valid,
            staple_fault,
        })
    }

    /// Whether both were read from the same files, with the same content and the same concerns.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.files == other.files
            && self.key.cert == other.key.cert
            && self.key.ocsp == other.key.ocsp
            && self.staple_fault == other.staple_fault
    }

    /// Whether its staple counts no longer, or was left out and counts by now: then the certificate has to be loaded again.
    #[must_use]
    pub fn has_stale_staple(&self, now: u64) -> bool {
        let counts = self.staple_valid.as_ref().map(|valid| valid.contains(&now));
        counts.is_some_and(|counts| counts != self.key.ocsp.is_some())
    }

    /// What an operator should know of the certificate at `now`, seconds since the epoch.
    #[must_use]
    pub fn concerns(&self, now: u64) -> Vec<Concern> {
        let left = self.not_after.saturating_sub(now) / DAY;
        let of_date = if now > self.not_after {
            Some(Concern::Expired { days: (now - self.not_after) / DAY })
        } else if now < self.not_before {
            Some(Concern::NotYetValid { days: (self.not_before - now).div_ceil(DAY) })
        } else {
            (left < WARN_DAYS).then_some(Concern::Expires { days: left })
        };
        let of_names = self.names.is_empty().then_some(Concern::NoName);
        let of_chain = self.lacks_intermediate.then_some(Concern::NoIntermediate);
        let of_staple = self.staple_fault.map(Concern::NoStaple);
        [of_date, of_names, of_chain, of_staple].into_iter().flatten().collect()
    }
}

/// The certificates of a PEM file; there is one at least.
fn chain(path: &str, materials: &dyn Materials) -> Result<Vec<CertificateDer<'static>>, CertificateFault> {
    let material = materials.file(path).map_err(|fault| fault::unread(PemFile::Certificate, &fault))?;
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(material.bytes.expose()).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err(fault::no_certificate()),
        Ok(chain) => Ok(chain),
        Err(_) => Err(fault::not_pem(PemFile::Certificate)),
    }
}

fn private_key(
    files: &CertificateFiles,
    materials: &dyn Materials,
) -> Result<PrivateKeyDer<'static>, CertificateFault> {
    let material = materials.file(&files.key).map_err(|fault| fault::unread(PemFile::Key, &fault))?;
    if material.open && !files.open_key {
        return Err(fault::open_key(&files.key));
    }
    match PrivateKeyDer::from_pem_slice(material.bytes.expose()) {
        Ok(key) => Ok(key),
        Err(_) if is_encrypted(&material.bytes) => Err(fault::encrypted_key()),
        Err(pem::Error::NoItemsFound) => Err(fault::no_key()),
        Err(_) => Err(fault::not_pem(PemFile::Key)),
    }
}

/// The staple of a certificate with this serial number; `None` where no file is named.
fn staple(
    files: &CertificateFiles,
    materials: &dyn Materials,
    serial: &[u8],
) -> Option<Result<Staple, &'static str>> {
    let path = files.ocsp.as_ref()?;
    Some(match materials.file(path) {
        Ok(material) => Staple::read(material.bytes.expose(), serial),
        Err(FileFault::Missing) => Err("an OCSP response that is missing"),
        Err(FileFault::Unreadable(_) | FileFault::GivenUp(_)) => Err("an OCSP response that cannot be read"),
    })
}

/// Whether a PEM file holds a key that needs a password (RFC 5958 §3, RFC 1421 §4.6.1.1).
fn is_encrypted(file: &Secret<Vec<u8>>) -> bool {
    let holds = |text: &[u8]| file.expose().windows(text.len()).any(|part| part == text);
    holds(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || holds(b"Proc-Type: 4,ENCRYPTED")
}

#[cfg(test)]
mod tests;
