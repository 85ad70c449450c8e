//! Another policy while requests run, and the end of the process.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{
    Client, Command, DEADLINE, Gateway, Request, Token, Upstream, poll_until, token, websocket,
};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"

[[app.media.route]]
match = "GET /public"
auth  = "public"
[[app.media.route]]
match = "GET /admin"
roles = ["admin"]
[[app.media.route]]
match    = "GET /limited"
auth     = "public"
limit.ip = ["3/hour"]
"#;

const OPENED: &str = r#"
[[app.media.route]]
match = "GET /new"
auth  = "public"
"#;

fn status(gateway: &Gateway, path: &str) -> u16 {
    gateway.ask(&Request::get(path)).status
}

#[test]
fn a_signal_puts_the_new_file_in_force_and_limits_go_on() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    assert_eq!(status(&gateway, "/new"), 401);
    for expected in [200, 200, 200, 429] {
        assert_eq!(status(&gateway, "/limited"), expected);
    }
    gateway.folder.configure(&format!("{config}{OPENED}"));
    assert_eq!(gateway.reload(), "ok");
    assert_eq!(status(&gateway, "/new"), 200);
    assert_eq!(status(&gateway, "/limited"), 429, "what was used up stays used up");
}

#[test]
fn an_edit_beside_a_quota_does_not_give_it_out_again() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    for expected in [200, 200, 200, 429] {
        assert_eq!(status(&gateway, "/limited"), expected);
    }
    let burst = config.replace("[\"3/hour\"]", "[\"20/s burst 40\", \"3/hour\"]");
    let named = burst.replace("match    = \"GET /limited\"", "match = \"GET /limited\"\nname = \"few\"");
    let shared = named.replace("name = \"few\"", "name = \"few\"\nbucket = \"few\"");
    for text in [&burst, &named, &burst, &config] {
        gateway.folder.configure(text);
        assert_eq!(gateway.reload(), "ok", "{text}");
        assert_eq!(status(&gateway, "/limited"), 429, "{text}");
    }
    // A bucket counts for itself.
    gateway.folder.configure(&shared);
    assert_eq!(gateway.reload(), "ok");
    assert_eq!(status(&gateway, "/limited"), 200);
}

#[test]
fn no_request_is_lost_while_policies_change() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    let (stop, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (gateway, stop, asked) = (&gateway, &stop, &asked);
            scope.spawn(move || {
                let mut client = gateway.client();
                while !stop.load(Ordering::SeqCst) {
                    let answer = client.ask(&Request::get("/public"));
                    assert_eq!(answer.status, 200);
                    if answer.field("connection") == "close" || worker % 2 == 0 {
                        client = gateway.client();
                    }
                    asked.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for round in 0..10 {
            let text = if round % 2 == 0 { format!("{config}{OPENED}") } else { config.clone() };
            gateway.folder.configure(&text);
            assert_eq!(gateway.reload(), "ok", "round {round}");
            let before = asked.load(Ordering::SeqCst);
            poll_until("requests under the new policy", || {
                (asked.load(Ordering::SeqCst) > before + 8).then_some(())
            });
        }
        stop.store(true, Ordering::SeqCst);
    });
}

#[test]
fn a_broken_file_changes_nothing() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    for broken in [
        config.replace("auth     = \"required\"", "auth = \"requird\""),
        format!("{config}\n[app.media.nonsense]\nx = 1\n"),
        "version = 1\n[app.media".to_owned(),
        String::new(),
    ] {
        gateway.folder.configure(&broken);
        assert_eq!(gateway.reload(), "failed", "{broken}");
        assert_eq!(status(&gateway, "/public"), 200);
        assert_eq!(status(&gateway, "/x"), 401);
    }
    gateway.wait_for_log("old policy stays in force");
    gateway.folder.configure(&config);
    assert_eq!(gateway.reload(), "ok");
}

/// Waits until the watch has counted this many files of this kind.
fn counted(gateway: &Gateway, result: &str, count: f64) {
    poll_until(&format!("{count} files that were {result}"), || {
        let label = format!("result=\"{result}\"");
        (gateway.metric("stagedoor_config_reload_total", &[&label]) >= count).then_some(())
    });
}

fn waiting(gateway: &Gateway) -> f64 {
    gateway.metric("stagedoor_config_waiting", &[])
}

