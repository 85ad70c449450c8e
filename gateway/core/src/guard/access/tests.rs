#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::guard::client::ClientPolicy;
use crate::request::{Peer, PeerAddress, heads};

fn nets(list: &str) -> Vec<IpNet> {
    list.split_whitespace().map(|net| net.parse().unwrap()).collect()
}

fn client(ip: &str) -> Client {
    let head = heads::get(b"/", "app.localhost", []);
    let peer = Peer { address: PeerAddress::Ip(ip.parse().unwrap()), port: 80, tls: false };
    let policy = ClientPolicy::default();
    policy.identify(peer, &head).client().clone()
}

#[test]
fn anyone_may_come_by_default() {
    for ip in ["203.0.113.9", "127.0.0.1", "2001:db8::1"] {
        assert!(AccessPolicy::default().screen(&client(ip)).is_ok(), "{ip}");
    }
}

#[test]
fn lists_are_read_with_deny_first() {
    let check = |allow: &str, deny: &str, ip: &str, expected: bool| {
        let policy = AccessPolicy::Listed { allow: nets(allow), deny: nets(deny) };
        let got = policy.screen(&client(ip)).map(|_| ());
        let want = if expected { Ok(()) } else { Err(Denial::AddressRefused) };
        assert_eq!(got, want, "allow [{allow}] deny [{deny}] ip {ip}");
    };
    check("", "", "203.0.113.9", true);
    check("192.168.0.0/16", "", "192.168.4.4", true);
    check("192.168.0.0/16", "", "192.169.0.1", false);
    check("192.168.0.0/16", "", "2001:db8::1", false);
    check("192.168.0.0/16", "192.168.4.0/24", "192.168.4.4", false);
    check("192.168.4.4/32", "192.168.0.0/16", "192.168.4.4", false);
    check("", "203.0.113.0/24", "203.0.113.9", false);
    check("", "203.0.113.0/24", "203.0.114.9", true);
    check("2001:db8::/32", "", "2001:db8:9::1", true);
    check("2001:db8::/32", "", "2001:db9::1", false);
    check("0.0.0.0/0", "", "203.0.113.9", true);
    check("0.0.0.0/0", "", "2001:db8::1", false);
    check("", "10.0.0.0/8", "::ffff:10.1.1.1", false);
    check("10.0.0.0/8", "", "::ffff:10.1.1.1", true);
}
