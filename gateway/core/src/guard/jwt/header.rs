//! The three parts of a token and its header (RFC 7515 §3.1, §4, §7.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::alg::Alg;
use super::json;
use crate::denial::TokenFault;

/// The parts of a token, not verified yet. The payload is decoded after the signature is verified, or to
/// see whose token it says that it is.
pub(super) struct Jws<'t> {
    pub(super) header: Header,
    /// What was signed: the first two parts and the dot between them.
    pub(super) message: &'t [u8],
    pub(super) signature: Vec<u8>,
    payload: &'t [u8],
}

/// The members of a header that count. Both only choose among configured keys; `jwk`, `jku`,
/// `x5u`, `x5c` and all others are never looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) alg: Alg,
    pub(super) kid: Option<String>,
}

impl<'t> Jws<'t> {
    /// Splits a token into its parts.
    pub(super) fn parse(token: &'t [u8]) -> Result<Self, TokenFault> {
        let mut dots = token.iter().enumerate().filter(|(_, b)| **b == b'.').map(|(at, _)| at);
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(TokenFault::Malformed);
        };
        let cut = |from: usize, to: usize| token.get(from..to).ok_or(TokenFault::Malformed);
        let header = Header::read(&decode(cut(0, first)?)?)?;
        Ok(Self {
            header,
            message: cut(0, second)?,
            payload: cut(first + 1, second)?,
            signature: decode(cut(second + 1, token.len())?)?,
        })
    }

    /// The payload. Before the signature is verified, nothing may be decided by it.
    pub(super) fn payload(&self) -> Result<Vec<u8>, TokenFault> {
        decode(self.payload)
    }
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, TokenFault> {
        let members = json::object(bytes).ok_or(TokenFault::Malformed)?;
        // `crit` names extensions, of which none is known here (RFC 7515 §4.1.11); `b64` would
        // change what is signed (RFC 7797 §3), `zip` what is read (RFC 8725 §3.6).
        if ["crit", "b64", "zip"].iter().any(|name| members.contains_key(*name)) {
            return Err(TokenFault::Header);
        }
        if !is_token_type(&members) {
            return Err(TokenFault::Header);
        }
        let alg =
            members.get("alg").and_then(Value::as_str).and_then(Alg::parse).ok_or(TokenFault::Header)?;
        let kid = match members.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return Err(TokenFault::Header),
        };
        Ok(Self { alg, kid })
    }
}

/// `typ` is absent, `JWT` or `at+jwt` (RFC 9068 §4), compared as RFC 7515 §4.1.9 says. Tokens of
/// another type were made for another purpose (RFC 8725 §3.11, §3.12).
fn is_token_type(members: &Map<String, Value>) -> bool {
    let Some(typ) = members.get("typ") else { return true };
    let Some(typ) = typ.as_str() else { return false };
    let subtype = match typ.split_once('/') {
        Some((tree, subtype)) if tree.eq_ignore_ascii_case("application") => subtype,
        Some(_) => return false,
        None => typ,
    };
    subtype.eq_ignore_ascii_case("JWT") || subtype.eq_ignore_ascii_case("at+jwt")
}

/// Base64url in its one form: no padding, no other alphabet, no stray bits (RFC 7515 §2).
fn decode(part: &[u8]) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Malformed)
}
