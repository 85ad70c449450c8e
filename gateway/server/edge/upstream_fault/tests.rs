#![allow(clippy::unwrap_used, reason = "tests")]
use std::net::{Ipv4Addr, SocketAddr};

use pingora::connectors::TransportConnector;
use pingora::connectors::l4::BindTo;
use pingora::upstreams::peer::BasicPeer;
use tokio::net::TcpListener;

use super::*;

/// What pingora says of a connection to an address, from the ports of a range if there is one.
async fn connecting(to: SocketAddr, ports: Option<(u16, u16)>) -> Result<impl Sized, UpstreamFault> {
    let mut peer = BasicPeer::new(&to.to_string());
    peer.options.bind_to = ports.map(|range| {
        let mut from = BindTo::default();
        from.set_port_range(Some(range)).unwrap();
        from
    });
    TransportConnector::new(None).new_stream(&peer).await.map_err(|error| of_connecting(&error))
}

#[tokio::test]
async fn the_systems_word_is_found_below_pingoras() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let to = listener.local_addr().unwrap();
    // Both ports of a range are used up. A system that knows no such range, or has another one for all, takes others.
    let ports = Some((40_000, 40_001));
    let held = [connecting(to, ports).await, connecting(to, ports).await];
    if let Err(fault) = connecting(to, ports).await {
        assert_eq!(fault, UpstreamFault::NoLocalAddress);
    }
    drop((held, listener));
    // No connection leads to a broadcast address; nothing is sent.
    let nowhere = SocketAddr::from((Ipv4Addr::BROADCAST, 80));
    for (to, expected) in [(to, UpstreamFault::Refused), (nowhere, UpstreamFault::NoRoute)] {
        assert_eq!(connecting(to, None).await.err(), Some(expected), "{to}");
    }
}

#[test]
fn an_error_of_the_system_has_a_reason() {
    for (errno, expected) in [
        (Errno::CONNREFUSED, Some("refused")),
        (Errno::CONNRESET, Some("reset")),
        (Errno::PIPE, Some("reset")),
        (Errno::TIMEDOUT, Some("timeout")),
        (Errno::HOSTUNREACH, Some("no_route")),
        (Errno::NETUNREACH, Some("no_route")),
        (Errno::MFILE, Some("out_of_descriptors")),
        (Errno::NFILE, Some("out_of_descriptors")),
        (Errno::NETDOWN, Some("no_route")),
        (Errno::ADDRNOTAVAIL, Some("no_local_address")),
        (Errno::ADDRINUSE, Some("no_local_address")),
        // Of a firewall or of the file of a socket, where a connection is made: see below.
        (Errno::ACCESS, None),
        (Errno::PERM, None),
    ] {
        let error = io::Error::from_raw_os_error(errno.raw_os_error());
        assert_eq!(of_system(&error).map(UpstreamFault::label), expected, "{error}");
    }
    assert_eq!(of_system(&io::ErrorKind::UnexpectedEof.into()), Some(UpstreamFault::Closed));
}

#[test]
fn a_new_connection_has_faults_of_its_own() {
    for (errno, expected) in [
        (Errno::NOENT, Some("refused")),
        (Errno::NOTDIR, Some("refused")),
        (Errno::PROTOTYPE, Some("refused")),
        (Errno::ACCESS, Some("not_permitted")),
        (Errno::PERM, Some("not_permitted")),
        (Errno::AGAIN, None),
    ] {
        let error = io::Error::from_raw_os_error(errno.raw_os_error());
        assert_eq!(of_socket_file(&error).map(UpstreamFault::label), expected, "{error}");
    }
}

#[test]
fn of_several_faults_the_one_is_told_that_says_most() {
    use UpstreamFault::{NoLocalAddress, NoRoute, Refused, Timeout};
    for (faults, expected) in [
        (&[Refused][..], Refused),
        (&[NoLocalAddress, Refused], Refused),
        (&[NoRoute, NoLocalAddress, Timeout, NoRoute], Timeout),
        (&[Refused, Timeout], Refused),
        (&[NoRoute, NoLocalAddress], NoLocalAddress),
    ] {
        let told = faults.iter().fold(None, |before, fault| Some(more_telling(before, *fault)));
        assert_eq!(told, Some(expected), "{faults:?}");
    }
}

#[test]
fn only_a_deadline_is_a_timeout_for_the_client() {
    for fault in UpstreamFault::ALL {
        let timeout = fault == UpstreamFault::Timeout;
        let expected = if timeout { "upstream_timeout" } else { "upstream_unreachable" };
        assert_eq!(Denial::from(fault).code(), expected);
    }
}
