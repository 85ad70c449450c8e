use super::*;

const KEY: [u8; 32] = [5; 32];

fn look(cache: &TokenCache, policy: &JwtPolicy, token: &str, now: u64) -> String {
    match cache.verify(policy, token.as_bytes(), at(now)) {
        Ok((_, used)) => format!("{used:?}"),
        Err(denial) => told::<()>(Err(denial)),
    }
}

fn house() -> JwtPolicy {
    policy(vec![key(None, Alg::Hs256)])
}

/// A good token for the `n`th user, that ends at `exp`.
fn numbered(n: usize, exp: u64) -> String {
    house().sign(&format!("user-{n}"), &[], &[], Duration::from_secs(exp - NOW), "j", at(NOW)).unwrap()
}

#[test]
fn a_second_look_is_a_hit() {
    let (cache, house) = (TokenCache::new(100, KEY), house());
    assert!(cache.is_empty());
    assert_eq!(look(&cache, &house, &good(Alg::Hs256), NOW), "Miss");
    assert_eq!(look(&cache, &house, &good(Alg::Hs256), NOW), "Hit");
    assert_eq!((cache.len(), cache.uses()), (1, (1, 1)));
    assert_eq!(look(&cache, &house, &numbered(1, NOW + 60), NOW), "Miss");
    assert_eq!((cache.is_empty(), cache.uses()), (false, (1, 2)));
}

#[test]
fn a_hit_says_what_the_verification_said() {
    let (cache, house) = (TokenCache::new(100, KEY), house());
    let direct = house.verify(good(Alg::Hs256).as_bytes(), at(NOW)).unwrap();
    for _ in 0..2 {
        let (cached, _) = cache.verify(&house, good(Alg::Hs256).as_bytes(), at(NOW)).unwrap();
        assert_eq!(*cached, direct);
    }
}

#[test]
fn a_token_may_be_as_long_as_the_policy_says() {
    let (cache, mut house, token) = (TokenCache::new(100, KEY), house(), good(Alg::Hs256));
    for (max_bytes, expected) in [(token.len(), "Miss"), (token.len() - 1, "TooLarge")] {
        house.max_bytes = max_bytes;
        assert_eq!(look(&cache, &house, &token, NOW), expected);
    }
}

#[test]
fn an_entry_never_outlives_its_token() {
    let (cache, house) = (TokenCache::new(100, KEY), house());
    let token = numbered(1, NOW + 60);
    assert_eq!(look(&cache, &house, &token, NOW), "Miss");
    assert_eq!(look(&cache, &house, &token, NOW + 89), "Hit", "leeway is 30 s");
    assert_eq!(look(&cache, &house, &token, NOW + 90), "TokenExpired");
    assert_eq!(cache.len(), 0);
    assert_eq!(look(&cache, &house, &token, NOW + 90), "TokenExpired", "and verified again");
    assert_eq!(cache.uses(), (2, 2));
}

#[test]
fn a_token_of_very_many_names_is_verified_each_time() {
    let (cache, mut house) = (TokenCache::new(100, KEY), house());
    house.max_bytes = 1 << 16;
    let names = |n: usize| (0..n).map(|n| format!("n{n}")).collect::<Vec<_>>();
    for (roles, scopes, again) in [(64, 256, "Hit"), (65, 256, "Miss"), (320, 0, "Hit"), (0, 321, "Miss")] {
        let minute = Duration::from_secs(60);
        let token = house.sign("bob", &names(roles), &names(scopes), minute, "j", at(NOW)).unwrap();
        assert_eq!(look(&cache, &house, &token, NOW), "Miss");
        assert_eq!(look(&cache, &house, &token, NOW), again, "{roles} roles, {scopes} scopes");
    }
    assert_eq!(cache.len(), 2);
}

#[test]
fn a_clock_set_back_is_noticed() {
    let (cache, house) = (TokenCache::new(100, KEY), house());
    let token = numbered(1, NOW + 60);
    assert_eq!(look(&cache, &house, &token, NOW), "Miss");
    assert_eq!(look(&cache, &house, &token, NOW - 31), "NotYetValid");
}

#[test]
fn a_forged_token_is_refused_after_the_genuine_one() {
    let (cache, house) = (TokenCache::new(100, KEY), house());
    let token = good(Alg::Hs256);
    assert_eq!(look(&cache, &house, &token, NOW), "Miss");
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let admin = URL_SAFE_NO_PAD.encode(GOOD.replace("alice", "admin"));
    assert_eq!(look(&cache, &house, &format!("{header}.{admin}.{signature}"), NOW), "Signature");
    assert_eq!(look(&cache, &house, &format!("{message}."), NOW), "Signature");
    assert_eq!(look(&cache, &house, &format!("{token}AAAA"), NOW), "Signature");
    assert_eq!(cache.len(), 1);
}

