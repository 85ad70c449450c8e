#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::folders::is_home;
use crate::reachable::gave_up;

/// Runs on a thread of its own, which alone is confined by landlock.
fn confined<T: Send + 'static>(kept: KeptPaths, look: impl FnOnce(Confinement) -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        let outcome = system::restrict(&kept).unwrap();
        look(outcome)
    });
    thread.join().unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "text").unwrap();
    folder
}

fn kept<const R: usize, const W: usize>(read: [&Path; R], write: [&Path; W]) -> KeptPaths {
    let set = |paths: &[&Path]| paths.iter().map(|path| path.to_path_buf()).collect();
    KeptPaths { read: set(&read), write: set(&write), ..KeptPaths::default() }
}

#[test]
fn what_is_not_kept_is_out_of_reach() {
    let (read, write, other) = (folder(), folder(), folder());
    let [r, w, o] = [&read, &write, &other].map(|folder| folder.path().to_owned());
    confined(kept([&r], [&w]), move |outcome| {
        if outcome == Confinement::NoLandlock {
            assert!(fs::read(o.join("file")).is_ok());
            return;
        }
        let denied = |result: std::io::Result<()>| {
            result.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
        };
        assert_eq!(fs::read(r.join("file")).unwrap(), b"text");
        assert_eq!(fs::read_dir(&r).unwrap().count(), 1);
        assert!(denied(fs::write(r.join("new"), "")) && denied(fs::remove_file(r.join("file"))));

        fs::create_dir(w.join("deep")).unwrap();
        fs::write(w.join("deep/new"), "text").unwrap();
        fs::hard_link(w.join("deep/new"), w.join("deep/linked")).unwrap();
        fs::rename(w.join("deep/new"), w.join("moved")).unwrap();
        fs::File::options().write(true).open(w.join("moved")).unwrap().set_len(0).unwrap();
        fs::remove_dir_all(w.join("deep")).unwrap();
        assert!(denied(symlink("/etc", w.join("etc"))), "nothing that leads out of it");

        assert!(denied(fs::read(o.join("file")).map(drop)) && denied(fs::read_dir(&o).map(drop)));
        assert!(denied(fs::write(o.join("new"), "")) && denied(fs::write("/tmp/stagedoor-confinement", "")));
        assert!(denied(fs::read("/proc/self/environ").map(drop)));
        let program = std::process::Command::new("/bin/sh").args(["-c", "exit 0"]).status();
        assert!(denied(program.map(drop)), "a program was executed");
    });
}

#[test]
fn no_port_is_listened_on_any_more() {
    confined(KeptPaths::default(), |outcome| {
        let bound = std::net::TcpListener::bind("127.0.0.1:0");
        // Landlock knows of ports from its fourth version on.
        let knows = matches!(outcome, Confinement::Confined { abi, .. } if abi >= 4);
        assert_eq!(bound.is_err(), knows, "{outcome:?}");
    });
}

#[test]
fn a_dump_would_hold_secrets() {
    system::forbid_dumps().unwrap();
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
        assert!(matches!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable));
    }
}

#[test]
fn off_gives_nothing_up() {
    let outcome =
        std::thread::spawn(|| enter(ConfinePolicy::Off, &KeptPaths::default()).unwrap()).join().unwrap();
    assert_eq!(outcome, Confinement::Off);
    assert_eq!(gave_up(Path::new("/etc/passwd")), None);
}

#[test]
fn a_folder_is_kept_for_its_file_and_for_where_its_link_leads() {
    let (named, real) = (folder(), folder());
    let link = named.path().join("link");
    symlink(real.path().join("file"), &link).unwrap();
    let real_folder = real.path().canonicalize().unwrap();
    assert_eq!(places_of(&link, is_shared), [link.clone(), named.path().to_owned(), real_folder]);
    let missing = named.path().join("missing");
    assert_eq!(places_of(&missing, is_shared), [missing.clone(), named.path().to_owned()]);
    let nowhere = named.path().join("no/folder");
    assert_eq!(places_of(&nowhere, is_shared), std::slice::from_ref(&nowhere));
}

#[test]
fn of_folders_that_belong_to_the_system_one_file_is_kept() {
    assert_eq!(places_of(Path::new("/etc/hosts"), is_shared), [Path::new("/etc/hosts")]);
    assert_eq!(places_of(Path::new("/etc/../etc/hosts"), is_shared), [Path::new("/etc/../etc/hosts")]);
    assert_eq!(places_of(Path::new("/stagedoor.toml"), is_shared), [Path::new("/stagedoor.toml")]);
    assert_eq!(
        places_of(Path::new("/dev/null"), is_shared),
        [Path::new("/dev/null")],
        "a device is never replaced"
    );
}

/// Else a configuration in `/etc` would keep all that is there.
#[test]
fn of_a_configuration_among_the_systems_files_nothing_but_itself_is_kept() {
    let mut kept = KeptPaths::default();
    kept.configuration(Path::new("/etc/hosts"), [Path::new("/etc/passwd")].into_iter());
    let set = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<BTreeSet<_>>();
    assert_eq!(
        kept,
        KeptPaths {
            list: set(&["/etc"]),
            read: set(&["/etc/hosts", "/etc/passwd"]),
            files_of: set(&["/etc"]),
            ..KeptPaths::default()
        }
    );
    let (listed, private) = (folder(), folder());
    let [l, p] = [&listed, &private].map(|folder| folder.path().to_owned());
    symlink(p.join("file"), l.join("link")).unwrap();
    let kept = KeptPaths { list: BTreeSet::from([l.clone()]), ..KeptPaths::default() };
    confined(kept, move |outcome| {
        assert_eq!(fs::read_dir(&l).unwrap().count(), 2, "names are seen");
        for file in [l.join("file"), l.join("link"), p.join("file")] {
            assert_eq!(fs::read(&file).is_ok(), outcome == Confinement::NoLandlock, "{}", file.display());
        }
    });
}

