//! JSON Web Tokens: whether a token is valid, and which user it names.
//!
//! Trust: none. Until the signature is verified, everything is the client's choice. Only the header is read before that,
//! to choose among configured keys, and, where none fits, the issuer, to see whether new keys may help. Bounds: `max_bytes` before anything
//! else, 16 levels of JSON, 8 signatures per token, 1,024 roles, 1,024 scopes; [`TokenCache`] holds
//! `token_cache` tokens. A first verification allocates; a repeated token is a cache hit and does
//! not. Time is a parameter.
//!
//! # RFC 8725, line by line
//!
//! | section | attack | stopped by | test |
//! |---|---|---|---|
//! | 2.1, 3.1, 3.2 | `none`, or an algorithm of the token's choice | [`Alg`] has no `none`; `JwtKey::fits` wants the key's own | `headers_are_judged`, `a_key_is_used_with_its_own_algorithm_alone` |
//! | 2.1 | a public key used as an HMAC secret | keys are pinned; [`JwtKey::secret`] refuses key files | `public_keys_are_not_hmac_secrets`, `a_secret_that_is_a_key_file_is_refused` |
//! | 2.2, 3.5 | guessable secrets | [`crate::secret::judge`] at start | `what_people_type_is_refused` |
//! | 2.3, 3.3 | parts that were not checked; nested tokens | one signature over header and payload; no encryption, no nesting | `any_changed_byte_is_refused` |
//! | 2.4, 3.6 | compression | `zip` is refused | `headers_are_judged` |
//! | 2.5, 3.4 | invalid curve points | checked when a key is read; aws-lc rejects odd signatures | `keys_must_fit_their_algorithm`, `degenerate_signatures_are_refused` |
//! | 2.6, 3.7 | readings of JSON and text that differ | `json::object`: UTF-8, no member twice, one base64url form | `json_has_one_reading`, `token_forms_are_judged` |
//! | 2.7, 3.9 | a token for another audience | `aud` is required and matched exactly | `claims_are_judged` |
//! | 2.8, 3.8 | the key of another issuer | keys belong to one provider; `iss` and the user are required | `claims_are_judged`, `providers_do_not_share_keys` |
//! | 2.9, 3.10 | `kid` injection, `jku`, `jwk`, `x5u`, `x5c` | `kid` is compared with the known ones; keys are fetched from configured addresses alone | `headers_are_judged`, `kids_choose_among_keys`, `what_asks_for_keys` |
//! | 2.8, 3.11 | a token of another type | `typ` is absent, `JWT` or `at+jwt` | `headers_are_judged` |
//! | 3.12 | rules shared by kinds of tokens | issuer, audience, claims and lifetime are each provider's own | `providers_do_not_share_keys` |

mod alg;
mod cache;
mod claims;
mod der;
mod discovery;
mod fetched_keys;
mod header;
mod json;
mod jwk;
mod jwks;
mod key;
mod keys_in_force;
mod policy;
mod second_factor;
mod sign;
mod verified;

use std::time::Duration;

use aws_lc_rs::digest;

pub use self::alg::Alg;
pub use self::cache::{CacheUse, TokenCache};
pub use self::discovery::jwks_uri;
pub use self::fetched_keys::{FetchedKeys, KeyDocument, KeySource, KeyStore, KnownKeys};
pub use self::jwks::{DocumentFault, IgnoredKey, KeySet};
pub use self::key::JwtKey;
pub use self::policy::{ClaimPaths, JwtPolicy};
pub use self::second_factor::{AmrPolicy, SecondFactor, SecondFactorPolicy};
pub use self::sign::TokenClaims;
pub use self::verified::Verified;

use self::header::Jws;
use self::keys_in_force::KeysInForce;
use crate::clock::Now;
use crate::denial::{Denial, TokenFault};
use crate::guard::revocation::{Subject, TokenId};

impl JwtPolicy {
    /// Most keys that are tried on one token.
    pub(crate) const MAX_TRIES: usize = 8;

    /// Verifies the signature, then checks the claims at `now`.
    ///
    /// # Errors
    /// [`Denial::TokenInvalid`], [`Denial::TokenExpired`] for a token that was valid once, or [`Denial::IdentityUnavailable`] where the
    /// keys of the provider are not known.
    pub fn verify(&self, token: &[u8], now: Now) -> Result<Verified, Denial> {
        let keys = self.keys_in_force(token, now)?;
        self.verify_by(&keys, token, now)
    }

