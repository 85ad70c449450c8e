#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::net::Ipv4Addr;

use stagedoor_core::head::HeadLimits;
use stagedoor_core::head::{Parsed, parse};
use stagedoor_core::request::Scheme;

use super::*;
use crate::edge::request_id::fresh;

/// What one refusal may take at most, what it shares with a policy or a token included.
const MOST: usize = 4 << 10;

const LIMITS: HeadLimits = HeadLimits { bytes: 64 << 10, count: 100, uri: 16 << 10 };

fn refusal(request_id: &str, request: &str, denial: &Denial) -> RefusalRecord {
    let Ok(Parsed::Complete(head, _)) = parse(request.as_bytes(), &LIMITS, Scheme::Http) else {
        panic!("{request}")
    };
    let redaction = Redaction::new(["token"]);
    let at = RefusalContext {
        request_id,
        time: Duration::from_secs(1),
        generation: 0,
        peer: Ipv4Addr::LOCALHOST.into(),
        host: Some(head.host()),
        too_many_fields: false,
        redaction: &redaction,
    };
    RefusalRecord::of(&at, Some(&head), &Trail::default(), denial).unwrap()
}

fn get(target: &str) -> RefusalRecord {
    refusal(&fresh(Duration::ZERO), &format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"), &Denial::NotFound)
}

/// Bytes on the heap besides the block itself.
fn held(refusal: &RefusalRecord) -> usize {
    let RefusalRecord { app: _, route: _, method, target, host, origin, user, roles, .. } = refusal;
    let text = |text: &Option<Box<str>>| text.as_deref().map_or(0, str::len);
    let shared = |text: &Arc<str>| text.len() + 16 + size_of::<Arc<str>>();
    let fixed = size_of::<RefusalRecord>() + method.len() + target.len() + text(host) + text(origin);
    fixed + user.as_ref().map_or(0, shared) + roles.iter().map(shared).sum::<usize>()
}

#[test]
fn the_oldest_makes_room() {
    let refusals = RecentRefusals::default();
    let ids: Vec<String> = (0..=KEPT).map(|_| fresh(Duration::from_secs(9))).collect();
    for id in &ids {
        refusals.push(refusal(id, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", &Denial::NotFound));
    }
    let known = |id: &String| refusals.find(RequestId::parse(id).unwrap()).is_some();
    assert!(!known(&ids[0]), "the first went when the last came");
    assert!(ids[1..].iter().step_by(997).all(known) && known(&ids[KEPT]));
    assert_eq!(refusals.newest(usize::MAX).len(), KEPT);
    let newest: Vec<String> = refusals.newest(3).iter().map(|refusal| refusal.id.to_string()).collect();
    assert_eq!(newest, [&ids[KEPT], &ids[KEPT - 1], &ids[KEPT - 2]].map(String::as_str));
}

/// They cost a client nothing: an address over its cap makes thousands in a second.
#[test]
fn refused_connections_push_out_no_request() {
    let refusals = RecentRefusals::default();
    let id = fresh(Duration::from_secs(1));
    refusals.push(refusal(&id, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", &Denial::TokenMissing));
    let redaction = Redaction::default();
    let connection = |request_id: &str| {
        let at = RefusalContext {
            request_id,
            time: Duration::from_secs(2),
            generation: 0,
            peer: Ipv4Addr::LOCALHOST.into(),
            host: None,
            too_many_fields: false,
            redaction: &redaction,
        };
        RefusalRecord::of(&at, None, &Trail::default(), &Denial::Overloaded).unwrap()
    };
    let ids: Vec<String> = (0..KEPT + 50).map(|_| fresh(Duration::from_secs(2))).collect();
    for id in &ids {
        refusals.push(connection(id));
    }
    let known = |id: &String| refusals.find(RequestId::parse(id).unwrap()).is_some();
    assert!(known(&id));
    assert!(!known(&ids[0]) && known(&ids[ids.len() - CONNECTIONS_KEPT]) && known(&ids[ids.len() - 1]));
    assert_eq!(refusals.newest(usize::MAX).len(), CONNECTIONS_KEPT + 1);
    assert_eq!(refusals.newest(1)[0].id.to_string(), ids[ids.len() - 1]);
    assert_eq!(refusals.newest(usize::MAX)[CONNECTIONS_KEPT].id.to_string(), id);
}

#[test]
fn what_a_client_chose_is_cut() {
    let long = get(&format!("/{}", "a".repeat(8 << 10)));
    assert_eq!((long.target.len(), long.whole_path), (TARGET_MAX, false));
    let name = format!("a{}.example", ".a".repeat(2000));
    let large = refusal(
        &fresh(Duration::ZERO),
        &format!(
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA /{0} HTTP/1.1\r\nHost: {name}\r\nOrigin: {0}\r\n\r\n",
            "b".repeat(9000)
        ),
        &Denial::UnknownHost,
    );
    assert_eq!((large.host.as_deref(), large.origin.as_deref()), (None, None), "longer than any");
    assert!(held(&large) <= MOST - ROLES_MAX * (ROLE_MAX + 32) - 256, "{}", held(&large));
}

/// Whatever callers and clients do, all of it together stays below 40 MiB.
#[test]
fn the_whole_is_bounded() {
    let host = "h".repeat(NAME_MAX);
    let request = format!("GET /{} HTTP/1.1\r\nHost: {host}\r\nOrigin: {host}\r\n\r\n", "p".repeat(4000));
    let mut worst = refusal(&fresh(Duration::ZERO), &request, &Denial::RoleMissing);
    worst.user = Some("u".repeat(256).into());
    worst.roles = (0..ROLES_MAX).map(|_| Arc::from("r".repeat(ROLE_MAX))).collect();
    assert_eq!((worst.host.as_deref(), worst.origin.as_deref()), (Some(&*host), Some(&*host)));
    assert!(held(&worst) <= MOST, "{}", held(&worst));
    const { assert!((KEPT + CONNECTIONS_KEPT) * MOST <= 40 << 20) };
}

#[test]
fn secrets_are_not_kept() {
    fn check(target: &str, kept: &str, whole: bool) {
        let refusal = get(target);
        assert_eq!((std::str::from_utf8(&refusal.target).unwrap(), refusal.whole_path), (kept, whole));
    }
    let token = format!("eyJ{}.e30.c2ln", "a".repeat(600));
    check("/a?token=x&b=1", "/a?token=[redacted]&b=1", true);
    check(&format!("/a/{token}/b?c=1"), "/a/[redacted]/b?c=1", false);
    check(&format!("/a?b={token}"), "/a?b=[redacted]", true);
    check("/a;token=x", "/a;token=[redacted]", false);
    let request = "GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://me:word@b.example\r\nCookie: s=1\r\n\r\n";
    let refusal = refusal(&fresh(Duration::ZERO), request, &Denial::CrossOrigin);
    assert_eq!(refusal.origin.as_deref(), Some("https://b.example"));
    let redaction = Redaction::default();
    assert_eq!(name("me:word@a.example:80", &redaction).as_deref(), Some("a.example:80"));
}

#[test]
fn ids_are_read_in_their_one_form() {
    let id = "0190a3c4-8f2e-7b11-9d3a-5c6f7e8d9a0b";
    assert_eq!(RequestId::parse(id).unwrap().to_string(), id);
    for other in [
        "",
        "0190a3c48f2e7b119d3a5c6f7e8d9a0b",
        "+190a3c4-8f2e-7b11-9d3a-5c6f7e8d9a0b",
        "0190a3c4-8f2e-7b11-9d3a-5c6f7e8d9a0",
        "0190a3c4_8f2e-7b11-9d3a-5c6f7e8d9a0b",
    ] {
        assert_eq!(RequestId::parse(other), None, "{other}");
    }
}

#[test]
fn what_failed_after_the_permit_is_told_by_what_failed() {
    assert_eq!(guard(&Denial::UpstreamTimeout, Guard::Body), Guard::Upstream);
    assert_eq!(guard(&Denial::Internal("x"), Guard::Body), Guard::Upstream);
    assert_eq!(guard(&Denial::TooManyStreams, Guard::Body), Guard::Streams);
    assert_eq!(guard(&Denial::Draining, Guard::Framing), Guard::Connection);
    assert_eq!(guard(&Denial::BodyTooLarge { max: 1 }, Guard::Size), Guard::Size);
    assert_eq!(guard(&Denial::BodyTooLarge { max: 1 }, Guard::Body), Guard::Body);
}
