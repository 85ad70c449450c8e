//! Of two guards that would both refuse, the one that stands first in `admit` does.

use super::{HOUSE, outcome, policy, wire};
use stagedoor_core::policy::Policy;

/// One way in which a request that is otherwise welcome is not, in the order of the guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Framing,
    Host,
    Path,
    Address,
    AppLimit,
    Route,
    RouteLimit,
    Size,
    Identity,
    Origin,
    Owner,
    CallerLimit,
    Upgrade,
}

const FAULTS: [(Fault, &str); 13] = [
    (Fault::Framing, "deny 400 bad_request"),
    (Fault::Host, "deny 421 unknown_host"),
    (Fault::Path, "deny 400 ambiguous_path"),
    (Fault::Address, "deny 403 address_refused"),
    (Fault::AppLimit, "deny 429 rate_limited"),
    (Fault::Route, "deny 404 not_found"),
    (Fault::RouteLimit, "deny 429 rate_limited"),
    (Fault::Size, "deny 413 body_too_large"),
    (Fault::Identity, "deny 401 token_invalid"),
    (Fault::Origin, "deny 403 cross_origin"),
    (Fault::Owner, "deny 403 not_owner"),
    (Fault::CallerLimit, "deny 429 rate_limited"),
    (Fault::Upgrade, "deny 403 upgrade_refused"),
];

const APP: &str = r#"
[app.media]
hosts = ["m.example"]
upstream = "http://127.0.0.1:3000"
auth = "required"
unlisted = "deny"
body.max = "1KiB"
access.deny = ["198.51.100.0/24"]
limit.ip = ["3/hour"]
[[app.media.route]]
match = "POST /items/{user}"
name = "items"
owner = { param = "user" }
limit.ip = ["1/hour"]
limit.user = ["1/hour"]
[[app.media.route]]
match = "GET /free"
auth = "public"
"#;

fn outcome_with(faults: &[Fault]) -> String {
    let policy = policy(&format!("{HOUSE}{APP}"));
    let has = |fault: Fault| faults.contains(&fault);
    let from = if has(Fault::Address) { "198.51.100.7" } else { "192.0.2.1" };
    use_up(&policy, from, faults);
    let path = match (has(Fault::Route), has(Fault::Owner)) {
        (true, _) => "/nowhere",
        (false, true) => "/items/eve",
        (false, false) => "/items/bob",
    };
    let path = if has(Fault::Path) { format!("/x/..{path}") } else { path.to_owned() };
    let host = if has(Fault::Host) { "other.example" } else { "m.example" };
    let token = if has(Fault::Identity) { "{bad}" } else { "{bob}" };
    let length = if has(Fault::Size) { 2000 } else { 10 };
    let mut lines = format!("POST {path} HTTP/1.1\nHost: {host}\nCookie: door={token}\n");
    lines.push_str(&format!("Content-Length: {length}\n"));
    for (fault, line) in [
        (Fault::Framing, "Transfer-Encoding: chunked\n"),
        (Fault::Origin, "Origin: https://evil.example\n"),
        (Fault::Upgrade, "Connection: Upgrade\nUpgrade: websocket\n"),
    ] {
        if has(fault) {
            lines.push_str(line);
        }
    }
    outcome(&policy, from, &wire(&lines))
}

/// What others sent before.
fn use_up(policy: &Policy, from: &str, faults: &[Fault]) {
    let send = |from: &str, lines: &str| outcome(policy, from, &wire(lines));
    let post = |user: &str| format!("POST /items/{user} HTTP/1.1\nHost: m.example\nX-Door: {{{user}}}");
    let welcome = !faults.contains(&Fault::Address);
    if faults.contains(&Fault::CallerLimit) {
        assert_eq!(send("192.0.2.200", &post("bob")), "forward items");
    }
    if faults.contains(&Fault::RouteLimit) && welcome {
        assert_eq!(send(from, &post("eve")), "forward items");
    }
    if faults.contains(&Fault::AppLimit) && welcome {
        let free = "GET /free HTTP/1.1\nHost: m.example";
        while send(from, free) == "forward GET /free" {}
    }
}

#[test]
fn a_request_without_a_fault_is_welcome() {
    assert_eq!(outcome_with(&[]), "forward items");
}

#[test]
fn each_fault_alone_is_refused() {
    for (fault, expected) in FAULTS {
        assert_eq!(outcome_with(&[fault]), expected, "{fault:?}");
    }
}

#[test]
fn the_first_of_two_faults_decides() {
    for (index, (first, expected)) in FAULTS.into_iter().enumerate() {
        for (second, _) in FAULTS.into_iter().skip(index + 1) {
            assert_eq!(outcome_with(&[first, second]), expected, "{first:?} before {second:?}");
        }
    }
}

#[test]
fn all_faults_at_once_fall_one_by_one() {
    for (index, (_, expected)) in FAULTS.into_iter().enumerate() {
        let faults: Vec<Fault> = FAULTS.into_iter().skip(index).map(|(fault, _)| fault).collect();
        assert_eq!(outcome_with(&faults), expected, "{faults:?}");
    }
}
