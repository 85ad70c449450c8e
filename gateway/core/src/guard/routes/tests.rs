#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;

use proptest::prelude::*;

use super::{Clash, Layer, Pattern, RoutesPolicy, Unlisted};
use crate::denial::Denial;
use crate::guard::body::BodyPolicy;
use crate::guard::caller::AuthPolicy;
use crate::guard::limit::LimitPolicy;
use crate::guard::permission::PermissionPolicy;
use crate::guard::routes::Route;
use crate::guard::streams::{OnExpiry, StreamCap, StreamsPolicy};
use crate::guard::target::tests::{encoded, path};
use crate::guard::target::{HostTable, PathPolicy};
use crate::guard::upgrade::UpgradePolicy;
use crate::path::readings::fold;

/// A route that asks nothing.
pub(crate) fn route(label: &str, index: usize, encoded_slash: bool) -> Arc<Route> {
    Arc::new(Route {
        label: label.into(),
        patterns: Box::default(),
        index,
        layer: Layer::App,
        app_limit: true,
        ip_limit: LimitPolicy::Unlimited,
        body: BodyPolicy { max: 1024, on_get: true },
        auth: AuthPolicy::Public,
        permission: PermissionPolicy::default(),
        signature: None,
        caller_limit: LimitPolicy::Unlimited,
        origin: crate::guard::origin::OriginPolicy::Cookies,
        preflight: crate::guard::cors::PreflightPolicy::App,
        upgrade: UpgradePolicy::Forbidden,
        streams: StreamsPolicy { per_user: StreamCap::Unlimited, on_expiry: OnExpiry::Finish },
        encoded_slash,
    })
}

/// Each line is a route; its patterns are parted by ` | `. A `%` in front allows `%2F`, a `~` makes it a profile's.
fn build(lines: &[&str], unlisted: Unlisted, paths: PathPolicy) -> Result<RoutesPolicy, Vec<Clash>> {
    build_in(false, lines, unlisted, paths)
}

/// The same in an app that says `encoded_slash` itself; a `-` in front of a line forbids `%2F` there.
fn build_in(
    encoded_slash: bool,
    lines: &[&str],
    unlisted: Unlisted,
    paths: PathPolicy,
) -> Result<RoutesPolicy, Vec<Clash>> {
    let own = route("-", 0, encoded_slash);
    let mut patterns = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let encoded_slash = if encoded_slash { !line.starts_with('-') } else { line.starts_with('%') };
        let text = line.trim_start_matches(['%', '~', '-']);
        let mut route = route(text, index + 1, encoded_slash);
        if line.starts_with('~') {
            Arc::get_mut(&mut route).unwrap().layer = Layer::Profile;
        }
        for pattern in text.split(" | ") {
            patterns.push((Pattern::parse(pattern).unwrap(), Arc::clone(&route)));
        }
    }
    RoutesPolicy::build(patterns, own, unlisted, paths)
}

/// The label of the route found, or `400`, `400 fault` (target), `404`, `405 methods`.
fn ask(routes: &RoutesPolicy, paths: PathPolicy, method: &str, target: &[u8]) -> String {
    let hosts = HostTable::build(&[("a".into(), 0)]).unwrap();
    let found =
        paths.read(target.into(), hosts.find("a").unwrap()).and_then(|t| routes.find(method, &t, paths));
    match found {
        Ok(found) => found.route.label.to_string(),
        Err(Denial::AmbiguousPath(_)) => "400".into(),
        Err(Denial::NotFound) => "404".into(),
        Err(Denial::MethodNotAllowed { allow }) => format!("405 {allow}"),
        Err(other) => panic!("{other:?}"),
    }
}

const LISTED: [&str; 18] = [
    "GET /",
    "GET /admin",
    "* /api/admin/{*rest}",
    "GET /api/{id}",
    "GET /api/{id}/x",
    "GET /api/me/y",
    "POST /api/{*rest}",
    "* /any/{id}",
    "GET /any/one",
    "HEAD /any/one/head",
    "GET /any/one/head",
    "GET /gr\u{f6}\u{df}e/a b",
    "PROPFIND /dav | PROPFIND /dav/{*rest}",
    "GET /dav/{*rest}",
    "GET /pipe|d/100%25",
    "DELETE /Mixed/Case",
    "%GET /files/{name}",
    "GET /files/secret/{*rest}",
];

fn listed(unlisted: Unlisted, paths: PathPolicy, rows: &[(&str, &str, &str)]) {
    let routes = build(&LISTED, unlisted, paths).unwrap();
    asked(&routes, paths, rows);
}

fn asked(routes: &RoutesPolicy, paths: PathPolicy, rows: &[(&str, &str, &str)]) {
    for (method, target, expected) in rows {
        assert_eq!(ask(routes, paths, method, target.as_bytes()), *expected, "{method} {target}");
    }
}

