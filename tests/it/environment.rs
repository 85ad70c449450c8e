//! `STAGEDOOR_LISTEN`, `_TRUSTED_PROXIES`, `_ADMIN_LISTEN` and `_HOSTS` beside a file, in a real process.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::harness::{
    Client, Command, Folder, Gateway, HOST, Output, Request, Running, Upstream, own_address,
};

const CONFIG: &str = r#"
[server]
trusted_proxies = ["192.0.2.1"]

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

fn start(app: &Upstream, variables: &[(&str, &str)]) -> Gateway {
    let folder = Folder::new(&CONFIG.replace("UPSTREAM", &app.url()));
    Gateway::try_start_with(folder, variables).unwrap_or_else(|(_, output)| panic!("{output:#?}"))
}

/// The client's address as the gateway saw it, where this was claimed.
fn seen_as(gateway: &Gateway, claimed: &str) -> String {
    let answer = gateway.ask(&Request::get("/x").host(HOST).field("X-Forwarded-For", claimed));
    assert_eq!(answer.status, 200);
    gateway.event(&answer)["ip"].as_str().unwrap().to_owned()
}

#[test]
fn variables_go_before_the_file_at_start_and_at_reload() {
    let app = Upstream::start();
    assert_eq!(seen_as(&start(&app, &[]), "198.51.100.7"), "127.0.0.1");

    let variables = [
        ("STAGEDOOR_LISTEN", "127.0.0.1:0,127.0.0.2:0"),
        ("STAGEDOOR_TRUSTED_PROXIES", "10.0.0.0/8,127.0.0.1"),
        ("STAGEDOOR_ADMIN_LISTEN", "127.0.0.3:0"),
    ];
    let gateway = start(&app, &variables);
    let listening: Vec<String> = gateway.addresses.iter().map(|address| address.ip().to_string()).collect();
    assert_eq!(listening, ["127.0.0.1", "127.0.0.2"]);
    assert_eq!(gateway.admin.ip().to_string(), "127.0.0.3");
    assert_eq!(seen_as(&gateway, "198.51.100.7"), "198.51.100.7");
    gateway.wait_for_log("(server.listen): overridden by the environment variable `STAGEDOOR_LISTEN`");
    gateway.wait_for_log("(server.trusted_proxies): overridden");

    let changed = CONFIG.replace("UPSTREAM", &app.url()).replace("192.0.2.1", "192.0.2.2");
    gateway.folder.configure(&changed);
    let answer = gateway.ask_admin_as_operator(Request::post("/api/v1/reload", ""));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.text().contains("STAGEDOOR_TRUSTED_PROXIES"), "{answer:?}");
    assert_eq!(seen_as(&gateway, "198.51.100.8"), "198.51.100.8", "after a reload too");
}

#[test]
fn check_tells_what_is_overridden_and_which_variable_is_wrong() {
    let folder = Folder::new(&CONFIG.replace("UPSTREAM", "http://127.0.0.1:8000"));
    let check = |more: &[&str], name: &str, value: &str| {
        let arguments = [&["check", "stagedoor.toml"], more].concat();
        Command::new(&folder, &arguments).env(name, value).run()
    };
    for (name, value, code, words) in [
        (
            "STAGEDOOR_LISTEN",
            "127.0.0.1:1",
            0,
            "warning: overridden by the environment variable `STAGEDOOR_LISTEN`",
        ),
        ("STAGEDOOR_LISTEN", "", 0, "0 warnings"),
        ("STAGEDOOR_LISTEN", "here", 2, "--> environment variable STAGEDOOR_LISTEN (server.listen)"),
        ("STAGEDOOR_TRUSTED_PROXIES", "10.0.0.1", 0, "variable `STAGEDOOR_TRUSTED_PROXIES`"),
        ("STAGEDOOR_TRUSTED_PROXIES", "proxy", 2, "--> environment variable STAGEDOOR_TRUSTED_PROXIES"),
        (
            "STAGEDOOR_ADMIN_LISTEN",
            "off",
            0,
            "overridden by the environment variable `STAGEDOOR_ADMIN_LISTEN`",
        ),
        (
            "STAGEDOOR_ADMIN_LISTEN",
            "9901",
            2,
            "--> environment variable STAGEDOOR_ADMIN_LISTEN (admin.listen)",
        ),
        ("STAGEDOOR_HOSTS", "b.lan", 0, "belongs to `run --upstream`, and no app of the file serves `b.lan`"),
        ("STAGEDOOR_HOSTS", HOST, 0, "0 warnings"),
    ] {
        let output = check(&[], name, value);
        assert_eq!(output.code, Some(code), "{name}={value}: {output:?}");
        assert!(format!("{}{}", output.stdout, output.stderr).contains(words), "{name}={value}: {output:?}");
        let blind = check(&["--no-files"], name, value);
        assert!(blind.code == Some(0) && blind.stdout.contains("0 warnings"), "{name}={value}: {blind:?}");
    }
}

