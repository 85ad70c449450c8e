//! Which names of the client reach the app.

use super::*;
use crate::field_names::NamePattern;

/// One name of every kind on the list; `*` names with several endings.
const REMOVED: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "http2-settings",
    "proxy",
    "x-auth-user",
    "x-auth-userid",
    "x-auth-user-id",
    "x-auth-username",
    "x-auth-role",
    "x-auth-roles",
    "x-auth-role-names",
    "x-auth-group",
    "x-auth-groups",
    "x-auth-email",
    "x-auth-request-user",
    "x-auth-request-access-token",
    "x-auth-request-",
    "x-user",
    "x-user-id",
    "x-user-name",
    "x-user-email",
    "x-user-role",
    "x-user-roles",
    "x-username",
    "remote-user",
    "remote-groups",
    "remote-email",
    "remote-addr",
    "remote-",
    "x-remote-user",
    "x-remote-group",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "x-webauth-user",
    "x-webauth-roles",
    "x-authentik-username",
    "x-authentik-meta-jwks",
    "tailscale-user-login",
    "tailscale-user-profile-pic",
    "x-client-cert",
    "x-client-cert-dn",
    "x-client-certificate",
    "x-ssl-client",
    "x-ssl-client-s-dn",
    "x-ssl-client-verify",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "script-name",
    "path-info",
    "x-script-name",
    "x-scheme",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-scheme",
    "x-forwarded-ssl",
    "x-forwarded-",
    "x-forwarded",
    "forwarded",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-request-id",
    "content-length",
    "x-app-user",
    "x-forwarded-with-a-name-that-is-longer-than-any-other-on-the-list",
    "x-middleware-subrequest",
    "x-goog-authenticated-user-email",
    "x-goog-authenticated-user-",
    "x-goog-iap-jwt-assertion",
    "cf-access-jwt-assertion",
    "cf-access-authenticated-user-email",
    "x-ms-client-principal",
    "x-ms-client-principal-name",
    "x-amzn-oidc-data",
    "x-amzn-oidc-identity",
    "x-pomerium-jwt-assertion",
    "x-pomerium-claim-email",
    "x-authenticated-userid",
    "x-authenticated-scope",
    "x-consumer-username",
    "x-consumer-custom-id",
    "x-credential-identifier",
    "oidc-claim-sub",
    "oidc-claim-preferred-username",
    "x-token-subject",
    "x-token-user-name",
    "x-token-user-roles",
    "ssl-client-s-dn",
    "ssl-client-verify",
    "x-original-host",
    "x-envoy-original-path",
    "x-envoy-external-address",
    "x-vouch-user",
    "x-vouch-idp-claims-groups",
];

const PASSES: &[&str] = &[
    "x-auth-token",
    "x-auth",
    "x-auth-key",
    "x-auth-emails",
    "x-auth-request",
    "x-user-agent",
    "x-user-token",
    "x-users",
    "x-user-ids",
    "x-usernames",
    "remote",
    "remotely",
    "x-remote",
    "x-webauth",
    "x-authentik",
    "tailscale-user",
    "tailscale-headers-info",
    "x-client",
    "x-client-id",
    "x-client-ips",
    "x-ssl",
    "x-http",
    "x-http-methods",
    "x-original",
    "x-script",
    "x-script-names",
    "x-schemes",
    "x-real-ips",
    "x-requested-with",
    "x-request-ids",
    "x-csrf-token",
    "x-transmission-session-id",
    "x-emby-authorization",
    "x-plex-token",
    "x-mediabrowser-token",
    "tea",
    "trailers-of-films",
    "authorization",
    "range",
    "if-range",
    "destination",
    "content-type",
    "content-encoding",
    "sec-websocket-key",
    "priority",
    "x-app-user-agent",
    "a-name-that-is-a-good-deal-longer-than-any-of-those-on-the-list",
    "x-middleware",
    "x-goog-api-key",
    "cf-access",
    "x-ms-version",
    "x-amzn-trace-id",
    "x-pomerium",
    "x-consumer",
    "x-credential",
    "oidc-claim",
    "x-token",
    "x-token-user",
    "x-token-type",
    "ssl-client",
    "x-original-name",
    "x-envoy",
    "x-vouch",
    "x-api-key",
    "x-nd-authorization",
];

/// A name as it may be spelled: lower, upper, each `-` as `_`, as `.`, and every second one with the letters mixed.
fn spellings(name: &str) -> Vec<String> {
    let mixed: String = name
        .chars()
        .enumerate()
        .map(|(i, c)| match (c, i % 2) {
            ('-', _) if i % 3 == 0 => '_',
            (c, 0) => c.to_ascii_uppercase(),
            (c, _) => c,
        })
        .collect();
    vec![
        name.to_owned(),
        name.to_ascii_uppercase(),
        name.replace('-', "_"),
        name.replace('-', "_").to_ascii_uppercase(),
        name.replacen('-', "_", 1),
        name.replace('-', "."),
        mixed,
    ]
}

