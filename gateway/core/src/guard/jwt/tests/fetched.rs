//! A provider whose keys are fetched: which are in force, and what asks for others.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use serde_json::{Value, json};

use super::jwks::{ALGORITHMS, jwk, set};
use super::*;
use crate::policy::{CertificateTrust, PlainHttp, ServiceAddress};

const MINUTE: Duration = Duration::from_secs(60);

/// A provider without keys so far, that [`GOOD`] satisfies.
pub(super) fn provider() -> JwtPolicy {
    let url = "https://issuer.test/keys";
    let at = ServiceAddress::parse(url, &CertificateTrust::WebAuthorities, PlainHttp::Nowhere).unwrap();
    let source = KeySource { document: KeyDocument::KeySet(at), algorithms: ALGORITHMS.to_vec() };
    let fetched = FetchedKeys {
        source,
        refresh: 10 * MINUTE,
        cooldown: MINUTE,
        stale: 60 * MINUTE,
        store: Arc::default(),
    };
    JwtPolicy { fetched: Some(fetched), ..policy(Vec::new()) }
}

pub(super) fn store(provider: &JwtPolicy) -> &Arc<KeyStore> {
    &provider.fetched.as_ref().unwrap().store
}

/// `mono` after the start of the process.
fn after(mono: Duration) -> Now {
    Now::new(mono, Duration::from_secs(NOW))
}

fn named(alg: Alg, kid: &str) -> Value {
    jwk(alg, json!({ "kid": kid }))
}