#[test]
fn what_is_wrong_without_a_file_is_told_of_its_variable() {
    for (name, value, place) in [
        ("STAGEDOOR_HOSTS", "http://media.lan", "--> environment variable STAGEDOOR_HOSTS (app.app.hosts)\n"),
        (
            "STAGEDOOR_UPSTREAM",
            "app:80",
            "--> environment variable STAGEDOOR_UPSTREAM (app.app.upstream.urls)\n",
        ),
    ] {
        let output = Command::new(&Folder::empty(), &["run"])
            .env("STAGEDOOR_UPSTREAM", "http://127.0.0.1:8000")
            .env(name, value)
            .run();
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(place), "{output:?}");
    }
}

#[test]
fn an_address_of_the_environment_that_is_taken_is_told_as_its() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let folder = Folder::new(&CONFIG.replace("UPSTREAM", "http://127.0.0.1:8000"));
    let (_, output) = Gateway::try_start_with(folder, &[("STAGEDOOR_LISTEN", &listen)]).unwrap_err();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("environment variable STAGEDOOR_LISTEN (server.listen)"), "{output:?}");
    // One that is not of the environment could be moved there: two gateways without a file want the same.
    let output = Command::new(&Folder::empty(), &["run", "--upstream", "http://127.0.0.1:8000"])
        .env("STAGEDOOR_LISTEN", "127.0.0.1:0")
        .env("STAGEDOOR_ADMIN_LISTEN", &listen)
        .run();
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("`admin.listen`, or STAGEDOOR_ADMIN_LISTEN in the env"), "{output:?}");
}

#[test]
fn the_demo_listens_where_it_is_told_and_nowhere_else() {
    let mut demo = Command::new(&Folder::empty(), &["demo", "--port", "0"])
        .env("STAGEDOOR_LISTEN", "127.0.0.2:0")
        .env("STAGEDOOR_HOSTS", "elsewhere.example")
        .spawn();
    // The lines are told once the gateway answers at the address in them.
    demo.wait_for("its lines", |said| said.contains("curl").then_some(()));
    assert!(!demo.stderr().contains("STAGEDOOR_HOSTS"), "{}", demo.stderr());
}

#[test]
fn without_a_file_all_four_are_heard() {
    let app = Upstream::start();
    let url = app.url();
    let variables = [
        ("STAGEDOOR_UPSTREAM", &*url),
        ("STAGEDOOR_LISTEN", "127.0.0.1:0"),
        ("STAGEDOOR_HOSTS", "films.lan, media.lan"),
        ("STAGEDOOR_TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let run = |folder: &Folder| {
        variables
            .iter()
            .fold(Command::new(folder, &["run"]), |command, (name, value)| command.env(name, value))
    };
    let folder = Folder::empty();
    let mut running = run(&folder).spawn();
    let address: SocketAddr = running.wait_for("its address", |said| {
        said.lines()
            .filter(|line| line.contains("listening") && !line.contains("admin"))
            .find_map(|line| line.split(['"', ' ']).find_map(|word| word.parse().ok()))
    });
    let request = Request::get("/x").host("media.lan").field("X-Forwarded-For", "198.51.100.7");
    assert_eq!(Client::connect(address).ask(&request).status, 401);
    running.wait_for("its access event", |said| said.contains("\"ip\":\"198.51.100.7\"").then_some(()));
    assert!(!running.stderr().contains("WARN"), "{}", running.stderr());
    assert_eq!(Client::connect(address).ask(&Request::get("/x").host("else.lan")).status, 421);
    let hint = "add it to `STAGEDOOR_HOSTS`: `else.lan`";
    running.wait_for("the hint", |said| said.contains(hint).then_some(()));

    folder.write("config/stagedoor.toml", "");
    let output = run(&folder).run();
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains("STAGEDOOR_UPSTREAM"), "{output:?}");
}