#[test]
fn spelling() {
    listed(
        Unlisted::Deny,
        PathPolicy::default(),
        &[
            ("GET", "/", "GET /"),
            ("GET", "/?q", "GET /"),
            ("GET", "//", "400"),
            ("GET", "/;x", "400"),
            ("GET", "/admin", "GET /admin"),
            ("HEAD", "/admin", "GET /admin"),
            ("GET", "/admin?x=/../", "GET /admin"),
            ("GET", "/Admin", "400"),
            ("GET", "/ADMIN", "400"),
            ("GET", "/admin/", "400"),
            ("GET", "/admin//", "400"),
            ("GET", "//admin", "400"),
            ("GET", "/admin;x", "400"),
            ("GET", "/admin;", "400"),
            ("GET", "/admin%3Bx", "400"),
            ("GET", "/;x/admin", "400"),
            ("GET", "/%61dmin", "400"),
            ("GET", "/%41dmin", "400"),
            ("GET", "/admin%2f", "400"),
            ("GET", "/admin%2fx", "400"),
            ("GET", "/%2Fadmin", "400"),
            ("GET", "/a/%2e%2e/admin", "400"),
            ("GET", "/./admin", "400"),
            ("GET", "/adm\u{131}n", "404"),
            ("GET", "/admin2", "404"),
            ("GET", "/admin%20", "404"),
            ("GET", "/%2561dmin", "404"),
            ("get", "/admin", "405 GET, HEAD"),
            ("POST", "/admin", "405 GET, HEAD"),
            ("OPTIONS", "/admin", "405 GET, HEAD"),
            ("PROPFIND", "/admin", "405 GET, HEAD"),
            ("POST", "/Admin", "404"),
        ],
    );
}

#[test]
fn precedence() {
    listed(
        Unlisted::Deny,
        PathPolicy::default(),
        &[
            ("GET", "/api/7", "GET /api/{id}"),
            ("GET", "/api/SEVEN", "GET /api/{id}"),
            ("GET", "/api/a%20b", "GET /api/{id}"),
            ("GET", "/api/a;b", "GET /api/{id}"),
            ("GET", "/api/7%2f8", "400"),
            ("GET", "/api/7/x", "GET /api/{id}/x"),
            ("GET", "/api/7/X", "400"),
            ("GET", "/api/me", "GET /api/{id}"),
            ("GET", "/api/me/x", "GET /api/{id}/x"),
            ("GET", "/api/me/y", "GET /api/me/y"),
            ("GET", "/api/7/y", "405 POST"),
            ("GET", "/api//x", "400"),
            ("POST", "/api//x", "POST /api/{*rest}"),
            ("POST", "/api/me/y", "POST /api/{*rest}"),
            ("POST", "/api/7", "POST /api/{*rest}"),
            ("POST", "/api", "POST /api/{*rest}"),
            ("POST", "/api/", "POST /api/{*rest}"),
            ("POST", "/apis", "404"),
            ("GET", "/api", "405 POST"),
            ("GET", "/api/", "405 POST"),
            ("GET", "/api/admin", "* /api/admin/{*rest}"),
            ("GET", "/api/admin/", "* /api/admin/{*rest}"),
            ("POST", "/api/admin/a/b", "* /api/admin/{*rest}"),
            ("FOO-BAR", "/api/admin/a//b/", "* /api/admin/{*rest}"),
            ("GET", "/api/admin/%61;x", "* /api/admin/{*rest}"),
            ("GET", "/api/ADMIN", "400"),
            ("GET", "/api/admin;x", "400"),
            ("GET", "/api/%61dmin/x", "400"),
            ("GET", "/api/admin%2Fx", "400"),
            ("GET", "/api//admin/x", "400"),
            ("POST", "/API/admin", "400"),
            ("GET", "/any/one", "GET /any/one"),
            ("HEAD", "/any/one", "GET /any/one"),
            ("POST", "/any/one", "* /any/{id}"),
            ("GET", "/any/two", "* /any/{id}"),
            ("GET", "/any/ONE", "400"),
            ("POST", "/any/ONE", "* /any/{id}"),
            ("GET", "/any/", "404"),
            ("HEAD", "/any/one/head", "HEAD /any/one/head"),
            ("GET", "/any/one/head", "GET /any/one/head"),
            ("PUT", "/any/one/head", "405 GET, HEAD"),
        ],
    );
}

