use super::*;

#[test]
fn outcomes_follow_the_order_of_the_checks() {
    fn check(reached: Guard, admitted: bool, expected: &[(Guard, CheckOutcome)]) {
        for (guard, expected) in expected {
            assert_eq!(outcome(*guard, reached, admitted), *expected, "{guard:?} at {reached:?}");
        }
    }
    use CheckOutcome::{Answered, NotReached, Passed, Refused};
    check(
        Guard::Identity,
        false,
        &[(Guard::Size, Passed), (Guard::Identity, Refused), (Guard::Origin, NotReached)],
    );
    check(
        Guard::Preflight,
        true,
        &[(Guard::Route, Passed), (Guard::Preflight, Answered), (Guard::Size, NotReached)],
    );
    check(Guard::Body, true, &[(Guard::Target, Passed), (Guard::Upgrade, Passed), (Guard::Body, Passed)]);
}

#[test]
fn the_checks_are_told_in_the_order_they_are_made() {
    assert!(CHECKS.is_sorted());
}

#[test]
fn permissions_are_told() {
    fn check(policy: &PermissionPolicy, expected: &str) {
        assert_eq!(permission(policy), expected);
    }
    check(&PermissionPolicy::default(), "everybody");
    let owner = OwnerPolicy::Segment { segment: 2, or_role: Some("admin".into()) };
    let policy = PermissionPolicy {
        roles: vec!["a".into(), "b".into()],
        scopes: vec!["read".into()],
        owner,
        mfa: true,
    };
    check(
        &policy,
        "one of the roles `a`, `b`; the scopes `read`; the owner, or the role `admin`; a second factor",
    );
}
