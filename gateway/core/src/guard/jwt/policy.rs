//! What a provider of kind `jwt` accepts.

use std::sync::Arc;
use std::time::Duration;

use super::fetched_keys::FetchedKeys;
use super::key::JwtKey;
use super::second_factor::SecondFactorPolicy;
use crate::guard::credential::TokenSource;

/// One `[auth.NAME]` of kind `jwt`.
#[derive(Debug)]
pub struct JwtPolicy {
    /// Its name.
    pub name: Arc<str>,
    /// Its keys; the first secret signs, all verify.
    pub keys: Vec<JwtKey>,
    /// In their place, keys that are fetched from the provider.
    pub fetched: Option<FetchedKeys>,
    /// The one issuer; `None` is `dangerous_any_issuer`.
    pub issuer: Option<String>,
    /// A token must name one of these; empty is `dangerous_any_audience`.
    pub audience: Vec<String>,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// Longest validity: `exp` − `iat`, or `exp` − now without `iat`.
    pub max_lifetime: Duration,
    /// Longest token, in bytes.
    pub max_bytes: usize,
    /// Where a token is read, unless an app has `sources` of its own.
    pub sources: Arc<[TokenSource]>,
    /// The claims that name user, roles and scopes.
    pub claims: ClaimPaths,
    /// What says that the user used a second factor.
    pub mfa: SecondFactorPolicy,
}

/// `claims`: paths of member names, from the outermost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPaths {
    /// The user, required.
    pub user: Vec<String>,
    /// The roles.
    pub roles: Vec<String>,
    /// The scopes.
    pub scopes: Vec<String>,
}