fn told_ready(gateway: &Gateway) -> (u16, String) {
    let answer = gateway.ask_admin(Request::get("/ready"));
    (answer.status, answer.text())
}

fn told_status(gateway: &Gateway) -> Value {
    gateway.ask_admin_as_operator(Request::get("/api/v1/status")).json()
}

#[test]
fn a_changed_file_that_only_tightens_is_taken() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    assert_eq!(status(&gateway, "/public"), 200);
    gateway.folder.configure(
        &config.replace("match = \"GET /public\"\nauth  = \"public\"\n", "match = \"GET /public\"\n"),
    );
    poll_until("the tighter route", || (status(&gateway, "/public") == 401).then_some(()));
    assert_eq!((waiting(&gateway), told_ready(&gateway)), (0.0, (200, "ready\n".to_owned())));
}

#[test]
fn a_name_a_comment_and_a_log_level_are_taken() {
    let app = Upstream::start();
    let config = format!("[log]\nlevel = \"info\"\n{CONFIG}").replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    let named =
        config.replace("match = \"GET /admin\"", "match = \"GET /admin\"\nname = \"the admin's page\"");
    for (count, text) in
        (1..).zip([&named, &format!("# a word\n{named}"), &config.replace("\"info\"", "\"debug\"")])
    {
        gateway.folder.configure(text);
        counted(&gateway, "ok", f64::from(count));
    }
    gateway.wait_for_log("configuration reloaded");
    assert_eq!(
        (waiting(&gateway), gateway.metric("stagedoor_config_reload_total", &["result=\"refused\""])),
        (0.0, 0.0)
    );
}

/// No operator is asked when a file changes, so a change that allows more waits for one.
#[test]
fn a_changed_file_never_drops_protection_by_itself() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url());
    let admin = "[[app.media.route]]\nmatch = \"GET /admin\"\nroles = [\"admin\"]\n";
    let bob = Token::of("bob").claim("roles", ["user"]).sign();
    for (what, weaker) in [
        ("a role", config.replace("roles = [\"admin\"]\n", "")),
        ("another role", config.replace("[\"admin\"]", "[\"admin\", \"user\"]")),
        ("a route", config.replace(admin, "")),
        ("the pattern of a route", config.replace("GET /admin", "GET /admin/x")),
        (
            "half a file",
            config.split_at(config.find("[[app.media.route]]\nmatch = \"GET /admin\"").unwrap()).0.to_owned(),
        ),
    ] {
        let gateway = Gateway::start(&config);
        let forbidden = || gateway.ask(&Request::get("/admin").bearer(&bob)).status;
        assert_eq!(forbidden(), 403);
        gateway.folder.configure(&weaker);
        counted(&gateway, "refused", 1.0);
        assert_eq!(forbidden(), 403, "{what} was dropped by a write");
        gateway.wait_for_log("SIGHUP");
        assert_eq!(gateway.reload(), "ok");
        assert_eq!(forbidden(), 200, "a person may");
    }
}

