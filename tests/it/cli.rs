//! The commands, as typed.

use crate::harness::{Client, Command, Folder, Gateway, Output, Request, Upstream};

const GOOD: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["http://127.0.0.1:8000"] }
auth     = "required"

[[app.media.route]]
match = "GET /admin"
roles = ["admin"]

[[expect]]
request = "GET /admin"
host    = "media.localhost"
as      = { user = "bob", roles = ["user"] }
answer  = 403
"#;

fn check(config: &str) -> (Folder, Output) {
    let folder = Folder::new(config);
    let output = Command::new(&folder, &["check", "stagedoor.toml"]).run();
    (folder, output)
}

/// The line of `needle` in the file.
fn line_of(folder: &Folder, needle: &str) -> usize {
    folder.read("stagedoor.toml").lines().position(|line| line.contains(needle)).unwrap() + 1
}

#[test]
fn a_good_file_is_said_to_be_good() {
    let (folder, output) = check(GOOD);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("ok"), "{output:?}");
    let bare = Command::new(&folder, &["check", "stagedoor.toml", "--no-files"]).run();
    assert_eq!(bare.code, Some(0), "{bare:?}");
    assert!(!folder.path().join("data").exists(), "check makes nothing");
}

#[test]
fn strict_names_what_an_app_could_close() {
    let (folder, output) = check(GOOD);
    assert!(!output.stdout.contains("camera"), "{output:?}");
    let strict = Command::new(&folder, &["check", "stagedoor.toml", "--strict"]).run();
    assert_eq!(strict.code, Some(0), "{strict:?}");
    for told in [
        "`camera`, `microphone`",
        "headers.set.permissions-policy = \"",
        "websocket = false",
        "body.get = \"deny\"",
    ] {
        assert!(strict.stdout.contains(told), "{told}: {strict:?}");
    }
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let config = GOOD
        .replace("auth     = \"required\"", "auth = \"requird\"")
        .replace("roles = [\"admin\"]", "rolls = [\"admin\"]\nlimit.ip = [\"10 per hour\"]")
        + "\n[server]\nlissten = [\"127.0.0.1:0\"]\n[server.timeouts]\nheader = \"ten\"\n[server.limits]\nheader_bytes = \"lots\"\n";
    let (folder, output) = check(&config);
    assert_eq!(output.code, Some(2), "{output:?}");
    for (needle, words) in [
        ("requird", &["requird"] as &[&str]),
        ("rolls =", &["rolls", "roles"]),
        ("10 per hour", &["10 per hour"]),
        ("lissten", &["lissten", "listen"]),
        ("header = \"ten\"", &["ten"]),
        ("header_bytes = \"lots\"", &["lots"]),
    ] {
        let place = format!("stagedoor.toml:{}", line_of(&folder, needle));
        assert!(output.stderr.contains(&place), "no `{place}` for `{needle}`:\n{}", output.stderr);
        for word in words {
            assert!(output.stderr.contains(word), "no `{word}`:\n{}", output.stderr);
        }
    }
    assert!(output.stderr.matches("hint:").count() >= 5, "{}", output.stderr);
    let json = Command::new(&folder, &["check", "stagedoor.toml", "--json"]).run();
    assert_eq!(json.code, Some(2));
    let problems: Vec<serde_json::Value> = serde_json::from_str(&json.stdout).unwrap();
    assert!(
        problems.len() >= 6 && problems.iter().all(|problem| problem["line"].as_u64() > Some(0)),
        "{problems:?}"
    );
}

#[test]
fn a_key_that_is_not_built_yet_says_so() {
    for later in [
        "\n[app.media.cookies]\nsecure = true\n",
        "\n[vault]\nurl = \"http://127.0.0.1:8200\"\n",
        "\n[auth.tower]\nkind = \"forward\"\nurl = \"http://127.0.0.1:1\"\n",
        "\n[clamav]\naddress = \"127.0.0.1:3310\"\n",
    ] {
        let config = format!("{GOOD}\n[auth.house]\nkind = \"jwt\"\nkeys = [{{ secret = {{ file = \"secret\" }} }}]\nissuer = \"stagedoor\"\naudience = [\"media\"]\n{later}")
            .replace("auth     = \"required\"", "auth = \"required\"\nby = [\"house\"]");
        let (folder, output) = check(&config);
        assert_eq!(output.code, Some(2), "{later}: {output:?}");
        let first = later.trim().lines().next().unwrap().to_owned();
        let at = line_of(&folder, &first);
        let near = (at..at + 4).any(|line| output.stderr.contains(&format!("stagedoor.toml:{line}")));
        assert!(near, "{later}: {}", output.stderr);
        assert!(
            output.stderr.contains("not built yet") || output.stderr.contains("yet"),
            "{later}: {}",
            output.stderr
        );
    }
}

