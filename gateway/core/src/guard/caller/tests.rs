#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::guard::credential::TokenSource;
use crate::guard::credential::tests::head;
use crate::guard::jwt::{Alg, ClaimPaths, JwtKey, TokenClaims};
use crate::secret::Secret;
use crate::tls::{AuthorityId, ClientSubject};

pub(crate) const NOW: Now = Now::new(Duration::ZERO, Duration::from_secs(1_800_000_000));

/// A provider named `name`, whose one secret is made of that name.
pub(crate) fn provider(name: &str, sources: &[&str]) -> Arc<JwtPolicy> {
    let secret = name.bytes().cycle().take(32).collect();
    let path = |name: &str| vec![name.to_owned()];
    Arc::new(JwtPolicy {
        name: name.into(),
        keys: vec![JwtKey::secret(None, Alg::Hs256, Secret::new(secret)).unwrap()],
        fetched: None,
        issuer: Some(name.to_owned()),
        audience: vec!["media".to_owned()],
        leeway: Duration::from_secs(30),
        max_lifetime: Duration::from_secs(3600),
        max_bytes: 8192,
        sources: sources.iter().map(|text| TokenSource::parse(text).unwrap()).collect(),
        claims: ClaimPaths { user: path("sub"), roles: path("roles"), scopes: path("scope") },
        mfa: SecondFactorPolicy::default(),
    })
}

pub(crate) fn token(provider: &JwtPolicy) -> String {
    let roles = ["user".to_owned()];
    provider.sign("alice", &roles, &["read".to_owned()], Duration::from_secs(600), "j", NOW).unwrap()
}

/// Two providers, the first by bearer and cookie, the second by header and cookie.
fn two() -> (Arc<JwtPolicy>, Arc<JwtPolicy>) {
    (provider("house", &["bearer", "cookie:t"]), provider("tower", &["header:x-token", "cookie:t"]))
}

#[track_caller]
fn check(policy: &AuthPolicy, fields: &str, now: Now, expected: &str) {
    let tokens = TokenCache::new(16, [1; 32]);
    // Twice: what the cache says has to be the same.
    for _ in 0..2 {
        let told = match policy.authenticate(&head("/", fields), None, now, &tokens) {
            Ok(caller) => match caller.user() {
                Some(user) => {
                    format!("{user} {}", if caller.by_header() { "by header" } else { "by cookie" })
                }
                None => "anonymous".to_owned(),
            },
            Err(denial) => format!("{denial:?}"),
        };
        assert_eq!(told, expected, "{fields}");
    }
}

#[test]
fn the_policy_says_who_must_be_known() {
    let house = provider("house", &["bearer"]);
    let good = format!("Authorization: Bearer {}", token(&house));
    let accepted: Accepted = [house.into()].into();
    let (optional, required) = (AuthPolicy::Optional(accepted.clone()), AuthPolicy::Required(accepted));
    for (policy, fields, expected) in [
        (&AuthPolicy::Public, "", "anonymous"),
        (&AuthPolicy::Public, good.as_str(), "anonymous"),
        (&AuthPolicy::Public, "Authorization: Bearer bad", "anonymous"),
        (&optional, "", "anonymous"),
        (&optional, "Authorization: Bearer", "anonymous"),
        (&optional, "Authorization: Basic eDp5", "anonymous"),
        (&optional, good.as_str(), "alice by header"),
        (&optional, "Authorization: Bearer bad", "TokenInvalid(Malformed)"),
        (&required, "", "TokenMissing"),
        (&required, "Authorization: Basic eDp5", "TokenMissing"),
        (&required, good.as_str(), "alice by header"),
        (&required, "Authorization: Bearer bad", "TokenInvalid(Malformed)"),
        (&required, "Authorization: Bearer a\nAuthorization: Bearer b", "AmbiguousCredentials"),
    ] {
        check(policy, fields, NOW, expected);
    }
}

#[test]
fn providers_are_asked_in_order_where_they_read() {
    let (house, tower) = two();
    let (by_house, by_tower) = (token(&house), token(&tower));
    let both = AuthPolicy::Required([house.into(), tower.into()].into());
    for (fields, expected) in [
        (format!("Authorization: Bearer {by_house}"), "alice by header"),
        (format!("X-Token: {by_tower}"), "alice by header"),
        (format!("Cookie: t={by_house}"), "alice by cookie"),
        (format!("Cookie: t={by_tower}"), "alice by cookie"),
        // A token of one provider where only the other one reads.
        (format!("Authorization: Bearer {by_tower}"), "TokenInvalid(Signature)"),
        (format!("X-Token: {by_house}"), "TokenInvalid(Signature)"),
        // Two that differ are refused, whoever reads them; the same twice is one.
        (format!("Authorization: Bearer {by_house}\nX-Token: {by_tower}"), "AmbiguousCredentials"),
        (format!("Cookie: t={by_house}\nX-Token: {by_tower}"), "AmbiguousCredentials"),
        (format!("Cookie: t={by_house}\nAuthorization: Bearer {by_house}"), "alice by header"),
    ] {
        check(&both, &fields, NOW, expected);
    }
}

