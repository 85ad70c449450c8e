//! Revocation: credentials that are refused although they are genuine and have not expired.
//!
//! A token is revoked by its id, or because it was issued before a moment: those of one user, of one provider, or all. The list is
//! judged for every request, also for tokens in the cache: [`RevocationList::check`].
//!
//! Trust: what is compared was verified before. The list itself comes from the operator. Bounds: [`RevocationList::MOST`] tokens and
//! users and [`RevocationList::MOST_PROVIDERS`] entries that name neither; a list that is full refuses a new entry and keeps every
//! old one. An empty list costs one comparison, another one two lookups. RFC 7009 §2.1, RFC 7519 §4.1.7.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

use crate::denial::Denial;
use crate::text::is_user;

/// What was revoked, for one process. It outlives every policy.
#[derive(Debug, Default)]
pub struct RevocationList {
    /// How many entries there are, so that an empty list needs no lock.
    count: AtomicUsize,
    generation: AtomicU64,
    entries: RwLock<Entries>,
    listener: Listener,
}

/// Who is told of each new generation of a list.
#[derive(Default)]
struct Listener(OnceLock<Box<dyn Fn(u64) + Send + Sync>>);

/// One entry of the list: which credentials are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whose credentials, or which.
    pub subject: Subject,
    /// The provider that vouches for them; `None` is every provider.
    pub provider: Option<Arc<str>>,
    /// When it was made, in seconds since the epoch. Of a user, of a provider and of all, it meets what was issued until the end of
    /// this second.
    pub made: u64,
    /// The last second in which a credential could be alive that it meets; then the entry is forgotten. `None` is never.
    pub until: Option<u64>,
}

/// Whose credentials are revoked, or which.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Everybody's.
    Everybody,
    /// Those of a user: 1 to 256 bytes without control characters.
    User(Arc<str>),
    /// The tokens with this `jti`: 1 to 256 bytes without control characters.
    Jti(Arc<str>),
    /// The one token with this id.
    Token(TokenId),
}

/// What a token is recognised by: a digest of its `jti`, or of its claims if it has none.
///
/// The digest is of the claims and not of the whole token, because one and the same token may have several valid signatures.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId([u8; 16]);

/// A verified credential, as the list sees it.
#[derive(Clone, Copy, Debug)]
pub struct Credential<'c> {
    /// The provider.
    pub provider: &'c str,
    /// The user.
    pub user: &'c str,
    /// The id of the token; `None` for a certificate.
    pub token: Option<TokenId>,
    /// When it was issued, since the epoch.
    pub issued: Duration,
}

/// The list has no room for a further token or user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationListFull;

#[derive(Debug, Default)]
struct Entries {
    everybody: Vec<Revocation>,
    users: HashMap<Arc<str>, Vec<Revocation>>,
    tokens: HashMap<TokenId, Vec<Revocation>>,
    /// How many entries `users` and `tokens` have together.
    named: usize,
}

impl RevocationList {
    /// The most entries for tokens and users together.
    pub const MOST: usize = 10_000;
    /// The most entries that name neither a token nor a user: one for each provider, and one for all.
    pub const MOST_PROVIDERS: usize = 1_000;
    /// How much longer than its `exp` says a token may be accepted, whatever the configuration says: the most that `leeway` may be.
    pub const MOST_LEEWAY: Duration = Duration::from_secs(600);

    /// Whether a genuine credential may be used.
    ///
    /// # Errors
    /// [`Denial::TokenRevoked`].
    pub fn check(&self, credential: Credential<'_>) -> Result<(), Denial> {
        if self.count.load(Ordering::Acquire) == 0 || !self.read().meet(credential) {
            return Ok(());
        }
        Err(Denial::TokenRevoked)
    }

    /// Adds entries: all of them, or none. What is on the list already is only ever extended.
    ///
    /// # Errors
    /// There is no room for all of them.
    pub fn add(&self, revocations: &[Revocation]) -> Result<(), RevocationListFull> {
        let mut entries = self.write();
        if !entries.has_room(revocations) {
            return Err(RevocationListFull);
        }
        let mut changed = false;
        for revocation in revocations {
            changed |= entries.add(revocation);
        }
        if !changed {
            return Ok(());
        }
        self.count.store(entries.len(), Ordering::Release);
        let generation = self.generation.fetch_add(1, Ordering::Release) + 1;
        drop(entries);
        if let Some(listener) = self.listener.0.get() {
            listener(generation);
        }
        Ok(())
    }

    /// Has `listener` called with every further generation once it is in force. A list has one: a second one is not taken.
    pub fn tell(&self, listener: impl Fn(u64) + Send + Sync + 'static) {
        let _ = self.listener.0.set(Box::new(listener));
    }

    /// Forgets the entries that have ended at `now`, in seconds since the epoch.
    pub fn forget_ended(&self, now: u64) {
        let mut entries = self.write();
        entries.retain(|revocation| !revocation.has_ended(now));
        self.count.store(entries.len(), Ordering::Release);
    }

