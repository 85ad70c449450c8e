//! Mopidy (Debian): JSON-RPC over HTTP and over a WebSocket that also tells of events; it checks Origin itself.

use std::path::Path;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::{Program, Stand};
use crate::harness::{Request, WebSocket, websocket_of};

const RPC: &str = "/mopidy/rpc";
const SOCKET: &str = "/mopidy/ws";

/// Mopidy with one piece of music, which it plays to nobody.
fn mopidy() -> Program {
    Program::start(Path::new("/usr/bin/mopidy"), |home, port, command| {
        let folder = home.path().display();
        std::fs::create_dir(home.path().join("music")).unwrap();
        std::fs::write(home.path().join("music/tone.wav"), tone()).unwrap();
        let settings = home.write(
            "mopidy.conf",
            &format!(
                "[core]\ncache_dir = {folder}/cache\nconfig_dir = {folder}/config\ndata_dir = {folder}/data\n\
                 [audio]\noutput = fakesink sync=true\n\
                 [http]\nhostname = 127.0.0.1\nport = {port}\nzeroconf =\n\
                 [file]\nmedia_dirs = {folder}/music\n[stream]\nenabled = false\n"
            ),
        );
        command.arg("--config").arg(settings).env("XDG_CONFIG_HOME", home.path().join("config"));
    })
}

/// Ten seconds of silence as a WAV file: long enough never to end within a test.
fn tone() -> Vec<u8> {
    let samples = vec![128; 80_000];
    let mut file = b"RIFF".to_vec();
    file.extend(u32::try_from(36 + samples.len()).unwrap().to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8000_u32.to_le_bytes());
    file.extend(8000_u32.to_le_bytes());
    file.extend(b"\x01\0\x08\0data");
    file.extend(u32::try_from(samples.len()).unwrap().to_le_bytes());
    file.extend(samples);
    file
}

fn call(method: &str, parameters: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": parameters })
}

/// A WebSocket of alice's browser, from a page of `origin`.
fn socket(stand: &Stand, origin: &str) -> Result<WebSocket, u16> {
    let browser = stand.browser();
    let fields = [("Cookie", &*browser.cookie()), ("Origin", origin)];
    websocket_of(&browser.authority, stand.gateway.address, SOCKET, &fields)
}

/// The next message for which `is` holds; a read that takes too long fails.
fn next(socket: &mut WebSocket, is: impl Fn(&Value) -> bool) -> Value {
    loop {
        let message = socket.read().expect("a message in time");
        let Message::Text(text) = message else { continue };
        let value = serde_json::from_str(&text).unwrap();
        if is(&value) {
            return value;
        }
    }
}

#[test]
fn strangers_and_other_pages_never_reach_mopidy() {
    let stand = Stand::of("mopidy", mopidy());
    let version = call("core.get_version", &json!({})).to_string();
    let post = Request::post(RPC, &version).field("Content-Type", "application/json");
    stand.refuses_strangers(&[Request::get("/mopidy/"), post.clone(), Request::get(SOCKET)]);
    stand.refuses_other_pages(post);

    let authority = stand.browser().authority;
    let own = format!("http://{authority}");
    let fields = [("Origin", &*own)];
    let refused = stand
        .relay
        .hears_nothing_of(|| websocket_of(&authority, stand.gateway.address, SOCKET, &fields).err());
    assert_eq!(refused, Some(401));
    let refused = stand.relay.hears_nothing_of(|| socket(&stand, "http://evil.example").err());
    assert_eq!(refused, Some(403));
}

#[test]
fn calls_and_events_travel_over_the_websocket() {
    let stand = Stand::of("mopidy", mopidy());
    let mut browser = stand.browser();
    let mut socket = socket(&stand, &format!("http://{}", browser.authority)).unwrap();

    socket.send(call("core.get_version", &json!({})).to_string().into()).unwrap();
    let answer = next(&mut socket, |message| message["id"] == 7);
    assert!(answer["result"].is_string(), "{answer}");

    // What is done over HTTP is told over the WebSocket.
    let uri = format!("file://{}", stand.app.home.path().join("music/tone.wav").display());
    let added = browser.post_json(RPC, &call("core.tracklist.add", &json!({ "uris": [uri] })));
    assert_eq!(added.json()["result"][0]["track"]["uri"], uri.as_str(), "{added:?}");
    next(&mut socket, |message| message["event"] == "tracklist_changed");
    let played = browser.post_json(RPC, &call("core.playback.play", &json!({})));
    assert_eq!(played.status, 200, "{played:?}");
    let started = next(&mut socket, |message| message["event"] == "track_playback_started");
    assert_eq!(started["tl_track"]["track"]["uri"], uri.as_str(), "{started}");

    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    stand.told_the_app_of_alice();
}

#[test]
fn calls_travel_over_http_and_mopidys_own_refusals_pass() {
    let stand = Stand::of("mopidy", mopidy());
    let version = call("core.get_version", &json!({}));
    let mut browser = stand.browser();
    let answer = browser.post_json(RPC, &version);
    assert_eq!(answer.field("content-type"), "application/json; utf-8", "{answer:?}");
    assert_eq!(answer.json()["result"].as_str(), Some(answer.field("x-mopidy-version")), "{answer:?}");
    let listed = browser.post_json(RPC, &call("core.library.browse", &json!({ "uri": "file:root" }))).json();
    assert!(listed["result"].is_array(), "{listed}");

    let plain = browser.post(RPC, "text/plain", version.to_string());
    assert_eq!(plain.status, 415, "{plain:?}");
    assert_eq!(browser.get("/mopidy/none").status, 404);
    // Mopidy would let the pages of any origin read its answers.
    let bearer = format!("Bearer {}", stand.token);
    let foreign = stand.stranger().with("Authorization", &bearer).with("Origin", "http://evil.example");
    let call = Request::post(RPC, version.to_string()).field("Content-Type", "application/json");
    let answer = foreign.clone().send(call);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.fields.has("access-control-allow-origin"), "{answer:?}");
    // A bearer vouches for itself, so the gateway lets any page open a WebSocket with it; Mopidy does not.
    let fields = [("Authorization", &*bearer), ("Origin", "http://evil.example")];
    let refused = websocket_of(&browser.authority, stand.gateway.address, SOCKET, &fields).err();
    assert_eq!(refused, Some(403));
    let last = stand.relay.heard().rsplit("GET ").next().unwrap().to_ascii_lowercase();
    assert!(last.contains("origin: http://evil.example\r\n"), "Mopidy has to refuse it by itself: {last}");
    stand.told_the_app_of_alice();
}

#[test]
fn a_browser_gets_mopidys_page() {
    let stand = Stand::of("mopidy", mopidy());
    let mut browser = stand.browser();
    let start = browser.get("/");
    assert_eq!((start.status, start.field("location")), (302, "/mopidy/"), "{start:?}");
    let page = browser.get("/mopidy/");
    assert!(page.text().contains("<title>Mopidy</title>"), "{page:?}");
    assert!(!page.fields.has("server"), "it tells its make: {page:?}");
    assert_eq!(browser.get("/mopidy/mopidy.css").field("content-type"), "text/css");
    let again = browser.clone().with("If-None-Match", page.field("etag")).get("/mopidy/");
    assert_eq!((again.status, again.body.len()), (304, 0), "{again:?}");
}
