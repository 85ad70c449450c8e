//! The second path of COPY and MOVE, judged as the first.

use bytes::BytesMut;

use super::{HOUSE, Trail, check, filled, now, policy, wire};
use stagedoor_core::clock::Now;
use stagedoor_core::denial::Denial;
use stagedoor_core::head::{Parsed, parse};
use stagedoor_core::pipeline::{Admission, Arrival, admit};
use stagedoor_core::policy::Policy;
use stagedoor_core::request::{Peer, PeerAddress, Scheme};
use stagedoor_core::request_out::write_head;
use stagedoor_core::tls::Transport;

const DAV: &str = r#"
[app.dav]
hosts = ["dav.example", "files.example"]
upstream = "http://127.0.0.1:3000"
auth = "required"
unlisted = "deny"
[[app.dav.route]]
match = "* /files/{user}/{*rest}"
owner = { param = "user", or_role = "admin" }
name = "files"
[[app.dav.route]]
match = "* /shared/{*rest}"
name = "shared"
[[app.dav.route]]
match = "* /drop/{*rest}"
auth = "public"
name = "drop"
[[app.dav.route]]
match = "* /admin/{*rest}"
roles = ["admin"]
name = "admin"
[[app.dav.route]]
match = "* /exact"
roles = ["admin"]
[[app.dav.route]]
match = ["* /free", "* /free%23x"]
[[app.dav.route]]
match = "GET /read/{*rest}"
name = "read"
[[app.dav.route]]
match = "* /safe/{*rest}"
mfa = true
name = "safe"
[app.other]
hosts = ["other.example"]
upstream = "http://127.0.0.1:3001"
auth = "required"
"#;

/// What a request of `method` for `from` gets whose Destination is `to`.
fn rows(rows: &[(&str, &str, &str, &str, &str)]) {
    let texts: Vec<String> = rows
        .iter()
        .map(|(who, method, from, to, _)| {
            let token =
                if who.is_empty() { String::new() } else { format!("Authorization: Bearer {{{who}}}\n") };
            format!("{method} {from} HTTP/1.1\nHost: dav.example\n{token}Destination: {to}")
        })
        .collect();
    let rows: Vec<(&str, &str)> =
        texts.iter().map(String::as_str).zip(rows.iter().map(|row| row.4)).collect();
    check(&format!("{HOUSE}{DAV}"), &rows);
}

#[test]
fn no_move_leads_to_a_path_that_asks_for_a_signature() {
    let signed = r#"
[[app.dav.route]]
match = "* /signed/{*rest}"
signature = { secret = { file = "sign", generate = true } }
name = "signed"
"#;
    let dav = DAV.replacen("[app.other]", &format!("{signed}[app.other]"), 1);
    let of = |request: &str| format!("{request} HTTP/1.1\nHost: dav.example\nAuthorization: Bearer {{bob}}");
    let moved = |from: &str| format!("{}\nDestination: /signed/b", of(&format!("MOVE {from}")));
    check(
        &format!("{HOUSE}{dav}"),
        &[
            (&of("GET /signed/b"), "deny 403 signature_missing"),
            (&moved("/shared/a"), "deny 403 forbidden"),
            (&moved("/signed/a"), "deny 403 forbidden"),
        ],
    );
}

#[test]
fn a_move_needs_leave_for_both_paths() {
    let forbidden = "deny 403 forbidden";
    for method in ["MOVE", "COPY", "BMOVE", "BCOPY"] {
        rows(&[
            ("bob", method, "/files/bob/a", "/files/bob/b", "forward files"),
            ("bob", method, "/files/bob/a", "http://dav.example/shared/b", "forward files"),
            ("bob", method, "/shared/a", "https://files.example:8443/files/bob/b", "forward shared"),
            ("bob", method, "/files/bob/a", "/files/eve/b", forbidden),
            ("bob", method, "/files/bob/a", "http://dav.example/files/eve/b", forbidden),
            ("admin", method, "/files/bob/a", "/files/eve/b", "forward files"),
            ("bob", method, "/files/eve/a", "/files/bob/b", "deny 403 not_owner"),
            ("bob", method, "/shared/a", "/admin/b", forbidden),
            ("admin", method, "/shared/a", "/admin/b", "forward shared"),
            ("bob", method, "/shared/a", "/nowhere", forbidden),
            ("bob", method, "/shared/a", "/read/b", forbidden),
            ("", method, "/drop/a", "/drop/b", "forward drop"),
            ("", method, "/drop/a", "/shared/b", "deny 401 token_missing"),
            ("bob", method, "/drop/a", "/shared/b", "forward drop"),
            ("old", method, "/drop/a", "/shared/b", "deny 401 token_expired"),
            ("bad", method, "/drop/a", "/shared/b", "deny 401 token_invalid"),
            ("bob", method, "/shared/a", "/safe/b", "deny 403 mfa_required"),
            ("bob", method, "/safe/a", "/shared/b", "deny 403 mfa_required"),
            ("bob", method, "/drop/a", "/safe/b", "deny 403 mfa_required"),
            ("", method, "/drop/a", "/safe/b", "deny 401 token_missing"),
            ("mfa", method, "/shared/a", "/safe/b", "forward shared"),
        ]);
    }
}

