//! Paths that servers read in several ways: what is permitted, and what the app is then sent.

use bytes::BytesMut;

use super::{HOUSE, filled, now, policy};
use stagedoor_core::head::{Parsed, parse};
use stagedoor_core::pipeline::{Admission, Arrival, Trail, admit};
use stagedoor_core::policy::Policy;
use stagedoor_core::request::{Peer, PeerAddress, Scheme};
use stagedoor_core::request_out::write_head;
use stagedoor_core::tls::Transport;

const MEDIA: &str = r#"
[app.media]
hosts = ["m.example"]
upstream = "http://127.0.0.1:3000"
auth = "public"
EXTRA
[[app.media.route]]
match = "* /admin/{*rest}"
name = "admin"
auth = "required"
roles = ["admin"]
[[app.media.route]]
match = "* /users/{user}/{*rest}"
name = "users"
auth = "required"
owner = { param = "user" }
[[app.media.route]]
match = "GET /play/{id}"
name = "play"
"#;

/// The route that bob may use and the target that the app is sent, or the code of the refusal.
fn answer(policy: &Policy, target: &[u8]) -> String {
    let fields = filled(policy, " HTTP/1.1\r\nHost: m.example\r\nAuthorization: Bearer {bob}\r\n\r\n");
    let bytes = [b"GET ", target, fields.as_bytes()].concat();
    let head = match parse(&bytes, &policy.server.limits.head, Scheme::Http) {
        Ok(Parsed::Complete(head, _)) => head,
        Ok(Parsed::Partial) => panic!("not a whole head"),
        Err(denial) => return denial.code().to_owned(),
    };
    let peer = Peer { address: PeerAddress::Ip("192.0.2.1".parse().unwrap()), port: 8080, tls: false };
    let arrival = Arrival { peer, transport: &Transport::Plain, now: now() };
    let mut trail = Trail::default();
    match admit(policy, &head, &arrival, &mut trail) {
        Ok(Admission::Forward(permit)) => {
            let out = write_head(&permit, &head, "1", BytesMut::new()).finish(head.body());
            let sent = out[..].split(|byte| *byte == b' ').nth(1).unwrap_or_default();
            // What is told of a request is what was matched and sent, but for a token in the query.
            let path = |target: &[u8]| target.split(|byte| *byte == b'?').next().unwrap_or_default().to_vec();
            assert_eq!(path(trail.target(&head)), path(sent));
            format!("{} {}", permit.route().label, sent.escape_ascii())
        }
        Ok(
            Admission::Preflight(_)
            | Admission::AppPreflight(_)
            | Admission::GatewayPage(_)
            | Admission::Redirect(_),
        ) => "own".to_owned(),
        Err(denial) => denial.code().to_owned(),
    }
}

fn check(extra: &str, rows: &[(&[u8], &str)]) {
    let policy = policy(&format!("{HOUSE}{}", MEDIA.replace("EXTRA", extra)));
    for (target, expected) in rows {
        assert_eq!(answer(&policy, target), *expected, "{extra} {}", target.escape_ascii());
    }
}

const TWICE: &str = "ambiguous_path";

#[test]
fn what_follows_two_slashes_is_an_authority_to_some() {
    check(
        "",
        &[
            (b"/admin/x", "forbidden"),
            (b"//x/admin/x", TWICE),
            (b"//x/admin", TWICE),
            (b"//x@y/admin", TWICE),
            (b"//x:80/admin", TWICE),
            (b"//x;y/admin", TWICE),
            (b"//[::1]/admin", TWICE),
            (b"///x/admin", TWICE),
            (b"////x/admin", TWICE),
            (b"//x//admin/y", TWICE),
            (b"//admin/x", TWICE),
            (b"//x/Admin;y/", TWICE),
            (b"//x/%61dmin", TWICE),
            (b"/;/x/admin", TWICE),
            (b"/;a=b/x/admin", TWICE),
            (b"/%3B/x/admin", TWICE),
            (b"//x/play/1", TWICE),
            (b"//x/.stagedoor/enter", TWICE),
            (b"//x@y/.Stagedoor/", TWICE),
            (b"///x/.stagedoor", TWICE),
            // Whatever is read here, nothing of it is listed.
            (b"//rest/ping.view?u=a", "- //rest/ping.view?u=a"),
            (b"//x", "- //x"),
            (b"//x?/admin", "- //x?/admin"),
            (b"//x;y/other", "- //x;y/other"),
            (b"//", "- //"),
            (b"/a//b", "- /a//b"),
            (b"/a//admin/b", "- /a//admin/b"),
            // All of it is the same route's.
            (b"/users/bob//a", "users /users/bob//a"),
            (b"/admin//a", "forbidden"),
        ],
    );
}

