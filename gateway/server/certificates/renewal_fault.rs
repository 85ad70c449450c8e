//! Why a renewal fails.

use std::fmt;

use stagedoor_core::policy::CertificateFiles;

/// Why the files of a certificate cannot take the place of the one in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RenewalFault {
    /// The files.
    pub(crate) files: CertificateFiles,
    /// What is wrong with them: lower case, no full stop, without a path.
    pub(crate) message: String,
    /// How to mend it.
    pub(crate) hint: String,
}

impl fmt::Display for RenewalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = &self.message;
        write!(
            f,
            "the files of the certificate have changed and cannot be used, so the old one stays: {message}"
        )
    }
}
