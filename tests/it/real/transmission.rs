//! Transmission (Debian): Basic credentials of its own, a 409 that hands out a session id, a whitelist of hosts.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::visitor::Visitor;
use super::{Program, Stand};
use crate::harness::{Request, Response};

const RPC: &str = "/transmission/rpc";
const PAGE: &str = "/transmission/web/";
const MAGNET: &str = "magnet:?xt=urn:btih:c12fe1c06bba254a9dc9f519b335aa7c1367a88a&dn=the+door";

/// Transmission that speaks to no other peer; with or without a password of its own.
fn transmission(password: bool) -> Program {
    Program::start(Path::new("/usr/bin/transmission-daemon"), |home, port, command| {
        let settings = json!({
            "rpc-bind-address": "127.0.0.1",
            "rpc-port": port,
            "rpc-authentication-required": password,
            "rpc-username": "alice",
            "rpc-password": "own-door",
            "rpc-host-whitelist-enabled": true,
            "rpc-whitelist-enabled": true,
            "bind-address-ipv4": "127.0.0.1",
            "bind-address-ipv6": "::1",
            "peer-port-random-on-start": true,
            "port-forwarding-enabled": false,
            "dht-enabled": false,
            "lpd-enabled": false,
            "pex-enabled": false,
            "utp-enabled": false,
            "start-added-torrents": false,
            "download-dir": home.path(),
        });
        home.write("settings.json", &settings.to_string());
        command.arg("--foreground").arg("--config-dir").arg(home.path());
    })
}

fn basic(password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("alice:{password}")))
}

/// A client such as an app on a phone: Basic for Transmission, the gateway's token in a field of its own.
fn client(stand: &Stand, password: &str) -> Visitor {
    stand
        .stranger()
        .with("X-Stagedoor-Token", &stand.token)
        .with("Authorization", &basic(password))
        .with("User-Agent", "Transmission Remote")
}

/// One call as Transmission's clients make it: 409 tells the session id, then it is said with every call.
fn call(visitor: &mut Visitor, session: &mut String, method: &str, arguments: &Value) -> Value {
    let body = json!({ "method": method, "arguments": arguments });
    let ask = |session: &str| {
        let mut asks = visitor.clone().with("X-Transmission-Session-Id", session);
        asks.post_json(RPC, &body)
    };
    let mut answer = ask(session);
    if answer.status == 409 {
        answer.field("x-transmission-session-id").clone_into(session);
        answer = ask(session);
    }
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!(answer["result"], "success", "{answer}");
    answer["arguments"].clone()
}

#[test]
fn strangers_and_other_pages_never_reach_transmission() {
    let stand = Stand::of("transmission", transmission(true));
    let add = json!({ "method": "torrent-add", "arguments": { "filename": MAGNET } }).to_string();
    stand.refuses_strangers(&[
        Request::get("/"),
        Request::get(PAGE),
        Request::post(RPC, &add),
        // Transmission's own credentials are none of the gateway's.
        Request::post(RPC, &add).field("Authorization", basic("own-door")),
    ]);
    stand.refuses_other_pages(Request::post(RPC, &add).field("Authorization", basic("own-door")));
}

#[test]
fn a_client_adds_a_torrent_through_handshake_and_basic() {
    let stand = Stand::of("transmission", transmission(true));
    let mut alice = client(&stand, "own-door");

    let first = alice.post_json(RPC, &json!({ "method": "session-get" }));
    assert_eq!(first.status, 409, "{first:?}");
    assert!(first.field("x-transmission-session-id").len() > 20, "{first:?}");
    assert!(first.text().contains("invalid session-id header"), "{first:?}");

    let mut session = String::new();
    let about = call(&mut alice, &mut session, "session-get", &json!({}));
    assert!(about["version"].is_string(), "{about}");
    let added = call(&mut alice, &mut session, "torrent-add", &json!({ "filename": MAGNET }));
    assert_eq!(added["torrent-added"]["name"], "the+door", "{added}");
    let known = call(&mut alice, &mut session, "torrent-get", &json!({ "fields": ["hashString", "name"] }));
    let hash = &known["torrents"][0]["hashString"];
    assert_eq!(hash, "c12fe1c06bba254a9dc9f519b335aa7c1367a88a", "{known}");

    stand.told_the_app_of_alice();
    assert!(stand.relay.heard().contains(&basic("own-door")), "Basic is Transmission's own");
}

