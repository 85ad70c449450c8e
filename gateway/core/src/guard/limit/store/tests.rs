#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::time::Duration;

use super::super::exact::{self, Exact};
use super::super::rate::{ArrivalTime, Rate};
use super::super::windows::{self, Windows};
use super::*;

const SECOND: u64 = 1_000_000_000;

fn n(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// A well mixed key, as the hashes of clients are (SplitMix64).
fn key(seed: u64) -> LimitKey {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    LimitKey { key: z ^ (z >> 31), area: seed / 256 }
}

/// Bytes of the tables, the ring and the heap: entries, one control byte for each bucket, seven of
/// eight buckets in use at most. Gaps are not told, so this is exact when a table has just been made.
fn bytes<S: ClientState>(store: &ClientStore<S>, heap: usize) -> usize {
    let capacity: usize = store.tables.iter().map(ClientTable::capacity).sum();
    let ring = lock(&store.ring).places.capacity() * 8;
    capacity * 8 / 7 * (size_of::<(u64, S)>() + 1) + ring + store.len() * heap
}

fn known<S>(store: &ClientStore<S>) -> HashSet<u64> {
    store.tables.iter().flatten().map(|client| *client.key()).collect()
}

fn rates(count: u32, burst: u32, keys: usize) -> (ClientStore<ArrivalTime>, Bounds<ArrivalTime>) {
    (ClientStore::new(), Bounds { params: Rate::new(n(count), Duration::from_secs(1), n(burst)), keys })
}

fn ask(store: &ClientStore<ArrivalTime>, bounds: &Bounds<ArrivalTime>, client: u64, now: u64) -> bool {
    store.visit(&key(client), bounds, now, |state| state.charge(&bounds.params, now)).passed
}

/// Fills a store of `keys`, then lets as many again come and go, over and over; at most `cap` bytes each.
fn fill<S: ClientState>(params: S::Params, keys: usize, lasts: u64, heap: usize, cap: usize) {
    let store = ClientStore::<S>::new();
    let bounds = Bounds { params, keys };
    for round in 0..20 {
        let now = (round + 1) * lasts;
        for i in 0..keys as u64 {
            store.visit(&key(round * keys as u64 + i), &bounds, now, |state| state.charge(&params, now));
            if round > 0 && i % 32 == 0 {
                let each = bytes(&store, heap) as f64 / keys as f64;
                assert!(each <= cap as f64, "{each} bytes each for {keys} keys in round {round}");
            }
        }
        assert_eq!(store.len(), keys);
        // Those of the round before have their whole allowance again, so each makes room.
        assert_eq!(store.overflows(), 0);
    }
    assert_eq!(known(&store).len(), keys);
}

#[test]
fn a_client_takes_64_bytes_for_a_rate_and_128_for_a_quota() {
    // What an allocator keeps beside a block of 56 bytes.
    let block = 56 + 8;
    for keys in [3800, 4000, 5000] {
        let rate = Rate::new(n(1), Duration::from_secs(1), n(5));
        fill::<ArrivalTime>(rate, keys, 10 * SECOND, 0, 64);
        let quota = exact::ExactQuota::new(n(3), Duration::from_secs(1));
        fill::<Exact>(quota, keys, 10 * SECOND, block, 128);
        let quota = windows::WindowQuota::new(n(300), Duration::from_secs(1));
        fill::<Windows>(quota, keys, 10 * SECOND, block, 128);
    }
    assert_eq!(size_of::<ArrivalTime>(), 8);
    assert_eq!((size_of::<Exact>(), size_of::<Windows>()), (8, 8));
}

#[test]
fn only_whole_ones_are_forgotten_and_each_has_one_place() {
    let (store, bounds) = rates(1, 10, 100);
    // Half of them wait for ten seconds, half for one.
    for i in 0..100 {
        for _ in 0..if i % 2 == 0 { 10 } else { 1 } {
            ask(&store, &bounds, i, 0);
        }
    }
    let now = 5 * SECOND;
    for i in 1000..3000 {
        ask(&store, &bounds, i, now);
        assert!(store.len() <= 100);
    }
    let places: HashSet<u64> = lock(&store.ring).places.iter().copied().collect();
    let known = known(&store);
    assert_eq!(places, known);
    for i in 0..100 {
        assert_eq!(known.contains(&key(i).key), i % 2 == 0, "{i}");
    }
    assert_eq!(store.overflows(), 2000 - 50);
}

/// A store that is full looks at eight places.
#[test]
fn a_newcomer_finds_the_one_place_in_eight_that_is_free() {
    for idle in 0..8 {
        let (store, bounds) = rates(1, 1, 8);
        for client in 0..8 {
            assert!(ask(&store, &bounds, client, 0));
        }
        let now = 10 * SECOND;
        for client in (0..8).filter(|client| *client != idle) {
            assert!(ask(&store, &bounds, client, now));
        }
        assert!(ask(&store, &bounds, 1000, now));
        assert_eq!((store.len(), store.overflows()), (8, 0), "{idle}");
        assert!(known(&store).contains(&key(1000).key) && !known(&store).contains(&key(idle).key));
    }
}

#[test]
fn a_client_with_a_charge_in_every_twelfth_keeps_its_place() {
    let quota = windows::WindowQuota::new(n(300), Duration::from_secs(12));
    let (store, bounds) = (ClientStore::<Windows>::new(), Bounds { params: quota, keys: 1 });
    let ask = |client, second: u64| {
        let now = second * SECOND;
        store.visit(&key(client), &bounds, now, |state| state.charge(&quota, now)).passed
    };
    for second in 120..=132 {
        assert!(ask(1, second));
    }
    ask(2, 132);
    assert_eq!(store.overflows(), 1);
    assert!(known(&store).contains(&key(1).key));
}

#[test]
fn there_is_never_room_for_more_than_the_bound() {
    for keys in [1, 63, 64, 65, 100, 130] {
        let (store, bounds) = rates(1, 1, keys);
        for client in 0..200 {
            ask(&store, &bounds, client, 0);
        }
        assert_eq!((store.len(), lock(&store.ring).places.capacity()), (keys, keys));
    }
}

#[test]
fn while_there_is_room_the_memory_follows_the_active_clients() {
    let (store, bounds) = rates(10, 10, 1_000_000);
    for i in 0..100_000u64 {
        let now = i * SECOND / 100;
        ask(&store, &bounds, i, now);
    }
    assert!(store.len() < 100, "{}", store.len());
}

#[test]
fn a_lowered_bound_forgets_nobody_before_time() {
    let (store, bounds) = rates(1, 10, 100);
    for i in 0..100 {
        ask(&store, &bounds, i, 0);
    }
    let bounds = Bounds { params: bounds.params, keys: 10 };
    ask(&store, &bounds, 1000, 0);
    assert_eq!((store.len(), store.overflows()), (100, 1));
    for i in 0..200 {
        ask(&store, &bounds, 2000 + i, 2 * SECOND);
    }
    assert_eq!(store.len(), 10);
    assert_eq!(known(&store).len(), 10);
}

#[test]
fn no_keys_at_all_is_one_allowance_for_each_network() {
    let (store, bounds) = rates(1, 2, 0);
    let passed = (0..256).filter(|i| ask(&store, &bounds, *i, 0));
    assert_eq!(passed.count(), 2);
    assert_eq!((store.len(), store.overflows()), (0, 256));
}

#[test]
fn what_is_printed_names_no_client() {
    let store = ClientStore::<ArrivalTime>::new();
    assert_eq!(format!("{store:?}"), "ClientStore { clients: 0, .. }");
}