#[test]
fn what_is_refused_is_not_remembered() {
    let (cache, house) = (TokenCache::new(100, KEY), house());
    for n in 0..50 {
        let forged = format!("{}x", numbered(n, NOW + 60));
        assert_ne!(look(&cache, &house, &forged, NOW), "Miss");
    }
    assert_eq!((cache.len(), cache.uses()), (0, (0, 50)));
}

#[test]
fn whatever_decides_about_a_token_is_part_of_the_entry() {
    let cache = TokenCache::new(100, KEY);
    let token = good(Alg::Hs256);
    assert_eq!(look(&cache, &house(), &token, NOW), "Miss");
    assert_eq!(look(&cache, &house(), &token, NOW), "Hit", "the same again after a reload");
    let change = |change: fn(&mut JwtPolicy)| {
        let mut policy = house();
        change(&mut policy);
        policy
    };
    for (changed, expected) in [
        (change(|p| p.keys = vec![key(None, Alg::Es256)]), "UnknownKey"),
        (change(|p| p.keys = vec![key(None, Alg::Hs384)]), "UnknownKey"),
        (change(|p| p.keys.push(key(None, Alg::Es256))), "Miss"),
        (change(|p| p.keys.clear()), "UnknownKey"),
        (change(|p| p.issuer = Some("https://other.test".to_owned())), "Issuer"),
        (change(|p| p.issuer = None), "Miss"),
        (change(|p| p.audience = vec!["films".to_owned()]), "Audience"),
        (change(|p| p.audience = vec!["media".to_owned()]), "Miss"),
        (change(|p| p.leeway = Duration::from_secs(1)), "Miss"),
        (change(|p| p.max_lifetime = Duration::from_secs(60)), "Lifetime"),
        (change(|p| p.max_bytes = 10), "TooLarge"),
        (change(|p| p.max_bytes = 9000), "Miss"),
        (change(|p| p.claims.user = vec!["iss".to_owned()]), "Miss"),
        (change(|p| p.claims.user = vec!["email".to_owned()]), "User"),
        (change(|p| p.claims.roles = vec!["a".to_owned(), "b".to_owned()]), "Miss"),
        (change(|p| p.claims.roles = vec!["a.b".to_owned()]), "Miss"),
        (change(|p| p.name = "other".into()), "Miss"),
        (change(|p| p.mfa.acr = "gold".into()), "Miss"),
        (change(|p| p.mfa.amr = AmrPolicy::Listed(Vec::new())), "Miss"),
        (change(|p| p.mfa.amr = AmrPolicy::Listed(vec![vec!["a".to_owned(), "b".to_owned()]])), "Miss"),
        (change(|p| p.mfa.amr = AmrPolicy::Listed(vec![vec!["ab".to_owned()]])), "Miss"),
    ] {
        assert_eq!(look(&cache, &changed, &token, NOW), expected);
        assert_ne!(changed.fingerprint(), house().fingerprint());
    }
    let elsewhere = change(|p| p.sources = [].into());
    assert_eq!(look(&cache, &elsewhere, &token, NOW), "Hit", "where a token stands decides nothing");
    assert_eq!(elsewhere.fingerprint(), house().fingerprint());
}

#[test]
fn it_never_holds_more_than_its_cap() {
    for cap in [0, 1, 2, 3, 16, 17, 40, 64] {
        let (cache, house) = (TokenCache::new(cap, KEY), house());
        let mut most = 0;
        for n in 0..cap.max(1) * 10 {
            assert_eq!(look(&cache, &house, &numbered(n, NOW + 60), NOW), "Miss");
            most = most.max(cache.len());
            assert!(most <= cap, "{most} of {cap}");
        }
        assert!(most >= cap / 2, "{most} of {cap}");
    }
}

#[test]
fn expired_entries_make_room_first() {
    let (cache, house) = (TokenCache::new(8, KEY), house());
    // One shard would be enough, but which one a token falls into is not ours to choose.
    for n in 0..200 {
        look(&cache, &house, &numbered(n, NOW + 10), NOW);
    }
    let full = cache.len();
    let lasting: Vec<String> = (1000..1004).map(|n| numbered(n, NOW + 3600)).collect();
    for token in &lasting {
        look(&cache, &house, token, NOW + 20);
    }
    assert_eq!(cache.len(), full);
    let kept = lasting.iter().filter(|token| look(&cache, &house, token, NOW + 20) == "Hit").count();
    assert!(kept >= 1, "{kept} of {}", lasting.len());
}