    /// The keys that verify `token` from the beginning of its verification to the end.
    fn keys_in_force(&self, token: &[u8], now: Now) -> Result<KeysInForce<'_>, Denial> {
        let Some(fetched) = &self.fetched else { return Ok(KeysInForce::Configured(&self.keys)) };
        match fetched.in_force(now) {
            Some(known) => Ok(KeysInForce::Fetched(known)),
            // What no key could make genuine needs none to be refused.
            None => Err(match self.parse(token) {
                Ok(jws) if fetched.source.algorithms.contains(&jws.header.alg) => Denial::IdentityUnavailable,
                Ok(_) => Denial::TokenInvalid(TokenFault::UnknownKey),
                Err(fault) => Denial::TokenInvalid(fault),
            }),
        }
    }

    fn verify_by(&self, keys: &KeysInForce<'_>, token: &[u8], now: Now) -> Result<Verified, Denial> {
        let payload = self.prove(keys, token).map_err(Denial::TokenInvalid)?;
        claims::judge(self, &payload, now)
    }

    /// What the one token is revoked by, and when it ends, since the epoch: its signature is verified, and of its claims nothing else
    /// is checked. A token that is not accepted now may be so later.
    ///
    /// # Errors
    /// No key made the signature, the keys of the provider are not known, or the claims are not read.
    pub fn identify(&self, token: &[u8], now: Now) -> Result<(Subject, Duration), Denial> {
        let keys = self.keys_in_force(token, now)?;
        let identified = self.prove(&keys, token).and_then(|payload| claims::identify(&payload));
        let (jti, expires) = identified.map_err(Denial::TokenInvalid)?;
        let subject = match jti {
            Ok(jti) => Subject::jti(&jti).unwrap_or_else(|| Subject::Token(TokenId::of_jti(&jti))),
            Err(id) => Subject::Token(id),
        };
        Ok((subject, expires))
    }

    fn parse<'t>(&self, token: &'t [u8]) -> Result<Jws<'t>, TokenFault> {
        if token.len() > self.max_bytes {
            return Err(TokenFault::TooLarge);
        }
        Jws::parse(token)
    }

    /// The payload, if one of the fitting keys made the signature.
    fn prove(&self, keys: &KeysInForce<'_>, token: &[u8]) -> Result<Vec<u8>, TokenFault> {
        let jws = self.parse(token)?;
        let mut keys = keys.all().iter().filter(|key| key.fits(&jws.header)).take(Self::MAX_TRIES).peekable();
        if keys.peek().is_none() {
            self.ask_for_key(&jws);
            return Err(TokenFault::UnknownKey);
        }
        if !keys.any(|key| key.proves(&jws)) {
            return Err(TokenFault::Signature);
        }
        jws.payload()
    }

    /// Asks for the keys to be fetched again, if that may bring the one of this token.
    fn ask_for_key(&self, jws: &Jws<'_>) {
        let Some(fetched) = &self.fetched else { return };
        if fetched.source.algorithms.contains(&jws.header.alg) && claims::names_issuer(self, jws) {
            fetched.store.want();
        }
    }

    /// A digest of everything that decides whether a token is valid and which user it names: keys,
    /// algorithms, issuer, audience, claims, second factor, leeway, lifetime, size.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut context = digest::Context::new(&digest::SHA256);
        self.describe(|part| context.update(part));
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        out
    }

    /// Gives `hash` everything that decides about a token, so that no two policies hash to the same.
    fn describe(&self, mut hash: impl FnMut(&[u8])) {
        let Self {
            name,
            keys,
            fetched,
            issuer,
            audience,
            leeway,
            max_lifetime,
            max_bytes,
            sources: _,
            claims,
            mfa,
        } = self;
        let ClaimPaths { user, roles, scopes } = claims;
        let SecondFactorPolicy { amr, acr } = mfa;
        let count = |n: usize| (n as u64).to_be_bytes();
        hash(&count(keys.len()));
        for key in keys {
            hash(key.digest());
        }
        // The keys themselves are hashed besides: they change while a policy is in force.
        hash(&[u8::from(fetched.is_some())]);
        if let Some(FetchedKeys { source, refresh: _, cooldown: _, stale: _, store: _ }) = fetched {
            source.describe(&mut hash);
        }
        hash(&leeway.as_nanos().to_be_bytes());
        hash(&max_lifetime.as_nanos().to_be_bytes());
        hash(&count(*max_bytes));
        hash(&count(name.len()));
        hash(name.as_bytes());
        let issuer = issuer.as_slice();
        for list in [issuer, audience, user, roles, scopes] {
            hash(&count(list.len()));
            for text in list {
                hash(&count(text.len()));
                hash(text.as_bytes());
            }
        }
        hash(&count(acr.len()));
        hash(acr.as_bytes());
        match amr {
            AmrPolicy::Registered => hash(&count(0)),
            AmrPolicy::Listed(lists) => {
                hash(&count(lists.len() + 1));
                for list in lists {
                    hash(&count(list.len()));
                    for method in list {
                        hash(&count(method.len()));
                        hash(method.as_bytes());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
