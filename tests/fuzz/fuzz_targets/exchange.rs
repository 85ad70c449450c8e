//! The exchange: a sequence of events, as `gateway/core/src/exchange/tests/sequence` reads it. Nothing that happens makes it
//! panic, hang, or give either side what it must not have.

#![no_main]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;
use std::time::Duration;

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use stagedoor_config::{SourceFile, compile};
use stagedoor_core::clock::Now;
use stagedoor_core::head::{HeadLimits, Parsed, parse};
use stagedoor_core::pipeline::{Admission, Arrival, Permit, Trail, admit};
use stagedoor_core::request::{Head, Peer, PeerAddress, Scheme};
use stagedoor_core::request_out::write_head;
use stagedoor_core::tls::Transport;

#[path = "../../../gateway/core/tests/pipeline/one_secret.rs"]
mod one_secret;
#[path = "../../../gateway/core/src/exchange/tests/sequence/mod.rs"]
mod sequence;

fuzz_target!(|text: &[u8]| {
    let (head, permit) = &*REQUEST;
    sequence::run(text, || write_head(permit, head, "1", BytesMut::new()));
});

/// A request and its permit.
static REQUEST: LazyLock<(&Head<'static>, Box<Permit<'static>>)> = LazyLock::new(|| {
    let text = "version = 1\n[server]\nlisten = [\"127.0.0.1:8080\"]\n\
        [app.media]\nhosts = [\"localhost\"]\nauth = \"public\"\nupstream = \"http://127.0.0.1:8330\"\n";
    let source = SourceFile { name: "stagedoor.toml".into(), text: text.into() };
    let now = Now::new(Duration::from_secs(1000), Duration::from_secs(1_790_000_000));
    let policy = match compile(&[source], &one_secret::OneSecret, None, now) {
        Ok(compiled) => compiled.policy,
        Err(problems) => panic!("{problems:?}"),
    };
    let limits = HeadLimits { bytes: 1024, count: 16, uri: 64 };
    let Ok(Parsed::Complete(head, _)) = parse(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", &limits, Scheme::Http)
    else {
        panic!("no head")
    };
    let head: &Head<'_> = Box::leak(Box::new(head));
    let peer = Peer { address: PeerAddress::Ip(IpAddr::V4(Ipv4Addr::LOCALHOST)), port: 8080, tls: false };
    match admit(&policy, head, &Arrival { peer, transport: &Transport::Plain, now }, &mut Trail::default()) {
        Ok(Admission::Forward(permit)) => (head, permit),
        other => panic!("{other:?}"),
    }
});