/// A name that is not known here may be this host's outside of a proxy: it is the path that counts.
#[test]
fn the_host_of_a_destination_is_not_another_apps() {
    rows(&[
        ("bob", "MOVE", "/shared/a", "http://other.example/shared/b", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "http://OTHER.example:80/shared/b", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "http://outside.example/shared/b", "forward shared"),
        ("bob", "MOVE", "/shared/a", "http://outside.example/admin/b", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "http://m@outside.example/shared/b", "deny 400 bad_request"),
        ("bob", "MOVE", "/shared/a", "http://dav.example?x/shared/b", "deny 400 bad_request"),
        ("bob", "MOVE", "/shared/a", "http:///shared/b", "deny 400 bad_request"),
        ("bob", "MOVE", "/shared/a", "http://dav.example\\@outside.example/shared/b", "deny 400 bad_request"),
    ]);
}

#[test]
fn a_destination_that_can_be_read_in_two_ways_is_refused() {
    let bad = "deny 400 bad_request";
    rows(&[
        ("bob", "MOVE", "/shared/a", "/shared/../admin/b", bad),
        ("bob", "MOVE", "/shared/a", "/shared/%2e%2e/admin/b", bad),
        ("bob", "MOVE", "/shared/a", "/shared/..;/admin/b", bad),
        ("bob", "MOVE", "/shared/a", "/shared/%5c..%5cadmin/b", bad),
        ("bob", "MOVE", "/shared/a", "/shared/%zz", bad),
        ("bob", "MOVE", "/shared/a", "/shared/%00", bad),
        ("bob", "MOVE", "/shared/a", "/shared/..%2Fadmin", bad),
        ("bob", "MOVE", "/shared/a", "/shared/b%2Fc", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "//shared/b", bad),
        ("bob", "MOVE", "/shared/a", "http://dav.example//admin/b", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "/ADMIN/b", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "/admin;x/b", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "/shared/b\nDestination: /admin/b", bad),
        ("bob", "MOVE", "/shared/a", "/shared/b\ndestination: /shared/b", bad),
        ("bob", "MOVE", "/shared/a", "/shared/b, /admin/b", bad),
        ("bob", "MOVE", "/shared/a", "", bad),
        ("bob", "MOVE", "/shared/a", "/shared/b?x=y", bad),
        ("bob", "MOVE", "/shared/a", "http://dav.example//x/admin/b", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "http://dav.example//x/shared/b", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "/files/bob%3Fx/b", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "/shared/%C0%AE", bad),
        ("bob", "MOVE", "/shared/a", "/.stagedoor/enter", bad),
        ("bob", "MOVE", "/shared/a", "http://dav.example//x/.stagedoor/enter", bad),
        ("bob", "MOVE", "/shared/a", "http://dav.example/shared/b?/../../admin/c", bad),
    ]);
}

/// Apps that decode the field before they take it apart see a query or a fragment where others see a name.
#[test]
fn a_name_with_an_encoded_end_is_judged_in_both_readings() {
    rows(&[
        ("bob", "MOVE", "/shared/a", "/shared/what%3F.mkv", "forward shared"),
        ("bob", "MOVE", "/shared/a", "/shared/no%231%3f.mkv", "forward shared"),
        ("bob", "MOVE", "/shared/a", "/exact%3Fx", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "/exact%3fx", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "/exact%23x", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "/exact%23x%3Fy", "deny 403 forbidden"),
        ("bob", "MOVE", "/shared/a", "/exact%3Fx%23y", "deny 403 forbidden"),
        ("admin", "MOVE", "/shared/a", "/exact", "forward shared"),
        ("bob", "MOVE", "/shared/a", "/free%23x", "forward shared"),
    ]);
}

/// NotGatewayPage the field means nothing, or something of the app's own.
#[test]
fn other_methods_may_say_what_they_like() {
    rows(&[
        ("bob", "PUT", "/shared/a", "/admin/b", "forward shared"),
        ("bob", "POST", "/shared/a", "Berlin, Hauptbahnhof", "forward shared"),
    ]);
    let without = "MOVE /shared/a HTTP/1.1\nHost: dav.example\nAuthorization: Bearer {bob}";
    check(&format!("{HOUSE}{DAV}"), &[(without, "forward shared")]);
}

