//! What is left of a limit after its file was edited.

use super::{APP, Desk, HOUSE, compile, now, policy, source, text};
use stagedoor_core::guard::limit::{ChargedLimits, LimitKey};
use stagedoor_core::policy::Policy;

/// How many of a thousand requests for the route at `index` pass at one moment.
fn passes(policy: &Policy, index: usize) -> usize {
    let app = &policy.apps[0];
    let route = app.routes.all().find(|route| route.index == index).unwrap();
    let key = LimitKey::address("192.0.2.1".parse().unwrap());
    let charge = |_: &usize| {
        [&app.limit, &route.ip_limit, &route.caller_limit]
            .iter()
            .all(|limits| limits.take(&key, now(), &mut ChargedLimits::default()).is_ok())
    };
    (0..1000).filter(charge).count()
}

/// What is left at each of `routes` once the one at `spent` was used up and the file was edited.
#[track_caller]
fn check(before: &str, spent: usize, after: &str, routes: &[usize], left: &[usize]) {
    let old = policy(&text(&[HOUSE, APP, before]));
    assert!(passes(&old, spent) < 1000, "nothing limits it");
    let edited = text(&[HOUSE, APP, after]);
    let new = compile(&[source("stagedoor.toml", &edited)], &Desk::default(), Some(&old), now());
    let new = new.unwrap_or_else(|problems| panic!("{problems:#?}")).policy;
    let told: Vec<usize> = routes.iter().map(|index| passes(&new, *index)).collect();
    assert_eq!(told, left, "{before}-- became --\n{after}");
}

/// Routes one after the other, each with these lines.
fn routes(each: &[&str]) -> String {
    each.iter().map(|lines| format!("[[app.media.route]]\n{lines}\n")).collect()
}

#[test]
fn another_place_in_its_list_gives_nothing_away() {
    let burst = "\"20/s burst 40\"";
    for (before, after, left) in [
        ("\"3/hour\"", &format!("{burst}, \"3/hour\"")[..], 0),
        (&format!("{burst}, \"3/hour\"")[..], "\"3/hour\"", 0),
        (&format!("{burst}, \"3/hour\"")[..], &format!("\"3/hour\", {burst}")[..], 0),
        ("\"9/min\", \"3/hour\"", "\"3/hour\", \"9/min\"", 0),
        ("\"3/hour\", \"9/day\"", "\"9/day\", \"5/hour\"", 2),
        // Of several that were changed, the one of the same window.
        ("\"9/min\", \"3/hour\"", "\"7/hour\"", 4),
        ("\"3/hour\"", "\"7/day\"", 4),
        ("\"2/s burst 5\", \"9/hour\"", "\"9/hour\", \"2/s burst 7\"", 0),
        // A limit of another kind begins anew, and what was counted for one never decides on the other.
        ("\"2/s burst 5\"", "\"6/hour\"", 6),
        ("\"6/hour\"", "\"2/s burst 5\"", 5),
        (burst, &format!("\"6/hour\", {burst}")[..], 0),
        // One that is new among others begins anew too, and the one that is gone is nobody's.
        ("\"3/hour\", \"30/day\"", "\"30/day\"", 27),
    ] {
        for key in ["limit.ip", "limit.user"] {
            let line = |rules: &str| format!("{key} = [{rules}]\n");
            check(&line(before), 0, &line(after), &[0], &[left]);
            let route = |rules: &str| routes(&[&format!("match = \"* /a\"\n{}", line(rules))]);
            check(&route(before), 1, &route(after), &[1], &[left]);
            let bucket = |rules: &str| route(&format!("{rules}]\nbucket = \"up\" #"));
            check(&bucket(before), 1, &bucket(after), &[1], &[left]);
        }
    }
    // Addresses and callers are counted apart, whatever the list is called after.
    check("limit.ip = \"3/hour\"\n", 0, "limit.user = \"3/hour\"\n", &[0], &[3]);
    let bucket = |lists: &str| routes(&[&format!("match = \"* /a\"\nbucket = \"up\"\n{lists}")]);
    let (ip, both) = ("limit.ip = \"3/hour\"", "limit.ip = [\"3/hour\", \"9/day\"]");
    check(&bucket(&format!("{ip}\nlimit.user = \"9/day\"")), 1, &bucket(both), &[1], &[0]);
    check(&bucket(both), 1, &bucket("limit.user = [\"3/hour\", \"9/day\"]"), &[1], &[3]);
}

/// A route is the same by its name, which is its first `match` where it has none, else by its patterns.
#[test]
fn another_name_gives_nothing_away() {
    let (a, b) = ("match = \"* /a\"\nlimit.ip = \"3/hour\"", "match = \"* /b\"\nlimit.ip = \"3/hour\"");
    let both = "match = [\"* /a\", \"* /b\"]\nlimit.ip = \"3/hour\"";
    let named = |name: &str, lines: &str| format!("name = \"{name}\"\n{lines}");
    check(&routes(&[a]), 1, &routes(&[&named("x", a)]), &[1], &[0]);
    check(&routes(&[&named("x", a)]), 1, &routes(&[a]), &[1], &[0]);
    check(&routes(&[&named("x", a)]), 1, &routes(&[&named("y", a)]), &[1], &[0]);
    check(&routes(&[&named("x", a)]), 1, &routes(&[&named("x", b)]), &[1], &[0]);
    check(&routes(&[a, b]), 2, &routes(&[&named("x", b), &named("y", a)]), &[1, 2], &[0, 3]);
    // Of one name, the one of the same requests.
    check(&routes(&[&named("x", a), &named("x", b)]), 2, &routes(&[&named("x", b)]), &[1], &[0]);
    check(&routes(&[&named("x", a), &named("x", b)]), 1, &routes(&[&named("x", b)]), &[1], &[3]);
    // Its name goes before its patterns.
    check(
        &routes(&[&named("x", a), &named("y", b)]),
        2,
        &routes(&[&named("x", b), &named("y", a)]),
        &[1, 2],
        &[3, 0],
    );
    // Another order of its patterns.
    check(
        &routes(&[both]),
        1,
        &routes(&[&both.replace("\"* /a\", \"* /b\"", "\"* /b\", \"* /a\"")]),
        &[1],
        &[0],
    );
    // With its name, any other patterns.
    check(&routes(&[&named("x", a)]), 1, &routes(&[&named("x", both)]), &[1], &[0]);
    check(&routes(&[&named("x", both)]), 1, &routes(&[&named("x", b)]), &[1], &[0]);
    // Another path is another route.
    check(&routes(&[a]), 1, &routes(&[b]), &[1], &[3]);
}

