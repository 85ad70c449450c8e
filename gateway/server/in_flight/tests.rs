#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn name(text: &str) -> Arc<str> {
    text.into()
}

#[test]
fn a_slot_is_given_back_when_it_is_dropped() {
    let counter: Arc<InFlightCounter> = Arc::default();
    let held: Vec<_> = (0..3).map(|_| counter.take(3).unwrap()).collect();
    for _ in 0..5 {
        assert!(counter.take(3).is_none());
    }
    // A lower cap ends nobody, and lets nobody in.
    assert!(counter.take(1).is_none());
    assert!(counter.take(4).is_some());
    drop(held);
    assert_eq!(counter.requests.load(Ordering::Acquire), 0);
    assert!(counter.take(1).is_some());
}

#[test]
fn the_count_of_an_app_outlives_a_policy() {
    let counters = InFlightCounters::default();
    let before = counters.of(&name("media"));
    let _held = before.take(1).unwrap();
    drop(before);
    assert!(counters.of(&name("media")).take(1).is_none());
    assert!(counters.of(&name("other")).take(1).is_some());
}

#[test]
fn counters_that_nobody_holds_are_forgotten() {
    let counters = InFlightCounters::default();
    for number in 0..100 {
        counters.of(&name(&format!("app-{number}")));
    }
    assert!(counters.apps.lock().unwrap().len() <= 1);
}
