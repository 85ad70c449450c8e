//! What is revoked stays out: from the next request on, after a restart, whatever happens to the process or its disk.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{
    Command, Folder, Gateway, Output, Request, Response, Token, Upstream, poll_until, token, unix_now,
};

const CONFIG: &str = r#"
[auth.house]
keys    = [{ kid = "k1", alg = "HS256", secret = { file = "secret" } }]
sources = ["bearer", "cookie:door"]

[auth.tower]
kind     = "jwt"
keys     = [{ kid = "k2", alg = "HS256", secret = { file = "tower" } }]
issuer   = "tower"
audience = ["media"]
sources  = ["header:x-tower"]

[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "required"
by       = ["house", "tower"]

[[app.media.route]]
match = "GET /open"
auth  = "optional"
"#;

const TOWER: &str = "xL3vB9nQ5tY7uR1wE8aS2dF6gH4jK0zM";

fn folder(app: &Upstream) -> Folder {
    let folder = Folder::new(&CONFIG.replace("UPSTREAM", &app.url()));
    folder.write_private("tower", TOWER);
    folder
}

fn gateway(app: &Upstream) -> Gateway {
    Gateway::start_in(folder(app))
}

fn revoke(gateway: &Gateway, what: &Value) -> Response {
    let request = Request::post("/api/v1/revocations", what.to_string());
    gateway.ask_admin_as_operator(request.field("Content-Type", "application/json"))
}

fn revoked(gateway: &Gateway, what: &Value) {
    let answer = revoke(gateway, what);
    assert_eq!(answer.status, 201, "{answer:?}");
}

fn listed(gateway: &Gateway) -> Value {
    gateway.ask_admin_as_operator(Request::get("/api/v1/revocations")).json()
}

/// The status with this token, and the code of a refusal.
fn told(gateway: &Gateway, token: &str) -> String {
    let answer = gateway.ask(&Request::get("/x").bearer(token));
    format!("{} {}", answer.status, answer.field("x-stagedoor-code"))
}

fn stagedoor(folder: &Folder, arguments: &[&str], input: &str) -> Output {
    let all = [&["revoke", "--config", "stagedoor.toml"], arguments].concat();
    Command::new(folder, &all).run_with(input)
}

const OUT: &str = "401 token_revoked";

#[test]
fn what_is_revoked_is_refused_from_the_next_request_on_and_after_a_restart() {
    let app = Upstream::start();
    let mut gateway = gateway(&app);
    let [one, two] = ["j1", "j2"].map(|jti| Token::of("bob").claim("jti", jti).sign());
    let bob = |jti: &str| if jti == "j1" { &one } else { &two };
    let alice = token("alice");
    let tower = Token::of("bob").claim("iss", "tower").header("kid", "k2").secret(TOWER).sign();
    let later = Token::of("bob").claim("iat", unix_now() + 20).sign();
    // Twice, so that the second one is from the cache.
    for _ in 0..2 {
        assert_eq!((told(&gateway, bob("j1")), told(&gateway, bob("j2"))), ("200 ".into(), "200 ".into()));
    }
    let before = app.seen().len();
    revoked(&gateway, &json!({ "jti": "j1" }));
    assert_eq!(told(&gateway, bob("j1")), OUT);
    assert_eq!(app.seen().len(), before, "the app saw nothing of it");
    assert_eq!((told(&gateway, bob("j1")).as_str(), told(&gateway, bob("j2")).as_str()), (OUT, "200 "));
    revoked(&gateway, &json!({ "user": "bob", "provider": "house" }));
    let by_tower = |gateway: &Gateway| gateway.ask(&Request::get("/x").field("X-Tower", &tower)).status;
    let check = |gateway: &Gateway| {
        let answer = gateway.ask(&Request::get("/x").bearer(bob("j2")));
        assert_eq!((answer.status, answer.field("x-stagedoor-code")), (401, "token_revoked"));
        assert!(answer.field("www-authenticate").contains("error=\"invalid_token\""), "{answer:?}");
        let optional = gateway.ask(&Request::get("/open").bearer(bob("j2")));
        assert_eq!(optional.status, 401, "it is not taken for no token: {optional:?}");
        assert_eq!(
            gateway.ask(&Request::get("/x").field("Cookie", format!("door={}", bob("j2")))).status,
            401
        );
        assert_eq!((told(gateway, &later), told(gateway, &alice)), ("200 ".into(), "200 ".into()));
        assert_eq!(by_tower(gateway), 200, "the bob of another provider");
    };
    check(&gateway);
    assert_eq!(gateway.metric("stagedoor_state_keys", &["kind=\"revocation\""]), 2.0);
    assert_eq!(gateway.metric("stagedoor_denied_total", &["code=\"token_revoked\""]), 5.0);
    gateway.wait_for_log("revoked: what user `bob` of provider `house` was issued until");
    assert_eq!(gateway.folder.mode("data/state.db"), 0o600);
    assert_eq!(gateway.reload(), "ok");
    check(&gateway);
    gateway = Gateway::start_in(gateway.stop());
    check(&gateway);
    let list = listed(&gateway);
    assert_eq!(
        (list["count"].as_u64(), list["revocations"].as_array().unwrap().len()),
        (Some(2), 2),
        "{list}"
    );
    revoked(&gateway, &json!({ "provider": "tower" }));
    assert_eq!((by_tower(&gateway), told(&gateway, &alice)), (401, "200 ".into()));
    revoked(&gateway, &json!({ "all": true }));
    assert_eq!((told(&gateway, &alice).as_str(), told(&gateway, &later).as_str()), (OUT, "200 "));
}

#[test]
fn a_token_is_taken_back_from_standard_input_and_nothing_is_repeated_of_it() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    // Without a `jti`, as many issuers make them.
    let (leaked, other) = (token("bob"), Token::of("bob").claim("n", 1).sign());
    assert_eq!((told(&gateway, &leaked), told(&gateway, &other)), ("200 ".into(), "200 ".into()));
    let output = stagedoor(&gateway.folder, &["--token", "-"], &format!("{leaked}\n"));
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!((told(&gateway, &leaked).as_str(), told(&gateway, &other).as_str()), (OUT, "200 "));
    let nonsense = stagedoor(&gateway.folder, &["--token", "-"], "x.y.z");
    assert_eq!(nonsense.code, Some(1), "{nonsense:?}");
    assert!(nonsense.stderr.contains("no provider has signed this token"), "{nonsense:?}");
    assert_eq!(stagedoor(&gateway.folder, &["--token", &leaked], "").code, Some(2), "never as an argument");
    let signature = leaked.rsplit('.').next().unwrap();
    for text in [&output.stdout, &output.stderr, &gateway.everything_written()] {
        assert!(!text.contains(signature), "{text}");
    }
    assert!(
        !fs::read(gateway.folder.path().join("data/state.db"))
            .unwrap()
            .windows(20)
            .any(|part| { leaked.as_bytes().windows(20).any(|other| other == part) })
    );
}

