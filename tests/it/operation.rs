//! What an operator sees: metrics, access events, logs, secrets, starts and their failures.

use std::collections::{HashMap, HashSet};
use std::io::Write as _;
use std::net::TcpListener;
use std::process::Stdio;

use crate::harness::{
    Command, Folder, Gateway, HOST, Output, Request, SECRET, Token, Upstream, own_address, poll_until, token,
};

const CONFIG: &str = r#"
[auth.house]
keys    = [{ kid = "k1", alg = "HS256", secret = { file = "secret" } }]
sources = ["bearer", "query:sd_token", "header:x-stagedoor-token", "cookie:access_token"]

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"

[[app.media.route]]
match = "GET /public/{x}"
auth  = "public"
name  = "public"
[[app.media.route]]
match    = "GET /limited"
auth     = "public"
limit.ip = ["1/hour"]
"#;

#[test]
fn metrics_are_well_formed_and_clients_add_none() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let spread = || {
        for (path, host) in
            [("/public/1", HOST), ("/limited", HOST), ("/x", HOST), ("/a/../b", HOST), ("/x", "other")]
        {
            gateway.ask(&Request::get(path).host(host));
        }
        gateway.ask(&Request::get("/x").bearer(&token("bob")));
        gateway.raw("nonsense\r\n\r\n");
    };
    spread();
    spread();
    let text = gateway.metrics();
    let before = check_metrics(&text);
    for name in [
        "requests_total",
        "denied_total",
        "request_seconds",
        "gateway_seconds",
        "upstream_seconds",
        "limited_total",
        "limit_overflow_total",
        "connections",
        "connections_refused_total",
        "streams",
        "jwt_cache_total",
        "state_keys",
        "config_loaded_timestamp_seconds",
        "config_reload_total",
        "panics_total",
        "log_dropped_total",
        "build_info",
    ] {
        assert!(text.contains(&format!("# TYPE stagedoor_{name} ")), "no `{name}` in\n{text}");
    }
    assert_eq!(gateway.metric("stagedoor_requests_total", &["route=\"public\"", "status=\"200\""]), 2.0);
    assert_eq!(gateway.metric("stagedoor_denied_total", &["code=\"token_missing\""]), 2.0);
    assert_eq!(gateway.metric("stagedoor_panics_total", &[]), 0.0);
    for n in 0..200 {
        gateway.ask(
            &Request::new(if n % 2 == 0 { "GET" } else { "BREW" }, &format!("/public/{n}"))
                .host(if n % 3 == 0 { HOST } else { "made-up.example" })
                .field("User-Agent", format!("agent-{n}"))
                .bearer(&format!("token-{n}")),
        );
    }
    let after = check_metrics(&gateway.metrics());
    let added: Vec<_> = after.difference(&before).collect();
    assert!(added.iter().all(|series| !series.contains("made-up") && !series.contains("BREW")), "{added:?}");
    assert!(added.len() < 12, "{added:?}");
    promtool(&text);
}

/// Checks the text format and returns the series.
fn check_metrics(text: &str) -> HashSet<String> {
    let (mut kinds, mut series) = (HashMap::new(), HashSet::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "two types of {name}");
            assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(rest.split_once(' ').is_some_and(|(_, help)| !help.is_empty()), "{line}");
        } else {
            assert!(!line.starts_with('#'), "{line}");
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
            assert!(series.insert(name.to_owned()), "twice: {name}");
            let base = name.split('{').next().unwrap();
            assert!(base.starts_with("stagedoor_") || base.starts_with("process_"), "{line}");
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|suffix| base.strip_suffix(suffix).filter(|family| kinds.contains_key(*family)))
                .unwrap_or(base);
            assert!(kinds.contains_key(family), "no type: {line}");
        }
    }
    assert!(series.len() > 20);
    series
}

