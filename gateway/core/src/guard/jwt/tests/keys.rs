use super::*;

const EC_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBgTCCASegAwIBAgIUB3Yb0K/PdF2/QIxBMsAO7YSJB2IwCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLaXNzdWVyLnRlc3QwHhcNMjYxMTIxMDYxODI4WhcNMzYxMTE4
MDYxODI4WjAWMRQwEgYDVQQDDAtpc3N1ZXIudGVzdDBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABLdQ+AsiSJrzA1CD8YzeV/ex/KCFzPhoz+2b3nqrH8lZu3MlRusV
IU6pf/xgiIjNt1XxlY2Pe15tMLfjTu7LbRmjUzBRMB0GA1UdDgQWBBRK3rRKYeOZ
p0PunjBMyh+EARH9vzAfBgNVHSMEGDAWgBRK3rRKYeOZp0PunjBMyh+EARH9vzAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCICn7KZp3bW4rpGJRNn9k
Al0Uqd4OfVcteB46WjGNjRrFAiEA/u7Gl1JspMJv3KeP3TeIN6y0ORpA4yS5zMzE
UIin7eE=
-----END CERTIFICATE-----
";

const ED_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBQDCB86ADAgECAhRbdBRMmCA6gxxCsFPyO4vVs+a98DAFBgMrZXAwFjEUMBIG
A1UEAwwLaXNzdWVyLnRlc3QwHhcNMjYxMTIxMDYxODI4WhcNMzYxMTE4MDYxODI4
WjAWMRQwEgYDVQQDDAtpc3N1ZXIudGVzdDAqMAUGAytlcAMhAL3sZu0c7UAfTXev
TleMC3Zvx9eT5PlJXX6YVOgWvHyuo1MwUTAdBgNVHQ4EFgQUUwD2x7Qri1SBe+Xo
rbvhKKMm3sIwHwYDVR0jBBgwFoAUUwD2x7Qri1SBe+XorbvhKKMm3sIwDwYDVR0T
AQH/BAUwAwEB/zAFBgMrZXADQQDrCn6ox0goEUPhNOJ3qpqFW781utRuQUckNQYq
5NZvts5r4iK7U67Y73BUvN2YciBpWgxXTgd9d+z44K3VISoK
-----END CERTIFICATE-----
";

/// Too short to be taken.
const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDQLuVMTQRf1fipHd+I6QHgwqZM
1TQ6Rf9SiznOf+a0+i+TmEK5LsY3aVnBnHUnqH+YmqC0XxkppXHCpop6FoWXq+kf
6ivXPdONgZnFA/F1fZhmpsXfLaE40poL3UkeK3FYxjjmtDlnCkNhP61QcLxMMts0
zfsR4TcjofUnMZMbSwIDAQAB
-----END PUBLIC KEY-----
";

#[test]
fn a_key_is_used_with_its_own_algorithm_alone() {
    for own in Alg::ALL {
        let policy = policy(vec![key(None, own)]);
        for other in Alg::ALL {
            let expected = if own == other { "ok" } else { "UnknownKey" };
            let verdict = told(policy.verify(good(other).as_bytes(), at(NOW)));
            assert_eq!(verdict, expected, "key {own:?}, token {other:?}");
            // The right header over a signature of another algorithm.
            if own != other {
                let forged = token(other, &format!(r#"{{"alg":"{}"}}"#, own.name()), GOOD);
                assert_eq!(
                    told(policy.verify(forged.as_bytes(), at(NOW))),
                    "Signature",
                    "{own:?} by {other:?}"
                );
            }
        }
    }
}

#[test]
fn public_keys_are_not_hmac_secrets() {
    let rsa = pem("PUBLIC KEY", &spki(Alg::Rs256));
    let ec = pem("PUBLIC KEY", &spki(Alg::Es256));
    let keys = || vec![key(Some("r"), Alg::Rs256), key(Some("e"), Alg::Es256), key(Some("d"), Alg::EdDsa)];
    let mut with_secret = keys();
    with_secret.push(key(Some("h"), Alg::Hs256));
    let secrets: Vec<Vec<u8>> = vec![
        rsa.clone().into_bytes(),
        rsa.trim_end().to_owned().into_bytes(),
        rsa.replace('\n', "\r\n").into_bytes(),
        spki(Alg::Rs256),
        pairs().rsa.public_key().as_ref().to_vec(),
        ec.into_bytes(),
        spki(Alg::Es256),
        pairs().p256.public_key().as_ref().to_vec(),
        spki(Alg::EdDsa),
        pairs().ed.public_key().as_ref().to_vec(),
        Vec::new(),
    ];
    for secret in &secrets {
        for (name, mac) in
            [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
        {
            for kid in ["", r#","kid":"r""#, r#","kid":"e""#, r#","kid":"h""#] {
                let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{name}"{kid}}}"#));
                let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(GOOD));
                let tag = hmac::sign(&hmac::Key::new(mac, secret), message.as_bytes());
                let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()));
                assert_eq!(told(policy(keys()).verify(token.as_bytes(), at(NOW))), "UnknownKey");
                assert!(policy(with_secret_again(&with_secret)).verify(token.as_bytes(), at(NOW)).is_err());
            }
        }
    }
}