/// As containers do: with the variables of the gateway, and perhaps without its secrets.
#[test]
fn the_healthcheck_asks_where_the_variable_says() {
    let app = Upstream::start();
    let (filed, moved) = (own_address().to_string(), own_address().to_string());
    let text = format!("{CONFIG}\n[admin]\nlisten = \"{filed}\"\n").replace("UPSTREAM", &app.url());
    let start = |address: &str| {
        Gateway::try_start_with(Folder::new(&text), &[("STAGEDOOR_ADMIN_LISTEN", address)])
            .unwrap_or_else(|(_, output)| panic!("{output:#?}"))
    };
    let ask = |folder: &Folder, arguments: &[&str], value: &str| {
        let all = [&["healthcheck"], arguments].concat();
        let output = Command::new(folder, &all).env("STAGEDOOR_ADMIN_LISTEN", value).run();
        (output.code, output.stdout + &output.stderr)
    };
    let by_file = ["--config", "stagedoor.toml"];
    let gateway = start(&moved);
    for name in ["secret", "admin_token"] {
        std::fs::remove_file(gateway.folder.path().join(name)).unwrap();
    }
    for arguments in [&by_file as &[&str], &[]] {
        let (code, said) = ask(&gateway.folder, arguments, &moved);
        assert_eq!((code, &*said), (Some(0), "ready"), "{arguments:?}");
    }
    // Another gateway where the file says is not the one that is meant.
    let other = start(&filed);
    assert_eq!(ask(&other.folder, &by_file, "").0, Some(0), "an empty variable is none");
    let folder = gateway.stop();
    for arguments in [&by_file as &[&str], &[]] {
        let (code, said) = ask(&folder, arguments, &moved);
        assert!(code == Some(1) && said.contains(&format!("no answer from `{moved}`")), "{said}");
    }
    for (value, told) in [("off", "the admin listener is off"), ("9901", "STAGEDOOR_ADMIN_LISTEN")] {
        for arguments in [&by_file as &[&str], &[]] {
            let (code, said) = ask(&folder, arguments, value);
            assert!(code == Some(2) && said.contains(told), "{value}: {said}");
        }
    }
}

/// One gateway without a file, in a folder of its own.
struct Unfiled {
    folder: Folder,
    running: Running,
    /// Of the link that it printed.
    base: String,
    admin: String,
}

impl Unfiled {
    fn start(app: &Upstream, variables: &[(&str, &str)]) -> Self {
        let (folder, admin) = (Folder::empty(), own_address().to_string());
        let command = Command::new(&folder, &["run", "--upstream", &app.url()])
            .env("STAGEDOOR_LISTEN", "127.0.0.1:0")
            .env("STAGEDOOR_ADMIN_LISTEN", &admin);
        let command = variables.iter().fold(command, |command, (name, value)| command.env(name, value));
        let mut running = command.spawn();
        let base = running.wait_for("its link", |said| {
            let (before, _) = said.split_once("/.stagedoor/enter#")?;
            before.rsplit(' ').next().map(str::to_owned)
        });
        Self { folder, running, base, admin }
    }

    fn port(&self) -> u16 {
        self.base.rsplit_once(':').unwrap().1.parse().unwrap()
    }

