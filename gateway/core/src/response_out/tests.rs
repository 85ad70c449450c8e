#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;

use super::*;
use crate::clock::Now;
use crate::field_list::FieldList;
use crate::guard::limit::{Limit, LimitKey, LimitPolicy, Rule};
use crate::request::Scheme;
use policies::csp;

mod policies;
mod repeated_fields;
mod transport;

fn with(preset: Preset, edit: impl FnOnce(&mut HeaderSettings)) -> ResponsePolicy {
    let mut settings = HeaderSettings::of(preset);
    edit(&mut settings);
    ResponsePolicy::compile(&settings)
}

/// `name: value` a line.
fn fields(text: &str) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    map
}

fn list_to_map(list: &FieldList) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in list.iter() {
        map.append(name.clone(), value.clone());
    }
    map
}

/// All lines of one field, joined by ` || `; `-` where there is none.
fn lines(map: &HeaderMap, name: &str) -> String {
    let lines: Vec<&str> = map.get_all(name).iter().map(|v| v.to_str().unwrap()).collect();
    if lines.is_empty() { "-".to_owned() } else { lines.join(" || ") }
}

struct Request {
    https: bool,
    host: &'static str,
    cors: CorsGrant,
    charged: ChargedLimits,
    timing: Option<&'static str>,
    limits: Vec<(&'static str, &'static str)>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            https: false,
            host: "media.example.com",
            cors: CorsGrant::default(),
            charged: ChargedLimits::default(),
            timing: None,
            limits: Vec::new(),
        }
    }
}

