//! The way to the app.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::APP;
use crate::harness::{Gateway, Request, Upstream, poll_until};

/// A gateway before the app at `url`, with a key for the way to it.
fn before(url: &str, key: &str) -> Gateway {
    Gateway::start(&APP.replace("[\"UPSTREAM\"]", &format!("[\"{url}\"], {key}")))
}

#[test]
pub(super) fn urls() {
    let (one, other) = (Upstream::start(), Upstream::start());
    assert_eq!(before(&one.url(), "retries = 0").ask(&Request::get("/x")).status, 200);
    assert_eq!((one.seen().len(), other.seen().len()), (1, 0));
    assert_eq!(before(&other.url(), "retries = 0").ask(&Request::get("/x")).status, 200);
    assert_eq!((one.seen().len(), other.seen().len()), (1, 1));
}

/// Nobody takes connections at first and the queue is full: whoever waits gets in when somebody does.
#[test]
pub(super) fn connect() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.listen(1).unwrap().into_std().unwrap()
    });
    listener.set_nonblocking(false).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        queue.push(stream);
        assert!(queue.len() < 100);
    }
    let url = format!("http://{address}");
    let (short, long) = (before(&url, "connect = \"300ms\""), before(&url, "connect = \"5m\""));
    let (mut cut, mut waited) = (short.client(), long.client());
    cut.send(Request::get("/x").bytes());
    waited.send(Request::get("/x").bytes());
    assert!(matches!(cut.answer().status, 502 | 504));
    drop(queue);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || answer(stream));
        }
    });
    assert_eq!(waited.answer().status, 200);
}

fn answer(mut stream: TcpStream) {
    let mut came = Vec::new();
    let mut part = [0; 1024];
    while !came.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part) {
            Ok(length @ 1..) => came.extend_from_slice(&part[..length]),
            Ok(_) | Err(_) => return,
        }
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

#[test]
pub(super) fn read() {
    let free = Arc::new(AtomicBool::new(false));
    let freed = Arc::clone(&free);
    let app = Upstream::with(move |exchange| {
        exchange.body()?;
        poll_until("the test", || freed.load(Ordering::SeqCst).then_some(()));
        exchange.reply("200 OK", &[], "late")
    });
    let (short, long) = (before(&app.url(), "read = \"300ms\""), before(&app.url(), "read = \"1h\""));
    let (mut cut, mut waited) = (short.client(), long.client());
    cut.send(Request::get("/x").bytes());
    waited.send(Request::get("/x").bytes());
    assert_eq!(cut.answer().status, 504);
    free.store(true, Ordering::SeqCst);
    assert_eq!(waited.answer().status, 200);
}

/// The app closes a connection that was used before at its second request.
#[test]
pub(super) fn retries() {
    for (retries, status, tries) in [(0, 502, 1), (1, 200, 2)] {
        let served = Arc::new(AtomicUsize::new(0));
        let app = Upstream::with(move |exchange| {
            exchange.body()?;
            if served.fetch_add(1, Ordering::SeqCst) == 1 {
                exchange.hang_up();
                return Ok(());
            }
            exchange.reply("200 OK", &[], "ok")
        });
        let gateway = before(&app.url(), &format!("retries = {retries}"));
        assert_eq!(gateway.ask(&Request::get("/first")).status, 200);
        assert_eq!(gateway.ask(&Request::get("/second")).status, status, "{retries}");
        assert_eq!(app.seen().iter().filter(|seen| seen.target == "/second").count(), tries, "{retries}");
    }
}
