use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::RsaPublicKeyComponents;
use serde_json::{Value, json};

use super::*;

pub(super) const ALGORITHMS: [Alg; 3] = [Alg::Rs256, Alg::Es256, Alg::EdDsa];

/// The public test key of `alg` as a JWK, with further members.
pub(super) fn jwk(alg: Alg, more: Value) -> Value {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let mut jwk = match alg {
        Alg::Es256 => {
            let point = pairs().p256.public_key().as_ref();
            json!({"kty": "EC", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..])})
        }
        Alg::Es384 => {
            let point = pairs().p384.public_key().as_ref();
            json!({"kty": "EC", "crv": "P-384", "x": part(&point[1..49]), "y": part(&point[49..])})
        }
        Alg::EdDsa => json!({"kty": "OKP", "crv": "Ed25519", "x": part(pairs().ed.public_key().as_ref())}),
        Alg::Rs256 | Alg::Rs384 | Alg::Rs512 | Alg::Ps256 | Alg::Ps384 | Alg::Ps512 => {
            let key = RsaPublicKeyComponents::<Vec<u8>>::from(pairs().rsa.public_key());
            json!({"kty": "RSA", "n": part(&key.n), "e": part(&key.e)})
        }
        Alg::Hs256 | Alg::Hs384 | Alg::Hs512 => json!({"kty": "oct", "k": part(SECRET)}),
    };
    jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    jwk
}

/// A key set of these keys.
pub(super) fn set(keys: &[Value]) -> KeySet {
    read(json!({ "keys": keys }).to_string().as_bytes(), &ALGORITHMS).unwrap()
}

fn read(document: &[u8], algorithms: &[Alg]) -> Result<KeySet, DocumentFault> {
    KeySet::read(document, algorithms)
}

/// `alg kid` of each key, and after a bar the `kid` of those that are left out with the reason.
fn told(document: &str, algorithms: &[Alg]) -> String {
    match read(document.as_bytes(), algorithms) {
        Err(fault) => format!("{fault:?}"),
        Ok(set) => {
            let keys: Vec<_> = set
                .keys()
                .iter()
                .map(|key| format!("{} {}", key.alg().name(), key.kid().unwrap_or("-")))
                .collect();
            let ignored: Vec<_> =
                set.ignored().iter().map(|one| format!("{} {}", one.kid, one.why)).collect();
            format!("{} | {}", keys.join(", "), ignored.join(", "))
        }
    }
}

