//! What can be wrong with a certificate.

use std::fmt;

use crate::materials::FileFault;

/// Why a certificate cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFault {
    /// The file that is at fault.
    pub file: PemFile,
    /// What is wrong: lower case, no full stop, without the path.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

/// One of the files of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PemFile {
    /// The certificate with its chain.
    Certificate,
    /// The private key.
    Key,
}

/// What an operator should know of a certificate that can be used all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// It ended this many days ago.
    Expired {
        /// Whole days.
        days: u64,
    },
    /// It begins in this many days.
    NotYetValid {
        /// Days, rounded up.
        days: u64,
    },
    /// It ends in this many days.
    Expires {
        /// Whole days.
        days: u64,
    },
    /// It is for no host name and no address.
    NoName,
    /// The certificate of its issuer is not in the file.
    NoIntermediate,
    /// The staple of its file is left out: what is there instead.
    NoStaple(&'static str),
}

impl Concern {
    /// What to do about it.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::Expired { .. } | Self::Expires { .. } => {
                "renew it; a gateway that runs loads it when the files change"
            }
            Self::NotYetValid { .. } => "see whether the clock of this machine is right",
            Self::NoStaple(_) => {
                "write a new one to the file, or leave `ocsp` out; the certificate is sent without it until then"
            }
            Self::NoName => {
                "make one with the host in its alternative names (SAN): clients look at nothing else"
            }
            Self::NoIntermediate => {
                "name the file with the whole chain, as `fullchain.pem` of certbot: some clients cannot verify it otherwise"
            }
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |days: u64| if days == 1 { "1 day".to_owned() } else { format!("{days} days") };
        match *self {
            Self::Expired { days: 0 } => f.write_str("the certificate has expired today"),
            Self::Expired { days } => write!(f, "the certificate has expired {} ago", plural(days)),
            Self::NotYetValid { days } => {
                write!(f, "the certificate is not valid for another {}", plural(days))
            }
            Self::Expires { days: 0 } => f.write_str("the certificate expires today"),
            Self::Expires { days } => write!(f, "the certificate expires in {}", plural(days)),
            Self::NoStaple(fault) => write!(f, "the certificate is sent without a staple: {fault}"),
            Self::NoName => f.write_str("the certificate is for no host name"),
            Self::NoIntermediate => f.write_str("the certificate of the issuer is missing in the file"),
        }
    }
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CertificateFault {}

const A_CHAIN: &str =
    "a PEM file with the certificate first and its intermediates after it, as `fullchain.pem` of certbot";
const A_KEY: &str = "a PEM file with the private key of the certificate, as `privkey.pem` of certbot";

fn of(file: PemFile, message: impl Into<String>, hint: impl Into<String>) -> CertificateFault {
    CertificateFault { file, message: message.into(), hint: hint.into() }
}

/// The file cannot be had.
pub(super) fn unread(file: PemFile, fault: &FileFault) -> CertificateFault {
    let (what, expected) = match file {
        PemFile::Certificate => ("certificate", A_CHAIN),
        PemFile::Key => ("key", A_KEY),
    };
    let (why, hint) = fault.explain("it is missing", expected);
    of(file, format!("cannot read the {what} ({why})"), hint)
}

/// The file is damaged.
pub(super) fn not_pem(file: PemFile) -> CertificateFault {
    let (what, expected) = match file {
        PemFile::Certificate => ("not a certificate in PEM", A_CHAIN),
        PemFile::Key => ("not a private key in PEM", A_KEY),
    };
    of(file, what, expected)
}

pub(super) fn no_certificate() -> CertificateFault {
    of(PemFile::Certificate, "no certificate in the file", A_CHAIN)
}

pub(super) fn not_a_certificate() -> CertificateFault {
    of(PemFile::Certificate, "not a certificate (X.509)", A_CHAIN)
}

pub(super) fn no_key() -> CertificateFault {
    of(PemFile::Key, "no private key in the file", A_KEY)
}

pub(super) fn encrypted_key() -> CertificateFault {
    of(
        PemFile::Key,
        "the key needs a password",
        "nobody is there to type it: write it without one, with `openssl pkey -in OLD -out NEW` and mode 0600",
    )
}

pub(super) fn open_key(path: &str) -> CertificateFault {
    of(PemFile::Key, "group or others can read the key", format!("chmod 600 {path}"))
}

pub(super) fn unusable_key() -> CertificateFault {
    of(
        PemFile::Key,
        "not a key that https can use",
        "ECDSA (P-256, P-384, P-521), RSA of 2048 bits or more, and Ed25519 can be used",
    )
}

pub(super) fn other_key() -> CertificateFault {
    of(
        PemFile::Key,
        "the key is not that of the certificate",
        "name the two files that were made together; in the file of the certificate it has to be the first",
    )
}

pub(super) fn weak_key(bits: usize) -> CertificateFault {
    of(
        PemFile::Certificate,
        format!("a weak key (RSA of {bits} bits)"),
        "make a new key, ECDSA P-256 or RSA of 2048 bits or more, and a certificate for it",
    )
}

pub(super) fn sha1() -> CertificateFault {
    of(
        PemFile::Certificate,
        "signed over SHA-1, which no browser accepts",
        "ask its issuer for one that is signed over SHA-256",
    )
}

pub(super) fn chain_order(issued: &str, next: &str) -> CertificateFault {
    of(
        PemFile::Certificate,
        format!("the chain is not in order: `{next}` comes after `{issued}` and did not issue it"),
        "put the certificate first, then that of its issuer, and so on",
    )
}