    /// A number that is another one whenever something more is revoked. Whoever was checked under another number has to be checked
    /// again.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Revocation> {
        self.read().iter().cloned().collect()
    }

    /// No code that holds the lock panics, so a poisoned one is as good as any.
    fn read(&self) -> RwLockReadGuard<'_, Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Revocation {
    /// Whether no credential can be alive any more that it meets. The second `until` itself is the last one.
    #[must_use]
    pub fn has_ended(&self, now: u64) -> bool {
        self.until.is_some_and(|until| now > until)
    }

    /// Whether it is about the same credentials.
    #[must_use]
    pub fn is_of(&self, other: &Self) -> bool {
        self.subject == other.subject && self.provider == other.provider
    }

    /// Takes over what `other`, which is about the same credentials, says more; whether that is anything.
    pub fn extend(&mut self, other: &Self) -> bool {
        let made = self.made.max(other.made);
        let until = self.until.zip(other.until).map(|(own, other)| own.max(other));
        let changed = (made, until) != (self.made, self.until);
        (self.made, self.until) = (made, until);
        changed
    }

    fn meets(&self, credential: Credential<'_>) -> bool {
        if self.provider.as_deref().is_some_and(|provider| provider != credential.provider) {
            return false;
        }
        match &self.subject {
            // A token has one id, whenever it was issued.
            Subject::Jti(_) | Subject::Token(_) => true,
            Subject::Everybody | Subject::User(_) => credential.issued.as_secs() <= self.made,
        }
    }
}

impl Subject {
    /// A user by name; `None` for a name that no caller has.
    #[must_use]
    pub fn user(name: &str) -> Option<Self> {
        is_user(name).then(|| Self::User(Arc::from(name)))
    }

    /// The tokens with this `jti`; `None` for one that cannot be shown in a line: those are known by [`TokenId::of_jti`].
    #[must_use]
    pub fn jti(jti: &str) -> Option<Self> {
        is_user(jti).then(|| Self::Jti(Arc::from(jti)))
    }
}

impl TokenId {
    /// Of the tokens with this `jti`.
    #[must_use]
    pub fn of_jti(jti: &str) -> Self {
        Self::of(b"jti\0", jti.as_bytes())
    }

    /// Of the one token with these claims, as they were signed.
    #[must_use]
    pub fn of_claims(claims: &[u8]) -> Self {
        Self::of(b"claims\0", claims)
    }

    /// Reads 32 hexadecimal digits in lower case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 16 || !rest.is_empty() {
            return None;
        }
        let mut id = [0; 16];
        for (byte, [high, low]) in id.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(id))
    }

    fn of(kind: &[u8], text: &[u8]) -> Self {
        let mut input = Vec::with_capacity(kind.len() + text.len());
        input.extend_from_slice(kind);
        input.extend_from_slice(text);
        let mut id = [0; 16];
        for (byte, from) in id.iter_mut().zip(digest(&SHA256, &input).as_ref()) {
            *byte = *from;
        }
        Self(id)
    }
}

impl std::fmt::Display for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Listener").field(&self.0.get().is_some()).finish()
    }
}

impl std::fmt::Display for RevocationListFull {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the list of revocations is full: it has room for `{}` tokens and users; hint: revoke a whole provider, or all",
            RevocationList::MOST
        )
    }
}

impl std::error::Error for RevocationListFull {}

impl Entries {
    fn meet(&self, credential: Credential<'_>) -> bool {
        let of_token = credential.token.and_then(|id| self.tokens.get(&id));
        let named = [self.users.get(credential.user), of_token].into_iter().flatten().flatten();
        self.everybody.iter().chain(named).any(|revocation| revocation.meets(credential))
    }

    fn len(&self) -> usize {
        self.everybody.len() + self.named
    }

    fn iter(&self) -> impl Iterator<Item = &Revocation> {
        let named = self.users.values().chain(self.tokens.values()).flatten();
        self.everybody.iter().chain(named)
    }

    /// Whether all of them have room. One that is on the list already needs none.
    fn has_room(&self, revocations: &[Revocation]) -> bool {
        let unknown = |of: fn(&Subject) -> bool| {
            let of_kind = revocations.iter().filter(move |revocation| of(&revocation.subject));
            of_kind.filter(|revocation| self.find(revocation).is_none()).count()
        };
        let everybody = unknown(|subject| matches!(subject, Subject::Everybody));
        let named = unknown(|subject| !matches!(subject, Subject::Everybody));
        self.everybody.len() + everybody <= RevocationList::MOST_PROVIDERS
            && self.named + named <= RevocationList::MOST
    }

    fn find(&self, revocation: &Revocation) -> Option<&Revocation> {
        let entries = match &revocation.subject {
            Subject::Everybody => Some(&self.everybody),
            Subject::User(name) => self.users.get(name),
            Subject::Jti(jti) => self.tokens.get(&TokenId::of_jti(jti)),
            Subject::Token(id) => self.tokens.get(id),
        };
        entries?.iter().find(|known| known.is_of(revocation))
    }

    /// Adds one, or extends the one that is about the same credentials; whether that changes anything.
    fn add(&mut self, revocation: &Revocation) -> bool {
        let (entries, is_named) = match &revocation.subject {
            Subject::Everybody => (&mut self.everybody, false),
            Subject::User(name) => (self.users.entry(Arc::clone(name)).or_default(), true),
            Subject::Jti(jti) => (self.tokens.entry(TokenId::of_jti(jti)).or_default(), true),
            Subject::Token(id) => (self.tokens.entry(*id).or_default(), true),
        };
        if let Some(known) = entries.iter_mut().find(|known| known.is_of(revocation)) {
            return known.extend(revocation);
        }
        entries.push(revocation.clone());
        self.named += usize::from(is_named);
        true
    }

    fn retain(&mut self, keep: impl Fn(&Revocation) -> bool) {
        self.everybody.retain(&keep);
        self.users.retain(|_, entries| {
            entries.retain(&keep);
            !entries.is_empty()
        });
        self.tokens.retain(|_, entries| {
            entries.retain(&keep);
            !entries.is_empty()
        });
        self.named = self.users.values().chain(self.tokens.values()).map(Vec::len).sum();
    }
}

#[cfg(test)]
mod tests;