#[test]
fn an_encoded_end_ends_a_path_for_some() {
    check(
        "",
        &[
            (b"/admin%3Fx", TWICE),
            (b"/admin%3fx", TWICE),
            (b"/admin%23x", TWICE),
            (b"/admin%3F", TWICE),
            (b"/ADMIN%3Fx", TWICE),
            (b"/admin%23x%3Fy", TWICE),
            (b"/admin%3Fx%23y", TWICE),
            (b"//x/admin%3Fy", TWICE),
            (b"//x%3F/admin", TWICE),
            (b"//x%23/admin%3Fy/z", TWICE),
            (b"/.stagedoor%3Fx", TWICE),
            (b"/.stagedoor%23", TWICE),
            (b"/play%3F/x", "- /play%3F/x"),
            (b"/play/x%3Fy", "play /play/x%3Fy"),
            (b"/play/%3F", TWICE),
            (b"/x%3Fadmin", "- /x%3Fadmin"),
            (b"/admin%253Fx", "- /admin%253Fx"),
        ],
    );
}

/// Below a part of the path that the client chooses.
const DEEPER: &str = r#"
encoded_slash = true
[[app.media.route]]
match = "* /lib/{lib}/{user}/{*rest}"
name = "lib"
auth = "required"
owner = { param = "user" }
"#;

#[test]
fn no_segment_before_an_owner_hides_another() {
    check(
        DEEPER,
        &[
            (b"/lib/a/bob/x", "lib /lib/a/bob/x"),
            (b"/lib/a/bob/x%2Fy", "lib /lib/a/bob/x%2Fy"),
            (b"/lib/a/bob/%2Fy", "lib /lib/a/bob/%2Fy"),
            (b"/lib/a%2Falice/bob/x", TWICE),
            (b"/lib/%2Fa%2Falice/bob/x", TWICE),
            (b"/lib/a%2F%2Falice/bob", TWICE),
            // A segment of parameters alone is one to some, and nothing to others.
            (b"/lib/;/bob/alice", TWICE),
            (b"/lib/;//alice/x", TWICE),
            (b"/lib/;//alice", TWICE),
            (b"/lib/%3B//alice", TWICE),
            (b"/users//;a", TWICE),
            (b"/play//;a", TWICE),
            (b"/other//;a", "- /other//;a"),
        ],
    );
}

#[test]
fn a_raw_backslash_stands_beside_no_encoded_one() {
    check(
        &format!("backslash = \"name\"{DEEPER}"),
        &[
            (b"/lib\\%5C/alice/x", TWICE),
            (b"/x\\y%5cz", TWICE),
            (b"/x\\y", "- /x\\\\y"),
            (b"/x\\y%20z", "- /x\\\\y%20z"),
            (b"/x%5Cy", "- /x%5Cy"),
        ],
    );
}

#[test]
fn no_reading_names_another_owner() {
    check(
        "",
        &[
            (b"/users/bob/y", "users /users/bob/y"),
            (b"/users/alice/y", "not_owner"),
            (b"//users/users/alice/y", TWICE),
            (b"//users/bob/y", TWICE),
            (b"//users/users/bob/y", TWICE),
            (b"/users//bob/y", TWICE),
            (b"/users/bob%3Fx/y", TWICE),
            (b"/users/alice%23/y", TWICE),
            (b"/users/;x/bob", TWICE),
            (b"/users/bob;x/y", "not_owner"),
            (b"/users/bob/what%3F", "users /users/bob/what%3F"),
            // An owner is text, and so is the path that names one.
            (b"/users/bob%E4/y", TWICE),
            (b"/users/bob/caf%E9", TWICE),
        ],
    );
    check(
        "encoded_slash = true",
        &[(b"/users/bob%2Fx/y", TWICE), (b"/users/bob/x%2Fy", "users /users/bob/x%2Fy")],
    );
}

