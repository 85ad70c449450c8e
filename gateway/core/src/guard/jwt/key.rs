//! Keys, each pinned to its one algorithm (RFC 8725 §3.1).

use aws_lc_rs::digest;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RsaPublicKeyComponents,
    VerificationAlgorithm,
};
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{DecodingKey, EncodingKey};

use super::alg::{Alg, Family};
use super::der::{self, PublicKey};
use super::header::{Header, Jws};
use crate::denial::TokenFault;
use crate::secret::{Secret, is_key_file};

/// Bits of an RSA modulus: fewer are too weak (RFC 7518 §3.3), more are a load.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A key with its one algorithm.
pub struct JwtKey {
    kid: Option<String>,
    alg: Alg,
    verifier: DecodingKey,
    signer: Option<EncodingKey>,
    digest: [u8; 32],
    /// A digest of the secret alone, if it is one.
    shared: Option<[u8; 32]>,
}

impl JwtKey {
    /// A shared secret, for the HS algorithms alone. Its strength was judged before.
    ///
    /// # Errors
    /// The algorithm is asymmetric, or the secret is empty or the text of a key file: a
    /// public key is known to others, who could sign with it.
    pub fn secret(kid: Option<String>, alg: Alg, secret: Secret<Vec<u8>>) -> Result<Self, String> {
        if !alg.is_symmetric() {
            return Err(format!(
                "this algorithm verifies with a public key, not with a secret: `{}`",
                alg.name()
            ));
        }
        let bytes = secret.expose();
        if bytes.is_empty() {
            return Err("the secret is empty".to_owned());
        }
        if is_key_file(bytes) {
            return Err("the secret is the text of a key or certificate file".to_owned());
        }
        let digest = digest_of(kid.as_deref(), alg, &[bytes]);
        let shared = Some(digest_of(None, Alg::Hs256, &[bytes]));
        Ok(Self {
            kid,
            alg,
            verifier: DecodingKey::from_secret(bytes),
            signer: Some(EncodingKey::from_secret(bytes)),
            digest,
            shared,
        })
    }

    /// A public key in PEM: SubjectPublicKeyInfo, PKCS#1 for RSA, or an X.509 certificate.
    ///
    /// # Errors
    /// It cannot be read, is a private key, or does not fit `alg` by type, curve or size.
    pub fn public_pem(kid: Option<String>, alg: Alg, pem: &[u8]) -> Result<Self, String> {
        if alg.is_symmetric() {
            return Err(format!("a public key cannot be used with an HMAC: `{}`", alg.name()));
        }
        Self::public(kid, alg, der::public_key(pem)?)
    }

    pub(super) fn public(kid: Option<String>, alg: Alg, key: PublicKey) -> Result<Self, String> {
        match (alg.family(), key) {
            (Family::Rsa, PublicKey::Rsa(der)) => {
                let key =
                    rsa::PublicKey::from_der(&der).map_err(|_| "the RSA key is not valid".to_owned())?;
                let parts = RsaPublicKeyComponents::<Vec<u8>>::from(&key);
                Self::rsa(kid, alg, &parts.n, &parts.e)
            }
            (Family::P256, PublicKey::P256(point)) => Self::curve(kid, alg, &ECDSA_P256_SHA256_FIXED, &point),
            (Family::P384, PublicKey::P384(point)) => Self::curve(kid, alg, &ECDSA_P384_SHA384_FIXED, &point),
            (Family::Ed25519, PublicKey::Ed25519(point)) => Self::curve(kid, alg, &ED25519, &point),
            (
                needed @ (Family::Hmac | Family::Rsa | Family::P256 | Family::P384 | Family::Ed25519),
                given,
            ) => {
                let (alg, needed, given) = (alg.name(), needed.describe(), given.describe());
                Err(format!("the key does not fit its algorithm: {alg} needs {needed}, this is `{given}`"))
            }
        }
    }