/// Asks Prometheus' own checker, where there is one.
fn promtool(text: &str) {
    let spawned = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = spawned else { return };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

#[test]
fn one_event_tells_one_request() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let bob = token("bob");
    let answer = gateway.ask(
        &Request::post("/x/y?a=1&token=s3cr3t&api_key=s3cr3t", "12345")
            .bearer(&bob)
            .field("User-Agent", "a \"b\"\t\u{e9}"),
    );
    assert_eq!(answer.status, 200);
    let event = gateway.event(&answer);
    for key in [
        "time",
        "request_id",
        "app",
        "route",
        "method",
        "path",
        "status",
        "code",
        "user",
        "ip",
        "bytes_in",
        "bytes_out",
        "gateway_us",
        "upstream_us",
        "tls",
        "user_agent",
        "host",
        "scheme",
        "protocol",
        "upstream",
        "referer",
    ] {
        assert!(event.get(key).is_some(), "no `{key}` in {event}");
    }
    assert_eq!((event["app"].as_str(), event["route"].as_str()), (Some("media"), Some("-")));
    assert_eq!((event["method"].as_str(), event["user"].as_str()), (Some("POST"), Some("bob")));
    assert_eq!((event["status"].as_u64(), event["code"].is_null()), (Some(200), true));
    assert_eq!(
        (event["bytes_in"].as_u64(), event["bytes_out"].as_u64()),
        (Some(5), Some(answer.body.len() as u64))
    );
    assert_eq!((event["ip"].as_str(), event["tls"].as_bool()), (Some("127.0.0.1"), Some(false)));
    let path = event["path"].as_str().unwrap();
    assert!(path.starts_with("/x/y?a=1") && !path.contains("s3cr3t"), "{path}");
    assert!(event["time"].as_str().unwrap().ends_with('Z'));
    assert!(event["upstream_us"].as_u64().unwrap() > 0);

    let refused = gateway.ask(&Request::get("/limited"));
    assert_eq!(refused.status, 200);
    let event = gateway.event(&gateway.ask(&Request::get("/limited")));
    assert_eq!((event["status"].as_u64(), event["code"].as_str()), (Some(429), Some("rate_limited")));
    assert!(event["upstream_us"].is_null() && event["user"].is_null(), "{event}");

    gateway.raw("GET /x\x1b[31m HTTP/1.1\r\n\r\n");
    gateway.event_where("a refused head", |event| event["code"] == "bad_request");
    assert!(!gateway.everything_written().contains('\x1b'), "a control byte was logged");
}

#[test]
fn an_unknown_host_is_told_to_the_operator() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let answer = gateway.ask(&Request::get("/x").host("films.example"));
    assert_eq!(answer.status, 421);
    let reason = gateway.event(&answer)["reason"].as_str().unwrap().to_owned();
    let place = "add it to `hosts` of [app.media] at ";
    assert!(reason.contains(place) && reason.ends_with(": `films.example`"), "{reason}");
    assert!(reason.contains("stagedoor.toml:"), "{reason}");
}

#[test]
fn no_secret_is_ever_written() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, &format!("[log]\nlevel = \"trace\"\n{CONFIG}"));
    let good = token("bob");
    let bad = Token::of("bob").secret("another secret that is long enough for hmac").sign();
    let mut signatures = Vec::new();
    for token in [&good, &bad] {
        signatures.push(token.rsplit_once('.').unwrap().1.to_owned());
        for request in [
            Request::get("/x").bearer(token),
            Request::get(&format!("/x?sd_token={token}")),
            Request::get(&format!("/x?SD_TOKEN={token}&x-plex-token={token}")),
            Request::get(&format!("/public/{token}")),
            Request::get("/x").field("Cookie", format!("access_token={token}")),
            Request::get("/x").field("X-Stagedoor-Token", token),
            Request::get("/x").field("User-Agent", token),
            Request::get("/x").field("Referer", format!("http://media.localhost/?sd_token={token}")),
            Request::get("/x").host(&format!("{}.example", &token[..20])),
        ] {
            gateway.ask(&request);
        }
        gateway.raw(format!("GET /x?sd_token={token}#f HTTP/1.1\r\nHost: {HOST}\r\n\r\n"));
    }
    gateway.ask_admin(Request::get("/api/v1/status").bearer(&bad));
    gateway.reload();
    let answer = gateway.ask(&Request::get("/public/last"));
    gateway.event(&answer);
    let written = gateway.everything_written() + &gateway.metrics();
    for secret in signatures.iter().map(String::as_str).chain([SECRET]) {
        assert!(!written.contains(secret), "a secret was written");
    }
}

const GENERATED: &str = r#"
[auth.house]
kind     = "jwt"
keys     = [{ secret = { file = "data/jwt_secret", generate = true } }]
issuer   = "stagedoor"
audience = ["media"]

[admin]
token = { file = "data/admin_token", generate = true }

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"
"#;

