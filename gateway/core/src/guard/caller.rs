//! Authentication: turns the token of a request into a [`Caller`], or the certificate of its connection.
//!
//! A provider of certificates stands alone in `by`; were there a token too, it would decide, so that a refused one is never mended by a
//! certificate. A certificate was verified in the handshake, and its connection by `guard/client_certificate.rs`, before a caller is
//! looked for.
//!
//! Trust: none in the request. Bounds: one token, shown once to each provider that reads tokens where it was found. For a
//! cached token nothing is allocated. RFC 6750 §2, RFC 9110 §11.6.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::denial::{Denial, TokenFault};
use crate::guard::credential::{TokenSource, find_among};
use crate::guard::jwt::{JwtPolicy, SecondFactor, SecondFactorPolicy, TokenCache, Verified};
use crate::guard::revocation::RevocationList;
use crate::request::Head;
use crate::tls::ClientCertificate;

/// `auth` and `by`.
#[derive(Clone, Debug)]
pub enum AuthPolicy {
    /// No authentication. No credential is read.
    Public,
    /// A valid token or a certificate names the caller, without either it is anonymous, an invalid token is refused.
    Optional(Accepted),
    /// A valid token or a certificate is required.
    Required(Accepted),
}

/// A provider of identities: `[auth.NAME]`.
#[derive(Clone, Debug)]
pub enum Provider {
    /// `kind = "jwt"`: signed tokens.
    Jwt(Arc<JwtPolicy>),
    /// `kind = "client-certificate"`: the subjects of certificates that apps ask of their clients (`client_ca`).
    ClientCertificate {
        /// Its name.
        name: Arc<str>,
    },
}

/// Who may name the caller: `by`.
#[derive(Clone, Debug, Default)]
pub struct Accepted {
    /// The providers of tokens, in the order in which they are tried.
    pub tokens: Arc<[AcceptedProvider]>,
    /// The name of the provider of certificates, where there is one.
    pub certificates: Option<Arc<str>>,
}

/// A provider whose tokens are accepted, and where they are read.
#[derive(Clone, Debug)]
pub struct AcceptedProvider {
    /// The provider.
    pub provider: Arc<JwtPolicy>,
    /// The `sources` of the app, else those of the provider.
    pub sources: Arc<[TokenSource]>,
}

/// Evidence: the caller, authenticated or anonymous.
#[derive(Clone, Debug)]
pub struct Caller {
    proven: Option<Arc<Verified>>,
    by_header: bool,
}

/// A caller that was not authenticated, for dry runs. It is a separate type, so that no permit can be made of it.
#[derive(Clone, Debug)]
pub struct AssumedCaller(Caller);

/// A caller that is assumed, not proven: for `explain` and `[[expect]]` alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssumedIdentity {
    /// The user.
    pub user: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
    /// Whether a second factor was used.
    pub mfa: bool,
}

impl Provider {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        match self {
            Self::Jwt(policy) => &policy.name,
            Self::ClientCertificate { name } => name,
        }
    }

    /// The provider of tokens.
    #[must_use]
    pub fn jwt(&self) -> Option<&Arc<JwtPolicy>> {
        match self {
            Self::Jwt(policy) => Some(policy),
            Self::ClientCertificate { .. } => None,
        }
    }

    /// How long what it vouches for can be valid from now on, however the clocks differ; `None` where that is not known.
    #[must_use]
    pub fn longest_validity(&self) -> Option<Duration> {
        match self {
            Self::Jwt(policy) => Some(policy.max_lifetime.saturating_add(RevocationList::MOST_LEEWAY)),
            Self::ClientCertificate { .. } => None,
        }
    }

    /// Whether both are the same provider, not only of the same name.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Jwt(one), Self::Jwt(other)) => Arc::ptr_eq(one, other),
            (Self::ClientCertificate { name: one }, Self::ClientCertificate { name: other }) => one == other,
            (Self::Jwt(_), Self::ClientCertificate { .. })
            | (Self::ClientCertificate { .. }, Self::Jwt(_)) => false,
        }
    }
}

impl Accepted {
    /// The names of all providers; that of certificates is the last.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.tokens.iter().map(|accepted| &accepted.provider.name).chain(&self.certificates)
    }

    /// The caller that the certificate names; `None` without one, or where none is accepted.
    fn certified(
        &self,
        shown: Option<&ClientCertificate>,
        revocations: &RevocationList,
    ) -> Result<Option<Caller>, Denial> {
        let Some((provider, shown)) = self.certificates.as_ref().zip(shown) else { return Ok(None) };
        let subject = shown.subject.as_ref().map_err(|fault| Denial::ClientSubject(*fault))?;
        let verified = Verified::certified(provider, subject, (shown.not_before, shown.not_after));
        revocations.check(verified.credential())?;
        // A browser shows it whichever page asks.
        Ok(Some(Caller { proven: Some(Arc::new(verified)), by_header: false }))
    }
}