#[test]
fn what_waits_is_told_until_it_is_taken() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    assert_eq!(told_status(&gateway)["waiting"], serde_json::json!([]));
    // It tightens one route and opens another: nothing of it is taken.
    let opened =
        config.replace("[\"3/hour\"]", "[\"2/hour\"]").replace("[\"admin\"]", "[\"admin\", \"user\"]");
    gateway.folder.configure(&opened);
    counted(&gateway, "refused", 1.0);
    for expected in [200, 200, 200, 429] {
        assert_eq!(status(&gateway, "/limited"), expected, "the tighter half was taken");
    }
    let file = gateway.folder.read("stagedoor.toml");
    let line = 1 + file.lines().position(|line| line.starts_with("roles")).unwrap();
    let told = told_status(&gateway);
    let change = &told["waiting"][0];
    assert_eq!(told["waiting"].as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!((&change["direction"], &change["line"]), (&"looser".into(), &line.into()), "{told}");
    assert_eq!(change["key"], "app.media.route.roles");
    assert!(change["file"].as_str().unwrap().ends_with("stagedoor.toml"), "{told}");
    assert!(
        change["message"].as_str().unwrap().ends_with("allows more than `admin`: `admin, user`"),
        "{told}"
    );
    assert_eq!(waiting(&gateway), 1.0);
    let (ready, body) = told_ready(&gateway);
    assert_eq!(ready, 200);
    assert!(body.starts_with("ready\n") && body.contains("1 change waits for `stagedoor reload`"), "{body}");
    assert!(!body.contains("admin"), "the body is open to all: {body}");
    gateway.wait_for_log(&format!("stagedoor.toml:{line} (app.media.route.roles): "));
    gateway.wait_for_log(&format!("`kill -HUP {}`, or type `stagedoor reload`", gateway.pid()));

    let command = |name: &str| Command::new(&gateway.folder, &[name, "--config", "stagedoor.toml"]).run();
    let place = format!("stagedoor.toml:{line} (app.media.route.roles): of requests such as `GET /admin`: ");
    let told = command("status");
    assert!(told.stdout.contains(&place) && told.stdout.contains("`stagedoor reload`"), "{told:?}");
    let told = command("reload");
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.stdout.contains("  changed: ") && told.stdout.contains(&place), "{told:?}");
    assert!(told.stdout.contains("allows less than `3/h`: `2/h`"), "what tightens is told too: {told:?}");
    assert_eq!((waiting(&gateway), told_ready(&gateway).1), (0.0, "ready\n".to_owned()));
    assert_eq!(told_status(&gateway)["waiting"], serde_json::json!([]));
}

#[test]
fn what_waits_is_forgotten_when_it_is_put_back() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    gateway.folder.configure(&format!("{config}{OPENED}"));
    poll_until("the change to wait", || (waiting(&gateway) == 1.0).then_some(()));
    gateway.folder.configure(&config);
    poll_until("the change to be gone", || (waiting(&gateway) == 0.0).then_some(()));
    assert_eq!(told_ready(&gateway).1, "ready\n");
    gateway.wait_for_log("match the policy in force again");
    assert_eq!(told_status(&gateway)["reloads"], 0);
    // The API takes it as the signal does.
    gateway.folder.configure(&format!("{config}{OPENED}"));
    poll_until("the change to wait again", || (waiting(&gateway) == 1.0).then_some(()));
    assert_eq!(gateway.ask_admin_as_operator(Request::post("/api/v1/reload", "")).status, 200);
    assert_eq!((waiting(&gateway), status(&gateway, "/new")), (0.0, 200));
}

/// A saved file that turns the operator's listener off is taken, and works with the next start: until then the operator
/// goes on with the gateway that runs, and can put the listener back.
#[test]
fn an_operator_is_not_locked_out_by_a_saved_file() {
    let app = Upstream::start();
    let config = format!("[admin]\nlisten = \"127.0.0.1:0\"\n{CONFIG}").replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    gateway.folder.configure(&config.replace("listen = \"127.0.0.1:0\"", "listen = \"off\""));
    gateway.wait_for_log("`admin.listen` changed and needs a restart");
    assert_eq!(gateway.ask_admin_as_operator(Request::get("/api/v1/status")).status, 200);
    let command = |name: &str| Command::new(&gateway.folder, &[name, "--config", "stagedoor.toml"]).run();
    let told = command("status");
    assert!(told.code == Some(0) && told.stdout.starts_with("serving for "), "{told:?}");
    gateway.folder.configure(&config);
    let told = command("reload");
    assert!(told.code == Some(0) && told.stdout.contains("(admin.listen): "), "{told:?}");
}

