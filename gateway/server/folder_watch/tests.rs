#![allow(clippy::unwrap_used, reason = "tests")]

use tokio::time::timeout;

use super::*;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(10);

#[tokio::test]
async fn without_means_to_watch_a_wait_does_not_end() {
    let none = |_: EventHandler| Err(notify::Error::generic("no inotify instance is left"));
    let mut watch = FolderWatch::with(none, |_| true, "they are looked at from time to time");
    assert!(!watch.observe(|| [PathBuf::from(".")].into()).await);
    assert!(timeout(Duration::from_millis(100), watch.change()).await.is_err());
}

#[tokio::test]
async fn a_change_in_a_watched_folder_is_noticed() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut watch = FolderWatch::new(|_| true, "nothing happens");
    let folders = |folders: &[&Path]| folders.iter().map(|folder| folder.to_path_buf()).collect();
    let both: HashSet<_> = folders(&[one.path(), other.path()]);
    assert!(watch.observe(move || both).await);
    std::fs::write(one.path().join("file"), "text").unwrap();
    timeout(LONG, watch.change()).await.unwrap();
    timeout(LONG, watch.rest(Duration::from_millis(20), LONG)).await.unwrap();
    let rest: HashSet<_> = folders(&[other.path()]);
    assert!(!watch.observe(move || rest).await, "it is watched already");
    std::fs::write(other.path().join("file"), "text").unwrap();
    timeout(LONG, watch.change()).await.unwrap();
}

/// A folder that is not there is tried again, and does not hide the others.
#[tokio::test]
async fn a_folder_that_appears_later_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let later = folder.path().join("later");
    let mut watch = FolderWatch::new(|_| true, "nothing happens");
    let all: HashSet<_> = [folder.path().to_owned(), later.clone()].into();
    let again = all.clone();
    assert!(watch.observe(move || all).await);
    std::fs::create_dir(&later).unwrap();
    timeout(LONG, watch.change()).await.unwrap();
    timeout(LONG, watch.rest(Duration::from_millis(20), LONG)).await.unwrap();
    assert!(watch.observe(move || again).await);
    std::fs::write(later.join("file"), "text").unwrap();
    timeout(LONG, watch.change()).await.unwrap();
}

#[test]
fn events_that_count() {
    use notify::event::{
        AccessKind, AccessMode, CreateKind, DataChange, Flag, ModifyKind, RemoveKind, RenameMode,
    };
    let is_toml = |path: &Path| path.extension().is_some_and(|ending| ending == "toml");
    let of = |kind: EventKind, file: &str| is_change(&Event::new(kind).add_path(file.into()), is_toml);
    let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
    assert!(of(written, "a.toml") && !of(written, "log"));
    for kind in [
        EventKind::Create(CreateKind::Any),
        EventKind::Remove(RemoveKind::Any),
        EventKind::Modify(ModifyKind::Name(RenameMode::Any)),
    ] {
        assert!(of(kind, "any"), "{kind:?}");
    }
    for kind in [
        EventKind::Access(AccessKind::Close(AccessMode::Read)),
        EventKind::Modify(ModifyKind::Data(DataChange::Any)),
        EventKind::Other,
    ] {
        assert!(!of(kind, "a.toml"), "{kind:?}");
    }
    assert!(is_change(&Event::new(EventKind::Other).set_flag(Flag::Rescan), is_toml), "events were lost");
}
