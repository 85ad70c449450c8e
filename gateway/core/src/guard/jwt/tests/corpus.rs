//! Tokens from outside: `STAGEDOOR_JWT_CORPUS` names a folder with `rsa.pub.pem`, `ec.pub.pem`,
//! `ed.pub.pem` (kids `rsa1`, `ec1`, `ed1`), the same keys in `jwks.json`, `valid.json` and `hostile.json` (name to token, made
//! for issuer `https://issuer.test` and audience `media`); `STAGEDOOR_WYCHEPROOF` names the file
//! `json_web_signature_test.json` of Project Wycheproof. Without them these tests do not run, and say so.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use super::*;

#[test]
#[ignore = "its tokens are made elsewhere: STAGEDOOR_JWT_CORPUS names their folder"]
fn a_corpus_is_told_apart() {
    let folder = std::env::var_os("STAGEDOOR_JWT_CORPUS").expect("STAGEDOOR_JWT_CORPUS");
    let folder = Path::new(&folder);
    let public = |file: &str, kid: &str, alg| {
        let pem = std::fs::read(folder.join(file)).unwrap();
        JwtKey::public_pem(Some(kid.to_owned()), alg, &pem).unwrap()
    };
    let configured = policy(vec![
        public("rsa.pub.pem", "rsa1", Alg::Rs256),
        public("ec.pub.pem", "ec1", Alg::Es256),
        public("ed.pub.pem", "ed1", Alg::EdDsa),
    ]);
    let now = Now::new(Duration::ZERO, SystemTime::UNIX_EPOCH.elapsed().unwrap());
    let set = std::fs::read(folder.join("jwks.json")).unwrap();
    let fetched = fetched::provider();
    fetched::store(&fetched).put(KeySet::read(&set, &jwks::ALGORITHMS).unwrap(), now);
    for policy in [configured, fetched] {
        judge(&policy, folder, now);
    }
}

/// Every token in the files of the folder, by this policy.
fn judge(policy: &JwtPolicy, folder: &Path, now: Now) {
    let cache = TokenCache::new(1000, [7; 32]);
    let mut wrong = Vec::new();
    for (file, genuine) in [("valid.json", true), ("hostile.json", false)] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let tokens: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
        // Twice, so that a cache hit has to agree.
        for (name, token) in tokens.iter().chain(&tokens) {
            let verdict = cache.verify(policy, token.as_bytes(), now);
            if verdict.is_ok() != genuine {
                wrong.push(format!("{file}: {name}: {}", told(verdict)));
            }
        }
        eprintln!("{file}: {} tokens", tokens.len());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
#[ignore = "its vectors are kept elsewhere: STAGEDOOR_WYCHEPROOF names their file"]
fn no_invalid_vector_of_wycheproof_is_genuine() {
    let file = std::env::var_os("STAGEDOOR_WYCHEPROOF").expect("STAGEDOOR_WYCHEPROOF");
    let file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let vectors = || {
        file["testGroups"].as_array().unwrap().iter().flat_map(|group| {
            let jwk = group.get("public").or(group.get("private")).unwrap();
            group["tests"].as_array().unwrap().iter().map(move |test| (jwk, test))
        })
    };
    // The file calls some vectors both: the same bytes under the same key cannot be told apart.
    let is_called_valid = |jwk: &serde_json::Value, jws: &serde_json::Value| {
        vectors().any(|(key, test)| key == jwk && test["jws"] == *jws && test["result"] == "valid")
    };
    let mut accepted = 0;
    for (jwk, test) in vectors() {
        let genuine = verify(jwk, test["jws"].as_str().unwrap()).is_some();
        assert!(!genuine || is_called_valid(jwk, &test["jws"]), "{test}");
        accepted += usize::from(genuine);
    }
    assert!(accepted >= 40, "{accepted}");
}

/// The payload, by the key of this JWK and the algorithm it is pinned to.
fn verify(jwk: &serde_json::Value, jws: &str) -> Option<Vec<u8>> {
    let alg = Alg::parse(jwk.get("alg")?.as_str()?)?;
    let kid = jwk.get("kid").and_then(|kid| kid.as_str()).map(str::to_owned);
    let key =
        if alg.is_symmetric() { JwtKey::jwk_symmetric(kid, alg, jwk) } else { JwtKey::jwk(kid, alg, jwk) };
    key.ok()?.dangerous_signature_alone(jws.as_bytes()).ok()
}
