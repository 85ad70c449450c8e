//! Public keys out of PEM: SubjectPublicKeyInfo, PKCS#1 and X.509 certificates (RFC 7468, RFC 5280).
//!
//! Read at start, from files of the operator. Of a certificate the key alone is taken: neither
//! its dates nor its issuer are judged, as the operator pinned it by naming the file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A public key and what it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// An `RSAPublicKey` of PKCS#1.
    Rsa(Vec<u8>),
    /// An encoded point on P-256.
    P256(Vec<u8>),
    /// An encoded point on P-384.
    P384(Vec<u8>),
    /// 32 bytes.
    Ed25519(Vec<u8>),
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;

const RSA: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
const P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2B, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2B, 0x65, 0x70];

/// The public key in a PEM text: that of its first block, whose label has to be known.
///
/// # Errors
/// What is wrong with it, for operators.
pub(super) fn public_key(pem: &[u8]) -> Result<PublicKey, String> {
    let text = std::str::from_utf8(pem).map_err(|_| "this is not a PEM text".to_owned())?;
    // Anywhere in the file: a private key has no business beside a public one.
    if text.contains("PRIVATE KEY-----") {
        return Err("this is a private key; give the public one".to_owned());
    }
    let (label, der) = block(text)?;
    let broken = || format!("the PEM block cannot be read as a `{label}`");
    let info = match label {
        "PUBLIC KEY" => der,
        "CERTIFICATE" | "X509 CERTIFICATE" => key_info_of_certificate(&der).ok_or_else(broken)?.to_vec(),
        "RSA PUBLIC KEY" => return Ok(PublicKey::Rsa(der)),
        _ => return Err(format!("a public key or a certificate is needed, this is a `{label}`")),
    };
    key_of_info(&info).ok_or_else(broken)?
}

/// Label and content of the first block.
fn block(text: &str) -> Result<(&str, Vec<u8>), String> {
    let missing = || "no `-----BEGIN PUBLIC KEY-----` found".to_owned();
    let (_, rest) = text.split_once("-----BEGIN ").ok_or_else(missing)?;
    let (label, rest) = rest.split_once("-----").ok_or_else(missing)?;
    let end = format!("-----END {label}-----");
    let (body, _) = rest.split_once(end.as_str()).ok_or_else(|| format!("the PEM text lacks its `{end}`"))?;
    let packed: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(packed).map_err(|_| format!("the PEM block is not base64: `{label}`"))?;
    Ok((label, der))
}

/// SubjectPublicKeyInfo ::= SEQUENCE { SEQUENCE { algorithm, parameters }, BIT STRING }
///
/// The outer `None` is a broken encoding, the inner error a kind of key that is not known.
fn key_of_info(der: &[u8]) -> Option<Result<PublicKey, String>> {
    let mut outer = Der(der);
    let mut info = outer.take(SEQUENCE)?;
    let mut algorithm = info.take(SEQUENCE)?;
    let kind = algorithm.take(OID)?.0;
    let Der([0, key @ ..]) = info.take(BIT_STRING)? else { return None };
    if !outer.0.is_empty() || !info.0.is_empty() {
        return None;
    }
    let key = key.to_vec();
    Some(match kind {
        RSA => Ok(PublicKey::Rsa(key)),
        ED25519 => Ok(PublicKey::Ed25519(key)),
        EC => match algorithm.take(OID)?.0 {
            P256 => Ok(PublicKey::P256(key)),
            P384 => Ok(PublicKey::P384(key)),
            _ => Err("the curve of this key is none of `P-256, P-384`".to_owned()),
        },
        _ => Err("this kind of key is none of `RSA, EC, Ed25519`".to_owned()),
    })
}

/// TBSCertificate ::= SEQUENCE { [0] version?, serial, signature, issuer, validity, subject, info, … }
fn key_info_of_certificate(der: &[u8]) -> Option<&[u8]> {
    let mut tbs = Der(der).take(SEQUENCE)?.take(SEQUENCE)?;
    if tbs.0.first() == Some(&VERSION) {
        tbs.take(VERSION)?;
    }
    tbs.take(INTEGER)?;
    for _ in ["signature", "issuer", "validity", "subject"] {
        tbs.take(SEQUENCE)?;
    }
    let before = tbs.0;
    tbs.take(SEQUENCE)?;
    before.get(..before.len() - tbs.0.len())
}

/// What is left to read.
pub(super) struct Der<'d>(pub(super) &'d [u8]);

impl<'d> Der<'d> {
    /// The content of the next element, which must have this tag and a length in its shortest form.
    pub(super) fn take(&mut self, tag: u8) -> Option<Self> {
        let (&found, rest) = self.0.split_first()?;
        let (length, rest) = match *rest {
            [short, ref rest @ ..] if short < 0x80 => (usize::from(short), rest),
            [0x81, length, ref rest @ ..] if length >= 0x80 => (usize::from(length), rest),
            [0x82, high, low, ref rest @ ..] if high > 0 => {
                (usize::from(u16::from_be_bytes([high, low])), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        (found == tag).then_some(Der(content))
    }
}