impl Request {
    fn at(&self) -> ResponseContext<'_> {
        ResponseContext {
            https: self.https,
            host: self.host,
            port: None,
            request_id: "01900000-0000-7000-8000-000000000001",
            cors: &self.cors,
            limits: &self.charged,
            server_timing: self.timing,
        }
    }

    fn put<F: ResponseFields>(&self, fields: &mut F) {
        for (name, value) in &self.limits {
            fields.set(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
    }

    /// Edits twice: once more must change nothing.
    fn edit(&self, policy: &ResponsePolicy, answer: &str) -> HeaderMap {
        let mut map = fields(answer);
        policy.edit(&mut map, &self.at(), |f, _| self.put(f));
        let once = map.clone();
        policy.edit(&mut map, &self.at(), |f, _| self.put(f));
        assert_eq!(once, map, "not idempotent: {answer}");
        let mut list: FieldList = fields(answer).iter().map(|(n, v)| (n.clone(), v.clone())).collect();
        for _ in 0..2 {
            policy.edit(&mut list, &self.at(), |f, _| self.put(f));
            let all =
                |map: &HeaderMap| map.iter().map(|(n, v)| (n.to_string(), v.clone())).collect::<Vec<_>>();
            let (mut of_list, mut of_map) = (all(&list_to_map(&list)), all(&map));
            of_list.sort();
            of_map.sort();
            assert_eq!(of_list, of_map, "a list and a map are edited alike: {answer}");
        }
        map
    }

    fn edit_local(&self, policy: &ResponsePolicy, answer: &str) -> HeaderMap {
        let mut map = fields(answer);
        policy.edit_local(&mut map, &self.at(), |f| self.put(f));
        map
    }
}

fn edit(policy: &ResponsePolicy, answer: &str) -> HeaderMap {
    Request::default().edit(policy, answer)
}

const WEB_CSP: &str = "base-uri 'self'; object-src 'none'; frame-ancestors 'self'";
const API_CSP: &str = "default-src 'none'; frame-ancestors 'none'";

/// Elsewhere it does nothing but fill the console.
#[test]
fn the_opener_policy_is_said_where_browsers_heed_it() {
    for (https, host, said) in [
        (true, "media.example.com", true),
        (false, "media.example.com", false),
        (false, "media.localhost:8080", true),
        (false, "192.168.1.2:8080", false),
    ] {
        let request = Request { https, host, ..Request::default() };
        for preset in [Preset::Web, Preset::Api] {
            let policy = with(preset, |_| {});
            for map in [request.edit(&policy, ""), request.edit_local(&policy, "")] {
                assert_eq!(map.contains_key("cross-origin-opener-policy"), said, "{https} {host} {preset:?}");
            }
        }
        let kept = request.edit(&with(Preset::Web, |_| {}), "cross-origin-opener-policy: same-origin");
        assert_eq!(lines(&kept, "cross-origin-opener-policy"), "same-origin", "the app's own is kept");
        let name = HeaderName::from_static("cross-origin-opener-policy");
        let value = HeaderValue::from_static("noopener-allow-popups");
        let set = with(Preset::Web, |settings| settings.set = vec![(name, value)]);
        let set = request.edit(&set, "");
        assert_eq!(lines(&set, "cross-origin-opener-policy"), "noopener-allow-popups", "{host}");
    }
}

#[test]
fn the_presets_say_what_the_table_says() {
    let check = |map: &HeaderMap, expected: &[(&str, &str)]| {
        for (name, value) in expected {
            assert_eq!(lines(map, name), *value, "{name}");
        }
    };
    let https = Request { https: true, ..Request::default() };
    let html = "content-type: text/html";
    check(
        &https.edit(&with(Preset::Web, |_| {}), html),
        &[
            ("strict-transport-security", "max-age=31536000"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "SAMEORIGIN"),
            ("content-security-policy", WEB_CSP),
            ("content-security-policy-report-only", "-"),
            ("referrer-policy", "strict-origin-when-cross-origin"),
            ("cross-origin-opener-policy", "same-origin-allow-popups"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-embedder-policy", "-"),
            ("cache-control", "-"),
            ("x-request-id", "01900000-0000-7000-8000-000000000001"),
        ],
    );
    let api = [
        ("strict-transport-security", "max-age=31536000"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("content-security-policy", API_CSP),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cross-origin-embedder-policy", "-"),
    ];
    let answer = https.edit(&with(Preset::Api, |_| {}), html);
    check(&answer, &api);
    check(&answer, &[("cache-control", "-")]);
    for preset in [Preset::Web, Preset::Api] {
        let local = https.edit_local(&with(preset, |_| {}), html);
        check(&local, &api);
        check(&local, &[("cache-control", "no-store"), ("content-type", "text/html")]);
    }
    check(
        &https.edit(&with(Preset::Off, |_| {}), "server: nginx\ncontent-type: text/html"),
        &[("content-type", "text/html"), ("x-request-id", "01900000-0000-7000-8000-000000000001")],
    );
    assert_eq!(https.edit(&with(Preset::Off, |_| {}), "server: nginx").len(), 1);
}

#[test]
fn permissions_are_named_one_by_one() {
    let of = |preset| lines(&edit(&with(preset, |_| {}), ""), "permissions-policy");
    let (web, api) = (of(Preset::Web), of(Preset::Api));
    for feature in ["payment", "usb", "serial", "midi", "hid"] {
        assert!(
            web.contains(&format!("{feature}=()")) && api.contains(&format!("{feature}=()")),
            "{feature}"
        );
    }
    // What media apps play with, and what they record with: their own pages', and no frame's.
    for feature in [
        "autoplay",
        "fullscreen",
        "encrypted-media",
        "picture-in-picture",
        "camera",
        "microphone",
        "display-capture",
        "geolocation",
    ] {
        assert!(
            web.contains(&format!("{feature}=(self)")) && api.contains(&format!("{feature}=()")),
            "{feature}"
        );
    }
    for list in [&web, &api] {
        let mut names: Vec<&str> = list.split(", ").map(|f| f.split_once('=').unwrap().0).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "a feature stands twice");
    }
    assert!(!api.contains("self"));
    let closed = permissions_closed();
    for feature in CLOSEABLE {
        assert_eq!(closed.matches(&format!("{feature}=()")).count(), 1, "{closed}");
    }
    assert_eq!(closed.replace("()", "(self)"), web.replace("()", "(self)"));
    assert!(
        closed.contains("fullscreen=(self)") && closed.contains("autoplay=(self)"),
        "the rest is left: {closed}"
    );
}

#[test]
fn what_the_preset_leaves_open_is_known_until_somebody_says_more() {
    let name = || HeaderName::from_static("permissions-policy");
    assert_eq!(with(Preset::Web, |_| {}).closeable(), CLOSEABLE);
    for closed in [
        with(Preset::Api, |_| {}),
        with(Preset::Off, |_| {}),
        with(Preset::Web, |s| s.set = vec![(name(), HeaderValue::from_static("camera=()"))]),
        with(Preset::Web, |s| s.remove = vec![name()]),
    ] {
        assert!(closed.closeable().is_empty());
    }
}

#[test]
fn nobody_but_the_gateway_says_that_it_refused() {
    for preset in [Preset::Web, Preset::Api, Preset::Off] {
        let policy = with(preset, |s| s.cors_app = true);
        assert_eq!(lines(&edit(&policy, "X-Stagedoor-Code: token_missing\nx-a: 1"), "x-stagedoor-code"), "-");
    }
    let mut interim = fields("x-stagedoor-code: token_missing\nlink: </a>");
    ResponsePolicy::clean_interim(&mut interim);
    assert_eq!(lines(&interim, "x-stagedoor-code"), "-");
}

#[test]
fn the_apps_own_word_is_kept_and_nothing_stands_twice() {
    let own = "x-content-type-options: nosniff\nx-frame-options: DENY\nreferrer-policy: same-origin\n\
               permissions-policy: camera=(self)\ncross-origin-opener-policy: unsafe-none\n\
               cross-origin-resource-policy: cross-origin\ncontent-security-policy: default-src *\n\
               cache-control: max-age=60\nset-cookie: a=1\nset-cookie: b=2, c=3\nlocation: ?token=1";
    for preset in [Preset::Web, Preset::Api, Preset::Off] {
        let mut expected = fields(own);
        expected.insert("x-request-id", HeaderValue::from_static("01900000-0000-7000-8000-000000000001"));
        assert_eq!(edit(&with(preset, |_| {}), own), expected, "{preset:?}");
    }
    let id = edit(&with(Preset::Web, |_| {}), "x-request-id: of-the-app\nx-request-id: again");
    assert_eq!(lines(&id, "x-request-id"), "01900000-0000-7000-8000-000000000001");
}

#[test]
fn what_leaks_is_removed_under_every_preset() {
    let leaks = "server: nginx/1.2\nx-powered-by: Express\nx-aspnet-version: 4\nx-aspnetmvc-version: 5\n\
                 x-generator: x\nx-xss-protection: 1\nconnection: close, x-internal\nx-internal: 1\n\
                 keep-alive: timeout=5\nproxy-authenticate: Basic\nproxy-connection: close\nte: trailers\n\
                 trailer: x\nupgrade: h2c\naccess-control-allow-origin: *\naccess-control-max-age: 1\n\
                 access-control-allow-private-network: true\ntransfer-encoding: chunked\nx-app: stays";
    for preset in [Preset::Web, Preset::Api, Preset::Off] {
        let map = edit(&with(preset, |_| {}), leaks);
        for line in leaks.lines() {
            let name = line.split_once(':').unwrap().0;
            let stays = ["x-app", "transfer-encoding"].contains(&name);
            assert_eq!(map.contains_key(name), stays, "{name}");
        }
        let app_cors = with(preset, |s| s.cors_app = true);
        let map = edit(&app_cors, leaks);
        assert_eq!(lines(&map, "access-control-allow-origin"), "*");
        assert_eq!(lines(&map, "access-control-allow-private-network"), "true");
        assert!(!map.contains_key("server"));
    }
    let nominated = "connection: Transfer-Encoding, content-length, x-content-type-options\n\
                     transfer-encoding: chunked\ncontent-length: 3\nx-content-type-options: nonsense";
    let map = edit(&with(Preset::Web, |_| {}), nominated);
    assert_eq!(lines(&map, "transfer-encoding"), "chunked");
    assert_eq!(lines(&map, "content-length"), "3");
    assert_eq!(lines(&map, "x-content-type-options"), "nosniff");
}

#[test]
fn media_may_be_embedded() {
    let check = |preset, kind: &str, expected: &str| {
        let map = edit(&with(preset, |_| {}), &format!("content-type: {kind}"));
        assert_eq!(lines(&map, "cross-origin-resource-policy"), expected, "{kind}");
    };
    for kind in ["audio/mpeg", "video/mp4", "image/png", "Image/SVG+xml; charset=utf-8", " video/webm"] {
        check(Preset::Web, kind, "-");
        check(Preset::Api, kind, "same-origin");
    }
    for kind in ["text/html", "application/json", "application/video", "imagex/png", "audi"] {
        check(Preset::Web, kind, "same-origin");
    }
}

/// An answer of this status.
struct Answer(u16, HeaderMap);

impl ResponseFields for Answer {
    fn first(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.1.first(name)
    }
    fn all(&self, name: &HeaderName) -> impl Iterator<Item = &HeaderValue> {
        self.1.all(name)
    }
    fn retain(&mut self, stays: impl FnMut(&HeaderName, &HeaderValue) -> bool) {
        self.1.retain(stays);
    }
    fn remove(&mut self, name: &HeaderName) {
        self.1.remove(name);
    }
    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.1.insert(name, value);
    }
    fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.1.append(name, value);
    }
    fn revalidates(&self) -> bool {
        self.0 == 304
    }
    fn requires_upgrade(&self) -> bool {
        self.0 == 426
    }
    fn switches(&self) -> bool {
        self.0 == 101
    }
}

