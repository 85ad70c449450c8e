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
    let (listener, file) = bind(&path, 0o600).unwrap();
    drop(listener);
    let (_next, _its_file) = bind(&path, 0o600).unwrap();
    drop(file);
    UnixStream::connect(&path).unwrap();
}
