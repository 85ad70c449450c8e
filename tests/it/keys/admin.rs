//! The operator's listener.

use super::{APP, two};
use crate::harness::{Client, Folder, Gateway, Request, Response, Upstream};

fn ask(gateway: &Gateway, request: &Request) -> Response {
    Client::connect(gateway.admin).ask(request)
}

fn reload_with(gateway: &Gateway, token: &str) -> u16 {
    let request = Request::post("/api/v1/reload", "").host("localhost").bearer(token.trim_end());
    ask(gateway, &request).status
}

// The comment keeps the harness from filling in an address of its own.
const ELSEWHERE: &str = "[admin]\nlisten = \"ADDRESS\" # instead of \"127.0.0.1:0\"\n";

#[test]
pub(super) fn listen() {
    let app = Upstream::start();
    let (here, there) = two(&app, "", &ELSEWHERE.replace("ADDRESS", "127.0.0.2:0"));
    assert_eq!(
        (here.admin.ip().to_string(), there.admin.ip().to_string()),
        ("127.0.0.1".into(), "127.0.0.2".into())
    );
    for gateway in [&here, &there] {
        assert_eq!(ask(gateway, &Request::get("/live").host("localhost")).status, 200);
    }
}

#[test]
pub(super) fn hosts() {
    let app = Upstream::start();
    let (without, with) = two(&app, "", "[admin]\nhosts = [\"ops.example.com\"]");
    let request = Request::get("/live").host("ops.example.com");
    assert_eq!((ask(&without, &request).status, ask(&with, &request).status), (421, 200));
}

#[test]
pub(super) fn token() {
    let app = Upstream::start();
    let other = "o9Kq2WfVx4Zt7NbLr5YcJhGdSaPe3UiM";
    let folder = Folder::new(
        &format!("[admin]\ntoken = {{ file = \"other\" }}\n{APP}").replace("UPSTREAM", &app.url()),
    );
    folder.write_private("other", other);
    let gateway = Gateway::start_in(folder);
    assert_eq!(reload_with(&gateway, other), 200);
    assert_eq!(reload_with(&gateway, &gateway.folder.read("admin_token")), 401);
    let (usual, _) = two(&app, "", "");
    assert_eq!(reload_with(&usual, other), 401);
    assert_eq!(reload_with(&usual, &usual.folder.read("admin_token")), 200);
}

/// An IPv4 address in IPv6 form is reached from this machine alone, and not taken for loopback.
#[test]
pub(super) fn metrics() {
    let app = Upstream::start();
    let elsewhere = ELSEWHERE.replace("ADDRESS", "[::ffff:127.0.0.1]:0");
    let (shut, open) = two(&app, &elsewhere, &format!("{elsewhere}metrics = \"open\""));
    let request = Request::get("/metrics").host("localhost");
    assert_eq!((ask(&shut, &request).status, ask(&open, &request).status), (401, 200));
}

/// The one thing in the folder so far is the operator's token, where no other place is named for it.
#[test]
pub(super) fn state_dir() {
    let app = Upstream::start();
    // The comment keeps the harness from filling in a token of its own.
    let config = |dir: &str| {
        format!("[state]\ndir = \"{dir}\"\n[admin]\n# no token here\n{APP}").replace("UPSTREAM", &app.url())
    };
    let gateway = Gateway::start(&config("first"));
    let first = gateway.folder.read("first/admin_token");
    assert!(!gateway.folder.path().join("second").exists());
    gateway.folder.configure(&config("second"));
    assert_eq!(reload_with(&gateway, &first), 200);
    let second = gateway.folder.read("second/admin_token");
    assert_eq!(reload_with(&gateway, &second), 200, "it takes effect with the reload");
    assert_eq!(reload_with(&gateway, &first), 401);
}
