//! What outlives a policy, what needs a restart, and the configuration without a file.

use crate::keys::{self, Reload};
use std::sync::Arc;

use super::{APP, Desk, HOUSE, compile, now, policy, source, text};
use crate::Compiled;
use stagedoor_core::guard::limit::{ChargedLimits, Limit, LimitKey, LimitPolicy};
use stagedoor_core::guard::routes::Route;
use stagedoor_core::policy::Policy;

fn again(text: &str, before: &Policy, desk: &Desk) -> Compiled {
    compile(&[source("stagedoor.toml", text)], desk, Some(before), now()).unwrap()
}

fn route<'p>(policy: &'p Policy, label: &str) -> &'p Arc<Route> {
    policy.apps[0].routes.all().find(|route| &*route.label == label).unwrap()
}

fn names(limits: &LimitPolicy) -> Vec<String> {
    limits.limits().iter().map(|limit| limit.name().to_string()).collect()
}

/// Whether a client that used up `before` has nothing left of `after`.
fn shares(before: &[Arc<Limit>], after: &[Arc<Limit>]) -> bool {
    let key = LimitKey::address("192.0.2.1".parse().unwrap());
    let [before, after] =
        [before, after].map(|limits| LimitPolicy::Limits(limits.to_vec().into_boxed_slice()));
    while before.take(&key, now(), &mut ChargedLimits::default()).is_ok() {}
    after.take(&key, now(), &mut ChargedLimits::default()).is_err()
}

const LIMITED: &str = r#"limit.ip = ["3/hour", "4/hour"]
limit.user = ["5/hour"]
[[app.media.route]]
match = "* /a"
limit.ip = ["2/hour"]
limit.user = ["2/hour", "3/hour"]
[[app.media.route]]
match = "* /b"
limit.ip = ["2/hour"]
limit.app = false
[[app.media.route]]
match = "* /c"
bucket = "up"
limit.ip = ["2/hour"]
limit.user = ["3/hour"]
[[app.media.route]]
match = "* /d"
bucket = "up"
"#;

#[test]
fn limits_are_named_by_their_place() {
    let policy = policy(&text(&[HOUSE, APP, LIMITED]));
    assert_eq!(names(&policy.apps[0].limit), ["app.ip-1", "app.ip-2"]);
    assert_eq!(names(&route(&policy, "* /a").ip_limit), ["route.ip-1"]);
    assert_eq!(names(&route(&policy, "* /a").caller_limit), ["app.user-1", "route.user-1", "route.user-2"]);
    assert_eq!(names(&route(&policy, "* /b").caller_limit), [""; 0]);
    assert!(!route(&policy, "* /b").app_limit && route(&policy, "* /a").app_limit);
    assert_eq!(names(&route(&policy, "-").caller_limit), ["app.user-1"]);
    assert_eq!(names(&route(&policy, "* /c").ip_limit), ["up"]);
    assert_eq!(names(&route(&policy, "* /d").caller_limit), ["app.user-1", "up-2"]);
}

#[test]
fn routes_share_a_store_by_their_bucket_alone() {
    let policy = policy(&text(&[HOUSE, APP, LIMITED]));
    let limits = |label: &str| route(&policy, label).ip_limit.limits().to_vec();
    assert!(shares(&limits("* /c"), &limits("* /d")));
    assert!(!shares(&limits("* /a"), &limits("* /b")));
}

#[test]
fn stores_are_carried_over_by_name() {
    let given = text(&[HOUSE, APP, LIMITED]);
    let before = policy(&given);
    // The same file with the routes in another order, and one more.
    let (app, routes) = LIMITED.split_once("[[app.media.route]]\nmatch = \"* /a\"").unwrap();
    let moved = format!(
        "{app}[[app.media.route]]\nmatch = \"* /new\"\nlimit.ip = [\"2/hour\"]\n[[app.media.route]]\nmatch = \"* /a\"{routes}"
    );
    let after = again(&text(&[HOUSE, APP, &moved]), &before, &Desk::default()).policy;
    for label in ["* /a", "* /b", "* /c"] {
        let limits = |policy: &Policy| route(policy, label).ip_limit.limits().to_vec();
        assert!(shares(&limits(&before), &limits(&after)), "{label}");
    }
    let used = route(&before, "* /a").ip_limit.limits();
    assert!(!shares(used, route(&after, "* /new").ip_limit.limits()));
    assert!(shares(before.apps[0].limit.limits(), after.apps[0].limit.limits()));
    assert!(shares(route(&before, "-").caller_limit.limits(), route(&after, "-").caller_limit.limits()));
    // Another app has nothing of it.
    let other =
        again(&text(&[HOUSE, APP, LIMITED]).replace("app.media", "app.other"), &before, &Desk::default())
            .policy;
    assert!(!shares(before.apps[0].limit.limits(), other.apps[0].limit.limits()));
}

#[test]
fn two_routes_of_one_name_do_not_become_one() {
    let route = |path: &str| {
        format!("[[app.media.route]]\nname = \"same\"\nmatch = \"* /{path}\"\nlimit.ip = [\"2/hour\"]\n")
    };
    let given = text(&[HOUSE, APP, &route("a"), &route("b")]);
    let before = policy(&given);
    let after = again(&given, &before, &Desk::default()).policy;
    let at = |policy: &Policy, index: usize| {
        policy.apps[0].routes.all().find(|route| route.index == index).unwrap().ip_limit.limits().to_vec()
    };
    assert!(shares(&at(&before, 1), &at(&after, 1)));
    assert!(!shares(&at(&before, 1), &at(&after, 2)));
}

