#![allow(clippy::unwrap_used, reason = "tests")]

use stagedoor_core::request::Scheme;
use tokio::net::{TcpListener, TcpSocket};

use super::*;

#[tokio::test]
async fn each_try_goes_to_the_next_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let live = listener.local_addr().unwrap();
    // Bound, so that nobody else listens there.
    let bound = TcpSocket::new_v4().unwrap();
    bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addresses = Arc::new([bound.local_addr().unwrap(), live]);
    let upstreams = Upstreams::default();
    let authority = "app.example:80".to_owned();
    upstreams.resolved.insert(authority.clone(), Resolved { at: Instant::now(), addresses });
    let (connect, read) = (Duration::from_secs(10), Duration::from_secs(10));
    let policy = |retries| UpstreamPolicy {
        url: String::new(),
        scheme: Scheme::Http,
        authority: authority.clone(),
        connect,
        read,
        retries,
    };
    let refused = upstreams.connect(&policy(0)).await.map(drop);
    assert_eq!(refused, Err(Denial::UpstreamUnreachable(UpstreamFault::Refused)));
    assert_eq!(upstreams.connect(&policy(1)).await.unwrap().peer_addr().unwrap(), live);
}