#[test]
fn the_command_writes_the_store_where_no_gateway_answers() {
    let app = Upstream::start();
    let folder = folder(&app);
    let [alice, bob] = ["alice", "bob"].map(token);
    let by_jti = Token::of("alice").claim("jti", "j1").sign();
    assert_eq!(stagedoor(&folder, &["--list"], "").stdout, "nothing is revoked");
    assert!(!folder.path().join("data").exists(), "a list makes nothing");
    let output = stagedoor(&folder, &["--user", "bob"], "");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.starts_with("user bob: issued until"), "{output:?}");
    assert!(output.stderr.contains("follows within a second"), "{output:?}");
    assert!(stagedoor(&folder, &["--list"], "").stdout.starts_with("user bob: issued until"));
    for (arguments, message) in [
        (&[][..], "nothing is named"),
        (&["--user", "bob", "--all"], "cannot be used with"),
        (&["--provider", "hosue"], "no provider has this name"),
    ] {
        let output = stagedoor(&folder, arguments, "");
        assert!(output.code == Some(2) && output.stderr.contains(message), "{output:?}");
    }
    let gateway = Gateway::start_in(folder);
    assert_eq!((told(&gateway, &bob).as_str(), told(&gateway, &alice).as_str()), (OUT, "200 "));
    let json = stagedoor(&gateway.folder, &["--jti", "j1", "--json"], "");
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["revoked"][0]["jti"], "j1", "{document}");
    assert!(!json.stderr.contains("follows"), "the gateway was asked: {json:?}");
    assert_eq!(told(&gateway, &by_jti), OUT);
    assert!(stagedoor(&gateway.folder, &["--list"], "").stdout.contains("token j1; kept until"));
}

