//! Signed requests: an HMAC over the method, the path, the time and a digest of the body (RFC 2104, FIPS 180-4).
//!
//! Protects what a machine may ask, such as a webhook, from requests that somebody else makes, changes or sends again. What is signed
//! is this text, with the target as it was sent and the time as it stands in its field:
//!
//! ```text
//! POST\n/api/deploy?dry=1\n1764540000\n<SHA-256 of the body in lower-case hexadecimal>
//! ```
//!
//! The fields are judged before the body is read, and the signature once all of the body is there: nothing of the request reaches the
//! app before. A signature counts within a window around the time that it names, and once: accepted ones are remembered until their
//! window ends. What was accepted before the process started is not known, so that a time before that start is refused. The clock of a signer
//! may be [`AHEAD_MAX`] ahead: within so much, what it signed before a start passes once more after it.
//!
//! Trust: none in the request. Bounds: some 160 bytes for each accepted signature, [`SIGNATURES_MAX`] of them, which only who has the secret
//! can fill; and the bodies that are held back until they are judged, which anybody can send: [`BODY_MAX`] each, [`BODIES_OF_ADDRESS`] of
//! one address and [`BODIES_MAX`] in all, counted as they come. Beyond either, signed requests are refused.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::{constant_time, digest, hmac};

use crate::clock::Now;
use crate::denial::Denial;
use crate::guard::limit::LimitKey;
use crate::request::Head;
use crate::secret::Secret;

/// Accepted signatures that are remembered.
pub const SIGNATURES_MAX: usize = 65_536;

/// The most bytes of one body that has to be signed.
pub const BODY_MAX: u64 = 1 << 20;

/// Bytes of bodies of one address (IPv6: of one /64) that wait for their signature to be judged.
pub const BODIES_OF_ADDRESS: u64 = 16 * BODY_MAX;

/// Bytes of all bodies that wait for their signature to be judged.
pub const BODIES_MAX: u64 = 128 * BODY_MAX;

/// How far the clock of a signer may be ahead, where `within` allows no less.
const AHEAD_MAX: Duration = Duration::from_secs(5);

/// How long an accepted signature is remembered after its window: the clocks of two requests are not read at once.
const REMEMBERED_LONGER: Duration = Duration::from_secs(60);

/// What may stand before the hexadecimal digits: several services write so.
const PREFIX: &[u8] = b"sha256=";

/// Digits of a time in seconds, and of its fraction.
const SECONDS_DIGITS: usize = 11;
const FRACTION_DIGITS: usize = 9;

type Mac = [u8; 32];

/// `signature` of a route.
pub struct SignaturePolicy {
    keys: Vec<hmac::Key>,
    /// Digests of the secrets, to tell whether another policy has the same.
    prints: Vec<[u8; 32]>,
    /// The field with the signature, in lower case.
    header: Box<str>,
    /// The field with the time, in lower case.
    timestamp: Box<str>,
    /// How old a signature may be.
    within: Duration,
}

/// Signatures that were accepted, until their windows end, and the bodies whose signatures are not judged yet.
#[derive(Debug)]
pub struct SignatureMemory {
    /// When it was made: earlier ones are not known.
    since: Now,
    accepted: Mutex<Accepted>,
    awaited: Mutex<AwaitedBodies>,
}

/// Bytes of bodies that are awaited.
#[derive(Debug, Default)]
struct AwaitedBodies {
    all: u64,
    of_address: HashMap<LimitKey, u64>,
}

/// Room for one body, given back when it is dropped.
#[derive(Debug)]
struct BodyRoom {
    of: Arc<SignatureMemory>,
    address: LimitKey,
    bytes: u64,
}

#[derive(Debug, Default)]
struct Accepted {
    macs: HashSet<Mac>,
    /// When each may be forgotten, on the clock of the process.
    ends: BTreeSet<(Duration, Mac)>,
}

/// Evidence: the request needs no signature, has a genuine one, or has a body that its signature is judged with.
#[derive(Debug)]
pub struct SignatureChecked(Option<Box<SignedBody>>);

/// A request whose signature is judged once its body is there.
pub struct SignedBody {
    policy: Arc<SignaturePolicy>,
    room: BodyRoom,
    mac: Mac,
    /// Method, target and time.
    start: Vec<u8>,
    /// The end of the window, on the clock of the process.
    until: Duration,
}

