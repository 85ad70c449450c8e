#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::strength::is_key_file;
use super::*;

/// A generator with a fixed seed, so that the same secrets are tried every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn text(&mut self, alphabet: &[u8], length: usize) -> Vec<u8> {
        (0..length).map(|_| alphabet[usize::try_from(self.next() >> 33).unwrap() % alphabet.len()]).collect()
    }
}

#[test]
fn a_secret_does_not_show_itself() {
    let secret = Secret::new(b"correct horse".to_vec());
    assert_eq!(format!("{secret:?}"), "[secret]");
    assert_eq!(secret.expose(), b"correct horse");
}

#[test]
fn matches_compares_the_whole_value() {
    let secret = Secret::new(b"0123".to_vec());
    for (presented, expected) in
        [("0123", true), ("0124", false), ("012", false), ("01234", false), ("", false)]
    {
        assert_eq!(secret.matches(presented.as_bytes()), expected, "{presented}");
    }
    assert!(!Secret::new(Vec::new()).matches(b""), "an empty secret matches nothing");
}

#[test]
fn what_a_generator_gives_passes() {
    let bytes: Vec<u8> = (0..=255).collect();
    let base64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = Random(7);
    for _ in 0..2000 {
        for (alphabet, length) in [
            (bytes.as_slice(), 32),
            (bytes.as_slice(), 64),
            (b"0123456789abcdef".as_slice(), 64),
            (b"0123456789ABCDEF".as_slice(), 64),
            (base64.as_slice(), 43),
            (base64.as_slice(), 32),
            (b"abcdefghijklmnopqrstuvwxyz".as_slice(), 40),
        ] {
            let secret = random.text(alphabet, length);
            assert_eq!(judge(&secret), Ok(()), "{:?}", String::from_utf8_lossy(&secret));
        }
    }
}

#[test]
fn thirty_two_random_hex_digits_pass_nearly_always() {
    let mut random = Random(11);
    let passed = (0..2000).filter(|_| judge(&random.text(b"0123456789abcdef", 32)).is_ok()).count();
    assert!(passed > 1990, "{passed} of 2000");
}

#[test]
fn what_people_type_is_refused() {
    #[track_caller]
    fn check(secret: &str, expected: &str) {
        let found = match judge(secret.as_bytes()) {
            Ok(()) => "passes",
            Err(Weakness::TooShort(_)) => "short",
            Err(Weakness::TooFewBits(_)) => "bits",
            Err(Weakness::WellKnown) => "known",
            Err(Weakness::KeyFile) => "key",
        };
        assert_eq!(found, expected, "{secret}");
    }
    for (secret, expected) in [
        ("", "short"),
        ("tr0ub4dor&3", "short"),
        ("kT9#vQ2$mX7!pL4@wR8%zN3^bH6&cJ1", "short"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bits"),
        ("00000000000000000000000000000000", "bits"),
        ("0123456789012345678901234567890123456789", "bits"),
        ("0123456789abcdef0123456789abcdef", "bits"),
        ("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", "bits"),
        ("abcabcabcabcabcabcabcabcabcabcabcabcabcabcabc", "bits"),
        ("aaaabbbbccccddddeeeeffffgggghhhhiiii", "bits"),
        ("kT9vQ2mXkT9vQ2mXkT9vQ2mXkT9vQ2mXkT9vQ2mX", "bits"),
        ("0110100110010110100101100110100101101001100101100110100110010110", "bits"),
        ("changeme", "known"),
        ("ChangeMeChangeMeChangeMeChangeMeChangeMe", "known"),
        ("secret", "known"),
        ("secretsecretsecretsecretsecretsecret", "known"),
        ("your-secret-key-here", "known"),
        ("your-256-bit-secret", "known"),
        ("YOUR_512_BIT_SECRET!!!!!!!!!!!!!!!!!!!!!!!!", "known"),
        ("a-string-secret-at-least-256-bits-long", "known"),
        ("a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long", "known"),
        ("supersecretkey-please-change-me-in-production-2024", "known"),
        ("tower_jwt_secret_2025", "known"),
        ("tower_jwt_secret_2025_0000000000000000000000", "known"),
        ("09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "known"),
        ("09D25E094FAA6CA2556C818166B7A9563B93F7099F6F0F4CAA6CF63B88E8D3E7", "known"),
        ("0fd0cef5f2b4126b3fda2d7ce00137fd5b65c9a29ea2e001fd5d53b02905be64", "known"),
        ("django-insecure-8$k!2v9z@q#w5e7r*t1y3u6i0o4p&a-s_d+f=gh)jkl(zx", "known"),
        ("keyboard cat keyboard cat keyboard cat", "known"),
        // What merely holds a known word is no known secret: it is weak or it is not.
        ("my-jwt-secret-for-the-media-gateway", "bits"),
        ("kometa-0123456789abcdefghijklmnopqrstuvwxyz", "bits"),
        ("0123456789abcdefghijklmnopqrstuvwxyz", "bits"),
        ("secret-0123456789-abcdefghijklmnopqrstuvwxyz", "bits"),
        ("stagedoor-secret-changeme-pX7vQ2mZt9RkB4", "bits"),
        ("stagedoor-secret-pX7vQ2mZt9RkB4nVc8LwY1sHd6", "passes"),
        ("0123456789abcdefghijklmnopqrstuvwxyz-pX7vQ2mZt9RkB4nVc8LwY1sHd6", "passes"),
        ("pX7vQ2mZt9RkB4nVc8LwY1sHd6-mvidarr-changeme", "passes"),
        (
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n",
            "key",
        ),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8 me@example.com", "key"),
        (r#" {"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx","e":"AQAB"}"#, "key"),
        ("secret-0fd1cef5f2b4126b3fda2d7ce00137fd5b65c9a2", "passes"),
    ] {
        check(secret, expected);
    }
}

#[test]
fn a_der_public_key_is_a_key_file() {
    let mut der = vec![0x30, 0x59];
    der.extend([7; 0x59]);
    assert!(is_key_file(&der));
    der.push(0);
    assert!(!is_key_file(&der), "bytes that only begin like DER are as good as any");
}

#[test]
fn explanations_do_not_tell_the_secret_and_say_how_to_mend_it() {
    for weakness in [Weakness::TooShort(5), Weakness::TooFewBits(60), Weakness::WellKnown, Weakness::KeyFile]
    {
        let (message, hint) = weakness.explain();
        assert!(message.starts_with("the secret is"), "{message}");
        assert!(hint.contains("`stagedoor secret new`"), "{hint}");
    }
}
