//! Every refusal the gateway can give.
//!
//! `denial/table.rs` describes each in one row. Whatever is the same for all refusals of a kind is read from there: the
//! answer, the page, the log line, the reference, the codes of `[[expect]]` and the remedies.

mod description;
mod fault;
mod guard;
mod limit;
mod table;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use http::StatusCode;

pub use description::{Challenge, Description, PageAction, PageText, RemedyKind};
pub use fault::{PathFault, PathRemedy, SubjectFault, TokenFault, UpstreamFault};
pub use guard::Guard;
pub use limit::LimitExceeded;
pub use table::{Denial, DestinationDenial};

impl DestinationDenial {
    /// Another credential could change it, and the client is to fetch one: RFC 9110 §15.5.2 and RFC 9470 §3 want a challenge then,
    /// for every path.
    #[must_use]
    pub fn asks_for_credential(&self) -> bool {
        self.denial.status() == StatusCode::UNAUTHORIZED || matches!(self.denial, Denial::MfaRequired(_))
    }
}

impl Denial {
    /// The stable name of the refusal, as in logs, metrics and bodies.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.answered().description().code
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.answered().description().status
    }

    /// What the client may read: the fault in its request, never anything of the app or the policy behind.
    #[must_use]
    pub fn detail(&self) -> Cow<'static, str> {
        self.answered().own_detail()
    }

    /// The connection cannot go on: where the next request would begin is not known, or the gateway wants it to end.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.description().closes
    }

    /// The first guard that refuses so; where several do, [`crate::pipeline::Trail::reached`] says which one did.
    #[must_use]
    pub fn guard(&self) -> Guard {
        self.description().guard
    }

    /// What `WWW-Authenticate` says (RFC 6750 §3, RFC 9470 §3): on every 401, and where a scope or a second factor is missing.
    #[must_use]
    pub fn challenge(&self) -> Option<Challenge> {
        let denial = if let Self::Destination(refused) = self { &refused.denial } else { self };
        denial.description().challenge
    }

    /// The `acr_values` of the challenge, separated by spaces; empty where it names none.
    #[must_use]
    pub fn acr_values(&self) -> &str {
        let denial = if let Self::Destination(refused) = self { &refused.denial } else { self };
        if let Self::MfaRequired(acr_values) = denial { acr_values } else { "" }
    }

    /// The limit that refused, where one did.
    #[must_use]
    pub fn limit(&self) -> Option<&LimitExceeded> {
        if let Self::RateLimited(exceeded) = self { Some(exceeded) } else { None }
    }

    /// The refusal whose code, status and text the client is given.
    fn answered(&self) -> &Self {
        if let Self::Destination(refused) = self
            && refused.asks_for_credential()
        {
            return &refused.denial;
        }
        self
    }
}

/// The refusal of a request whose app has this fault.
impl From<UpstreamFault> for Denial {
    fn from(fault: UpstreamFault) -> Self {
        match fault {
            UpstreamFault::Timeout => Self::UpstreamTimeout,
            UpstreamFault::Refused
            | UpstreamFault::NoSuchName
            | UpstreamFault::NoRoute
            | UpstreamFault::NotPermitted
            | UpstreamFault::OutOfDescriptors
            | UpstreamFault::NoLocalAddress
            | UpstreamFault::Reset
            | UpstreamFault::Closed
            | UpstreamFault::SpeaksTls
            | UpstreamFault::SpeaksNoTls
            | UpstreamFault::CertificateIssuer
            | UpstreamFault::CertificateName
            | UpstreamFault::CertificateTime
            | UpstreamFault::Certificate
            | UpstreamFault::TlsHandshake
            | UpstreamFault::BadAnswer => Self::UpstreamUnreachable(fault),
        }
    }
}

/// What the operator reads, as [`Denial::reason`]: errors are printed in logs and on the operator's terminal. What a
/// client may read is [`Denial::detail`] alone.
impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason())
    }
}

impl Error for Denial {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if let Self::Destination(refused) = self { Some(&refused.denial) } else { None }
    }
}

#[cfg(test)]
mod tests;