#[test]
fn a_304_does_not_change_what_the_stored_answer_says_of_itself() {
    let mut answer = Answer(304, fields("etag: \"1\"\nserver: nginx\naccess-control-allow-origin: *"));
    let request = Request::default();
    with(Preset::Web, |s| s.csp = Some(csp(false, false))).edit(&mut answer, &request.at(), |_, _| {});
    for absent in [
        "content-security-policy",
        "content-security-policy-report-only",
        "cross-origin-resource-policy",
        "server",
        "access-control-allow-origin",
    ] {
        assert!(!answer.1.contains_key(absent), "{absent}");
    }
    assert_eq!(lines(&answer.1, "x-content-type-options"), "nosniff");
}

/// An interim answer has no body and is shown to no script.
#[test]
fn of_an_interim_answer_what_completes_a_101_is_kept() {
    let text = "link: </a>\nserver: x\ncontent-length: 0\ntransfer-encoding: chunked\n\
                access-control-allow-origin: *\nkeep-alive: timeout=5\nx-hop: 1\nconnection: upgrade, x-hop\n\
                upgrade: websocket";
    for (status, kept) in [(103, "link"), (101, "connection link upgrade")] {
        let mut answer = Answer(status, fields(text));
        ResponsePolicy::clean_interim(&mut answer);
        let mut names: Vec<_> = answer.1.keys().map(ToString::to_string).collect();
        names.sort_unstable();
        assert_eq!(names.join(" "), kept, "{status}");
    }
}