#[test]
fn raw_bytes_are_judged_and_sent_percent_encoded() {
    check(
        "",
        &[
            (b"/caf\xe9.mp3", "- /caf%E9.mp3"),
            (b"/Freche%20M%E4dchen.txt", "- /Freche%20M%E4dchen.txt"),
            ("/play/gr\u{f6}\u{df}e".as_bytes(), "play /play/gr%C3%B6%C3%9Fe"),
            (b"/admin\xc2\xa0", "- /admin%C2%A0"),
            (b"/admin/\xc2\xa0", "forbidden"),
            // Apps that drop what is not UTF-8 see another path.
            (b"/admin\xa0", TWICE),
            (b"/adm%E4in", TWICE),
            (b"/%FFAdmin/x", TWICE),
            (b"/.stage\xe4door", TWICE),
            (b"/x?\xa0=\xc3\xb6", "- /x?%A0=%C3%B6"),
            (b"/x?q=\"a\"&r=<b>", "- /x?q=%22a%22&r=%3Cb%3E"),
            (b"/x?q=`", "- /x?q=`"),
            (b"/x\"y", "bad_request"),
            (b"/x<y?z", "bad_request"),
            (b"http://m.example/caf\xe9?\"", "- /caf%E9?%22"),
            (b"http://m.example:80//x/admin", TWICE),
            // A carrier of the gateway's own is taken off in the same form.
            (b"/x?door=\xe4", "- /x"),
            (b"/x?door=\xe4&\"", "- /x?%22"),
            (b"/play/%E9", "play /play/%E9"),
        ],
    );
}

#[test]
fn overlong_forms_are_dots_and_slashes_to_old_decoders() {
    let rows: Vec<(&[u8], &str)> = [
        &b"/%C0%AFadmin"[..],
        b"/x%c0%ae",
        b"/\xc0%af",
        b"/%C1%9C",
        b"/%E0%80%AFadmin",
        b"/%E0%9F",
        b"/\xe0\x80",
        b"/%F0%80%80%AFadmin",
        b"/%f0%8f",
        b"/%F8%80%80%80%AF",
        b"/%FC%80%80%80%80%AF",
        b"/%25C0%25AF",
        b"/%E0%2580",
        b"/%25E0%80",
        b"/%25u00C0",
    ]
    .into_iter()
    .map(|target| (target, TWICE))
    .collect();
    check("", &rows);
}

#[test]
fn merged_slashes_are_matched_and_sent_merged() {
    check(
        "slashes = \"merge\"",
        &[
            (b"//rest//ping.view?x=//y", "- /rest/ping.view?x=//y"),
            (b"//x/admin", "- /x/admin"),
            (b"//admin/x", "forbidden"),
            (b"///admin", "forbidden"),
            (b"//users//bob//y", "users /users/bob/y"),
            (b"//users/users/alice/y", "not_owner"),
            (b"//play///caf\xe9", "play /play/caf%E9"),
            (b"//", "- /"),
            (b"/a", "- /a"),
            (b"//.stagedoor/enter", "own"),
            (b"/;//x/admin", TWICE),
            (b"//admin%3Fx", TWICE),
        ],
    );
}

#[test]
fn a_backslash_may_stand_in_a_name_where_it_changes_nothing() {
    let rows: [(&[u8], &str, &str); 14] = [
        (b"/a%5Cb", TWICE, "- /a%5Cb"),
        (b"/a\\b", TWICE, "- /a\\\\b"),
        (b"/users/bob/a%5cb", TWICE, "users /users/bob/a%5cb"),
        (b"/admin/a%5Cb", TWICE, "forbidden"),
        (b"/admin%5Cx", TWICE, TWICE),
        (b"/ADMIN\\x", TWICE, TWICE),
        (b"/%5Cadmin", TWICE, TWICE),
        (b"/%5Cx\\admin", TWICE, TWICE),
        (b"/play/a%5Cb", TWICE, TWICE),
        (b"/users/bob%5Cx/y", TWICE, TWICE),
        (b"/x%5C..%5Cadmin", TWICE, TWICE),
        (b"/x\\.;y\\admin", TWICE, TWICE),
        (b"/.stagedoor%5Center", TWICE, TWICE),
        (b"/\\.stagedoor", TWICE, TWICE),
    ];
    for (target, refused, named) in rows {
        check("", &[(target, refused)]);
        check("backslash = \"name\"", &[(target, named)]);
    }
}

#[test]
fn a_path_that_is_not_listed_is_ambiguous_before_it_is_missing() {
    check(
        "unlisted = \"deny\"",
        &[
            (b"/x", "not_found"),
            (b"//x/y", "not_found"),
            (b"//x/admin", TWICE),
            (b"/admin%3F", TWICE),
            (b"//x/play/1", TWICE),
        ],
    );
}

