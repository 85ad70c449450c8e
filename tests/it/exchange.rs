//! Forwarding under bad input and bad luck: what the client is told, how long it takes at most, and what the log says.
//!
//! Each test sets the one deadline that it is about to a second or less, and the others to an hour: an exchange that ends
//! within [`DEADLINE`](crate::harness::DEADLINE) has ended by that deadline.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use serde_json::Value;

use crate::harness::{Client, DEADLINE, Gateway, Response, Upstream, poll_until};

mod answers;
mod clients;
mod connecting;
mod descriptors;
mod logins;
mod names;
mod panics;
mod pool;
mod restarts;
mod silence;
pub(crate) mod tls;
mod unix_sockets;
mod uploads;

/// More than all buffers between a client and an app take.
const MORE_THAN_BUFFERS: usize = 48 << 20;

/// A gateway before `app` whose deadlines are an hour, but for these lines of `[server.timeouts]` and of `upstream`.
fn patient(app: &Upstream, timeouts: &str, upstream: &str) -> Gateway {
    let mut text = String::from("[server.timeouts]\n");
    for key in ["header", "idle", "body_idle", "send_idle", "stream_idle"] {
        if !timeouts.contains(&format!("{key} =")) {
            text.push_str(&format!("{key} = \"1h\"\n"));
        }
    }
    let read = if upstream.contains("read =") { "" } else { ", read = \"1h\"" };
    let upstream = if upstream.is_empty() { String::new() } else { format!(", {upstream}") };
    Gateway::before(
        app,
        &format!(
            "{text}{timeouts}\n[app.media]\nhosts = [\"media.localhost\"]\nauth = \"public\"\nbody.max = \"1GiB\"\n\
             upstream = {{ urls = [\"UPSTREAM\"]{read}{upstream} }}\n"
        ),
    )
}

/// Waits until the gateway holds no client connection.
fn wait_for_no_connection(gateway: &Gateway) {
    poll_until("all client connections to end", || {
        (gateway.metric("stagedoor_connections", &[]) == 0.0).then_some(())
    });
}

/// Asserts that the refusal has this status, and that the operator reads this cause. Returns the event.
fn assert_failed(gateway: &Gateway, answer: &Response, status: u16, cause: &str) -> Value {
    assert_eq!(answer.status, status, "{answer:?}");
    let code = if status == 504 { "upstream_timeout" } else { "upstream_unreachable" };
    assert_eq!(answer.code(), code, "{answer:?}");
    let event = gateway.event(answer);
    assert_eq!(event["upstream_error"], cause, "{event}");
    assert_eq!(event["status"], status, "{event}");
    assert!(event["ended_by"].is_null(), "a refusal is a whole answer: {event}");
    event
}

/// Asserts that the answer began and broke off, and that the operator reads one of these causes. Returns the event.
fn assert_cut(gateway: &Gateway, answer: &Response, causes: &[&str]) -> Value {
    assert!(!answer.complete, "an answer that broke off looks whole: {answer:?}");
    let event = gateway.event(answer);
    assert!(causes.contains(&event["upstream_error"].as_str().unwrap_or("-")), "{causes:?}: {event}");
    assert_eq!(event["ended_by"], "app", "{event}");
    assert!(event["detail"].is_string(), "what exactly was wrong: {event}");
    event
}

/// The access events of a path.
fn events_of(gateway: &Gateway, path: &str) -> Vec<Value> {
    gateway.events().into_iter().filter(|event| event["path"] == path).collect()
}

/// Sends bytes from a thread of its own for as long as the gateway takes them.
fn send_in_background(
    client: &Client,
    bytes: impl AsRef<[u8]> + Send + 'static,
) -> JoinHandle<io::Result<()>> {
    let mut stream = client.reader.stream.try_clone().unwrap();
    std::thread::spawn(move || stream.write_all(bytes.as_ref()))
}

/// Reads until `bytes` have come.
fn wait_for_bytes(client: &mut Client, bytes: &str) {
    poll_until(bytes, || {
        let buffer = &client.reader.buffer;
        let there = buffer.windows(bytes.len()).any(|window| window == bytes.as_bytes());
        there.then_some(()).or_else(|| {
            assert!(client.reader.fill().unwrap() > 0, "the end before `{bytes}`");
            None
        })
    });
}

/// The head of a POST with a body of a declared length.
fn post_of(path: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: media.localhost\r\nContent-Length: {length}\r\n\r\n")
}

/// Holds an app back until the test lets it go on, or has ended.
#[derive(Clone, Default)]
struct Hold(Arc<(Mutex<bool>, Condvar)>);

impl Hold {
    fn wait(&self) {
        let (over, changed) = &*self.0;
        let over = over.lock().unwrap_or_else(PoisonError::into_inner);
        let _over = changed.wait_timeout_while(over, DEADLINE * 2, |over| !*over);
    }

    fn release(&self) {
        let (over, changed) = &*self.0;
        *over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }
}