    /// An RSA key of modulus and exponent, both big-endian without leading zeros.
    pub(super) fn rsa(kid: Option<String>, alg: Alg, n: &[u8], e: &[u8]) -> Result<Self, String> {
        let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) {
            let (min, max) = (RSA_BITS.start(), RSA_BITS.end());
            return Err(format!("an RSA key of {min} to {max} bits is needed, this has `{bits}`"));
        }
        // 1 would make every signature genuine, and an even one cannot be.
        if e.last().is_none_or(|last| last % 2 == 0) || matches!(e, [1]) || e.len() > 4 {
            return Err("the exponent of the RSA key is not valid".to_owned());
        }
        let verifier = DecodingKey::from_rsa_raw_components(n, e);
        let digest = digest_of(kid.as_deref(), alg, &[n, e]);
        Ok(Self { kid, alg, verifier, signer: None, digest, shared: None })
    }

    /// A key on a curve; the point is checked to lie on it.
    fn curve(
        kid: Option<String>,
        alg: Alg,
        curve: &'static dyn VerificationAlgorithm,
        point: &[u8],
    ) -> Result<Self, String> {
        ParsedPublicKey::new(curve, point).map_err(|_| "the key is not a point on its curve".to_owned())?;
        let verifier = match alg.family() {
            Family::Ed25519 => DecodingKey::from_ed_der(point),
            Family::Hmac | Family::Rsa | Family::P256 | Family::P384 => DecodingKey::from_ec_der(point),
        };
        let digest = digest_of(kid.as_deref(), alg, &[point]);
        Ok(Self { kid, alg, verifier, signer: None, digest, shared: None })
    }

    /// Its name, if it has one.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm it is used with.
    #[must_use]
    pub fn alg(&self) -> Alg {
        self.alg
    }

    /// It can sign: it is a shared secret.
    #[must_use]
    pub fn signs(&self) -> bool {
        self.signer.is_some()
    }

    /// Both are the same secret, whatever their names and algorithms.
    pub fn same_secret(&self, other: &Self) -> bool {
        self.shared.is_some() && self.shared == other.shared
    }

    /// Checks the form and the signature of a JWS by this key, and returns its payload.
    ///
    /// Claims are not checked, so the result authenticates no caller. It is for test vectors of signatures.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn dangerous_signature_alone(&self, jws: &[u8]) -> Result<Vec<u8>, TokenFault> {
        let jws = Jws::parse(jws)?;
        if !self.fits(&jws.header) {
            return Err(TokenFault::UnknownKey);
        }
        if !self.proves(&jws) {
            return Err(TokenFault::Signature);
        }
        jws.payload()
    }

    /// Whether a token with this header may be tried: its `alg` is the pinned one, and its `kid`,
    /// if it has one, is this key's.
    pub(super) fn fits(&self, header: &Header) -> bool {
        header.alg == self.alg && header.kid.as_deref().is_none_or(|kid| self.kid() == Some(kid))
    }

    /// Whether the signature is genuine, by the pinned algorithm.
    pub(super) fn proves(&self, jws: &Jws<'_>) -> bool {
        (DEFAULT_PROVIDER.verifier_factory)(&self.alg.library(), &self.verifier)
            .is_ok_and(|verifier| verifier.verify(jws.message, &jws.signature).is_ok())
    }

    /// Signs, if it can.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let signer = (DEFAULT_PROVIDER.signer_factory)(&self.alg.library(), self.signer.as_ref()?).ok()?;
        signer.try_sign(message).ok()
    }

    /// A digest of key, algorithm and name.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

impl std::fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtKey").field("kid", &self.kid).field("alg", &self.alg).finish_non_exhaustive()
    }
}

impl PublicKey {
    fn describe(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "an RSA key",
            Self::P256(_) => "a P-256 key",
            Self::P384(_) => "a P-384 key",
            Self::Ed25519(_) => "an Ed25519 key",
        }
    }
}

fn digest_of(kid: Option<&str>, alg: Alg, key: &[&[u8]]) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    let name = [kid.map(str::as_bytes).unwrap_or_default(), alg.name().as_bytes()];
    context.update(&[u8::from(kid.is_some())]);
    for part in name.iter().chain(key) {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}