impl SignaturePolicy {
    /// `secrets`: any of them signs; `header` and `timestamp`: names of fields in lower case.
    #[must_use]
    pub fn new(secrets: &[Secret<Vec<u8>>], header: &str, timestamp: &str, within: Duration) -> Self {
        Self {
            keys: secrets.iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.expose())).collect(),
            prints: secrets.iter().map(|secret| sha256(secret.expose())).collect(),
            header: header.into(),
            timestamp: timestamp.into(),
            within,
        }
    }

    /// The fields with the signature and with the time.
    #[must_use]
    pub fn fields(&self) -> [&str; 2] {
        [&self.header, &self.timestamp]
    }

    /// How old a signature may be.
    #[must_use]
    pub fn within(&self) -> Duration {
        self.within
    }

    /// Whether every signature that counts by the other policy was remembered under this one for as long as it counts.
    #[must_use]
    pub fn remembers(&self, other: &Self) -> bool {
        other.within <= self.within && other.prints.iter().all(|print| self.prints.contains(print))
    }

    /// Digests of the secrets.
    pub(crate) fn prints(&self) -> &[[u8; 32]] {
        &self.prints
    }

    /// Judges the fields of a request from this address, and its signature where it has no body.
    ///
    /// # Errors
    /// [`Denial::SignatureMissing`], [`Denial::SignatureInvalid`], [`Denial::SignatureExpired`] for one that is not of its window, and
    /// what [`SignedBody::judge`] refuses.
    pub fn check(
        self: &Arc<Self>,
        head: &Head<'_>,
        address: &LimitKey,
        accepted: &Arc<SignatureMemory>,
        now: Now,
    ) -> Result<SignatureChecked, Denial> {
        let shown = single(head, &self.header)?;
        let mac = parsed(shown).ok_or(Denial::SignatureInvalid)?;
        let time = single(head, &self.timestamp)?;
        let made = seconds(time).ok_or(Denial::SignatureInvalid)?;
        let ahead = made.saturating_sub(now.unix());
        let left = made.saturating_add(self.within).checked_sub(now.unix());
        let (Some(left), true) = (left, ahead <= AHEAD_MAX.min(self.within)) else {
            return Err(Denial::SignatureExpired);
        };
        // By the clock of now: one that was set right since the start was wrong then.
        let start = now.unix().saturating_sub(now.mono().saturating_sub(accepted.since.mono()));
        if made < start {
            return Err(Denial::SignatureExpired);
        }
        let start = [head.method().as_bytes(), b"\n", head.target(), b"\n", time, b"\n"].concat();
        let until = now.mono().saturating_add(left);
        let room = BodyRoom { of: Arc::clone(accepted), address: *address, bytes: 0 };
        let signed = SignedBody { policy: Arc::clone(self), room, mac, start, until };
        if head.body().is_empty() {
            signed.judge(b"", now.mono())?;
            return Ok(SignatureChecked(None));
        }
        Ok(SignatureChecked(Some(Box::new(signed))))
    }
}

impl SignatureChecked {
    /// No signature is asked for.
    pub(crate) const NOT_ASKED: Self = Self(None);
    /// For dry runs, which permit nothing: a signature is assumed.
    pub(crate) const DRY_RUN: Self = Self(None);

    /// What judges the body, where there is one.
    pub(crate) fn into_body(self) -> Option<Box<SignedBody>> {
        self.0
    }
}

impl SignedBody {
    /// Counts bytes that are held back.
    ///
    /// # Errors
    /// [`Denial::SignaturesFull`] where no more can be.
    pub fn hold(&mut self, bytes: usize) -> Result<(), Denial> {
        self.room.grow(u64::try_from(bytes).unwrap_or(u64::MAX))
    }