/// An alert on it goes on for as long as the gateway could not be started again.
#[test]
fn a_broken_file_is_told_until_it_is_mended() {
    let app = Upstream::start();
    let config = CONFIG.replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    let sound = || gateway.metric("stagedoor_config_last_reload_successful", &[]);
    assert_eq!(sound(), 1.0);
    for (mended, taken) in
        [(config.clone(), false), (format!("{config}\n# mended\n"), true), (config.clone(), true)]
    {
        gateway.folder.configure(&config.replace("auth     = \"required\"", "auth = \"requird\""));
        poll_until("the mistake to be seen", || (sound() == 0.0).then_some(()));
        assert_eq!(told_status(&gateway)["problems"].as_array().map(Vec::len), Some(1));
        let (ready, body) = told_ready(&gateway);
        assert!(
            ready == 200 && body.contains("the files have mistakes") && !body.contains("requird"),
            "{body}"
        );
        let loaded = told_status(&gateway)["reloads"].as_u64().unwrap();
        gateway.folder.configure(&mended);
        poll_until("the mend to be seen", || (sound() == 1.0).then_some(()));
        assert_eq!(told_status(&gateway)["reloads"], loaded + u64::from(taken));
        assert_eq!(told_status(&gateway)["problems"], serde_json::json!([]));
    }
    // A file that waits has no mistakes.
    gateway.folder.configure(&format!("{config}{OPENED}"));
    poll_until("the change to wait", || (waiting(&gateway) == 1.0).then_some(()));
    assert_eq!(sound(), 1.0);
    gateway.folder.configure("nonsense");
    poll_until("the mistake to be seen", || (sound() == 0.0).then_some(()));
    assert_eq!(waiting(&gateway), 0.0, "what is broken cannot be asked for");
}

#[test]
fn a_dropped_app_needs_a_person() {
    let app = Upstream::start();
    let second = "\n[app.second]\nhosts = [\"second.localhost\"]\nupstream = { urls = [\"UPSTREAM\"] }\nauth = \"public\"\n";
    let both = format!("{CONFIG}{second}").replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&both);
    gateway.folder.configure(&CONFIG.replace("UPSTREAM", &app.url()));
    poll_until("the refusal", || {
        (gateway.metric("stagedoor_config_reload_total", &["result=\"refused\""]) >= 1.0).then_some(())
    });
    assert_eq!(gateway.ask(&Request::get("/x").host("second.localhost")).status, 200);
    let answer = gateway.ask_admin_as_operator(Request::post("/api/v1/reload", ""));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(gateway.ask(&Request::get("/x").host("second.localhost")).status, 421);
}

#[test]
fn the_operator_is_told_how_it_is() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    assert_eq!(gateway.ask_admin(Request::get("/api/v1/status")).status, 401);
    assert_eq!(gateway.ask_admin_as_operator(Request::post("/api/v1/status", "")).status, 405);
    let _client = gateway.client();
    let status = || gateway.ask_admin_as_operator(Request::get("/api/v1/status")).json();
    poll_until("the connection", || (status()["connections"] == 1).then_some(()));
    let told = status();
    assert_eq!((&told["stage"], &told["reloads"]), (&"serving".into(), &0.into()));
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(told["listening"][0], gateway.address.to_string());
    assert_eq!(told["apps"][0]["name"], "media");
    assert_eq!(told["apps"][0]["hosts"][0], "media.localhost");
    assert_eq!(told["apps"][0]["upstream"], app.url());
    assert!(told["config_loaded"].as_str().unwrap().starts_with("20"), "{told}");
    assert!(told["uptime_seconds"].is_u64(), "{told}");
    assert_eq!(gateway.reload(), "ok");
    assert_eq!(status()["reloads"], 1);
}

#[test]
fn the_api_wants_its_token() {
    let app = Upstream::start();
    let gateway = Gateway::before(&app, CONFIG);
    let reload = || Request::post("/api/v1/reload", "");
    assert_eq!(gateway.ask_admin(reload()).status, 401);
    assert_eq!(gateway.ask_admin(reload().bearer("wrong")).status, 401);
    assert_eq!(gateway.ask_admin(reload().bearer(&token("bob"))).status, 401);
    assert_eq!(gateway.ask_admin(Request::get("/api/v1/anything")).status, 401);
    assert_eq!(gateway.ask_admin_as_operator(Request::get("/api/v1/reload")).status, 405);
    assert_eq!(gateway.metric("stagedoor_config_reload_total", &["result=\"ok\""]), 0.0);
    let answer = gateway.ask_admin_as_operator(reload());
    assert_eq!((answer.status, answer.json()["reloaded"].as_bool()), (200, Some(true)));
    let rebound = Client::connect(gateway.admin).ask(&Request::get("/live").host("evil.example.com"));
    assert_eq!(rebound.status, 421, "a public name never reaches the operator's listener");
    gateway.folder.configure("nonsense");
    let answer = gateway.ask_admin_as_operator(reload());
    assert_eq!(answer.status, 422);
    assert!(!answer.json()["problems"].as_array().unwrap().is_empty());
}

