#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use stagedoor_core::guard::revocation::{Subject, TokenId};

use super::*;

const NOW: u64 = 1_800_000_000;

fn user(name: &str) -> Revocation {
    Revocation { subject: Subject::user(name).unwrap(), provider: None, made: NOW, until: Some(NOW + 60) }
}

/// Some of each kind.
fn some() -> Vec<Revocation> {
    let provider = Some(Arc::from("house"));
    vec![
        user("bob"),
        Revocation { provider: provider.clone(), ..user("bob") },
        Revocation { subject: Subject::Everybody, until: None, ..user("x") },
        Revocation { subject: Subject::Everybody, provider, ..user("x") },
        Revocation { subject: Subject::jti("j 1").unwrap(), ..user("x") },
        Revocation { subject: Subject::Token(TokenId::of_jti("j 2")), ..user("x") },
    ]
}

fn sorted(mut revocations: Vec<Revocation>) -> Vec<Revocation> {
    revocations.sort_by_key(|revocation| format!("{revocation:?}"));
    revocations
}

fn stored(folder: &Path) -> Vec<Revocation> {
    sorted(Store::open(folder).unwrap().expect("a store").revocations().unwrap())
}

/// A folder with a store of these.
fn folder(revocations: &[Revocation]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    Store::create(folder.path()).unwrap().add(revocations, NOW).unwrap();
    folder
}

#[test]
fn what_was_stored_is_there_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("data");
    assert!(Store::open(&folder).unwrap().is_none(), "looking makes nothing");
    assert!(!folder.exists());
    Store::create(&folder).unwrap().add(&some(), NOW).unwrap();
    assert_eq!(stored(&folder), sorted(some()));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&Store::path(&folder))), (0o700, 0o600));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing lies beside it");
}

#[test]
fn an_entry_is_only_ever_extended_and_leaves_when_it_has_ended() {
    let folder = folder(&[user("bob"), user("alice")]);
    let mut store = Store::open(folder.path()).unwrap().unwrap();
    for (made, until, expected) in [
        (NOW - 5, Some(NOW + 10), (NOW, Some(NOW + 60))),
        (NOW + 5, Some(NOW + 90), (NOW + 5, Some(NOW + 90))),
        (NOW, None, (NOW + 5, None)),
        (NOW, Some(NOW + 900), (NOW + 5, None)),
    ] {
        store.add(&[Revocation { made, until, ..user("bob") }], NOW + 60).unwrap();
        let all = store.revocations().unwrap();
        let bob = all.iter().find(|revocation| revocation.subject == user("bob").subject).unwrap();
        assert_eq!((all.len(), (bob.made, bob.until)), (2, expected));
    }
    store.add(&[], NOW + 61).unwrap();
    assert_eq!(store.revocations().unwrap().len(), 1, "alice's has ended");
}

#[test]
fn two_that_have_it_open_see_what_the_other_writes() {
    let folder = folder(&[user("bob")]);
    let [mut one, mut other] = [(); 2].map(|()| Store::open(folder.path()).unwrap().unwrap());
    assert_eq!(one.news().unwrap(), []);
    one.add(&[user("alice")], NOW).unwrap();
    assert_eq!(one.news().unwrap(), [], "its own is no news");
    assert_eq!(other.news().unwrap().len(), 2);
    assert_eq!(other.news().unwrap(), []);
    other.add(&[user("carol")], NOW).unwrap();
    assert_eq!((one.news().unwrap().len(), one.revocations().unwrap().len()), (3, 3));
    // Both at once, many times: each write has what the other wrote.
    std::thread::scope(|scope| {
        for (name, store) in [("one", &mut one), ("other", &mut other)] {
            scope.spawn(move || {
                for n in 0..20 {
                    store.add(&[user(&format!("{name}-{n}"))], NOW).unwrap();
                }
            });
        }
    });
    assert_eq!(stored(folder.path()).len(), 43);
}

