#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use super::{PolicyChange, changes as changes_of};
use crate::Compiled;
use crate::tests::{APP, HOUSE, loaded as policy, text};
use stagedoor_core::policy::compare::Direction;

mod opening;

fn compare(before: &Compiled, after: &Compiled) -> Vec<PolicyChange> {
    changes_of((&before.policy, &before.source), (&after.policy, &after.source))
}

/// `D KEY` of every change from one file to another, where D is `<` for tighter, `>` for looser and `?` for neither.
fn changes(old: &str, new: &str) -> Vec<String> {
    let sign = |direction| match direction {
        Direction::Tighter => '<',
        Direction::Looser => '>',
        Direction::Incomparable => '?',
    };
    let changes = compare(&policy(&text(&[HOUSE, APP, old])), &policy(&text(&[HOUSE, APP, new])));
    let mut short: Vec<String> =
        changes.iter().map(|change| format!("{} {}", sign(change.direction), change.key)).collect();
    short.sort();
    short.dedup();
    short
}

/// What is told of a change of the app's lines, and of the way back.
fn check(old: &str, new: &str, there: &[&str], back: &[&str]) {
    assert_eq!(changes(old, new), there, "from\n{old}\nto\n{new}");
    assert_eq!(changes(new, old), back, "from\n{new}\nto\n{old}");
}

/// A route of this `match` with these lines.
fn route(matches: &str, lines: &str) -> String {
    format!("[[app.media.route]]\nmatch = {matches}\n{lines}\n")
}

#[test]
fn a_route_that_goes_is_judged_by_what_its_requests_meet_then() {
    let admin = route("\"* /admin/{*rest}\"", "roles = [\"admin\"]");
    check(&admin, "", &["> app.media.roles"], &["< app.media.route.roles"]);
    let open = route("\"GET /open\"", "auth = \"public\"");
    check(&open, "", &["< app.media.auth"], &["> app.media.route.auth"]);
    // It said nothing that the app does not say.
    check(&route("\"GET /plain\"", ""), "", &[], &[]);
    // Nobody comes to what is not listed.
    let deny = |routes: &str| format!("unlisted = \"deny\"\n{routes}");
    check(&deny(&admin), &deny(""), &["< app.media.unlisted"], &["> app.media.route.match"]);
}

#[test]
fn a_route_that_is_narrowed_leaves_requests_behind() {
    let held = |matches: &str| route(matches, "roles = [\"admin\"]");
    for (wide, narrow) in [
        ("\"* /admin/{*rest}\"", "\"* /admin/{page}\""),
        ("\"* /admin/{*rest}\"", "\"* /admin/x\""),
        ("\"* /admin/{page}\"", "\"* /admin/x\""),
        ("\"* /admin\"", "\"GET /admin\""),
        ("\"GET /admin\"", "\"HEAD /admin\""),
        ("[\"* /admin\", \"* /admin/{*rest}\"]", "[\"* /admin/x/{*rest}\", \"* /admin\"]"),
        ("\"* /{*rest}\"", "\"* /{page}/{*rest}\""),
    ] {
        check(&held(wide), &held(narrow), &["> app.media.roles"], &["< app.media.route.roles"]);
    }
    check(
        &held("\"* /a\""),
        &held("\"* /b\""),
        &["< app.media.route.roles", "> app.media.roles"],
        &["< app.media.route.roles", "> app.media.roles"],
    );
}

#[test]
fn a_route_that_is_more_exact_takes_requests_away() {
    let admin = route("\"* /admin/{*rest}\"", "roles = [\"admin\"]");
    for exact in ["\"* /admin/{page}\"", "\"GET /admin/x\"", "\"* /admin/{a}/y\""] {
        let with = format!("{admin}{}", route(exact, ""));
        check(&admin, &with, &["> app.media.route.roles"], &["< app.media.route.roles"]);
    }
    // The pattern of a parameter is asked after the one of a name, whatever their order in the file.
    let (a, b) = (route("\"* /{x}/b\"", "roles = [\"b\"]"), route("\"* /a/{y}\"", "roles = [\"a\"]"));
    check(&format!("{a}{b}"), &format!("{b}{a}"), &[], &[]);
    let both = [a.as_str(), &b].concat();
    check(
        &both,
        &a,
        &["> app.media.roles", "? app.media.route.roles"],
        &["< app.media.route.roles", "? app.media.route.roles"],
    );
    let get = route("\"GET /film\"", "roles = [\"x\"]");
    let with_head = format!("{get}{}", route("\"HEAD /film\"", ""));
    check(&get, &with_head, &["> app.media.route.roles"], &["< app.media.route.roles"]);
}