#[test]
fn secrets_are_made_once_and_kept_private() {
    let app = Upstream::start();
    let folder = Folder::new(&GENERATED.replace("UPSTREAM", &app.url()));
    let gateway = Gateway::start_in(folder);
    assert_eq!(gateway.folder.mode("data"), 0o700);
    for name in ["data/jwt_secret", "data/admin_token"] {
        assert_eq!(gateway.folder.mode(name), 0o600, "{name}");
        let secret = gateway.folder.read(name);
        assert!(secret.trim_end().len() >= 43, "{name}: 256 bits take 43 characters");
        assert!(!gateway.everything_written().contains(secret.trim_end()));
    }
    let secret = gateway.folder.read("data/jwt_secret").trim_end().to_owned();
    let of_before = Token::of("bob").header("kid", serde_json::Value::Null).secret(&secret).sign();
    let stripped =
        Command::new(&gateway.folder, &["token", "--sub", "bob", "--config", "stagedoor.toml"]).run();
    let of_the_command = stripped.stdout.trim().to_owned();
    assert_eq!(gateway.ask(&Request::get("/x").bearer(&of_the_command)).status, 200);
    let gateway = Gateway::start_in(gateway.stop());
    assert_eq!(gateway.folder.read("data/jwt_secret").trim_end(), secret);
    assert_eq!(gateway.ask(&Request::get("/x").bearer(&of_the_command)).status, 200, "survives a restart");
    assert!(!of_before.is_empty());
}

fn refused_start(config: &str, secret: Option<(&str, u32)>) -> Output {
    let app = Upstream::start();
    let folder = Folder::new(&config.replace("UPSTREAM", &app.url()));
    if let Some((text, mode)) = secret {
        let path = folder.write("secret", text);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    }
    match Gateway::try_start_in(folder) {
        Ok(_) => panic!("it started"),
        Err((_, output)) => output,
    }
}

#[test]
fn bad_secrets_are_refused_with_the_mend() {
    for (what, secret) in [
        ("short", ("tooshort", 0o600)),
        ("well-known", ("your-256-bit-secret", 0o600)),
        ("one letter", ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0o600)),
        ("change me", ("changemechangemechangemechangemechangeme", 0o600)),
        ("empty", ("", 0o600)),
        ("open to the group", (SECRET, 0o640)),
        ("open to all", (SECRET, 0o644)),
    ] {
        let output = refused_start(CONFIG, Some(secret));
        assert_eq!(output.code, Some(2), "{what}: {output:?}");
        assert!(output.stderr.contains("hint:"), "{what}: {output:?}");
        assert!(output.stderr.contains("stagedoor.toml:"), "{what}: {output:?}");
        assert!(secret.0.len() < 9 || !output.stderr.contains(secret.0), "{what}: the secret shows");
    }
    let missing = refused_start(&CONFIG.replace("file = \"secret\"", "file = \"nowhere\""), None);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("nowhere") && missing.stderr.contains("hint:"), "{missing:?}");
}

#[test]
fn bad_secrets_pass_when_the_file_insists() {
    let app = Upstream::start();
    let config = CONFIG.replace(
        "secret = { file = \"secret\" }",
        "secret = { file = \"secret\", dangerous_open_file = true, dangerous_weak = true }",
    );
    let folder = Folder::new(&config.replace("UPSTREAM", &app.url()));
    let path = folder.write("secret", "short");
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let gateway = Gateway::start_in(folder);
    let weak = Token::of("bob").secret("short").sign();
    assert_eq!(gateway.ask(&Request::get("/x").bearer(&weak)).status, 200);
    gateway.wait_for_log("dangerous_");
}

#[test]
fn a_port_in_use_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = refused_start(&format!("[server]\nlisten = [\"{address}\"]\n{CONFIG}"), None);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains(&address) && output.stderr.contains("hint:"), "{output:?}");
    assert!(output.stderr.contains("server.listen"), "{output:?}");
    assert!(!output.stderr.contains("panicked"));
}

#[test]
fn neither_a_file_nor_an_upstream_is_no_open_door() {
    let folder = Folder::empty();
    folder.write("some.toml", "");
    for arguments in [
        &["run"] as &[&str],
        &["run", "--config", "some.toml", "--upstream", "http://127.0.0.1:1"],
        &["run", "--config", "missing.toml"],
        &["run", "--config", "some.toml"],
        &["run", "--upstream", "ftp://127.0.0.1:1"],
        &["run", "--upstream", "nonsense"],
        &["run", "--nonsense"],
    ] {
        let output = Command::new(&folder, arguments).run();
        assert_eq!(output.code, Some(2), "{arguments:?}: {output:?}");
        assert!(
            !output.stderr.is_empty() && !output.stderr.contains("panicked"),
            "{arguments:?}: {output:?}"
        );
    }
}

