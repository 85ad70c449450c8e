//! Folders of the system, of a person and of everybody.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{APP, has_landlock, house};
use crate::harness::{Folder, Gateway, Request, SECRET, Upstream, poll_until, token};

/// A configuration whose access log does not lie beside it.
fn config(app: &Upstream) -> String {
    format!("[log]\naccess = \"stdout\"\n{}{APP}", house("secret")).replace("UPSTREAM", &app.url())
}

fn with_mode(mode: u32, folder: Folder) -> Folder {
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    folder
}

fn ask(gateway: &Gateway, host: &str) -> u16 {
    gateway.ask(&Request::get("/x").host(host).bearer(&token("bob"))).status
}

/// On a network drive every folder may look like that.
#[test]
fn what_is_saved_in_a_folder_of_everybody_is_read_again() {
    let app = Upstream::start();
    let config = config(&app);
    let gateway = Gateway::start_in(with_mode(0o777, Folder::new(&config)));
    assert!(!gateway.log().contains("single files"), "{}", gateway.log());
    gateway.folder.configure(&config.replace("media.l", "more.l"));
    fs::rename(gateway.folder.write_private("other", SECRET), gateway.folder.path().join("secret")).unwrap();
    assert_eq!(gateway.reload(), "ok", "{}", gateway.log());
    assert_eq!((ask(&gateway, "media.localhost"), ask(&gateway, "more.localhost")), (421, 200));

    let made = "keys = [{ kid = \"k2\", secret = { file = \"k2\", generate = true } }, ";
    gateway.folder.configure(&config.replace("keys = [", made));
    if has_landlock() {
        assert_eq!(gateway.reload(), "failed", "nothing is made there");
        gateway.wait_for_log("hint: restart it, and again for every file that is new or replaced there");
        assert!(!gateway.folder.path().join("k2").exists());
    }
}

#[test]
fn of_a_home_folder_single_files_are_read_again_and_that_is_told() {
    let app = Upstream::start();
    let config = config(&app);
    let more = config.replace("media.l", "more.l");
    for (mode, is_home) in [(0o755, true), (0o1777, false)] {
        let folder = with_mode(mode, Folder::new(&config));
        let path = folder.path().display().to_string();
        let home = if is_home { path.as_str() } else { "/" };
        let start = |folder| Gateway::try_start_with(folder, &[("HOME", home)]).unwrap();
        let told = |gateway: &Gateway| {
            let log = gateway.log();
            log.lines().filter(|line| line.contains("single files of this folder")).count()
        };
        let mut gateway = start(folder);
        if !has_landlock() {
            assert_eq!(told(&gateway), 0);
            return;
        }
        gateway.wait_for_log("only single files of this folder are kept");
        assert!(gateway.log().contains(&format!("\"folder\":\"{path}\"")), "{}", gateway.log());
        assert_eq!(told(&gateway), 1, "once for all of its files: {}", gateway.log());

        // One that is rewritten is the same file.
        let text = gateway.folder.read("stagedoor.toml");
        fs::write(gateway.folder.config_path(), text.replace("media.l", "more.l")).unwrap();
        assert_eq!(gateway.reload(), "ok", "{}", gateway.log());
        assert_eq!(ask(&gateway, "more.localhost"), 200);

        for _ in 0..2 {
            gateway.folder.configure(&more);
            assert_eq!(gateway.reload(), "failed");
            gateway.wait_for_log("the old policy stays in force");
            let log = gateway.log();
            let problem = log.lines().find(|line| line.contains("gave up this folder")).unwrap();
            for part in
                ["hint: restart it, and again for every file", "a folder of its own", "server.confine"]
            {
                assert!(problem.contains(part), "no `{part}` in {problem}");
            }
            gateway = start(gateway.stop());
            assert_eq!(ask(&gateway, "more.localhost"), 200, "each time it takes a restart");
        }

        let gateway = Gateway::try_start_with(with_mode(0o755, gateway.stop()), &[("HOME", "/")]).unwrap();
        assert_eq!(told(&gateway), 0, "{}", gateway.log());
        gateway.folder.configure(&config);
        assert_eq!(gateway.reload(), "ok", "a folder of its own is the mend");
    }
}

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

