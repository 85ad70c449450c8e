//! qBittorrent itself behind the gateway, with its profile. `tests/run` installs `qbittorrent-nox`.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::harness::{Client, Gateway, Request, Response, poll_for, token};

/// What a person writes for it, besides a provider.
const CONFIG: &str = r#"
[app.torrents]
hosts    = ["torrents.localhost"]
upstream = "UPSTREAM"
auth     = "required"
use      = "qbittorrent"
"#;

/// A running qBittorrent with a folder of its own; it ends with the value.
struct App {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl App {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = folder.path().join("qBittorrent/config");
        fs::create_dir_all(&config).unwrap();
        fs::write(config.join("qBittorrent.conf"), SETTINGS).unwrap();
        let child = Command::new("qbittorrent-nox")
            .arg(format!("--profile={}", folder.path().display()))
            .arg(format!("--webui-port={}", address.port()))
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("qbittorrent-nox does not start: apt-get install qbittorrent-nox");
        let mut app = Self { child, address, _folder: folder };
        poll_for("qBittorrent to answer", crate::harness::DEADLINE * 3, || {
            assert!(app.child.try_wait().unwrap().is_none(), "qBittorrent ended");
            std::net::TcpStream::connect(app.address).ok()
        });
        app
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A browser: it has been on a page of the app, and keeps its cookies.
struct Browser<'g> {
    gateway: &'g Gateway,
    host: String,
    cookies: String,
}

impl<'g> Browser<'g> {
    fn of(gateway: &'g Gateway) -> Self {
        let host = format!("torrents.localhost:{}", gateway.address.port());
        Self { gateway, host, cookies: format!("stagedoor={}", token("bob")) }
    }

    fn ask(&self, request: Request) -> Response {
        self.ask_from(&format!("http://{}", self.host), request)
    }

    fn ask_from(&self, origin: &str, request: Request) -> Response {
        let request = request
            .host(&self.host)
            .field("Origin", origin)
            .field("Referer", format!("{origin}/"))
            .field("Cookie", self.cookies.as_str());
        self.gateway.ask(&request)
    }

    fn log_in(&mut self) -> Response {
        let answer = self.ask(form("/api/v2/auth/login", "username=admin&password=adminadmin"));
        if let Some(session) = answer.fields.sole("set-cookie") {
            self.cookies = format!("{}; {}", self.cookies, session.split(';').next().unwrap());
        }
        answer
    }
}

fn form(target: &str, body: &str) -> Request {
    Request::post(target, body).field("Content-Type", "application/x-www-form-urlencoded")
}

/// An upload of one file with this many bytes that is no torrent.
fn upload(bytes: usize) -> Request {
    let file = "x".repeat(bytes);
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"torrents\"; filename=\"a.torrent\"\r\n\r\n{file}\r\n--b--\r\n"
    );
    Request::post("/api/v2/torrents/add", body).field("Content-Type", "multipart/form-data; boundary=b")
}

#[test]
fn a_browser_works_with_it_and_a_stranger_does_not() {
    let app = App::start();
    let gateway = Gateway::start(&CONFIG.replace("UPSTREAM", &app.url()));
    let host = format!("torrents.localhost:{}", gateway.address.port());
    for request in [
        Request::get("/"),
        Request::get("/api/v2/app/version"),
        form("/api/v2/auth/login", "username=admin&password=adminadmin"),
        upload(10),
    ] {
        let answer = gateway.ask(&request.host(&host));
        assert_eq!((answer.status, answer.code().as_str()), (401, "token_missing"), "{answer:?}");
    }

    let mut browser = Browser::of(&gateway);
    let page = browser.ask(Request::get("/"));
    assert!(page.status == 200 && page.text().contains("qBittorrent"), "{page:?}");
    // Its own policy stays the only one.
    assert!(page.fields.sole("content-security-policy").unwrap().contains("script-src 'self'"), "{page:?}");
    assert!(page.fields.sole("x-frame-options").is_some(), "{page:?}");
    // Before its own login it refuses by itself: the gateway's token is none of its business.
    let early = browser.ask(Request::get("/api/v2/app/version"));
    assert_eq!(early.status, 403, "{early:?}");
    let answer = browser.log_in();
    assert_eq!((answer.status, answer.text().as_str()), (200, "Ok."), "{answer:?}");
    let version = browser.ask(Request::get("/api/v2/app/version"));
    assert!(version.status == 200 && version.text().starts_with('v'), "{version:?}");
    let saved = browser.ask(form("/api/v2/app/setPreferences", "json={\"max_active_torrents\":7}"));
    assert_eq!(saved.status, 200, "{saved:?}");
    let kept = browser.ask(Request::get("/api/v2/app/preferences")).json();
    assert_eq!(kept["max_active_torrents"], 7);

    // A foreign page rides on neither cookie.
    let foreign = browser.ask_from("http://evil.example", form("/api/v2/app/setPreferences", "json={}"));
    assert_eq!((foreign.status, foreign.code().as_str()), (403, "cross_origin"), "{foreign:?}");
}

#[test]
fn torrents_are_taken_as_large_as_it_takes_them() {
    let app = App::start();
    let gateway = Gateway::start(&CONFIG.replace("UPSTREAM", &app.url()));
    let mut browser = Browser::of(&gateway);
    browser.log_in();
    // It reads them all and finds that they are none.
    let answer = browser.ask(upload(12 << 20));
    assert!(answer.status == 415 && answer.text().contains("not a valid torrent file"), "{answer:?}");
    let head = format!(
        "POST /api/v2/torrents/add HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nContent-Length: {}\r\n\r\n",
        browser.host,
        browser.cookies,
        (64 << 20) + 1
    );
    let refused = gateway.raw(head);
    assert_eq!((refused.status, refused.code().as_str()), (413, "body_too_large"), "{refused:?}");
}

#[test]
fn without_the_profile_it_refuses_the_public_name() {
    let app = App::start();
    let sources = "sources  = [\"cookie:stagedoor\"]";
    let config = CONFIG.replace("use      = \"qbittorrent\"", sources).replace("UPSTREAM", &app.url());
    let gateway = Gateway::start(&config);
    let answer = Browser::of(&gateway).ask(Request::get("/"));
    // The app's own 401: the port of the Host is not its own.
    assert_eq!(answer.status, 401, "{answer:?}");
    let event = gateway.event(&answer);
    assert!(event["code"].is_null() && event["upstream_us"].is_u64(), "{event}");
    // And by its own name it answers at once.
    let direct = Client::connect(app.address).ask(&Request::get("/").host(&app.address.to_string()));
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