#[test]
fn a_running_gateway_follows_what_is_written_beside_it() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let tokens = ["bob", "alice"].map(|user| (user, token(user)));
    assert_eq!(told(&gateway, &tokens[0].1), "200 ");
    // The same gateway, asked where nobody listens.
    let elsewhere =
        gateway.folder.read("stagedoor.toml").replace("listen = \"127.0.0.1:0\"", "listen = \"127.0.0.1:1\"");
    gateway.folder.write("elsewhere.toml", &elsewhere);
    fs::remove_file(gateway.folder.path().join("data/admin_address")).unwrap();
    for (user, token) in &tokens {
        let output =
            Command::new(&gateway.folder, &["revoke", "--config", "elsewhere.toml", "--user", user]).run();
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stderr.contains("follows"), "{output:?}");
        poll_until("the gateway to follow", || (told(&gateway, token) == OUT).then_some(()));
    }
}

/// One takes over from the other, and both serve for a while.
#[test]
fn two_gateways_with_one_store_refuse_what_either_was_told() {
    let app = Upstream::start();
    let one = gateway(&app);
    let state = one.folder.path().join("data").display().to_string();
    let folder = folder(&app);
    folder.configure(&format!("[state]\ndir = \"{state}\"\n{}", CONFIG.replace("UPSTREAM", &app.url())));
    let other = Gateway::start_in(folder);
    let [alice, bob] = ["alice", "bob"].map(token);
    for (told_one, other_one, (user, token)) in
        [(&one, &other, ("bob", &bob)), (&other, &one, ("alice", &alice))]
    {
        revoked(told_one, &json!({ "user": user }));
        assert_eq!(told(told_one, token), OUT);
        poll_until("the other to follow", || (told(other_one, token) == OUT).then_some(()));
    }
}

#[test]
fn the_operators_api_says_what_it_does_not_revoke() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    assert_eq!(gateway.ask_admin(Request::get("/api/v1/revocations")).status, 401);
    let unasked =
        Request::post("/api/v1/revocations", r#"{"all":true}"#).field("Content-Type", "application/json");
    assert_eq!(gateway.ask_admin(unasked).status, 401);
    assert_eq!(gateway.ask_admin_as_operator(Request::new("DELETE", "/api/v1/revocations")).status, 405);
    let expired = Token::of("bob").claim("iat", unix_now() - 7200).claim("exp", unix_now() - 3600).sign();
    for (what, status, detail) in [
        (json!({}), 422, "say what is revoked"),
        (json!({ "provider": "hosue" }), 422, "no provider has this name"),
        (json!({ "token": "nonsense" }), 422, "no provider has signed this token"),
        (json!({ "token": expired }), 422, "the token has expired"),
        (json!({ "usr": "bob" }), 400, "not a JSON object"),
        (json!([]), 400, "not a JSON object"),
    ] {
        let answer = revoke(&gateway, &what);
        let told = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(answer.status == status && told.contains(detail), "{what}: {answer:?}");
        assert_eq!(answer.code(), if status == 422 { "revocation_refused" } else { "bad_request" });
    }
    assert_eq!(listed(&gateway)["count"], 0);
    assert!(
        !gateway.folder.path().join("data/state.db").exists(),
        "a gateway that revokes nothing writes none"
    );
    assert_eq!(told(&gateway, &token("bob")), "200 ");
}

#[test]
fn a_revoked_token_signs_nobody_in() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let wish = |token: &str| {
        let document = json!({ "token": token }).to_string();
        let request = Request::post("/api/v1/enter", document).field("Content-Type", "application/json");
        gateway.ask_admin_as_operator(request)
    };
    let bob = token("bob");
    assert_eq!(wish(&bob).status, 201);
    revoked(&gateway, &json!({ "user": "bob" }));
    let refused = wish(&bob);
    assert_eq!((refused.status, refused.code().as_str()), (422, "link_refused"), "{refused:?}");
}

