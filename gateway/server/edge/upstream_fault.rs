//! What an error of the system says of an app, and the refusal for it.

use std::error::Error;
use std::io;

use pingora::ErrorType;
use rustix::io::Errno;
use rustls::CertificateError;
use stagedoor_core::denial::{Denial, UpstreamFault};

/// The refusal after an error on an open connection to the app.
pub(crate) fn broken(error: &io::Error) -> Denial {
    of_open(error).into()
}

/// The fault that an error on an open connection to the app stands for.
pub(crate) fn of_open(error: &io::Error) -> UpstreamFault {
    of_tls(error).or_else(|| of_system(error)).unwrap_or(UpstreamFault::Closed)
}

/// The fault of a TLS handshake that failed.
pub(crate) fn of_handshake(error: &io::Error) -> UpstreamFault {
    of_tls(error).or_else(|| of_system(error)).filter(|fault| *fault != UpstreamFault::Closed).unwrap_or(
        // It closed the connection instead of answering.
        UpstreamFault::TlsHandshake,
    )
}

/// The fault that an error of TLS stands for, if it is one.
#[allow(clippy::wildcard_enum_match_arm, reason = "the errors of rustls are an open set")]
fn of_tls(error: &io::Error) -> Option<UpstreamFault> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(match error {
        // The first bytes are no record of TLS.
        rustls::Error::InvalidMessage(_) => UpstreamFault::SpeaksNoTls,
        rustls::Error::InvalidCertificate(certificate) => match certificate {
            CertificateError::UnknownIssuer => UpstreamFault::CertificateIssuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                UpstreamFault::CertificateName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => UpstreamFault::CertificateTime,
            _ => UpstreamFault::Certificate,
        },
        _ => UpstreamFault::TlsHandshake,
    })
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
    let system = system_error(error);
    system.and_then(|error| of_system(error).or(of_socket_file(error))).unwrap_or(match error.root_etype() {
        ErrorType::ConnectTimedout => UpstreamFault::Timeout,
        ErrorType::ConnectRefused => UpstreamFault::Refused,
        _ => UpstreamFault::NoRoute,
    })
}

/// The fault that only a new connection has: of the path of a Unix socket, or of a firewall.
fn of_socket_file(error: &io::Error) -> Option<UpstreamFault> {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        // Nothing is there, or a socket of another type.
        Some(Errno::NOENT | Errno::NOTDIR | Errno::PROTOTYPE) => Some(UpstreamFault::Refused),
        Some(Errno::ACCESS | Errno::PERM) => Some(UpstreamFault::NotPermitted),
        Some(_) | None => None,
    }
}

/// Whether a Unix socket has no room in its queue for another connection, which it may have in a moment.
pub(crate) fn is_full_queue(error: &pingora::Error) -> bool {
    system_error(error).is_some_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// The error of the system, which pingora wraps in errors of its own, together with the local address.
fn system_error(error: &pingora::Error) -> Option<&io::Error> {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error.root_cause());
    let mut causes = std::iter::from_fn(|| {
        let this = cause?;
        cause = this.source();
        Some(this)
    });
    causes.find_map(|cause| cause.downcast_ref::<io::Error>())
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
        | UpstreamFault::NotPermitted
        | UpstreamFault::Reset
        | UpstreamFault::Closed
        | UpstreamFault::Timeout
        | UpstreamFault::SpeaksTls
        | UpstreamFault::SpeaksNoTls
        | UpstreamFault::CertificateIssuer
        | UpstreamFault::CertificateName
        | UpstreamFault::CertificateTime
        | UpstreamFault::Certificate
        | UpstreamFault::TlsHandshake
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
mod tests;
