//! What the process gave up when it started, and that it lacks nothing for it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::harness::{Client, Command, Folder, Gateway, Request, SECRET, Token, Upstream, poll_until, token};

mod shared;

const APP: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"
"#;

/// A provider whose secret is in `file`.
fn house(file: &str) -> String {
    format!(
        "[auth.house]\nkind = \"jwt\"\nkeys = [{{ kid = \"k1\", secret = {{ file = \"{file}\" }} }}]\n\
         issuer = \"stagedoor\"\naudience = [\"media\"]\n"
    )
}

/// Whether this kernel has landlock, asked on a thread that is confined by the question.
fn has_landlock() -> bool {
    let asked = std::thread::spawn(|| {
        use landlock::{AccessFs, Ruleset, RulesetAttr as _, RulesetStatus};
        let rules = Ruleset::default().handle_access(AccessFs::MakeBlock).unwrap().create().unwrap();
        rules.restrict_self().unwrap().ruleset != RulesetStatus::NotEnforced
    });
    asked.join().unwrap()
}

/// What each thread of a process says of its privileges: `1` is that it gains none.
fn no_new_privileges(pid: u32) -> BTreeSet<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    // A thread may end while it is looked at.
    let states = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    states
        .filter_map(|state| {
            Some(state.lines().find_map(|line| line.strip_prefix("NoNewPrivs:"))?.trim().to_owned())
        })
        .collect()
}

/// The soft and the hard limit of a core dump.
fn core_limits(pid: u32) -> Vec<String> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap();
    line.split_whitespace().take(2).map(str::to_owned).collect()
}

/// Every thread gains no privileges, and there is no core dump.
pub(super) fn assert_confined(pid: u32) {
    assert_eq!(no_new_privileges(pid), BTreeSet::from(["1".to_owned()]), "of every thread");
    assert_eq!(core_limits(pid), ["0", "0"]);
    let owner = fs::metadata(format!("/proc/{pid}/environ")).unwrap().uid();
    assert_eq!(owner, 0, "what cannot be dumped belongs to root");
}

#[test]
fn every_thread_is_confined_and_the_log_says_how_far() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, APP);
    assert_eq!(gateway.ask(&Request::get("/x").bearer(&token("bob"))).status, 200);
    assert_confined(gateway.pid());
    let log = gateway.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("confined to its own folders")).collect();
    let [line] = told.as_slice() else { panic!("not one line: {told:?}") };
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["level"], "INFO");
    if has_landlock() {
        assert_eq!(line["message"], "confined to its own folders");
        assert!(line["landlock_abi"].as_u64().unwrap() >= 1, "{line}");
        assert!(matches!(line["enforced"].as_str().unwrap(), "fully" | "partly"), "{line}");
    } else {
        assert!(line["message"].as_str().unwrap().contains("this kernel has no landlock"), "{line}");
    }
}

/// A row of the keys: with `off` everything is as the system has it.
#[test]
pub(super) fn off_confines_nothing() {
    let app = Upstream::start();
    let off = Gateway::before(&app, &format!("[server]\nconfine = \"off\"\n{APP}"));
    assert_eq!(no_new_privileges(off.pid()), no_new_privileges(std::process::id()));
    assert_eq!(core_limits(off.pid()), core_limits(std::process::id()));
    off.wait_for_log("confine = \\\"off\\\"");
    assert!(!off.log().contains("confined to its own folders"));
    let auto = Gateway::before(&app, &format!("[server]\nconfine = \"auto\"\n{APP}"));
    assert_confined(auto.pid());

    // What is in a folder that nobody named at the start is within reach of the one alone.
    let other = Folder::empty();
    other.write_private("secret", SECRET);
    let config = format!(
        "[server]\nconfine = \"off\"\n{APP}{}",
        house(&other.path().join("secret").display().to_string())
    );
    off.folder.configure(&config.replace("UPSTREAM", &app.url()));
    assert_eq!(off.reload(), "ok");
}

#[test]
fn the_demo_is_confined_and_leaves_nothing() {
    shows_and_leaves_nothing("TERM");
}

/// Nobody is left to see it, and it has nothing to load again.
#[test]
fn the_demo_ends_with_its_terminal() {
    shows_and_leaves_nothing("HUP");
}

