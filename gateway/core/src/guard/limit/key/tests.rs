#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::*;

fn address(ip: &str) -> LimitKey {
    LimitKey::address(ip.parse().unwrap())
}

#[test]
fn addresses_are_told_apart_by_host_and_shared_by_network() {
    let check = |a: &str, b: &str, same_key: bool, same_area: bool| {
        let (first, second) = (address(a), address(b));
        assert_eq!((first.key == second.key, first.area == second.area), (same_key, same_area), "{a} {b}");
    };
    check("192.0.2.1", "192.0.2.1", true, true);
    check("192.0.2.1", "192.0.2.2", false, true);
    check("192.0.2.1", "192.0.3.1", false, false);
    check("192.0.2.1", "::ffff:192.0.2.1", true, true);
    check("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true, true);
    check("2001:db8:1:2::1", "2001:db8:1:3::1", false, true);
    check("2001:db8:1:2::1", "2001:db8:2:2::1", false, false);
    check("0.0.0.1", "::1", false, false);
    check("0.0.0.0", "::", false, false);
}

#[test]
fn users_are_kept_apart_from_each_other_and_from_addresses() {
    let user = |name: &str| LimitKey::named(Some(name), &address("192.0.2.1"));
    assert_eq!(user("ann"), user("ann"));
    assert_ne!(user("ann").key, user("bob").key);
    assert_ne!(user("192.0.2.1").key, address("192.0.2.1").key);
    assert_eq!(user("ann").area, address("192.0.2.200").area);
    assert_eq!(LimitKey::named(None, &address("192.0.2.1")), address("192.0.2.1"));
    let elsewhere = LimitKey::named(Some("ann"), &address("198.51.100.1"));
    assert_eq!(elsewhere.key, user("ann").key);
}
