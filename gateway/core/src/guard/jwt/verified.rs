//! The evidence that a token was verified, or a certificate.

use std::sync::Arc;
use std::time::Duration;

use super::second_factor::{SecondFactor, SecondFactorPolicy};
use crate::clock::Now;
use crate::denial::{Denial, TokenFault};
use crate::guard::revocation::{Credential, TokenId};
use crate::tls::ClientSubject;

/// Evidence: the claims of a valid token, or the subject of a certificate that the handshake verified.
#[derive(Debug, PartialEq, Eq)]
pub struct Verified {
    /// The name of the provider.
    pub(super) provider: Arc<str>,
    pub(super) user: Arc<str>,
    pub(super) roles: Vec<Arc<str>>,
    pub(super) scopes: Vec<Arc<str>>,
    pub(super) expires: Duration,
    /// `expires` and the leeway of the provider.
    pub(super) accepted_until: Duration,
    /// The later of `nbf` and `iat`.
    pub(super) not_before: Duration,
    /// The id of the token; `None` for a certificate.
    pub(super) id: Option<TokenId>,
    /// When it was issued. Of a token that does not say so it is the earliest moment, if it is as long valid as any may be.
    pub(super) issued: Duration,
    pub(super) second_factor: SecondFactor,
}

impl Verified {
    /// The claims of an assumed token, for dry runs, which forward nothing.
    pub(crate) fn assumed(
        user: &str,
        roles: &[String],
        scopes: &[String],
        second_factor: SecondFactor,
    ) -> Self {
        let names = |names: &[String]| names.iter().map(|name| Arc::from(name.as_str())).collect();
        Self {
            provider: Arc::default(),
            user: Arc::from(user),
            roles: names(roles),
            scopes: names(scopes),
            expires: Duration::MAX,
            accepted_until: Duration::MAX,
            not_before: Duration::ZERO,
            id: None,
            issued: Duration::MAX,
            second_factor,
        }
    }

    /// The subject of a client's certificate, which was issued and ends at these times, since the epoch. It says nothing of a
    /// second factor.
    pub(crate) fn certified(
        provider: &Arc<str>,
        subject: &ClientSubject,
        (issued, expires): (Duration, Duration),
    ) -> Self {
        Self {
            provider: Arc::clone(provider),
            user: Arc::clone(subject.user()),
            roles: subject.roles().to_vec(),
            scopes: Vec::new(),
            expires,
            accepted_until: expires,
            not_before: Duration::ZERO,
            id: None,
            issued,
            second_factor: SecondFactorPolicy::default().missing(),
        }
    }

    /// The name of the provider.
    #[must_use]
    pub fn provider(&self) -> &Arc<str> {
        &self.provider
    }

    /// The user: 1 to 256 bytes without control characters.
    #[must_use]
    pub fn user(&self) -> &Arc<str> {
        &self.user
    }

    /// The roles, at most 1,024, without control characters.
    #[must_use]
    pub fn roles(&self) -> &[Arc<str>] {
        &self.roles
    }

    /// The scopes, at most 1,024, without control characters.
    #[must_use]
    pub fn scopes(&self) -> &[Arc<str>] {
        &self.scopes
    }

    /// When it ends, since the epoch, leeway not included.
    #[must_use]
    pub fn expires(&self) -> Duration {
        self.expires
    }

    /// As the list of revocations sees it.
    #[must_use]
    pub fn credential(&self) -> Credential<'_> {
        Credential { provider: &self.provider, user: &self.user, token: self.id, issued: self.issued }
    }

    /// From when on a request with it is refused, since the epoch: leeway included.
    #[must_use]
    pub fn accepted_until(&self) -> Duration {
        self.accepted_until
    }

    /// Whether the user used a second factor.
    #[must_use]
    pub fn second_factor(&self) -> &SecondFactor {
        &self.second_factor
    }

    /// Checks the times at `now`.
    pub(super) fn recheck(&self, leeway: Duration, now: Now) -> Result<(), Denial> {
        if self.not_before > now.unix().saturating_add(leeway) {
            return Err(Denial::TokenInvalid(TokenFault::NotYetValid));
        }
        if now.unix() >= self.expires.saturating_add(leeway) {
            return Err(Denial::TokenExpired);
        }
        Ok(())
    }
}
