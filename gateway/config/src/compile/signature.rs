//! Compiles `signature` of a route.

use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::identity;
use super::secrets::secret;
use crate::location::Spanned;
use crate::raw;
use stagedoor_core::clock::Now;
use stagedoor_core::guard::body::BodyPolicy;
use stagedoor_core::guard::signature::{BODY_MAX, SignatureMemory, SignaturePolicy};
use stagedoor_core::policy::{App, Policy};

/// How old a signature may be, where the file does not say.
const WITHIN: Duration = Duration::from_secs(300);

/// The compiled table; `None` where it has no secret that may be used: that was reported.
pub(super) fn signature(raw: &raw::Signature, cx: &Context<'_>) -> Option<SignaturePolicy> {
    let raw::Signature { at, secret: current, previous, header, timestamp, within } = raw;
    let header = field(header.as_ref(), "x-signature", cx);
    let timestamp = field(timestamp.as_ref(), "x-timestamp", cx);
    if header == timestamp {
        let hint = "the signature and its time are two fields: header = \"x-signature\", timestamp = \"x-timestamp\"";
        cx.report.problem(at, format!("one field for both: `{header}`"), hint);
    }
    let within = Spanned::value_or(within.as_ref(), WITHIN);
    // Both are read, so that every mistake is told at once.
    let (current, previous) =
        (current.as_ref().map(|given| secret(given, cx)), previous.as_ref().map(|given| secret(given, cx)));
    let secrets: Option<Vec<_>> = [current, previous].into_iter().flatten().collect();
    Some(SignaturePolicy::new(&secrets?, &header, &timestamp, within))
}

/// The name of a field, in lower case. One that is none was reported.
fn field(given: Option<&Spanned<String>>, usual: &'static str, cx: &Context<'_>) -> Box<str> {
    match given {
        None => usual.into(),
        Some(given) => identity::header(given, cx)
            .map_or_else(|| given.value.as_str().into(), |name| name.as_str().into()),
    }
}

/// The memory of before, unless a signature could count now that it does not remember: then one that begins now, for which all that was
/// signed earlier is too early.
pub(super) fn memory(apps: &[Arc<App>], previous: Option<&Policy>, now: Now) -> Arc<SignatureMemory> {
    fn all(apps: &[Arc<App>]) -> impl Iterator<Item = &Arc<SignaturePolicy>> {
        apps.iter().flat_map(|app| app.routes.all()).filter_map(|route| route.signature.as_ref())
    }
    match previous {
        Some(before) if all(apps).all(|new| all(&before.apps).any(|old| old.remembers(new))) => {
            Arc::clone(&before.signatures)
        }
        Some(_) | None => Arc::new(SignatureMemory::since(now)),
    }
}

/// The limits of bodies of a route with a signature: each is held back until it is complete.
pub(super) fn body(body: BodyPolicy, written: Option<&Spanned<u64>>, cx: &Context<'_>) -> BodyPolicy {
    if let Some(given) = written.filter(|given| given.value > BODY_MAX) {
        let hint =
            "a signature is judged with the whole body, which is held back until then: body.max = \"1MiB\"";
        cx.report.problem(&given.at, "a signed body of more than 1 MiB", hint);
    }
    BodyPolicy { max: body.max.min(BODY_MAX), ..body }
}
