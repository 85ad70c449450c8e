//! Unix sockets that the gateway listens on: who may connect, what such a client counts as, and what becomes of the file.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use crate::harness::{DEADLINE, Folder, Gateway, Request, Upstream, poll_until};

const APP: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
"#;

fn config(server: &str) -> String {
    format!("[server]\nlisten = [\"127.0.0.1:0\", \"unix:http.sock\"]\n{server}\n{APP}")
}

fn socket(gateway: &Gateway) -> std::path::PathBuf {
    gateway.folder.path().join("http.sock")
}

/// Everything that is answered to one request, on a connection of its own.
fn ask(socket: &Path, request: &Request) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // A connection that is refused ends before the request is read.
    let _ = stream.write_all(&request.bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str) -> Request {
    Request::get(path).field("Connection", "close")
}

#[test]
fn requests_of_a_unix_socket_are_requests_like_any_other() {
    let app = Upstream::start();
    let mut gateway = Gateway::before(&app, &config(""));
    let path = socket(&gateway);
    assert!(ask(&path, &get("/film").field("X-Forwarded-For", "198.51.100.9")).starts_with("HTTP/1.1 200 "));
    let seen = app.seen().pop().unwrap();
    assert_eq!(seen.fields.sole("x-forwarded-for"), Some("127.0.0.1"));
    let event = gateway.event_where("the path", |event| event["path"] == "/film");
    assert_eq!(event["ip"], "127.0.0.1");
    assert!(ask(&path, &get("/film").host("other.example")).starts_with("HTTP/1.1 421 "));
    assert!(gateway.log().contains("unix:"), "it says where it listens");

    // The file goes with the gateway, confined as it is.
    gateway.signal("TERM");
    assert!(gateway.wait().0.success());
    assert!(!path.exists());
}

#[test]
fn a_client_of_a_unix_socket_is_a_trusted_proxy_by_name_alone() {
    let app = Upstream::start();
    for (trusted, expected) in [("\"127.0.0.0/8\"", "127.0.0.1"), ("\"unix\"", "198.51.100.9")] {
        let gateway = Gateway::before(&app, &config(&format!("trusted_proxies = [{trusted}]")));
        let answer = ask(&socket(&gateway), &get("/x").field("X-Forwarded-For", "198.51.100.9"));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert_eq!(app.seen().pop().unwrap().fields.sole("x-forwarded-for"), Some(expected), "{trusted}");
    }
}

#[test]
fn the_connections_of_a_unix_socket_are_counted_together() {
    let app = Upstream::start();
    let limits = "[server.limits]\nconnections_per_ip = 2\n";
    let gateway = Gateway::before(&app, &config(limits));
    let path = socket(&gateway);
    let held: Vec<_> = (0..2).map(|_| UnixStream::connect(&path).unwrap()).collect();
    poll_until("both to be counted", || (gateway.metric("stagedoor_connections", &[]) >= 2.0).then_some(()));
    assert!(ask(&path, &get("/x")).starts_with("HTTP/1.1 503 "));
    drop(held);
    poll_until("a place", || ask(&path, &get("/x")).starts_with("HTTP/1.1 200 ").then_some(()));
}

#[test]
pub(crate) fn the_mode_is_as_told() {
    let app = Upstream::start();
    let default = Gateway::before(&app, &config(""));
    let told = Gateway::before(&app, &config("unix_mode = \"0600\""));
    let modes = [&default, &told].map(|gateway| gateway.folder.mode("http.sock"));
    assert_eq!(modes, [0o660, 0o600]);
}

#[test]
fn a_file_that_was_left_behind_is_replaced() {
    let app = Upstream::start();
    let mut gateway = Gateway::before(&app, &config(""));
    gateway.signal("KILL");
    gateway.wait();
    let folder = gateway.stop();
    assert!(folder.path().join("http.sock").exists(), "a process that is killed removes nothing");
    let gateway = Gateway::start_in(folder);
    assert!(ask(&socket(&gateway), &get("/x")).starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_path_that_is_in_use_stops_the_start() {
    let app = Upstream::start();
    let folder = Folder::new(&config("").replace("UPSTREAM", &app.url()));
    folder.write("http.sock", "text");
    let (folder, output) = Gateway::try_start_in(folder).expect_err("it starts over a file");
    for said in ["cannot listen on `unix:", "http.sock`", "no socket", "server.listen", "remove that file"] {
        assert!(output.stderr.contains(said), "{said}: {}", output.stderr);
    }
    assert_eq!(folder.read("http.sock"), "text");

    let gateway = Gateway::before(&app, &config(""));
    let taken = format!("unix:{}", socket(&gateway).display());
    let second = Folder::new(&config("").replace("unix:http.sock", &taken).replace("UPSTREAM", &app.url()));
    let (_, output) = Gateway::try_start_in(second).expect_err("two of them listen at one path");
    assert!(output.stderr.contains("another process listens there"), "{}", output.stderr);
    assert!(ask(&socket(&gateway), &get("/x")).starts_with("HTTP/1.1 200 "));
}
