//! One line of each security field that says one thing, where the app and a proxy of its own both wrote it.
//!
//! Which one stays is what browsers make of several, or the stricter.

use http::{HeaderName, HeaderValue, header};

use super::fields::ResponseFields;
use super::preset;

/// What of several lines stays.
#[derive(Clone, Copy)]
enum Stays {
    /// The first: what comes later is not heard (RFC 6797 §8.1), or makes the field no field.
    First,
    /// The last: each later one replaces it (Referrer Policy §8.1).
    Last,
    /// `DENY` where they differ (HTML, the X-Frame-Options header).
    Strict,
}

const SINGLE: [(HeaderName, Stays); 7] = [
    (header::X_FRAME_OPTIONS, Stays::Strict),
    (header::X_CONTENT_TYPE_OPTIONS, Stays::First),
    (header::STRICT_TRANSPORT_SECURITY, Stays::First),
    (header::REFERRER_POLICY, Stays::Last),
    (preset::OPENER_POLICY, Stays::First),
    (preset::RESOURCE_POLICY, Stays::First),
    (preset::EMBEDDER_POLICY, Stays::First),
];

/// Leaves one line of each.
pub(super) fn settle<F: ResponseFields>(fields: &mut F) {
    for (name, stays) in &SINGLE {
        if let Some(value) = settled(fields, name, *stays) {
            fields.set(name.clone(), value);
        }
    }
}

/// `None` where there are no two.
fn settled<F: ResponseFields>(fields: &F, name: &HeaderName, stays: Stays) -> Option<HeaderValue> {
    let mut lines = fields.all(name);
    let first = lines.next()?;
    let last = lines.last()?;
    Some(match stays {
        Stays::First => first.clone(),
        Stays::Last => last.clone(),
        Stays::Strict
            if fields.all(name).all(|line| line.as_bytes().eq_ignore_ascii_case(first.as_bytes())) =>
        {
            first.clone()
        }
        Stays::Strict => HeaderValue::from_static("DENY"),
    })
}