/// RFC 9110 §15.5.22: a 426 says in `Upgrade` what it wants.
#[test]
fn a_426_alone_names_a_protocol() {
    for (status, upgrade) in [(426, "h2c"), (200, "-")] {
        let mut answer = Answer(status, fields("upgrade: h2c\nconnection: upgrade"));
        with(Preset::Web, |_| {}).apply(&mut answer, &Request::default().at());
        assert_eq!(
            (lines(&answer.1, "upgrade").as_str(), lines(&answer.1, "connection").as_str()),
            (upgrade, "-")
        );
    }
}

#[test]
fn the_apps_own_address_is_mapped_where_the_public_one_is_known() {
    let policy = with(Preset::Web, |s| s.own = Some(UpstreamAddress::of(Scheme::Http, "127.0.0.1:8330")));
    for (host, location) in
        [("media.example.com", "http://media.example.com/x"), ("", "http://127.0.0.1:8330/x")]
    {
        let request = Request { host, ..Request::default() };
        let map = request.edit(&policy, "location: http://127.0.0.1:8330/x");
        assert_eq!(lines(&map, "location"), location);
    }
}

#[test]
fn the_limits_that_were_charged_are_told() {
    let rule = Rule::parse("5/hour").unwrap();
    let now = Now::new(Duration::from_secs(7200), Duration::from_secs(1_800_000_000));
    let limit = Arc::new(Limit::new("app.ip-1", rule, 10, now, None));
    let mut charged = ChargedLimits::default();
    let key = LimitKey::address([192, 0, 2, 1].into());
    LimitPolicy::Limits([limit].into()).take(&key, now, &mut charged).unwrap();
    let policy = with(Preset::Web, |_| {});
    let told = Request { charged, ..Request::default() };
    let (mut of_app, mut ours) = (fields("ratelimit: \"app\";r=1"), fields(""));
    policy.apply(&mut of_app, &told.at());
    policy.apply_to_local(&mut ours, &told.at());
    for map in [of_app, ours] {
        assert!(lines(&map, "ratelimit").starts_with("\"app.ip-1\";r=4;t="), "{map:?}");
    }
    let mut untold = fields("ratelimit: \"app\";r=1");
    policy.apply(&mut untold, &Request::default().at());
    assert_eq!(lines(&untold, "ratelimit"), "\"app\";r=1");
}