#[test]
fn many_threads_agree() {
    let (cache, house) = (TokenCache::new(32, KEY), house());
    let tokens: Vec<String> = (0..64).map(|n| numbered(n, NOW + 60)).collect();
    std::thread::scope(|scope| {
        for start in 0..4 {
            let (cache, house, tokens) = (&cache, &house, &tokens);
            scope.spawn(move || {
                for step in 0..500 {
                    let token = &tokens[(start * 17 + step * 7) % tokens.len()];
                    let (verified, _) = cache.verify(house, token.as_bytes(), at(NOW)).unwrap();
                    assert_eq!(*verified, house.verify(token.as_bytes(), at(NOW)).unwrap());
                }
            });
        }
    });
    let (hits, misses) = cache.uses();
    assert_eq!(hits + misses, 2000);
    assert!(cache.len() <= 32);
}

#[test]
fn a_revoked_token_is_refused_whether_it_is_in_the_cache_or_not() {
    use crate::guard::revocation::{Revocation, RevocationList};
    let (list, house) = (Arc::new(RevocationList::default()), house());
    let cache = TokenCache::under(100, KEY, Arc::clone(&list));
    let unnamed = token(Alg::Hs256, r#"{"alg":"HS256"}"#, &GOOD.replace("1799999995", "1799999990"));
    let other = numbered(1, NOW + 60);
    for token in [&unnamed, &other] {
        assert_eq!(look(&cache, &house, token, NOW), "Miss");
        assert_eq!(look(&cache, &house, token, NOW), "Hit");
    }
    for (token, left) in [(&unnamed, &other), (&other, &unnamed)] {
        let before = look(&cache, &house, left, NOW);
        let (subject, _) = house.identify(token.as_bytes(), at(NOW)).unwrap();
        list.add(&[Revocation { subject, provider: None, made: NOW, until: None }]).unwrap();
        assert_eq!(look(&cache, &house, token, NOW), "TokenRevoked", "cached");
        assert_eq!(look(&TokenCache::under(9, KEY, Arc::clone(&list)), &house, token, NOW), "TokenRevoked");
        assert_eq!(look(&cache, &house, left, NOW), before, "the other is judged as before");
    }
}

#[test]
fn a_token_is_identified_whether_it_is_accepted_now_or_not() {
    use crate::guard::revocation::{Subject, TokenId};
    let house = house();
    let signed = |claims: &str| token(Alg::Hs256, r#"{"alg":"HS256"}"#, claims);
    let jti = |jti: &str| Ok(Subject::jti(jti).unwrap());
    let id = |id| Ok(Subject::Token(id));
    let long = "x".repeat(300);
    for (claims, expected) in [
        (r#"{"jti":"j1","exp":1}"#.to_owned(), jti("j1")),
        (r#"{"jti":7,"exp":1}"#.to_owned(), jti("7")),
        (format!(r#"{{"jti":"{long}","exp":1}}"#), id(TokenId::of_jti(&long))),
        (r#"{"jti":"","exp":1}"#.to_owned(), id(TokenId::of_claims(br#"{"jti":"","exp":1}"#))),
        (r#"{"jti":["j1"],"exp":1}"#.to_owned(), id(TokenId::of_claims(br#"{"jti":["j1"],"exp":1}"#))),
        (r#"{"exp":1}"#.to_owned(), id(TokenId::of_claims(br#"{"exp":1}"#))),
        (r#"{"jti":"j1"}"#.to_owned(), Err(TokenFault::Expiry)),
        (r#"{"jti":"j1","jti":"j2","exp":1}"#.to_owned(), Err(TokenFault::Malformed)),
    ] {
        let told = house.identify(signed(&claims).as_bytes(), at(NOW));
        let expires = Duration::from_secs(1);
        let expected = expected.map(|subject| (subject, expires)).map_err(Denial::TokenInvalid);
        assert_eq!(told, expected, "{claims}");
    }
    let forged = format!("{}AA", signed(r#"{"jti":"j1","exp":1}"#));
    assert!(house.identify(forged.as_bytes(), at(NOW)).is_err());
}

#[test]
fn what_a_token_does_not_say_of_its_issue_is_taken_as_early_as_it_can_be() {
    let house = house();
    let issued = |claims: &str| {
        let token = token(Alg::Hs256, r#"{"alg":"HS256"}"#, claims);
        house.verify(token.as_bytes(), at(NOW)).unwrap().credential().issued.as_secs()
    };
    assert_eq!(issued(GOOD), 1_799_999_995);
    let undated = GOOD.replace(r#","iat":1799999995"#, "");
    assert_eq!(issued(&undated), 1_800_003_600 - 24 * 3600);
}
