//! The claims of a token whose signature is verified, checked against the policy and `Now` (RFC 7519 §4.1).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::header::Jws;
use super::json;
use super::policy::JwtPolicy;
use super::verified::Verified;
use crate::clock::Now;
use crate::denial::{Denial, TokenFault};
use crate::guard::revocation::TokenId;
use crate::text::is_user;

/// Most roles of one caller, and most scopes.
pub(super) const MAX_NAMES: usize = 1024;

/// Checks the claims of a token whose signature is verified.
///
/// Expiry is checked last, so that only a token that was valid once is refused as `token_expired`.
pub(super) fn judge(policy: &JwtPolicy, payload: &[u8], now: Now) -> Result<Verified, Denial> {
    let claims = json::object(payload).ok_or(Denial::TokenInvalid(TokenFault::Malformed))?;
    let id = jti(&claims).map_or_else(|| TokenId::of_claims(payload), |jti| TokenId::of_jti(&jti));
    let verified = read(policy, &claims, id, now).map_err(Denial::TokenInvalid)?;
    verified.recheck(policy.leeway, now)?;
    Ok(verified)
}

/// Whether a token whose signature is not verified names the issuer of the policy. Nothing else may be read of it.
pub(super) fn names_issuer(policy: &JwtPolicy, jws: &Jws<'_>) -> bool {
    let claims = jws.payload().ok().and_then(|payload| json::object(&payload));
    claims.is_some_and(|claims| check_issuer(policy, &claims).is_ok())
}

/// What a revocation of the one token with these claims needs, whatever else they say: its `jti`, or else its id, and its end.
pub(super) fn identify(payload: &[u8]) -> Result<(Result<String, TokenId>, Duration), TokenFault> {
    let claims = json::object(payload).ok_or(TokenFault::Malformed)?;
    let expires = date(&claims, "exp", TokenFault::Expiry)?.ok_or(TokenFault::Expiry)?;
    Ok((jti(&claims).ok_or_else(|| TokenId::of_claims(payload)), expires))
}

/// The `jti` as text; some issuers number their tokens. `None` where the token has none, or one that is neither.
fn jti(claims: &Map<String, Value>) -> Option<String> {
    match claims.get("jti")? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn read(
    policy: &JwtPolicy,
    claims: &Map<String, Value>,
    id: TokenId,
    now: Now,
) -> Result<Verified, TokenFault> {
    check_issuer(policy, claims)?;
    check_audience(policy, claims)?;
    let expires = date(claims, "exp", TokenFault::Expiry)?.ok_or(TokenFault::Expiry)?;
    let not_before = date(claims, "nbf", TokenFault::NotYetValid)?;
    let issued = date(claims, "iat", TokenFault::IssuedLater)?;
    if issued.is_some_and(|at| at > now.unix().saturating_add(policy.leeway)) {
        return Err(TokenFault::IssuedLater);
    }
    let too_long = match issued {
        Some(at) => expires.saturating_sub(at) > policy.max_lifetime,
        None => expires.saturating_sub(now.unix()) > policy.max_lifetime.saturating_add(policy.leeway),
    };
    if too_long {
        return Err(TokenFault::Lifetime);
    }
    Ok(Verified {
        provider: Arc::clone(&policy.name),
        user: user(at_path(claims, &policy.claims.user))?,
        roles: names(at_path(claims, &policy.claims.roles), |text| vec![text])?,
        scopes: names(at_path(claims, &policy.claims.scopes), |text| text.split(' ').collect())?,
        expires,
        accepted_until: expires.saturating_add(policy.leeway),
        not_before: not_before.max(issued).unwrap_or_default(),
        id: Some(id),
        issued: issued.unwrap_or_else(|| expires.saturating_sub(policy.max_lifetime)),
        second_factor: policy.mfa.judge(claims),
    })
}

/// The issuer of the policy, as a string; never a list.
fn check_issuer(policy: &JwtPolicy, claims: &Map<String, Value>) -> Result<(), TokenFault> {
    match (&policy.issuer, claims.get("iss")) {
        (Some(ours), Some(Value::String(issuer))) if issuer == ours => Ok(()),
        (None, None | Some(Value::String(_))) => Ok(()),
        (Some(_), None) | (_, Some(_)) => Err(TokenFault::Issuer),
    }
}

/// A string or a list of strings that names an audience of the policy. An element of another type is a fault.
fn check_audience(policy: &JwtPolicy, claims: &Map<String, Value>) -> Result<(), TokenFault> {
    if policy.audience.is_empty() {
        return Ok(());
    }
    let audience =
        claims.get("aud").and_then(|value| strings(value, |text| vec![text])).ok_or(TokenFault::Audience)?;
    let ours = audience.iter().any(|theirs| policy.audience.iter().any(|ours| ours == theirs));
    if ours { Ok(()) } else { Err(TokenFault::Audience) }
}

/// A NumericDate: seconds since the epoch, fractions allowed. Negative ones and ones beyond any
/// calendar are `fault`, as is every other type.
fn date(claims: &Map<String, Value>, name: &str, fault: TokenFault) -> Result<Option<Duration>, TokenFault> {
    let number = match claims.get(name) {
        None => return Ok(None),
        Some(Value::Number(number)) => number,
        Some(_) => return Err(fault),
    };
    let whole = number.as_u64().map(Duration::from_secs);
    let date = whole.or_else(|| Duration::try_from_secs_f64(number.as_f64()?).ok());
    date.map(Some).ok_or(fault)
}

/// The value at a path of member names.
fn at_path<'c>(claims: &'c Map<String, Value>, path: &[String]) -> Option<&'c Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(claims.get(first)?, |value, name| value.as_object()?.get(name))
}

fn user(value: Option<&Value>) -> Result<Arc<str>, TokenFault> {
    let name = value.and_then(Value::as_str).filter(|name| is_user(name)).ok_or(TokenFault::User)?;
    Ok(Arc::from(name))
}

/// Roles or scopes: none if absent, else what `split` makes of a string, or the elements of a
/// list of strings. Empty names are skipped; names with controls and too many are refused.
fn names(value: Option<&Value>, split: fn(&str) -> Vec<&str>) -> Result<Vec<Arc<str>>, TokenFault> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let mut names = strings(value, split).ok_or(TokenFault::Claims)?;
    names.retain(|name| !name.is_empty());
    if names.len() > MAX_NAMES {
        return Err(TokenFault::Names);
    }
    if names.iter().any(|name| name.chars().any(char::is_control)) {
        return Err(TokenFault::Controls);
    }
    Ok(names.into_iter().map(Arc::from).collect())
}

/// What `split` makes of a string, or the elements of a list that holds nothing but strings.
fn strings(value: &Value, split: fn(&str) -> Vec<&str>) -> Option<Vec<&str>> {
    match value {
        Value::String(text) => Some(split(text)),
        Value::Array(items) => items.iter().map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}