/// Limits are charged once, for the path of the request.
#[test]
fn a_destination_costs_nothing_and_tells_both_routes() {
    let limited = DAV.replace("name = \"shared\"", "name = \"shared\"\nlimit.user = [\"2/h\"]");
    let policy = policy(&format!("{HOUSE}{limited}"));
    let ask = |from: &str, to: &str| judged(&policy, from, to, now());
    let files =
        |code: &str, second: Option<&str>| (code.to_owned(), "files".to_owned(), second.map(str::to_owned));
    assert_eq!(ask("/files/bob/a", "/admin/b"), files("forbidden", Some("admin")));
    assert_eq!(ask("/files/bob/a", "/files/eve/b"), files("not_owner", Some("files")));
    assert_eq!(ask("/files/bob/a", "/nowhere"), files("not_found", None));
    for _ in 0..5 {
        assert_eq!(ask("/files/bob/a", "/shared/b").0, "ok");
    }
    assert_eq!(
        (ask("/shared/a", "/shared/b").0, ask("/shared/a", "/shared/b").0),
        ("ok".into(), "ok".into())
    );
    assert_eq!(ask("/shared/a", "/shared/b").0, "rate_limited");
}

/// The code, that of the second path where it refuses, the route of the trail, and that of the second path.
fn judged(policy: &Policy, from: &str, to: &str, now: Now) -> (String, String, Option<String>) {
    let lines =
        format!("MOVE {from} HTTP/1.1\nHost: dav.example\nAuthorization: Bearer {{bob}}\nDestination: {to}");
    let bytes = filled(policy, &wire(&lines));
    let Ok(Parsed::Complete(head, _)) = parse(bytes.as_bytes(), &policy.server.limits.head, Scheme::Http)
    else {
        panic!("no head: {bytes}");
    };
    let ip = "192.0.2.1".parse().unwrap();
    let arrival = Arrival {
        peer: Peer { address: PeerAddress::Ip(ip), port: 8080, tls: false },
        transport: &Transport::Plain,
        now,
    };
    let mut trail = Trail::default();
    let label = |index: usize| {
        policy.apps[0].routes.all().find(|route| route.index == index).map(|route| route.label.to_string())
    };
    let (code, second) = match admit(policy, &head, &arrival, &mut trail) {
        Ok(_) => ("ok", None),
        Err(Denial::Destination(second)) => (second.denial.code(), second.route.and_then(label)),
        Err(denial) => (denial.code(), None),
    };
    (code.to_owned(), trail.route.map(|route| route.label.to_string()).unwrap_or_default(), second)
}

/// What was judged is what the app is told: raw bytes are percent-encoded, and slashes merged where the app says so.
#[test]
fn the_app_is_told_the_destination_that_was_judged() {
    for (slashes, to, expected) in [
        ("keep", "/shared/b", None),
        ("keep", "http://dav.example/shared/m%C3%BCller", None),
        ("keep", "http://dav.example/shared/m\u{fc}ller", Some("http://dav.example/shared/m%C3%BCller")),
        ("keep", "/shared//b", None),
        ("merge", "http://dav.example//shared//\u{fc}", Some("http://dav.example/shared/%C3%BC")),
        ("merge", "/shared//b", Some("/shared/b")),
    ] {
        let slashes = format!("unlisted = \"deny\"\nslashes = \"{slashes}\"");
        let policy = policy(&format!("{HOUSE}{}", DAV.replacen("unlisted = \"deny\"", &slashes, 1)));
        let request = wire(&format!(
            "MOVE /shared/a HTTP/1.1\nHost: dav.example\nAuthorization: Bearer {{bob}}\nDestination: {to}"
        ));
        let bytes = filled(&policy, &request);
        let Ok(Parsed::Complete(head, _)) = parse(bytes.as_bytes(), &policy.server.limits.head, Scheme::Http)
        else {
            panic!("{to}")
        };
        let peer = Peer { address: PeerAddress::Ip("192.0.2.1".parse().unwrap()), port: 8080, tls: false };
        let arrival = Arrival { peer, transport: &Transport::Plain, now: now() };
        let Ok(Admission::Forward(permit)) = admit(&policy, &head, &arrival, &mut Trail::default()) else {
            panic!("{to}")
        };
        assert_eq!(permit.destination().rewritten(), expected.map(str::as_bytes), "{to}");
        let out = write_head(&permit, &head, "1", BytesMut::new()).finish(head.body());
        let line = format!("\r\nDestination: {}\r\n", expected.unwrap_or(to));
        assert!(String::from_utf8(out.to_vec()).unwrap().contains(&line), "{to}");
    }
}