/// A pipe behind these names is never rotated, so that its folder does not matter; a file is.
#[test]
fn a_standard_stream_is_an_access_log() {
    let app = Upstream::start();
    let config = |file: &str| {
        let text = format!("[log]\naccess = {{ file = \"{file}\" }}\n{}{APP}", house("secret"));
        text.replace("UPSTREAM", &app.url())
    };
    for file in ["/dev/stdout", "/dev/stderr", "/proc/self/fd/1"] {
        let gateway = Gateway::start(&config(file));
        let id = gateway.ask(&Request::get("/x")).field("x-request-id").to_owned();
        poll_until("the event", || gateway.everything_written().contains(&id).then_some(()));
    }

    for (file, told) in [("/dev/stdout", "`/dev`"), ("/dev/fd/1", "`/dev/fd`")] {
        let folder = Folder::new(&config(file));
        let mut command = std::process::Command::new("timeout");
        command.args(["20", env!("CARGO_BIN_EXE_stagedoor"), "run", "--config"]).arg(folder.config_path());
        command.stdout(fs::File::create(folder.path().join("out")).unwrap());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        for part in [&*format!("a folder that is not its own: {told}"), "hint: `log.access = \"stdout\"`"] {
            assert!(said.contains(part), "no `{part}` in {said}");
        }
    }
}

/// Everything that others have there could be written and removed.
#[test]
fn a_state_among_the_files_of_others_is_refused() {
    let app = Upstream::start();
    let (sticky, home) = (with_mode(0o1777, Folder::empty()), Folder::empty());
    let config = |place: &str| format!("[state]\ndir = \"{place}\"\n{}", config(&app));
    let home = home.path().display().to_string();
    let start = |config: &str| Gateway::try_start_with(Folder::new(config), &[("HOME", &home)]);
    for place in [sticky.path(), Path::new(&home)].map(|place| place.display().to_string()) {
        let (_, output) = start(&config(&place)).unwrap_err();
        assert_eq!(output.code, Some(1), "{output:?}");
        let told = format!("the state lies in a folder that is not its own: `{place}`");
        for part in [&*told, "stagedoor.toml:", "(state.dir)", "hint: all of it would stay writable"] {
            assert!(output.stderr.contains(part), "no `{part}` in {output:?}");
        }
    }
    let own = sticky.path().join("own");
    start(&config(&own.display().to_string())).unwrap();
    assert!(own.is_dir(), "one below it is its own");

    // Whoever wants that can have it.
    let place = sticky.path().display().to_string();
    let config = format!("[server]\nconfine = \"off\"\n{}", config(&place));
    let gateway = start(&config).unwrap();
    let made = format!("keys = [{{ kid = \"k2\", secret = {{ file = \"{place}/k2\", generate = true }} }}, ");
    gateway.folder.configure(&config.replace("keys = [", &made));
    assert_eq!(gateway.reload(), "ok", "{}", gateway.log());
    assert!(sticky.path().join("k2").exists());
}

/// As with a log, and where programs have theirs: the volume of a container may be such.
#[test]
fn a_state_where_everybody_writes_is_warned_of() {
    let app = Upstream::start();
    let folder = with_mode(0o777, Folder::empty());
    let place = folder.path().display().to_string();
    let gateway = Gateway::start(&format!("[state]\ndir = \"{place}\"\n{}", config(&app)));
    let log = gateway.log();
    let warning = log.lines().find(|line| line.contains("stays writable")).unwrap_or_else(|| panic!("{log}"));
    let named = format!("\"folder\":\"{place}\"");
    for part in ["\"WARN\"", &*named, "because the state is in it", "a folder of its own"] {
        assert!(warning.contains(part), "no `{part}` in {warning}");
    }
}