/// Keys are not cloned; these are made again.
fn with_secret_again(keys: &[JwtKey]) -> Vec<JwtKey> {
    keys.iter().map(|k| key(k.kid(), k.alg())).collect()
}

#[test]
fn a_secret_that_is_a_key_file_is_refused() {
    let rsa = spki(Alg::Rs256);
    for secret in
        [pem("PUBLIC KEY", &rsa).into_bytes(), rsa, spki(Alg::EdDsa), EC_CERTIFICATE.into(), Vec::new()]
    {
        assert!(JwtKey::secret(None, Alg::Hs256, Secret::new(secret)).is_err());
    }
    for alg in Alg::ALL.into_iter().filter(|alg| !alg.is_symmetric()) {
        assert!(JwtKey::secret(None, alg, Secret::new(SECRET.to_vec())).is_err(), "{alg:?}");
    }
}

#[test]
fn keys_must_fit_their_algorithm() {
    for (alg, text, expected) in [
        (Alg::Es256, EC_CERTIFICATE.to_owned(), "ok"),
        (Alg::EdDsa, ED_CERTIFICATE.to_owned(), "ok"),
        (Alg::Es256, format!("issuer: x\r\n{}", EC_CERTIFICATE.replace('\n', "\r\n")), "ok"),
        (Alg::Rs256, pem("PUBLIC KEY", &spki(Alg::Rs256)), "ok"),
        (Alg::Ps512, pem("RSA PUBLIC KEY", pairs().rsa.public_key().as_ref()), "ok"),
        (Alg::Es384, EC_CERTIFICATE.to_owned(), "ES384 needs a P-384 key, this is `a P-256 key`"),
        (Alg::Es256, pem("PUBLIC KEY", &spki(Alg::Es384)), "ES256 needs a P-256 key, this is `a P-384 key`"),
        (Alg::Rs256, EC_CERTIFICATE.to_owned(), "RS256 needs an RSA key, this is `a P-256 key`"),
        (
            Alg::EdDsa,
            pem("PUBLIC KEY", &spki(Alg::Rs256)),
            "EdDSA needs an Ed25519 key, this is `an RSA key`",
        ),
        (Alg::Hs256, EC_CERTIFICATE.to_owned(), "cannot be used with an HMAC: `HS256`"),
        (Alg::Rs256, RSA_1024.to_owned(), "RSA key"),
        (Alg::Es256, pem("PRIVATE KEY", &[1]), "this is a private key; give the public one"),
        (Alg::Es256, pem("EC PRIVATE KEY", &[1]), "this is a private key; give the public one"),
        (Alg::Rs256, pem("ENCRYPTED PRIVATE KEY", &[1]), "this is a private key; give the public one"),
        (Alg::Es256, EC_CERTIFICATE.to_owned() + &pem("PRIVATE KEY", &[1]), "this is a private key"),
        (Alg::Rs256, pem("CERTIFICATE REQUEST", &[1]), "this is a `CERTIFICATE REQUEST`"),
        (Alg::Rs256, pem("PUBLIC KEY", &[0x30, 0x03, 1, 1, 0xFF]), "cannot be read as a `PUBLIC KEY`"),
        (Alg::Es256, pem("CERTIFICATE", &spki(Alg::Es256)), "cannot be read as a `CERTIFICATE`"),
        (Alg::Rs256, "-----BEGIN PUBLIC KEY-----\nAAAA".to_owned(), "lacks its `-----END PUBLIC KEY-----`"),
        (Alg::Rs256, "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----".to_owned(), "is not base64"),
        (Alg::Rs256, String::new(), "no `-----BEGIN PUBLIC KEY-----` found"),
    ] {
        match JwtKey::public_pem(None, alg, text.as_bytes()) {
            Ok(key) => assert_eq!((expected, key.alg(), key.signs()), ("ok", alg, false), "{text}"),
            Err(message) => assert!(message.contains(expected), "{message}, wanted {expected}"),
        }
    }
}