fn shows_and_leaves_nothing(end: &str) {
    let folder = Folder::empty();
    let temporary = Folder::empty();
    let path = temporary.path().display().to_string();
    let mut demo = Command::new(&folder, &["demo", "--port", "0"]).env("TMPDIR", &path).spawn();
    let address = demo.wait_for("its lines", |said| {
        let (_, after) = said.split_once("curl -si http://")?;
        after.split('/').next()?.parse().ok()
    });
    let answer = Client::connect(address).ask(&Request::get("/api/downloads").host("localhost"));
    assert_eq!(answer.status, 401, "it serves, and hears signals");
    let left = || fs::read_dir(temporary.path()).unwrap().count();
    assert_eq!(left(), 1, "a folder for its secrets");
    assert_confined(demo.pid());
    let ended = demo.end(end);
    assert!(ended.success(), "{ended}");
    assert_eq!(left(), 0, "and it is removed at the end");
}
/// Tries to reload a configuration that names something in a folder of its own, which did not matter at the start.
fn reach_out(named: impl Fn(&Path) -> String, unnamed: &str) {
    let app = Upstream::start();
    let other = Folder::empty();
    let moved = other.write_private("moved", SECRET);
    fs::create_dir(other.path().join("apps")).unwrap();
    let more = APP.replace("media", "more").replace("UPSTREAM", &app.url());
    other.write("apps/more.toml", &more);
    let gateway = Gateway::before(&app, &format!("{}{APP}", house("secret")));
    let ask = |gateway: &Gateway| gateway.ask(&Request::get("/x").bearer(&token("bob"))).status;
    assert_eq!(ask(&gateway), 200);

    gateway.folder.configure(&named(other.path()).replace("UPSTREAM", &app.url()));
    if !has_landlock() {
        assert_eq!(gateway.reload(), "ok");
        return;
    }
    assert_eq!(gateway.reload(), "failed");
    gateway.wait_for_log("the old policy stays in force");
    let log = gateway.log();
    let problem =
        log.lines().find(|line| line.contains("gave up this folder")).unwrap_or_else(|| panic!("{log}"));
    assert!(problem.contains(&other.path().join(unnamed).display().to_string()), "which file: {problem}");
    assert!(problem.contains("confined itself at its start"), "why: {problem}");
    assert!(problem.contains("hint: restart"), "the mend: {problem}");
    assert_eq!(ask(&gateway), 200, "the old policy stays");
    assert!(moved.exists());

    let gateway = Gateway::start_in(gateway.stop());
    assert_eq!(ask(&gateway), 200, "a restart is the mend");
    assert_eq!(gateway.reload(), "ok", "and from then on it is one of its folders");
}

#[test]
fn a_secret_elsewhere_needs_a_restart() {
    reach_out(|other| format!("{}{APP}", house(&other.join("moved").display().to_string())), "moved");
}

#[test]
fn a_link_leads_nowhere_else() {
    let linked = |other: &Path| {
        let link = other.join("link");
        if !link.exists() {
            std::os::unix::fs::symlink(other.join("moved"), &link).unwrap();
        }
        format!("{}{APP}", house(&link.display().to_string()))
    };
    reach_out(linked, "link");
}

#[test]
fn an_include_elsewhere_needs_a_restart() {
    for (entry, unnamed) in [("apps/*.toml", "apps"), ("apps/more.toml", "apps/more.toml")] {
        let include = |other: &Path| {
            format!("include = [\"{}\"]\n{}{APP}", other.join(entry).display(), house("secret"))
        };
        reach_out(include, unnamed);
    }
}

/// Files that are switched on by linking them into a folder.
#[test]
fn an_include_behind_a_link_is_read_again() {
    let app = Upstream::start();
    let all = Folder::empty();
    let file = all.write("media.toml", &APP.replace("UPSTREAM", &app.url()));
    let folder = Folder::new(&format!("include = [\"on/*.toml\"]\n{}", house("secret")));
    fs::create_dir(folder.path().join("on")).unwrap();
    std::os::unix::fs::symlink(&file, folder.path().join("on/media.toml")).unwrap();
    let gateway = Gateway::start_in(folder);
    let ask = |host: &str| gateway.ask(&Request::get("/x").host(host).bearer(&token("bob"))).status;
    assert_eq!((ask("media.localhost"), ask("more.localhost")), (200, 421));
    let next = all.write("next", &APP.replace("UPSTREAM", &app.url()).replace("media.l", "more.l"));
    fs::rename(next, file).unwrap();
    assert_eq!(gateway.reload(), "ok", "{}", gateway.log());
    assert_eq!((ask("media.localhost"), ask("more.localhost")), (421, 200));
}

#[test]
fn a_secret_that_cannot_be_saved_needs_a_restart() {
    let app = Upstream::start();
    let other = Folder::empty();
    let gateway = Gateway::before(&app, &format!("{}{APP}", house("secret")));
    let file = other.path().join("made").display().to_string();
    let made = house(&file).replace("\" }", "\", generate = true }");
    gateway.folder.configure(&format!("{made}{APP}").replace("UPSTREAM", &app.url()));
    let old_secret = || gateway.ask(&Request::get("/x").bearer(&token("bob"))).status;
    if has_landlock() {
        assert_eq!(gateway.reload(), "failed");
        gateway.wait_for_log("gave up this folder");
        assert_eq!(old_secret(), 200, "the old policy stays");
    } else {
        assert_eq!(gateway.reload(), "ok");
        assert_eq!(old_secret(), 401);
    }
}

