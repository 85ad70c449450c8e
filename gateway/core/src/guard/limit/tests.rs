#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod carry;
mod properties;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::client_state::FOREVER;
use super::*;

const SECOND: u64 = 1_000_000_000;

fn at(nanos: u64) -> Now {
    Now::new(Duration::from_nanos(nanos), Duration::from_secs(1_700_000_000))
}

fn limit(rule: &str, keys: usize, now: u64, previous: Option<&Limit>) -> Arc<Limit> {
    Arc::new(Limit::new("app.ip-1", Rule::parse(rule).unwrap(), keys, at(now), previous))
}

fn policy<const N: usize>(limits: [&Arc<Limit>; N]) -> LimitPolicy {
    LimitPolicy::Limits(limits.into_iter().map(Arc::clone).collect())
}

fn address(number: u32) -> LimitKey {
    LimitKey::address(IpAddr::V4(Ipv4Addr::from_bits(number)))
}

/// Of these keys, the first and the next one whose network shares no allowance with the first one's. Where a network's allowance is
/// differs from process to process.
fn apart(keys: impl IntoIterator<Item = LimitKey>) -> [LimitKey; 2] {
    let mut keys = keys.into_iter();
    let first = keys.next().unwrap();
    [first, keys.find(|key| store::slot(key.area) != store::slot(first.area)).unwrap()]
}

/// One request; on refusal, the nanoseconds to wait.
fn ask(limit: &Arc<Limit>, key: &LimitKey, now: u64) -> Result<(), u64> {
    match policy([limit]).take(key, at(now), &mut ChargedLimits::default()) {
        Ok(Budget(())) => Ok(()),
        Err(Denial::RateLimited(LimitExceeded { retry_after, .. })) => Err(nanos(retry_after)),
        Err(other) => panic!("{other:?}"),
    }
}

/// How many of `requests` at one moment pass.
fn passes(limit: &Arc<Limit>, key: &LimitKey, now: u64, requests: usize) -> usize {
    (0..requests).filter(|_| ask(limit, key, now).is_ok()).count()
}

fn headers(limits: &ChargedLimits) -> Vec<String> {
    let mut lines = Vec::new();
    limits.headers(|name, value| lines.push(format!("{name}: {}", value.to_str().unwrap())));
    lines
}

#[test]
fn a_rate_gives_its_burst_at_once_and_then_refills_evenly() {
    let limit = limit("10/s burst 20", 10, 7 * SECOND, None);
    let key = address(1);
    assert_eq!(passes(&limit, &key, 7 * SECOND, 100), 20);
    assert_eq!(ask(&limit, &key, 7 * SECOND), Err(SECOND / 10));
    assert_eq!(passes(&limit, &key, 7 * SECOND + SECOND / 10, 100), 1);
    assert_eq!(passes(&limit, &key, 8 * SECOND, 100), 9);
    assert_eq!(passes(&limit, &key, 100 * SECOND, 100), 20);
}

#[test]
fn a_limiter_that_starts_late_denies_nobody() {
    // A clock that is not zero at the start of the limiter must not count as used up.
    for rule in ["1/hour burst 1", "1/hour", "100/31d"] {
        let limit = limit(rule, 10, FOREVER - 1, None);
        assert_eq!(ask(&limit, &address(1), FOREVER - 1), Ok(()), "{rule}");
    }
}

#[test]
fn a_small_quota_is_exact() {
    let limit = limit("3/min", 10, 0, None);
    let key = address(1);
    for (now, expected) in [
        (0, Ok(())),
        (10, Ok(())),
        (30, Ok(())),
        (31, Err(29 * SECOND)),
        (59, Err(SECOND)),
        (60, Ok(())),
        (61, Err(9 * SECOND)),
        (70, Ok(())),
        (89, Err(SECOND)),
        (90, Ok(())),
        (91, Err(29 * SECOND)),
    ] {
        assert_eq!(ask(&limit, &key, now * SECOND), expected, "{now}");
    }
}

#[test]
fn a_clock_that_goes_back_gives_no_room() {
    let start = 1_000_000 * SECOND;
    for rule in ["10/s burst 20", "5/hour", "5000/hour"] {
        let limit = limit(rule, 10, start, None);
        let key = address(1);
        assert!(passes(&limit, &key, start, 6000) < 6000, "{rule}");
        for back in [1, 60, 300, 301, 3600, 7200, 100_000] {
            assert_eq!(passes(&limit, &key, start - back * SECOND, 10), 0, "{rule}, {back} s before");
        }
        assert_eq!(passes(&limit, &key, start, 10), 0, "{rule}");
    }
}

/// The memory of a client that never falls silent is written anew against a later base each time.
#[test]
fn a_small_quota_stays_exact_however_long_it_is_used() {
    let limit = limit("3/min", 10, 0, None);
    let key = address(1);
    let last = 3_575;
    for second in (0..=last).step_by(25) {
        assert_eq!(ask(&limit, &key, second * SECOND), Ok(()), "at {second} s");
    }
    assert_eq!(ask(&limit, &key, (last + 9) * SECOND), Err(SECOND));
    assert_eq!(ask(&limit, &key, (last + 10) * SECOND), Ok(()));
    assert_eq!(ask(&limit, &key, (last + 11) * SECOND), Err(24 * SECOND));
}

