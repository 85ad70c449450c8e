#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
use std::collections::VecDeque;
use std::sync::Mutex;

use futures_util::FutureExt as _;
use tokio::sync::oneshot;

use super::*;

type Answer = io::Result<Vec<SocketAddr>>;

/// A resolver whose lookups end when the test says so: the first `ready` ones at once, the others by [`Table::answer`].
#[derive(Debug, Default)]
struct Table {
    ready: Mutex<VecDeque<Answer>>,
    asked: Mutex<VecDeque<oneshot::Sender<Answer>>>,
    count: AtomicUsize,
}

impl Resolver for Table {
    fn resolve(&self, _: &str) -> Lookup {
        self.count.fetch_add(1, Ordering::Relaxed);
        if let Some(answer) = self.ready.lock().unwrap().pop_front() {
            return Box::pin(async { answer });
        }
        let (sender, receiver) = oneshot::channel();
        self.asked.lock().unwrap().push_back(sender);
        // A sender that is dropped makes the lookup panic.
        Box::pin(async { receiver.await.unwrap() })
    }
}

impl Table {
    fn will_say(&self, ports: &[u16]) {
        self.ready.lock().unwrap().push_back(Ok(list(ports)));
    }

    fn will_fail(&self) {
        self.ready.lock().unwrap().push_back(Err(io::Error::other("no such name")));
    }

    /// As a machine without its network says it.
    fn will_not_know(&self) {
        self.ready.lock().unwrap().push_back(Err(io::Error::other(UNREACHABLE)));
    }

    fn answer(&self, ports: &[u16]) {
        self.asked.lock().unwrap().pop_front().unwrap().send(Ok(list(ports))).unwrap();
    }