#[test]
fn a_store_that_cannot_be_read_stops_the_start() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let bob = token("bob");
    revoked(&gateway, &json!({ "user": "bob" }));
    let folder = gateway.stop();
    let path = folder.path().join("data/state.db");
    let sound = fs::read(&path).unwrap();
    let at = sound.windows(3).position(|part| part == b"bob").unwrap();
    let mut other_user = sound.clone();
    other_user[at] = b'r';
    let mut folder = folder;
    for damaged in [other_user, sound[..sound.len() / 2].to_vec(), b"no store".repeat(100), Vec::new()] {
        fs::write(&path, damaged).unwrap();
        let (kept, output) = Gateway::try_start_in(folder).expect_err("it starts");
        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(output.stderr.contains("cannot read the store"), "{output:?}");
        assert!(output.stderr.contains("hint: move `"), "{output:?}");
        folder = kept;
        let listed = stagedoor(&folder, &["--list"], "");
        assert!(listed.code == Some(1) && listed.stderr.contains("cannot be used"), "{listed:?}");
    }
    fs::write(&path, sound).unwrap();
    let gateway = Gateway::start_in(folder);
    assert_eq!(told(&gateway, &bob), OUT);
}

#[test]
fn what_is_stored_goes_to_another_machine_as_text() {
    let app = Upstream::start();
    let state = |folder: &Folder, arguments: &[&str], input: &str| {
        let all = [&["state"], arguments, &["--config", "stagedoor.toml"]].concat();
        Command::new(folder, &all).run_with(input)
    };
    let [alice, bob] = ["alice", "bob"].map(token);
    let (one, other) = (gateway(&app), gateway(&app));
    let checked = state(&one.folder, &["check"], "");
    assert!(checked.code == Some(0) && checked.stdout.contains("nothing was ever stored"), "{checked:?}");
    assert!(!one.folder.path().join("data/state.db").exists(), "a check makes nothing");
    revoked(&one, &json!({ "user": "bob" }));
    revoked(&one, &json!({ "jti": "j1", "provider": "house" }));
    let checked = state(&one.folder, &["check"], "");
    assert!(checked.stdout.contains("version 1, 2 revocations"), "{checked:?}");
    let exported = state(&one.folder, &["export"], "");
    assert_eq!((exported.code, exported.stdout.lines().count()), (Some(0), 4), "{exported:?}");
    // Cut off, it is not imported at all.
    let lines: Vec<&str> = exported.stdout.lines().collect();
    let cut = state(&other.folder, &["import", "-"], &lines[..3].join("\n"));
    assert!(cut.code == Some(1) && cut.stderr.contains("nothing was imported"), "{cut:?}");
    assert!(!other.folder.path().join("data/state.db").exists());
    assert_eq!((told(&other, &bob), told(&other, &alice)), ("200 ".into(), "200 ".into()));
    revoked(&other, &json!({ "user": "alice" }));
    other.folder.write("state.jsonl", &exported.stdout);
    let imported = state(&other.folder, &["import", "state.jsonl"], "");
    assert!(imported.code == Some(0) && imported.stdout.contains("imported: 2 revocations"), "{imported:?}");
    poll_until("the gateway to follow", || (told(&other, &bob) == OUT).then_some(()));
    assert_eq!(told(&other, &alice), OUT, "what was there stays");
    let folder = other.stop();
    assert_eq!(state(&folder, &["export"], "").stdout.lines().count(), 5);
    let json: Value = serde_json::from_str(&state(&folder, &["check", "--json"], "").stdout).unwrap();
    assert_eq!((&json["version"], &json["revocations"]), (&json!(1), &json!(3)));
    // A store that is lost is made of the copy.
    fs::write(folder.path().join("data/state.db"), "no store".repeat(100)).unwrap();
    let broken = state(&folder, &["check"], "");
    assert!(broken.code == Some(1) && broken.stderr.contains("stagedoor state import"), "{broken:?}");
    fs::remove_file(folder.path().join("data/state.db")).unwrap();
    assert_eq!(state(&folder, &["import", "-"], &exported.stdout).code, Some(0));
    let gateway = Gateway::start_in(folder);
    assert_eq!((told(&gateway, &bob).as_str(), told(&gateway, &alice).as_str()), (OUT, "200 "));
}

