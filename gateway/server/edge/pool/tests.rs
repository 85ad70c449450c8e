#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
use std::fs::File;
use std::future::poll_fn;
use std::sync::atomic::AtomicBool;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use stagedoor_core::policy::{CertificateTrust, UpstreamTls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::super::names::{FRESH, Lookup};
use super::*;

/// Resolves every name to what the test says, or never, and counts how often.
#[derive(Debug, Default)]
struct Table {
    answer: Mutex<Option<Vec<SocketAddr>>>,
    lookups: AtomicUsize,
    /// Whether a lookup needs a descriptor, as those of the system do.
    opens: AtomicBool,
}

impl Table {
    fn says(&self, addresses: &[SocketAddr]) {
        *self.answer.lock().unwrap() = Some(addresses.to_vec());
    }
}

impl Resolver for Table {
    fn resolve(&self, _: &str) -> Lookup {
        self.lookups.fetch_add(1, Ordering::Relaxed);
        let answer = self.answer.lock().unwrap().clone();
        if self.opens.load(Ordering::Relaxed)
            && let Err(error) = File::open("/dev/null")
        {
            return Box::pin(async { Err(error) });
        }
        Box::pin(async {
            match answer {
                Some(addresses) => Ok(addresses),
                None => std::future::pending().await,
            }
        })
    }
}

fn pool() -> (Arc<Table>, Arc<AppPool>) {
    let table = Arc::new(Table::default());
    let pool = AppPool::with(Arc::<Table>::clone(&table));
    (table, pool)
}

fn policy(authority: impl ToString) -> UpstreamPolicy {
    UpstreamPolicy {
        url: String::new(),
        address: AppAddress::Tcp(authority.to_string()),
        connect: Duration::from_secs(10),
        read: Duration::from_secs(10),
        retries: 0,
    }
}

async fn app() -> (TcpListener, UpstreamPolicy) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let policy = policy(listener.local_addr().unwrap());
    (listener, policy)
}

async fn get(
    pool: &Arc<AppPool>,
    policy: &UpstreamPolicy,
    fresh: bool,
) -> Result<(AppStream, Reused), UpstreamFault> {
    pool.upstream(policy).get(policy.connect, fresh).await
}

fn name_of(upstream: &Upstream) -> &Arc<Name> {
    let Location::Name(name) = &upstream.location else { panic!("a socket has no name") };
    name
}

fn address_of(stream: &AppStream) -> SocketAddr {
    let FarEnd::Address { address, .. } = stream.opened.far_end else { panic!("a socket has no address") };
    address
}

/// A new connection, and the app's end of it.
async fn open(pool: &Arc<AppPool>, policy: &UpstreamPolicy, app: &TcpListener) -> (AppStream, TcpStream) {
    let (stream, reused) = get(pool, policy, true).await.unwrap();
    assert_eq!(reused, Reused::No);
    (stream, app.accept().await.unwrap().0)
}

/// What the pool counts, compared with what it holds.
fn idle(pool: &Arc<AppPool>) -> usize {
    let held: usize = pool.all().iter().map(|upstream| upstream.lock().len()).sum();
    assert_eq!(pool.idle.load(Ordering::Relaxed), held);
    held
}

