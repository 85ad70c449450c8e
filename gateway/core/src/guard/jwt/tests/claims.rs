use super::*;

/// [`GOOD`] with `more` members set instead of its own; `-name` takes one away.
fn claims(more: &str) -> String {
    let mut members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(GOOD).unwrap();
    if let Some(name) = more.strip_prefix('-') {
        members.remove(name);
    } else {
        let more: serde_json::Map<_, _> = serde_json::from_str(&format!("{{{more}}}")).unwrap();
        members.extend(more);
    }
    serde_json::to_string(&members).unwrap()
}

fn verify(policy: &JwtPolicy, claims: &str, now: u64) -> Result<Verified, Denial> {
    policy.verify(token(Alg::Hs256, r#"{"alg":"HS256"}"#, claims).as_bytes(), at(now))
}

#[test]
fn claims_are_judged() {
    let policy = policy(vec![key(None, Alg::Hs256)]);
    for (more, expected) in [
        ("", "ok"),
        (r#""foo":{"a":[1,2]}"#, "ok"),
        // iss
        ("-iss", "Issuer"),
        (r#""iss":"https://issuer.test/""#, "Issuer"),
        (r#""iss":"HTTPS://ISSUER.TEST""#, "Issuer"),
        (r#""iss":"https://issuer.test.evil""#, "Issuer"),
        (r#""iss":["https://issuer.test"]"#, "Issuer"),
        (r#""iss":null"#, "Issuer"),
        // aud
        ("-aud", "Audience"),
        (r#""aud":"films""#, "ok"),
        (r#""aud":["other","media"]"#, "ok"),
        (r#""aud":["media",null]"#, "Audience"),
        (r#""aud":["media",["media"]]"#, "Audience"),
        (r#""aud":[]"#, "Audience"),
        (r#""aud":"medi""#, "Audience"),
        (r#""aud":"media2""#, "Audience"),
        (r#""aud":"Media""#, "Audience"),
        (r#""aud":"media films""#, "Audience"),
        (r#""aud":{"media":1}"#, "Audience"),
        (r#""aud":null"#, "Audience"),
        // exp
        ("-exp", "Expiry"),
        (r#""exp":1800003600.5"#, "ok"),
        (r#""exp":1.8000036e9"#, "ok"),
        (r#""exp":1799999971"#, "ok"),
        (r#""exp":1799999970"#, "TokenExpired"),
        (r#""exp":1799999970.5"#, "ok"),
        (r#""exp":0"#, "TokenExpired"),
        (r#""exp":-1"#, "Expiry"),
        (r#""exp":-1.5"#, "Expiry"),
        (r#""exp":1e300"#, "Expiry"),
        (r#""exp":18446744073709551615"#, "Lifetime"),
        (r#""exp":18446744073709551616"#, "Expiry"),
        (r#""exp":"1800003600""#, "Expiry"),
        (r#""exp":true"#, "Expiry"),
        (r#""exp":null"#, "Expiry"),
        (r#""exp":[1800003600]"#, "Expiry"),
        (r#""exp":{}"#, "Expiry"),
        // nbf
        (r#""nbf":1799999995"#, "ok"),
        (r#""nbf":0"#, "ok"),
        (r#""nbf":1800000030"#, "ok"),
        (r#""nbf":1800000031"#, "NotYetValid"),
        (r#""nbf":"0""#, "NotYetValid"),
        (r#""nbf":null"#, "NotYetValid"),
        (r#""nbf":-5"#, "NotYetValid"),
        // iat and the lifetime
        (r#""iat":1800000030"#, "ok"),
        (r#""iat":1800000031"#, "IssuedLater"),
        (r#""iat":1800007200"#, "IssuedLater"),
        (r#""iat":"1799999995""#, "IssuedLater"),
        (r#""iat":null"#, "IssuedLater"),
        (r#""iat":1799999995,"exp":1800086395"#, "ok"),
        (r#""iat":1799999995,"exp":1800086396"#, "Lifetime"),
        (r#""iat":1700000000"#, "Lifetime"),
        ("-iat", "ok"),
        // the user
        ("-sub", "User"),
        (r#""sub":"""#, "User"),
        (r#""sub":7"#, "User"),
        (r#""sub":null"#, "User"),
        (r#""sub":["alice"]"#, "User"),
        (r#""sub":"al\nice""#, "User"),
        (r#""sub":"al\u0000""#, "User"),
        (r#""sub":"al\u0085ice""#, "User"),
        (r#""sub":"Ålice Ümlaut""#, "ok"),
        // An expired token that was never good is invalid, not expired.
        (r#""exp":1700000000,"iat":1699999000,"sub":"""#, "User"),
        (r#""exp":1700000000,"iat":1699999000,"aud":"x""#, "Audience"),
        (r#""exp":1700000000,"iat":1699999000"#, "TokenExpired"),
        // roles and scopes
        (r#""roles":null"#, "Claims"),
        (r#""roles":7"#, "Claims"),
        (r#""roles":{"admin":true}"#, "Claims"),
        (r#""roles":["user",1]"#, "Claims"),
        (r#""roles":["us\ner"]"#, "Controls"),
        (r#""scope":"a\u0000b""#, "Controls"),
        (r#""scope":true"#, "Claims"),
        (r#""scope":["a",null]"#, "Claims"),
    ] {
        assert_eq!(told(verify(&policy, &claims(more), NOW)), expected, "{more}");
    }
}

#[test]
fn without_iat_the_rest_of_the_lifetime_counts() {
    let policy = policy(vec![key(None, Alg::Hs256)]);
    let lasting =
        |exp: u64| format!(r#"{{"iss":"https://issuer.test","aud":"media","sub":"a","exp":{exp}}}"#);
    assert_eq!(told(verify(&policy, &lasting(NOW + 86_430), NOW)), "ok");
    assert_eq!(told(verify(&policy, &lasting(NOW + 86_431), NOW)), "Lifetime");
}

#[test]
fn payloads_are_objects_without_repeats() {
    let policy = policy(vec![key(None, Alg::Hs256)]);
    let twice = GOOD.replace(r#""exp":1800003600"#, r#""exp":1,"exp":1800003600"#);
    let huge = GOOD.replace("1800003600", "1e400");
    let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
    for payload in ["[]", "\"x\"", "{", "", "null", &twice, &huge, &deep] {
        assert_eq!(told(verify(&policy, payload, NOW)), "Malformed", "{payload}");
    }
}

#[test]
fn names_are_read() {
    let policy = policy(vec![key(None, Alg::Hs256)]);
    for (more, roles, scopes) in [
        ("", vec![], vec![]),
        (r#""roles":"admin","scope":"read write""#, vec!["admin"], vec!["read", "write"]),
        (r#""roles":"admin user","scope":"""#, vec!["admin user"], vec![]),
        (r#""roles":["admin","user"],"scope":["a b","c"]"#, vec!["admin", "user"], vec!["a b", "c"]),
        (r#""roles":["","x"],"scope":"  a  ""#, vec!["x"], vec!["a"]),
        (r#""roles":"","scope":[]"#, vec![], vec![]),
    ] {
        let verified = verify(&policy, &claims(more), NOW).unwrap();
        let plain = |names: &[Arc<str>]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(
            (plain(verified.roles()), plain(verified.scopes())),
            (roles.into_iter().map(str::to_owned).collect(), scopes.into_iter().map(str::to_owned).collect())
        );
        assert_eq!(&**verified.user(), "alice");
        assert_eq!(verified.expires(), Duration::from_secs(NOW + 3600));
    }
}

#[test]
fn names_are_bounded() {
    let policy = policy(vec![key(None, Alg::Hs256)]);
    let list = |n: usize| serde_json::to_string(&vec!["r"; n]).unwrap();
    for (more, expected) in [
        (format!(r#""roles":{}"#, list(1024)), "ok"),
        (format!(r#""roles":{}"#, list(1025)), "Names"),
        (format!(r#""scope":{}"#, list(1024)), "ok"),
        (format!(r#""scope":{}"#, list(1025)), "Names"),
        (format!(r#""scope":"{}""#, "s ".repeat(1025)), "Names"),
        (format!(r#""sub":"{}""#, "u".repeat(256)), "ok"),
        (format!(r#""sub":"{}""#, "u".repeat(257)), "User"),
        (format!(r#""sub":"{}""#, "ü".repeat(129)), "User"),
    ] {
        assert_eq!(told(verify(&policy, &claims(&more), NOW)), expected, "{more}");
    }
}

#[test]
fn dotted_paths_reach_nested_claims() {
    let mut policy = policy(vec![key(None, Alg::Hs256)]);
    let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
    policy.claims =
        ClaimPaths { user: path("who.name"), roles: path("realm_access.roles"), scopes: path("a.b.scopes") };
    let more = r#""who":{"name":"bob"},"realm_access":{"roles":["admin"]},"a":{"b":"not an object"}"#;
    let verified = verify(&policy, &claims(more), NOW).unwrap();
    assert_eq!((&**verified.user(), verified.roles().len(), verified.scopes().len()), ("bob", 1, 0));
    for more in ["", r#""who":"bob""#, r#""who":{"name":{"x":1}}"#, r#""who.name":"bob""#] {
        assert_eq!(told(verify(&policy, &claims(more), NOW)), "User", "{more}");
    }
}

#[test]
fn any_issuer_and_any_audience_are_said_by_name() {
    let mut policy = policy(vec![key(None, Alg::Hs256)]);
    policy.issuer = None;
    policy.audience = Vec::new();
    for (more, expected) in [
        (r#""iss":"x","aud":{}"#, "ok"),
        ("-iss", "ok"),
        ("-aud", "ok"),
        (r#""iss":["https://issuer.test"]"#, "Issuer"),
        (r#""iss":1"#, "Issuer"),
    ] {
        assert_eq!(told(verify(&policy, &claims(more), NOW)), expected, "{more}");
    }
}

#[test]
fn providers_do_not_share_keys() {
    let house = policy(vec![key(None, Alg::Hs256)]);
    let mut other = policy(vec![key(None, Alg::Es256)]);
    other.issuer = Some("https://other.test".to_owned());
    assert_eq!(told(house.verify(good(Alg::Hs256).as_bytes(), at(NOW))), "ok");
    assert_eq!(told(other.verify(good(Alg::Hs256).as_bytes(), at(NOW))), "UnknownKey");
    assert_eq!(told(other.verify(good(Alg::Es256).as_bytes(), at(NOW))), "Issuer");
}

/// Most routes ask for no second factor: what a token says of one badly does not make it invalid.
#[test]
fn a_token_says_whether_its_user_used_a_second_factor() {
    let mut policy = policy(vec![key(None, Alg::Hs256)]);
    policy.mfa.acr = "gold".into();
    for (more, expected) in [
        ("", false),
        (r#""amr":["mfa"]"#, true),
        (r#""amr":["pwd","otp"]"#, true),
        (r#""amr":["pwd"]"#, false),
        (r#""amr":"mfa""#, false),
        (r#""amr":["mfa",1]"#, false),
        (r#""acr":"gold""#, true),
        (r#""acr":["gold"]"#, false),
        (r#""acr":"silver","amr":["mfa"]"#, true),
        // Only the members of the token itself count.
        (r#""x":{"amr":["mfa"],"acr":"gold"}"#, false),
    ] {
        let verified = verify(&policy, &claims(more), NOW).unwrap();
        let expected =
            if expected { SecondFactor::Proven } else { SecondFactor::Missing { acr_values: "gold".into() } };
        assert_eq!(*verified.second_factor(), expected, "{more}");
    }
}