#[test]
fn a_broken_promise_is_a_mistake() {
    let (folder, output) = check(&GOOD.replace("roles = [\"user\"]", "roles = [\"admin\"]"));
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("GET /admin"), "{output:?}");
    let near = (line_of(&folder, "[[expect]]")..=line_of(&folder, "answer  = 403"))
        .any(|line| output.stderr.contains(&format!("stagedoor.toml:{line}")));
    assert!(near, "{}", output.stderr);
}

#[test]
fn text_that_is_no_toml_is_told_with_its_line() {
    let (_, output) = check("[app.media\nx = 1\n");
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("stagedoor.toml:"), "{output:?}");
    let missing = Command::new(&Folder::empty(), &["check", "missing.toml"]).run();
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("missing.toml"));
}

#[test]
fn explain_tells_each_check_and_the_line_behind_it() {
    let folder = Folder::new(
        &GOOD.replace("[[expect]]", "[[app.media.route]]\nmatch = \"* /safe\"\nmfa = true\n[[expect]]"),
    );
    let explain = |arguments: &[&str]| {
        let mut all = vec!["explain", "--config", "stagedoor.toml"];
        all.extend(arguments);
        let output = Command::new(&folder, &all).run();
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout
    };
    let refused = explain(&["GET /admin", "--as", "bob", "--roles", "user"]);
    assert!(refused.contains("403"), "{refused}");
    assert!(
        refused.contains(&format!("stagedoor.toml:{}", line_of(&folder, "roles = [\"admin\"]"))),
        "{refused}"
    );
    let allowed = explain(&["GET /admin", "--as", "eve", "--roles", "admin"]);
    assert!(!allowed.contains("403") && !allowed.contains("deny"), "{allowed}");
    let anonymous = explain(&["GET /anything"]);
    assert!(anonymous.contains("401"), "{anonymous}");
    let odd = explain(&["GET /a/../admin", "--as", "bob"]);
    assert!(odd.contains("400") && odd.contains("ambiguous_path"), "{odd}");
    let elsewhere = explain(&["GET /x", "--host", "other.localhost"]);
    assert!(elsewhere.contains("421"), "{elsewhere}");
    let factor = explain(&["GET /safe", "--as", "bob"]);
    assert!(factor.contains("403 mfa_required") && factor.contains("a second factor"), "{factor}");
    assert!(factor.contains(&format!("stagedoor.toml:{}", line_of(&folder, "mfa = true"))), "{factor}");
    let factor = explain(&["GET /safe", "--as", "bob", "--mfa"]);
    assert!(factor.contains("forwarded"), "{factor}");
    let in_two = explain(&["GET", "/admin", "--as", "bob", "--roles", "user"]);
    assert_eq!(in_two, refused);
}

#[test]
fn explain_asks_for_what_was_not_said() {
    let two = "\n[app.films]\nhosts = [\"films.localhost\"]\nupstream = \"http://127.0.0.1:1\"\nauth = \"public\"\n";
    let (one, two) = (Folder::new(GOOD), Folder::new(&format!("{GOOD}{two}")));
    for (folder, arguments, told) in [
        (&one, &["/admin"] as &[&str], "`stagedoor explain \"GET /admin\"`"),
        (&one, &["GET"], "not a method and a path: `GET`"),
        (&one, &["GET /a b"], "`%20`"),
        (&one, &[""], "not a method and a path"),
        (&two, &["GET /x"], "`--host` and one of `films.localhost`, `media.localhost`"),
    ] {
        let output =
            Command::new(folder, &[&["explain", "--config", "stagedoor.toml"], arguments].concat()).run();
        assert_eq!((output.code, &*output.stdout), (Some(2), ""), "{arguments:?}: {output:?}");
        assert!(
            output.stderr.contains(told) && output.stderr.contains("hint: "),
            "{arguments:?}: {output:?}"
        );
    }
    let named = ["explain", "--config", "stagedoor.toml", "GET /x", "--host", "films.localhost"];
    assert_eq!(Command::new(&two, &named).run().code, Some(0));
}