#[test]
fn encoding_and_methods() {
    listed(
        Unlisted::Deny,
        PathPolicy::default(),
        &[
            ("GET", "/gr\u{f6}\u{df}e/a%20b", "GET /gr\u{f6}\u{df}e/a b"),
            ("GET", "/gr%C3%B6%c3%9fe/a%20b", "GET /gr\u{f6}\u{df}e/a b"),
            ("GET", "/GR%C3%96\u{df}E/a%20b", "400"),
            ("PROPFIND", "/dav", "PROPFIND /dav | PROPFIND /dav/{*rest}"),
            ("PROPFIND", "/dav/", "PROPFIND /dav | PROPFIND /dav/{*rest}"),
            ("PROPFIND", "/dav/a/b", "PROPFIND /dav | PROPFIND /dav/{*rest}"),
            ("GET", "/dav", "GET /dav/{*rest}"),
            ("MKCOL", "/dav/a", "405 GET, HEAD, PROPFIND"),
            ("GET", "/pipe|d/100%25", "GET /pipe|d/100%25"),
            ("GET", "/pipe%7Cd/100%25", "GET /pipe|d/100%25"),
            ("GET", "/pipe%7cd/100%", "400"),
            ("DELETE", "/Mixed/Case", "DELETE /Mixed/Case"),
            ("DELETE", "/mixed/case", "400"),
            ("DELETE", "/Mixed/Case/", "400"),
            ("GET", "/files/a", "GET /files/{name}"),
            ("GET", "/files/a%2Fb", "GET /files/{name}"),
            ("GET", "/files/a%2fb%2Fc", "GET /files/{name}"),
            ("GET", "/files/secret%2Fb", "400"),
            ("GET", "/files/SECRET%2fb", "400"),
            ("GET", "/files/a%2F..%2Fb", "400"),
            ("GET", "/files/secret/a", "GET /files/secret/{*rest}"),
            ("GET", "/files/secret/a%2Fb", "400"),
            ("GET", "/files/secret", "GET /files/secret/{*rest}"),
            ("GET", "/a/./b", "400"),
            ("GET", "/a/.%2e;x/b", "400"),
            ("GET", "/a/%252e%252e/b", "400"),
            ("GET", "/a/%25u002e%25u002e/b", "400"),
            ("GET", "/a/%u002e/b", "400"),
            ("GET", "/none", "404"),
            ("GET", "/none/", "404"),
            ("GET", "/None%20", "404"),
        ],
    );
}

#[test]
fn inherited_exact_and_encoded() {
    let plain = PathPolicy::default();
    listed(
        Unlisted::Inherit,
        plain,
        &[
            ("GET", "/none", "-"),
            ("GET", "/None//a;b/", "-"),
            ("POST", "/admin", "-"),
            ("OPTIONS", "/admin", "-"),
            ("GET", "/Admin", "400"),
            ("POST", "/Admin", "-"),
            ("GET", "/x%2Fy", "400"),
            ("GET", "/api", "-"),
        ],
    );
    let exact = PathPolicy { exact_case: true, ..PathPolicy::default() };
    listed(
        Unlisted::Deny,
        exact,
        &[
            ("GET", "/admin", "GET /admin"),
            ("GET", "/Admin", "404"),
            ("GET", "/admin/", "400"),
            ("GET", "/%41dmin", "404"),
            ("GET", "/%61dmin", "400"),
            ("GET", "/api/ADMIN", "GET /api/{id}"),
            ("DELETE", "/mixed/case", "404"),
            ("DELETE", "/Mixed/Case", "DELETE /Mixed/Case"),
            ("DELETE", "/Mixed//Case", "400"),
        ],
    );
    asked(
        &build_in(true, &LISTED, Unlisted::Inherit, plain).unwrap(),
        plain,
        &[
            ("GET", "/x%2Fy", "-"),
            ("GET", "/api%2Fadmin", "400"),
            ("GET", "/api/7%2Fx", "400"),
            ("GET", "/api/7%2fz", "GET /api/{id}"),
            ("GET", "/%2Fadmin", "400"),
            ("POST", "/api/a%2Fb", "POST /api/{*rest}"),
            ("GET", "/files/secret/a%2Fb", "GET /files/secret/{*rest}"),
        ],
    );
}

#[test]
fn the_rest_at_the_root() {
    let paths = PathPolicy::default();
    let routes =
        build(&["* /{*rest}", "GET /a", "GET /b/{x}/c", "GET /b/{*rest}"], Unlisted::Deny, paths).unwrap();
    let rows = [
        ("GET", "/", "* /{*rest}"),
        ("GET", "//", "* /{*rest}"),
        ("GET", "/z/y//", "* /{*rest}"),
        ("GET", "/a", "GET /a"),
        ("POST", "/a", "* /{*rest}"),
        ("GET", "/a/", "400"),
        ("POST", "/a/", "* /{*rest}"),
        ("GET", "/b/1/c", "GET /b/{x}/c"),
        ("GET", "/b/1/d", "GET /b/{*rest}"),
        ("GET", "/b//c", "GET /b/{*rest}"),
        ("GET", "/b//1/c", "400"),
        ("GET", "/b", "GET /b/{*rest}"),
    ];
    for (method, target, expected) in rows {
        assert_eq!(ask(&routes, paths, method, target.as_bytes()), expected, "{method} {target}");
    }
}