#[test]
fn an_app_may_say_itself_where_tokens_are_read() {
    let (house, _) = two();
    let by_house = token(&house);
    let sources: Arc<[_]> =
        ["header:x-own", "cookie:own"].map(|text| TokenSource::parse(text).unwrap()).into();
    let elsewhere = AuthPolicy::Required([AcceptedProvider { provider: house, sources }].into());
    for (fields, expected) in [
        (format!("X-Own: {by_house}"), "alice by header"),
        (format!("Cookie: own={by_house}"), "alice by cookie"),
        // Where the provider would look, nobody does.
        (format!("Authorization: Bearer {by_house}"), "TokenMissing"),
        (format!("Cookie: t={by_house}"), "TokenMissing"),
        // So what stands there is the app's own affair.
        (format!("X-Own: {by_house}\nAuthorization: Bearer other"), "alice by header"),
        (format!("X-Own: {by_house}\nCookie: own=other"), "AmbiguousCredentials"),
        ("X-Own: other".to_owned(), "TokenInvalid(Malformed)"),
    ] {
        check(&elsewhere, &fields, NOW, expected);
    }
}

#[test]
fn the_most_telling_refusal_is_given() {
    let (house, tower) = two();
    let old = format!("Cookie: t={}", token(&house));
    let later = NOW.after(Duration::from_secs(700));
    for providers in [[&house, &tower], [&tower, &house]] {
        let policy = AuthPolicy::Required(providers.map(|provider| Arc::clone(provider).into()).into());
        check(&policy, &old, later, "TokenExpired");
    }
    // The key of one provider, the claims of another: its claims are what is wrong.
    let mut impostor = provider("house", &["cookie:t"]);
    Arc::get_mut(&mut impostor).unwrap().issuer = Some("other".to_owned());
    let wrong = format!("Cookie: t={}", token(&impostor));
    check(&AuthPolicy::Required([tower.into(), house.into()].into()), &wrong, NOW, "TokenInvalid(Issuer)");
}

#[test]
fn without_providers_nobody_comes_in() {
    check(&AuthPolicy::Required([].into()), "Authorization: Bearer x", NOW, "TokenMissing");
}

#[test]
fn a_caller_says_what_the_token_said() {
    let house = provider("house", &["bearer"]);
    let fields = format!("Authorization: Bearer {}", token(&house));
    let policy = AuthPolicy::Required([house.into()].into());
    let caller = policy.authenticate(&head("/", &fields), None, NOW, &TokenCache::new(4, [1; 32])).unwrap();
    assert_eq!((&*caller.roles()[0], &*caller.scopes()[0]), ("user", "read"));
    assert_eq!(caller.expires(), Some(NOW.unix() + Duration::from_secs(600)));
}

#[test]
fn dry_runs_assume_a_caller() {
    let accepted: Accepted = [provider("house", &["bearer"]).into()].into();
    let bob = AssumedIdentity {
        user: "bob".to_owned(),
        roles: vec!["user".to_owned()],
        ..AssumedIdentity::default()
    };
    let told = |policy: &AuthPolicy, assumed| match policy.dry_run(assumed) {
        Ok(caller) => caller.as_ref().user().map_or("anonymous".to_owned(), ToString::to_string),
        Err(denial) => format!("{denial:?}"),
    };
    let (optional, required) = (AuthPolicy::Optional(accepted.clone()), AuthPolicy::Required(accepted));
    for (policy, assumed, expected) in [
        (&AuthPolicy::Public, Some(&bob), "anonymous"),
        (&AuthPolicy::Public, None, "anonymous"),
        (&optional, Some(&bob), "bob"),
        (&optional, None, "anonymous"),
        (&required, Some(&bob), "bob"),
        (&required, None, "TokenMissing"),
    ] {
        assert_eq!(told(policy, assumed), expected);
    }
}

