//! Whether a token says that its user used a second factor: the claims `amr` and `acr`.
//!
//! Protects routes with `mfa = true` from a stolen password. Trust: the claims are those of a token whose signature is
//! verified, so they are the provider's word. A claim of another type counts as none and does not make the token invalid: most
//! routes ask for no second factor. Bounds: the [`MAX_METHODS`] methods of a token, against the short lists of the
//! configuration. Only the answer is remembered with the token.
//!
//! RFC 8176 (methods of `amr`), RFC 9470 (`acr`, and the challenge that names its values).

use std::sync::Arc;

use serde_json::{Map, Value, json};

/// Most methods in the `amr` of a token: one with more says nothing.
const MAX_METHODS: usize = 32;

/// `mfa` of a provider: what says that the user used a second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactorPolicy {
    /// Which methods do.
    pub amr: AmrPolicy,
    /// Each of these values of `acr` does, in order of preference; separated by spaces, as in a challenge.
    pub acr: Arc<str>,
}

/// Which authentication methods count as a second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AmrPolicy {
    /// `mfa`, or two methods of different kinds: something that the user knows, has, or is.
    Registered,
    /// All methods of one of these lists; without a list none.
    Listed(Vec<Vec<String>>),
}

/// What a credential says of a second factor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecondFactor {
    /// The user used one.
    Proven,
    /// It does not say so.
    Missing {
        /// The values of `acr` that would, separated by spaces; may be empty.
        acr_values: Arc<str>,
    },
}

impl Default for SecondFactorPolicy {
    fn default() -> Self {
        Self { amr: AmrPolicy::Registered, acr: Arc::default() }
    }
}

impl SecondFactorPolicy {
    /// What the claims of a verified token say.
    pub(super) fn judge(&self, claims: &Map<String, Value>) -> SecondFactor {
        let acr = claims.get("acr").and_then(Value::as_str);
        let proven = acr.is_some_and(|acr| self.acr_values().any(|value| value == acr))
            || self.amr.holds(&methods(claims.get("amr")).unwrap_or_default());
        if proven { SecondFactor::Proven } else { self.missing() }
    }

    /// What a credential says that does not speak of a second factor.
    pub(crate) fn missing(&self) -> SecondFactor {
        SecondFactor::Missing { acr_values: Arc::clone(&self.acr) }
    }

    /// The claim that says that the user used a second factor.
    pub(super) fn claim(&self) -> Option<(&'static str, Value)> {
        match &self.amr {
            AmrPolicy::Registered => Some(("amr", json!(["mfa"]))),
            AmrPolicy::Listed(lists) => match lists.first() {
                Some(methods) => Some(("amr", json!(methods))),
                None => self.acr_values().next().map(|value| ("acr", json!(value))),
            },
        }
    }

    /// The values of `acr`.
    pub fn acr_values(&self) -> impl Iterator<Item = &str> {
        self.acr.split(' ').filter(|value| !value.is_empty())
    }
}

impl AmrPolicy {
    /// Whether these methods are enough.
    fn holds(&self, methods: &[&str]) -> bool {
        match self {
            Self::Registered => {
                let mut kinds = methods.iter().filter_map(|method| Kind::of(method));
                let first = kinds.next();
                methods.contains(&"mfa") || kinds.any(|kind| Some(kind) != first)
            }
            Self::Listed(lists) => lists
                .iter()
                .any(|list| !list.is_empty() && list.iter().all(|method| methods.contains(&method.as_str()))),
        }
    }

    /// Whether all that is enough for `other` is enough here.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Registered, Self::Registered) => true,
            (Self::Listed(_), Self::Registered) => false,
            (Self::Registered | Self::Listed(_), Self::Listed(lists)) => lists.iter().all(|list| {
                let methods: Vec<&str> = list.iter().map(String::as_str).collect();
                self.holds(&methods)
            }),
        }
    }
}

/// What a method proves. Two methods of one kind are one factor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Something that the user knows.
    Knowledge,
    /// Something that the user has.
    Possession,
    /// Something that the user is.
    Inherence,
}

impl Kind {
    /// Of a method of RFC 8176 §2. `geo`, `mca`, `rba`, `user` and `wia` are of none: they tell where the user is, over how many
    /// channels, at what risk, that somebody is there, or that the machine is signed in.
    fn of(method: &str) -> Option<Self> {
        match method {
            "kba" | "pin" | "pwd" => Some(Self::Knowledge),
            "hwk" | "otp" | "pop" | "sc" | "sms" | "swk" | "tel" => Some(Self::Possession),
            "face" | "fpt" | "iris" | "retina" | "vbm" => Some(Self::Inherence),
            _ => None,
        }
    }
}

/// The methods of an `amr`: an array of strings (RFC 8176 §1).
fn methods(amr: Option<&Value>) -> Option<Vec<&str>> {
    let items = amr?.as_array().filter(|items| items.len() <= MAX_METHODS)?;
    items.iter().map(Value::as_str).collect()
}

#[cfg(test)]
mod tests;
