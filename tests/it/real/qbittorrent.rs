//! qBittorrent (Debian): a login of its own, a Host whose port it compares with its own, uploads of many MiB.

use std::path::Path;

use super::visitor::{Visitor, form};
use super::{Program, Stand};
use crate::harness::{Client, Request, Response, poll_until};

const ADD: &str = "/api/v2/torrents/add";
const LOGIN: &str = "/api/v2/auth/login";
const SET: &str = "/api/v2/app/setPreferences";
const CREDENTIALS: &str = "username=admin&password=adminadmin";

/// qBittorrent that speaks to no other peer.
fn qbittorrent() -> Program {
    Program::start(Path::new("/usr/bin/qbittorrent-nox"), |home, port, command| {
        home.write("qBittorrent/config/qBittorrent.conf", SETTINGS);
        command.arg(format!("--profile={}", home.path().display())).arg(format!("--webui-port={port}"));
    })
}

fn post_form(visitor: &mut Visitor, target: &str, body: &str) -> Response {
    visitor.post(target, "application/x-www-form-urlencoded", body)
}

/// A form with one file of this many bytes that is no torrent.
fn torrent(bytes: usize) -> (String, Vec<u8>) {
    form(&[], ("torrents", "a.torrent", "application/x-bittorrent"), &vec![b'x'; bytes])
}

#[test]
fn strangers_and_other_pages_never_reach_qbittorrent() {
    let stand = Stand::of("qbittorrent", qbittorrent());
    let urlencoded = |request: Request| request.field("Content-Type", "application/x-www-form-urlencoded");
    let (kind, body) = torrent(10);
    stand.refuses_strangers(&[
        Request::get("/"),
        Request::get("/api/v2/app/version"),
        urlencoded(Request::post(LOGIN, CREDENTIALS)),
        Request::post(ADD, body).field("Content-Type", kind),
    ]);
    stand.refuses_other_pages(urlencoded(Request::post(SET, "json={}")));
}

#[test]
fn a_browser_logs_in_and_changes_a_setting() {
    let stand = Stand::of("qbittorrent", qbittorrent());
    let mut browser = stand.browser();
    let page = browser.get("/");
    assert!(page.status == 200 && page.text().contains("qBittorrent"), "{page:?}");
    // Its own policy stays the only one.
    assert!(page.field("content-security-policy").contains("script-src 'self'"), "{page:?}");
    assert!(page.fields.sole("x-frame-options").is_some(), "{page:?}");
    // Before its own login it refuses by itself: the gateway's token is none of its business.
    let early = browser.get("/api/v2/app/version");
    assert_eq!((early.status, &*early.code()), (403, "-"), "{early:?}");

    let answer = post_form(&mut browser, LOGIN, CREDENTIALS);
    assert_eq!((answer.status, &*answer.text()), (200, "Ok."), "{answer:?}");
    let version = browser.get("/api/v2/app/version");
    assert!(version.status == 200 && version.text().starts_with('v'), "{version:?}");
    let saved = post_form(&mut browser, SET, "json={\"max_active_torrents\":7}");
    assert_eq!(saved.status, 200, "{saved:?}");
    assert_eq!(browser.get("/api/v2/app/preferences").json()["max_active_torrents"], 7);
    stand.told_the_app_of_alice();
}

#[test]
fn torrents_are_taken_as_large_as_it_takes_them() {
    let stand = Stand::of("qbittorrent", qbittorrent());
    let mut browser = stand.browser();
    post_form(&mut browser, LOGIN, CREDENTIALS);
    // It reads them all and finds that they are none.
    let (kind, body) = torrent(12 << 20);
    let answer = browser.post(ADD, &kind, body);
    assert!(answer.status == 415 && answer.text().contains("not a valid torrent file"), "{answer:?}");

    let refused = stand.relay.hears_nothing_of(|| {
        stand.gateway.raw(format!(
            "POST {ADD} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nContent-Length: {}\r\n\r\n",
            browser.authority,
            browser.cookie(),
            (64 << 20) + 1
        ))
    });
    assert_eq!((refused.status, &*refused.code()), (413, "body_too_large"), "{refused:?}");
}

