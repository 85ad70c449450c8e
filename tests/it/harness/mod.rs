//! What every test stands on: the real process, a recording app behind it, raw clients before it.
//!
//! Nothing here sleeps except inside [`poll_until`], everything waits at most [`DEADLINE`], and
//! every test has a gateway, an app and ports of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

mod carrier;
mod certificates;
mod client;
mod gateway;
mod http2;
mod message;
mod request;
mod tls;
mod tls_carrier;
mod token;
mod upstream;
mod websocket;

pub(crate) use carrier::UnixCarrier;
pub(crate) use certificates::{Authority, Pair, self_signed};
pub(crate) use client::{Client, HalfClose};
pub(crate) use gateway::{Command, Folder, Gateway, Output, Running};
pub(crate) use http2::{Frame, Http2, RawHttp2, frame, header_block, request_block};
pub(crate) use message::Response;
pub(crate) use request::Request;
pub(crate) use tls::{
    Protocol, TlsClient, TlsConnection, client_config, config_with, config_without_ed25519,
};
pub(crate) use tls_carrier::{Ending, TlsCarrier, settings};
pub(crate) use token::{SECRET, Token, token, unix_now};
pub(crate) use upstream::{Exchange, Upstream, default_answer};
pub(crate) use websocket::{WebSocket, websocket, websocket_of, websocket_over};

/// How long anything may take before a test fails.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The host of the app in most tests.
pub(crate) const HOST: &str = "media.localhost";

/// An address to listen on that no other test has, for what cannot be told to take any port: a loopback
/// address by the number of this process, and a port by how often it was asked.
pub(crate) fn own_address() -> SocketAddr {
    static ASKED: AtomicU16 = AtomicU16::new(9_901);
    let [high, middle, low] = [16, 8, 0].map(|shift| (std::process::id() >> shift & 0xff) as u8);
    (Ipv4Addr::new(127, 64 | high & 0x3f, middle, low), ASKED.fetch_add(1, Ordering::Relaxed)).into()
}

/// Asks again and again until there is an answer; panics with `what` after [`DEADLINE`].
pub(crate) fn poll_until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    poll_for(what, DEADLINE, &mut ask)
}

/// Like [`poll_until`], for what is allowed to take longer.
pub(crate) fn poll_for<T>(what: &str, most: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + most;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < until, "waited {most:?} in vain for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
