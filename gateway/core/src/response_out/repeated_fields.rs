//! Security fields that may stand once, where the app and a proxy of its own both wrote one: one line is kept.
//!
//! The kept line is the one that browsers would use, or the stricter one.

use http::{HeaderName, HeaderValue, header};

use super::preset;
use super::seen::{Edited, Seen};
use crate::response_fields::ResponseFields;

/// Which of several lines is kept.
#[derive(Clone, Copy)]
enum KeptLine {
    /// The first; browsers ignore the others (RFC 6797 §8.1, `nosniff`). Browsers ignore two policies about other origins
    /// altogether, and the preset would then add its own; here the first one of the app is kept.
    First,
    /// The last one with a known value (Referrer Policy §8.1).
    LastKnown,
    /// `DENY`, if the values of all lines differ and one is known (HTML, the X-Frame-Options header).
    Strict,
}

/// Cross-Origin-Embedder-Policy is not among them: browsers ignore two lines, and one line would stop the page from
/// embedding.
const SINGLE: [(Edited, HeaderName, KeptLine); 6] = [
    (Edited::FrameOptions, header::X_FRAME_OPTIONS, KeptLine::Strict),
    (Edited::ContentTypeOptions, header::X_CONTENT_TYPE_OPTIONS, KeptLine::First),
    (Edited::Hsts, header::STRICT_TRANSPORT_SECURITY, KeptLine::First),
    (Edited::ReferrerPolicy, header::REFERRER_POLICY, KeptLine::LastKnown),
    (Edited::OpenerPolicy, preset::OPENER_POLICY, KeptLine::First),
    (Edited::ResourcePolicy, preset::RESOURCE_POLICY, KeptLine::First),
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

/// Keeps one line of each field.
pub(super) fn keep_one_line<F: ResponseFields>(fields: &mut F, seen: Seen) {
    for (_, name, stays) in SINGLE.iter().filter(|(field, _, _)| seen.may_have(*field)) {
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

/// The values of which two different ones forbid framing.
const FRAME_OPTIONS: [&str; 3] = ["deny", "sameorigin", "allowall"];

/// The elements of a list in one line.
fn values(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}