#[test]
fn transmissions_own_refusals_pass() {
    let stand = Stand::of("transmission", transmission(true));
    let own_401 = |answer: &Response| {
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(answer.field("www-authenticate"), "Basic realm=\"Transmission\"", "{answer:?}");
        assert!(answer.text().contains("Unauthorized"), "{answer:?}");
        assert!(!answer.fields.has("server"), "it tells its make: {answer:?}");
    };
    own_401(&client(&stand, "wrong").post_json(RPC, &json!({})));
    own_401(&stand.browser().get(PAGE));
    let missing = client(&stand, "own-door").get("/transmission/web/none.js");
    assert_eq!(missing.status, 404, "{missing:?}");
}

/// It never reads the body of a HEAD: were the connection to go on, what stands there would be its next request.
#[test]
fn a_request_inside_another_is_never_carried_out() {
    let stand = Stand::of("transmission", transmission(true));
    let mut alice = client(&stand, "own-door");
    let mut session = String::new();
    let size = |alice: &mut Visitor, session: &mut String| {
        call(alice, session, "session-get", &json!({}))["download-queue-size"].as_i64().unwrap()
    };
    let before = size(&mut alice, &mut session);
    let call =
        json!({ "method": "session-set", "arguments": { "download-queue-size": before + 1 } }).to_string();
    let hidden = format!(
        "POST {RPC} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nX-Transmission-Session-Id: {session}\r\n\
         Content-Length: {}\r\n\r\n{call}",
        stand.app.address,
        basic("own-door"),
        call.len()
    );
    let answer = alice.send(Request::new("HEAD", RPC).body(&hidden));
    assert!(answer.status < 500, "{answer:?}");
    assert!(stand.relay.heard().contains(&hidden), "it is up to the app what a body of HEAD means");
    assert_eq!(size(&mut alice, &mut session), before);
}

#[test]
fn a_browser_gets_the_page_its_assets_and_the_list() {
    let stand = Stand::of("transmission", transmission(true));
    let mut browser = stand.browser().with("Authorization", &basic("own-door"));
    let start = browser.get("/");
    assert_eq!((start.status, start.field("location")), (301, PAGE), "{start:?}");

    let page = browser.get(PAGE);
    assert_eq!(page.status, 200, "{page:?}");
    let text = page.text();
    let assets: Vec<&str> = text
        .split('"')
        .filter_map(|part| part.strip_prefix("./"))
        .filter(|part| part.contains('.'))
        .collect();
    assert!(assets.len() > 20, "{assets:?}");
    for asset in assets {
        let answer = browser.get(&format!("{PAGE}{asset}"));
        let installed = std::fs::read(format!("/usr/share/transmission/web/{asset}")).unwrap();
        assert_eq!((answer.status, answer.body), (200, installed), "{asset}");
    }
    let list = call(&mut browser, &mut String::new(), "torrent-get", &json!({ "fields": ["id"] }));
    assert_eq!(list["torrents"], json!([]), "{list}");
    stand.told_the_app_of_alice();
}

/// Without a password Transmission answers to its own names alone, against rebinding.
#[test]
fn transmissions_host_whitelist_is_met_by_its_own_host() {
    let ask = |stand: &Stand| stand.browser().post_json(RPC, &json!({ "method": "session-get" }));
    let stand = Stand::of("transmission", transmission(false));
    let met = ask(&stand);
    assert_eq!(met.status, 409, "the handshake: {met:?}");

    let own = "upstream = \"http://127.0.0.1:9091\"";
    let keep = "upstream = { urls = [\"http://127.0.0.1:9091\"], host = \"keep\" }";
    let kept = Stand::changed("transmission", transmission(false), |text| text.replace(own, keep));
    let refused = ask(&kept);
    assert_eq!(refused.status, 421, "{refused:?}");
    assert!(refused.text().contains("rpc-host-whitelist"), "{refused:?}");
}