#[test]
fn every_route_once() {
    let routes = build(&["GET /a | GET /b", "GET /c"], Unlisted::Deny, PathPolicy::default()).unwrap();
    let labels: Vec<_> = routes.all().map(|route| &*route.label).collect();
    assert_eq!(labels, ["-", "GET /a | GET /b", "GET /c"]);
}

/// A literal and a parameter at each of many depths: looked up without trying every combination.
#[test]
fn many_alternatives() {
    let mut lines: Vec<String> = Vec::new();
    for at in 0..200 {
        let segments: Vec<_> =
            (0..20).map(|bit| if at >> (bit % 8) & 1 == 1 { "{p}" } else { "a" }).collect();
        let named: Vec<_> =
            segments.iter().enumerate().map(|(i, s)| s.replace('p', &format!("p{i}"))).collect();
        lines.push(format!("GET /{}/end", named.join("/")));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let paths = PathPolicy::default();
    let routes = build(&lines, Unlisted::Deny, paths).unwrap();
    assert_eq!(ask(&routes, paths, "GET", "/a".repeat(4000).as_bytes()), "404");
    assert_eq!(ask(&routes, paths, "GET", format!("{}/end", "/a".repeat(20)).as_bytes()), lines[0]);
}

fn tables(encoded_slash: bool) -> impl Strategy<Value = RoutesPolicy> {
    let segment = prop::sample::select(vec!["a", "A", "admin", "b", "{x}", "a;b", "|", "\u{d6}", "%25", ""]);
    let one =
        (prop::sample::select(vec!["GET", "*", "POST"]), prop::collection::vec(segment, 1..4), any::<bool>());
    prop::collection::vec(one, 1..6).prop_map(move |patterns| {
        let mut kept: Vec<String> = Vec::new();
        for (method, segments, rest) in patterns {
            let named: Vec<_> =
                segments.iter().enumerate().map(|(i, s)| s.replace("{x}", &format!("{{x{i}}}"))).collect();
            let text = format!("{method} /{}{}", named.join("/"), if rest { "/{*rest}" } else { "" });
            kept.push(text);
            let lines: Vec<&str> = kept.iter().map(String::as_str).collect();
            if build_in(encoded_slash, &lines, Unlisted::Deny, PathPolicy::default()).is_err() {
                kept.pop();
            }
        }
        let lines: Vec<&str> = kept.iter().map(String::as_str).collect();
        build_in(encoded_slash, &lines, Unlisted::Deny, PathPolicy::default()).unwrap()
    })
}

proptest! {
    #[test]
    fn nothing_panics(routes in any::<bool>().prop_flat_map(tables), raw in prop::collection::vec(any::<u8>(), 0..40)) {
        ask(&routes, PathPolicy::default(), "GET", &[b"/", &raw[..]].concat());
    }

    /// Whoever reads the path folded never meets another route than the one that was found.
    #[test]
    fn the_folded_path_never_meets_another_route(routes in tables(true), raw in path()) {
        let paths = PathPolicy::default();
        let found = ask(&routes, paths, "GET", &raw);
        let folded = encoded(&fold(&raw, false));
        let again = ask(&routes, paths, "GET", &folded);
        if !found.starts_with('4') {
            prop_assert!(again == found || again == "400", "{found} {again}");
        }
    }
}

mod layers;
mod pairs;
mod patterns;
mod slashes;

#[test]
fn a_key_is_named_where_it_helps() {
    let paths = PathPolicy::default();
    let routes = build(&LISTED, Unlisted::Inherit, paths).unwrap();
    let hosts = HostTable::build(&[("a".into(), 0)]).unwrap();
    for (path, helps) in [
        ("//admin", true),
        ("//x/admin", true),
        ("/api//x", true),
        ("/api//admin/x", true),
        ("/;/x/admin", false),
        ("/API//x", false),
        ("/admin;x", false),
        ("/admin%3Fx", false),
    ] {
        let target = paths.read(path.as_bytes().into(), hosts.find("a").unwrap()).unwrap();
        let denial = routes.find("GET", &target, paths).unwrap_err();
        assert!(
            matches!(denial, Denial::AmbiguousPath(fault) if (fault.keys() == ["slashes"]) == helps),
            "{path}: {denial:?}"
        );
    }
}
