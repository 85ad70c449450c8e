//! What a running gateway hears besides requests: signals, and the commands that ask it.

use std::collections::HashSet;
use std::fs;

use serde_json::Value;

use crate::harness::{
    Command, Folder, Gateway, HOST, Output, Request, Token, Upstream, own_address, poll_until, token,
};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"

[[app.media.route]]
match = "GET /public/{x}"
auth  = "public"
[[app.media.route]]
match = "GET /admin"
roles = ["admin"]
"#;

fn command(folder: &Folder, arguments: &[&str]) -> Output {
    Command::new(folder, &[arguments, &["--config", "stagedoor.toml"]].concat()).run()
}

/// A supervisor would end a gateway that serves, into a file that does not start.
#[test]
fn the_healthcheck_never_fails_because_of_the_file() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let well = |what: &str| {
        let told = command(&gateway.folder, &["healthcheck"]);
        assert_eq!((told.code, &*told.stdout), (Some(0), "ready"), "{what}: {told:?}");
    };
    well("as it was started");
    let good = gateway.folder.read("stagedoor.toml");
    for (what, text) in [
        ("no TOML", format!("{good}\n[app.media\n")),
        ("a mistake", good.replace("\"required\"", "\"requird\"")),
        ("a key that is none", good.replace("[admin]", "[admin]\nlissten = 1")),
        (
            "another address, not in force",
            good.replace("[admin]\nlisten = \"127.0.0.1:0\"", "[admin]\nlisten = \"127.0.0.1:1\""),
        ),
        (
            "the listener turned off, not in force",
            good.replace("[admin]\nlisten = \"127.0.0.1:0\"", "[admin]\nlisten = \"off\""),
        ),
        ("nothing", String::new()),
    ] {
        gateway.folder.write("stagedoor.toml", &text);
        well(what);
        assert_eq!(gateway.ask(&Request::get("/public/1")).status, 200, "{what}");
    }
    fs::remove_file(gateway.folder.config_path()).unwrap();
    well("no file at all");
    let folder = gateway.stop();
    let told = command(&folder, &["healthcheck"]);
    assert_eq!(told.code, Some(1), "nobody answers: {told:?}");
}

#[test]
fn two_gateways_without_a_file_share_no_folder() {
    let app = Upstream::start();
    let (folder, url) = (Folder::empty(), app.url());
    let run = |admin: &str| {
        Command::new(&folder, &["run", "--upstream", &url])
            .env("STAGEDOOR_LISTEN", "127.0.0.1:0")
            .env("STAGEDOOR_ADMIN_LISTEN", admin)
    };
    let admin = own_address().to_string();
    let mut first = run(&admin).spawn();
    first.wait_for("its link", |said| said.contains("/.stagedoor/enter#").then_some(()));
    let second = run("127.0.0.1:0").run();
    assert_eq!(second.code, Some(1), "{second:?}");
    let told = format!("another gateway runs in this folder: it holds `data`, and is asked at `{admin}`");
    assert!(second.stderr.contains(&told) && second.stderr.contains("hint: "), "{second:?}");
    assert_eq!(folder.read("data/admin_address").trim(), admin, "the note is the first one's");
    first.end("KILL");
    let mut third = run("127.0.0.1:0").spawn();
    third.wait_for("its link", |said| said.contains("/.stagedoor/enter#").then_some(()));
}

#[test]
fn two_gateways_with_one_state_are_warned_about() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let other = gateway.folder.read("stagedoor.toml");
    gateway.folder.write("other.toml", &other);
    let mut second = Command::new(&gateway.folder, &["run", "--config", "other.toml"]).spawn();
    second.wait_for("a warning", |said| said.contains("keeps its state in this folder").then_some(()));
    let told = command(&gateway.folder, &["status"]);
    assert!(told.code == Some(0) && told.stdout.contains(&gateway.address.to_string()), "{told:?}");
}

