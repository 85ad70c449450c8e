//! Local answers: every response that the gateway makes itself, their HTTP/1.1 bytes, their heads for HTTP/2.
//!
//! Text of the request that stands in an answer is escaped: in JSON by the serialiser, in HTML by [`page`], in field
//! values by their type. The app, its address and its version are not known here.
//! RFC 9457 (problem details), RFC 6750 §3 (challenge), RFC 9112 (HTTP/1.1 bytes).

mod content;
mod page;

use std::io::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::denial::{Challenge, Denial};
use crate::field_list::FieldList;
use crate::guard::cors::{self, CorsGrant, Preflight};
use crate::guard::https::HttpsRedirect;
use crate::guard::limit::ChargedLimits;
use crate::policy::ErrorShape;
use crate::request::Head;
use crate::response_out::{CODE, ResponseContext, ResponsePolicy, with_fields};

pub use content::{GatewayPage, PageContext, PageReply, RefusalFormat, TokenSummary};

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

impl Reply {
    /// The answer to a refusal.
    #[must_use]
    pub fn refusal(
        denial: &Denial,
        format: RefusalFormat<'_>,
        policy: &ResponsePolicy,
        at: &ResponseContext<'_>,
    ) -> Self {
        Self::from_denial(denial, format, at.request_id).with_policy(policy, at)
    }

    /// The answer to a refusal before any app is known: problem details, with the fields that every answer has.
    #[must_use]
    pub fn early(denial: &Denial, request_id: &str) -> Self {
        let format = RefusalFormat { shape: ErrorShape::Problem, page: None, realm: "stagedoor" };
        let (cors, limits) = (CorsGrant::default(), ChargedLimits::default());
        let at = ResponseContext {
            https: false,
            host: "",
            port: None,
            request_id,
            cors: &cors,
            limits: &limits,
            server_timing: None,
        };
        Self::refusal(denial, format, ResponsePolicy::bare(), &at)
    }

    /// The answer to a preflight.
    ///
    /// Its CORS fields are the whole of them: the grant of `at` is left out.
    #[must_use]
    pub fn preflight(preflight: &Preflight, policy: &ResponsePolicy, at: &ResponseContext<'_>) -> Self {
        let cors = CorsGrant::default();
        Self::from_preflight(preflight).with_policy(policy, &ResponseContext { cors: &cors, ..*at })
    }

    /// The app's answer to a preflight: its status, and those of its fields that CORS defines. Its body is never read.
    ///
    /// Its CORS fields are the whole of them: the grant of `at` is left out.
    #[must_use]
    pub fn app_preflight(
        status: StatusCode,
        fields_of_app: &FieldList,
        policy: &ResponsePolicy,
        at: &ResponseContext<'_>,
    ) -> Self {
        let mut fields = HeaderMap::new();
        for (name, value) in fields_of_app.iter().filter(|(name, _)| cors::is_answer_field(name.as_str())) {
            fields.append(name.clone(), value.clone());
        }
        let cors = CorsGrant::default();
        let reply = Self { status, fields, body: Vec::new(), close: false };
        reply.with_policy(policy, &ResponseContext { cors: &cors, ..*at })
    }

    /// The answer to a request over plain HTTP: the same address over https (RFC 9110 §15.4.9).
    #[must_use]
    pub fn redirect(to: &HttpsRedirect, policy: &ResponsePolicy, at: &ResponseContext<'_>) -> Self {
        let mut reply =
            Self::plain(StatusCode::PERMANENT_REDIRECT, "text/plain; charset=utf-8", b"use https\n".to_vec());
        reply.fields.insert(header::LOCATION, to.location().clone());
        reply.with_policy(policy, at)
    }

    /// The answer to a request for one of the gateway's own pages, in the app of this name. `cookies` are values of `Set-Cookie`.
    #[must_use]
    pub fn gateway_page(
        answer: &PageReply<'_>,
        app: &str,
        cookies: Vec<HeaderValue>,
        policy: &ResponsePolicy,
        at: &ResponseContext<'_>,
    ) -> Self {
        let mut reply = Self::from_page(answer, app);
        for cookie in cookies {
            reply.fields.append(header::SET_COOKIE, cookie);
        }
        reply.with_policy(policy, at)
    }

    /// An answer with any other status and body.
    #[must_use]
    pub fn text(
        status: StatusCode,
        content_type: &'static str,
        body: Vec<u8>,
        policy: &ResponsePolicy,
        at: &ResponseContext<'_>,
    ) -> Self {
        Self::plain(status, content_type, body).with_policy(policy, at)
    }

    /// The HTTP/1.1 bytes; with `head_only`, for HEAD, with the length of the body and without the body.
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