#[test]
fn promises_use_nothing_up() {
    let given = text(&[
        HOUSE,
        APP,
        "limit.ip = [\"1/hour\"]\n[[expect]]\nrequest = \"GET /\"\nanswer = 401\nip = \"192.0.2.1\"\n",
    ]);
    let before = policy(&given);
    let after = again(&given, &before, &Desk::default()).policy;
    let key = LimitKey::address("192.0.2.1".parse().unwrap());
    assert!(after.apps[0].limit.take(&key, now(), &mut ChargedLimits::default()).is_ok());
    // And are kept though everybody's allowance is gone.
    assert!(compile(&[source("stagedoor.toml", &given)], &Desk::default(), Some(&after), now()).is_ok());
}

#[test]
fn verified_tokens_outlive_a_policy_but_not_its_keys() {
    let given = text(&[HOUSE, APP]);
    let before = policy(&given);
    let kept =
        |text: &str, desk: &Desk| Arc::ptr_eq(&before.tokens, &again(text, &before, desk).policy.tokens);
    assert!(kept(&given, &Desk::default()));
    assert!(kept(&text(&[HOUSE, APP, "websocket = false\n"]), &Desk::default()));
    assert!(!kept(&given, &Desk::default().file("jwt_secret", super::GOOD)));
    for (from, to) in [
        ("issuer = \"stagedoor\"", "issuer = \"other\""),
        ("audience = [\"media\"]", "audience = [\"other\"]"),
        ("kind = \"jwt\"", "kind = \"jwt\"\nleeway = \"1s\""),
        ("kind = \"jwt\"", "kind = \"jwt\"\nclaims.user = \"name\""),
        ("[auth.house]", "[auth.home]"),
    ] {
        assert!(!kept(&given.replace(from, to), &Desk::default()), "{to}");
    }
    assert!(!kept(&text(&[HOUSE, APP, "[server.limits]\ntoken_cache = 10\n"]), &Desk::default()));
}

#[test]
fn what_was_revoked_outlives_a_policy_and_its_keys() {
    let given = text(&[HOUSE, APP]);
    let before = policy(&given);
    for desk in [Desk::default(), Desk::default().file("jwt_secret", super::GOOD)] {
        let after = again(&given.replace("[auth.house]", "[auth.home]"), &before, &desk).policy;
        assert!(!Arc::ptr_eq(&before.tokens, &after.tokens));
        assert!(Arc::ptr_eq(before.tokens.revocations(), after.tokens.revocations()));
    }
}

#[test]
fn a_restart_is_asked_for_until_nothing_waits_for_it() {
    let with = |part: &str| text(&[HOUSE, APP, part]);
    let started = policy(&with("[server]\nthreads = 2\n"));
    let mut current = started;
    for (part, expected) in [
        ("[server]\nthreads = 3\n", &["server.threads"][..]),
        ("[server]\nthreads = 3\n", &["server.threads"]),
        ("[server]\nthreads = 4\ndrain = \"1s\"\n", &["server.threads", "server.drain"]),
        ("[server]\nthreads = 2\ndrain = \"1s\"\n", &["server.drain"]),
        ("[server]\nthreads = 2\n", &[]),
        ("[server]\nthreads = 2\n", &[]),
    ] {
        let Compiled { policy, restart, .. } = again(&with(part), &current, &Desk::default());
        assert_eq!(restart, expected, "{part}");
        current = policy;
    }
}

#[test]
fn what_needs_a_restart_says_so() {
    let before = policy(&text(&[HOUSE, APP]));
    for (part, expected) in [
        ("", &[][..]),
        ("websocket = false\n[server]\nserver_timing = true\n[server.timeouts]\nidle = \"1s\"\n", &[]),
        ("[server]\ndrain = \"1s\"\n", &["server.drain"]),
        ("[server]\nlisten = [\"127.0.0.1:1\"]\nthreads = 3\n", &["server.listen", "server.threads"]),
        ("[server]\nconfine = \"off\"\n", &["server.confine"]),
        ("[server]\nlisten = [\"127.0.0.1:8080\"]\nh2c = [\"127.0.0.1:8080\"]\n", &["server.h2c"]),
        ("[server]\nunix_mode = \"0666\"\n", &["server.unix_mode"]),
        (
            "[server.tls]\nlisten = [\"127.0.0.1:2\"]\ncertificates = [{ cert = \"tls.pem\", key = \"tls.key\" }]\n",
            &["server.tls.listen"],
        ),
        ("[server.limits]\nconnections = 10\n", &[]),
        ("[state]\ndir = \"other\"\n[admin]\nlisten = \"off\"\n", &["state.dir", "admin.listen"]),
        (
            "[log]\nlevel = \"warn\"\nformat = \"text\"\naccess = { file = \"x\" }\n",
            &["log.format", "log.access"],
        ),
    ] {
        let told = again(&text(&[HOUSE, APP, part]), &before, &Desk::default()).restart;
        assert_eq!(told, expected, "{part}");
        for path in told {
            let (table, key) = path.rsplit_once('.').unwrap();
            assert_eq!(keys::table(table).key(key).unwrap().reload, Reload::Restart, "{path}");
        }
    }
    // Those of `log.access` are told as one.
    let marked = keys::tables().filter(|table| table.path != "log.access").flat_map(|table| table.keys);
    assert_eq!(marked.filter(|key| key.reload == Reload::Restart).count(), 11);
}