fn app_user() -> Case {
    let policy = ForwardPolicy {
        user: Some(HeaderName::from_static("x_app-user")),
        roles: None,
        ..Case::default().policy
    };
    Case { policy, ..Case::default() }
}

#[test]
fn what_clients_may_not_say_is_removed_in_every_spelling() {
    let case = app_user();
    for spelling in REMOVED.iter().flat_map(|name| spellings(name)) {
        for value in ["spoof", ""] {
            // A coding or an expectation that is none makes no head at all.
            if heads::build(("GET", b"/", Protocol::Http11), "a", [(&*spelling, value.as_bytes())]).is_err() {
                continue;
            }
            let lines = case.lines(&[(&spelling, value), ("x-after", "1")]);
            let line = format!("{spelling}: {value}");
            assert!(!lines.contains(&line), "{line} passed");
            assert!(lines.contains(&"x-after: 1".to_owned()));
        }
    }
}

#[test]
fn what_is_the_apps_own_passes_in_every_spelling() {
    let case = app_user();
    for spelling in PASSES.iter().flat_map(|name| spellings(name)) {
        let lines = case.lines(&[(&spelling, "kept"), ("x-after", "1")]);
        assert!(lines.contains(&format!("{spelling}: kept")), "{spelling} was removed");
    }
}

/// What is on the list is removed in every spelling, and what is on none passes: so the lists are all that there is.
#[test]
fn every_name_that_is_listed_is_removed_in_every_spelling() {
    let case = app_user();
    let mut removed = 0;
    for (name, meaning) in field_names::tests::listed() {
        for spelling in spellings(&name) {
            // A length, a coding or an expectation that is none makes no head at all.
            if heads::build(("GET", b"/", Protocol::Http11), "a", [(&*spelling, &b"sp00f"[..])]).is_err() {
                continue;
            }
            let lines = case.lines(&[(&spelling, "sp00f"), ("x-after", "1")]);
            let passed = lines.contains(&format!("{spelling}: sp00f"));
            // The one cookie line and the app's own `Authorization` pass, as everything that HTTP knows.
            assert_eq!(passed, meaning == Meaning::Message, "{spelling}: {meaning:?}");
            assert!(lines.contains(&"x-after: 1".to_owned()));
            removed += usize::from(!passed);
        }
    }
    assert!(removed > 500, "{removed}");
}

#[test]
fn an_app_adds_names_of_its_own() {
    let strip = ["x-told", "x-door-*", "cookie"].map(|text| NamePattern::parse(text).unwrap()).to_vec();
    let pass = vec!["remote-user".to_owned(), "x-told".to_owned()];
    let policy = ForwardPolicy { strip, pass, ..Case::default().policy };
    let case = Case { policy, ..Case::default() };
    let removed =
        ["x-told", "x-door-name", "x-door-", "cookie", "x-door-with-a-name-that-is-longer-than-forty-bytes"];
    for spelling in removed.iter().flat_map(|name| spellings(name)) {
        let lines = case.lines(&[(&spelling, "sp00f"), ("x-after", "1")]);
        assert!(!lines.iter().any(|line| line.contains("sp00f")), "{spelling}");
        assert!(lines.contains(&"x-after: 1".to_owned()));
    }
    for kept in ["x-tolder", "x-tol", "x-door", "remote-user", "cookie2"] {
        assert_eq!(case.values(kept, &[(kept, "said")]), ["said"], "{kept}");
    }
    let h2 = Case { protocol: Protocol::Http2, ..case };
    assert!(h2.values("cookie", &[("cookie", "a=1"), ("cookie", "b=2")]).is_empty());
}

#[test]
fn passed_names_reach_the_app_unless_the_gateway_writes_them() {
    let pass = [
        "remote-user",
        "x-real-ip",
        "x-forwarded-for",
        "x-auth-user",
        "x-request-id",
        "te",
        "x-forwarded-prefix",
    ];
    let policy = ForwardPolicy { pass: pass.map(str::to_owned).to_vec(), ..Case::default().policy };
    let case = Case { policy, user: Some("bob"), ..Case::default() };
    let check =
        |name: &str, expected: &[&str]| assert_eq!(case.values(name, &[(name, "said")]), expected, "{name}");
    check("Remote_User", &["said"]);
    check("X-Real-IP", &["said"]);
    check("x-forwarded-prefix", &["said"]);
    check("X-Forwarded-For", &["192.0.2.1"]);
    check("x_auth_user", &["bob"]);
    check("x-request-id", &["id-1"]);
    check("te", &[]);
    check("x-client-ip", &[]);
    // Without a user the field is the gateway's all the same.
    let anonymous = Case { user: None, ..case };
    assert!(anonymous.values("x-auth-user", &[("x-auth-user", "root")]).is_empty());
}