#[test]
fn a_route_that_is_split_or_joined_is_the_same() {
    let both = route("[\"GET /a\", \"GET /b\"]", "roles = [\"x\"]");
    let split =
        format!("{}{}", route("\"GET /a\"", "roles = [\"x\"]"), route("\"GET /b\"", "roles = [\"x\"]"));
    check(&both, &split, &[], &[]);
    check(
        &route("\"* /a/{x}\"", "roles = [\"x\"]"),
        &route("\"* /a/{other}\"", "name = \"other\"\nroles = [\"x\"]"),
        &[],
        &[],
    );
}

#[test]
fn of_roles_one_is_enough_and_of_scopes_all_are_asked() {
    let with = |lines: &str| route("\"* /a\"", lines);
    check(
        &with("roles = [\"admin\"]"),
        &with("roles = [\"admin\", \"user\"]"),
        &["> app.media.route.roles"],
        &["< app.media.route.roles"],
    );
    check(
        &with("scopes = [\"a\"]"),
        &with("scopes = [\"a\", \"b\"]"),
        &["< app.media.route.scopes"],
        &["> app.media.route.scopes"],
    );
    check(
        &with("roles = [\"admin\"]"),
        &with("roles = [\"owner\"]"),
        &["? app.media.route.roles"],
        &["? app.media.route.roles"],
    );
    check(
        &with("roles = [\"admin\"]"),
        &with("scopes = [\"admin\"]"),
        &["< app.media.route.scopes", "> app.media.route.roles"],
        &["< app.media.route.roles", "> app.media.route.scopes"],
    );
}

#[test]
fn limits_are_judged_by_what_they_count() {
    let two = |a: &str, b: &str| format!("{}{}", route("\"* /a\"", a), route("\"* /b\"", b));
    let hour = "limit.ip = \"5/hour\"";
    let shared = "limit.ip = \"5/hour\"\nbucket = \"few\"";
    // Two that count apart let twice as many through.
    check(
        &two(shared, shared),
        &two(hour, hour),
        &["> app.media.route.limit.ip"],
        &["< app.media.route.limit.ip"],
    );
    // A limit of the app counts more than one of a route.
    check(
        "limit.ip = \"5/hour\"",
        &route("\"* /{*rest}\"", hour),
        &["> app.media.limit.ip"],
        &["< app.media.limit.ip"],
    );
    check(&two(hour, ""), &two(hour, hour), &["< app.media.route.limit.ip"], &["> app.media.route.limit.ip"]);
    // What counts addresses does not count callers.
    check(
        "limit.ip = \"5/hour\"",
        "limit.user = \"5/hour\"",
        &["< app.media.limit.user", "> app.media.limit.ip"],
        &["< app.media.limit.ip", "> app.media.limit.user"],
    );
    check(
        "limit.ip = \"5/hour\"",
        "limit.ip = [\"1/s burst 3\", \"5/hour\"]",
        &["< app.media.limit.ip"],
        &["> app.media.limit.ip"],
    );
}

