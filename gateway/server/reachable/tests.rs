#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;

/// A folder with these permissions, and a file in it.
fn with_mode(mode: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "text").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    folder
}

#[test]
fn outside_is_told_by_the_real_path() {
    let (inside, outside) = (with_mode(0o755), with_mode(0o755));
    symlink(outside.path().join("file"), inside.path().join("leads-out")).unwrap();
    symlink(inside.path(), outside.path().join("leads-in")).unwrap();
    let kept = [inside.path().canonicalize().unwrap()];
    for (path, expected) in [
        (inside.path().join("file"), false),
        (inside.path().join("not/there/yet"), false),
        (inside.path().join("leads-out"), true),
        (outside.path().join("file"), true),
        (outside.path().join("not/there/yet"), true),
        (outside.path().join("leads-in/file"), false),
        (PathBuf::from("a-relative-name"), true),
    ] {
        assert_eq!(is_outside(&kept, &path), expected, "{}", path.display());
    }
}

/// A restart mends it once and for all only where the folder is kept from then on.
#[test]
fn what_a_restart_mends_is_told_by_the_folder() {
    let (own, everybodys, many) = (with_mode(0o755), with_mode(0o777), with_mode(0o1777));
    symlink(own.path().join("file"), many.path().join("leads-out")).unwrap();
    symlink(many.path().join("file"), own.path().join("leads-in")).unwrap();
    for (path, read, made) in [
        (own.path().join("file"), GivenUp::UntilRestart, GivenUp::UntilRestart),
        (own.path().join("leads-in"), GivenUp::ButForFiles, GivenUp::ButForFiles),
        (own.path().to_owned(), GivenUp::UntilRestart, GivenUp::UntilRestart),
        (everybodys.path().join("new"), GivenUp::UntilRestart, GivenUp::ButForFiles),
        (many.path().join("file"), GivenUp::ButForFiles, GivenUp::ButForFiles),
        (many.path().join("leads-out"), GivenUp::UntilRestart, GivenUp::UntilRestart),
        // Its folder is made at the restart.
        (many.path().join("deep/new"), GivenUp::UntilRestart, GivenUp::UntilRestart),
        (many.path().to_owned(), GivenUp::ButForFiles, GivenUp::ButForFiles),
        (PathBuf::from("/etc/hosts"), GivenUp::ButForFiles, GivenUp::ButForFiles),
    ] {
        assert_eq!(after_restart(&path, is_of_others), read, "{}", path.display());
        assert_eq!(after_restart(&path, is_shared), made, "{}", path.display());
    }
}
