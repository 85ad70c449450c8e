//! Key sets that a provider publishes, strictly (RFC 7517 §5): which of the keys verify tokens.
//!
//! Trust: the provider decides about its own tokens and about nothing else. A document is read whole or not at all. A key that cannot be
//! used is left out, as the RFC wants it, and never makes another one ambiguous: two keys with one `kid` and one algorithm are a fault of
//! the document. Symmetric and private keys are left out: what is published is no secret. Bounds: [`KeySet::MAX_KEYS`] keys, 16 levels
//! of JSON; whoever fetches a document bounds its bytes.

use std::fmt;

use aws_lc_rs::digest;
use serde_json::Value;

use super::alg::Alg;
use super::json;
use super::key::JwtKey;

/// The keys of a document that verify tokens.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<JwtKey>,
    ignored: Vec<IgnoredKey>,
    digest: [u8; 32],
}

/// A key of a document that verifies no token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredKey {
    /// Its `kid` as it may be shown.
    pub kid: String,
    /// Why it is not used.
    pub why: String,
}

/// What is wrong with a document of a provider, so that nothing of it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentFault {
    /// It is not one JSON object, has a member twice, or is nested too deeply.
    NotAnObject,
    /// A key set without a list `keys`.
    NoKeys,
    /// More keys than are read.
    TooManyKeys,
    /// An element of `keys` is no object.
    NotAKey,
    /// Two different keys have one `kid`, here as it may be shown, and one algorithm.
    TwoKeysOfOneName(String),
    /// The `issuer` of a discovery document is missing, or another one than the configured; here as it may be shown.
    OtherIssuer(String),
    /// The `jwks_uri` of a discovery document is missing or no text.
    NoKeySetAddress,
}

impl KeySet {
    /// Most keys of a document, those that are left out included.
    pub const MAX_KEYS: usize = 100;

    /// The keys of `document` that fit one of `algorithms`.
    ///
    /// # Errors
    /// What is wrong with the document as a whole.
    pub fn read(document: &[u8], algorithms: &[Alg]) -> Result<Self, DocumentFault> {
        let members = json::object(document).ok_or(DocumentFault::NotAnObject)?;
        let list = members.get("keys").and_then(Value::as_array).ok_or(DocumentFault::NoKeys)?;
        if list.len() > Self::MAX_KEYS {
            return Err(DocumentFault::TooManyKeys);
        }
        let (mut keys, mut ignored) = (Vec::<JwtKey>::new(), Vec::new());
        for jwk in list {
            if !jwk.is_object() {
                return Err(DocumentFault::NotAKey);
            }
            let key = match judge(jwk, algorithms) {
                Ok(key) => key,
                Err(why) => {
                    let kid = jwk.get("kid").and_then(Value::as_str).map_or_else(|| "-".to_owned(), shown);
                    ignored.push(IgnoredKey { kid, why });
                    continue;
                }
            };
            if keys.iter().any(|other| other.digest() == key.digest()) {
                continue;
            }
            let named_alike = |other: &&JwtKey| other.kid() == key.kid() && other.alg() == key.alg();
            if let Some(kid) = keys.iter().find(named_alike).and_then(JwtKey::kid) {
                return Err(DocumentFault::TwoKeysOfOneName(shown(kid)));
            }
            keys.push(key);
        }
        let digest = digest_of(&keys);
        Ok(Self { keys, ignored, digest })
    }

    /// The keys, in the order of the document.
    #[must_use]
    pub fn keys(&self) -> &[JwtKey] {
        &self.keys
    }

    /// The keys that verify no token.
    #[must_use]
    pub fn ignored(&self) -> &[IgnoredKey] {
        &self.ignored
    }

    /// Whether both hold the same keys in the same order.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// A digest of the keys, their names and algorithms.
    pub(super) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl fmt::Display for DocumentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => {
                f.write_str("it is not one JSON object, has a member twice, or is nested too deeply")
            }
            Self::NoKeys => f.write_str("it has no list `keys`"),
            Self::TooManyKeys => write!(f, "it has more than {} keys", KeySet::MAX_KEYS),
            Self::NotAKey => f.write_str("something in `keys` is not an object"),
            Self::TwoKeysOfOneName(kid) => write!(f, "two different keys have the same `kid`: `{kid}`"),
            Self::OtherIssuer(issuer) => {
                write!(f, "its `issuer` is not the one of the configuration: `{issuer}`")
            }
            Self::NoKeySetAddress => f.write_str("it has no text `jwks_uri`"),
        }
    }
}

/// The key with the one algorithm that it is used with: its own, or the first of `algorithms` that needs a key of its kind.
fn judge(jwk: &Value, algorithms: &[Alg]) -> Result<JwtKey, String> {
    if jwk.get("kty").and_then(Value::as_str) == Some("oct") {
        return Err("it is a shared secret (`oct`), and a published one is none".to_owned());
    }
    if PRIVATE.iter().any(|member| jwk.get(*member).is_some()) {
        return Err("it is a private key, which has to be withdrawn: it was published".to_owned());
    }
    let kid = match jwk.get("kid") {
        None => None,
        Some(Value::String(kid)) if is_kid(kid) => Some(kid.clone()),
        Some(_) => {
            return Err("its `kid` is not a text of 1 to 256 bytes, or holds a control character".to_owned());
        }
    };
    let alg = match jwk.get("alg") {
        Some(Value::String(name)) => algorithms.iter().find(|alg| alg.name() == name),
        Some(_) => None,
        None => algorithms.iter().find(|alg| JwtKey::is_kind_of(**alg, jwk)),
    };
    let alg = *alg.ok_or("none of the provider's `algorithms` is the one of this key")?;
    JwtKey::jwk(kid, alg, jwk)
}

fn is_kid(kid: &str) -> bool {
    !kid.is_empty() && kid.len() <= 256 && !kid.chars().any(char::is_control)
}

fn digest_of(keys: &[JwtKey]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    for key in keys {
        context.update(key.digest());
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// A text of a document as it may be shown: not too long, and without what changes the look of a line.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

/// Most characters of a text that is shown.
const SHOWN_MAX: usize = 80;
/// Members of private and of symmetric keys (RFC 7518 §6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
