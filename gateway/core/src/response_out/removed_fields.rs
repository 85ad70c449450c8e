//! What never leaves the house: the app's make and version, and what belongs to its connection.

use http::{HeaderName, header};

use super::preset::CODE_NAME;
use crate::response_fields::ResponseFields;

/// Who answers the CORS protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AppCors {
    /// The app; its `access-control-*` passes.
    Kept,
    /// The gateway; the app's `access-control-*` is removed.
    Removed,
}

/// Removes what leaks, hop-by-hop fields (but for the `Upgrade` of a 426, which says what the app wants) and what `Connection` nominates, and the app's CORS unless it is its to say.
///
/// `Transfer-Encoding` and `Content-Length` stay whatever is nominated: they are the framing, which belongs to whoever
/// writes the message.
pub(super) fn remove<F: ResponseFields>(fields: &mut F, cors: AppCors) {
    let nominated = nominated(fields);
    let wanted = fields.requires_upgrade();
    fields.remove_where(|name| {
        let kept = wanted && *name == header::UPGRADE;
        (leaks(name.as_str(), cors) && !kept) || nominated.contains(name)
    });
}

/// For interim answers: removes the same, the app's CORS always (no browser asks one of them who may read), and the
/// framing of a body, which none of them has (RFC 9110 §8.6, RFC 9112 §6.1). What completes a 101 stays.
pub(super) fn clean_interim<F: ResponseFields>(fields: &mut F) {
    let nominated = nominated(fields);
    let switches = fields.switches();
    fields.remove_where(|name| {
        let kept = switches && (*name == header::CONNECTION || *name == header::UPGRADE);
        let framing = *name == header::CONTENT_LENGTH || *name == header::TRANSFER_ENCODING;
        ((leaks(name.as_str(), AppCors::Removed) || framing) && !kept) || nominated.contains(name)
    });
}

fn tells_make(name: &str) -> bool {
    matches!(name, "server" | "x-powered-by" | "x-generator" | "x-xss-protection")
        || name.starts_with("x-aspnet")
}

fn tells_origins(name: &str) -> bool {
    name.starts_with("access-control-")
}

fn leaks(name: &str, cors: AppCors) -> bool {
    match name {
        _ if tells_make(name) => true,
        // The gateway's word that it refused.
        CODE_NAME => true,
        "connection" | "keep-alive" | "proxy-authenticate" | "proxy-connection" | "te" | "trailer"
        | "upgrade" => true,
        _ => cors == AppCors::Removed && tells_origins(name),
    }
}

/// The fields that `Connection` names (RFC 9110 §7.6.1); no allocation for the usual options.
fn nominated<F: ResponseFields>(fields: &F) -> Vec<HeaderName> {
    fields
        .all(&header::CONNECTION)
        .flat_map(|value| value.as_bytes().split(|b| *b == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|option| !USUAL.iter().any(|usual| option.eq_ignore_ascii_case(usual)))
        .filter_map(|option| HeaderName::from_bytes(option).ok())
        .filter(|name| *name != header::TRANSFER_ENCODING && *name != header::CONTENT_LENGTH)
        .collect()
}

const USUAL: [&[u8]; 4] = [b"", b"close", b"keep-alive", b"upgrade"];
