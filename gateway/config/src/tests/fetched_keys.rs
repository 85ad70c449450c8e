//! `jwks` and `algorithms`: keys that are fetched from a provider.

use std::sync::Arc;
use std::time::Duration;

use super::authorities::ONE;
use super::{APP, Desk, HOUSE, check, check_at, compile, compiled, now, policy, source, text, warnings};
use stagedoor_core::guard::jwt::{Alg, FetchedKeys, KeyDocument, KeySet, KeySource};
use stagedoor_core::policy::{CertificateTrust, Policy, ServiceSecurity};

const KEYS: &str = "keys = [{ secret = { file = \"jwt_secret\", generate = true } }]";
const URL: &str = "https://idp.example.com/jwks.json";

/// A file whose provider has these lines in the place of its keys.
fn with(lines: &str) -> String {
    text(&[&HOUSE.replace(KEYS, lines), APP])
}

fn fetched(policy: &Policy) -> &FetchedKeys {
    policy.providers[0].jwt().unwrap().fetched.as_ref().expect("keys that are fetched")
}

#[test]
fn keys_are_fetched_from_one_address() {
    let of = policy(&with(&format!("jwks = {{ url = \"{URL}\" }}")));
    let FetchedKeys { source: KeySource { document, algorithms }, refresh, cooldown, stale, store: _ } =
        fetched(&of);
    let KeyDocument::KeySet(at) = document else { panic!("{document:?}") };
    assert_eq!((&*at.url, &*at.authority, &*at.target), (URL, "idp.example.com:443", "/jwks.json"));
    let ServiceSecurity::Tls(tls) = &at.security else { panic!("{at:?}") };
    assert_eq!(
        (&*tls.server_name.to_str(), &tls.trust),
        ("idp.example.com", &CertificateTrust::WebAuthorities)
    );
    assert_eq!(*algorithms, [Alg::Rs256, Alg::Es256, Alg::EdDsa]);
    assert_eq!([refresh, cooldown, stale].map(Duration::as_secs), [600, 10, 86_400]);
    assert!(of.providers[0].jwt().unwrap().keys.is_empty());

    let discovery = "https://idp.example.com/.well-known/openid-configuration";
    let of = policy(&with(&format!("jwks.discovery = \"{discovery}\"\nalgorithms = [\"PS256\"]")));
    let KeySource { document, algorithms } = &fetched(&of).source;
    let KeyDocument::Discovery { at, issuer } = document else { panic!("{document:?}") };
    assert_eq!((&*at.url, &**issuer, &**algorithms), (discovery, "stagedoor", &[Alg::Ps256][..]));

    let desk = Desk::default().file("one.pem", ONE);
    let own =
        compiled(&with(&format!("jwks = {{ url = \"{URL}\", ca = \"one.pem\" }}")), &desk).unwrap().policy;
    let KeyDocument::KeySet(at) = &fetched(&own).source.document else { panic!() };
    let ServiceSecurity::Tls(tls) = &at.security else { panic!("{at:?}") };
    assert!(matches!(&tls.trust, CertificateTrust::Listed(list) if list.len() == 1), "{tls:?}");
}

#[test]
fn without_tls_keys_are_fetched_from_private_networks_alone() {
    for url in [
        "http://127.0.0.1:39200/jwks",
        "http://[::1]/jwks",
        "http://192.168.1.7/jwks",
        "http://keycloak:8080/jwks",
    ] {
        check(&with(&format!("jwks = {{ url = \"{url}\" }}")), &[]);
    }
    for url in ["http://idp.example.com/jwks", "http://192.0.2.1/jwks"] {
        check(
            &with(&format!("jwks = {{ url = \"{url}\" }}")),
            &[
                "3 auth.house.jwks.url: an address without TLS on the internet … | write https:// … `dangerous_plain_http = true`",
            ],
        );
        let open = with(&format!("jwks = {{ url = \"{url}\", dangerous_plain_http = true }}"));
        check(&open, &[]);
        warnings(&open, &["3 auth.house.jwks.dangerous_plain_http: a service is asked without TLS"]);
    }
    check(
        &with("jwks = { discovery = \"http://idp.example.com/d\" }"),
        &["3 auth.house.jwks.discovery: an address without TLS on the internet"],
    );
    let plain = "jwks = { url = \"http://127.0.0.1/k\", ca = \"one.pem\" }";
    let desk = Desk::default().file("one.pem", ONE);
    check_at(&with(plain), &desk, &["3 auth.house.jwks.ca: `ca` beside an address without TLS"]);
}