/// Which of its connections the app hears a byte on.
async fn heard_by(mut stream: AppStream, ends: &mut [TcpStream]) -> usize {
    stream.write_all(b"x").await.unwrap();
    let reads = async {
        loop {
            for (place, end) in ends.iter_mut().enumerate() {
                if end.try_read(&mut [0; 8]).is_ok_and(|length| length == 1) {
                    return place;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    let place = tokio::time::timeout(Duration::from_secs(10), reads).await.unwrap();
    stream.give_back();
    place
}

async fn until_heard(stream: &mut AppStream) {
    let heard = async {
        while stream.opened.stream.is_silent() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), heard).await.unwrap();
}

#[tokio::test]
async fn the_connection_that_was_used_last_is_used_first() {
    let (_, pool) = pool();
    let (app, policy) = app().await;
    let _held = pool.upstream(&policy);
    let (first, first_end) = open(&pool, &policy, &app).await;
    let (second, second_end) = open(&pool, &policy, &app).await;
    let mut ends = [first_end, second_end];
    second.give_back();
    first.give_back();
    for _ in 0..2 {
        let (stream, reused) = get(&pool, &policy, false).await.unwrap();
        assert!(reused.is_reused());
        assert_eq!((heard_by(stream, &mut ends).await, idle(&pool)), (0, 2));
    }
    let held = get(&pool, &policy, false).await.unwrap();
    let (other, _) = get(&pool, &policy, false).await.unwrap();
    assert_eq!((heard_by(other, &mut ends).await, idle(&pool)), (1, 1));
    drop(held);
}

#[tokio::test]
async fn a_fresh_connection_is_never_one_from_the_pool() {
    let (_, pool) = pool();
    let (app, policy) = app().await;
    let _held = pool.upstream(&policy);
    let (stream, _end) = open(&pool, &policy, &app).await;
    stream.give_back();
    let (_other, _other_end) = open(&pool, &policy, &app).await;
    assert_eq!(idle(&pool), 1);
}

/// It raises the limit of its whole process, which is its own (each test has one).
#[tokio::test]
async fn a_full_pool_closes_the_oldest_of_the_app_that_has_most() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    let (_, pool) = pool();
    let (large, large_policy) = app().await;
    let (small, small_policy) = app().await;
    let _held = [&large_policy, &small_policy].map(|policy| pool.upstream(policy));
    let mut large_ends = Vec::new();
    for _ in 0..IDLE_MAX {
        let (stream, end) = open(&pool, &large_policy, &large).await;
        large_ends.push((stream, end));
    }
    let (streams, mut ends): (Vec<_>, Vec<_>) = large_ends.into_iter().unzip();
    streams.into_iter().for_each(|stream| stream.give_back());
    assert_eq!(idle(&pool), IDLE_MAX);
    // A small app gets its place.
    let (stream, _small_end) = open(&pool, &small_policy, &small).await;
    stream.give_back();
    let lengths = |policy: &UpstreamPolicy| pool.upstream(policy).lock().connections.len();
    assert_eq!((idle(&pool), lengths(&large_policy), lengths(&small_policy)), (IDLE_MAX, IDLE_MAX - 1, 1));
    assert_eq!(ends[0].read(&mut [0; 8]).await.unwrap(), 0, "the oldest is closed");
    // Its next one too, and a further one of the large app takes the place of that app's oldest.
    for (policy, app) in [(&small_policy, &small), (&large_policy, &large)] {
        let (stream, end) = open(&pool, policy, app).await;
        stream.give_back();
        ends.push(end);
        assert_eq!(
            (idle(&pool), lengths(&large_policy), lengths(&small_policy)),
            (IDLE_MAX, IDLE_MAX - 2, 2)
        );
    }
    assert_eq!(ends[2].read(&mut [0; 8]).await.unwrap(), 0);
    assert!(ends[3].try_read(&mut [0; 8]).is_err());
}

#[tokio::test]
async fn the_sweep_closes_what_has_been_idle_for_too_long() {
    let (_, pool) = pool();
    let (app, policy) = app().await;
    let upstream = pool.upstream(&policy);
    let (stream, mut end) = open(&pool, &policy, &app).await;
    stream.give_back();
    for _ in 0..IDLE_SWEEPS {
        pool.sweep(StdInstant::now());
        assert_eq!(idle(&pool), 1);
    }
    // One that was used is young again.
    let (stream, reused) = get(&pool, &policy, false).await.unwrap();
    assert!(reused.is_reused());
    stream.give_back();
    for _ in 0..IDLE_SWEEPS {
        pool.sweep(StdInstant::now());
        assert_eq!(idle(&pool), 1);
    }
    pool.sweep(StdInstant::now());
    assert_eq!(idle(&pool), 0);
    assert_eq!(end.read(&mut [0; 8]).await.unwrap(), 0);
    drop(upstream);
}

#[tokio::test]
async fn an_upstream_lasts_as_long_as_somebody_holds_it() {
    let (_, pool) = pool();
    let (app, policy) = app().await;
    let before = pool.upstream(&policy);
    let (stream, mut end) = open(&pool, &policy, &app).await;
    stream.give_back();
    // The next policy has it too, whatever its deadlines are.
    let next = pool.upstream(&UpstreamPolicy { connect: Duration::from_secs(1), ..policy.clone() });
    drop(before);
    assert_eq!(idle(&pool), 1);
    let (stream, reused) = Arc::clone(&next).get(policy.connect, false).await.unwrap();
    assert!(reused.is_reused());
    // A connection in use holds it; one that is given back then ends with it.
    drop(next);
    pool.sweep(StdInstant::now());
    assert_eq!(pool.lock().len(), 1);
    stream.give_back();
    assert_eq!((idle(&pool), pool.idle.load(Ordering::Relaxed)), (0, 0));
    assert_eq!(end.read(&mut [0; 8]).await.unwrap(), 0);
    pool.sweep(StdInstant::now());
    assert_eq!(pool.lock().len(), 0);
}

#[tokio::test]
async fn a_closed_connection_is_not_given_out() {
    let (_, pool) = pool();
    let (app, policy) = app().await;
    let _held = pool.upstream(&policy);
    let (mut stream, end) = open(&pool, &policy, &app).await;
    drop(end);
    until_heard(&mut stream).await;
    stream.give_back();
    let (_new, reused) = get(&pool, &policy, false).await.unwrap();
    assert_eq!((reused, idle(&pool)), (Reused::No, 0));
}

#[tokio::test]
async fn a_connection_with_bytes_that_nobody_asked_for_is_not_given_out() {
    let (_, pool) = pool();
    let (app, policy) = app().await;
    let _held = pool.upstream(&policy);
    let (mut stream, mut end) = open(&pool, &policy, &app).await;
    end.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    until_heard(&mut stream).await;
    stream.give_back();
    let (_new, reused) = get(&pool, &policy, false).await.unwrap();
    assert_eq!((reused, idle(&pool)), (Reused::No, 0));
}

#[tokio::test]
async fn a_task_without_budget_still_sees_a_stale_connection() {
    let (_, pool) = pool();
    let (app, policy) = app().await;
    let (mut stream, mut end) = open(&pool, &policy, &app).await;
    end.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    until_heard(&mut stream).await;
    poll_fn(|cx| {
        while let Poll::Ready(budget) = tokio::task::coop::poll_proceed(cx) {
            budget.made_progress();
        }
        assert!(!stream.opened.stream.is_silent());
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn connecting_has_a_deadline_that_includes_the_name() {
    let (_, pool) = pool();
    let policy = UpstreamPolicy { connect: Duration::from_millis(20), ..policy("app:80") };
    assert_eq!(get(&pool, &policy, false).await.unwrap_err(), UpstreamFault::Timeout);
}

#[tokio::test]
async fn an_app_that_does_not_listen_refuses() {
    let (_, pool) = pool();
    let (app, policy) = app().await;
    assert_eq!(pool.upstream(&policy).reachable(policy.connect).await, Ok(()));
    drop(app);
    assert_eq!(get(&pool, &policy, false).await.unwrap_err(), UpstreamFault::Refused);
    assert_eq!(pool.upstream(&policy).reachable(policy.connect).await, Err(UpstreamFault::Refused));
}

/// An app whose system takes no further connection: it answers nothing to a new one, as a host that is gone.
async fn swallowing() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        waiting.push(stream.unwrap());
    }
    (listener, waiting)
}

#[tokio::test]
async fn a_connection_that_fails_or_takes_too_long_forgets_the_address() {
    let (table, pool) = pool();
    let (swallowing, _waiting) = swallowing().await;
    let (gone, _) = app().await;
    let (new, _) = app().await;
    let policy = UpstreamPolicy { connect: Duration::from_millis(100), ..policy("app:80") };
    let [swallows, refuses] = [&swallowing, &gone].map(|app| app.local_addr().unwrap());
    drop(gone);
    for (old, fault) in [(swallows, UpstreamFault::Timeout), (refuses, UpstreamFault::Refused)] {
        let _held = pool.upstream(&policy);
        table.says(&[old]);
        assert_eq!(get(&pool, &policy, true).await.unwrap_err(), fault);
        table.says(&[new.local_addr().unwrap()]);
        let found = async {
            while get(&pool, &policy, true).await.is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(FRESH / 2, found).await.unwrap();
    }
}

/// Addresses of which only one leads to an app, and the app.
async fn one_of(dead: &[SocketAddr]) -> (Vec<SocketAddr>, TcpListener) {
    let (app, _) = app().await;
    let addresses = dead.iter().copied().chain([app.local_addr().unwrap()]).collect();
    (addresses, app)
}

#[tokio::test]
async fn each_address_of_the_name_is_tried_within_the_one_deadline() {
    let (table, pool) = pool();
    let (swallowing, _waiting) = swallowing().await;
    let (gone, _) = app().await;
    let refuses = gone.local_addr().unwrap();
    drop(gone);
    let swallows = swallowing.local_addr().unwrap();
    let many = [vec![refuses; 7], vec![swallows; 4], vec![refuses; 3]].concat();
    let (addresses, app) = one_of(&many).await;
    table.says(&addresses);
    let policy = UpstreamPolicy { connect: Duration::from_secs(3), ..policy("app:80") };
    let upstream = pool.upstream(&policy);
    let (stream, _end) = open(&pool, &policy, &app).await;
    assert_eq!(address_of(&stream), app.local_addr().unwrap());
    // It is the first to be tried from then on, and also when the name is resolved again, in another order.
    for turned in [addresses.clone(), addresses.into_iter().rev().collect()] {
        table.says(&turned);
        let known = name_of(&upstream).addresses(StdInstant::now()).await.unwrap();
        name_of(&upstream).forget(&known, StdInstant::now() + Duration::from_secs(1));
        let known = name_of(&upstream).addresses(StdInstant::now()).await.unwrap();
        let (place, left) = known.places().next().unwrap();
        assert_eq!((known.at(place), left as usize), (address_of(&stream), turned.len()));
    }
}

#[tokio::test]
async fn no_number_of_silent_addresses_outlives_the_deadline() {
    let (table, pool) = pool();
    let (swallowing, _waiting) = swallowing().await;
    table.says(&[swallowing.local_addr().unwrap(); 16]);
    let policy = UpstreamPolicy { connect: Duration::from_millis(200), ..policy("app:80") };
    let made = tokio::time::timeout(Duration::from_secs(10), get(&pool, &policy, true)).await;
    assert_eq!(made.unwrap().unwrap_err(), UpstreamFault::Timeout);
}

#[tokio::test]
async fn a_name_that_moved_gives_up_connections_to_its_old_address() {
    for by_sweep in [true, false] {
        let (table, pool) = pool();
        let (old, _) = app().await;
        let (new, _) = app().await;
        let policy = policy("app:80");
        let upstream = pool.upstream(&policy);
        table.says(&[old.local_addr().unwrap()]);
        let (stream, _old_end) = open(&pool, &policy, &old).await;
        stream.give_back();
        table.says(&[new.local_addr().unwrap()]);
        // Nothing but the sweep shows it where idle connections serve all requests.
        let now = StdInstant::now() + Duration::from_secs(1);
        pool.sweep(now);
        assert_eq!(idle(&pool), 1);
        let moved = async {
            while name_of(&upstream).may_have(old.local_addr().unwrap()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), moved).await.unwrap();
        if by_sweep {
            pool.sweep(now);
            assert_eq!(idle(&pool), 0);
        }
        let (stream, reused) = get(&pool, &policy, false).await.unwrap();
        assert_eq!((reused, idle(&pool)), (Reused::No, 0));
        assert_eq!(address_of(&stream), new.local_addr().unwrap());
    }
}

#[tokio::test]
async fn a_name_that_nobody_asks_for_is_not_resolved_again() {
    let (table, pool) = pool();
    let (app, _) = app().await;
    let policy = policy("app:80");
    let _held = pool.upstream(&policy);
    table.says(&[app.local_addr().unwrap()]);
    drop(open(&pool, &policy, &app).await);
    let now = StdInstant::now();
    for _ in 0..IDLE_SWEEPS {
        pool.sweep(now);
    }
    pool.sweep(now + SWEEP * IDLE_SWEEPS);
    assert_eq!(table.lookups.load(Ordering::Relaxed), 1);
}

/// It lowers the limit of its whole process, which is its own (each test has one).
#[tokio::test]
async fn idle_connections_make_room_when_descriptors_run_out() {
    let (_, pool) = pool();
    let (app, policy) = app().await;
    let _held = pool.upstream(&policy);
    let (stream, _end) = open(&pool, &policy, &app).await;
    stream.give_back();
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).unwrap();
    let files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    let made = get(&pool, &policy, true).await;
    let left = idle(&pool);
    let none = get(&pool, &policy, true).await;
    drop(files);
    assert_eq!((made.unwrap().1, left), (Reused::No, 0));
    assert_eq!(none.unwrap_err(), UpstreamFault::OutOfDescriptors);
}

/// It lowers the limit of its whole process, which is its own (each test has one).
#[tokio::test]
async fn idle_connections_make_room_for_lookups_too() {
    let (table, pool) = pool();
    let (app, idle_policy) = app().await;
    let _held = pool.upstream(&idle_policy);
    let (first, _first_end) = open(&pool, &idle_policy, &app).await;
    let (second, _second_end) = open(&pool, &idle_policy, &app).await;
    first.give_back();
    second.give_back();
    table.opens.store(true, Ordering::Relaxed);
    table.says(&[app.local_addr().unwrap()]);
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).unwrap();
    let files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    let made = get(&pool, &policy("app:80"), false).await;
    drop(files);
    assert_eq!((made.unwrap().1, idle(&pool)), (Reused::No, 0));
}

/// It lowers the limit of its whole process, which is its own (each test has one).
#[tokio::test]
async fn a_fault_of_this_machine_forgets_no_address() {
    let (table, pool) = pool();
    let (app, _) = app().await;
    let address = app.local_addr().unwrap();
    let policy = policy("app:80");
    let _held = pool.upstream(&policy);
    table.says(&[address]);
    drop(open(&pool, &policy, &app).await);
    // Another lookup would never end.
    *table.answer.lock().unwrap() = None;
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).unwrap();
    let files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
    assert_eq!(get(&pool, &policy, true).await.unwrap_err(), UpstreamFault::OutOfDescriptors);
    drop(files);
    drop(open(&pool, &policy, &app).await);
}

fn at_socket(path: &std::path::Path, connect: Duration) -> UpstreamPolicy {
    UpstreamPolicy { address: AppAddress::Unix(path.to_owned()), connect, ..policy("") }
}

#[tokio::test]
async fn a_unix_socket_has_connections_as_an_address_has() {
    let (table, pool) = pool();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let policy = at_socket(&path, Duration::from_secs(10));
    let _held = pool.upstream(&policy);
    assert_eq!(get(&pool, &policy, false).await.unwrap_err(), UpstreamFault::Refused);
    let app = tokio::net::UnixListener::bind(&path).unwrap();
    let (mut stream, reused) = get(&pool, &policy, false).await.unwrap();
    let (mut end, _) = app.accept().await.unwrap();
    stream.write_all(b"x").await.unwrap();
    assert_eq!((reused, end.read_u8().await.unwrap()), (Reused::No, b'x'));
    stream.give_back();
    // No name, so nothing that a sweep could find to have moved.
    pool.sweep(StdInstant::now());
    let (mut stream, reused) = get(&pool, &policy, false).await.unwrap();
    assert_eq!((reused, idle(&pool)), (Reused::Yes, 0));
    drop(end);
    until_heard(&mut stream).await;
    stream.give_back();
    let (_, reused) = get(&pool, &policy, false).await.unwrap();
    assert_eq!(reused, Reused::No, "the app had closed it");
    assert_eq!(table.lookups.load(Ordering::Relaxed), 0);
}

/// The system refuses a connection to a Unix socket whose queue is full, instead of waiting.
#[tokio::test]
async fn a_full_queue_of_a_unix_socket_is_waited_for() {
    let (_, pool) = pool();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let socket = tokio::net::UnixSocket::new_stream().unwrap();
    socket.bind(&path).unwrap();
    let app = socket.listen(1).unwrap();
    let (hasty, patient) =
        (at_socket(&path, Duration::from_millis(50)), at_socket(&path, Duration::from_secs(10)));
    let _held = pool.upstream(&hasty);
    let mut queue = Vec::new();
    let fault = loop {
        match get(&pool, &hasty, true).await {
            Ok(stream) => queue.push(stream),
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault, UpstreamFault::Timeout);
    let waits = tokio::spawn(pool.upstream(&patient).get(patient.connect, true));
    let accepted = app.accept().await.unwrap();
    assert_eq!(waits.await.unwrap().unwrap().1, Reused::No);
    drop((accepted, queue));
}

/// An app that speaks TLS with a certificate of its own, which is not looked at.
async fn app_over_tls() -> (TcpListener, TlsAcceptor, UpstreamPolicy) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["app.lan".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let settings = ServerConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let (listener, plain) = app().await;
    let tls = UpstreamTls {
        server_name: ServerName::try_from("app.lan").unwrap(),
        trust: CertificateTrust::Anyone,
    };
    let authority = plain.address.authority().unwrap().to_owned();
    let policy = UpstreamPolicy { address: AppAddress::Tls { authority, tls }, ..plain };
    (listener, TlsAcceptor::from(Arc::new(settings)), policy)
}

/// The last bytes of a request may still lie in the stream, encrypted: nothing else would send them.
#[tokio::test]
async fn what_a_full_socket_did_not_take_is_sent_later() {
    let (_, pool) = pool();
    let (listener, acceptor, policy) = app_over_tls().await;
    let _held = pool.upstream(&policy);
    let accepts = async { acceptor.accept(listener.accept().await.unwrap().0).await.unwrap() };
    let open = async || {
        let (made, app) = tokio::join!(get(&pool, &policy, true), accepts);
        (made.unwrap().0, app)
    };
    let (mut stream, mut app) = open().await;
    let mut written = 0;
    poll_fn(|cx| {
        while let Poll::Ready(taken) = Pin::new(&mut stream).poll_write(cx, &[7; 8 << 10]) {
            written += taken.unwrap();
        }
        Poll::Ready(())
    })
    .await;
    assert!(stream.opened.stream.holds_bytes());
    let reads = tokio::spawn(async move {
        let mut all = vec![0; written];
        app.read_exact(&mut all).await.map(|_| all)
    });
    poll_fn(|cx| stream.poll_send_rest(cx)).await.unwrap();
    assert!(!stream.opened.stream.holds_bytes());
    let all = tokio::time::timeout(Duration::from_secs(10), reads).await.unwrap().unwrap().unwrap();
    assert!(all.iter().all(|byte| *byte == 7));
}

#[tokio::test]
async fn connections_of_one_client_are_within_the_bounds_of_all() {
    let (_, pool) = pool();
    let (app, policy) = app().await;
    let upstream = pool.upstream(&policy);
    let (alice, bob) = (Owner::fresh(), Owner::fresh());
    let (stream, _end) = open(&pool, &policy, &app).await;
    stream.keep_for(alice);
    assert_eq!(idle(&pool), 1);
    // Nobody else is given it.
    assert!(upstream.take_owned(bob).is_none());
    let (other, reused) = get(&pool, &policy, false).await.unwrap();
    assert_eq!((reused, idle(&pool)), (Reused::No, 1));
    let stream = upstream.take_owned(alice).unwrap();
    assert_eq!(idle(&pool), 0);
    // One that ends with its client leaves those of others.
    stream.keep_for(alice);
    other.keep_for(bob);
    upstream.end_owned(bob);
    assert_eq!(idle(&pool), 1);
    // It makes room where there are too many.
    let (newer, _newer_end) = open(&pool, &policy, &app).await;
    pool.idle.fetch_add(IDLE_MAX, Ordering::Relaxed);
    newer.give_back();
    pool.idle.fetch_sub(IDLE_MAX, Ordering::Relaxed);
    assert_eq!(idle(&pool), 1);
    assert!(upstream.take_owned(alice).is_none());
    // It is closed where descriptors run out, and when it is too old.
    let (stream, _end) = open(&pool, &policy, &app).await;
    stream.keep_for(alice);
    assert_eq!((pool.close_idle(), idle(&pool)), (2, 0));
    let (stream, _end) = open(&pool, &policy, &app).await;
    stream.keep_for(alice);
    for _ in 0..=IDLE_SWEEPS {
        pool.sweep(StdInstant::now());
    }
    assert_eq!(idle(&pool), 0);
}
