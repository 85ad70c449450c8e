//! Who is asking.
//!
//! Turns the one token of a request into a [`Caller`]. Trust: none in the request. Bounds: one
//! token, offered once to each provider that reads the place where it stands. The allow path of a
//! remembered token allocates nothing. RFC 6750 §2, RFC 9110 §11.6.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Now;
use crate::denial::{Denial, TokenFault};
use crate::guard::credential::{Source, find_among};
use crate::guard::jwt::{JwtPolicy, TokenCache, Verified};
use crate::request::Head;

/// `auth` and `by`.
#[derive(Clone, Debug)]
pub enum AuthPolicy {
    /// Nobody is asked, and no credential is looked at.
    Public,
    /// A genuine token names the caller, none is anonymous, a bad one is refused.
    Optional(Arc<[Speaker]>),
    /// Without a genuine token nobody comes in.
    Required(Arc<[Speaker]>),
}

/// A provider that may speak for a caller, and where its token is read.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// The provider.
    pub provider: Arc<JwtPolicy>,
    /// The `sources` of the app, else those of the provider.
    pub sources: Arc<[Source]>,
}

/// Evidence: who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    proven: Option<Arc<Verified>>,
    by_header: bool,
}

/// A caller that nobody has proven, for rehearsals: a type of its own, so that no permit is made of it.
#[derive(Clone, Debug)]
pub struct AssumedCaller(Caller);

/// A caller that is assumed, not proven: for `explain` and `[[expect]]` alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assumed {
    /// The user.
    pub user: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Scopes.
    pub scopes: Vec<String>,
}

impl AuthPolicy {
    /// Finds the credential and proves it by the providers, in their order.
    ///
    /// # Errors
    /// Two credentials that differ, none where one is required, or the most telling refusal of
    /// the providers that read it.
    pub fn authenticate(&self, head: &Head<'_>, now: Now, tokens: &TokenCache) -> Result<Caller, Denial> {
        let (speakers, required) = match self {
            Self::Public => return Ok(Caller::anonymous()),
            Self::Optional(speakers) => (speakers, false),
            Self::Required(speakers) => (speakers, true),
        };
        let sources = || speakers.iter().flat_map(|speaker| speaker.sources.iter());
        let Some(carried) = find_among(sources(), head)? else {
            return if required { Err(Denial::TokenMissing) } else { Ok(Caller::anonymous()) };
        };
        let verified = prove(speakers, |source| source.is_used(head), &carried.token, now, tokens)?;
        // The same token may stand in a cookie as well: what counts is that a header had it.
        let by_header = sources().filter(|source| source.is_header()).any(|source| source.is_used(head));
        Ok(Caller { proven: Some(verified), by_header })
    }

    /// As [`AuthPolicy::authenticate`] of a request that carries nothing but `token`, in the cookie `name`.
    ///
    /// # Errors
    /// [`Denial::TokenMissing`] where the cookie is read by no provider and somebody is required, or the refusal
    /// of the providers that read it.
    pub fn authenticate_cookie(
        &self,
        name: &str,
        token: &[u8],
        now: Now,
        tokens: &TokenCache,
    ) -> Result<Caller, Denial> {
        let (speakers, required) = match self {
            Self::Public => return Ok(Caller::anonymous()),
            Self::Optional(speakers) => (speakers, false),
            Self::Required(speakers) => (speakers, true),
        };
        let holds = |source: &Source| matches!(source, Source::Cookie(own) if own == name);
        if !speakers.iter().flat_map(|speaker| speaker.sources.iter()).any(holds) {
            return if required { Err(Denial::TokenMissing) } else { Ok(Caller::anonymous()) };
        }
        let verified = prove(speakers, holds, token, now, tokens)?;
        Ok(Caller { proven: Some(verified), by_header: false })
    }

    /// For `check` and `explain`: as if a token of this user had been verified.
    ///
    /// # Errors
    /// [`Denial::TokenMissing`] if nobody is assumed where somebody is required.
    pub fn rehearse(&self, assumed: Option<&Assumed>) -> Result<AssumedCaller, Denial> {
        match (self, assumed) {
            (Self::Public, _) | (Self::Optional(_), None) => Ok(AssumedCaller(Caller::anonymous())),
            (Self::Required(_), None) => Err(Denial::TokenMissing),
            (Self::Optional(_) | Self::Required(_), Some(Assumed { user, roles, scopes })) => {
                let verified = Verified::assumed(user, roles, scopes);
                Ok(AssumedCaller(Caller { proven: Some(Arc::new(verified)), by_header: true }))
            }
        }
    }
}

impl From<Arc<JwtPolicy>> for Speaker {
    /// Read where the provider says.
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

    /// The credential stood in a header (bearer or own), so no foreign page can have sent it.
    #[must_use]
    pub fn by_header(&self) -> bool {
        self.by_header
    }

    /// When the credential ends, since the epoch; `None` if anonymous.
    #[must_use]
    pub fn expires(&self) -> Option<Duration> {
        self.proven.as_ref().map(|verified| verified.expires())
    }
}

/// The answer of the first provider that takes the token, else the most telling refusal; asked are those that read a
/// source where a token stands.
fn prove(
    speakers: &[Speaker],
    holds: impl Fn(&Source) -> bool,
    token: &[u8],
    now: Now,
    tokens: &TokenCache,
) -> Result<Arc<Verified>, Denial> {
    let mut refusal: Option<Denial> = None;
    for speaker in speakers.iter().filter(|s| s.sources.iter().any(&holds)) {
        match tokens.verify(&speaker.provider, token, now) {
            Ok((verified, _)) => return Ok(verified),
            Err(denial) if refusal.as_ref().is_none_or(|known| tells(&denial) > tells(known)) => {
                refusal = Some(denial);
            }
            Err(_) => {}
        }
    }
    // One provider at least reads the place where the token was found.
    Err(refusal.unwrap_or(Denial::TokenMissing))
}

/// How much a refusal tells: an expired token was genuine, and one that failed by its claims had
/// at least a genuine signature.
fn tells(denial: &Denial) -> u8 {
    if *denial == Denial::TokenExpired {
        return 2;
    }
    let unproven = [TokenFault::UnknownKey, TokenFault::Signature].map(Denial::TokenInvalid);
    u8::from(matches!(denial, Denial::TokenInvalid(_)) && !unproven.contains(denial))
}

#[cfg(test)]
mod tests;