#[test]
fn lengths_are_told_as_they_are_written() {
    let limits =
        GOOD.replace("roles = [\"admin\"]", "auth = \"public\"\nlimit.ip = [\"7/30d\", \"20/s burst 40\"]");
    let folder = Folder::new(limits.split("[[expect]]").next().unwrap());
    let output = Command::new(&folder, &["explain", "--config", "stagedoor.toml", "GET /admin"]).run();
    assert!(output.stdout.contains("7/30d, 20/s burst 40"), "{output:?}");
    let long = ["token", "--config", "stagedoor.toml", "--sub", "bob", "--for", "90d"];
    let output = Command::new(&folder, &long).run();
    assert!(output.stderr.contains("valid for 1s to 1d (`max_lifetime`), not for `90d`"), "{output:?}");
}

/// What `run --upstream` writes for itself stands in no file that could be opened at a line.
#[test]
fn without_a_file_no_line_of_one_is_told() {
    let folder = Folder::empty();
    for address in ["nonsense", "ftp://127.0.0.1:1", "http://127.0.0.1:1/path"] {
        let output = Command::new(&folder, &["run", "--upstream", address]).run();
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains("--> run --upstream (app.app.upstream"), "{output:?}");
        assert!(!output.stderr.contains("upstream:"), "{output:?}");
    }
}

#[test]
fn an_include_that_matches_nothing_is_told_and_no_mistake() {
    let folder = Folder::new(&format!("include = [\"apps/*.toml\", \"more/*.toml\"]\n{GOOD}"));
    folder.write("more/one.toml", "");
    let check = |more: &[&str]| Command::new(&folder, &[&["check", "stagedoor.toml"], more].concat()).run();
    let output = check(&[]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("note: an include matches no file: `apps/*.toml`"), "{output:?}");
    let place = format!("stagedoor.toml:{} (include)", line_of(&folder, "include ="));
    assert!(output.stdout.contains(&place) && output.stdout.contains("1 warning"), "{output:?}");
    assert!(!output.stdout.contains("more/"), "{output:?}");
    let told: Vec<serde_json::Value> = serde_json::from_str(&check(&["--json"]).stdout).unwrap();
    let levels: Vec<&str> = told.iter().filter_map(|told| told["level"].as_str()).collect();
    assert_eq!(levels, ["warning", "note"]);
    let literal = Folder::new(&format!("include = [\"apps/one.toml\"]\n{GOOD}"));
    let output = Command::new(&literal, &["check", "stagedoor.toml"]).run();
    assert!(output.code == Some(2) && output.stderr.contains("no such file: `apps/one.toml`"), "{output:?}");
}

#[test]
fn a_token_of_the_command_is_taken() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &GOOD.replace("http://127.0.0.1:8000", "UPSTREAM"));
    let make = |arguments: &[&str]| {
        let mut all = vec!["token", "--config", "stagedoor.toml"];
        all.extend(arguments);
        Command::new(&gateway.folder, &all).run()
    };
    let bob = make(&["--sub", "bob"]);
    assert_eq!((bob.code, bob.stdout.lines().count()), (Some(0), 1), "{bob:?}");
    assert_eq!(gateway.ask(&Request::get("/x").bearer(bob.stdout.trim())).status, 200);
    assert_eq!(gateway.ask(&Request::get("/admin").bearer(bob.stdout.trim())).status, 403);
    let eve = make(&["--sub", "eve", "--roles", "admin", "--for", "1m"]);
    assert_eq!(gateway.ask(&Request::get("/admin").bearer(eve.stdout.trim())).status, 200);
    assert_eq!(make(&["--sub", ""]).code, Some(2));
    assert_eq!(make(&["--sub", "bob", "--for", "48h"]).code, Some(2), "longer than the provider takes");
    assert_eq!(make(&[]).code, Some(2));
}

#[test]
fn a_new_secret_is_new() {
    let folder = Folder::empty();
    let make = || Command::new(&folder, &["secret", "new"]).run();
    let (one, two) = (make(), make());
    assert_eq!(one.code, Some(0));
    assert!(one.stdout.trim().len() >= 43 && one.stdout != two.stdout);
}

#[test]
fn the_healthcheck_asks_the_running_gateway() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &GOOD.replace("http://127.0.0.1:8000", "UPSTREAM"));
    let url = format!("http://{}/ready", gateway.admin);
    let well = Command::new(&gateway.folder, &["healthcheck", "--url", &url]).run();
    assert_eq!(well.code, Some(0), "{well:?}");
    let folder = gateway.stop();
    let gone = Command::new(&folder, &["healthcheck", "--url", &url]).run();
    assert_eq!(gone.code, Some(1), "{gone:?}");
    assert!(!gone.stderr.is_empty());
}

