#![allow(clippy::unwrap_used, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_socket_has_its_mode_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    for expected in [0o600, 0o660, 0o666] {
        let before = umask(Mode::from_bits_truncate(0o022));
        let (listener, file) = bind(&path, expected).unwrap();
        assert_eq!(mode(&path), expected);
        assert_eq!(umask(before), Mode::from_bits_truncate(0o022), "the umask is as it was");
        UnixStream::connect(&path).unwrap();
        drop((listener, file));
        assert!(!path.exists());
    }
}

#[test]
fn a_file_that_was_left_behind_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists() && UnixStream::connect(&path).is_err());
    let (_listener, _file) = bind(&path, 0o600).unwrap();
    UnixStream::connect(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn what_somebody_uses_stays() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| bind(path, 0o600).unwrap_err().kind();

    let listened = folder.path().join("listened.sock");
    let (_listener, _file) = bind(&listened, 0o600).unwrap();
    assert_eq!(refused(&listened), ErrorKind::AddrInUse);
    // Nobody accepts here: whoever waits for a place in the queue waits for ever.
    let held: Vec<_> = (0..16).map(|_| UnixStream::connect(&listened).unwrap()).collect();
    assert_eq!(refused(&listened), ErrorKind::AddrInUse);
    drop(held);

    let datagrams = folder.path().join("datagrams.sock");
    let _other = UnixDatagram::bind(&datagrams).unwrap();
    assert_eq!(refused(&datagrams), ErrorKind::AddrInUse);

    let text = folder.path().join("text");
    fs::write(&text, "text").unwrap();
    assert_eq!(refused(&text), ErrorKind::AlreadyExists);
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&text, &link).unwrap();
    assert_eq!(refused(&link), ErrorKind::AlreadyExists);
    assert_eq!(fs::read_to_string(&text).unwrap(), "text");
    assert!(listened.exists() && datagrams.exists() && link.exists());
}

#[test]
fn the_file_of_a_successor_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    let (_listener, file) = bind(&path, 0o600).unwrap();
    fs::remove_file(&path).unwrap();
    let (_next, _its_file) = bind(&path, 0o600).unwrap();
    drop(file);
    UnixStream::connect(&path).unwrap();
}

/// An operator may open the socket to others, or give it to another group.
#[test]
fn a_file_whose_mode_was_changed_is_removed_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    let (_listener, file) = bind(&path, 0o600).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    drop(file);
    assert!(!path.exists());
}

/// Another gateway that starts has found the same file left behind, and makes its own.
#[test]
fn a_file_that_another_gateway_makes_meanwhile_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("http.sock");
    drop(UnixListener::bind(&path).unwrap());
    let lock = lock(folder.path()).unwrap();
    let (bound, result) = std::sync::mpsc::channel();
    let own = path.clone();
    let starting = std::thread::spawn(move || bound.send(bind(&own, 0o600).map(|_| ())));
    assert!(result.recv_timeout(Duration::from_millis(200)).is_err(), "it does not wait for the other one");
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    drop(lock);
    let bound = result.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(bound.unwrap_err().kind(), ErrorKind::AddrInUse);
    UnixStream::connect(&path).unwrap();
    starting.join().unwrap().unwrap();
}

/// Any user who can read a folder can hold its lock.
#[test]
fn a_lock_that_is_never_given_back_holds_up_nothing_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let held = lock(folder.path()).unwrap();
    let (_listener, _file) = bind(&folder.path().join("http.sock"), 0o600).unwrap();
    drop(held);
}
