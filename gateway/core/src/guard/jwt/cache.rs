//! The cache of verified tokens: a repeated token costs one hash and one lookup.
//!
//! * The key of an entry is a digest, under a random key, of everything that decides about a token and of the token
//!   itself. Another provider, other keys or one changed byte of the token is another entry, so a change of keys is safe
//!   without clearing the cache.
//! * The digest is the tag of AES-256-GCM over these bytes as associated data, without a message (GMAC, NIST SP 800-38D).
//!   Its nonce is always the same. That would not do for a tag that is sent to somebody. No tag leaves this module, and
//!   then it is a universal hash with a secret key: two inputs chosen in advance have the same digest with a probability
//!   of their length in blocks by 2¹²⁸. It costs a tenth of an HMAC-SHA-256.
//! * Only valid tokens are stored: a client without one cannot fill it.
//! * A hit is checked again by `exp` and `nbf`. An entry never outlives its token.
//! * A hit and a token that was verified now are looked for in the list of what was revoked ([`RevocationList`]).
//! * Bounds: `cap` entries over all shards, each found, replaced or removed in constant time, of at
//!   most 320 roles and scopes. A token that has more is verified each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::keys_in_force::KeysInForce;
use super::policy::JwtPolicy;
use super::verified::Verified;
use crate::clock::Now;
use crate::denial::{Denial, TokenFault};
use crate::guard::revocation::RevocationList;

/// Most shards; a power of two.
const SHARDS: usize = 16;
/// Most roles and scopes of an entry together: each takes some 50 bytes besides its text.
const MAX_NAMES: usize = 320;
/// Room for the description of most providers.
const DESCRIPTION: usize = 512;
/// How many entries are looked at for an expired one when a shard is full.
const SCAN: usize = 8;

/// See the head of this file.
type TokenDigest = [u8; 16];

/// Verified tokens, bounded.
#[derive(Debug)]
pub struct TokenCache {
    /// `None` if the key was not accepted, which does not happen for one of this length; then nothing is remembered.
    key: Option<LessSafeKey>,
    shards: Box<[Mutex<Shard>]>,
    revocations: Arc<RevocationList>,
}

/// Whether a token was found in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheUse {
    /// It was found.
    Hit,
    /// It was verified now.
    Miss,
}

#[derive(Debug, Default)]
struct Shard {
    cap: usize,
    /// Where in `entries` a digest stands.
    places: HashMap<TokenDigest, usize>,
    entries: Vec<CachedToken>,
    /// Where the next search for room begins.
    hand: usize,
    hits: u64,
    misses: u64,
}

#[derive(Debug)]
struct CachedToken {
    digest: TokenDigest,
    verified: Arc<Verified>,
}

impl TokenCache {
    /// Room for at most `cap` tokens (0 remembers none), of which none is revoked; `key` is random and keys the digests.
    #[must_use]
    pub fn new(cap: usize, key: [u8; 32]) -> Self {
        Self::under(cap, key, Arc::default())
    }

    /// As [`TokenCache::new`], with the list of what was revoked.
    #[must_use]
    pub fn under(cap: usize, key: [u8; 32], revocations: Arc<RevocationList>) -> Self {
        let count = if cap == 0 { 1 } else { 1 << cap.min(SHARDS).ilog2() };
        let shard = |_| Mutex::new(Shard { cap: cap / count, ..Shard::default() });
        let key = UnboundKey::new(&AES_256_GCM, &key).ok().map(LessSafeKey::new);
        Self { key, shards: (0..count).map(shard).collect(), revocations }
    }

    /// What was revoked. It outlives the cache.
    #[must_use]
    pub fn revocations(&self) -> &Arc<RevocationList> {
        &self.revocations
    }

    /// The same answer as [`JwtPolicy::verify`], from the cache if it was given before, unless the token is revoked.
    ///
    /// A hit allocates one buffer. Verification happens outside of any lock.
    ///
    /// # Errors
    /// Those of [`JwtPolicy::verify`], and [`Denial::TokenRevoked`].
    pub fn verify(
        &self,
        policy: &JwtPolicy,
        token: &[u8],
        now: Now,
    ) -> Result<(Arc<Verified>, CacheUse), Denial> {
        let (verified, used) = self.look_up(policy, token, now)?;
        self.revocations.check(verified.credential())?;
        Ok((verified, used))
    }

