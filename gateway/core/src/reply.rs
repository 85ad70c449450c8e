//! How a decision becomes bytes: the one writer of every local answer.
//!
//! Whatever the request said that stands in an answer is escaped: JSON by its serialiser, the page by
//! [`page`], field values by their type. Nothing of the app, its address or its version is known here.
//! RFC 9457 (problem details), RFC 6750 §3 (challenge), RFC 9112 (HTTP/1.1 bytes).

mod page;

use std::borrow::Cow;
use std::io::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::denial::{Challenge, Denial};
use crate::guard::cors::{self, CorsGrant, Preflight};
use crate::guard::limit::ChargedLimits;
use crate::policy::ErrorShape;
use crate::request::Head;
use crate::response_out::{CODE, ResponseContext, ResponsePolicy};

/// A local answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The fields; `content-length` and `connection` are not among them.
    pub fields: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// The connection is closed afterwards.
    pub close: bool,
}

/// How a refusal is worded.
#[derive(Clone, Copy, Debug)]
pub struct Manner<'a> {
    /// Shape of the body.
    pub shape: ErrorShape,
    /// A browser navigates: an HTML page, whatever the shape.
    pub navigation: Option<Navigation<'a>>,
    /// Realm of the challenge: the app's name, or `stagedoor`.
    pub realm: &'a str,
}

/// What the page of a refusal can offer to a person.
#[derive(Clone, Copy, Debug)]
pub struct Navigation<'a> {
    /// The app's name, where an app is known.
    pub app: Option<&'a str>,
    /// Asking for the same address again sends the same request: it was a GET.
    pub again: bool,
    /// Where the browser goes once a code let it in: a [`crate::sign_in::ReturnPath`]. `None` if the app takes no
    /// codes.
    pub entry: Option<&'a str>,
    /// Who is in already, where that is worth telling.
    pub user: Option<&'a str>,
}

/// What is said where the gateway itself was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnAnswer<'a> {
    /// A page, for a person.
    Page(OwnPage<'a>),
    /// For programs: who is in, or what a code is worth; `None` is nobody.
    Told(Option<Worth<'a>>),
    /// Nothing, for those who show no pages.
    Nothing,
}

/// A page of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnPage<'a> {
    /// Who is in, until when, and how to leave.
    Visit(Worth<'a>),
    /// Nobody is in.
    Out {
        /// Why.
        denial: &'a Denial,
        /// As in [`Navigation::entry`].
        entry: Option<&'a str>,
    },
    /// The app asks nobody who they are.
    AsksNobody,
    /// It takes a code.
    Enter {
        /// A person brought the link here: the next page may go on by itself.
        sought: bool,
    },
    /// No code opens the app in a browser.
    TakesNoCode,
    /// What a code is worth. It is not used up yet.
    Confirm {
        /// For whom, and for how long.
        worth: Worth<'a>,
        /// The code.
        code: &'a str,
        /// Where the browser goes then: a [`crate::sign_in::ReturnPath`].
        to: &'a str,
        /// Who is in now and would have to give way; empty if that is not known.
        occupant: Option<Cow<'a, str>>,
        /// It goes on by itself.
        goes: bool,
    },
    /// The code was good; it goes on to the app by itself.
    ///
    /// A page and no redirect: browsers hold all that follows a form to `form-action`, also where the app then
    /// sends them to another site.
    Entered {
        /// Where the browser goes: a [`crate::sign_in::ReturnPath`].
        to: &'a str,
    },
    /// It asks whether to leave.
    Leave,
    /// The token is out of the browser.
    Left,
}

/// Whom a token names, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worth<'a> {
    /// The user.
    pub user: &'a str,
    /// When the token ends, in seconds since the epoch.
    pub expires: u64,
    /// Seconds until then.
    pub left: u64,
}

impl Reply {
    /// The answer to a refusal.
    #[must_use]
    pub fn refusal(
        denial: &Denial,
        manner: Manner<'_>,
        policy: &ResponsePolicy,
        at: &ResponseContext<'_>,
    ) -> Self {
        Self::of(denial, manner, at.request_id).dressed(policy, at)
    }

    /// The answer to a refusal before any app is known: a problem, in the bare set of headers.
    #[must_use]
    pub fn early(denial: &Denial, request_id: &str) -> Self {
        let manner = Manner { shape: ErrorShape::Problem, navigation: None, realm: "stagedoor" };
        let (cors, tickets) = (CorsGrant::default(), ChargedLimits::default());
        let at = ResponseContext {
            https: false,
            host: "",
            port: None,
            request_id,
            cors: &cors,
            limits: &tickets,
            server_timing: None,
        };
        Self::refusal(denial, manner, ResponsePolicy::bare(), &at)
    }