#[test]
fn keys_that_need_a_restart_say_so() {
    let app = Upstream::start();
    let config = format!("[server]\nthreads = 2\n{CONFIG}").replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    gateway.folder.configure(&config.replace("threads = 2", "threads = 3"));
    let named = || {
        let answer = gateway.ask_admin_as_operator(Request::post("/api/v1/reload", ""));
        answer.json()["restart_needed"].to_string()
    };
    assert_eq!(named(), "[\"server.threads\"]");
    gateway.wait_for_log("server.threads");
    assert_eq!(named(), "[\"server.threads\"]", "it still waits for one");
    gateway.folder.configure(&config);
    assert_eq!(named(), "[]", "what the process runs with is asked for again");
}

#[test]
fn an_idle_gateway_ends_at_once() {
    let app = Upstream::start();
    let mut gateway = Gateway::before(&app, CONFIG);
    let mut idle = gateway.client();
    assert_eq!(idle.ask(&Request::get("/public")).status, 200);
    gateway.signal("TERM");
    // Less is waited for here than the 30 seconds that it would wait for a request.
    let (status, after) = gateway.wait();
    println!("ended after {after:?}");
    assert!(status.success(), "{status}");
    assert!(idle.is_closed());
}

#[test]
fn open_requests_are_finished_and_new_ones_refused() {
    let app = Upstream::with(|exchange| {
        exchange.body()?;
        exchange.reply("200 OK", &[], "done")
    });
    let mut gateway =
        Gateway::before(&app, &CONFIG.replace("auth     = \"required\"", "auth = \"optional\""));
    // One request is under way: its body is still coming. Another connection is in mid-head.
    let mut open = gateway.client();
    open.send("POST /x HTTP/1.1\r\nHost: media.localhost\r\nContent-Length: 6\r\n\r\nabc");
    poll_until("the app to see it", || (!app.seen().is_empty()).then_some(()));
    let mut late = gateway.client();
    late.send("GET /x HTTP/1.1\r\nHost: media.localhost\r\n");
    poll_until("both to be let in", || (gateway.metric("stagedoor_connections", &[]) >= 2.0).then_some(()));
    gateway.signal("TERM");
    gateway.wait_for_log("draining");
    assert_eq!(gateway.ask_admin(Request::get("/ready")).status, 503);
    assert_eq!(gateway.ask_admin(Request::get("/live")).status, 200);
    late.send("\r\n");
    let refused = late.answer();
    assert_eq!((refused.status, refused.code().as_str()), (503, "draining"));
    assert!(refused.fields.has("retry-after"));
    assert!(gateway.is_running());
    open.send("def");
    let answer = open.answer();
    assert_eq!((answer.status, answer.text().as_str()), (200, "done"));
    assert_eq!(answer.field("connection"), "close", "no request of it is lost");
    assert!(open.is_closed());
    let (status, after) = gateway.wait();
    println!("ended {after:?} after the last answer");
    assert!(status.success());
}

/// Far longer than a test may wait: whoever ends within one did not wait for it.
const LONG: &str = "[server]\ndrain = \"1h\"\n";

#[test]
fn websockets_are_told_to_come_back_at_once() {
    let app = Upstream::with(|exchange| exchange.echo_websocket());
    let mut gateway = Gateway::before(&app, &format!("{LONG}{CONFIG}"));
    let bearer = format!("Bearer {}", token("bob"));
    let mut socket = websocket(gateway.address, "/ws", &[("Authorization", &bearer)]).unwrap();
    socket.send(Message::text("hello")).unwrap();
    assert_eq!(socket.read().unwrap(), Message::text("hello"));
    gateway.signal("TERM");
    let last = socket.read().unwrap();
    let Message::Close(Some(frame)) = last else { panic!("{last:?}") };
    assert_eq!(u16::from(frame.code), 1012);
    let (status, after) = gateway.wait();
    println!("ended {after:?} after the socket");
    assert!(status.success());
}

