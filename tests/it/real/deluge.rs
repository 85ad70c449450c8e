//! Deluge's Web UI (Debian): a page that asks every two seconds, JSON calls, a session in a cookie of its own.

use std::path::Path;

use serde_json::{Value, json};

use super::visitor::{Visitor, between, form};
use super::{Program, Stand};
use crate::harness::{Request, Response};

const CALL: &str = "/json";

/// The Web UI alone, without a daemon; it speaks to no other peer.
fn deluge() -> Program {
    Program::start(Path::new("/usr/bin/deluge-web"), |home, port, command| {
        command
            .args(["--do-not-daemonize", "--no-ssl", "--interface", "127.0.0.1", "--port"])
            .arg(port.to_string())
            .arg("--config")
            .arg(home.path());
    })
}

fn call(visitor: &mut Visitor, method: &str, parameters: &Value) -> Value {
    let answer = visitor.post_json(CALL, &json!({ "method": method, "params": parameters, "id": 7 }));
    assert_eq!((answer.status, &answer.json()["id"]), (200, &json!(7)), "{answer:?}");
    answer.json()
}

fn log_in(visitor: &mut Visitor) {
    assert_eq!(call(visitor, "auth.login", &json!(["deluge"]))["result"], true);
}

#[test]
fn strangers_and_other_pages_never_reach_deluge() {
    let stand = Stand::of("deluge", deluge());
    let login = json!({ "method": "auth.login", "params": ["deluge"], "id": 1 }).to_string();
    let (kind, body) = form(&[], ("file", "a.torrent", "application/x-bittorrent"), b"d4:spam4:eggse");
    stand.refuses_strangers(&[
        Request::get("/"),
        Request::get("/js/deluge-all.js"),
        Request::post(CALL, &login).field("Content-Type", "application/json"),
        Request::post("/upload", body).field("Content-Type", kind),
    ]);
    stand.refuses_other_pages(Request::post(CALL, &login).field("Content-Type", "application/json"));
}

#[test]
fn a_browser_gets_the_page_logs_in_and_uploads() {
    let stand = Stand::of("deluge", deluge());
    let mut browser = stand.browser();
    let page = browser.get("/");
    assert!(page.status == 200 && page.text().contains("Deluge WebUI"), "{page:?}");
    assert!(!page.fields.has("server"), "it tells its make: {page:?}");
    let text = page.text();
    let scripts: Vec<&str> = text.split("src=\"").skip(1).filter_map(|part| part.split('"').next()).collect();
    assert!(scripts.len() >= 3, "{scripts:?}");
    for script in scripts {
        let answer: Response = browser.get(script);
        assert_eq!(answer.status, 200, "{script}: {answer:?}");
    }
    assert!(!between(&text, "<title>", "</title>").is_empty());

    let early = call(&mut browser, "web.connected", &json!([]));
    assert_eq!(early["error"]["message"], "Not authenticated", "{early}");
    log_in(&mut browser);
    assert_eq!(call(&mut browser, "auth.check_session", &json!([]))["result"], true);
    let (kind, body) = form(&[], ("file", "a.torrent", "application/x-bittorrent"), b"d4:spam4:eggse");
    let uploaded = browser.post("/upload", &kind, body);
    assert_eq!((uploaded.status, &uploaded.json()["success"]), (200, &json!(true)), "{uploaded:?}");
    stand.told_the_app_of_alice();
}

/// What an open page asks in five minutes, at once: 150 times for the list, and for events. The example lets it.
#[test]
fn an_open_page_of_deluge_is_never_told_to_slow_down() {
    let stand = Stand::of("deluge", deluge());
    let mut browser = stand.browser();
    log_in(&mut browser);
    for _ in 0..150 {
        let update = call(&mut browser, "web.update_ui", &json!([["name"], {}]));
        assert_eq!(update["error"], Value::Null, "{update}");
    }
    for _ in 0..50 {
        call(&mut browser, "web.connected", &json!([]));
    }
}