/// The folder of the configuration is kept to be read, not for others to be made in it.
#[test]
fn a_folder_that_cannot_be_made_needs_a_restart() {
    let app = Upstream::start();
    // Its token is made where the state is, for the line that would name another place is a comment.
    let tables = "[state]\ndir = \"data\"\n[admin]\n# token = …\n[log]\naccess = \"stdout\"\n";
    let config = format!("{tables}{}{APP}", house("secret")).replace("UPSTREAM", &app.url());
    let key = "keys = [{ kid = \"k2\", secret = { file = \"deep/new\", generate = true } }, ";
    for (from, to, made) in
        [("dir = \"data\"", "dir = \"data2\"", "data2/admin_token"), ("keys = [", key, "deep/new")]
    {
        let gateway = Gateway::start(&config);
        gateway.folder.configure(&config.replace(from, to));
        let outcome = gateway.reload();
        if has_landlock() {
            assert_eq!(outcome, "failed");
            let log = gateway.log();
            let problem = log.lines().find(|line| line.contains(made)).unwrap_or_else(|| panic!("{log}"));
            assert!(
                problem.contains("gave up this folder") && problem.contains("hint: restart"),
                "{problem}"
            );
            assert_eq!(Gateway::start_in(gateway.stop()).reload(), "ok", "a restart is the mend");
        } else {
            assert_eq!(outcome, "ok");
        }
    }
}

/// Everything that a gateway does with files and names while it runs, in folders that it named at its start.
#[test]
fn nothing_is_missed_while_it_runs() {
    let app = Upstream::start();
    let (secrets, apps) = (Folder::empty(), Folder::empty());
    let file = secrets.write_private("jwt", SECRET).display().to_string();
    let include = format!("include = [\"{}/*.toml\"]\n", apps.path().display());
    let named = format!("http://localhost:{}", app.address.port());
    let config = format!("{include}{}{}", house(&file), APP.replace("UPSTREAM", &named));
    let gateway = Gateway::start(&config);
    let ask = |token: &str, host: &str| gateway.ask(&Request::get("/x").host(host).bearer(token)).status;
    assert_eq!(ask(&token("bob"), "media.localhost"), 200, "a name is resolved");

    // Another secret takes the place of the first as an editor would do it.
    let next = "9Rk2xT7vQ4mZ8wL1pB6nC3sD5fH0jGyE";
    fs::rename(secrets.write_private("next", next), &file).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(gateway.reload(), "ok");
    let new = Token::of("bob").secret(next).sign();
    assert_eq!(ask(&new, "media.localhost"), 200);
    assert_eq!(ask(&token("bob"), "media.localhost"), 401);

    // A file is saved into the folder of the includes, and seen. It opens a host: a person asks for it.
    let waits = || {
        poll_until("the file to be seen", || {
            (gateway.metric("stagedoor_config_waiting", &[]) > 0.0).then_some(())
        })
    };
    apps.write("more.toml", &APP.replace("media", "more").replace("UPSTREAM", &app.url()));
    waits();
    assert_eq!(gateway.reload(), "ok");
    assert_eq!(ask(&new, "more.localhost"), 200);

    // A secret is made, where those are that were made before.
    let made = "keys = [{ kid = \"k2\", secret = { file = \"data/k2\", generate = true } }, ";
    gateway.folder.configure(&config.replace("keys = [", made));
    waits();
    assert_eq!(gateway.reload(), "ok");
    let second = Token::of("bob").header("kid", "k2").secret(gateway.folder.read("data/k2").trim()).sign();
    assert_eq!(ask(&second, "media.localhost"), 200);
    assert!(gateway.metric("stagedoor_connections", &[]) >= 0.0);
    assert_eq!(gateway.metric("stagedoor_config_reload_total", &["result=\"failed\""]), 0.0);
}

/// An access log beside everything else: its folder is made, and its files change places.
#[test]
fn the_access_log_is_rotated_in_its_own_folder() {
    let app = Upstream::start();
    let logs = Folder::empty();
    let file = logs.path().join("deep/access.jsonl").display().to_string();
    let access = format!("[log]\naccess = {{ file = \"{file}\", max_size = \"1KiB\", keep = 2 }}\n");
    let gateway = Gateway::before(&app, &format!("{access}{APP}"));
    poll_until("two older files", || {
        gateway.ask(&Request::get(&format!("/{}", "x".repeat(200))));
        logs.path().join("deep/access.jsonl.2").exists().then_some(())
    });
    assert!(!gateway.log().contains("cannot be written"), "{}", gateway.log());
}
