//! What went wrong between client and app, in the core's words.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the errors of pingora and of the system are open sets, and each match says what the rest of it means"
)]

use std::io;

use pingora::{Error, ErrorSource, ErrorType};
use stagedoor_core::denial::{Denial, UpstreamFault};

/// The refusal that an error of pingora amounts to; `None` when the client is gone and nobody is
/// left to be told.
pub(crate) fn denial(error: &Error) -> Option<Denial> {
    match error.esource() {
        ErrorSource::Upstream => Some(refusal(fault(error))),
        ErrorSource::Downstream => downstream(error.etype()),
        ErrorSource::Internal | ErrorSource::Unset => Some(internal(error)),
    }
}

/// The refusal for a fault of the app's side.
fn refusal(fault: UpstreamFault) -> Denial {
    match fault {
        UpstreamFault::Timeout => Denial::UpstreamTimeout,
        UpstreamFault::Refused
        | UpstreamFault::NoSuchName
        | UpstreamFault::NoRoute
        | UpstreamFault::Reset
        | UpstreamFault::Closed
        | UpstreamFault::Tls
        | UpstreamFault::BadAnswer => Denial::UpstreamUnreachable(fault),
    }
}

/// The error of pingora for a connection to the app that could not be made.
pub(crate) fn connecting(error: io::Error) -> Box<Error> {
    let kind = match system(error.kind()) {
        Some(UpstreamFault::Refused) => ErrorType::ConnectRefused,
        Some(UpstreamFault::Timeout) => ErrorType::ConnectTimedout,
        Some(UpstreamFault::NoRoute) => ErrorType::ConnectNoRoute,
        _ => ErrorType::ConnectError,
    };
    let mut error = Error::because(kind, "cannot connect", error);
    error.as_up();
    error
}

/// What an error of the app's side says of it: the system's word where there is one, else pingora's.
fn fault(error: &Error) -> UpstreamFault {
    let root = error.root_cause().downcast_ref::<io::Error>();
    if let Some(fault) = root.and_then(|root| system(root.kind())) {
        return fault;
    }
    match error.root_etype() {
        ErrorType::ConnectTimedout
        | ErrorType::TLSHandshakeTimedout
        | ErrorType::ReadTimedout
        | ErrorType::WriteTimedout => UpstreamFault::Timeout,
        ErrorType::ConnectRefused => UpstreamFault::Refused,
        ErrorType::ConnectNoRoute | ErrorType::ConnectError | ErrorType::SocketError => {
            UpstreamFault::NoRoute
        }
        ErrorType::TLSHandshakeFailure | ErrorType::TLSWantX509Lookup | ErrorType::InvalidCert => {
            UpstreamFault::Tls
        }
        ErrorType::ConnectionClosed => UpstreamFault::Closed,
        ErrorType::ReadError | ErrorType::WriteError => UpstreamFault::Reset,
        _ if speaks_tls(error) => UpstreamFault::Tls,
        _ => UpstreamFault::BadAnswer,
    }
}

/// What becomes of an exchange whose connection to the app fails so.
pub(crate) fn broken(error: &io::Error) -> Denial {
    refusal(system(error.kind()).unwrap_or(UpstreamFault::Closed))
}

/// What an error of the system says of the other side, if anything.
fn system(kind: io::ErrorKind) -> Option<UpstreamFault> {
    match kind {
        io::ErrorKind::ConnectionRefused => Some(UpstreamFault::Refused),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => Some(UpstreamFault::Reset),
        io::ErrorKind::UnexpectedEof => Some(UpstreamFault::Closed),
        io::ErrorKind::TimedOut => Some(UpstreamFault::Timeout),
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::AddrNotAvailable => Some(UpstreamFault::NoRoute),
        _ => None,
    }
}

/// Whether the answer that could not be read begins with an alert of TLS (RFC 8446 §5.1), which is how a TLS server
/// answers plain HTTP. pingora shows the bytes that it could not read in its message.
fn speaks_tls(error: &Error) -> bool {
    let context = error.context.as_ref().map_or("", |context| context.as_str());
    context.starts_with("buf: \\x15\\x03")
}

fn downstream(kind: &ErrorType) -> Option<Denial> {
    match kind {
        ErrorType::InvalidHTTPHeader | ErrorType::H1Error => Some(Denial::BadRequest("malformed body")),
        ErrorType::ReadTimedout => Some(Denial::BodyTimeout),
        kind if kind.as_str() == "InvalidChunk" => Some(Denial::BadRequest("malformed chunk")),
        _ => None,
    }
}

fn internal(error: &Error) -> Denial {
    match error.etype() {
        ErrorType::ConnectTimedout
        | ErrorType::ConnectRefused
        | ErrorType::ConnectNoRoute
        | ErrorType::ConnectError
        | ErrorType::SocketError
        | ErrorType::BindError => refusal(fault(error)),
        _ => Denial::Internal("the exchange failed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_app_has_a_reason() {
        let up = |kind: ErrorType| {
            let mut error = Error::new(kind);
            error.as_up();
            error
        };
        let io = |kind: io::ErrorKind| {
            let mut error = Error::because(ErrorType::ReadError, "while reading", io::Error::from(kind));
            error.as_up();
            error
        };
        let unread = |text: &'static str| {
            let mut error = Error::explain(ErrorType::InvalidHTTPHeader, text);
            error.as_up();
            error
        };
        for (error, expected) in [
            (connecting(io::ErrorKind::ConnectionRefused.into()), "refused"),
            (connecting(io::ErrorKind::HostUnreachable.into()), "no_route"),
            (connecting(io::ErrorKind::TimedOut.into()), "timeout"),
            (connecting(io::ErrorKind::PermissionDenied.into()), "no_route"),
            (up(ErrorType::ConnectTimedout), "timeout"),
            (up(ErrorType::ReadTimedout), "timeout"),
            (up(ErrorType::TLSHandshakeFailure), "tls"),
            (up(ErrorType::ConnectionClosed), "closed"),
            (up(ErrorType::InvalidHTTPHeader), "bad_answer"),
            (io(io::ErrorKind::ConnectionReset), "reset"),
            (io(io::ErrorKind::UnexpectedEof), "closed"),
            (unread("buf: \\x15\\x03\\x01\\x00\\x02"), "tls"),
            (unread("buf: 220 ready"), "bad_answer"),
        ] {
            let fault = denial(&error).and_then(|denial| denial.upstream_fault());
            assert_eq!(fault.map(UpstreamFault::label), Some(expected), "{error}");
        }
    }
}
