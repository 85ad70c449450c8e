#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A permit that is counted against `from`.
fn take(
    permits: &Arc<ConnectionPermits>,
    from: &str,
    connections: usize,
    per_address: usize,
) -> Result<ConnectionPermit, ConnectionRefusal> {
    let mut permit = permits.take(connections)?;
    permit.count(ip(from), per_address)?;
    Ok(permit)
}

#[test]
fn a_refused_connection_leaves_no_trace() {
    let permits = Arc::new(ConnectionPermits::default());
    let first = take(&permits, "192.0.2.1", 10, 1).unwrap();
    assert_eq!(take(&permits, "192.0.2.1", 10, 1).unwrap_err(), ConnectionRefusal::PerAddress);
    assert_eq!(permits.open(), 1);
    let other = take(&permits, "192.0.2.2", 2, 1).unwrap();
    assert_eq!(take(&permits, "192.0.2.3", 2, 1).unwrap_err(), ConnectionRefusal::Total);
    drop((first, other));
    assert_eq!(permits.open(), 0);
    assert!(permits.by_address.is_empty());
    take(&permits, "192.0.2.1", 1, 1).unwrap();
}

#[test]
fn one_64_is_one_address_and_a_mapped_address_is_plain() {
    let permits = Arc::new(ConnectionPermits::default());
    let _held = take(&permits, "2001:db8::1", 10, 1).unwrap();
    assert!(take(&permits, "2001:db8::ffff", 10, 1).is_err());
    assert!(take(&permits, "2001:db8:0:1::1", 10, 1).is_ok());
    let _held = take(&permits, "192.0.2.9", 10, 1).unwrap();
    assert!(take(&permits, "::ffff:192.0.2.9", 10, 1).is_err());
}

#[test]
fn trusted_proxies_are_not_counted_by_address() {
    let permits = Arc::new(ConnectionPermits::default());
    let held: Vec<_> = (0..5).map(|_| permits.take(10).unwrap()).collect();
    assert_eq!(permits.open(), 5);
    drop(held);
    assert_eq!(permits.open(), 0);
}

#[test]
fn a_permit_that_is_given_back_makes_room_for_one() {
    let permits = Arc::new(ConnectionPermits::default());
    let take = || take(&permits, "192.0.2.1", 10, 2);
    let (first, _second) = (take().unwrap(), take().unwrap());
    drop(first);
    let _third = take().unwrap();
    assert_eq!(take().unwrap_err(), ConnectionRefusal::PerAddress);
}

#[test]
fn a_connection_is_counted_once() {
    let permits = Arc::new(ConnectionPermits::default());
    let mut permit = take(&permits, "192.0.2.1", 10, 1).unwrap();
    permit.count(ip("192.0.2.1"), 1).unwrap();
    permit.count(ip("192.0.2.2"), 1).unwrap();
    assert!(take(&permits, "192.0.2.2", 10, 1).is_ok(), "the first address is the one that counts");
    drop(permit);
    assert!(permits.by_address.is_empty() && permits.open() == 0);
}