#[test]
fn what_is_wrong_with_fetched_keys_is_told() {
    for (lines, expected) in [
        ("", "1 auth.house: missing key `keys` | give it a key: … jwks = {"),
        ("jwks = {}", "3 auth.house.jwks: `jwks` with neither `url` nor `discovery`"),
        (
            "jwks = { url = \"https://a/k\", discovery = \"https://a/d\" }",
            "3 auth.house.jwks.discovery: both `url` and `discovery`",
        ),
        (
            "jwks = { url = \"idp.example.com\" }",
            "3 auth.house.jwks.url: an address that is neither https nor http",
        ),
        ("jwks = { url = \"https://\" }", "3 auth.house.jwks.url: not the address of a service"),
        ("jwks = { url = \"ftp://a/k\" }", "an address that is neither https nor http"),
        ("jwks = { url = \"https://bob:secret@a/k\" }", "a user name in an address: `…@a/k`"),
        ("jwks = { url = \"https://a/k#x\" }", "a fragment (`#`) in an address"),
        ("jwks = { url = \"https://a/k\", refresh = \"0s\" }", "auth.house.jwks.refresh: out of range"),
        (
            "jwks = { url = \"https://a/k\", refresh = \"5s\" }",
            "auth.house.jwks.refresh: `cooldown` is longer than `refresh`",
        ),
        (
            "jwks = { url = \"https://a/k\", cooldown = \"11m\" }",
            "auth.house.jwks.cooldown: `cooldown` is longer than `refresh`",
        ),
        ("jwks = { url = \"https://a/k\", timeout = \"1s\" }", "auth.house.jwks.timeout: unknown key"),
        (
            "jwks = { url = \"https://a/k\", ca = \"gone.pem\" }",
            "auth.house.jwks.ca: cannot read the certificates",
        ),
        (
            "algorithms = [\"RS256\"]\nkeys = [{ secret = { file = \"jwt_secret\", generate = true } }]",
            "3 auth.house.algorithms: `algorithms` without `jwks`",
        ),
        (
            "jwks.url = \"https://a/k\"\nalgorithms = []",
            "4 auth.house.algorithms: a list without an algorithm",
        ),
        (
            "jwks.url = \"https://a/k\"\nalgorithms = [\"HS256\"]",
            "a published key is no secret, and cannot be used with this algorithm: `HS256`",
        ),
        ("jwks.url = \"https://a/k\"\nalgorithms = [\"none\"]", "not an algorithm: `none`"),
        (
            "jwks.url = \"https://a/k\"\nalgorithms = [\"RS265\"]",
            "not an algorithm: `RS265` | did you mean `RS256`",
        ),
        ("jwks.url = \"https://a/k\"\nalgorithms = [\"RS256\", \"RS256\"]", "listed twice: `RS256`"),
        (
            "jwks.url = \"https://a/k\"\nkeys = [{ secret = { file = \"jwt_secret\", generate = true } }]",
            "auth.house.jwks: both `keys` and `jwks` | make them two providers",
        ),
    ] {
        check(&with(lines), &[expected]);
    }
    let anyone = with("jwks.discovery = \"https://a/d\"")
        .replace("issuer = \"stagedoor\"", "dangerous_any_issuer = true");
    check(&anyone, &["3 auth.house.jwks.discovery: `discovery` without an `issuer` to compare"]);
}

/// Keys that are known stay known over a reload, while they are those of the same source.
#[test]
fn known_keys_stay_while_their_source_is_the_same() {
    let before = policy(&with(&format!("jwks = {{ url = \"{URL}\" }}")));
    let keys = KeySet::read(br#"{"keys":[]}"#, &[Alg::Rs256]).unwrap();
    fetched(&before).store.put(keys, now());
    let after = |text: &str| {
        compile(&[source("stagedoor.toml", text)], &Desk::default(), Some(&before), now()).unwrap().policy
    };
    let stays = |text: &str| {
        let after = after(text);
        let same = Arc::ptr_eq(&fetched(&before).store, &fetched(&after).store);
        assert_eq!(fetched(&after).in_force(now()).is_some(), same);
        same
    };
    let plain = |more: &str| with(&format!("jwks = {{ url = \"{URL}\"{more} }}"));
    assert!(stays(&plain("")));
    assert!(stays(&plain(", refresh = \"1h\", cooldown = \"1m\", stale = \"1h\"")));
    assert!(stays(&plain("").replace("audience = [\"media\"]", "audience = [\"films\"]")));
    assert!(!stays(&plain("").replace("jwks.json", "other.json")));
    assert!(!stays(&with(&format!("jwks.url = \"{URL}\"\nalgorithms = [\"RS256\"]"))));
    assert!(!stays(&with(&format!("jwks.discovery = \"{URL}\""))));
    assert!(!stays(&plain("").replace("[auth.house]", "[auth.other]")));
}
