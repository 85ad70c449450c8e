use super::*;

fn text(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn what_is_signed_is_accepted() {
    for (kid, alg) in [(None, Alg::Hs256), (Some("2026-11"), Alg::Hs384), (Some(""), Alg::Hs512)] {
        let policy = policy(vec![key(Some("e"), Alg::Es256), key(kid, alg), key(Some("z"), Alg::Hs256)]);
        let token = policy
            .sign(
                "alice",
                &text(&["admin", "user"]),
                &text(&["read", "write"]),
                Duration::from_secs(60),
                "j1",
                at(NOW),
            )
            .unwrap();
        let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["alg"], alg.name());
        assert_eq!(header["typ"], "JWT");
        assert_eq!(header.get("kid").and_then(|kid| kid.as_str()), kid);
        let verified = policy.verify(token.as_bytes(), at(NOW)).unwrap();
        assert_eq!(&**verified.user(), "alice");
        assert_eq!((verified.roles().len(), verified.scopes().len()), (2, 2));
        assert_eq!(verified.expires(), Duration::from_secs(NOW + 60));
    }
}

#[test]
fn claims_stand_where_the_policy_looks() {
    let mut policy = policy(vec![key(None, Alg::Hs256)]);
    policy.claims = ClaimPaths {
        user: text(&["who", "name"]),
        roles: text(&["who", "roles"]),
        scopes: text(&["a", "b", "c"]),
    };
    let token =
        policy.sign("al.ice", &text(&["r"]), &text(&["s"]), Duration::from_secs(60), "j1", at(NOW)).unwrap();
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(payload["iss"], "https://issuer.test");
    assert_eq!(payload["aud"], "media");
    assert_eq!(payload["jti"], "j1");
    assert_eq!(payload["iat"], NOW);
    let verified = policy.verify(token.as_bytes(), at(NOW)).unwrap();
    assert_eq!((&**verified.user(), &*verified.roles()[0], &*verified.scopes()[0]), ("al.ice", "r", "s"));
}

#[test]
fn what_would_be_refused_is_not_signed() {
    let minute = Duration::from_secs(60);
    let house = || policy(vec![key(None, Alg::Hs256)]);
    let mut clash = house();
    clash.claims.user = text(&["iss"]);
    let mut small = house();
    small.max_bytes = 100;
    let many = vec!["r".to_owned(); 1025];
    for (policy, user, roles, scopes, lifetime, expected) in [
        (policy(vec![key(None, Alg::Es256)]), "a", vec![], vec![], minute, "none is a secret: `house`"),
        (house(), "a", vec![], vec![], Duration::ZERO, "`0s`"),
        (house(), "a", vec![], vec![], Duration::from_secs(86_401), "`86401s`"),
        (house(), "", vec![], vec![], minute, "not ``"),
        (house(), "a\nb", vec![], vec![], minute, r"not `a\nb`"),
        (house(), "a", many, vec![], minute, "`1025, 0`"),
        (house(), "a", text(&[""]), vec![], minute, "not a role"),
        (house(), "a", vec![], text(&["a b"]), minute, "not a scope: `a b`"),
        (clash, "a", vec![], vec![], minute, "same path: `iss`"),
        (small, "a", vec![], vec![], minute, "max_bytes"),
    ] {
        let fault = policy.sign(user, &roles, &scopes, lifetime, "j", at(NOW)).unwrap_err();
        assert!(fault.contains(expected), "{fault}, wanted {expected}");
    }
}

#[test]
fn the_most_that_is_accepted_is_signed() {
    let mut house = policy(vec![key(None, Alg::Hs256)]);
    house.max_bytes = 1 << 16;
    let day = Duration::from_secs(86_400);
    let names = |count: usize| vec!["n".to_owned(); count];
    let token = house.sign("a", &names(1024), &names(1024), day, "j", at(NOW)).unwrap();
    assert_eq!(told(house.verify(token.as_bytes(), at(NOW))), "ok");
    let fault =
        |roles, scopes| house.sign("a", &names(roles), &names(scopes), day, "j", at(NOW)).unwrap_err();
    assert!(fault(1025, 0).contains("`1025, 0`") && fault(0, 1025).contains("`0, 1025`"));
    house.max_bytes = token.len();
    assert_eq!(house.sign("a", &names(1024), &names(1024), day, "j", at(NOW)), Ok(token.clone()));
    house.max_bytes = token.len() - 1;
    assert!(house.sign("a", &names(1024), &names(1024), day, "j", at(NOW)).is_err());
}

#[test]
fn a_second_factor_is_said_as_the_policy_looks_for_it() {
    let listed = |lists: &[&[&str]]| AmrPolicy::Listed(lists.iter().map(|list| text(list)).collect());
    for (amr, acr, claim, expected) in [
        (AmrPolicy::Registered, "", "amr", "[\"mfa\"]"),
        (AmrPolicy::Registered, "gold", "amr", "[\"mfa\"]"),
        (listed(&[&["pwd", "duo"], &["x"]]), "gold", "amr", "[\"pwd\",\"duo\"]"),
        (listed(&[]), "gold silver", "acr", "\"gold\""),
    ] {
        let mut house = policy(vec![key(None, Alg::Hs256)]);
        house.mfa = SecondFactorPolicy { amr, acr: acr.into() };
        let said = |second_factor| {
            let claims = TokenClaims { user: "alice", roles: &[], scopes: &[], second_factor };
            let token = house.sign_claims(claims, Duration::from_secs(60), "j", at(NOW)).unwrap();
            let verified = house.verify(token.as_bytes(), at(NOW)).unwrap();
            let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
            let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
            (verified.second_factor().clone(), payload)
        };
        let (factor, payload) = said(true);
        assert_eq!((factor, payload[claim].to_string().as_str()), (SecondFactor::Proven, expected));
        let (factor, payload) = said(false);
        assert_eq!((factor, payload.get("amr"), payload.get("acr")), (house.mfa.missing(), None, None));
    }
}
