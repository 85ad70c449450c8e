//! The answers of the admin listener.

use http::{HeaderValue, StatusCode, header};
use stagedoor_core::denial::Denial;
use stagedoor_core::guard::cors::CorsGrant;
use stagedoor_core::guard::limit::ChargedLimits;
use stagedoor_core::policy::ErrorShape;
use stagedoor_core::reply::{RefusalFormat, Reply};
use stagedoor_core::response_out::{ResponseContext, ResponsePolicy};

use crate::recent_refusals::KEPT;

/// An answer that is not a refusal by a guard.
pub(super) struct AdminAnswer {
    pub(super) status: StatusCode,
    pub(super) kind: &'static str,
    pub(super) body: Vec<u8>,
    /// Seconds.
    pub(super) retry_after: Option<u64>,
}

impl AdminAnswer {
    pub(super) fn text(status: StatusCode, body: &str) -> Self {
        let kind = "text/plain; charset=utf-8";
        Self { status, kind, body: body.as_bytes().to_vec(), retry_after: None }
    }

    pub(super) fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        let mut body = body.to_string().into_bytes();
        body.push(b'\n');
        Self { status, kind: "application/json", body, retry_after: None }
    }

    /// A problem document (RFC 9457) with a status that no `Denial` has.
    pub(super) fn problem(status: StatusCode, code: &'static str, detail: &str, request_id: &str) -> Self {
        let title = status.canonical_reason().unwrap_or_default();
        let body = serde_json::json!({
            "type": "about:blank",
            "title": title,
            "status": status.as_u16(),
            "detail": detail,
            "instance": format!("urn:uuid:{request_id}"),
            "code": code,
        });
        Self { kind: "application/problem+json", ..Self::json(status, &body) }
    }

    pub(super) fn unknown_request(request_id: &str) -> Self {
        let detail =
            format!("No refusal with this id is known: the last {KEPT} are kept, since the gateway started");
        Self::problem(StatusCode::NOT_FOUND, "not_found", &detail, request_id)
    }

    pub(super) fn reply(self, request_id: &str) -> Reply {
        let Self { status, kind, body, retry_after } = self;
        let mut reply = with_bare(request_id, |policy, at| Reply::text(status, kind, body, policy, at));
        if let Some(seconds) = retry_after {
            reply.fields.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply
    }
}

pub(super) fn refusal(denial: &Denial, request_id: &str) -> Reply {
    let manner = RefusalFormat { shape: ErrorShape::Problem, page: None, realm: "stagedoor admin" };
    with_bare(request_id, |policy, at| Reply::refusal(denial, manner, policy, at))
}

fn with_bare<T>(request_id: &str, make: impl FnOnce(&ResponsePolicy, &ResponseContext<'_>) -> T) -> T {
    let at = ResponseContext {
        https: false,
        host: "",
        port: None,
        request_id,
        cors: &CorsGrant::default(),
        limits: &ChargedLimits::default(),
        server_timing: None,
    };
    make(ResponsePolicy::bare(), &at)
}