/// A good token that names a key.
fn by(alg: Alg, kid: &str) -> String {
    token(alg, &format!(r#"{{"alg":"{}","kid":"{kid}"}}"#, alg.name()), GOOD)
}

/// A waker that counts.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Whether keys are wanted since it was asked last.
fn wanted(provider: &JwtPolicy) -> bool {
    store(provider).poll_wanted(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
}

#[test]
fn without_keys_no_token_is_judged() {
    let (idp, cache) = (provider(), TokenCache::new(10, [1; 32]));
    for (token, expected) in [
        (by(Alg::Es256, "a"), "IdentityUnavailable"),
        (good(Alg::Rs256), "IdentityUnavailable"),
        // No key could make these genuine.
        (good(Alg::Hs256), "UnknownKey"),
        (good(Alg::Es384), "UnknownKey"),
        ("nonsense".to_owned(), "Malformed"),
        (token(Alg::Es256, r#"{"alg":"none"}"#, GOOD), "Header"),
        ("x".repeat(9000), "TooLarge"),
    ] {
        assert_eq!(told(idp.verify(token.as_bytes(), after(MINUTE))), expected, "{token}");
        assert_eq!(told(cache.verify(&idp, token.as_bytes(), after(MINUTE))), expected, "{token}");
    }
    assert!(cache.is_empty());
}

#[test]
fn a_key_verifies_from_its_fetch_until_its_withdrawal() {
    let (idp, cache) = (provider(), TokenCache::new(10, [1; 32]));
    let (a, b) = (by(Alg::Es256, "a"), by(Alg::EdDsa, "b"));
    let check = |a_expected: &str, b_expected: &str| {
        for _ in 0..2 {
            for (token, expected) in [(&a, a_expected), (&b, b_expected)] {
                assert_eq!(told(cache.verify(&idp, token.as_bytes(), after(MINUTE))), expected);
                assert_eq!(told(idp.verify(token.as_bytes(), after(MINUTE))), expected);
            }
        }
    };
    assert!(store(&idp).put(set(&[named(Alg::Es256, "a")]), after(MINUTE)));
    check("ok", "UnknownKey");
    assert!(store(&idp).put(set(&[named(Alg::Es256, "a"), named(Alg::EdDsa, "b")]), after(MINUTE)));
    check("ok", "ok");
    assert!(
        !store(&idp).put(set(&[named(Alg::Es256, "a"), named(Alg::EdDsa, "b")]), after(MINUTE)),
        "the same"
    );
    check("ok", "ok");
    assert!(store(&idp).put(set(&[named(Alg::EdDsa, "b")]), after(MINUTE)));
    check("UnknownKey", "ok");
    assert!(store(&idp).put(set(&[]), after(MINUTE)));
    check("UnknownKey", "UnknownKey");
    // Remembered under the first keys alone, it is found under them alone.
    assert!(store(&idp).put(set(&[named(Alg::Es256, "a")]), after(MINUTE)));
    check("ok", "UnknownKey");
}

#[test]
fn another_key_of_the_same_name_ends_remembered_tokens() {
    let (idp, cache) = (provider(), TokenCache::new(10, [1; 32]));
    let token = by(Alg::Es256, "a");
    store(&idp).put(set(&[named(Alg::Es256, "a")]), after(MINUTE));
    assert_eq!(told(cache.verify(&idp, token.as_bytes(), after(MINUTE))), "ok");
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let point = pair.public_key().as_ref();
    let (x, y) = (URL_SAFE_NO_PAD.encode(&point[1..33]), URL_SAFE_NO_PAD.encode(&point[33..]));
    store(&idp).put(set(&[json!({"kty": "EC", "crv": "P-256", "kid": "a", "x": x, "y": y})]), after(MINUTE));
    assert_eq!(told(cache.verify(&idp, token.as_bytes(), after(MINUTE))), "Signature");
}

#[test]
fn keys_end_when_they_were_not_fetched_for_too_long() {
    let (idp, cache) = (provider(), TokenCache::new(10, [1; 32]));
    let token = by(Alg::Es256, "a");
    store(&idp).put(set(&[named(Alg::Es256, "a")]), after(5 * MINUTE));
    for (at, expected) in [(5, "ok"), (15, "ok"), (75, "ok"), (76, "IdentityUnavailable")] {
        assert_eq!(told(cache.verify(&idp, token.as_bytes(), after(at * MINUTE))), expected, "minute {at}");
    }
    let fetched = idp.fetched.as_ref().unwrap();
    assert_eq!((fetched.due(), fetched.end()), (Some(15 * MINUTE), Some(75 * MINUTE)));
    store(&idp).put(set(&[named(Alg::Es256, "a")]), after(80 * MINUTE));
    assert_eq!(told(cache.verify(&idp, token.as_bytes(), after(80 * MINUTE))), "ok");
}

#[test]
fn what_asks_for_keys() {
    let idp = provider();
    store(&idp).put(set(&[named(Alg::Es256, "a")]), after(MINUTE));
    let header = |alg: &str, kid: &str| format!(r#"{{"alg":"{alg}"{kid}}}"#);
    let other = GOOD.replace("https://issuer.test", "https://other.test");
    for (token, expected) in [
        (by(Alg::Es256, "b"), true),
        (by(Alg::Rs256, "a"), true),
        (good(Alg::EdDsa), true),
        // The key is known, or none would be taken.
        (by(Alg::Es256, "a"), false),
        (good(Alg::Es256), false),
        (token(Alg::EdDsa, &header("ES256", r#","kid":"a""#), GOOD), false),
        (by(Alg::Hs256, "b"), false),
        (by(Alg::Es384, "b"), false),
        (token(Alg::Es256, &header("none", r#","kid":"b""#), GOOD), false),
        // It is another issuer's, or nobody's.
        (token(Alg::Es256, &header("ES256", r#","kid":"b""#), &other), false),
        (token(Alg::Es256, &header("ES256", r#","kid":"b""#), "{}"), false),
        (token(Alg::Es256, &header("ES256", r#","kid":"b""#), "nonsense"), false),
        ("a.b.c".to_owned(), false),
    ] {
        let _ = idp.verify(token.as_bytes(), after(MINUTE));
        assert_eq!(wanted(&idp), expected, "{token}");
        assert!(!wanted(&idp), "asked for once");
    }
}

#[test]
fn many_unknown_keys_wake_once() {
    let idp = provider();
    store(&idp).put(set(&[]), after(MINUTE));
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    assert_eq!(store(&idp).poll_wanted(&mut cx), Poll::Pending);
    for n in 0..100 {
        let _ = idp.verify(by(Alg::EdDsa, &n.to_string()).as_bytes(), after(MINUTE));
    }
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert_eq!(store(&idp).poll_wanted(&mut cx), Poll::Ready(()));
    assert_eq!(store(&idp).poll_wanted(&mut cx), Poll::Pending);
    let _ = idp.verify(by(Alg::EdDsa, "x").as_bytes(), after(MINUTE));
    store(&idp).satisfied();
    assert_eq!(store(&idp).poll_wanted(&mut cx), Poll::Pending, "they were fetched since");
}

#[test]
fn where_keys_come_from_is_part_of_the_fingerprint() {
    let print = |change: fn(&mut FetchedKeys)| {
        let mut idp = provider();
        change(idp.fetched.as_mut().unwrap());
        idp.fingerprint()
    };
    let plain = print(|_| {});
    assert_eq!(plain, print(|keys| keys.cooldown = MINUTE * 2), "how often decides nothing about a token");
    assert_ne!(plain, policy(Vec::new()).fingerprint());
    assert_ne!(plain, print(|keys| keys.source.algorithms.truncate(1)));
    assert_ne!(
        plain,
        print(|keys| {
            let KeyDocument::KeySet(at) = &mut keys.source.document else { panic!() };
            at.url.push('2');
        })
    );
    // The keys themselves change beside the policy.
    let idp = provider();
    store(&idp).put(set(&[named(Alg::Es256, "a")]), after(MINUTE));
    assert_eq!(plain, idp.fingerprint());
}
