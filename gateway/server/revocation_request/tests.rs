#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use stagedoor_config::SourceFile;

use super::*;
use crate::materials::DiskMaterials;

const NOW: u64 = 1_800_000_000;

fn now() -> Now {
    Now::new(Duration::ZERO, Duration::from_secs(NOW))
}

/// Two providers of tokens, and one of certificates where `devices` says so.
fn policy(devices: bool) -> Policy {
    let mut text = String::from(
        r#"version = 1
[auth.house]
kind = "jwt"
keys = [{ secret = { file = "house" } }]
issuer = "house"
audience = ["media"]
max_lifetime = "1h"
[auth.tower]
kind = "jwt"
keys = [{ secret = { file = "tower" } }]
issuer = "tower"
audience = ["media"]
max_lifetime = "2h"
[app.media]
hosts = ["media.localhost"]
upstream = "http://127.0.0.1:1"
auth = "required"
by = ["house"]
[admin]
listen = "off"
"#,
    );
    if devices {
        text.push_str("[auth.devices]\nkind = \"client-certificate\"\n");
    }
    let dir = tempfile::tempdir().unwrap();
    let materials = DiskMaterials::within(dir.path());
    for name in ["house", "tower"] {
        use stagedoor_config::Materials as _;
        materials.generate(name).unwrap().unwrap();
    }
    let sources = [SourceFile { name: "test".into(), text }];
    stagedoor_config::compile(&sources, &materials, None, now()).unwrap().policy
}

fn plan(policy: &Policy, document: Value) -> Result<Vec<Value>, String> {
    let request: RevocationRequest = serde_json::from_value(document).map_err(|error| error.to_string())?;
    request.plan(policy, now()).map(documents).map_err(|fault| fault.to_string())
}

#[test]
fn entries_last_as_long_as_what_they_meet() {
    let (policy, with_devices) = (policy(false), policy(true));
    let made = "2027-01-15T08:00:00.000Z";
    // The longest lifetime, ten minutes of leeway, and a second.
    let (one, two) = ("2027-01-15T09:10:01.000Z", "2027-01-15T10:10:01.000Z");
    for (document, expected) in [
        (json!({ "user": "bob" }), json!({ "user": "bob", "provider": null, "made": made, "until": two })),
        (
            json!({ "user": "bob", "provider": "house" }),
            json!({ "user": "bob", "provider": "house", "made": made, "until": one }),
        ),
        (json!({ "jti": "j1" }), json!({ "jti": "j1", "provider": null, "made": made, "until": two })),
        (
            json!({ "provider": "tower" }),
            json!({ "all": false, "provider": "tower", "made": made, "until": two }),
        ),
        (json!({ "all": true }), json!({ "all": true, "provider": null, "made": made, "until": two })),
    ] {
        assert_eq!(plan(&policy, document.clone()), Ok(vec![expected]), "{document}");
    }
    let planned = plan(&with_devices, json!({ "user": "bob" })).unwrap();
    assert_eq!(planned[0]["until"], Value::Null, "a certificate may live for any time");
    assert_eq!(plan(&with_devices, json!({ "user": "bob", "provider": "house" })).unwrap()[0]["until"], one);
}

#[test]
fn a_token_is_taken_back_by_its_own_id_until_its_end() {
    let policy = policy(false);
    let house = policy.providers[0].jwt().unwrap();
    let sign = |lifetime| house.sign("bob", &[], &[], Duration::from_secs(lifetime), "j1", now()).unwrap();
    let planned = plan(&policy, json!({ "token": format!("{}\n", sign(60)) })).unwrap();
    assert_eq!(planned.len(), 1);
    assert_eq!((&planned[0]["jti"], &planned[0]["provider"]), (&json!("j1"), &json!("house")));
    assert_eq!(planned[0]["until"], "2027-01-15T08:11:01.000Z");
    let later = Now::new(Duration::ZERO, Duration::from_secs(NOW + 3600));
    let request = RevocationRequest { token: Some(Secret::new(sign(60))), ..RevocationRequest::default() };
    assert_eq!(request.plan(&policy, later), Err(RequestFault::Expired));
    for nonsense in ["x", "a.b.c", &sign(60)[1..]] {
        let told = plan(&policy, json!({ "token": nonsense })).unwrap_err();
        assert!(told.starts_with("no provider has signed this token"), "{told}");
        assert!(!told.contains(nonsense) || nonsense.len() < 3, "a token is repeated: {told}");
    }
}

#[test]
fn a_wish_that_would_meet_nothing_is_refused() {
    let policy = policy(false);
    for (document, expected) in [
        (json!({}), "say what is revoked"),
        (json!({ "user": "bob", "jti": "j1" }), "say what is revoked"),
        (json!({ "user": "bob", "all": true }), "say what is revoked"),
        (json!({ "all": false }), "say what is revoked"),
        (json!({ "all": true, "provider": "house" }), "`provider` goes with"),
        (json!({ "token": "x", "provider": "house" }), "`provider` goes with"),
        (json!({ "provider": "hosue" }), "no provider has this name; there are: `house`, `tower`"),
        (json!({ "user": "bob", "provider": "hosue" }), "no provider has this name"),
        (json!({ "user": "" }), "no caller has such a name"),
        (json!({ "user": "a\nb" }), "no caller has such a name"),
        (json!({ "jti": "x".repeat(257) }), "`--token -` takes any token"),
        (json!({ "usr": "bob" }), "unknown field"),
        (json!({ "user": 1 }), "invalid type"),
    ] {
        let told = plan(&policy, document.clone()).unwrap_err();
        assert!(told.contains(expected), "{document}: {told}");
    }
}