#[test]
fn documents_are_read_whole_or_not_at_all() {
    let good = jwk(Alg::Es256, json!({"kid": "a"})).to_string();
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    for (document, expected) in [
        (format!(r#"{{"keys":[{good}]}}"#), "ES256 a | "),
        (format!(r#"{{"keys":[{good}],"more":{{"a":1}}}}"#), "ES256 a | "),
        (r#"{"keys":[]}"#.to_owned(), " | "),
        (String::new(), "NotAnObject"),
        ("<html>".to_owned(), "NotAnObject"),
        ("null".to_owned(), "NotAnObject"),
        (format!("[{good}]"), "NotAnObject"),
        (format!(r#"{{"keys":[{good}]}} x"#), "NotAnObject"),
        (format!(r#"{{"keys":[{good}]"#), "NotAnObject"),
        (format!(r#"{{"keys":[{good}],"keys":[]}}"#), "NotAnObject"),
        (format!(r#"{{"keys":[{good}],"deep":{deep}}}"#), "NotAnObject"),
        (format!(r#"{{"keys":[{}]}}"#, good.replacen('{', r#"{"kty":"EC","#, 1)), "NotAnObject"),
        (format!("\u{feff}{{\"keys\":[{good}]}}"), "NotAnObject"),
        ("{}".to_owned(), "NoKeys"),
        (r#"{"keys":null}"#.to_owned(), "NoKeys"),
        (format!(r#"{{"keys":{good}}}"#), "NoKeys"),
        (r#"{"keys":"a"}"#.to_owned(), "NoKeys"),
        (format!(r#"{{"keys":[{good},null]}}"#), "NotAKey"),
        (format!(r#"{{"keys":[{good},[{good}]]}}"#), "NotAKey"),
        (format!(r#"{{"keys":[{good},"a"]}}"#), "NotAKey"),
        (format!(r#"{{"Keys":[{good}]}}"#), "NoKeys"),
    ] {
        assert_eq!(told(&document, &ALGORITHMS), expected, "{document}");
    }
    assert!(read(b"{\"keys\":[],\"x\":\"\xff\"}", &ALGORITHMS).is_err(), "no UTF-8");
    let many = |n: usize| json!({"keys": vec![json!({"kty": "x"}); n]}).to_string();
    assert!(read(many(KeySet::MAX_KEYS).as_bytes(), &ALGORITHMS).is_ok());
    assert_eq!(told(&many(KeySet::MAX_KEYS + 1), &ALGORITHMS), "TooManyKeys");
}

#[test]
fn keys_of_a_set_are_judged_one_by_one() {
    let all = [Alg::Ps256, Alg::Rs256, Alg::Es256, Alg::EdDsa];
    for (key, algorithms, expected) in [
        (jwk(Alg::Es256, json!({})), &ALGORITHMS[..], "ES256 - | "),
        (
            jwk(Alg::Es256, json!({"kid": "a", "alg": "ES256", "use": "sig", "key_ops": ["verify"]})),
            &ALGORITHMS,
            "ES256 a | ",
        ),
        (jwk(Alg::EdDsa, json!({"kid": "a", "x5c": ["MIIB"], "ext": true})), &ALGORITHMS, "EdDSA a | "),
        // Without `alg`, as Entra publishes them: the first that fits, and no other.
        (jwk(Alg::Rs256, json!({"kid": "a"})), &ALGORITHMS, "RS256 a | "),
        (jwk(Alg::Rs256, json!({"kid": "a"})), &all, "PS256 a | "),
        (jwk(Alg::Rs256, json!({"kid": "a", "alg": "RS256"})), &all, "RS256 a | "),
        (jwk(Alg::Rs256, json!({"kid": "a"})), &[Alg::Es256], " | a none of the provider's `algorithms`"),
        (jwk(Alg::Es384, json!({"kid": "a"})), &ALGORITHMS, " | a none of the provider's `algorithms`"),
        (
            jwk(Alg::Rs256, json!({"kid": "a", "alg": "RS512"})),
            &ALGORITHMS,
            " | a none of the provider's `algorithms`",
        ),
        (
            jwk(Alg::Es256, json!({"kid": "a", "alg": "RS256"})),
            &ALGORITHMS,
            " | a the key lacks this member, or it does not fit: `kty`",
        ),
        (
            jwk(Alg::Es256, json!({"kid": "a", "alg": "none"})),
            &ALGORITHMS,
            " | a none of the provider's `algorithms`",
        ),
        (
            jwk(Alg::Es256, json!({"kid": "a", "alg": null})),
            &ALGORITHMS,
            " | a none of the provider's `algorithms`",
        ),
        (
            jwk(Alg::Es256, json!({"kid": "a", "alg": ["ES256"]})),
            &ALGORITHMS,
            " | a none of the provider's `algorithms`",
        ),
        (
            jwk(Alg::Es256, json!({"kid": "a", "use": "enc"})),
            &ALGORITHMS,
            " | a the key lacks this member, or it does not fit: `use`",
        ),
        (
            jwk(Alg::Es256, json!({"kid": "a", "use": ["sig"]})),
            &ALGORITHMS,
            " | a the key lacks this member, or it does not fit: `use`",
        ),
        (
            jwk(Alg::Es256, json!({"kid": "a", "key_ops": ["encrypt"]})),
            &ALGORITHMS,
            " | a the key lacks this member, or it does not fit: `key_ops`",
        ),
        (
            jwk(Alg::Es256, json!({"kid": "a", "key_ops": "verify"})),
            &ALGORITHMS,
            " | a the key lacks this member, or it does not fit: `key_ops`",
        ),
        (
            jwk(Alg::Es256, json!({"kid": "a", "crv": "P-384"})),
            &ALGORITHMS,
            " | a none of the provider's `algorithms`",
        ),
        (
            jwk(Alg::Es256, json!({"kid": "a", "y": "AA"})),
            &ALGORITHMS,
            " | a the key lacks this member, or it does not fit: `x, y`",
        ),
        (jwk(Alg::Hs256, json!({"kid": "a", "alg": "HS256"})), &ALGORITHMS, " | a it is a shared secret"),
        (
            jwk(Alg::Hs256, json!({"kid": "a", "alg": "ES256"})),
            &[Alg::Hs256, Alg::Es256],
            " | a it is a shared secret",
        ),
        (jwk(Alg::Es256, json!({"kid": "a", "d": "AA"})), &ALGORITHMS, " | a it is a private key"),
        (jwk(Alg::Rs256, json!({"kid": "a", "p": "AA"})), &ALGORITHMS, " | a it is a private key"),
        (
            jwk(Alg::Rs256, json!({"kid": "a", "n": "AQAB"})),
            &ALGORITHMS,
            " | a an RSA key of 2048 to 8192 bits is needed",
        ),
        (
            jwk(Alg::Rs256, json!({"kid": "a", "e": "AQ"})),
            &ALGORITHMS,
            " | a the exponent of the RSA key is not valid",
        ),
        (jwk(Alg::Es256, json!({"kid": 1})), &ALGORITHMS, " | - its `kid` is not a text"),
        (jwk(Alg::Es256, json!({"kid": ""})), &ALGORITHMS, " |  its `kid` is not a text"),
        (jwk(Alg::Es256, json!({"kid": "a\nb"})), &ALGORITHMS, " | a\\nb its `kid` is not a text"),
        (
            jwk(Alg::Es256, json!({"kty": "ec", "kid": "a"})),
            &ALGORITHMS,
            " | a none of the provider's `algorithms`",
        ),
        (json!({}), &ALGORITHMS, " | - none of the provider's `algorithms`"),
    ] {
        let told = told(&json!({"keys": [key.clone()]}).to_string(), algorithms);
        assert!(told.starts_with(expected), "{key}: {told}");
    }
}

#[test]
fn two_keys_of_one_name_are_told_apart_or_refused() {
    let named = |alg, kid: &str| jwk(alg, json!({ "kid": kid }));
    let other = |kid: &str| {
        let point =
            EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap().public_key().as_ref().to_vec();
        let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
        let mut key = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
        if !kid.is_empty() {
            key["kid"] = kid.into();
        }
        key
    };
    for (keys, expected) in [
        (vec![named(Alg::Es256, "a"), other("b")], "ES256 a, ES256 b | "),
        (vec![named(Alg::Es256, "a"), other("a")], "TwoKeysOfOneName(\"a\")"),
        (vec![other("a"), named(Alg::EdDsa, "b"), other("a")], "TwoKeysOfOneName(\"a\")"),
        (vec![named(Alg::Es256, "a"), named(Alg::Es256, "a")], "ES256 a | "),
        (vec![named(Alg::Es256, "a"), named(Alg::Rs256, "a")], "ES256 a, RS256 a | "),
        (vec![jwk(Alg::Es256, json!({})), other("")], "ES256 -, ES256 - | "),
    ] {
        assert_eq!(told(&json!({ "keys": keys }).to_string(), &ALGORITHMS), expected);
    }
    // One that is left out makes no other ambiguous.
    let mut encrypts = other("a");
    encrypts["use"] = "enc".into();
    let told = told(&json!({"keys": [encrypts, named(Alg::Es256, "a")]}).to_string(), &ALGORITHMS);
    assert!(told.starts_with("ES256 a | a the key lacks"), "{told}");
}

#[test]
fn a_set_is_the_same_by_its_keys() {
    let (a, b) = (jwk(Alg::Es256, json!({"kid": "a"})), jwk(Alg::EdDsa, json!({"kid": "b"})));
    let both = set(&[a.clone(), b.clone()]);
    let mut told_more = a.clone();
    told_more["x5t"] = "more".into();
    assert!(both.is_same(&set(&[told_more, b.clone(), json!({"kty": "unknown"})])));
    let mut renamed = a.clone();
    renamed["kid"] = "c".into();
    for other in [set(std::slice::from_ref(&a)), set(&[renamed, b.clone()]), set(&[b, a]), set(&[])] {
        assert!(!both.is_same(&other), "{other:?}");
    }
}

#[test]
fn a_discovery_document_is_of_the_configured_issuer() {
    let issuer = "https://issuer.test";
    for (document, expected) in [
        (
            json!({"issuer": issuer, "jwks_uri": "https://issuer.test/keys", "x": []}),
            "https://issuer.test/keys",
        ),
        (json!({"issuer": "https://issuer.test/", "jwks_uri": "x"}), "OtherIssuer(\"https://issuer.test/\")"),
        (json!({"issuer": "https://ISSUER.test", "jwks_uri": "x"}), "OtherIssuer(\"https://ISSUER.test\")"),
        (json!({"issuer": [issuer], "jwks_uri": "x"}), "OtherIssuer(\"\")"),
        (json!({"jwks_uri": "x"}), "OtherIssuer(\"\")"),
        (json!({"issuer": issuer}), "NoKeySetAddress"),
        (json!({"issuer": issuer, "jwks_uri": ["x"]}), "NoKeySetAddress"),
        (json!([issuer]), "NotAnObject"),
    ] {
        let told = match jwks_uri(document.to_string().as_bytes(), issuer) {
            Ok(uri) => uri,
            Err(fault) => format!("{fault:?}"),
        };
        assert_eq!(told, expected, "{document}");
    }
    let twice = format!(r#"{{"issuer":"https://evil.test","issuer":"{issuer}","jwks_uri":"x"}}"#);
    assert_eq!(jwks_uri(twice.as_bytes(), issuer), Err(DocumentFault::NotAnObject));
}

/// What a provider says is written into the log of the gateway: in one line, and not at length.
#[test]
fn what_a_document_says_is_shown_without_controls() {
    let strange = format!("a\n\u{1b}[31m{}", "x".repeat(5000));
    let document = json!({"issuer": strange, "jwks_uri": "x"}).to_string();
    let fault = jwks_uri(document.as_bytes(), "https://issuer.test").unwrap_err().to_string();
    assert!(fault.len() < 300 && !fault.chars().any(char::is_control), "{fault}");
    let keys = json!({"keys": [{"kty": "oct", "kid": strange}]}).to_string();
    let set = read(keys.as_bytes(), &ALGORITHMS).unwrap();
    assert!(set.ignored().iter().all(|one| one.kid.len() < 200 && !one.kid.chars().any(char::is_control)));
}

/// The files of `tests/fuzz/corpus/TARGET` with their bytes. A file's name begins with what it is: `read-` or `refused-`.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
    let files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap()))
        .collect();
    assert!(files.len() >= 8, "{} files", files.len());
    files
}

#[test]
fn the_documents_of_the_corpus_are_told_apart() {
    let check = |target: &str, is_read: fn(&[u8]) -> bool| {
        for (name, bytes) in corpus(target) {
            let called = name.split_once('-').map(|(kind, _)| kind);
            let told = if is_read(&bytes) { "read" } else { "refused" };
            assert!(called.is_none_or(|called| called == told), "{target}/{name}: {told}");
        }
    };
    check("jwks", |bytes| KeySet::read(bytes, &ALGORITHMS).is_ok());
    check("discovery", |bytes| jwks_uri(bytes, "https://issuer.test").is_ok());
}
