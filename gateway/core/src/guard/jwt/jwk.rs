//! Keys out of JSON Web Keys, strictly (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::alg::{Alg, Family};
use super::der::PublicKey;
use super::key::JwtKey;
use crate::secret::Secret;

impl JwtKey {
    /// A public key as a JWK; `kty`, `crv` and `alg` must fit `alg`, `use` and `key_ops` must
    /// allow to verify. Symmetric keys are refused: a key set that is published is no secret.
    ///
    /// # Errors
    /// What does not fit, or that it is a private key.
    pub fn jwk(kid: Option<String>, alg: Alg, jwk: &Value) -> Result<Self, String> {
        if alg.is_symmetric() {
            return Err(format!("a public key cannot be used with an HMAC: `{}`", alg.name()));
        }
        if jwk.get("d").is_some() {
            return Err("this is a private key; give the public one".to_owned());
        }
        check_kind(jwk, kind(alg))?;
        check_use(alg, jwk)?;
        let point = |size: usize| {
            let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
            let right = x.len() == size && y.len() == size;
            right.then(|| [&[4], x.as_slice(), y.as_slice()].concat()).ok_or_else(|| fault("x, y"))
        };
        let key = match alg.family() {
            Family::Hmac | Family::Rsa => {
                let (n, e) = (bytes(jwk, "n")?, bytes(jwk, "e")?);
                if n.first() == Some(&0) || e.first() == Some(&0) {
                    return Err(fault("n, e"));
                }
                return Self::rsa(kid, alg, &n, &e);
            }
            Family::P256 => PublicKey::P256(point(32)?),
            Family::P384 => PublicKey::P384(point(48)?),
            Family::Ed25519 => PublicKey::Ed25519(bytes(jwk, "x")?),
        };
        Self::public(kid, alg, key)
    }

    /// Whether the JWK is of the kind that `alg` needs, by its `kty` and `crv`.
    pub(super) fn is_kind_of(alg: Alg, jwk: &Value) -> bool {
        check_kind(jwk, kind(alg)).is_ok()
    }

    /// A shared secret as a JWK of type `oct`, from a place that is not published. As in
    /// [`JwtKey::secret`], its strength is the caller's to judge.
    ///
    /// # Errors
    /// What does not fit.
    pub fn jwk_symmetric(kid: Option<String>, alg: Alg, jwk: &Value) -> Result<Self, String> {
        check_kind(jwk, ("oct", None))?;
        check_use(alg, jwk)?;
        Self::secret(kid, alg, Secret::new(bytes(jwk, "k")?))
    }
}

/// The `kty` and the `crv` of the keys that an algorithm needs.
fn kind(alg: Alg) -> (&'static str, Option<&'static str>) {
    match alg.family() {
        Family::Hmac => ("oct", None),
        Family::Rsa => ("RSA", None),
        Family::P256 => ("EC", Some("P-256")),
        Family::P384 => ("EC", Some("P-384")),
        Family::Ed25519 => ("OKP", Some("Ed25519")),
    }
}

fn is(jwk: &Value, name: &str, wanted: &str) -> bool {
    jwk.get(name).and_then(Value::as_str) == Some(wanted)
}

fn check_kind(jwk: &Value, (kty, crv): (&str, Option<&str>)) -> Result<(), String> {
    if !is(jwk, "kty", kty) {
        return Err(fault("kty"));
    }
    if crv.is_some_and(|crv| !is(jwk, "crv", crv)) {
        return Err(fault("crv"));
    }
    Ok(())
}

fn check_use(alg: Alg, jwk: &Value) -> Result<(), String> {
    let absent_or = |name: &str, wanted: &str| jwk.get(name).is_none() || is(jwk, name, wanted);
    if !absent_or("alg", alg.name()) {
        return Err(fault("alg"));
    }
    if !absent_or("use", "sig") {
        return Err(fault("use"));
    }
    let verifies = |ops: &Value| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify"));
    if jwk.get("key_ops").is_some_and(|ops| !verifies(ops)) {
        return Err(fault("key_ops"));
    }
    Ok(())
}

fn bytes(jwk: &Value, name: &str) -> Result<Vec<u8>, String> {
    let text = jwk.get(name).and_then(Value::as_str).ok_or_else(|| fault(name))?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| fault(name))
}

fn fault(name: &str) -> String {
    format!("the key lacks this member, or it does not fit: `{name}`")
}
