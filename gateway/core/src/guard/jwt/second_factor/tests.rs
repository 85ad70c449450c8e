#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn lists(lists: &[&[&str]]) -> AmrPolicy {
    let list = |list: &&[&str]| list.iter().map(|method| (*method).to_owned()).collect();
    AmrPolicy::Listed(lists.iter().map(list).collect())
}

#[track_caller]
fn check(policy: &SecondFactorPolicy, claims: Value, expected: bool) {
    let told = policy.judge(claims.as_object().unwrap());
    let expected = if expected { SecondFactor::Proven } else { policy.missing() };
    assert_eq!(told, expected, "{claims} under {policy:?}");
}

#[test]
fn two_methods_are_two_factors_only_of_two_kinds() {
    let usual = SecondFactorPolicy::default();
    for (amr, expected) in [
        (json!(["mfa"]), true),
        (json!(["pwd", "mfa"]), true),
        (json!(["pwd", "otp"]), true),
        (json!(["hwk", "pin"]), true),
        (json!(["swk", "fpt"]), true),
        (json!(["face", "kba", "user"]), true),
        (json!(["pwd"]), false),
        (json!(["otp"]), false),
        (json!(["hwk"]), false),
        (json!(["pwd", "pwd"]), false),
        (json!(["pwd", "pin", "kba"]), false),
        (json!(["otp", "sms", "hwk", "swk", "sc", "tel", "pop"]), false),
        (json!(["face", "iris"]), false),
        // None of these is a factor of its own.
        (json!(["pwd", "geo", "rba", "user", "mca", "wia"]), false),
        (json!(["pwd", "OTP"]), false),
        (json!(["MFA"]), false),
        (json!(["mfa "]), false),
        (json!(["pwd mfa"]), false),
        (json!([]), false),
    ] {
        check(&usual, json!({ "amr": amr }), expected);
    }
    check(&usual, json!({}), false);
    check(&usual, json!({ "acr": "mfa" }), false);
}

#[test]
fn a_claim_of_another_type_counts_as_none() {
    let policy = SecondFactorPolicy { acr: "gold".into(), ..SecondFactorPolicy::default() };
    for amr in [
        json!("mfa"),
        json!("pwd otp"),
        json!(null),
        json!(true),
        json!(2),
        json!({ "mfa": true }),
        json!([["mfa"]]),
        json!(["mfa", 1]),
        json!(["mfa", null]),
    ] {
        check(&policy, json!({ "amr": amr }), false);
    }
    for acr in [json!(["gold"]), json!(1), json!({ "gold": 1 }), json!(null)] {
        check(&policy, json!({ "acr": acr }), false);
    }
}

#[test]
fn of_very_many_methods_none_counts() {
    let of = |count: usize| {
        let mut methods = vec!["x"; count - 1];
        methods.push("mfa");
        json!({ "amr": methods })
    };
    check(&SecondFactorPolicy::default(), of(MAX_METHODS), true);
    check(&SecondFactorPolicy::default(), of(MAX_METHODS + 1), false);
}

#[test]
fn what_the_file_lists_counts_and_nothing_else() {
    let gold = SecondFactorPolicy { amr: lists(&[]), acr: "gold urn:silver".into() };
    for (claims, expected) in [
        (json!({ "acr": "gold" }), true),
        (json!({ "acr": "urn:silver", "amr": "odd" }), true),
        (json!({ "acr": "Gold" }), false),
        (json!({ "acr": "gold urn:silver" }), false),
        (json!({ "acr": "" }), false),
        (json!({ "amr": ["mfa"] }), false),
        (json!({ "amr": ["pwd", "otp"] }), false),
        (json!({ "amr": ["gold"] }), false),
        (json!({ "amr": [] }), false),
    ] {
        check(&gold, claims, expected);
    }
    let listed = SecondFactorPolicy { amr: lists(&[&["duo"], &["pwd", "otp"]]), acr: Arc::default() };
    for (claims, expected) in [
        (json!({ "amr": ["duo"] }), true),
        (json!({ "amr": ["otp", "x", "pwd"] }), true),
        (json!({ "amr": ["otp"] }), false),
        (json!({ "amr": ["mfa"] }), false),
        (json!({ "acr": "" }), false),
        (json!({ "acr": "duo" }), false),
    ] {
        check(&listed, claims, expected);
    }
}

#[test]
fn a_list_covers_what_is_enough_for_it() {
    let registered = AmrPolicy::Registered;
    for (all, some, expected) in [
        (registered.clone(), registered.clone(), true),
        (registered.clone(), lists(&[&["mfa"]]), true),
        (registered.clone(), lists(&[&["pwd", "otp"]]), true),
        (registered.clone(), lists(&[&["mfa"], &["pwd"]]), false),
        (registered.clone(), lists(&[]), true),
        (lists(&[&["mfa"]]), registered, false),
        (lists(&[&["mfa"]]), lists(&[&["mfa", "pwd"]]), true),
        (lists(&[&["mfa", "pwd"]]), lists(&[&["mfa"]]), false),
        (lists(&[]), lists(&[&["mfa"]]), false),
    ] {
        assert_eq!(all.covers(&some), expected, "{all:?} {some:?}");
    }
}
