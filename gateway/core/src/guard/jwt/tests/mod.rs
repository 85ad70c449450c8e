#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod cache;
mod claims;
mod corpus;
mod fetched;
mod header;
mod jwks;
mod keys;
mod sign;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::*;
use crate::guard::credential::TokenSource;
use crate::secret::Secret;

/// 2027-01-15T08:00:00Z
const NOW: u64 = 1_800_000_000;
const SECRET: &[u8] = b"q8Zt5vLw2XyRb7Nc0MdKf3Hg9JsPa6Ue";
const GOOD: &str =
    r#"{"iss":"https://issuer.test","aud":"media","sub":"alice","iat":1799999995,"exp":1800003600}"#;

/// The moment `seconds` after the epoch.
fn at(seconds: u64) -> Now {
    Now::new(Duration::ZERO, Duration::from_secs(seconds))
}

/// Key pairs made once for all tests.
struct Pairs {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed: Ed25519KeyPair,
}

fn pairs() -> &'static Pairs {
    static PAIRS: OnceLock<Pairs> = OnceLock::new();
    PAIRS.get_or_init(|| Pairs {
        rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
        ed: Ed25519KeyPair::generate().unwrap(),
    })
}

/// The signature of `message` by the test key of `alg`.
fn raw_signature(alg: Alg, message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let rsa = |encoding: &'static dyn RsaEncoding| {
        let mut signature = vec![0; 256];
        pairs().rsa.sign(encoding, &random, message, &mut signature).unwrap();
        signature
    };
    let mac = |alg| hmac::sign(&hmac::Key::new(alg, SECRET), message).as_ref().to_vec();
    match alg {
        Alg::Hs256 => mac(hmac::HMAC_SHA256),
        Alg::Hs384 => mac(hmac::HMAC_SHA384),
        Alg::Hs512 => mac(hmac::HMAC_SHA512),
        Alg::Rs256 => rsa(&RSA_PKCS1_SHA256),
        Alg::Rs384 => rsa(&RSA_PKCS1_SHA384),
        Alg::Rs512 => rsa(&RSA_PKCS1_SHA512),
        Alg::Ps256 => rsa(&RSA_PSS_SHA256),
        Alg::Ps384 => rsa(&RSA_PSS_SHA384),
        Alg::Ps512 => rsa(&RSA_PSS_SHA512),
        Alg::Es256 => pairs().p256.sign(&random, message).unwrap().as_ref().to_vec(),
        Alg::Es384 => pairs().p384.sign(&random, message).unwrap().as_ref().to_vec(),
        Alg::EdDsa => pairs().ed.sign(message).as_ref().to_vec(),
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// SubjectPublicKeyInfo of the test key of `alg`.
fn spki(alg: Alg) -> Vec<u8> {
    match alg {
        Alg::Es256 => pairs().p256.public_key().as_der().unwrap().as_ref().to_vec(),
        Alg::Es384 => pairs().p384.public_key().as_der().unwrap().as_ref().to_vec(),
        Alg::EdDsa => pairs().ed.public_key().as_der().unwrap().as_ref().to_vec(),
        Alg::Hs256 | Alg::Hs384 | Alg::Hs512 => panic!("a secret has no public form"),
        Alg::Rs256 | Alg::Rs384 | Alg::Rs512 | Alg::Ps256 | Alg::Ps384 | Alg::Ps512 => {
            pairs().rsa.public_key().as_der().unwrap().as_ref().to_vec()
        }
    }
}

/// The test key of `alg`, named as said.
fn key(kid: Option<&str>, alg: Alg) -> JwtKey {
    let kid = kid.map(str::to_owned);
    if alg.is_symmetric() {
        JwtKey::secret(kid, alg, Secret::new(SECRET.to_vec())).unwrap()
    } else {
        JwtKey::public_pem(kid, alg, pem("PUBLIC KEY", &spki(alg)).as_bytes()).unwrap()
    }
}

/// A policy with these keys that [`GOOD`] satisfies.
fn policy(keys: Vec<JwtKey>) -> JwtPolicy {
    let path = |name: &str| vec![name.to_owned()];
    JwtPolicy {
        name: "house".into(),
        keys,
        fetched: None,
        issuer: Some("https://issuer.test".to_owned()),
        audience: vec!["media".to_owned(), "films".to_owned()],
        leeway: Duration::from_secs(30),
        max_lifetime: Duration::from_secs(24 * 3600),
        max_bytes: 8192,
        sources: [TokenSource::Bearer].into(),
        claims: ClaimPaths { user: path("sub"), roles: path("roles"), scopes: path("scope") },
        mfa: SecondFactorPolicy::default(),
    }
}

/// Header, claims and signature by the test key of `alg`, joined.
fn token(alg: Alg, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = raw_signature(alg, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token with [`GOOD`] claims.
fn good(alg: Alg) -> String {
    token(alg, &format!(r#"{{"alg":"{}","typ":"JWT"}}"#, alg.name()), GOOD)
}

/// What came of a verification, in a word.
fn told<T>(result: Result<T, Denial>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(Denial::TokenInvalid(fault)) => format!("{fault:?}"),
        Err(denial) => format!("{denial:?}"),
    }
}