#[test]
fn a_store_without_room_takes_nothing() {
    let many: Vec<Revocation> = (0..RevocationList::MOST).map(|n| user(&format!("u{n}"))).collect();
    let folder = folder(&many);
    let mut store = Store::open(folder.path()).unwrap().unwrap();
    assert_eq!(store.add(&[user("u1"), user("more")], NOW), Err(StoreFault::Full));
    assert_eq!(store.revocations().unwrap().len(), RevocationList::MOST);
    store.add(&[Revocation { subject: Subject::Everybody, ..user("x") }], NOW).unwrap();
    store.add(&[user("more")], NOW + 61).unwrap();
    assert_eq!(store.revocations().unwrap().len(), 1, "what has ended makes room");
}

#[test]
fn another_file_in_its_place_is_noticed() {
    let folder = folder(&[user("bob")]);
    let store = Store::open(folder.path()).unwrap().unwrap();
    assert!(store.is_in_place());
    let path = Store::path(folder.path());
    fs::copy(&path, folder.path().join("copy")).unwrap();
    fs::rename(folder.path().join("copy"), &path).unwrap();
    assert!(!store.is_in_place());
    fs::remove_file(&path).unwrap();
    assert!(!store.is_in_place());
}

#[test]
fn of_several_that_make_it_one_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for n in 0..4 {
            let folder = folder.path();
            scope.spawn(move || {
                Store::create(folder).unwrap().add(&[user(&format!("u{n}"))], NOW).unwrap();
            });
        }
    });
    assert_eq!(stored(folder.path()).len(), 4);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

/// Whatever byte is another one, the store is either refused or has lost nothing.
#[test]
fn a_damaged_store_is_never_read_in_part() {
    let whole = folder(&some());
    let bytes = fs::read(Store::path(whole.path())).unwrap();
    let other = tempfile::tempdir().unwrap();
    let path = Store::path(other.path());
    let opened = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let read = Store::open(other.path()).and_then(|store| store.expect("a file").revocations());
        read.map(sorted)
    };
    assert_eq!(opened(&bytes), Ok(sorted(some())));
    let mut refused = 0;
    // Every byte that differs from zero, and some of the others.
    for (at, byte) in bytes.iter().enumerate().filter(|(at, byte)| **byte != 0 || at % 97 == 0) {
        let mut changed = bytes.clone();
        changed[at] = byte ^ (1 << (at % 8));
        match opened(&changed) {
            Ok(read) => assert_eq!(read, sorted(some()), "byte {at}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100, "{refused}");
    for length in [0, 1, 50, 100, 1000, 4096, bytes.len() - 4096, bytes.len() - 1] {
        assert!(opened(&bytes[..length]).is_err(), "cut off after {length}");
    }
}

#[test]
fn what_is_no_store_of_this_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = Store::path(folder.path());
    let opened = || Store::open(folder.path()).map(|store| store.is_some());
    fs::write(&path, "not a database at all, but a text that is longer than the head of one".repeat(30))
        .unwrap();
    assert_eq!(opened(), Err(StoreFault::Foreign));
    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE other (x)").unwrap();
    assert_eq!(opened(), Err(StoreFault::Foreign));
    fs::remove_file(&path).unwrap();
    Store::create(folder.path()).unwrap();
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    assert_eq!(opened(), Err(StoreFault::Newer { found: 99, known: VERSION }));
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(opened(), Err(StoreFault::Unusable(_))));
}

#[test]
fn a_row_that_another_program_changed_is_noticed() {
    for change in [
        "DELETE FROM revocation WHERE name = 'bob'",
        "UPDATE revocation SET until = 1",
        "INSERT INTO revocation VALUES ('user', 'dave', '', 1, NULL)",
        "DELETE FROM seal",
        "DROP TABLE seal",
        "DROP TABLE revocation",
    ] {
        let folder = folder(&some());
        Connection::open(Store::path(folder.path())).unwrap().execute_batch(change).unwrap();
        let opened = Store::open(folder.path()).map(drop);
        assert!(matches!(opened, Err(StoreFault::Damaged(_))), "{change}: {opened:?}");
    }
}
