#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

#[test]
fn there_are_no_more_places_than_the_cap() {
    let handshakes = Arc::new(Handshakes::default());
    let held: Vec<_> = (0..3).map(|_| handshakes.enter(3).unwrap()).collect();
    for _ in 0..5 {
        assert!(handshakes.enter(3).is_none());
    }
    // A lower cap counts at once, and one that is refused has left nothing behind.
    assert!(handshakes.enter(1).is_none());
    let more = handshakes.enter(4).unwrap();
    assert!(handshakes.enter(4).is_none());
    drop((held, more));
    assert_eq!(handshakes.waiting.load(Ordering::Acquire), 0);
    assert!(handshakes.enter(1).is_some());
}

#[test]
fn threads_together_never_hold_more_than_the_cap() {
    let handshakes = Arc::new(Handshakes::default());
    let (inside, most_inside, refused) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let Some(place) = handshakes.enter(3) else {
                        refused.fetch_add(1, Ordering::AcqRel);
                        continue;
                    };
                    let now = inside.fetch_add(1, Ordering::AcqRel) + 1;
                    most_inside.fetch_max(now, Ordering::AcqRel);
                    std::thread::yield_now();
                    inside.fetch_sub(1, Ordering::AcqRel);
                    drop(place);
                }
            });
        }
    });
    assert!((1..=3).contains(&most_inside.into_inner()));
    assert!(refused.into_inner() < 8 * 500, "all were refused");
    assert_eq!(handshakes.waiting.load(Ordering::Acquire), 0);
}
