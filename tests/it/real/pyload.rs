//! pyLoad (PyPI): a login with a token against forged forms, a page that asks every second, a manifest without cookies.

use serde_json::{Value, json};

use super::program::in_environment;
use super::visitor::{Visitor, between, form};
use super::{Program, Stand};
use crate::harness::{Request, Response};

/// pyLoad with its first user, whose name and password are both `pyload`; nothing is downloaded.
fn pyload() -> Program {
    Program::start(&in_environment("pyload"), |home, port, command| {
        home.write("settings/pyload.cfg", &settings(port));
        command.arg("--userdir").arg(home.path()).arg("--storagedir").arg(home.path().join("files"));
        command.arg("--tempdir").arg(home.path().join("temporary"));
    })
}

fn settings(port: u16) -> String {
    format!(
        "version: 2\n\nwebui - \"Web Interface\":\n    bool enabled : \"Activated\" = True\n    \
         ip host : \"IP address\" = 127.0.0.1\n    int port : \"Port\" = {port}\n"
    )
}

/// The token of a page against forged requests.
fn page_token(page: &Response) -> String {
    assert_eq!(page.status, 200, "{page:?}");
    between(&page.text(), "name=\"csrf-token\" content=\"", "\"").to_owned()
}

/// Logs in; from then on the visitor's scripts carry the token of the page.
fn log_in(mut visitor: Visitor, password: &str) -> (Visitor, Response) {
    let token = page_token(&visitor.get("/login"));
    let body = format!("do=login&username=pyload&password={password}&csrf_token={token}");
    let answer = visitor.post("/login?next=index", "application/x-www-form-urlencoded", body);
    if answer.status != 302 {
        return (visitor, answer);
    }
    let token = page_token(&visitor.get("/dashboard"));
    (visitor.with("X-CSRFToken", &token), answer)
}

#[test]
fn strangers_and_other_pages_never_reach_pyload() {
    let stand = Stand::of("pyload", pyload());
    let json = |request: Request| request.field("Content-Type", "application/json");
    stand.refuses_strangers(&[
        Request::get("/"),
        Request::get("/login"),
        json(Request::post("/json/status", "{}")),
        json(Request::post("/api/status_server", "{}")),
        Request::post("/flash/add", "urls=http://127.0.0.1:1/a"),
    ]);
    stand.refuses_other_pages(Request::post("/flash/add", "urls=http://127.0.0.1:1/a"));
}

/// A browser fetches it without cookies, and finds the title and the icon.
#[test]
fn the_manifest_is_there_for_a_browser_without_cookies() {
    let stand = Stand::of("pyload", pyload());
    let manifest = stand.stranger().get("/manifest.json");
    assert_eq!((manifest.status, &manifest.json()["name"]), (200, &json!("pyLoad")), "{manifest:?}");
    let page = stand.browser().get("/login").text();
    assert!(page.contains("<link rel=\"manifest\" href=\"/manifest.json\">"), "{page}");
}

#[test]
fn a_browser_logs_in_and_adds_a_package() {
    let stand = Stand::of("pyload", pyload());
    let (_, wrong) = log_in(stand.browser(), "wrong");
    assert_eq!(wrong.status, 200, "{wrong:?}");
    let (mut browser, answer) = log_in(stand.browser(), "pyload");
    let home = format!("http://{}/", browser.authority);
    assert_eq!((answer.status, answer.field("location")), (302, &*home), "{answer:?}");

    let plain = [
        ("add_name", "door"),
        ("add_links", "http://127.0.0.1:1/a.bin"),
        ("add_dest", "0"),
        ("add_password", ""),
    ];
    let (kind, body) = form(&plain, ("add_file", "none.txt", "text/plain"), b"");
    let added = browser.post("/json/add_package", &kind, body);
    assert_eq!((added.status, added.json()), (200, Value::Bool(true)), "{added:?}");
    let collected = browser.get("/collector");
    assert!(collected.status == 200 && collected.text().contains("door"), "{collected:?}");
    assert!(!collected.fields.has("server"), "it tells its make: {collected:?}");
    stand.told_the_app_of_alice();
}

/// What an open page asks in a minute, at once, three times over. The example lets it.
#[test]
fn an_open_page_of_pyload_is_never_told_to_slow_down() {
    let stand = Stand::of("pyload", pyload());
    let (mut browser, _) = log_in(stand.browser(), "pyload");
    for second in 0..180 {
        let links = browser.post_json("/json/links", &json!({}));
        assert!(links.status == 200 && links.json()["links"].is_array(), "{links:?}");
        if second % 4 == 0 {
            assert_eq!(browser.post_json("/json/status", &json!({})).json()["active"], 0);
        }
    }
}