/// A folder with these permissions.
fn with_mode(mode: u32) -> tempfile::TempDir {
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    folder
}

#[test]
fn folders_of_others_are_not_kept() {
    let there = |path: &&&str| Path::new(path).is_dir();
    for shared in
        ["/tmp", "/var/tmp", "/var/log", "/var/lib", "/opt", "/usr/share", "/home"].iter().filter(there)
    {
        assert!(is_shared(Path::new(shared)) && is_of_others(Path::new(shared)), "{shared}");
    }
    // Where everybody writes, as on a network drive, is no reason not to read what is one's own.
    for (mode, written, read) in [
        (0o700, true, true),
        (0o755, true, true),
        (0o775, true, true),
        (0o777, false, true),
        (0o1700, false, false),
        (0o1777, false, false),
    ] {
        let folder = with_mode(mode);
        let file = folder.path().join("file");
        for (is_given_up, expected) in [(is_shared as fn(&Path) -> bool, written), (is_of_others, read)] {
            assert_eq!(is_given_up(folder.path()), !expected, "{mode:o}");
            let places = places_of(&file, is_given_up);
            assert_eq!(places.contains(&folder.path().to_owned()), expected, "{mode:o}");
        }
    }
    for (folder, home, expected) in [
        ("/home/bob", None, true),
        ("/home/bob/stagedoor", Some("/home/bob"), false),
        ("/export/bob", Some("/export/bob"), true),
        ("/export/bob", Some("/export/eve"), false),
        ("/var/lib/stagedoor", Some("/var/lib/stagedoor"), false),
        ("/etc/stagedoor", None, false),
    ] {
        assert_eq!(is_home(Path::new(folder), home.map(Path::new)), expected, "{folder} {home:?}");
    }
}

/// A path that leads to what this process has open.
fn descriptor(open: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/dev/fd/{}", open.as_raw_fd()))
}

#[test]
fn an_access_log_needs_a_folder_that_it_may_change() {
    let check = |file: &Path, expected: Result<bool, ()>| {
        let mut kept = KeptPaths::default();
        let outcome = kept.access_log(file).map_err(drop);
        let folder = file.parent().unwrap();
        assert_eq!(outcome.map(|()| kept.write.contains(folder)), expected, "{}", file.display());
    };
    let (own, everybodys) = (with_mode(0o755), with_mode(0o1777));
    check(&own.path().join("log"), Ok(true));
    check(&own.path().join("not/there/yet/log"), Ok(true));
    check(&everybodys.path().join("log"), Err(()));
    check(&everybodys.path().join("own/log"), Ok(true));
    check(Path::new("/etc/stagedoor.log"), Err(()));
    for folder in [own.path(), Path::new("/etc")] {
        let refused = KeptPaths::default().access_log(folder).unwrap_err();
        assert_eq!(refused, Misplaced::Folder(folder.to_owned()));
    }
    check(Path::new("/var/tmp/stagedoor.log"), Err(()));
    check(Path::new("/dev/null"), Ok(false));
    let (_end, pipe) = std::io::pipe().unwrap();
    check(&descriptor(&pipe), Ok(false));
    let _listener = std::os::unix::net::UnixListener::bind(own.path().join("socket")).unwrap();
    check(&own.path().join("socket"), Ok(false));
    check(&descriptor(&fs::File::create(own.path().join("log")).unwrap()), Err(()));
    if is_open_to_all(Path::new("/var/log")) == Some(false) {
        check(Path::new("/var/log/stagedoor.log"), Ok(true));
    }
}

#[test]
fn the_state_needs_a_folder_that_it_may_change() {
    let check = |folder: &Path, expected: bool| {
        let mut kept = KeptPaths::default();
        let outcome = kept.own_folder(folder, "state");
        assert_eq!(outcome, if expected { Ok(()) } else { Err(folder.to_owned()) });
        assert_eq!(kept.write.contains(folder), expected, "{}", folder.display());
    };
    let (own, everybodys, sticky) = (with_mode(0o755), with_mode(0o777), with_mode(0o1777));
    symlink("/etc", own.path().join("etc")).unwrap();
    for (folder, expected) in [
        (own.path().to_owned(), true),
        (own.path().join("not/there/yet"), true),
        (own.path().join("etc"), false),
        // With a warning: the volumes of containers may be such.
        (everybodys.path().to_owned(), true),
        (everybodys.path().join("own"), true),
        (sticky.path().to_owned(), false),
        (PathBuf::from("/"), false),
        (PathBuf::from("/etc"), false),
        (PathBuf::from("/etc/../etc/"), false),
    ] {
        check(&folder, expected);
    }
    if is_open_to_all(Path::new("/var/lib")) == Some(false) {
        check(Path::new("/var/lib"), true);
    }
}