#[test]
fn cors_is_ours_and_vary_is_merged() {
    let allow = (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://a.example"));
    let request = Request { cors: CorsGrant { headers: vec![allow], vary: true }, ..Request::default() };
    let policy = with(Preset::Web, |_| {});
    let check = |answer: &str, expected: &str| {
        let map = request.edit(&policy, answer);
        assert_eq!(lines(&map, "vary"), expected, "{answer}");
        assert_eq!(lines(&map, "access-control-allow-origin"), "https://a.example");
        assert_eq!(lines(&map, "access-control-allow-credentials"), "-");
    };
    check("access-control-allow-origin: *\naccess-control-allow-credentials: true", "Origin");
    check("vary: Accept-Encoding", "Accept-Encoding, Origin");
    check("vary: accept, ORIGIN", "accept, ORIGIN");
    check("vary: *", "*");
    check("vary: Accept\nvary: Cookie", "Accept, Cookie, Origin");
    check("vary: Accept\nvary: origin", "Accept, origin");
    assert_eq!(lines(&edit(&policy, "vary: Accept"), "vary"), "Accept");
    let local = request.edit_local(&policy, "");
    assert_eq!(lines(&local, "access-control-allow-origin"), "https://a.example");
    assert_eq!(lines(&local, "vary"), "Origin");
}

#[test]
fn limits_replace_the_apps_only_where_ours_were_charged() {
    let app = "ratelimit: \"app\";r=1\nx-ratelimit-limit: 7\nx-ratelimit-limit: 8";
    let policy = with(Preset::Web, |_| {});
    assert_eq!(lines(&edit(&policy, app), "x-ratelimit-limit"), "7 || 8");
    let limits = vec![("ratelimit", "\"app.ip-1\";r=19;t=2"), ("x-ratelimit-limit", "20")];
    let charged = Request { limits, ..Request::default() };
    for map in [charged.edit(&policy, app), charged.edit_local(&policy, app)] {
        assert_eq!(lines(&map, "ratelimit"), "\"app.ip-1\";r=19;t=2");
        assert_eq!(lines(&map, "x-ratelimit-limit"), "20");
    }
}

#[test]
fn server_timing_is_a_line_of_its_own() {
    let request = Request { timing: Some("gateway;dur=0.04"), ..Request::default() };
    let map = request.edit(&with(Preset::Web, |_| {}), "server-timing: db;dur=5");
    assert_eq!(lines(&map, "server-timing"), "db;dur=5 || gateway;dur=0.04");
}

#[test]
fn set_and_remove_have_the_last_word() {
    let header = |name: &'static str| HeaderName::from_static(name);
    let policy = with(Preset::Web, |s| {
        s.set = vec![
            (header("x-robots-tag"), HeaderValue::from_static("noindex")),
            (header("referrer-policy"), HeaderValue::from_static("no-referrer")),
            (header("x-content-type-options"), HeaderValue::from_static("nosniff")),
        ];
        s.remove = vec![header("permissions-policy"), header("x-app"), header("strict-transport-security")];
    });
    let request = Request { https: true, ..Request::default() };
    let map = request
        .edit(&policy, "x-robots-tag: all\nx-robots-tag: none\nx-app: 1\npermissions-policy: camera=()");
    assert_eq!(lines(&map, "x-robots-tag"), "noindex");
    assert_eq!(lines(&map, "referrer-policy"), "no-referrer");
    for gone in ["permissions-policy", "x-app", "strict-transport-security"] {
        assert_eq!(lines(&map, gone), "-", "{gone}");
    }
    let local = request.edit_local(&policy, "x-app: ours");
    assert_eq!(lines(&local, "x-robots-tag"), "noindex");
    assert_eq!(lines(&local, "referrer-policy"), "no-referrer");
    assert_eq!(lines(&local, "x-content-type-options"), "nosniff");
    assert_eq!(lines(&local, "x-app"), "ours");
    for gone in ["permissions-policy", "strict-transport-security"] {
        assert_eq!(lines(&local, gone), "-", "{gone}");
    }
}

#[test]
fn what_is_set_makes_no_answer_of_our_own_storable() {
    for name in [
        "cache-control",
        "cdn-cache-control",
        "x-vendor-cdn-cache-control",
        "surrogate-control",
        "x-accel-expires",
    ] {
        let header = HeaderName::from_static(name);
        let policy = with(Preset::Web, |s| {
            s.set = vec![(header.clone(), HeaderValue::from_static("max-age=600"))];
            s.remove = vec![header::CACHE_CONTROL];
        });
        assert_eq!(lines(&edit(&policy, ""), name), "max-age=600");
        let local = Request::default().edit_local(&policy, "");
        assert_eq!(lines(&local, "cache-control"), "no-store", "{name}");
        assert!(name == "cache-control" || !local.contains_key(name), "{name}");
    }
}
