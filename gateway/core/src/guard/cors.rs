//! CORS: which pages of other origins may read answers (Fetch standard, "CORS protocol").
//!
//! Protects the app's answers from scripts of origins that are not listed. `Origin` is trusted only for what the sending
//! browser may read; it never replaces a credential. An origin that is not listed gets no `access-control-*` field, so it
//! does not learn that there is a list.
//!
//! Bounds: nothing is stored. A grant allocates one small vector; a request without `Origin` allocates none, unless every
//! origin may read.

use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderName, HeaderValue, header};

use crate::denial::Denial;
use crate::request::{Head, judge_method};

/// `[app.X.cors]`
#[derive(Clone, Debug, Default)]
pub enum CorsPolicy {
    /// Same origin only; the app's own `access-control-*` is removed, a preflight gets an empty 204.
    #[default]
    SameOrigin,
    /// `cors = "app"`: the app answers, preflights included; see [`PreflightPolicy`].
    App,
    /// The listed origins.
    Listed(Box<ListedOrigins>),
}

/// What the pages of the listed origins may do.
#[derive(Clone, Debug)]
pub struct ListedOrigins {
    /// Exact serialised origins, lower case, as `https://a.example:8443`; `null` only if written so.
    pub origins: Vec<String>,
    /// `*` was listed. Never together with `credentials`; should it be, it counts for nothing.
    pub any: bool,
    /// Methods; `*` stands for whatever is asked.
    pub methods: Vec<String>,
    /// Request header names, lower case; `*` stands for whatever is asked.
    pub headers: Vec<String>,
    /// Response header names that scripts may read.
    pub expose: Vec<String>,
    /// Cookies and other credentials may be sent along.
    pub credentials: bool,
    /// How long a browser may remember a preflight.
    pub max_age: Duration,
}

/// What a browser of another origin may read of the answer, refusals included.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsGrant {
    /// Fields to set.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// `Vary: Origin` is due.
    pub(crate) vary: bool,
}

/// The answer to a preflight: 204 and these fields; no `access-control-*` for an origin that is not listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preflight {
    /// The fields.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// A preflight by the Fetch standard ("CORS-preflight fetch"): an `OPTIONS` with exactly one `Origin` and one
/// `Access-Control-Request-Method`. Any other `OPTIONS` is a request like others.
#[derive(Clone, Debug)]
pub enum PreflightRequest<'h> {
    /// The gateway answers it.
    Gateway {
        /// The method of the request that it announces.
        method: &'h str,
        /// The answer.
        answer: Preflight,
    },
    /// The app answers it: `cors = "app"`.
    App {
        /// The method of the request that it announces.
        method: &'h str,
        /// To be checked before the app is asked.
        question: UncheckedPreflight,
    },
}

/// A preflight for the app whose route was not yet found.
#[derive(Clone, Debug)]
pub struct UncheckedPreflight(());

/// Evidence: a preflight without a body, on a route that allows the app to answer it.
#[derive(Debug)]
pub struct AppPreflight(());

/// `preflight` of a route, under `cors = "app"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreflightPolicy {
    /// It goes to the app without a caller. Only the status and the CORS fields of the answer come back.
    App,
    /// It is a request like any other: the route decides whether it needs a token.
    LikeAny,
}

impl PreflightPolicy {
    /// Whether the preflight may go to the app.
    ///
    /// # Errors
    /// [`Denial::BadRequest`] for a preflight with a body: no browser sends one, and an app that does not look at the
    /// method would read it.
    pub fn permit(
        self,
        _question: &UncheckedPreflight,
        head: &Head<'_>,
    ) -> Result<Option<AppPreflight>, Denial> {
        match self {
            Self::LikeAny => Ok(None),
            Self::App if !head.body().is_empty() => Err(Denial::BadRequest("a preflight with a body")),
            Self::App => Ok(Some(AppPreflight(()))),
        }
    }
}

/// Whether a field of a preflight is forwarded to the app: those that the Fetch standard defines for preflights.
#[must_use]
pub fn is_request_field(name: &str) -> bool {
    const ASKED: [&str; 4] =
        ["origin", REQUEST_METHOD, REQUEST_HEADERS, "access-control-request-private-network"];
    ASKED.iter().any(|asked| name.eq_ignore_ascii_case(asked))
}

/// Whether a field of the app's answer to a preflight is sent to the client.
#[must_use]
pub fn is_answer_field(name: &str) -> bool {
    name.eq_ignore_ascii_case("vary")
        || name.get(..ACCESS_CONTROL.len()).is_some_and(|start| start.eq_ignore_ascii_case(ACCESS_CONTROL))
}

impl<'h> PreflightRequest<'h> {
    /// The method of the request that is announced.
    #[must_use]
    pub fn method(&self) -> &'h str {
        match self {
            Self::Gateway { method, .. } | Self::App { method, .. } => method,
        }
    }
}

impl CorsPolicy {
    /// What the origin of this request may read.
    #[must_use]
    pub fn grant(&self, head: &Head<'_>) -> CorsGrant {
        match self {
            Self::SameOrigin | Self::App => CorsGrant::default(),
            Self::Listed(listed) => {
                let mut headers = Vec::new();
                if let Some(allowed) = listed.allowed(head) {
                    headers.push((ALLOW_ORIGIN, allowed));
                    listed.put_credentials(&mut headers);
                    put(&mut headers, EXPOSE_HEADERS, &listed.expose.join(", "));
                }
                CorsGrant { headers, vary: !listed.open() }
            }
        }
    }