    /// Another link, as somebody asks for it in another terminal.
    fn ask_for_link(&self, variables: &[(&str, &str)]) -> Output {
        let command = Command::new(&self.folder, &["token", "--upstream", "--sub", "bob", "--link"]);
        variables.iter().fold(command, |command, (name, value)| command.env(name, value)).run()
    }
}

/// The variable is that of one terminal; the commands are typed in another.
#[test]
fn commands_find_the_gateway_of_their_folder() {
    let app = Upstream::start();
    let two = [Unfiled::start(&app, &[]), Unfiled::start(&app, &[])];
    for gateway in &two {
        assert_eq!(gateway.folder.read("data/admin_address").trim(), gateway.admin);
        assert_eq!(gateway.folder.mode("data/admin_address"), 0o600);
        let made = gateway.ask_for_link(&[]);
        let (base, code) =
            made.stdout.trim().split_once("/.stagedoor/enter#").unwrap_or_else(|| panic!("{made:?}"));
        assert_eq!(base, gateway.base, "that of the same gateway");
        let form = Request::post("/.stagedoor/enter", format!("code={code}"))
            .host("localhost")
            .field("Content-Type", "application/x-www-form-urlencoded");
        let address = SocketAddr::from(([127, 0, 0, 1], gateway.port()));
        assert_eq!(Client::connect(address).ask(&form).status, 204);
        let why = Command::new(&gateway.folder, &["why", "--upstream"]).run();
        assert_eq!(why.code, Some(0), "{why:?}");
        let well = Command::new(&gateway.folder, &["healthcheck"]).run();
        assert_eq!((well.code, &*well.stdout), (Some(0), "ready"), "{well:?}");
    }
    // The variable goes before what is noted, and leads astray.
    let [first, second] = &two;
    let astray = second.ask_for_link(&[("STAGEDOOR_ADMIN_LISTEN", &first.admin)]);
    assert_eq!(astray.code, Some(1), "{astray:?}");
    let expected = format!("another gateway answers at `{}`", first.admin);
    assert!(astray.stderr.contains(&expected) && astray.stderr.contains("hint: "), "{astray:?}");
}

#[test]
fn what_an_earlier_gateway_noted_is_written_anew() {
    let app = Upstream::start();
    let Unfiled { folder, mut running, admin, .. } = Unfiled::start(&app, &[]);
    running.end("KILL");
    assert_eq!(folder.read("data/admin_address").trim(), admin);
    let later = TcpListener::bind(&admin).unwrap();
    assert_nobody_is_asked(&folder, &later, "the gateway that wrote it has ended");
    drop(later);
    let next = Command::new(&folder, &["run", "--upstream", &app.url()])
        .env("STAGEDOOR_LISTEN", "127.0.0.1:0")
        .env("STAGEDOOR_ADMIN_LISTEN", "off");
    let mut next = next.spawn();
    next.wait_for("its link", |said| said.contains("/.stagedoor/enter#").then_some(()));
    let ask = || Command::new(&folder, &["why", "--upstream"]).run();
    let told = ask();
    assert!(told.code == Some(2) && told.stderr.contains("the admin listener is off"), "{told:?}");
    // The same file, which that one holds.
    folder.write_private("data/admin_address", &admin);
    assert!(
        ask().stderr.contains(&format!("no answer from the gateway at `{admin}`")),
        "nobody is there now"
    );
}

/// Whoever listens later where a gateway was would be sent its token.
#[test]
fn a_gateway_that_ends_takes_its_note_along() {
    let app = Upstream::start();
    for signal in ["TERM", "INT"] {
        let Unfiled { folder, mut running, admin, .. } = Unfiled::start(&app, &[]);
        crate::confinement::assert_confined(running.pid());
        assert!(running.end(signal).success());
        assert!(!folder.path().join("data/admin_address").exists(), "{}", running.stderr());
        let later = TcpListener::bind(&admin).unwrap();
        assert_nobody_is_asked(&folder, &later, "it is not known where");
        let signed = Command::new(&folder, &["token", "--upstream", "--sub", "bob"]).run();
        assert_eq!((signed.code, &*signed.stderr), (Some(0), ""), "what asks nobody needs no address");
    }
    // What another has noted since is none of its own.
    let Unfiled { folder, mut running, .. } = Unfiled::start(&app, &[]);
    folder.write_private("data/admin_address", "127.0.0.1:9\n");
    assert!(running.end("TERM").success());
    assert_eq!(folder.read("data/admin_address"), "127.0.0.1:9\n");
}

