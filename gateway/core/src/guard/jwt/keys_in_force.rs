//! The keys by which one token is verified: the same from the beginning of its verification to the end.

use std::sync::Arc;

use super::fetched_keys::KnownKeys;
use super::key::JwtKey;

/// The keys by which one token is verified.
pub(super) enum KeysInForce<'p> {
    /// Those of the configuration.
    Configured(&'p [JwtKey]),
    /// Those that were fetched last.
    Fetched(Arc<KnownKeys>),
}

impl KeysInForce<'_> {
    /// All of them, in their order.
    pub(super) fn all(&self) -> &[JwtKey] {
        match self {
            Self::Configured(keys) => keys,
            Self::Fetched(known) => known.set.keys(),
        }
    }

    /// Gives `hash` what the policy does not say of itself: which keys were fetched.
    pub(super) fn describe(&self, hash: impl FnOnce(&[u8])) {
        match self {
            Self::Configured(_) => {}
            Self::Fetched(known) => hash(known.set.digest()),
        }
    }
}