    /// The answer to a preflight.
    ///
    /// It stands for the whole CORS part: the grant of `at` is left out.
    #[must_use]
    pub fn preflight(preflight: &Preflight, policy: &ResponsePolicy, at: &ResponseContext<'_>) -> Self {
        let cors = CorsGrant::default();
        Self::of_preflight(preflight).dressed(policy, &ResponseContext { cors: &cors, ..*at })
    }

    /// What the app says to a preflight: the status, and of `said` what is about CORS. Its body is never read.
    ///
    /// It stands for the whole CORS part: the grant of `at` is left out.
    #[must_use]
    pub fn app_preflight(
        status: StatusCode,
        said: &HeaderMap,
        policy: &ResponsePolicy,
        at: &ResponseContext<'_>,
    ) -> Self {
        let mut fields = HeaderMap::new();
        for (name, value) in said.iter().filter(|(name, _)| cors::is_answer_field(name.as_str())) {
            fields.append(name.clone(), value.clone());
        }
        let cors = CorsGrant::default();
        let reply = Self { status, fields, body: Vec::new(), close: false };
        reply.dressed(policy, &ResponseContext { cors: &cors, ..*at })
    }

    /// What is said where the gateway itself was asked, in the app of this name. `cookies` are set, or taken out again, by it.
    #[must_use]
    pub fn own(
        answer: &OwnAnswer<'_>,
        app: &str,
        cookies: Vec<HeaderValue>,
        policy: &ResponsePolicy,
        at: &ResponseContext<'_>,
    ) -> Self {
        let mut reply = Self::of_own(answer, app);
        for cookie in cookies {
            reply.fields.append(header::SET_COOKIE, cookie);
        }
        reply.dressed(policy, at)
    }

    /// Any other local answer.
    #[must_use]
    pub fn text(
        status: StatusCode,
        content_type: &'static str,
        body: Vec<u8>,
        policy: &ResponsePolicy,
        at: &ResponseContext<'_>,
    ) -> Self {
        Self::plain(status, content_type, body).dressed(policy, at)
    }

    /// The HTTP/1.1 bytes; with `head_only`, for HEAD, the length is told and the body is not sent.
    ///
    /// `close` ends the connection even where the answer itself does not ask for it.
    #[must_use]
    pub fn to_h1(&self, head_only: bool, close: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024 + self.body.len());
        let reason = self.status.canonical_reason().unwrap_or("Unknown");
        // Writing to a Vec cannot fail.
        let _ = write!(out, "HTTP/1.1 {} {reason}\r\n", self.status.as_str());
        for (name, value) in &self.fields {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        let bodiless = self.bodiless();
        if !bodiless {
            let _ = write!(out, "content-length: {}\r\n", self.body.len());
        }
        let connection = if self.close || close { "close" } else { "keep-alive" };
        let _ = write!(out, "connection: {connection}\r\n\r\n");
        if !head_only && !bodiless {
            out.extend_from_slice(&self.body);
        }
        out
    }

    /// RFC 9110 §8.6: no length and no body on these.
    fn bodiless(&self) -> bool {
        self.status.is_informational()
            || self.status == StatusCode::NO_CONTENT
            || self.status == StatusCode::NOT_MODIFIED
    }

    /// The refusal without what every local answer carries.
    fn of(denial: &Denial, manner: Manner<'_>, request_id: &str) -> Self {
        let status = denial.status();
        let mut reply = if let Some(navigation) = manner.navigation {
            Self::html(status, page::refusal(denial, request_id, navigation))
        } else {
            let (content_type, body) = worded(denial, manner.shape, request_id);
            Self::plain(status, content_type, body)
        };
        reply.close = denial.closes();
        reply.fields.insert(CODE, HeaderValue::from_static(denial.code()));
        if let Some(challenge) = challenge(denial, manner.realm) {
            reply.put(header::WWW_AUTHENTICATE, HeaderValue::try_from(challenge));
        }
        if let Some(seconds) = denial.retry_after() {
            reply.fields.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = denial.allow() {
            reply.put(header::ALLOW, HeaderValue::from_str(allow));
        }
        reply
    }

    fn of_own(answer: &OwnAnswer<'_>, app: &str) -> Self {
        match answer {
            OwnAnswer::Page(page) => Self::html(StatusCode::OK, page::own(page, app)),
            OwnAnswer::Told(worth) => {
                let (user, expires_in) = worth.map(|worth| (worth.user, worth.left)).unzip();
                Self::plain(StatusCode::OK, "application/json", json(&Told { app, user, expires_in }))
            }
            OwnAnswer::Nothing => Self {
                status: StatusCode::NO_CONTENT,
                fields: HeaderMap::new(),
                body: Vec::new(),
                close: false,
            },
        }
    }

    fn html(status: StatusCode, page: page::Page) -> Self {
        let page::Page { html, policy, form } = page;
        let mut reply = Self::plain(status, "text/html; charset=utf-8", html.into_bytes());
        reply.fields.insert(header::CONTENT_SECURITY_POLICY, policy);
        if form {
            // Under `no-referrer` a browser would send the form with `Origin: null`, which says less than nothing
            // where it sends no `Sec-Fetch-Site` either: over plain HTTP.
            reply.fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        }
        reply
    }

    fn of_preflight(preflight: &Preflight) -> Self {
        let mut fields = HeaderMap::new();
        for (name, value) in &preflight.headers {
            fields.insert(HeaderName::from_static(name), value.clone());
        }
        Self { status: StatusCode::NO_CONTENT, fields, body: Vec::new(), close: false }
    }

    fn plain(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        let mut fields = HeaderMap::with_capacity(20);
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, fields, body, close: false }
    }