/// It never reads the body of a GET: what stands there is its next request, whatever `Connection` says.
#[test]
fn a_request_inside_another_is_never_carried_out() {
    let stand = Stand::of("qbittorrent", qbittorrent());
    let mut browser = stand.browser();
    post_form(&mut browser, LOGIN, CREDENTIALS);
    let before = active(&mut browser);
    for method in ["GET", "HEAD"] {
        let hidden = hidden(&stand, &browser, before + 1);
        let (declared, chunked) = stand.relay.hears_nothing_of(|| {
            let ask = |framing: &str, body: &str| {
                stand.gateway.raw(format!(
                    "{method} /api/v2/app/version HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n{framing}\r\n\r\n{body}",
                    browser.authority,
                    browser.cookie(),
                ))
            };
            let chunks = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
            (
                ask(&format!("Content-Length: {}", hidden.len()), &hidden),
                ask("Transfer-Encoding: chunked", &chunks),
            )
        });
        assert_eq!((declared.status, chunked.status), (400, 400), "{method}: {declared:?} {chunked:?}");
        assert_eq!(stand.gateway.event(&declared)["code"], "unexpected_body");
    }
    // It does not know chunks either, but their sizes are no request.
    let hidden = hidden(&stand, &browser, before + 1);
    let answer = stand.gateway.raw(format!(
        "POST /api/v2/app/version HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nOrigin: http://{}\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{hidden}\r\n0\r\n\r\n",
        browser.authority,
        browser.cookie(),
        browser.authority,
        hidden.len()
    ));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(active(&mut browser), before);
}

/// What the profile is there for.
#[test]
fn without_the_profiles_word_a_request_inside_another_is_carried_out() {
    let allow = |text: &str| format!("{text}body.get = \"allow\"\n");
    let stand = Stand::changed("qbittorrent", qbittorrent(), allow);
    let mut browser = stand.browser();
    post_form(&mut browser, LOGIN, CREDENTIALS);
    let wanted = active(&mut browser) + 1;
    let hidden = hidden(&stand, &browser, wanted);
    let answer = browser.send(Request::get("/api/v2/app/version").body(hidden));
    assert_eq!(answer.status, 200, "{answer:?}");
    poll_until("the hidden request", || (active(&mut browser) == wanted).then_some(()));
}

/// A setting of its own.
fn active(browser: &mut Visitor) -> i64 {
    browser.get("/api/v2/app/preferences").json()["max_active_torrents"].as_i64().unwrap()
}

/// A request that sets it, as the app takes it from a browser that it knows.
fn hidden(stand: &Stand, browser: &Visitor, value: i64) -> String {
    let form = format!("json={{\"max_active_torrents\":{value}}}");
    format!(
        "POST {SET} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        stand.app.address,
        browser.cookie(),
        form.len()
    )
}

#[test]
fn without_the_profile_it_refuses_the_public_name() {
    let sources = |text: &str| {
        text.replace(
            "use      = \"qbittorrent\"",
            "sources  = [\"header:x-stagedoor-token\", \"cookie:stagedoor\"]",
        )
    };
    let stand = Stand::changed("qbittorrent", qbittorrent(), sources);
    let answer = stand.browser().get("/");
    // The app's own 401: the port of the Host is not its own.
    assert_eq!(answer.status, 401, "{answer:?}");
    let event = stand.gateway.event(&answer);
    assert!(event["code"].is_null() && event["upstream_us"].is_u64(), "{event}");
    // And by its own name it answers at once.
    let own = stand.app.address;
    let direct = Client::connect(own).ask(&Request::get("/").host(&own.to_string()));
    assert_eq!(direct.status, 200, "{direct:?}");
}

/// Nothing goes out, and the name and password are the ones it once came with.
const SETTINGS: &str = r#"[LegalNotice]
Accepted=true

[Preferences]
WebUI\Address=127.0.0.1
WebUI\Username=admin
WebUI\Password_PBKDF2="@ByteArray(ARQ77eY1NUZaQsuDHbIMCA==:0WMRkYTUWVT9wVvdDtHAjU9b3b7uB8NR1Gur2hmQCvCDpm39Q+PsJRJPaCU51dEiz+dTzh8qbPsL8WkFljQYFQ==)"
Bittorrent\DHT=false
Bittorrent\LSD=false
Bittorrent\PeX=false
Connection\UPnP=false

[BitTorrent]
Session\DHTEnabled=false
Session\LSDEnabled=false
Session\PeXEnabled=false
Session\Interface=lo
Session\InterfaceName=lo

[Network]
PortForwardingEnabled=false
"#;
