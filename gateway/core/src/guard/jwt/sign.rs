//! Making a token, for the operator's `token` command (RFC 7515 §5.1).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use super::claims::MAX_NAMES;
use super::{JwtKey, JwtPolicy};
use crate::clock::Now;
use crate::text::{MAX_USER, is_user};
use crate::units::show_duration;

/// What a token is to say of its user.
#[derive(Clone, Copy, Debug)]
pub struct TokenClaims<'a> {
    /// The user.
    pub user: &'a str,
    /// The roles.
    pub roles: &'a [String],
    /// The scopes.
    pub scopes: &'a [String],
    /// The user used a second factor.
    pub second_factor: bool,
}

impl JwtPolicy {
    /// As [`JwtPolicy::sign_claims`], without a word of a second factor.
    ///
    /// # Errors
    /// Those of [`JwtPolicy::sign_claims`].
    pub fn sign(
        &self,
        user: &str,
        roles: &[String],
        scopes: &[String],
        lifetime: Duration,
        jti: &str,
        now: Now,
    ) -> Result<String, String> {
        self.sign_claims(TokenClaims { user, roles, scopes, second_factor: false }, lifetime, jti, now)
    }

    /// Signs a token that this policy accepts, with its first secret.
    ///
    /// Claims: `iss`, `aud` (the first), user, roles and scopes where the policy looks for them, a second factor as it looks
    /// for that, `iat`, `exp`, `jti`. Parts of a second of `lifetime` are dropped.
    ///
    /// # Errors
    /// No key can sign, the lifetime is zero or over `max_lifetime`, or the token would be refused
    /// for its user, roles, scopes or size.
    pub fn sign_claims(
        &self,
        claims: TokenClaims<'_>,
        lifetime: Duration,
        jti: &str,
        now: Now,
    ) -> Result<String, String> {
        let Some(key) = self.keys.iter().find(|key| key.signs()) else {
            return Err(format!("no key of this provider can sign, none is a secret: `{}`", self.name));
        };
        if lifetime.as_secs() == 0 || lifetime > self.max_lifetime {
            let max = show_duration(self.max_lifetime);
            let asked = if lifetime.is_zero() { "0s".to_owned() } else { show_duration(lifetime) };
            return Err(format!("a token may be valid for 1s to {max} (`max_lifetime`), not for `{asked}`"));
        }
        check_names(claims)?;
        let claims = self.members(claims, lifetime, jti, now)?;
        let token = seal(key, &claims).ok_or_else(|| "the token could not be signed".to_owned())?;
        if token.len() > self.max_bytes {
            return Err(format!("the token would be larger than max_bytes allows: `{}`", token.len()));
        }
        Ok(token)
    }

    fn members(
        &self,
        claims: TokenClaims<'_>,
        lifetime: Duration,
        jti: &str,
        now: Now,
    ) -> Result<Map<String, Value>, String> {
        let TokenClaims { user, roles, scopes, second_factor } = claims;
        let issued = now.unix_secs();
        let mut claims = Map::new();
        let mut put = |path: &[String], value: Value| {
            insert(&mut claims, path, value)
                .ok_or_else(|| format!("two claims have the same path: `{}`", path.join(".")))
        };
        let top = |name: &str| [name.to_owned()];
        if let Some(issuer) = &self.issuer {
            put(&top("iss"), json!(issuer))?;
        }
        if let Some(audience) = self.audience.first() {
            put(&top("aud"), json!(audience))?;
        }
        put(&top("iat"), json!(issued))?;
        put(&top("exp"), json!(issued.saturating_add(lifetime.as_secs())))?;
        put(&top("jti"), json!(jti))?;
        put(&self.claims.user, json!(user))?;
        if !roles.is_empty() {
            put(&self.claims.roles, json!(roles))?;
        }
        if !scopes.is_empty() {
            put(&self.claims.scopes, json!(scopes.join(" ")))?;
        }
        if let Some((name, value)) = self.mfa.claim().filter(|_| second_factor) {
            put(&top(name), value)?;
        }
        Ok(claims)
    }
}

/// What `verify` would refuse, or read as something else.
fn check_names(claims: TokenClaims<'_>) -> Result<(), String> {
    let TokenClaims { user, roles, scopes, second_factor: _ } = claims;
    if !is_user(user) {
        return Err(format!(
            "a user is 1 to {MAX_USER} bytes without control characters, not `{}`",
            user.escape_debug()
        ));
    }
    if roles.len() > MAX_NAMES || scopes.len() > MAX_NAMES {
        return Err(format!(
            "at most {MAX_NAMES} roles and {MAX_NAMES} scopes, not `{}, {}`",
            roles.len(),
            scopes.len()
        ));
    }
    let bad_role = roles.iter().find(|role| role.is_empty() || role.chars().any(char::is_control));
    let bad_scope =
        scopes.iter().find(|scope| scope.is_empty() || scope.chars().any(|c| c == ' ' || c.is_control()));
    match (bad_role, bad_scope) {
        (Some(role), _) => Err(format!("not a role: `{}`", role.escape_debug())),
        (None, Some(scope)) => Err(format!("not a scope: `{}`", scope.escape_debug())),
        (None, None) => Ok(()),
    }
}

/// Puts a value at a path of member names; `None` if something stands there or in the way.
fn insert(claims: &mut Map<String, Value>, path: &[String], value: Value) -> Option<()> {
    let (last, parents) = path.split_last()?;
    let mut at = claims;
    for name in parents {
        at = at.entry(name).or_insert_with(|| Value::Object(Map::new())).as_object_mut()?;
    }
    at.insert(last.clone(), value).is_none().then_some(())
}

fn seal(key: &JwtKey, claims: &Map<String, Value>) -> Option<String> {
    let mut header = Map::new();
    header.insert("alg".to_owned(), json!(key.alg().name()));
    header.insert("typ".to_owned(), json!("JWT"));
    if let Some(kid) = key.kid() {
        header.insert("kid".to_owned(), json!(kid));
    }
    let part =
        |members: &Map<String, Value>| serde_json::to_vec(members).map(|json| URL_SAFE_NO_PAD.encode(json));
    let message = format!("{}.{}", part(&header).ok()?, part(claims).ok()?);
    let signature = key.sign(message.as_bytes())?;
    Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
