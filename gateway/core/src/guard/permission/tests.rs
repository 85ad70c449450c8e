#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::guard::caller::AssumedIdentity;
use crate::guard::caller::AuthPolicy;

fn text(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn caller(user: Option<&str>, roles: &[&str], scopes: &[&str]) -> Caller {
    caller_with(user, roles, scopes, false)
}

fn caller_with(user: Option<&str>, roles: &[&str], scopes: &[&str], mfa: bool) -> Caller {
    let assumed = user.map(|user| AssumedIdentity {
        user: user.to_owned(),
        roles: text(roles),
        scopes: text(scopes),
        mfa,
    });
    AuthPolicy::Optional([].into()).dry_run(assumed.as_ref()).unwrap().as_ref().clone()
}

fn told(policy: &PermissionPolicy, caller: &Caller, segment: Option<&str>) -> String {
    match policy.decide(caller, |_, user| segment.is_some_and(|named| names(named, user))) {
        Ok(Allowed(())) => "ok".to_owned(),
        Err(denial) => format!("{denial:?}"),
    }
}

#[test]
fn roles_are_any_of_and_scopes_all_of() {
    for (roles, scopes, has_roles, has_scopes, expected) in [
        (&[][..], &[][..], &[][..], &[][..], "ok"),
        (&["admin"], &[], &["admin"], &[], "ok"),
        (&["admin", "staff"], &[], &["user", "staff"], &[], "ok"),
        (&["admin"], &[], &[], &[], "RoleMissing"),
        (&["admin"], &[], &["Admin"], &[], "RoleMissing"),
        (&["admin"], &[], &["administrator", "admi", "user admin"], &[], "RoleMissing"),
        (&["admin"], &[], &[], &["admin"], "RoleMissing"),
        (&[], &["read"], &[], &["read", "write"], "ok"),
        (&[], &["read", "write"], &[], &["read"], "ScopeMissing"),
        (&[], &["read"], &["read"], &[], "ScopeMissing"),
        (&["admin"], &["read"], &["admin"], &[], "ScopeMissing"),
        (&["admin"], &["read"], &[], &[], "RoleMissing"),
    ] {
        let policy =
            PermissionPolicy { roles: text(roles), scopes: text(scopes), ..PermissionPolicy::default() };
        assert_eq!(
            told(&policy, &caller(Some("bob"), has_roles, has_scopes), None),
            expected,
            "{roles:?} {scopes:?}"
        );
    }
}

#[test]
fn an_owned_path_is_its_owners() {
    let owned = |or_role: Option<&str>| PermissionPolicy {
        owner: OwnerPolicy::Segment { segment: 3, or_role: or_role.map(str::to_owned) },
        ..PermissionPolicy::default()
    };
    for (or_role, user, roles, segment, expected) in [
        (None, "bob", &[][..], Some("bob"), "ok"),
        (None, "bob", &[], Some("alice"), "NotOwner"),
        (None, "bob", &[], Some("Bob"), "NotOwner"),
        (None, "bob", &[], Some("bob "), "NotOwner"),
        (None, "bob", &[], Some("bob;x=1"), "NotOwner"),
        (None, "bob;x", &[], Some("bob;x"), "NotOwner"),
        (None, "bob", &[], Some(""), "NotOwner"),
        (None, "bob", &[], None, "NotOwner"),
        (None, "bob", &["admin"], Some("alice"), "NotOwner"),
        (Some("admin"), "bob", &["admin"], Some("alice"), "ok"),
        (Some("admin"), "bob", &["admins"], Some("alice"), "NotOwner"),
        (Some("admin"), "bob", &[], Some("bob"), "ok"),
        (Some("admin"), "admin", &[], Some("alice"), "NotOwner"),
    ] {
        assert_eq!(
            told(&owned(or_role), &caller(Some(user), roles, &[]), segment),
            expected,
            "{user} {segment:?}"
        );
    }
}

#[test]
fn an_anonymous_caller_has_to_say_who_it_is_where_anything_is_asked() {
    let nobody = caller(None, &[], &[]);
    let owner = OwnerPolicy::Segment { segment: 0, or_role: None };
    for (policy, expected) in [
        (PermissionPolicy::default(), "ok"),
        (PermissionPolicy { roles: text(&["admin"]), ..PermissionPolicy::default() }, "TokenMissing"),
        (PermissionPolicy { scopes: text(&["read"]), ..PermissionPolicy::default() }, "TokenMissing"),
        (PermissionPolicy { owner, ..PermissionPolicy::default() }, "TokenMissing"),
        (PermissionPolicy { mfa: true, ..PermissionPolicy::default() }, "TokenMissing"),
    ] {
        assert_eq!(told(&policy, &nobody, Some("")), expected);
    }
}

/// What else is asked for comes first: nobody is sent for a second factor who may not come in with it either.
#[test]
fn a_second_factor_is_asked_for_last() {
    let policy = PermissionPolicy {
        roles: text(&["admin"]),
        scopes: text(&["read"]),
        owner: OwnerPolicy::Segment { segment: 0, or_role: None },
        mfa: true,
    };
    let missing = "MfaRequired(\"\")";
    for (roles, scopes, segment, mfa, expected) in [
        (&["admin"][..], &["read"][..], "bob", true, "ok"),
        (&["admin"], &["read"], "bob", false, missing),
        (&[], &["read"], "bob", false, "RoleMissing"),
        (&["admin"], &[], "bob", false, "ScopeMissing"),
        (&["admin"], &["read"], "eve", false, "NotOwner"),
        (&[], &["read"], "bob", true, "RoleMissing"),
        (&["admin"], &["read"], "eve", true, "NotOwner"),
        // No role is one.
        (&["admin", "mfa"], &["read", "mfa"], "bob", false, missing),
    ] {
        let caller = caller_with(Some("bob"), roles, scopes, mfa);
        assert_eq!(told(&policy, &caller, Some(segment)), expected, "{roles:?} {scopes:?} {segment} {mfa}");
    }
}
