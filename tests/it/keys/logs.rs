//! What is written down, and where.

use super::{APP, two};
use crate::harness::{Gateway, Request, Upstream, poll_until};

/// Three reloads, of which the second brings the level, and one that fails: its line comes under every level.
#[test]
pub(super) fn level() {
    let app = Upstream::start();
    for (level, told) in [("info", 3), ("error", 1)] {
        let (gateway, _) = two(&app, "[log]\nlevel = \"info\"", "");
        let config = gateway.folder.read("stagedoor.toml");
        assert_eq!(gateway.reload(), "ok");
        gateway.wait_for_log("configuration reloaded");
        gateway.folder.configure(&config.replace("\"info\"", &format!("\"{level}\"")));
        assert_eq!(gateway.reload(), "ok");
        assert_eq!(gateway.reload(), "ok");
        gateway.folder.configure("nonsense = 1");
        assert_eq!(gateway.reload(), "failed");
        gateway.wait_for_log("configuration not reloaded");
        assert_eq!(gateway.log().matches("configuration reloaded").count(), told, "{level}");
    }
}

#[test]
pub(super) fn access() {
    let app = Upstream::start();
    let (stdout, file) =
        two(&app, "[log]\naccess = \"stdout\"", "[log]\naccess = { file = \"other.jsonl\" }");
    let written = |gateway: &Gateway, file: &str| {
        std::fs::read_to_string(gateway.folder.path().join(file)).unwrap_or_default()
    };
    for (gateway, in_file) in [(&stdout, false), (&file, true)] {
        let answer = gateway.ask(&Request::get("/x"));
        let id = answer.field("x-request-id");
        poll_until("the event", || {
            let text = if in_file { written(gateway, "other.jsonl") } else { gateway.everything_written() };
            text.contains(id).then_some(())
        });
        assert_eq!(gateway.everything_written().contains(id), !in_file);
        assert!(written(gateway, "access.jsonl").is_empty());
    }
}

#[test]
pub(super) fn redact_query() {
    let app = Upstream::start();
    let (usual, own) = two(&app, "", "[log]\nredact_query = [\"q\"]");
    let path = |gateway: &Gateway| {
        let answer = gateway.ask(&Request::get("/x?q=1234567&token=7654321"));
        gateway.event(&answer)["path"].as_str().unwrap().to_owned()
    };
    let (usual, own) = (path(&usual), path(&own));
    assert!(usual.contains("1234567") && !usual.contains("7654321"), "{usual}");
    assert!(!own.contains("1234567") && own.contains("7654321"), "{own}");
}

#[test]
pub(super) fn rotation() {
    let app = Upstream::start();
    let gateway = |max_size: &str, keep: usize| {
        let access = format!("{{ file = \"logs/a.jsonl\", max_size = \"{max_size}\", keep = {keep} }}");
        let folder = crate::harness::Folder::new(
            &format!("[log]\naccess = {access}\n{APP}").replace("UPSTREAM", &app.url()),
        );
        folder.write("logs/.here", "");
        Gateway::start_in(folder)
    };
    // The file that is being written counts too.
    for (max_size, keep, files) in [("1KiB", 1, 2), ("1KiB", 3, 4), ("1MiB", 3, 1)] {
        let gateway = gateway(max_size, keep);
        let count = || {
            let names = std::fs::read_dir(gateway.folder.path().join("logs")).unwrap();
            names
                .filter(|name| !name.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'))
                .count()
        };
        let ask = || {
            let answer = gateway.ask(&Request::get(&format!("/{}", "x".repeat(200))));
            assert_eq!(answer.status, 200);
            answer.field("x-request-id").to_owned()
        };
        poll_until("as many files", || {
            ask();
            (count() == files).then_some(())
        });
        let last = (0..30).fold(String::new(), |_, _| ask());
        // Events of two workers may change places, so it may have moved on to an older file.
        let logs = gateway.folder.path().join("logs");
        let written = || {
            std::fs::read_dir(&logs)
                .unwrap()
                .filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok())
                .any(|text| text.contains(&last))
        };
        poll_until("the last event", || written().then_some(()));
        assert_eq!(count(), files, "{max_size}, {keep}");
    }
}