#[test]
fn points_off_the_curve_are_refused() {
    let mut der = spki(Alg::Es256);
    *der.last_mut().unwrap() ^= 1;
    let fault = JwtKey::public_pem(None, Alg::Es256, pem("PUBLIC KEY", &der).as_bytes()).unwrap_err();
    assert_eq!(fault, "the key is not a point on its curve");
    der.push(0);
    assert!(
        JwtKey::public_pem(None, Alg::Es256, pem("PUBLIC KEY", &der).as_bytes()).is_err(),
        "trailing bytes"
    );
}

#[test]
fn weak_rsa_keys_are_refused() {
    let odd = |bytes: usize| vec![0xFF; bytes];
    let three: &[u8] = &[1, 0, 1];
    for (n, e, expected) in [
        (odd(128), three, "has `1024`"),
        (odd(255), three, "has `2040`"),
        (odd(1025), three, "has `8200`"),
        (odd(256), &[1][..], "exponent"),
        (odd(256), &[1, 0, 0][..], "exponent"),
        (odd(256), &[][..], "exponent"),
        (odd(256), &[1, 0, 0, 0, 1][..], "exponent"),
    ] {
        let fault = JwtKey::rsa(None, Alg::Rs256, &n, e).unwrap_err();
        assert!(fault.contains(expected), "{fault}, wanted {expected}");
    }
    assert!(JwtKey::rsa(None, Alg::Rs256, &odd(256), &[1, 0, 0, 1]).is_ok(), "an exponent of four bytes");
}

/// X.690 §10.1: a length has one encoding.
#[test]
fn a_length_is_written_in_its_shortest_form() {
    let read = |head: &[u8], content: usize| {
        let bytes = [&[0x30], head, &vec![7; content], &[9]].concat();
        let mut der = der::Der(&bytes);
        der.take(0x30).map(|inner| (inner.0.len(), der.0.to_vec()))
    };
    for (head, content) in
        [(&[0x00][..], 0), (&[0x7F], 127), (&[0x81, 0x80], 128), (&[0x81, 0xFF], 255), (&[0x82, 1, 0], 256)]
    {
        assert_eq!(read(head, content), Some((content, vec![9])), "{head:x?}");
    }
    for (head, content) in
        [(&[0x80][..], 128), (&[0x81, 0x7F], 127), (&[0x82, 0, 0xFF], 255), (&[0x83, 0, 1, 0], 256)]
    {
        assert_eq!(read(head, content), None, "{head:x?}");
    }
    assert_eq!(read(&[0x03], 1), None, "cut off");
}

#[test]
fn nothing_stands_behind_a_key() {
    let good = spki(Alg::EdDsa);
    let read = |der: &[u8]| JwtKey::public_pem(None, Alg::EdDsa, pem("PUBLIC KEY", der).as_bytes()).is_ok();
    assert!(read(&good));
    assert!(!read(&[&good[..], &[0]].concat()), "behind it");
    let mut inside = [&good[..], &[0]].concat();
    inside[1] += 1;
    assert!(!read(&inside), "within it");
}