#[test]
fn version_and_help() {
    let folder = Folder::empty();
    let version = Command::new(&folder, &["version"]).run();
    assert_eq!(version.code, Some(0));
    assert!(version.stdout.contains(env!("CARGO_PKG_VERSION")), "{version:?}");
    let help = Command::new(&folder, &["--help"]).run();
    assert_eq!(help.code, Some(0));
    for command in [
        "run",
        "demo",
        "check",
        "explain",
        "why",
        "status",
        "reload",
        "token",
        "secret",
        "healthcheck",
        "reference",
        "completions",
        "version",
    ] {
        assert!(help.stdout.contains(command), "no `{command}` in the help");
        let own = Command::new(&folder, &[command, "--help"]).run();
        assert_eq!(own.code, Some(0), "{command}");
        assert!(own.stdout.contains("Examples") || command == "secret", "{command}: {}", own.stdout);
    }
    assert_eq!(Command::new(&folder, &["nonsense"]).run().code, Some(2));
}

/// The script, asked as the shell asks it at the Tab key.
#[test]
fn bash_completes_commands_and_options() {
    let script = Command::new(&Folder::empty(), &["completions", "bash"]).run();
    assert_eq!(script.code, Some(0), "{script:?}");
    for (words, expected) in [
        ("stagedoor expl", "explain"),
        ("stagedoor rel", "reload"),
        ("stagedoor token --li", "--link"),
        ("stagedoor status --js", "--json"),
    ] {
        let ask = format!(
            "{}\nCOMP_WORDS=({words})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
             _stagedoor stagedoor \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\"\n\
             echo \"${{COMPREPLY[*]}}\"\n",
            script.stdout
        );
        let output = std::process::Command::new("bash").args(["-c", &ask]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{output:?}");
    }
    assert_eq!(Command::new(&Folder::empty(), &["completions", "cmd"]).run().code, Some(2));
}

/// The four lines of the demo, pasted into a shell.
#[test]
fn the_demo_does_what_it_prints() {
    if std::process::Command::new("curl").arg("--version").output().is_err() {
        return;
    }
    let folder = Folder::empty();
    let mut demo = Command::new(&folder, &["demo", "--port", "0"]).spawn();
    let lines: Vec<String> = demo.wait_for("four lines", |said| {
        let lines: Vec<String> =
            said.lines().filter(|l| l.trim().starts_with("curl ")).map(str::to_owned).collect();
        (lines.len() == 4).then_some(lines)
    });
    let answers: Vec<String> = lines
        .iter()
        .map(|line| {
            let output = std::process::Command::new("sh").args(["-c", line]).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let last = text
                .lines()
                .rev()
                .find_map(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3).map(str::to_owned));
            last.unwrap_or(text)
        })
        .collect();
    assert_eq!(answers, ["401", "200", "429", "413"], "{lines:#?}");
    // And the link for the browser.
    let said = demo.stdout();
    let (base, code) = said
        .lines()
        .find_map(|line| line.split_once("/.stagedoor/enter#"))
        .unwrap_or_else(|| panic!("no link: {said}"));
    let form = Request::post("/.stagedoor/enter", format!("code={code}"))
        .host(base.trim_start_matches("http://"))
        .field("Content-Type", "application/x-www-form-urlencoded");
    let address = format!("127.0.0.1:{}", base.rsplit_once(':').unwrap().1).parse().unwrap();
    let entered = Client::connect(address).ask(&form);
    assert_eq!(entered.status, 204, "{entered:?}");
    assert!(entered.field("set-cookie").starts_with("stagedoor="), "{entered:?}");
}

#[test]
fn text_logs_are_written_to_a_terminal_too() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = Folder::empty();
    let app = "[app.a]\nhosts = [\"a\"]\nupstream = \"http://127.0.0.1:1\"\nauth = \"public\"\n";
    let listen = taken.local_addr().unwrap();
    let text = format!("version = 1\n[server]\nlisten = [\"{listen}\"]\n[log]\nformat = \"text\"\n{app}");
    folder.write("stagedoor.toml", &text);
    // `script` runs it on a terminal of its own. It ends by itself, for the address is taken; a warning comes before.
    let line = format!("'{}' run --config stagedoor.toml", env!("CARGO_BIN_EXE_stagedoor"));
    let output = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("cannot listen") && !said.contains("panicked") && !said.contains("ansi"), "{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
}