    /// Judges the signature with all of the body, and remembers it; `now`: on the clock of the process.
    ///
    /// # Errors
    /// [`Denial::SignatureInvalid`]; [`Denial::SignatureExpired`] where the window has ended while the body came;
    /// [`Denial::SignatureReplayed`]; [`Denial::SignaturesFull`].
    pub fn judge(&self, body: &[u8], now: Duration) -> Result<(), Denial> {
        let message = [self.start.as_slice(), hex(&sha256(body)).as_bytes()].concat();
        // All of them, so that the time does not tell which one it was.
        let genuine = self.policy.keys.iter().fold(false, |genuine, key| {
            let wanted = hmac::sign(key, &message);
            constant_time::verify_slices_are_equal(wanted.as_ref(), &self.mac).is_ok() || genuine
        });
        if !genuine {
            return Err(Denial::SignatureInvalid);
        }
        if now > self.until {
            return Err(Denial::SignatureExpired);
        }
        self.room.of.accept(self.mac, self.until, now)
    }
}

impl SignatureMemory {
    /// None yet; `now`: what was accepted before is not known.
    #[must_use]
    pub fn since(now: Now) -> Self {
        Self { since: now, accepted: Mutex::default(), awaited: Mutex::default() }
    }

    fn awaited(&self) -> MutexGuard<'_, AwaitedBodies> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(&self, mac: Mac, until: Duration, now: Duration) -> Result<(), Denial> {
        // No code that holds the lock panics, so a poisoned one is as good as any.
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        accepted.forget(now);
        if accepted.macs.contains(&mac) {
            return Err(Denial::SignatureReplayed);
        }
        if accepted.macs.len() >= SIGNATURES_MAX {
            return Err(Denial::SignaturesFull);
        }
        accepted.macs.insert(mac);
        accepted.ends.insert((until.saturating_add(REMEMBERED_LONGER), mac));
        Ok(())
    }
}

impl BodyRoom {
    fn grow(&mut self, bytes: u64) -> Result<(), Denial> {
        let mut awaited = self.of.awaited();
        let here = awaited.of_address.get(&self.address).copied().unwrap_or(0).saturating_add(bytes);
        let all = awaited.all.saturating_add(bytes);
        if here > BODIES_OF_ADDRESS || all > BODIES_MAX {
            return Err(Denial::SignaturesFull);
        }
        if here > 0 {
            awaited.all = all;
            awaited.of_address.insert(self.address, here);
        }
        drop(awaited);
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }
}

impl Drop for BodyRoom {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut awaited = self.of.awaited();
        awaited.all = awaited.all.saturating_sub(self.bytes);
        if let Some(here) = awaited.of_address.get_mut(&self.address) {
            *here = here.saturating_sub(self.bytes);
            if *here == 0 {
                awaited.of_address.remove(&self.address);
            }
        }
    }
}

impl Accepted {
    /// Forgets those whose windows have ended: later requests with them are refused by their time.
    fn forget(&mut self, now: Duration) {
        while let Some((until, mac)) = self.ends.first().copied() {
            if until >= now {
                return;
            }
            self.ends.pop_first();
            self.macs.remove(&mac);
        }
    }
}

/// The value of a field that has to stand there once.
fn single<'h>(head: &'h Head<'h>, name: &str) -> Result<&'h [u8], Denial> {
    let mut all = head.all(name);
    match (all.next(), all.next()) {
        (None, _) => Err(Denial::SignatureMissing),
        (Some(value), None) => Ok(value),
        (Some(_), Some(_)) => Err(Denial::SignatureInvalid),
    }
}

fn parsed(value: &[u8]) -> Option<Mac> {
    let digits = value.strip_prefix(PREFIX).unwrap_or(value);
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let mut mac = [0; 32];
    if pairs.len() != mac.len() {
        return None;
    }
    for (byte, [high, low]) in mac.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(mac)
}

/// Seconds since the epoch, with an optional fraction.
fn seconds(value: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(value).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !digits(whole, SECONDS_DIGITS) || !digits(fraction, FRACTION_DIGITS) {
        return None;
    }
    let nanos = fraction.parse::<u32>().ok()?.checked_mul(10_u32.checked_pow(9 - fraction.len() as u32)?)?;
    Some(Duration::new(whole.parse().ok()?, nanos))
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl std::fmt::Debug for SignaturePolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { keys: _, prints: _, header, timestamp, within } = self;
        f.debug_struct("SignaturePolicy")
            .field("header", header)
            .field("timestamp", timestamp)
            .field("within", within)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for SignedBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedBody").field("policy", &self.policy).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