#[test]
fn a_signature_alone_is_judged_by_key_and_algorithm() {
    let jws = good(Alg::Hs256);
    let own = key(None, Alg::Hs256);
    assert_eq!(own.dangerous_signature_alone(jws.as_bytes()), Ok(GOOD.as_bytes().to_vec()));
    let other = JwtKey::secret(None, Alg::Hs256, Secret::new(vec![9; 32])).unwrap();
    assert_eq!(other.dangerous_signature_alone(jws.as_bytes()), Err(TokenFault::Signature));
    let of_another_algorithm = key(None, Alg::Hs384).dangerous_signature_alone(jws.as_bytes());
    assert_eq!(of_another_algorithm, Err(TokenFault::UnknownKey));
}

#[test]
fn kids_choose_among_keys() {
    let other = || JwtKey::secret(Some("b".to_owned()), Alg::Hs256, Secret::new(vec![9; 32])).unwrap();
    let named = |kid: &str| token(Alg::Hs256, &format!(r#"{{"alg":"HS256"{kid}}}"#), GOOD);
    for (keys, kid, expected) in [
        (vec![other(), key(Some("a"), Alg::Hs256)], "", "ok"),
        (vec![other(), key(Some("a"), Alg::Hs256)], r#","kid":"a""#, "ok"),
        (vec![other(), key(Some("a"), Alg::Hs256)], r#","kid":"b""#, "Signature"),
        (vec![other(), key(Some("a"), Alg::Hs256)], r#","kid":"c""#, "UnknownKey"),
        (vec![other(), key(Some("b"), Alg::Hs256)], r#","kid":"b""#, "ok"),
        (vec![key(None, Alg::Hs256)], "", "ok"),
        (vec![key(None, Alg::Hs256)], r#","kid":"a""#, "UnknownKey"),
        (vec![key(Some("a"), Alg::Rs256), key(Some("b"), Alg::Hs256)], r#","kid":"a""#, "UnknownKey"),
        (Vec::new(), "", "UnknownKey"),
    ] {
        assert_eq!(told(policy(keys).verify(named(kid).as_bytes(), at(NOW))), expected, "{kid}");
    }
}

#[test]
fn at_most_eight_keys_are_tried() {
    let strange = |n: u8| JwtKey::secret(None, Alg::Hs256, Secret::new(vec![n; 32])).unwrap();
    let keys = |before: u8| (1..=before).map(strange).chain([key(None, Alg::Hs256)]).collect();
    assert_eq!(told(policy(keys(7)).verify(good(Alg::Hs256).as_bytes(), at(NOW))), "ok");
    assert_eq!(told(policy(keys(8)).verify(good(Alg::Hs256).as_bytes(), at(NOW))), "Signature");
}

#[test]
fn degenerate_signatures_are_refused() {
    let order = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    let order: Vec<u8> = (0..32).map(|i| u8::from_str_radix(&order[2 * i..2 * i + 2], 16).unwrap()).collect();
    let one = |size: usize| [vec![0; size - 1], vec![1]].concat();
    for (alg, signature) in [
        (Alg::Es256, vec![0; 64]),
        (Alg::Es256, [vec![0; 32], one(32)].concat()),
        (Alg::Es256, [one(32), vec![0; 32]].concat()),
        (Alg::Es256, [order.clone(), order.clone()].concat()),
        (Alg::Es256, vec![0xFF; 64]),
        (Alg::Es256, vec![0; 96]),
        (Alg::Es256, Vec::new()),
        (Alg::Es384, vec![0; 96]),
        (Alg::EdDsa, vec![0; 64]),
        (Alg::EdDsa, one(64)),
        (Alg::Rs256, vec![0; 256]),
        (Alg::Rs256, one(256)),
        (Alg::Rs256, vec![0xFF; 256]),
        (Alg::Ps256, vec![0; 256]),
        (Alg::Hs256, vec![0; 32]),
        (Alg::Hs256, Vec::new()),
    ] {
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{}"}}"#, alg.name()));
        let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(GOOD));
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(
            told(policy(vec![key(None, alg)]).verify(token.as_bytes(), at(NOW))),
            "Signature",
            "{alg:?}"
        );
    }
}

#[test]
fn jwks_must_fit_their_algorithm() {
    let point = pairs().p256.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    let ed = URL_SAFE_NO_PAD.encode(pairs().ed.public_key().as_ref());
    let jwk = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    let rsa = |n: &[u8], e: &[u8]| {
        let (n, e) = (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e));
        jwk(format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}"}}"#))
    };
    let modulus = [0xFF; 256];
    let longer = [&[0], &modulus[..]].concat();
    let ec = |more: &str| jwk(format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"{more}}}"#));
    for (alg, jwk, expected) in [
        (Alg::Es256, ec(""), "ok"),
        (Alg::Es256, ec(r#","alg":"ES256","use":"sig","key_ops":["verify"]"#), "ok"),
        (Alg::EdDsa, jwk(format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{ed}"}}"#)), "ok"),
        (Alg::Es384, ec(""), "`crv`"),
        (Alg::Rs256, ec(""), "`kty`"),
        (Alg::Es256, ec(r#","alg":"ES384""#), "`alg`"),
        (Alg::Es256, ec(r#","alg":null"#), "`alg`"),
        (Alg::Es256, ec(r#","use":"enc""#), "`use`"),
        (Alg::Es256, ec(r#","key_ops":["encrypt"]"#), "`key_ops`"),
        (Alg::Es256, ec(r#","d":"AA""#), "private"),
        (Alg::Es256, jwk(format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{x}"}}"#)), "not a point"),
        (Alg::Es256, jwk(format!(r#"{{"kty":"EC","crv":"P-256","x":"AA","y":"{y}"}}"#)), "`x, y`"),
        (Alg::EdDsa, jwk(r#"{"kty":"OKP","crv":"X25519","x":"AA"}"#.to_owned()), "`crv`"),
        (Alg::Hs256, jwk(r#"{"kty":"oct","k":"AA"}"#.to_owned()), "HMAC"),
        (Alg::Rs256, jwk(r#"{"kty":"oct","k":"AA"}"#.to_owned()), "`kty`"),
        (Alg::Rs256, jwk(r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned()), "has `17`"),
        (Alg::Rs256, rsa(&modulus, &[1, 0, 1]), "ok"),
        (Alg::Rs256, rsa(&longer, &[1, 0, 1]), "`n, e`"),
        (Alg::Rs256, rsa(&modulus, &[0, 1, 0, 1]), "`n, e`"),
    ] {
        match JwtKey::jwk(None, alg, &jwk) {
            Ok(key) => assert_eq!((expected, key.alg()), ("ok", alg), "{jwk}"),
            Err(message) => assert!(message.contains(expected), "{message}, wanted {expected}"),
        }
    }
}

#[test]
fn symmetric_jwks_are_made_on_purpose_alone() {
    let jwk = |k: &[u8]| serde_json::json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(k)});
    assert!(JwtKey::jwk_symmetric(None, Alg::Hs256, &jwk(SECRET)).unwrap().signs());
    for (alg, jwk, expected) in [
        (Alg::Hs256, jwk(b""), "empty"),
        (Alg::Hs256, jwk(&spki(Alg::Es256)), "key or certificate file"),
        (Alg::Rs256, jwk(SECRET), "public key"),
        (Alg::Hs256, serde_json::json!({"kty": "RSA"}), "`kty`"),
        (Alg::Hs256, serde_json::json!({"kty": "oct"}), "`k`"),
        (Alg::Hs256, serde_json::json!({"kty": "oct", "k": "AA=="}), "`k`"),
    ] {
        let fault = JwtKey::jwk_symmetric(None, alg, &jwk).unwrap_err();
        assert!(fault.contains(expected), "{fault}, wanted {expected}");
    }
}

#[test]
fn keys_do_not_show_themselves() {
    let shown = format!("{:?}", policy(vec![key(Some("a"), Alg::Hs256)]));
    assert!(shown.contains(r#"kid: Some("a")"#) && !shown.contains("q8Zt5vLw"), "{shown}");
}

#[test]
fn name_and_algorithm_of_a_key_are_part_of_the_fingerprint() {
    let prints: Vec<_> = [key(None, Alg::Hs256), key(Some(""), Alg::Hs256), key(None, Alg::Hs384)]
        .into_iter()
        .map(|key| policy(vec![key]).fingerprint())
        .collect();
    assert!(prints[0] != prints[1] && prints[0] != prints[2] && prints[1] != prints[2]);
}
