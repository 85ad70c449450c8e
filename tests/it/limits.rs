//! Rates and quotas: never one more than allowed, and never forgotten.

mod posters;

use std::sync::Barrier;

use crate::harness::{Gateway, Request, Upstream, token};

const CONFIG: &str = r#"
[server]
listen          = ["127.0.0.1:0", "[::1]:0"]
trusted_proxies = ["127.0.0.0/8", "::1"]

[app.media]
hosts     = ["media.localhost"]
upstream  = { urls = ["UPSTREAM"] }
auth      = "public"
unlisted  = "inherit"

[[app.media.route]]
match    = "GET /quota"
limit.ip = ["3/hour"]
[[app.media.route]]
match    = "GET /rate"
limit.ip = ["1/hour burst 4"]
[[app.media.route]]
match      = "GET /mine"
auth       = "required"
limit.user = ["2/hour"]
[[app.media.route]]
match    = ["GET /a", "GET /b"]
limit.ip = ["2/hour"]
bucket   = "shared"
[[app.media.route]]
match    = "GET /c"
limit.ip = ["2/hour"]
bucket   = "shared"
"#;

fn from(target: &str, ip: &str) -> Request {
    Request::get(target).field("X-Forwarded-For", ip)
}

/// How many of `count` requests at once are allowed.
fn allowed_of(gateway: &Gateway, count: usize, request: &Request) -> usize {
    let barrier = Barrier::new(count);
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = gateway.client();
                    barrier.wait();
                    client.ask(request).status
                })
            })
            .collect();
        let statuses: Vec<u16> = asking.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert!(statuses.iter().all(|status| matches!(status, 200 | 429)), "{statuses:?}");
        statuses.iter().filter(|status| **status == 200).count()
    })
}

#[test]
fn a_quota_is_exact_whatever_comes_at_once() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    assert_eq!(allowed_of(&gateway, 64, &from("/quota", "192.0.2.1")), 3);
    assert_eq!(app.seen().len(), 3);
    assert_eq!(allowed_of(&gateway, 16, &from("/quota", "192.0.2.2")), 3, "another client has its own");
    assert_eq!(allowed_of(&gateway, 64, &from("/rate", "192.0.2.1")), 4);
    assert_eq!(allowed_of(&gateway, 32, &Request::get("/mine").bearer(&token("bob"))), 2);
    assert_eq!(allowed_of(&gateway, 4, &Request::get("/mine").bearer(&token("eve"))), 2);
    assert!(gateway.metric("stagedoor_limited_total", &["app=\"media\""]) >= 61.0);
}

#[test]
fn the_allowance_is_told() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    for left in [2, 1, 0] {
        let answer = gateway.ask(&from("/quota", "192.0.2.1"));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.field("x-ratelimit-limit"), "3");
        assert_eq!(answer.field("x-ratelimit-remaining"), left.to_string());
        let limit = answer.field("ratelimit");
        assert!(limit.contains(&format!(";r={left};t=")), "{limit}");
        assert_eq!(answer.field("ratelimit-policy"), "\"route.ip-1\";q=3;w=3600");
    }
    let answer = gateway.ask(&from("/quota", "192.0.2.1"));
    assert_eq!(answer.status, 429);
    let after: u64 = answer.field("retry-after").parse().unwrap();
    assert!((1..=3900).contains(&after), "{after}");
    assert_eq!(answer.field("x-ratelimit-remaining"), "0");
    let unlimited = gateway.ask(&from("/other", "192.0.2.1"));
    assert!(
        !unlimited.fields.has("ratelimit") && !unlimited.fields.has("x-ratelimit-limit"),
        "{unlimited:?}"
    );
}

#[test]
fn a_bucket_is_shared_by_its_routes() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let statuses = ["/a", "/b", "/c", "/a"].map(|path| gateway.ask(&from(path, "192.0.2.1")).status);
    assert_eq!(statuses, [200, 200, 429, 429]);
}

#[test]
fn the_query_the_case_and_the_carrier_buy_nothing() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    for expected in [200, 200, 200] {
        assert_eq!(gateway.ask(&from("/quota", "192.0.2.1")).status, expected);
    }
    for request in [
        from("/quota?x=1", "192.0.2.1"),
        from("/quota", "192.0.2.1:1234"),
        from("/quota", "10.9.9.9, 192.0.2.1"),
        from("/quota", "192.0.2.1").bearer(&token("bob")),
        from("/quota", "::ffff:192.0.2.1"),
    ] {
        assert_eq!(gateway.ask(&request).status, 429, "{request:?}");
    }
    for request in [from("/QUOTA", "192.0.2.1"), from("/quota/", "192.0.2.1"), from("//quota", "192.0.2.1")] {
        assert_eq!(gateway.ask(&request).status, 400, "{request:?}");
    }
}