/// One save that opens everything waits, each part of it for itself too.
#[test]
fn one_save_does_not_open_the_door() {
    let before = "limit.ip = \"100/min\"\nunlisted = \"deny\"\naccess.allow = [\"10.0.0.0/8\"]\norigin.check = \"always\"\n[[app.media.route]]\nmatch = \"* /admin/{*rest}\"\nroles = [\"admin\"]\n[[app.media.route]]\nmatch = \"* /{*rest}\"\n";
    let whole = text(&[HOUSE, APP, before]);
    let edits = [
        ("\"* /admin/{*rest}\"", "\"* /admin/{page}\"", "app.media.route.roles"),
        ("limit.ip = \"100/min\"\n", "", "app.media.limit.ip"),
        ("origin.check = \"always\"", "origin.check = \"off\"", "app.media.route.origin.check"),
        ("issuer = \"stagedoor\"", "dangerous_any_issuer = true", "auth.house.issuer"),
        ("unlisted = \"deny\"", "unlisted = \"inherit\"", ""),
        ("[\"10.0.0.0/8\"]", "[\"0.0.0.0/0\"]", "app.media.access"),
        (
            "auth = \"required\"\n",
            "auth = \"required\"\nidentity.pass = [\"remote-user\"]\n",
            "app.media.identity.pass",
        ),
        ("auth = \"required\"\n", "auth = \"required\"\ncors = \"app\"\n", "app.media.cors"),
        (
            "[auth.house]",
            "[server]\ntrusted_proxies = [\"0.0.0.0/0\"]\n[auth.house]",
            "server.trusted_proxies",
        ),
        ("[\"admin\"]", "[\"admin\", \"user\"]", "app.media.route.roles"),
    ];
    let mut all = whole.clone();
    for (from, to, key) in edits {
        assert!(whole.contains(from), "{from}");
        let changes = compare(&policy(&whole), &policy(&whole.replacen(from, to, 1)));
        // Every path is listed here: that others would be let in changes nothing.
        if !key.is_empty() {
            let waiting: Vec<&str> = changes.iter().filter(|c| c.waits()).map(|c| c.key.as_str()).collect();
            assert!(waiting.contains(&key), "{from} → {to}: {waiting:?}");
            assert!(changes.iter().all(|change| change.line.line > 0), "{changes:#?}");
        }
        let next = all.replacen(from, to, 1);
        all = next;
    }
    let together = compare(&policy(&whole), &policy(&all));
    for (.., key) in edits.iter().filter(|(.., key)| !key.is_empty()) {
        assert!(together.iter().any(|change| change.waits() && change.key == *key), "{key}: {together:#?}");
    }
    let inherit = "[[app.media.route]]\nmatch = \"GET /a\"\n";
    check(
        &format!("unlisted = \"deny\"\n{inherit}"),
        inherit,
        &["> app.media.unlisted"],
        &["< app.media.unlisted"],
    );
}

#[test]
fn what_is_dropped_whole_waits() {
    let other = "[app.other]\nhosts = [\"other.example.com\"]\nupstream = \"http://127.0.0.1:3001\"\nauth = \"public\"\n";
    check(other, "", &["< app.other.hosts", "? app.other"], &["> app.other.hosts"]);
    let second = "[auth.second]\nkind = \"jwt\"\nissuer = \"second\"\naudience = [\"media\"]\nkeys = [{ secret = { file = \"b\", generate = true } }]\n";
    let by = "by = [\"house\"]\n";
    check(&format!("{by}{second}"), by, &["? auth.second"], &[]);
    // Its hosts would be another app's.
    let wild = "[app.wild]\nhosts = [\"*.example.com\"]\nupstream = \"http://127.0.0.1:3001\"\nauth = \"required\"\n";
    check(&format!("{wild}{other}"), wild, &["? app.other", "? app.wild.hosts"], &["? app.other.hosts"]);
}

/// Behind a proxy that is no longer trusted everybody has its address.
#[test]
fn a_proxy_that_is_no_longer_trusted_may_open_an_access_list() {
    let with = |trusted: &str, access: &str| format!("{access}[server]\ntrusted_proxies = {trusted}\n");
    let both = "[\"10.0.0.1\", \"10.0.0.2\"]";
    let key = "server.trusted_proxies";
    for (access, there) in [
        ("", format!("< {key}")),
        ("access.allow = [\"192.168.0.0/16\"]\n", format!("< {key}")),
        ("access.allow = [\"10.0.0.0/8\"]\n", format!("? {key}")),
        ("access = { allow = [\"10.0.0.0/8\"], deny = [\"10.0.0.0/30\"] }\n", format!("< {key}")),
        ("access.deny = [\"203.0.113.0/24\"]\n", format!("? {key}")),
    ] {
        let looser = format!("> {key}");
        check(&with(both, access), &with("[\"10.0.0.2\"]", access), &[&there], &[&looser]);
    }
}

