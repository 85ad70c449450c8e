//! The page to show after signing in: the one that the browser asked for first.
//!
//! Protects against an open redirect, and against a form or an address that leads to one of the gateway's own pages.
//! Trust: none; the value comes from a hidden field, so it is checked when it is written and again when it comes back.
//! Bounds: [`FORM_BYTES`], encoded for a form. URL Standard §4.4 (what browsers take for a host).

use std::borrow::Cow;

use crate::guard::gateway_pages::{PathOwner, classify};
use crate::guard::target::HostTable;
use crate::policy::App;
use crate::request::Head;

/// The most bytes of it in a form, which also holds a code.
const FORM_BYTES: usize = 2_000;

/// Evidence: a path and query of the app that a browser may be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnPath<'a>(Cow<'a, str>);

impl ReturnPath<'static> {
    /// The front page of the app.
    pub const ROOT: Self = Self(Cow::Borrowed("/"));
}

impl ReturnPath<'_> {
    /// The same, owned.
    #[must_use]
    pub fn into_owned(self) -> ReturnPath<'static> {
        ReturnPath(Cow::Owned(self.0.into_owned()))
    }

    /// The path and query: visible ASCII that begins with one slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks `raw`, a path and query of `app` under `host`. A token is removed from its query, because the browser has another
/// one now.
#[must_use]
pub fn return_path<'a>(
    app: &App,
    hosts: &HostTable,
    host: &str,
    head: &Head<'_>,
    raw: &'a [u8],
) -> Option<ReturnPath<'a>> {
    // Without bytes that browsers strip, turn into a slash or take for the start of a host.
    let is_plain = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#');
    let one_slash = raw.first() == Some(&b'/') && raw.get(1) != Some(&b'/');
    if !one_slash || !raw.iter().all(is_plain) || in_a_form(raw) > FORM_BYTES {
        return None;
    }
    let here = app.path.normalise(head, hosts.find(host).ok()?).ok()?;
    let there = here.beside(raw.into(), app.path).ok()?;
    if let PathOwner::Gateway(_) = classify(&there) {
        return None;
    }
    if signs_in_or_out(there.raw_path()) {
        return None;
    }
    let text = std::str::from_utf8(raw).ok()?;
    let Some((path, query)) = text.split_once('?') else { return Some(ReturnPath(Cow::Borrowed(text))) };
    let Some(left) = app.carriers.strip_query(query.as_bytes()) else {
        return Some(ReturnPath(Cow::Borrowed(text)));
    };
    let left = String::from_utf8(left).ok()?;
    let text = if left.is_empty() { path.to_owned() } else { format!("{path}?{left}") };
    Some(ReturnPath(Cow::Owned(text)))
}

/// Whether a path is an app's own page for signing in or out, by the name of its last segment. After signing in at the
/// gateway, the front page is shown instead: a sign-in page would show the app's login, and a sign-out page would sign out.
fn signs_in_or_out(path: &[u8]) -> bool {
    let last = path.split(|b| *b == b'/').rfind(|segment| !segment.is_empty()).unwrap_or_default();
    let name = last.split(|b| *b == b'.').next().unwrap_or_default();
    SIGN_PAGES.iter().any(|page| name.eq_ignore_ascii_case(page))
}

/// The names of such pages, without an ending such as `.php`.
const SIGN_PAGES: [&[u8]; 8] =
    [b"login", b"logon", b"signin", b"sign-in", b"logout", b"logoff", b"signout", b"sign-out"];

/// How many bytes it takes in a form.
fn in_a_form(raw: &[u8]) -> usize {
    let is_kept = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_');
    let kept = raw.iter().filter(is_kept).count();
    kept + (raw.len() - kept) * 3
}