/// What a guard refuses without a knob for it, and what one of these would let pass.
#[test]
fn the_reason_names_the_reading() {
    let policy = policy(&format!("{HOUSE}{}", MEDIA.replace("EXTRA", "backslash = \"name\"")));
    for (target, expected) in [
        ("//x/admin", "its leading `//` read as the start of a host"),
        ("/admin%3Fx", "cut at its encoded `?` or `#`"),
        ("/admin%5Cx", "its backslash read as a slash"),
        ("/admin;x", "another spelling of the path matches another route"),
        ("/users/bob%3Fx/y", "another spelling of the path names another owner"),
    ] {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: m.example\r\n\r\n");
        let Ok(Parsed::Complete(head, _)) = parse(bytes.as_bytes(), &policy.server.limits.head, Scheme::Http)
        else {
            panic!()
        };
        let peer = Peer { address: PeerAddress::Ip("192.0.2.1".parse().unwrap()), port: 8080, tls: false };
        let arrival = Arrival { peer, transport: &Transport::Plain, now: now() };
        let denial = admit(&policy, &head, &arrival, &mut Trail::default()).unwrap_err();
        assert!(denial.reason().contains(expected), "{target}: {}", denial.reason());
    }
}

/// A dot at the end of a host says that it is whole, and a port that it is the scheme's: the same host either way.
#[test]
fn a_host_has_one_name() {
    let policy = policy(&format!("{HOUSE}{}", MEDIA.replace("EXTRA", "")));
    for (target, host, expected) in [
        ("/", "m.example", "m.example"),
        ("/", "m.example.", "m.example"),
        ("/", "M.Example.:8080", "M.Example:8080"),
        ("/", "m.example:80", "m.example:80"),
        ("http://m.example/", "m.example.", "m.example"),
        ("http://m.example:80/", "m.example", "m.example"),
        ("http://m.example.:80/", "M.example", "M.example"),
        ("http://m.example/", "m.example:80", "m.example:80"),
        ("http://m.example:8080/", "m.example", "bad_request"),
        ("http://m.example:443/", "m.example", "bad_request"),
        ("http://other.example/", "m.example", "bad_request"),
        ("/", "m.example..", "ambiguous_path"),
    ] {
        let bytes = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://m.example.\r\n\r\n");
        let head = match parse(bytes.as_bytes(), &policy.server.limits.head, Scheme::Http) {
            Ok(Parsed::Complete(head, _)) => head,
            Ok(Parsed::Partial) => panic!("not a whole head"),
            Err(denial) => {
                assert_eq!(denial.code(), expected, "{target} {host}");
                continue;
            }
        };
        let peer = Peer { address: PeerAddress::Ip("192.0.2.1".parse().unwrap()), port: 8080, tls: false };
        let arrival = Arrival { peer, transport: &Transport::Plain, now: now() };
        match admit(&policy, &head, &arrival, &mut Trail::default()) {
            Ok(Admission::Forward(permit)) => {
                let out = write_head(&permit, &head, "1", BytesMut::new()).finish(head.body());
                let text = String::from_utf8(out.to_vec()).unwrap();
                for name in ["Host", "x-forwarded-host"] {
                    assert!(text.contains(&format!("\r\n{name}: {expected}\r\n")), "{target} {host}: {text}");
                }
            }
            Ok(
                Admission::Preflight(_)
                | Admission::AppPreflight(_)
                | Admission::GatewayPage(_)
                | Admission::Redirect(_),
            ) => {
                panic!("{target} {host}")
            }
            Err(denial) => assert_eq!(denial.code(), expected, "{target} {host}"),
        }
    }
}

/// The same targets that real servers are asked for.
#[test]
fn the_targets_of_the_corpus_come_out_as_it_says() {
    let corpus = include_str!("../../../../tests/corpus/readings.txt");
    let policy = policy(&format!("{HOUSE}{}", MEDIA.replace("EXTRA", "")));
    let mut count = 0;
    for line in corpus.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (expected, target) = line.split_once(' ').unwrap();
        let mut parts = target.trim().split("\\x");
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend_from_slice(&part.as_bytes()[2..]);
        }
        let answer = answer(&policy, &bytes);
        assert!(answer == expected || (expected == "forward" && answer.contains(" /")), "{line}: {answer}");
        count += 1;
    }
    assert!(count >= 40);
}