    /// The head for an HTTP/2 client, and the body; with `head_only`, for HEAD, with the length of the body and without the
    /// body.
    #[must_use]
    pub fn into_http2(self, head_only: bool) -> (Response<()>, Vec<u8>) {
        let bodiless = self.bodiless();
        let Self { status, mut fields, body, close: _ } = self;
        if !bodiless {
            fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        let body = if head_only || bodiless { Vec::new() } else { body };
        (with_fields(status, fields), body)
    }

    /// RFC 9110 §8.6: no length and no body on these.
    fn bodiless(&self) -> bool {
        self.status.is_informational()
            || self.status == StatusCode::NO_CONTENT
            || self.status == StatusCode::NOT_MODIFIED
    }

    /// The refusal without the fields of the policy.
    fn from_denial(denial: &Denial, format: RefusalFormat<'_>, request_id: &str) -> Self {
        let status = denial.status();
        let mut reply = if let Some(context) = format.page {
            Self::html(status, page::refusal(denial, request_id, context))
        } else {
            let (content_type, body) = refusal_body(denial, format.shape, request_id);
            Self::plain(status, content_type, body)
        };
        reply.close = denial.closes();
        reply.fields.insert(CODE, HeaderValue::from_static(denial.code()));
        if let Some(challenge) = challenge(denial, format.realm) {
            reply.insert(header::WWW_AUTHENTICATE, HeaderValue::try_from(challenge));
        }
        if let Some(seconds) = denial.retry_after() {
            reply.fields.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = denial.allow() {
            reply.insert(header::ALLOW, HeaderValue::from_str(allow));
        }
        reply
    }

    fn from_page(answer: &PageReply<'_>, app: &str) -> Self {
        match answer {
            PageReply::Html(page) => Self::html(StatusCode::OK, page::gateway_page(page, app)),
            PageReply::Json(token) => {
                let (user, expires_in) = token.map(|token| (token.user, token.seconds_left)).unzip();
                Self::plain(StatusCode::OK, "application/json", json(&SignInJson { app, user, expires_in }))
            }
            PageReply::Empty => Self {
                status: StatusCode::NO_CONTENT,
                fields: HeaderMap::new(),
                body: Vec::new(),
                close: false,
            },
        }
    }

    fn html(status: StatusCode, page: page::HtmlPage) -> Self {
        let page::HtmlPage { html, policy, has_form } = page;
        let mut reply = Self::plain(status, "text/html; charset=utf-8", html.into_bytes());
        reply.fields.insert(header::CONTENT_SECURITY_POLICY, policy);
        if has_form {
            // Under `no-referrer` a browser sends the form with `Origin: null`. Over plain HTTP it sends no
            // `Sec-Fetch-Site` either, and the form could not be distinguished from one of another site.
            reply.fields.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        }
        reply
    }

    fn from_preflight(preflight: &Preflight) -> Self {
        let mut fields = HeaderMap::new();
        for (name, value) in &preflight.headers {
            fields.insert(name.clone(), value.clone());
        }
        Self { status: StatusCode::NO_CONTENT, fields, body: Vec::new(), close: false }
    }

    fn plain(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        let mut fields = HeaderMap::with_capacity(20);
        fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, fields, body, close: false }
    }

    fn insert<E>(&mut self, name: HeaderName, value: Result<HeaderValue, E>) {
        if let Ok(value) = value {
            self.fields.insert(name, value);
        }
    }

    fn with_policy(mut self, policy: &ResponsePolicy, at: &ResponseContext<'_>) -> Self {
        policy.apply_to_local(&mut self.fields, at);
        self
    }
}

/// Whether a browser navigates: by `Sec-Fetch-Mode`, else a GET or HEAD that accepts HTML.
#[must_use]
pub fn is_navigation(head: &Head<'_>) -> bool {
    let may_navigate = head.has("sec-fetch-mode") || matches!(head.method(), "GET" | "HEAD");
    may_navigate && accepts_page(head)
}

/// As [`is_navigation`], for any method: over plain HTTP a browser sends forms without `Sec-Fetch-Mode`.
#[must_use]
pub fn accepts_page(head: &Head<'_>) -> bool {
    if let Some(mode) = head.first("sec-fetch-mode") {
        return mode.eq_ignore_ascii_case(b"navigate");
    }
    head.all("accept")
        .flat_map(|value| value.split(|b| *b == b','))
        .filter_map(|range| range.split(|b| *b == b';').next())
        .any(|range| range.trim_ascii().eq_ignore_ascii_case(b"text/html"))
}

/// Problem details (RFC 9457), the members in the order of the RFC.
#[derive(Serialize)]
struct ProblemDetails<'a> {
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

/// Who is signed in, for programs.
#[derive(Serialize)]
struct SignInJson<'a> {
    app: &'a str,
    user: Option<&'a str>,
    /// Seconds.
    expires_in: Option<u64>,
}

/// Content type and body of a refusal, for programs.
fn refusal_body(denial: &Denial, shape: ErrorShape, request_id: &str) -> (&'static str, Vec<u8>) {
    let detail = denial.detail();
    match shape {
        ErrorShape::Problem => {
            let (kind, violated) = match denial.limit() {
                Some(exceeded) => (QUOTA_EXCEEDED, Some([&*exceeded.limit])),
                None if *denial == Denial::TooManyStreams => (QUOTA_EXCEEDED, Some(["streams.per_user"])),
                None => ("about:blank", None),
            };
            let problem = ProblemDetails {
                r#type: kind,
                title: page::title(denial.status()),
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

/// The body is empty where serialising fails, which text and numbers never do.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// The value of `WWW-Authenticate` (RFC 6750 §3, RFC 9470 §3).
fn challenge(denial: &Denial, realm: &str) -> Option<String> {
    let error = match denial.challenge()? {
        Challenge::NoError => "",
        Challenge::InvalidToken => ", error=\"invalid_token\"",
        Challenge::InsufficientScope => ", error=\"insufficient_scope\"",
        Challenge::InsufficientUserAuthentication => ", error=\"insufficient_user_authentication\"",
    };
    let mut challenge = String::from("Bearer realm=");
    push_quoted(&mut challenge, realm);
    challenge.push_str(error);
    if !denial.acr_values().is_empty() {
        challenge.push_str(", acr_values=");
        push_quoted(&mut challenge, denial.acr_values());
    }
    Some(challenge)
}

/// A quoted-string (RFC 9110 §5.6.4), without what cannot be in one.
fn push_quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars().filter(|c| matches!(c, ' '..='~')) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}

const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

#[cfg(test)]
mod tests;
