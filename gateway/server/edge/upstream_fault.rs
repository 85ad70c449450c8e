//! What an error of the system says of an app, and the refusal for it.

use std::error::Error;
use std::io;

use pingora::ErrorType;
use rustix::io::Errno;
use stagedoor_core::denial::{Denial, UpstreamFault};

/// The refusal after an error on an open connection to the app.
pub(crate) fn broken(error: &io::Error) -> Denial {
    of_open(error).into()
}

/// The fault that an error on an open connection to the app stands for.
pub(crate) fn of_open(error: &io::Error) -> UpstreamFault {
    of_system(error).unwrap_or(UpstreamFault::Closed)
}

/// The fault that an error of the system stands for, if it stands for one.
pub(crate) fn of_system(error: &io::Error) -> Option<UpstreamFault> {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        // These have no kind of their own in the standard library.
        Some(Errno::MFILE | Errno::NFILE) => Some(UpstreamFault::OutOfDescriptors),
        Some(_) | None => of_kind(error.kind()),
    }
}

/// The fault of a connection that could not be made: the system's word where there is one, else pingora's. pingora wraps the
/// system's error, together with the local address, in errors of its own.
#[allow(clippy::wildcard_enum_match_arm, reason = "the errors of pingora are an open set")]
pub(crate) fn of_connecting(error: &pingora::Error) -> UpstreamFault {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error.root_cause());
    let mut causes = std::iter::from_fn(|| {
        let this = cause?;
        cause = this.source();
        Some(this)
    });
    let system = causes.find_map(|cause| cause.downcast_ref::<io::Error>());
    system.and_then(of_system).unwrap_or(match error.root_etype() {
        ErrorType::ConnectTimedout => UpstreamFault::Timeout,
        ErrorType::ConnectRefused => UpstreamFault::Refused,
        _ => UpstreamFault::NoRoute,
    })
}

/// The fault of several addresses that were tried: the first one, unless it only says that this machine cannot reach that address.
pub(crate) fn more_telling(before: Option<UpstreamFault>, fault: UpstreamFault) -> UpstreamFault {
    match before {
        None | Some(UpstreamFault::NoRoute | UpstreamFault::NoLocalAddress) => fault,
        Some(before) => before,
    }
}

/// Whether the address of a connection that could not be made may be an old one: any fault but those of this machine.
pub(crate) fn is_of_the_address(fault: UpstreamFault) -> bool {
    match fault {
        UpstreamFault::OutOfDescriptors | UpstreamFault::NoLocalAddress => false,
        UpstreamFault::Refused
        | UpstreamFault::NoSuchName
        | UpstreamFault::NoRoute
        | UpstreamFault::Reset
        | UpstreamFault::Closed
        | UpstreamFault::Timeout
        | UpstreamFault::Tls
        | UpstreamFault::BadAnswer => true,
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the kinds of errors of the system are an open set")]
fn of_kind(kind: io::ErrorKind) -> Option<UpstreamFault> {
    match kind {
        io::ErrorKind::ConnectionRefused => Some(UpstreamFault::Refused),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => Some(UpstreamFault::Reset),
        io::ErrorKind::UnexpectedEof => Some(UpstreamFault::Closed),
        io::ErrorKind::TimedOut => Some(UpstreamFault::Timeout),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
            Some(UpstreamFault::NoRoute)
        }
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse => Some(UpstreamFault::NoLocalAddress),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
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
            // Of a firewall, where a connection is made: that is `no_route` then, as everything that is not listed here.
            (Errno::ACCESS, None),
            (Errno::PERM, None),
        ] {
            let error = io::Error::from_raw_os_error(errno.raw_os_error());
            assert_eq!(of_system(&error).map(UpstreamFault::label), expected, "{error}");
        }
        assert_eq!(of_system(&io::ErrorKind::UnexpectedEof.into()), Some(UpstreamFault::Closed));
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
}
