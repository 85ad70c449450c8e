//! The fields of an answer that never reach the client: the app's make and version, and the fields of its connection.

use http::{HeaderName, HeaderValue, header};

use super::seen::{Edited, Meaning, Seen};
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
///
/// Returns which of the others a policy may have to edit.
pub(super) fn remove<F: ResponseFields>(fields: &mut F, cors: AppCors) -> Seen {
    let wanted = fields.requires_upgrade();
    let (mut seen, mut named) = (Seen::NONE, Vec::new());
    fields.retain(|name, value| match Meaning::of(name.as_str()) {
        Meaning::Plain => true,
        Meaning::Edited(field) => {
            seen.note(field, value);
            true
        }
        Meaning::Cors if cors == AppCors::Kept => {
            seen.note(Edited::Cors, value);
            true
        }
        Meaning::Connection => {
            named.extend(nominated(value));
            false
        }
        Meaning::Upgrade => wanted,
        Meaning::Cors | Meaning::Leaks => false,
    });
    if !named.is_empty() {
        // What was seen and is removed now is looked for, and not found.
        fields.retain(|name, _| !named.contains(name));
        if named.contains(&header::CONTENT_TYPE) {
            seen.forget_media();
        }
    }
    seen
}

/// The same for interim answers. Also removes CORS fields in any case, since browsers read them only in final answers, and
/// the framing of a body, which an interim answer has not (RFC 9110 §8.6, RFC 9112 §6.1). The fields that complete a 101
/// stay.
pub(super) fn clean_interim<F: ResponseFields>(fields: &mut F) {
    let named: Vec<HeaderName> = fields.all(&header::CONNECTION).flat_map(nominated).collect();
    let switches = fields.switches();
    fields.retain(|name, _| {
        let passes = match Meaning::of(name.as_str()) {
            Meaning::Plain => *name != header::CONTENT_LENGTH && *name != header::TRANSFER_ENCODING,
            Meaning::Edited(_) => true,
            Meaning::Connection | Meaning::Upgrade => switches,
            Meaning::Cors | Meaning::Leaks => false,
        };
        passes && !named.contains(name)
    });
}

/// The fields that a line of `Connection` names (RFC 9110 §7.6.1), besides the usual options.
fn nominated(connection: &HeaderValue) -> impl Iterator<Item = HeaderName> {
    connection
        .as_bytes()
        .split(|b| *b == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|option| !USUAL.iter().any(|usual| option.eq_ignore_ascii_case(usual)))
        .filter_map(|option| HeaderName::from_bytes(option).ok())
        .filter(|name| *name != header::TRANSFER_ENCODING && *name != header::CONTENT_LENGTH)
}

const USUAL: [&[u8]; 4] = [b"", b"close", b"keep-alive", b"upgrade"];