    fn lookups(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

const UNREACHABLE: &str = "failed to lookup address information: Temporary failure in name resolution";

fn list(ports: &[u16]) -> Vec<SocketAddr> {
    ports.iter().map(|port| SocketAddr::from(([127, 0, 0, 1], *port))).collect()
}

fn name() -> (Arc<Table>, Arc<Name>) {
    let table = Arc::new(Table::default());
    let name = Name::new("app:80", Arc::<Table>::clone(&table));
    (table, name)
}

fn ports(addresses: &Addresses) -> Vec<u16> {
    addresses.all().map(|address| address.port()).collect()
}

async fn until_no_lookup(name: &Name) {
    let mut changes = name.state.subscribe();
    let ended = changes.wait_for(|state| !state.asking);
    tokio::time::timeout(Duration::from_secs(10), ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn all_who_wait_share_one_lookup() {
    let (table, name) = name();
    let now = Instant::now();
    let (first, second, ()) = tokio::join!(name.addresses(now), name.addresses(now), async {
        tokio::task::yield_now().await;
        table.answer(&[1, 2]);
    });
    assert_eq!((ports(&first.unwrap()), ports(&second.unwrap())), (vec![1, 2], vec![1, 2]));
    assert_eq!(table.lookups(), 1);
}

#[tokio::test]
async fn a_lookup_is_of_use_to_all_who_waited_for_it() {
    let (table, name) = name();
    let now = Instant::now();
    let mut first = std::pin::pin!(name.addresses(now));
    let mut second = std::pin::pin!(name.addresses(now));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
    tokio::task::yield_now().await;
    table.answer(&[1]);
    let found = first.await.unwrap();
    // Its connection fails before the second one is polled again.
    name.forget(&found, now + PAUSE);
    assert_eq!(second.await.map(|found| ports(&found)), Ok(vec![1]));
    assert_eq!(table.lookups(), 1);
}

#[tokio::test]
async fn an_address_is_never_resolved() {
    let table = Arc::new(Table::default());
    let name = Name::new("127.0.0.1:7", Arc::<Table>::clone(&table));
    let now = Instant::now();
    let addresses = name.addresses(now).await.unwrap();
    name.forget(&addresses, now + KEPT);
    assert_eq!(ports(&name.addresses(now + KEPT * 2).await.unwrap()), [7]);
    assert_eq!(table.lookups(), 0);
}

#[tokio::test]
async fn old_addresses_are_used_while_they_are_resolved_again() {
    let (table, name) = name();
    let now = Instant::now();
    table.will_say(&[1]);
    name.addresses(now).await.unwrap();
    let fresh = now + FRESH - Duration::from_millis(1);
    name.addresses(fresh).await.unwrap();
    assert_eq!(table.lookups(), 1);
    assert_eq!(ports(&name.addresses(now + FRESH).await.unwrap()), [1]);
    assert_eq!(ports(&name.addresses(now + FRESH + AGAIN).await.unwrap()), [1]);
    assert_eq!(table.lookups(), 2);
    table.answer(&[2]);
    until_no_lookup(&name).await;
    assert_eq!(ports(&name.addresses(now + FRESH).await.unwrap()), [2]);
    let [before, after] =
        [list(&[1]), list(&[2])].map(|list| name.may_have(list.into_iter().next().unwrap()));
    assert_eq!((before, after), (false, true));
}

#[tokio::test]
async fn old_addresses_are_kept_for_a_bounded_time() {
    let (table, name) = name();
    let now = Instant::now();
    table.will_say(&[1]);
    name.addresses(now).await.unwrap();
    table.will_fail();
    let last = now + KEPT - Duration::from_millis(1);
    assert_eq!(ports(&name.addresses(last).await.unwrap()), [1]);
    until_no_lookup(&name).await;
    // A failed lookup is not made again at once.
    name.addresses(last).await.unwrap();
    assert_eq!(table.lookups(), 2);
    table.will_fail();
    assert_eq!(name.addresses(now + KEPT + PAUSE).await.unwrap_err(), UpstreamFault::NoSuchName);
    assert_eq!(table.lookups(), 3);
}

#[tokio::test]
async fn forgotten_addresses_are_resolved_before_the_next_try() {
    let (table, name) = name();
    let now = Instant::now();
    table.will_say(&[1]);
    let failed = name.addresses(now).await.unwrap();
    // What was found just now holds.
    name.forget(&failed, now + PAUSE - Duration::from_millis(1));
    let later = now + PAUSE;
    assert_eq!(ports(&name.addresses(later).await.unwrap()), [1]);
    name.forget(&failed, later);
    table.will_say(&[2]);
    assert_eq!(ports(&name.addresses(later).await.unwrap()), [2]);
    // The failure of an older address does not count against newer ones.
    name.forget(&failed, later + PAUSE);
    assert_eq!(ports(&name.addresses(later + PAUSE).await.unwrap()), [2]);
    assert_eq!(table.lookups(), 2);
}

#[tokio::test]
async fn a_name_that_is_gone_is_an_error_after_a_failed_connection() {
    let (table, name) = name();
    let now = Instant::now();
    table.will_say(&[1]);
    let failed = name.addresses(now).await.unwrap();
    let later = now + PAUSE;
    name.forget(&failed, later);
    table.will_fail();
    // However often it is asked for, it is not looked up again at once.
    for _ in 0..100 {
        assert_eq!(name.addresses(later).await.unwrap_err(), UpstreamFault::NoSuchName);
    }
    assert_eq!(table.lookups(), 2);
    table.ready.lock().unwrap().push_back(Ok(Vec::new()));
    assert_eq!(name.addresses(later + PAUSE).await.unwrap_err(), UpstreamFault::NoSuchName);
    assert_eq!(table.lookups(), 3);
}

#[tokio::test]
async fn a_resolver_that_fails_takes_no_address_away() {
    let (table, name) = name();
    let now = Instant::now();
    table.will_say(&[1]);
    let known = name.addresses(now).await.unwrap();
    let later = now + FRESH / 2;
    name.forget(&known, later);
    table.will_not_know();
    assert_eq!(
        name.addresses(later).await.map(|found| ports(&found)),
        Ok(vec![1]),
        "the app may be back there"
    );
    // It is not: that leads to another lookup, and not at once.
    name.forget(&known, later);
    assert_eq!(name.addresses(later).await.map(|found| ports(&found)), Ok(vec![1]));
    assert_eq!(table.lookups(), 2);
    let later = later + PAUSE;
    name.forget(&known, later);
    table.will_say(&[2]);
    let moved = name.addresses(later).await.unwrap();
    assert_eq!((ports(&moved), table.lookups()), (vec![2], 3));
    // The time for which addresses are kept goes on.
    let last = later + KEPT - Duration::from_millis(1);
    name.forget(&moved, last);
    table.will_not_know();
    assert_eq!(name.addresses(last).await.map(|found| ports(&found)), Ok(vec![2]));
    table.will_not_know();
    assert_eq!(name.addresses(last + PAUSE).await.unwrap_err(), UpstreamFault::NoSuchName);
}

#[test]
fn a_resolver_that_fails_is_told_from_a_name_that_is_gone() {
    let lookup = |text: &str| {
        LookupFault::of(&io::Error::other(format!("failed to lookup address information: {text}")))
    };
    for gone in [
        "Name or service not known",
        "No address associated with hostname",
        "Name does not resolve",
        "Name has no usable address",
        "nodename nor servname provided, or not known",
    ] {
        assert_eq!(lookup(gone), LookupFault::NoSuchName, "{gone}");
    }
    for failure in FAILURES {
        assert_eq!(lookup(failure), LookupFault::Unknown(UpstreamFault::NoSuchName), "{failure}");
    }
    let of_system = |errno: rustix::io::Errno| LookupFault::of(&errno.into());
    assert_eq!(of_system(rustix::io::Errno::CONNREFUSED), LookupFault::Unknown(UpstreamFault::NoSuchName));
    assert_eq!(of_system(rustix::io::Errno::MFILE), LookupFault::OutOfDescriptors);
}

#[tokio::test]
async fn the_address_that_was_reached_last_is_tried_first() {
    let (table, name) = name();
    let mut now = Instant::now();
    let order = |addresses: &Addresses| -> Vec<(u16, u32)> {
        addresses.places().map(|(place, left)| (addresses.at(place).port(), left)).collect()
    };
    table.will_say(&[1, 2, 3]);
    let mut addresses = name.addresses(now).await.unwrap();
    assert_eq!(order(&addresses), [(1, 3), (2, 2), (3, 1)]);
    addresses.reached(1);
    for (said, expected) in [
        // Known again, known in another order, and not known any more.
        (&[1, 2, 3][..], &[(2, 3), (3, 2), (1, 1)][..]),
        (&[3, 1, 2], &[(2, 3), (3, 2), (1, 1)]),
        (&[4, 2], &[(2, 2), (4, 1)]),
        (&[4, 5], &[(4, 2), (5, 1)]),
    ] {
        now += PAUSE;
        name.forget(&addresses, now);
        table.will_say(said);
        addresses = name.addresses(now).await.unwrap();
        assert_eq!(order(&addresses), expected, "{said:?}");
    }
}

#[tokio::test]
async fn a_lookup_that_panics_or_is_given_up_blocks_no_later_one() {
    let (table, name) = name();
    let now = Instant::now();
    let (panicked, ()) = tokio::join!(name.addresses(now), async {
        tokio::task::yield_now().await;
        table.asked.lock().unwrap().clear();
    });
    assert_eq!(panicked.unwrap_err(), UpstreamFault::Timeout);
    // Whoever waits may leave; the lookup goes on, and the next one has its result.
    let now = now + PAUSE;
    let left = tokio::time::timeout(Duration::ZERO, name.addresses(now)).await;
    assert!(left.is_err());
    table.answer(&[3]);
    assert_eq!(ports(&name.addresses(now).await.unwrap()), [3]);
    assert_eq!(table.lookups(), 2);
}

#[tokio::test]
async fn no_more_than_a_bounded_number_of_addresses_is_used() {
    let (table, name) = name();
    let many: Vec<u16> = (1..=100).collect();
    table.will_say(&many);
    assert_eq!(ports(&name.addresses(Instant::now()).await.unwrap()).len(), ADDRESSES_MAX);
}
