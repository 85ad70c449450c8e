//! One line of each security field that says one thing, where the app and a proxy of its own both wrote it.
//!
//! Which one stays is what browsers make of several, or the stricter.

use http::{HeaderName, HeaderValue, header};

use super::preset;
use crate::response_fields::ResponseFields;

/// What of several lines stays.
#[derive(Clone, Copy)]
enum KeptLine {
    /// The first: what comes later is not heard (RFC 6797 §8.1, `nosniff`). Of two policies for other origins browsers hear
    /// none, and the preset has one for whoever says none: there the app's first word goes before it.
    First,
    /// The last that says anything known (Referrer Policy §8.1).
    LastKnown,
    /// `DENY` where the values in all lines differ and one is known (HTML, the X-Frame-Options header).
    Strict,
}

/// Not here: Cross-Origin-Embedder-Policy, of which no preset says anything. Two lines are none to browsers, and one of them
/// would keep the page from what it embeds.
const SINGLE: [(HeaderName, KeptLine); 6] = [
    (header::X_FRAME_OPTIONS, KeptLine::Strict),
    (header::X_CONTENT_TYPE_OPTIONS, KeptLine::First),
    (header::STRICT_TRANSPORT_SECURITY, KeptLine::First),
    (header::REFERRER_POLICY, KeptLine::LastKnown),
    (preset::OPENER_POLICY, KeptLine::First),
    (preset::RESOURCE_POLICY, KeptLine::First),
];

const REFERRER_POLICIES: [&str; 8] = [
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
];

/// Leaves one line of each.
pub(super) fn keep_one_line<F: ResponseFields>(fields: &mut F) {
    for (name, stays) in &SINGLE {
        let settled = match stays {
            KeptLine::First => several(fields, name).and_then(|mut lines| lines.next()).cloned(),
            KeptLine::LastKnown => several(fields, name).and_then(last_known),
            KeptLine::Strict => fields.first(name).and_then(|first| strict(first, fields.all(name))),
        };
        if let Some(value) = settled {
            fields.set(name.clone(), value);
        }
    }
}

/// All lines, where there are two or more.
fn several<'f, F: ResponseFields>(
    fields: &'f F,
    name: &HeaderName,
) -> Option<impl Iterator<Item = &'f HeaderValue>> {
    fields.all(name).nth(1).map(|_| fields.all(name))
}

fn last_known<'f>(lines: impl Iterator<Item = &'f HeaderValue>) -> Option<HeaderValue> {
    let is_known = |line: &HeaderValue| {
        let known =
            |value: &[u8]| REFERRER_POLICIES.iter().any(|known| value.eq_ignore_ascii_case(known.as_bytes()));
        values(line).any(known)
    };
    let mut stays = None;
    for line in lines {
        if is_known(line) || !stays.is_some_and(is_known) {
            stays = Some(line);
        }
    }
    stays.cloned()
}

/// `None` where there is one value; the first line where browsers know none of several.
fn strict<'f>(first: &HeaderValue, lines: impl Iterator<Item = &'f HeaderValue>) -> Option<HeaderValue> {
    let values: Vec<&[u8]> = lines.flat_map(values).collect();
    let (one, others) = values.split_first()?;
    if others.is_empty() {
        return None;
    }
    if others.iter().all(|other| other.eq_ignore_ascii_case(one)) {
        return HeaderValue::from_bytes(one).ok();
    }
    let known =
        |value: &&[u8]| FRAME_OPTIONS.iter().any(|known| value.eq_ignore_ascii_case(known.as_bytes()));
    Some(if values.iter().any(known) { HeaderValue::from_static("DENY") } else { first.clone() })
}

/// Of the values of which two that differ shut everybody out.
const FRAME_OPTIONS: [&str; 3] = ["deny", "sameorigin", "allowall"];

/// The elements of a list in one line.
fn values(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}