    fn look_up(
        &self,
        policy: &JwtPolicy,
        token: &[u8],
        now: Now,
    ) -> Result<(Arc<Verified>, CacheUse), Denial> {
        if token.len() > policy.max_bytes {
            return Err(Denial::TokenInvalid(TokenFault::TooLarge));
        }
        // The same keys for the digest as for the verification: an entry is never found under others than made it.
        let keys = policy.keys_in_force(token, now)?;
        let Some(digest) = self.digest(policy, &keys, token) else {
            return Ok((Arc::new(policy.verify_by(&keys, token, now)?), CacheUse::Miss));
        };
        let known =
            self.shard(&digest).map_or(Ok(None), |mut shard| shard.find(&digest, policy.leeway, now))?;
        if let Some(verified) = known {
            return Ok((verified, CacheUse::Hit));
        }
        let verified = Arc::new(policy.verify_by(&keys, token, now)?);
        let small = verified.roles.len() + verified.scopes.len() <= MAX_NAMES;
        if let Some(mut shard) = self.shard(&digest).filter(|_| small) {
            shard.insert(digest, Arc::clone(&verified), now);
        }
        Ok((verified, CacheUse::Miss))
    }

    /// How many tokens are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sum(|shard| shard.entries.len())
    }

    /// Whether none is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hits and misses since it was made.
    #[must_use]
    pub fn uses(&self) -> (u64, u64) {
        (self.sum(|shard| shard.hits), self.sum(|shard| shard.misses))
    }

    fn digest(&self, policy: &JwtPolicy, keys: &KeysInForce<'_>, token: &[u8]) -> Option<TokenDigest> {
        let mut input = Vec::with_capacity(DESCRIPTION + token.len());
        policy.describe(|part| input.extend_from_slice(part));
        keys.describe(|part| input.extend_from_slice(part));
        input.extend_from_slice(token);
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let tag = self.key.as_ref()?.seal_in_place_separate_tag(nonce, Aad::from(&input), &mut []).ok()?;
        tag.as_ref().try_into().ok()
    }

    /// No code that holds the lock panics, so a poisoned one is as good as any.
    fn shard(&self, digest: &TokenDigest) -> Option<MutexGuard<'_, Shard>> {
        let [first, ..] = *digest;
        let shard = self.shards.get(usize::from(first) & (self.shards.len() - 1))?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn sum<T: std::iter::Sum>(&self, of: impl Fn(&Shard) -> T) -> T {
        self.shards.iter().map(|s| of(&s.lock().unwrap_or_else(PoisonError::into_inner))).sum()
    }
}

impl Shard {
    fn find(
        &mut self,
        digest: &TokenDigest,
        leeway: Duration,
        now: Now,
    ) -> Result<Option<Arc<Verified>>, Denial> {
        let Some(entry) = self.places.get(digest).and_then(|place| self.entries.get(*place)) else {
            self.misses += 1;
            return Ok(None);
        };
        match entry.verified.recheck(leeway, now) {
            Ok(()) => {
                self.hits += 1;
                Ok(Some(Arc::clone(&entry.verified)))
            }
            Err(denial) => {
                self.hits += 1;
                self.remove(digest);
                Err(denial)
            }
        }
    }

    fn insert(&mut self, digest: TokenDigest, verified: Arc<Verified>, now: Now) {
        let entry = CachedToken { digest, verified };
        // Another thread may have verified the same token meanwhile.
        if let Some(known) = self.places.get(&digest).and_then(|place| self.entries.get_mut(*place)) {
            *known = entry;
            return;
        }
        if self.entries.len() >= self.cap {
            self.make_room(now);
        }
        if self.entries.len() < self.cap {
            self.places.insert(digest, self.entries.len());
            self.entries.push(entry);
        }
    }

    /// Forgets the first expired entry of the next few, else the next one.
    fn make_room(&mut self, now: Now) {
        let count = self.entries.len().max(1);
        let next = || (0..SCAN.min(count)).filter_map(|step| self.entries.get((self.hand + step) % count));
        let expired = next().find(|entry| entry.verified.expires <= now.unix());
        let gone = expired.or_else(|| next().next()).map(|entry| entry.digest);
        self.hand = (self.hand + SCAN.min(count)) % count;
        if let Some(digest) = gone {
            self.remove(&digest);
        }
    }

    fn remove(&mut self, digest: &TokenDigest) {
        let Some(place) = self.places.remove(digest) else { return };
        self.entries.swap_remove(place);
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.digest, place);
        }
    }
}