#[test]
fn a_log_that_was_moved_away_is_made_anew_and_no_line_is_lost() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let (log, moved) = (gateway.folder.path().join("access.jsonl"), gateway.folder.path().join("moved"));
    let mut asked = HashSet::new();
    let mut ask = |n: usize| {
        for _ in 0..n {
            asked.insert(gateway.ask(&Request::get("/public/1")).field("x-request-id").to_owned());
        }
        asked.clone()
    };
    ask(20);
    poll_until("the log", || log.exists().then_some(()));
    fs::rename(&log, &moved).unwrap();
    ask(20);
    gateway.signal("USR1");
    poll_until("another log, without any request", || log.exists().then_some(()));
    gateway.wait_for_log("the access log is opened anew");
    let asked = ask(20);
    let written = || {
        let text = fs::read_to_string(&moved).unwrap() + &fs::read_to_string(&log).unwrap();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter_map(|event| event["request_id"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    poll_until("every line", || (written().len() == 60).then_some(()));
    assert_eq!(written().into_iter().collect::<HashSet<_>>(), asked);
    assert!(fs::read_to_string(&log).unwrap().lines().count() >= 20, "what came later is in the new one");
    assert_eq!(gateway.metric("stagedoor_log_dropped_total", &[]), 0.0);
}

#[test]
fn no_signal_ends_it_without_a_word() {
    let app = Upstream::start();
    let mut gateway = Gateway::before(&app, CONFIG);
    for name in ["USR2", "ALRM", "VTALRM", "PROF", "IO", "XFSZ", "PIPE", "WINCH", "URG", "CHLD"] {
        gateway.signal(name);
        assert_eq!(gateway.ask(&Request::get("/public/1")).status, 200, "after {name}");
    }
    for name in ["USR2", "ALRM", "VTALRM", "PROF", "IO"] {
        gateway.wait_for_log(&format!("\"signal\":\"SIG{name}\""));
    }
    assert!(gateway.is_running());
    gateway.signal("QUIT");
    assert!(gateway.wait().0.success(), "it drains: {}", gateway.log());
    assert!(gateway.log().contains("\"signal\":\"SIGQUIT\"") && gateway.log().contains("draining"));
}

#[test]
fn every_line_of_the_log_begins_with_its_time() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    gateway.signal("USR2");
    gateway.wait_for_log("SIGUSR2");
    for line in gateway.log().lines() {
        assert!(line.starts_with("{\"time\":\"20") && !line.contains("\"timestamp\""), "{line}");
        let event: Value = serde_json::from_str(line).unwrap();
        assert!(event["level"].is_string() && event["message"].is_string(), "{line}");
    }
}

#[test]
fn reload_tells_what_came_of_it() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let reload = |more: &[&str]| command(&gateway.folder, &[&["reload"], more].concat());
    let good = gateway.folder.read("stagedoor.toml");
    let opened = good.replace("roles = [\"admin\"]", "roles = [\"user\"]");
    gateway.folder.write("stagedoor.toml", &opened.replace("[log]", "[log]\nformat = \"text\""));
    let bob = Token::of("bob").claim("roles", serde_json::json!(["user"])).sign();
    assert_eq!(gateway.ask(&Request::get("/admin").bearer(&bob)).status, 403);
    let told = reload(&[]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.starts_with("reloaded: ") && told.stdout.contains("log.format"), "{told:?}");
    assert!(told.stdout.contains("  changed: ") && told.stdout.contains("app.media.route.roles"), "{told:?}");
    assert_eq!(gateway.ask(&Request::get("/admin").bearer(&bob)).status, 200, "a person has asked");

    gateway.folder.write("stagedoor.toml", &good.replace("\"required\"", "\"requird\""));
    let told = reload(&[]);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.stderr.contains("requird") && told.stderr.contains("goes on as it was"), "{told:?}");
    let told = reload(&["--json"]);
    let document: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((told.code, document["reloaded"].as_bool()), (Some(2), Some(false)), "{told:?}");
    assert_eq!(gateway.ask(&Request::get("/admin").bearer(&bob)).status, 200, "the old policy is in force");

    gateway.folder.write("stagedoor.toml", &good);
    let document: Value = serde_json::from_str(&reload(&["--json"]).stdout).unwrap();
    assert_eq!(document["reloaded"], true);
    let folder = gateway.stop();
    let told = command(&folder, &["reload"]);
    assert!(told.code == Some(1) && told.stderr.contains("hint: "), "{told:?}");
}

#[test]
fn status_tells_how_the_gateway_is() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let told = command(&gateway.folder, &["status"]);
    assert_eq!((told.code, &*told.stderr), (Some(0), ""), "{told:?}");
    for words in ["serving for ", &gateway.address.to_string(), "media: media.localhost -> ", &app.url()] {
        assert!(told.stdout.contains(words), "no `{words}`: {told:?}");
    }
    // What the file says by now is another matter.
    let broken = gateway.folder.read("stagedoor.toml").replace("\"required\"", "\"requird\"");
    gateway.folder.write("stagedoor.toml", &broken);
    let told = command(&gateway.folder, &["status", "--json"]);
    let document: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((told.code, document["stage"].as_str()), (Some(0), Some("serving")), "{told:?}");
    assert!(told.stderr.contains("cannot be loaded as it is now"), "{told:?}");
    let refused = gateway.ask(&Request::get("/admin"));
    let why = command(&gateway.folder, &["why", refused.field("x-request-id")]);
    assert!(why.code == Some(0) && why.stdout.contains("token_missing"), "{why:?}");
    let folder = gateway.stop();
    assert_eq!(command(&folder, &["status"]).code, Some(1));
    assert_eq!(Command::new(&Folder::empty(), &["status"]).run().code, Some(2), "which gateway?");
}

