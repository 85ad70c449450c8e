//! The fields of an answer that never reach the client: the app's make and version, and the fields of its connection.

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

/// Removes fields that leak, hop-by-hop fields, fields that `Connection` names, and the app's CORS fields unless the app
/// answers CORS. The `Upgrade` of a 426 stays: it names the protocol that the app wants.
///
/// `Transfer-Encoding` and `Content-Length` stay, even if `Connection` names them: they are written with the message.
pub(super) fn remove<F: ResponseFields>(fields: &mut F, cors: AppCors) {
    let nominated = nominated(fields);
    let wanted = fields.requires_upgrade();
    fields.remove_where(|name| {
        let kept = wanted && *name == header::UPGRADE;
        (leaks(name.as_str(), cors) && !kept) || nominated.contains(name)
    });
}

/// The same for interim answers. Also removes CORS fields in any case, since browsers read them only in final answers, and
/// the framing of a body, which an interim answer has not (RFC 9110 §8.6, RFC 9112 §6.1). The fields that complete a 101
/// stay.
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
        // Only a refusal of the gateway has it.
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