#[test]
fn one_upstream_and_nothing_else_needs_a_token_for_everything() {
    let app = Upstream::start();
    let folder = Folder::empty();
    let url = app.url();
    let operator = own_address().to_string();
    let mut running = Command::new(&folder, &["run", "--upstream", &url])
        .env("STAGEDOOR_LISTEN", "127.0.0.1:0")
        .env("STAGEDOOR_ADMIN_LISTEN", &operator)
        .spawn();
    let address = running.wait_for("its address", |said| {
        said.lines().filter(|line| line.contains("listening") && !line.contains("admin")).find_map(|line| {
            line.split(['"', ' ']).find_map(|word| word.parse::<std::net::SocketAddr>().ok())
        })
    });
    let ask = |request: Request| crate::harness::Client::connect(address).ask(&request.host("localhost"));
    assert_eq!(ask(Request::get("/anything")).status, 401);
    assert_eq!(
        crate::harness::Client::connect(address).ask(&Request::get("/x").host("evil.example")).status,
        421
    );
    assert!(app.seen().is_empty());
    let made = Command::new(&folder, &["token", "--sub", "bob"]).run();
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(ask(Request::get("/anything").bearer(made.stdout.trim())).status, 200);
    assert_eq!(folder.mode("data/jwt_secret"), 0o600);
    crate::confinement::assert_confined(running.pid());
    // The link that is printed at the start, and another.
    let printed = running.wait_for("a link", |said| {
        said.lines().find_map(|line| line.split_once("/.stagedoor/enter#")).map(|(_, code)| code.to_owned())
    });
    let made = Command::new(&folder, &["token", "--upstream", "--sub", "bob", "--link"])
        .env("STAGEDOOR_ADMIN_LISTEN", &operator)
        .run();
    let another = made.stdout.trim().split_once("/.stagedoor/enter#").unwrap_or_else(|| panic!("{made:?}")).1;
    for code in [&*printed, another] {
        let form = Request::post("/.stagedoor/enter", format!("code={code}"))
            .field("Content-Type", "application/x-www-form-urlencoded");
        assert_eq!(ask(form).status, 204);
    }
    assert!(!running.stdout().contains("panicked") && !running.stderr().contains("panicked"));
}

#[test]
fn an_app_that_is_not_there_yet_is_waited_for() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::start(&CONFIG.replace("UPSTREAM", &format!("http://{address}")));
    gateway.wait_for_log("cannot be reached");
    assert_eq!(gateway.ask(&Request::get("/public/1")).status, 502);
    let app = Upstream::on(address, crate::harness::default_answer);
    poll_until("the app", || (gateway.ask(&Request::get("/public/1")).status == 200).then_some(()));
    assert!(!app.seen().is_empty());
}

#[test]
fn live_ready_and_metrics_are_open_on_loopback_and_nothing_else_is() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    assert_eq!(gateway.ask_admin(Request::get("/live")).status, 200);
    assert_eq!(gateway.ask_admin(Request::get("/ready")).status, 200);
    assert_eq!(gateway.ask_admin(Request::new("HEAD", "/ready")).status, 200);
    assert_eq!(gateway.ask_admin(Request::post("/live", "")).status, 405);
    assert_eq!(gateway.ask_admin(Request::get("/")).status, 404);
    assert_eq!(gateway.ask_admin(Request::get("/api/v1/status")).status, 401);
    for path in ["/live", "/ready", "/metrics", "/api/v1/status"] {
        assert_eq!(gateway.ask(&Request::get(path)).status, 401, "`{path}` is the app's on the public door");
    }
}

/// Whoever connects and says nothing, or begins and says no more, keeps nobody else away; nor does whoever has an answer
/// and stays.
#[test]
fn silent_connections_do_not_take_the_admin_listener_away() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let answered = format!("GET /x HTTP/1.1\r\nHost: {}\r\n\r\n", gateway.admin);
    // Ten times as many as there are places. If each kept its own until its time is over, two seconds and more, then
    // who comes last would wait for twice as long as anybody is waited for here.
    for said in ["", "GET /live", &answered] {
        let held: Vec<_> = (0..640)
            .map(|_| {
                let mut stream = std::net::TcpStream::connect(gateway.admin).unwrap();
                stream.write_all(said.as_bytes()).unwrap();
                stream
            })
            .collect();
        let url = format!("http://{}/ready", gateway.admin);
        poll_until(&format!("an answer beside `{said}`"), || {
            let told = Command::new(&gateway.folder, &["healthcheck", "--url", &url]).run();
            (told.code == Some(0)).then_some(())
        });
        drop(held);
    }
}