#[test]
fn what_one_provider_has_taken_back_no_other_accepts() {
    use crate::guard::revocation::{Revocation, Subject};
    let (house, mut tower) = (provider("house", &["bearer"]), provider("house", &["bearer"]));
    Arc::get_mut(&mut tower).unwrap().name = "tower".into();
    let fields = format!("Authorization: Bearer {}", token(&house));
    let both = AuthPolicy::Required([house.into(), tower.into()].into());
    let told = |revoked: &str| {
        let tokens = TokenCache::new(4, [1; 32]);
        let provider = Some(Arc::from(revoked));
        let revocation =
            Revocation { subject: Subject::Everybody, provider, made: NOW.unix_secs(), until: None };
        tokens.revocations().add(&[revocation]).unwrap();
        both.authenticate(&head("/", &fields), None, NOW, &tokens).map(|caller| caller.provider().cloned())
    };
    assert_eq!(told("house"), Err(Denial::TokenRevoked), "the second would accept it");
    let accepted = both.authenticate(&head("/", &fields), None, NOW, &TokenCache::new(4, [1; 32])).unwrap();
    let list = RevocationList::default();
    assert_eq!(accepted.check_again(&list), Ok(()));
    let all = Revocation { subject: Subject::Everybody, provider: None, made: NOW.unix_secs(), until: None };
    list.add(&[all]).unwrap();
    assert_eq!(accepted.check_again(&list), Err(Denial::TokenRevoked), "what was let in before");
    assert_eq!(Caller::anonymous().check_again(&list), Ok(()));
    assert_eq!(told("tower"), Ok(Some("house".into())), "the first is asked first");
}

#[test]
fn a_certificate_is_taken_back_with_its_user() {
    use crate::guard::revocation::{Revocation, Subject};
    let policy = AuthPolicy::Required(Accepted { tokens: [].into(), certificates: Some("devices".into()) });
    let shown = |not_before: u64| ClientCertificate {
        authority: AuthorityId::new([1; 32]),
        not_before: Duration::from_secs(not_before),
        not_after: Duration::MAX,
        subject: ClientSubject::new([Some("bob")], []),
    };
    let tokens = TokenCache::new(4, [1; 32]);
    let told =
        |not_before| policy.authenticate(&head("/", ""), Some(&shown(not_before)), NOW, &tokens).map(|_| ());
    let now = NOW.unix_secs();
    assert_eq!(told(now - 5), Ok(()));
    let (subject, provider) = (Subject::user("bob").unwrap(), Some("devices".into()));
    tokens.revocations().add(&[Revocation { subject, provider, made: now, until: None }]).unwrap();
    assert_eq!(told(now - 5), Err(Denial::TokenRevoked));
    assert_eq!(told(now + 1), Ok(()), "a later one");
}

#[test]
fn a_second_factor_is_a_tokens_word_alone() {
    let house = provider("house", &["bearer"]);
    let said = |second_factor| {
        let claims = TokenClaims { user: "alice", roles: &[], scopes: &[], second_factor };
        house.sign_claims(claims, Duration::from_secs(600), "j", NOW).unwrap()
    };
    let tokens = TokenCache::new(16, [1; 32]);
    let caller = |policy: &AuthPolicy, fields: &str, shown: Option<&ClientCertificate>| {
        policy.authenticate(&head("/", fields), shown, NOW, &tokens).unwrap().second_factor().cloned()
    };
    let missing = Some(SecondFactorPolicy::default().missing());
    let by_token = AuthPolicy::Optional([Arc::clone(&house).into()].into());
    // Twice: what the cache says has to be the same.
    for _ in 0..2 {
        let bearer = |token: &str| format!("Authorization: Bearer {token}");
        assert_eq!(caller(&by_token, &bearer(&said(true)), None), Some(SecondFactor::Proven));
        assert_eq!(caller(&by_token, &bearer(&said(false)), None), missing);
    }
    assert_eq!(caller(&by_token, "", None), None);
    let shown = ClientCertificate {
        authority: AuthorityId::new([1; 32]),
        not_before: Duration::ZERO,
        not_after: Duration::MAX,
        subject: ClientSubject::new([Some("ada")], [Some("mfa")]),
    };
    let devices = || Accepted { certificates: Some("devices".into()), ..Accepted::default() };
    let by_certificate = AuthPolicy::Required(devices());
    assert_eq!(caller(&by_certificate, "", Some(&shown)), missing);
    // Nor does a dry run assume what a certificate cannot say.
    let assumed = AssumedIdentity { user: "ada".to_owned(), mfa: true, ..AssumedIdentity::default() };
    let dry_run = |policy: &AuthPolicy, assumed: &AssumedIdentity| {
        policy.dry_run(Some(assumed)).unwrap().as_ref().second_factor().cloned()
    };
    assert_eq!(dry_run(&by_certificate, &assumed), missing);
    assert_eq!(dry_run(&by_token, &assumed), Some(SecondFactor::Proven));
    assert_eq!(dry_run(&by_token, &AssumedIdentity { mfa: false, ..assumed }), missing);
}