#[test]
fn what_is_used_up_stays_used_up_through_reloads() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    let ask = |target: &str| gateway.ask(&from(target, "192.0.2.1")).status;
    for _ in 0..3 {
        assert_eq!(ask("/quota"), 200);
    }
    for _ in 0..4 {
        assert_eq!(ask("/rate"), 200);
    }
    for round in 0..5 {
        let text = format!("{config}\n[[app.media.route]]\nmatch = \"GET /r{round}\"\n");
        gateway.folder.configure(&text);
        assert_eq!(gateway.reload(), "ok");
        assert_eq!((ask("/quota"), ask("/rate")), (429, 429), "round {round}");
    }
}

#[test]
fn a_network_of_ipv6_is_one_client() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let ask = |ip: &str| gateway.ask(&from("/quota", ip)).status;
    let statuses = ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:1", "2001:db8::4"].map(ask);
    assert_eq!(statuses, [200, 200, 200, 429]);
    assert_eq!(ask("2001:db8:0:1::1"), 200, "the next network is another client");
    // And over a socket of its own kind.
    let six = gateway.addresses.iter().find(|address| address.is_ipv6()).expect("listens on ::1");
    assert_eq!(crate::harness::Client::connect(*six).ask(&from("/quota", "2001:db8::5")).status, 429);
    assert_eq!(crate::harness::Client::connect(*six).ask(&Request::get("/other")).status, 200);
    assert_eq!(app.last().fields.sole("x-forwarded-for"), Some("::1"));
}

#[test]
fn more_clients_than_are_remembered_share_and_are_counted() {
    let app = Upstream::start();
    let config = CONFIG.replace("[app.media]", "[server.limits]\nlimit_keys = 100\n[app.media]");
    let gateway = Gateway::before(&app, &config);
    let series = || gateway.metrics().lines().filter(|line| !line.starts_with('#')).count();
    let mut client = gateway.client();
    assert_eq!(client.ask(&from("/quota", "10.0.0.1")).status, 200);
    assert_eq!(client.ask(&from("/rate", "10.0.0.1")).status, 200);
    gateway.metrics();
    let (before, memory) = (series(), gateway.memory());
    let mut refused = 0;
    for n in 0..3000u32 {
        let ip = format!("10.{}.{}.{}", 1 + n / 65536, n / 256 % 256, n % 256);
        let answer = client.ask(&from("/quota", &ip));
        refused += usize::from(answer.status == 429);
        if answer.field("connection") == "close" {
            client = gateway.client();
        }
    }
    assert!(refused > 2000, "only {refused} of 3000 newcomers shared an allowance");
    assert!(gateway.metric("stagedoor_limit_overflow_total", &[]) > 2000.0);
    let after = series();
    assert!(after <= before + 4, "{before} series became {after}"); // the first 429 and its codes
    let grown = gateway.memory().saturating_sub(memory);
    // Of the refusals some hundred bytes each are kept for `why`.
    assert!(grown < 12 << 20, "{grown}");
    gateway.wait_for_log("limit_keys");
}

#[test]
fn the_apps_limit_counts_what_is_refused_later() {
    let app = Upstream::start();
    let config = CONFIG.replace("unlisted  = \"inherit\"", "unlisted = \"deny\"\nlimit.ip = [\"5/hour\"]");
    let gateway = Gateway::before(&app, &config);
    let statuses: Vec<u16> = ["/quota", "/nothing", "/mine", "/quota", "/nothing", "/quota", "/nothing"]
        .map(|path| gateway.ask(&from(path, "192.0.2.1")).status)
        .to_vec();
    assert_eq!(statuses, [200, 404, 401, 200, 404, 429, 429]);
    let first = gateway.ask(&from("/quota", "192.0.2.9"));
    assert_eq!(first.field("ratelimit-policy"), "\"app.ip-1\";q=5;w=3600, \"route.ip-1\";q=3;w=3600");
    assert_eq!(first.field("x-ratelimit-limit"), "3", "the tightest is told");
}

#[test]
fn forwarded_addresses_are_believed_from_trusted_proxies_alone() {
    let app = Upstream::start();
    let config = CONFIG.replace("trusted_proxies = [\"127.0.0.0/8\", \"::1\"]\n", "");
    let gateway = Gateway::before(&app, &config);
    let statuses: Vec<u16> =
        (1..=4).map(|n| gateway.ask(&from("/quota", &format!("192.0.2.{n}"))).status).collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    gateway.wait_for_log("add `127.0.0.1` to `server.trusted_proxies` of the file");
    assert_eq!(gateway.log().matches("STAGEDOOR_TRUSTED_PROXIES").count(), 1, "said once");
}
