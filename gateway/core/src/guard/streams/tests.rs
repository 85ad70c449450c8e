#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::guard::caller::AuthPolicy;
use crate::guard::caller::tests::{NOW, provider, token};
use crate::guard::credential::tests::head;
use crate::guard::jwt::TokenCache;

/// The caller of a request with these fields, where a token is optional.
fn caller(fields: &str) -> Caller {
    let policy = AuthPolicy::Optional([provider("house", &["bearer"]).into()].into());
    policy.authenticate(&head("/", fields), None, NOW, &TokenCache::new(0, [1; 32])).unwrap()
}

/// A token of ten minutes, whose provider has a leeway of thirty seconds.
fn known() -> Caller {
    caller(&format!("Authorization: Bearer {}", token(&provider("house", &["bearer"]))))
}

const CLOSE: StreamsPolicy =
    StreamsPolicy { per_user: StreamCap::Unlimited, on_expiry: OnExpiry::End { grace: Duration::ZERO } };

/// A moment, by the time since the process started and by the seconds since the token was made.
fn at(mono: u64, later: u64) -> Now {
    Now::new(Duration::from_secs(mono), NOW.unix() + Duration::from_secs(later))
}

#[test]
fn a_stream_ends_when_a_request_would_be_refused() {
    let grace =
        |grace| StreamsPolicy { on_expiry: OnExpiry::End { grace: Duration::from_secs(grace) }, ..CLOSE };
    let finish = StreamsPolicy { on_expiry: OnExpiry::Finish, ..CLOSE };
    for (policy, now, end) in [
        (CLOSE, at(7, 0), Some(7 + 630)),
        (CLOSE, at(7, 600), Some(7 + 30)),
        (CLOSE, at(7, 629), Some(7 + 1)),
        // It ended while the app was asked.
        (CLOSE, at(100, 700), Some(100 - 70)),
        (CLOSE, at(7, 700), Some(0)),
        (grace(0), at(7, 0), Some(7 + 630)),
        (grace(45), at(7, 0), Some(7 + 675)),
        (grace(45), at(7, 640), Some(7 + 35)),
        (finish, at(7, 0), None),
    ] {
        assert_eq!(policy.end(&known(), now), end.map(Duration::from_secs), "{policy:?} {now:?}");
    }
}

#[test]
fn an_anonymous_caller_has_nothing_that_ends() {
    assert_eq!(CLOSE.end(&caller(""), at(7, 0)), None);
}

/// A wall clock that is set, or a machine that slept, moves the end.
#[test]
fn the_wall_clock_decides_when_it_is_asked_again() {
    let known = known();
    let asked = |mono, later| CLOSE.end(&known, at(mono, later)).unwrap().as_secs();
    assert_eq!(asked(100, 0), 730);
    assert_eq!(asked(110, 500), 240);
    assert_eq!(asked(120, 10), 740);
    assert_eq!(asked(130, 640), 120);
    assert_eq!(asked(140, 650), 120, "it stays where it was");
    assert_eq!(asked(150, 100_000), 0);
}

/// Streams of two callers, of the routes `a`, `b` and `c` of two apps.
struct Counted {
    open: Arc<OpenStreams>,
}

impl Counted {
    fn take(&self, per_user: StreamCap, app: &str, route: &str, caller: &str) -> Option<StreamPlace> {
        let policy = StreamsPolicy { per_user, ..CLOSE };
        let address = LimitKey::address(caller.parse().unwrap());
        match policy.open(&self.open, (&app.into(), &route.into()), &address) {
            Ok(place) => Some(place),
            Err(denial) => {
                assert_eq!(denial, Denial::TooManyStreams);
                None
            }
        }
    }
}

#[test]
fn a_caller_has_no_more_streams_open_than_it_may() {
    let counted = Counted { open: Arc::default() };
    let take = |app, caller| counted.take(StreamCap::OfApp(2), app, "a", caller);
    let (first, second) = (take("x", "192.0.2.1").unwrap(), take("x", "192.0.2.1").unwrap());
    assert!(take("x", "192.0.2.1").is_none());
    assert!(take("x", "::ffff:192.0.2.1").is_none());
    // Another caller, another app.
    let others = [take("x", "192.0.2.2").unwrap(), take("y", "192.0.2.1").unwrap()];
    // One that is refused takes no place, and one that ends gives one back.
    drop(first);
    let third = take("x", "192.0.2.1").unwrap();
    assert!(take("x", "192.0.2.1").is_none());
    drop((second, third, others));
    assert!(counted.open.by_caller.is_empty(), "nobody is remembered");
}

#[test]
fn a_route_with_a_cap_of_its_own_counts_by_itself() {
    let counted = Counted { open: Arc::default() };
    let take = |cap, route| counted.take(cap, "x", route, "192.0.2.1");
    let (of_app, of_route) = (StreamCap::OfApp(2), StreamCap::OfRoute(1));
    let held = [take(of_app, "a").unwrap(), take(of_route, "b").unwrap(), take(of_app, "c").unwrap()];
    assert!(take(of_app, "a").is_none() && take(of_app, "c").is_none());
    assert!(take(of_route, "b").is_none());
    assert!(take(of_route, "d").is_some());
    drop(held);
    assert!(counted.open.by_caller.is_empty());
}

/// What is open without a cap is counted, for a policy that brings one.
#[test]
fn a_new_cap_counts_what_is_open() {
    let counted = Counted { open: Arc::default() };
    let take = |cap| counted.take(cap, "x", "a", "192.0.2.1");
    let held: Vec<_> = (0..3).map(|_| take(StreamCap::Unlimited).unwrap()).collect();
    assert!(take(StreamCap::OfApp(3)).is_none());
    assert!(take(StreamCap::OfApp(4)).is_some());
    drop(held);
    assert!(take(StreamCap::OfApp(1)).is_some());
}
