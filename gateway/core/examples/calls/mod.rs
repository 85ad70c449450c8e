//! Calls of examples that are counted: when each of them arrives.

use std::error::Error;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use stagedoor_core::clock::Now;
use stagedoor_core::pipeline::Arrival;
use stagedoor_core::request::{Peer, PeerAddress};
use stagedoor_core::tls::Transport;

/// Call after call from one address, 50 a second, so that no limit but that of the search is used up.
pub(crate) fn arrival(call: u32) -> Arrival<'static> {
    let peer =
        Peer { address: PeerAddress::Ip(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))), port: 8080, tls: false };
    Arrival { peer, transport: &Transport::Plain, now: now(call) }
}

/// The time of a call.
pub(crate) fn now(call: u32) -> Now {
    let passed = Duration::from_millis(20) * call;
    Now::new(Duration::from_secs(10_000) + passed, Duration::from_secs(1_790_000_000) + passed)
}

/// Prints a line.
///
/// # Errors
/// The output is closed.
pub(crate) fn say(line: &str) -> Result<(), Box<dyn Error>> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
