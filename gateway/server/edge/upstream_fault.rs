//! What an error of the system says of an app, and the refusal for it.

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

/// The fault of a connection that could not be made: the system's word where there is one, else pingora's.
#[allow(clippy::wildcard_enum_match_arm, reason = "the errors of pingora are an open set")]
pub(crate) fn of_connecting(error: &pingora::Error) -> UpstreamFault {
    let root = error.root_cause().downcast_ref::<io::Error>();
    root.and_then(of_system).unwrap_or(match error.root_etype() {
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
        io::ErrorKind::AddrNotAvailable => Some(UpstreamFault::NoLocalAddress),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            (Errno::ADDRNOTAVAIL, Some("no_local_address")),
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