impl AuthPolicy {
    /// The providers, unless nobody is asked.
    #[must_use]
    pub fn accepted(&self) -> Option<&Accepted> {
        match self {
            Self::Public => None,
            Self::Optional(accepted) | Self::Required(accepted) => Some(accepted),
        }
    }

    /// The providers of tokens; none where nobody is asked.
    #[must_use]
    pub fn token_providers(&self) -> &[AcceptedProvider] {
        self.accepted().map_or(&[], |accepted| &accepted.tokens)
    }

    /// Finds the token and verifies it by the providers, in their order; without a token, the caller is the one of the
    /// certificate that was `shown`, where certificates are accepted.
    ///
    /// # Errors
    /// Two tokens that differ, neither token nor certificate where one is required, the most informative refusal of the providers that
    /// read the token, a certificate that names no user, or a token or certificate that is revoked.
    pub fn authenticate(
        &self,
        head: &Head<'_>,
        shown: Option<&ClientCertificate>,
        now: Now,
        tokens: &TokenCache,
    ) -> Result<Caller, Denial> {
        let (accepted, required) = match self {
            Self::Public => return Ok(Caller::anonymous()),
            Self::Optional(accepted) => (accepted, false),
            Self::Required(accepted) => (accepted, true),
        };
        let accepted_providers = &*accepted.tokens;
        let sources =
            || accepted_providers.iter().flat_map(|accepted_provider| accepted_provider.sources.iter());
        let Some(carried) = find_among(sources(), head)? else {
            return match accepted.certified(shown, tokens.revocations())? {
                Some(caller) => Ok(caller),
                None if required => Err(Denial::TokenMissing),
                None => Ok(Caller::anonymous()),
            };
        };
        let verified = prove(accepted_providers, |source| source.is_used(head), &carried.token, now, tokens)?;
        // The same token may also be in a cookie; it counts as sent by header if a header has it.
        let by_header = sources().filter(|source| source.is_header()).any(|source| source.is_used(head));
        Ok(Caller { proven: Some(verified), by_header })
    }

    /// As [`AuthPolicy::authenticate`] for a request that carries only `token`, in the cookie `name`.
    ///
    /// # Errors
    /// [`Denial::TokenMissing`] if no provider reads the cookie and a token is required, or the refusal of the providers
    /// that read it.
    pub fn authenticate_cookie(
        &self,
        name: &str,
        token: &[u8],
        now: Now,
        tokens: &TokenCache,
    ) -> Result<Caller, Denial> {
        let (accepted_providers, required) = match self {
            Self::Public => return Ok(Caller::anonymous()),
            Self::Optional(accepted) => (&*accepted.tokens, false),
            Self::Required(accepted) => (&*accepted.tokens, true),
        };
        let holds = |source: &TokenSource| matches!(source, TokenSource::Cookie(own) if own == name);
        if !accepted_providers
            .iter()
            .flat_map(|accepted_provider| accepted_provider.sources.iter())
            .any(holds)
        {
            return if required { Err(Denial::TokenMissing) } else { Ok(Caller::anonymous()) };
        }
        let verified = prove(accepted_providers, holds, token, now, tokens)?;
        Ok(Caller { proven: Some(verified), by_header: false })
    }

    /// For `check` and `explain`: the caller as if a token of this user had been verified.
    ///
    /// # Errors
    /// [`Denial::TokenMissing`] if no user is assumed and a token is required.
    pub fn dry_run(&self, assumed: Option<&AssumedIdentity>) -> Result<AssumedCaller, Denial> {
        match (self, assumed) {
            (Self::Public, _) | (Self::Optional(_), None) => Ok(AssumedCaller(Caller::anonymous())),
            (Self::Required(_), None) => Err(Denial::TokenMissing),
            (
                Self::Optional(accepted) | Self::Required(accepted),
                Some(AssumedIdentity { user, roles, scopes, mfa }),
            ) => {
                // A certificate is all that it can be where no token is accepted.
                let by_header = !(accepted.tokens.is_empty() && accepted.certificates.is_some());
                let second_factor = match accepted.tokens.first() {
                    _ if *mfa && by_header => SecondFactor::Proven,
                    Some(accepted_provider) => accepted_provider.provider.mfa.missing(),
                    None => SecondFactorPolicy::default().missing(),
                };
                let verified = Verified::assumed(user, roles, scopes, second_factor);
                Ok(AssumedCaller(Caller { proven: Some(Arc::new(verified)), by_header }))
            }
        }
    }
}