/// A route of another name and of other patterns is another route: its limits begin anew, and so do those of a route
/// that is merged with another one.
#[test]
fn a_route_of_another_name_and_other_patterns_begins_anew() {
    let (a, b) = ("match = \"* /a\"\nlimit.ip = \"3/hour\"", "match = \"* /b\"\nlimit.ip = \"3/hour\"");
    let both = "match = [\"* /a\", \"* /b\"]\nlimit.ip = \"3/hour\"";
    let named = |name: &str, lines: &str| format!("name = \"{name}\"\n{lines}");
    check(&routes(&[both]), 1, &routes(&[b]), &[1], &[3]);
    check(&routes(&[both]), 1, &routes(&[a, b]), &[1, 2], &[0, 3]);
    check(&routes(&[a, b]), 1, &routes(&[both]), &[1], &[0]);
    check(&routes(&[a, b]), 2, &routes(&[both]), &[1], &[3]);
    check(&routes(&[a, b]), 2, &routes(&[&named("x", both)]), &[1], &[3]);
    // A name that was another's first pattern is that route's now.
    check(&routes(&[a]), 1, &routes(&[&named("* /a", b), &named("x", a)]), &[1, 2], &[0, 3]);
    let parts = |match_: &str| format!("match = \"{match_}\"\nlimit.ip = \"3/hour\"");
    for (before, after) in [
        ("* /a/{x}", "* /a/{y}"),
        ("GET /a/{x}", "* /a/{x}"),
        ("* /a", "POST /a"),
        ("* /a/{x}", "* /a/{*x}"),
        ("* /a/{x}", "* /a/x"),
    ] {
        check(&routes(&[&parts(before)]), 1, &routes(&[&parts(after)]), &[1], &[3]);
        let (before, after) = (named("x", &parts(before)), named("x", &parts(after)));
        check(&routes(&[&before]), 1, &routes(&[&after]), &[1], &[0]);
    }
}

/// A profile may list the same requests, without a limit of its own.
#[test]
fn what_a_profile_lists_too_gives_nothing_away() {
    let profile = "use = \"generic-spa\"\n";
    let own = "match = \"GET /robots.txt\"\nauth = \"public\"\nlimit.ip = \"3/hour\"";
    let named = format!("name = \"few\"\n{own}");
    for (before, after) in [(profile, profile), (profile, ""), ("", profile)] {
        check(
            &format!("{before}{}", routes(&[own])),
            1,
            &format!("{after}{}", routes(&[&named])),
            &[1],
            &[0],
        );
    }
}

/// The limits of a bucket are the bucket's, whichever routes name it.
#[test]
fn a_bucket_gives_nothing_away() {
    let a = "match = \"* /a\"\nlimit.ip = \"3/hour\"";
    let b = "match = \"* /b\"\nlimit.ip = \"3/hour\"";
    let within = |bucket: &str, lines: &str| format!("bucket = \"{bucket}\"\n{lines}");
    let (a_up, b_up) = (within("up", a), within("up", b));
    let a_to = within("to", a);
    check(&routes(&[&a_up, &b_up]), 1, &routes(&[&a_up, &b_up]), &[1, 2], &[0, 0]);
    check(&routes(&[&a_up, b]), 1, &routes(&[&a_up, &b_up]), &[2], &[0]);
    check(&routes(&[&a_up, &b_up]), 1, &routes(&[&a_to, &b_up]), &[1, 2], &[3, 0]);
    let tighter = |lines: &str| lines.replace("3/hour", "2/hour");
    check(&routes(&[&a_up, &b_up]), 1, &routes(&[&tighter(&a_up), &tighter(&b_up)]), &[2], &[0]);
    // What a route counted for itself does not follow it into a bucket, nor out of it.
    check(&routes(&[a]), 1, &routes(&[&a_up]), &[1], &[3]);
    check(&routes(&[&a_up]), 1, &routes(&[a]), &[1], &[3]);
    check(&routes(&[&a_up, &b_up]), 1, &routes(&[&a_up, b]), &[1, 2], &[0, 3]);
    check(&routes(&[&a_up]), 1, &routes(&[&a_to]), &[1], &[3]);
    // One bucket's second limit is not the bucket of that name.
    let two = |lines: &str| lines.replace("\"3/hour\"", "[\"3/hour\", \"9/day\"]");
    check(
        &routes(&[&two(&a_up), &within("up-2", &b.replace("3/hour", "9/day"))]),
        1,
        &routes(&[&within("up-2", &b.replace("3/hour", "9/day"))]),
        &[1],
        &[9],
    );
}