/// The disk is full for the store, here by a limit of the size of files: nothing opens, and nothing is lost once there is space.
#[test]
fn a_full_disk_is_told_and_what_was_revoked_stays_out() {
    let app = Upstream::start();
    let gateway = gateway(&app);
    let tokens = ["alice", "bob", "carol"].map(|user| (user, token(user)));
    revoked(&gateway, &json!({ "user": "alice" }));
    let limit = |bytes: &str| {
        let pid = gateway.pid().to_string();
        let mut command = std::process::Command::new("prlimit");
        command.args(["--pid", &pid, &format!("--fsize={bytes}")]);
        command.status().is_ok_and(|status| status.success())
    };
    if !limit("1000:unlimited") {
        eprintln!("there is no prlimit here");
        return;
    }
    let refused = revoke(&gateway, &json!({ "user": "bob" }));
    assert_eq!((refused.status, refused.code().as_str()), (507, "state_unwritable"), "{refused:?}");
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("revoked, but only until this gateway ends"), "{detail}");
    let command = stagedoor(&gateway.folder, &["--user", "carol"], "");
    assert!(command.code == Some(1) && command.stderr.contains("not stored"), "{command:?}");
    for (user, token) in &tokens {
        assert_eq!(told(&gateway, token), OUT, "{user}");
    }
    assert!(gateway.metric("stagedoor_state_errors_total", &["backend=\"store\""]) >= 2.0);
    gateway.wait_for_log("the store cannot be used");
    assert!(limit("unlimited:unlimited"));
    gateway.wait_for_log("the store can be used again");
    let gateway = Gateway::start_in(gateway.stop());
    for (user, token) in &tokens {
        assert_eq!(told(&gateway, token), OUT, "{user}");
    }
}

/// The process is killed while it writes, again and again: everything that it acknowledged is there, and it always starts.
/// `tests/crash` runs more rounds.
#[test]
fn what_was_acknowledged_survives_a_kill_at_any_moment() {
    let rounds = std::env::var("STAGEDOOR_CRASH_ROUNDS").map_or(6, |text| text.parse().expect("a number"));
    let app = Upstream::start();
    let mut folder = folder(&app);
    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::new(AtomicUsize::new(0));
    for round in 0..rounds {
        let gateway = Gateway::start_in(folder);
        let (admin, secret) = (gateway.admin, gateway.folder.read("admin_token"));
        let writers: Vec<_> = (0..3)
            .map(|_| {
                let (acknowledged, asked, secret) =
                    (Arc::clone(&acknowledged), Arc::clone(&asked), secret.clone());
                std::thread::spawn(move || {
                    loop {
                        let jti = format!("round-{round}-{}", asked.fetch_add(1, Ordering::Relaxed));
                        match revoke_by_hand(admin, &secret, &jti) {
                            Some(true) => acknowledged.lock().unwrap().push(jti),
                            Some(false) => panic!("it was refused: {jti}"),
                            // The gateway is gone.
                            None => return,
                        }
                    }
                })
            })
            .collect();
        let before = acknowledged.lock().unwrap().len();
        poll_until("a first answer", || (acknowledged.lock().unwrap().len() > before).then_some(()));
        // Another moment in each round, from the first write on.
        std::thread::sleep(Duration::from_micros(137 * (round as u64 * 7919 % 211)));
        folder = gateway.stop();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let output = stagedoor(&folder, &["--list", "--json"], "");
        assert_eq!(output.code, Some(0), "round {round}: {output:?}");
        let list: Value = serde_json::from_str(&output.stdout).unwrap();
        let there: Vec<&str> = list["revocations"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|entry| entry["jti"].as_str())
            .collect();
        for jti in acknowledged.lock().unwrap().iter() {
            assert!(there.contains(&jti.as_str()), "round {round}: `{jti}` is lost");
        }
    }
    let gateway = Gateway::start_in(folder);
    let last = acknowledged.lock().unwrap().last().cloned().unwrap();
    let of = |jti: &str| Token::of("bob").claim("jti", jti).sign();
    assert_eq!((told(&gateway, &of(&last)).as_str(), told(&gateway, &of("another")).as_str()), (OUT, "200 "));
    println!("{} acknowledged in {rounds} rounds", acknowledged.lock().unwrap().len());
}

/// Whether a gateway that may die at any moment has acknowledged; `None` without an answer.
fn revoke_by_hand(admin: SocketAddr, secret: &str, jti: &str) -> Option<bool> {
    let body = json!({ "jti": jti }).to_string();
    let mut stream = TcpStream::connect(admin).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(
        stream,
        "POST /api/v1/revocations HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        secret.trim(),
        body.len()
    )
    .ok()?;
    let mut answer = String::new();
    // An acknowledgement counts once its first line is there, whatever becomes of the rest.
    let _ = stream.read_to_string(&mut answer);
    let line = answer.lines().next()?;
    line.starts_with("HTTP/1.1 ").then(|| line.contains(" 201 "))
}
