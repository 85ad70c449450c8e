#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use std::fs;

fn materials(base: &Path) -> DiskMaterials {
    DiskMaterials::within(base)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_secret_is_made_once_and_kept_private() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let materials = materials(dir.path());

    let first = materials.generate("data/keys/jwt").unwrap().unwrap();
    assert_eq!(first.expose().len(), 43);
    assert_eq!(URL_SAFE_NO_PAD.decode(first.expose()).unwrap().len(), 32);
    let found = materials.file("data/keys/jwt").unwrap();
    assert_eq!((found.bytes.expose(), found.open), (first.expose(), false));
    let again = materials.generate("data/keys/jwt").unwrap().unwrap();
    assert_eq!(again.expose(), first.expose(), "what stands there is not replaced");

    assert_eq!(mode(&dir.path().join("data/keys/jwt")), 0o600);
    assert_eq!(mode(&dir.path().join("data/keys")), 0o700);
    assert_eq!(mode(&dir.path().join("data")), 0o700);
    assert_eq!(mode(dir.path()), 0o755, "a folder that was there is left as it is");
    let names: Vec<_> =
        fs::read_dir(dir.path().join("data/keys")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["jwt"], "nothing is left behind");
}

#[test]
fn check_makes_and_sees_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("there"), "x").unwrap();
    let check = DiskMaterials { may_generate: false, ..materials(dir.path()) };
    assert!(check.generate("a/b").unwrap().is_none());
    assert!(check.file("there").is_ok());
    let blind = DiskMaterials { no_files: true, ..materials(dir.path()) };
    assert!(blind.generate("a/b").unwrap().is_none());
    assert_eq!(blind.file("there").unwrap_err(), FileFault::Missing);
    assert!(blind.env("PATH").is_some() && check.env("PATH").is_some());
    assert!(blind.stand_in() && !check.stand_in());
    let deaf = DiskMaterials { no_environment: true, ..materials(dir.path()) };
    assert!(deaf.env("PATH").is_none() && !deaf.stand_in() && deaf.file("there").is_ok());
    assert!(!dir.path().join("a").exists());
}

/// Whoever plants a secret knows it.
#[test]
fn a_file_of_another_user_counts_where_that_one_cannot_have_put_it() {
    for (owner, own, foreign) in [(1000, 1000, false), (0, 1000, false), (1001, 1000, true), (1000, 0, true)]
    {
        assert_eq!(is_foreign(owner, own), foreign, "{owner} {own}");
    }
    let (own, everybodys) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::set_permissions(everybodys.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let secret = |dir: &tempfile::TempDir| {
        let file = dir.path().join("secret");
        fs::write(&file, "x").unwrap();
        file
    };
    let (mine, planted) = (secret(&own), secret(&everybodys));
    let (away, here) = (everybodys.path().join("link"), own.path().join("link"));
    std::os::unix::fs::symlink(&mine, &away).unwrap();
    std::os::unix::fs::symlink(&planted, &here).unwrap();
    for (path, open) in [(mine, false), (planted, true), (away, true), (here, true)] {
        assert_eq!(is_in_shared_folder(&path), open, "{}", path.display());
    }
    // What one made oneself counts anywhere.
    assert!(materials(everybodys.path()).file("secret").is_ok());
}

#[test]
fn files_others_can_read_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("secret");
    fs::write(&file, "x").unwrap();
    std::os::unix::fs::symlink(&file, dir.path().join("link")).unwrap();
    for (bits, open) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o444, true)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(bits)).unwrap();
        for name in ["secret", "link"] {
            assert_eq!(materials(dir.path()).file(name).unwrap().open, open, "{bits:o} {name}");
        }
    }
}

#[test]
fn what_container_runtimes_mount_is_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = dir.path().join("mounted").join("");
    fs::create_dir(&mounted).unwrap();
    fs::write(mounted.join("secret"), "x").unwrap();
    fs::write(dir.path().join("elsewhere"), "x").unwrap();
    std::os::unix::fs::symlink(mounted.join("secret"), dir.path().join("to")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), mounted.join("from")).unwrap();
    let mounted = mounted.canonicalize().unwrap();
    for (path, open) in [
        (mounted.join("secret"), false),
        (dir.path().join("to"), false),
        (mounted.join("from"), true),
        (mounted.join("../elsewhere"), true),
        (dir.path().join("elsewhere"), true),
    ] {
        let open_there = |bits| is_open(bits, &path, &[dir.path().join("absent"), mounted.clone()]);
        // With an access list, systemd's credentials show 0440.
        assert_eq!((open_there(0o444), open_there(0o440)), (open, open), "{}", path.display());
    }
    assert_eq!(MOUNTED, ["/run/secrets", "/run/credentials"]);
}

#[test]
fn what_cannot_be_a_secret_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("large"), vec![0; (1 << 20) + 1]).unwrap();
    fs::write(dir.path().join("fits"), vec![0; 1 << 20]).unwrap();
    fs::create_dir(dir.path().join("folder")).unwrap();
    let fault = |path: &str| materials(dir.path()).file(path).err();
    let refused = |text: &str| Some(FileFault::Unreadable(text.into()));
    assert_eq!(fault("fits"), None);
    assert_eq!(fault("large"), refused("larger than 1 MiB"));
    assert_eq!(fault("folder"), refused("not a regular file"));
    assert_eq!(fault("/dev/zero"), refused("not a regular file"));
    assert_eq!(fault("missing"), Some(FileFault::Missing));
    assert!(materials(dir.path()).generate("large/below").is_err());
}

#[test]
fn secrets_differ() {
    assert_ne!(fresh_secret().expose(), fresh_secret().expose());
}
