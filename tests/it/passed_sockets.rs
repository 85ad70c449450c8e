//! Sockets that whoever starts the gateway passes to it, as systemd does.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, Command, Stdio};

use crate::harness::{Client, DEADLINE, Folder, Request, Upstream, poll_until};

fn folder(app: &Upstream, listen: &str) -> Folder {
    let config = format!(
        "[server]\nlisten = {listen}\n[app.media]\nhosts = [\"media.localhost\"]\nupstream = {{ urls = [\"{}\"] }}\n\
         auth = \"public\"\n",
        app.url()
    );
    Folder::new(&config)
}

/// A gateway that two sockets are passed to.
struct Started {
    child: Child,
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The two sockets become the descriptors 3 and 4, as systemd numbers them; `variables` is said by the shell.
fn start(folder: &Folder, sockets: [OwnedFd; 2], variables: &str) -> Started {
    let script =
        format!("exec 3<&0 4<&1 </dev/null >/dev/null; export {variables}; exec \"$0\" run --config \"$1\"");
    let [third, fourth] = sockets.map(Stdio::from);
    let log = File::create(folder.path().join("log")).unwrap();
    let child = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_stagedoor")])
        .arg(folder.config_path())
        .current_dir(folder.path())
        .env_remove("STAGEDOOR_LISTEN")
        .stdin(third)
        .stdout(fourth)
        .stderr(log)
        .spawn()
        .unwrap();
    Started { child }
}

const BOTH: &str = "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=http:proxy";

fn tcp() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// What a gateway that does not start says.
fn failure(folder: &Folder, sockets: [OwnedFd; 2], variables: &str) -> String {
    let mut started = start(folder, sockets, variables);
    let status = poll_until("it to end", || started.child.try_wait().unwrap());
    assert!(!status.success());
    folder.read("log")
}

#[test]
fn requests_come_in_by_the_sockets_that_are_passed() {
    let app = Upstream::start();
    let folder = folder(&app, "[\"fd:proxy\", \"fd:http\"]");
    let (listener, address) = tcp();
    let path = folder.path().join("proxy.sock");
    let unix = UnixListener::bind(&path).unwrap();
    // The sockets outlive the process: what connects between two of them is answered by the second one.
    for _ in 0..2 {
        let sockets = [listener.try_clone().unwrap().into(), unix.try_clone().unwrap().into()];
        let request = Request::get("/x").field("Connection", "close");
        let mut early = Client::connect(address);
        early.send(request.bytes());
        let mut started = start(&folder, sockets, BOTH);
        assert_eq!(early.answer().status, 200);
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(&request.bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let log = folder.read("log");
        assert!(
            log.contains(&address.to_string()) && log.contains(&format!("unix:{}", path.display())),
            "{log}"
        );
        started.child.kill().unwrap();
        started.child.wait().unwrap();
        assert!(path.exists(), "the file is not the gateway's");
    }
}

#[test]
fn sockets_are_taken_as_they_are_meant() {
    let app = Upstream::start();
    let both = || [tcp().0.into(), tcp().0.into()];
    let of = |listen: &str, sockets: [OwnedFd; 2], variables: &str| {
        failure(&folder(&app, listen), sockets, variables)
    };
    for (listen, variables, said) in [
        // They were passed to another process.
        (
            "[\"fd:http\"]",
            "LISTEN_PID=1 LISTEN_FDS=2 LISTEN_FDNAMES=http:proxy",
            "no socket of this name is passed",
        ),
        ("[\"fd:http\"]", "LISTEN_FDS=2 LISTEN_FDNAMES=http:proxy", "no socket of this name is passed"),
        ("[\"fd:other\", \"fd:http\", \"fd:proxy\"]", BOTH, "cannot listen on `fd:other`"),
        ("[\"fd:http\"]", BOTH, "a socket is passed that no listener names: `proxy`"),
        ("[\"127.0.0.1:0\"]", BOTH, "a socket is passed that no listener names: `http`"),
        (
            "[\"127.0.0.1:0\"]",
            "LISTEN_PID=$$ LISTEN_FDS=2",
            "a socket is passed that no listener names: `unknown`",
        ),
    ] {
        let log = of(listen, both(), variables);
        assert!(log.contains(said), "{said}: {log}");
    }
    let all = "[\"fd:http\", \"fd:proxy\"]";
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(of(all, [tcp().0.into(), datagrams.into()], BOTH).contains("the passed socket `proxy`: "));
    let (listener, address) = tcp();
    let connected = std::net::TcpStream::connect(address).unwrap();
    let log = of(all, [connected.into(), listener.into()], BOTH);
    assert!(log.contains("the passed socket `http`: it does not listen"), "{log}");
    let file = File::open("/dev/null").unwrap();
    assert!(of(all, [tcp().0.into(), file.into()], BOTH).contains("the passed socket `proxy`: "));
}

/// Several sockets of one name are one list, as those of one unit are.
#[test]
fn one_name_may_stand_for_several_sockets() {
    let app = Upstream::start();
    let folder = folder(&app, "[\"fd:http\"]");
    let [(one, first), (two, second)] = [tcp(), tcp()];
    let _started =
        start(&folder, [one.into(), two.into()], "LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=http:http");
    for address in [first, second] {
        assert_eq!(Client::connect(address).ask(&Request::get("/x")).status, 200);
    }
}