#[test]
fn a_large_quota_gives_room_at_most_a_twelfth_late() {
    let limit = limit("100/12s", 10, 0, None);
    let key = address(1);
    assert_eq!(passes(&limit, &key, SECOND / 2, 200), 100);
    // Charged in the first second: gone when its last moment is twelve seconds old.
    assert_eq!(ask(&limit, &key, SECOND / 2), Err(12 * SECOND + SECOND / 2));
    assert_eq!(passes(&limit, &key, 13 * SECOND - 1, 200), 0);
    assert_eq!(passes(&limit, &key, 13 * SECOND, 200), 100);
}

#[test]
fn no_limits_charge_nothing() {
    let mut limits = ChargedLimits::default();
    assert!(LimitPolicy::Unlimited.take(&address(1), at(0), &mut limits).is_ok());
    assert!(limits.is_empty());
    assert!(LimitPolicy::default().limits().is_empty());
}

#[test]
fn limits_are_charged_in_order_and_stay_charged() {
    let rate = Arc::new(Limit::new("app.ip-1", Rule::parse("20/s burst 40").unwrap(), 10, at(0), None));
    let quota = Arc::new(Limit::new("route.ip-1", Rule::parse("2/hour").unwrap(), 10, at(0), None));
    let both = policy([&rate, &quota]);
    let key = address(1);
    let take = || {
        let mut limits = ChargedLimits::default();
        (both.take(&key, at(0), &mut limits).map(|_| ()), headers(&limits))
    };
    assert_eq!(
        take(),
        (
            Ok(()),
            vec![
                r#"ratelimit-policy: "app.ip-1";q=40;w=2, "route.ip-1";q=2;w=3600"#.to_owned(),
                r#"ratelimit: "route.ip-1";r=1;t=3600"#.to_owned(),
                "x-ratelimit-limit: 2".to_owned(),
                "x-ratelimit-remaining: 1".to_owned(),
                "x-ratelimit-reset: 3600".to_owned(),
            ]
        )
    );
    assert_eq!(take().0, Ok(()));
    let (outcome, lines) = take();
    let exhausted = LimitExceeded { limit: Arc::from("route.ip-1"), retry_after: Duration::from_secs(3600) };
    assert_eq!(outcome, Err(Denial::RateLimited(exhausted)));
    assert_eq!(lines[1], r#"ratelimit: "route.ip-1";r=0;t=3600"#);
    // The rate was charged three times.
    assert_eq!(passes(&rate, &key, 0, 100), 37);
    // What refuses first is the last that is charged.
    let mut limits = ChargedLimits::default();
    assert!(both.take(&key, at(0), &mut limits).is_err());
    assert_eq!(headers(&limits)[0], r#"ratelimit-policy: "app.ip-1";q=40;w=2"#);
}

#[test]
fn sixty_four_threads_get_no_more_than_a_quota_of_three() {
    for (rule, room) in [("3/hour", 3), ("30/hour", 30), ("1/hour burst 3", 3)] {
        for known in [false, true] {
            let limit = limit(rule, 10, 0, None);
            let key = address(1);
            if known {
                assert_eq!(ask(&limit, &key, 0), Ok(()));
            }
            let (passed, start) = (AtomicUsize::new(usize::from(known)), Barrier::new(64));
            std::thread::scope(|scope| {
                for _ in 0..64 {
                    scope.spawn(|| {
                        start.wait();
                        if ask(&limit, &key, 5).is_ok() {
                            passed.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!(passed.into_inner(), room, "{rule}");
            assert_eq!(limit.keys(), 1);
        }
    }
}

/// `strangers`, `step` nanoseconds apart; one address asks for more all the while.
fn flood(rule: &str, strangers: u32, step: u64) {
    const KEYS: usize = 10_000;
    let mut limit = limit(rule, KEYS, 0, None);
    let (greedy, each) = (address(1), limit.rule().allowance() as usize);
    assert_eq!(passes(&limit, &greedy, 0, 100), each);
    for i in 0..strangers {
        let now = u64::from(i) * step;
        let _ = ask(&limit, &address(0x0100_0000 + i), now);
        if i % 1000 == 0 {
            // Were it forgotten, its burst would be back.
            assert!(passes(&limit, &greedy, now, 100) < each, "{rule} at {now}");
            assert!(ask(&limit, &greedy, now).is_err());
            assert!(limit.keys() <= KEYS);
        }
        if i == strangers / 2 {
            limit = Arc::new(Limit::new("app.ip-1", limit.rule(), KEYS, at(now), Some(&limit)));
        }
    }
    assert!(limit.keys() <= KEYS && limit.keys() > KEYS / 2, "{rule}: {}", limit.keys());
}

#[test]
fn a_million_addresses_neither_fill_the_memory_nor_free_an_exhausted_one() {
    flood("100/s burst 50", 1_000_000, 1000);
    // All within a window.
    flood("5/min", 100_000, 590_000);
    flood("50/min", 100_000, 590_000);
}

#[test]
fn newcomers_without_room_share_one_allowance_for_each_network() {
    for rule in ["3/hour", "30/hour", "1/hour burst 3"] {
        let limit = limit(rule, 2, 0, None);
        let each = limit.rule().allowance() as usize;
        assert_eq!(passes(&limit, &address(0x0A00_0001), 0, 100), each);
        assert_eq!(ask(&limit, &address(0x0A00_0101), 0), Ok(()));
        assert_eq!((limit.keys(), limit.overflows()), (2, 0));
        // One allowance for the whole of 192.0.2.0/24, another for the next.
        let network = |third: u32| {
            (0..256u32)
                .filter(|host| ask(&limit, &address(0xC000_0000 + third * 256 + host), 0).is_ok())
                .count()
        };
        assert_eq!((network(2), network(3)), (each, each), "{rule}");
        assert_eq!((limit.keys(), limit.overflows()), (2, 512));
        // Those who were there keep what they had.
        assert!(ask(&limit, &address(0x0A00_0001), 0).is_err());
        assert_eq!(passes(&limit, &address(0x0A00_0101), 0, 100), each - 1);
        // When their allowance is whole they make room.
        let later = 5 * 3600 * SECOND;
        assert_eq!(passes(&limit, &address(0xC000_0201), later, 100), each);
        assert_eq!((limit.keys(), limit.overflows()), (2, 512));
    }
}

#[test]
fn who_shared_an_allowance_has_no_second_one_when_a_place_is_free() {
    for rule in ["5/hour", "50/hour", "1/hour burst 3"] {
        let limit = limit(rule, 1, 0, None);
        let each = limit.rule().allowance() as usize;
        let first = address(0x0A00_0001);
        let [second, stranger] = apart((2..64).map(|network| address(0xC000_0001 | network << 8)));
        assert_eq!(ask(&limit, &first, 0), Ok(()));
        assert_eq!(passes(&limit, &second, 3000 * SECOND, each), each);
        // By now the first one is whole, and its place free.
        let free = 3900 * SECOND;
        let wait = ask(&limit, &second, free).unwrap_err();
        assert_eq!((limit.keys(), limit.overflows()), (1, each as u64), "{rule}");
        assert!(ask(&limit, &second, free + wait - 1).is_err(), "{rule}");
        assert_eq!(ask(&limit, &second, free + wait), Ok(()), "{rule}");
        // Other networks have theirs.
        assert_eq!(passes(&limit, &stranger, free, 100), each, "{rule}");
    }
}

#[test]
fn users_without_room_share_by_their_address() {
    let neighbour = |key: &LimitKey| LimitKey { key: key.key ^ 1, ..*key };
    let v6 = |network: u16| LimitKey::address(Ipv6Addr::new(0x2001, 0xdb8, network, 1, 0, 0, 0, 1).into());
    let v4 = |network: u32| address(0xC000_0001 | network << 8);
    for [one, other] in [apart((2..64).map(v4)), apart((2..64).map(v6))] {
        let limit = limit("1/hour", 0, 0, None);
        assert_eq!(ask(&limit, &one, 0), Ok(()));
        assert!(ask(&limit, &neighbour(&one), 0).is_err());
        assert_eq!(ask(&limit, &other, 0), Ok(()));
    }
    // One /24, and one /48.
    for (one, other) in [("192.0.2.1", "192.0.2.2"), ("2001:db8:1:1::1", "2001:db8:1:2::1")] {
        let [one, other] = [one, other].map(|ip| LimitKey::address(ip.parse().unwrap()));
        assert!(one.area == other.area && one.key != other.key);
    }
}

#[test]
fn a_clock_that_stands_or_leaps_harms_nobody() {
    for rule in ["5/s burst 5", "5/s", "500/s", "1/31d", "1000000000/31d", "1/d burst 366"] {
        let limit = limit(rule, 10, 0, None);
        let (key, each) = (address(1), limit.rule().allowance() as usize);
        assert_eq!(passes(&limit, &key, 1000, 600), each.min(600), "{rule}");
        assert_eq!(passes(&limit, &key, 1000, 600), (each - each.min(600)).min(600), "{rule}");
        for now in [u64::MAX / 8, u64::MAX / 5, u64::MAX / 4 - 1] {
            assert_eq!(passes(&limit, &key, now, 600), each.min(600), "{rule} at {now}");
        }
        // Beyond 146 years time stands still, and going back does not give anything.
        let before = passes(&limit, &key, u64::MAX, 600);
        assert!(before <= each.min(600), "{rule}");
        let _ = ask(&limit, &key, 0);
        assert!(passes(&limit, &key, SECOND, 600) <= each.min(600), "{rule}");
    }
}