impl<const N: usize> From<[AcceptedProvider; N]> for Accepted {
    /// Tokens alone.
    fn from(tokens: [AcceptedProvider; N]) -> Self {
        Self { tokens: tokens.into(), certificates: None }
    }
}

impl From<Arc<JwtPolicy>> for AcceptedProvider {
    /// With the sources of the provider itself.
    fn from(provider: Arc<JwtPolicy>) -> Self {
        Self { sources: Arc::clone(&provider.sources), provider }
    }
}

impl AsRef<Caller> for Caller {
    fn as_ref(&self) -> &Caller {
        self
    }
}

impl AsRef<Caller> for AssumedCaller {
    fn as_ref(&self) -> &Caller {
        &self.0
    }
}

impl Caller {
    fn anonymous() -> Self {
        Self { proven: None, by_header: false }
    }

    /// The user, unless anonymous.
    #[must_use]
    pub fn user(&self) -> Option<&Arc<str>> {
        self.proven.as_ref().map(|verified| verified.user())
    }

    /// The name of the provider whose token names the user, unless anonymous.
    #[must_use]
    pub fn provider(&self) -> Option<&Arc<str>> {
        self.proven.as_ref().map(|verified| verified.provider())
    }

    /// The roles; none if anonymous.
    #[must_use]
    pub fn roles(&self) -> &[Arc<str>] {
        self.proven.as_ref().map_or(&[], |verified| verified.roles())
    }

    /// The scopes; none if anonymous.
    #[must_use]
    pub fn scopes(&self) -> &[Arc<str>] {
        self.proven.as_ref().map_or(&[], |verified| verified.scopes())
    }

    /// Whether the user used a second factor; `None` if anonymous.
    #[must_use]
    pub fn second_factor(&self) -> Option<&SecondFactor> {
        self.proven.as_ref().map(|verified| verified.second_factor())
    }

    /// Whether the token was in a header, which no page of another origin can add.
    #[must_use]
    pub fn by_header(&self) -> bool {
        self.by_header
    }

    /// Whether what names the user has been revoked since it was authenticated, for what goes on after that.
    ///
    /// # Errors
    /// [`Denial::TokenRevoked`].
    pub fn check_again(&self, revocations: &RevocationList) -> Result<(), Denial> {
        self.proven.as_ref().map_or(Ok(()), |verified| revocations.check(verified.credential()))
    }

    /// When the credential ends, since the epoch; `None` if anonymous.
    #[must_use]
    pub fn expires(&self) -> Option<Duration> {
        self.proven.as_ref().map(|verified| verified.expires())
    }

    /// From when on a request with the credential is refused, since the epoch: leeway included. `None` if anonymous.
    #[must_use]
    pub fn accepted_until(&self) -> Option<Duration> {
        self.proven.as_ref().map(|verified| verified.accepted_until())
    }
}

/// The result of the first provider that accepts the token, or for which it is revoked; else the most informative refusal.
/// Only providers that read a source with a token in it are tried.
fn prove(
    accepted_providers: &[AcceptedProvider],
    holds: impl Fn(&TokenSource) -> bool,
    token: &[u8],
    now: Now,
    tokens: &TokenCache,
) -> Result<Arc<Verified>, Denial> {
    let mut refusal: Option<Denial> = None;
    for accepted_provider in accepted_providers.iter().filter(|s| s.sources.iter().any(&holds)) {
        match tokens.verify(&accepted_provider.provider, token, now) {
            Ok((verified, _)) => return Ok(verified),
            // It was this provider's, and no other may take it.
            Err(Denial::TokenRevoked) => return Err(Denial::TokenRevoked),
            Err(denial)
                if refusal.as_ref().is_none_or(|known| informativeness(&denial) > informativeness(known)) =>
            {
                refusal = Some(denial);
            }
            Err(_) => {}
        }
    }
    // One provider at least reads the place where the token was found.
    Err(refusal.unwrap_or(Denial::TokenMissing))
}

/// How informative a refusal is: an expired token was valid once, one with wrong claims has a valid signature, and one that no provider
/// knows may be of the provider whose keys are not known.
fn informativeness(denial: &Denial) -> u8 {
    let unproven = [TokenFault::UnknownKey, TokenFault::Signature].map(Denial::TokenInvalid);
    if *denial == Denial::TokenExpired {
        3
    } else if unproven.contains(denial) {
        0
    } else if *denial == Denial::IdentityUnavailable {
        1
    } else if matches!(denial, Denial::TokenInvalid(_)) {
        2
    } else {
        0
    }
}

#[cfg(test)]
pub(crate) mod tests;