#[test]
fn debug_tells_each_decision_and_info_none() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &format!("[log]\nlevel = \"debug\"\n{CONFIG}"));
    let bob = token("bob");
    let refused = gateway.ask(&Request::get("/admin?token=s3cr3t").bearer(&bob));
    assert_eq!(refused.status, 403);
    let forwarded = gateway.ask(&Request::get(&format!("/public/{}", "x".repeat(2_000))).bearer(&bob));
    assert_eq!(forwarded.status, 200);
    gateway.raw("nonsense\r\n\r\n");
    let decided = |is: &dyn Fn(&Value) -> bool| {
        poll_until("a line of decisions", || {
            let log = gateway.log();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut lines = lines.filter(|line| line["message"] == "decided");
            lines.find(|line| is(line))
        })
    };
    let of = |answer: &crate::harness::Response| {
        let id = answer.field("x-request-id").to_owned();
        decided(&move |line| line["request_id"] == id.as_str())
    };
    let line = of(&refused);
    assert_eq!((line["code"].as_str(), line["user"].as_str()), (Some("forbidden"), Some("bob")), "{line}");
    assert_eq!(line["path"], "/admin?token=[redacted]");
    let checks = line["checks"].as_str().unwrap();
    let order = ["host and path: pass", "route: pass (`GET /admin`)", "identity: pass", "permission: deny"];
    let at: Vec<Option<usize>> = order.iter().map(|check| checks.find(check)).collect();
    assert!(at.iter().all(Option::is_some) && at.is_sorted(), "{checks}");
    let line = of(&forwarded);
    assert_eq!(line["code"], "-");
    assert!(line["path"].as_str().unwrap().len() < 600 && line.to_string().len() < 4_096, "{line}");
    decided(&|line| line["code"] == "bad_request");
    let signature = bob.rsplit_once('.').unwrap().1;
    assert!(!gateway.log().contains(signature) && !gateway.log().contains("s3cr3t"));

    let quiet = Gateway::before(&app, CONFIG);
    quiet.event(&quiet.ask(&Request::get("/public/1")));
    assert!(!quiet.log().contains("decided"), "{}", quiet.log());
}

/// A trusted proxy ends TLS, and the client asks for what it saw.
#[test]
fn an_event_tells_what_the_client_saw() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &format!("[server]\ntrusted_proxies = [\"127.0.0.0/8\"]\n{CONFIG}"));
    let answer = gateway.ask(
        &Request::get("/public/1")
            .field("X-Forwarded-For", "192.0.2.9")
            .field("X-Forwarded-Proto", "https")
            .field("Referer", "https://eve:s3cr3t@media.localhost/list?page=2&api_key=s3cr3t#s3cr3t"),
    );
    let event = gateway.event(&answer);
    assert_eq!((event["scheme"].as_str(), event["tls"].as_bool()), (Some("https"), Some(false)), "{event}");
    assert_eq!((event["host"].as_str(), event["protocol"].as_str()), (Some(HOST), Some("HTTP/1.1")));
    assert_eq!(event["upstream"].as_str(), Some(&*app.url()));
    assert_eq!(event["referer"], "https://media.localhost/list?page=2&api_key=[redacted]");
    assert!(!gateway.everything_written().contains("s3cr3t"));
    let refused = gateway.event(&gateway.raw("GET /x HTTP/1.0\r\nHost: media.localhost\r\n\r\n"));
    assert_eq!(
        (refused["protocol"].as_str(), refused["code"].as_str()),
        (Some("HTTP/1.0"), Some("token_missing"))
    );
    assert!(refused["upstream"].is_null() && refused["referer"].is_null(), "{refused}");
    assert_eq!(refused["scheme"], "http");
}

/// The kernel's files are closed to a confined process; what it opened before stays open.
#[test]
fn the_process_is_measured_although_it_is_confined() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    crate::confinement::assert_confined(gateway.pid());
    let body = "x".repeat(70_000);
    gateway.event(&gateway.ask(&Request::post("/public/1", &body).bearer(&token("bob"))));
    let value = |name: &str| gateway.metric(name, &[]);
    let fds = value("process_open_fds");
    assert!((5.0..1_000.0).contains(&fds), "{fds}");
    let resident = value("process_resident_memory_bytes");
    // Kernels before 5.0 do not say it.
    assert!(matches!(gateway.process_status("THP_enabled"), Some(0) | None), "it holds huge pages");
    assert!((1e6..1e9).contains(&resident) && value("process_virtual_memory_bytes") > resident, "{resident}");
    assert!(value("process_cpu_seconds_total") > 0.0 && value("process_threads") >= 2.0);
    assert!(value("process_max_fds") >= fds && value("process_start_time_seconds") > 1.7e9);
    let held: Vec<_> = (0..20).map(|_| gateway.client()).collect();
    poll_until("more open sockets", || (value("process_open_fds") >= fds + 20.0).then_some(()));
    drop(held);
    assert_eq!(gateway.metric("stagedoor_request_bytes_total", &["app=\"media\""]), 70_000.0);
    assert!(gateway.metric("stagedoor_response_bytes_total", &["app=\"media\""]) > 0.0);
}
