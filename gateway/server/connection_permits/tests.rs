#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_refused_connection_leaves_no_trace() {
    let permits = Arc::new(ConnectionPermits::default());
    let first = permits.take(ip("192.0.2.1"), 10, Some(1)).unwrap();
    assert_eq!(permits.take(ip("192.0.2.1"), 10, Some(1)).unwrap_err(), ConnectionRefusal::PerAddress);
    assert_eq!(permits.open(), 1);
    let other = permits.take(ip("192.0.2.2"), 2, Some(1)).unwrap();
    assert_eq!(permits.take(ip("192.0.2.3"), 2, Some(1)).unwrap_err(), ConnectionRefusal::Total);
    drop((first, other));
    assert_eq!(permits.open(), 0);
    assert!(permits.by_address.is_empty());
    permits.take(ip("192.0.2.1"), 1, Some(1)).unwrap();
}

#[test]
fn one_64_is_one_address_and_a_mapped_address_is_plain() {
    let permits = Arc::new(ConnectionPermits::default());
    let _held = permits.take(ip("2001:db8::1"), 10, Some(1)).unwrap();
    assert!(permits.take(ip("2001:db8::ffff"), 10, Some(1)).is_err());
    assert!(permits.take(ip("2001:db8:0:1::1"), 10, Some(1)).is_ok());
    let _held = permits.take(ip("192.0.2.9"), 10, Some(1)).unwrap();
    assert!(permits.take(ip("::ffff:192.0.2.9"), 10, Some(1)).is_err());
}

#[test]
fn trusted_proxies_are_not_counted_by_address() {
    let permits = Arc::new(ConnectionPermits::default());
    let held: Vec<_> = (0..5).map(|_| permits.take(ip("10.0.0.1"), 10, None).unwrap()).collect();
    assert_eq!(permits.open(), 5);
    drop(held);
    assert_eq!(permits.open(), 0);
}
