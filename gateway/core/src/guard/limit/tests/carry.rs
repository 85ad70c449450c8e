//! What outlives a reload.

use super::*;

#[test]
fn an_equal_rule_counts_in_the_same_memory() {
    for rule in ["3/hour", "30/hour", "1/hour burst 3"] {
        let old = limit(rule, 10, 0, None);
        let key = address(1);
        assert_eq!(ask(&old, &key, 0), Ok(()));
        let new = limit(rule, 20, SECOND, Some(&old));
        // A request that still holds the old policy, and one of the new.
        assert_eq!(ask(&old, &key, SECOND), Ok(()));
        assert_eq!(ask(&new, &key, SECOND), Ok(()));
        let each = old.rule().allowance() as usize;
        assert_eq!(passes(&new, &key, SECOND, 100), each - 3);
        assert!(ask(&old, &key, SECOND).is_err());
        assert_eq!((old.keys(), new.keys()), (1, 1));
    }
}

#[test]
fn an_exhausted_address_stays_exhausted_through_any_number_of_reloads() {
    for rule in ["3/hour", "30/hour", "1/hour burst 3"] {
        let mut current = limit(rule, 10, 0, None);
        let key = address(1);
        passes(&current, &key, 0, 100);
        let wait = ask(&current, &key, 0).unwrap_err();
        for minute in 1..50u64 {
            let now = minute * 60 * SECOND;
            current = limit(rule, 10, now, Some(&current));
            assert_eq!(ask(&current, &key, now), Err(wait - now), "{rule}");
        }
        assert_eq!(ask(&current, &key, wait), Ok(()), "{rule}");
    }
}

/// After `used` requests under `before`, `room` more pass right after a reload to `after`.
fn check(before: &str, used: usize, after: &str, room: usize) {
    let now = 90_000 * SECOND;
    let old = limit(before, 10, 0, None);
    let key = address(1);
    assert_eq!(passes(&old, &key, now, used), used);
    let new = limit(after, 10, now, Some(&old));
    assert_eq!(passes(&new, &key, now, 1000), room, "{used} of {before}, then {after}");
    // Others are not touched, and time heals.
    let each = new.rule().allowance() as usize;
    assert_eq!(passes(&new, &address(2), now, 1000), each.min(1000));
    assert_eq!(passes(&new, &key, now + 366 * 86_400 * SECOND, 1000), each.min(1000));
}

#[test]
fn another_rate_goes_on_from_the_requests_that_were_made() {
    check("10/s burst 20", 5, "10/s burst 30", 25);
    check("10/s burst 20", 5, "1/min burst 20", 15);
    check("10/s burst 20", 5, "10/s burst 5", 0);
    check("10/s burst 20", 15, "10/s burst 5", 0);
    // Used up stays used up, whichever way the numbers went.
    check("10/s burst 20", 20, "10/s burst 40", 0);
    check("10/s burst 20", 20, "1/min burst 40", 0);
    check("1/min burst 5", 5, "100/s burst 200", 0);
    check("1/min burst 5", 5, "1/min burst 1", 0);
}

#[test]
fn a_rate_that_was_used_up_waits_as_it_was_told_or_one_interval() {
    let check = |before: &str, after: &str, expected: u64| {
        let old = limit(before, 10, 0, None);
        let key = address(1);
        passes(&old, &key, SECOND, 1000);
        let new = limit(after, 10, SECOND, Some(&old));
        assert_eq!(ask(&new, &key, SECOND), Err(expected), "{before}, then {after}");
        assert!(ask(&new, &key, SECOND + expected - 1).is_err());
        assert_eq!(passes(&new, &key, SECOND + expected, 1000), 1);
    };
    check("10/s burst 20", "1/min burst 5", SECOND / 10);
    check("1/min burst 5", "10/s burst 20", SECOND / 10);
    check("1/min burst 5", "2/min burst 5", 30 * SECOND);
    check("5/min", "10/s burst 20", SECOND / 10);
    check("50/min", "2/hour burst 20", 64 * SECOND);
}

#[test]
fn another_quota_gains_or_loses_the_difference() {
    check("5/min", 3, "7/min", 4);
    check("5/min", 5, "7/min", 2);
    check("5/min", 5, "5/hour", 0);
    check("5/min", 5, "3/min", 0);
    check("5/min", 2, "3/hour", 1);
    check("5/min", 5, "50/hour", 45);
    check("50/min", 45, "100/min", 55);
    check("50/min", 45, "20/hour", 0);
    check("50/min", 3, "5/hour", 2);
    check("50/min", 45, "5/hour", 0);
}

#[test]
fn a_rate_becomes_a_quota_and_a_quota_a_rate() {
    check("10/s burst 20", 20, "5000/hour", 1000);
    check("10/s burst 20", 20, "30/hour", 10);
    check("10/s burst 20", 20, "5/hour", 0);
    check("10/s burst 20", 3, "5/hour", 2);
    check("5/hour", 5, "10/s burst 20", 0);
    check("5/hour", 2, "10/s burst 20", 18);
    check("50/hour", 50, "10/s burst 20", 0);
    check("50/hour", 30, "10/s burst 20", 0);
}

#[test]
fn old_moments_keep_their_place_in_another_quota() {
    let old = limit("3/min", 10, 0, None);
    let key = address(1);
    for second in [0, 20, 40] {
        assert_eq!(ask(&old, &key, second * SECOND), Ok(()));
    }
    let new = limit("3/2min", 10, 50 * SECOND, Some(&old));
    assert_eq!(ask(&new, &key, 50 * SECOND), Err(70 * SECOND));
    let shorter = limit("2/25s", 10, 50 * SECOND, Some(&old));
    assert_eq!(passes(&shorter, &key, 50 * SECOND, 10), 1);
    assert_eq!(ask(&shorter, &key, 50 * SECOND), Err(15 * SECOND));
    // In twelfths, the newest two of three.
    let coarse = limit("20/min", 10, 50 * SECOND, Some(&old));
    assert_eq!(passes(&coarse, &key, 70 * SECOND, 100), 18);
}

#[test]
fn shared_allowances_and_their_count_outlive_a_reload_too() {
    let old = limit("3/hour", 0, 0, None);
    let (key, neighbour) = (address(0xC000_0201), address(0xC000_0202));
    assert_eq!(passes(&old, &key, 0, 5), 3);
    for rule in ["3/hour", "3/day", "40/hour", "1/hour burst 3"] {
        let new = limit(rule, 0, SECOND, Some(&old));
        let room = if rule == "40/hour" { 37 } else { 0 };
        assert!(new.overflows() >= 5, "{rule}");
        if rule != "3/hour" {
            assert_eq!(passes(&new, &neighbour, SECOND, 100), room, "{rule}");
        }
    }
    assert!(ask(&old, &neighbour, SECOND).is_err());
}

#[test]
fn whole_clients_are_not_carried_over() {
    let old = limit("10/s burst 20", 100, 0, None);
    for i in 0..50 {
        assert_eq!(ask(&old, &address(i), 0), Ok(()));
    }
    passes(&old, &address(60), 0, 20);
    let new = limit("10/s burst 30", 100, SECOND, Some(&old));
    assert_eq!((old.keys(), new.keys()), (51, 1));
}