    /// The preflight, if the request is one.
    #[must_use]
    pub fn preflight<'h>(&self, head: &Head<'h>) -> Option<PreflightRequest<'h>> {
        if head.method() != "OPTIONS" {
            return None;
        }
        head.sole_text("origin").filter(|origin| !origin.is_empty())?;
        let method = head.sole_text(REQUEST_METHOD).filter(|method| is_token(method))?;
        let headers = match self {
            // A method that no request may have is no preflight: `delete` would meet other routes than `DELETE`.
            Self::App => {
                judge_method(method).ok()?;
                return Some(PreflightRequest::App { method, question: UncheckedPreflight(()) });
            }
            Self::SameOrigin => Vec::new(),
            Self::Listed(listed) => listed.answer(head, method),
        };
        Some(PreflightRequest::Gateway { method, answer: Preflight { headers } })
    }

    /// Whether `origin` itself is listed; `*` does not count.
    #[must_use]
    pub fn lists(&self, origin: &str) -> bool {
        match self {
            Self::SameOrigin | Self::App => false,
            Self::Listed(listed) => listed.origins.iter().any(|known| same_origin(known, origin)),
        }
    }
}

impl ListedOrigins {
    /// Whether every origin may read, and none may send credentials.
    fn open(&self) -> bool {
        self.any && !self.credentials
    }

    /// The value of `Access-Control-Allow-Origin` for this request. `*` stands on every answer, with or without an
    /// `Origin`, so that a cache may reuse it without `Vary`.
    fn allowed(&self, head: &Head<'_>) -> Option<HeaderValue> {
        let mut origins = head.all("origin");
        let (origin, further) = (origins.next(), origins.next());
        if further.is_some() {
            return None;
        }
        if self.open() {
            return Some(HeaderValue::from_static("*"));
        }
        let text = std::str::from_utf8(origin?).ok()?;
        let listed = self.origins.iter().any(|known| same_origin(known, text));
        if listed { HeaderValue::from_str(text).ok() } else { None }
    }

    fn answer(&self, head: &Head<'_>, method: &str) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::with_capacity(6);
        headers.push((header::VARY, HeaderValue::from_static(PREFLIGHT_VARY)));
        let Some(allowed) = self.allowed(head) else {
            return headers;
        };
        headers.push((ALLOW_ORIGIN, allowed));
        self.put_credentials(&mut headers);
        if wild(&self.methods) {
            put(&mut headers, ALLOW_METHODS, method);
        } else {
            put(&mut headers, ALLOW_METHODS, &self.methods.join(", "));
        }
        if wild(&self.headers) {
            put(&mut headers, ALLOW_HEADERS, &asked_headers(head));
        } else {
            put(&mut headers, ALLOW_HEADERS, &self.headers.join(", "));
        }
        headers.push((MAX_AGE, HeaderValue::from(self.max_age.as_secs())));
        headers
    }

    fn put_credentials(&self, headers: &mut Vec<(HeaderName, HeaderValue)>) {
        if self.credentials {
            headers.push((ALLOW_CREDENTIALS, HeaderValue::from_static("true")));
        }
    }
}

/// Compared byte for byte, scheme and host without case; the opaque origin `null` has neither.
fn same_origin(known: &str, origin: &str) -> bool {
    if known == "null" { origin == "null" } else { known.eq_ignore_ascii_case(origin) }
}

/// Whether a list holds `*`. The answer then names what was asked: `*` itself has no effect with credentials, and never
/// covers `Authorization` (Fetch, "CORS-preflight fetch").
fn wild(list: &[String]) -> bool {
    list.iter().any(|entry| entry == "*")
}

/// The names in `Access-Control-Request-Headers`; whatever is no name is left out.
fn asked_headers(head: &Head<'_>) -> String {
    let mut names = String::new();
    let asked = head.all(REQUEST_HEADERS).flat_map(|value| value.split(|b| *b == b','));
    for name in asked.filter_map(|name| std::str::from_utf8(name.trim_ascii()).ok()).filter(|n| is_token(n)) {
        let comma = if names.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(names, "{comma}{}", name.to_ascii_lowercase());
    }
    names
}

/// RFC 9110 §5.6.2
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn put(headers: &mut Vec<(HeaderName, HeaderValue)>, name: HeaderName, value: &str) {
    if value.is_empty() {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.push((name, value));
    }
}

const ACCESS_CONTROL: &str = "access-control-";
const ALLOW_ORIGIN: HeaderName = header::ACCESS_CONTROL_ALLOW_ORIGIN;
const ALLOW_CREDENTIALS: HeaderName = header::ACCESS_CONTROL_ALLOW_CREDENTIALS;
const ALLOW_METHODS: HeaderName = header::ACCESS_CONTROL_ALLOW_METHODS;
const ALLOW_HEADERS: HeaderName = header::ACCESS_CONTROL_ALLOW_HEADERS;
const EXPOSE_HEADERS: HeaderName = header::ACCESS_CONTROL_EXPOSE_HEADERS;
const MAX_AGE: HeaderName = header::ACCESS_CONTROL_MAX_AGE;
const REQUEST_METHOD: &str = "access-control-request-method";
const REQUEST_HEADERS: &str = "access-control-request-headers";
const PREFLIGHT_VARY: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

#[cfg(test)]
mod tests;
