#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::fs;

use stagedoor_core::guard::revocation::Subject;

use super::*;

fn user(name: &str) -> Revocation {
    Revocation { subject: Subject::user(name).unwrap(), provider: None, made: 5, until: None }
}

struct Bench {
    folder: tempfile::TempDir,
    list: Arc<RevocationList>,
    errors: IntCounter,
    unsaved: Arc<AtomicBool>,
}

impl Bench {
    fn new() -> (Self, Worker) {
        let (folder, list) = (tempfile::tempdir().unwrap(), Arc::new(RevocationList::default()));
        let errors = IntCounter::new("errors", "errors").unwrap();
        let unsaved = Arc::new(AtomicBool::new(false));
        let bench = Self { folder, list, errors, unsaved };
        let store = StateWriter::load(bench.folder.path(), &bench.list).unwrap();
        let worker = bench.worker(store);
        (bench, worker)
    }

    fn worker(&self, store: Option<Store>) -> Worker {
        Worker {
            list: Arc::clone(&self.list),
            folder: self.folder.path().to_owned(),
            store,
            unsaved: Arc::clone(&self.unsaved),
            errors: self.errors.clone(),
            told: false,
            last_try: Instant::now() - RETRY,
        }
    }

    /// The users in the store.
    fn stored(&self) -> Vec<String> {
        let store = Store::open(self.folder.path()).unwrap();
        names(store.map(|store| store.revocations().unwrap()).unwrap_or_default())
    }
}

fn names(revocations: Vec<Revocation>) -> Vec<String> {
    let mut names: Vec<String> = revocations
        .into_iter()
        .map(|revocation| match revocation.subject {
            Subject::User(name) => name.to_string(),
            other @ (Subject::Everybody | Subject::Jti(_) | Subject::Token(_)) => format!("{other:?}"),
        })
        .collect();
    names.sort();
    names
}

#[test]
fn what_another_process_stores_is_in_force_here() {
    let (bench, mut worker) = Bench::new();
    worker.tick();
    assert!(bench.list.is_empty() && bench.stored().is_empty());
    Store::create(bench.folder.path()).unwrap().add(&[user("bob")], 1).unwrap();
    worker.tick();
    assert_eq!(names(bench.list.all()), ["bob"], "a store that was made");
    Store::create(bench.folder.path()).unwrap().add(&[user("alice")], 1).unwrap();
    worker.tick();
    assert_eq!(names(bench.list.all()), ["alice", "bob"], "and one that was written");
    assert_eq!(bench.errors.get(), 0);
}

#[test]
fn a_store_that_is_taken_away_is_written_anew() {
    let (bench, mut worker) = Bench::new();
    let path = Store::path(bench.folder.path());
    bench.list.add(&[user("bob")]).unwrap();
    worker.save(&[user("bob")]).unwrap();
    fs::remove_file(&path).unwrap();
    worker.tick();
    assert_eq!(bench.stored(), ["bob"], "without a further revocation");
    fs::remove_file(&path).unwrap();
    bench.list.add(&[user("alice")]).unwrap();
    worker.save(&[user("alice")]).unwrap();
    assert_eq!(bench.stored(), ["alice", "bob"], "with one");
    // Another store in its place has other entries: both count, here and there.
    let other = tempfile::tempdir().unwrap();
    Store::create(other.path()).unwrap().add(&[user("carol")], 1).unwrap();
    fs::rename(Store::path(other.path()), &path).unwrap();
    worker.tick();
    assert_eq!(bench.stored(), ["alice", "bob", "carol"]);
    assert_eq!(names(bench.list.all()), ["alice", "bob", "carol"]);
}

#[test]
fn what_cannot_be_stored_stays_in_force_and_is_written_later() {
    let (bench, mut worker) = Bench::new();
    let path = Store::path(bench.folder.path());
    fs::create_dir(&path).unwrap();
    bench.list.add(&[user("bob")]).unwrap();
    let (done, mut answer) = oneshot::channel();
    worker.write(vec![Job { revocations: vec![user("bob")], done }]);
    assert!(matches!(answer.try_recv().unwrap(), Err(StoreFault::Unusable(_))));
    worker.tick();
    assert_eq!((names(bench.list.all()), bench.errors.get()), (vec!["bob".to_owned()], 2));
    fs::remove_dir(&path).unwrap();
    worker.last_try = Instant::now() - RETRY;
    worker.tick();
    assert_eq!(bench.stored(), ["bob"]);
    assert!(!bench.unsaved.load(Ordering::Acquire));
    // The next gateway has it too.
    let list = RevocationList::default();
    StateWriter::load(bench.folder.path(), &list).unwrap();
    assert_eq!(names(list.all()), ["bob"]);
}

#[test]
fn a_queue_that_is_full_says_so_and_what_it_refused_is_stored_later() {
    let (bench, mut worker) = Bench::new();
    worker.save(&[]).unwrap();
    let (jobs, queue) = sync_channel(1);
    let (list, folder) = (Arc::clone(&bench.list), bench.folder.path().to_owned());
    let writer = StateWriter { list, folder, jobs, unsaved: Arc::clone(&bench.unsaved) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut first = Box::pin(writer.revoke(vec![user("bob")]));
        assert!(futures_util::poll!(&mut first).is_pending(), "it waits for the disk");
        let refused = writer.revoke(vec![user("alice")]).await;
        assert!(matches!(&refused, Err(RevokeFault::Unsaved { .. })), "{refused:?}");
        assert_eq!(names(bench.list.all()), ["alice", "bob"], "both are in force");
        worker.write(queue.try_iter().collect());
        assert_eq!(first.await, Ok(()));
    });
    assert_eq!(bench.stored(), ["bob"]);
    worker.tick();
    assert_eq!(bench.stored(), ["alice", "bob"]);
}

#[test]
fn a_full_list_revokes_nothing_more_and_says_what_helps() {
    let (bench, worker) = Bench::new();
    let many: Vec<Revocation> = (0..RevocationList::MOST).map(|n| user(&format!("u{n}"))).collect();
    bench.list.add(&many).unwrap();
    let (list, folder) = (Arc::clone(&bench.list), bench.folder.path().to_owned());
    let writer = StateWriter::start(folder, worker.store, list, bench.errors.clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let refused = runtime.block_on(writer.revoke(vec![user("bob")])).unwrap_err();
    assert!(refused.to_string().starts_with("nothing was revoked"), "{refused}");
    let all = Revocation { subject: Subject::Everybody, ..user("x") };
    assert_eq!(runtime.block_on(writer.revoke(vec![all])), Ok(()));
}
