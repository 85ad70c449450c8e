//! What went wrong between client and app, in the core's words.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "pingora's errors are an open set, and each match says what the rest of it means"
)]

use pingora::{Error, ErrorSource, ErrorType};
use stagedoor_core::denial::Denial;

/// The refusal that an error of pingora amounts to; `None` when the client is gone and nobody is
/// left to be told.
pub(crate) fn denial(error: &Error) -> Option<Denial> {
    match error.esource() {
        ErrorSource::Upstream => Some(upstream(error.etype())),
        ErrorSource::Downstream => downstream(error.etype()),
        ErrorSource::Internal | ErrorSource::Unset => Some(internal(error.etype())),
    }
}

fn upstream(kind: &ErrorType) -> Denial {
    match kind {
        ErrorType::ConnectTimedout
        | ErrorType::TLSHandshakeTimedout
        | ErrorType::ReadTimedout
        | ErrorType::WriteTimedout => Denial::UpstreamTimeout,
        // An error type is an open set: whatever else befalls the app's side is "no answer".
        _ => Denial::UpstreamUnreachable,
    }
}

fn downstream(kind: &ErrorType) -> Option<Denial> {
    match kind {
        ErrorType::InvalidHTTPHeader | ErrorType::H1Error => Some(Denial::BadRequest("malformed body")),
        ErrorType::ReadTimedout => Some(Denial::BodyTimeout),
        kind if kind.as_str() == "InvalidChunk" => Some(Denial::BadRequest("malformed chunk")),
        _ => None,
    }
}

fn internal(kind: &ErrorType) -> Denial {
    match kind {
        ErrorType::ConnectTimedout => Denial::UpstreamTimeout,
        ErrorType::ConnectRefused
        | ErrorType::ConnectNoRoute
        | ErrorType::ConnectError
        | ErrorType::SocketError
        | ErrorType::BindError => Denial::UpstreamUnreachable,
        _ => Denial::Internal("the exchange failed"),
    }
}
