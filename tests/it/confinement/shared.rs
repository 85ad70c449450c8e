//! Folders of the system, of a person and of everybody.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{APP, house};
use crate::harness::{Folder, Gateway, Request, Upstream, poll_until};

/// All that others have there would be within reach, or no file could change places.
#[test]
fn an_access_log_among_the_files_of_others_is_refused() {
    let app = Upstream::start();
    let everybodys = Folder::empty();
    fs::set_permissions(everybodys.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let file = everybodys.path().join("access.jsonl");
    let config = format!("[log]\naccess = {{ file = \"{}\" }}\n{APP}", file.display());
    let config = config.replace("UPSTREAM", &app.url());
    let (folder, output) = Gateway::try_start_in(Folder::new(&config)).unwrap_err();
    assert_eq!(output.code, Some(1), "{output:?}");
    let told =
        format!("the access log lies in a folder that is not its own: `{}`", everybodys.path().display());
    for part in [&*told, "stagedoor.toml:", "(log.access)", "hint: rotation makes and removes files there"] {
        assert!(output.stderr.contains(part), "no `{part}` in {output:?}");
    }
    assert!(!file.exists());
    folder.configure(&format!("[server]\nconfine = \"off\"\n{config}"));
    let gateway = Gateway::start_in(folder);
    gateway.ask(&Request::get("/x"));
    poll_until("the event", || fs::read_to_string(&file).is_ok_and(|text| !text.is_empty()).then_some(()));
}

/// The state is made and written wherever it is told to be.
#[test]
fn a_state_among_the_files_of_others_is_written_to() {
    let app = Upstream::start();
    let everybodys = Folder::empty();
    fs::set_permissions(everybodys.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let place = everybodys.path().display();
    let tables =
        format!("[state]\ndir = \"{place}\"\n[log]\naccess = {{ file = \"{place}/access.jsonl\" }}\n");
    let config = format!("{tables}{}{APP}", house("secret")).replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    let made = format!("keys = [{{ kid = \"k2\", secret = {{ file = \"{place}/k2\", generate = true }} }}, ");
    gateway.folder.configure(&config.replace("keys = [", &made));
    assert_eq!(gateway.reload(), "ok", "{}", gateway.log());
    assert!(everybodys.path().join("k2").exists());
}