#[test]
fn a_frame_that_is_half_out_is_finished_first() {
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let app = Upstream::with(move |exchange| {
        // The first half comes with the switch.
        let switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        exchange.write([&switch[..], b"\x82\x06abc"].concat())?;
        let _ = wait.lock().unwrap().recv_timeout(DEADLINE);
        exchange.write(b"def")?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let mut gateway = Gateway::before(&app, &format!("{LONG}{CONFIG}"));
    let mut client = gateway.client();
    let handshake = Request::get("/ws")
        .bearer(&token("bob"))
        .field("Connection", "Upgrade")
        .field("Upgrade", "websocket")
        .field("Sec-WebSocket-Version", "13")
        .field("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(client.send(handshake.bytes()).head().unwrap().status, 101);
    let mut frame = Vec::new();
    assert!(client.reader.exactly(5, &mut |part| frame.extend_from_slice(part)).unwrap());
    gateway.signal("TERM");
    gateway.wait_for_log("draining");
    assert!(gateway.is_running());
    go_on.send(()).unwrap();
    let whole = client.reader.exactly(7, &mut |part| frame.extend_from_slice(part)).unwrap();
    assert!(whole, "{frame:?} {}", gateway.log());
    assert_eq!(frame, b"\x82\x06abcdef\x88\x02\x03\xF4");
    assert!(gateway.wait().0.success());
}

#[test]
fn event_streams_end_whole_and_at_once() {
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n")?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let mut gateway = Gateway::before(&app, &format!("{LONG}{CONFIG}"));
    let mut client = gateway.client();
    client.send(Request::get("/public").bytes());
    assert_eq!(client.head().unwrap().status, 200);
    gateway.signal("TERM");
    let mut events = Vec::new();
    // Up to the last chunk, as an answer that is complete.
    assert!(client.reader.chunked(&mut |part| events.extend_from_slice(part)).unwrap());
    assert_eq!(events, b"data: 1\n\n");
    assert!(client.is_closed());
    let (status, after) = gateway.wait();
    println!("ended {after:?} after the stream");
    assert!(status.success());
}

#[test]
fn an_answer_that_the_end_cuts_off_does_not_look_whole() {
    let app = Upstream::with(|exchange| {
        exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")?;
        exchange.wait_for_the_end();
        Ok(())
    });
    let mut gateway = Gateway::before(&app, &format!("[server]\ndrain = \"1s\"\n{CONFIG}"));
    let mut client = gateway.client();
    // For a client of that version the end of the connection is the end of the answer.
    client.send(b"GET /public HTTP/1.0\r\nHost: media.localhost\r\n\r\n");
    assert_eq!(client.head().unwrap().status, 200);
    let mut half = Vec::new();
    assert!(client.reader.exactly(4, &mut |part| half.extend_from_slice(part)).unwrap());
    assert_eq!(half, b"half");
    gateway.signal("TERM");
    let end = client.reader.fill().map_err(|error| error.kind());
    assert_eq!(end, Err(std::io::ErrorKind::ConnectionReset));
    assert!(gateway.wait().0.success());
}

#[test]
fn an_exchange_that_is_silent_to_the_end_of_the_drain_is_refused_and_recorded() {
    let app = Upstream::with(|exchange| {
        if exchange.path() == "/half" {
            exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")?;
        }
        exchange.wait_for_the_end();
        Ok(())
    });
    let mut gateway = Gateway::before(&app, &format!("[server]\ndrain = \"500ms\"\n{CONFIG}"));
    let (mut silent, mut half) = (gateway.client(), gateway.client());
    silent.send(Request::get("/silent").bearer(&token("bob")).bytes());
    half.send(Request::get("/half").bearer(&token("bob")).bytes());
    assert_eq!(half.head().unwrap().status, 200);
    poll_until("both to be with the app", || (app.seen().len() == 2).then_some(()));
    gateway.signal("TERM");
    let answer = silent.answer();
    assert_eq!(
        (answer.status, answer.code().as_str(), answer.complete),
        (503, "draining", true),
        "{answer:?}"
    );
    let mut data = Vec::new();
    assert!(!half.reader.exactly(8, &mut |part| data.extend_from_slice(part)).unwrap_or(false), "{data:?}");
    assert!(gateway.wait().0.success());
    for (path, status) in [("/silent", 503), ("/half", 200)] {
        let event = gateway.event_where(path, |event| event["path"] == path);
        assert_eq!((&event["status"], &event["code"]), (&status.into(), &"draining".into()), "{event}");
    }
}