    fn put<E>(&mut self, name: HeaderName, value: Result<HeaderValue, E>) {
        if let Ok(value) = value {
            self.fields.insert(name, value);
        }
    }

    fn dressed(mut self, policy: &ResponsePolicy, at: &ResponseContext<'_>) -> Self {
        policy.apply_to_local(&mut self.fields, at);
        self
    }
}

/// Whether a browser navigates: by `Sec-Fetch-Mode`, else a GET or HEAD that accepts HTML.
#[must_use]
pub fn is_navigation(head: &Head<'_>) -> bool {
    let unsaid = !head.has("sec-fetch-mode") && !matches!(head.method(), "GET" | "HEAD");
    !unsaid && shows_page(head)
}

/// As [`is_navigation`], for any method: over plain HTTP a browser does not say that it sends a form.
#[must_use]
pub fn shows_page(head: &Head<'_>) -> bool {
    if let Some(mode) = head.first("sec-fetch-mode") {
        return mode.eq_ignore_ascii_case(b"navigate");
    }
    head.all("accept")
        .flat_map(|value| value.split(|b| *b == b','))
        .filter_map(|range| range.split(|b| *b == b';').next())
        .any(|range| range.trim_ascii().eq_ignore_ascii_case(b"text/html"))
}

/// A problem of RFC 9457; the members in the order of the RFC.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'a str,
    /// draft-ietf-httpapi-ratelimit-headers, "Quota Exceeded"
    #[serde(rename = "violated-policies", skip_serializing_if = "Option::is_none")]
    violated: Option<[&'a str; 1]>,
}

/// Who is in, for programs.
#[derive(Serialize)]
struct Told<'a> {
    app: &'a str,
    user: Option<&'a str>,
    /// Seconds.
    expires_in: Option<u64>,
}

/// Content type and body of a refusal that a program reads.
fn worded(denial: &Denial, shape: ErrorShape, request_id: &str) -> (&'static str, Vec<u8>) {
    let detail = denial.detail();
    match shape {
        ErrorShape::Problem => {
            let (kind, violated) = match denial.limit() {
                Some(exceeded) => (QUOTA_EXCEEDED, Some([&*exceeded.limit])),
                None => ("about:blank", None),
            };
            let problem = Problem {
                r#type: kind,
                title: title(denial.status()),
                status: denial.status().as_u16(),
                detail: &detail,
                instance: &format!("urn:uuid:{request_id}"),
                code: denial.code(),
                violated,
            };
            ("application/problem+json", json(&problem))
        }
        ErrorShape::Fastapi => ("application/json", json(&serde_json::json!({ "detail": detail }))),
        ErrorShape::Error => ("application/json", json(&serde_json::json!({ "error": detail }))),
    }
}

/// Text and numbers always serialise; an empty body would still refuse.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

fn title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

/// The value of `WWW-Authenticate` (RFC 6750 §3).
fn challenge(denial: &Denial, realm: &str) -> Option<String> {
    let error = match denial.challenge()? {
        Challenge::NoError => "",
        Challenge::InvalidToken => ", error=\"invalid_token\"",
        Challenge::InsufficientScope => ", error=\"insufficient_scope\"",
    };
    let mut challenge = String::from("Bearer realm=\"");
    for c in realm.chars().filter(|c| matches!(c, ' '..='~')) {
        if matches!(c, '"' | '\\') {
            challenge.push('\\');
        }
        challenge.push(c);
    }
    challenge.push('"');
    challenge.push_str(error);
    Some(challenge)
}

const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

#[cfg(test)]
mod tests;