#[test]
fn a_note_that_others_may_have_written_is_not_believed() {
    let folder = Folder::empty();
    folder.write_private("data/jwt_secret", crate::harness::SECRET);
    folder.write_private("data/admin_token", "Zt8W0kqN3bYv5RfXc7MpLd1sJhGaUe2iTo9nQwErKxB");
    let thief = TcpListener::bind(own_address()).unwrap();
    let address = thief.local_addr().unwrap().to_string();
    for (text, mode, told) in [
        (&*address, 0o666, "group or others can write it"),
        (&address, 0o620, "group or others can write it"),
        (&format!("{address}\"\n[app.evil]\n"), 0o600, "not an address"),
        ("192.0.2.1:9901", 0o600, "not an address of this machine: `192.0.2.1:9901`"),
    ] {
        let note = folder.write_private("data/admin_address", text);
        std::fs::set_permissions(&note, std::fs::Permissions::from_mode(mode)).unwrap();
        let _held = held(note);
        assert_nobody_is_asked(&folder, &thief, told);
    }
    let command = Command::new(&folder, &["why", "--upstream"]).env("STAGEDOOR_ADMIN_LISTEN", "off");
    let told = command.run().stderr;
    assert!(told.contains("is off") && !told.contains("note"), "the variable goes before it: {told}");
}

/// As the gateway that wrote a note holds it while it lives.
fn held(note: impl AsRef<Path>) -> File {
    let file = File::open(note).unwrap();
    file.lock().unwrap();
    file
}

/// Nothing connects to `listener` on behalf of what asks the gateway of this folder.
fn assert_nobody_is_asked(folder: &Folder, listener: &TcpListener, told: &str) {
    listener.set_nonblocking(true).unwrap();
    for arguments in [&["why", "--upstream"] as &[&str], &["token", "--upstream", "--sub", "bob", "--link"]] {
        let output = Command::new(folder, arguments).run();
        assert!(output.code == Some(1) && output.stderr.contains(told), "{arguments:?}: {output:?}");
        assert!(output.stderr.contains("hint: ") && output.stdout.is_empty(), "{output:?}");
    }
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "somebody was asked");
}

/// Where others reach it, links lead to the name that they know.
#[test]
fn links_lead_to_the_first_of_the_names_off_loopback() {
    let app = Upstream::start();
    let hosts = ("STAGEDOOR_HOSTS", "media.lan,films.lan");
    for (listen, name) in [("0.0.0.0:0", "media.lan"), ("127.0.0.1:0", "localhost")] {
        let gateway = Unfiled::start(&app, &[hosts, ("STAGEDOOR_LISTEN", listen)]);
        let expected = format!("http://{name}:{}", gateway.port());
        assert_eq!(gateway.base, expected, "{}", gateway.running.stderr());
        let made = gateway.ask_for_link(&[]);
        assert!(made.stdout.starts_with(&format!("{expected}/.stagedoor/enter#")), "{made:?}");
    }
}

#[test]
fn which_of_two_configurations_signs_is_told() {
    let folder = Folder::empty();
    folder.write_private("data/jwt_secret", crate::harness::SECRET);
    let note = "note: this is for `run --upstream` of this folder; for a file: `--config stagedoor.toml`";
    let check = |arguments: &[&str], expected: &str| {
        let made = Command::new(&folder, arguments).run();
        assert_eq!((made.code, &*made.stderr), (Some(0), expected), "{arguments:?}: {made:?}");
        assert_eq!(made.stdout.lines().count(), 1, "the token and nothing else");
    };
    check(&["token", "--sub", "alice"], "");
    folder.write("stagedoor.toml", "version = 1\n");
    check(&["token", "--sub", "alice"], note);
    check(&["token", "--upstream", "--sub", "alice"], "");
}
