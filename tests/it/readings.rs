//! Paths as real servers read them: whatever a server makes of a target, nobody reaches by it what the rules of the
//! gateway keep from them.
//!
//! Each server has the same three kinds of routes as the gateway before it: `/admin`, one for each user, and the rest.
//! It answers which of them it took. The targets of `tests/corpus/readings.txt` go to the server itself, and through
//! the gateway as bob.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::harness::{Gateway, Token};
use crate::real::program::{Program, in_environment};

const CONFIG: &str = r#"
[app.media]
hosts    = ["media.localhost"]
upstream = { urls = ["UPSTREAM"] }
auth     = "public"
[[app.media.route]]
match = "* /admin/{*rest}"
auth  = "required"
roles = ["admin"]
[[app.media.route]]
match = "* /users/{user}/{*rest}"
auth  = "required"
owner = { param = "user" }
"#;

const TARGETS: &str = include_str!("../corpus/readings.txt");

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is expected of each target, and its bytes.
fn targets() -> Vec<(&'static str, Vec<u8>)> {
    let lines = TARGETS.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let rows: Vec<_> = lines
        .map(|line| {
            let (expected, target) = line.split_once(' ').unwrap();
            (expected, unescaped(target.trim()))
        })
        .collect();
    assert!(rows.len() >= 40);
    rows
}

/// The bytes of a text in which `\xNN` is one.
fn unescaped(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

/// All that is answered to a request for `target`; empty if the server hangs up, as some do.
fn ask(to: SocketAddr, target: &[u8], fields: &str) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(" HTTP/1.1\r\nHost: media.localhost\r\nConnection: close\r\n{fields}\r\n");
    stream.write_all(&[b"GET ", target, head.as_bytes()].concat()).unwrap();
    let mut answer = Vec::new();
    // A reset ends an answer as well.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Which route the server took, if it took any; the body may be chunked.
fn routed(answer: &str) -> Option<&str> {
    let (_, body) = answer.split_once("\r\n\r\n")?;
    body.lines().find_map(|line| line.strip_prefix("routed "))
}

/// No target reaches another user's part or the administrator's through the gateway. `beyond` are targets that do so
/// without it: as long as there are any, the gateway is what stops them.
fn check(server: &Program, beyond: &[&str]) {
    let gateway = Gateway::start(&CONFIG.replace("UPSTREAM", &format!("http://{}", server.address)));
    let bearer = format!("Authorization: Bearer {}\r\n", Token::of("bob").roles(&["user"]).sign());
    assert_eq!(routed(&ask(server.address, b"/admin/x", "")), Some("admin"));
    assert_eq!(routed(&ask(server.address, b"/users/alice/x", "")), Some("users alice"));
    for target in beyond {
        let taken = ask(server.address, target.as_bytes(), "");
        assert!(routed(&taken).is_some_and(is_protected), "{target} is read in another way now: {taken}");
    }
    let mut faults = String::new();
    for (expected, target) in targets() {
        let answer = ask(gateway.address, &target, &bearer);
        let refused = answer.contains("\"code\":\"");
        let right = if expected == "forward" {
            !refused
        } else {
            refused && answer.contains(&format!("\"code\":\"{expected}\""))
        };
        let reached = routed(&answer);
        if !right || reached.is_some_and(is_protected) {
            let _ = writeln!(faults, "{}: {expected}, not {answer}", target.escape_ascii());
        }
    }
    assert!(faults.is_empty(), "{faults}");
    // What is the caller's own is read as such by both.
    let own = ask(gateway.address, b"/users/bob/x", &bearer);
    assert_eq!(routed(&own), Some("users bob"), "{own}");
}

/// Whether bob may not be there.
fn is_protected(route: &str) -> bool {
    route == "admin" || (route.starts_with("users ") && route != "users bob")
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/readings").join(name)
}

/// A script, run by an interpreter with these arguments and the port.
fn started(interpreter: &Path, name: &str, arguments: &[&str]) -> Program {
    Program::start(interpreter, |_, port, command| {
        command.arg(script(name)).args(arguments).arg(port.to_string()).env("PYTHONDONTWRITEBYTECODE", "1");
    })
}

fn python(name: &str, arguments: &[&str]) -> Program {
    started(&in_environment("python"), name, arguments)
}

fn node(reader: &str) -> Program {
    started(&found("node"), "server.mjs", &[reader])
}

fn php(reader: &str) -> Program {
    Program::start(&found("php"), |_, port, command| {
        command.args(["-S", &format!("127.0.0.1:{port}")]).arg(script("router.php")).env("READER", reader);
    })
}

/// A program of the search path.
fn found(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = std::env::split_paths(&path).map(|folder| folder.join(name));
    all.into_iter().find(|file| file.is_file()).unwrap_or_else(|| PathBuf::from("/usr/bin").join(name))
}

#[test]
fn wsgiref() {
    check(&python("wsgi.py", &["wsgiref"]), &["/%61dmin"]);
}

#[test]
fn werkzeug() {
    check(&python("wsgi.py", &["werkzeug"]), &["//admin", "/admin%2Fx"]);
}

#[test]
fn starlette() {
    check(&python("asgi.py", &["h11"]), &["/admin%2Fx", "/%61dmin"]);
}

#[test]
fn cherrypy() {
    check(&python("cherry.py", &[]), &["//x/admin", "//x@y/admin", "//users/users/alice/y"]);
}

#[test]
fn express() {
    check(&node("express"), &["/Admin"]);
}

#[test]
fn node_url() {
    check(&node("url"), &["//x/admin", "///x/admin", "/x/../admin", "//users/users/alice/y"]);
    check(&node("decoded"), &["/admin%3Fx", "/admin%23x", "/%2Fx/admin"]);
}

#[test]
fn node_url_parse() {
    check(&node("parse"), &["//x@y/admin"]);
    check(&node("host"), &["//x/admin", "//x:80/admin/z"]);
}

#[test]
fn jdk() {
    check(&started(&found("java"), "Server.java", &[]), &["//x/admin", "//x@y/admin", "/admin%2Fx"]);
}

#[test]
fn go() {
    let folder = crate::harness::Folder::empty();
    let binary = folder.path().join("server");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let built = Command::new(found("go"))
        .args(["build", "-o"])
        .arg(&binary)
        .arg(script("server.go"))
        .env("GOCACHE", target.join("go"))
        .env("GOPATH", target.join("go/path"))
        .env("GO111MODULE", "off")
        .output()
        .expect("`go` is not installed; hint: `tests/run` installs what these tests need");
    assert!(built.status.success(), "{built:?}");
    for reader in ["mux", "path"] {
        let server = Program::start(&binary, |_, port, command| {
            command.args([reader, &port.to_string()]);
        });
        check(&server, &["/admin%2Fx", "/%61dmin"]);
    }
}

#[test]
fn php_server() {
    check(&php("target"), &["//x/admin", "//x@y/admin", "//users/users/alice/y"]);
    check(&php("decoded"), &["/admin%3Fx", "/admin%23x"]);
    check(&php("server"), &["/x/../admin", "/%61dmin"]);
}