/// A field of a proxy that is no longer believed can allow more as well.
#[test]
fn what_a_proxy_is_believed_about_has_a_direction() {
    let with = |fields: &str, access: &str| {
        format!("{access}[server]\ntrusted_proxies = [\"10.0.0.1\"]\nforwarded = [{fields}]\n")
    };
    let (tighter, looser) = ("< server.forwarded", "> server.forwarded");
    let unknown = "? server.forwarded";
    let listed = "access.allow = [\"10.0.0.0/8\"]\n";
    for (more, less, access, there) in [
        ("\"for\", \"host\"", "\"for\"", listed, tighter),
        ("\"for\", \"port\"", "\"for\"", "", tighter),
        ("\"for\", \"proto\"", "\"proto\"", "", tighter),
        ("\"for\", \"proto\"", "\"proto\"", listed, unknown),
        ("\"for\", \"proto\"", "\"for\"", "", unknown),
        ("\"for\", \"forwarded\"", "\"for\"", "", unknown),
    ] {
        check(&with(more, access), &with(less, access), &[there], &[looser]);
    }
    check(&with("\"for\"", ""), &with("\"forwarded\"", ""), &[unknown], &[unknown]);
    let untrusted = |fields: &str| format!("[server]\nforwarded = [{fields}]\n");
    check(&untrusted("\"for\""), &untrusted("\"host\""), &[], &[]);
}

#[test]
fn networks_are_compared_as_addresses() {
    let with = |access: &str| format!("access = {{ {access} }}");
    let nothing: &[&str] = &[];
    let (tighter, looser): (&[&str], &[&str]) = (&["< app.media.access"], &["> app.media.access"]);
    let unknown: &[&str] = &["? app.media.access"];
    for (old, new, there, back) in [
        ("allow = [\"10.0.0.0/8\"]", "allow = [\"10.1.0.0/16\"]", tighter, looser),
        ("allow = [\"10.0.0.0/8\"]", "allow = [\"10.0.0.0/9\", \"10.128.0.0/9\"]", nothing, nothing),
        ("allow = [\"10.0.0.0/8\"]", "allow = [\"10.0.0.0/8\"], deny = [\"10.1.0.0/16\"]", tighter, looser),
        ("allow = [\"10.0.0.0/8\"]", "allow = [\"10.0.0.0/8\"], deny = [\"11.0.0.0/8\"]", nothing, nothing),
        ("allow = [\"10.0.0.0/8\"]", "allow = [\"10.0.0.0/7\"], deny = [\"11.0.0.0/8\"]", nothing, nothing),
        ("deny = [\"10.0.0.0/8\"]", "deny = [\"10.0.0.0/7\"]", tighter, looser),
        ("deny = [\"10.0.0.0/8\"]", "deny = [\"::/0\"]", unknown, unknown),
        ("allow = [\"0.0.0.0/0\", \"::/0\"]", "deny = [\"::1\"]", tighter, looser),
    ] {
        check(&with(old), &with(new), there, back);
    }
}

#[test]
fn routes_without_end_wait() {
    // Each of them names another segment: every subset of them can be met.
    let pattern = |named: usize| -> String {
        (0..20).map(|at| if at == named { "/x".to_owned() } else { format!("/{{p{at}}}") }).collect()
    };
    let routes: String = (0..20).map(|named| route(&format!("\"* {}\"", pattern(named)), "")).collect();
    assert_eq!(changes("", &routes), ["? app.media.route"]);
    let flat: String =
        (0..300).map(|n| route(&format!("\"* /api/{n}/{{id}}\""), "roles = [\"x\"]")).collect();
    assert_eq!(changes(&flat, &flat), [""; 0]);
}

#[test]
fn an_example_is_of_the_requests_that_are_meant() {
    let old = route("\"GET /users/{user}/jobs\"", "owner.param = \"user\"");
    let changes = compare(&policy(&text(&[HOUSE, APP, &old])), &policy(&text(&[HOUSE, APP])));
    let told: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "stagedoor.toml:6 (app.media.owner): of requests such as `GET /users/item/jobs`: allows more than `the user in segment 2`: `anybody`"
        ]
    );
}

#[test]
fn promises_come_between_the_process_and_its_apps() {
    let promise = "[[expect]]\nrequest = \"GET /\"\nanswer = 401\n";
    let old = text(&[HOUSE, APP, promise, "[server.limits]\nuri_bytes = \"9KiB\"\n"]);
    let new = text(&[&HOUSE.replace("media", "films"), APP, "websocket = false\n"]);
    let keys: Vec<String> =
        compare(&policy(&old), &policy(&new)).into_iter().map(|change| change.key).collect();
    assert_eq!(keys, ["server.limits.uri_bytes", "expect", "auth.house.audience", "app.media.websocket"]);
}
